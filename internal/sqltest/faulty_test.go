package sqltest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"testing"
)

var errFault = errors.New("injected fault")

// faults makes the statements of a database fail.
type faults struct {
	mu    sync.Mutex
	n     int
	at    int  // the operation that fails; -1: none
	after bool // it was done all the same
	crash bool // all that follow fail too
	fired bool
	down  func() // called when the fault is met
}

// op counts an operation. It reports whether to do it, and the error.
func (f *faults) op() (do bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.n
	f.n++
	switch {
	case f.fired && f.crash:
		return false, errFault
	case n == f.at:
		f.fired = true
		if f.down != nil {
			f.down()
		}
		return f.after, errFault
	}
	return true, nil
}

// openFaulty connects through faults.
func openFaulty(t testing.TB, base driver.Connector, f *faults) *sql.DB {
	t.Helper()
	db := sql.OpenDB(connector{base, f})
	t.Cleanup(func() { db.Close() })
	return db
}

type connector struct {
	driver.Connector
	f *faults
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn, c.f}, nil
}

type faultyConn struct {
	driver.Conn
	f *faults
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	do, fault := c.f.op()
	if !do {
		return nil, fault
	}
	r, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if fault != nil {
		return nil, fault
	}
	return r, err
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	do, fault := c.f.op()
	if !do || fault != nil {
		return nil, fault
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}
