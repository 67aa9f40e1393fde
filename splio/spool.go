package splio

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
)

const spoolName = "spool"

// spool keeps the rendered rows of a segment that can not be read again, until the comparison has told which of them are
// sent. It holds personal data: the file loses its name at once where the
// system allows it, and is private anyway.
//
// A row is its length in bytes, its number, its source line, its cells and, when
// they may be wanted, the values it was rendered from; a cell or value is its
// length plus one and its bytes, an absent one is zero. A rejected row has its
// key alone, one without a usable key has no cells at all.
type spool struct {
	fs    vfs.FS
	file  vfs.File
	size  int64
	early *early // takes the lines, if there is one
}

func (j *job) newSpool() (*spool, error) {
	name := outboxDir + "/" + spoolName
	f, err := j.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, fmt.Errorf("splio: create the spool: %w", err)
	}
	_ = j.fs.Remove(name) // where it fails, close removes it
	return &spool{fs: j.fs, file: f}, nil
}

func (s *spool) close() error {
	err := s.file.Close()
	if rerr := s.fs.Remove(outboxDir + "/" + spoolName); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		return fmt.Errorf("splio: close the spool: %w", err)
	}
	return nil
}

// write appends rows, whose numbers ascend.
func (s *spool) write(rows []byte) error {
	if s.early != nil {
		return s.early.write(rows)
	}
	n, err := s.file.Write(rows)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("splio: write the spool: %w", err)
	}
	return nil
}

// rowEncoder lays out rows.
type rowEncoder struct{ row, value []byte } // scratch

// append appends a row to dst.
func (e *rowEncoder) append(dst []byte, seq, line int64, cells [][]byte, values []mapping.Value) []byte {
	b := binary.AppendUvarint(e.row[:0], uint64(seq))
	b = binary.AppendUvarint(b, uint64(line))
	for _, c := range cells {
		if c == nil {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(c))+1)
		b = append(b, c...)
	}
	for _, v := range values {
		if v == (mapping.Value{}) {
			b = append(b, 0)
			continue
		}
		e.value = v.AppendPlain(e.value[:0])
		b = binary.AppendUvarint(b, uint64(len(e.value))+1)
		b = append(b, e.value...)
	}
	e.row = b
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

var errSpool = errors.New("splio: read the spool: it was altered while in use")

// spooled is a row that was rendered.
type spooled struct {
	seq, line int64
	cells     [][]byte // with the values behind them, if there are any
}

// nextRow takes the first row of b apart and returns the rest of b. The cells
// share its memory; the slice of them is buf, when it is large enough.
func nextRow(b []byte, buf [][]byte) (r spooled, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return r, nil, errSpool
	}
	r, err = parseRow(b[n:][:size], buf[:0])
	return r, b[n:][size:], err
}

// parseRow takes a row apart, after its length.
func parseRow(b []byte, cells [][]byte) (r spooled, err error) {
	bad := false
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			bad = true
			return 0
		}
		b = b[n:]
		return v
	}
	r.seq, r.line = int64(next()), int64(next())
	for len(b) > 0 && !bad {
		switch n := next(); {
		case bad:
		case n == 0:
			cells = append(cells, nil)
		case n-1 > uint64(len(b)):
			bad = true
		default:
			cells = append(cells, b[:n-1:n-1])
			b = b[n-1:]
		}
	}
	if bad {
		return spooled{}, errSpool
	}
	r.cells = cells
	return r, nil
}

func (s *spool) each(_ context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 256<<10)
	var buf []byte
	var cells [][]byte
	for c, err := range changes {
		if err != nil {
			return err
		}
		if buf, err = findRow(in, c.Seq, buf); err != nil {
			return fmt.Errorf("splio: read the spool: %w", err)
		}
		r, err := parseRow(buf, cells[:0])
		if err != nil {
			return err
		}
		cells = r.cells
		if err := visit(c, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *spool) keys(ctx context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error {
	return s.each(ctx, changes, visit)
}

// findRow goes on to the row with a number that was added, and returns it in
// the memory of buf, without its length.
func findRow(in *bufio.Reader, seq int64, buf []byte) ([]byte, error) {
	for {
		n, err := binary.ReadUvarint(in)
		if err != nil {
			return buf, err
		}
		head, err := in.Peek(int(min(n, binary.MaxVarintLen64)))
		if err != nil {
			return buf, err
		}
		if at, _ := binary.Uvarint(head); int64(at) != seq {
			if _, err := in.Discard(int(n)); err != nil {
				return buf, err
			}
			continue
		}
		buf = slices.Grow(buf[:0], int(n))[:n]
		_, err = io.ReadFull(in, buf)
		return buf, err
	}
}
