package splio_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// day is one run; they begin on 14 March 2025, at noon.
type day struct {
	set     func(*splio.Activation) // changes that stay for the days after
	segment []string
	want    string // counts
	files   string // delivered, "14: header / row | 14_2: ..."; the day and suffix stand for the name
	same    bool   // the same day as the one before
}

func keys(values ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func TestWhatIsSent(t *testing.T) {
	off := func(a *splio.Activation) { a.Insert = false }
	on := func(a *splio.Activation) { a.Insert, a.Known = true, nil }
	known := func(values ...string) func(*splio.Activation) {
		return func(a *splio.Activation) { a.Insert, a.Known = false, keys(values...) }
	}
	policy := func(p diff.DuplicatePolicy) func(*splio.Activation) {
		return func(a *splio.Activation) { a.Duplicates = p }
	}
	columns := func(fields ...mapping.Field) func(*splio.Activation) {
		return func(a *splio.Activation) { a.Mapping.Fields = fields }
	}
	const head = "email,first,last"
	ann, bob := "ann@example.net,Ann,Lee", "bob@example.net,Bob,Ray"
	seg := func(lines ...string) []string { return append([]string{head}, lines...) }

	tests := []struct {
		name, reason string
		days         []day
	}{
		{"insert on", "what is new is created, and then only what changed is sent", []day{
			{nil, seg(ann, bob), "read=2 inserted=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{nil, seg(ann, bob), "read=2 unchanged=2", "", false},
			{nil, seg(ann, "bob@example.net,Bob,Roy", "cid@example.net,Cid,-"), "read=3 unchanged=1 inserted=1 updated=1",
				"16: email;firstname;lastname / bob@example.net;Bob;Roy / cid@example.net;Cid;", false},
			{nil, seg(bob, "cid@example.net,Cid,-"), "read=2 unchanged=1 updated=1 left=1", "17: email;firstname;lastname / bob@example.net;Bob;Ray", false},
			{nil, seg(ann, bob, "cid@example.net,Cid,-"), "read=3 unchanged=2 inserted=1",
				"18: email;firstname;lastname / ann@example.net;Ann;Lee", false},
		}},
		{"empty segments", "nothing to send makes no file, first and later", []day{
			{func(a *splio.Activation) { a.Brakes.AllowEmpty = true }, seg(), "first", "", false},
			{nil, seg(ann), "read=1 inserted=1", "15: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{nil, seg(), "left=1", "", false},
		}},
		{"order of fields and records", "the segment's order is free, the file has that of the mapping and the segment", []day{
			{nil, []string{"last,spare,email,first", "Ray,x,bob@example.net,Bob", "Lee,x,ann@example.net,Ann"}, "read=2 inserted=2 first",
				"14: email;firstname;lastname / bob@example.net;Bob;Ray / ann@example.net;Ann;Lee", false},
			{nil, seg(ann, bob), "read=2 unchanged=2", "", false},
		}},
		{"insert off", "Splio decides: new records are sent to be updated, once, and again when they change", []day{
			{off, seg(ann, bob), "read=2 updated=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{nil, seg(ann, bob), "read=2 unchanged=2", "", false},
			{nil, seg(ann, "bob@example.net,Rob,Ray"), "read=2 unchanged=1 updated=1", "16: email;firstname;lastname / bob@example.net;Rob;Ray", false},
		}},
		{"insert switched on", "what may not have arrived is new now, changed or not", []day{
			{off, seg(ann, bob), "read=2 updated=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{on, seg(ann, "bob@example.net,Rob,Ray"), "read=2 inserted=2", "15: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Rob;Ray", false},
			{nil, seg(ann, "bob@example.net,Rob,Ray"), "read=2 unchanged=2", "", false},
		}},
		{"insert switched off", "what was created stays known", []day{
			{on, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{off, seg(ann, bob), "read=2 unchanged=1 updated=1", "15: email;firstname;lastname / bob@example.net;Bob;Ray", false},
			{on, seg(ann, bob), "read=2 unchanged=1 inserted=1", "16: email;firstname;lastname / bob@example.net;Bob;Ray", false},
		}},
		{"known keys", "unknown ones are held back, and looked at again; keys need not be in normal form", []day{
			{known(" ANN@example.net", "other@example.net", "no key"), seg(ann, bob), "read=2 held=1 updated=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{nil, seg(ann, bob), "read=2 held=1 unchanged=1", "", false},
			{known("bob@example.net"), seg(ann, bob), "read=2 unchanged=1 updated=1", "16: email;firstname;lastname / bob@example.net;Bob;Ray", false},
			{on, seg(ann, bob), "read=2 unchanged=2", "", false},
		}},
		{"known keys come later", "unconfirmed records are settled: sent when known, else forgotten and held back", []day{
			{off, seg(ann, bob), "read=2 updated=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{known("ann@example.net"), seg(ann, bob), "read=2 held=1 updated=1", "15: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{off, seg(ann, bob), "read=2 held=1 unchanged=1", "", false},
			{func(a *splio.Activation) { a.Known = nil }, seg(ann, bob), "read=2 unchanged=1 updated=1", "17: email;firstname;lastname / bob@example.net;Bob;Ray", false},
		}},
		{"rejected", "nothing is sent, the earlier state stays, and it is not left", []day{
			{func(a *splio.Activation) { a.Mapping.Fields[1].Empty = mapping.Reject }, seg(ann, "bob@example.net,Bob,-"), "read=2 rejected=1 inserted=1 first",
				"14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{nil, seg("ann@example.net,Anna,-", bob), "read=2 rejected=1 inserted=1", "15: email;firstname;lastname / bob@example.net;Bob;Ray", false},
			{nil, seg(ann, bob), "read=2 unchanged=2", "", false},
			{nil, seg("ann@example.net,Anna,Lee", bob), "read=2 unchanged=1 updated=1", "17: email;firstname;lastname / ann@example.net;Anna;Lee", false},
		}},
		{"identical duplicates", "sent once", []day{
			{nil, seg(ann, bob, ann, "ANN@example.net ,Ann,Lee"), "read=4 duplicate=2 inserted=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{nil, seg(bob, bob, ann), "read=3 duplicate=1 unchanged=2", "", false},
		}},
		{"conflicting duplicates rejected", "nobody knows which is true; the key keeps its state", []day{
			{nil, seg(ann, bob), "read=2 inserted=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{nil, seg("ann@example.net,A,Lee", bob, "ann@example.net,B,Lee", ann), "read=4 rejected=3 unchanged=1", "", false},
			{nil, seg(ann, bob), "read=2 unchanged=2", "", false},
		}},
		{"first wins", "the one with the smallest number", []day{
			{policy(diff.FirstWins), seg("ann@example.net,A,Lee", bob, "ann@example.net,B,Lee", ann), "read=4 duplicate=2 inserted=2 first",
				"14: email;firstname;lastname / ann@example.net;A;Lee / bob@example.net;Bob;Ray", false},
			{nil, seg("ann@example.net,A,Lee", ann, bob), "read=3 duplicate=1 unchanged=2", "", false},
		}},
		{"last wins", "the one with the largest number", []day{
			{policy(diff.LastWins), seg("ann@example.net,A,Lee", bob, "ann@example.net,B,Lee", ann), "read=4 duplicate=2 inserted=2 first",
				"14: email;firstname;lastname / bob@example.net;Bob;Ray / ann@example.net;Ann;Lee", false},
			{nil, seg("ann@example.net,A,Lee", ann, bob), "read=3 duplicate=1 unchanged=2", "", false},
		}},
		{"a rejected record is no duplicate", "it says nothing about its key", []day{
			{func(a *splio.Activation) { a.Mapping.Fields[1].Empty = mapping.Reject }, seg("ann@example.net,A,-", ann), "read=2 rejected=1 inserted=1 first",
				"14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
		}},
		{"left and back", "a contact that left is dropped, and new when it comes back", []day{
			{off, seg(ann, bob), "read=2 updated=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{nil, seg(ann), "read=1 unchanged=1 left=1", "", false},
			{nil, seg(ann, bob), "read=2 unchanged=1 updated=1", "16: email;firstname;lastname / bob@example.net;Bob;Ray", false},
		}},
		{"partial", "those who are not there keep their state", []day{
			{nil, seg(ann, bob), "read=2 inserted=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{func(a *splio.Activation) { a.Partial = true }, seg("cid@example.net,Cid,Fox"), "read=1 inserted=1 uncertain=2", "15: email;firstname;lastname / cid@example.net;Cid;Fox", false},
			{func(a *splio.Activation) { a.Partial = false }, seg(ann, bob, "cid@example.net,Cid,Fox"), "read=3 unchanged=3", "", false},
		}},
		{"refresh", "every valid record, once", []day{
			{nil, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{func(a *splio.Activation) { a.Refresh = true }, seg(ann, bob, "-,No,Key"), "read=3 rejected=1 inserted=1 updated=1",
				"15: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{func(a *splio.Activation) { a.Refresh = false }, seg(ann, bob), "read=2 unchanged=2", "", false},
		}},
		{"refresh with insert off", "it reaches contacts that Splio has created since", []day{
			{off, seg(ann), "read=1 updated=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{func(a *splio.Activation) { a.Refresh = true }, seg(ann), "read=1 updated=1", "15: email;firstname;lastname / ann@example.net;Ann;Lee", false},
		}},
		{"unusable keys", "such a record may be one of those that are missing, so nobody has left", []day{
			{nil, seg(ann, bob), "read=2 inserted=2 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee / bob@example.net;Bob;Ray", false},
			{nil, seg(ann, "bob at example,Bob,Ray"), "read=2 rejected=1 unchanged=1 uncertain=1", "", false},
			{func(a *splio.Activation) { a.MaxUnusable = 1 }, seg(ann, "bob at example,Bob,Ray", "-,-,-"), "read=3 rejected=2 unchanged=1 uncertain=1", "", false},
			{nil, seg(ann, "bob at example,Bob,Ray"), "read=2 rejected=1 unchanged=1 left=1", "", false},
			{nil, seg(ann, bob), "read=2 unchanged=1 inserted=1", "18: email;firstname;lastname / bob@example.net;Bob;Ray", false},
		}},
		{"a column more", "sent for those who have a value in it", []day{
			{columns(mapping.Field{From: "first", To: "firstname"}), seg(ann, "bob@example.net,Bob,-"), "read=2 inserted=2 first", "14: email;firstname / ann@example.net;Ann / bob@example.net;Bob", false},
			{columns(mapping.Field{From: "first", To: "firstname"}, mapping.Field{From: "last", To: "lastname"}), seg(ann, "bob@example.net,Bob,-"), "read=2 unchanged=1 updated=1",
				"15: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{nil, seg(ann, bob), "read=2 unchanged=1 updated=1", "16: email;firstname;lastname / bob@example.net;Bob;Ray", false},
		}},
		{"a column less", "it is forgotten, and nothing is sent for that", []day{
			{nil, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{columns(mapping.Field{From: "last", To: "lastname"}), seg(ann), "read=1 unchanged=1", "", false},
			{nil, seg("ann@example.net,Ann,Fox"), "read=1 updated=1", "16: email;lastname / ann@example.net;Fox", false},
		}},
		{"another order of columns", "it is no change", []day{
			{nil, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{columns(mapping.Field{From: "last", To: "lastname"}, mapping.Field{From: "first", To: "firstname"}), seg(ann), "read=1 unchanged=1", "", false},
		}},
		{"columns renamed", "another attribute is another column; another field under the same attribute is a change of values", []day{
			{nil, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{columns(mapping.Field{From: "first", To: "firstname"}, mapping.Field{From: "last", To: "c1", Custom: true}), seg(ann), "read=1 updated=1", "15: email;firstname;c1 / ann@example.net;Ann;Lee", false},
			{columns(mapping.Field{From: "last", To: "firstname"}, mapping.Field{From: "last", To: "c1", Custom: true}), seg(ann), "read=1 updated=1", "16: email;firstname;c1 / ann@example.net;Lee;Lee", false},
		}},
		{"the key from another field", "the attribute is the key, not the field", []day{
			{nil, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{func(a *splio.Activation) { a.Mapping.Key.From = "mail" }, []string{"mail,first,last", ann}, "read=1 unchanged=1", "", false},
		}},
		{"absent cells", "a file for each set of columns; absent is unlike empty", []day{
			{columns(mapping.Field{From: "first", To: "firstname", Empty: mapping.Absent}, mapping.Field{From: "last", To: "lastname", Empty: mapping.Absent}),
				seg(ann, "bob@example.net,-,Ray", "cid@example.net,Cid,Fox", "dan@example.net,-,-"), "read=4 inserted=4 first",
				"14: email;firstname;lastname / ann@example.net;Ann;Lee / cid@example.net;Cid;Fox | 14_2: email;lastname / bob@example.net;Ray | 14_3: email / dan@example.net", false},
			{nil, seg("ann@example.net,-,Lee", "bob@example.net,-,Ray", "cid@example.net,Cid,Fox", "dan@example.net,-,-"), "read=4 unchanged=3 updated=1",
				"15: email;lastname / ann@example.net;Lee", false},
			{columns(mapping.Field{From: "first", To: "firstname"}, mapping.Field{From: "last", To: "lastname", Empty: mapping.Absent}),
				seg("ann@example.net,-,Lee"), "read=1 updated=1 left=3", "16: email;firstname;lastname / ann@example.net;;Lee", false},
		}},
		{"two runs a day", "the second has a suffix, and the plain name is back the next day", []day{
			{nil, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{nil, seg(ann, bob), "read=2 unchanged=1 inserted=1", "14_2: email;firstname;lastname / bob@example.net;Bob;Ray", true},
			{nil, seg(bob), "read=1 unchanged=1 left=1", "", true},
			{nil, seg(ann, bob), "read=2 unchanged=1 inserted=1", "14_3: email;firstname;lastname / ann@example.net;Ann;Lee", true},
			{nil, seg(ann), "read=1 unchanged=1 left=1", "", false},
			{nil, seg(ann, bob), "read=2 unchanged=1 inserted=1", "16: email;firstname;lastname / bob@example.net;Bob;Ray", false},
		}},
		{"parts", "a full file is followed by another", []day{
			{func(a *splio.Activation) { a.Format.MaxLines = 3 }, seg("a@example.net,A,-", "b@example.net,B,-", "c@example.net,C,-", "d@example.net,D,-", "e@example.net,E,-"),
				"read=5 inserted=5 first",
				"14: email;firstname;lastname / a@example.net;A; / b@example.net;B; | 14_2: email;firstname;lastname / c@example.net;C; / d@example.net;D; | 14_3: email;firstname;lastname / e@example.net;E;", false},
			{nil, seg("a@example.net,A,x", "b@example.net,B,x"), "read=2 updated=2 left=3", "15: email;firstname;lastname / a@example.net;A;x / b@example.net;B;x", false},
		}},
		{"another sub-sequence", "a change of mapping, not of state", []day{
			{nil, seg(ann), "read=1 inserted=1 first", "14: email;firstname;lastname / ann@example.net;Ann;Lee", false},
			{func(a *splio.Activation) { a.Destination.Subsequence = "update" }, seg(ann, bob), "read=2 unchanged=1 inserted=1",
				"update_14: email;firstname;lastname / bob@example.net;Bob;Ray", true},
		}},
		{"invalid values", "blank, absent or the whole record, by the policy of the field", []day{
			{columns(mapping.Field{From: "first", To: "cellphone"}, mapping.Field{From: "last", To: "language", Invalid: mapping.Absent}),
				seg("ann@example.net,06 39,fr", "bob@example.net,+33639980117,xx"), "read=2 inserted=2 first",
				"14: email;cellphone;language / ann@example.net;;fr | 14_2: email;cellphone / bob@example.net;0033639980117", false},
			{func(a *splio.Activation) { a.Mapping.Fields[1].Invalid = mapping.Reject }, seg("ann@example.net,06 39,fr", "bob@example.net,+33639980118,xx"),
				"read=2 rejected=1 unchanged=1", "", false},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			date := 13
			for i, d := range tt.days {
				if !d.same {
					date++
				}
				a.Now = march(date)
				if d.set != nil {
					a.Mapping.Fields = slices.Clone(a.Mapping.Fields)
					d.set(&a)
				}
				preview, err := a.Preview(t.Context(), segment(d.segment...))
				if err != nil {
					t.Fatalf("%s: day %d: preview: %v", tt.reason, i, err)
				}
				out := new(drop)
				var via splio.Transport = out
				if d.files == "" {
					via = untouched{t}
				}
				report, err := a.Run(t.Context(), segment(d.segment...), via)
				if err != nil {
					t.Fatalf("%s: day %d: %v", tt.reason, i, err)
				}
				if got := counts(t, report); got != d.want {
					t.Errorf("%s: day %d: counts are %q, want %q", tt.reason, i, got, d.want)
				}
				var got []string
				for j, f := range out.arrived {
					name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(f.name, "acme_contacts_"), "crm_"), "202503"), ".csv")
					name = strings.Replace(name, "_202503", "_", 1)
					got = append(got, name+": "+strings.ReplaceAll(strings.TrimSuffix(f.content, "\n"), "\n", " / "))
					if r := report.Files[j]; r.Name != f.name || !r.Delivered || r.SuffixUnconfirmed != (strings.Count(f.name, "_") == 4) {
						t.Errorf("day %d: file %s is reported as %+v", i, f.name, r)
					}
				}
				if got := strings.Join(got, " | "); got != d.files {
					t.Errorf("%s: day %d: delivered\n%s\nwant\n%s", tt.reason, i, got, d.files)
				}
				if len(report.Files) != len(out.arrived) {
					t.Errorf("day %d: %d files reported, %d arrived", i, len(report.Files), len(out.arrived))
				}
				// Preview told all of this before.
				report.Plan = ""
				for j := range report.Files {
					report.Files[j].Delivered = false
				}
				if diff := cmp.Diff(preview, report); diff != "" {
					t.Errorf("day %d: preview and run differ: %s", i, diff)
				}
				settled(t, a.State)
			}
		})
	}
}

func TestReportColumns(t *testing.T) {
	a := newActivation(t)
	a.Mapping.Fields = a.Mapping.Fields[:1]
	a.Mapping.Custom = []string{"old"}
	mustRun(t, a, segment("email,first,old", "a@example.net,A,1", "b@example.net,B,2"), new(drop))
	a.Mapping.Custom = []string{"new"}
	a.Now = march(15)
	r := mustRun(t, a, segment("email,first,new", "a@example.net,AA,1", "b@example.net,B,-"), new(drop))
	want := []splio.ColumnCount{{Name: "firstname", Changed: 1}, {Name: "new", Changed: 1, Added: true}}
	if diff := cmp.Diff(want, r.Columns); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(r.Dropped, []string{"old"}) || !slices.Equal(r.Unverified, []string{"new"}) {
		t.Errorf("dropped %q, unverified %q", r.Dropped, r.Unverified)
	}
}

func TestRejections(t *testing.T) {
	a := newActivation(t)
	a.Mapping.Fields[1] = mapping.Field{From: "last", To: "cellphone"}
	var seen []string
	a.OnRejection = func(r mapping.Rejection) { seen = append(seen, fmt.Sprintf("%d %s %s", r.Seq, r.Reason, r.Action)) }
	r := mustRun(t, a, segment("email,first,last",
		"ann@example.net,A,-", "x,X,-", "bob@example.net,B,06 39 98 01 17", "ann@example.net,C,1", "cid@example.net,NULL,-"), new(drop))
	want := []splio.RejectionCount{
		{Field: "email", Attribute: "email", Reason: splio.ReasonConflict, Action: mapping.Rejected, Count: 2},
		{Field: "last", Attribute: "cellphone", Reason: mapping.ReasonPhone, Action: mapping.Blanked, Count: 2},
		{Field: "email", Attribute: "email", Reason: mapping.ReasonEmail, Action: mapping.Rejected, Count: 1},
		{Field: "first", Attribute: "firstname", Reason: mapping.ReasonNull, Action: mapping.Kept, Count: 1},
	}
	if diff := cmp.Diff(want, r.Rejections); diff != "" {
		t.Error(diff)
	}
	wantSeen := []string{
		"2 " + mapping.ReasonEmail + " rejected", "3 " + mapping.ReasonPhone + " blanked", "4 " + mapping.ReasonPhone + " blanked",
		"5 " + mapping.ReasonNull + " kept", "1 " + splio.ReasonConflict + " rejected", "4 " + splio.ReasonConflict + " rejected",
	}
	if diff := cmp.Diff(wantSeen, seen); diff != "" {
		t.Error(diff)
	}
	if r.Rejected != 3 {
		t.Errorf("%d records rejected, want 3", r.Rejected)
	}
}

// TestKeyThatTheFileAlters: in a quoted cell, backslashes before a quote become
// slashes. A key that this would change would name somebody else.
func TestKeyThatTheFileAlters(t *testing.T) {
	a := newActivation(t)
	a.Mapping = mapping.Mapping{Key: mapping.Field{From: "id", To: "customer_key"}, Fields: []mapping.Field{{From: "first", To: "firstname"}}}
	d := new(drop)
	r := mustRun(t, a, segment("id,first", `a\"b,A`, `a/"b,B`, `c;\,C`, `d\,D`, `e\f;,E\"`), d)
	if got, want := counts(t, r), "read=5 rejected=2 inserted=3 first"; got != want {
		t.Errorf("counts are %q, want %q", got, want)
	}
	rows, err := readStrict(d.arrived[0].content)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"customer_key", "firstname"}, {`a/"b`, "B"}, {`d\`, "D"}, {`e\f;`, `E/"`}}, rows); diff != "" {
		t.Error(diff)
	}
	want := []splio.RejectionCount{{Field: "id", Attribute: "customer_key", Reason: splio.ReasonKey, Action: mapping.Rejected, Count: 2}}
	if diff := cmp.Diff(want, r.Rejections); diff != "" {
		t.Error(diff)
	}
}

func TestColumnSets(t *testing.T) {
	a := newActivation(t)
	a.Mapping.Fields = nil
	var fields, lines []string
	for i := range 7 {
		name := fmt.Sprintf("c%d", i)
		fields = append(fields, name)
		a.Mapping.Fields = append(a.Mapping.Fields, mapping.Field{From: name, To: name, Custom: true, Empty: mapping.Absent})
	}
	for set := range 65 {
		line := []string{fmt.Sprintf("u%d@example.net", set)}
		for i := range 7 {
			line = append(line, []string{"-", "x"}[set>>i&1])
		}
		lines = append(lines, strings.Join(line, ","))
	}
	head := "email," + strings.Join(fields, ",")
	_, err := a.Run(t.Context(), segment(append([]string{head}, lines...)...), untouched{t})
	if err == nil || !strings.Contains(err.Error(), "more than 64 different sets of columns") {
		t.Fatalf("65 sets of columns: %v", err)
	}
	d := new(drop)
	r := mustRun(t, a, segment(append([]string{head}, lines[:64]...)...), d)
	if len(r.Files) != 64 || len(d.arrived) != 64 {
		t.Errorf("64 sets make %d files, %d arrived", len(r.Files), len(d.arrived))
	}
	settled(t, a.State)
}

func TestDeterministic(t *testing.T) {
	run := func() string {
		a := newActivation(t)
		a.Brakes.Changed, a.Brakes.ColumnChanged = 1, 1
		a.Format.MaxLines = 400
		a.Mapping.Fields[0].Empty = mapping.Absent
		d := new(drop)
		for n := range 3 {
			lines := []string{"email,first,last"}
			for i := range 1000 {
				lines = append(lines, fmt.Sprintf("u%d@example.net,%s,%d", i, []string{"-", "x"}[i%7&1], i%(n+2)))
			}
			mustRun(t, a, segment(lines...), d)
		}
		return fmt.Sprint(d.arrived)
	}
	if a, b := run(), run(); a != b {
		t.Error("the same segments in two fresh states make other files")
	}
}

func TestSegmentErrors(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, segment("email,first,last", "ann@example.net,Ann,Lee"), new(drop))
	untold := func() []string { // but for the history, which tells of all this
		return slices.DeleteFunc(tree(t, a.State), func(line string) bool { return strings.HasPrefix(line, "/history ") })
	}
	before := untold()
	broken := brokenSource{segment("email,first,last", "ann@example.net,Anna,Lee"), errLine, nil}
	if _, err := a.Run(t.Context(), broken, untouched{t}); !errors.Is(err, errLine) {
		t.Errorf("a source that fails: %v", err)
	}
	broken.fields, broken.records = errLine, nil
	a.Format.MaxLines = 1
	if _, err := a.Run(t.Context(), broken, untouched{t}); !errors.Is(err, errLine) || !strings.Contains(err.Error(), "MaxLines") {
		t.Errorf("a source without fields: %v", err)
	}
	a.Format.MaxLines = 0
	a.Insert = false
	a.Known = func(yield func(string, error) bool) { yield("", errLine) }
	if _, err := a.Run(t.Context(), segment("email,first,last"), untouched{t}); !errors.Is(err, errLine) {
		t.Errorf("known keys that fail: %v", err)
	}
	if diff := cmp.Diff(before, untold()); diff != "" {
		t.Errorf("the state changed: %s", diff)
	}
}

// brokenSource fails at its end, or at once.
type brokenSource struct {
	mapping.Source
	records, fields error
}

func (s brokenSource) Fields(ctx context.Context) ([]string, error) {
	if s.fields != nil {
		return nil, s.fields
	}
	return s.Source.Fields(ctx)
}

func (s brokenSource) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		for r, err := range s.Source.Records(ctx) {
			if !yield(r, err) {
				return
			}
		}
		yield(nil, s.records)
	}
}
