package splio

import (
	"cmp"
	"slices"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// Report says what a plan found and what became of its files. The counts of
// records balance:
//
//	Read = Rejected + Duplicate + HeldBack + Unchanged + Inserted + Updated
type Report struct {
	// Plan identifies the plan; it is empty in the report of [Activation.Preview].
	Plan string `json:"plan,omitempty"`
	// Reason was given to [Plan.Release], if the plan was released.
	Reason string `json:"reason,omitempty"`

	Read      int64 `json:"read"`      // records of the segment
	Rejected  int64 `json:"rejected"`  // not sent, with a reason
	Duplicate int64 `json:"duplicate"` // not sent, since another record with the key is taken
	HeldBack  int64 `json:"held_back"` // new, and not among the known keys
	Unchanged int64 `json:"unchanged"` // nothing to send
	Inserted  int64 `json:"inserted"`  // rows for records not sent before, where contacts may be created
	Updated   int64 `json:"updated"`   // all other rows

	// Candidates counts the records that the [Differ] gave out to be rendered; it
	// knew that the others are unchanged. It is 0 without a Differ.
	Candidates int64 `json:"candidates,omitempty"`

	Left int64 `json:"left"` // keys sent before that are not in the segment any more
	// Uncertain counts keys that are not in the segment but keep their state,
	// because the segment is partial or has records without a usable key, one of
	// which may be theirs. They are not among Left.
	Uncertain int64 `json:"uncertain"`
	// LeftRows counts the rows that unsubscribe contacts that have left or clear
	// their attributes, and Deleted counts the rows that delete them, as
	// [Activation.Left] says. These rows are not among Inserted and Updated.
	// LeftSkipped says in a sentence why Activation.Left does nothing about some or
	// all of these contacts; it is empty when there is no reason.
	LeftRows    int64  `json:"left_rows,omitempty"`
	Deleted     int64  `json:"deleted,omitempty"`
	LeftSkipped string `json:"left_skipped,omitempty"`
	First       bool   `json:"first"` // nothing was ever delivered from this state

	// Rejections counts the faults of values, whether or not the record was rejected
	// for them, by field, attribute, reason and action.
	Rejections []RejectionCount `json:"rejections"`
	// Columns counts the changes by attribute, without the key, in mapping order.
	Columns []ColumnCount `json:"columns"`
	// Dropped are the attributes that were sent before and that the mapping lacks now.
	Dropped []string `json:"dropped,omitempty"`
	// Unverified are custom columns that nobody has declared to exist in the
	// universe; if one of them does not exist, Splio skips the whole file.
	Unverified []string `json:"unverified,omitempty"`
	// UnchangedCells counts the cells, other than the key, that are sent although
	// they did not change, in rows about contacts that were sent before.
	UnchangedCells int64 `json:"unchanged_cells"`
	// Doubts are sentences about what the plan relies on although the import
	// configuration does not state it.
	Doubts []string `json:"doubts,omitempty"`
	// Brakes says how near the plan came to each of the [Brakes], in the order of
	// their fields, without those that do not apply. A brake that applies to each
	// attribute is listed with the attributes that hit it, or else with the one that
	// came nearest.
	Brakes []BrakeReading `json:"brakes"`
	// Files are the files of the plan; none when there is nothing to send.
	Files []File `json:"files"`

	// Waiting are the files of earlier plans that were still in the drop directory
	// when the delivery began, the latest 100 at most. WaitingUnknown says that it is
	// not known whether there are any, because looking failed or the destination does
	// not allow it. See [Activation.Waiting].
	Waiting        []string `json:"waiting,omitempty"`
	WaitingUnknown bool     `json:"waiting_unknown,omitempty"`

	// HistorySkipped says in a sentence why the run is not in the history and was not
	// compared with it. It is empty when the run is in the history. See
	// [Activation.History].
	HistorySkipped string `json:"history_skipped,omitempty"`

	// Resumed is the report of an earlier plan whose delivery this run completed first.
	Resumed *Report `json:"resumed,omitempty"`
}

// RejectionCount counts the rejections with the same field, attribute, reason and action.
type RejectionCount struct {
	Field     string         `json:"field"`     // of the segment; empty when the record as a whole is meant
	Attribute string         `json:"attribute"` // of the contact
	Reason    string         `json:"reason"`
	Action    mapping.Action `json:"action"`
	Count     int64          `json:"count"`
}

// ColumnCount counts the records that were sent before and in which an attribute changed.
type ColumnCount struct {
	Name    string `json:"name"`
	Changed int64  `json:"changed"`
	// Added says that the attribute was not sent before. Changed then counts the
	// records that were sent before and now have a value in it.
	Added bool `json:"added,omitempty"`
}

// ReasonConflict is the reason of a record that is rejected because another record
// has the same key and different cells.
const ReasonConflict = "another record with this key says otherwise"

// ReasonKey is the reason of a record whose key can not be written to a file
// unchanged: with the default [Format], a key with a backslash before a quote
// (FORMAT.md, section 2).
const ReasonKey = "a key that the file can not hold as it is"

// ReasonQuotes is the reason of a record with a value that would need quotes,
// when [Format.Quotes] is [QuoteReject].
const ReasonQuotes = "a value that would need quotes"

// add takes over what the comparison found. Conflicts are rejections here.
func (r *Report) add(s *diff.Summary, insert bool) {
	r.Read = s.Read
	r.Rejected = s.Rejected + s.Conflicting
	r.Duplicate, r.HeldBack, r.Unchanged = s.Duplicate, s.HeldBack, s.Unchanged
	r.Updated = s.Changed + s.Due
	if insert {
		r.Inserted = s.New
	} else {
		r.Updated += s.New
	}
	r.Left, r.Uncertain, r.First, r.Dropped = s.Gone, s.Kept, s.First, s.Dropped
	r.Columns = make([]ColumnCount, 0, len(s.Columns))
	for _, c := range s.Columns {
		r.Columns = append(r.Columns, ColumnCount{Name: c.Name, Changed: c.Changed, Added: c.Added})
	}
}

// onlyResumed is the report of a run that got no further than an earlier plan.
func onlyResumed(r *Report) *Report {
	return &Report{Rejections: []RejectionCount{}, Columns: []ColumnCount{}, Brakes: []BrakeReading{}, Files: []File{}, Resumed: r}
}

// tally counts rejections and passes them on.
type tally struct {
	counts map[RejectionCount]int64 // keyed with Count 0
	each   func(mapping.Rejection)

	candidates int64
}

func (t *tally) add(r mapping.Rejection) {
	t.counts[RejectionCount{Field: r.Field, Attribute: r.Attribute, Reason: r.Reason, Action: r.Action}]++
	if t.each != nil {
		t.each(r)
	}
}

// merge takes over the counts of another.
func (t *tally) merge(o *tally) {
	for c, n := range o.counts {
		t.counts[c] += n
	}
}

// list returns the counts, most frequent first.
func (t *tally) list() []RejectionCount {
	out := make([]RejectionCount, 0, len(t.counts))
	for c, n := range t.counts {
		c.Count = n
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b RejectionCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Attribute, b.Attribute),
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Action, b.Action))
	})
	return out
}
