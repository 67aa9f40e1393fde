package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ObjectStore is what the transport needs of an object store: with the client of
// a provider, methods of a few lines.
type ObjectStore interface {
	// PutIfAbsent stores an object of that size, whole or not at all. When the key
	// is taken, the error matches fs.ErrExist: for S3, a PutObject with
	// If-None-Match "*", and a status of 412 or 409.
	PutIfAbsent(ctx context.Context, key string, body io.Reader, size int64) error

	// Head returns the size of an object. When there is none, the error matches
	// fs.ErrNotExist.
	Head(ctx context.Context, key string) (int64, error)

	// Delete removes an object. One that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// Bucket is a splio.Transport into an object store, below a prefix such as
// "splio/imports/". Its methods may be called at the same time.
type Bucket struct {
	Store  ObjectStore
	Prefix string
}

// Put implements splio.Transport. An object is there whole or not at all, so that
// there is no need for a temporary one and a rename. But whoever has used this
// transport before, or another one into the same directory, may have left one.
func (b Bucket) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if err := errors.Join(bare(name), bare(temp)); err != nil {
		return fmt.Errorf("bucket: put: %w", err)
	}
	if name == temp || body == nil {
		return fmt.Errorf("bucket: put %q: two different names and a body are needed: %w", name, fs.ErrInvalid)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("bucket: put %q: %w", name, context.Cause(ctx))
	}
	if err := b.Store.Delete(ctx, b.Prefix+temp); err != nil {
		return fmt.Errorf("bucket: remove %q: %w", temp, cause(ctx, err))
	}
	r := &reader{ctx: ctx, body: io.NewSectionReader(body, 0, body.Size())} // whatever its position
	if err := b.Store.PutIfAbsent(ctx, b.Prefix+name, r, body.Size()); err != nil {
		return fmt.Errorf("bucket: put %q: %w", name, cause(ctx, err))
	}
	return nil
}

// Size implements splio.Transport.
func (b Bucket) Size(ctx context.Context, name string) (int64, error) {
	if err := bare(name); err != nil {
		return 0, fmt.Errorf("bucket: size: %w", err)
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("bucket: size of %q: %w", name, context.Cause(ctx))
	}
	size, err := b.Store.Head(ctx, b.Prefix+name)
	if err != nil {
		return 0, fmt.Errorf("bucket: size of %q: %w", name, cause(ctx, err))
	}
	return size, nil
}

// bare reports a name that could lead anywhere else.
func bare(name string) error {
	if name == "" || name == "." || name == ".." || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }) {
		return fmt.Errorf("%q is not the bare name of a file: %w", name, fs.ErrInvalid)
	}
	return nil
}

// cause adds why a call was ended to an error that may not say so.
func cause(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
}

// reader reads a body until ctx ends, and tells of one that is shorter than it
// says, which a store would take for the end.
type reader struct {
	ctx  context.Context
	body *io.SectionReader
	read int64
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.body.Read(p)
	r.read += int64(n)
	if err == io.EOF && r.read < r.body.Size() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
