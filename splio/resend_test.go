package splio_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio"
)

func each(keys ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, k := range keys {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// What Splio reports as bad is sent again as a full row, so many times.
func TestResend(t *testing.T) {
	a := newActivation(t)
	a.Rows = splio.ChangedOnly
	d := new(drop)
	mustRun(t, a, day1, d)
	ready := mustPlan(t, a, day2)
	report := "row;contact;why\n1;ANN@example.net;bad\n2;zoe@example.net;worse\n"
	again := func(most int) (marked, spent int64) {
		t.Helper()
		marked, spent, err := a.Resend(t.Context(), day1, splio.ReadKeys(strings.NewReader(report), splio.KeysOptions{Column: "contact"}), most)
		if err != nil {
			t.Fatal(err)
		}
		return marked, spent
	}
	if marked, spent := again(1); marked != 1 || spent != 0 {
		t.Errorf("marked %d, spent %d", marked, spent)
	}
	settled(t, a.State) // the plan that was ready is gone
	if err := ready.Discard(t.Context()); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("a plan from before: %v", err)
	}
	a.Now = march(15)
	if r := mustRun(t, a, day1, d); r.Updated != 1 || r.Unchanged != 1 {
		t.Errorf("got %+v", r)
	}
	if got, want := d.arrived[len(d.arrived)-1].content, "email;firstname;lastname\nann@example.net;Ann;Lee\n"; got != want {
		t.Errorf("sent %q, want the full row %q", got, want)
	}
	if marked, spent := again(1); marked != 0 || spent != 1 {
		t.Errorf("the second time: marked %d, spent %d", marked, spent)
	}
	if marked, _ := again(0); marked != 1 {
		t.Errorf("without a limit: marked %d", marked)
	}
	a.Now = march(16)
	if r := mustRun(t, a, day1, d); r.Updated != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestResendRefused(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	mustRun(t, a, day1, d)
	if _, _, err := a.Resend(t.Context(), day1, each("ann@example.net"), 8); err == nil {
		t.Error("a limit above the largest passes")
	}
	if _, _, err := a.Resend(t.Context(), day1, each("no address"), 0); err == nil {
		t.Error("keys of no form pass")
	}
	a.Now = march(15)
	mustRun(t, a, day1, d) // neither has done any harm
	p := mustPlan(t, a, day2)
	if err := p.Release(t.Context(), "checked"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Resend(t.Context(), day1, each("ann@example.net"), 0); !errors.Is(err, splio.ErrPending) {
		t.Errorf("while a plan is released: %v", err)
	}
	if r := mustRun(t, a, day2, d); r.Resumed == nil {
		t.Error("the released plan is gone")
	}
}
