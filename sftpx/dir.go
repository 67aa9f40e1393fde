package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// Dir is a local drop directory: a mounted share, or a folder that another program watches. Its value is the path of the directory, which
// must exist; there is no default. It keeps the contract of the package and is safe for concurrent use, by several processes too.
//
// Files are made with mode 0644 less the umask, so that a reader with another account can take them: what protects their
// content is the directory's own mode. A file is synced to disk before it appears under its name, and the directory after.
//
// It appears by a rename that fails when the name is taken, where the system has one (Linux), otherwise by a hard link, of which
// a process that is killed in that instant leaves the temporary name as well. Where the file system has neither, a look
// followed by a rename takes their place, and another writer that makes the same name in that instant may be overwritten.
type Dir string

// Put implements the contract of the package.
func (d Dir) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if err := checkPut(name, temp, body); err != nil {
		return fmt.Errorf("sftpx: put: %w", err)
	}
	root, err := d.open(ctx)
	if err != nil {
		return fmt.Errorf("sftpx: put %q: %w", name, err)
	}
	defer root.Close()
	if err := putLocal(ctx, root, name, temp, body); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("its disk is full: make room: %w", err)
		}
		return fmt.Errorf("sftpx: put %q into directory %q: %w", name, string(d), err)
	}
	return nil
}

// Size implements the contract of the package.
func (d Dir) Size(ctx context.Context, name string) (int64, error) {
	if err := checkName("name", name); err != nil {
		return 0, fmt.Errorf("sftpx: size: %w", err)
	}
	root, err := d.open(ctx)
	if err != nil {
		return 0, fmt.Errorf("sftpx: size of %q: %w", name, err)
	}
	defer root.Close()
	fi, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return 0, fmt.Errorf("sftpx: size of %q in directory %q: %w: %w", name, string(d), errors.ErrUnsupported, err)
	case err != nil:
		return 0, fmt.Errorf("sftpx: size of %q in directory %q: %w", name, string(d), err)
	}
	return fi.Size(), nil
}

func (d Dir) open(ctx context.Context) (*os.Root, error) {
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if d == "" {
		return nil, fmt.Errorf("the drop directory is not set: %w", fs.ErrInvalid)
	}
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, fmt.Errorf("drop directory %q: %w", string(d), err)
	}
	return root, nil
}

func putLocal(ctx context.Context, root *os.Root, name, temp string, body *io.SectionReader) (err error) {
	// A leftover is unlinked, never truncated: after a crash between link and unlink it is the published file under a second name, and the
	// reader may have moved the first one out of sight already.
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the leftover: %w", err)
	}
	if err := free(root, name); err != nil {
		return err
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			root.Remove(temp)
		}
	}()
	written, err := writeLocal(ctx, f, body)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}

	fi, err := root.Lstat(temp)
	switch {
	case err != nil:
		return err
	case !os.SameFile(fi, written):
		return fmt.Errorf("temporary file %q was replaced by another writer", temp)
	case fi.Size() != body.Size():
		return fmt.Errorf("temporary file %q has %d bytes, want %d", temp, fi.Size(), body.Size())
	case ctx.Err() != nil:
		return contextError(ctx)
	}
	if err := publish(root, temp, name); err != nil {
		return err
	}
	return syncDir(root)
}

func writeLocal(ctx context.Context, f *os.File, body *io.SectionReader) (os.FileInfo, error) {
	r := newBodyReader(ctx, body)
	_, err := io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, 256<<10))
	if rerr := r.whole(); rerr != nil && (err == nil || r.err != nil) {
		return nil, rerr
	}
	if err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return f.Stat()
}

// free returns an error matching fs.ErrExist when the name is taken.
func free(root *os.Root, name string) error {
	_, err := root.Lstat(name)
	switch {
	case err == nil:
		return fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

func publish(root *os.Root, temp, name string) error {
	err := renameNew(root, temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	err = root.Link(temp, name)
	switch {
	case err == nil:
		root.Remove(temp) // published: a leftover does no harm
		return nil
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// No hard links here, or the link was refused for a reason that the rename will meet and report as well.
	if err := free(root, name); err != nil {
		return err
	}
	return root.Rename(temp, name)
}

func syncDir(root *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil // a directory can not be synced there
	}
	d, err := root.Open(".")
	if errors.Is(err, fs.ErrPermission) {
		return nil // a directory that may be written and searched, not read
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("the file is published, but the directory could not be synced: %w", err)
	}
	return nil
}
