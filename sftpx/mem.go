package sftpx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// Mem is a drop directory in memory, for tests. Its zero value is empty and ready. It keeps the contract of the package; a file
// that is being written is not seen at all. It is safe for concurrent use and must not be copied after first use.
type Mem struct {
	mu    sync.Mutex
	files map[string][]byte
}

// Put implements the contract of the package.
func (m *Mem) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if err := checkPut(name, temp, body); err != nil {
		return fmt.Errorf("sftpx: put: %w", err)
	}
	if err := m.put(ctx, name, temp, body); err != nil {
		return fmt.Errorf("sftpx: put %q in memory: %w", name, err)
	}
	return nil
}

func (m *Mem) put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	m.mu.Lock()
	_, taken := m.files[name]
	delete(m.files, temp)
	m.mu.Unlock()
	if taken {
		return fs.ErrExist
	}

	// The lock is not held while the caller's body is read.
	var data bytes.Buffer
	data.Grow(int(min(body.Size(), 16<<20)))
	r := newBodyReader(ctx, body)
	io.Copy(&data, r) // whole tells
	if err := r.whole(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, temp)
	if _, taken := m.files[name]; taken {
		return fs.ErrExist
	}
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[name] = data.Bytes()
	return nil
}

// Size implements the contract of the package.
func (m *Mem) Size(ctx context.Context, name string) (int64, error) {
	if err := checkName("name", name); err != nil {
		return 0, fmt.Errorf("sftpx: size: %w", err)
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("sftpx: size of %q in memory: %w", name, contextError(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return 0, fmt.Errorf("sftpx: size of %q in memory: %w", name, fs.ErrNotExist)
	}
	return int64(len(data)), nil
}

// Names returns the names of the files, sorted.
func (m *Mem) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files))
}

// ReadFile returns a copy of a file's content; the error matches [fs.ErrNotExist] when there is no such file.
func (m *Mem) ReadFile(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("sftpx: read %q in memory: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(data), nil
}

// Remove takes a file away, as the reader of a drop directory does; the error matches [fs.ErrNotExist] when there is no such file.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; !ok {
		return fmt.Errorf("sftpx: remove %q in memory: %w", name, fs.ErrNotExist)
	}
	delete(m.files, name)
	return nil
}
