package source

import (
	"bytes"
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// tag is the key of the tags that name fields.
const tag = "splio"

// plan is how a type of struct becomes values.
type plan struct {
	names  []string
	fields []planField
}

type planField struct {
	path []int // indexes, from the outermost struct inwards
	read reader
}

// reader makes a value of a field, which is addressable.
type reader func(r *planReader, v reflect.Value) mapping.Value

// newPlan looks at a type. The error tells everything that is wrong with it.
func newPlan(t reflect.Type) (*plan, error) {
	base := t
	for base.Kind() == reflect.Pointer && base == t {
		base = base.Elem()
	}
	if base.Kind() != reflect.Struct {
		return nil, fmt.Errorf("source: %v is not a struct, nor a pointer to one", t)
	}
	b := planBuilder{root: base}
	b.walk(base, nil)
	p := &plan{}
	for _, f := range b.found {
		if best := b.depth[f.name]; len(f.path) > best {
			continue
		}
		if slices.Contains(p.names, f.name) {
			b.problem("%q names two fields", f.name)
			continue
		}
		p.names = append(p.names, f.name)
		p.fields = append(p.fields, planField{f.path, f.read})
	}
	if len(p.names) == 0 && b.problems == nil {
		b.problem(`no field has a tag such as %s:"email"`, tag)
	}
	if b.problems != nil {
		return nil, errors.Join(b.problems...)
	}
	return p, nil
}

type planBuilder struct {
	root     reflect.Type
	outer    []reflect.Type // the structs around
	found    []foundField
	depth    map[string]int // the least of a name
	problems []error
}

type foundField struct {
	name string
	path []int
	read reader
}

func (b *planBuilder) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Errorf("source: %v: "+format, append([]any{b.root}, args...)...))
}

func (b *planBuilder) walk(t reflect.Type, path []int) {
	if slices.Contains(b.outer, t) {
		return // it embeds itself: there is nothing in it that is not found further out
	}
	b.outer = append(b.outer, t)
	defer func() { b.outer = b.outer[:len(b.outer)-1] }()
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup(tag)
		at := append(slices.Clone(path), i)
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case name == "-", !tagged && !f.Anonymous:
		case !tagged:
			if inner.Kind() == reflect.Struct {
				b.walk(inner, at)
			}
		case name == "":
			b.problem("the tag of field %s names nothing", f.Name)
		case !f.IsExported():
			b.problem("field %s has a tag and cannot be read: it is not exported", f.Name)
		default:
			read := readerOf(f.Type, nil)
			if read == nil {
				b.problem("field %s is of type %v, which cannot be mapped: give it a method Value, MarshalText or String", f.Name, f.Type)
				continue
			}
			if best, ok := b.depth[name]; !ok || len(at) < best {
				if b.depth == nil {
					b.depth = make(map[string]int)
				}
				b.depth[name] = len(at)
			}
			b.found = append(b.found, foundField{name, at, read})
		}
	}
}

// planReader reads structs by a plan.
type planReader struct {
	plan   *plan
	values []mapping.Value
	bytes  []byte // of the current record, those that the struct does not have itself
	json   *json.Encoder
	err    error // which rejects the current record
}

func newPlanReader(p *plan) *planReader {
	r := &planReader{plan: p, values: make([]mapping.Value, len(p.fields))}
	r.json = json.NewEncoder(r)
	r.json.SetEscapeHTML(false)
	return r
}

// Write takes what the JSON encoder writes.
func (r *planReader) Write(p []byte) (int, error) {
	r.bytes = append(r.bytes, p...)
	return len(p), nil
}

func (r *planReader) read(v reflect.Value) ([]mapping.Value, error) {
	r.bytes, r.err = r.bytes[:0], nil
	for i := range r.plan.fields {
		f := &r.plan.fields[i]
		if at, ok := walk(v, f.path); ok {
			r.values[i] = f.read(r, at)
		} else {
			r.values[i] = mapping.Value{}
		}
	}
	return r.values, r.err
}

// walk goes to a field. It is not ok when a pointer on the way is nil.
func walk(v reflect.Value, path []int) (field reflect.Value, ok bool) {
	for _, i := range path {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

func (r *planReader) reject(err error) mapping.Value {
	if r.err == nil {
		r.err = err
	}
	return mapping.Value{}
}

func (r *planReader) valueOf(x any) mapping.Value {
	v, err := mapping.ValueOf(x)
	if err != nil {
		return r.reject(ErrType)
	}
	return v
}

var (
	valueType   = reflect.TypeFor[mapping.Value]()
	timeType    = reflect.TypeFor[time.Time]()
	valuerType  = reflect.TypeFor[driver.Valuer]()
	textType    = reflect.TypeFor[encoding.TextMarshaler]()
	stringsType = reflect.TypeFor[fmt.Stringer]()
	rawType     = reflect.TypeFor[json.RawMessage]()
)

// readerOf returns nil for a type that cannot be read, one that points to itself among them. Seen are the types around.
func readerOf(t reflect.Type, seen []reflect.Type) reader {
	if slices.Contains(seen, t) {
		return nil
	}
	seen = append(seen, t)
	pointer := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer:
		inner := readerOf(t.Elem(), seen)
		if inner == nil {
			return nil
		}
		return func(r *planReader, v reflect.Value) mapping.Value {
			if v.IsNil() {
				return mapping.Value{}
			}
			return inner(r, v.Elem())
		}
	case t.Kind() == reflect.Interface:
		return func(r *planReader, v reflect.Value) mapping.Value {
			if v.IsNil() {
				return mapping.Value{}
			}
			return r.valueOf(v.Interface())
		}
	case t == valueType:
		return func(_ *planReader, v reflect.Value) mapping.Value { return *v.Addr().Interface().(*mapping.Value) }
	case t == rawType:
		return func(_ *planReader, v reflect.Value) mapping.Value { return mapping.JSONValue(v.Bytes()) }
	case t == timeType:
		return func(_ *planReader, v reflect.Value) mapping.Value {
			return mapping.DateTimeValue(*v.Addr().Interface().(*time.Time))
		}
	case isSQLNull(t):
		inner := readerOf(t.Field(0).Type, seen)
		if inner == nil {
			return nil
		}
		return func(r *planReader, v reflect.Value) mapping.Value {
			if !v.Field(1).Bool() {
				return mapping.Value{}
			}
			return inner(r, v.Field(0))
		}
	case pointer.Implements(valuerType):
		return func(r *planReader, v reflect.Value) mapping.Value {
			x, err := v.Addr().Interface().(driver.Valuer).Value()
			if err != nil {
				return r.reject(ErrValue)
			}
			return r.valueOf(x)
		}
	case pointer.Implements(textType):
		return func(r *planReader, v reflect.Value) mapping.Value {
			text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
			if err != nil {
				return r.reject(ErrValue)
			}
			return mapping.TextValue(text)
		}
	case pointer.Implements(stringsType):
		return func(_ *planReader, v reflect.Value) mapping.Value {
			return mapping.StringValue(v.Addr().Interface().(fmt.Stringer).String())
		}
	}
	return kindReader(t)
}

// isSQLNull says that t is one of the types of package sql that are a value and whether there is one.
func isSQLNull(t reflect.Type) bool {
	return t.PkgPath() == "database/sql" && strings.HasPrefix(t.Name(), "Null") &&
		t.Kind() == reflect.Struct && t.NumField() == 2 && t.Field(1).Name == "Valid"
}

func kindReader(t reflect.Type) reader {
	switch t.Kind() {
	case reflect.String:
		return func(_ *planReader, v reflect.Value) mapping.Value { return mapping.StringValue(v.String()) }
	case reflect.Bool:
		return func(_ *planReader, v reflect.Value) mapping.Value { return mapping.BooleanValue(v.Bool()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(_ *planReader, v reflect.Value) mapping.Value { return mapping.IntegerValue(v.Int()) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return func(r *planReader, v reflect.Value) mapping.Value {
			n := v.Uint()
			if n <= math.MaxInt64 {
				return mapping.IntegerValue(int64(n))
			}
			start := len(r.bytes)
			r.bytes = strconv.AppendUint(r.bytes, n, 10)
			return mapping.DecimalValue(r.bytes[start:])
		}
	case reflect.Float64:
		return func(_ *planReader, v reflect.Value) mapping.Value { return mapping.FloatValue(v.Float()) }
	case reflect.Float32: // which keeps the digits that it is written with
		return func(r *planReader, v reflect.Value) mapping.Value {
			f := v.Float()
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return mapping.FloatValue(f)
			}
			start := len(r.bytes)
			r.bytes = strconv.AppendFloat(r.bytes, f, 'f', -1, 32)
			return mapping.DecimalValue(r.bytes[start:])
		}
	case reflect.Slice, reflect.Array, reflect.Map:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return func(_ *planReader, v reflect.Value) mapping.Value {
				if v.IsNil() {
					return mapping.Value{}
				}
				return mapping.TextValue(v.Bytes())
			}
		}
		if !hasJSON(t) {
			return nil
		}
		nullable := t.Kind() != reflect.Array
		return func(r *planReader, v reflect.Value) mapping.Value {
			if nullable && v.IsNil() {
				return mapping.Value{}
			}
			start := len(r.bytes)
			if err := r.json.Encode(v.Addr().Interface()); err != nil {
				return r.reject(ErrValue)
			}
			return mapping.JSONValue(bytes.TrimRight(r.bytes[start:], "\n"))
		}
	}
	return nil
}

// hasJSON says that a list or a map is none of what JSON has not. One of its own type is no more than it is.
func hasJSON(t reflect.Type) bool {
	var seen []reflect.Type
	for !slices.Contains(seen, t) {
		seen = append(seen, t)
		switch t.Kind() {
		case reflect.Slice, reflect.Array, reflect.Map, reflect.Pointer:
			t = t.Elem()
		case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
			return false
		default:
			return true
		}
	}
	return true
}
