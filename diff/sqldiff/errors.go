package sqldiff

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spliosync/spliosync/diff"
)

// ErrLease: another store took the lease over, after this one had not renewed it in
// time.
var ErrLease = errors.New("lost the lease")

// EngineError is a statement that the engine refused. Its text has the step and
// the code of the engine, and the engine's own words only where these can not
// quote a value of a record; Err has them always.
type EngineError struct {
	Step string // what the statement was for
	Code string // the SQLSTATE, when the driver gives it
	Err  error
	open bool // the words of the engine quote no value
}

// Error returns the step and the code.
func (e *EngineError) Error() string {
	var b strings.Builder
	b.WriteString("sqldiff: " + e.Step + ": ")
	switch {
	case e.open:
		b.WriteString(e.Err.Error())
	case e.Code != "":
		b.WriteString("the engine refused the statement with SQLSTATE " + e.Code)
	default:
		b.WriteString("the engine refused the statement")
	}
	if !e.open {
		b.WriteString("; its words may quote a value and are in EngineError.Err alone")
	}
	return b.String()
}

// Unwrap returns Err.
func (e *EngineError) Unwrap() error { return e.Err }

// Retryable reports whether the same statement may pass later: not where the engine
// refuses the login (SQLSTATE 28) or finds fault with the statement itself (42).
func (e *EngineError) Retryable() bool {
	return !strings.HasPrefix(e.Code, "28") && !strings.HasPrefix(e.Code, "42")
}

// PrivilegeError is a privilege that the role of the connection lacks. Nothing
// was changed.
type PrivilegeError struct {
	Step  string // what it is needed for
	Grant string // the statement that grants it, or what to do
	Err   error
}

// Error names the step and the remedy.
func (e *PrivilegeError) Error() string {
	return "sqldiff: " + e.Step + ": the role of this connection may not: " + e.Grant
}

// Unwrap returns Err.
func (e *PrivilegeError) Unwrap() error { return e.Err }

// Retryable returns false: somebody has to grant it first.
func (e *PrivilegeError) Retryable() bool { return false }

// step is what a statement is for.
type step struct {
	name   string
	grant  string // what mends a missing privilege
	object string
	values bool // the engine sees values of records
}

// fail makes the error of a statement.
func (s *Store) fail(ctx context.Context, st step, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("sqldiff: %s: %w", st.name, cause)
	}
	var code string
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		code = state.SQLState()
	}
	if code == "42501" || code == "" && containsAny(err, s.e.denied) {
		grant := fmt.Sprintf(st.grant, st.object)
		if strings.HasPrefix(grant, "GRANT") {
			grant += " TO " + s.role
		}
		return &PrivilegeError{Step: st.name, Grant: grant, Err: err}
	}
	return &EngineError{Step: st.name, Code: code, Err: err, open: !st.values}
}

// isMissing reports whether an error says that a table or column is not there.
func (s *Store) isMissing(err error) bool {
	e, ok := errors.AsType[*EngineError](err)
	if !ok {
		return false
	}
	return e.Code == "42P01" || e.Code == "42703" || e.Code == "" && containsAny(e.Err, s.e.missing)
}

func containsAny(err error, parts []string) bool {
	text := strings.ToLower(err.Error())
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// damaged is the error of a table that was altered.
func (s *Store) damaged(table, format string, args ...any) error {
	return fmt.Errorf("sqldiff: %w", &diff.StateError{
		Path: table,
		Err:  fmt.Errorf("%w: "+format+": restore it, or drop the tables of this scope and start anew, which sends every record again", append([]any{diff.ErrDamaged}, args...)...),
	})
}
