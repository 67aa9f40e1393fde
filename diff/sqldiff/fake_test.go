package sqldiff_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/diff/sqldiff"
)

var secret = []byte("0123456789abcdef")

// fake is an engine that notes the statements and answers those of one script.
type fake struct {
	log        []string
	live, base string
	holder     string
	meta       string
	columns    []string
	at         string // a statement with this is refused
	err        error
}

func (f *fake) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fake) Driver() driver.Driver                        { return f }
func (f *fake) Open(string) (driver.Conn, error)             { return f, nil }
func (f *fake) Prepare(string) (driver.Stmt, error)          { return nil, fmt.Errorf("not here") }
func (f *fake) Begin() (driver.Tx, error)                    { return nil, fmt.Errorf("not here") }
func (f *fake) Close() error                                 { return nil }

var runID = regexp.MustCompile(`(spliosync_[0-9a-f]{8})_[0-9a-z]{16}_`)

// note writes a statement down once, and says whether it is refused.
func (f *fake) note(query string) error {
	if f.err != nil && strings.Contains(query, f.at) {
		return f.err
	}
	query = runID.ReplaceAllString(query, "${1}_run_")
	if !slices.Contains(f.log, query) {
		f.log = append(f.log, query)
	}
	return nil
}

func (f *fake) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := f.note(query); err != nil {
		return nil, err
	}
	text := func(i int) string { return args[i].Value.(string) }
	switch {
	case strings.Contains(query, " SET holder = "):
		f.holder = text(0)
	case strings.Contains(query, " SET live = "):
		f.live = text(0)
	case strings.Contains(query, "SET stage = 'staged'"):
		f.meta, f.base = text(0), f.live
	}
	return driver.RowsAffected(1), nil
}

func (f *fake) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := f.note(query); err != nil {
		return nil, err
	}
	has := func(s string) bool { return strings.Contains(query, s) }
	digest, check := sqldiff.Digests(secret, "é Σ")
	row := func(values ...driver.Value) (driver.Rows, error) {
		return &rows{columns: make([]string, len(values)), rows: [][]driver.Value{values}}, nil
	}
	switch {
	case has("quote_ident"):
		return row("me")
	case has("journal_mode"):
		return row("ok")
	case has("'k'") && !has("FROM"):
		return row(digest)
	case has("SELECT keycheck"):
		return row(check, int64(1))
	case has("SELECT live, holder"):
		return row(f.live, f.holder)
	case has("SELECT holder"):
		return row(f.holder)
	case has("SELECT live"):
		return row(f.live)
	case has("SELECT kd, src"):
		return &rows{columns: make([]string, 6)}, nil
	case has("WHERE 1 = 0"):
		return &rows{columns: f.columns}, nil
	case has("SELECT meta"):
		return row(f.meta, int64(0), int64(0))
	case has("sum(chk)"):
		return row(int64(0), int64(0))
	case has("sum(CASE"):
		return row(int64(0), int64(0), int64(0), int64(0))
	case has("AS spl_src, t.spl_k"):
		return row(strings.Repeat("a", 32), "ann", int64(0), nil, int64(0), int64(0), int64(0), int64(0), int64(1), "ann", "1")
	case has("SELECT (SELECT count(*)"):
		return row(int64(0), int64(1))
	case has("GROUP BY x.cset"):
		return row("00", int64(1), int64(1))
	case has("WHERE w.rendered IS NOT NULL"):
		return row(int64(0))
	case has("ORDER BY x.seq"):
		return row(int64(1), int64(1), int64(0), "00")
	case has("min(layout)"):
		return row(nil)
	case has("SELECT base"):
		return row(f.base)
	case has("SELECT id"), has("SELECT o.kd"):
		return &rows{columns: make([]string, 6)}, nil
	}
	return nil, fmt.Errorf("the fake has no answer to %s", query)
}

type rows struct {
	columns []string
	rows    [][]driver.Value
}

func (r *rows) Columns() []string { return r.columns }
func (r *rows) Close() error      { return nil }
func (r *rows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
