package sftpx

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkName returns an error matching fs.ErrInvalid unless name is a bare file name on every system: the rule is the strictest of all, so
// that a name that passes in a test passes at the destination. The message does not repeat a name that could garble a terminal.
func checkName(what, name string) error {
	problem := ""
	switch {
	case name == "":
		problem = "is empty"
	case !utf8.ValidString(name):
		problem = "is not valid UTF-8"
	case name == "." || name == "..":
		problem = "is a directory"
	case strings.ContainsAny(name, `/\`):
		problem = "contains a slash or a backslash: a bare name is needed"
	case strings.ContainsFunc(name, unicode.IsControl):
		problem = "contains a control character"
	default:
		return nil
	}
	return fmt.Errorf("%s %q %s: %w", what, name, problem, fs.ErrInvalid)
}

// checkPut checks what every Put is given.
func checkPut(name, temp string, body *io.SectionReader) error {
	if err := checkName("name", name); err != nil {
		return err
	}
	if err := checkName("temporary name", temp); err != nil {
		return err
	}
	if name == temp {
		return fmt.Errorf("temporary name %q is the final name too: %w", temp, fs.ErrInvalid)
	}
	if body == nil {
		return fmt.Errorf("no body for %q: %w", name, fs.ErrInvalid)
	}
	return nil
}

// bodyReader reads a body from its beginning, once, until ctx ends.
type bodyReader struct {
	ctx  context.Context
	r    *io.SectionReader
	size int64
	n    int64
	err  error // the first error that was not io.EOF

	busy func(bool) // told when a read begins and ends; may be nil
}

func newBodyReader(ctx context.Context, body *io.SectionReader) *bodyReader {
	return &bodyReader{ctx: ctx, r: io.NewSectionReader(body, 0, body.Size()), size: body.Size()}
}

// Read implements io.Reader.
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		b.err = contextError(b.ctx)
		return 0, b.err
	}
	if b.busy != nil {
		b.busy(true)
		defer b.busy(false)
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	if err != nil && err != io.EOF {
		b.err = fmt.Errorf("read the body at byte %d: %w", b.n, err)
		return n, b.err
	}
	return n, err
}

// whole returns nil when the body has been read to its end.
func (b *bodyReader) whole() error {
	switch {
	case b.err != nil:
		return b.err
	case b.n != b.size:
		return fmt.Errorf("the body ends after %d of %d bytes: %w", b.n, b.size, io.ErrUnexpectedEOF)
	}
	return nil
}
