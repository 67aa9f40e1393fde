package vfstest_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
)

var errDisk = errors.New("disk on fire")

func newFS(t *testing.T) (*vfstest.FS, vfs.FS) {
	t.Helper()
	inner, err := vfs.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	return vfstest.New(inner), inner
}

// everything calls each operation once, and goes on after an error.
func everything(fsys vfs.FS) (errs []error) {
	see := func(err error) { errs = append(errs, err) }
	see(fsys.Mkdir("d"))
	if f, err := fsys.OpenFile("d/a", os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		see(err)
	} else {
		_, err = f.Write([]byte("abcd"))
		see(err)
		see(f.Sync())
		_, err = f.ReadAt(make([]byte, 1), 0)
		see(err)
		_, err = f.Size()
		see(err)
		see(f.Close())
	}
	see(fsys.Rename("d/a", "b"))
	see(fsys.SyncDir("."))
	if f, err := fsys.OpenFile("b", os.O_RDONLY); err != nil {
		see(err)
	} else {
		_, err = f.Read(make([]byte, 1))
		see(err)
		see(f.Close())
	}
	_, err := fsys.ReadDir(".")
	see(err)
	if l, err := fsys.Lock("l"); err != nil {
		see(err)
	} else {
		see(l.Note("me"))
		see(l.Close())
	}
	see(fsys.Remove("b"))
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func TestEveryOperationFailsInTurn(t *testing.T) {
	clean, _ := newFS(t)
	if errs := everything(clean); len(errs) > 0 {
		t.Fatal(errs)
	}
	log := clean.Log()
	for _, late := range []bool{false, true} {
		for i, op := range log {
			fsys, _ := newFS(t)
			fsys.Inject(vfstest.Fault{At: i, Err: errDisk, Late: late})
			errs := everything(fsys)
			if len(errs) == 0 || !errors.Is(errs[0], errDisk) || !fsys.Hit() {
				t.Errorf("%s (late %v): got %v", op, late, errs)
			}
			if n := len(errs); late && n != 1 && !strings.HasPrefix(op, "open") {
				t.Errorf("%s: a late fault was not carried out: %v", op, errs)
			}
			if open := fsys.Open(); len(open) > 0 {
				t.Errorf("%s: still open: %v", op, open)
			}
		}
	}
	fsys, _ := newFS(t)
	fsys.Inject(vfstest.Fault{At: len(log), Err: errDisk})
	if errs := everything(fsys); len(errs) > 0 || fsys.Hit() || fsys.Ops() != len(log) {
		t.Errorf("behind the last operation: %v, hit %v, %d operations", errs, fsys.Hit(), fsys.Ops())
	}
}

func TestStop(t *testing.T) {
	for _, late := range []bool{false, true} {
		fsys, inner := newFS(t)
		f, err := fsys.OpenFile("a", os.O_WRONLY|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		l, err := fsys.Lock("l")
		if err != nil {
			t.Fatal(err)
		}
		fsys.Inject(vfstest.Fault{At: 2, Err: errDisk, Stop: true, Late: late})
		_, werr := f.Write([]byte("x"))
		_, again := f.Write([]byte("y"))
		for _, err := range []error{werr, again, f.Close(), l.Close(), fsys.Remove("a")} {
			if !errors.Is(err, errDisk) {
				t.Errorf("after the stop: %v", err)
			}
		}
		if open := fsys.Open(); len(open) > 0 {
			t.Errorf("still open: %v", open)
		}
		if l, err := inner.Lock("l"); err != nil {
			t.Errorf("the lock outlived its process: %v", err)
		} else {
			l.Close()
		}
		want := ""
		if late {
			want = "x"
		}
		if data, err := vfs.ReadFile(inner, "a", 9); err != nil || string(data) != want {
			t.Errorf("late %v: the file holds %q, %v", late, data, err)
		}
	}
}

func TestTornWrite(t *testing.T) {
	fsys, inner := newFS(t)
	f, err := fsys.OpenFile("a", os.O_WRONLY|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	fsys.Inject(vfstest.Fault{At: 1, Err: errDisk, Torn: true})
	n, err := f.Write([]byte("abcdef"))
	if perr, ok := errors.AsType[*fs.PathError](err); n != 3 || !errors.Is(err, errDisk) || !ok || perr.Path != "a" {
		t.Errorf("got %d, %v", n, err)
	}
	f.Close()
	if data, _ := vfs.ReadFile(inner, "a", 9); string(data) != "abc" {
		t.Errorf("the file holds %q", data)
	}
}

func TestDurable(t *testing.T) {
	write := func(sync bool) func(*testing.T, vfs.FS) {
		return func(t *testing.T, fsys vfs.FS) {
			f, err := fsys.OpenFile("a", os.O_WRONLY|os.O_CREATE)
			if err != nil {
				t.Fatal(err)
			}
			f.Write([]byte("x"))
			if sync {
				f.Sync()
			}
			f.Close()
		}
	}
	type step = func(*testing.T, vfs.FS)
	rename := func(_ *testing.T, fsys vfs.FS) { fsys.Rename("a", "b") }
	syncDir := func(_ *testing.T, fsys vfs.FS) { fsys.SyncDir(".") }
	cases := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"created, written, synced, directory synced", []step{write(true), syncDir}, nil},
		{"directory not synced", []step{write(true)}, []string{"a was created"}},
		{"not synced", []step{write(false), syncDir}, []string{"a was written and not synced"}},
		{"renamed, directory not synced since", []step{write(true), syncDir, rename}, []string{"b was renamed"}},
		{"renamed and synced", []step{write(true), rename, syncDir}, nil},
		{"renamed before the sync", []step{write(false), rename, syncDir}, []string{"a was renamed to b with content", "b was written"}},
		{"only removed", []step{write(true), syncDir, func(_ *testing.T, fsys vfs.FS) { fsys.Remove("a") }}, nil},
		{"truncated", []step{write(true), syncDir, func(_ *testing.T, fsys vfs.FS) {
			f, _ := fsys.OpenFile("a", os.O_WRONLY|os.O_TRUNC)
			f.Close()
		}}, []string{"a was written"}},
		{"directory made", []step{func(_ *testing.T, fsys vfs.FS) { fsys.Mkdir("d") }}, []string{"d was created"}},
		{"directory that exists", []step{func(_ *testing.T, fsys vfs.FS) { fsys.Mkdir("d") }, syncDir,
			func(_ *testing.T, fsys vfs.FS) { fsys.Mkdir("d") }}, nil},
		{"another directory synced", []step{func(_ *testing.T, fsys vfs.FS) { fsys.Mkdir("d") }, syncDir, write(true),
			func(_ *testing.T, fsys vfs.FS) { fsys.SyncDir("d") }}, []string{"a was created"}},
		{"moved with its directory", []step{func(_ *testing.T, fsys vfs.FS) { fsys.Mkdir("d") }, syncDir, write(false),
			func(_ *testing.T, fsys vfs.FS) { fsys.Rename("a", "d/a"); fsys.Rename("d", "e"); fsys.SyncDir("e") }, syncDir},
			[]string{"renamed to d/a", "renamed to e/a", "e/a was written"}},
		{"a lock file", []step{func(_ *testing.T, fsys vfs.FS) { l, _ := fsys.Lock("l"); l.Note("x"); l.Close() }}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fsys, _ := newFS(t)
			for _, s := range c.steps {
				s(t, fsys)
			}
			err := fsys.Durable()
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("got %v, want %q", err, w)
				}
			}
		})
	}
}
