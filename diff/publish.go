package diff

import (
	"context"
	"errors"
	"fmt"
)

// Current returns the id of the current snapshot, "" when there is none.
func (s *Store) Current() (id string, err error) {
	if err := s.usable(); err != nil {
		return "", err
	}
	cur, err := s.current()
	if cur == nil || err != nil {
		return "", err
	}
	return cur.id.String(), cur.close()
}

// Verify reports whether Publish of a candidate would succeed, and reads it to
// its end for that, unless this Store has staged it, or read it so, itself: nil when it is whole and can be published, or is the
// current snapshot already, a [*StateError] when it is not, an error that matches
// [ErrStale] when the snapshot it was computed from is no longer current, one
// that matches fs.ErrNotExist when there is no such candidate.
func (s *Store) Verify(ctx context.Context, id string) error {
	_, err := s.verify(ctx, id)
	return err
}

func (s *Store) verify(ctx context.Context, id string) (published bool, err error) {
	if err := s.writable(); err != nil {
		return false, err
	}
	if err := context.Cause(ctx); err != nil {
		return false, fmt.Errorf("diff: %w", err)
	}
	want, ok := parseID(id)
	if !ok {
		return false, fmt.Errorf("diff: %q is not the id of a snapshot", id)
	}
	var now snapshotID
	cur, err := s.current()
	if err != nil {
		return false, err
	}
	if cur != nil {
		now = cur.id
		if err := cur.close(); err != nil {
			return false, err
		}
	}
	if now == want {
		return true, nil
	}
	r, err := s.openAlone(stagedPrefix + id)
	if err != nil {
		return false, err
	}
	switch {
	case r.id != want:
		err = r.fail(damaged("it holds another snapshot"))
	case r.base != now: // then its records may be gone
		err = fmt.Errorf("diff: staged snapshot %s: %w", id, ErrStale)
	default:
		err = r.openRecords(s.fs, s.path)
	}
	if err == nil && want != s.whole { // nobody else writes here as long as the lock is held
		if err = r.drain(); err == nil { // a damaged one must not take the place of a good one
			s.whole = want
		}
	}
	return false, errors.Join(err, r.close())
}

// Publish makes a staged snapshot the current one, atomically and durably, if
// the snapshot it was computed from still is the current one; otherwise the
// error matches [ErrStale] and nothing changes. It may be called again after
// any error, and with the id of the current snapshot does nothing. After an
// error the old snapshot is current or the new one, whole. Candidates that were
// computed from another snapshot are removed: they are stale for good.
func (s *Store) Publish(ctx context.Context, id string) error {
	published, err := s.verify(ctx, id)
	if err != nil {
		return err
	}
	if !published {
		if err := s.fs.Rename(stagedPrefix+id, currentName); err != nil {
			return fmt.Errorf("diff: publish %s: %w", id, err)
		}
	}
	// Also when it was published before: that call may have failed just here.
	if err := s.fs.SyncDir("."); err != nil {
		return fmt.Errorf("diff: publish %s: %w", id, err)
	}
	staged, err := s.list(isStaged)
	if err != nil {
		return err
	}
	for _, name := range staged {
		stale, err := s.stale(name, id)
		if err == nil && stale {
			err = s.remove(name)
		}
		if err != nil {
			return err
		}
	}
	return s.removeUnused()
}

// stale reports whether a candidate was computed from another snapshot than the
// current one. One that can not be told is not, and is left as it is.
func (s *Store) stale(name, current string) (bool, error) {
	h, err := readHeader(s.fs, name, s.path(name))
	if _, ok := errors.AsType[*StateError](err); ok {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return h.base.String() != current && h.scope == s.opts.Scope && h.check == s.dig.check, nil
}

// Discard removes a staged snapshot, and records that no other one needs. One that does
// not exist is no error.
func (s *Store) Discard(id string) error {
	if err := s.writable(); err != nil {
		return err
	}
	if _, ok := parseID(id); !ok {
		return fmt.Errorf("diff: %q is not the id of a snapshot", id)
	}
	if err := s.remove(stagedPrefix + id); err != nil {
		return err
	}
	return s.removeUnused()
}
