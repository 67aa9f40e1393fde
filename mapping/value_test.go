package mapping_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/spliosync/spliosync/mapping"
)

type failing string

func (f failing) Value() (driver.Value, error) {
	return nil, fmt.Errorf("%w: %s", errValuer, string(f))
}

type named string

type valuer struct{ p *int }

func (v valuer) Value() (driver.Value, error) { return int64(*v.p), nil }

func TestValueOf(t *testing.T) {
	m := one(t, mapping.Field{Empty: mapping.Absent, Flatten: "list"}, 0)
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		value any
		want  string
	}{
		{nil, absent}, {"a", "a"}, {[]byte("b"), "b"}, {[]byte(nil), absent}, {named("n"), "n"},
		{int(-1), "-1"}, {int8(-8), "-8"}, {int16(16), "16"}, {int32(32), "32"}, {int64(math.MaxInt64), "9223372036854775807"},
		{uint(1), "1"}, {uint8(8), "8"}, {uint16(16), "16"}, {uint32(math.MaxUint32), "4294967295"}, {uint64(math.MaxUint64), "18446744073709551615"},
		{float32(0.1), "0.1"}, {0.1, "0.1"}, {true, "1"}, {at, "2024-01-01 01:00:00"}, {time.Time{}, absent},
		{new("p"), "p"}, {(*string)(nil), absent}, {new(7), "7"}, {new(int32(8)), "8"}, {new(int64(9)), "9"}, {new(1.5), "1.5"}, {new(true), "1"}, {&at, "2024-01-01 01:00:00"},
		{new(uint8(3)), "3"}, {(*uint8)(nil), absent},
		{sql.NullString{}, absent}, {sql.NullString{String: "s", Valid: true}, "s"}, {sql.Null[int64]{V: 4, Valid: true}, "4"}, {(*valuer)(nil), absent},
		{mapping.DecimalValue("1.50"), "1.50"},
		{[]string{"a", "<b>"}, "a, <b>"}, {[]string(nil), absent}, {[]string{}, absent}, {[]any{1, 2.5, nil, "x", true}, "1, 2.5, x, 1"}, {[]any(nil), absent},
		{map[string]any{"b": 1, "a": []any{2}}, ""}, {map[string]any(nil), absent},
		{json.RawMessage(`["a"]`), "a"}, {json.RawMessage(`"a"`), "a"}, {json.RawMessage(`null`), absent}, {json.RawMessage(nil), absent},
	} {
		v, err := mapping.ValueOf(tt.value)
		if err != nil {
			t.Errorf("%T: %v", tt.value, err)
			continue
		}
		var row mapping.Row
		m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), v}})
		if got := show(row.Cells[1]); got != tt.want || (len(row.Rejections) > 0) != (tt.want == "") {
			t.Errorf("%T: %q %v, want %q", tt.value, got, row.Rejections, tt.want)
		}
	}
	for _, v := range []any{struct{}{}, []int{1}, []any{func() {}}, complex(1, 1), func() {}, map[string]int{}, failing("x")} {
		if got, err := mapping.ValueOf(v); err == nil {
			t.Errorf("%T gives %v, want an error", v, got)
		}
	}
}

func TestFloat32(t *testing.T) {
	m := one(t, mapping.Field{}, 0)
	for in, want := range map[float32]string{float32(math.Inf(1)): "", 1e10: "10000000000"} {
		v, err := mapping.ValueOf(in)
		if err != nil {
			t.Fatal(err)
		}
		var row mapping.Row
		m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), v}})
		if got := show(row.Cells[1]); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}

// The bytes of a string must not be writable through a cell.
func TestCellsNeverShareAString(t *testing.T) {
	const constant = "a constant"
	var row mapping.Row
	one(t, mapping.Field{}, 0).Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue(constant), mapping.StringValue(constant)}})
	row.Cells[0][0], row.Cells[1][0] = 'X', 'X'
}

func TestValueIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(mapping.Value{}); size > 48 {
		t.Errorf("a Value takes %d bytes", size)
	}
}

func TestAppendPlain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value mapping.Value
		want  string
	}{
		{"null", mapping.Value{}, ""},
		{"text as it is", mapping.StringValue(" a\n;"), " a\n;"},
		{"bytes", mapping.TextValue([]byte("é")), "é"},
		{"integer", mapping.IntegerValue(-12), "-12"},
		{"decimal as it is", mapping.DecimalValue("007.50"), "007.50"},
		{"float", mapping.FloatValue(1e21), "1000000000000000000000"},
		{"no number", mapping.FloatValue(math.NaN()), "NaN"},
		{"true", mapping.BooleanValue(true), "1"},
		{"false", mapping.BooleanValue(false), "0"},
		{"date", mapping.DateValue(987, time.March, 1), "0987-03-01"},
		{"date that does not exist", mapping.DateValue(2024, time.February, 30), "0000-00-00"},
		{"date-time in UTC", mapping.DateTimeValue(time.Date(2024, 7, 1, 10, 0, 0, 5, time.FixedZone("", 7200))), "2024-07-01T08:00:00Z"},
		{"JSON as it is", mapping.JSONValue([]byte(`[1, "a"]`)), `[1, "a"]`},
	} {
		if got := string(tt.value.AppendPlain([]byte("x"))); got != "x"+tt.want {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
}
