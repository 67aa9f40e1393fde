// Package sqlrow makes records of the rows of a query. It is what readers of SQL
// rows share, and no user needs.
package sqlrow

import (
	"database/sql"
	"strings"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// Reader takes rows over into records. Use it from one goroutine.
type Reader struct {
	cells []cell
	dest  []any
	bytes []byte // of the current record
	bad   bool
}

// New returns a reader of rows with columns of these types.
func New(types []*sql.ColumnType) *Reader {
	r := &Reader{cells: make([]cell, len(types))}
	for i, t := range types {
		name, _, _ := strings.Cut(strings.ToUpper(t.DatabaseTypeName()), "(")
		r.cells[i] = cell{reader: r, kind: kinds[name]}
		r.dest = append(r.dest, &r.cells[i])
	}
	return r
}

// Scan scans a row, by a method like that of [sql.Rows]. The record is valid until
// the next call. ok is false when a value is of a type that can not be mapped.
func (r *Reader) Scan(rec *mapping.Record, scan func(dest ...any) error) (ok bool, err error) {
	r.bytes, r.bad = r.bytes[:0], false
	if err := scan(r.dest...); err != nil {
		return false, err
	}
	rec.Values, rec.Err = rec.Values[:0], nil
	for i := range r.cells {
		rec.Values = append(rec.Values, r.cells[i].value)
	}
	return !r.bad, nil
}

// cell takes over one value of the current row.
type cell struct {
	reader *Reader
	kind   kind
	value  mapping.Value
}

// kind is what the type of a column says about what the driver gives.
type kind uint8

const (
	plain kind = iota
	date
	decimal
	object
)

var kinds = map[string]kind{
	"DATE": date, "NUMERIC": decimal, "DECIMAL": decimal, "NUMBER": decimal, "JSON": object, "JSONB": object,
}

// keep copies bytes of the driver, which it may use again as soon as Scan returns.
func keep[T ~string | ~[]byte](r *Reader, b T) []byte {
	start := len(r.bytes)
	r.bytes = append(r.bytes, b...)
	return r.bytes[start:]
}

// Scan implements sql.Scanner. It does not fail, so that a value it cannot take
// concerns its record alone.
func (c *cell) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		if v == nil {
			c.value = mapping.Value{}
			return nil
		}
		v = keep(c.reader, v)
		switch c.kind {
		case decimal:
			c.value = mapping.DecimalValue(v)
		case object:
			c.value = mapping.JSONValue(v)
		default:
			c.value = mapping.TextValue(v)
		}
		return nil
	case string:
		switch c.kind {
		case decimal:
			c.value = mapping.DecimalValue(v)
			return nil
		case object:
			c.value = mapping.JSONValue(keep(c.reader, v))
			return nil
		}
	case time.Time:
		if c.kind == date && !v.IsZero() {
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
