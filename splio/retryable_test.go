package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// verdictError is an error with an opinion.
type verdictError struct {
	error
	again bool
}

func (e verdictError) Unwrap() error   { return e.error }
func (e verdictError) Retryable() bool { return e.again }

// sqlError is an error of a driver.
type sqlError string

func (e sqlError) Error() string    { return "SQLSTATE " + string(e) }
func (e sqlError) SQLState() string { return string(e) }

func TestRetryable(t *testing.T) {
	_, unmounted := sftpx.Dir(filepath.Join(t.TempDir(), "share")).Size(t.Context(), "a.csv")
	for _, c := range []struct {
		err    error
		want   bool
		reason string
	}{
		{nil, false, "there is nothing to repeat"},
		{splio.ErrConfig, false, "it fails again as it is"},
		{&splio.BrakeError{}, false, "a person has to look"},
		{splio.ErrPending, false, "a plan waits for somebody"},
		{splio.ErrNoPlan, false, "it does not come back"},
		{splio.ErrWaiting, true, "Splio picks files up at some time"},
		{diff.ErrLocked, true, "another run ends at some time"},
		{&diff.StateError{Err: diff.ErrDamaged}, false, "a file has to be put back"},
		{&diff.StateError{Err: diff.ErrForeign}, false, "it stays the state of another universe"},
		{diff.ErrStale, false, "the plan is to be discarded"},
		{diff.ErrStaged, false, "the candidate stays"},
		{diff.ErrReadOnly, false, "so it stays"},
		{&sftpx.HostKeyError{}, false, "the provider has to be asked"},
		{sftpx.ErrLogin, false, "the account may get locked"},
		{fs.ErrExist, false, "it remembers something already"},
		{fs.ErrPermission, false, "rights are given by people"},
		{errors.ErrUnsupported, false, "nobody learns it over night"},
		{fs.ErrNotExist, true, "an exporter may be late"},
		{unmounted, true, "the share may be mounted later"},
		{syscall.ENOSPC, true, "disks are cleared"},
		{context.DeadlineExceeded, true, "the next run goes on"},
		{errors.New("connection reset"), true, "networks come back"},
		{&sqldiff.PrivilegeError{}, false, "a right is missing"},
		{&sqldiff.EngineError{Code: "42P01"}, false, "the query does not mend itself"},
		{&sqldiff.EngineError{Code: "57P03"}, true, "the engine is starting"},
		{sqlError("28P01"), false, "the password is wrong"},
		{sqlError("42P01"), false, "there is no such table"},
		{sqlError("53300"), true, "too many connections"},
		{&sqldiff.EngineError{Code: "28P01"}, false, "the password is wrong"},
		{verdictError{errors.New("quota"), false}, false, "the transport knows"},
		{verdictError{fs.ErrPermission, true}, true, "the transport knows better"},
		{verdictError{splio.ErrConfig, true}, false, "but not about our own errors"},
		{errors.Join(errors.New("reset"), splio.ErrConfig), false, "one is enough"},
	} {
		err := c.err
		if err != nil {
			err = fmt.Errorf("wrapped: %w", err)
		}
		if got := splio.Retryable(err); got != c.want {
			t.Errorf("%v: %t, want %t: %s", c.err, got, c.want, c.reason)
		}
	}
}

func ExampleRetryable() {
	for _, err := range []error{diff.ErrLocked, sftpx.ErrLogin} {
		if splio.Retryable(err) {
			fmt.Println("the next round tries again after:", err)
		} else {
			fmt.Println("somebody has to see to it:", err)
		}
	}
	// Output:
	// the next round tries again after: in use by another process
	// somebody has to see to it: login refused
}
