package mappingtest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/mappingtest"
)

type table = map[string]map[string]any

func people() table {
	return table{
		"all fields": {"mail": "Ann@Example.NET", "first_name": "Ann", "mobile": "+33 6 39 98 01 17", "signup": "2026-01-05", "tier": "gold"},
		"bad phone":  {"mail": "bob@example.net", "first_name": "Bob", "mobile": "06 39 98 01 17"},
		"no e-mail":  {"first_name": "Cy"},
		"markup":     {"mail": "dee@example.net", "first_name": "<Dée> & \"", "mobile": nil},
	}
}

// golden checks the table against the file on a recorder.
func golden(path string, m mapping.Mapping, records table) func(t testing.TB) {
	return func(t testing.TB) { mappingtest.New(t, m, destination()).Golden(path, records) }
}

// update writes the golden file.
func update(t *testing.T, test func(t testing.TB)) {
	t.Helper()
	t.Setenv(mappingtest.UpdateEnv, "1")
	if r := passes(t, test); len(r.logs) != 1 || !strings.Contains(r.logs[0], "wrote") {
		t.Errorf("logs: %q", r.logs)
	}
	t.Setenv(mappingtest.UpdateEnv, "")
}

func TestGoldenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "contacts.jsonl")
	update(t, golden(path, contacts(), people()))
	passes(t, golden(path, contacts(), people()))

	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"record":"all fields","cells":{"cellphone":"0033639980117","dateOfCreation":"2026-01-05 00:00:00","email":"ann@example.net","firstname":"Ann","tier":"gold"}}
{"record":"bad phone","cells":{"cellphone":"","email":"bob@example.net","firstname":"Bob","tier":""},"reports":{"cellphone":"not an international phone number: blanked"}}
{"record":"markup","cells":{"cellphone":"","email":"dee@example.net","firstname":"<Dée> & \"","tier":""}}
{"record":"no e-mail","rejected":true,"reports":{"email":"no value: rejected"}}
`
	if string(got) != want {
		t.Errorf("the file holds\n%s\nwant\n%s", got, want)
	}

	// Git may check text out with other line ends.
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(want, "\n", "\r\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	passes(t, golden(path, contacts(), people()))
}

func TestGoldenDifferences(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contacts.jsonl")
	update(t, golden(path, contacts(), people()))

	for _, test := range []struct {
		name   string // what has changed
		change func(m *mapping.Mapping, records table)
		says   []string
	}{
		{"a cell", func(m *mapping.Mapping, _ table) { m.Fields[0].Transforms = []mapping.Transform{{Name: "upper"}} },
			[]string{"3 of 4 records differ", "firstname: changed in 3 records", "record all fields (ann@example.net): ",
				`- "firstname": "Ann"`, `+ "firstname": "ANN"`, mappingtest.UpdateEnv + "=1"}},
		{"an empty cell into none", func(m *mapping.Mapping, _ table) { m.Fields[1].Empty = mapping.Absent },
			[]string{"1 of 4 records differ", "cellphone: changed in 1 record", "record markup (dee@example.net)", `- "cellphone": ""`}},
		{"a report alone", func(_ *mapping.Mapping, records table) {
			records["bad phone"]["tier"] = nil
			records["markup"]["mobile"] = "none"
		},
			[]string{"1 of 4 records differ", "cellphone: changed in 1 record", `"cellphone (reported)": "not an international phone number: blanked"`}},
		{"the fate of a record", func(m *mapping.Mapping, records table) {
			m.Fields[1].Invalid = mapping.Reject
			records["no e-mail"]["mail"] = "cy@example.net"
		}, []string{"2 of 4 records differ", "2 of them (", " not rejected any more: 1 record rejected now: 1 record ", "record no e-mail (cy@example.net), not rejected any more:",
			"record bad phone (bob@example.net), rejected now:"}},
		{"the reason of a rejection", func(_ *mapping.Mapping, records table) { records["no e-mail"]["mail"] = "cy" },
			[]string{"email: changed in 1 record", `- "email (reported)": "no value: rejected"`, `+ "email (reported)": "not an e-mail address: rejected"`}},
		{"an attribute more", func(m *mapping.Mapping, _ table) {
			m.Fields = append(m.Fields, mapping.Field{From: "first_name", To: "nickname", Custom: true})
		}, []string{"3 of 4 records differ", "nickname: changed in 3 records"}},
		{"an attribute less", func(m *mapping.Mapping, records table) { m.Custom = nil; delete(records["all fields"], "tier") },
			[]string{"tier: changed in 3 records"}},
		{"a record more and one less", func(_ *mapping.Mapping, records table) {
			records["extra"] = records["markup"]
			delete(records, "markup")
		}, []string{"2 of 5 records differ", "not in the golden file: 1 record", "in the golden file only: 1 record", "record extra (dee@example.net), not in the golden file:"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, records := contacts(), people()
			test.change(&m, records)
			r := record(golden(path, m, records))
			if len(r.failures) != 1 {
				t.Fatalf("%d failures, want 1", len(r.failures))
			}
			for _, part := range test.says {
				if !strings.Contains(flat(r.failures[0]), part) {
					t.Errorf("the failure does not say %q:\n%s", part, r.failures[0])
				}
			}
		})
	}
}

func TestGoldenUnusable(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name, text string
		says       string
	}{
		{"empty", "", "holds no record"},
		{"blank", "\n \n", "holds no record"},
		{"not JSON", "email;firstname\n", ":1: "},
		{"an unknown member", `{"record":"a"}` + "\n" + `{"record":"b","cell":{}}`, ":2: unknown field"},
		{"two objects on a line", `{"record":"a"} {"record":"b"}`, "more than one JSON object"},
		{"a record twice", `{"record":"a"}` + "\n" + `{"record":"a"}`, `:2: record "a" stands on line 1 already`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, test.name+".jsonl")
			if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			fails(t, golden(path, contacts(), people()), test.says)
		})
	}

	fails(t, golden(filepath.Join(dir, "missing.jsonl"), contacts(), people()), "missing.jsonl", mappingtest.UpdateEnv+"=1")
	fails(t, golden(filepath.Join(dir, "none.jsonl"), contacts(), nil), "there is no record to compare")
	t.Setenv(mappingtest.UpdateEnv, "1")
	fails(t, golden(filepath.Join(dir, "none.jsonl"), contacts(), nil), "there is no record to compare")
	if _, err := os.Stat(filepath.Join(dir, "none.jsonl")); err == nil {
		t.Error("a golden file without records was written")
	}
	fails(t, golden(dir, contacts(), people()), dir) // a directory cannot be written
}

// segment is a sample of n people, one of whom has no name and one an unreadable line.
type segment struct {
	n         int
	last      string // the tier of the last one; the others are gold
	err       error  // after the records
	fieldsErr error
}

func (s segment) Fields(context.Context) ([]string, error) {
	return []string{"id", "first_name", "mail", "mobile", "signup", "tier"}, s.fieldsErr
}

func (s segment) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		for i := range s.n {
			text := mapping.StringValue
			rec := &mapping.Record{Seq: int64(i + 1), Values: []mapping.Value{
				mapping.IntegerValue(int64(i)), text(fmt.Sprintf("Ann%d", i)), text(fmt.Sprintf("ann%d@example.net", i)),
				{}, {}, text("gold"),
			}}
			if s.last != "" && i == s.n-1 {
				rec.Values[5] = text(s.last)
			}
			switch i {
			case 1:
				rec.Values[1] = mapping.Value{}
			case 2:
				rec.Err = errors.New("a line that cannot be read")
			}
			if !yield(rec, nil) {
				return
			}
		}
		if s.err != nil {
			yield(nil, s.err)
		}
	}
}

func sample(path string, m mapping.Mapping, s mapping.Source) func(t testing.TB) {
	return func(t testing.TB) { mappingtest.New(t, m, destination()).Sample(path, s) }
}

func TestSample(t *testing.T) {
	path := filepath.Join(t.TempDir(), "march.jsonl")
	update(t, sample(path, contacts(), segment{n: 12}))
	passes(t, sample(path, contacts(), segment{n: 12}))

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const third = `{"record":"3","rejected":true,"reports":{"(record)":"a line that cannot be read: rejected"}}`
	if lines := slices.Collect(strings.Lines(string(text))); len(lines) != 12 || strings.TrimSpace(lines[2]) != third {
		t.Errorf("%d lines, the third is %s", len(lines), lines[2])
	}

	m := contacts()
	m.Fields[0].Transforms = []mapping.Transform{{Name: "upper"}}
	m.Fields[1].Empty = mapping.Absent
	r := fails(t, sample(path, m, segment{n: 12}),
		"11 of 12 records differ", "firstname: changed in 10 records cellphone: changed in 11 records 5 of them",

		"record 1 (ann0@example.net):", `- "firstname": "Ann0"`, `+ "firstname": "ANN0"`)
	if n := strings.Count(r.failures[0], "\nrecord "); n != 5 {
		t.Errorf("%d records are shown", n)
	}

	// What has changed in one record alone is shown, however many changed otherwise before it.
	r = fails(t, sample(path, m, segment{n: 12, last: "tin"}), "tier: changed in 1 record", "5 of them", `- "tier": "gold", + "tier": "tin"`)
	if at := strings.Index(r.failures[0], "\nrecord 12 "); at < strings.LastIndex(r.failures[0], "\nrecord ") {
		t.Errorf("the records are not in order:\n%s", r.failures[0])
	}

	fails(t, sample(path, contacts(), segment{n: 11}), "1 of 12 records differ", "in the golden file only: 1 record", "record 12 (ann11@example.net)")
	fails(t, sample(path, contacts(), segment{n: 13}), "1 of 13 records differ", "not in the golden file: 1 record")
}

func TestSampleUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "march.jsonl")
	t.Setenv(mappingtest.UpdateEnv, "1") // even then, half a sample is not written
	down := errors.New("the database is down")
	fails(t, sample(path, contacts(), segment{n: 4, err: down}), "ends after 4 records", down.Error())
	fails(t, sample(path, contacts(), segment{n: 4, fieldsErr: down}), "the fields of the sample", down.Error())
	fails(t, sample(path, contacts(), segment{}), "there is no record to compare")
	m := contacts()
	m.Custom = []string{"points"}
	fails(t, sample(path, m, segment{n: 4}), `is named "points"`)
	if _, err := os.Stat(path); err == nil {
		t.Error("a golden file was written")
	}
	t.Setenv(mappingtest.UpdateEnv, "")
	fails(t, sample(path, contacts(), segment{n: 4}), mappingtest.UpdateEnv+"=1")
}
