package mapping_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
)

func TestParseRoundTrip(t *testing.T) {
	for name, m := range map[string]mapping.Mapping{
		"zero": {},
		"full": {
			Key: mapping.Field{From: "mail", To: "email", Transforms: []mapping.Transform{{Name: "trim"}, {Name: "lower"}}},
			Fields: []mapping.Field{
				{From: "first", To: "firstname", Empty: mapping.Absent, Invalid: mapping.Reject},
				{From: "score", To: "c7", Custom: true, Type: mapping.Decimal, Places: new(0)},
				{From: "born", To: "c3", Custom: true, Type: mapping.Date, Layouts: []string{"02/01/2006", "2006"}},
			},
			Custom: []string{"c0", "c1"},
			Zone:   "UTC",
		},
	} {
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := mapping.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseByteOrderMark(t *testing.T) {
	m, err := mapping.Parse([]byte("\ufeff{\"zone\": \"\\ud83d\\ude00\"}"))
	if err != nil || m.Zone != "😀" {
		t.Errorf("zone %q, %v", m.Zone, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "line 1, column 1: unexpected end"},
		{"cut off", "{\n\"key\": {}", "line 2, column 10: unexpected end"},
		{"syntax", "{\n  \"key\": {,}\n}", "line 2, column 11: invalid character ','"},
		{"something behind", "{}\n{}", "line 2, column 1: invalid character '{' after"},
		{"not an object", " []", "line 1, column 2: a mapping is an object"},
		{"null", "null", "line 1, column 1: a mapping is an object"},
		{"null for the key", `{"key": null}`, "line 1, column 9: null says nothing: leave it out"},
		{"null for a list", "{\n\"fields\": null}", "line 2, column 11: null says nothing"},
		{"null in a list", `{"fields": [null]}`, "line 1, column 13: null says nothing"},
		{"null for a name", `{"key": {"from": null}}`, "line 1, column 18: null says nothing"},
		{"null in a list of names", `{"custom": ["a", null]}`, "line 1, column 18: null says nothing"},
		{"null for a number", `{"key": {"places": null}}`, "line 1, column 20: null says nothing"},
		{"null among values", `{"key": {"transforms": [{"name": "map", "values": {"a": null}}]}}`, "line 1, column 57: null says nothing"},
		{"half a pair", `{"key": {"from": "\ud800"}}`, "line 1, column 18: half of a surrogate pair"},
		{"half a pair among values", `{"key": {"transforms": [{"name": "map", "values": {"a\udc00": "b"}}]}}`, "line 1, column 52: half of a surrogate pair"},
		{"after a byte order mark", "\ufeff{\"Key\": {}}", `line 1, column 2: unknown member "Key"`},
		{"two byte order marks", "\ufeff\ufeff{}", "line 1, column 1: invalid character"},
		{"unknown member", "{\n \"keys\": {}}", `line 2, column 2: unknown member "keys" of a mapping`},
		{"unknown member of a field", `{"fields": [{"from": "a"}, {"form": "b"}]}`, `line 1, column 29: unknown member "form" of a field`},
		{"unknown member of a transform", `{"key": {"transforms": [{"n": "trim"}]}}`, `line 1, column 26: unknown member "n" of a transform`},
		{"a transform by its name alone", `{"key": {"transforms": ["trim"]}}`, `line 1, column 25: key.transforms is string, want an object, as in "transforms": [{"name": "trim"}`},
		{"an example where a member is unknown", `{"key": {"transforms": [{"trim": true}]}}`, `"fail", "start", "length", "pattern", "with", "func", "version", as in "transforms": [{"name": "trim"}`},
		{"parameter of another transform", `{"key": {"transforms": [{"pattern": "a", "name": "trim"}]}}`, `line 1, column 26: the transform "trim" takes no pattern`},
		{"parameter of another transform, zero", `{"key": {"transforms": [{"name": "hash", "start": 0}]}}`, `line 1, column 42: the transform "hash" takes no start`},
		{"a value twice", `{"key": {"transforms": [{"name": "map", "values": {"a": "b", "a": "c"}}]}}`, `line 1, column 62: member "a" a second time`},
		{"type of values", `{"key": {"transforms": [{"name": "map", "values": "a"}]}}`, `want an object`},
		{"type of else", `{"key": {"transforms": [{"name": "map", "else": 1}]}}`, `want a string`},
		{"type of start", `{"key": {"transforms": [{"name": "substring", "start": "1"}]}}`, `want a whole number`},
		{"type of booleans", `{"key": {"booleans": "1"}}`, `line 1, column 22: key.booleans is string, want an array`},
		{"case", `{"Key": {}}`, `line 1, column 2: unknown member "Key"`},
		{"repeated", "{\"key\": {},\n\"key\": {}}", `line 2, column 1: member "key" a second time`},
		{"type of a name", "{\"key\":\n {\"from\": 12}}", "line 2, column 11: key.from is number, want a string"},
		{"type of places", `{"fields": [{"places": 1.5}]}`, "line 1, column 24: fields.places is number 1.5, want a whole number"},
		{"type of custom", `{"custom": "c0"}`, "line 1, column 12: custom is string, want an array"},
		{"type of the key", `{"key": "email"}`, "line 1, column 9: key is string, want an object"},
		{"type of a switch", `{"key": {"custom": "yes"}}`, "line 1, column 20: key.custom is string, want true or false"},
		{"an object where there is none", `{"custom": [{"a": 1}]}`, "line 1, column 13: custom is object, want a string"},
		{"a member of an object where there is none, twice", `{"zone": {"a": 1, "a": 1}}`, "line 1, column 10: zone is object, want a string"},
		{"not UTF-8", "{\"zone\": \"\xff\"}", "line 1, column 11: not valid UTF-8"},
		{"too deep", strings.Repeat("[", 20000), "exceeded max depth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := mapping.Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "mapping: ") {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if diff := cmp.Diff(mapping.Mapping{}, m); diff != "" {
				t.Errorf("a Mapping with the error: %s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"key":{"from":"a","to":"b","transforms":[{"name":"trim"}]},"fields":[{"places":2}],"custom":["c"],"zone":"UTC"}`))
	if data, err := json.Marshal(full()); err == nil {
		f.Add(data)
	}
	f.Add([]byte(`{"key":[[{"a":{}}]],"fields":{"x":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := mapping.Parse(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "mapping: line ") {
				t.Errorf("no line in %v", err)
			}
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := mapping.Parse(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if twice, _ := json.Marshal(back); string(twice) != string(again) {
			t.Errorf("%s became %s", again, twice)
		}
		_, _ = m.Bind([]string{"a"}, mapping.Options{Attributes: destination().Attributes, Funcs: funcs()})
	})
}
