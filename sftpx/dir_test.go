package sftpx_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/sftpx"
)

func TestDirProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		name, reason string
		dir          sftpx.Dir
		want         error
		says         string
	}{
		{"not set", "the current directory must not be meant by accident", "", fs.ErrInvalid, "not set"},
		{"missing", "no directory is made", sftpx.Dir(missing), fs.ErrNotExist, missing},
		{"a file", "named in the error", sftpx.Dir(file), nil, file},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.dir.Put(t.Context(), "a", "b", body([]byte("x")))
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Put: %v; want one that matches %v and says %q: %s", err, c.want, c.says, c.reason)
			}
		})
	}
}

// After a crash between the link and the unlink, the leftover is the published file under a second name.
func TestDirLeftoverOfAPublishedFile(t *testing.T) {
	dir := t.TempDir()
	moved := filepath.Join(t.TempDir(), "moved by the reader")
	if err := os.WriteFile(filepath.Join(dir, "a.part"), []byte("delivered"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a.part"), moved); err != nil {
		t.Fatal(err)
	}
	if err := sftpx.Dir(dir).Put(t.Context(), "a.csv", "a.part", body([]byte("again"))); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(moved); string(got) != "delivered" {
		t.Errorf("the reader's file is now %q (%v)", got, err)
	}
}

func TestDirDoesNotFollowALeftoverLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // making symbolic links is a privilege there
	}
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, "a.part")); err != nil {
		t.Fatal(err)
	}
	if err := sftpx.Dir(dir).Put(t.Context(), "a.csv", "a.part", body([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(victim); string(got) != "precious" {
		t.Errorf("the file outside the directory is now %q (%v)", got, err)
	}
	fi, err := os.Lstat(filepath.Join(dir, "a.csv"))
	if err != nil || !fi.Mode().IsRegular() || fi.Mode().Perm()&0o400 == 0 {
		t.Errorf("published file: %v, %v", fi, err)
	}
}
