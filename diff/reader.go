package diff

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/internal/vfs"
)

// reader reads a snapshot from front to back, together with the file that holds its
// records, if there is one. Whatever the bytes, it returns records
// that passed their checksums or an error that matches a sentinel.
type reader struct {
	*header
	ending
	path    string
	file    vfs.File
	size    int     // of a record
	body    *reader // the records of which this file has the changes; nil: there are none but those of this file
	totals  totals  // of the records that were read
	settled bool    // all was read, and is what the end record says

	begin  int64  // where the blocks begin
	window []byte // what was read, and before it room for what is left of the read before
	from   int    // where in window the next byte is
	to     int    // where what was read ends
	at     int64  // where in the file that is, a multiple of a page
	next   uint32 // number of the next block
	read   int64  // records in the blocks before
	last   int64  // partition of the last block, -1 at first
	buf    []byte // records of the block read ahead, in window
	part   uint32 // its partition

	number  uint32 // of the partition that all reads next
	merged  []byte // what it returned last
	changes []byte // the records of this file of one partition
	index   []uint32
}

// Sizes of the window: of all of it, and of the room at its begin, which is
// enough for a block.
const (
	windowSize = 256 << 10
	aheadSize  = (blockTarget + blockHeader + pageSize) &^ (pageSize - 1)
)

// openFile opens a file of a snapshot and reads its header and its end record. A
// missing file is an error that matches fs.ErrNotExist.
func openFile(fsys vfs.FS, name, path string) (*reader, error) {
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

// readHeader reads the header of a file of a snapshot.
func readHeader(fsys vfs.FS, name, path string) (_ *header, err error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("diff: open %s: %w", path, err)
	}
	r := &reader{path: path, file: f}
	if _, _, err := r.head(); err != nil {
		return nil, errors.Join(r.fail(err), r.close())
	}
	return r.header, r.close()
}

// head reads the header, and returns how long it and the file are.
func (r *reader) head() (length, size int64, err error) {
	if size, err = r.file.Size(); err != nil {
		return 0, 0, err
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
	return int64(len(head)), size, err
}

func (r *reader) open() (err error) {
	var size int64
	if r.begin, size, err = r.head(); err != nil {
		return err
	}
	tail := make([]byte, min(size-r.begin, int64(endMost)))
	if _, err := r.file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	if r.ending, err = parseEnding(r.id, tail, r.begin, size); err != nil {
		return err
	}
	r.size = recordSize(len(r.columns))
	r.rewind()
	return nil
}

// openRecords opens the file with the records of a snapshot, if there is one.
func (r *reader) openRecords(fsys vfs.FS, path func(name string) string) error {
	if r.header.body == (snapshotID{}) {
		return nil
	}
	name := recordsPrefix + r.header.body.String()
	body, err := openFile(fsys, name, path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &StateError{Path: path(name), Err: fmt.Errorf("%w: the file with the records of %s is missing: %s", ErrDamaged, filepath.Base(r.path), wayOut(path(name)))}
	case err != nil:
		return err
	}
	if b := body.header; b.id != r.header.body || b.body != (snapshotID{}) || b.check != r.check || b.scope != r.scope ||
		b.partitionBits != r.partitionBits || !slices.Equal(b.columns, r.columns) {
		return errors.Join(body.fail(damaged("it does not hold the records of %s", filepath.Base(r.path))), body.close())
	}
	body.notes = make(notes, maxNotes) // those of the snapshot count
	r.body = body
	return nil
}

// rewind goes back to the first record. What follows is checked as before.
func (r *reader) rewind() {
	r.totals, r.settled = totals{}, false
	r.at, r.from, r.to = r.begin&^(pageSize-1), aheadSize, aheadSize
	r.next, r.read, r.last, r.buf, r.number = 0, 0, -1, nil, 0
	if r.body != nil {
		r.body.rewind()
	}
}

// pos is where the next byte is in the file.
func (r *reader) pos() int64 { return max(r.begin, r.at-int64(r.to-r.from)) }

// take returns the next n bytes, which are valid until the next call.
func (r *reader) take(n int) ([]byte, error) {
	if r.pos()+int64(n) > r.ending.at {
		return nil, damaged("block %d goes on behind its end", r.next)
	}
	if r.window == nil {
		r.window = make([]byte, windowSize)
	}
	skip := 0
	if r.at < r.begin { // the first page has something else before
		skip = int(r.begin - r.at)
	}
	for r.to-r.from < skip+n {
		r.from = aheadSize - copy(r.window[aheadSize-(r.to-r.from):], r.window[r.from:r.to])
		got, err := r.file.ReadAt(r.window[aheadSize:], r.at)
		r.to = aheadSize + got
		r.at += int64(got)
		if err != nil && (err != io.EOF || r.to-r.from < skip+n) {
			return nil, short(err, "block %d", r.next)
		}
	}
	r.from += skip + n
	return r.window[r.from-n : r.from], nil
}

// close closes the files. It may be repeated.
func (r *reader) close() error {
	var err error
	if r.body != nil {
		err = r.body.close()
	}
	f := r.file
	r.file = nil
	if f == nil {
		return err
	}
	if cerr := f.Close(); cerr != nil {
		err = errors.Join(fmt.Errorf("diff: close %s: %w", r.path, cerr), err)
	}
	return err
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
	if strings.HasPrefix(filepath.Base(path), stagedPrefix) {
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

// all returns the records of the next partition that has any; at the end it returns
// none. They are valid until the next call. No flag says any more which file they
// come from.
func (r *reader) all() (partition uint32, records []byte, err error) {
	for r.number < 1<<r.partitionBits {
		partition, r.number = r.number, r.number+1
		if r.merged, _, err = r.partition(r.merged[:0], partition, r.partitionBits); err != nil {
			return 0, nil, err
		}
		for b := r.merged; len(b) > 0; b = b[r.size:] {
			b[flagsAt] &= recordFlags
		}
		if len(r.merged) > 0 {
			return partition, r.merged, nil
		}
	}
	return 0, nil, nil
}

// partition appends the records of one partition, of 2^bits, to dst: first those that
// stand in the file of the records and nowhere else, standing of them, then those of
// this file. Partitions must be asked for in ascending order, and bits be at
// most partitionBits. The last one comes only after all was read and counted.
func (r *reader) partition(dst []byte, number uint32, bits uint8) (_ []byte, standing int, err error) {
	if r.changes, err = r.blocks(r.changes[:0], number, bits); err != nil {
		return dst, 0, err
	}
	if r.body != nil {
		from := len(dst)
		if dst, err = r.body.blocks(dst, number, bits); err != nil {
			return dst, 0, err
		}
		if dst, err = r.without(dst, from); err != nil {
			return dst, 0, err
		}
		standing = (len(dst) - from) / r.size
	}
	for b := r.changes; len(b) > 0; b = b[r.size:] {
		if rec := record(b[:r.size]); rec.flags()&flagRemoved == 0 {
			dst = append(dst, rec...)
			r.totals.add(rec.flags())
		}
	}
	if number == 1<<bits-1 {
		err = r.settle()
	}
	return dst, standing, err
}

// removed appends the records of the partition that was read last which say that there
// is none any more.
func (r *reader) removed(dst []byte) []byte {
	for b := r.changes; len(b) > 0; b = b[r.size:] {
		if record(b).flags()&flagRemoved != 0 {
			dst = append(dst, b[:r.size]...)
		}
	}
	return dst
}

// without takes away the records from an offset on that others stand in place of.
func (r *reader) without(dst []byte, from int) ([]byte, error) {
	instead := 0
	for b := r.changes; len(b) > 0; b = b[r.size:] {
		if record(b).flags()&flagInstead != 0 {
			instead++
		}
	}
	if instead == 0 {
		for b := dst[from:]; len(b) > 0; b = b[r.size:] {
			r.totals.add(record(b).flags())
		}
		return dst, nil
	}
	size := 16
	for size < 4*instead {
		size *= 2
	}
	r.index = slices.Grow(r.index[:0], size)[:size]
	clear(r.index)
	mask := uint32(size - 1)
	for i, b := 0, r.changes; len(b) > 0; i, b = i+1, b[r.size:] {
		if record(b).flags()&flagInstead == 0 {
			continue
		}
		at := slot(b) & mask
		for r.index[at] != 0 {
			at = (at + 1) & mask
		}
		r.index[at] = uint32(i + 1)
	}
	to := from
	for b := dst[from:]; len(b) > 0; b = b[r.size:] {
		rec, at := record(b[:r.size]), slot(b)&mask
		for r.index[at] != 0 && !bytes.Equal(rec[:digestBytes], r.changes[int(r.index[at]-1)*r.size:][:digestBytes]) {
			at = (at + 1) & mask
		}
		if r.index[at] != 0 {
			instead--
			continue
		}
		r.totals.add(rec.flags())
		to += copy(dst[to:], rec)
	}
	if instead != 0 {
		return dst, r.fail(damaged("it changes records that are not there"))
	}
	return dst[:to], nil
}

// slot is where the search for a key digest, which b begins with, begins.
func slot(b []byte) uint32 { return binary.LittleEndian.Uint32(b[digestBytes-4:]) }

// drain reads what is left.
func (r *reader) drain() error {
	for {
		_, records, err := r.all()
		if err != nil || len(records) == 0 {
			return err
		}
	}
}

// blocks appends the records that this file holds of one partition, of 2^bits.
func (r *reader) blocks(dst []byte, number uint32, bits uint8) ([]byte, error) {
	for {
		if len(r.buf) == 0 {
			if r.pos() == r.ending.at {
				return dst, nil
			}
			if err := r.block(); err != nil {
				r.buf = nil
				return dst, r.fail(err)
			}
		}
		if r.part>>(r.partitionBits-bits) != number {
			return dst, nil
		}
		dst = append(dst, r.buf...)
		r.buf = nil
	}
}

// block reads the next block.
func (r *reader) block() error {
	b, err := r.take(blockHeader)
	if err != nil {
		return err
	}
	head := [blockHeader]byte(b)
	part, n := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if r.next == r.ending.blocks || part >= 1<<r.partitionBits || int64(part) < r.last || n == 0 || n > uint32(blockRecords(len(r.columns))) {
		return damaged("block %d has an impossible header", r.next)
	}
	records, err := r.take(int(n) * r.size)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head[8:]) != blockSum(r.id, r.next, head[:], records) {
		return damaged("block %d fails its checksum", r.next)
	}
	known := byte(recordFlags)
	if r.body != nil {
		known = changeFlags
	}
	for i := 0; i < len(records); i += r.size {
		rec := record(records[i:])
		if partitionOf(rec, r.partitionBits) != part || rec.flags()&^known != 0 || int(rec.note()) > len(r.notes) {
			return damaged("block %d holds an impossible record", r.next)
		}
	}
	r.buf, r.part, r.last = records, part, int64(part)
	r.read += int64(n)
	r.next++
	return nil
}

// settle compares all that was read with the end records.
func (r *reader) settle() error {
	if r.settled {
		return nil
	}
	for _, f := range []*reader{r, r.body} {
		if f != nil && (f.next != f.ending.blocks || f.read != f.held) {
			return f.fail(damaged("blocks are missing"))
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
