package splio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// mustExplain explains a contact, and checks that nothing is changed by that and
// that neither the key nor a value is told.
func mustExplain(t testing.TB, a splio.Activation, key string, src mapping.Source) *splio.Explanation {
	t.Helper()
	before := tree(t, a.State)
	e, err := a.Explain(t.Context(), key, src)
	if err != nil {
		t.Fatalf("explain: %v", err)
	}
	if after := tree(t, a.State); !slices.Equal(before, after) {
		t.Errorf("the state was changed from\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{strings.TrimSpace(key), "@example", "Zoltan"} {
		if secret != "" && (strings.Contains(string(text), secret) || strings.Contains(fmt.Sprintf("%v %+v", *e, e), secret)) {
			t.Errorf("the explanation tells %q: %s", secret, text)
		}
	}
	if len(e.Sentences) == 0 || e.String() != strings.Join(e.Sentences, "\n") {
		t.Errorf("the sentences are %q", e.Sentences)
	}
	return e
}

// explained writes what an explanation says in a line.
func explained(e *splio.Explanation) string {
	out := []string{string(e.Verdict)}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if e.Sent {
		add("sent")
	}
	if len(e.Columns) > 0 {
		add("in %s", strings.Join(e.Columns, ","))
	}
	for _, r := range e.Records {
		add("%d:%s", r.Record, r.Verdict)
		for _, x := range r.Rejections {
			add("(%s, %s: %s)", x.Field, x.Reason, x.Action)
		}
	}
	if e.Found != int64(len(e.Records)) {
		add("of %d", e.Found)
	}
	if s := e.Snapshot; s != nil {
		add("state=%v/%v/%d", s.Unconfirmed, s.Due, s.Reports)
	}
	return strings.Join(out, " ")
}

func TestExplain(t *testing.T) {
	// What was delivered before each case, with Insert on: ann, bob and zoe.
	delivered := segment(head, "ann@example.net,Ann,Lee", "bob@example.net,Bob,Ray", "zoe@example.net,Zoe,Day")
	for _, tt := range []struct {
		name, reason string
		first        func(*splio.Activation)             // how it was delivered
		between      func(*testing.T, *splio.Activation) // after that
		change       func(*splio.Activation)             // how it is asked
		key          string                              // "ann@example.net" by default
		lines        []string                            // of the segment
		want         string
		says         []string
	}{
		{name: "new", reason: "it was never sent", key: "eve@example.net", lines: []string{"eve@example.net,Eve,Zoltan"},
			want: "new sent 1:taken", says: []string{`to sub-sequence "crm", which is to create it`}},
		{name: "new in a pair", reason: "a sub-sequence of its own creates", key: "eve@example.net", lines: []string{"eve@example.net,Eve,Zoltan"},
			change: func(a *splio.Activation) { a.Destination.Creating = "create" },
			want:   "new sent 1:taken", says: []string{`to sub-sequence "create"`}},
		{name: "new without insert", reason: "Splio decides", key: "eve@example.net", lines: []string{"eve@example.net,Eve,Zoltan"},
			change: func(a *splio.Activation) { a.Insert = false },
			want:   "new sent 1:taken", says: []string{"Splio ignores the row unless it has the contact", "in insert mode it would be created"}},
		{name: "new and known", reason: "Splio has it", key: "eve@example.net", lines: []string{"eve@example.net,Eve,Zoltan"},
			change: func(a *splio.Activation) { a.Insert, a.Known = false, each("who@example.net", "EVE@example.net") },
			want:   "new sent 1:taken", says: []string{"among the known keys"}},
		{name: "new again", reason: "it was sent where contacts are only updated", lines: []string{"ann@example.net,Ann,Lee"},
			first: func(a *splio.Activation) { a.Insert = false },
			want:  "new sent 1:taken state=true/false/0", says: []string{"counts as new", "nobody knows that Splio has it"}},
		{name: "changed", reason: "one attribute is another", lines: []string{"bob@example.net,Bob,Ray", "ann@example.net,Ann,Zoltan"},
			want: "changed sent in lastname 2:taken state=false/false/0", says: []string{"has changed in lastname"}},
		{name: "changed and unconfirmed", reason: "the row goes to whoever has it", lines: []string{"ann@example.net,Anna,Zoltan"},
			first: func(a *splio.Activation) { a.Insert = false }, change: func(a *splio.Activation) { a.Insert = false },
			want: "changed sent in firstname,lastname 1:taken state=true/false/0", says: []string{"in firstname, lastname", "Nobody knows that Splio has it"}},
		{name: "unchanged", reason: "it was sent just so", key: "ANN@Example.net", lines: []string{"ann@example.net,Ann,Lee"},
			want: "unchanged 1:taken state=false/false/0", says: []string{"just as it is now", "refresh"}},
		{name: "unchanged and unconfirmed", reason: "Splio may have ignored it", lines: []string{"ann@example.net,Ann,Lee"},
			first: func(a *splio.Activation) { a.Insert = false }, change: func(a *splio.Activation) { a.Insert = false },
			want: "unchanged 1:taken state=true/false/0", says: []string{"Nobody knows that Splio has it", "In insert mode it counts as new"}},
		{name: "rejected", reason: "an attribute that rejects", lines: []string{"ann@example.net,Ann,Zoltan", "ann@example.net,-,Lee"},
			change: func(a *splio.Activation) {
				a.Mapping.Fields[0].Empty = mapping.Reject
				a.Mapping.Fields[1].Type, a.Mapping.Fields[1].Invalid = mapping.Integer, mapping.Reject
			},
			want: "rejected 1:rejected (last, not an integer: rejected) 2:rejected (first, no value: rejected) (last, not an integer: rejected) state=false/false/0",
			says: []string{"rejected with 2 records", `Record 2 is rejected: field "first": no value.`, "it has not left"}},
		{name: "rejected for quotes", reason: "as a plan finds it", key: "eve@example.net", lines: []string{"eve@example.net,Eve;,Zoltan"},
			change: func(a *splio.Activation) { a.Format.Quotes = splio.QuoteReject },
			want:   "rejected 1:rejected (, a value that would need quotes: rejected)", says: []string{"Record 1 is rejected: a value that would need quotes."}},
		{name: "blanked", reason: "the rest of it is sent", lines: []string{"ann@example.net,Ann,Zoltan"},
			change: func(a *splio.Activation) { a.Mapping.Fields[1].Type = mapping.Integer },
			want:   "changed sent in lastname 1:taken (last, not an integer: blanked) state=false/false/0", says: []string{`field "last": not an integer, so that lastname is sent empty`}},
		{name: "duplicate", reason: "identical ones are sent once", lines: []string{"ann@example.net,Ann,Lee", "bob@example.net,Bob,Ray", "Ann@example.net,Ann,Lee"},
			want: "unchanged 1:taken 3:duplicate state=false/false/0", says: []string{"2 records of it, of which record 1 is taken, and the others say the same"}},
		{name: "first wins", reason: "by the policy", lines: []string{"ann@example.net,Ann,Lee", "ann@example.net,Anna,Lee"},
			change: func(a *splio.Activation) { a.Duplicates = diff.FirstWins },
			want:   "unchanged 1:taken 2:duplicate state=false/false/0", says: []string{"record 1 is taken, being the first"}},
		{name: "last wins", reason: "by the policy, and a rejected one takes no part", lines: []string{"ann@example.net,Ann,Lee", "ann@example.net,Anna,Lee", "ann@example.net,-,-"},
			change: func(a *splio.Activation) { a.Duplicates = diff.LastWins; a.Mapping.Fields[0].Empty = mapping.Reject },
			want:   "changed sent in firstname 1:duplicate 2:taken 3:rejected (first, no value: rejected) state=false/false/0",
			says:   []string{"record 2 is taken, being the last: 1 duplicate, 1 rejected"}},
		{name: "conflict", reason: "nobody says which one counts", lines: []string{"ann@example.net,Ann,Lee", "ann@example.net,Anna,Lee"},
			want: "conflict 1:conflict 2:conflict state=false/false/0", says: []string{"2 records of it say different things", "Record 2 is one of those"}},
		{name: "held back", reason: "Splio does not have it", key: "eve@example.net", lines: []string{"eve@example.net,Eve,Zoltan"},
			change: func(a *splio.Activation) { a.Insert, a.Known = false, each("ann@example.net") },
			want:   "held_back 1:taken", says: []string{"held back", "in insert mode it would be created"}},
		{name: "held back and sent before", reason: "it is known by now that Splio does not have it", lines: []string{"ann@example.net,Ann,Lee"},
			first: func(a *splio.Activation) { a.Insert = false }, change: func(a *splio.Activation) { a.Insert, a.Known = false, each("bob@example.net") },
			want: "held_back 1:taken state=true/false/0", says: []string{"that is forgotten"}},
		{name: "due by refresh", reason: "everybody is", lines: []string{"ann@example.net,Ann,Lee"},
			change: func(a *splio.Activation) { a.Refresh = true },
			want:   "due sent 1:taken state=false/false/0", says: []string{"since this run refreshes; nothing has changed"}},
		{name: "due by a mark", reason: "somebody asked for it", lines: []string{"ann@example.net,Anna,Lee"}, between: resend(0),
			want: "due sent in firstname 1:taken state=false/true/0", says: []string{"since it was marked to be sent again; it has changed in firstname"}},
		{name: "due by a report", reason: "Splio has said so", lines: []string{"ann@example.net,Ann,Lee"}, between: resend(7),
			want: "due sent 1:taken state=false/true/1", says: []string{"as reported 1 time before"}},
		{name: "marked and rejected", reason: "the mark waits for a valid record", lines: []string{"ann@example.net,-,Lee"}, between: resend(7),
			change: func(a *splio.Activation) { a.Mapping.Fields[0].Empty = mapping.Reject },
			want:   "rejected 1:rejected (first, no value: rejected) state=false/true/1", says: []string{"It is marked to be sent again"}},
		{name: "left", reason: "it is gone", lines: []string{"bob@example.net,Bob,Ray"},
			want: "left state=false/false/0", says: []string{"counts as left", "drops it from the state"}},
		{name: "left and unsubscribed", reason: "Left says so", lines: []string{"bob@example.net,Bob,Ray"},
			change: func(a *splio.Activation) { a.Left = splio.Left{Unsubscribe: []int{1}, Clear: []string{"firstname"}} },
			want:   "left state=false/false/0", says: []string{"taken off lists and cleared of firstname", "LeftSkipped"}},
		{name: "left and deleted", reason: "Left says so", lines: []string{"bob@example.net,Bob,Ray"},
			change: func(a *splio.Activation) { a.Left = splio.Left{Delete: "gone"} },
			want:   "left state=false/false/0", says: []string{`deleted through sub-sequence "gone"`}},
		{name: "kept, the segment being a part", reason: "nobody knows the rest", lines: []string{"bob@example.net,Bob,Ray"},
			change: func(a *splio.Activation) { a.Partial = true },
			want:   "kept state=false/false/0", says: []string{"since the segment is partial"}},
		{name: "kept, a key being unusable", reason: "it may be its own", lines: []string{"bob@example.net,Bob,Ray", "ann at example,Ann,Lee"},
			want: "kept state=false/false/0", says: []string{"1 record of the segment has no usable key, and one of them may be about it"}},
		{name: "left, a key being tolerated", reason: "MaxUnusable says so", lines: []string{"bob@example.net,Bob,Ray", "ann at example,Ann,Lee"},
			change: func(a *splio.Activation) { a.MaxUnusable = 1 },
			want:   "left state=false/false/0"},
		{name: "unknown", reason: "nobody has ever heard of it", key: "eve@example.net", lines: []string{"bob@example.net,Bob,Ray"},
			want: "unknown", says: []string{"not in the segment, and the state remembers nothing of it"}},
		{name: "unknown, a key being unusable", reason: "it may be its own", key: "eve@example.net", lines: []string{"-,Eve,Zoltan"},
			want: "unknown", says: []string{"1 record of the segment has no usable key and may be about the contact: the rejections of a preview name the lines"}},
		{name: "no key", reason: "no record can have it", key: "eve at example", lines: []string{"bob@example.net,Bob,Ray"},
			want: "no_key", says: []string{"no contact with this key: not an e-mail address", "No record of the segment has it just so"}},
		{name: "no key, as it stands in the segment", reason: "its record is rejected for it", key: "eve at example", lines: []string{"eve at example,Eve,Zoltan"},
			want: "no_key 1:rejected (email, not an e-mail address: rejected)", says: []string{`Record 1 is rejected: field "email": not an e-mail address.`, "1 record of the segment has this key"}},
		{name: "no key in a file", reason: "a reader would see another key", key: `a\"b`, lines: []string{`a\"b,Eve,Zoltan`, `c,Eve,Zoltan`},
			change: func(a *splio.Activation) {
				a.State, a.Mapping.Key.To = filepath.Join(a.State, "another"), "customer_key"
			},
			want: "no_key 1:rejected (email, " + splio.ReasonKey + ": rejected)"},
		{name: "empty key", reason: "that is none", key: " ", lines: []string{"-,Eve,Zoltan"},
			want: "no_key", says: []string{"no contact with this key: no value"}},
		{name: "first run", reason: "there is no state at all", lines: []string{"ann@example.net,Ann,Lee"},
			change: func(a *splio.Activation) { a.State += "-none" }, want: "new sent 1:taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newActivation(t)
			once := a
			if tt.first != nil {
				tt.first(&once)
			}
			mustRun(t, once, delivered, new(drop))
			if tt.between != nil {
				tt.between(t, &a)
			}
			if tt.change != nil {
				tt.change(&a)
			}
			key := tt.key
			if key == "" {
				key = "ann@example.net"
			}
			a.OnRejection = func(mapping.Rejection) { t.Error("OnRejection is called") }
			a.OnRejectedRecord = func(*mapping.Record, []mapping.Rejection) error { return errors.New("OnRejectedRecord is called") }
			e := mustExplain(t, a, key, segment(append([]string{head}, tt.lines...)...))
			if got := explained(e); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.reason, got, tt.want)
			}
			for _, s := range tt.says {
				if !strings.Contains(e.String(), s) {
					t.Errorf("%s: %q is missing in\n%s", tt.reason, s, e)
				}
			}
		})
	}
}

// resend marks ann.
func resend(most int) func(*testing.T, *splio.Activation) {
	return func(t *testing.T, a *splio.Activation) {
		if n, _, err := a.Resend(t.Context(), segment(head), each("ann@example.net"), most); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
}

// Without a segment only the state speaks.
func TestExplainState(t *testing.T) {
	a := newActivation(t)
	a.Mapping.Fields[0].Transforms = []mapping.Transform{{Name: "concat", Fields: []string{"title"}}}
	a.Mapping.Custom = []string{"points"}
	if got := explained(mustExplain(t, a, "ann@example.net", nil)); got != "unknown" {
		t.Errorf("without a state: %s", got)
	}
	mustRun(t, a, segment("email,first,last,title,points", "ann@example.net,Ann,Lee,Dr,1"), new(drop))
	if got := explained(mustExplain(t, a, "Ann@example.net", nil)); got != "remembered state=false/false/0" {
		t.Errorf("sent: %s", got)
	}
	if got := explained(mustExplain(t, a, "bob@example.net", nil)); got != "unknown" {
		t.Errorf("not sent: %s", got)
	}
	if got := explained(mustExplain(t, a, "nobody", nil)); got != "no_key" {
		t.Errorf("no key: %s", got)
	}
}

// A plan in the outbox is told of, whatever its state.
func TestExplainPending(t *testing.T) {
	d := new(drop)
	a := newActivation(t)
	mustRun(t, a, segment(head, "ann@example.net,Ann,Lee", "bob@example.net,Bob,Ray", "cid@example.net,Cid,Poe", "dan@example.net,Dan,Fox"), d)
	resend(0)(t, &a)
	tomorrow := segment(head, "ann@example.net,Ann,Lee", "bob@example.net,Rob,Ray", "cid@example.net,Cid,Poe", "eve@example.net,Eve,Zoltan")
	p := mustPlan(t, a, tomorrow)
	file := p.Report.Files[0].Name
	type want struct{ verdict, plan, columns, files string }
	check := func(state splio.PlanState, wants map[string]want) {
		t.Helper()
		for key, w := range wants {
			e := mustExplain(t, a, key+"@example.net", tomorrow)
			var names []string
			for _, f := range e.Pending.Files {
				names = append(names, f.Name)
			}
			got := want{string(e.Verdict), string(e.Pending.Verdict), strings.Join(e.Pending.Columns, ","), strings.Join(names, ",")}
			if got != w || e.Pending.State != state || e.Pending.Plan != p.ID {
				t.Errorf("%s, %s: got %+v, want %+v; the plan is %s", key, state, got, w, e.Pending.State)
			}
		}
	}
	check(splio.PlanReady, map[string]want{
		"ann": {"due", "due", "", file}, "bob": {"changed", "changed", "firstname", file}, "cid": {"unchanged", "unchanged", "", ""},
		"dan": {"left", "left", "", ""}, "eve": {"new", "new", "", file}, "fay": {"unknown", "unknown", "", ""},
	})
	if e := mustExplain(t, a, "eve@example.net", tomorrow); !strings.Contains(e.String(), "A plan in the outbox, ready, has the contact as new. A row about it is in "+file) {
		t.Errorf("it says\n%s", e)
	}
	if err := p.Release(t.Context(), "right as it is"); err != nil {
		t.Fatal(err)
	}
	// What the next run finds once it has delivered this one.
	after := map[string]want{
		"ann": {"unchanged", "due", "", file}, "bob": {"unchanged", "changed", "firstname", file}, "cid": {"unchanged", "unchanged", "", ""},
		"dan": {"unknown", "left", "", ""}, "eve": {"unchanged", "new", "", file}, "fay": {"unknown", "unknown", "", ""},
	}
	check(splio.PlanReleased, after)
	if e := mustExplain(t, a, "eve@example.net", tomorrow); !strings.Contains(e.Sentences[0], "The next run delivers it first") || e.Snapshot != nil {
		t.Errorf("it says\n%s", e)
	}
	d.faults, d.calls = map[int]fault{0: {late: true, err: errLine}}, nil
	if _, err := p.Apply(t.Context(), d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	check(splio.PlanApplying, after)
	d.faults = nil
	mustRun(t, a, tomorrow, d)
	if e := mustExplain(t, a, "eve@example.net", tomorrow); e.Pending != nil || e.Verdict != splio.VerdictUnchanged {
		t.Errorf("after the delivery: %s, %+v", explained(e), e.Pending)
	}
}

// The records that are named are the first ones, and the one that is taken.
func TestExplainMany(t *testing.T) {
	a := newActivation(t)
	a.Duplicates = diff.LastWins
	lines := []string{head}
	for range 100 {
		lines = append(lines, "ann@example.net,Ann,Lee")
	}
	e := mustExplain(t, a, "ann@example.net", segment(append(lines, "bob@example.net,Bob,Ray")...))
	if n := len(e.Records); n != 21 || e.Found != 100 || e.Duplicate != 99 || e.Records[20].Record != 100 || e.Records[20].Verdict != splio.VerdictTaken {
		t.Errorf("%d records named, %+v", n, e)
	}
	if !strings.Contains(e.String(), "79 more records are not told of here") {
		t.Errorf("it says\n%s", e)
	}
}

func TestExplainErrors(t *testing.T) {
	a := newActivation(t)
	src := segment(head, "ann@example.net,Ann,Lee")
	mustRun(t, a, src, new(drop))
	explain := func(a splio.Activation, src mapping.Source) error {
		_, err := a.Explain(t.Context(), "ann@example.net", src)
		return err
	}

	b := a
	b.Destination.Universe, b.Subscribe = "", []int{99}
	if err := explain(b, src); !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), "Universe") || !strings.Contains(err.Error(), "Subscribe") {
		t.Errorf("wrong configuration: %v", err)
	}
	b = a
	b.Differ = &engine{}
	if err := explain(b, src); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("with a Differ: %v", err)
	}
	b = a
	b.Destination.Universe = "other"
	if err := explain(b, src); !errors.Is(err, diff.ErrForeign) {
		t.Errorf("another universe: %v", err)
	}
	b = a
	b.Insert, b.Known = false, each("not a key")
	if err := explain(b, src); err == nil || !strings.Contains(err.Error(), "known keys") {
		t.Errorf("keys that are none: %v", err)
	}
	torn := errors.New("the segment is torn")
	bad := source.Maps([]string{"email", "first", "last"}, func(yield func(map[string]any, error) bool) { yield(nil, torn) })
	if err := explain(a, bad); !errors.Is(err, torn) {
		t.Errorf("a segment that is torn: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(torn)
	if _, err := a.Explain(ctx, "ann@example.net", src); !errors.Is(err, torn) {
		t.Errorf("after the end of the context: %v", err)
	}

	// Another run delivers while the segment is read.
	moving := source.Maps([]string{"email", "first", "last"}, func(yield func(map[string]any, error) bool) {
		mustRun(t, a, segment(head, "ann@example.net,Anna,Lee"), new(drop))
		yield(map[string]any{"email": "ann@example.net", "first": "Ann", "last": "Lee"}, nil)
	})
	if err := explain(a, moving); !errors.Is(err, diff.ErrStale) {
		t.Errorf("moved on: %v", err)
	}
	// A plan whose parts are missing.
	p := mustPlan(t, a, segment(head, "ann@example.net,Ann,Lee"))
	if err := os.Remove(filepath.Join(a.State, "outbox", "0001.csv")); err != nil {
		t.Fatal(err)
	}
	if err := explain(a, src); !errors.Is(err, diff.ErrStale) {
		t.Errorf("a file of the outbox is missing: %v", err)
	}
	if err := p.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A snapshot that is older than the last run.
	older, err := os.ReadFile(filepath.Join(a.State, "snapshot.current"))
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, a, src, new(drop))
	write(t, filepath.Join(a.State, "snapshot.current"), older)
	if err := explain(a, src); !errors.Is(err, diff.ErrDamaged) {
		t.Errorf("an older snapshot: %v", err)
	}
}
