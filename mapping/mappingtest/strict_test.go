package mappingtest_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
)

// A line that says two things is not one to compare with.
func TestGoldenIsReadToTheLetter(t *testing.T) {
	records := table{"a": {"mail": "a@b.fr"}}
	const cells = `{"cellphone":"","email":"a@b.fr","firstname":"","tier":""}`
	for _, test := range []struct{ name, line, says string }{
		{"as it is written", `{"record":"a","cells":` + cells + `}`, ""},
		{"in another order", `{"cells":` + cells + `,"rejected":false,"reports":{},"record":"a"}`, ""},
		{"an attribute twice", `{"record":"a","cells":{"email":"other",` + cells[1:] + `}`, `:1: there are two members "email"`},
		{"a member twice", `{"record":"a","rejected":true,"rejected":false,"cells":` + cells + `}`, `:1: there are two members "rejected"`},
		{"a report twice", `{"record":"a","cells":` + cells + `,"reports":{"tier":"x","tier":"y"}}`, `:1: there are two members "tier"`},
		{"a member in another case", `{"Record":"a","cells":` + cells + `}`, `:1: unknown field "Record"`},
		{"no name", `{"cells":` + cells + `}`, ":1: the record has no name"},
		{"null for a text", `{"record":"a","cells":{"email":null}}`, `:1: member "email" must be a string`},
		{"a text for a boolean", `{"record":"a","rejected":"no"}`, `:1: member "rejected" must be a bool`},
		{"a list", `["a"]`, ":1: [ stands where an object must be"},
		{"a line cut short", `{"record":"a","cells":{"email":"a@b.fr"`, ":1: unexpected EOF"},
		{"two objects", `{"record":"a"}{}`, ":1: there is more than one JSON object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "golden.jsonl")
			if err := os.WriteFile(path, []byte(test.line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if run := golden(path, contacts(), records); test.says == "" {
				passes(t, run)
			} else {
				fails(t, run, test.says)
			}
		})
	}
}

func TestGoldenShowsUnicodeForms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "golden.jsonl")
	line := `{"record":"a","cells":{"cellphone":"","email":"a@b.fr","firstname":"Zoë","tier":""}}`
	if err := os.WriteFile(path, []byte(strings.Replace(line, "ë", "e\u0308", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, golden(path, contacts(), table{"a": {"mail": "a@b.fr", "first_name": "Zoë"}}),
		"- \"firstname\": `Zoe\\u0308`", "+ \"firstname\": `Zo\\u00eb`")
}

// addresses is a sample of records by their addresses, with a first name behind a space.
type addresses []string

func (addresses) Fields(context.Context) ([]string, error) {
	return []string{"mail", "first_name", "mobile", "signup", "tier"}, nil
}

func (a addresses) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		for i, text := range a {
			address, name, _ := strings.Cut(text, " ")
			values := []mapping.Value{mapping.StringValue(address), mapping.StringValue(name), {}, {}, {}}
			if !yield(&mapping.Record{Seq: int64(i + 1), Values: values}, nil) {
				return
			}
		}
	}
}

// A record more or less is one difference, wherever it is.
func TestSampleBelongsByKey(t *testing.T) {
	before := addresses{"a@b.fr A", "bad1 B", "c@b.fr C", "d@b.fr D", "twin@b.fr 1", "twin@b.fr 2", "bad2 E", "f@b.fr F"}
	path := filepath.Join(t.TempDir(), "sample.jsonl")
	update(t, sample(path, contacts(), before))
	passes(t, sample(path, contacts(), before))
	for _, test := range []struct {
		name string // the reason for the case
		now  addresses
		says []string // nil for no difference
	}{
		{"the first is gone", before[1:], []string{"1 of 8 records differ", "in the golden file only: 1 record", "record 1 (a@b.fr), in"}},
		{"the first two are gone, one of them without a key", before[2:], []string{"2 of 8 records differ", "in the golden file only: 2 records"}},
		{"one without a key is gone", append(before[:1:1], before[2:]...), []string{"1 of 8 records differ", "in the golden file only: 1 record"}},
		{"a twin is gone", append(before[:4:4], before[5:]...), []string{"1 of 8 records differ", "record 5 (twin@b.fr), in the golden file only"}},
		{"one more at the front", append(addresses{"new@b.fr N"}, before...), []string{"1 of 9 records differ", "record 1 (new@b.fr), not in the golden file"}},
		{"one more without a key", append(addresses{"bad3 N"}, before...), []string{"1 of 9 records differ", "not in the golden file: 1 record"}},
		{"in another order", addresses{before[7], before[0], before[1], before[3], before[4], before[5], before[6], before[2]}, nil},
		{"the first gone, another changed", append(addresses{"bad1 B", "c@b.fr Cy"}, before[3:]...),
			[]string{"2 of 8 records differ", "firstname: changed in 1 record", `record 2 (c@b.fr): `, `- "firstname": "C", + "firstname": "Cy"`}},
		{"one is rejected now, one is not any more", append(addresses{"a@b.fr A", "b@b.fr B", "c@ C"}, before[3:]...),
			[]string{"2 of 8 records differ", "not rejected any more: 1 record", "rejected now: 1 record"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if run := sample(path, contacts(), test.now); test.says == nil {
				passes(t, run)
			} else {
				fails(t, run, test.says...)
			}
		})
	}

	// Whose key reads another way in every record is what it was all the same.
	m := contacts()
	m.Key.Transforms = []mapping.Transform{{Name: "replace", Pattern: "^", With: "x"}}
	fails(t, sample(path, m, before), "6 of 8 records differ", "email: changed in 6 records")
}
