package planview

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spliosync/spliosync/splio"
)

// version is that of the keys of JSON.
const version = 1

// Options are what a view shows besides the report. The zero value shows only the
// report.
type Options struct {
	// Title says what the contacts are: "Contacts for Splio" when empty.
	Title string

	// Time is when the plan was made: [splio.Plan] has it. It is shown in its own
	// time zone; the zero Time is not shown.
	Time time.Time

	// State is the state of the plan that the report is about. When it is empty, the
	// view takes the state from the report: a plan none of whose files has arrived
	// then counts as not being sent, and as approved only if the report has a Reason.
	State splio.PlanState

	// Release tells the reader how to release the plan, such as by a command. By
	// default it is the call in Go.
	Release string

	// History are earlier runs, oldest first, as [splio.Activation.History] returns
	// them. The last [MaxRuns] are shown.
	History []splio.RunRecord

	// Samples are rows to look at. They are personal data: without them a view
	// holds no value of any contact.
	Samples []Sample
}

// MaxRuns is the number of earlier runs that a view shows.
const MaxRuns = 30

// Verdict says in one word where a plan stands.
type Verdict string

// The verdicts.
const (
	Ready    Verdict = "ready"    // no brake was hit, and nobody has approved it
	Stopped  Verdict = "stopped"  // a brake was hit
	Released Verdict = "released" // somebody has approved it
	Sending  Verdict = "sending"  // files are or may be on their way
	Sent     Verdict = "sent"     // all files have arrived
	Nothing  Verdict = "nothing"  // there is nothing to send
)

// View is what a plan would do, in words and numbers. It is plain data; its
// methods only read it, and may be called from several goroutines.
type View struct {
	Version  int       `json:"version"`
	Title    string    `json:"title"`
	Verdict  Verdict   `json:"verdict"`
	Headline string    `json:"headline"`
	Next     string    `json:"next"`
	Time     time.Time `json:"time,omitzero"`

	Stops  []Stop   `json:"stops"`  // brakes that were hit
	Ways   []Way    `json:"ways"`   // what a reader can do now
	Checks []string `json:"checks"` // to look at before the plan is sent
	Notes  []string `json:"notes"`  // good to know

	Report  splio.Report      `json:"report"`
	History []splio.RunRecord `json:"history,omitempty"` // oldest first
	Samples []Sample          `json:"samples,omitempty"`
}

// Stop is a brake that was hit.
type Stop struct {
	Brake   splio.Brake `json:"brake"`
	Column  string      `json:"column,omitempty"` // the attribute, for a brake that applies to each attribute
	Numbers string      `json:"numbers"`          // a sentence
	Cause   string      `json:"cause"`            // the usual cause, a sentence
}

// Way is one of the things that a reader can do.
type Way struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Code  string `json:"code,omitempty"`
}

// New makes the view of a report. The view may share memory with the report: do not
// change the report while the view is used. A nil report counts as that of a run that
// found nothing.
func New(report *splio.Report, o Options) *View {
	v := &View{Version: version, Title: o.Title, Time: o.Time}
	if report != nil {
		v.Report = *report
	}
	if v.Title == "" {
		v.Title = "Contacts for Splio"
	}
	r := &v.Report // JSON has lists where there are none
	r.Rejections, r.Columns = orEmpty(r.Rejections), orEmpty(r.Columns)
	r.Brakes, r.Files = orEmpty(r.Brakes), orEmpty(r.Files)
	v.History = slices.Clone(o.History[max(0, len(o.History)-MaxRuns):])
	v.Samples = slices.Clone(o.Samples)

	v.Stops = []Stop{}
	for _, b := range r.Brakes {
		if b.Hit {
			w := wordsOf(b)
			v.Stops = append(v.Stops, Stop{Brake: b.Brake, Column: b.Column, Numbers: sentence(w.numbers), Cause: sentence(w.cause)})
		}
	}
	v.Verdict = verdict(r, o.State)
	v.Headline = headline(r, v.Verdict)
	v.Next = v.next()
	v.Ways = v.ways(o.Release)
	v.Checks = checks(r)
	v.Notes = append(notes(r), v.average()...)
	return v
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// JSON writes the view as indented JSON, with the keys that the package comment
// lists.
func (v *View) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("planview: write JSON: %w", err)
	}
	return nil
}

func verdict(r *splio.Report, state splio.PlanState) Verdict {
	arrived := delivered(r.Files)
	hit := slices.ContainsFunc(r.Brakes, func(b splio.BrakeReading) bool { return b.Hit })
	switch {
	case arrived > 0 && arrived == len(r.Files):
		return Sent
	case arrived > 0 || state == splio.PlanApplying:
		return Sending
	case state == splio.PlanReleased || r.Reason != "":
		return Released
	case hit || state == splio.PlanBraked:
		return Stopped
	case len(r.Files) == 0:
		return Nothing
	}
	return Ready
}

func delivered(files []splio.File) (n int) {
	for _, f := range files {
		if f.Delivered {
			n++
		}
	}
	return n
}

// preview reports whether the report is that of a preview, which has no plan to release.
func (v *View) preview() bool { return v.Report.Plan == "" }

func (v *View) ways(release string) []Way {
	if release == "" {
		release = `plan.Release(ctx, "why it is right")`
	}
	switch {
	case v.Verdict == Stopped && v.preview():
		return []Way{
			{Title: "Mend the segment", Text: "If the numbers are wrong: correct the data, and look again."},
			{Title: "Release the plan", Text: "If the numbers are right: make the plan, which will stop at the same brakes, and approve it once with the reason. A preview alone can not be released.", Code: release},
		}
	case v.Verdict == Stopped:
		return []Way{
			{Title: "Mend the segment", Text: "If the numbers are wrong: correct the data, and run again. Nothing of this plan was sent, and the next run replaces it."},
			{Title: "Release this plan", Text: "If the numbers are right: approve it once, with the reason. The next run sends it as it is, before it makes another.", Code: release},
		}
	case v.Verdict == Ready && !v.preview():
		return []Way{
			{Title: "Approve this plan", Text: "The next run sends exactly these files, before it makes another plan.", Code: release},
			{Title: "Leave it", Text: "A plan that nobody has approved is not kept: the next run makes a new one of the data of that time, and sends it unless a brake stops it."},
		}
	}
	return []Way{}
}
