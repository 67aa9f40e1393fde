package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// cells shows a record through a mapper of plain texts, which is how values can be looked at.
func cells(t *testing.T, fields int, rec *mapping.Record) string {
	t.Helper()
	m := mapping.Mapping{Key: mapping.Field{From: "0", To: "0"}}
	names := []string{"0"}
	for i := 1; i < fields; i++ {
		names = append(names, fmt.Sprint(i))
	}
	m.Custom = names[1:]
	for i := range m.Custom {
		m.Fields = append(m.Fields, mapping.Field{From: m.Custom[i], To: m.Custom[i], Custom: true, Empty: mapping.Absent})
	}
	m.Custom = nil
	mapper, err := m.Bind(names, mapping.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var row mapping.Row
	mapper.Render(&row, rec)
	var out []string
	for i, cell := range row.Cells {
		if rec.Values[i].String() == "Value(json)" { // which is no text: its rejection tells
			for _, r := range row.Rejections {
				if r.Field == names[i] {
					cell = []byte(r.Value())
				}
			}
		}
		if cell == nil {
			out = append(out, "-")
		} else {
			out = append(out, string(cell))
		}
	}
	return strings.Join(out, "|")
}

// read reads a source to its end, a line of text for each record.
func read(t *testing.T, s mapping.Source) (fields, records []string, err error) {
	t.Helper()
	if fields, err = s.Fields(t.Context()); err != nil {
		return nil, nil, err
	}
	var seq int64
	for rec, err := range s.Records(t.Context()) {
		if err != nil {
			if rec != nil {
				t.Errorf("a record with the error %v", err)
			}
			return fields, records, err
		}
		if seq++; rec.Seq != seq {
			t.Errorf("record %d is numbered %d", seq, rec.Seq)
		}
		if rec.Err != nil {
			records = append(records, fmt.Sprintf("%d! %v", rec.Line, rec.Err))
		} else {
			records = append(records, fmt.Sprintf("%d: %s", rec.Line, cells(t, len(fields), rec)))
		}
	}
	return fields, records, nil
}

func TestCSV(t *testing.T) {
	for _, tt := range []struct {
		name    string
		text    string
		options source.CSVOptions
		fields  []string
		records []string
		err     string
	}{
		{"plain", "a;b\n1;2\n3;4\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2: 1|2", "3: 3|4"}, ""},
		{"no line break at the end", "a;b\n1;2", source.CSVOptions{}, []string{"a", "b"}, []string{"2: 1|2"}, ""},
		{"byte order mark, CR LF, blank lines", "\ufeffa,b\r\n\r\n1,2\r\n\r\n\r\n3,\r\n", source.CSVOptions{}, []string{"a", "b"}, []string{"3: 1|2", "6: 3|-"}, ""},
		{"byte order mark before a quote", "\ufeff\"a\",b\n", source.CSVOptions{}, []string{"a", "b"}, nil, ""},
		{"header alone", "a\tb", source.CSVOptions{}, []string{"a", "b"}, nil, ""},
		{"pipe", "a|b\n1|2;3\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2: 1|2;3"}, ""},
		{"one field", "a\n1,2\n", source.CSVOptions{}, []string{"a"}, []string{"2: 1,2"}, ""},
		{"blank lines first", "\n\r\na,b\n1,2;3;4\n", source.CSVOptions{}, []string{"a", "b"}, []string{"4: 1|2;3;4"}, ""},
		{"a line break in the header", "\"a;;\nb\",c\n1,2\n", source.CSVOptions{}, []string{"a;;\nb", "c"}, []string{"3: 1|2"}, ""},
		{"separators inside quotes do not count", "\"a,b,c\";d\n1;2\n", source.CSVOptions{}, []string{"a,b,c", "d"}, []string{"2: 1|2"}, ""},
		{"separator given", "a,b;c\n1,2;3\n", source.CSVOptions{Comma: ','}, []string{"a", "b;c"}, []string{"2: 1|2;3"}, ""},
		{"header given", "1;2,5\n3;4,5\n", source.CSVOptions{Header: []string{"a", "b"}}, []string{"a", "b"}, []string{"1: 1|2,5", "2: 3|4,5"}, ""},
		{"header given, number of fields decides", "1,2,3;4\n", source.CSVOptions{Header: []string{"a", "b"}}, []string{"a", "b"}, []string{"1: 1,2,3|4"}, ""},
		{"header given, empty", "", source.CSVOptions{Header: []string{"a"}}, []string{"a"}, nil, ""},
		{"quotes and line breaks", "a;b\n\"x;\"\"y\"\"\";\"l1\r\nl2\"\n3;4\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2: x;\"y\"|l1 l2", "4: 3|4"}, ""},
		{"ragged", "a;b\n1\n1;2;3\n1;2\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2! not as many values as there are fields", "3! not as many values as there are fields", "4: 1|2"}, ""},
		{"bare quote", "a;b\n1;x\"y\n3;4\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2! a quote where none can be", "3: 3|4"}, ""},
		{"quote in quotes", "a;b\n1;\"x\"y\"\n3;4\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2! a quote where none can be", "3: 3|4"}, ""},
		{"quote in quotes on the last line", "a;b\n1;\"x\"y", source.CSVOptions{}, []string{"a", "b"}, []string{"2! a quote where none can be"}, ""},
		{"invalid UTF-8 passes through", "a;b\nk;\xff\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2: k|"}, ""},
		{"names twice and empty", "a;a;\n", source.CSVOptions{}, []string{"a", "a", ""}, nil, ""},

		{"open quote", "a;b\n1;2\n3;\"4\n5;6\n", source.CSVOptions{}, []string{"a", "b"}, []string{"2: 1|2"}, "source: line 3: the text ends inside quotes"},
		{"open quote, text cut off", "a;b\n1;2\n3;\"4", source.CSVOptions{}, []string{"a", "b"}, []string{"2: 1|2"}, "source: line 3: the text ends inside quotes"},
		{"open quote as the last byte", "a;b\n3;\"", source.CSVOptions{}, []string{"a", "b"}, nil, "source: line 2: the text ends inside quotes"},
		{"open quote that runs into another", "a;b\n1;\"2\n3;4\n5;\"6\"\n", source.CSVOptions{}, []string{"a", "b"}, nil, "source: line 2: the record has a misplaced quote"},
		{"empty", "", source.CSVOptions{}, nil, nil, "source: it is empty: the first line must name the fields"},
		{"blank lines alone", "\ufeff\r\n\n", source.CSVOptions{}, nil, nil, "source: it is empty"},
		{"quote in the header", "a;b\"c\n1;2\n", source.CSVOptions{}, nil, nil, "source: line 1: the header has a misplaced quote"},
		{"open quote in the header", "a;\"b\n1;2\n", source.CSVOptions{}, nil, nil, "source: line 1: the text ends inside quotes"},
		{"header in Latin-1", "pr\xe9nom\n", source.CSVOptions{}, nil, nil, "source: the header is not UTF-8"},
		{"separator that is none", "a\n", source.CSVOptions{Comma: '"'}, nil, nil, "source: Comma is '\"'"},
		{"record without end", "a\n\"" + strings.Repeat(strings.Repeat("x", 63)+"\n", 18<<14), source.CSVOptions{}, []string{"a"}, nil, "is longer than 16 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "segment.csv")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			text := io.Reader(strings.NewReader(tt.text))
			if len(tt.text) < 1000 {
				text = iotest.OneByteReader(text)
			}
			file := source.CSVFile(path, tt.options)
			for name, s := range map[string]mapping.Source{"CSV": source.CSV(text, tt.options), "CSVFile": file, "CSVFile again": file} {
				fields, records, err := read(t, s)
				if diff := cmp.Diff(tt.fields, fields); diff != "" {
					t.Errorf("%s: fields (-want +got):\n%s", name, diff)
				}
				if diff := cmp.Diff(tt.records, records); diff != "" {
					t.Errorf("%s: records (-want +got):\n%s", name, diff)
				}
				want := strings.TrimPrefix(tt.err, "source: ")
				if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "source: ")) {
					t.Errorf("%s: error %v, want %q", name, err, tt.err)
				}
				if err != nil && name != "CSV" && !strings.Contains(err.Error(), path) {
					t.Errorf("%s: no file name in %v", name, err)
				}
			}
		})
	}
}

// The limit is one of records: any number of them may follow one another.
func TestCSVLongerThanARecordMayBe(t *testing.T) {
	line := strings.Repeat("x", 1<<20) + "\n"
	n := 0
	for _, err := range source.CSV(strings.NewReader("a\n"+strings.Repeat(line, 20)), source.CSVOptions{}).Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 20 {
		t.Errorf("%d records", n)
	}
}

// The header must not wait for more than its own line.
func TestCSVHeaderOfAPipe(t *testing.T) {
	r, w := io.Pipe()
	s := source.CSV(r, source.CSVOptions{})
	var writer sync.WaitGroup
	writer.Go(func() { _, _ = io.WriteString(w, "a,b\n") })
	fields, err := s.Fields(t.Context()) // the pipe stays open
	if diff := cmp.Diff([]string{"a", "b"}, fields); diff != "" || err != nil {
		t.Errorf("%v, fields (-want +got):\n%s", err, diff)
	}
	writer.Wait()
	_ = w.Close()
}

func TestCSVHeaderLongerThanTheBuffer(t *testing.T) {
	names := make([]string, 40_000)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	fields, err := source.CSV(strings.NewReader(strings.Join(names, ",")), source.CSVOptions{}).Fields(t.Context())
	if err != nil || len(fields) != len(names) {
		t.Errorf("%d fields, %v", len(fields), err)
	}
}

func TestCSVReadError(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"", "a", "a;b\n", "a;b\n1;2\n3", "a;b\n1;2\n\"3", "a;b\n1;2\n\"3\n"} {
		r := io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
		_, records, err := read(t, source.CSV(r, source.CSVOptions{}))
		if !errors.Is(err, broken) {
			t.Errorf("%q: error %v, want the reader's", text, err)
		}
		if len(records) > 1 {
			t.Errorf("%q: a cut record was yielded: %q", text, records)
		}
	}
}

func TestCSVIsReadOnce(t *testing.T) {
	s := source.CSV(strings.NewReader("a\n1\n"), source.CSVOptions{})
	for range 2 {
		if fields, err := s.Fields(t.Context()); err != nil || len(fields) != 1 {
			t.Fatalf("Fields gives %q, %v", fields, err)
		}
	}
	if _, records, err := read(t, s); err != nil || len(records) != 1 {
		t.Fatalf("%q, %v", records, err)
	}
	if fields, _, err := read(t, s); err == nil || !strings.Contains(err.Error(), "once") || len(fields) != 1 {
		t.Errorf("the second time: %q, %v", fields, err)
	}
}

func TestCSVFileErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "segment.csv")
	s := source.CSVFile(path, source.CSVOptions{})
	if _, err := s.Fields(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Fields of no file: %v", err)
	}
	for _, err := range s.Records(t.Context()) {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Records of no file: %v", err)
		}
	}

	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	for _, err := range s.Records(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "it is empty") {
			t.Errorf("Records of an empty file: %v", err)
		}
	}
	write("a;b\n1;2\n")
	if _, err := s.Fields(t.Context()); err != nil {
		t.Fatal(err)
	}
	write("b;a\n2;1\n")
	n := 0
	for rec, err := range s.Records(t.Context()) {
		if n++; err == nil || !strings.Contains(err.Error(), "fields have changed") {
			t.Errorf("values under other names: %v, %v", rec, err)
		}
	}
	if n != 1 {
		t.Errorf("yielded %d times", n)
	}
}

func TestCSVContext(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s := source.CSV(strings.NewReader("a\n"+strings.Repeat("1\n", 5000)), source.CSVOptions{})
	n := 0
	var last error
	for _, err := range s.Records(ctx) {
		if last = err; err != nil {
			break
		}
		if n++; n == 10 {
			cancel(cause)
		}
	}
	if !errors.Is(last, cause) || n >= 1000 {
		t.Errorf("%d records, then %v", n, last)
	}
	if _, err := source.CSV(strings.NewReader("a\n"), source.CSVOptions{}).Fields(ctx); !errors.Is(err, cause) {
		t.Errorf("Fields: %v", err)
	}
}

// A record may be kept from one yield to the next only; leaving early must not upset anything.
func TestCSVBreak(t *testing.T) {
	s := source.CSVFile(filepath.Join("testdata", "contacts.csv"), source.CSVOptions{})
	for range 2 {
		n := 0
		for _, err := range s.Records(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			break
		}
		if n != 1 {
			t.Errorf("%d records", n)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a;b\n1;\"2\n3\"\n4;5;6\n\"7"))
	f.Add([]byte("\ufeffa,\"b\"\"\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, first, err := read(t, source.CSV(strings.NewReader(string(text)), source.CSVOptions{}))
		if err != nil && !strings.HasPrefix(err.Error(), "source: ") {
			t.Errorf("error %v", err)
		}
		_, second, again := read(t, source.CSV(iotest.HalfReader(strings.NewReader(string(text))), source.CSVOptions{}))
		if diff := cmp.Diff(first, second); diff != "" || fmt.Sprint(err) != fmt.Sprint(again) {
			t.Errorf("in pieces: %v, %v\n%s", err, again, diff)
		}
	})
}

// A segment that is still being written has lost its end.
func TestFileWrittenTo(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s.csv")
	if err := os.WriteFile(name, []byte("email;points\na@b.example;12\nc@d.example;3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := source.CSVFile(name, source.CSVOptions{})
	n := 0
	var last error
	for _, err := range src.Records(t.Context()) {
		if last = err; err != nil {
			break
		}
		if n++; n == 1 {
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("e@f.example;4\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last == nil || !strings.Contains(last.Error(), "written to") {
		t.Errorf("after %d records: %v", n, last)
	}
}
