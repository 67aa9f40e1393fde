package source_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// items is a sequence with an error at its end, or none.
func items[T any](last error, all ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range all {
			if !yield(item, nil) {
				return
			}
		}
		if last != nil {
			var none T
			yield(none, last)
		}
	}
}

type level int

func (l level) String() string { return [...]string{"silver", "gold"}[l] }

type code struct{ text string }

func (c *code) MarshalText() ([]byte, error) {
	if c.text == "secret" {
		return nil, errors.New("not the secret")
	}
	return []byte("code " + c.text), nil
}
func (code) String() string { return "no: MarshalText goes first" }

type amount struct{ cents int64 }

func (a amount) Value() (driver.Value, error) { return a.cents, nil }
func (amount) MarshalText() ([]byte, error)   { return nil, errors.New("no: Value goes first") }

type (
	name string
	blob []byte
)

type person struct {
	First name `splio:"first"`
	Last  *name
	Nick  *string `splio:"nick"`
}

type Address struct {
	City string `splio:"city"`
	Nick string `splio:"nick"` // hidden by the contact's own
}

type contact struct {
	ID      uint64          `splio:"id" json:"other"`
	Nick    string          `splio:"nick"`
	Secret  string          // no tag
	Wide    float64         `splio:"wide"`
	Narrow  float32         `splio:"narrow"`
	Flag    *bool           `splio:"flag"`
	At      time.Time       `splio:"at"`
	Level   level           `splio:"level"`
	Code    code            `splio:"code"`
	Amount  *amount         `splio:"amount"`
	Bytes   blob            `splio:"bytes"`
	Tags    []string        `splio:"tags"`
	Scores  map[string]int  `splio:"scores"`
	Any     any             `splio:"any"`
	Value   mapping.Value   `splio:"value"`
	Text    sql.NullString  `splio:"text"`
	Number  sql.Null[int32] `splio:"number"`
	Day     sql.NullTime    `splio:"day"`
	Skipped struct{ X chan int }
	*Address
	person
	Ignored `splio:"-"`
}

type Ignored struct {
	X chan int `splio:"x"`
}

func TestStructs(t *testing.T) {
	at := time.Date(2024, 7, 1, 22, 30, 0, 0, time.UTC)
	full := contact{
		ID: math.MaxUint64, Nick: "lea", Secret: "-", Wide: 0.1, Narrow: 0.1, Flag: new(true), At: at, Level: 1, Code: code{"x"}, Amount: &amount{150},
		Bytes: blob("b"), Tags: []string{"<a>", "é"}, Scores: map[string]int{"y": 2, "x": 1}, Any: int8(3), Value: mapping.IntegerValue(4),
		Text: sql.NullString{String: "t", Valid: true}, Number: sql.Null[int32]{V: 7, Valid: true}, Day: sql.NullTime{Time: at, Valid: true},
		Address: &Address{City: "Paris"}, person: person{First: "Léa", Nick: new("hidden")},
	}
	badCode, badAny := contact{Code: code{"secret"}}, contact{Any: struct{}{}}
	want := []string{
		`0: 18446744073709551615|lea|0.1|0.1|1|2024-07-02 00:30:00|gold|code x|150|b|["<a>","é"]|{"x":1,"y":2}|3|4|t|7|2024-07-02 00:30:00|Paris|Léa`,
		`0: 0|-|0|0|-|-|silver|code |-|-|-|-|-|-|-|-|-|-|-`,
		"0! a value that its own method failed to give",
		"0! a value of a type that cannot be mapped",
		`0: 0|-|0|0|-|-|silver|code |-|-|-|-|-|-|-|-|-|-|-`,
	}
	fields := strings.Split("id nick wide narrow flag at level code amount bytes tags scores any value text number day city first", " ")
	byValue := source.Structs(items(nil, full, contact{}, badCode, badAny, contact{}))
	byPointer := source.Structs(items(nil, &full, &contact{}, &badCode, &badAny, &contact{}))
	for name, s := range map[string]mapping.Source{"values": byValue, "values again": byValue, "pointers": byPointer} {
		got, records, err := read(t, s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(fields, got); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want, records); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", name, diff)
		}
	}
	_, records, err := read(t, source.Structs(items[*Address](nil, nil)))
	if diff := cmp.Diff([]string{"0: -|-"}, records); diff != "" || err != nil {
		t.Errorf("nil: %v, records (-want +got):\n%s", err, diff)
	}
}

type Loop struct {
	*Loop
	A string `splio:"a"`
}

func TestStructsThatEmbedThemselves(t *testing.T) {
	if fields, records, err := read(t, source.Structs(items(nil, Loop{A: "x"}))); err != nil || len(fields) != 1 || records[0] != "0: x" {
		t.Errorf("%q, %q, %v", fields, records, err)
	}
}

type (
	left struct {
		A string `splio:"a"`
	}
	right struct {
		A string `splio:"a"`
	}
)

func TestStructsProblems(t *testing.T) {
	for name, tt := range map[string]struct {
		s    mapping.Source
		want []string
	}{
		"not a struct":           {source.Structs(items[map[string]string](nil)), []string{"map[string]string is not a struct"}},
		"a pointer to a pointer": {source.Structs(items[**contact](nil)), []string{"is not a struct"}},
		"no tags":                {source.Structs(items[struct{ A int }](nil)), []string{`no field has a tag such as splio:"email"`}},
		"all at once": {source.Structs(items[struct {
			A chan int         `splio:"a"`
			b int              `splio:"b"`
			C []func()         `splio:"c"`
			D struct{ X int }  `splio:"d"`
			E int              `splio:""`
			F map[string]error `splio:"f"`
			G complex64        `splio:"g"`
			H int              `splio:"h"`
			I int              `splio:"h"`
		}](nil)), []string{"field A is of type chan int,", "field b has a tag", "field C is of type []func()", "field D is of type struct", "the tag of field E", "field G is of", `"h" names two`}},
		"one name at one depth": {source.Structs(items[struct {
			left
			right
		}](nil)), []string{`"a" names two fields`}},
	} {
		_, err := tt.s.Fields(t.Context())
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in %v", name, want, err)
			}
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != len(tt.want) {
			t.Errorf("%s: %d problems:\n%v", name, lines, err)
		}
		for _, again := range tt.s.Records(t.Context()) {
			if again == nil || again.Error() != err.Error() {
				t.Errorf("%s: Records says %v", name, again)
			}
		}
	}
}

// Structs, Seq and Maps go through their sequence in one way.
func TestSequences(t *testing.T) {
	broken, cause := errors.New("broken"), errors.New("enough")
	type one struct {
		A string `splio:"a"`
	}
	for name, of := range map[string]func(last error, n int) mapping.Source{
		"Structs": func(last error, n int) mapping.Source { return source.Structs(items(last, make([]one, n)...)) },
		"Maps": func(last error, n int) mapping.Source {
			return source.Maps([]string{"a"}, items(last, make([]map[string]any, n)...))
		},
		"Seq": func(last error, n int) mapping.Source {
			return source.Seq([]string{"a"}, items(last, make([][]mapping.Value, n)...))
		},
	} {
		_, records, err := read(t, of(broken, 2))
		if !errors.Is(err, broken) || err.Error() != "source: after 2 records: broken" || len(records) != 2 {
			t.Errorf("%s: %q, %v", name, records, err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		n := 0
		var last error
		for _, err := range of(nil, 1000).Records(ctx) {
			if last = err; err == nil {
				n++
				cancel(cause)
			}
		}
		if !errors.Is(last, cause) || n > 500 {
			t.Errorf("%s: %d records, then %v", name, n, last)
		}
		cancel(nil)
		for range of(nil, 1000).Records(t.Context()) {
			break
		}
	}
}

func TestSeq(t *testing.T) {
	fields := []string{"a", "b"}
	s := source.Seq(fields, items(nil, []mapping.Value{mapping.StringValue("x"), mapping.IntegerValue(1)}, []mapping.Value{{}}, []mapping.Value{{}, {}}))
	fields[0] = "changed"
	got, records, err := read(t, s)
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" || err != nil {
		t.Errorf("%v, fields (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"0: x|1", "0! not as many values as there are fields", "0: -|-"}, records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestStructsAllocations(t *testing.T) {
	type row struct {
		Email  string          `splio:"email"`
		Nick   *string         `splio:"nick"`
		Score  float32         `splio:"score"`
		Big    uint64          `splio:"big"`
		At     time.Time       `splio:"at"`
		Text   sql.NullString  `splio:"text"`
		Number sql.Null[int64] `splio:"number"`
		Bytes  []byte          `splio:"bytes"`
		Inner  struct{ X, Y, Z int }
	}
	one := row{Email: "lea@example.com", Nick: new("lea"), Score: 0.1, Big: math.MaxUint64, Text: sql.NullString{String: "x", Valid: true}, Bytes: []byte("x")}
	all := make([]row, 1000)
	for i := range all {
		all[i] = one
	}
	s := source.Structs(items(nil, all...))
	if allocations := testing.AllocsPerRun(5, func() {
		for _, err := range s.Records(t.Context()) {
			if err != nil {
				t.Error(err)
			}
		}
	}); allocations > 100 {
		t.Errorf("%v allocations for 1000 records", allocations)
	}
}
