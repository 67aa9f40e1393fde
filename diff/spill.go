package diff

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"runtime"
)

// Sizes of what is read and written at once. Offsets in a temporary file are
// multiples of a page: others cost a system several times the work.
const (
	pageSize  = 4 << 10
	writeSize = 256 << 10
	readSize  = 128 << 10
)

// spillFile is what is used of a temporary file.
type spillFile interface {
	io.ReaderAt
	io.Writer
	io.Closer
}

// spill is a temporary file. It holds digests, never values, and is neither
// synced nor checksummed, since it never outlives the run.
type spill struct {
	file   spillFile
	path   string
	remove func() error // nil when the name is gone already
	size   int64        // bytes written, and in buf
	buf    []byte
}

// newSpill creates a temporary file in the directory of the store, or in that
// of the operating system when the store is not to be written to. Where an
// open file can lose its name it does at once, so that nothing is left behind
// whatever happens.
func newSpill(s *Store) (*spill, error) {
	var f *spill
	if s.opts.ReadOnly {
		file, err := os.CreateTemp("", tempPrefix)
		if err != nil {
			return nil, fmt.Errorf("diff: create a temporary file: %w", err)
		}
		f = &spill{file: file, path: file.Name(), remove: func() error { return os.Remove(file.Name()) }}
	} else {
		var id snapshotID
		rand.Read(id[:])
		name := tempPrefix + id.String()
		if s.fs == nil {
			return nil, s.usable()
		}
		file, err := s.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return nil, fmt.Errorf("diff: create %s: %w", s.path(name), err)
		}
		f = &spill{file: file, path: s.path(name), remove: func() error {
			if s.fs == nil {
				return nil // the store was closed; the next Begin removes it
			}
			return s.remove(name)
		}}
	}
	if runtime.GOOS != "windows" {
		remove := f.remove
		f.remove = nil
		if err := remove(); err != nil {
			_ = f.file.Close() // what stays is removed by the next Begin
			return nil, fmt.Errorf("diff: remove the name of %s: %w", f.path, err)
		}
	}
	f.buf = make([]byte, 0, writeSize)
	return f, nil
}

// write appends bytes.
func (f *spill) write(b []byte) error {
	f.size += int64(len(b))
	for len(b) > 0 {
		n := copy(f.buf[len(f.buf):cap(f.buf)], b)
		f.buf = f.buf[:len(f.buf)+n]
		b = b[n:]
		if len(f.buf) == cap(f.buf) {
			if err := f.out(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes what is buffered, and fills the page.
func (f *spill) flush() error {
	pad := -len(f.buf) & (pageSize - 1)
	f.buf = f.buf[:len(f.buf)+pad]
	clear(f.buf[len(f.buf)-pad:])
	f.size += int64(pad)
	return f.out()
}

func (f *spill) out() error {
	if len(f.buf) == 0 {
		return nil
	}
	if _, err := f.file.Write(f.buf); err != nil {
		return fmt.Errorf("diff: write temporary file %s: %w", f.path, err)
	}
	f.buf = f.buf[:0]
	return nil
}

// read returns n bytes from an offset on, in buf, which is larger by a page.
// It may be called by several goroutines, after the last write.
func (f *spill) read(buf []byte, at int64, n int) ([]byte, error) {
	skip := int(at & (pageSize - 1))
	whole := (skip + n + pageSize - 1) &^ (pageSize - 1)
	got, err := f.file.ReadAt(buf[:whole], at-int64(skip))
	if got < skip+n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("diff: read temporary file %s: %w", f.path, err)
	}
	return buf[skip:][:n], nil
}

// close closes and removes the file. It may be called on nil.
func (f *spill) close() error {
	if f == nil {
		return nil
	}
	err := f.file.Close()
	if f.remove != nil {
		if rerr := f.remove(); err == nil {
			err = rerr
		}
	}
	if err != nil {
		return fmt.Errorf("diff: close temporary file %s: %w", f.path, err)
	}
	return nil
}
