package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

func mustAdopt(t testing.TB, a splio.Activation, src mapping.Source, replace bool) *splio.Report {
	t.Helper()
	r, err := a.Adopt(t.Context(), src, replace)
	if err != nil {
		t.Fatalf("adopt: %v", err)
	}
	return r
}

func TestAdopt(t *testing.T) {
	src := segment(head, "ann@example.net,Ann,Lee", "bob@example.net,Bob,Ray", "ANN@example.net,Ann,Lee",
		"no address,X,Y", "cid@example.net,C,P", "cid@example.net,C,Q")
	const later = "cid@example.net,C,P"
	for _, tt := range []struct {
		name, reason string
		change       func(*splio.Activation)
		adopted      string
		then         func(*splio.Activation) // before the next run
		next         string                  // that of ann, changed bob and cid
	}{
		{"insert", "they exist", func(*splio.Activation) {}, "read=6 rejected=3 duplicate=1 unchanged=2 first",
			nil, "read=3 unchanged=1 inserted=1 updated=1"},
		{"no insert", "as after a run", func(a *splio.Activation) { a.Insert = false }, "read=6 rejected=3 duplicate=1 unchanged=2 first",
			nil, "read=3 unchanged=1 updated=2"},
		{"no insert, then insert", "nobody knows that they exist", func(a *splio.Activation) { a.Insert = false },
			"read=6 rejected=3 duplicate=1 unchanged=2 first", func(a *splio.Activation) { a.Insert = true }, "read=3 inserted=3"},
		{"known and insert", "who is not known is new", func(a *splio.Activation) { a.Known = each("Ann@Example.net", "zoe@example.net") },
			"read=6 rejected=3 duplicate=1 held=1 unchanged=1 first", func(a *splio.Activation) { a.Known = nil }, "read=3 unchanged=1 inserted=2"},
		{"known, no insert", "who is not known is held back once more", func(a *splio.Activation) { a.Insert, a.Known = false, each("ann@example.net") },
			"read=6 rejected=3 duplicate=1 held=1 unchanged=1 first", nil, "read=3 held=2 unchanged=1"},
		{"known, no insert, then insert", "that they exist is known", func(a *splio.Activation) { a.Insert, a.Known = false, each("ann@example.net") },
			"read=6 rejected=3 duplicate=1 held=1 unchanged=1 first", func(a *splio.Activation) { a.Insert, a.Known = true, nil },
			"read=3 unchanged=1 inserted=2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			tt.change(&a)
			var lines []string
			a.OnRejectedRecord = func(rec *mapping.Record, why []mapping.Rejection) error {
				lines = append(lines, fmt.Sprint(rec.Seq, " ", len(rec.Values), " ", why[0].Reason))
				return nil
			}
			r := mustAdopt(t, a, src, false)
			if got := counts(t, r); got != tt.adopted || len(r.Files) > 0 || r.Plan != "" {
				t.Errorf("%s: adopted %s, want %s; %d files", tt.reason, got, tt.adopted, len(r.Files))
			}
			if len(lines) != 3 || !strings.HasPrefix(lines[1], "5 3 "+splio.ReasonConflict) || len(r.Rejections) != 2 {
				t.Errorf("rejected %q, %+v", lines, r.Rejections)
			}
			settled(t, a.State, "history")
			if tt.then != nil {
				tt.then(&a)
			}
			p := mustPlan(t, a, segment(head, "ann@example.net,Ann,Lee", "bob@example.net,Bo,Ray", later))
			if got := counts(t, &p.Report); got != tt.next {
				t.Errorf("%s: the next run %s, want %s", tt.reason, got, tt.next)
			}
		})
	}
}

// A segment that can be read again is, for conflicts; nothing of it stays.
func TestAdoptCSV(t *testing.T) {
	a := newActivation(t)
	path := filepath.Join(t.TempDir(), "segment.csv")
	write(t, path, []byte("email,first,last\nann@example.net,Ann,Lee\nbob@example.net,Bob,Ray\nbob@example.net,Rob,Ray\n"))
	var lines []int64
	a.OnRejectedRecord = func(rec *mapping.Record, _ []mapping.Rejection) error { lines = append(lines, rec.Line); return nil }
	if got := counts(t, mustAdopt(t, a, source.CSVFile(path, source.CSVOptions{}), false)); got != "read=3 rejected=2 unchanged=1 first" {
		t.Error(got)
	}
	if !slices.Equal(lines, []int64{3, 4}) {
		t.Errorf("the conflicts are in lines %v", lines)
	}
	settled(t, a.State, "history")
}

func TestAdoptReplaces(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	mustRun(t, a, day1, d)
	a.Now = march(15)
	ready := mustPlan(t, a, day3)
	before := tree(t, a.State)
	r, err := a.Adopt(t.Context(), day3, false)
	if !errors.Is(err, fs.ErrExist) || r != nil || !strings.Contains(err.Error(), a.State) {
		t.Errorf("over what was delivered: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
		t.Errorf("the refusal changed the state: %s", diff)
	}
	src := segment(head, "bob@example.net,Rob,Ray", "cid@example.net,Cid,Poe")
	if got := counts(t, mustAdopt(t, a, src, true)); got != "read=2 unchanged=2" {
		t.Error(got)
	}
	if err := ready.Release(t.Context(), "x"); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("a plan from before: %v", err)
	}
	settled(t, a.State)
	if got := counts(t, mustRun(t, a, day3, d)); got != "read=3 unchanged=2 inserted=1" { // ann is not known any more
		t.Error(got)
	}
}

func TestAdoptRefused(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	for _, state := range []string{"new", "delivered"} {
		for name, src := range map[string]mapping.Source{
			"no records":       segment(head),
			"all are rejected": segment(head, "nobody,A,B"),
		} {
			if _, err := a.Adopt(t.Context(), src, true); err == nil || errors.Is(err, fs.ErrExist) {
				t.Errorf("%s: %s: %v", state, name, err)
			}
		}
		b := a
		b.Known = each("zoe@example.net")
		if _, err := b.Adopt(t.Context(), day1, true); err == nil {
			t.Errorf("%s: nobody is known, and no error", state)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errLine)
		if _, err := a.Adopt(ctx, day1, true); !errors.Is(err, errLine) {
			t.Errorf("%s: an ended context: %v", state, err)
		}
		want := map[string]string{"new": "read=2 inserted=2 first", "delivered": "read=2 unchanged=2"}[state]
		if got := counts(t, mustRun(t, a, day1, d)); got != want { // none has done any harm
			t.Errorf("%s: %s, want %s", state, got, want)
		}
	}
	if _, err := (splio.Activation{}).Adopt(t.Context(), day1, false); !errors.Is(err, splio.ErrConfig) {
		t.Errorf("without a configuration: %v", err)
	}
	p := mustPlan(t, a, day3)
	if err := p.Release(t.Context(), "checked"); err != nil {
		t.Fatal(err)
	}
	before := tree(t, a.State)
	if _, err := a.Adopt(t.Context(), day1, true); !errors.Is(err, splio.ErrPending) {
		t.Errorf("while a plan is released: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
		t.Errorf("the refusal changed the state: %s", diff)
	}
}

// A digest key that is not the right one is an error of its own, and changes
// nothing, whatever is asked for and whatever waits.
func TestWrongDigestKey(t *testing.T) {
	for _, state := range []string{"delivered", "ready"} {
		for _, tt := range []struct {
			name, reason string
			change       func(t *testing.T, a *splio.Activation, key string)
		}{
			{"another one given", "rotated", func(_ *testing.T, a *splio.Activation, _ string) { a.DigestKey = make([]byte, 32) }},
			{"missing", "not restored with the rest", func(t *testing.T, _ *splio.Activation, key string) {
				if err := os.Remove(key); err != nil {
					t.Fatal(err)
				}
			}},
			{"another one in the file", "of another state", func(t *testing.T, _ *splio.Activation, key string) {
				write(t, key, []byte(strings.Repeat("0f", 32)+"\n"))
			}},
			{"no key in the file", "a full disk", func(t *testing.T, _ *splio.Activation, key string) { write(t, key, nil) }},
		} {
			t.Run(state+"/"+tt.name, func(t *testing.T) {
				a := newActivation(t)
				mustRun(t, a, day1, new(drop))
				if state == "ready" {
					mustPlan(t, a, day2)
				}
				good := a
				key := filepath.Join(a.State, "snapshot.key")
				was := read(t, key)
				tt.change(t, &a, key)
				before := tree(t, a.State)
				for name, call := range map[string]func() error{
					"run":     func() error { _, err := a.Run(t.Context(), day3, untouched{t}); return err },
					"plan":    func() error { _, err := a.Plan(t.Context(), day3); return err },
					"preview": func() error { _, err := a.Preview(t.Context(), day3); return err },
					"adopt":   func() error { _, err := a.Adopt(t.Context(), day3, true); return err },
					"forget":  func() error { _, err := a.Forget(t.Context(), day3, each("ann@example.net")); return err },
				} {
					err := call()
					if se, ok := errors.AsType[*diff.StateError](err); !ok || !errors.Is(err, diff.ErrKey) || !strings.HasPrefix(se.Path, a.State) {
						t.Errorf("%s: %s: %v", tt.reason, name, err)
					} else if !strings.Contains(err.Error(), "back") || strings.Contains(err.Error(), "0f0f") {
						t.Errorf("%s: %s: no way out, or the key, in %v", tt.reason, name, err)
					}
					if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
						t.Fatalf("%s changed the state: %s", name, diff)
					}
				}
				write(t, key, was)
				mustRun(t, good, day3, new(drop))
			})
		}
	}
}

// stopped lets every operation on the disk fail in a piece of work: each in one of
// the ways, or in all of them. After each, after must settle all.
func stopped(t *testing.T, disk *memFS, least int, work func(vfs.FS) error, after func(t *testing.T, what string, disk *memFS, f *vfstest.FS)) {
	t.Helper()
	for k, kind := range diskFaults {
		step := len(diskFaults)
		if *exhaustive {
			k, step = 0, 1
		}
		for n := k; ; n += step {
			c := disk.clone()
			f := vfstest.New(c)
			fault := kind.fault
			fault.At, fault.Err = n, syscall.ENOSPC
			f.Inject(fault)
			err := work(f)
			if !f.Hit() {
				if err != nil || n < least {
					t.Fatalf("%s: without a fault: %v, after %d operations", kind.name, err, n)
				}
				if err := f.Durable(); err != nil {
					t.Errorf("a power cut after the end could lose: %v", err)
				}
				f.Inject(vfstest.Fault{At: -1})
				after(t, "without a fault", c, f)
				break
			}
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
			f.Inject(vfstest.Fault{At: -1})
			after(t, what, c, f)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// on makes an activation keep its state in a file system.
func on(a splio.Activation, fsys vfs.FS) splio.Activation {
	splio.SetFS(&a, func(string) (vfs.FS, error) { return fsys, nil })
	return a
}

func TestAdoptFaults(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		t.Run(fmt.Sprint("fresh ", fresh), func(t *testing.T) {
			t.Parallel()
			a := newActivation(t)
			disk := newMemFS()
			if !fresh {
				mustRun(t, on(a, disk), segment(head, "zoe@example.net,Zoe,Zed"), new(drop))
				a.Now = march(15)
				mustPlan(t, on(a, disk), day1)
			}
			adopt := func(fsys vfs.FS) error {
				_, err := on(a, fsys).Adopt(t.Context(), day1, true)
				return err
			}
			stopped(t, disk, 30, adopt, func(t *testing.T, what string, disk *memFS, f *vfstest.FS) {
				// The next run takes it from there, as if Splio held what was adopted.
				c := disk.clone()
				u, d := newUniverse(true), new(drop)
				for key, first := range map[string]string{"ann": "Ann Lee", "bob": "Bob Ray"} {
					name, last, _ := strings.Cut(first, " ")
					u.contacts[key+"@example.net"] = map[string]string{"firstname": name, "lastname": last}
				}
				r := mustRun(t, on(a, c), day3, d)
				u.imports(t, d)
				if diff := cmp.Diff(after3, u.contacts); diff != "" {
					t.Errorf("%s: Splio does not hold what the segment says: %s", what, diff)
				}
				if all, none := r.Inserted == 1 && r.Updated == 2, r.Inserted == 3; !all && !none {
					t.Errorf("%s: adopted in part: %s", what, counts(t, r))
				}
				if got := slices.Sorted(maps.Keys(c.files)); !slices.Equal(got, []string{"history", "ledger", "snapshot.current", "snapshot.key", "snapshot.lock"}) {
					t.Errorf("%s: the state directory holds %q", what, got)
				}
				// Or it is repeated.
				if err := adopt(f); err != nil {
					t.Errorf("%s: repeated: %v", what, err)
				}
				if err := f.Durable(); err != nil {
					t.Errorf("%s: repeated: %v", what, err)
				}
				if got := counts(t, mustRun(t, on(a, disk), day1, untouched{t})); got != "read=2 unchanged=2" {
					t.Errorf("%s: repeated: %s", what, got)
				}
			})
		})
	}
}
