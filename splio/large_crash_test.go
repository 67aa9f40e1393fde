package splio_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// largeWorld is an activation over a large segment, and what is around it.
type largeWorld struct {
	splio.Activation
	fs       *memFS
	d        *drop
	contacts map[string]string // what Splio holds: rows by key
	read     int               // arrivals that were imported
}

func (w *largeWorld) clone() *largeWorld {
	c := &largeWorld{w.Activation, w.fs.clone(), new(drop), maps.Clone(w.contacts), 0}
	c.open(func(fsys *memFS) vfs.FS { return fsys })
	return c
}

func (w *largeWorld) open(wrap func(*memFS) vfs.FS) {
	splio.SetFS(&w.Activation, func(string) (vfs.FS, error) { return wrap(w.fs), nil })
}

// imports reads what has arrived. No cell is quoted.
func (w *largeWorld) imports() {
	for ; w.read < len(w.d.arrived); w.read++ {
		rows := strings.Split(strings.TrimSuffix(w.d.arrived[w.read].content, "\n"), "\n")
		for _, row := range rows[1:] {
			key, _, _ := strings.Cut(row, ";")
			w.contacts[key] = row
		}
	}
}

// holds tells how Splio differs from a segment.
func (w *largeWorld) holds(l *large) error {
	n := 0
	for i, first := range l.first {
		if first == "" {
			continue
		}
		n++
		if want := largeKey(i) + ";" + first + ";" + l.last[i]; w.contacts[largeKey(i)] != want {
			return fmt.Errorf("Splio has %q, want %q", w.contacts[largeKey(i)], want)
		}
	}
	if n != len(w.contacts) {
		return fmt.Errorf("Splio has %d contacts, the segment %d", len(w.contacts), n)
	}
	return nil
}

// largeFile writes the segment of a day.
func largeFile(t *testing.T, l *large) mapping.Source {
	t.Helper()
	name := filepath.Join(t.TempDir(), "segment.csv")
	write(t, name, []byte(l.text()))
	return source.CSVFile(name, source.CSVOptions{})
}

func TestLargeCrash(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before int // contacts that have changed since the records were written
	}{
		{"the changes alone are written", 10},
		{"all records are written anew", 3000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLarge(10_001)
			w := &largeWorld{newActivation(t), newMemFS(), new(drop), map[string]string{}, 0}
			w.Brakes, w.Format.MaxLines = splio.Brakes{Minimum: 1 << 40, Rows: 1e9}, 31
			w.open(func(fsys *memFS) vfs.FS { return fsys })
			b := w.Activation
			b.Format.MaxLines = 0
			mustRun(t, b, largeFile(t, l), w.d)
			l.change(2000, tt.before, "Bea")
			mustRun(t, b, largeFile(t, l), w.d)
			w.imports()
			l.change(100, 50, "Cyd")
			day2 := largeFile(t, l)
			l.change(100, 10, "Ann100") // what was sent is taken back, and a few others have changed
			l.change(5000, 5, "Dan")
			day3 := largeFile(t, l)

			c := w.clone()
			f := vfstest.New(c.fs)
			c.open(func(*memFS) vfs.FS { return &orderFS{FS: f, t: t, steps: make(map[string]int)} })
			mustRun(t, c.Activation, day2, c.d)
			if err := f.Durable(); err != nil {
				t.Errorf("a power cut after the end could lose: %v", err)
			}
			c.settle(t, "without a fault", day3, l)
			tried := 0
			for n, op := range f.Log() {
				// What becomes of the files of a snapshot, and some of the rest.
				switch kind, name, _ := strings.Cut(op, " "); {
				case *exhaustive:
				case strings.HasPrefix(name, "snapshot.") && slices.Contains([]string{"write", "sync", "rename", "remove"}, kind):
				case n%23 != 0:
					continue
				}
				kind := diskFaults[tried%len(diskFaults)]
				tried++
				c := w.clone()
				f := vfstest.New(c.fs)
				fault := kind.fault
				fault.At, fault.Err = n, syscall.ENOSPC
				f.Inject(fault)
				c.open(func(*memFS) vfs.FS { return f })
				_, err := c.Run(t.Context(), day2, c.d)
				what := fmt.Sprintf("%s at %d, %s", kind.name, n, f.Log()[n])
				switch {
				case err == nil && !harmless(f.Log(), n):
					t.Errorf("%s: no error", what)
				case err != nil && !errors.Is(err, syscall.ENOSPC):
					t.Errorf("%s: another error: %v", what, err)
				}
				if open := f.Open(); len(open) > 0 {
					t.Errorf("%s: still open: %q", what, open)
				}
				if n%2 == 0 {
					c.d.take(t)
				}
				c.settle(t, what, day3, l)
				if t.Failed() {
					return
				}
			}
			if tried < 12 {
				t.Errorf("only %d operations", tried)
			}
		})
	}
}

// settle runs day3 with nothing in the way.
func (w *largeWorld) settle(t *testing.T, what string, day3 mapping.Source, l *large) {
	t.Helper()
	w.open(func(fsys *memFS) vfs.FS { return fsys })
	w.Now = march(16)
	r, err := w.Run(t.Context(), day3, w.d)
	if err != nil {
		t.Errorf("%s: the run after it: %v", what, err)
		return
	}
	counts(t, r)
	w.imports()
	if err := w.holds(l); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	want := []string{"history", "ledger", "snapshot.current", "snapshot.key", "snapshot.lock"}
	if r := recordsOf(t, w.fs.files["snapshot.current"].data); r != "" {
		want = append(want, r)
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(w.fs.files)); len(want) != 6 || !slices.Equal(got, want) {
		t.Errorf("%s: the state directory holds %q, want %q and one with records", what, got, want)
	}
	if r := mustRun(t, w.Activation, day3, untouched{t}); r.Unchanged != r.Read {
		t.Errorf("%s: not settled: %s", what, counts(t, r))
	}
	content := make(map[string]string)
	for _, a := range w.d.arrived {
		if old, ok := content[a.name]; ok && old != a.content {
			t.Errorf("%s: the name %s was used for two contents", what, a.name)
		}
		content[a.name] = a.content
	}
}
