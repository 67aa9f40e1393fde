package source_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping/source"
)

func TestNDJSON(t *testing.T) {
	for _, tt := range []struct {
		name    string
		text    string
		options source.NDJSONOptions
		fields  []string
		records []string
		err     string
	}{
		{"plain", "{\"a\":\"x\",\"b\":1}\n{\"b\":2,\"a\":\"y\"}\n", source.NDJSONOptions{}, []string{"a", "b"}, []string{"1: x|1", "2: y|2"}, ""},
		{"no line break at the end", `{"a":1}`, source.NDJSONOptions{}, []string{"a"}, []string{"1: 1"}, ""},
		{"mark, CR LF, blank lines, white space", "\ufeff\r\n { \"a\" : 1 , \"b\" : [ ] } \r\n \t\n{\"a\":2}\r\n", source.NDJSONOptions{}, []string{"a", "b"}, []string{"2: 1|[ ]", "4: 2|-"}, ""},
		{"union of members", "{\"a\":1}\n{\"b\":2}\n{}\n", source.NDJSONOptions{}, []string{"a", "b"}, []string{"1: 1|-", "2: -|2", "3: -|-"}, ""},
		{"fields given", "{\"a\":1,\"c\":{\"b\":1}}\n{\"b\":2}\n", source.NDJSONOptions{Fields: []string{"b"}}, []string{"b"}, []string{"1: -", "2: 2"}, ""},
		{"fields given, empty", "", source.NDJSONOptions{Fields: []string{"b"}}, []string{"b"}, nil, ""},
		{"literals", "{\"a\":null,\"b\":true,\"c\":false}\n", source.NDJSONOptions{}, []string{"a", "b", "c"}, []string{"1: -|1|0"}, ""},
		{"escapes", `{"a\u0062":"\"\\\/\u00e9\ud834\udd1e"}`, source.NDJSONOptions{}, []string{"ab"}, []string{`1: "\/é𝄞`}, ""},
		{"half a pair is no text", `{"a":"\ud834x","b":1}`, source.NDJSONOptions{}, []string{"a", "b"}, []string{"1: -|1"}, ""},
		{"numbers are exact", `{"a":12345678901234567890123.00001,"b":-0.10,"c":1e3,"d":-1.25e-3,"e":0.5E+1,"f":9007199254740993}`, source.NDJSONOptions{},
			[]string{"a", "b", "c", "d", "e", "f"}, []string{"1: 12345678901234567890123.00001|-0.10|1000|-0.00125|5|9007199254740993"}, ""},
		{"an enormous exponent is no number", `{"a":1e999999999999999999999,"b":1e401,"c":0e0}`, source.NDJSONOptions{}, []string{"a", "b", "c"}, []string{"1: -||0"}, ""},
		{"lists and objects", `{"a":[1,"x",null,{"b":[]}],"b":{"c":"\u00e9"}}`, source.NDJSONOptions{}, []string{"a", "b"}, []string{`1: [1,"x",null,{"b":[]}]|{"c":"\u00e9"}`}, ""},
		{"a broken line is rejected alone", "{\"a\":1}\n{\"a\":\n{\"a\":2}\n[]\n{\"a\":3}}\n{\"a\":4}\n{\"a\":5", source.NDJSONOptions{}, []string{"a"},
			[]string{"1: 1", "2! not a JSON object", "3: 2", "4! not a JSON object", "5! not a JSON object", "6: 4", "7! not a JSON object"}, ""},
		{"fields of broken lines are none", "{\"x\":1,\n{\"a\":2}\n", source.NDJSONOptions{}, []string{"a"}, []string{"1! not a JSON object", "2: 2"}, ""},
		{"a field twice", "{\"a\":1,\"b\":1,\"a\":1}\n{\"b\":1,\"c\":1,\"c\":2}\n", source.NDJSONOptions{Fields: []string{"a", "b"}}, []string{"a", "b"}, []string{"1! a field twice", "2: -|1"}, ""},
		{"a line that is too long is rejected alone", "{\"a\":1}\n{\"a\":\"" + strings.Repeat("x", 17<<20) + "\"}\n{\"a\":2}\n", source.NDJSONOptions{}, []string{"a"}, []string{"1: 1", "2! longer than 16 MiB", "3: 2"}, ""},
		{"gzip", zip(t, "{\"a\":1}\n{\"a", "\":2}"), source.NDJSONOptions{}, []string{"a"}, []string{"1: 1", "2: 2"}, ""},
		{"UTF-16", "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00", source.NDJSONOptions{}, []string{"a"}, []string{"1: 1"}, ""},

		{"gzip cut short", zip(t, "{\"a\":1}\n", "{\"a\":2}\n")[:50], source.NDJSONOptions{Fields: []string{"a"}}, []string{"a"}, []string{"1: 1"}, "gzip: unexpected EOF"},
		{"empty", "", source.NDJSONOptions{}, nil, nil, "source: it has no JSON object with a member"},
		{"no object", "[1]\n{}\n", source.NDJSONOptions{}, nil, nil, "source: it has no JSON object with a member"},
		{"fields twice", "", source.NDJSONOptions{Fields: []string{"a", "b", "a"}}, nil, nil, "source: fields 1 and 3 have the same name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "segment.ndjson")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			file := source.NDJSONFile(path, tt.options)
			sources := []func() ([]string, []string, error){
				func() ([]string, []string, error) {
					return read(t, source.NDJSON(strings.NewReader(tt.text), tt.options))
				},
				func() ([]string, []string, error) { return read(t, file) },
				func() ([]string, []string, error) { return read(t, file) },
			}
			if len(tt.text) < 1000 {
				sources = append(sources, func() ([]string, []string, error) {
					return read(t, source.NDJSON(iotest.OneByteReader(strings.NewReader(tt.text)), tt.options))
				})
			}
			for i, read := range sources {
				fields, records, err := read()
				if diff := cmp.Diff(tt.fields, fields); diff != "" {
					t.Errorf("%d: fields (-want +got):\n%s", i, diff)
				}
				if diff := cmp.Diff(tt.records, records); diff != "" && (tt.err == "" || records != nil) {
					t.Errorf("%d: records (-want +got):\n%s", i, diff)
				}
				if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), strings.TrimPrefix(tt.err, "source: ")) || !strings.HasPrefix(err.Error(), "source: ")) {
					t.Errorf("%d: error %v, want %q", i, err, tt.err)
				}
			}
		})
	}
}

// What the fields are taken from is bounded, whatever the pieces are in which the text comes.
func TestNDJSONSample(t *testing.T) {
	many := strings.Repeat("{\"a\":1}\n", 999)
	long := "{\"a\":\"" + strings.Repeat("x", 1<<20-20) + "\"}\n"
	for name, tt := range map[string]struct {
		text string
		want int
	}{
		"the 1000th record":   {many + "{\"b\":1}\n{\"c\":1}\n", 2},
		"after 1 MiB":         {long + "{\"b\":12345678901234567890}\n", 1},
		"at the end of 1 MiB": {long + "{\"b\":1}\n", 2},
	} {
		for _, r := range []func() ([]string, error){
			func() ([]string, error) {
				return source.NDJSON(strings.NewReader(tt.text), source.NDJSONOptions{}).Fields(t.Context())
			},
			func() ([]string, error) {
				return source.NDJSON(&pieces{strings.NewReader(tt.text), 65_001}, source.NDJSONOptions{}).Fields(t.Context())
			},
		} {
			if fields, err := r(); err != nil || len(fields) != tt.want {
				t.Errorf("%s: %q, %v", name, fields, err)
			}
		}
	}
}

// What is too long is not held in memory either.
func TestNDJSONMemory(t *testing.T) {
	line := io.LimitReader(endless{}, 200<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, records, err := read(t, source.NDJSON(io.MultiReader(line, strings.NewReader("\n{\"a\":1}\n")), source.NDJSONOptions{Fields: []string{"a"}}))
	runtime.ReadMemStats(&after)
	if diff := cmp.Diff([]string{"1! longer than 16 MiB", "2: 1"}, records); diff != "" || err != nil {
		t.Errorf("%v, records (-want +got):\n%s", err, diff)
	}
	if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 100 {
		t.Errorf("%d MiB allocated", allocated)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestNDJSONReadError(t *testing.T) {
	broken := errors.New("broken")
	for _, options := range []source.NDJSONOptions{{}, {Fields: []string{"a"}}} {
		r := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("{\"a\":1}\n")))
		if _, _, err := read(t, source.NDJSON(r, options)); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("error %v", err)
		}
		if _, _, err := read(t, source.NDJSON(iotest.ErrReader(broken), options)); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	}
}

func TestNDJSONAllocations(t *testing.T) {
	text := strings.Repeat(`{"email":"lea\u00e9@example.com","n":12,"score":1.5e3,"tags":["a","b"],"other":{"x":1}}`+"\n", 1000)
	allocations := testing.AllocsPerRun(5, func() {
		for _, err := range source.NDJSON(strings.NewReader(text), source.NDJSONOptions{Fields: []string{"email", "n", "score", "tags"}}).Records(t.Context()) {
			if err != nil {
				t.Error(err)
			}
		}
	})
	if allocations > 100 {
		t.Errorf("%v allocations for 1000 records", allocations)
	}
}

// What package encoding/json takes for an object is one, and nothing else.
func FuzzNDJSON(f *testing.F) {
	for _, line := range []string{`{"a":[1,{"b":null}],"c":"\ud834\udd1e\n"}`, `{"a":1e-3,"b":-0.0,"a":true}`, `{"a":01}`, `{"a":"\x"}`, "{\"a\":\"\t\"}", `{"":{}}`, `{"a":-}`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\x00") || strings.TrimSpace(line) == "" || strings.HasPrefix(line, "\x1f\x8b") || strings.HasPrefix(line, "\ufeff") || len(line) > 500 ||
			strings.HasPrefix(line, "\xff\xfe") || strings.HasPrefix(line, "\xfe\xff") {
			return
		}
		var object map[string]json.RawMessage
		want := json.Unmarshal([]byte(line), &object) == nil && object != nil
		n := 0
		for rec, err := range source.NDJSON(strings.NewReader(line), source.NDJSONOptions{Fields: []string{"a"}}).Records(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if got := !errors.Is(rec.Err, source.ErrJSON); got != want {
				t.Errorf("%q: an object %t, want %t", line, got, want)
			}
			var number json.Number
			if rec.Err == nil && json.Unmarshal(object["a"], &number) == nil && number != "" && object["a"][0] != '"' {
				got := cells(t, 1, rec)
				a, _ := json.Number(got).Float64()
				if b, err := number.Float64(); err == nil && a != b {
					t.Errorf("%q: %s, want %s", line, got, number)
				}
			}
		}
		if n != 1 && fmt.Sprintf("%q", line) != "" && strings.Trim(line, " \t\r\n") != "" {
			t.Errorf("%q: %d records", line, n)
		}
	})
}
