package diff

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/spliosync/spliosync/internal/vfs"
)

// candidate writes a snapshot that may become the next one. A small snapshot is one file.
// A larger one is two: a file of records, which several snapshots can share, and a file
// of changes, which names the file of records and says what has changed since that was
// written. With form apart, a candidate writes both files, first the records and then a
// file of changes without any; with form changed, it writes only a file of changes.
type candidate struct {
	form   form
	totals totals
	runs   int64
	notes  notes
	store  *Store
	head   header
	file   *snapshotFile // the file that is being written
	texts  *relation     // the texts of the records, when a file of records is written
	append appender      // adds to texts
	done   bool          // the candidate was staged, or given up
}

// form says what is to be written of a snapshot.
type form uint8

const (
	whole   form = iota // all of it, in one file
	apart               // all of it, with the records in a new file of records
	changed             // only what has changed since the file of records was written
)

// newCandidate begins a snapshot that is to replace the one with the id base, which is
// zero when there is none. Of h, the caller gives the partition bits, the columns, the
// rendering and, when only changes are written, the id of the file of records. Memory is
// how many bytes of texts are held.
func newCandidate(s *Store, base snapshotID, f form, h header, memory int64) (*candidate, error) {
	c := &candidate{store: s, form: f, head: h}
	c.head.base, c.head.check, c.head.scope = base, s.dig.check, s.opts.Scope
	rand.Read(c.head.id[:])
	first := c.head
	if f == apart {
		rand.Read(c.head.body[:])
		first.id, first.base, first.body = c.head.body, snapshotID{}, snapshotID{}
		c.texts = newRelation(textBytes, memory, func() (*spill, error) { return newSpill(s) })
		c.append.rel = c.texts
	}
	var err error
	c.file, err = newSnapshotFile(s, first)
	return c, err
}

// write writes records of a partition; partitions come in ascending order. T counts the
// records that the snapshot has in the partition, including those that stay in the file
// of records and are not written.
func (c *candidate) write(partition uint32, records []byte, t totals) error {
	c.totals.records += t.records
	c.totals.unconfirmed += t.unconfirmed
	c.totals.due += t.due
	if c.form == apart {
		if err := c.addTexts(records); err != nil {
			return err
		}
	}
	return c.file.write(partition, records)
}

// stage finishes the snapshot as a candidate; after an error there is none.
func (c *candidate) stage() (id string, err error) {
	name := stagedPrefix + c.head.id.String()
	if err := c.finish(name); err != nil {
		_ = c.store.remove(name) // nobody will ever hear of it
		return "", err
	}
	c.store.whole, c.done = c.head.id, true
	return c.head.id.String(), nil
}

// finish makes the files durable. The one that is named as the snapshot comes last, after
// its file of records.
func (c *candidate) finish(name string) error {
	if c.form == apart {
		c.file.totals = c.totals
		if err := c.writeTexts(); err != nil {
			return err
		}
		if err := c.file.finish(recordsPrefix + c.head.body.String()); err != nil {
			return err
		}
		var err error
		if c.file, err = newSnapshotFile(c.store, c.head); err != nil {
			return err
		}
		c.form = changed
	}
	c.file.totals, c.file.notes, c.file.runs = c.totals, c.notes, c.runs
	return c.file.finish(name)
}

// abort removes the file that was not finished. It may be repeated. A file of records
// that was finished, and that no snapshot needs, is removed by the next Begin.
func (c *candidate) abort() {
	c.done = true
	_ = c.texts.close() // it is not to be kept
	c.file.abort()
}

// snapshotFile is a file of a snapshot that is being written, under a temporary name
// until it is finished.
type snapshotFile struct {
	encoder
	store *Store
	file  vfs.File // nil once closed
	out   *behind
	head  []byte // of a block
	err   error  // the first error; nothing is written after it
	gone  bool   // the temporary file was renamed or removed
}

func newSnapshotFile(s *Store, h header) (*snapshotFile, error) {
	f := &snapshotFile{
		encoder: encoder{id: h.id, size: h.stride(), max: blockRecords(h.stride())},
		store:   s,
	}
	file, err := s.fs.OpenFile(f.temp(), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		f.gone = true
		return f, fmt.Errorf("diff: create %s: %w", s.path(f.temp()), err)
	}
	f.file, f.out = file, newBehind(&vfs.Eager{File: file})
	head := h.marshal()
	f.at = int64(len(head))
	if err := f.raw(head); err != nil {
		f.abort()
		return f, err
	}
	return f, nil
}

func (f *snapshotFile) temp() string { return tempPrefix + f.id.String() }

// raw writes bytes. After the first error it writes nothing, and returns that error.
func (f *snapshotFile) raw(b []byte) error {
	if f.err == nil {
		if err := f.out.write(b); err != nil {
			f.err = fmt.Errorf("diff: write %s: %w", f.store.path(f.temp()), err)
		}
	}
	return f.err
}

// write writes records of a partition, which may be none. Partitions come in ascending
// order.
func (f *snapshotFile) write(partition uint32, records []byte) error {
	for len(records) > 0 {
		n := min(len(records), f.max*f.size)
		f.head = f.block(f.head[:0], partition, records[:n])
		if err := f.raw(f.head); err != nil {
			return err
		}
		if err := f.raw(records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return f.err
}

// finish ends the file, makes it durable and gives it its name.
func (f *snapshotFile) finish(name string) error {
	if err := f.raw(f.end()); err != nil {
		return err
	}
	fail := func(err error) error {
		f.err = fmt.Errorf("diff: write %s: %w", f.store.path(name), err)
		return f.err
	}
	if err := f.out.flush(); err != nil {
		return fail(err)
	}
	if err := f.file.Sync(); err != nil {
		return fail(err)
	}
	err := f.file.Close()
	f.file = nil
	if err != nil {
		return fail(err)
	}
	if err := f.store.fs.Rename(f.temp(), name); err != nil {
		return fail(err)
	}
	f.gone = true
	if err := f.store.fs.SyncDir("."); err != nil {
		return fail(err)
	}
	return nil
}

// abort removes the temporary file, unless it was finished. It may be repeated.
func (f *snapshotFile) abort() {
	if f.out != nil {
		f.out.stop()
	}
	if f.file != nil {
		_ = f.file.Close() // the file is not to be kept
		f.file = nil
	}
	if !f.gone && f.store.fs != nil {
		_ = f.store.remove(f.temp()) // what stays is removed by the next Begin
		f.gone = true
	}
}

// unused returns the names of the files of records that no snapshot needs. It returns
// none as long as the header of any snapshot is damaged or can not be used, because that
// snapshot may need one of them.
func (s *Store) unused() ([]string, error) {
	files, err := s.list(isRecords)
	if len(files) == 0 || err != nil {
		return nil, err
	}
	snapshots, err := s.list(func(name string) bool { return name == currentName || isStaged(name) })
	if err != nil {
		return nil, err
	}
	needed := make(map[string]bool)
	for _, name := range snapshots {
		h, err := readHeader(s.fs, name, s.path(name))
		if _, ok := errors.AsType[*StateError](err); ok {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		needed[recordsPrefix+h.body.String()] = true
	}
	unused := files[:0]
	for _, name := range files {
		if !needed[name] {
			unused = append(unused, name)
		}
	}
	return unused, nil
}
