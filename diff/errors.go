package diff

import (
	"errors"
	"fmt"
)

// The errors to branch on. [ErrDamaged], [ErrForeign], [ErrVersion] and
// [ErrKey] come inside a [*StateError], which names the file.
var (
	// ErrDamaged: a file was truncated or altered. Restore it from a backup, or
	// move the directory away and start again, which sends every record once more.
	ErrDamaged = errors.New("damaged")
	// ErrForeign: the file is not a snapshot, or is one of another scope.
	ErrForeign = errors.New("not the state of this activation")
	// ErrVersion: the file was written by a newer version of this package.
	ErrVersion = errors.New("written by a newer version")
	// ErrKey: the digest key is missing, or is not the one that the snapshot was
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
	// ErrKeyForm: the key that was put differs from the key that an engine made of
	// the same record, so the engine would compare the record with the state of
	// another. No Store returns it: it is for comparisons outside a Store, such as
	// those of package sqldiff.
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
