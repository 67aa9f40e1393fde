// Package vfs is the small file seam below the state directory: everything
// that package diff and package splio keep on disk goes through an [FS], so
// that tests can make any one call fail, or stop the process at it.
//
// Names are relative to the directory the FS was opened at, use slashes, and
// can not leave it, not even through a symbolic link.
package vfs

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Permissions of everything kept on disk: the owner's alone.
const (
	FilePerm fs.FileMode = 0o600
	DirPerm  fs.FileMode = 0o700
)

var (
	// ErrLocked is returned by [FS.Lock] when another holder has the lock.
	ErrLocked = errors.New("locked by another process")
	// ErrTooLarge is returned by [ReadFile].
	ErrTooLarge = errors.New("file is too large to be ours")
)

// FS is one directory tree. It is safe for concurrent use.
type FS interface {
	// OpenFile opens a file with the flags of package os, creating it with
	// [FilePerm].
	OpenFile(name string, flag int) (File, error)
	Rename(oldname, newname string) error
	Remove(name string) error
	// Mkdir creates a directory with [DirPerm]; one that exists is no error, a link
	// to one is.
	Mkdir(name string) error
	// ReadDir returns the names in a directory, sorted. It follows no link.
	ReadDir(name string) ([]string, error)
	// SyncDir makes creations, renames and removals in a directory durable.
	SyncDir(name string) error
	// Free returns how many bytes can still be written, by this user. Where the
	// system does not tell, the error matches errors.ErrUnsupported.
	Free() (int64, error)
	// Lock takes the exclusive lock that the named file stands for, which is
	// created when missing. It ends with Close, or with the process. When
	// another holder has it, the error matches [ErrLocked].
	Lock(name string) (Lock, error)
	Close() error
}

// File is an open file. Use one from one goroutine at a time, except that
// several may call ReadAt at once.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Sync() error
	Size() (int64, error)
}

// Lock is a lock that is held.
type Lock interface {
	// Note replaces the text kept in the lock file, for people and for those
	// who find it locked.
	Note(text string) error
	io.Closer
}

// MkdirAll makes a directory of the operating system and its missing parents,
// with [DirPerm] and durably. One that exists is no error.
func MkdirAll(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	var made []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, d)
	}
	if err := os.MkdirAll(dir, DirPerm); err != nil {
		return err
	}
	for _, d := range made {
		parent, err := OS(filepath.Dir(d))
		if errors.Is(err, fs.ErrPermission) {
			continue // who may write into a directory may still not read it
		}
		if err != nil {
			return err
		}
		if err := errors.Join(parent.SyncDir("."), parent.Close()); err != nil {
			return err
		}
	}
	return nil
}

// OS opens a directory of the operating system, which must exist.
func OS(dir string) (FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return osFS{root}, nil
}

type osFS struct{ root *os.Root }

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (o osFS) OpenFile(name string, flag int) (File, error) {
	f, err := o.root.OpenFile(name, flag, FilePerm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (o osFS) Rename(oldname, newname string) error { return o.root.Rename(oldname, newname) }
func (o osFS) Remove(name string) error             { return o.root.Remove(name) }
func (o osFS) Close() error                         { return o.root.Close() }

func (o osFS) Mkdir(name string) error {
	err := o.root.Mkdir(name, DirPerm)
	if errors.Is(err, fs.ErrExist) {
		if info, serr := o.root.Lstat(name); serr == nil && info.IsDir() {
			return nil
		}
	}
	return err
}

func (o osFS) ReadDir(name string) ([]string, error) {
	// A link is not followed: what is listed is removed.
	if info, err := o.root.Lstat(name); err == nil && !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	entries, err := fs.ReadDir(o.root.FS(), name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (o osFS) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // directories can not be synced there; renames are journalled
	}
	d, err := o.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (o osFS) Lock(name string) (Lock, error) {
	f, err := o.root.OpenFile(name, os.O_RDWR|os.O_CREATE, FilePerm)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osLock{f}, nil
}

type osLock struct{ *os.File }

func (l osLock) Note(text string) error {
	if err := l.Truncate(0); err != nil {
		return err
	}
	_, err := l.WriteAt([]byte(text), 0)
	return err
}

// ReadFile returns the content of a file of at most max bytes; a longer one is
// [ErrTooLarge], so that a foreign file can not fill the memory.
func ReadFile(fsys FS, name string, max int64) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, ErrTooLarge
	}
	return data, nil
}

// WriteFile replaces a file atomically and durably: an exclusive temporary
// file in the same directory, sync, close, rename, sync of the directory. After
// an error the file holds the old content or the new, whole; with the error of
// any step but the last, the old.
func WriteFile(fsys FS, dir, name string, data []byte) (err error) {
	prefix := ""
	if dir != "." {
		prefix = dir + "/"
	}
	temp := prefix + name + ".tmp-" + rand.Text()
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(data))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(temp, prefix+name)
	}
	if err != nil {
		_ = fsys.Remove(temp) // the first error says what happened
		return err
	}
	return fsys.SyncDir(dir)
}
