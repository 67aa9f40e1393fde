package splio_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/spliosync/spliosync/internal/vfs"
)

// memFS is a state directory in memory, for the tests that make thousands.
type memFS struct {
	mu     sync.Mutex
	files  map[string]*memNode
	dirs   map[string]bool
	locked map[string]bool
}

type memNode struct{ data []byte }

func newMemFS() *memFS {
	return &memFS{files: map[string]*memNode{}, dirs: map[string]bool{".": true}, locked: map[string]bool{}}
}

// clone copies what is in it, without locks.
func (m *memFS) clone() *memFS {
	c := newMemFS()
	for name, n := range m.files {
		c.files[name] = &memNode{bytes.Clone(n.data)}
	}
	c.dirs = maps.Clone(m.dirs)
	return c
}

func (m *memFS) OpenFile(name string, flag int) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.files[name]
	switch {
	case !m.dirs[path.Dir(name)], n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n == nil:
		n = new(memNode)
		m.files[name] = n
	case flag&os.O_TRUNC != 0:
		n.data = nil
	}
	return &memFile{fs: m, node: n}, nil
}

func (m *memFS) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.files[oldname]
	if n == nil || !m.dirs[path.Dir(newname)] {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	delete(m.files, oldname)
	m.files[newname] = n
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[name] && name != "." {
		inside := func(n string) bool { return path.Dir(n) == name }
		if slices.ContainsFunc(slices.Collect(maps.Keys(m.files)), inside) || slices.ContainsFunc(slices.Collect(maps.Keys(m.dirs)), inside) {
			return &fs.PathError{Op: "remove", Path: name, Err: errors.New("directory not empty")}
		}
		delete(m.dirs, name)
		return nil
	}
	if m.files[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(m.files, name)
	return nil
}

func (m *memFS) Mkdir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirs[name] = true
	return nil
}

func (m *memFS) ReadDir(name string) (names []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirs[name] {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	for f := range m.files {
		if path.Dir(f) == name {
			names = append(names, path.Base(f))
		}
	}
	for d := range m.dirs {
		if d != "." && path.Dir(d) == name {
			names = append(names, path.Base(d))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m *memFS) SyncDir(name string) error { _, err := m.ReadDir(name); return err }

func (m *memFS) Free() (int64, error) { return 0, errors.ErrUnsupported }

func (m *memFS) Lock(name string) (vfs.Lock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[name] {
		return nil, vfs.ErrLocked
	}
	m.locked[name] = true
	m.files[name] = new(memNode)
	return &memLock{m, name}, nil
}

func (*memFS) Close() error { return nil }

type memLock struct {
	fs   *memFS
	name string
}

func (l *memLock) Note(string) error { return nil }

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.name)
	return nil
}

type memFile struct {
	fs   *memFS
	node *memNode
	at   int
}

func (f *memFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, int64(f.at))
	f.at += n
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write appends, as all writers of the module do.
func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.data = append(f.node.data, p...)
	return len(p), nil
}

func (f *memFile) Sync() error          { return nil }
func (f *memFile) Close() error         { return nil }
func (f *memFile) Size() (int64, error) { return int64(len(f.node.data)), nil }
