package splio

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/spliosync/spliosync/diff"
)

// Retryable reports whether the cause of an error may pass without anybody's
// doing, so that a later call is worthwhile: no network, a server that is down, a
// run that is at work already ([diff.ErrLocked]), files that nobody has taken yet
// ([ErrWaiting]), a full disk, a segment that is not there yet, a local drop
// directory that is missing (its share may not be mounted yet, and a mistyped name
// can not be told from that), a context that has ended. A scheduler that repeats
// only after these, and otherwise calls a person, repeats nothing that does harm,
// such as a login that was refused.
//
// It returns false for nil, and where somebody has to do something first:
// [ErrConfig], [BrakeError], [ErrPending], [ErrNoPlan], a diff.StateError,
// diff.ErrStale, diff.ErrStaged and diff.ErrReadOnly, and what matches
// fs.ErrExist, fs.ErrPermission or errors.ErrUnsupported, or has an SQLSTATE of a
// login that is refused (28) or of a query that can not be right (42). If an error
// within err has a method Retryable() bool, that method decides for its part of
// err. Errors of packages sftpx and diff/sqldiff have one, and those of your own
// [Transport], segment or [Differ] may.
//
// Any other error is retryable: after any error the next [Activation.Run] can
// continue from the state.
func Retryable(err error) bool {
	if err == nil || is[*BrakeError](err) || is[*diff.StateError](err) {
		return false
	}
	for _, known := range []error{ErrConfig, ErrPending, ErrNoPlan, diff.ErrStale, diff.ErrStaged, diff.ErrReadOnly} {
		if errors.Is(err, known) {
			return false
		}
	}
	type judge interface {
		error
		Retryable() bool
	}
	if own, ok := errors.AsType[judge](err); ok {
		return own.Retryable()
	}
	type sqlState interface { // of drivers, for segments that are queries
		error
		SQLState() string
	}
	if state, ok := errors.AsType[sqlState](err); ok {
		switch code := state.SQLState(); {
		case strings.HasPrefix(code, "28"), strings.HasPrefix(code, "42"):
			return false // the login, or the query itself
		}
	}
	for _, answer := range []error{fs.ErrExist, fs.ErrPermission, errors.ErrUnsupported} {
		if errors.Is(err, answer) {
			return false
		}
	}
	return true
}
