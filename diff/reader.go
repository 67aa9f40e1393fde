package diff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spliosync/spliosync/internal/vfs"
)

// reader reads a snapshot from front to back. Whatever the bytes, it returns
// records that passed their checksums or an error that matches a sentinel.
type reader struct {
	*header
	path   string
	file   vfs.File
	window []byte // what was read, and before it room for what is left of the read before
	from   int    // where in window the next byte is
	to     int    // where what was read ends
	at     int64  // where in the file that is, a multiple of a page
	body   int64  // where in the file the first block is
	size   int    // of a record
	blocks uint32
	totals totals
	last   int64  // partition of the last block, -1 at first
	buf    []byte // records of the block read ahead, in window
	part   uint32 // its partition
	done   bool   // the end record was read
}

// Sizes of the window: of all of it, and of the room at its begin, which is
// enough for a block.
const (
	windowSize = 256 << 10
	aheadSize  = (blockTarget + blockHeader + pageSize) &^ (pageSize - 1)
)

// openSnapshot opens a snapshot and reads its header. A missing file is an
// error that matches fs.ErrNotExist.
func openSnapshot(fsys vfs.FS, name, path string) (*reader, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("diff: open %s: %w", path, err)
	}
	r := &reader{path: path, file: f, window: make([]byte, windowSize), last: -1}
	var head []byte
	r.header, err = parseHeader(func(n int) ([]byte, error) {
		grow, err := r.take(n - len(head))
		if err != nil {
			return nil, short(err, "the header")
		}
		head = append(head, grow...)
		return head, nil
	})
	if err != nil {
		return nil, errors.Join(r.fail(err), f.Close())
	}
	r.body = r.at - int64(r.to-r.from)
	r.size = recordSize(len(r.columns))
	return r, nil
}

// take returns the next n bytes, which are valid until the next call, or
// io.ErrUnexpectedEOF when there are fewer; io.EOF when there are none.
func (r *reader) take(n int) ([]byte, error) {
	for r.to-r.from < n {
		r.from = aheadSize - copy(r.window[aheadSize-(r.to-r.from):], r.window[r.from:r.to])
		got, err := r.file.ReadAt(r.window[aheadSize:], r.at)
		r.to = aheadSize + got
		r.at += int64(got)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if got < windowSize-aheadSize && r.to-r.from < n {
			if r.to == r.from {
				return nil, io.EOF
			}
			return nil, io.ErrUnexpectedEOF
		}
	}
	r.from += n
	return r.window[r.from-n : r.from], nil
}

// rewind goes back to the first block. What follows is checked as before.
func (r *reader) rewind() error {
	r.at, r.from, r.to = r.body&^(pageSize-1), aheadSize, aheadSize
	r.blocks, r.totals, r.last, r.buf, r.done = 0, totals{}, -1, nil, false
	if _, err := r.take(int(r.body - r.at)); err != nil {
		return r.fail(short(err, "the header"))
	}
	return nil
}

// close closes the file. It may be repeated.
func (r *reader) close() error {
	f := r.file
	if f == nil {
		return nil
	}
	r.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("diff: close %s: %w", r.path, err)
	}
	return nil
}

// fail names the file in errors about its content; others pass.
func (r *reader) fail(err error) error {
	for _, s := range []error{ErrDamaged, ErrForeign, ErrVersion} {
		if errors.Is(err, s) {
			if s == ErrDamaged {
				err = fmt.Errorf("%w: %s", err, wayOut(r.path))
			}
			return &StateError{Path: r.path, Err: err}
		}
	}
	return fmt.Errorf("diff: read %s: %w", r.path, err)
}

// wayOut says what to do about a damaged snapshot.
func wayOut(path string) string {
	if filepath.Base(path) != currentName {
		return "discard it, and run again"
	}
	return "put back a copy of it that was made after the last run, or " + startAnew(filepath.Dir(path))
}

// startAnew says what is left to do where no snapshot can be used, and what it costs.
func startAnew(dir string) string {
	return fmt.Sprintf("move the directory %s away and run once with Refresh, which sends every record once more", dir)
}

// short turns an early end into damage and passes other read errors.
func short(err error, what string, args ...any) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("truncated in %s: %w", fmt.Sprintf(what, args...), io.ErrUnexpectedEOF)
	}
	return err
}

// next returns the records of the next block and their partition; after the
// end record it returns none. They are valid until the next call.
func (r *reader) next() (partition uint32, records []byte, err error) {
	r.buf = r.buf[:0]
	if !r.done {
		if err := r.block(); err != nil {
			return 0, nil, r.fail(err)
		}
	}
	return r.part, r.buf, nil
}

// partition appends the records of one partition, of 2^bits, to dst. Partitions
// must be asked for in ascending order, and bits be at most partitionBits. The
// last one comes only after the end record was read.
func (r *reader) partition(dst []byte, number uint32, bits uint8) ([]byte, error) {
	shift := r.partitionBits - bits
	for {
		if len(r.buf) == 0 && !r.done {
			if err := r.block(); err != nil {
				return dst, r.fail(err)
			}
		}
		if r.done || r.part>>shift != number {
			return dst, nil
		}
		dst = append(dst, r.buf...)
		r.buf = r.buf[:0]
	}
}

// drain reads what is left, up to the end record.
func (r *reader) drain() error {
	for !r.done {
		if err := r.block(); err != nil {
			return r.fail(err)
		}
	}
	return nil
}

// block reads the next block or the end record.
func (r *reader) block() error {
	b, err := r.take(blockHeader)
	if err != nil {
		return short(err, "block %d", r.blocks)
	}
	head := [blockHeader]byte(b)
	part, n := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if part == endMark {
		return r.end(head[:], n)
	}
	if part >= 1<<r.partitionBits || int64(part) < r.last || n == 0 || n > uint32(blockRecords(len(r.columns))) {
		return damaged("block %d has an impossible header", r.blocks)
	}
	records, err := r.take(int(n) * r.size)
	if err != nil {
		return short(err, "block %d", r.blocks)
	}
	if binary.LittleEndian.Uint32(head[8:]) != blockSum(r.id, r.blocks, head[:], records) {
		return damaged("block %d fails its checksum", r.blocks)
	}
	for i := 0; i < len(records); i += r.size {
		rec := record(records[i:])
		if partitionOf(rec, r.partitionBits) != part || rec.flags()&^knownFlags != 0 || int(rec.note()) > len(r.notes) {
			return damaged("block %d holds an impossible record", r.blocks)
		}
		r.totals.add(rec.flags())
	}
	r.buf, r.part, r.last = records, part, int64(part)
	r.blocks++
	return nil
}

func (r *reader) end(head []byte, blocks uint32) error {
	body, err := r.take(endSize - blockHeader)
	if err != nil {
		return short(err, "the end record")
	}
	if binary.LittleEndian.Uint32(head[8:]) != blockSum(r.id, r.blocks, head, body) {
		return damaged("the end record fails its checksum")
	}
	var t totals
	for i, v := range []*int64{&t.records, &t.unconfirmed, &t.due} {
		*v = int64(binary.LittleEndian.Uint64(body[8*i:]))
	}
	if blocks != r.blocks || t != r.totals || string(body[24:]) != endMagic {
		return damaged("the end record does not match the content")
	}
	switch _, err := r.take(1); err {
	case io.EOF:
		r.done = true
		return nil
	case nil:
		return damaged("bytes after the end record")
	default:
		return err
	}
}

// partitionOf returns the first bits of a key digest, which b begins with.
func partitionOf(b []byte, bits uint8) uint32 {
	return uint32(uint64(binary.BigEndian.Uint32(b)) >> (32 - bits))
}
