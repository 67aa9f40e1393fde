package splio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

func mustHistory(t testing.TB, a splio.Activation) []splio.RunRecord {
	t.Helper()
	runs, err := a.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// writeHistory gives a state a history of these runs.
func writeHistory(t *testing.T, a splio.Activation, runs []splio.RunRecord) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"scope": "universe acme, key email", "runs": runs})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(a.State, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(a.State, "history"), sealBody("history", body))
}

// Whatever becomes of a plan is in the history, once.
func TestHistory(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	var want []splio.RunRecord
	check := func(why string, made int, r splio.RunRecord) {
		t.Helper()
		r.Time, r.Finished = march(made), a.Now
		want = append(want, r)
		got := mustHistory(t, a)
		for _, r := range got {
			if len(r.Plan) != 26 || len(r.Mapping) != 16 || r.Duration <= 0 || r.Time.Location() != time.UTC || (r.Bytes > 0) != (r.Rows > 0) {
				t.Errorf("%s: %+v", why, r)
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(splio.RunRecord{}, "Plan", "Mapping", "Duration", "Bytes")); diff != "" {
			t.Fatalf("%s: %s", why, diff)
		}
	}
	again := func() { want = want[:len(want)-1] } // the same plan has another outcome

	if got := mustHistory(t, a); got != nil {
		t.Errorf("of a state that is not there: %+v", got)
	}
	mustRun(t, a, day1, d)
	check("the first run", 14, splio.RunRecord{Outcome: splio.OutcomeDelivered, Read: 2, Inserted: 2, Changed: 2, Files: 1, Rows: 2, First: true})
	a.Now = march(15)
	mustRun(t, a, day1, untouched{t})
	check("nothing to send", 15, splio.RunRecord{Outcome: splio.OutcomeNothing, Read: 2, Unchanged: 2})

	a.Now, a.Brakes = march(16), splio.Brakes{Minimum: 1, Changed: 0.1}
	mustBrake(t, a, day2)
	braked := splio.RunRecord{Outcome: splio.OutcomeBraked, Read: 2, Unchanged: 1, Updated: 1, Changed: 1, Brakes: []splio.Brake{splio.BrakeChanged}}
	check("braked", 16, braked)
	a.Now = march(17)
	p := mustBrake(t, a, day2)
	check("braked once more", 17, braked)
	if err := p.Release(t.Context(), ""); err != nil { // without a reason too
		t.Fatal(err)
	}
	again()
	a.Now = march(18)
	a.Brakes = splio.Brakes{}
	r := mustRun(t, a, day2, d)
	if r.Resumed == nil {
		t.Fatal("the released plan was not sent")
	}
	released := braked
	released.Outcome, released.Released, released.Files, released.Rows = splio.OutcomeDelivered, true, 1, 1
	released.Time, released.Finished = march(17), march(18)
	want = append(want, released)
	check("released, delivered, and nothing after it", 18, splio.RunRecord{Outcome: splio.OutcomeNothing, Read: 2, Unchanged: 2})

	a.Now = march(19)
	for _, tt := range []struct {
		why     string
		set     func() context.Context
		failure string
	}{
		{"the line is dead, and the file may have arrived", func() context.Context {
			d.calls, d.faults = nil, map[int]fault{0: {err: errLine}}
			return t.Context()
		}, "delivery"},
		{"somebody stops it", func() context.Context {
			ctx, cancel := context.WithCancelCause(t.Context())
			d.block = func(context.Context, string) { cancel(errLine) }
			d.faults = nil
			return ctx
		}, "interrupted"},
	} {
		if _, err := a.Run(tt.set(), day3, d); !errors.Is(err, errLine) {
			t.Fatal(err)
		}
		check(tt.why, 19, splio.RunRecord{Outcome: splio.OutcomeFailed, Failure: tt.failure, Read: 3, Unchanged: 1, Inserted: 1, Updated: 1, Changed: 2, Files: 1, Rows: 2})
		again()
	}
	d.block, d.faults = nil, nil
	late, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("discarded", 19, splio.RunRecord{Outcome: splio.OutcomeDiscarded, Read: 3, Unchanged: 1, Inserted: 1, Updated: 1, Changed: 2, Files: 1, Rows: 2})

	a.Now, a.Waiting = march(20), splio.RefuseWaiting
	if _, err := a.Run(t.Context(), day3, d); !errors.Is(err, splio.ErrWaiting) {
		t.Fatal(err)
	}
	check("files wait", 20, splio.RunRecord{Outcome: splio.OutcomeFailed, Failure: "waiting", Read: 3, Unchanged: 1, Inserted: 1, Updated: 1, Changed: 2})
	a.Now, a.Waiting, a.Partial, a.Refresh = march(21), "", true, true
	mustRun(t, a, day2, d)
	check("a part, sent again", 21, splio.RunRecord{Outcome: splio.OutcomeDelivered, Read: 2, Updated: 2, Partial: true, Files: 1, Rows: 2})

	a.Partial, a.Refresh = false, false
	before := mustHistory(t, a)
	if _, err := a.Preview(t.Context(), day3); err != nil {
		t.Fatal(err)
	}
	mustPlan(t, a, day3) // and nobody approves it
	mustPlan(t, a, day2)
	if diff := cmp.Diff(before, mustHistory(t, a)); diff != "" {
		t.Errorf("what is no run: %s", diff)
	}
}

// A crash anywhere leaves each delivered plan in the history once, and the power
// cut that TestSimulation has beside it.
func (w *world) remembered(t *testing.T, what string) {
	t.Helper()
	seen := make(map[string]bool)
	runs := mustHistory(t, w.Activation)
	for _, r := range runs {
		if seen[r.Plan] && r.Plan != "" { // without a plan it failed before
			t.Errorf("%s: plan %s is twice in the history", what, r.Plan)
		}
		seen[r.Plan] = true
		if r.Outcome == splio.OutcomeDelivered && r.Rows != r.Inserted+r.Updated {
			t.Errorf("%s: %+v", what, r)
		}
	}
	if last := runs[len(runs)-1]; last.Outcome != splio.OutcomeNothing {
		t.Errorf("%s: the last run is %+v", what, last)
	}
}

// What a run of this mapping has in common with the next is its fingerprint.
func TestHistoryMapping(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	mustRun(t, a, day1, new(drop))
	a.Mapping.Custom = []string{"last"}
	mustRun(t, a, day1, new(drop))
	runs := mustHistory(t, a)
	if runs[0].Mapping != runs[1].Mapping || runs[1].Mapping == runs[2].Mapping {
		t.Errorf("%s, %s, %s", runs[0].Mapping, runs[1].Mapping, runs[2].Mapping)
	}
}

// The history is bounded, and the oldest runs go.
func TestHistoryBound(t *testing.T) {
	a := newActivation(t)
	var runs []splio.RunRecord
	for i := range 400 {
		runs = append(runs, splio.RunRecord{Plan: fmt.Sprint("PLAN", i), Outcome: splio.OutcomeDelivered, Time: march(1), Read: 1 << 40, Mapping: "0123456789abcdef"})
	}
	writeHistory(t, a, runs)
	mustRun(t, a, day1, new(drop))
	r := mustRun(t, a, day1, new(drop))
	got := mustHistory(t, a)
	if len(got) != 400 || got[0].Plan != "PLAN2" || got[399].Plan != r.Plan {
		t.Errorf("%d runs, from %s to %s", len(got), got[0].Plan, got[len(got)-1].Plan)
	}
	if info, err := os.Stat(filepath.Join(a.State, "history")); err != nil || info.Size() > 400*500 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}

// The history names nobody: neither a key nor a value nor what somebody has written.
func TestHistoryNamesNobody(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, segment(head, "ann@example.net,Ann,Lee", "secret address,Ann,Lee"), new(drop))
	a.Brakes = splio.Brakes{Minimum: 1, Changed: 0.01, Rejected: 0.01}
	p := mustBrake(t, a, segment(head, "ann@example.net,Zoe,Lee", "secret address,Ann,Lee"))
	if err := p.Release(t.Context(), "Zoe has called"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), new(drop)); err != nil {
		t.Fatal(err)
	}
	said := errors.New("secret@example.net: no such Ann")
	for _, src := range []mapping.Source{brokenSource{Source: day1, records: said}, brokenSource{Source: day1, fields: said}} {
		if _, err := a.Run(t.Context(), src, new(drop)); !errors.Is(err, said) {
			t.Fatal(err)
		}
	}
	data := read(t, filepath.Join(a.State, "history"))
	for _, s := range []string{"ann@", "Ann", "Lee", "Zoe", "called", "secret", "example.net"} {
		if bytes.Contains(data, []byte(s)) {
			t.Errorf("the history has %q", s)
		}
	}
	if runs := mustHistory(t, a); len(runs) != 4 || !runs[1].Released || runs[1].Outcome != splio.OutcomeDelivered {
		t.Errorf("%+v", runs)
	}
}

func TestHistoryErrors(t *testing.T) {
	a := newActivation(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errLine)
	if _, err := a.History(ctx); !errors.Is(err, errLine) {
		t.Errorf("an ended context: %v", err)
	}
	a.State = filepath.Join(t.TempDir(), "file")
	write(t, a.State, nil)
	if _, err := a.History(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "splio: ") {
		t.Errorf("no directory: %v", err)
	}
}

// The names in JSON are for other programs, and for later versions.
func TestRunRecordJSON(t *testing.T) {
	got, err := json.Marshal(splio.RunRecord{
		Plan: "P", Outcome: splio.OutcomeFailed, Failure: "delivery", Time: march(14), Finished: march(15), Duration: time.Second, Mapping: "0a",
		Read: 1, Rejected: 2, Duplicate: 3, HeldBack: 4, Unchanged: 5, Inserted: 6, Updated: 7, Changed: 8, Left: 9, Uncertain: 10, LeftRows: 11, Deleted: 12,
		Files: 13, Rows: 14, Bytes: 15, First: true, Partial: true, Released: true, Brakes: []splio.Brake{splio.BrakeRows},
	})
	want := `{"plan":"P","outcome":"failed","failure":"delivery","time":"2025-03-14T12:00:00Z","finished":"2025-03-15T12:00:00Z","duration_ns":1000000000,` +
		`"mapping":"0a","read":1,"rejected":2,"duplicate":3,"held_back":4,"unchanged":5,"inserted":6,"updated":7,"changed":8,"left":9,"uncertain":10,` +
		`"left_rows":11,"deleted":12,"files":13,"rows":14,"bytes":15,"first":true,"partial":true,"released":true,"brakes":["rows"]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

// A process that was killed after it had braked a plan, and before that was in the
// history, leaves that to the next one.
func TestHistoryBrakedLate(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	path := filepath.Join(a.State, "history")
	before := read(t, path)
	a.Brakes = splio.Brakes{Minimum: 1, Changed: 0.1}
	p := mustBrake(t, a, day2)
	write(t, path, before)
	a.Brakes = splio.Brakes{}
	r := mustRun(t, a, day2, new(drop))
	runs := mustHistory(t, a)
	if len(runs) != 3 || runs[1].Plan != p.ID || runs[1].Outcome != splio.OutcomeBraked || runs[2].Plan != r.Plan {
		t.Errorf("%+v", runs)
	}
}
