package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
)

func open(t *testing.T) (vfs.FS, string) {
	t.Helper()
	dir := t.TempDir()
	fsys, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys, dir
}

func TestOSMissing(t *testing.T) {
	if _, err := vfs.OS(filepath.Join(t.TempDir(), "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestNamesStayInside(t *testing.T) {
	fsys, dir := open(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	for _, name := range []string{"../x", outside, "link", "d/../../x"} {
		if f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE); err == nil {
			f.Close()
			t.Errorf("%q was opened", name)
		}
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // there are none
	}
	fsys, dir := open(t)
	if err := errors.Join(fsys.Mkdir("d"), vfs.WriteFile(fsys, "d", "f", nil)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"d": vfs.DirPerm, "d/f": vfs.FilePerm} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestMkdir(t *testing.T) {
	fsys, _ := open(t)
	if err := errors.Join(fsys.Mkdir("d"), fsys.Mkdir("d")); err != nil {
		t.Errorf("a directory that exists: %v", err)
	}
	if err := vfs.WriteFile(fsys, ".", "f", nil); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Mkdir("f"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file in the place of the directory: %v", err)
	}
}

func TestLock(t *testing.T) {
	fsys, dir := open(t)
	l, err := fsys.Lock("l")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Note("a longer text"), l.Note("me")); err != nil {
		t.Fatal(err)
	}
	other, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Lock("l"); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if text, err := vfs.ReadFile(other, "l", 100); err != nil || string(text) != "me" {
		t.Errorf("the note of a held lock: %q, %v", text, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = other.Lock("l")
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	l.Close()
}

func TestReadFile(t *testing.T) {
	fsys, _ := open(t)
	if err := vfs.WriteFile(fsys, ".", "f", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if data, err := vfs.ReadFile(fsys, "f", 3); err != nil || string(data) != "abc" {
		t.Errorf("of exactly max bytes: %q, %v", data, err)
	}
	if _, err := vfs.ReadFile(fsys, "f", 2); !errors.Is(err, vfs.ErrTooLarge) {
		t.Errorf("of more than max bytes: %v", err)
	}
	if _, err := vfs.ReadFile(fsys, "no", 2); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

var errDisk = errors.New("disk on fire")

// faults are the ways in which one operation can go wrong.
var faults = map[string]vfstest.Fault{
	"fails": {Err: errDisk}, "torn": {Err: errDisk, Torn: true}, "late": {Err: errDisk, Late: true},
	"stop": {Err: errDisk, Stop: true}, "stop torn": {Err: errDisk, Stop: true, Torn: true}, "stop late": {Err: errDisk, Stop: true, Late: true},
}

func TestWriteFileFaults(t *testing.T) {
	for kind, fault := range faults {
		for i := 0; ; i++ {
			inner, dir := open(t)
			if err := errors.Join(inner.Mkdir("d"), vfs.WriteFile(inner, "d", "f", []byte("old"))); err != nil {
				t.Fatal(err)
			}
			fsys := vfstest.New(inner)
			fault.At = i
			fsys.Inject(fault)
			err := vfs.WriteFile(fsys, "d", "f", []byte("new"))
			data, rerr := os.ReadFile(filepath.Join(dir, "d", "f"))
			if rerr != nil {
				t.Fatal(rerr)
			}
			left, _ := inner.ReadDir("d")
			if !fsys.Hit() {
				if err != nil || string(data) != "new" || !slices.Equal(left, []string{"f"}) {
					t.Errorf("without a fault: %v, %q, %q", err, data, left)
				}
				if err := fsys.Durable(); err != nil {
					t.Error(err)
				}
				break
			}
			at := kind + ": " + fsys.Log()[i]
			renamed := strings.HasPrefix(fsys.Log()[i], "syncdir") || fault.Late && strings.HasPrefix(fsys.Log()[i], "rename")
			want := "old"
			if renamed {
				want = "new"
			}
			if !errors.Is(err, errDisk) || string(data) != want {
				t.Errorf("%s: %v, %q", at, err, data)
			}
			if !fault.Stop && !(fault.Late && i == 0) && len(left) != 1 {
				t.Errorf("%s: left behind %q", at, left)
			}
			if open := fsys.Open(); len(open) > 0 {
				t.Errorf("%s: still open: %q", at, open)
			}
		}
	}
}

func TestReadFileFaults(t *testing.T) {
	inner, _ := open(t)
	if err := vfs.WriteFile(inner, ".", "f", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		fsys := vfstest.New(inner)
		fsys.Inject(vfstest.Fault{At: i, Err: errDisk})
		data, err := vfs.ReadFile(fsys, "f", 9)
		if !fsys.Hit() {
			if err != nil || string(data) != "abc" {
				t.Errorf("got %q, %v", data, err)
			}
			break
		}
		if !errors.Is(err, errDisk) || data != nil {
			t.Errorf("%s: %q, %v", fsys.Log()[i], data, err)
		}
	}
}

func TestMkdirAll(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "a", "b", "c")
	for range 2 { // the second time it is there
		if err := vfs.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; d != base; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != vfs.DirPerm {
			t.Errorf("%s has the mode %v", d, info.Mode())
		}
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, filepath.Join(file, "below")} {
		if err := vfs.MkdirAll(bad); err == nil {
			t.Errorf("MkdirAll(%q) made a directory of a file", bad)
		}
	}
}

// A link in the place of a directory is neither taken for it nor listed, since
// what is listed there is removed.
func TestLinkedDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // links need a privilege there
	}
	dir := t.TempDir()
	fsys, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	if err := os.Symlink(".", filepath.Join(dir, "outbox")); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Mkdir("outbox"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Mkdir: %v", err)
	}
	if names, err := fsys.ReadDir("outbox"); err == nil {
		t.Errorf("ReadDir lists %q", names)
	}
	if names, err := fsys.ReadDir("."); err != nil || len(names) != 1 {
		t.Errorf("ReadDir of the directory itself: %q, %v", names, err)
	}
	free, err := fsys.Free()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) || err == nil && free <= 0 {
		t.Errorf("Free: %d, %v", free, err)
	}
}
