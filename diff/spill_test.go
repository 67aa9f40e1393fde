package diff_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
)

// tiny is a budget under which some hundred records are spilled in several
// lots, and joined in several partitions.
const tiny = 8 << 10

func spills(log []string) (writes, reads int) {
	for _, op := range log {
		if strings.HasPrefix(op, "readat snapshot.tmp-") {
			reads++
		}
		if strings.HasPrefix(op, "write snapshot.tmp-") {
			writes++
		}
	}
	return writes, reads
}

// A temporary file has no name where the system allows it, and none is left
// after a run, whatever the run's fate.
func TestTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	fsys := vfstest.New(quick{osFS(t, dir)})
	s := open(t, dir, diff.Options{FS: fsys})
	records := wide(300, "new")
	var all []string
	for _, r := range records {
		all = append(all, r.key)
	}
	want := []string{"snapshot.current", "snapshot.key", "snapshot.lock"}
	deliver(t, s, diff.RunOptions{Create: true}, records...)
	for name, end := range map[string]func(r *diff.Run){
		"closed":  func(*diff.Run) {},
		"stopped": func(r *diff.Run) { _, _ = r.Compare(canceled(t)) },
		"compared": func(r *diff.Run) {
			if sum := compare(t, r); sum.Unchanged != 300 {
				t.Error(counts(sum))
			}
		},
	} {
		before := len(fsys.Log())
		r := begin(t, s, "a b", diff.RunOptions{Known: keys(all...)}.Tiny(tiny, 2))
		put(t, r, records...)
		if writes, _ := spills(fsys.Log()[before:]); writes < 3 {
			t.Fatalf("%s: %d lots were spilled by Put", name, writes)
		}
		if got := names(t, dir); runtime.GOOS != "windows" && !slices.Equal(got, want) {
			t.Errorf("%s: while it runs: %q", name, got)
		}
		if n := len(fsys.Open()); n != 3 { // the lock, the snapshot, the temporary file
			t.Errorf("%s: open: %q", name, fsys.Open())
		}
		end(r)
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := names(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s: left behind: %q", name, got)
		}
		if got := fsys.Open(); !slices.Equal(got, []string{"snapshot.lock"}) {
			t.Errorf("%s: still open: %q", name, got)
		}
	}
	if _, reads := spills(fsys.Log()); reads < 10 {
		t.Errorf("%d reads of what was spilled", reads)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCaller)
	return ctx
}

// A store that is not to be written to spills elsewhere.
func TestReadOnlySpills(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, temp)
	}
	w := open(t, dir, diff.Options{})
	records := wide(300, "old")
	deliver(t, w, diff.RunOptions{Create: true}, records...)
	before := tree(t, dir)
	s := open(t, dir, diff.Options{ReadOnly: true})
	r := begin(t, s, "a b", diff.RunOptions{}.Tiny(tiny, 0))
	put(t, r, records...)
	if got := counts(compare(t, r)); got != "read=300 unchanged=300 previous=300" {
		t.Error(got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if left := names(t, temp); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if after := tree(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the store was altered")
	}

	// It really is there: without a directory for it the run fails.
	missing := filepath.Join(temp, "missing")
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, missing)
	}
	r = begin(t, s, "a b", diff.RunOptions{}.Tiny(tiny, 0))
	if err := putAll(r, records...); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "diff: ") {
		t.Errorf("without a temporary directory: %v", err)
	}
	if _, err := r.Compare(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Compare after a failed Put: %v", err)
	}
}

// putAll is put that returns the first error.
func putAll(r *diff.Run, records ...in) error {
	f := r.Feed()
	for i, rec := range records {
		key, cells := rec.bytes()
		if err := f.Put(int64(i+1), key, cells); err != nil {
			return err
		}
	}
	return nil
}

// After a failed Put the run can not go on as if nothing was.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fsys := vfstest.New(quick{osFS(t, dir)})
	s := open(t, dir, diff.Options{FS: fsys})
	deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"))
	before := tree(t, dir)
	for i := 0; ; i++ {
		r := begin(t, s, "a b", diff.RunOptions{Create: true}.Tiny(tiny, 2))
		fsys.Inject(vfstest.Fault{At: fsys.Ops() + i, Err: errDisk, Torn: true})
		err := putAll(r, wide(300, "new")...)
		if !fsys.Hit() {
			if err != nil || i < 3 {
				t.Fatalf("%d operations: %v", i, err)
			}
			r.Close()
			break
		}
		if !errors.Is(err, errDisk) || !strings.HasPrefix(err.Error(), "diff: ") {
			t.Fatalf("operation %d: %v", i, err)
		}
		if _, err := r.Compare(t.Context()); !errors.Is(err, errDisk) {
			t.Fatalf("operation %d: Compare after it: %v", i, err)
		}
		if err := r.Close(); err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
		sameContent(t, s, fmt.Sprintf("operation %d", i)) // its Begin removes what is left
		if after := tree(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Fatalf("operation %d: files were altered: %q", i, names(t, dir))
		}
	}
}

// counter is a context that ends at its n-th look.
type counter struct {
	context.Context
	left atomic.Int64
}

func (c *counter) Err() error {
	if c.left.Add(-1) < 0 {
		return errCaller
	}
	return nil
}

func (c *counter) Done() <-chan struct{} { return nil }

// A context ends Compare wherever it is, and no goroutine is left: synctest
// would say so.
func TestContextAnywhere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
	records := wide(300, "old")
	deliver(t, s, diff.RunOptions{Create: true}, records...)
	var all []string
	for _, r := range records {
		all = append(all, r.key)
	}
	lean := false
	for n := int64(0); ; n += 1 + n/4 {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			o := diff.RunOptions{Known: keys(all...)}.Tiny(tiny, 4)
			var r *diff.Run
			if lean {
				r, _ = leanPut(t, s, o, wide(300, "new")...)
			} else {
				r = begin(t, s, "a b", o)
				put(t, r, records...)
			}
			ctx := &counter{Context: context.Background()}
			ctx.left.Store(n)
			_, err := r.Compare(ctx)
			if finished = err == nil; !finished && !errors.Is(err, errCaller) {
				t.Errorf("at look %d: %v", n, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		if got := names(t, dir); len(got) != 3 {
			t.Fatalf("at look %d: left behind: %q", n, got)
		}
		if finished {
			if n < 20 {
				t.Errorf("the context is looked at %d times only", n)
			}
			if lean {
				return
			}
			lean, n = true, -1
		}
	}
}

// No number of partitions tells the records of one key apart.
func TestOneKey(t *testing.T) {
	t.Parallel()
	for _, policy := range []diff.DuplicatePolicy{diff.RejectDuplicates, diff.FirstWins, diff.LastWins} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
		r := begin(t, s, "a", diff.RunOptions{Create: true, Duplicates: policy}.Tiny(tiny, 2))
		records := []in{rec("ben", "1")}
		for i := range 5000 {
			records = append(records, rec("ann", fmt.Sprint(i)))
		}
		put(t, r, append(records, rec("cat", "1"))...)
		sum := compare(t, r)
		got := changes(t, r, []string{"a"})
		switch policy {
		case diff.RejectDuplicates:
			if n := strings.Count(got, ":conflict"); n != 5000 || sum.Conflicting != 5000 || sum.New != 2 {
				t.Errorf("%d conflicts, %s", n, counts(sum))
			}
		case diff.FirstWins:
			if got != "1:new[a] 2:new[a] 5002:new[a]" || sum.Duplicate != 4999 {
				t.Errorf("first wins: %s, %s", got, counts(sum))
			}
		case diff.LastWins:
			if got != "1:new[a] 5001:new[a] 5002:new[a]" || sum.Duplicate != 4999 {
				t.Errorf("last wins: %s, %s", got, counts(sum))
			}
		}
		r.Close()
	}
}

// Whatever partitions the last snapshot has, and under any budget, what comes
// out is the same.
func TestPartitionBits(t *testing.T) {
	t.Parallel()
	o := newOracle(goldKey)
	for n, bits := range []byte{0, 3, 12, 16, 0, 3, 12, 16} {
		for _, opts := range []diff.RunOptions{{}, diff.RunOptions{}.Tiny(1, 1), diff.RunOptions{}.Tiny(tiny, 8), diff.RunOptions{}.Tiny(100<<10, 2)} {
			l := layout{bits: bits, columns: []string{"a"}, scope: "acme/email", check: o.check, id: [16]byte{1}}
			var recs []in
			for i := range 500 {
				recs = append(recs, rec(fmt.Sprint(i), "1"))
				l.add(o.record(recs[i], 0, l.columns))
			}
			_, s := goldStore(t, l.bytes())
			for _, want := range []string{"read=401 unchanged=399 new=1 changed=1 previous=500 gone=100 a=1", "read=401 unchanged=401 previous=401"} {
				today := append(slices.Clone(recs[:399]), rec("399", "2"), rec("more", "1"))
				r, a := beginLean(t, s, "a", opts, today...)
				if n < 4 {
					r = begin(t, s, "a", opts)
				}
				put(t, r, today...)
				if got := counts(compare(t, r)); got != want {
					t.Errorf("%d bits, %+v: %s, want %s", bits, opts, got, want)
				}
				if n >= 4 && (len(a.asked) == 2) != strings.Contains(want, "new") {
					t.Errorf("%d bits, %+v: asked for %d", bits, opts, a.asked)
				}
				publish(t, s, stage(t, r))
				r.Close()
			}
		}
	}
}

// A snapshot that has to be partitioned again is read as carefully as any other.
func TestCoarseDamage(t *testing.T) {
	t.Parallel()
	o := newOracle(goldKey)
	l := layout{bits: 0, columns: []string{"a"}, scope: "acme/email", check: o.check, id: [16]byte{1}}
	var recs []in
	for i := range 200 {
		recs = append(recs, rec(fmt.Sprint(i), "1"))
		l.add(o.record(recs[i], 0, l.columns))
	}
	whole := l.bytes()
	l.add(o.record(recs[7], 0, l.columns))
	files := map[string][]byte{"key twice": l.bytes()}
	for n := 300; n < len(whole); n += 371 {
		files[fmt.Sprint("truncated to ", n)] = whole[:n]
		b := slices.Clone(whole)
		b[n] ^= 4
		files[fmt.Sprintf("byte %d altered", n)] = b
	}
	for name, file := range files {
		dir, s := goldStore(t, file)
		again := func(context.Context, iter.Seq[int64]) error { return errors.New("something is new") }
		for _, o := range []diff.RunOptions{{}, {Again: again}, {Again: again, Rendering: "r"}} {
			r, err := s.Begin(t.Context(), []string{"a"}, o.Tiny(1, 2))
			if err == nil {
				put(t, r, recs...)
				_, err = r.Compare(t.Context())
				if cerr := r.Close(); cerr != nil {
					t.Errorf("%s: %v", name, cerr)
				}
			}
			if !errors.Is(err, diff.ErrDamaged) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := names(t, dir); !slices.Equal(got, []string{"snapshot.current", "snapshot.lock"}) {
			t.Errorf("%s: left behind: %q", name, got)
		}
	}
}

// heap returns the bytes of the objects that are in use.
func heap() int64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// watch looks at the memory at every n-th write.
type watch struct {
	vfs.FS
	every, writes int
	most          int64
}

type watched struct {
	vfs.File
	w *watch
}

func (w *watch) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := w.FS.OpenFile(name, flag)
	return watched{f, w}, err
}

// Write is called by one goroutine at a time here.
func (f watched) Write(p []byte) (int, error) {
	if f.w.writes++; f.w.writes%f.w.every == 0 {
		f.w.most = max(f.w.most, heap())
	}
	return f.File.Write(p)
}

// The memory of a run depends on its budget, not on its records.
func TestMemory(t *testing.T) {
	const records, budget = 400_000, 16 << 20 // as entries, 16 MB, and 13 MB in a lean run
	dir := t.TempDir()
	w := &watch{FS: quick{osFS(t, dir)}, every: 20}
	s := open(t, dir, diff.Options{FS: w, Key: goldKey}) // under another key, one of so many digests might collide
	before := heap()
	const changed = "read=400000 changed=400000 previous=400000 b=400000"
	for n, want := range []string{"read=400000 new=400000", changed, changed} {
		o := diff.RunOptions{Create: true, Memory: budget}
		cells := [][]byte{[]byte("value"), fmt.Append(nil, n)}
		var r *diff.Run
		putOne := func(f *diff.Feed, seq int64) {
			if err := f.Put(seq, fmt.Appendf(nil, "person%d@example.net", seq), cells); err != nil {
				t.Fatal(err)
			}
		}
		if n == 2 { // a lean run that has to ask for everything
			o.Again = func(_ context.Context, numbers iter.Seq[int64]) error {
				f := r.Feed()
				for seq := range numbers {
					putOne(f, seq)
				}
				w.most = max(w.most, heap())
				return nil
			}
		}
		r = begin(t, s, "a b", o)
		f := r.Feed()
		for i := range records {
			putOne(f, int64(i+1))
		}
		w.most = max(w.most, heap())
		if got := counts(compare(t, r)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		publish(t, s, stage(t, r))
		r.Close()
		// Two bytes for each record, and as much again for what is not counted.
		if most := w.most - before; most > budget+4*records || w.most == 0 {
			t.Errorf("%s: %d bytes in use, the budget is %d", want, most, budget)
		}
	}
}
