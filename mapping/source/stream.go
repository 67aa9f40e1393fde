package source

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// input is a reader that gives nothing any more when the context has ended: however much of the text goes by without
// making a record, such as blank lines, somebody may want to stop it.
type input struct {
	ctx context.Context // of the current call
	r   io.Reader
}

func (i *input) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, fmt.Errorf("stopped: %w", context.Cause(i.ctx))
	}
	return i.r.Read(p)
}

// text is a format of text, in the middle of being read. header is called once, and before records.
type text interface {
	header() ([]string, error)
	records(ctx context.Context) iter.Seq2[*mapping.Record, error]
}

// stream is a segment in a reader, and one reading of a file.
type stream struct {
	in     *input
	text   text
	opened bool
	spent  bool
	fields []string
	err    error // of the header
}

func (s *stream) Fields(ctx context.Context) ([]string, error) {
	if ctx.Err() != nil && !s.opened {
		return nil, stopped(ctx, 0)
	}
	s.open(ctx)
	return slices.Clone(s.fields), s.err
}

func (s *stream) open(ctx context.Context) {
	s.in.ctx = ctx
	if !s.opened {
		s.opened = true
		s.fields, s.err = s.text.header()
	}
}

func (s *stream) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		if s.spent {
			yield(nil, errSpent)
			return
		}
		s.spent = true
		if s.open(ctx); s.err != nil {
			yield(nil, s.err)
			return
		}
		s.text.records(ctx)(yield)
	}
}

// file is a segment in a file.
type file struct {
	path   string
	open   func(r io.Reader, name string) text
	fields []string    // as Fields last gave them
	info   os.FileInfo // as it was when its chunks were first read since
}

func (s *file) stream(f *os.File) *stream {
	in := &input{r: f}
	return &stream{in: in, text: s.open(in, s.path+": ")}
}

func (s *file) Fields(ctx context.Context) ([]string, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	fields, err := s.stream(f).Fields(ctx)
	if err != nil {
		return nil, err
	}
	s.fields, s.info = slices.Clone(fields), nil
	return fields, nil
}

func (s *file) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		r, err := s.read(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		more := true
		r.Records(ctx)(func(rec *mapping.Record, err error) bool {
			more = yield(rec, err) && err == nil
			return more
		})
		if more {
			if err := r.settled(); err != nil {
				yield(nil, err)
			}
		}
	}
}

// fileReading is one reading of a file.
type fileReading struct {
	*stream
	f      *os.File
	before os.FileInfo
	path   string
}

// read opens the file and reads its header.
func (s *file) read(ctx context.Context) (*fileReading, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	r := &fileReading{stream: s.stream(f), f: f, path: s.path}
	if r.before, err = f.Stat(); err != nil {
		r.close()
		return nil, fmt.Errorf("source: %w", err)
	}
	fields, err := r.Fields(ctx)
	if err == nil && s.fields != nil && !slices.Equal(fields, s.fields) {
		err = fmt.Errorf("source: %s: its fields have changed while it was in use", s.path)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *fileReading) close() { _ = r.f.Close() } // nothing was written

// settled makes sure that the file is as it was when it was opened: of one that is still being written, the end is missing.
func (r *fileReading) settled() error {
	after, err := r.f.Stat()
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if !unchanged(r.before, after) {
		return fmt.Errorf("source: %s: it was written to while it was read: wait until it is complete", r.path)
	}
	return nil
}

func unchanged(before, after os.FileInfo) bool {
	return after.Size() == before.Size() && after.ModTime().Equal(before.ModTime())
}
