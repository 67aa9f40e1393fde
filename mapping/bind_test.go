package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
)

func TestBindProblems(t *testing.T) {
	type m = mapping.Mapping
	type f = mapping.Field
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
		{"unknown transform", with(f{From: "x", To: "firstname", Transforms: []mapping.Transform{{Name: "trim"}, {Name: "title"}}}), segment, destination(), []string{`unknown transform "title"`}},
		{"unknown zone", m{Key: key, Zone: "Paris"}, segment, destination(), []string{`zone: unknown time zone "Paris"`}},
		{"layout", with(f{From: "x", To: "created", Layouts: []string{"YYYY-MM-DD"}}), segment, destination(), []string{`the layout "YYYY-MM-DD" holds no date`}},
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
		}}, []string{"attributes[1] (to \"email\"): the destination has it twice", `attributes[2] (to "a"): unknown type "b"`, "attributes[3]: the name is empty", `attributes[4] (to "l"): the value "e\nn" has a line break`, `attributes[4] (to "l"): the alias "x" leads to "y"`}},
		{"everything at once", m{Key: f{From: "nope", To: "nope"}, Zone: "nope", Fields: []f{{From: "x", To: "created", Places: new(3)}}}, segment, destination(),
			[]string{`key (to "nope"): the destination has no such`, `fields[0] (to "created"): places`, "zone: unknown", `segment: none of its 4 fields is named "nope"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mapper, err := tt.mapping.Bind(tt.segment, tt.options)
			if err == nil || mapper != nil {
				t.Fatalf("Bind gives %v, %v, want an error alone", mapper, err)
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
