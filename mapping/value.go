package mapping

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"
	"unsafe"
)

// Value is one value of a record: null, text, an integer, a decimal, a float, a boolean, a date, a date-time, or the JSON
// of a list or an object. It is small and copied freely. The zero Value is null.
//
// Formatting it, logging it with log/slog and encoding it as JSON show its kind at most. What goes by reflection cannot be
// kept from the fields of a Value: numbers, booleans, dates and the lengths of texts show where package fmt, or slog by
// way of it, meets a Value in an unexported field of another type, and for the verbs %p and %w, which no Value has; a
// printer that follows pointers sees the first byte of a text too. Do not print what holds Values.
type Value struct {
	p *byte // text, decimal and JSON: the first byte; a pointer, so that reflection shows no content
	n int64 // text, decimal and JSON: the length; integer; float: the bits; boolean: 0 or 1; date: yyyymmdd; date-time: Unix seconds
	k kind
}

type kind uint8

const (
	kindNull   kind = iota
	kindText        // bytes of the source, which a cell may share
	kindString      // bytes of a string, which a cell must not share: it would let them be modified
	kindInteger
	kindDecimal
	kindFloat
	kindBoolean
	kindDate
	kindDateTime
	kindJSON
)

var kindNames = [...]string{"null", "text", "text", "integer", "decimal", "float", "boolean", "date", "datetime", "json"}

// TextValue is text. It shares b, which must stay as it is for as long as the Value is used.
func TextValue(b []byte) Value {
	return Value{p: unsafe.SliceData(b), n: int64(len(b)), k: kindText}
}

// StringValue is text.
func StringValue(s string) Value {
	return Value{p: unsafe.StringData(s), n: int64(len(s)), k: kindString}
}

// IntegerValue is an integer.
func IntegerValue(n int64) Value { return Value{n: n, k: kindInteger} }

// DecimalValue is an exact decimal number: an optional sign, digits and at most one dot. Other text makes a value that is
// invalid for every type. It shares the bytes, which must stay as they are for as long as the Value is used.
func DecimalValue[T ~string | ~[]byte](exact T) Value {
	// A string and a slice both begin with the pointer to their bytes.
	return Value{p: *(**byte)(unsafe.Pointer(&exact)), n: int64(len(exact)), k: kindDecimal}
}

// FloatValue is a floating-point number.
func FloatValue(f float64) Value { return Value{n: int64(math.Float64bits(f)), k: kindFloat} }

// BooleanValue is a boolean.
func BooleanValue(b bool) Value {
	if b {
		return Value{n: 1, k: kindBoolean}
	}
	return Value{k: kindBoolean}
}

// DateValue is a civil date, whatever the zone. One that does not exist, or with a year outside 1 to 9999, makes a value
// that is invalid for every type.
func DateValue(year int, month time.Month, day int) Value {
	if !validDate(year, int(month), day) {
		return Value{k: kindDate}
	}
	return Value{n: int64(year)*10000 + int64(month)*100 + int64(day), k: kindDate}
}

// DateTimeValue is an instant. The zero Time is null.
func DateTimeValue(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Value{n: t.Unix(), k: kindDateTime}
}

// JSONValue is what a JSON text says: a list or an object, or the value that a JSON string, number, true, false or null is.
// A number with an exponent is a float, any other an exact decimal. Nil is null. Text that is not JSON, and a string with half
// a surrogate pair in it, make a value that is invalid for every type. It may share b, which must stay as it is for as long
// as the Value is used.
func JSONValue(b []byte) Value {
	text := bytes.Trim(b, jsonSpace)
	broken := Value{p: unsafe.SliceData(b), n: int64(len(b)), k: kindJSON}
	switch {
	case b == nil:
		return Value{}
	case len(text) == 0 || text[0] == '[' || text[0] == '{' || !json.Valid(text):
		return broken
	case text[0] == '"':
		text = text[1 : len(text)-1]
		if bytes.IndexByte(text, '\\') < 0 {
			return TextValue(text)
		}
		plain, ok := appendUnescaped(nil, text)
		if !ok {
			return broken
		}
		return TextValue(plain)
	case text[0] == 't', text[0] == 'f':
		return BooleanValue(text[0] == 't')
	case text[0] == 'n':
		return Value{}
	case bytes.ContainsAny(text, "eE"):
		f, _ := strconv.ParseFloat(string(text), 64) // out of range is an infinity, which is invalid wherever it goes
		return FloatValue(f)
	}
	return DecimalValue(text)
}

// ValueOf makes a Value of v: nil, a string, []byte, any integer or float type, bool, [time.Time], a [Value], a pointer to
// one of these (nil is null), a type based on one of these, or a [driver.Valuer] that gives one, as the sql.Null types do.
// A [json.RawMessage] is a [JSONValue], and so are []string, []any and map[string]any, encoded. A []byte is shared, not
// copied. For any other type the error names the type, never the value.
func ValueOf(v any) (Value, error) {
	if value, ok := plainValue(v); ok {
		return value, nil
	}
	// This goes by reflection, which is why the usual types have been dealt with. The cause of an error may quote the
	// value, so it is left out.
	if dv, err := driver.DefaultParameterConverter.ConvertValue(v); err == nil {
		if value, ok := plainValue(dv); ok {
			return value, nil
		}
	}
	return Value{}, fmt.Errorf("mapping: a value of type %T cannot be mapped: give text, a number, a bool, a time.Time or JSON", v)
}

func plainValue(v any) (Value, bool) {
	switch v := v.(type) {
	case nil:
		return Value{}, true
	case Value:
		return v, true
	case string:
		return StringValue(v), true
	case []byte:
		return TextValue(v), true
	case int:
		return IntegerValue(int64(v)), true
	case int8:
		return IntegerValue(int64(v)), true
	case int16:
		return IntegerValue(int64(v)), true
	case int32:
		return IntegerValue(int64(v)), true
	case int64:
		return IntegerValue(v), true
	case uint:
		return unsignedValue(uint64(v)), true
	case uint8:
		return IntegerValue(int64(v)), true
	case uint16:
		return IntegerValue(int64(v)), true
	case uint32:
		return IntegerValue(int64(v)), true
	case uint64:
		return unsignedValue(v), true
	case float32:
		return float32Value(v), true
	case float64:
		return FloatValue(v), true
	case bool:
		return BooleanValue(v), true
	case time.Time:
		return DateTimeValue(v), true
	case json.RawMessage:
		return JSONValue(v), true
	case []string:
		return encodedValue(v, v == nil)
	case []any:
		return encodedValue(v, v == nil)
	case map[string]any:
		return encodedValue(v, v == nil)
	case *string:
		return pointerValue(v)
	case *int:
		return pointerValue(v)
	case *int32:
		return pointerValue(v)
	case *int64:
		return pointerValue(v)
	case *float64:
		return pointerValue(v)
	case *bool:
		return pointerValue(v)
	case *time.Time:
		return pointerValue(v)
	}
	return Value{}, false
}

func pointerValue[T any](p *T) (Value, bool) {
	if p == nil {
		return Value{}, true
	}
	return plainValue(*p)
}

// encodedValue is the JSON of v; not ok when something in it has none. Go's nil lists and maps are null.
func encodedValue(v any, null bool) (Value, bool) {
	if null {
		return Value{}, true
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return Value{}, false
	}
	return JSONValue(b.Bytes()), true
}

func unsignedValue(n uint64) Value {
	if n <= math.MaxInt64 {
		return IntegerValue(int64(n))
	}
	return DecimalValue(strconv.AppendUint(nil, n, 10))
}

// float32Value keeps the digits a float32 is written with: 0.1 is not 0.10000000149011612.
func float32Value(f float32) Value {
	wide := float64(f)
	if math.IsNaN(wide) || math.IsInf(wide, 0) {
		return FloatValue(wide)
	}
	return DecimalValue(strconv.AppendFloat(nil, wide, 'f', -1, 32))
}

// AppendPlain appends the content of the value as text: nothing for null; text, decimals and JSON as they are; numbers
// without an exponent; booleans as 1 and 0; dates as 2006-01-02 and date-times as 2006-01-02T15:04:05Z. The content is
// personal data: it is to be shown to those only who may see it.
func (v Value) AppendPlain(dst []byte) []byte {
	switch v.k {
	case kindNull:
		return dst
	case kindText, kindString, kindDecimal, kindJSON:
		return append(dst, v.bytes()...)
	case kindDate:
		year, month, day := int(v.n/10000), time.Month(v.n/100%100), int(v.n%100)
		if v.n == 0 { // no date, and to be read as none
			return append(dst, "0000-00-00"...)
		}
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).AppendFormat(dst, time.DateOnly)
	case kindDateTime:
		return time.Unix(v.n, 0).UTC().AppendFormat(dst, time.RFC3339)
	case kindFloat:
		return strconv.AppendFloat(dst, math.Float64frombits(uint64(v.n)), 'f', -1, 64)
	}
	return strconv.AppendInt(dst, v.n, 10)
}

// bytes returns the bytes of a text, decimal or JSON.
func (v *Value) bytes() []byte { return unsafe.Slice(v.p, int(v.n)) }

// String is the kind of the value, e.g. "Value(text)".
func (v Value) String() string { return "Value(" + kindNames[v.k] + ")" }

// GoString is String.
func (v Value) GoString() string { return v.String() }

// Format writes String for every verb.
func (v Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(v.String())) }

// LogValue is String.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }
