package planview

import (
	"fmt"
	"strings"

	"github.com/spliosync/spliosync/splio"
)

// headline says what happens to how many contacts.
func headline(r *splio.Report, v Verdict) string {
	will, cannot := "will be", "cannot be sent"
	switch v {
	case Stopped:
		will = "would be"
	case Sent:
		will, cannot = "were", "could not be sent"
	}
	var parts []string
	add := func(n int64, done string) {
		switch {
		case n == 0:
		case len(parts) > 0:
			parts = append(parts, number(n)+" "+done)
		case n == 1 && will == "were":
			parts = append(parts, "1 contact was "+done)
		default:
			parts = append(parts, count(n, "contact")+" "+will+" "+done)
		}
	}
	add(r.Updated, "updated")
	add(r.Inserted, "added")
	add(r.LeftRows, "changed for having left")
	add(r.Deleted, "deleted")
	switch {
	case r.Plan == "" && r.Resumed != nil:
		return "Nothing new was planned: the run got no further than the delivery of an earlier plan."
	case v == Stopped && r.Read == 0:
		return "Stopped before sending: the segment is empty."
	case v == Stopped && len(parts) == 0:
		parts = append(parts, "no contact would be updated or added")
		if r.Rejected > 0 {
			parts = append(parts, count(r.Rejected, "record")+" "+cannot)
		}
	case len(parts) > 0 && r.Rejected > 0:
		parts = append(parts, number(r.Rejected)+" "+cannot)
	case r.Rejected > 0:
		parts = append(parts, "nothing to send: "+count(r.Rejected, "record")+" "+cannot)
	case len(parts) == 0:
		parts = append(parts, "nothing to send: no contact is new or has changed")
	}
	s := strings.Join(parts, ", ") + "."
	if v == Stopped {
		return "Stopped before sending: " + s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// next says how far the plan is.
func (v *View) next() string {
	files := len(v.Report.Files)
	switch v.Verdict {
	case Sent:
		return "All files have arrived at the destination."
	case Sending:
		return fmt.Sprintf("The delivery has begun: %d of %s arrived. The next run goes on with it.", delivered(v.Report.Files), count(int64(files), "file"))
	case Released:
		return "This plan was approved: the next run sends it."
	case Nothing:
		return "There is nothing to do."
	case Stopped:
		if n := len(v.Stops); n != 1 {
			return fmt.Sprintf("Nothing was sent, because the numbers are far from usual in %s. Please look at them.", count(int64(n), "way"))
		}
		return "Nothing was sent, because the numbers are far from usual. Please look at them."
	}
	if v.preview() {
		return "This is a preview: nothing was sent or kept."
	}
	return "Nothing was sent yet."
}

// checks are what may go wrong with the delivery.
func checks(r *splio.Report) []string {
	out := []string{}
	if len(r.Unverified) > 0 {
		out = append(out, "Make sure that Splio has "+plural(int64(len(r.Unverified)), "this attribute", "these attributes")+", or it skips the whole file: "+list(r.Unverified)+".")
	}
	var suffixed []string
	var replaced int64
	for _, f := range r.Files {
		if f.SuffixUnconfirmed {
			suffixed = append(suffixed, f.Name)
		}
		replaced += f.Replaced
	}
	if len(suffixed) > 0 {
		out = append(out, "Ask Splio whether it takes a file name with such a suffix after the date, which nobody has confirmed: "+list(suffixed)+".")
	}
	for _, d := range r.Doubts {
		out = append(out, sentence(d))
	}
	if len(r.Waiting) > 0 {
		out = append(out, "Splio has not yet taken files of earlier plans: "+list(r.Waiting)+".")
	}
	if r.WaitingUnknown {
		out = append(out, "The destination did not let us look whether files of earlier plans still wait there.")
	}
	if replaced > 0 {
		out = append(out, fmt.Sprintf("Characters that the file can not hold were replaced in %s %s.", number(replaced), plural(replaced, "place", "places")))
	}
	if r.HistorySkipped != "" {
		out = append(out, sentence(r.HistorySkipped))
	}
	return out
}

// notes are what is good to know.
func notes(r *splio.Report) []string {
	out := []string{}
	if r.Resumed != nil {
		s := "An earlier plan was delivered first"
		if r.Resumed.Plan != "" {
			s += ": " + r.Resumed.Plan
		}
		out = append(out, sentence(s))
	}
	if r.Reason != "" {
		out = append(out, "The reason given for releasing it: "+sentence(r.Reason))
	}
	if r.First {
		out = append(out, "This is the first run: nothing was sent before, so every record that can be sent is sent.")
	}
	for _, c := range r.Columns {
		if c.Added && !r.First {
			out = append(out, fmt.Sprintf("The attribute %s is new: %s sent before %s a value in it.", c.Name, count(c.Changed, "contact"), plural(c.Changed, "has", "have")))
		}
	}
	if len(r.Dropped) > 0 {
		out = append(out, "Not sent any more: "+list(r.Dropped)+". Splio keeps the values it has.")
	}
	if r.Left > 0 {
		out = append(out, count(r.Left, "contact")+" sent before "+plural(r.Left, "is", "are")+" not in the segment any more. "+aboutLeft(r))
	}
	if r.Uncertain > 0 {
		out = append(out, count(r.Uncertain, "contact")+" sent before "+plural(r.Uncertain, "is", "are")+" not in the segment, but maybe only by mistake. Nothing is sent about "+plural(r.Uncertain, "it", "them")+" or forgotten.")
	}
	if r.LeftSkipped != "" {
		out = append(out, "Contacts that left the segment: "+strings.TrimSuffix(r.LeftSkipped, ".")+".")
	}
	if r.UnchangedCells > 0 {
		out = append(out, count(r.UnchangedCells, "value")+" that did not change "+plural(r.UnchangedCells, "goes", "go")+" along in the rows of contacts sent before. Where the same value was edited in Splio, that edit is overwritten.")
	}
	return out
}

// average compares the plan with the runs before it.
func (v *View) average() []string {
	var sum float64 // not an integer: numbers from elsewhere may be of any size
	n := 0
	for _, h := range v.History {
		if arrived(h) {
			sum += float64(h.Inserted) + float64(h.Updated)
			n++
		}
	}
	if n < 2 {
		return nil
	}
	return []string{fmt.Sprintf("The last %d delivered runs had %s rows on average; this plan has %s.",
		n, number(int64(sum/float64(n)+0.5)), number(v.Report.Inserted+v.Report.Updated))}
}

// tally is one line of where the records of the segment went.
type tally struct {
	name, explain string
	n             int64
}

// tallies are the counts that make up the number of records read.
func tallies(r *splio.Report) []tally {
	return []tally{
		{"Added", "new contacts; one that Splio knows already is updated", r.Inserted},
		{"Updated", "contacts with a changed value, or sent again", r.Updated},
		{"Unchanged", "the same as last time: nothing is sent", r.Unchanged},
		{"Cannot be sent", "for the reasons listed below", r.Rejected},
		{"Duplicates", "surplus records of a contact that is there already", r.Duplicate},
		{"Held back", "new, and not among the contacts known to Splio", r.HeldBack},
	}
}

// aboutLeft says what is done about those who left.
func aboutLeft(r *splio.Report) string {
	switch {
	case r.Deleted > 0:
		return count(r.Deleted, "contact") + plural(r.Deleted, " is", " are") + " to be deleted in Splio."
	case r.LeftRows > 0:
		return count(r.LeftRows, "row") + plural(r.LeftRows, " takes", " take") + " lists or attributes from them in Splio."
	}
	return "Nothing is sent about " + plural(r.Left, "it", "them") + "."
}
