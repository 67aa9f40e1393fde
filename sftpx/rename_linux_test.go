package sftpx

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file that appears by a rename never has two names, so that a process that is
// killed leaves no second one; and a name that is taken stays as it is.
func TestRenameNew(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.part")
	if err := renameNew(root, "a.part", "a.csv"); errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		return // the file system can not do it, and a hard link takes its place
	} else if err != nil {
		t.Fatal(err)
	}
	write("b.part")
	if err := renameNew(root, "b.part", "a.csv"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	for name, want := range map[string]string{"a.csv": "a.part", "b.part": "b.part"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || err != nil {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	if _, err := root.Lstat("a.part"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary name: %v", err)
	}
}
