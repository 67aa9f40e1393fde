package sqltest_test

import (
	"database/sql/driver"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
)

var strideFlag = flag.Int("stride", 4, "on PostgreSQL and DuckDB, fail every so-manieth operation")

// world is what outlives a crash of the program: the engine, what the
// destination holds, and the journal of a plan that is on its way.
type world struct {
	base        driver.Connector
	dialect     sqldiff.Dialect
	destination map[string]string
	plan        *plan
}

type plan struct {
	id   string
	rows map[string]string // what is sent
}

// activate does what an activation does: it first finishes a plan that is on its
// way, publishes last, and crashes where f says.
func (w *world) activate(t testing.TB, f *faults, s step) error {
	db := openFaulty(t, w.base, f)
	defer db.Close()
	store, err := sqldiff.Open(t.Context(), db, sqldiff.Options{Dialect: w.dialect, Scope: "acme/email", Key: []byte("0123456789abcdef")})
	if err != nil {
		return err
	}
	defer store.Close()
	if w.plan != nil {
		if err := w.apply(t, f, store); err != nil {
			return err
		}
	}
	r, err := store.Begin(t.Context(), s.columns, s.segment(), s.options())
	if err != nil {
		return err
	}
	defer r.Close()
	feed, rendered := r.Feed(), map[int64][2]string{}
	for c, err := range r.Candidates(t.Context()) {
		if err != nil {
			return err
		}
		var email, a, b string
		var bad int64
		if err := c.Scan(&email, &bad, &a, &b); err != nil {
			return err
		}
		key := strings.ToLower(strings.TrimSpace(email))
		if err := feed.Put(c.Seq, []byte(key), [][]byte{[]byte(a), []byte(b)}); err != nil {
			return err
		}
		rendered[c.Seq] = [2]string{key, a + " " + b}
	}
	if _, err := r.Compare(t.Context()); err != nil {
		return err
	}
	p := &plan{rows: map[string]string{}}
	for c, err := range r.Changes(t.Context()) {
		if err != nil {
			return err
		}
		if c.Kind != diff.Gone {
			p.rows[rendered[c.Seq][0]] = rendered[c.Seq][1]
		}
	}
	if p.id, err = r.Stage(t.Context()); err != nil {
		return err
	}
	if _, err := f.op(); err != nil { // before the journal is written
		return err
	}
	w.plan = p
	return w.apply(t, f, store)
}

func (w *world) apply(t testing.TB, f *faults, store *sqldiff.Store) error {
	if err := store.Verify(t.Context(), w.plan.id); err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(w.plan.rows)) {
		if _, err := f.op(); err != nil { // between two deliveries
			return err
		}
		w.destination[k] = w.plan.rows[k]
	}
	if err := store.Publish(t.Context(), w.plan.id); err != nil {
		return err
	}
	if _, err := f.op(); err != nil { // before the journal is cleared
		return err
	}
	w.plan = nil
	return nil
}

// TestCrash fails each operation of an activation in turn: once before it was
// done and once after, as a fault that passes and as the end of the process. While
// it is down, records change once more, one of them back. Then the next
// activation must bring the destination up to date, and nothing may be left in the
// engine but one snapshot.
func TestCrash(t *testing.T) {
	day := func(cells ...string) step {
		s := step{columns: cols("a b"), opts: diff.RunOptions{Create: true}}
		for i, c := range cells {
			if c != "" {
				s.records = append(s.records, rec(fmt.Sprintf("k%d", i), c))
			}
		}
		return s
	}
	day1 := day("1 1", "1 1", "1 1", "1 1", "")
	day2 := day("1 1", "2 1", "2 2", "", "1 1")
	day3 := day("1 1", "1 1", "3 2", "1 1", "1 2")
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			d := newSQL(t, open(t))
			w := &world{base: d.base, dialect: d.d, destination: map[string]string{}}
			if err := d.store.Close(); err != nil {
				t.Fatal(err)
			}
			stride := *strideFlag
			if d.d == sqldiff.SQLite {
				stride = 1 // it is quick
			}
			for i, mode := range []struct{ crash, after bool }{{true, false}, {true, true}, {false, false}, {false, true}} {
				for at := i % stride; ; at += stride {
					d.load(t, day1)
					must(t, w.activate(t, &faults{at: -1}, day1))
					f := &faults{at: at, crash: mode.crash, after: mode.after}
					d.load(t, day2)
					err := w.activate(t, f, day2)
					if !f.fired {
						must(t, err)
						break
					}
					if err != nil && !errors.Is(err, errFault) {
						t.Fatalf("%+v: %v", f, err)
					}
					d.exec(t, "UPDATE spliosync_state SET leased = 0") // it runs out
					d.load(t, day3)
					must(t, w.activate(t, &faults{at: -1}, day3))
					for _, r := range day3.records {
						if got, want := w.destination[r.key], strings.Join(r.cells, " "); got != want {
							t.Errorf("%+v (%v): %s is %q, want %q", f, err, r.key, got, want)
						}
					}
					if n := d.tables(t); n != 1 {
						t.Errorf("%+v: %d tables of runs are left", f, n)
					}
				}
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
