package diff

import (
	"bufio"
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
	ending
	path     string
	file     vfs.File
	size     int // of a record
	sections [2]section
	totals   totals
	settled  bool // all was read, and is what the end record says
}

// section is a part of a snapshot in which the partitions ascend.
type section struct {
	body   int64 // where it begins
	limit  int64 // where it ends
	first  uint32
	behind uint32 // the number of its first block, and that behind its last one

	window []byte // what was read, and before it room for what is left of the read before
	from   int    // where in window the next byte is
	to     int    // where what was read ends
	at     int64  // where in the file that is, a multiple of a page
	next   uint32 // number of the next block
	last   int64  // partition of the last block, -1 at first
	buf    []byte // records of the block read ahead, in window
	part   uint32 // its partition
}

// Sizes of the window: of all of it, and of the room at its begin, which is
// enough for a block.
const (
	windowSize = 256 << 10
	aheadSize  = (blockTarget + blockHeader + pageSize) &^ (pageSize - 1)
)

// openSnapshot opens a snapshot and reads its header and its end record. A missing
// file is an error that matches fs.ErrNotExist.
func openSnapshot(fsys vfs.FS, name, path string) (*reader, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("diff: open %s: %w", path, err)
	}
	r := &reader{path: path, file: f}
	if err := r.open(); err != nil {
		return nil, errors.Join(r.fail(err), f.Close())
	}
	return r, nil
}

func (r *reader) open() error {
	size, err := r.file.Size()
	if err != nil {
		return err
	}
	var head []byte
	in := bufio.NewReader(io.NewSectionReader(r.file, 0, size))
	r.header, err = parseHeader(func(n int) ([]byte, error) {
		grow := make([]byte, n-len(head))
		if _, err := io.ReadFull(in, grow); err != nil {
			return nil, short(err, "the header")
		}
		head = append(head, grow...)
		return head, nil
	})
	if err != nil {
		return err
	}
	body := int64(len(head))
	tail := make([]byte, min(size-body, int64(endMost)))
	if _, err := r.file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	if r.ending, err = parseEnding(r.id, tail, body, size); err != nil {
		return err
	}
	r.size = recordSize(len(r.columns))
	r.sections[0] = section{body: body, limit: r.second, behind: r.first}
	r.sections[1] = section{body: r.second, limit: r.ending.at, first: r.first, behind: r.blocks}
	r.rewind()
	return nil
}

// rewind goes back to the first block. What follows is checked as before.
func (r *reader) rewind() {
	r.totals, r.settled = totals{}, false
	for i := range r.sections {
		s := &r.sections[i]
		s.at, s.from, s.to = s.body&^(pageSize-1), aheadSize, aheadSize
		s.next, s.last, s.buf = s.first, -1, nil
	}
}

// pos is where the next byte of a section is in the file.
func (s *section) pos() int64 { return max(s.body, s.at-int64(s.to-s.from)) }

// take returns the next n bytes of a section, which are valid until the next call.
func (r *reader) take(s *section, n int) ([]byte, error) {
	if s.pos()+int64(n) > s.limit {
		return nil, damaged("block %d goes on behind its end", s.next)
	}
	if s.window == nil {
		s.window = make([]byte, windowSize)
	}
	skip := 0
	if s.at < s.body { // the first page has something else before
		skip = int(s.body - s.at)
	}
	for s.to-s.from < skip+n {
		s.from = aheadSize - copy(s.window[aheadSize-(s.to-s.from):], s.window[s.from:s.to])
		got, err := r.file.ReadAt(s.window[aheadSize:], s.at)
		s.to = aheadSize + got
		s.at += int64(got)
		if err != nil && (err != io.EOF || s.to-s.from < skip+n) {
			return nil, short(err, "block %d", s.next)
		}
	}
	s.from += skip + n
	return s.window[s.from-n : s.from], nil
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

// next returns the records of the next block and their partition; at the end it
// returns none. They are valid until the next call.
func (r *reader) next() (partition uint32, records []byte, err error) {
	for i := range r.sections {
		s := &r.sections[i]
		if s.pos() == s.limit {
			continue
		}
		err := r.block(s)
		records, s.buf = s.buf, nil
		return s.part, records, err
	}
	return 0, nil, r.settle()
}

// partition appends the records of one partition, of 2^bits, to dst. Partitions
// must be asked for in ascending order, and bits be at most partitionBits. The
// last one comes only after all was read and counted.
func (r *reader) partition(dst []byte, number uint32, bits uint8) ([]byte, error) {
	shift := r.partitionBits - bits
	for i := range r.sections {
		s := &r.sections[i]
		for {
			if len(s.buf) == 0 {
				if s.pos() == s.limit {
					break
				}
				if err := r.block(s); err != nil {
					return dst, err
				}
			}
			if s.part>>shift != number {
				break
			}
			dst = append(dst, s.buf...)
			s.buf = nil
		}
	}
	if number == 1<<bits-1 {
		return dst, r.settle()
	}
	return dst, nil
}

// drain reads what is left, up to the end record.
func (r *reader) drain() error {
	for {
		_, records, err := r.next()
		if err != nil || len(records) == 0 {
			return err
		}
	}
}

// block reads the next block of a section.
func (r *reader) block(s *section) error {
	if err := r.readBlock(s); err != nil {
		s.buf = nil
		return r.fail(err)
	}
	return nil
}

func (r *reader) readBlock(s *section) error {
	b, err := r.take(s, blockHeader)
	if err != nil {
		return err
	}
	head := [blockHeader]byte(b)
	part, n := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if s.next == s.behind || part >= 1<<r.partitionBits || int64(part) < s.last || n == 0 || n > uint32(blockRecords(len(r.columns))) {
		return damaged("block %d has an impossible header", s.next)
	}
	records, err := r.take(s, int(n)*r.size)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head[8:]) != blockSum(r.id, s.next, head[:], records) {
		return damaged("block %d fails its checksum", s.next)
	}
	for i := 0; i < len(records); i += r.size {
		rec := record(records[i:])
		if partitionOf(rec, r.partitionBits) != part || rec.flags()&^knownFlags != 0 || int(rec.note()) > len(r.notes) {
			return damaged("block %d holds an impossible record", s.next)
		}
		r.totals.add(rec.flags())
	}
	s.buf, s.part, s.last = records, part, int64(part)
	s.next++
	return nil
}

// settle compares all that was read with the end record.
func (r *reader) settle() error {
	if r.settled {
		return nil
	}
	for i := range r.sections {
		if s := &r.sections[i]; s.next != s.behind {
			return r.fail(damaged("blocks are missing"))
		}
	}
	if r.totals != r.ending.totals {
		return r.fail(damaged("the end record does not match the content"))
	}
	r.settled = true
	return nil
}

// partitionOf returns the first bits of a key digest, which b begins with.
func partitionOf(b []byte, bits uint8) uint32 {
	return uint32(uint64(binary.BigEndian.Uint32(b)) >> (32 - bits))
}
