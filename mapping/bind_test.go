package mapping_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

func TestBindProblems(t *testing.T) {
	type m = mapping.Mapping
	type f = mapping.Field
	type tr = mapping.Transform
	custom := mapping.Options{Custom: []mapping.Attribute{{Name: "tier"}, {Name: "points", Type: mapping.Integer}}}
	key := f{From: "mail", To: "email"}
	with := func(fields ...f) m { return m{Key: key, Fields: fields} }
	segment := []string{"mail", "first", "x", "y"}
	for _, tt := range []struct {
		name    string
		mapping m
		segment []string
		options mapping.Options
		want    []string // one problem each
	}{
		{"zero mapping", m{}, segment, destination(), []string{"key: no From", "key: no To"}},
		{"no From", m{Key: f{To: "email"}}, segment, destination(), []string{`key (to "email"): no From`}},
		{"no To", m{Key: f{From: "mail"}}, segment, destination(), []string{"key: no To"}},
		{"empty custom name", m{Key: key, Custom: []string{""}}, segment, destination(), []string{"custom[0]: no From", "custom[0]: no To"}},
		{"all missing fields at once", with(f{From: "a", To: "firstname"}, f{From: "b", To: "language"}), segment, destination(),
			[]string{`segment: none of its 4 fields is named "a", "b"`}},
		{"nothing is there", with(f{From: "a", To: "firstname"}), []string{"lea@example.com", "Lea"}, destination(),
			[]string{`none of its 2 fields is named "mail", "a" (none of those that are mapped is there: does it begin with the names of its fields?)`}},
		{"missing but for the case", with(f{From: "First", To: "firstname"}), segment, destination(), []string{`named "First" (it has "first")`}},
		{"the separator", with(), []string{"mail;first;x"}, destination(), []string{"is the separator right?"}},
		{"a field twice", with(), []string{"mail", "x", "mail"}, destination(), []string{`segment: more than one of its fields is named "mail"`}},
		{"one attribute twice", with(f{From: "x", To: "firstname"}, f{From: "y", To: "firstname"}), segment, destination(),
			[]string{`fields[1] (to "firstname"): fields[0] is mapped to the same attribute`}},
		{"the key's attribute twice", with(f{From: "x", To: "email"}), segment, destination(), []string{`fields[0] (to "email"): key is mapped to the same attribute`}},
		{"a custom attribute twice", m{Key: key, Fields: []f{{From: "y", To: "x", Custom: true}}, Custom: []string{"x"}}, segment, destination(),
			[]string{`custom[0] (to "x"): fields[0] is mapped`}},
		{"no such attribute, case", with(f{From: "x", To: "FirstName"}), segment, destination(), []string{`did you mean "firstname"?`}},
		{"no such attribute, typo", with(f{From: "x", To: "firsname"}), segment, destination(), []string{`did you mean "firstname"?`}},
		{"no such attribute at all", with(f{From: "x", To: "shoesize"}), segment, destination(), []string{"no such attribute; a custom attribute needs custom set"}},
		{"attribute that cannot be the key", m{Key: f{From: "x", To: "firstname"}}, segment, destination(), []string{`cannot be the key: one of "email", "code" can`}},
		{"custom attribute as the key", m{Key: f{From: "x", To: "mine", Custom: true}}, segment, destination(), []string{"a custom attribute cannot be the key"}},
		{"unknown type", with(f{From: "x", To: "mine", Custom: true, Type: "number"}), segment, destination(), []string{`unknown type "number": one of "text", "integer"`}},
		{"another type than the attribute's", with(f{From: "x", To: "language", Type: mapping.Text}), segment, destination(), []string{`of type "language" and takes no other`}},
		{"unknown policies", with(f{From: "x", To: "firstname", Empty: "skip", Invalid: "null"}), segment, destination(),
			[]string{`unknown policy "skip" for empty`, `unknown policy "null" for invalid`}},
		{"key policies", m{Key: f{From: "mail", To: "email", Empty: mapping.Blank, Invalid: mapping.Absent}}, segment, destination(),
			[]string{`empty is "blank", but`, `invalid is "absent", but`}},
		{"unknown transform", with(f{From: "x", To: "firstname", Transforms: []mapping.Transform{{Name: "trim"}, {Name: "titel"}}}), segment, destination(), []string{`fields[0].transforms[1] (to "firstname"): unknown transform "titel": one of "trim", "lower"`}},
		{"unknown zone", m{Key: key, Zone: "Paris"}, segment, destination(), []string{`zone: unknown time zone "Paris"`}},
		{"layout", with(f{From: "x", To: "created", Layouts: []string{"YYYY-MM-DD"}}), segment, destination(), []string{`the layout "YYYY-MM-DD" holds no date`}},
		{"layouts with an abbreviated zone", with(f{From: "x", To: "created", Layouts: []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04 MST -0700", "2006-01-02 15:04 -0700", "2006-01-02 15:04Z07:00"}}), segment, destination(),
			[]string{`the layout "2006-01-02 15:04:05 MST" has an abbreviated zone in it, which does not say what time it is: use -0700 or Z07:00`, `the layout "2006-01-02 15:04 MST -0700"`}},
		{"layout without a day", with(f{From: "x", To: "created", Layouts: []string{"2006-01"}}), segment, destination(), []string{`the layout "2006-01" holds no date`}},
		{"layouts of text", with(f{From: "x", To: "firstname", Layouts: []string{"2006-01-02"}}), segment, destination(), []string{`layouts are for types "date" and "datetime", this is "text"`}},
		{"places", with(f{From: "x", To: "mine", Custom: true, Type: mapping.Decimal, Places: new(10)}), segment, destination(), []string{"places is 10: it must be 0 to 9"}},
		{"places of text", with(f{From: "x", To: "firstname", Places: new(1)}), segment, destination(), []string{`places are for type "decimal"`}},
		{"custom name of an own attribute", m{Key: key, Custom: []string{"x"}, Fields: []f{{From: "y", To: "FIRSTNAME", Custom: true}}}, segment, destination(),
			[]string{`fields[0] (to "FIRSTNAME"): a custom attribute cannot have the name of the destination's own attribute "firstname"`}},
		{"name with a separator", m{Key: key, Custom: []string{"a;b"}}, []string{"mail", "a;b"}, destination(), []string{"has a semicolon or a quote"}},
		{"name with a quote", with(f{From: "x", To: `a"b`, Custom: true}), segment, destination(), []string{"has a semicolon or a quote"}},
		{"name with a line break", with(f{From: "x", To: "a\u2028b", Custom: true}), segment, destination(), []string{"has a line break or a control"}},
		{"name with a space at the end", with(f{From: "x", To: "a\u00a0", Custom: true}), segment, destination(), []string{"has white space at an end"}},
		{"name that is not UTF-8", with(f{From: "x", To: "a\xff", Custom: true}), segment, destination(), []string{"is not valid UTF-8"}},
		{"the options", m{Key: key}, segment, mapping.Options{Attributes: []mapping.Attribute{
			{Name: "email", Key: true}, {Name: "email"}, {Name: "a", Type: "b"}, {}, {Name: "l", Type: mapping.Language, Values: []string{"fr", "e\nn"}, Aliases: map[string]string{"x": "y", "w": "fr"}},
		}}, []string{"options.attributes[1] (to \"email\"): the destination has it twice", `options.attributes[2] (to "a"): unknown type "b"`, "options.attributes[3]: the name is empty", `options.attributes[4] (to "l"): the value "e\nn" has a line break`, `options.attributes[4] (to "l"): the alias "x" leads to "y"`}},
		{"no From but the first transform is another", with(f{To: "firstname", Transforms: []tr{{Name: "trim"}, {Name: "constant", Value: "x"}}}), segment, destination(), []string{"no From: name the segment's field, or make constant the first transform"}},
		{"a constant key", m{Key: f{To: "email", Transforms: []tr{{Name: "constant", Value: "a@example.com"}}}}, segment, destination(), []string{"no From: a key is never made up", "key.transforms[0]"}},
		{"a key by default", m{Key: f{From: "mail", To: "email", Default: "a@example.com", Transforms: []tr{{Name: "default", Value: "x"}}}}, segment, destination(), []string{"a key has no default", "a key is never made up"}},
		{"a key that is cut", m{Key: f{From: "mail", To: "code", Long: mapping.Cut}}, segment, destination(), []string{`long is "cut", but a key is never shortened`}},
		{"a key that fails softly", m{Key: f{From: "mail", To: "email", Transforms: []tr{{Name: "match", Pattern: "a", Fail: mapping.Blank}}}}, segment, destination(), []string{`fail is "blank", but a record without a key`}},
		{"default of the wrong type", with(f{From: "x", To: "language", Default: "xx"}), segment, destination(), []string{"the default cannot be rendered: not one of the languages"}},
		{"default that does not fit", with(f{From: "x", To: "firstname", Default: strings.Repeat("x", 21)}), segment, destination(), []string{"the default cannot be rendered: longer than 20 characters"}},
		{"default that does not match", with(f{From: "x", To: "firstname", Default: "x", Transforms: []tr{{Name: "match", Pattern: "y"}}}), segment, destination(), []string{"the default cannot be rendered: does not match"}},
		{"constant of the wrong type", with(f{To: "language", Transforms: []tr{{Name: "constant", Value: "xx"}}}), segment, destination(), []string{"the constant cannot be rendered: not one of the languages"}},
		{"long of another type", with(f{From: "x", To: "language", Long: mapping.Blank}), segment, destination(), []string{`long is for type "text", this is "language"`}},
		{"cut for another policy", with(f{From: "x", To: "firstname", Empty: mapping.Cut, Invalid: mapping.Cut, Long: "short"}), segment, destination(),
			[]string{`unknown policy "cut" for empty`, `unknown policy "cut" for invalid: one of "blank"`, `unknown policy "short" for long: one of "cut", "blank"`}},
		{"json that is cut", with(f{From: "x", To: "firstname", Flatten: "json", Long: mapping.Cut}), segment, destination(), []string{"JSON that is cut is no JSON"}},
		{"flatten", with(f{From: "x", To: "firstname", Flatten: "csv"}), segment, destination(), []string{`unknown flatten "csv": one of "json", "list"`}},
		{"flatten of another type", with(f{From: "x", To: "lists", Flatten: "list"}), segment, destination(), []string{`flatten is for type "text", this is "lists"`}},
		{"separator of nothing", with(f{From: "x", To: "firstname", Separator: "\n"}), segment, destination(), []string{`the separator is for flatten "list"`, "separator has a line break"}},
		{"booleans of text", with(f{From: "x", To: "firstname", Booleans: []string{"a", "b"}}), segment, destination(), []string{`booleans are for type "boolean"`}},
		{"one boolean", with(f{From: "x", To: "b", Custom: true, Type: mapping.Boolean, Booleans: []string{"a"}}), segment, destination(), []string{"booleans must be two texts that differ"}},
		{"two that are one", with(f{From: "x", To: "b", Custom: true, Type: mapping.Boolean, Booleans: []string{"a", "a"}}), segment, destination(), []string{"booleans must be two texts that differ"}},
		{"booleans", with(f{From: "x", To: "b", Custom: true, Type: mapping.Boolean, Booleans: []string{"", "null"}}), segment, destination(), []string{"booleans[0] is empty", "booleans[1] reads NULL"}},
		{"booleans that are too long", with(f{From: "x", To: "b", Custom: true, Type: mapping.Boolean, Booleans: []string{"non", "très"}}), segment, mapping.Options{CustomMax: 3}, []string{"booleans[1] is longer than 3 characters"}},
		{"limits", m{Key: key}, segment, mapping.Options{Attributes: []mapping.Attribute{{Name: "email", Key: true, Max: -1}}, Custom: []mapping.Attribute{{Name: "a", Max: -5}}},
			[]string{`options.attributes[0] (to "email"): max is -1: it must be 0 or more`, `options.custom[0] (to "a"): max is -5`}},
		{"booleans the wrong way round", with(f{From: "x", To: "b", Custom: true, Type: mapping.Boolean, Booleans: []string{"1", "0"}}), segment, destination(), []string{`booleans[0] is "1", which is read as the other`, `booleans[1] is "0", which is read as the other`}},
		{"layout to write of text", with(f{From: "x", To: "firstname", Layout: "2006"}), segment, destination(), []string{`the layout is for types "date" and "datetime"`}},
		{"layout to write without a day", with(f{From: "x", To: "created", Layout: "2006-01"}), segment, destination(), []string{`the layout "2006-01" loses dates`}},
		{"layout to write of two digits", with(f{From: "x", To: "created", Layout: "02/01/06"}), segment, destination(), []string{`the layout "02/01/06" loses dates`}},
		{"layout to write with a zone", with(f{From: "x", To: "created", Layout: time.RFC3339}), segment, destination(), []string{"has a zone in it"}},
		{"layout to write with a line break", with(f{From: "x", To: "created", Layout: "2006-01-02\n"}), segment, destination(), []string{"has a line break"}},
		{"layout to write, day and month swapped", with(f{From: "x", To: "created", Layout: "2006-02-01"}), segment, destination(), []string{"reads as another date"}},
		{"layout to write that says UTC in Paris", with(f{From: "x", To: "created", Layout: "2006-01-02T15:04:05Z"}), segment, destination(), []string{"reads as another date"}},
		{"zone of a field", with(f{From: "x", To: "created", Zone: "Pari"}, f{From: "x", To: "language", Zone: "UTC"}), segment, destination(), []string{`unknown time zone "Pari"`, `the zone is for types "date", "datetime" and "text"`}},
		{"parameters of other transforms", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "trim", Values: map[string]string{"a": "b"}, Else: new("c"), Value: "d", Fields: []string{"e"}, Separator: "f", Start: 1, Length: 1, Pattern: "g", With: "h", Func: "i", Version: "j", Fail: mapping.Blank}}}), segment, destination(),
			[]string{`"trim" takes no values`, "no else", "no value", "no fields", "no separator", "no start", "no length", "no pattern", "no with", "no func", "no version", "no fail"}},
		{"map", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "map"}}}), segment, destination(), []string{"transforms[0] (to \"firstname\"): no values"}},
		{"map of one letter in two forms", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "map", Values: map[string]string{"é": "a", "e\u0301": "b"}}}}), segment, destination(), []string{"twice, in different Unicode forms"}},
		{"default and constant", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "default"}, {Name: "constant", Value: "\xff"}}}), segment, destination(), []string{"no value", "value is not valid UTF-8"}},
		{"concat", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "concat"}, {Name: "concat", Fields: []string{"", "zz"}}}}), segment, destination(),
			[]string{"no fields to join", "fields[0] is empty", `segment: none of its 4 fields is named "zz"`}},
		{"substring", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "substring", Start: -1}}}), segment, destination(), []string{"start is -1 and length 0: they must be at least 0 and 1"}},
		{"patterns", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "match"}, {Name: "match", Pattern: "("}, {Name: "replace", Pattern: "(a)", With: "$1x ${2} $$9 $1"}}}), segment, destination(),
			[]string{"no pattern", "the pattern cannot be read: missing closing )", "with has $1x, but", "with has ${2}, but"}},
		{"functions", with(f{From: "x", To: "firstname", Transforms: []tr{{Name: "func"}, {Name: "func", Func: "thrice"}, {Name: "func", Func: "twice"}, {Name: "func", Func: "twice", Version: "1", Fail: "no"}}}), segment, mapping.Options{Funcs: funcs()},
			[]string{"no func: name one", `there is no function "thrice"`, `the function "twice" is there in version "2", not ""`, `in version "2", not "1"`, `unknown policy "no" for fail`}},
		{"functions of the options", m{Key: key}, segment, mapping.Options{Funcs: append(funcs(), funcs()[0], mapping.Func{}, mapping.Func{Name: "x"})},
			[]string{`options.funcs[5]: the function "twice" is there twice with the version "2"`, "options.funcs[6]: it has no name", `options.funcs[7]: the function "x" has no Apply`}},
		{"custom attribute that is not declared", m{Key: key, Custom: []string{"x", "tierr"}}, []string{"mail", "x", "tierr"}, custom, []string{`custom[0] (to "x"): the destination declares no such custom attribute`, `no such custom attribute (did you mean "tier"?)`}},
		{"another type than is declared", with(f{From: "x", To: "points", Custom: true, Type: mapping.Decimal}), segment, custom, []string{`of type "integer" and takes no other`}},
		{"declared custom attributes", m{Key: key}, segment, mapping.Options{Custom: []mapping.Attribute{{Name: "a"}, {Name: "a"}, {Name: "b;", Type: "c"}}}, []string{"options.custom[1] (to \"a\"): the destination has it twice", "options.custom[2] (to \"b;\"): the name has a semicolon", `unknown type "c"`}},
		{"reserved name", m{Key: key, Custom: []string{"MirrorURL"}}, []string{"mail", "MirrorURL"}, mapping.Options{Reserved: []string{"mirrorUrl"}}, []string{`the destination reserves the name "mirrorUrl"`}},
		{"everything at once", m{Key: f{From: "nope", To: "nope"}, Zone: "nope", Fields: []f{{From: "x", To: "created", Places: new(3)}}}, segment, destination(),
			[]string{`key (to "nope"): the destination has no such`, `fields[0] (to "created"): places`, "zone: unknown", `segment: none of its 4 fields is named "nope"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mapper, err := tt.mapping.Bind(tt.segment, tt.options)
			if err == nil || mapper != nil {
				t.Fatalf("Bind gives %v, %v, want an error alone", mapper, err)
			}
			if check := tt.mapping.Check(tt.segment, tt.options); check == nil || check.Error() != err.Error() {
				t.Errorf("Check gives %v, Bind %v", check, err)
			}
			if _, ok := errors.AsType[*mapping.BindError](err); !ok {
				t.Errorf("no BindError in %T", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, "mapping: ") || !strings.Contains(line, tt.want[i]) {
					t.Errorf("problem %q\nwant %q in it", line, tt.want[i])
				}
			}
		})
	}
}

// Without its header, the first record of a segment passes for its field names.
func TestBindErrorShowsNoSegmentField(t *testing.T) {
	_, err := mapping.Mapping{Key: mapping.Field{From: "mail", To: "email"}}.Bind([]string{"lea.martin@example.com;Martin", "mai"}, destination())
	if err == nil || strings.Contains(err.Error(), "lea") || strings.Contains(err.Error(), "Martin") {
		t.Errorf("error %v", err)
	}
}

func TestBindTakesAnythingWithoutOptions(t *testing.T) {
	m := bind(t, mapping.Mapping{
		Key:    mapping.Field{From: "a", To: "Whatever", Type: mapping.Integer},
		Fields: []mapping.Field{{From: "a", To: "again"}},
	}, []string{"a", "unused", "unused"}, mapping.Options{})
	if key, ok := m.Key(mapping.StringValue("007")); !ok || string(key) != "7" {
		t.Errorf("key %q, %v", key, ok)
	}
}

func TestBindKeepsNothing(t *testing.T) {
	m := mapping.Mapping{
		Key:    mapping.Field{From: "a", To: "a"},
		Fields: []mapping.Field{{From: "b", To: "b", Type: mapping.Date, Layouts: []string{"02/01/2006"}}},
	}
	fields := []string{"a", "b"}
	mapper, err := m.Bind(fields, mapping.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.Fields[0].Layouts[0], fields[0] = "2006", "z"
	mapper.Columns()[0] = "z"
	var row mapping.Row
	mapper.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue("31/12/2024")}})
	if show(row.Cells[1]) != "2024-12-31" || mapper.Columns()[0] != "a" {
		t.Errorf("cell %q, columns %q", row.Cells[1], mapper.Columns())
	}
}

func TestTextAttributeMayBeGivenAType(t *testing.T) {
	m := bind(t, mapping.Mapping{
		Key:    mapping.Field{From: "a", To: "code", Type: mapping.Integer},
		Fields: []mapping.Field{{From: "a", To: "firstname", Type: mapping.Boolean}},
	}, []string{"a"}, destination())
	var row mapping.Row
	m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("01")}})
	if string(row.Key) != "1" || string(row.Cells[1]) != "" || row.Rejections[0].Reason != mapping.ReasonBoolean {
		t.Errorf("%q %q", row.Cells, row.Rejections)
	}
	if _, ok := m.Key(mapping.StringValue("12345678901")); ok {
		t.Error("the attribute's limit must hold for another type too")
	}
}
