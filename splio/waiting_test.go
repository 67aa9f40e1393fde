package splio_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spliosync/spliosync/splio"
)

const (
	file14 = "acme_contacts_crm_20250314.csv"
	file15 = "acme_contacts_crm_20250315.csv"
)

func TestReportWaiting(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	if r := mustRun(t, a, day1, d); r.Waiting != nil || r.WaitingUnknown || !slices.Equal(d.calls, []string{"size " + file14, "put " + file14}) {
		t.Errorf("first: %+v", r)
	}
	a.Now = march(15)
	if r := mustRun(t, a, day2, d); !slices.Equal(r.Waiting, []string{file14}) {
		t.Errorf("second: %q wait", r.Waiting)
	}
	if err := d.Remove(file14); err != nil {
		t.Fatal(err)
	}
	if r := mustRun(t, a, day2, untouched{t}); r.Waiting != nil { // nothing is sent, nor looked for
		t.Errorf("nothing to send: %q wait", r.Waiting)
	}
	a.Now = march(16)
	if r := mustRun(t, a, day3, d); !slices.Equal(r.Waiting, []string{file15}) {
		t.Errorf("third: %q wait", r.Waiting)
	}
	// What was taken once is not asked for again.
	d.take(t)
	d.calls = nil
	a.Now = march(17)
	if r := mustRun(t, a, day1, d); r.Waiting != nil || slices.Contains(d.calls, "size "+file14) || !slices.Contains(d.calls, "size "+file15) {
		t.Errorf("fourth: %q wait, calls %q", r.Waiting, d.calls)
	}
}

// A destination that does not let us look is no reason to stop, unless somebody
// wants to know.
func TestWaitingUnknown(t *testing.T) {
	for _, w := range []splio.Waiting{splio.ReportWaiting, splio.AwaitWaiting, splio.RefuseWaiting} {
		t.Run("policy "+string(w), func(t *testing.T) {
			a := newActivation(t)
			a.Waiting = w
			d := &drop{noSize: true}
			mustRun(t, a, day1, d) // there is nothing to look for
			a.Now = march(15)
			r, err := a.Run(t.Context(), day2, d)
			if w == splio.ReportWaiting {
				if err != nil || !r.WaitingUnknown || r.Waiting != nil {
					t.Errorf("got %+v, %v", r, err)
				}
				d.noSize, a.Now = false, march(16)
				if r := mustRun(t, a, day3, d); !slices.Equal(r.Waiting, []string{file14, file15}) {
					t.Errorf("then %q wait", r.Waiting)
				}
				return
			}
			if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, splio.ErrConfig) || len(d.arrived) != 1 {
				t.Errorf("got %v, %d arrived", err, len(d.arrived))
			}
		})
	}
}

func TestRefuseWaiting(t *testing.T) {
	for _, state := range []splio.PlanState{splio.PlanReady, splio.PlanReleased} {
		t.Run(string(state), func(t *testing.T) {
			a := newActivation(t)
			a.Waiting = splio.RefuseWaiting
			d := new(drop)
			mustRun(t, a, day1, d)
			a.Now = march(15)
			p := mustPlan(t, a, day2)
			if state == splio.PlanReleased {
				if err := p.Release(t.Context(), "x"); err != nil {
					t.Fatal(err)
				}
			}
			if r, err := p.Apply(t.Context(), d); !errors.Is(err, splio.ErrWaiting) || !strings.Contains(err.Error(), file14) || !slices.Equal(r.Waiting, []string{file14}) {
				t.Errorf("got %+v, %v", r, err)
			}
			if p, err := a.Pending(t.Context()); err != nil || p.State != state || len(d.arrived) != 1 {
				t.Fatalf("pending: %+v, %v; arrived %d", p, err, len(d.arrived))
			}
			d.take(t)
			if r, err := p.Apply(t.Context(), d); err != nil || r.Waiting != nil {
				t.Errorf("then %+v, %v", r, err)
			}
			settled(t, a.State)
		})
	}
}

// A plan on its way is ended: the files that are there are its own.
func TestResumeDoesNotLook(t *testing.T) {
	a := newActivation(t)
	a.Waiting, a.Format.MaxLines = splio.RefuseWaiting, 2
	d := &drop{faults: map[int]fault{1: {err: errLine}}}
	if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	d.faults = nil
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), d); err != nil || len(d.arrived) != 2 {
		t.Errorf("%v, %d arrived", err, len(d.arrived))
	}
}

func TestAwaitWaiting(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		waitFor      time.Duration
		taken        time.Duration // 0: never
		cancel       time.Duration // 0: never
		after        time.Duration // that it ends
		want         error
	}{
		{"taken", "5, 10, 20 seconds between looks", 0, 30 * time.Second, 0, 35 * time.Second, nil},
		{"taken late", "then a minute", 0, 10 * time.Minute, 0, 10*time.Minute + 15*time.Second, nil},
		{"never taken", "an hour by default", 0, 0, 0, time.Hour, splio.ErrWaiting},
		{"bound", "not a second more", 12 * time.Second, 0, 0, 12 * time.Second, splio.ErrWaiting},
		{"taken at the bound", "it looks once more at its end", 12 * time.Second, 11 * time.Second, 0, 12 * time.Second, nil},
		{"cancelled", "at once", -1, 0, 90*time.Minute + time.Second, 90*time.Minute + time.Second, errLine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newActivation(t)
				a.Waiting, a.WaitFor = splio.AwaitWaiting, tt.waitFor
				d := new(drop)
				mustRun(t, a, day1, d)
				a.Now = march(15)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, func() { cancel(errLine) })
				}
				if tt.taken > 0 {
					time.AfterFunc(tt.taken, func() { d.take(t) })
				}
				begin := time.Now()
				r, err := a.Run(ctx, day2, d)
				if took := time.Since(begin); took != tt.after || !errors.Is(err, tt.want) {
					t.Errorf("%s: ended after %v, want %v: %v", tt.reason, took, tt.after, err)
				}
				p, perr := a.Pending(t.Context())
				switch {
				case tt.want == nil:
					if r.Waiting != nil || len(d.arrived) != 2 {
						t.Errorf("%q wait, %d arrived", r.Waiting, len(d.arrived))
					}
				case perr != nil || p.State != splio.PlanReady || len(d.arrived) != 1:
					t.Errorf("pending: %+v, %v; %d arrived", p, perr, len(d.arrived))
				}
			})
		})
	}
}

// Each name is a round trip, so that only the latest are looked for.
func TestManyWaiting(t *testing.T) {
	a := newActivation(t)
	a.Format.MaxLines = 2
	d := new(drop)
	mustRun(t, a, segment(append([]string{head}, crowd(0, 103, ann)...)...), d)
	a.Now, a.Waiting = march(15), splio.RefuseWaiting
	p := mustPlan(t, a, segment(append([]string{head}, crowd(0, 104, ann)...)...))
	d.calls = nil
	r, err := p.Apply(t.Context(), d)
	if !errors.Is(err, splio.ErrWaiting) || len(d.calls) != 100 || len(r.Waiting) != 100 || r.Waiting[99] != "acme_contacts_crm_20250314_103.csv" {
		t.Errorf("%d looked for, %d wait: %v", len(d.calls), len(r.Waiting), err)
	}
	if !strings.Contains(fmt.Sprint(err), " and 95 more") {
		t.Errorf("got %v", err)
	}
}

func TestRetain(t *testing.T) {
	a := newActivation(t)
	a.Retain = 2
	d := new(drop)
	kept := func() (stamps []string) {
		for _, name := range files(t, a.State) {
			if dir, file := filepath.Split(name); strings.HasPrefix(dir, "sent/") && file == "0001.csv" {
				stamps = append(stamps, strings.TrimPrefix(dir, "sent/")[:8])
			}
		}
		return stamps
	}
	for n, src := range []struct {
		day  int
		want []string
	}{
		{14, []string{"20250314"}},
		{15, []string{"20250314", "20250315"}},
		{16, []string{"20250315", "20250316"}},
		{13, []string{"20250313", "20250316"}}, // the clock was set back: the plan itself stays
	} {
		a.Now = march(src.day)
		r := mustRun(t, a, segment(head, fmt.Sprintf("ann@example.net,Ann%d,Lee", n)), d)
		if got := kept(); !slices.Equal(got, src.want) {
			t.Errorf("day %d: kept %q, want %q", src.day, got, src.want)
		}
		dir := filepath.Join(a.State, "sent", march(src.day).Format("20060102T150405Z-")+r.Plan)
		if got, err := d.ReadFile(r.Files[0].Name); err != nil || string(got) != string(read(t, filepath.Join(dir, "0001.csv"))) {
			t.Errorf("what is kept is not what was sent: %v", err)
		}
		if manifest := string(read(t, filepath.Join(dir, "manifest"))); !strings.Contains(manifest, r.Files[0].SHA256) {
			t.Errorf("the manifest that is kept says nothing of the file: %s", manifest)
		}
	}
	// A plan without files is none to keep.
	mustRun(t, a, segment(head, "ann@example.net,Ann3,Lee"), untouched{t})
	if got := kept(); len(got) != 2 {
		t.Errorf("after a quiet night: %q", got)
	}
	a.Retain = 0
	mustRun(t, a, segment(head, "ann@example.net,Ann3,Lee"), untouched{t})
	settled(t, a.State)
}
