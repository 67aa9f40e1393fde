package splio

import (
	"fmt"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// sentences say for people what was found. They hold neither key nor value.
func (x *explainer) sentences() (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if x.out.Verdict == VerdictNoKey {
		x.sayNoKey(say)
		x.sayRecords(say)
		return out
	}
	if x.first {
		x.sayPending(say)
	}
	x.sayVerdict(say)
	x.sayRecords(say)
	x.sayState(say)
	if !x.first && x.out.Pending != nil {
		x.sayPending(say)
	}
	return out
}

type sayer func(format string, args ...any)

func (x *explainer) sayNoKey(say sayer) {
	say("There can be no contact with this key: %s. A record that has it is rejected.", x.out.Reason)
	switch {
	case x.out.Found > 0:
		say("%s this key, and nothing is sent: mend the key at its source.", count(x.out.Found, "record of the segment has", "records of the segment have"))
	case x.out.Unusable > 0:
		say("No record of the segment has it just so, but %s no usable key: the rejections of a preview name the lines.", count(x.out.Unusable, "record has", "records have"))
	case x.segment:
		say("No record of the segment has it just so: ask for the key as it stands there.")
	}
}

// sayVerdict says what the next plan does.
func (x *explainer) sayVerdict(say sayer) {
	o := &x.out
	const brake = ", unless a brake stops the plan as a whole"
	sub := x.Destination.Subsequence
	if o.Verdict == VerdictNew && x.Insert && x.Destination.Creating != "" {
		sub = x.Destination.Creating
	}
	switch o.Verdict {
	case VerdictNew:
		x.sayNew(say, sub, brake)
	case VerdictChanged:
		say("The contact was sent before and has changed in %s: the next plan sends a row about it to sub-sequence %q%s.", strings.Join(o.Columns, ", "), sub, brake)
	case VerdictDue:
		what := "nothing has changed"
		if len(o.Columns) > 0 {
			what = "it has changed in " + strings.Join(o.Columns, ", ")
		}
		say("The contact was sent before, and is due, %s; %s. The next plan sends a full row about it to sub-sequence %q%s.", x.dueFor(), what, sub, brake)
	case VerdictUnchanged:
		say("The contact was sent before, just as it is now: the next plan sends nothing about it. If Splio does not show that, look at Splio's report on the file; resend the contact, or refresh, to have it sent once more.")
	case VerdictHeldBack:
		say("The contact is held back: it is new, and not among the known keys, which say what Splio has. Nothing is sent about it; the next run looks at it again. Bring the known keys up to date if Splio has it; in insert mode it would be created.")
	case VerdictRejected:
		say("The contact is rejected with %s, and nothing is sent about it: mend what is named below at its source, or feed the repaired records back.", records(o.Found))
	case VerdictConflict:
		say("The contact is rejected: %s of it say different things, and no policy for duplicates says which one counts. Nothing is sent about it: leave one of them at the source, or let the first or the last one win.", records(x.valid))
	case VerdictLeft:
		say("The contact is not in the segment and was sent before: it counts as left. %s", x.leaves())
	case VerdictKept:
		why := "the segment is partial"
		if !x.Partial {
			why = fmt.Sprintf("%s no usable key, and one of them may be about it", count(o.Unusable, "record of the segment has", "records of the segment have"))
		}
		say("The contact is not in the segment and was sent before, but it does not count as left, since %s: it keeps its state, and nothing is sent about it.", why)
	case VerdictUnknown:
		if !x.segment {
			say("The state remembers nothing of the contact: it was never delivered from here, or has left since, or was forgotten.")
			break
		}
		say("The contact is not in the segment, and the state remembers nothing of it: it was never delivered from here, or has left since, or was forgotten. Look at how the segment is made, and whether its key is written in another way there.")
		if o.Unusable > 0 {
			say("%s about the contact: the rejections of a preview name the lines.", count(o.Unusable, "record of the segment has no usable key and may be", "records of the segment have no usable key, and one of them may be"))
		}
	case VerdictRemembered:
		say("The contact was sent before. What the next plan does about it depends on the segment, and none was given.")
	}
}

// sayNew says what is done about a new contact.
func (x *explainer) sayNew(say sayer, sub, brake string) {
	how := "The contact is new"
	if x.base != nil {
		how = "The contact counts as new: it was sent before, but nobody knows that Splio has it"
	}
	switch {
	case x.Insert:
		say("%s: the next plan sends a row about it to sub-sequence %q, which is to create it%s.", how, sub, brake)
	case x.Known != nil:
		say("%s, and it is among the known keys: the next plan sends a row about it to sub-sequence %q, which updates it%s.", how, sub, brake)
	default:
		say("%s: the next plan sends a row about it to sub-sequence %q%s. Insert mode is off, so that Splio ignores the row unless it has the contact; in insert mode it would be created.", how, sub, brake)
	}
}

// dueFor says why a contact is due.
func (x *explainer) dueFor() string {
	var why []string
	if x.Refresh {
		why = append(why, "since this run refreshes")
	}
	if b := x.base; b != nil && b.Due {
		mark := "since it was marked to be sent again"
		if b.Reports > 0 {
			mark += fmt.Sprintf(", as reported %s before", countOf(b.Reports))
		}
		why = append(why, mark)
	}
	return strings.Join(why, " and ")
}

// leaves says what is done about a contact that has left.
func (x *explainer) leaves() string {
	if !x.Left.on() {
		return "Nothing is sent about it, and the next run that is delivered drops it from the state."
	}
	var what []string
	if x.Left.Delete != "" {
		what = append(what, fmt.Sprintf("deleted through sub-sequence %q", x.Left.Delete))
	}
	if len(x.Left.Unsubscribe) > 0 {
		what = append(what, "taken off lists")
	}
	if len(x.Left.Clear) > 0 {
		what = append(what, "cleared of "+strings.Join(x.Left.Clear, ", "))
	}
	return fmt.Sprintf("It is to be %s, if its key is kept: Report.LeftSkipped of a preview says why not.", strings.Join(what, " and "))
}

// sayRecords says what becomes of the records.
func (x *explainer) sayRecords(say sayer) {
	o := &x.out
	several := o.Found > 1 && x.valid > 0 && o.Verdict != VerdictConflict
	if several {
		which := ""
		switch {
		case o.Duplicate == 0:
		case x.Duplicates == diff.FirstWins:
			which = ", being the first"
		case x.Duplicates == diff.LastWins:
			which = ", being the last"
		default:
			which = ", and the others say the same"
		}
		say("The segment has %s of it, of which %s is taken%s: %d duplicate, %d rejected.", records(o.Found), x.taken.where(), which, o.Duplicate, o.Rejected)
	}
	for _, r := range o.Records {
		for _, why := range r.Rejections {
			what := why.Reason
			if why.Field != "" {
				what = fmt.Sprintf("field %q: %s", why.Field, why.Reason)
			}
			switch why.Action {
			case mapping.Rejected:
				say("%s is rejected: %s.", capital(r.where()), what)
			case mapping.Blanked:
				say("%s: %s, so that %s is sent empty.", capital(r.where()), what, why.Attribute)
			case mapping.Omitted:
				say("%s: %s, so that %s is not sent.", capital(r.where()), what, why.Attribute)
			default:
				say("%s: %s, %s.", capital(r.where()), what, why.Action)
			}
		}
		if r.Verdict == VerdictConflict {
			say("%s is one of those that say different things.", capital(r.where()))
		}
	}
	if n := o.Found - int64(len(o.Records)); n > 0 {
		say("%s not told of here.", count(n, "more record is", "more records are"))
	}
}

// sayState says what the current snapshot remembers.
func (x *explainer) sayState(say sayer) {
	s := x.out.Snapshot
	if s == nil {
		return
	}
	switch x.out.Verdict {
	case VerdictRejected, VerdictConflict:
		say("It was sent before, and keeps that state: it has not left.")
	case VerdictHeldBack:
		say("It was sent before, while nobody knew whether Splio has it; that is forgotten.")
	}
	if s.Unconfirmed && (x.out.Verdict == VerdictUnchanged || x.out.Verdict == VerdictChanged || x.out.Verdict == VerdictDue || x.out.Verdict == VerdictRemembered) {
		say("Nobody knows that Splio has it: it was sent in update mode, where Splio ignores contacts that it does not have, or was to be deleted. In insert mode it counts as new.")
	}
	if s.Due && x.out.Verdict != VerdictDue {
		say("It is marked to be sent again by the next run that has a valid record of it.")
	}
	if s.Reports > 0 {
		say("Since its row last changed it was reported and sent again %s.", countOf(s.Reports))
	}
}

// sayPending says what the plan in the outbox does.
func (x *explainer) sayPending(say sayer) {
	p := x.out.Pending
	knows := map[Verdict]string{
		VerdictNew:       "has the contact as new",
		VerdictChanged:   "has the contact as changed in " + strings.Join(p.Columns, ", "),
		VerdictDue:       "has the contact as due",
		VerdictUnchanged: "has the contact as it was sent before",
		VerdictLeft:      "does not have the contact any more, which was sent before",
		VerdictUnknown:   "knows nothing of the contact",
		"":               "is delivered but for tidying up",
	}[p.Verdict]
	if p.Verdict == "" && p.State == discarding {
		knows = "is half cleared away"
	}
	var names []string
	for _, f := range p.Files {
		name := f.Name
		if f.Delivered {
			name += " (delivered)"
		}
		names = append(names, name)
	}
	row := "It has no row about it."
	if len(names) > 0 {
		row = "A row about it is in " + strings.Join(names, ", ") + "."
	}
	state := string(p.State)
	if p.State == PlanApplying {
		state = "on its way"
	}
	then := ""
	switch {
	case p.State == discarding:
		state = "being given up"
		then = " What of it may have been sent is sent again by the next run."
	case p.Verdict == "":
	case x.first:
		then = " The next run delivers it first; what follows is as of then."
	case p.State == PlanBraked:
		then = " Nothing of it is sent unless it is released; the next run makes another plan in its place."
	case p.State == PlanReady:
		then = " Nothing of it is sent unless it is applied; the next run makes another plan in its place."
	}
	say("A plan in the outbox, %s, %s. %s%s", state, knows, row, then)
}

// where names a record.
func (r ExplainedRecord) where() string {
	if r.Line > 0 {
		return fmt.Sprintf("record %d (line %d)", r.Record, r.Line)
	}
	return fmt.Sprintf("record %d", r.Record)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func records(n int64) string { return count(n, "record", "records") }

func countOf(n int) string { return count(int64(n), "time", "times") }

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
