package source_test

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

type (
	tree    []tree
	forest  map[string]forest
	pointer *pointer
	node    struct{ Next []*node }
)

// A type of itself is looked at once. A pointer to itself leads nowhere.
func TestStructsOfRecursiveTypes(t *testing.T) {
	type recursive struct {
		Tree   tree    `splio:"tree"`
		Forest forest  `splio:"forest"`
		Nodes  []*node `splio:"nodes"`
	}
	_, records, err := read(t, source.Structs(items(nil, recursive{Tree: tree{{}, {{}}}, Forest: forest{"a": nil}, Nodes: []*node{{}}})))
	if diff := cmp.Diff([]string{`0: [[],[[]]]|{"a":null}|[{"Next":null}]`}, records); diff != "" || err != nil {
		t.Errorf("%v, records (-want +got):\n%s", err, diff)
	}
	_, err = source.Structs(items[struct {
		A pointer  `splio:"a"`
		B *pointer `splio:"b"`
	}](nil)).Fields(t.Context())
	if err == nil || strings.Count(err.Error(), "which cannot be mapped") != 2 {
		t.Errorf("pointers to themselves: %v", err)
	}
}

// JSON is JSON, wherever it comes from: only so does a mapping say how it becomes text.
func TestRawJSONIsJSON(t *testing.T) {
	raw := json.RawMessage(`["a"]`)
	for name, s := range map[string]mapping.Source{
		"Structs": source.Structs(items(nil, struct {
			A json.RawMessage `splio:"a"`
		}{raw})),
		"Structs, by a pointer": source.Structs(items(nil, struct {
			A *json.RawMessage `splio:"a"`
		}{&raw})),
		"Maps": source.Maps([]string{"a"}, mapsOf(nil, map[string]any{"a": raw})),
	} {
		for rec, err := range s.Records(t.Context()) {
			if err != nil || rec.Err != nil || rec.Values[0].String() != mapping.JSONValue(raw).String() {
				t.Errorf("%s: %v, %v", name, rec, err)
			}
		}
	}
	_, records, err := read(t, source.Structs(items(nil, struct {
		A json.RawMessage `splio:"a"`
	}{})))
	if diff := cmp.Diff([]string{"0: -"}, records); diff != "" || err != nil {
		t.Errorf("nil: %v, records (-want +got):\n%s", err, diff)
	}
}

// A loop over rows may end in other ways than by break.
func TestRowsAreClosedHoweverTheLoopEnds(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("in the body") }, "Goexit": runtime.Goexit, "return": func() {}} {
		table := &fakeTable{columns: []string{"a"}, types: []string{"TEXT"}, rows: [][]driver.Value{{"x"}, {"y"}}}
		s := source.Rows(table.query(t))
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			for range s.Records(t.Context()) {
				end()
				return
			}
		}()
		<-done
		if table.closed != 1 {
			t.Errorf("%s: the rows were closed %d times", name, table.closed)
		}
	}
}

// newlines is text without an end, which cancels what reads it after a while.
type newlines struct {
	cancel func()
	left   int // reads
}

func (n *newlines) Read(p []byte) (int, error) {
	if n.left--; n.left == 0 {
		n.cancel()
	} else if n.left < -1000 {
		return 0, errors.New("nobody has stopped")
	}
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

// Blank lines make no record, and may go on for ever.
func TestContextOfBlankLines(t *testing.T) {
	cause := errors.New("enough")
	csv := func(r io.Reader) mapping.Source { return source.CSV(r, source.CSVOptions{}) }
	for _, tt := range []struct {
		name, text string
		source     func(r io.Reader) mapping.Source
		read       func(s mapping.Source, ctx context.Context) error
	}{
		{"CSV", "a;b\n1;2\n", csv, last},
		{"CSV, the header", "", csv, fieldsError},
		{"CSV, where anything may be", "", func(r io.Reader) mapping.Source { return source.CSV(r, source.CSVOptions{Encoding: "detect"}) }, fieldsError},
		{"NDJSON", "{\"a\":1}\n", func(r io.Reader) mapping.Source {
			return source.NDJSON(r, source.NDJSONOptions{Fields: []string{"a"}})
		}, last},
		{"NDJSON, the fields", "", func(r io.Reader) mapping.Source {
			return source.NDJSON(iotest.OneByteReader(r), source.NDJSONOptions{})
		}, fieldsError},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		text := io.MultiReader(strings.NewReader(tt.text), &newlines{func() { cancel(cause) }, 5})
		if err := tt.read(tt.source(text), ctx); !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "source: ") {
			t.Errorf("%s: %v", tt.name, err)
		}
		cancel(nil)
	}
}

func last(s mapping.Source, ctx context.Context) (last error) {
	for _, last = range s.Records(ctx) {
	}
	return last
}

func fieldsError(s mapping.Source, ctx context.Context) error {
	_, err := s.Fields(ctx)
	return err
}

// Without LF, all of a file would be its header, and no record were left.
func TestCSVLinesThatEndInCR(t *testing.T) {
	long := strings.Repeat("1;a@b.example;Bob\r", 1<<20) // above the length of a record
	header := []string{"id", "email"}
	for _, tt := range []struct {
		name, text string
		options    source.CSVOptions
		bad        bool
	}{
		{"plain", "id;email\r1;a@b.example\r", source.CSVOptions{}, true},
		{"no break at the end", "id;email\r1;a@b.example", source.CSVOptions{}, true},
		{"quoted", "\"id\";\"email\"\r\"1\";\"a@b.example\"\r", source.CSVOptions{}, true},
		{"blank lines first", "\r\rid;email\r", source.CSVOptions{}, true},
		{"with a LF at the end", "id;email\r1;a@b.example\n", source.CSVOptions{}, true},
		{"Comma given", "id;email\r1;a@b.example\r", source.CSVOptions{Comma: ';'}, true},
		{"a long file", "id;email;name\r" + long, source.CSVOptions{}, true},
		{"Header given", "1;a@b.example\r2;c@d.example\r", source.CSVOptions{Header: header}, true},
		{"Header given, a long file", long, source.CSVOptions{Header: header}, true},
		{"sep=", "sep=;\rid;email\r", source.CSVOptions{}, true},
		{"Header given, CR within a record", "1;a\rb\n", source.CSVOptions{Header: header}, false},
		{"CR LF", "id;email\r\n1;a\rb\r\n", source.CSVOptions{}, false},
		{"inside quotes", "id;\"e\rmail\"\r\n1;a\n", source.CSVOptions{}, false},
		{"a header alone", "id;email\r", source.CSVOptions{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"at once": strings.NewReader(tt.text), "in pieces": iotest.HalfReader(strings.NewReader(tt.text))} {
				err := last(source.CSV(r, tt.options), t.Context())
				if bad := err != nil && strings.Contains(err.Error(), "end in CR alone") && strings.HasPrefix(err.Error(), "source: "); bad != tt.bad || !bad && err != nil {
					t.Errorf("%s: error %v", name, err)
				}
			}
		})
	}
}

func TestCSVDeclaredSeparator(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		options    source.CSVOptions
		fields     []string
		records    []string
		err        string
	}{
		{"as Excel writes it", "sep=,\r\na;x,b;y\r\n1;2,3\r\n", source.CSVOptions{}, []string{"a;x", "b;y"}, []string{"3: 1;2|3"}, ""},
		{"a tab, in capitals, after a mark", "\ufeffSEP=\t\na;x\tb\n1\t\"2\"\n", source.CSVOptions{}, []string{"a;x", "b"}, []string{"3: 1|2"}, ""},
		{"in quotes", "\"sep=|\"\n\"a;b\"|c\n1|2\n", source.CSVOptions{}, []string{"a;b", "c"}, []string{"3: 1|2"}, ""},
		{"of more than one byte", "sep=¦\na¦b\n1¦2\n", source.CSVOptions{}, []string{"a", "b"}, []string{"3: 1|2"}, ""},
		{"Comma is the same", "sep=;\na;b\n", source.CSVOptions{Comma: ';'}, []string{"a", "b"}, nil, ""},
		{"Comma is another", "sep=;\na,b\n", source.CSVOptions{Comma: ','}, nil, nil, "the first line says that ';' separates the fields, and Comma is ','"},
		{"Header given", "sep=,\n1,2;3\n", source.CSVOptions{Header: []string{"a", "b"}}, []string{"a", "b"}, []string{"2: 1|2;3"}, ""},
		{"nothing else", "sep=;", source.CSVOptions{}, nil, nil, "it is empty"},
		{"a field of that name", "sep=;b\n1;2\n", source.CSVOptions{}, []string{"sep=", "b"}, []string{"2: 1|2"}, ""},
		{"a field of a like name", "sep;b\n1;2\n", source.CSVOptions{}, []string{"sep", "b"}, []string{"2: 1|2"}, ""},
		{"a letter", "sep=a\n1\n", source.CSVOptions{}, []string{"sep=a"}, []string{"2: 1"}, ""},
		{"not first", "a;b\nsep=;\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2: sep=|-"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"at once": strings.NewReader(tt.text), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.text))} {
				fields, records, err := read(t, source.CSV(r, tt.options))
				if diff := cmp.Diff(tt.fields, fields) + cmp.Diff(tt.records, records); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%s: error %v, want %q", name, err, tt.err)
				}
			}
		})
	}
}

// Two programs one after the other may each add a mark, but the name of the first field has none.
func TestDoubledByteOrderMark(t *testing.T) {
	for name, s := range map[string]mapping.Source{
		"CSV":        source.CSV(strings.NewReader("\ufeff\ufeffa;b\n1;2\n"), source.CSVOptions{}),
		"quoted":     source.CSV(strings.NewReader("\ufeff\ufeff\"a\";b\n1;2\n"), source.CSVOptions{}),
		"CSV, sep=":  source.CSV(strings.NewReader("\ufeff\ufeffsep=;\na;b\n1;2\n"), source.CSVOptions{}),
		"CSV, gzip":  source.CSV(strings.NewReader(zip(t, "\ufeff\ufeff", "\ufeffa;b\n1;2\n")), source.CSVOptions{}),
		"CSV, UTF-8": source.CSV(strings.NewReader("\ufeff\ufeffa;b\n1;2\n"), source.CSVOptions{Encoding: "utf-8"}),
		"UTF-16":     source.CSV(strings.NewReader("\xff\xfe\xff\xfea\x00;\x00b\x00\n\x001\x00;\x002\x00"), source.CSVOptions{}),
		"NDJSON":     source.NDJSON(strings.NewReader("\ufeff\ufeff{\"a\":1,\"b\":2}\n"), source.NDJSONOptions{}),
	} {
		fields, records, err := read(t, s)
		if diff := cmp.Diff([]string{"a", "b"}, fields); diff != "" || err != nil || len(records) != 1 || !strings.HasSuffix(records[0], ": 1|2") {
			t.Errorf("%s: %q, %v, fields (-want +got):\n%s", name, records, err, diff)
		}
	}
}

// What is behind the last member is not a part of it, and a sign that the file is not what it should be.
func TestGzipWithSomethingBehind(t *testing.T) {
	whole := zip(t, "a\n1\n", "2\n")
	for name, tt := range map[string]struct{ behind, err string }{
		"zeros":                {strings.Repeat("\x00", 1000), "something behind its end that is not gzip"},
		"one byte":             {"\x00", "something behind its end that is not gzip"},
		"half a magic number":  {"\x1f", "something behind its end that is not gzip"},
		"text":                 {"a\n3\n", "something behind its end that is not gzip"},
		"a member cut short":   {zip(t, "3\n")[:9], "unexpected EOF"},
		"nothing but a member": {zip(t, ""), ""},
	} {
		for pieces, r := range map[string]io.Reader{"at once": strings.NewReader(whole + tt.behind), "byte by byte": iotest.OneByteReader(strings.NewReader(whole + tt.behind))} {
			err := last(source.CSV(r, source.CSVOptions{}), t.Context())
			if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), "gzip: ") || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("%s, %s: error %v, want %q", name, pieces, err, tt.err)
			}
		}
	}
	down := errors.New("down")
	if err := last(source.CSV(io.MultiReader(strings.NewReader(whole), iotest.ErrReader(down)), source.CSVOptions{}), t.Context()); !errors.Is(err, down) {
		t.Errorf("a reader that fails behind a member: %v", err)
	}
}

// As text, a value that was wrong for what it is may be right for what it looks like.
func TestRejectsOfTypedValuesStayRejected(t *testing.T) {
	m := mapping.Mapping{
		Key: mapping.Field{From: "email", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{
			{From: "name", To: "name", Custom: true, Invalid: mapping.Reject},
			{From: "lists", To: "lists", Custom: true, Type: mapping.Lists, Invalid: mapping.Reject},
			{From: "born", To: "born", Custom: true, Type: mapping.Date, Invalid: mapping.Reject},
			{From: "email", To: "joined", Custom: true, Invalid: mapping.Reject, Transforms: []mapping.Transform{{Name: "concat", Fields: []string{"parts"}}}},
			{To: "derived", Custom: true, Invalid: mapping.Reject, Transforms: []mapping.Transform{{Name: "constant", Value: "x"}, {Name: "concat", Fields: []string{"more"}}}},
		},
	}
	fields := []string{"email", "name", "lists", "born", "parts", "more"}
	for name, record := range map[string]string{
		"a list":                    `{"email":"a@b.example","name":["x"]}`,
		"a number for lists":        `{"email":"a@b.example","lists":-4}`,
		"a number for a date":       `{"email":"a@b.example","born":20060102}`,
		"all of them":               `{"email":"a@b.example","name":["x"],"lists":-4,"born":20060102}`,
		"a list that is joined":     `{"email":"a@b.example","parts":["x"]}`,
		"a list, and no field else": `{"email":"a@b.example","more":["x"]}`,
		"text among them":           `{"email":"a@b.example","name":["x"],"lists":"+99"}`,
	} {
		file, why, taken, err := reject(t, source.NDJSON(strings.NewReader(record), source.NDJSONOptions{Fields: fields}), m)
		if err != nil || taken != 0 || len(why) != 1 {
			t.Fatalf("%s: %d taken, %q, %v", name, taken, why, err)
		}
		for range 3 {
			if file, _, taken, err = reject(t, source.CSV(strings.NewReader(file), source.CSVOptions{}), m); err != nil || taken != 0 {
				t.Errorf("%s: fed back, %d taken, %v\n%s", name, taken, err, file)
			}
		}
	}

	// Text alone is at fault: nothing is in the way of a repair, whatever else is in the record.
	file, _, _, err := reject(t, source.NDJSON(strings.NewReader(`{"email":"a@","lists":"+4","born":"2006-01-02","parts":4}`), source.NDJSONOptions{Fields: fields}), m)
	if err != nil {
		t.Fatal(err)
	}
	if _, why, taken, err := reject(t, source.CSV(strings.NewReader(strings.Replace(file, "a@;", "a@b.example;", 1)), source.CSVOptions{}), m); err != nil || taken != 1 {
		t.Errorf("repaired: %d taken, %q, %v", taken, why, err)
	}
	// And with the cell too many removed, a typed one is repaired as well.
	file, _, _, err = reject(t, source.NDJSON(strings.NewReader(`{"email":"a@b.example","lists":-4}`), source.NDJSONOptions{Fields: fields}), m)
	if err != nil {
		t.Fatal(err)
	}
	repaired := strings.Replace(file, ";-4;;;;;1;", ";+4;;;;1;", 1)
	if _, why, taken, err := reject(t, source.CSV(strings.NewReader(repaired), source.CSVOptions{}), m); err != nil || taken != 1 || repaired == file {
		t.Errorf("repaired: %d taken, %q, %v\n%s", taken, why, err, file)
	}
}

// A ragged record keeps its own cells alone, however often it goes around.
func TestRejectsDoNotGrow(t *testing.T) {
	const text = "email,phone,\"name, first\"\nshort,1\nlong,1,2,3\nquote\",1,2\nvery,long,1,2,3,4,5\n"
	first, why, _, err := reject(t, source.CSV(strings.NewReader(text), source.CSVOptions{}), strict)
	if err != nil || len(why) != 4 {
		t.Fatalf("%q, %v", why, err)
	}
	file := first
	for range 3 {
		again, _, taken, err := reject(t, source.CSV(strings.NewReader(file), source.CSVOptions{}), strict)
		if err != nil || taken != 0 {
			t.Fatalf("%d taken, %v", taken, err)
		}
		before, after := strings.Split(file, "\n"), strings.Split(again, "\n")
		for i := range before {
			if i >= len(after) || strings.Count(before[i], ";") != strings.Count(after[i], ";") {
				t.Errorf("line %d has become another: %s", i+1, fmt.Sprint(after))
			}
		}
		file = again
	}
}
