package diff_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
)

var errDisk = errors.New("disk on fire")

// faults are the ways in which one operation can go wrong.
func faults() map[string]vfstest.Fault {
	all := map[string]vfstest.Fault{}
	for _, stop := range []bool{false, true} {
		name := map[bool]string{false: "fails", true: "stops"}[stop]
		all[name] = vfstest.Fault{Err: errDisk, Stop: stop}
		all[name+", torn"] = vfstest.Fault{Err: errDisk, Stop: stop, Torn: true}
		all[name+", late"] = vfstest.Fault{Err: errDisk, Stop: stop, Late: true}
	}
	return all
}

// wide makes records of which some thousand are more than one write.
func wide(n int, value string) []in {
	records := make([]in, n)
	for i := range records {
		records[i] = in{key: fmt.Sprint("key", i), cells: []string{value, fmt.Sprint(i)}}
	}
	return records
}

// work is everything that a process does with a store, in order; each part
// stops at its first error.
type work struct {
	name   string
	before []in  // published before; nil: a first run
	after  []in  // what the work leads to
	due    bool  // marks all records instead of running
	memory int64 // budget of the run, when not the default
	lean   bool  // the run is lean
	text   bool  // and by text
	byText bool  // which it is
}

// do works in a directory, and returns at the first error.
func (w work) do(t *testing.T, dir string, fsys *vfstest.FS) (err error) {
	s, err := diff.Open(dir, diff.Options{Scope: "faults", FS: fsys})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if w.due {
		var all []string
		for _, r := range w.before {
			all = append(all, r.key)
		}
		_, err := s.MarkDue(t.Context(), keys(all...))
		return err
	}
	o := w.options().Tiny(w.memory, 2)
	var r *diff.Run
	if w.lean {
		o.Again = func(_ context.Context, numbers iter.Seq[int64]) error {
			if w.text {
				return w.putAll(r, w.after)
			}
			f := r.Feed()
			for n := range numbers {
				if err := w.put(f, n, w.after[n-1]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	r, err = s.Begin(t.Context(), []string{"a", "b"}, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if r.ByText() != w.text {
		t.Fatalf("by text: %v", r.ByText())
	}
	w.byText = w.text
	if err := w.putAll(r, w.after); err != nil {
		return err
	}
	if _, err := r.Compare(t.Context()); err != nil {
		return err
	}
	id, err := r.Stage(t.Context())
	if err != nil {
		return err
	}
	if err := durable(fsys, "Stage"); err != nil {
		return err
	}
	if err := s.Verify(t.Context(), id); err != nil {
		return err
	}
	if err := s.Publish(t.Context(), id); err != nil {
		return err
	}
	return durable(fsys, "Publish")
}

// options are those of all runs.
func (w work) options() diff.RunOptions {
	if w.text {
		return diff.RunOptions{Create: true, Rendering: "r"}
	}
	return diff.RunOptions{Create: true}
}

func (w work) put(f *diff.Feed, seq int64, rec in) error {
	key, cells := rec.bytes()
	if !w.text {
		return f.Put(seq, key, cells)
	}
	text := fmt.Append(nil, rec.key, rec.cells)
	if w.byText {
		var known [1]bool
		if err := f.Known(seq, [][]byte{text}, known[:]); err != nil || known[0] {
			return err
		}
	}
	return f.PutText(seq, text, key, cells, "")
}

func (w work) putAll(r *diff.Run, records []in) error {
	f := r.Feed()
	for i, rec := range records {
		if err := w.put(f, int64(i+1), rec); err != nil {
			return err
		}
	}
	return nil
}

// deliver does a whole run.
func (w work) deliver(t *testing.T, s *diff.Store, records []in) {
	t.Helper()
	r := begin(t, s, "a b", w.options().Tiny(w.memory, 2))
	if err := w.putAll(r, records); err != nil {
		t.Fatal(err)
	}
	compare(t, r)
	publish(t, s, stage(t, r))
	r.Close()
}

// durable is asked for where the package promises it; temporary files may be
// under way.
func durable(fsys *vfstest.FS, after string) error {
	if err := fsys.Durable(); err != nil {
		return fmt.Errorf("after %s a power cut would hurt: %w", after, err)
	}
	return nil
}

// content tells which of the two snapshots is current; it fails for any other.
func (w work) content(t *testing.T, at, dir string) (isNew bool) {
	t.Helper()
	s, err := diff.Open(dir, diff.Options{Scope: "faults", FS: quick{osFS(t, dir)}})
	if err != nil {
		t.Fatalf("%s: reopen: %v", at, err)
	}
	defer s.Close()
	found := map[bool]string{}
	for _, after := range []bool{false, true} {
		want := w.before
		if after {
			want = w.after
		}
		r := begin(t, s, "a b", diff.RunOptions{Create: true})
		put(t, r, want...)
		sum := compare(t, r)
		same := sum.Previous == int64(len(want))-sum.Duplicate && sum.First == (want == nil)
		switch {
		case w.due && after:
			same = same && sum.Due == sum.Previous
		default:
			same = same && sum.Unchanged == sum.Previous
		}
		if same {
			found[after] = "x"
		}
		r.Close()
	}
	if len(found) != 1 {
		t.Fatalf("%s: the snapshot is neither the old one nor the new one, or both", at)
	}
	return found[true] != ""
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, w := range []work{
		{name: "first run", after: wide(2, "new")},
		{name: "a run", before: wide(3, "old"), after: wide(2, "new")},
		{name: "a run of several writes", after: wide(8200, "new")},
		{name: "a run that spills", before: wide(3, "old"), after: wide(40, "new"), memory: tiny / 2},
		{name: "a lean run", before: wide(3, "old"), after: wide(2, "new"), lean: true},
		{name: "a lean run that spills", before: wide(3, "old"), after: wide(40, "new"), memory: tiny / 2, lean: true},
		{name: "a run by text", before: wide(3, "old"), after: append(wide(2, "old"), in{key: "new", cells: []string{"1", "2"}}), lean: true, text: true},
		{name: "a run by text that spills", before: wide(40, "old"), after: append(wide(20, "old"), wide(40, "new")[20:]...), memory: tiny / 2, lean: true, text: true},
		{name: "a run by text that puts some again", before: wide(40, "old"), after: append(wide(39, "old"), wide(2, "old")...), memory: tiny / 2, lean: true, text: true},
		{name: "a run in which a few changed", before: wide(40, "old"), after: append(wide(38, "old"), wide(40, "new")[39:]...), memory: tiny / 2},
		{name: "marks in many records", before: wide(40, "old"), after: wide(40, "old"), memory: tiny / 2, due: true},
		{name: "marks", before: wide(3, "old"), after: wide(3, "old"), due: true},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range slices.Sorted(maps.Keys(faults())) {
				if (len(w.after) > 30 || w.lean) && !strings.HasSuffix(kind, "torn") && (w.memory == 0 || kind != "fails, late") {
					continue // slow, and no different
				}
				w.loop(t, kind, faults()[kind])
			}
		})
	}
}

// loop lets operation 0, 1, 2 ... go wrong, until there is none left.
func (w work) loop(t *testing.T, kind string, fault vfstest.Fault) {
	for i := 0; ; i++ {
		dir := t.TempDir()
		disk := quick{osFS(t, dir)}
		s := open(t, dir, diff.Options{Scope: "faults", FS: disk})
		if w.before != nil {
			w.deliver(t, s, w.before)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		fsys := vfstest.New(disk)
		fault.At = i
		fsys.Inject(fault)
		err := w.do(t, dir, fsys)
		if open := fsys.Open(); len(open) > 0 {
			t.Fatalf("%s: operation %d: still open: %q", kind, i, open)
		}
		if !fsys.Hit() {
			if err != nil || !w.content(t, kind+": without a fault", dir) {
				t.Fatalf("%s: without a fault: %v", kind, err)
			}
			if i < 8 {
				t.Fatalf("only %d operations: %q", i, fsys.Log())
			}
			return
		}
		at := fmt.Sprintf("%s: operation %d, %s", kind, i, fsys.Log()[i])
		if !errors.Is(err, errDisk) {
			t.Fatalf("%s: the fault was swallowed: %v", at, err)
		}
		if !strings.HasPrefix(err.Error(), "diff: ") {
			t.Errorf("%s: an error without the package's name: %v", at, err)
		}
		isNew := w.content(t, at, dir)
		if w.due {
			// What failed was not staged, so that the marks can be made again.
			clean := vfstest.New(disk)
			if err := w.do(t, dir, clean); err != nil {
				t.Errorf("%s: marks made again: %v", at, err)
			}
			if err := clean.Durable(); err != nil {
				t.Errorf("%s: %v", at, err)
			}
		} else {
			w.again(t, at, dir, isNew)
		}
		if !w.content(t, at+", and a clean run", dir) {
			t.Errorf("%s: a clean run does not converge", at)
		}
		want := []string{"snapshot.current", "snapshot.key", "snapshot.lock"}
		if l, _ := parse([]byte(tree(t, dir)["snapshot.current"])); l.body != [16]byte{} {
			want = append(want, fmt.Sprintf("snapshot.records-%x", l.body))
		}
		if got := names(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s: left behind %q", at, got)
		}
	}
}

// again does what the next process does: publish what is staged, as a journal
// would know, or the current snapshot once more; then a run.
func (w work) again(t *testing.T, at, dir string, isNew bool) {
	t.Helper()
	s, err := diff.Open(dir, diff.Options{Scope: "faults", FS: vfstest.New(quick{osFS(t, dir)})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	staged, err := filepath.Glob(filepath.Join(dir, "snapshot.staged-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range staged {
		publish(t, s, strings.TrimPrefix(filepath.Base(path), "snapshot.staged-"))
		if isNew {
			t.Errorf("%s: published and staged at once", at)
		}
		isNew = true
	}
	if isNew {
		l, ok := parse([]byte(tree(t, dir)["snapshot.current"]))
		if !ok {
			t.Fatalf("%s: the snapshot is not whole", at)
		}
		publish(t, s, fmt.Sprintf("%x", l.id))
	}
	deliver(t, s, diff.RunOptions{Create: true}, w.after...)
}

// After a fault that is not a crash, nothing is staged that the caller has not
// heard of, and the same store can go on.
func TestFaultsInOneProcess(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"fails", "fails, torn", "fails, late"} {
		for i := 0; ; i++ {
			dir := t.TempDir()
			fsys := vfstest.New(quick{osFS(t, dir)})
			s := open(t, dir, diff.Options{FS: fsys})
			ann, ben := rec("ann", "1 2"), rec("ben", "3 4")
			deliver(t, s, diff.RunOptions{Create: true}, ann)
			fault := faults()[kind]
			fault.At = fsys.Ops() + i
			fsys.Inject(fault)
			at := func() string { return fmt.Sprintf("%s: %s", kind, fsys.Log()[fault.At]) }

			r, err := s.Begin(t.Context(), []string{"a", "b"}, diff.RunOptions{Create: true})
			id := ""
			if err == nil {
				put(t, r, ann, ben)
				if _, err = r.Compare(t.Context()); err == nil {
					id, err = r.Stage(t.Context())
				}
				if cerr := r.Close(); err != nil && id != "" || cerr != nil {
					t.Errorf("%s: id %q, %v, %v", at(), id, err, cerr)
				}
			}
			staged := err == nil
			if staged {
				err = s.Publish(t.Context(), id)
			}
			hit := fsys.Hit()
			if !hit {
				fsys.Inject(vfstest.Fault{At: -1})
			}
			if staged && err != nil {
				publish(t, s, id) // may be repeated after any error
			} else if err != nil {
				if got := names(t, dir); slices.ContainsFunc(got, func(n string) bool { return strings.Contains(n, "staged") }) {
					t.Errorf("%s: staged all the same: %q", at(), got)
				}
				if _, err := s.MarkDue(t.Context(), keys("zoe")); err != nil {
					t.Errorf("%s: MarkDue after it: %v", at(), err)
				}
				publish(t, s, newRun(t, s, ann, ben))
			}
			if open := fsys.Open(); !slices.Equal(open, []string{"snapshot.lock"}) {
				t.Errorf("open now: %q", open)
			}
			if !holds(t, s, ann, ben) {
				t.Errorf("%s: the snapshot is another", at())
			}
			if err := fsys.Durable(); err != nil {
				t.Errorf("%s: %v", at(), err)
			}
			if got := names(t, dir); len(got) != 3 {
				t.Errorf("left behind: %q", got)
			}
			if !hit {
				if err != nil {
					t.Error(err)
				}
				break
			}
			if !errors.Is(err, errDisk) {
				t.Errorf("%s: the fault was swallowed: %v", at(), err)
			}
		}
	}
}
