package splio

import (
	"errors"
	"fmt"
)

// The errors to branch on, beside [BrakeError] and those of package diff that a state directory
// gives (diff.ErrLocked, diff.StateError and the sentinels it wraps).
var (
	// ErrConfig: the activation, or its mapping on this segment, can not work as
	// it is; running again does not help. The message has all problems found,
	// one a line.
	ErrConfig = errors.New("wrong configuration")
	// ErrPending: a plan was released or is on its way, so that no other can be
	// made. Apply or Discard it; Run does so by itself.
	ErrPending = errors.New("an earlier plan waits to be delivered")
	// ErrWaiting: files of an earlier plan are still in the drop directory, and
	// [Activation.Waiting] says that they are to be taken first. Nothing was sent,
	// and the plan is as it was.
	ErrWaiting = errors.New("files of an earlier plan still wait in the drop directory")
	// ErrNoPlan: the outbox does not hold the plan, or none at all: it was
	// delivered, discarded or replaced.
	ErrNoPlan = errors.New("no such plan in the outbox")
	// ErrFull: the file has as many lines as it may have.
	ErrFull = errors.New("the file is full")
)

var errNoTransport = errors.New("splio: there is no Transport: give one of package sftpx, or your own")

// wrong marks what is wrong with the configuration.
func wrong(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("splio: %w:\n%w", ErrConfig, err)
}

// pending refuses what takes a state without a plan that is released or on its way.
func (j *job) pending(m *manifest) error {
	what := ""
	if j.dry {
		what = " no preview is possible before that plan has an end:"
	}
	return fmt.Errorf("splio: %s: %w (plan %s is %s):%s Run ends its delivery first, Apply does that alone, Discard gives it up",
		j.State, ErrPending, m.Plan, m.State, what)
}

// CellError says which cell a [Writer] refused and why, and never what is in it.
type CellError struct {
	Row    int64  // data row, counted from 1
	Column string // name of the column
	Reason string // such as "a line break or control character"
}

func (e *CellError) Error() string {
	return fmt.Sprintf("splio: row %d, column %q: %s", e.Row, e.Column, e.Reason)
}
