package diff

import (
	"errors"
	"fmt"
)

// The errors to branch on. [ErrDamaged], [ErrForeign], [ErrVersion] and
// [ErrKey] come inside a [*StateError], which names the file.
var (
	// ErrDamaged: a file was truncated or altered. Restore it from a backup, or
	// move the directory away to start anew, which sends every record again.
	ErrDamaged = errors.New("damaged")
	// ErrForeign: the file is no snapshot, or one of another scope.
	ErrForeign = errors.New("not the state of this activation")
	// ErrVersion: the file was written by a newer version of this package.
	ErrVersion = errors.New("written by a newer version")
	// ErrKey: the digest key is missing or is not the one the snapshot was
	// made with.
	ErrKey = errors.New("wrong or missing digest key")
	// ErrLocked: another process, or another Store of this one, has the
	// directory open. The message names the holder when it is known.
	ErrLocked = errors.New("in use by another process")
	// ErrStale: the snapshot that a candidate was computed from is no longer
	// the current one. Discard the candidate and run again.
	ErrStale = errors.New("computed from a snapshot that is no longer current")
	// ErrStaged: a candidate waits for Publish or Discard.
	ErrStaged = errors.New("a staged snapshot waits to be published or discarded")
	// ErrKeyForm: the key that was put is not the one that an engine made of the
	// record, so that it would compare it with another's state. No Store returns it:
	// it is for those that compare elsewhere, as package sqldiff does.
	ErrKeyForm = errors.New("the engine and the mapping disagree about the form of the key")
	// ErrReadOnly: the store was opened for reading only.
	ErrReadOnly = errors.New("store is open for reading only")
)

// StateError says which file of a store can not be used and why. The file was
// left as it is.
type StateError struct {
	Path string // the file
	Err  error  // matches one of the sentinels
}

func (e *StateError) Error() string {
	return fmt.Sprintf("diff: %s: %v; the file was left as it is", e.Path, e.Err)
}

// Unwrap returns Err.
func (e *StateError) Unwrap() error { return e.Err }

// damaged wraps a detail so that it matches ErrDamaged.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}
