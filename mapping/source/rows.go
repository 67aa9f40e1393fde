package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/spliosync/spliosync/internal/sqlrow"
	"github.com/spliosync/spliosync/mapping"
)

// Rows is the result of a query that was already run; it can be read once. [Query] runs the query itself. The fields
// are its columns, in order.
//
// The values are what the driver gives: numbers, booleans, text. The text of a NUMERIC, DECIMAL or NUMBER column is an exact
// decimal, a time in a DATE column the civil date that the driver gave it. Any other time is an instant: whether a column
// without a zone is read as UTC or as another zone is a setting of the driver. Where a driver gives dates as text, the
// mapping reads them. The text of a JSON or JSONB column is what [mapping.JSONValue] makes of it; that of an array
// ("{a,b}") is text, and so is a column of bytes. A record with a value of a type that cannot be mapped is rejected alone
// with [ErrType].
//
// Nothing is allocated for a record, save by the driver.
//
// Records closes rows at its end, however it ends, a panic in the body of the loop included, and yields what rows.Err
// and rows.Close report. If Records is never ranged over, the caller closes rows.
func Rows(rows *sql.Rows) mapping.Source { return &sqlRows{rows: rows} }

type sqlRows struct {
	rows   *sql.Rows
	fields []string
	want   []string // what they are to be; nil: whatever they are
	spent  bool
}

func (s *sqlRows) Fields(context.Context) ([]string, error) {
	if s.fields == nil {
		if s.rows == nil {
			return nil, errors.New("source: there are no rows: did the query fail?")
		}
		names, err := s.rows.Columns()
		if err != nil {
			return nil, fmt.Errorf("source: %w", err)
		}
		s.fields = names
	}
	return slices.Clone(s.fields), nil
}

func (s *sqlRows) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		if s.spent {
			yield(nil, errSpent)
			return
		}
		s.spent = true
		if s.rows != nil {
			defer func() { _ = s.rows.Close() }() // when yield does not return; there is no harm in closing twice
		}
		r, err := s.open(ctx)
		rec := &mapping.Record{}
		for err == nil {
			if err = stopped(ctx, rec.Seq); err != nil || !s.rows.Next() {
				break
			}
			var ok bool
			if ok, err = r.Scan(rec, s.rows.Scan); err != nil {
				err = wrap(err, rec.Seq)
				break
			}
			rec.Seq++
			if !ok {
				rec.Err = ErrType
			}
			if !yield(rec, nil) {
				return
			}
		}
		if s.rows != nil {
			if err == nil {
				err = wrap(s.rows.Err(), rec.Seq)
			}
			if closing := wrap(s.rows.Close(), rec.Seq); err == nil {
				err = closing
			}
		}
		if err != nil {
			yield(nil, because(ctx, err))
		}
	}
}

func wrap(err error, seq int64) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("source: after %d records: %w", seq, err)
}

func (s *sqlRows) open(ctx context.Context) (*sqlrow.Reader, error) {
	fields, err := s.Fields(ctx)
	if err != nil {
		return nil, err
	}
	if s.want != nil && !slices.Equal(s.want, fields) {
		return nil, errors.New("source: the columns have changed since they were asked for")
	}
	types, err := s.rows.ColumnTypes()
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	return sqlrow.New(types), nil
}
