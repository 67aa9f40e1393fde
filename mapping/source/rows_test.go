package source_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping/source"
)

func TestRows(t *testing.T) {
	table := &fakeTable{
		columns: []string{"text", "number", "date", "instant", "flag", "other"},
		types:   []string{"VARCHAR", "numeric(10,2)", "DATE", "TIMESTAMPTZ", "BOOL", "INT8"},
		rows: [][]driver.Value{
			{"a", "012.50", time.Date(2024, 7, 1, 0, 0, 0, 0, time.FixedZone("", -5*3600)), time.Date(2024, 7, 1, 22, 30, 0, 0, time.UTC), true, int64(-7)},
			{[]byte("bytes"), []byte("1e3"), []byte("2024-07-01"), "2024-07-01T22:30:00Z", []byte("t"), 1.5},
			{nil, nil, nil, nil, nil, nil},
			{"", []byte(nil), time.Time{}, time.Time{}, false, uint64(1 << 63)},
			{"x", struct{}{}, nil, nil, nil, nil},
			{"y", "1", nil, nil, nil, nil},
		},
	}
	fields, records, err := read(t, source.Rows(table.query(t)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(table.columns, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	want := []string{
		"0: a|12.50|2024-07-01|2024-07-02 00:30:00|1|-7",
		"0: bytes||2024-07-01|2024-07-01T22:30:00Z|t|1.5", // "1e3" is not an exact decimal: invalid
		"0: -|-|-|-|-|-",
		"0: -|-|-|-|0|9223372036854775808",
		"0! a value of a type that cannot be mapped",
		"0: y|1|-|-|-|-",
	}
	if diff := cmp.Diff(want, records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if table.closed != 1 {
		t.Errorf("the rows were closed %d times", table.closed)
	}
}

func TestRowsJSONAndArrays(t *testing.T) {
	table := &fakeTable{
		columns: []string{"json", "jsonb", "array", "bytes"},
		types:   []string{"JSON", "JSONB", "_TEXT", "BYTEA"},
		rows: [][]driver.Value{
			{`{"a": [1]}`, []byte(`["x"]`), "{a,b}", []byte("raw")},
			{nil, []byte("null"), nil, nil},
			{`"text"`, []byte("1.50"), "", []byte{}},
		},
	}
	_, records, err := read(t, source.Rows(table.query(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`0: {"a": [1]}|["x"]|{a,b}|raw`, "0: -|-|-|-", "0: text|1.50|-|-"}
	if diff := cmp.Diff(want, records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestRowsErrors(t *testing.T) {
	broken, closing := errors.New("broken"), errors.New("closing")
	row := [][]driver.Value{{"a"}}
	for _, tt := range []struct {
		name  string
		table fakeTable
		want  error
	}{
		{"while reading", fakeTable{failAt: broken}, broken},
		{"while closing", fakeTable{onClose: closing}, closing},
		{"both", fakeTable{failAt: broken, onClose: closing}, broken},
	} {
		tt.table.columns, tt.table.types, tt.table.rows = []string{"a"}, []string{""}, row
		_, records, err := read(t, source.Rows(tt.table.query(t)))
		if !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), "source: after 1 records: ") || len(records) != 1 {
			t.Errorf("%s: %d records, %v", tt.name, len(records), err)
		}
		if tt.table.closed != 1 {
			t.Errorf("%s: closed %d times", tt.name, tt.table.closed)
		}
	}

	for _, err := range source.Rows(nil).Records(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "no rows") {
			t.Errorf("no rows: %v", err)
		}
	}
}

func TestRowsEndsEarly(t *testing.T) {
	table := &fakeTable{columns: []string{"a"}, types: []string{""}}
	for range 1000 {
		table.rows = append(table.rows, []driver.Value{"a"})
	}
	s := source.Rows(table.query(t))
	for range s.Records(t.Context()) {
		break
	}
	if table.closed != 1 {
		t.Errorf("after a break: closed %d times", table.closed)
	}
	if _, records, err := read(t, s); err == nil || len(records) > 0 || !strings.Contains(err.Error(), "once") {
		t.Errorf("the second time: %d records, %v", len(records), err)
	}

	table.closed = 0
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	n := 0
	for _, err := range source.Rows(table.query(t)).Records(ctx) {
		if n++; !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	}
	if n != 1 || table.closed != 1 {
		t.Errorf("cancelled: yielded %d times, closed %d times", n, table.closed)
	}
}

// A query whose context ends is closed by package sql at any time, also while a record is being looked at.
func TestRowsRecordOutlivesItsRows(t *testing.T) {
	table := &fakeTable{columns: []string{"a", "b"}, types: []string{"", "DECIMAL"}, rows: [][]driver.Value{{[]byte("bytes"), []byte("1.5")}}}
	rows := table.query(t)
	for rec, err := range source.Rows(rows).Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		if got := cells(t, 2, rec); got != "bytes|1.5" {
			t.Errorf("the record reads %q", got)
		}
	}
}

func TestRowsAllocations(t *testing.T) {
	const n = 1000
	table := &fakeTable{columns: []string{"a", "b", "c", "d", "e", "f", "g"}, types: []string{"", "NUMERIC", "JSONB", "DATE", "", "", ""}}
	for range n {
		table.rows = append(table.rows, []driver.Value{"text", []byte("1.5"), []byte(`{"a":[1]}`), time.Unix(1e9, 0), int64(1 << 40), 1.5, true})
	}
	allocations := testing.AllocsPerRun(5, func() {
		read := 0
		for _, err := range source.Rows(table.query(t)).Records(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			read++
		}
		if read != n {
			t.Errorf("%d records", read)
		}
	})
	if allocations > 2*n+n/2 { // one for each value of bytes is the driver's
		t.Errorf("%v allocations for %d rows", allocations, n)
	}
}
