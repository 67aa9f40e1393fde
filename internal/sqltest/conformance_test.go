package sqltest_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/internal/sqltest"
	"github.com/spliosync/spliosync/internal/sqltest/throwaway"
)

var server *throwaway.Server

func TestMain(m *testing.M) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if server, err = throwaway.Start(ctx, "fsync=off", "max_connections=200"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// nul stands for an absent cell, or a key that is null.
const nul = "\x00"

// record is one of the segment. In the tables of the engines its key and its
// cells are written with blanks around them, which rendering takes away.
type record struct {
	key   string   // nul: unusable
	cells []string // nil: rejected
	blank string   // before each source value: only the source differs
}

// rec is a valid record: "_" is an empty cell, "~" an absent one.
func rec(key, cells string) record {
	r := record{key: key, cells: []string{}}
	for c := range strings.FieldsSeq(cells) {
		switch c {
		case "_":
			c = ""
		case "~":
			c = nul
		}
		r.cells = append(r.cells, c)
	}
	return r
}

func bad(key string) record { return record{key: key} }

func (r record) padded(blank string) record { r.blank = blank; return r }

// render is the mapping: of both differs.
func render(renderer string, key sql.NullString, rejected bool, values []sql.NullString) ([]byte, [][]byte) {
	var k []byte
	if key.Valid {
		k = bytes.ToLower(bytes.TrimSpace([]byte(key.String)))
	}
	if rejected || k == nil {
		return k, nil
	}
	cells := make([][]byte, len(values))
	for i, v := range values {
		if v.Valid {
			cells[i] = append([]byte{}, strings.TrimSpace(v.String)...)
			if len(cells[i]) > 0 {
				cells[i] = append(cells[i], renderer...)
			}
		}
	}
	return k, cells
}

// outcome is what a run found: it has to be the same everywhere.
type outcome struct {
	summary string
	changes []string // what each says of which record, in the order of the segment
}

// run is one run of a script.
type step struct {
	columns  []string
	opts     diff.RunOptions
	known    []string // nil: not given
	records  []record
	due      []string // marked before the run
	drop     bool     // the candidate is discarded
	renderer string   // what is written after each cell
}

func (s step) options() diff.RunOptions {
	o := s.opts
	if s.known != nil {
		o.Known = keys(s.known)
	}
	return o
}

func keys(list []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, k := range list {
			if !yield([]byte(k), nil) {
				return
			}
		}
	}
}

// differ does runs and remembers.
type differ interface {
	run(t testing.TB, s step) outcome
}

type localDiffer struct{ store *diff.Store }

func newLocal(t testing.TB) differ {
	s, err := diff.Open(t.TempDir(), diff.Options{Key: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return localDiffer{s}
}

func (d localDiffer) run(t testing.TB, s step) outcome {
	t.Helper()
	if s.due != nil {
		if _, err := d.store.MarkDue(t.Context(), keys(s.due)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := d.store.Begin(t.Context(), s.columns, s.options())
	if err != nil {
		t.Fatal(err)
	}
	f := r.Feed()
	says := map[int64]string{}
	for i, rec := range s.records {
		key, rejected, values := rec.source()
		k, cells := render(s.renderer, key, rejected, values)
		says[int64(i+1)] = fmt.Sprintf("%q%q", k, cells)
		if err := f.Put(int64(i+1), k, cells); err != nil {
			t.Fatal(err)
		}
	}
	return finish(t, r, s, says, func(id string) error { return d.store.Publish(t.Context(), id) }, d.store.Discard)
}

// source returns what the table of the segment has.
func (r record) source() (key sql.NullString, rejected bool, values []sql.NullString) {
	if r.key != nul {
		key = sql.NullString{String: r.blank + strings.ToUpper(r.key) + " ", Valid: true}
	}
	for _, c := range r.cells {
		values = append(values, sql.NullString{String: r.blank + c, Valid: c != nul})
	}
	return key, r.cells == nil, values
}

// comparison is what runs of both differs have, once all records were put.
type comparison interface {
	Compare(ctx context.Context) (*diff.Summary, error)
	Changes(ctx context.Context) iter.Seq2[*diff.Change, error]
	Stage(ctx context.Context) (id string, err error)
	Close() error
}

// finish compares, stages and publishes.
func finish(t testing.TB, r comparison, s step, says map[int64]string, publish, discard func(string) error) (out outcome) {
	t.Helper()
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	sum, err := r.Compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := sum.Rejected + sum.Conflicting + sum.Duplicate + sum.HeldBack + sum.Unchanged + sum.New + sum.Changed + sum.Due; got != sum.Read {
		t.Errorf("read %d, counted %d: %+v", sum.Read, got, sum)
	}
	out.summary = fmt.Sprintf("%+v", *sum)
	gone := 0
	for c, err := range r.Changes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Kind == diff.Gone {
			gone++
			continue
		}
		var names []string
		for i := range c.Columns.All() {
			names = append(names, s.columns[i])
		}
		out.changes = append(out.changes, fmt.Sprintf("%s %v%v unconfirmed=%v", says[c.Seq], c.Kind, names, c.Unconfirmed))
	}
	out.changes = append(out.changes, fmt.Sprintf("gone=%d", gone))
	id, err := r.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.drop {
		err = discard(id)
	} else {
		err = publish(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sqlDiffer keeps the segment in a table: its columns are those of all runs.
type sqlDiffer struct {
	db    *sql.DB
	store *sqldiff.Store
	d     sqldiff.Dialect
	base  driver.Connector
}

var sourceColumns = []string{"a", "b", "c", "d", "e"}

func newSQL(t testing.TB, e sqltest.Engine) *sqlDiffer {
	t.Helper()
	base, err := e.Connector()
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(base)
	t.Cleanup(func() { db.Close() })
	d := &sqlDiffer{db: db, d: e.Dialect, base: base, store: openStore(t, db, e.Dialect, sqldiff.Options{})}
	d.exec(t, "CREATE TABLE segment (pos BIGINT, email TEXT, bad BIGINT, a TEXT, b TEXT, c TEXT, d TEXT, e TEXT)")
	return d
}

func openStore(t testing.TB, db *sql.DB, d sqldiff.Dialect, o sqldiff.Options) *sqldiff.Store {
	t.Helper()
	o.Dialect, o.Scope, o.Key = d, "acme/email", []byte("0123456789abcdef")
	s, err := sqldiff.Open(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (d *sqlDiffer) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := d.db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// load writes the segment.
func (d *sqlDiffer) load(t testing.TB, s step) {
	t.Helper()
	d.exec(t, "DELETE FROM segment")
	for from := 0; from < len(s.records); from += 100 {
		var b strings.Builder
		var args []any
		mark := func(v any) string {
			if args = append(args, v); d.d == sqldiff.PostgreSQL {
				return fmt.Sprintf("$%d", len(args))
			}
			return "?"
		}
		for i, rec := range s.records[from:min(from+100, len(s.records))] {
			key, rejected, values := rec.source()
			b.WriteString([]string{"INSERT INTO segment VALUES (", ", ("}[min(i, 1)])
			b.WriteString(mark(from+i+1) + ", " + mark(key) + ", " + map[bool]string{true: "1", false: "0"}[rejected])
			for _, c := range sourceColumns {
				v := sql.NullString{}
				if at := slices.Index(s.columns, c); at >= 0 && values != nil {
					v = values[at]
				}
				b.WriteString(", " + mark(v))
			}
			b.WriteString(")")
		}
		d.exec(t, b.String(), args...)
	}
}

func (s step) segment() sqldiff.Segment {
	seg := sqldiff.Segment{
		Query: "SELECT * FROM segment -- all of it", Key: "email", OrderBy: "pos", Rendering: "1" + s.renderer,
		Columns: append([]string{"email", "bad"}, s.columns...),
	}
	return seg
}

func (d *sqlDiffer) run(t testing.TB, s step) outcome {
	t.Helper()
	if s.due != nil {
		if _, err := d.store.MarkDue(t.Context(), keys(s.due)); err != nil {
			t.Fatal(err)
		}
	}
	d.load(t, s)
	r, err := d.store.Begin(t.Context(), s.columns, s.segment(), s.options())
	if err != nil {
		t.Fatal(err)
	}
	says := map[int64]string{}
	putAll(t, r, s, says)
	return finish(t, r, s, says,
		func(id string) error { return d.store.Publish(t.Context(), id) },
		func(id string) error { return d.store.Discard(t.Context(), id) })
}

// putAll renders all candidates, and notes what each says.
func putAll(t testing.TB, r *sqldiff.Run, s step, says map[int64]string) {
	t.Helper()
	f := r.Feed()
	for c, err := range r.Candidates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		var key sql.NullString
		var rejected int64
		values := make([]sql.NullString, len(s.columns))
		dest := []any{&key, &rejected}
		for i := range values {
			dest = append(dest, &values[i])
		}
		if err := c.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		k, cells := render(s.renderer, key, rejected != 0, values)
		if err := f.Put(c.Seq, k, cells); err != nil {
			t.Fatal(err)
		}
		says[c.Seq] = fmt.Sprintf("%q%q", k, cells)
	}
}

// tables counts the tables of runs in the engine.
func (d *sqlDiffer) tables(t testing.TB) (n int) {
	t.Helper()
	query := "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'spliosync%' AND table_name NOT IN ('spliosync_state', 'spliosync_runs')"
	if d.d == sqldiff.SQLite {
		query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE 'spliosync%' AND name NOT IN ('spliosync_state', 'spliosync_runs')"
	}
	if err := d.db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
