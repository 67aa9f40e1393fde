package splio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// crowd is lines of a segment, for the contacts from one number to before
// another; first says what their first name is.
func crowd(from, to int, first func(i int) string) (lines []string) {
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("u%d@example.net,%s,Poe", i, first(i)))
	}
	return lines
}

func ann(int) string { return "Ann" }

// below gives the first n contacts another name.
func below(n int, name string) func(int) string {
	return func(i int) string {
		if i < n {
			return name
		}
		return "Ann"
	}
}

// hits are the brakes that were hit, with their columns.
func hits(readings []splio.BrakeReading) (out []string) {
	for _, r := range readings {
		if r.Hit {
			out = append(out, strings.TrimSpace(string(r.Brake)+" "+r.Column))
		}
	}
	return out
}

// bad are n records that are rejected, for a reason other than their key's form.
func bad(n int) []string {
	return crowd(5000, 5000+n, func(int) string { return "-" })
}

func TestBrakes(t *testing.T) {
	thousand := crowd(0, 1000, ann)
	partial := func(a *splio.Activation) { a.Partial = true }
	refresh := func(a *splio.Activation) { a.Refresh = true }
	phone := func(a *splio.Activation) { a.Mapping.Fields[0].To = "cellphone" }
	must := func(a *splio.Activation) { a.Mapping.Fields[0].Empty = mapping.Reject }
	off := func(set func(*splio.Brakes)) func(*splio.Activation) {
		return func(a *splio.Activation) { set(&a.Brakes) }
	}
	tests := []struct {
		name, reason string
		before       []string // nil: a first run
		set          func(*splio.Activation)
		now          []string
		want         string
	}{
		{"nothing changed", "a quiet night", thousand, nil, thousand, ""},
		{"first", "all is new, and there is nothing to compare with", nil, nil, thousand, ""},
		{"first, empty", "an extract that failed at once", nil, nil, nil, "empty"},
		{"empty", "one brake says it all", thousand, nil, nil, "empty"},
		{"empty, few before", "it needs no minimum", crowd(0, 3, ann), nil, nil, "empty"},
		{"empty, partial", "a part may be empty", thousand, partial, nil, ""},
		{"empty, allowed, few before", "it was asked for", crowd(0, 99, ann), off(func(b *splio.Brakes) { b.AllowEmpty = true }), nil, ""},
		{"empty, allowed", "what is lost counts all the same", thousand, off(func(b *splio.Brakes) { b.AllowEmpty = true }), nil, "shrunk, left"},

		{"left, at the limit", "a share of the limit passes", thousand, nil, crowd(200, 1000, ann), ""},
		{"left, above", "one more does not", thousand, nil, crowd(201, 1000, ann), "shrunk, left"},
		{"left, replaced", "as many records, but others", thousand, nil, crowd(201, 1201, ann), "left"},
		{"left, replaced, off", "1 is off", thousand, off(func(b *splio.Brakes) { b.Left = 1 }), crowd(1000, 1290, ann), "shrunk"},
		{"left, few", "99 say nothing", crowd(0, 99, ann), nil, crowd(98, 99, ann), ""},
		{"left, enough", "100 do", crowd(0, 100, ann), nil, crowd(21, 100, ann), "shrunk, left"},
		{"left, minimum", "from how many on is a setting", thousand, off(func(b *splio.Brakes) { b.Minimum = 1001 }), crowd(900, 1000, ann), ""},
		{"left, partial", "who is not in a part has not left", thousand, partial, crowd(0, 1, ann), ""},
		{"shrunk, uncertain", "nobody knows who has left, but many are missing", thousand, nil, append(crowd(202, 1000, ann), "-,Ann,Poe"), "shrunk"},
		{"shrunk, doubled", "half of it twice is half of it", thousand, off(func(b *splio.Brakes) { b.Left = 1 }), append(crowd(0, 500, ann), crowd(0, 500, ann)...), "shrunk"},

		{"inserted, at the limit", "of the records, which are more", crowd(0, 700, ann), nil, thousand, ""},
		{"inserted, above", "one more", crowd(0, 699, ann), nil, thousand, "inserted"},
		{"inserted, after a pilot", "of the records, however few were there before", crowd(0, 5, ann), nil, thousand, "inserted"},
		{"inserted, few", "99 records say nothing", crowd(0, 5, ann), nil, crowd(0, 99, ann), ""},
		{"inserted, partial", "of the contacts sent before, which are more: repaired records may all be new", thousand, partial, crowd(1000, 1300, ann), ""},
		{"inserted, partial, above", "too large for a part", thousand, partial, crowd(1000, 1301, ann), "inserted"},
		{"inserted, insert off", "they are new all the same", crowd(0, 699, ann), func(a *splio.Activation) { a.Insert = false }, thousand, "inserted"},
		{"inserted, off", "1 is off", crowd(0, 5, ann), off(func(b *splio.Brakes) { b.Inserted = 1 }), thousand, ""},

		{"changed, at the limit", "half passes", thousand, nil, crowd(0, 1000, below(500, "Eve")), ""},
		{"changed, above", "one more does not, nor does its column", thousand, nil, crowd(0, 1000, below(501, "Eve")), "changed, column-changed firstname"},
		{"changed, column off", "each by itself", thousand, off(func(b *splio.Brakes) { b.ColumnChanged = 1 }), crowd(0, 1000, below(501, "Eve")), "changed"},
		{"column, changed off", "each by itself", thousand, off(func(b *splio.Brakes) { b.Changed = 1 }), crowd(0, 1000, below(501, "Eve")), "column-changed firstname"},
		{"changed, some left", "of those that are still there", thousand, nil, crowd(200, 1000, below(601, "Eve")), "changed, column-changed firstname"},
		{"changed, few", "99 say nothing", crowd(0, 99, ann), nil, crowd(0, 99, below(99, "Eve")), ""},
		{"changed, partial", "of all that were sent: a part may consist of changes", thousand, partial, crowd(0, 500, below(500, "Eve")), ""},
		{"refresh", "who is due has not changed", thousand, refresh, thousand, ""},
		{"refresh, changed", "who is due may have changed as well", thousand, refresh, crowd(0, 1000, below(501, "Eve")), "changed, column-changed firstname"},
		{"a new column", "it is planned", thousand, func(a *splio.Activation) { a.Mapping.Custom = []string{"last"} }, thousand, ""},
		{"a new column, and changes", "they count beside it", thousand, func(a *splio.Activation) { a.Mapping.Custom = []string{"last"} },
			crowd(0, 1000, below(501, "Eve")), "changed, column-changed firstname"},
		{"a column less", "it is planned", thousand, func(a *splio.Activation) { a.Mapping.Fields = a.Mapping.Fields[1:] }, thousand, ""},

		{"rejected, at the limit", "a fifth passes", thousand, must, append(crowd(0, 1000, ann), bad(250)...), ""},
		{"rejected, above", "one more", thousand, must, append(crowd(0, 1000, ann), bad(251)...), "rejected"},
		{"rejected, first", "it needs nothing to compare with", nil, must, append(crowd(0, 1000, ann), bad(251)...), "rejected"},
		{"rejected, few", "99 records say nothing", crowd(0, 90, ann), must, append(crowd(0, 90, ann), bad(9)...), ""},
		{"rejected, off", "1 is off", thousand, func(a *splio.Activation) { must(a); a.Brakes.Rejected = 1 }, append(crowd(0, 1000, ann), bad(251)...), ""},
		{"rejected, conflicting", "they are rejected, though each may be valid", nil, nil, append(crowd(0, 100, ann), crowd(0, 100, below(100, "Eve"))...), "rejected"},

		{"invalid, at the limit", "half passes", nil, phone, crowd(0, 1000, func(i int) string { return []string{"+33639980117", "06 39"}[i%2] }), ""},
		{"invalid, above", "one more, on the first run too", nil, phone, crowd(0, 1001, func(i int) string { return []string{"06 39", "+33639980117"}[i%2] }), "column-invalid cellphone"},
		{"invalid, absent", "however it is left out", nil, func(a *splio.Activation) { phone(a); a.Mapping.Fields[0].Invalid = mapping.Absent },
			crowd(0, 1000, func(int) string { return "06 39" }), "column-invalid cellphone"},
		{"invalid, rejected", "or the record rejected for it", nil, func(a *splio.Activation) { phone(a); a.Mapping.Fields[0].Invalid = mapping.Reject },
			crowd(0, 1000, func(int) string { return "06 39" }), "rejected, column-invalid cellphone"},
		{"invalid, empty", "a value that is not there is not invalid", nil, phone, crowd(0, 1000, func(int) string { return "-" }), ""},
		{"invalid, off", "1 is off", nil, func(a *splio.Activation) { phone(a); a.Brakes.ColumnInvalid = 1 }, crowd(0, 1000, func(int) string { return "06 39" }), ""},
		{"a tight limit", "hardly anything passes", thousand, off(func(b *splio.Brakes) { b.Changed = 1e-9 }), crowd(0, 1000, below(1, "Eve")), "changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newActivation(t)
			if tt.before != nil {
				mustRun(t, a, segment(append([]string{head}, tt.before...)...), new(drop))
			}
			a.Now = march(15)
			a.Mapping.Fields = slices.Clone(a.Mapping.Fields)
			if tt.set != nil {
				tt.set(&a)
			}
			src := segment(append([]string{head}, tt.now...)...)
			preview, err := a.Preview(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(hits(preview.Brakes), ", "); got != tt.want {
				t.Errorf("%s: a preview hits %q, want %q: %v", tt.reason, got, tt.want, preview.Brakes)
			}
			p, err := a.Plan(t.Context(), src)
			if p == nil {
				t.Fatal(err)
			}
			counts(t, &p.Report)
			if diff := cmp.Diff(preview.Brakes, p.Report.Brakes); diff != "" {
				t.Errorf("the plan reads something else: %s", diff)
			}
			braked, ok := errors.AsType[*splio.BrakeError](err)
			if ok != (tt.want != "") || !ok && err != nil || (p.State == splio.PlanBraked) != ok {
				t.Fatalf("%s: a plan that is %s, error %v", tt.reason, p.State, err)
			}
			if ok && (braked.Plan != p.ID || strings.Join(hits(braked.Readings), ", ") != tt.want) {
				t.Errorf("%s: the error says %+v", tt.reason, braked)
			}
			for _, r := range p.Report.Brakes {
				if r.Brake != splio.BrakeEmpty && (r.Share != float64(r.Count)/float64(r.Total) || r.Hit != (r.Share > r.Limit) || r.Share > 1) {
					t.Errorf("a reading that does not add up: %+v", r)
				}
			}
		})
	}
}

// A plan that is braked is sent by nothing but its release.
func TestBraked(t *testing.T) {
	a := newActivation(t)
	u, d := newUniverse(true), new(drop)
	mustRun(t, a, day1, d)
	a.Now, a.Brakes = march(15), splio.Brakes{Minimum: 1, Changed: 0.1}
	report, err := a.Run(t.Context(), day2, untouched{t})
	braked, ok := errors.AsType[*splio.BrakeError](err)
	if !ok || report == nil || report.Plan != braked.Plan || report.Files[0].Delivered {
		t.Fatalf("got %+v, %v", report, err)
	}
	want := []splio.BrakeReading{{Brake: splio.BrakeChanged, Count: 1, Total: 2, Share: 0.5, Limit: 0.1, Hit: true}}
	if diff := cmp.Diff(want, braked.Readings); diff != "" {
		t.Error(diff)
	}
	for _, part := range []string{braked.Plan, "changed: 1 of the 2 contacts", "50%", "limit 10%", "usually", "mend the segment and run again", "release this plan"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
	p, err := a.Pending(t.Context())
	if err != nil || p.State != splio.PlanBraked {
		t.Fatalf("pending: %+v, %v", p, err)
	}
	if diff := cmp.Diff(*report, p.Report); diff != "" {
		t.Errorf("a report that comes from disk: %s", diff)
	}
	before := tree(t, a.State)
	if r, err := p.Apply(t.Context(), untouched{t}); !errors.As(err, new(*splio.BrakeError)) || r.Plan != p.ID {
		t.Errorf("applied: %+v, %v", r, err)
	}
	if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
		t.Error(diff)
	}
	// Nobody has released it: it makes way, once the segment is mended.
	a.Brakes.Changed = 0.5
	mended := mustPlan(t, a, day2)
	if err := p.Release(t.Context(), "too late"); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("release of a plan that was replaced: %v", err)
	}
	if mended.State != splio.PlanReady {
		t.Errorf("the new plan is %s", mended.State)
	}

	a.Brakes.Changed = 0.1
	p = mustBrake(t, a, day2)
	if err := p.Release(t.Context(), "a wedding"); err != nil || p.State != splio.PlanReleased {
		t.Fatalf("released: %s, %v", p.State, err)
	}
	a.Brakes.Changed, a.Brakes.Inserted = 1, 1
	a.Brakes.ColumnChanged = 1
	r := mustRun(t, a, day3, d)
	if r.Resumed == nil || r.Resumed.Plan != p.ID || r.Resumed.Reason != "a wedding" || !slices.Equal(hits(r.Resumed.Brakes), []string{"changed"}) {
		t.Errorf("resumed %+v", r.Resumed)
	}
	u.imports(t, d)
	if diff := cmp.Diff(after3, u.contacts); diff != "" {
		t.Error(diff)
	}
	settled(t, a.State)
}

// A run that ends an earlier plan and is braked then reports both.
func TestBrakedAfterResume(t *testing.T) {
	a := newActivation(t)
	d := &drop{faults: map[int]fault{0: {err: errLine}}}
	if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	r, err := a.Run(t.Context(), segment(head), d)
	if !errors.As(err, new(*splio.BrakeError)) || r.Resumed == nil || !r.Resumed.Files[0].Delivered {
		t.Errorf("got %+v, %v", r, err)
	}
	if p, err := a.Pending(t.Context()); err != nil || p.State != splio.PlanBraked {
		t.Errorf("pending: %+v, %v", p, err)
	}
}

// A braked plan makes way for what changes the state, as a ready one does.
func TestBrakedAndResend(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	mustBrake(t, a, segment(head))
	keys := maps.All(map[string]error{"ann@example.net": nil})
	if n, _, err := a.Resend(t.Context(), day1, keys, 0); err != nil || n != 1 {
		t.Errorf("%d marked, %v", n, err)
	}
	settled(t, a.State)
}

func TestBrakeColumns(t *testing.T) {
	a := newActivation(t)
	lines := func(first, last int) []string {
		out := []string{head}
		for i := range 100 {
			out = append(out, fmt.Sprintf("u%d@example.net,%v,%v", i, i < first, i < last))
		}
		return out
	}
	mustRun(t, a, segment(lines(0, 0)...), new(drop))
	for _, tt := range []struct {
		reason      string
		first, last int
		want        []string
	}{
		{"the nearest", 10, 20, []string{"lastname 20"}},
		{"all that hit", 60, 70, []string{"firstname 60", "lastname 70"}},
		{"those that hit alone", 60, 20, []string{"firstname 60"}},
		{"none, when nothing changed", 0, 0, nil},
	} {
		r, err := a.Preview(t.Context(), segment(lines(tt.first, tt.last)...))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range r.Brakes {
			if b.Brake == splio.BrakeColumnChanged {
				got = append(got, fmt.Sprint(b.Column, " ", b.Count))
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: read %q, want %q", tt.reason, got, tt.want)
		}
	}
}

func TestBrakesConfig(t *testing.T) {
	a := newActivation(t)
	a.Brakes = splio.Brakes{Shrunk: -0.1, Left: 1.1, Inserted: math.NaN(), Changed: math.Inf(1), Rejected: -1, ColumnChanged: 2, ColumnInvalid: -1, Minimum: -1}
	a.Retain, a.Waiting = -1, "never"
	err := a.Check(t.Context(), day1)
	if !errors.Is(err, splio.ErrConfig) {
		t.Fatal(err)
	}
	for _, field := range []string{"Shrunk", "Left", "Inserted", "Changed", "Rejected", "ColumnChanged", "ColumnInvalid", "Minimum"} {
		if !strings.Contains(err.Error(), "Brakes."+field+" ") {
			t.Errorf("nothing about %s: %v", field, err)
		}
	}
	for _, field := range []string{"Retain", "Waiting"} {
		if !strings.Contains(err.Error(), "Activation."+field+" ") {
			t.Errorf("nothing about %s: %v", field, err)
		}
	}
}

// The names in JSON are for other programs.
func TestBrakeReadingJSON(t *testing.T) {
	got, err := json.Marshal(splio.BrakeReading{Brake: splio.BrakeColumnInvalid, Column: "points", Count: 3, Total: 4, Share: 0.75, Limit: 0.5, Hit: true})
	if want := `{"brake":"column-invalid","column":"points","count":3,"total":4,"share":0.75,"limit":0.5,"hit":true}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestBrakeErrorInALog(t *testing.T) {
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	braked := &splio.BrakeError{Plan: "P1", Readings: []splio.BrakeReading{
		{Brake: splio.BrakeShrunk, Count: 4, Total: 10, Share: 0.6, Limit: 0.2, Hit: true},
		{Brake: splio.BrakeColumnChanged, Column: "points", Count: 9, Total: 10, Share: 0.9, Limit: 0.5, Hit: true},
	}}
	log.Error("look", "braked", braked)
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "braked.plan=P1 braked.brakes=\"shrunk: ") || !strings.Contains(got, `; column-changed \"points\": `) {
		t.Errorf("logged %s", got)
	}
}
