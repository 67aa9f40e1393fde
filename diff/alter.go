package diff

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// MarkDue marks the records with these keys, so that the next run that puts them
// finds them [Due]. It returns how many of the keys the current snapshot has; others
// are ignored. The keys must be as given to [Feed.Put]; an error of the sequence ends
// the call. While a candidate is staged, whose publication would lose the marks, the
// error matches [ErrStaged] and names the candidate. After an error either all marks
// were made or none, and the call may be repeated. Runs that began before the call are
// stale. Memory holds the digests of the keys, some 40 bytes for each, but only one
// partition of the snapshot at a time.
func (s *Store) MarkDue(ctx context.Context, keys iter.Seq2[[]byte, error]) (marked int64, err error) {
	err = s.rewrite(ctx, keys, false, func(rec record) bool {
		rec[24] |= flagDue
		marked++
		return true
	})
	if err != nil {
		return 0, err
	}
	return marked, nil
}

// MarkUnconfirmed is MarkDue for records of which nobody knows any more whether the
// destination has them, such as those that it was told to delete: besides Due, it marks
// them as unconfirmed. It returns how many of the keys the current snapshot has.
func (s *Store) MarkUnconfirmed(ctx context.Context, keys iter.Seq2[[]byte, error]) (marked int64, err error) {
	err = s.rewrite(ctx, keys, false, func(rec record) bool {
		rec[24] |= flagDue | flagUnconfirmed
		marked++
		return true
	})
	if err != nil {
		return 0, err
	}
	return marked, nil
}

// MaxReports is the largest number of reports that a snapshot counts.
const MaxReports = 7

// MarkReported is MarkDue for records that the destination has reported as bad. As long
// as the row of a record does not change, the record is marked at most most times, 1 to
// [MaxReports]. Records that were marked that often are left as they are, and counted as
// spent.
func (s *Store) MarkReported(ctx context.Context, keys iter.Seq2[[]byte, error], most int) (marked, spent int64, err error) {
	if most < 1 || most > MaxReports {
		return 0, 0, fmt.Errorf("diff: MarkReported: %d times, 1 to %d are possible", most, MaxReports)
	}
	err = s.rewrite(ctx, keys, false, func(rec record) bool {
		n := int(rec.flags()&reports) / report
		if n >= most {
			spent++
			return true
		}
		rec[24] = rec[24]&^reports | byte(n+1)*report | flagDue
		marked++
		return true
	})
	if err != nil {
		return 0, 0, err
	}
	return marked, spent, nil
}

// Forget removes the records with these keys from the current snapshot, as if
// they had never been put: the next run that puts them finds them new. It returns
// how many of the keys the snapshot had; others are ignored. The temporary files of
// runs that were not staged are removed too, so that no digest of the keys stays in
// the directory; Forget can not reach what a file system keeps of a removed file.
// Keys, errors, memory and staged candidates are as in [Store.MarkDue].
func (s *Store) Forget(ctx context.Context, keys iter.Seq2[[]byte, error]) (forgotten int64, err error) {
	if err := s.writable(); err != nil {
		return 0, err
	}
	if err := s.removeLeftovers(); err != nil {
		return 0, err
	}
	err = s.rewrite(ctx, keys, true, func(record) bool {
		forgotten++
		return false
	})
	if err != nil {
		return 0, err
	}
	return forgotten, nil
}

// rewrite replaces the current snapshot by one in which the records with these keys are
// as the function one leaves them, without the records for which it returns false. With
// traces set, it also does so when a key is only in what the files still hold of records
// that were removed: the new files hold nothing of them.
func (s *Store) rewrite(ctx context.Context, keys iter.Seq2[[]byte, error], traces bool, one func(record) (keep bool)) error {
	if err := s.writable(); err != nil {
		return err
	}
	staged, err := s.list(isStaged)
	if err != nil {
		return err
	}
	if len(staged) > 0 {
		return fmt.Errorf("diff: %s: %w", s.path(staged[0]), ErrStaged)
	}
	cur, err := s.current()
	if cur == nil || err != nil {
		return err
	}
	defer cur.close()
	wanted := make(map[keyDigest]struct{})
	err = eachKey(ctx, s.dig, keys, func(k keyDigest) error { wanted[k] = struct{}{}; return nil })
	if err != nil {
		return err
	}
	f := whole
	if cur.body != nil && cur.ending.totals.records < maxPlaces {
		f = apart
	}
	c, err := newCandidate(s, cur.id, f, header{partitionBits: cur.partitionBits, rendering: cur.rendering, columns: cur.columns}, minMemory/4)
	if err != nil {
		return err
	}
	defer c.abort()
	c.notes = cur.ending.notes
	found := false
	var records []byte
	var places []uint32
	for p := range uint32(1) << cur.partitionBits {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("diff: %w", err)
		}
		if records, places, _, err = cur.partition(records[:0], places[:0], p, cur.partitionBits); err != nil {
			return err
		}
		if traces {
			cur.removed(func(k keyDigest, _ uint32) {
				_, ok := wanted[k]
				found = found || ok
			})
		}
		kept, counted := records[:0], totals{}
		for rec := range slices.Chunk(records, cur.size) {
			if _, ok := wanted[record(rec).key()]; ok {
				found = true
				if !one(rec) {
					continue
				}
			}
			kept = append(kept, rec...)
			counted.add(record(rec).flags())
		}
		if err := c.write(p, kept, counted); err != nil {
			return err
		}
	}
	if err := cur.close(); err != nil { // an open file can not be replaced everywhere
		return err
	}
	if found {
		if err := c.finish(currentName); err != nil {
			return err
		}
		return s.removeUnused()
	}
	// An earlier call may have found them, and failed when all was done but this.
	if err := s.fs.SyncDir("."); err != nil {
		return fmt.Errorf("diff: write %s: %w", s.path(currentName), err)
	}
	return s.removeUnused()
}

// eachKey visits the digests of a sequence of keys.
func eachKey(ctx context.Context, d *digester, keys iter.Seq2[[]byte, error], visit func(keyDigest) error) error {
	n := 0
	for k, err := range keys {
		if err != nil {
			return fmt.Errorf("diff: read keys: %w", err)
		}
		if n++; n&1023 == 1 {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("diff: %w", err)
			}
		}
		if err := visit(d.keyOf(k)); err != nil {
			return err
		}
	}
	return nil
}
