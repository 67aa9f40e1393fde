package source

import (
	"context"
	"iter"
	"reflect"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// Structs is a segment of structs, or of pointers to structs, nil being a record of nulls. It can be read as often as seq
// can; an error of seq, its last, stops the reading.
//
// The fields are those with a tag, in the order they are declared; an embedded struct without a tag stands for its own:
//
//	type Contact struct {
//		Email  string     `splio:"email"`
//		Born   *time.Time `splio:"birth_date"` // nil is null
//		Tags   []string   `splio:"tags"`       // a JSON value
//		Secret string     // without a tag: not read
//		Person            // its tagged fields are read
//	}
//
// A tag "-" leaves an embedded struct out. Of two fields with one name, the less deeply embedded one counts; at the
// same depth they are an error.
//
// The value of a field depends on the first of these that its type is:
//
//  1. a pointer: null when it is nil, and otherwise what it points to; an interface likewise, of a type that
//     [mapping.ValueOf] takes
//  2. a [mapping.Value], a [time.Time] (an instant; the zero one is null), a [encoding/json.RawMessage] (what
//     [mapping.JSONValue] makes of it), or one of the sql.Null types
//  3. a [database/sql/driver.Valuer]: what it gives, if that is a value of package driver
//  4. an [encoding.TextMarshaler], then a [fmt.Stringer]: text
//  5. by kind: text, an integer, a float, a boolean; []byte is text, nil is null
//  6. a slice, an array, or a map: a JSON value, as package encoding/json writes it; nil is null
//
// Methods of the pointer count as well. Any other type, a pointer to its own type, and a tag on an unexported field are
// errors of Fields, which reports all of them. A record with a method that returns an error is rejected alone with
// [ErrValue], one with an interface of another type with [ErrType]; what the error says is left out, since it may quote
// the value.
//
// The type is looked at once, not for each record. Values share the memory of the struct and of a buffer; nothing is
// allocated for types 1, 2 and 5, JSON apart.
func Structs[T any](seq iter.Seq2[T, error]) mapping.Source {
	return &structs[T]{seq: seq}
}

type structs[T any] struct {
	seq  iter.Seq2[T, error]
	plan *plan
	err  error
}

func (s *structs[T]) open() {
	if s.plan == nil && s.err == nil {
		s.plan, s.err = newPlan(reflect.TypeFor[T]())
	}
}

func (s *structs[T]) Fields(context.Context) ([]string, error) {
	if s.open(); s.err != nil {
		return nil, s.err
	}
	return slices.Clone(s.plan.names), nil
}

func (s *structs[T]) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		if s.open(); s.err != nil {
			yield(nil, s.err)
			return
		}
		var item T
		where := reflect.ValueOf(&item).Elem()
		r := newPlanReader(s.plan)
		rec := &mapping.Record{}
		each(ctx, s.seq, yield, rec, func(next T) {
			item = next
			rec.Values, rec.Err = r.read(where)
		})
	}
}

// each makes a record of each item of seq, by take.
func each[T any](ctx context.Context, seq iter.Seq2[T, error], yield func(*mapping.Record, error) bool, rec *mapping.Record, take func(T)) {
	if err := stopped(ctx, 0); err != nil {
		yield(nil, err)
		return
	}
	for item, err := range seq {
		if err = wrap(err, rec.Seq); err == nil && rec.Seq%checkEvery == 0 {
			err = stopped(ctx, rec.Seq)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		rec.Seq++
		if take(item); !yield(rec, nil) {
			return
		}
	}
}
