package splio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
)

const spoolName = "spool"

// spool keeps rendered rows until the comparison has told which of them are
// sent. It holds personal data: the file loses its name at once where the
// system allows it, and is private anyway.
//
// A row is its length in bytes, its number, its source line, its cells and, when
// they may be wanted, the values it was rendered from; a cell or value is its
// length plus one and its bytes, an absent one is zero. A rejected row has its
// key alone, one without a usable key has no cells at all.
type spool struct {
	fs   vfs.FS
	file vfs.File
	size int64
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

// parseRow takes a row apart, after its length. The cells share its memory and
// are appended to cells.
func parseRow(b []byte, cells [][]byte) (seq, line int64, out [][]byte, err error) {
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
	seq, line = int64(next()), int64(next())
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
		return 0, 0, nil, errSpool
	}
	return seq, line, cells, nil
}

// spoolReader finds rows by ascending number.
type spoolReader struct {
	r     *bufio.Reader
	buf   []byte
	cells [][]byte
}

func (s *spool) read() *spoolReader {
	return &spoolReader{r: bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 256<<10)}
}

// find returns the row with a number that was added: its line, and its cells
// with the values after them, which are valid until the next call.
func (r *spoolReader) find(seq int64) (line int64, cells [][]byte, err error) {
	for {
		n, err := binary.ReadUvarint(r.r)
		if err != nil {
			return 0, nil, fmt.Errorf("splio: read the spool: %w", err)
		}
		head, err := r.r.Peek(int(min(n, binary.MaxVarintLen64)))
		if err != nil {
			return 0, nil, fmt.Errorf("splio: read the spool: %w", err)
		}
		if at, _ := binary.Uvarint(head); int64(at) != seq {
			if _, err := r.r.Discard(int(n)); err != nil {
				return 0, nil, fmt.Errorf("splio: read the spool: %w", err)
			}
			continue
		}
		r.buf = append(r.buf[:0], make([]byte, n)...)
		if _, err := io.ReadFull(r.r, r.buf); err != nil {
			return 0, nil, fmt.Errorf("splio: read the spool: %w", err)
		}
		_, line, r.cells, err = parseRow(r.buf, r.cells[:0])
		return line, r.cells, err
	}
}
