package splio_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// rejects runs an activation and returns the file of rejects.
func rejects(t *testing.T, a splio.Activation, text string, d splio.Transport) string {
	t.Helper()
	src := source.CSV(strings.NewReader(text), source.CSVOptions{})
	fields, err := src.Fields(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := source.NewRejects(&out, fields)
	if err != nil {
		t.Fatal(err)
	}
	a.OnRejectedRecord = w.Write
	mustRun(t, a, src, d)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(out.String(), "\ufeff")
}

// What is rejected can be repaired and fed back, conflicting duplicates too,
// without anybody counting as left.
func TestRejectsFedBack(t *testing.T) {
	a := newActivation(t)
	u, d := newUniverse(true), new(drop)
	text := rejects(t, a, "email;first;last;note\n"+
		"ann@example.net;Ann;Lee;x\n"+
		"bob;Bob;Ray;\"a \"\"quote\"\"\"\n"+
		"Cid@example.net;Cid;Poe;\"two\nlines\"\n"+
		"cid@example.net;Sid;Poe;\n"+
		"dan@example.net;Dan\n", d)
	want := "email;first;last;note;reject_line;reject_field;reject_reason\n" +
		"bob;Bob;Ray;\"a \"\"quote\"\"\";3;email;not an e-mail address\n" +
		"dan@example.net;Dan;;;;7;;not as many values as there are fields\n" +
		"Cid@example.net;Cid;Poe;\"two\nlines\";4;email;another record with this key says otherwise\n" +
		"cid@example.net;Sid;Poe;;6;email;another record with this key says otherwise\n"
	if difference := cmp.Diff(want, text); difference != "" {
		t.Fatal(difference)
	}
	// A person repairs the first, and takes out one of the duplicates and what is
	// beyond repair.
	lines := strings.Split(text, "\n")
	lines[1] = strings.Replace(lines[1], "bob;", "bob@example.net;", 1)
	repaired := strings.Join([]string{lines[0], lines[1], lines[3], lines[4], ""}, "\n")
	a.Partial = true
	if again := rejects(t, a, repaired, d); strings.Count(again, "\n") != 1 {
		t.Errorf("rejected again: %q", again)
	}
	u.imports(t, d)
	got := map[string]string{}
	for k, c := range u.contacts {
		got[k] = c["firstname"]
	}
	if difference := cmp.Diff(map[string]string{"ann@example.net": "Ann", "bob@example.net": "Bob", "cid@example.net": "Cid"}, got); difference != "" {
		t.Error(difference)
	}
}

// The values of a conflicting duplicate are those of the source, null unlike
// empty, whatever the type.
func TestConflictValues(t *testing.T) {
	a := newActivation(t)
	a.Mapping.Custom = []string{"n"}
	var got []string
	a.OnRejectedRecord = func(rec *mapping.Record, found []mapping.Rejection) error {
		var line strings.Builder
		line.WriteString(fmt.Sprint(rec.Seq, found[0].Reason == splio.ReasonConflict))
		for _, v := range rec.Values {
			line.WriteString(" " + v.String() + string(v.AppendPlain(nil)))
		}
		got = append(got, line.String())
		return nil
	}
	records := []map[string]any{
		{"email": "Ann@example.net", "first": "", "n": 12},
		{"email": "ann@example.net", "first": "Ann", "n": 1.5},
	}
	src := source.Maps([]string{"email", "first", "last", "n"}, func(yield func(map[string]any, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
	if r := mustRun(t, a, src, new(drop)); r.Rejected != 2 {
		t.Errorf("got %s", counts(t, r))
	}
	want := []string{
		"1 true Value(text)Ann@example.net Value(text) Value(null) Value(text)12",
		"2 true Value(text)ann@example.net Value(text)Ann Value(null) Value(text)1.5",
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Error(difference)
	}
}

func TestOnRejectedRecordFails(t *testing.T) {
	full := errors.New("no space")
	for name, src := range map[string]mapping.Source{
		"rejected": segment(head, "bob,B,B"),
		"conflict": segment(head, "ann@example.net,A,A", "ann@example.net,B,B"),
	} {
		a := newActivation(t)
		a.OnRejectedRecord = func(*mapping.Record, []mapping.Rejection) error { return full }
		if _, err := a.Run(t.Context(), src, untouched{t}); !errors.Is(err, full) {
			t.Errorf("%s: got %v", name, err)
		}
		a.OnRejectedRecord = nil
		mustRun(t, a, segment(head, "ann@example.net,A,A"), new(drop))
		settled(t, a.State)
	}
}

// A declared custom field gives its type and limit, by name or by number, and
// Go functions are the activation's.
func TestDeclaredTypes(t *testing.T) {
	a := newActivation(t)
	a.Destination.Custom = []mapping.Attribute{{Name: "c7", Type: mapping.Decimal}, {Name: "tier", Max: 4}}
	a.Mapping.Fields = append(a.Mapping.Fields, mapping.Field{
		From: "spent", To: "c7", Custom: true, Transforms: []mapping.Transform{{Name: "func", Func: "double"}},
	})
	a.Mapping.Custom = []string{"tier"}
	src := segment("email,first,last,spent,tier", "ann@example.net,Ann,Lee,1.5,golden")
	if err := a.Check(t.Context(), src); !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), "double") {
		t.Errorf("without the function: %v", err)
	}
	a.Funcs = []mapping.Func{{Name: "double", Apply: func(dst, text []byte) ([]byte, error) {
		return append(append(dst, text...), text[len(text)-1]), nil
	}}}
	if err := a.Check(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	d := new(drop)
	r := mustRun(t, a, src, d)
	if want := "email;firstname;lastname;c7;tier\nann@example.net;Ann;Lee;1.55;gold\n"; d.arrived[0].content != want || r.Unverified != nil {
		t.Errorf("got %q, unverified %q", d.arrived[0].content, r.Unverified)
	}
}

// Counts are printed as they are, by whoever has a report.
func TestRejectionCountString(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		count        splio.RejectionCount
		want         string
	}{
		{"a field", "it is what people can mend", splio.RejectionCount{Field: "mobile", Attribute: "cellphone", Reason: mapping.ReasonPhone, Action: mapping.Blanked, Count: 3},
			`blanked 3: field "mobile": not an international phone number`},
		{"an attribute", "it has no field", splio.RejectionCount{Attribute: "c5", Reason: mapping.ReasonDate, Action: mapping.Omitted, Count: 1}, `absent 1: attribute "c5": not a date`},
		{"a record", "it has neither", splio.RejectionCount{Reason: splio.ReasonQuotes, Action: mapping.Rejected, Count: 1}, `rejected 1: record: a value that would need quotes`},
		{"a line break", "names are the segment's", splio.RejectionCount{Field: "a\nb", Reason: mapping.ReasonDate, Action: mapping.Rejected, Count: 1}, `rejected 1: field "a\nb": not a date`},
	} {
		if got := fmt.Sprint(tt.count); got != tt.want {
			t.Errorf("%s (%s): %q, want %q", tt.name, tt.reason, got, tt.want)
		}
	}
}
