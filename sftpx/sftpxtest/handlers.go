package sftpxtest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pkg/sftp"
)

// handlers answer the requests of one SFTP session.
type handlers struct{ s *Server }

// hook calls the user's hook.
func (h handlers) hook(op, path string) error {
	if h.s.opts.Hook == nil {
		return nil
	}
	return status(h.s.opts.Hook(op, path))
}

// status gives an error the status code that a client understands.
func status(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, fs.ErrPermission):
		return sftp.ErrSSHFxPermissionDenied
	case errors.Is(err, errors.ErrUnsupported):
		return sftp.ErrSSHFxOpUnsupported
	}
	return errors.New(err.Error()) // without what the SFTP package would read into it
}

// local is a path in the directory served.
func local(path string) string {
	if p := strings.TrimPrefix(path, "/"); p != "" {
		return p
	}
	return "."
}

// Filewrite opens a file for writing.
func (h handlers) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	if err := h.hook("open", r.Filepath); err != nil {
		return nil, err
	}
	flags := os.O_WRONLY
	p := r.Pflags()
	if p.Creat {
		flags |= os.O_CREATE
	}
	if p.Trunc {
		flags |= os.O_TRUNC
	}
	if p.Excl {
		flags |= os.O_EXCL
	}
	f, err := h.s.root.OpenFile(local(r.Filepath), flags, 0o644)
	if err != nil {
		return nil, status(err)
	}
	return &file{h, f, r.Filepath}, nil
}

// Fileread opens a file for reading.
func (h handlers) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	if err := h.hook("open", r.Filepath); err != nil {
		return nil, err
	}
	f, err := h.s.root.Open(local(r.Filepath))
	if err != nil {
		return nil, status(err)
	}
	return &file{h, f, r.Filepath}, nil
}

// Filecmd renames and removes; there is nothing else to do in a drop directory.
func (h handlers) Filecmd(r *sftp.Request) error {
	root := h.s.root
	switch r.Method {
	case "Rename":
		if err := h.hook("rename", r.Target); err != nil {
			return err
		}
		from, to := local(r.Filepath), local(r.Target)
		h.s.renames.Lock()
		defer h.s.renames.Unlock()
		if !h.s.opts.Overwrite {
			if _, err := root.Lstat(to); err == nil {
				return errors.New("the target exists")
			}
		}
		return status(root.Rename(from, to))
	case "Remove":
		if err := h.hook("remove", r.Filepath); err != nil {
			return err
		}
		return status(root.Remove(local(r.Filepath)))
	}
	if err := h.hook("other", r.Filepath); err != nil {
		return err
	}
	return sftp.ErrSSHFxOpUnsupported
}

// Filelist lists a directory or describes a file.
func (h handlers) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch r.Method {
	case "List":
		if err := h.hook("list", r.Filepath); err != nil {
			return nil, err
		}
		d, err := h.s.root.Open(local(r.Filepath))
		if err != nil {
			return nil, status(err)
		}
		defer d.Close()
		infos, err := d.Readdir(-1)
		return lister(infos), status(err)
	case "Stat":
		if err := h.hook("stat", r.Filepath); err != nil {
			return nil, err
		}
		fi, err := h.s.root.Stat(local(r.Filepath))
		return lister{fi}, status(err)
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat describes a file or a link.
func (h handlers) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	if err := h.hook("lstat", r.Filepath); err != nil {
		return nil, err
	}
	fi, err := h.s.root.Lstat(local(r.Filepath))
	return lister{fi}, status(err)
}

type lister []os.FileInfo

// ListAt copies entries from an offset on.
func (l lister) ListAt(to []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[offset:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

// file is an open file.
type file struct {
	h    handlers
	f    *os.File
	path string
}

// WriteAt writes.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.h.hook("write", f.path); err != nil {
		return 0, err
	}
	n, err := f.f.WriteAt(p, offset)
	return n, status(err)
}

// ReadAt reads.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.h.hook("read", f.path); err != nil {
		return 0, err
	}
	return f.f.ReadAt(p, offset)
}

// Close closes the file even if the hook refuses: the answer is all that it changes.
func (f *file) Close() error {
	err := f.h.hook("close", f.path)
	return errors.Join(err, status(f.f.Close()))
}
