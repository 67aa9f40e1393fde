package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
	"github.com/spliosync/spliosync/splio/warehouse"
)

// crashing is an activation, and what outlives its program.
type crashing struct {
	d        *sqlDiffer
	state    string
	drop     string
	universe *spliotest.Splio
	day      int
}

func (w *crashing) activation(segment *warehouse.Segment) splio.Activation {
	return splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping: mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email"},
			Custom: []string{"a", "b"},
		},
		State: w.state, Insert: true, Differ: segment, DigestKey: []byte("0123456789abcdef"),
		Format: splio.Format{MaxLines: 2}, // a file for each row
		Now:    time.Date(2025, time.March, 14+w.day, 12, 0, 0, 0, time.UTC),
	}
}

func (w *crashing) segment(db *sql.DB) *warehouse.Segment {
	return warehouse.New(db, warehouse.Options{
		Dialect: w.d.d, Query: "SELECT * FROM segment", Key: "email", OrderBy: "pos", Columns: cols("email a b"),
	})
}

// run does an activation of a step and lets Splio import.
func (w *crashing) run(t testing.TB, f *faults, s step) error {
	w.day++ // nine files of a day are read in the order of their names, and ten are not
	w.d.load(t, s)
	db := openFaulty(t, w.d.base, f)
	defer db.Close()
	segment := w.segment(db)
	_, err := w.activation(segment).Run(t.Context(), segment, &faultyDrop{dir(w.drop), f})
	return err
}

// faultyDrop is a transport that fails with the engine.
type faultyDrop struct {
	splio.Transport
	f *faults
}

func (d *faultyDrop) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	do, fault := d.f.op()
	if do {
		if err := d.Transport.Put(ctx, name, temp, body); err != nil {
			return err
		}
	}
	return fault
}

// secondLost is a transport whose second file arrives unnoticed.
type secondLost struct {
	splio.Transport
	puts int
}

func (d *secondLost) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if err := d.Transport.Put(ctx, name, temp, body); err != nil {
		return err
	}
	if d.puts++; d.puts == 2 {
		return errFault
	}
	return nil
}

func (d *faultyDrop) Size(ctx context.Context, name string) (int64, error) {
	if _, fault := d.f.op(); fault != nil {
		return 0, fault
	}
	return d.Transport.Size(ctx, name)
}

// TestActivationCrash fails each statement, and each call of the transport, of an
// activation in turn: before it was done and after, as a fault that passes and as
// the end of the program, whose state directory then is as it was at that moment. An
// earlier plan may be on its way, and what comes after may be given up before the
// next activation. That must bring Splio up to date, and leave nothing behind.
func TestActivationCrash(t *testing.T) {
	day := func(cells ...string) step {
		s := step{columns: cols("a b"), opts: diff.RunOptions{Create: true}}
		for i, c := range cells {
			if c != "" {
				s.records = append(s.records, rec(fmt.Sprintf("k%d@example.net", i), c))
			}
		}
		return s
	}
	day1 := day("1 1", "1 1", "1 1", "1 1", "")
	day2 := day("1 1", "2 1", "2 2", "", "1 1")
	day3 := day("1 1", "1 1", "3 2", "1 1", "1 2")
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		must(t, d.store.Close())
		w := &crashing{d: d, state: filepath.Join(t.TempDir(), "state"), drop: t.TempDir()}
		var err error
		w.universe, err = spliotest.New(spliotest.Options{
			Universe: "acme", Drop: spliotest.Dir(w.drop), Contacts: map[string]spliotest.Subsequence{"crm": {}},
			Custom: []spliotest.Field{{Name: "a"}, {Name: "b"}},
		})
		must(t, err)
		stride := 2 * *strideFlag
		if d.d == sqldiff.SQLite {
			stride = 1 // it is quick
		}
		met := 0
		for i, mode := range []struct{ crash, after, resume bool }{
			{crash: true}, {crash: true, after: true}, {}, {after: true}, {crash: true, resume: true}, {after: true, resume: true},
		} {
			for at := i % stride; ; at += stride {
				must(t, w.run(t, &faults{at: -1}, day1))
				if w.day++; mode.resume { // a plan of three files, of which one has arrived
					w.d.load(t, day2)
					segment := w.segment(d.db)
					p, err := w.activation(segment).Plan(t.Context(), segment)
					must(t, err)
					if _, err := p.Apply(t.Context(), &secondLost{Transport: dir(w.drop)}); !errors.Is(err, errFault) {
						t.Fatalf("part of a plan: %v", err)
					}
				}
				f := &faults{at: at, crash: mode.crash, after: mode.after}
				frozen := ""
				if mode.crash {
					f.down = func() {
						frozen = filepath.Join(t.TempDir(), "state")
						if _, err := os.Stat(w.state); err == nil {
							must(t, os.CopyFS(frozen, os.DirFS(w.state)))
						}
					}
				}
				s := day2
				if mode.resume {
					s = day3
				}
				err := w.run(t, f, s)
				what := fmt.Sprintf("operation %d, %+v (%v)", at, mode, err)
				if !f.fired {
					must(t, err)
					break
				}
				met++
				if err != nil && !errors.Is(err, errFault) {
					t.Fatal(what)
				}
				if frozen != "" {
					must(t, os.RemoveAll(w.state))
					must(t, os.Rename(frozen, w.state))
				}
				if at%2 == 0 {
					_, err := w.universe.Import()
					must(t, err)
				}
				d.exec(t, "UPDATE spliosync_state SET leased = 0") // it runs out
				segment := w.segment(d.db)
				if at%3 == 0 {
					p, err := w.activation(segment).Pending(t.Context())
					if err == nil {
						err = p.Discard(t.Context())
					}
					if err != nil && !errors.Is(err, splio.ErrNoPlan) {
						t.Fatalf("%s: %v", what, err)
					}
				}
				if err := w.run(t, &faults{at: -1}, day3); err != nil {
					t.Fatalf("%s: the run after it: %v", what, err)
				}
				_, err = w.universe.Import()
				must(t, err)
				t.Log(what) // shown when what follows fails
				w.universe.RequireConverged(t, segment, w.activation(segment).Mapping, w.activation(segment).Destination.Options())
				if n := d.tables(t); n != 1 {
					t.Fatalf("%d tables of runs are left", n)
				}
				if left, err := os.ReadDir(filepath.Join(w.state, "outbox")); err != nil || len(left) > 0 {
					t.Fatalf("the outbox holds %v, %v", left, err)
				}
			}
		}
		if met < 60/stride {
			t.Errorf("only %d faults", met)
		}
	})
}
