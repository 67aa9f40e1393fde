package splio

import (
	"strings"
)

// Verdict says what a plan does about one contact, or about one of its records.
type Verdict string

// The verdicts about a contact.
const (
	// VerdictNew: a row is sent about the contact, which was not sent before; or it
	// was, but nobody knows whether Splio has it, and this run settles that.
	VerdictNew Verdict = "new"
	// VerdictChanged: a row is sent, since some attributes differ from what was sent
	// before.
	VerdictChanged Verdict = "changed"
	// VerdictDue: a full row is sent whether or not anything changed, because of
	// [Activation.Refresh], or because the contact was marked, as by
	// [Activation.Resend].
	VerdictDue Verdict = "due"
	// VerdictUnchanged: nothing is sent, since the same was sent before.
	VerdictUnchanged Verdict = "unchanged"
	// VerdictHeldBack: nothing is sent, since the contact is new and not among
	// [Activation.Known].
	VerdictHeldBack Verdict = "held_back"
	// VerdictRejected: nothing is sent, since all records of the contact are
	// rejected.
	VerdictRejected Verdict = "rejected"
	// VerdictConflict: nothing is sent, since the records of the contact differ, and
	// [Activation.Duplicates] rejects them.
	VerdictConflict Verdict = "conflict"
	// VerdictLeft: the contact was sent before, is not in the segment, and counts as
	// left.
	VerdictLeft Verdict = "left"
	// VerdictKept: the contact was sent before and is not in the segment, but it is
	// not certain that it has left, so that it keeps its state.
	VerdictKept Verdict = "kept"
	// VerdictUnknown: the contact is not in the segment, if one was given, and
	// nothing is remembered of it.
	VerdictUnknown Verdict = "unknown"
	// VerdictRemembered: no segment was given, and the contact was sent before.
	VerdictRemembered Verdict = "remembered"
	// VerdictNoKey: there can be no contact with this key.
	VerdictNoKey Verdict = "no_key"
)

// The verdicts about a record, besides [VerdictRejected] and [VerdictConflict].
const (
	// VerdictTaken: the record is the one that is taken for the contact.
	VerdictTaken Verdict = "taken"
	// VerdictDuplicate: the record is not taken, because another record of the contact
	// is identical, or is preferred by [Activation.Duplicates].
	VerdictDuplicate Verdict = "duplicate"
)

// Explanation says what becomes of one contact, and why. It holds neither the key
// nor any value, and may be logged and kept.
type Explanation struct {
	Verdict Verdict `json:"verdict"`
	// Reason says what is wrong with the key, for [VerdictNoKey].
	Reason string `json:"reason,omitempty"`
	// Sent says that the next plan has a row about the contact, other than one of
	// [Activation.Left].
	Sent bool `json:"sent"`
	// Columns are the attributes that have changed, in mapping order, for
	// [VerdictChanged] and [VerdictDue] (where there may be none). With any other
	// verdict there are none.
	Columns []string `json:"columns,omitempty"`

	// Found counts the records of the segment with the key; Rejected counts those of
	// them that are rejected, including conflicting ones; Duplicate counts those with
	// [VerdictDuplicate].
	Found     int64 `json:"found"`
	Rejected  int64 `json:"rejected"`
	Duplicate int64 `json:"duplicate"`
	// Records are the records with the key: the first 20, and the one that is taken.
	Records []ExplainedRecord `json:"records,omitempty"`
	// Unusable counts the records of the segment without a usable key, any of which
	// may be about the contact.
	Unusable int64 `json:"unusable"`

	// Snapshot is what the current snapshot remembers of the contact; nil: nothing.
	Snapshot *ExplainedState `json:"snapshot,omitempty"`
	// Pending is the plan in the outbox; nil: there is none.
	Pending *ExplainedPlan `json:"pending,omitempty"`

	// Sentences say all this in words, and what to do about it.
	Sentences []string `json:"sentences"`
}

// String returns the sentences, one a line.
func (e Explanation) String() string { return strings.Join(e.Sentences, "\n") }

// ExplainedRecord is what becomes of one record.
type ExplainedRecord struct {
	Record  int64   `json:"record"`         // its number in the segment, from 1
	Line    int64   `json:"line,omitempty"` // where it begins, in a segment that has lines
	Verdict Verdict `json:"verdict"`
	// Rejections are what was found wrong with it, whether or not it was rejected
	// for that, each with the count 1.
	Rejections []RejectionCount `json:"rejections,omitempty"`
}

// ExplainedState is what a snapshot remembers of a contact that was sent.
type ExplainedState struct {
	// Unconfirmed says that nobody knows whether Splio has the contact: it was sent
	// where contacts are only updated, so that Splio has it only if it had it before;
	// or it was to be deleted.
	Unconfirmed bool `json:"unconfirmed"`
	// Due says that the contact was marked: the next run whose segment has it sends
	// it.
	Due bool `json:"due"`
	// Reports is how often [Activation.Resend] has marked the contact since its row
	// changed, where Resend counts.
	Reports int `json:"reports"`
}

// ExplainedPlan is the plan in the outbox, made by an earlier call, and what it
// does about the contact.
type ExplainedPlan struct {
	Plan string `json:"plan"`
	// State is the state of a [Plan], or "discarding" for a plan whose discarding the
	// next run completes: the records of files that may have been sent are then due.
	State PlanState `json:"state"`
	// Verdict says how the snapshot that the plan leads to differs from the current
	// one in what it remembers of the contact: [VerdictNew], [VerdictChanged],
	// [VerdictDue] when it removes the mark, [VerdictUnchanged], [VerdictLeft] when it
	// does not have the contact any more, or [VerdictUnknown]. It is empty when the
	// plan's snapshot is already the current one, or was discarded, and only tidying up is
	// left to do.
	Verdict Verdict  `json:"verdict,omitempty"`
	Columns []string `json:"columns,omitempty"` // the columns that changed, for VerdictChanged
	// Files are the files of the plan that have a row about the contact.
	Files []File `json:"files,omitempty"`
}
