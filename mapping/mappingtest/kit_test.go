package mappingtest_test

import (
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/mappingtest"
)

func contacts() mapping.Mapping {
	return mapping.Mapping{
		Key: mapping.Field{From: "mail", To: "email"},
		Fields: []mapping.Field{
			{From: "first_name", To: "firstname"},
			{From: "mobile", To: "cellphone"},
			{From: "signup", To: "dateOfCreation", Empty: mapping.Absent, Invalid: mapping.Reject},
		},
		Custom: []string{"tier"},
	}
}

func destination() mapping.Options {
	return mapping.Options{
		Attributes: []mapping.Attribute{
			{Name: "email", Type: mapping.Email, Max: 100, Key: true},
			{Name: "firstname", Type: mapping.Text, Max: 10},
			{Name: "cellphone", Type: mapping.Phone, Max: 30},
			{Name: "dateOfCreation", Type: mapping.DateTime},
		},
		CustomMax: 5,
	}
}

func TestNewReportsAllProblems(t *testing.T) {
	m := contacts()
	m.Key.To = "EMail"
	m.Fields[0].Type = "strong"
	r := fails(t, func(t testing.TB) { mappingtest.New(t, m, destination()) },
		`did you mean "email"?`, `unknown type "strong"`)
	if !r.ended {
		t.Error("the test goes on without a kit")
	}
}

func TestNewWithFields(t *testing.T) {
	passes(t, func(t testing.TB) {
		k := mappingtest.New(t, contacts(), destination(), "id", "tier", "mail", "first_name", "mobile", "signup")
		k.Row(map[string]any{"id": 7, "mail": "ann@example.net", "tier": "gold"}).
			Want(map[string]string{"email": "ann@example.net", "tier": "gold"})
	})
	fails(t, func(t testing.TB) { mappingtest.New(t, contacts(), destination(), "mail", "tier") },
		`none of its 2 fields is named "first_name", "mobile", "signup"`)
}

// One field may feed several attributes; it is one field of the segment all the same.
func TestNewFieldTwice(t *testing.T) {
	m := contacts()
	m.Fields = append(m.Fields, mapping.Field{From: "mail", To: "mail_copy", Custom: true})
	passes(t, func(t testing.TB) {
		mappingtest.New(t, m, destination()).Row(map[string]any{"mail": "a@b.fr"}).Want(map[string]string{"mail_copy": "a@b.f"})
	})
}

func TestRow(t *testing.T) {
	ann := map[string]any{"mail": "Ann@Example.NET", "first_name": "Ann", "mobile": "06 39 98 01 17", "tier": "platinum"}
	type kit = mappingtest.Kit
	for _, test := range []struct {
		name string // the reason for the case
		test func(k *kit)
		says []string // nil for a test that passes
	}{
		{"cells are those of the real rendering", func(k *kit) {
			k.Row(ann).Want(map[string]string{"email": "ann@example.net", "tier": "plati"})
		}, nil},
		{"an empty cell is not absent", func(k *kit) {
			k.Row(ann).Want(map[string]string{"firstname": "Ann", "cellphone": mappingtest.Absent})
		}, []string{`+ "cellphone": ""`}},
		{"an absent cell is not empty", func(k *kit) {
			k.Row(ann).Want(map[string]string{"dateOfCreation": ""})
		}, []string{`- "dateOfCreation": ""`}},
		{"absent and empty cells can be wanted", func(k *kit) {
			k.Row(ann).Want(map[string]string{"dateOfCreation": mappingtest.Absent, "cellphone": ""})
		}, nil},
		{"a failure shows both cells, the record and what was reported", func(k *kit) {
			k.Row(ann).Want(map[string]string{"firstname": "ann"})
		}, []string{`- "firstname": "ann"`, `+ "firstname": "Ann"`, `mobile: "06 39 98 01 17"`,
			`cellphone: not an international phone number: blanked (the value is "06 39 98 01 17")`}},
		{"an attribute that the mapping lacks is never absent", func(k *kit) {
			k.Row(ann).Want(map[string]string{"cellfone": mappingtest.Absent})
		}, []string{`the mapping has none of this name`, `"cellphone"`}},
		{"a rejected record has no row, whatever was rendered", func(k *kit) {
			k.Row(map[string]any{"first_name": "Ann"}).Want(map[string]string{"firstname": "Ann"})
		}, []string{"the record is rejected", "email: no value: rejected"}},
		{"the whole row", func(k *kit) {
			k.Row(ann).WantExactly(map[string]string{"email": "ann@example.net", "firstname": "Ann", "cellphone": "", "tier": "plati"})
		}, nil},
		{"the whole row lacks an attribute", func(k *kit) {
			k.Row(ann).WantExactly(map[string]string{"email": "ann@example.net", "firstname": "Ann", "cellphone": ""})
		}, []string{`+ "tier": "plati"`}},
		{"the whole row of a rejected record", func(k *kit) { k.Row(nil).WantExactly(nil) }, []string{"the record is rejected"}},
		{"rejected for its key", func(k *kit) { k.Rejects(map[string]any{"mail": ""}, "email", mapping.ReasonNoValue) }, nil},
		{"rejected for an attribute", func(k *kit) {
			k.Rejects(map[string]any{"mail": "a@b.fr", "signup": "soon"}, "dateOfCreation", mapping.ReasonDate)
		}, nil},
		{"not rejected", func(k *kit) { k.Rejects(ann, "email", mapping.ReasonNoValue) },
			[]string{`want the report "email: no value: rejected"`, "blanked"}},
		{"rejected for another reason", func(k *kit) { k.Rejects(nil, "email", mapping.ReasonEmail) }, []string{"no value"}},
		{"rejected for another attribute", func(k *kit) { k.Rejects(nil, "firstname", mapping.ReasonNoValue) }, []string{"email: no value"}},
		{"a cell blanked is not a record rejected", func(k *kit) { k.Rejects(ann, "cellphone", mapping.ReasonPhone) }, []string{"blanked"}},
		{"reports of a record that is sent", func(k *kit) {
			k.Row(ann).Reports("cellphone", mapping.ReasonPhone, mapping.Blanked).Reports("tier", "longer than 5 characters", mapping.Shortened)
		}, nil},
		{"a report about no such attribute", func(k *kit) { k.Row(ann).Reports("mail", mapping.ReasonEmail, mapping.Blanked) },
			[]string{"the mapping has none of this name"}},
		{"nothing reported", func(k *kit) {
			k.Row(map[string]any{"mail": "a@b.fr"}).Reports("tier", mapping.ReasonNull, mapping.Kept)
		},
			[]string{"nothing was reported"}},
		{"nothing found wrong", func(k *kit) {
			k.Row(map[string]any{"mail": "a@b.fr", "mobile": "+33639980117"}).Clean().Want(map[string]string{"email": "a@b.fr"})
		}, nil},
		{"something found wrong", func(k *kit) { k.Row(map[string]any{"mail": "a@b.fr", "tier": "platinum"}).Clean() },
			[]string{"want nothing to be reported", "tier: longer than 5 characters: shortened"}},
		{"a rejected record is not clean", func(k *kit) { k.Row(nil).Clean() }, []string{"email: no value: rejected"}},
		{"texts that look the same are told apart", func(k *kit) {
			k.Row(map[string]any{"mail": "a@b.fr", "first_name": "Zoe\u0308"}).Want(map[string]string{"firstname": "Zoe\u0308", "tier": "é"})
		}, []string{`"firstname": ` + "`Zoe\\u0308`", `"firstname": ` + "`Zo\\u00eb`", `"tier": "é"`}},
		{"a field that the segment lacks", func(k *kit) { k.Row(map[string]any{"email": "a@b.fr"}) },
			[]string{`the record has a field "email"`, `"mail"`}},
		{"a value of a type that no source gives", func(k *kit) { k.Row(map[string]any{"tier": make(chan int)}) },
			[]string{`field "tier"`, "chan int"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := func(tb testing.TB) { test.test(mappingtest.New(tb, contacts(), destination())) }
			if test.says == nil {
				passes(t, run)
			} else {
				fails(t, run, test.says...)
			}
		})
	}
}

// What Row returns can be looked at, and stays as it is when the kit renders something else.
func TestRowIsTheCallers(t *testing.T) {
	k := mappingtest.New(t, contacts(), destination())
	first := k.Row(map[string]any{"mail": "ann@example.net", "mobile": "none"})
	k.Row(map[string]any{"mail": "bob@example.net", "signup": "never"})
	if got := first.Cells["email"]; got != "ann@example.net" || !first.OK {
		t.Errorf("email is %q, OK %t", got, first.OK)
	}
	if len(first.Rejections) != 1 || first.Rejections[0].Value() != "none" {
		t.Errorf("rejections: %v", first.Rejections)
	}
}

// Absent stands for something that no mapping can render.
func TestAbsentIsNoCell(t *testing.T) {
	k := mappingtest.New(t, mapping.Mapping{Key: mapping.Field{From: "id", To: "id"}}, mapping.Options{})
	if got := k.Row(map[string]any{"id": mappingtest.Absent}).Cells["id"]; got == mappingtest.Absent {
		t.Errorf("a cell reads %q", got)
	}
}

// The fields that transforms read belong to the segment too, and a Field may have none of its own.
func TestNewTransformFields(t *testing.T) {
	m := contacts()
	m.Fields = append(m.Fields,
		mapping.Field{From: "first_name", To: "full_name", Custom: true, Transforms: []mapping.Transform{
			{Name: "concat", Fields: []string{"middle_name", "first_name"}, Separator: " "},
		}},
		mapping.Field{To: "origin", Custom: true, Transforms: []mapping.Transform{{Name: "constant", Value: "crm"}}})
	o := destination()
	o.CustomMax = 0
	passes(t, func(t testing.TB) {
		mappingtest.New(t, m, o).Row(map[string]any{"mail": "ann@example.net", "first_name": "Ann", "middle_name": "Bo"}).
			Want(map[string]string{"full_name": "Ann Bo Ann", "origin": "crm"})
	})
}

// A function of the options is what runs, and not a stand-in.
func TestNewFuncs(t *testing.T) {
	m, o := contacts(), destination()
	m.Fields[0].Transforms = []mapping.Transform{{Name: "func", Func: "greet", Version: "1"}}
	o.Funcs = []mapping.Func{{Name: "greet", Version: "1", Apply: func(dst, text []byte) ([]byte, error) {
		return append(append(dst, "Hi "...), text...), nil
	}}}
	passes(t, func(t testing.TB) {
		mappingtest.New(t, m, o).Row(map[string]any{"mail": "ann@example.net", "first_name": "Ann"}).
			Want(map[string]string{"firstname": "Hi Ann"})
	})
}

func TestOn(t *testing.T) {
	sub := &recorder{}
	passes(t, func(t testing.TB) {
		k := mappingtest.New(t, contacts(), destination())
		k.On(sub).Row(map[string]any{"mail": "a@b.fr"}).Want(map[string]string{"email": "other"})
	})
	if len(sub.failures) != 1 || !strings.Contains(sub.failures[0], "the row is another one") {
		t.Errorf("failures of the subtest: %q", sub.failures)
	}
}
