package diff

import (
	"crypto/rand"
	"fmt"
	"os"

	"github.com/spliosync/spliosync/internal/vfs"
)

// candidate writes a snapshot that may become the next one. It goes to a
// temporary file until stage.
type candidate struct {
	encoder
	store *Store
	file  vfs.File // nil once closed
	out   *behind
	head  []byte // of a block
	err   error  // the first error; nothing is written after it
	gone  bool   // the temporary file was renamed or removed
}

func newCandidate(s *Store, base snapshotID, columns []string, bits uint8) (*candidate, error) {
	h := header{partitionBits: bits, base: base, check: s.dig.check, scope: s.opts.Scope, columns: columns}
	rand.Read(h.id[:])
	c := &candidate{
		encoder: encoder{id: h.id, size: recordSize(len(columns)), max: blockRecords(len(columns)), last: -1},
		store:   s,
	}
	f, err := s.fs.OpenFile(c.temp(), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, fmt.Errorf("diff: create %s: %w", s.path(c.temp()), err)
	}
	c.file, c.out = f, newBehind(&vfs.Eager{File: f})
	head := h.marshal()
	c.at = int64(len(head))
	if err := c.raw(head); err != nil {
		c.abort()
		return nil, err
	}
	return c, nil
}

func (c *candidate) temp() string { return tempPrefix + c.id.String() }

// raw writes bytes; after the first error it does nothing but return it.
func (c *candidate) raw(b []byte) error {
	if c.err == nil {
		if err := c.out.write(b); err != nil {
			c.err = fmt.Errorf("diff: write %s: %w", c.store.path(c.temp()), err)
		}
	}
	return c.err
}

// write writes the records of a partition, which may be none. The partitions
// ascend, once more from the first one on if need be.
func (c *candidate) write(partition uint32, records []byte) error {
	for len(records) > 0 {
		n := min(len(records), c.max*c.size)
		c.head = c.block(c.head[:0], partition, records[:n])
		if err := c.raw(c.head); err != nil {
			return err
		}
		if err := c.raw(records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return c.err
}

// stage finishes the file as a candidate; after an error there is none.
func (c *candidate) stage() (id string, err error) {
	name := stagedPrefix + c.id.String()
	if err := c.finish(name); err != nil {
		_ = c.store.remove(name) // nobody will ever hear of it
		return "", err
	}
	c.store.whole = c.id
	return c.id.String(), nil
}

// finish ends the file, makes it durable and gives it its name.
func (c *candidate) finish(name string) error {
	if err := c.raw(c.end()); err != nil {
		return err
	}
	fail := func(err error) error {
		c.err = fmt.Errorf("diff: write %s: %w", c.store.path(name), err)
		return c.err
	}
	if err := c.out.flush(); err != nil {
		return fail(err)
	}
	if err := c.file.Sync(); err != nil {
		return fail(err)
	}
	err := c.file.Close()
	c.file = nil
	if err != nil {
		return fail(err)
	}
	if err := c.store.fs.Rename(c.temp(), name); err != nil {
		return fail(err)
	}
	c.gone = true
	if err := c.store.fs.SyncDir("."); err != nil {
		return fail(err)
	}
	return nil
}

// abort removes the temporary file, unless it was finished. It may be repeated.
func (c *candidate) abort() {
	c.out.stop()
	if c.file != nil {
		_ = c.file.Close() // the file is not to be kept
		c.file = nil
	}
	if !c.gone && c.store.fs != nil {
		_ = c.store.remove(c.temp()) // what stays is removed by the next Begin
		c.gone = true
	}
}
