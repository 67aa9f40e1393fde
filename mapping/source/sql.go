package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// SQL is the result of a query, once. The fields are its columns, in order.
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
// Records closes rows at its end, however it ends, a panic in the body of the loop included, and yields what rows.Err and
// rows.Close report. Who does not range over Records closes rows.
func SQL(rows *sql.Rows) mapping.Source { return &sqlRows{rows: rows} }

type sqlRows struct {
	rows   *sql.Rows
	fields []string
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
			if err = r.read(s.rows, rec); err == nil && !yield(rec, nil) {
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
			yield(nil, err)
		}
	}
}

func wrap(err error, seq int64) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("source: after %d records: %w", seq, err)
}

func (s *sqlRows) open(ctx context.Context) (*sqlReader, error) {
	if _, err := s.Fields(ctx); err != nil {
		return nil, err
	}
	types, err := s.rows.ColumnTypes()
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	r := &sqlReader{cells: make([]sqlCell, len(types))}
	for i, t := range types {
		name, _, _ := strings.Cut(strings.ToUpper(t.DatabaseTypeName()), "(")
		r.cells[i] = sqlCell{reader: r, kind: sqlKinds[name]}
		r.dest = append(r.dest, &r.cells[i])
	}
	return r, nil
}

// sqlReader takes rows over into records.
type sqlReader struct {
	cells []sqlCell
	dest  []any
	bytes []byte // of the current record
	bad   bool
}

func (r *sqlReader) read(rows *sql.Rows, rec *mapping.Record) error {
	r.bytes, r.bad = r.bytes[:0], false
	if err := rows.Scan(r.dest...); err != nil {
		return wrap(err, rec.Seq)
	}
	rec.Seq++
	rec.Values, rec.Err = rec.Values[:0], nil
	for i := range r.cells {
		rec.Values = append(rec.Values, r.cells[i].value)
	}
	if r.bad {
		rec.Err = ErrType
	}
	return nil
}

// sqlCell takes over one value of the current row.
type sqlCell struct {
	reader *sqlReader
	kind   sqlKind
	value  mapping.Value
}

// sqlKind is what the type of a column says about what the driver gives.
type sqlKind uint8

const (
	sqlPlain sqlKind = iota
	sqlDate
	sqlDecimal
	sqlJSON
)

var sqlKinds = map[string]sqlKind{
	"DATE": sqlDate, "NUMERIC": sqlDecimal, "DECIMAL": sqlDecimal, "NUMBER": sqlDecimal, "JSON": sqlJSON, "JSONB": sqlJSON,
}

// keep copies bytes of the driver, which it may use again as soon as Scan returns.
func keep[T ~string | ~[]byte](r *sqlReader, b T) []byte {
	start := len(r.bytes)
	r.bytes = append(r.bytes, b...)
	return r.bytes[start:]
}

// Scan implements sql.Scanner. It does not fail, so that a value it cannot take concerns its record alone.
func (c *sqlCell) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		if v == nil {
			c.value = mapping.Value{}
			return nil
		}
		v = keep(c.reader, v)
		switch c.kind {
		case sqlDecimal:
			c.value = mapping.DecimalValue(v)
		case sqlJSON:
			c.value = mapping.JSONValue(v)
		default:
			c.value = mapping.TextValue(v)
		}
		return nil
	case string:
		switch c.kind {
		case sqlDecimal:
			c.value = mapping.DecimalValue(v)
			return nil
		case sqlJSON:
			c.value = mapping.JSONValue(keep(c.reader, v))
			return nil
		}
	case time.Time:
		if c.kind == sqlDate && !v.IsZero() {
			c.value = mapping.DateValue(v.Date())
			return nil
		}
	}
	var err error
	if c.value, err = mapping.ValueOf(src); err != nil {
		c.reader.bad = true
	}
	return nil
}
