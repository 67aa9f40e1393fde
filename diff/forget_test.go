package diff_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
)

func TestForget(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Scope: "acme/email", Key: goldKey})
	ann, ben, cid := rec("ann", "1 2"), rec("ben", "3 4"), rec("cid", "5 6")
	before := deliver(t, s, diff.RunOptions{Create: true}, ann, ben, cid)
	left := filepath.Join(dir, "snapshot.tmp-"+strings.Repeat("ab", 16))
	if err := os.WriteFile(left, []byte("digests of a run that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	digest := newOracle(goldKey).record(ben, 0, []string{"a", "b"})[:16]
	if !strings.Contains(tree(t, dir)["snapshot.current"], string(digest)) {
		t.Fatal("the digest of the key is not where it was looked for")
	}
	begun := begin(t, s, "a b", diff.RunOptions{Create: true})

	if n, err := s.Forget(t.Context(), keys("ben", "zoe", "ben")); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	for name, data := range tree(t, dir) {
		if strings.Contains(data, string(digest)) || strings.Contains(data, "killed") {
			t.Errorf("%s still knows the record", name)
		}
	}
	after, err := s.Current()
	if err != nil || after == before {
		t.Errorf("the snapshot has the id %s of the one before, %v", after, err)
	}
	r := begin(t, s, "a b", diff.RunOptions{Create: true})
	put(t, r, ann, ben, rec("cid", "5 7"))
	if got, want := counts(compare(t, r)), "read=3 unchanged=1 new=1 changed=1 previous=2 b=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	// A run that began before it would bring the record back.
	put(t, begun, ann, ben, cid)
	compare(t, begun)
	id := stage(t, begun)
	if err := s.Publish(t.Context(), id); !errors.Is(err, diff.ErrStale) {
		t.Errorf("a run from before: %v", err)
	}
	if _, err := s.Forget(t.Context(), keys("ann")); !errors.Is(err, diff.ErrStaged) || !strings.Contains(err.Error(), id) {
		t.Errorf("while it is staged: %v", err)
	}
	if err := s.Discard(id); err != nil {
		t.Fatal(err)
	}

	// Whoever is not there leaves the snapshot as it is.
	files := fmt.Sprint(tree(t, dir))
	if n, err := s.Forget(t.Context(), keys("ben", "zoe")); n != 0 || err != nil || fmt.Sprint(tree(t, dir)) != files {
		t.Errorf("forgotten %d, %v, or the files are others", n, err)
	}
	if n, err := s.Forget(t.Context(), keys("ann", "cid")); n != 2 || err != nil || !holds(t, s) {
		t.Errorf("the last ones: %d, %v", n, err)
	}
	if now, err := s.Current(); now == "" || err != nil {
		t.Errorf("without records it is a snapshot all the same: %q, %v", now, err)
	}
}

func TestForgetRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Key: goldKey})
	if n, err := s.Forget(t.Context(), keys("ann")); n != 0 || err != nil {
		t.Errorf("without a snapshot: %d, %v", n, err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"snapshot.lock"}) {
		t.Errorf("it made %q", got)
	}
	deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"), rec("ben", "3 4"))
	broken := errors.New("the list is torn")
	torn := func(yield func([]byte, error) bool) { _ = yield([]byte("ann"), nil) && yield(nil, broken) }
	if n, err := s.Forget(t.Context(), iter.Seq2[[]byte, error](torn)); n != 0 || !errors.Is(err, broken) {
		t.Errorf("an error of the keys: %d, %v", n, err)
	}
	if !holds(t, s, rec("ann", "1 2"), rec("ben", "3 4")) {
		t.Error("after an error some are forgotten")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Forget(t.Context(), keys("ann")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	for what, o := range map[error]diff.Options{
		diff.ErrReadOnly: {Key: goldKey, ReadOnly: true},
		diff.ErrKey:      {Key: goldKey[1:]},
		diff.ErrForeign:  {Key: goldKey, Scope: "another"},
	} {
		s := open(t, dir, o)
		files := fmt.Sprint(tree(t, dir)["snapshot.current"])
		if _, err := s.Forget(t.Context(), keys("ann")); !errors.Is(err, what) {
			t.Errorf("got %v, want %v", err, what)
		}
		if fmt.Sprint(tree(t, dir)["snapshot.current"]) != files {
			t.Errorf("%v: the snapshot was altered", what)
		}
		s.Close()
	}
}

// What is left after Forget is what the model has left.
func TestForgetAgainstModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if *seedFlag != 0 {
		seed = *seedFlag
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := range 60 {
		size := []int{1, 5, 60, 2500}[rng.IntN(4)] // the last one has several blocks
		s := open(t, t.TempDir(), diff.Options{Key: goldKey, FS: quick{osFS(t, t.TempDir())}})
		m := &model{state: map[string]modelState{}}
		columns := []string{"a", "b"}
		for range 3 {
			mo, ro := randomOptions(rng, size)
			records := randomSegment(rng, size, len(columns))
			verdicts, want, next := m.run(columns, mo, records)
			r, err := s.Begin(t.Context(), columns, ro.Tiny(int64(rng.IntN(2))*2<<10, 0))
			if err != nil {
				t.Fatal(err)
			}
			putConcurrently(t, rng, r, records)
			if !checkModel(t, r, columns, compare(t, r), verdicts, want) {
				t.Fatalf("-seed %d, case %d", seed, n)
			}
			publish(t, s, stage(t, r))
			r.Close()
			m = next
			if rng.IntN(4) == 0 {
				markModel(t, rng, s, m, size)
			}
			var list []string
			var forget int64
			for i := range size {
				k := randomKey(i)
				if rng.IntN(3) > 0 || slices.Contains(list, k) {
					continue
				}
				list = append(list, k)
				if _, ok := m.state[k]; ok {
					delete(m.state, k)
					forget++
				}
			}
			if got, err := s.Forget(t.Context(), keys(append(list, list...)...)); got != forget || err != nil {
				t.Fatalf("-seed %d, case %d: forgotten %d, %v, want %d", seed, n, got, err, forget)
			}
		}
		s.Close()
	}
}

// Every operation of Forget fails in every way: the snapshot is the old one or
// the new one, whole, and the call can be repeated.
func TestForgetFaults(t *testing.T) {
	t.Parallel()
	ann, ben := rec("ann", "1 2"), rec("ben", "3 4")
	for kind, fault := range faults() {
		for i := 0; ; i++ {
			dir := t.TempDir()
			disk := quick{osFS(t, dir)}
			s := open(t, dir, diff.Options{FS: disk})
			deliver(t, s, diff.RunOptions{Create: true}, ann, ben)
			s.Close()
			if err := os.WriteFile(filepath.Join(dir, "snapshot.tmp-"+strings.Repeat("cd", 16)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			forget := func(fsys *vfstest.FS) (n int64, err error) {
				s, err := diff.Open(dir, diff.Options{FS: fsys})
				if err != nil {
					return 0, err
				}
				defer func() { err = errors.Join(err, s.Close()) }()
				return s.Forget(t.Context(), keys("ben"))
			}
			fsys := vfstest.New(disk)
			fault.At = i
			fsys.Inject(fault)
			n, err := forget(fsys)
			if !fsys.Hit() {
				if n != 1 || err != nil || i < 12 || fsys.Durable() != nil {
					t.Fatalf("%s: without a fault: %d, %v, %v after %d operations", kind, n, err, fsys.Durable(), i)
				}
				break
			}
			at := fmt.Sprintf("%s: operation %d, %s", kind, i, fsys.Log()[i])
			if !errors.Is(err, errDisk) {
				t.Errorf("%s: the fault was swallowed: %v", at, err)
			}
			if open := fsys.Open(); len(open) > 0 {
				t.Errorf("%s: still open: %q", at, open)
			}
			// The file system is the same one, so that it still knows what is not durable.
			fsys.Inject(vfstest.Fault{At: -1})
			if _, err := forget(fsys); err != nil {
				t.Errorf("%s: repeated: %v", at, err)
			}
			if err := fsys.Durable(); err != nil {
				t.Errorf("%s: repeated: %v", at, err)
			}
			s = open(t, dir, diff.Options{FS: disk})
			if !holds(t, s, ann) {
				t.Errorf("%s: the snapshot is another", at)
			}
			s.Close()
			if got := names(t, dir); !slices.Equal(got, []string{"snapshot.current", "snapshot.key", "snapshot.lock"}) {
				t.Errorf("%s: left behind %q", at, got)
			}
		}
	}
}

// A run that takes no notice of the last snapshot replaces it as any other.
func TestAnew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{})
	ann, ben, cid := rec("ann", "1 2"), rec("ben", "3 4"), rec("cid", "5 6")
	deliver(t, s, diff.RunOptions{}, ann, ben)
	if _, err := s.MarkDue(t.Context(), keys("ann")); err != nil {
		t.Fatal(err)
	}
	r := begin(t, s, "a b", diff.RunOptions{Anew: true, Create: true, Partial: true})
	put(t, r, ann, cid, bad("ben"))
	sum := compare(t, r)
	if got := counts(sum); got != "read=3 rejected=1 new=2" || !sum.First {
		t.Errorf("got %s, first %v", got, sum.First)
	}
	if got := changes(t, r, []string{"a", "b"}); got != "1:new[a b] 2:new[a b]" {
		t.Errorf("got %s", got)
	}
	id := stage(t, r)
	stale := stage(t, func() *diff.Run {
		r := begin(t, s, "a b", diff.RunOptions{Anew: true})
		compare(t, r)
		return r
	}())
	publish(t, s, id)
	if !holds(t, s, ann, cid) {
		t.Error("the snapshot is another")
	}
	if err := s.Publish(t.Context(), stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that was computed to replace another snapshot: %v", err)
	}

	r = begin(t, s, "a b", diff.RunOptions{Anew: true, Known: keys("ben")})
	put(t, r, ann, ben)
	if got := counts(compare(t, r)); got != "read=2 heldback=1 new=1" {
		t.Errorf("with known keys: %s", got)
	}
	publish(t, s, stage(t, r))
	if !holds(t, s, ben) {
		t.Error("with known keys the snapshot is another")
	}

	fresh := open(t, t.TempDir(), diff.Options{})
	deliver(t, fresh, diff.RunOptions{Anew: true, Create: true}, ann)
	if !holds(t, fresh, ann) {
		t.Error("without a snapshot Anew makes a difference")
	}
}

// noLocks is a directory on a file system without locks.
type noLocks struct {
	vfs.FS
	err error
}

func (f noLocks) Lock(name string) (vfs.Lock, error) {
	return nil, &fs.PathError{Op: "lock", Path: name, Err: f.err}
}

func TestNoLocks(t *testing.T) {
	dir := t.TempDir()
	for err, named := range map[error]bool{syscall.ENOLCK: true, syscall.ENOSYS: true, syscall.EOPNOTSUPP: true, syscall.EIO: false} {
		_, got := diff.Open(dir, diff.Options{FS: noLocks{osFS(t, dir), err}})
		if !errors.Is(got, err) || errors.Is(got, diff.ErrLocked) || strings.Contains(got.Error(), "network file system") != named {
			t.Errorf("%v: %v", err, got)
		}
		if !strings.Contains(got.Error(), filepath.Join(dir, "snapshot.lock")) {
			t.Errorf("%v: the message does not name the file: %v", err, got)
		}
	}
}

// Links that lead out of the directory are not followed, whatever they stand
// for.
func TestLinksOut(t *testing.T) {
	for _, name := range []string{"snapshot.current", "snapshot.key", "snapshot.lock"} {
		t.Run(name, func(t *testing.T) {
			outside := filepath.Join(t.TempDir(), "outside")
			dir := filepath.Join(t.TempDir(), "state")
			s := open(t, dir, diff.Options{})
			deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"))
			s.Close()
			path := filepath.Join(dir, name)
			if err := os.Rename(path, outside); err != nil {
				t.Fatal(err)
			}
			secret, err := os.ReadFile(outside)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, path); err != nil {
				if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
					return // not everybody may make links there
				}
				t.Fatal(err)
			}
			s, err = diff.Open(dir, diff.Options{})
			if err == nil {
				_, ferr := s.Forget(t.Context(), keys("ann"))
				err = errors.Join(readAll(t.Context(), s, []string{"a", "b"}), ferr)
				if ferr == nil {
					t.Error("Forget follows it")
				}
				s.Close()
			}
			if err == nil || !strings.HasPrefix(err.Error(), "diff: ") || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
			if now, err := os.ReadFile(outside); err != nil || !bytes.Equal(now, secret) {
				t.Errorf("the file outside was touched: %v", err)
			}
			if to, err := os.Readlink(path); err != nil || to != outside {
				t.Errorf("the link was touched: %q, %v", to, err)
			}
		})
	}
}
