package diff

import (
	"bufio"
	"bytes"
	"context"
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

// reader reads a snapshot from front to back: a snapshot that is one file, or a file of
// changes together with its file of records, which is then a reader of its own, body.
// Partitions are merged: a record of the file of changes takes the place of the one that
// it replaces in the file of records. Whatever is in the files, reader returns records
// that passed their checksums, or an error that matches a sentinel.
type reader struct {
	*header
	ending
	path    string
	size    int     // of a record
	stride  int     // of a record in the file: in a file of changes, with its place
	body    *reader // the file of records, when this is a file of changes; otherwise nil
	totals  totals  // of the records that were read
	settled bool    // all was read, and matches the end record

	cursor
	next  uint32 // number of the next block
	read  int64  // records in the blocks that were read
	given int64  // those of them that were returned: all but those in buf
	last  int64  // partition of the last block, -1 at first
	buf   []byte // records of a block that was read ahead, in window
	part  uint32 // the partition of that block

	number  uint32   // of the partition that all reads next
	merged  []byte   // the records that all returned last
	places  []uint32 // scratch
	changes []byte   // the records of this file in the partition that was read last
	gone    []uint64 // bits of the records of the body in that partition that were replaced or removed
}

// openFile opens a file of a snapshot and reads its header and its end record. A
// missing file is an error that matches fs.ErrNotExist.
func openFile(fsys vfs.FS, name, path string) (*reader, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("diff: open %s: %w", path, err)
	}
	r := &reader{path: path, cursor: cursor{file: f}}
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
	r := &reader{path: path, cursor: cursor{file: f}}
	if _, _, err := r.head(); err != nil {
		return nil, errors.Join(r.fail(err), r.close())
	}
	return r.header, r.close()
}

// head reads the header, and returns the lengths of the header and of the file.
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
	r.size, r.stride = recordSize(len(r.columns)), r.header.stride()
	if r.held > (r.textsAt-r.begin)/int64(r.stride) || r.ending.texts > (r.ending.at-r.textsAt)/textBytes || r.ending.texts > r.held {
		return damaged("impossible end record")
	}
	r.limit = r.textsAt
	r.rewind()
	return nil
}

// openRecords opens the file of records of a snapshot, if it has one, and checks that it is
// the right one.
func (r *reader) openRecords(fsys vfs.FS, path func(name string) string) error {
	if r.header.body == (snapshotID{}) {
		return nil
	}
	name := recordsPrefix + r.header.body.String()
	body, err := openFile(fsys, name, path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &StateError{Path: path(name), Err: fmt.Errorf("%w: the file with the records of %s is missing: %s", ErrDamaged, filepath.Base(r.path), wayOut(r.path))}
	case err != nil:
		return err
	}
	if b := body.header; b.id != r.header.body || b.body != (snapshotID{}) || b.check != r.check || b.rendering != r.rendering || b.scope != r.scope ||
		b.partitionBits != r.partitionBits || !slices.Equal(b.columns, r.columns) {
		return errors.Join(body.fail(damaged("it does not hold the records of %s", filepath.Base(r.path))), body.close())
	}
	body.notes = make(notes, maxNotes) // its records refer to the notes of r, see standing
	r.body = body
	return nil
}

// rewind goes back to the first record. What follows is checked as before.
func (r *reader) rewind() {
	r.totals, r.settled = totals{}, false
	r.cursor.rewind()
	r.next, r.read, r.given, r.last, r.buf, r.number = 0, 0, 0, -1, nil, 0
	if r.body != nil {
		r.body.rewind()
	}
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

// fail adds the file to an error. An error about its content becomes a *StateError.
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

// startAnew says what to do where no snapshot can be used, and what it costs.
func startAnew(dir string) string {
	return fmt.Sprintf("move the directory %s away and run once with Refresh, which sends every record once more", dir)
}

// short turns the early end of a file into damage, and returns other errors as they are.
func short(err error, what string, args ...any) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("truncated in %s: %w", fmt.Sprintf(what, args...), io.ErrUnexpectedEOF)
	}
	return err
}

// all returns the records of the next partition that has any; at the end it returns
// none. They are valid until the next call.
func (r *reader) all() (partition uint32, records []byte, err error) {
	for r.number < 1<<r.partitionBits {
		partition, r.number = r.number, r.number+1
		if r.merged, r.places, _, err = r.partition(r.merged[:0], r.places[:0], partition, r.partitionBits); err != nil {
			return 0, nil, err
		}
		if len(r.merged) > 0 {
			return partition, r.merged, nil
		}
	}
	return 0, nil, nil
}

// partition appends the records of one partition, of 2^bits, to dst: first those of the
// file of records that were neither replaced nor removed, standing of them, then those of
// this file. For each record it appends a place to places, which is the number, from 1
// on, of a record in the file of records: of the record itself, or of the one that it
// replaces; 0 is none. Partitions must be asked for in ascending order, and bits be at
// most partitionBits. The last partition is returned only when all that was read matches
// the end records.
func (r *reader) partition(dst []byte, places []uint32, number uint32, bits uint8) (_ []byte, _ []uint32, standing int, err error) {
	if r.changes, err = r.blocks(r.changes[:0], number, bits); err != nil {
		return dst, places, 0, err
	}
	if r.body != nil {
		first, from := r.body.given, len(dst)
		if dst, err = r.body.blocks(dst, number, bits); err != nil {
			return dst, places, 0, err
		}
		if dst, places, err = r.standing(dst, places, from, first); err != nil {
			return dst, places, 0, err
		}
		standing = (len(dst) - from) / r.size
	}
	for b := r.changes; len(b) > 0; b = b[r.stride:] {
		if rec := record(b[:r.size]); rec.flags()&flagRemoved == 0 {
			dst = append(dst, rec...)
			places = append(places, r.place(b))
			r.totals.add(rec.flags())
		}
	}
	if number == 1<<bits-1 {
		err = r.settle()
	}
	return dst, places, standing, err
}

// place returns the place that a record of this file names; 0 is none.
func (r *reader) place(b []byte) uint32 {
	if r.stride == r.size {
		return 0
	}
	return binary.LittleEndian.Uint32(b[r.size:])
}

// removed visits the keys whose records were removed, in the partition that was read
// last, with the places of these records in the file of records.
func (r *reader) removed(visit func(k keyDigest, place uint32)) {
	for b := r.changes; len(b) > 0; b = b[r.stride:] {
		if rec := record(b); rec.flags()&flagRemoved != 0 {
			visit(rec.key(), r.place(b))
		}
	}
}

// standing drops the records of the body that were replaced or removed. These records
// are in dst from an offset on; first is how many the file has before them.
func (r *reader) standing(dst []byte, places []uint32, from int, first int64) ([]byte, []uint32, error) {
	n := (len(dst) - from) / r.size
	r.gone = append(r.gone[:0], make([]uint64, n/64+1)...)
	for b := r.changes; len(b) > 0; b = b[r.stride:] {
		place := r.place(b)
		if place == 0 {
			continue
		}
		at := int64(place) - 1 - first
		if at < 0 || at >= int64(n) || has(r.gone, at) || !bytes.Equal(b[:digestBytes], dst[from+int(at)*r.size:][:digestBytes]) {
			return dst, places, r.fail(damaged("it changes a record that is not there"))
		}
		r.gone[at>>6] |= 1 << (at & 63)
	}
	to := from
	for at := range n {
		rec := record(dst[from+at*r.size:][:r.size])
		if has(r.gone, int64(at)) {
			continue
		}
		if int(rec.note()) > len(r.notes) {
			return dst, places, r.fail(damaged("a record has a note that is not there"))
		}
		r.totals.add(rec.flags())
		if to < from+at*r.size {
			copy(dst[to:], rec)
		}
		to += r.size
		places = append(places, uint32(first+int64(at))+1)
	}
	return dst[:to], places, nil
}

// texts returns the largest number of texts by which records can be known.
func (r *reader) texts() int64 {
	if r.body == nil {
		return r.held
	}
	return r.held + r.body.ending.texts
}

// drain reads the rest of the snapshot, and so checks all of it.
func (r *reader) drain() error {
	for {
		_, records, err := r.all()
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
	}
	if r.body == nil {
		return nil
	}
	return r.body.eachText(context.Background(), func([]byte) {})
}

// blocks appends the records that this file alone has in one partition, of 2^bits.
func (r *reader) blocks(dst []byte, number uint32, bits uint8) ([]byte, error) {
	for {
		if len(r.buf) == 0 {
			if r.pos() == r.limit {
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
		r.given += int64(len(r.buf) / r.stride)
		r.buf = nil
	}
}

// block reads the next block into buf.
func (r *reader) block() error {
	b, err := r.take(blockHeader, r.next)
	if err != nil {
		return err
	}
	head := [blockHeader]byte(b)
	part, n := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if r.next == r.ending.blocks || part >= 1<<r.partitionBits || int64(part) < r.last || n == 0 || n > uint32(blockRecords(r.stride)) || r.read+int64(n) > r.held {
		return damaged("block %d has an impossible header", r.next)
	}
	records, err := r.take(int(n)*r.stride, r.next)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head[8:]) != blockSum(r.id, r.next, head[:], records) {
		return damaged("block %d fails its checksum", r.next)
	}
	known := byte(recordFlags)
	if r.stride > r.size {
		known |= flagRemoved
	}
	for i := 0; i < len(records); i += r.stride {
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

// settle checks all that was read against the end records.
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
