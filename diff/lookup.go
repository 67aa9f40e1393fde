package diff

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Remembered is what a snapshot remembers of one key.
type Remembered struct {
	Unconfirmed bool // nobody knows whether the destination has it
	Due         bool // it was marked: the next run that puts the key finds it due
	Reports     int  // how often [Store.MarkReported] has marked it since its row changed

	digests *remembered // a pointer, so that printing shows no digest
}

type remembered struct {
	columns []string
	record  record
	hasher  hasher // of these columns
}

// Lookup returns what a snapshot remembers of a key, which is as given to [Feed.Put].
// The snapshot is the current one when id is empty, otherwise the one with that id,
// staged or current. The result is nil when the snapshot does not have the key, or
// when id is empty and there is no current snapshot. When there is no snapshot with
// that id, the error matches fs.ErrNotExist.
//
// Lookup writes nothing, and works in a read-only store too. It reads the snapshot to
// its end, a partition at a time, so that damage anywhere in it is noticed.
func (s *Store) Lookup(ctx context.Context, id string, key []byte) (*Remembered, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	r, err := s.snapshot(id)
	if r == nil || err != nil {
		return nil, err
	}
	found, err := s.find(ctx, r, s.dig.keyOf(key))
	if err := errors.Join(err, r.close()); err != nil {
		return nil, err
	}
	return found, nil
}

// snapshot opens the snapshot of an id, or the current one, nil when there is none.
func (s *Store) snapshot(id string) (*reader, error) {
	want, ok := parseID(id)
	if id != "" && !ok {
		return nil, fmt.Errorf("diff: %q is not the id of a snapshot", id)
	}
	cur, err := s.current()
	if err != nil || id == "" || cur != nil && cur.id == want {
		return cur, err
	}
	if cur != nil {
		if err := cur.close(); err != nil {
			return nil, err
		}
	}
	r, err := s.open(stagedPrefix + id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("diff: there is no snapshot %s: %w", id, err)
	}
	if err == nil && r.id != want {
		return nil, errors.Join(r.fail(damaged("it holds another snapshot")), r.close())
	}
	return r, err
}

// find reads a snapshot to its end.
func (s *Store) find(ctx context.Context, r *reader, k keyDigest) (found *Remembered, err error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, fmt.Errorf("diff: %w", err)
		}
		part, records, err := r.all()
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			return found, nil
		}
		if part != partitionOf(k[:], r.partitionBits) {
			continue
		}
		for b := range slices.Chunk(records, r.size) {
			rec := record(b)
			if rec.key() != k {
				continue
			}
			found = &Remembered{
				Unconfirmed: rec.flags()&flagUnconfirmed != 0,
				Due:         rec.flags()&flagDue != 0,
				Reports:     int(rec.flags()&reports) / report,
				digests:     &remembered{r.columns, slices.Clone(rec), newHasher(s.dig, r.columns)},
			}
		}
	}
}

// Changed returns the columns in which the cells of r differ from what an earlier
// snapshot remembers of the same key, as a run would find them: a column that the
// earlier snapshot lacks has changed if there is a value in it. The result is empty
// when nothing differs.
func (r *Remembered) Changed(earlier *Remembered) (columns []string) {
	now, then := r.digests, earlier.digests
	known := (now.record.flags()|then.record.flags())&flagNoRow == 0
	same := slices.Equal(now.columns, then.columns)
	if known && same && now.record.row() == then.record.row() {
		return nil
	}
	k := now.record.key()
	for i, name := range now.columns {
		digest := now.record.digests().at(i)
		at := slices.Index(then.columns, name)
		if at >= 0 && digest != then.record.digests().at(at) ||
			at < 0 && digest != now.hasher.column(&k, i, []byte{}) && digest != now.hasher.column(&k, i, nil) {
			columns = append(columns, name)
		}
	}
	if known && same && len(columns) == 0 { // the column digests collide
		return slices.Clone(now.columns)
	}
	return columns
}
