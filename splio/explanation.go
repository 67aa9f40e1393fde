package splio

import (
	"strings"
)

// Verdict says what a plan does about one contact, or about one of its records.
type Verdict string

// The verdicts about a contact.
const (
	// VerdictNew: a row is sent about it, and it was not sent before, or nobody knows
	// whether Splio has it and this run settles that.
	VerdictNew Verdict = "new"
	// VerdictChanged: a row is sent, since some of its attributes are not what was
	// sent before.
	VerdictChanged Verdict = "changed"
	// VerdictDue: a full row is sent whatever changed, because of
	// [Activation.Refresh], or because it was marked, as by [Activation.Resend].
	VerdictDue Verdict = "due"
	// VerdictUnchanged: nothing is sent, since it was sent just so before.
	VerdictUnchanged Verdict = "unchanged"
	// VerdictHeldBack: nothing is sent, since it is new and not among
	// [Activation.Known].
	VerdictHeldBack Verdict = "held_back"
	// VerdictRejected: nothing is sent, since all its records are rejected.
	VerdictRejected Verdict = "rejected"
	// VerdictConflict: nothing is sent, since its records say different things, and
	// [Activation.Duplicates] rejects them.
	VerdictConflict Verdict = "conflict"
	// VerdictLeft: it is not in the segment, was sent before, and counts as left.
	VerdictLeft Verdict = "left"
	// VerdictKept: it is not in the segment and was sent before, but nobody knows
	// that it has left, so that it keeps its state.
	VerdictKept Verdict = "kept"
	// VerdictUnknown: it is neither in the segment, if there is one, nor remembered.
	VerdictUnknown Verdict = "unknown"
	// VerdictRemembered: no segment was given, and it was sent before.
	VerdictRemembered Verdict = "remembered"
	// VerdictNoKey: there can be no contact with this key.
	VerdictNoKey Verdict = "no_key"
)

// The verdicts about a record, beside [VerdictRejected] and [VerdictConflict].
const (
	// VerdictTaken: the record is the one that speaks for the contact.
	VerdictTaken Verdict = "taken"
	// VerdictDuplicate: another record of the contact says the same, or comes before
	// it by [Activation.Duplicates].
	VerdictDuplicate Verdict = "duplicate"
)

// Explanation says what becomes of one contact, and why. It holds neither the key
// nor any value, and may be logged and kept.
type Explanation struct {
	Verdict Verdict `json:"verdict"`
	// Reason says what is wrong with the key, for [VerdictNoKey].
	Reason string `json:"reason,omitempty"`
	// Sent: the next plan has a row about it, other than one of [Activation.Left].
	Sent bool `json:"sent"`
	// Columns are the attributes that have changed, in mapping order. For a contact
	// that is due there may be none; for any but changed and due ones there are none.
	Columns []string `json:"columns,omitempty"`

	// Found counts the records of the segment with the key, Rejected those of them
	// that are rejected, conflicting ones among them, and Duplicate those that are
	// surplus.
	Found     int64 `json:"found"`
	Rejected  int64 `json:"rejected"`
	Duplicate int64 `json:"duplicate"`
	// Records are these records, the first 20 and the one that is taken.
	Records []ExplainedRecord `json:"records,omitempty"`
	// Unusable counts the records of the segment without a usable key, any of which
	// may be about the contact.
	Unusable int64 `json:"unusable"`

	// Snapshot is what the current snapshot remembers of it; nil: nothing.
	Snapshot *ExplainedState `json:"snapshot,omitempty"`
	// Pending is the plan in the outbox; nil: there is none.
	Pending *ExplainedPlan `json:"pending,omitempty"`

	// Sentences say all that for people, with what to do.
	Sentences []string `json:"sentences"`
}

// String returns the sentences, one a line.
func (e Explanation) String() string { return strings.Join(e.Sentences, "\n") }

// ExplainedRecord is what becomes of one record.
type ExplainedRecord struct {
	Record  int64   `json:"record"`         // its number in the segment, from 1
	Line    int64   `json:"line,omitempty"` // that it begins on, where there are lines
	Verdict Verdict `json:"verdict"`
	// Rejections are what was found wrong with it, whether or not it was rejected
	// for that, each with the count 1.
	Rejections []RejectionCount `json:"rejections,omitempty"`
}

// ExplainedState is what a snapshot remembers of a contact that was sent.
type ExplainedState struct {
	// Unconfirmed: it was sent where contacts are only updated, so that Splio has it
	// only if it had it before; or it was to be deleted.
	Unconfirmed bool `json:"unconfirmed"`
	// Due: it was marked, and the next run that has it in its segment sends it.
	Due bool `json:"due"`
	// Reports is how often [Activation.Resend] has marked it since its row changed,
	// where it counts.
	Reports int `json:"reports"`
}

// ExplainedPlan is the plan in the outbox, made by an earlier call, and what it
// does about the contact.
type ExplainedPlan struct {
	Plan string `json:"plan"`
	// State is one of those of a [Plan], or "discarding" for one that is being given
	// up, which the next run ends: records of files that may have been sent are due
	// then.
	State PlanState `json:"state"`
	// Verdict tells how the snapshot that the plan leads to knows the contact, as
	// against the current one: [VerdictNew], [VerdictChanged], [VerdictDue] for one
	// whose mark it takes away, [VerdictUnchanged], [VerdictLeft] for one that it does
	// not have any more, or [VerdictUnknown]. It is empty when the plan's snapshot is
	// the current one already, or was given up, and only tidying up is left to do.
	Verdict Verdict  `json:"verdict,omitempty"`
	Columns []string `json:"columns,omitempty"` // that changed, for VerdictChanged
	// Files are those of the plan with a row about the contact.
	Files []File `json:"files,omitempty"`
}
