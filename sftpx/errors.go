package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// ErrLogin is in the error when the server's host key was accepted and the server refused the login, or hung up after it was given a password
// and did not say why. Trying again will not help, and may lock the account.
var ErrLogin error = loginError{}

type loginError struct{}

func (loginError) Error() string { return "login refused" }

// Retryable says that it is not, see callError.
func (loginError) Retryable() bool { return false }

// What is done about an error. The rules are applied in this order; the first that fits counts.
//
//	error                                                    connection   the call
//	-------------------------------------------------------  -----------  --------------
//	the context of the call ended, or Close was called       dropped      ends
//	a body or a secret that can not be had (localError)      dropped      ends
//	the host key is refused, the login is refused,           none         ends
//	  no common algorithm, no such host, no SFTP there
//	the file does not fit into the space that is left        kept         ends
//	a rename that is refused, whatever the answer            kept         ends
//	a rename that was not answered                           dropped      is settled on a new one: see upload.settle
//	the file is gone while it is written or renamed          kept         starts over
//	a wrong size before the file is published                kept         starts over
//	a wrong size after that                                  kept         ends
//	answer 2, 10  no such file, no such path                 kept         ends
//	answer 3      permission denied                          kept         ends
//	answer 4      failure: says nothing, may pass            kept         starts over
//	answer 5      bad message: a name that it will not have  kept         ends
//	answer 6, 7   no connection, connection lost             dropped      starts over
//	answer 8      not supported                              kept         ends
//	answer 11     exists already                             kept         ends
//	answers up to 31, of later versions (quota, read-only)   kept         ends
//	the name is taken, something is not there, not permitted kept         ends
//	all else: no route, refused, reset, silence, time-outs,  dropped      starts over
//	  answers that make no sense
//
// Starting over means from the first byte of the file: what a failed upload of many packets at a time has left may have holes.
type class int

const (
	final    class = iota // trying again will not help
	again                 // it may on the same connection
	fresh                 // it may on a new connection
	dropping              // final, and the connection is in doubt
)

// The status codes of SFTP that matter here. Version 3 ends at 8; some servers
// use those of later versions.
const (
	statusFailure        = 4
	statusNoConnection   = 6
	statusConnectionLost = 7
	statusUnsupported    = 8
	statusNoSuchPath     = 10
	statusExists         = 11
	statusLast           = 31 // of all versions
)

// classify implements the table, less its first line.
func classify(err error) class {
	if is[*localError](err) {
		return dropping
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return dropping
	}
	if is[*HostKeyError](err) || is[*ssh.AlgorithmNegotiationError](err) || errors.Is(err, ErrLogin) || errors.Is(err, errNoSFTP) {
		return dropping
	}
	if is[*spaceError](err) || is[*refusedError](err) {
		return final
	}
	if is[*goneError](err) {
		return again
	}
	if is[*unsettledError](err) {
		return fresh
	}
	if size, ok := errors.AsType[*sizeError](err); ok {
		if size.published {
			return final
		}
		return again
	}
	if errors.Is(err, sftp.ErrSSHFxConnectionLost) {
		return fresh
	}
	if status, ok := errors.AsType[*sftp.StatusError](err); ok {
		switch status.Code {
		case statusFailure:
			if errors.Is(err, fs.ErrExist) {
				return final // we have looked: that is what it meant
			}
			return again
		case statusNoConnection, statusConnectionLost:
			return fresh
		}
		if status.Code <= statusLast {
			return final
		}
		return fresh // there is no such code
	}
	for _, answer := range []error{fs.ErrExist, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, answer) {
			return final
		}
	}
	return fresh
}

// lost tells an error of the connection, or one that leaves it in doubt, from an answer of the server.
func lost(err error) bool {
	if err == nil {
		return false
	}
	c := classify(err)
	return c == fresh || c == dropping
}

// answer gives an error of a request the meaning that the standard library knows.
func answer(err error) error {
	if status, ok := errors.AsType[*sftp.StatusError](err); ok {
		switch status.Code {
		case statusUnsupported:
			return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		case statusNoSuchPath:
			return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		case statusExists:
			return fmt.Errorf("%w: %w", fs.ErrExist, err)
		}
	}
	return err
}

// callError is what a call of a Client returns.
type callError struct{ err error }

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// Retryable reports whether a later call may do better without anybody's doing. More may pass within a night than within the attempts of a
// call: the names of hosts come back, secrets can be had again, readers make room.
func (e *callError) Retryable() bool {
	if errors.Is(e.err, errClosed) {
		return false
	}
	if size, ok := errors.AsType[*sizeError](e.err); ok {
		return !size.published
	}
	if is[*net.DNSError](e.err) || is[*localError](e.err) || is[*spaceError](e.err) {
		return true
	}
	c := classify(e.err)
	return c == again || c == fresh
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// besides returns err as one that does not match reserved, which would say something about the drop directory.
func besides(reserved, err error) error {
	if errors.Is(err, reserved) {
		return errors.New(err.Error())
	}
	return err
}

// localError is one that the server and the way to it have no part in.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

// goneError says that a file of ours is not there any more. It does not match fs.ErrNotExist, which is kept for a missing directory.
type goneError struct{ msg string }

func (e *goneError) Error() string { return e.msg }

// refusedError is a rename that the server will not do. A file that can not be renamed need not be sent again to see that.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// unsettledError leaves open on which side of a rename the file is.
type unsettledError struct{ err error }

func (e *unsettledError) Error() string { return "the outcome is unknown: " + e.err.Error() }
func (e *unsettledError) Unwrap() error { return e.err }

type sizeError struct {
	path      string
	got, want int64
	published bool
}

func (e *sizeError) Error() string {
	if e.published {
		return fmt.Sprintf("after it was published, %q has %d bytes, want %d", e.path, e.got, e.want)
	}
	return fmt.Sprintf("%q has %d bytes, want %d", e.path, e.got, e.want)
}

// spaceError is what a failure meant.
type spaceError struct {
	free uint64
	want int64
	err  error
}

func (e *spaceError) Error() string {
	return fmt.Sprintf("%v (the destination has %d bytes left, and the file has %d)", e.err, e.free, e.want)
}
func (e *spaceError) Unwrap() error { return e.err }

// endError is a reason of our own to end a call. It stands alone in messages, where an end that the caller asked for is shown
// together with what the context says.
type endError struct {
	msg string
	err error
}

func (e *endError) Error() string { return e.msg + ": " + e.err.Error() }
func (e *endError) Unwrap() error { return e.err }

// contextError says why ctx ended; the result matches context.Cause(ctx) and, when the caller ended it, ctx.Err().
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if _, own := cause.(*endError); own || cause == err {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// ended adds to err why ctx ended, if it did.
func ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w (%w)", contextError(ctx), err)
}
