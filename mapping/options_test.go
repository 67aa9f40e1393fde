package mapping_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
)

func TestOptions(t *testing.T) {
	type f = mapping.Field
	text, null := mapping.StringValue, mapping.Value{}
	js := func(s string) mapping.Value { return mapping.JSONValue([]byte(s)) }
	at := func(s string) mapping.Value {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return mapping.DateTimeValue(v)
	}
	const blanked = ": blanked"
	for _, tt := range []struct {
		name   string
		field  f
		max    int
		value  mapping.Value
		want   string
		report string
	}{
		{"default of null", f{Default: "x", Empty: mapping.Reject}, 0, null, "x", ""},
		{"default of empty text", f{Default: "x", Empty: mapping.Reject}, 0, text(""), "x", ""},
		{"default, white space is text", f{Default: "x"}, 0, text("  "), "  ", ""},
		{"default, white space is no integer", f{Default: "7", Type: mapping.Integer}, 0, text(" \u200b"), "7", ""},
		{"default is rendered", f{Default: "7", Type: mapping.Decimal}, 0, null, "7.00", ""},
		{"default goes through the transforms", f{Default: "x", Transforms: []mapping.Transform{{Name: "upper"}}}, 0, null, "X", ""},
		{"default does not stand in for the invalid", f{Default: "7", Type: mapping.Integer}, 0, text("x"), "", mapping.ReasonInteger + blanked},
		{"default NULL is told", f{Default: "Null"}, 0, null, "Null", "reads NULL: kept"},

		{"too long is cut", f{}, 3, text("abcd"), "abc", "longer than 3 characters: shortened"},
		{"too long is cut, in words", f{Long: mapping.Cut}, 3, text("abcd"), "abc", "longer than 3 characters: shortened"},
		{"too long is blank", f{Long: mapping.Blank, Invalid: mapping.Reject}, 3, text("abcd"), "", "longer than 3 characters: blanked"},
		{"too long is absent", f{Long: mapping.Absent}, 3, text("abcd"), absent, "longer than 3 characters: absent"},
		{"too long is rejected", f{Long: mapping.Reject}, 3, text("abcd"), absent, "longer than 3 characters: rejected"},
		{"not too long", f{Long: mapping.Reject}, 3, text("éé"), "éé", ""},
		{"normalised, then counted", f{Long: mapping.Reject}, 1, text("e\u0301"), "é", ""},
		{"normalised to other characters in as many bytes", f{Long: mapping.Reject}, 255, text("\u212a\u0344" + strings.Repeat("a", 253)), absent, "longer than 255 characters: rejected"},
		{"normalised to other characters in as many bytes, cut", f{}, 3, text("\u212a\u0344aa"), "K\u0308\u0301", "longer than 3 characters: shortened"},
		{"normalised to fewer characters in as many bytes", f{Long: mapping.Reject}, 255, text(strings.Repeat("e\u0301", 3) + "\u0958" + strings.Repeat("a", 250)), strings.Repeat("é", 3) + "\u0915\u093c" + strings.Repeat("a", 250), ""},
		{"cut to NULL", f{}, 4, text("NULLABLE"), "NULL", "longer than 4 characters: shortened, reads NULL: kept"},
		{"NULL with marks around", f{}, 0, text("\u200b NULL\u200b"), "\u200b NULL\u200b", "reads NULL: kept"},
		{"text that is cut to JSON", f{Flatten: "list"}, 3, text("[1] x"), "", "longer than 3 characters: blanked"},
		{"text that is cut to JSON, where none is read", f{}, 3, text("[1] x"), "[1]", "longer than 3 characters: shortened"},
		{"normalised, then it is longer", f{Long: mapping.Reject}, 1, text("\u0958"), absent, "longer than 1 characters: rejected"},

		{"booleans", f{Type: mapping.Boolean, Booleans: []string{"non", "oui"}}, 0, mapping.BooleanValue(true), "oui", ""},
		{"booleans, from text", f{Type: mapping.Boolean, Booleans: []string{"non", "oui"}}, 0, text("F"), "non", ""},
		{"booleans, their own text", f{Type: mapping.Boolean, Booleans: []string{"non", "oui"}}, 0, text(" oui "), "oui", ""},
		{"booleans, their own text in another case", f{Type: mapping.Boolean, Booleans: []string{"non", "oui"}}, 0, text("OUI"), "", mapping.ReasonBoolean + blanked},
		{"booleans that fit", f{Type: mapping.Boolean, Booleans: []string{"nön", "oui"}}, 3, mapping.BooleanValue(false), "nön", ""},
		{"booleans that are read the other way are not read", f{Type: mapping.Boolean, Booleans: []string{"-", "+"}}, 0, mapping.IntegerValue(2), "", mapping.ReasonBoolean + blanked},

		{"layout", f{Type: mapping.Date, Layout: "02/01/2006"}, 0, text("2024-12-31"), "31/12/2024", ""},
		{"layout, read again", f{Type: mapping.Date, Layout: "02/01/2006"}, 0, text("31/12/2024"), "31/12/2024", ""},
		{"layout, the forms to read come first", f{Type: mapping.Date, Layouts: []string{"01/02/2006"}, Layout: "02/01/2006"}, 0, text("03/04/2024"), "04/03/2024", ""},
		{"layout of a date has midnight", f{Type: mapping.Date, Layout: "2006-01-02T15:04"}, 0, at("2024-07-01T10:00:00Z"), "2024-07-01T00:00", ""},
		{"layout of a date-time", f{Type: mapping.DateTime, Layout: "20060102150405"}, 0, at("2024-07-01T10:11:12Z"), "20240701121112", ""},
		{"layout that loses the time", f{Type: mapping.DateTime, Layout: "20060102"}, 0, at("2024-07-01T22:11:12Z"), "20240702", ""},
		{"layout with names", f{Type: mapping.Date, Layout: "2 January 2006"}, 0, text("0905-01-02"), "2 January 0905", ""},
		{"layout in UTC may say so", f{Type: mapping.DateTime, Layout: "2006-01-02T15:04:05Z", Zone: "UTC"}, 0, at("2024-07-01T10:11:12+02:00"), "2024-07-01T08:11:12Z", ""},
		{"layout of what is no date", f{Type: mapping.Date, Layout: "02/01/2006"}, 0, text("31/02/2024"), "", mapping.ReasonDate + blanked},
		{"layout of a number", f{Type: mapping.Date, Layout: "02/01/2006"}, 0, mapping.IntegerValue(1), "", mapping.ReasonDate + blanked},
		{"zone of a field", f{Type: mapping.DateTime, Zone: "Asia/Tokyo"}, 0, text("2024-07-01T00:00:00Z"), "2024-07-01 09:00:00", ""},
		{"zone of text", f{Zone: "America/New_York"}, 0, at("2024-07-01T00:00:00Z"), "2024-06-30 20:00:00", ""},

		{"a list without a choice", f{}, 0, js(`["a"]`), "", mapping.ReasonFlatten + blanked},
		{"an object without a choice", f{Invalid: mapping.Reject}, 0, js(`{}`), absent, mapping.ReasonFlatten + ": rejected"},
		{"a list for another type", f{Type: mapping.Integer}, 0, js(`[1]`), "", mapping.ReasonFlatten + blanked},
		{"json", f{Flatten: "json"}, 0, js("{ \"b\" : [1, 2.50,\r\n\"x y\\\" \\\\\"],\"a\":null }"), `{"b":[1,2.50,"x y\u0022 \u005c"],"a":null}`, ""},
		{"json, no backslash before a quote", f{Flatten: "json"}, 0, js(`["\"","\\","\\\"","\u0022\/\n\u005C", "a"]`), `["\u0022","\u005c","\u005c\u0022","\u0022\/\n\u005C","a"]`, ""},
		{"json, read again", f{Flatten: "json"}, 0, text(`["\u0022","\u005c\u0022"]`), `["\u0022","\u005c\u0022"]`, ""},
		{"json, separators in strings", f{Flatten: "json"}, 0, js("[\"a\u2028b\"]"), `["a b"]`, ""},
		{"json in text", f{Flatten: "json"}, 0, text(" [1, 2] "), `[1,2]`, ""},
		{"text that is none", f{Flatten: "json"}, 0, text("[1, 2"), `[1, 2`, ""},
		{"text without a choice is text", f{}, 0, text("[1, 2]"), `[1, 2]`, ""},
		{"json is not cut", f{Flatten: "json"}, 5, js(`["abcdef"]`), "", "longer than 5 characters: blanked"},
		{"broken json", f{Flatten: "json"}, 0, js(`["a"`), "", mapping.ReasonJSON + blanked},
		{"nothing is no json", f{Flatten: "json"}, 0, js(` `), "", mapping.ReasonJSON + blanked},
		{"json that is not UTF-8", f{Flatten: "json"}, 0, js("[\"\xff\"]"), "", mapping.ReasonUTF8 + blanked},
		{"list", f{Flatten: "list"}, 0, js(`["a", "", null, 1.50, true, false, "b\u00e9"]`), "a, 1.50, 1, 0, bé", ""},
		{"list, separator", f{Flatten: "list", Separator: "|"}, 0, js(`["a","b"]`), "a|b", ""},
		{"list, escapes", f{Flatten: "list"}, 0, js(`["\"\\\/\b\f\n\r\t\u0041\ud83d\ude00"]`), "\"\\/    A😀", ""},
		{"list, half a pair", f{Flatten: "list"}, 0, js(`["\ud83d"]`), "", mapping.ReasonUTF8 + blanked},
		{"list, half a pair and a letter", f{Flatten: "list"}, 0, js(`["\ud83d\u0041"]`), "", mapping.ReasonUTF8 + blanked},
		{"list, the wrong half", f{Flatten: "list"}, 0, js(`["\ude00x"]`), "", mapping.ReasonUTF8 + blanked},
		{"list in a list", f{Flatten: "list"}, 0, js(`["a",[]]`), "", mapping.ReasonList + blanked},
		{"object in a list", f{Flatten: "list"}, 0, js(`[{}]`), "", mapping.ReasonList + blanked},
		{"an object is no list", f{Flatten: "list"}, 0, js(`{"a":1}`), "", mapping.ReasonList + blanked},
		{"a list of JSON in a string", f{Flatten: "list"}, 0, js(`["[1]"]`), "", mapping.ReasonList + blanked},
		{"empty list", f{Flatten: "list", Empty: mapping.Absent}, 0, js(`[ ]`), absent, ""},
		{"list of nothing", f{Flatten: "list", Empty: mapping.Absent}, 0, js(`[null,""]`), absent, ""},
		{"list that reads NULL is told", f{Flatten: "list"}, 0, js(`["NULL"]`), "NULL", "reads NULL: kept"},
		{"list is cut", f{Flatten: "list"}, 4, js(`["ab","cd"]`), "ab, ", "longer than 4 characters: shortened"},
		{"list in text", f{Flatten: "list"}, 0, text(`["a","b"]`), "a, b", ""},
		{"list in text, seen as one line", f{Flatten: "list"}, 0, text("[1,\x00\u20282]\ufeff"), "1, 2", ""},
		{"transforms after flatten", f{Flatten: "list", Transforms: []mapping.Transform{{Name: "upper"}}}, 0, js(`["a","b"]`), "A, B", ""},

		{"lists of strings", f{Type: mapping.Lists}, 0, js(`["+4","-1", "+4"]`), "-1,+4", ""},
		{"lists of numbers", f{Type: mapping.Lists}, 0, js(`[1,-4]`), "", mapping.ReasonLists + blanked},
		{"lists of a number with a sign", f{Type: mapping.Lists}, 0, js(`[-4]`), "", mapping.ReasonLists + blanked},
		{"lists of a string without a sign", f{Type: mapping.Lists}, 0, js(`["1"]`), "", mapping.ReasonLists + blanked},
		{"lists of an object", f{Type: mapping.Lists}, 0, js(`{"+1":1}`), "", mapping.ReasonLists + blanked},
		{"lists of nothing", f{Type: mapping.Lists, Empty: mapping.Absent}, 0, js(`[]`), absent, ""},
		{"lists of broken json", f{Type: mapping.Lists}, 0, js(`["+1"`), "", mapping.ReasonJSON + blanked},

		{"JSON string", f{}, 0, js(` "a\tb" `), "a b", ""},
		{"JSON string of half a pair", f{}, 0, js(`"\ud800"`), "", mapping.ReasonJSON + blanked},
		{"JSON number", f{}, 0, js(`12.50`), "12.50", ""},
		{"JSON number with an exponent", f{}, 0, js(`1.5e3`), "1500", ""},
		{"JSON number beyond all", f{}, 0, js(`1e999`), "", mapping.ReasonFinite + blanked},
		{"JSON true", f{Type: mapping.Boolean}, 0, js(`true`), "1", ""},
		{"JSON null", f{Empty: mapping.Absent}, 0, js(`null`), absent, ""},
		{"no JSON at all", f{Empty: mapping.Absent}, 0, mapping.JSONValue(nil), absent, ""},
		{"a word that is no JSON", f{}, 0, js(`undefined`), "", mapping.ReasonJSON + blanked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cell, report := cellOf(three(t, tt.field, mapping.Options{CustomMax: tt.max}), tt.value)
			if cell != tt.want || report != tt.report {
				t.Errorf("cell %q (%s), want %q (%s)", cell, report, tt.want, tt.report)
			}
		})
	}
}

// Where clocks change, an instant is exact and a time without a zone stays as it is written.
func TestClockChanges(t *testing.T) {
	for _, tt := range []struct{ name, zone, in, iso, layout string }{
		{"spring, before", "Europe/Paris", "2024-03-31T00:59:59Z", "2024-03-31 01:59:59", "31/03/2024 01:59"},
		{"spring, after", "Europe/Paris", "2024-03-31T01:00:00Z", "2024-03-31 03:00:00", "31/03/2024 03:00"},
		{"a time that was skipped", "Europe/Paris", "2024-03-31 02:30:00", "2024-03-31 02:30:00", "31/03/2024 02:30"},
		{"autumn, first time", "Europe/Paris", "2024-10-27T00:30:00Z", "2024-10-27 02:30:00", "27/10/2024 02:30"},
		{"autumn, second time", "Europe/Paris", "2024-10-27T01:30:00Z", "2024-10-27 02:30:00", "27/10/2024 02:30"},
		{"a day without midnight", "America/Sao_Paulo", "2018-11-04", "2018-11-04 00:00:00", "04/11/2018 00:00"},
		{"a day that was skipped", "Pacific/Apia", "2011-12-30", "2011-12-30 00:00:00", "30/12/2011 00:00"},
		{"local mean time", "Europe/Paris", "1890-01-01T00:00:00Z", "1890-01-01 00:09:21", "01/01/1890 00:09"},
	} {
		iso := three(t, mapping.Field{Type: mapping.DateTime, Zone: tt.zone}, mapping.Options{})
		layout := three(t, mapping.Field{Type: mapping.DateTime, Zone: tt.zone, Layout: "02/01/2006 15:04"}, mapping.Options{})
		both := three(t, mapping.Field{Type: mapping.DateTime, Zone: tt.zone, Layouts: []string{time.RFC3339, "2006-01-02", "2006-01-02 15:04:05"}}, mapping.Options{})
		if got, _ := cellOf(iso, mapping.StringValue(tt.in)); got != tt.iso {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.iso)
		}
		if got, _ := cellOf(both, mapping.StringValue(tt.in)); got != tt.iso {
			t.Errorf("%s, by layouts: %q, want %q", tt.name, got, tt.iso)
		}
		got, _ := cellOf(layout, mapping.StringValue(tt.in))
		if again, _ := cellOf(layout, mapping.StringValue(got)); got != tt.layout || again != got {
			t.Errorf("%s: %q and then %q, want %q", tt.name, got, again, tt.layout)
		}
	}
}

// full is a mapping that sets every member there is.
func full() mapping.Mapping {
	return mapping.Mapping{
		Key: mapping.Field{From: "mail", To: "email", Transforms: []mapping.Transform{{Name: "trim"}, {Name: "lower"}}},
		Fields: []mapping.Field{
			{From: "a", To: "a", Custom: true, Type: mapping.Text, Default: "d", Empty: mapping.Absent, Invalid: mapping.Reject, Long: mapping.Blank, Zone: "UTC", Flatten: "list", Separator: "|"},
			{From: "b", To: "b", Custom: true, Type: mapping.Decimal, Places: new(0)},
			{From: "c", To: "c", Custom: true, Type: mapping.Date, Layouts: []string{"02/01/2006", "2006.1.2"}, Layout: "20060102"},
			{From: "d", To: "d", Custom: true, Type: mapping.Boolean, Booleans: []string{"no", "yes"}},
			{To: "e", Custom: true, Transforms: []mapping.Transform{
				{Name: "constant", Value: "x"}, {Name: "title"}, {Name: "upper"}, {Name: "map", Values: map[string]string{"X": "y", "": ""}, Else: new("")},
				{Name: "default", Value: "v"}, {Name: "concat", Fields: []string{"a", "b"}, Separator: "-", Fail: mapping.Absent}, {Name: "hash"},
				{Name: "substring", Start: 1, Length: 6}, {Name: "replace", Pattern: "(a)", With: "$1$1"}, {Name: "match", Pattern: ".", Fail: mapping.Reject},
				{Name: "func", Func: "twice", Version: "2", Fail: mapping.Blank},
			}},
		},
		Custom: []string{"f"},
		Zone:   "Asia/Tokyo",
	}
}

// Every option there is survives JSON and is known to Parse, and a mapping of them all binds.
func TestEveryOptionRoundTrips(t *testing.T) {
	m := full()
	set := make(map[string]bool)
	note := func(v reflect.Value) {
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				set[v.Type().Name()+"."+v.Type().Field(i).Name] = true
			}
		}
	}
	note(reflect.ValueOf(m))
	for _, f := range append([]mapping.Field{m.Key}, m.Fields...) {
		note(reflect.ValueOf(f))
		for _, tr := range f.Transforms {
			note(reflect.ValueOf(tr))
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[mapping.Mapping](), reflect.TypeFor[mapping.Field](), reflect.TypeFor[mapping.Transform]()} {
		for field := range typ.Fields() {
			if name := typ.Name() + "." + field.Name; !set[name] {
				t.Errorf("%s is not in the test", name)
			}
		}
	}
	mapper := bind(t, m, []string{"mail", "a", "b", "c", "d", "f"}, mapping.Options{Funcs: funcs()}) // by way of JSON
	if diff := cmp.Diff([]string{"email", "a", "b", "c", "d", "e", "f"}, mapper.Columns()); diff != "" {
		t.Errorf("Columns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e", "f"}, m.CustomNames()); diff != "" {
		t.Errorf("CustomNames (-want +got):\n%s", diff)
	}
	if names := (mapping.Mapping{Key: mapping.Field{To: "k", Custom: true}}).CustomNames(); len(names) != 1 || names[0] != "k" {
		t.Errorf("CustomNames of a custom key: %q", names)
	}
}

func TestDeclaredCustomAttributes(t *testing.T) {
	o := destination()
	o.Custom = []mapping.Attribute{{Name: "points", Type: mapping.Integer}, {Name: "tier", Max: 4}, {Name: "bio"}}
	m := bind(t, mapping.Mapping{Key: mapping.Field{From: "m", To: "email"}, Custom: []string{"points", "tier", "bio"}}, []string{"m", "points", "tier", "bio"}, o)
	var row mapping.Row
	m.Render(&row, &mapping.Record{Values: []mapping.Value{
		mapping.StringValue("a@example.com"), mapping.StringValue("+07"), mapping.StringValue("golden"), mapping.StringValue(strings.Repeat("b", 256)),
	}})
	if got := []string{string(row.Cells[1]), string(row.Cells[2])}; got[0] != "7" || got[1] != "gold" || len(row.Cells[3]) != 255 {
		t.Errorf("cells %q and one of %d bytes: want the declared type, the declared limit and CustomMax", got, len(row.Cells[3]))
	}
	// An empty list declares that there are none.
	o.Custom = []mapping.Attribute{}
	if err := (mapping.Mapping{Key: mapping.Field{From: "m", To: "email"}, Custom: []string{"m"}}).Check([]string{"m"}, o); err == nil {
		t.Error("no error for an attribute that is not declared")
	}
}
