package splio_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio"
)

// nights are delivered runs over so many records, of which so many have changed.
func nights(n int, read, changed int64) (runs []splio.RunRecord) {
	for i := range n {
		runs = append(runs, splio.RunRecord{Plan: fmt.Sprint("P", i), Outcome: splio.OutcomeDelivered, Read: read, Changed: changed, Time: march(1), Finished: march(1)})
	}
	return runs
}

func TestUsually(t *testing.T) {
	night := func(set func(*splio.RunRecord)) []splio.RunRecord {
		r := nights(1, 1000, 10)
		set(&r[0])
		return r
	}
	first := night(func(r *splio.RunRecord) { r.First, r.Changed = true, 1000 })
	sunday := nights(1, 1000, 900)
	for _, tt := range []struct {
		name, reason  string
		runs          []splio.RunRecord
		n             int
		read, changed int64
	}{
		{"none", "a new state", nil, 0, 0, 0},
		{"six", "no whole week", nights(6, 1000, 10), 0, 0, 0},
		{"seven", "a whole week", nights(7, 1000, 10), 7, 1000, 10},
		{"the first and six", "the first says nothing", slices.Concat(first, nights(6, 1000, 10)), 0, 0, 0},
		{"the first and seven", "nor does it count beside others", slices.Concat(first, nights(7, 1000, 10)), 7, 1000, 10},
		{"thirteen", "the last whole week", slices.Concat(nights(6, 5000, 50), nights(7, 1000, 10)), 7, 1000, 10},
		{"fourteen", "two weeks", slices.Concat(nights(7, 5000, 50), nights(7, 1000, 10)), 14, 3000, 30},
		{"many", "no more than four", slices.Concat(nights(300, 5000, 50), nights(28, 1000, 10)), 28, 1000, 10},
		{"a day of the week", "it is in any week once", slices.Concat(nights(3, 1000, 10), sunday, nights(6, 1000, 10)), 7, 1000, 137},
		{"not delivered", "what was stopped, failed or given up says nothing", slices.Concat(nights(6, 1000, 10),
			night(func(r *splio.RunRecord) { r.Outcome = splio.OutcomeBraked }), night(func(r *splio.RunRecord) { r.Outcome = splio.OutcomeFailed }),
			night(func(r *splio.RunRecord) { r.Outcome = splio.OutcomeDiscarded })), 0, 0, 0},
		{"nothing to send", "that is usual too", slices.Concat(nights(6, 1000, 14), night(func(r *splio.RunRecord) { r.Outcome, r.Changed = splio.OutcomeNothing, 0 })), 7, 1000, 12},
		{"a part", "it says nothing of the whole", slices.Concat(nights(7, 1000, 10), night(func(r *splio.RunRecord) { r.Partial, r.Read = true, 5 })), 7, 1000, 10},
		{"released", "the new usual begins", slices.Concat(nights(30, 1000, 10), night(func(r *splio.RunRecord) { r.Released = true }), nights(5, 2000, 20)), 0, 0, 0},
		{"released, a week ago", "and counts itself", slices.Concat(nights(30, 1000, 10), night(func(r *splio.RunRecord) { r.Released, r.Read = true, 2700 }), nights(6, 2000, 20)), 7, 2100, 19},
		{"huge", "numbers from elsewhere do no harm", nights(7, math.MaxInt64/2, math.MaxInt64/2), 7, math.MaxInt64/2 + 1, math.MaxInt64/2 + 1},
	} {
		if n, read, changed := splio.Usually(tt.runs); n != tt.n || read != tt.read || changed != tt.changed {
			t.Errorf("%s: %s: %d runs, %d read, %d changed; want %d, %d, %d", tt.name, tt.reason, n, read, changed, tt.n, tt.read, tt.changed)
		}
	}
}

// What comes once a week never hits Rows, whatever the height of it and the night
// on which one looks, from the first whole week on.
func TestWeeklyRhythm(t *testing.T) {
	for _, peak := range []int64{2_000, 50_000, 1_000_000} {
		var runs []splio.RunRecord
		for night := range 100 {
			changed := int64(100)
			if night%7 == 3 {
				changed = peak
			}
			if n, _, mean := splio.Usually(runs); n > 0 && float64(changed) >= 7*float64(mean) {
				t.Errorf("night %d: %d changed, and usually %d", night, changed, mean)
			}
			runs = append(runs, nights(1, 1_000_000, changed)...)
		}
	}
}

func TestDeviation(t *testing.T) {
	many := crowd(0, 3000, ann)
	loose := func(set func(*splio.Activation)) func(*splio.Activation) { // of the other brakes
		return func(a *splio.Activation) {
			b := &a.Brakes
			b.Shrunk, b.Left, b.Inserted, b.Changed, b.Rejected, b.ColumnChanged = 1, 1, 1, 1, 1, 1
			if set != nil {
				set(a)
			}
		}
	}
	tests := []struct {
		name, reason string
		past         []splio.RunRecord
		set          func(*splio.Activation)
		now          []string
		want         string
	}{
		{"a quiet night", "nothing is unusual", nights(7, 3000, 100), nil, many, ""},
		{"no history", "there is nothing to compare with", nil, loose(nil), crowd(0, 9000, ann), ""},
		{"six runs", "too few to compare with", nights(6, 3000, 100), loose(nil), crowd(0, 9000, ann), ""},

		{"size, smaller, at the limit", "half of the usual passes", nights(7, 3000, 100), loose(nil), crowd(0, 1500, ann), ""},
		{"size, smaller", "one less does not", nights(7, 3000, 100), loose(nil), crowd(0, 1499, ann), "size"},
		{"size, larger, at the limit", "half more passes", nights(7, 2000, 100), nil, many, ""},
		{"size, larger", "one more does not, though nobody is new", nights(7, 2000, 100), nil, append(slices.Clone(many), many[0]), "size"},
		{"size, doubled", "a join that went wrong: no other brake sees it", nights(14, 3000, 100), nil, slices.Concat(many, many), "size"},
		{"size, slowly", "each night passes the other brakes", nights(28, 7000, 100), nil, many, "size"},
		{"size, few", "less than Minimum on average says nothing", nights(7, 99, 1), loose(nil), crowd(0, 1000, ann), ""},
		{"size, off", "1 is off, at three times the usual too", nights(7, 1000, 100), loose(func(a *splio.Activation) { a.Brakes.Size = 1 }), many, ""},
		{"size, tight", "a limit of its own", nights(7, 3100, 100), loose(func(a *splio.Activation) { a.Brakes.Size = 0.01 }), many, "size"},
		{"size, partial", "a part has no usual size", nights(7, 9000, 100), func(a *splio.Activation) { a.Partial = true }, many, ""},

		{"rows, at the limit", "ten times the usual passes", nights(7, 3000, 120), nil, crowd(0, 3000, below(1200, "Eve")), ""},
		{"rows", "one more does not", nights(7, 3000, 120), nil, crowd(0, 3000, below(1201, "Eve")), "rows"},
		{"rows, new ones", "they count as well", nights(7, 3000, 50), loose(nil), crowd(0, 4100, ann), "rows"},
		{"rows, usually none", "one is taken for the mean of none", nights(7, 3000, 0), nil, crowd(0, 3000, below(1001, "Eve")), "rows"},
		{"rows, few", "up to 1000 say nothing", nights(7, 3000, 1), nil, crowd(0, 3000, below(1000, "Eve")), ""},
		{"rows, few of the segment", "nor do 5% of it", nights(7, 24000, 1), loose(nil), slices.Repeat(crowd(0, 3000, below(1200, "Eve")), 8), ""},
		{"rows, off", "1 is off", nights(7, 3000, 1), loose(func(a *splio.Activation) { a.Brakes.Rows = 1 }), crowd(0, 3000, below(2900, "Eve")), ""},
		{"rows, tight", "a limit of its own", nights(7, 3000, 800), loose(func(a *splio.Activation) { a.Brakes.Rows = 1.5 }), crowd(0, 3000, below(1201, "Eve")), "rows"},
		{"rows, refresh", "who is sent again has not changed", nights(7, 3000, 1), func(a *splio.Activation) { a.Refresh = true }, many, ""},
		{"rows, a new column", "it is planned", nights(7, 3000, 1), func(a *splio.Activation) { a.Mapping.Custom = []string{"last"} }, many, ""},
		{"rows, partial", "a part has no usual number", nights(7, 3000, 1), func(a *splio.Activation) { a.Partial = true }, crowd(0, 3000, below(1400, "Eve")), ""},
		{"both", "each by itself", nights(7, 9000, 1), loose(nil), crowd(0, 3000, below(1500, "Eve")), "size, rows"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newActivation(t)
			a.Format.MaxLines = 0
			mustRun(t, a, segment(append([]string{head}, many...)...), new(drop))
			writeHistory(t, a, tt.past)
			a.Now = march(15)
			if tt.set != nil {
				tt.set(&a)
			}
			src := segment(append([]string{head}, tt.now...)...)
			r, err := a.Preview(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(hits(r.Brakes), ", "); got != tt.want {
				t.Errorf("%s: a preview hits %q, want %q: %v", tt.reason, got, tt.want, r.Brakes)
			}
			p, err := a.Plan(t.Context(), src)
			braked, ok := errors.AsType[*splio.BrakeError](err)
			if ok != (tt.want != "") || !ok && err != nil {
				t.Fatalf("%s: a plan that is %v, error %v", tt.reason, p, err)
			}
			if ok && strings.Join(hits(braked.Readings), ", ") != tt.want {
				t.Errorf("%s: the error says %+v", tt.reason, braked)
			}
			if ok && strings.Join(hits(p.Report.Brakes), ", ") != fmtBrakes(mustHistory(t, a)) {
				t.Errorf("the history says %s", fmtBrakes(mustHistory(t, a)))
			}
		})
	}
}

// fmtBrakes are the brakes of the last run.
func fmtBrakes(runs []splio.RunRecord) string {
	var names []string
	for _, b := range runs[len(runs)-1].Brakes {
		names = append(names, string(b))
	}
	return strings.Join(names, ", ")
}

// Both are told in words, with numbers, cause and the ways on.
func TestDeviationText(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, segment(append([]string{head}, crowd(0, 3000, ann)...)...), new(drop))
	writeHistory(t, a, nights(7, 7000, 100))
	p := mustBrake(t, a, segment(append([]string{head}, crowd(0, 3000, below(1250, "Eve"))...)...))
	want := []string{
		"size: 3000 records, and usually 7000 (57.14%, limit 50%); usually the extract is of something else, a filter came to it or went away, or it has records more than once",
		"rows: 1250 contacts are new or have changed, and usually 100 (12.5 times, limit 10 times); usually one of the fields is written in another way for some of them, or the extract is of another day",
	}
	var got []string
	for _, r := range p.Report.Brakes {
		if r.Hit {
			got = append(got, r.String())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := p.Apply(t.Context(), untouched{t}); err == nil || !strings.HasSuffix(err.Error(), "mend the segment and run again; or, when it is right as it is, release this plan") {
		t.Errorf("the error is %v", err)
	}
	// Once it is released, it is the new usual.
	if err := p.Release(t.Context(), "a shop was sold"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), new(drop)); err != nil {
		t.Fatal(err)
	}
	a.Now = march(15)
	mustRun(t, a, segment(append([]string{head}, crowd(0, 3000, below(2500, "Eve"))...)...), new(drop))
}

func TestDeviationConfig(t *testing.T) {
	a := newActivation(t)
	for _, b := range []splio.Brakes{{Size: -0.1}, {Size: 1.1}, {Size: math.NaN()}, {Rows: 0.5}, {Rows: -1}, {Rows: math.NaN()}, {Rows: math.Inf(1)}} {
		a.Brakes = b
		want := "Brakes.Size is "
		if b.Rows != 0 {
			want = "Brakes.Rows is "
		}
		if err := a.Check(t.Context(), day1); !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", b, err)
		}
	}
	for _, b := range []splio.Brakes{{Size: 1, Rows: 1}, {Size: 0.01, Rows: 1.5}, {Rows: 1000}} {
		a.Brakes = b
		if err := a.Check(t.Context(), day1); err != nil {
			t.Errorf("%+v: %v", b, err)
		}
	}
}
