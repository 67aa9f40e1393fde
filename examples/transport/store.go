package main

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

// memoryStore stands for an object store. Its zero value is empty.
type memoryStore struct {
	mu      sync.Mutex
	objects map[string][]byte
}

// PutIfAbsent implements ObjectStore. As in S3, a key that is taken is noticed
// when the whole body is there.
func (s *memoryStore) PutIfAbsent(_ context.Context, key string, body io.Reader, size int64) error {
	var content bytes.Buffer
	n, err := io.Copy(&content, body)
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%d bytes have come, not %d", n, size)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.objects[key]; taken {
		return fs.ErrExist
	}
	s.set(key, content.Bytes())
	return nil
}

func (s *memoryStore) set(key string, content []byte) {
	if s.objects == nil {
		s.objects = make(map[string][]byte)
	}
	s.objects[key] = content
}

// Head implements ObjectStore.
func (s *memoryStore) Head(_ context.Context, key string) (int64, error) {
	content, err := s.get(key)
	return int64(len(content)), err
}

// Delete implements ObjectStore.
func (s *memoryStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

func (s *memoryStore) get(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.objects[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return content, nil
}

func (s *memoryStore) put(key string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(key, content)
}

func (s *memoryStore) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}
