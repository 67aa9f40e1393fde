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

// Verify reports whether Publish of a candidate would succeed. For that it reads the
// candidate to its end, unless this Store staged it or has read it to its end before.
// The error is nil when the candidate is whole and can be published, or is already the
// current snapshot; a [*StateError] when a file is damaged or can not be used; one that
// matches [ErrStale] when the snapshot it was computed from is no longer current; and
// one that matches fs.ErrNotExist when there is no such candidate.
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

// Publish makes a staged snapshot the current one, atomically and durably, if the
// snapshot it was computed from is still the current one; otherwise the error matches
// [ErrStale] and nothing changes. After an error, either the old or the new snapshot is
// current, and it is whole; Publish may then be called again. With the id of the
// current snapshot it succeeds and changes nothing. Candidates that were computed from
// another snapshot than the new current one can never be published any more, and are
// removed.
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

// stale reports whether a candidate was computed from another snapshot than the current
// one. A candidate whose header can not be read does not count as stale, and is left as
// it is.
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

// Discard removes a staged snapshot, and the files of records that no snapshot needs any
// more. A snapshot that does not exist is no error.
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
