package spliotest_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// segment is records written as text: the first line names the fields, values are
// separated by "|", and "-" is null.
func segment(lines ...string) mapping.Source {
	fields := strings.Split(lines[0], "|")
	return source.Maps(fields, func(yield func(map[string]any, error) bool) {
		for _, line := range lines[1:] {
			m := make(map[string]any)
			for i, v := range strings.Split(line, "|") {
				if v != "-" {
					m[fields[i]] = v
				}
			}
			if !yield(m, nil) {
				return
			}
		}
	})
}

// people has an attribute that may be absent, and one that rejects records. Phone
// numbers are text, as they are where Splio prefixes them.
var people = mapping.Mapping{
	Key: mapping.Field{From: "email", To: "email"},
	Fields: []mapping.Field{
		{From: "first", To: "firstname"},
		{From: "last", To: "lastname", Empty: mapping.Absent, Invalid: mapping.Reject, Transforms: []mapping.Transform{{Name: "match", Pattern: "^[^ ]*$"}}},
		{From: "phone", To: "cellphone"}, {From: "lists", To: "subscriptions"},
		{From: "spent", To: "c2", Custom: true},
	},
}

// TestDifferences compares a segment with contacts that came by file.
func TestDifferences(t *testing.T) {
	o := mapping.Options{Attributes: splio.Attributes()}
	for i := range o.Attributes {
		if o.Attributes[i].Name == "cellphone" {
			o.Attributes[i].Type = mapping.Text
		}
	}
	const fields = "email|first|last|phone|lists|spent"
	const header = "email;firstname;lastname;cellphone;subscriptions;c2\n"
	for _, c := range []struct {
		name    string
		change  func(*spliotest.Options)
		files   []string // name, content
		records []string
		want    []string
	}{
		{"the same", nil, []string{crm, header + ann + ";Ann;Lee;0033639980101;+4,-0;1.50\n"},
			[]string{"ANN@example.com|Ann|Lee|0033639980101|+4,-0|1.5"}, nil},
		{"nothing said of most", nil, []string{crm, header + ann + ";;Lee;;+4;\n"},
			[]string{ann + "|-|-|-|-|-"}, nil},
		{"values", nil, []string{crm, header + ann + ";Ann;Lee;0033639980101;+4;1.50\n"},
			[]string{ann + "|Anna|Li|0044639980101|+4,+0|1"}, []string{
				ann + `, column firstname: Splio has "Ann", the segment says "Anna" (differs)`,
				ann + `, column lastname: Splio has "Lee", the segment says "Li" (differs)`,
				ann + `, column cellphone: Splio has "0033639980101", the segment says "0044639980101" (differs)`,
				ann + `, column subscriptions: Splio has "[4]", the segment says "+0,+4" (differs)`,
				ann + `, column c2: Splio has "1.50", the segment says "1" (differs)`,
			}},
		{"a list not left", nil, []string{crm, header + ann + ";;;;+4;\n"},
			[]string{ann + "|-|-|-|-4|-"}, []string{ann + `, column subscriptions: Splio has "[4]", the segment says "-4" (differs)`}},
		{"a list that is not there", nil, []string{crm, header + ann + ";;;;;\n"},
			[]string{ann + "|-|-|-|+1|-"}, []string{ann + `, column subscriptions: Splio has "[]", the segment says "+1" (differs; a list that the universe does not have)`}},
		{"a value that Splio does not take", nil, []string{crm, header + ann + ";;;;;\n"},
			[]string{ann + "|-|-|-|-|1.555"}, []string{ann + `, column c2: Splio has "", the segment says "1.555" (differs; not a number with a dot and at most two places)`}},
		{"missing", nil, []string{crm, header + ann + ";;;;;\n"},
			[]string{bob + "|-|-|-|-|-", ann + "|-|-|-|-|-"}, []string{bob + ": is not in Splio (missing)"}},
		{"missing, since its row was skipped", nil, []string{crm, header + ann + ";;;x;;\n"},
			[]string{ann + "|-|-|-|-|-"}, []string{ann + ": is not in Splio (missing; skipped: line 2, column cellphone: not 00, a country code and a number of " + crm + ")"}},
		{"stale, since its row was skipped", nil, []string{create, header + ann + ";Ann;;;;\n", crm, header + ann + ";Anna;;x;;\n"},
			[]string{ann + "|Anna|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Ann", the segment says "Anna" (differs; skipped: line 2, column cellphone: not 00, a country code and a number of ` + crm + ")"}},
		{"skipped once, and taken later", nil, []string{crm, header + ann + ";Ann;;x;;\n", "acme_contacts_crm_20250315.csv", header + ann + ";Ann;;;;\n"},
			[]string{ann + "|Anna|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Ann", the segment says "Anna" (differs)`}},
		{"skipped once, and ignored later", nil, []string{crm, header + ann + ";Ann;;x;;\n", update, header + ann + ";;;;;\n"},
			[]string{ann + "|Anna|-|-|-|-"}, []string{ann + ": is not in Splio (ignored)"}},
		{"ignored, and created later", nil, []string{crm, header + ann + ";Ann;;;;\n", "acme_contacts_create_20250301.csv", header + bob + ";;;;;\n"},
			[]string{ann + "|Ann|-|-|-|-", bob + "|-|-|-|-|-"}, nil},
		{"ignored", nil, []string{update, header + ann + ";Ann;;;;\n"},
			[]string{ann + "|Ann|-|-|-|-"}, []string{ann + ": is not in Splio (ignored)"}},
		{"ignored as there already", nil, []string{crm, header + ann + ";Ann;;;;\n", "acme_contacts_create_20250315.csv", header + ann + ";Anna;;;;\n"},
			[]string{ann + "|Anna|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Ann", the segment says "Anna" (ignored)`}},
		{"ignored, and updated later", nil, []string{create, header + ann + ";Ann;;;;\n", "acme_contacts_create_20250315.csv", header + ann + ";Anna;;;;\n", update, header + ann + ";Ann;;;;\n"},
			[]string{ann + "|Anna|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Ann", the segment says "Anna" (differs)`}},
		{"emptied, and nothing sent", nil, []string{crm, header + ann + ";Ann;;;;\n"},
			[]string{ann + "|-|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Ann", the segment says "" (differs)`}},
		{"emptied, and kept", nil, []string{crm, header + ann + ";Ann;;;;\n", update, header + ann + ";;;;;\n"},
			[]string{ann + "|-|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Ann", the segment says "" (kept)`}},
		{"emptied, kept, written, and nothing sent", nil, []string{crm, header + ann + ";Ann;;;;\n", "acme_contacts_crm_20250315.csv", header + ann + ";;;;;\n", update, header + ann + ";Anna;;;;\n"},
			[]string{ann + "|-|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Anna", the segment says "" (differs)`}},
		{"emptied, and erased", nil, []string{crm, header + ann + ";Ann;;;;\n", erase, header + ann + ";;;;;\n"},
			[]string{ann + "|-|-|-|-|-"}, nil},
		{"a value that is not empty was not kept", nil, []string{crm, header + ann + ";Ann;;;;\n", update, header + ann + ";;;;;\n"},
			[]string{ann + "|Anna|-|-|-|-"}, []string{ann + `, column firstname: Splio has "Ann", the segment says "Anna" (differs)`}},
		{"the word NULL that is empty", rules(spliotest.Rules{NullIsEmpty: true}), []string{crm, header + ann + ";Null;;;;\n"},
			[]string{ann + "|Null|-|-|-|-"}, nil},
		{"slashes", nil, []string{crm, header + ann + ";\"a/\"\"b\";;;;\n"},
			[]string{ann + `|a\"b|-|-|-|-`}, []string{ann + `, column firstname: Splio has "a/\"b", the segment says "a\\\"b" (replaced)`}},
		{"slashes at the end", nil, []string{crm, header + ann + ";a\\b//;;;;\n"},
			[]string{ann + `|a\b\\|-|-|-|-`}, []string{ann + `, column firstname: Splio has "a\\b//", the segment says "a\\b\\\\" (replaced)`}},
		{"a slash elsewhere", nil, []string{crm, header + ann + ";a/b;;;;\n"},
			[]string{ann + `|a\b|-|-|-|-`}, []string{ann + `, column firstname: Splio has "a/b", the segment says "a\\b" (differs)`}},
		{"a backslash for a slash", nil, []string{crm, header + ann + ";a\\;;;;\n"},
			[]string{ann + `|a/|-|-|-|-`}, []string{ann + `, column firstname: Splio has "a\\", the segment says "a/" (differs)`}},
		{"commas and apostrophes", nil, []string{crm, header + ann + ";a,b'\\'c;;;;\n"},
			[]string{ann + `|a;b"\"c|-|-|-|-`}, []string{ann + `, column firstname: Splio has "a,b'\\'c", the segment says "a;b\"\\\"c" (replaced)`}},
		{"a semicolon for a comma", nil, []string{crm, header + ann + ";\"a;b\";;;;\n"},
			[]string{ann + `|a,b|-|-|-|-`}, []string{ann + `, column firstname: Splio has "a;b", the segment says "a,b" (differs)`}},
		{"a prefix", nil, []string{"acme_contacts_france_20250314.csv", header + ann + ";;;0639980101;;\n"},
			[]string{ann + "|-|-|0639980101|-|-"}, nil},
		{"a prefix too many", rules(spliotest.Rules{PrefixAll: true}), []string{"acme_contacts_france_20250314.csv", header + ann + ";;;0033639980101;;\n"},
			[]string{ann + "|-|-|0033639980101|-|-"}, []string{ann + `, column cellphone: Splio has "0033033639980101", the segment says "0033639980101" (differs)`}},
		{"extra", nil, []string{crm, header + bob + ";;;;;\n" + ann + ";;;;;\n"},
			nil, []string{ann + ": is not in the segment (extra)", bob + ": is not in the segment (extra)"}},
		{"rejected", nil, []string{crm, header + ann + ";Ann;;;;\n"},
			[]string{ann + "|Anna|must not be here|-|-|-"}, nil},
		{"without a key", nil, nil, []string{"ann|Anna|-|-|-|-"}, nil},
		{"alike", nil, nil, []string{ann + "|Anna|-|-|-|-", ann + "|Anna|-|-|-|-"}, []string{ann + ": is not in Splio (missing)"}},
		{"not alike", nil, nil, []string{ann + "|Anna|-|-|-|-", ann + "|Anna|x|-|-|-", ann + "|Anna|x|-|-|-"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, drop := universe(t, c.change)
			for i := 0; i < len(c.files); i += 2 {
				arrive(t, drop, c.files[i], c.files[i+1])
				imports(t, s)
			}
			got, err := s.Differences(t.Context(), segment(append([]string{fields}, c.records...)...), people, o)
			if err != nil {
				t.Fatal(err)
			}
			var text []string
			for _, d := range got {
				text = append(text, d.String())
			}
			equal(t, "differences", text, c.want)
		})
	}
}

// TestRequireConverged: what fails, what is tolerated, and what the failure tells.
func TestRequireConverged(t *testing.T) {
	s, drop := universe(t, nil)
	m := mapping.Mapping{Key: mapping.Field{From: "email", To: "email"}, Fields: []mapping.Field{{From: "first", To: "firstname"}}}
	arrive(t, drop, crm, "email;firstname\n"+ann+";Ann\nextra@example.net;\n")
	arrive(t, drop, update, "email;firstname\n"+ann+";\n"+bob+";Bob\n")
	arrive(t, drop, "acme_contacts_crm_20250315.csv", "email;first\n")
	imports(t, s)
	now := segment("email|first", ann+"|-", bob+"|Bob")

	require := func(tolerated ...spliotest.Kind) []string {
		return record(func(t testing.TB) { s.RequireConverged(t, now, m, mapping.Options{}, tolerated...) })
	}
	if got := require(spliotest.Ignored, spliotest.Extra); len(got) > 0 {
		t.Errorf("all is tolerated, and it fails: %q", got)
	}
	arrive(t, drop, gone, "email\n")
	arrive(t, drop, "acme_contacts_crm_20250316.csv.part", "email\n")
	equal(t, "failures", require(), []string{`spliotest: the contacts are not what the segment says: 1 extra 1 ignored
	bob@example.org: is not in Splio (ignored)
	extra@example.net: is not in the segment (extra)
	file skipped: acme_contacts_crm_20250315.csv: the header has an unknown column "first"
	file waits for Import: acme_deletecontacts_gone_20250314.csv`})
	for _, kind := range []spliotest.Kind{spliotest.Ignored, spliotest.Extra} {
		if got := require(kind); len(got) != 1 || strings.Contains(got[0], string(kind)) {
			t.Errorf("%s is tolerated alone: %q", kind, got)
		}
	}

	var many []string
	for c := 'a'; c < 'a'+12; c++ {
		many = append(many, string(c)+"@example.net|x")
	}
	now = segment(append([]string{"email|first"}, many...)...)
	if got := require(spliotest.Extra); len(got) != 1 || strings.Count(got[0], "(missing)") != 10 || !strings.Contains(got[0], "\n\t... and 2 more\n") {
		t.Errorf("many differences: %q", got)
	}
}

// TestSegmentErrors: what is wrong with the segment or the mapping ends the test.
func TestSegmentErrors(t *testing.T) {
	s, _ := universe(t, nil)
	key := mapping.Field{From: "email", To: "email"}
	bad := errors.New("the line is dead")
	ends := source.Maps([]string{"email"}, iter.Seq2[map[string]any, error](func(yield func(map[string]any, error) bool) { yield(nil, bad) }))
	for _, c := range []struct {
		name    string
		segment mapping.Source
		mapping mapping.Mapping
		says    string
	}{
		{"a segment that ends early", ends, mapping.Mapping{Key: key}, "read the segment: "},
		{"a mapping that is wrong", segment("mail"), mapping.Mapping{Key: key}, `spliotest: mapping: `},
		{"another key", segment("email"), mapping.Mapping{Key: mapping.Field{From: "email", To: "customer_key"}}, `the key of the mapping is "customer_key", that of the universe "email"`},
		{"an unknown column", segment("email|tier2"), mapping.Mapping{Key: key, Custom: []string{"tier2"}}, `the universe has no column "tier2"`},
	} {
		got := record(func(t testing.TB) { s.RequireConverged(t, c.segment, c.mapping, mapping.Options{}) })
		if len(got) != 1 || !strings.HasPrefix(got[0], "spliotest: ") || !strings.Contains(got[0], c.says) {
			t.Errorf("%s: failures %q, want %q", c.name, got, c.says)
		}
	}
}
