package planview_test

import (
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// What became of a run is said in words, in text and on the page.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		why    string
		run    splio.RunRecord
		want   string
		marked bool
	}{
		{"the usual night", splio.RunRecord{Outcome: splio.OutcomeDelivered}, "delivered", false},
		{"somebody has looked at it", splio.RunRecord{Outcome: splio.OutcomeDelivered, Released: true, Brakes: []splio.Brake{splio.BrakeLeft}}, "delivered, released", false},
		{"a night without changes", splio.RunRecord{Outcome: splio.OutcomeNothing}, "nothing to send", false},
		{"why it was stopped", splio.RunRecord{Outcome: splio.OutcomeBraked, Brakes: []splio.Brake{splio.BrakeSize, splio.BrakeRows}}, "braked (size, rows)", true},
		{"what failed", splio.RunRecord{Outcome: splio.OutcomeFailed, Failure: "waiting"}, "failed (waiting)", true},
		{"it had no plan", splio.RunRecord{Outcome: splio.OutcomeFailed, Failure: "reading", Partial: true}, "failed (reading)", true},
		{"it was given up", splio.RunRecord{Outcome: splio.OutcomeDiscarded}, "discarded", true},
		{"a word of a later version", splio.RunRecord{Outcome: "postponed"}, "postponed", true},
	} {
		c.run.Time, c.run.Read = day, 5
		v := planview.New(usual(), planview.Options{History: []splio.RunRecord{c.run}})
		if out := text(t, v, planview.TextOptions{}); !strings.Contains(out, "  "+c.want+"\n") {
			t.Errorf("%s: want %q in\n%s", c.why, c.want, out)
		}
		page := html(t, v)
		if !strings.Contains(page, "<td>"+c.want+"</td>") {
			t.Errorf("%s: the page lacks %q", c.why, c.want)
		}
		_, chart, _ := strings.Cut(page, `<figure class="chart">`)
		if strings.Contains(chart, "mark below") != c.marked || strings.Contains(chart, "1 of them not delivered") != c.marked {
			t.Errorf("%s: marked as not delivered: %v", c.why, !c.marked)
		}
	}
}

// That the history could not be used is something to look at.
func TestHistorySkipped(t *testing.T) {
	r := usual()
	r.HistorySkipped = "the file history in the state is damaged"
	if v := planview.New(r, planview.Options{}); v.Checks[len(v.Checks)-1] != "The file history in the state is damaged." {
		t.Errorf("to look at: %q", v.Checks)
	}
}
