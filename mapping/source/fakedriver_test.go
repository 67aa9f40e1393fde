package source_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"
)

// fakeTable is a database that answers any query with its rows.
type fakeTable struct {
	columns []string
	types   []string // database type names
	rows    [][]driver.Value
	failAt  error // instead of the end
	onClose error
	closed  int // how often the rows were closed

	queries []string // that were asked
	refuse  error    // the answer to all of them
	ended   int      // how often rows were closed whose context had ended before
}

// open opens a database of the table.
func (f *fakeTable) open(t testing.TB) *sql.DB {
	db := sql.OpenDB(fakeConnector{f})
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// query opens a database of the table and queries it.
func (f *fakeTable) query(t testing.TB) *sql.Rows {
	rows, err := f.open(t).QueryContext(context.Background(), "select")
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

type fakeConnector struct{ table *fakeTable }

func (c fakeConnector) Connect(context.Context) (driver.Conn, error) { return fakeConn(c), nil }
func (c fakeConnector) Driver() driver.Driver                        { return nil }

type fakeConn struct{ table *fakeTable }

func (fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (fakeConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (fakeConn) Close() error                        { return nil }
func (c fakeConn) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	c.table.queries = append(c.table.queries, query)
	if c.table.refuse != nil {
		return nil, c.table.refuse
	}
	rows := &fakeRows{table: c.table, ctx: ctx}
	if strings.HasSuffix(query, "WHERE 1 = 0") {
		rows.at = len(c.table.rows)
	}
	return rows, nil
}

type fakeRows struct {
	table *fakeTable
	ctx   context.Context
	at    int
	bytes []byte // of the current row
}

func (r *fakeRows) Columns() []string                       { return r.table.columns }
func (r *fakeRows) ColumnTypeDatabaseTypeName(i int) string { return r.table.types[i] }

func (r *fakeRows) Close() error {
	r.overwrite()
	r.table.closed++
	if r.ctx.Err() != nil {
		r.table.ended++
	}
	return r.table.onClose
}

// overwrite is what drivers may do to the bytes they gave out.
func (r *fakeRows) overwrite() {
	for i := range r.bytes {
		r.bytes[i] = '#'
	}
	r.bytes = r.bytes[:0]
}

func (r *fakeRows) Next(dest []driver.Value) error {
	r.overwrite()
	if r.at == len(r.table.rows) {
		if r.table.failAt != nil {
			return r.table.failAt
		}
		return io.EOF
	}
	copy(dest, r.table.rows[r.at])
	r.at++
	for i, v := range dest {
		if b, ok := v.([]byte); ok && b != nil {
			r.bytes = append(r.bytes, b...)
			dest[i] = r.bytes[len(r.bytes)-len(b):]
		}
	}
	return nil
}
