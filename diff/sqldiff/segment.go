package sqldiff

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/diff"
)

// Segment is what the engine compares. Query, KeyForm and the names become part
// of statements: they are code, not data.
type Segment struct {
	// Query selects the segment, without a semicolon at its end, such as "SELECT *
	// FROM crm.contacts WHERE consent". It is evaluated twice, see the package
	// comment.
	Query string
	// Key is the column with the key, by the name that the engine gives it.
	Key string
	// KeyForm is the expression of the engine for the normal form of the key, over
	// the columns of Query. By default it is lower(trim(Key)).
	KeyForm string
	// Columns are those that the mapping reads, in the order of the values of a
	// Candidate: all of them, in the order of Query, when empty.
	Columns []string
	// OrderBy is the column that says which of several records with one key is
	// the first. FirstWins and LastWins need it.
	OrderBy string
	// Rendering identifies all that turns the columns into cells: a digest of the
	// mapping, or a version. When it changes, or the columns of the run, or those
	// of the segment or their types, every record is rendered again once.
	Rendering string
}

// Check reports what is wrong with the segment and the options of a run over it,
// joined.
func (seg Segment) Check(o diff.RunOptions) error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf("sqldiff: "+format, args...)) }
	if strings.TrimSpace(seg.Query) == "" {
		add("Segment.Query is empty")
	}
	if strings.HasSuffix(strings.TrimSpace(seg.Query), ";") {
		add("Segment.Query ends with a semicolon: it becomes part of another statement")
	}
	if strings.Contains(seg.Query+seg.KeyForm, "\x00") {
		add("Segment: a zero byte is no part of a statement")
	}
	if seg.Key == "" {
		add("Segment.Key is empty")
	}
	if seg.Rendering == "" {
		add("Segment.Rendering is empty: without it a changed mapping would go unseen")
	}
	if o.Duplicates > diff.LastWins {
		add("RunOptions.Duplicates: unknown policy %d", o.Duplicates)
	}
	if o.Duplicates != diff.RejectDuplicates && seg.OrderBy == "" {
		add("Segment.OrderBy is empty: without it there is no first and no last record of a key")
	}
	if o.Create && o.Known != nil {
		add("RunOptions.Known makes no sense with Create: what is not known is created")
	}
	if o.MaxUnusable < 0 {
		add("RunOptions.MaxUnusable is %d, at least 0 is possible", o.MaxUnusable)
	}
	return errors.Join(errs...)
}

// Fields returns the names of the columns that a record has: Columns, or those
// that the engine gives for Query.
func (seg Segment) Fields(ctx context.Context, db *sql.DB, d Dialect) (names []string, err error) {
	if len(seg.Columns) > 0 {
		return slices.Clone(seg.Columns), nil
	}
	s, err := lookAt(db, d)
	if err != nil {
		return nil, err
	}
	st := s.stepSegment("describe the segment")
	rows, err := db.QueryContext(ctx, s.sql("SELECT * FROM (", seg.Query, "\n) s WHERE 1 = 0").text())
	if err != nil {
		return nil, s.fail(ctx, st, err)
	}
	defer rows.Close()
	if names, err = rows.Columns(); err == nil {
		err = errors.Join(rows.Err(), rows.Close())
	}
	return names, s.fail(ctx, st, err)
}

// Rows reads the whole segment, with the columns that Fields names, in the order
// of OrderBy: it is for who wants to see all of it, and the run has no use for it.
func (seg Segment) Rows(ctx context.Context, db *sql.DB, d Dialect) (*sql.Rows, error) {
	s, err := lookAt(db, d)
	if err != nil {
		return nil, err
	}
	q := s.sql("SELECT ")
	for i, c := range seg.Columns {
		q.add([]string{"", ", "}[min(i, 1)], "s.", s.e.ident(c))
	}
	if len(seg.Columns) == 0 {
		q.add("*")
	}
	q.add(" FROM (", seg.Query, "\n) s")
	if seg.OrderBy != "" {
		q.add(" ORDER BY s.", s.e.ident(seg.OrderBy))
	}
	rows, err := db.QueryContext(ctx, q.text())
	return rows, s.fail(ctx, s.stepSegment("read the segment"), err)
}

// lookAt returns what reading without a store takes.
func lookAt(db *sql.DB, d Dialect) (*Store, error) {
	s := &Store{db: db, e: d.engine(), role: "your_role"}
	if db == nil {
		return nil, errNoDatabase
	}
	if s.e == nil {
		return nil, fmt.Errorf("sqldiff: unknown dialect %d", d)
	}
	return s, nil
}

var errNoDatabase = errors.New("sqldiff: there is no database")
