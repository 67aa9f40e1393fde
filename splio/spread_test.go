package splio_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// arrived tells what a drop directory got: names without what all have in common,
// and contents on one line.
func arrived(d *drop) (out []string) {
	for _, a := range d.arrived {
		name := strings.TrimSuffix(strings.TrimPrefix(a.name, "acme_contacts_"), ".csv")
		out = append(out, name+": "+strings.ReplaceAll(strings.TrimSuffix(strings.ReplaceAll(a.content, "@x.io", ""), "\n"), "\n", " / "))
	}
	d.arrived = nil
	return out
}

// lines are records for people with these names, and all of them the same last name.
func lines(last string, names ...string) []string {
	out := []string{head}
	for _, n := range names {
		out = append(out, n+"@x.io,"+n+","+last)
	}
	return out
}

// New contacts go to the sub-sequence that creates and all others to the other one,
// each with numbers of its own for what does not fit in a file.
func TestPair(t *testing.T) {
	a := newActivation(t)
	a.Destination.Subsequence, a.Destination.Creating = "upd", "new"
	a.Format.MaxLines = 3
	d := new(drop)
	mustRun(t, a, segment(lines("x", "a", "b", "c")...), d)
	want := []string{"new_20250314: email;firstname;lastname / a;a;x / b;b;x", "new_20250314_2: email;firstname;lastname / c;c;x"}
	if diff := cmp.Diff(want, arrived(d)); diff != "" {
		t.Error(diff)
	}
	a.Now = march(15)
	// In turns, so that the files grow side by side.
	r := mustRun(t, a, segment(lines("y", "a", "d", "b", "e", "c", "f")...), d)
	want = []string{
		"upd_20250315: email;firstname;lastname / a;a;y / b;b;y", "new_20250315: email;firstname;lastname / d;d;y / e;e;y",
		"upd_20250315_2: email;firstname;lastname / c;c;y", "new_20250315_2: email;firstname;lastname / f;f;y",
	}
	if diff := cmp.Diff(want, arrived(d)); diff != "" {
		t.Error(diff)
	}
	if r.Inserted != 3 || r.Updated != 3 || r.Files[0].Subsequence != "upd" || r.Files[1].Subsequence != "new" {
		t.Errorf("got %+v", r)
	}
}

// Names beyond the first of a day follow the template, are the same for the same
// content, and are never used twice.
func TestSuffix(t *testing.T) {
	for suffix, want := range map[string]string{
		"":                 `^_[2-9]$`,
		"_{part}":          `^_[2-9]$`,
		"-p{part}-{time}":  `^-p[2-9]-130000$`, // in the zone of the mapping
		"_{token}":         `^_[0-9a-f]{8}$`,
		"_{time}_{token}Z": `^_130000_[0-9a-f]{8}Z$`,
	} {
		play := func(last string) (out []string) {
			a := newActivation(t)
			a.Destination.Suffix, a.Format.MaxLines = suffix, 2
			d := new(drop)
			mustRun(t, a, segment(lines(last, "a", "b")...), d)
			mustRun(t, a, segment(lines(last, "a")...), d)
			r := mustRun(t, a, segment(lines(last, "a", "b")...), d) // the very file that was sent before
			if len(r.Files) != 1 {
				t.Fatalf("%q: %q", suffix, names(r))
			}
			d.take(t) // which does not free the names
			r = mustRun(t, a, segment(lines("y", "a", "b")...), d)
			for _, f := range r.Files {
				if f.SuffixUnconfirmed != (suffix == "") {
					t.Errorf("%q: %s is marked unconfirmed: %v", suffix, f.Name, f.SuffixUnconfirmed)
				}
			}
			a.Now = march(15)
			if r := mustRun(t, a, segment(lines("z", "a")...), d); r.Files[0].Name != "acme_contacts_crm_20250315.csv" || r.Files[0].SuffixUnconfirmed {
				t.Errorf("%q: the first file of the next day is %+v", suffix, r.Files[0])
			}
			if len(d.arrived) != 6 {
				t.Fatalf("%q: %d files arrived, want 6", suffix, len(d.arrived))
			}
			for _, f := range d.arrived[:5] {
				out = append(out, strings.TrimSuffix(strings.TrimPrefix(f.name, "acme_contacts_crm_20250314"), ".csv"))
			}
			return out
		}
		got := play("x")
		for i, s := range got {
			if i == 0 && s != "" || i > 0 && !regexp.MustCompile(want).MatchString(s) || slices.Contains(got[:i], s) {
				t.Errorf("suffix %q: names end in %q", suffix, got)
			}
		}
		if diff := cmp.Diff(got, play("x")); diff != "" {
			t.Errorf("suffix %q: other names for the same runs: %s", suffix, diff)
		}
		if other := play("w"); strings.Contains(suffix, "{token}") == slices.Contains(other, got[1]) {
			t.Errorf("suffix %q: other contents make %q of %q", suffix, other, got)
		}
	}
}

func TestSuffixRefused(t *testing.T) {
	for suffix, reason := range map[string]string{
		"x":                                   "it tells no two files apart",
		"_{time}":                             "two files of a run would have one name",
		"_{part":                              "not a placeholder",
		"_{date}_{part}":                      "there is no such placeholder",
		"/{part}":                             "a name is bare",
		".{part}":                             "a name has one dot",
		"_{part}é":                            "names are ASCII",
		"_{part}\n":                           "nor does $ stand before a line break",
		strings.Repeat("x", 32) + "_{token}x": "too long",
	} {
		a := newActivation(t)
		a.Destination.Suffix = suffix
		err := a.Check(t.Context(), segment(head))
		if !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), "Destination.Suffix") {
			t.Errorf("%q: %s: %v", suffix, reason, err)
		}
	}
}

// New contacts join lists, unless their own cell says something else of one.
func TestSubscribe(t *testing.T) {
	lists := mapping.Field{From: "lists", To: "subscriptions"}
	gone := lists
	gone.Empty = mapping.Absent
	tests := []struct {
		name, reason string
		fields       []mapping.Field
		want         []string
	}{
		{"not mapped", "a column of its own, for new contacts alone", nil, []string{
			"crm_20250314: email;subscriptions / a;+0,+7 / b;+0,+7 / c;+0,+7"}},
		{"mapped", "what the cell says of a list stands, all in one order", []mapping.Field{lists}, []string{
			"crm_20250314: email;subscriptions / a;+0,+7 / b;-0,+3,+7 / c;+0,+7,-9"}},
		{"mapped and absent", "there is a cell all the same", []mapping.Field{gone}, []string{
			"crm_20250314: email;subscriptions / a;+0,+7 / b;-0,+3,+7 / c;+0,+7,-9"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			a.Mapping.Fields, a.Subscribe = tt.fields, []int{7, 0, 7}
			d := new(drop)
			src := typed([]string{"email", "lists"}, []any{"a@x.io", nil}, []any{"b@x.io", "+3,-0"}, []any{"c@x.io", "-9,+7"})
			mustRun(t, a, src, d)
			if diff := cmp.Diff(tt.want, arrived(d)); diff != "" {
				t.Errorf("%s: %s", tt.reason, diff)
			}
			// Contacts who were sent before join nothing.
			a.Now, a.Refresh = march(15), true
			r := mustRun(t, a, src, d)
			var sent []string
			for _, line := range arrived(d) {
				sent = append(sent, strings.Split(line, " / ")[1:]...)
			}
			slices.Sort(sent)
			want := []string{"a;", "b;-0,+3", "c;+7,-9"}
			switch {
			case tt.fields == nil:
				want = []string{"a", "b", "c"}
			case tt.fields[0].Empty == mapping.Absent:
				want[0] = "a"
			}
			if diff := cmp.Diff(want, sent); diff != "" || r.Updated != 3 {
				t.Errorf("refresh: %d updated: %s", r.Updated, diff)
			}
		})
	}
	for name, change := range map[string]func(*splio.Activation){
		"Subscribe: ids":         func(a *splio.Activation) { a.Subscribe = []int{64} },
		"Subscribe is for":       func(a *splio.Activation) { a.Insert = false },
		"Destination.Creating":   func(a *splio.Activation) { a.Insert, a.Destination.Creating = false, "new" },
		"Creating is Subsequenc": func(a *splio.Activation) { a.Destination.Creating = a.Destination.Subsequence },
	} {
		a := newActivation(t)
		a.Subscribe = []int{1}
		change(&a)
		if err := a.Check(t.Context(), day1); !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q, got %v", name, err)
		}
	}
}

// With no quotes to be had, a record that needs some is rejected by itself.
func TestQuoteReject(t *testing.T) {
	a := newActivation(t)
	a.Format.Quotes = splio.QuoteReject
	var seen []mapping.Rejection
	a.OnRejection = func(r mapping.Rejection) { seen = append(seen, r) }
	d := new(drop)
	src := segment(head, "a@x.io,a;b,x", `b@x.io,x,5" nails`, "c@x.io, c,x", "d@x.io,d,x ", `e@x.io,a\b,'`)
	r := mustRun(t, a, src, d)
	if diff := cmp.Diff([]string{`crm_20250314: email;firstname;lastname / e;a\b;'`}, arrived(d)); diff != "" {
		t.Error(diff)
	}
	want := []splio.RejectionCount{{Reason: splio.ReasonQuotes, Action: mapping.Rejected, Count: 4}}
	if diff := cmp.Diff(want, r.Rejections); diff != "" || r.Rejected != 4 || len(seen) != 4 || seen[2].Seq != 3 {
		t.Errorf("%d rejected, %v: %s", r.Rejected, seen, diff)
	}
	// Once quotes are allowed, they are new: nothing of them was remembered.
	a.Format.Quotes, a.Now = splio.QuoteNeeded, march(15)
	if r := mustRun(t, a, src, d); r.Inserted != 4 || r.Unchanged != 1 {
		t.Errorf("%s", counts(t, r))
	}
}

// A file with the columns of each set of changed attributes, up to so many of them.
func TestChangedSets(t *testing.T) {
	fields := []string{"email", "c0", "c1", "c2"}
	custom := func(empty mapping.Policy) (out []mapping.Field) {
		for _, f := range fields[1:] {
			out = append(out, mapping.Field{From: f, To: f, Custom: true, Empty: empty})
		}
		return out
	}
	before := []string{"email,c0,c1,c2", "a@x.io,1,1,1", "b@x.io,1,1,1", "c@x.io,1,1,1", "d@x.io,1,1,1", "e@x.io,1,1,1"}
	after := []string{before[0], "a@x.io,2,1,1", "b@x.io,1,2,1", "c@x.io,2,2,1", "d@x.io,1,1,-", "e@x.io,1,2,1"}
	tests := []struct {
		name, reason string
		rows         splio.Rows
		files        int
		empty        mapping.Policy
		want         []string
		unchanged    int64
		err          string
	}{
		{"full", "every attribute of who has changed", splio.FullRows, 1, mapping.Blank,
			[]string{"crm_20250315: email;c0;c1;c2 / a;2;1;1 / b;1;2;1 / c;2;2;1 / d;1;1; / e;1;2;1"}, 9, ""},
		{"changed", "four sets, four files", splio.ChangedOnly, 4, mapping.Blank,
			[]string{"crm_20250315: email;c0 / a;2", "crm_20250315_2: email;c1 / b;2 / e;2", "crm_20250315_3: email;c0;c1 / c;2;2", "crm_20250315_4: email;c2 / d;"}, 0, ""},
		{"default", "64 files at most", splio.ChangedOnly, 0, mapping.Blank,
			[]string{"crm_20250315: email;c0 / a;2", "crm_20250315_2: email;c1 / b;2 / e;2", "crm_20250315_3: email;c0;c1 / c;2;2", "crm_20250315_4: email;c2 / d;"}, 0, ""},
		{"three", "the one that costs a cell joins another", splio.ChangedOnly, 3, mapping.Blank,
			[]string{"crm_20250315: email;c0;c1 / a;2;1 / c;2;2", "crm_20250315_2: email;c1 / b;2 / e;2", "crm_20250315_3: email;c2 / d;"}, 1, ""},
		{"two", "two more cells", splio.ChangedOnly, 2, mapping.Blank,
			[]string{"crm_20250315: email;c0;c1 / a;2;1 / b;1;2 / c;2;2 / e;1;2", "crm_20250315_2: email;c2 / d;"}, 3, ""},
		{"one", "no more than in full rows", splio.ChangedOnly, 1, mapping.Blank,
			[]string{"crm_20250315: email;c0;c1;c2 / a;2;1;1 / b;1;2;1 / c;2;2;1 / d;1;1; / e;1;2;1"}, 9, ""},
		{"exact", "as many files as it takes", splio.ExactlyChanged, 4, mapping.Blank,
			[]string{"crm_20250315: email;c0 / a;2", "crm_20250315_2: email;c1 / b;2 / e;2", "crm_20250315_3: email;c0;c1 / c;2;2", "crm_20250315_4: email;c2 / d;"}, 0, ""},
		{"exact, too few files", "refused, with the numbers", splio.ExactlyChanged, 3, mapping.Blank, nil, 0,
			"4 different sets of changed attributes, at most 3 files"},
		{"absent", "all that changed of d is absent now, so the rest of it is sent", splio.ChangedOnly, 4, mapping.Absent,
			[]string{"crm_20250315: email;c0 / a;2", "crm_20250315_2: email;c1 / b;2 / e;2", "crm_20250315_3: email;c0;c1 / c;2;2 / d;1;1"}, 2, ""},
		{"absent, one file", "a column that is absent stays so, whatever that makes of the others", splio.ChangedOnly, 1, mapping.Absent,
			[]string{"crm_20250315: email;c0;c1 / a;2;1 / b;1;2 / c;2;2 / d;1;1 / e;1;2"}, 5, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			a.Mapping.Fields, a.Rows, a.MaxFiles = custom(tt.empty), tt.rows, tt.files
			d := new(drop)
			mustRun(t, a, segment(before...), d)
			if first := arrived(d); len(first) != 1 || !strings.HasPrefix(first[0], "crm_20250314: email;c0;c1;c2 / a;1;1;1 / ") {
				t.Errorf("new contacts have full rows, got %q", first)
			}
			a.Now = march(15)
			if tt.err != "" {
				_, err := a.Run(t.Context(), segment(after...), untouched{t})
				if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "MaxFiles") {
					t.Errorf("%s: %v", tt.reason, err)
				}
				a.MaxFiles++
				if r := mustRun(t, a, segment(after...), d); r.Updated != 5 {
					t.Errorf("nothing is lost by the refusal, but %s", counts(t, r))
				}
				return
			}
			r := mustRun(t, a, segment(after...), d)
			if diff := cmp.Diff(tt.want, arrived(d)); diff != "" {
				t.Errorf("%s: %s", tt.reason, diff)
			}
			if r.UnchangedCells != tt.unchanged {
				t.Errorf("%s: %d unchanged cells, want %d", tt.reason, r.UnchangedCells, tt.unchanged)
			}
		})
	}
}

// Who is due gets a full row, whatever changed.
func TestChangedOnlyDue(t *testing.T) {
	a := newActivation(t)
	a.Rows = splio.ChangedOnly
	d := new(drop)
	mustRun(t, a, segment(lines("x", "a", "b", "c")...), d)
	arrived(d)
	a.Now = march(15)
	keys := func(yield func(string, error) bool) { _ = yield("a@x.io", nil) && yield("B@x.io", nil) }
	if marked, _, err := a.Resend(t.Context(), segment(head), keys, 0); marked != 2 || err != nil {
		t.Fatalf("%d marked: %v", marked, err)
	}
	src := segment(head, "a@x.io,A,x", "b@x.io,b,x", "c@x.io,C,x")
	r := mustRun(t, a, src, d)
	want := []string{"crm_20250315: email;firstname;lastname / a;A;x / b;b;x", "crm_20250315_2: email;firstname / c;C"}
	if diff := cmp.Diff(want, arrived(d)); diff != "" || r.UnchangedCells != 3 {
		t.Errorf("%d unchanged cells, want 3: %s", r.UnchangedCells, diff)
	}
	a.Now, a.Refresh = march(16), true
	r = mustRun(t, a, src, d)
	want = []string{"crm_20250316: email;firstname;lastname / a;A;x / b;b;x / c;C;x"}
	if diff := cmp.Diff(want, arrived(d)); diff != "" || r.UnchangedCells != 6 {
		t.Errorf("refresh: %d unchanged cells, want 6: %s", r.UnchangedCells, diff)
	}
}

// The limit on files is one of each sub-sequence, and parts of a full file are no
// set of their own.
func TestChangedSetsOfPair(t *testing.T) {
	a := newActivation(t)
	a.Destination.Subsequence, a.Destination.Creating = "upd", "new"
	a.Rows, a.MaxFiles = splio.ExactlyChanged, 2
	d := new(drop)
	mustRun(t, a, segment(lines("x", "a", "b", "c")...), d)
	arrived(d)
	a.Now, a.Format.MaxLines = march(15), 3
	mustRun(t, a, segment(head, "a@x.io,a,y", "b@x.io,b,y", "c@x.io,c,y", "d@x.io,d,x", "e@x.io,e,x", "f@x.io,f,x"), d)
	want := []string{
		"upd_20250315: email;lastname / a;y / b;y", "upd_20250315_2: email;lastname / c;y",
		"new_20250315: email;firstname;lastname / d;d;x / e;e;x", "new_20250315_2: email;firstname;lastname / f;f;x",
	}
	if diff := cmp.Diff(want, arrived(d)); diff != "" {
		t.Error(diff)
	}
	a.Now = march(16)
	mustRun(t, a, segment(head, "a@x.io,a,z", "b@x.io,B,y", "g@x.io,g,x"), d)
	want = []string{"upd_20250316: email;lastname / a;z", "upd_20250316_2: email;firstname / b;B", "new_20250316: email;firstname;lastname / g;g;x"}
	if diff := cmp.Diff(want, arrived(d)); diff != "" {
		t.Error(diff)
	}
}

// What a plan asks of a sub-sequence must not contradict its import configuration.
func TestPermitted(t *testing.T) {
	type config = splio.ImportConfig
	both := config{Create: splio.Allowed, Update: splio.Allowed}
	updates := config{Create: splio.Forbidden, Update: splio.Allowed}
	creates := config{Create: splio.Allowed, Update: splio.Forbidden}
	with := func(c config, change func(*config)) config { change(&c); return c }
	lists := with(both, func(c *config) { c.InitLists = []int{0} })
	prefix := with(both, func(c *config) { c.CellphonePrefix = "33" })
	phones := func(a *splio.Activation) { a.Mapping.Fields[1] = mapping.Field{From: "last", To: "cellphone"} }
	subscribe := func(a *splio.Activation) { a.Subscribe = []int{0} }
	off := func(a *splio.Activation) { a.Insert = false }
	asPair := func(a *splio.Activation) { a.Destination.Subsequence, a.Destination.Creating = "upd", "new" }
	tests := []struct {
		name, reason string
		subs         map[string]config
		change       []func(*splio.Activation)
		refused      []string // parts of the error, none: it is fine
		doubts       []string
	}{
		{"nothing known", "nothing is contradicted", nil, nil, nil, nil},
		{"creates and updates", "as it must be", map[string]config{"crm": both}, nil, nil, nil},
		{"updates alone", "new contacts would be ignored", map[string]config{"crm": updates}, nil, []string{`sub-sequence "crm", option "create contacts"`}, nil},
		{"updates alone, insert off", "as it must be", map[string]config{"crm": updates}, []func(*splio.Activation){off}, nil, nil},
		{"creates, insert off", "contacts would be made that must not", map[string]config{"crm": both}, []func(*splio.Activation){off}, []string{`option "create contacts"`}, nil},
		{"creates, insert off, keys known", "there are no rows for others", map[string]config{"crm": both}, []func(*splio.Activation){off, func(a *splio.Activation) {
			a.Known = func(yield func(string, error) bool) { yield("a@x.io", nil) }
		}}, nil, nil},
		{"creates alone", "who is new here may exist there", map[string]config{"crm": creates}, nil, []string{`option "update contacts"`}, nil},
		{"creates alone, declared safe", "nobody new here exists there", map[string]config{"crm": creates},
			[]func(*splio.Activation){func(a *splio.Activation) { a.Destination.NewOnly = true }}, nil, nil},
		{"pair", "one each", map[string]config{"upd": updates, "new": both}, []func(*splio.Activation){asPair}, nil, nil},
		{"pair, creates alone", "as without a pair", map[string]config{"upd": updates, "new": creates}, []func(*splio.Activation){asPair}, []string{`sub-sequence "new", option "update contacts"`}, nil},
		{"pair, the wrong way round", "all that is wrong of a plan", map[string]config{"upd": both, "new": updates}, []func(*splio.Activation){asPair}, []string{`sub-sequence "new", option "create contacts"`}, nil},
		{"init lists", "no lists in the files to fill them again", map[string]config{"crm": lists}, nil, []string{`option "init lists"`, "no subscriptions"}, nil},
		{"init lists, filled again", "one file with everybody and their lists", map[string]config{"crm": lists}, []func(*splio.Activation){subscribe}, nil, nil},
		{"init lists, two files", "the second empties what the first has filled", map[string]config{"crm": lists}, []func(*splio.Activation){subscribe, func(a *splio.Activation) { a.Format.MaxLines = 2 }}, []string{`option "init lists"`, "of 2 files"}, nil},
		{"init lists, a part", "the others would lose their lists", map[string]config{"crm": lists}, []func(*splio.Activation){subscribe, func(a *splio.Activation) { a.Partial = true }}, []string{`option "init lists"`, "does not hold all"}, nil},
		{"prefix", "numbers have their country codes", map[string]config{"crm": prefix}, []func(*splio.Activation){phones}, []string{`option "default cellphone prefix"`}, nil},
		{"prefix without numbers", "there is nothing to go before", map[string]config{"crm": prefix}, nil, nil, nil},
		{"silent", "what the plan relies upon", map[string]config{"crm": {}}, nil, nil,
			[]string{`sub-sequence "crm": "create contacts" is not stated`, `sub-sequence "crm": "update contacts" is not stated`}},
		{"silent, insert off", "it may create", map[string]config{"crm": {Update: splio.Allowed}}, []func(*splio.Activation){off}, nil, []string{`"create contacts" is not stated: Splio may create`}},
		{"other options", "nobody looked at them, but at those of reports", map[string]config{"crm": with(both, func(c *config) { c.Others = []string{"alert recipients", "null erases"} })}, nil, nil, []string{`the option "null erases" was not looked at`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			a.Destination.Imports.Contacts = tt.subs
			for _, change := range tt.change {
				change(&a)
			}
			// The configuration itself is in order: what is wrong depends on the plan.
			if err := a.Check(t.Context(), segment(head)); err != nil {
				t.Fatal(err)
			}
			p, err := a.Plan(t.Context(), segment(lines("+33639980101", "a", "b")...))
			if len(tt.refused) > 0 {
				if !errors.Is(err, splio.ErrConfig) {
					t.Errorf("%s: %v", tt.reason, err)
				}
				for _, part := range tt.refused {
					if !strings.Contains(fmt.Sprint(err), part) {
						t.Errorf("%s: %q is not in: %v", tt.reason, part, err)
					}
				}
				if _, err := a.Pending(t.Context()); !errors.Is(err, splio.ErrNoPlan) {
					t.Errorf("a plan that was refused is there: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tt.reason, err)
			}
			for i, doubt := range p.Report.Doubts {
				if i >= len(tt.doubts) || !strings.Contains(doubt, tt.doubts[i]) {
					t.Errorf("%s: doubt %q", tt.reason, doubt)
				}
			}
			if len(p.Report.Doubts) != len(tt.doubts) {
				t.Errorf("%s: doubts %q, want %q", tt.reason, p.Report.Doubts, tt.doubts)
			}
		})
	}
}

// Changes alone are no full import, and a plan with nothing to send asks nothing.
func TestPermittedLater(t *testing.T) {
	a := newActivation(t)
	a.Subscribe = []int{0}
	a.Destination.Imports.Contacts = map[string]splio.ImportConfig{"crm": {Create: splio.Allowed, Update: splio.Allowed, InitLists: []int{0}}}
	mustRun(t, a, segment(lines("x", "a", "b")...), new(drop))
	mustRun(t, a, segment(lines("x", "a", "b")...), untouched{t})
	_, err := a.Run(t.Context(), segment(lines("x", "a", "b", "c")...), untouched{t})
	if !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), "does not hold all") {
		t.Errorf("a file of one new contact, which empties the list of all others: %v", err)
	}
}

// A sub-sequence that is not in the configuration is refused before anything is read.
func TestUnknownSubsequence(t *testing.T) {
	for name, want := range map[string]string{"upd": `has no sub-sequence "upd"`, "CRM": `spells sub-sequence "CRM" of contacts "crm"`} {
		for _, creating := range []bool{false, true} {
			a := newActivation(t)
			a.Destination.Imports.Contacts = map[string]splio.ImportConfig{"crm": {}, "other": {}}
			if a.Destination.Subsequence = name; creating {
				a.Destination.Subsequence, a.Destination.Creating = "other", name
			}
			if err := a.Check(t.Context(), segment(head)); !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, got %v", want, err)
			}
		}
	}
}
