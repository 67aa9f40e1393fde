package diff

import (
	"iter"
	"math/bits"
)

// MaxColumns is the largest number of columns of a run.
const MaxColumns = 256

// Kind says what a [Change] is.
type Kind uint8

// The kinds of change.
const (
	// New: the record is not in the last snapshot, or is unconfirmed there while
	// this run settles whether it exists ([RunOptions] Create or Known).
	New Kind = iota + 1
	// Changed: at least one cell is not as it was.
	Changed
	// Due: the record is to be sent whether or not it changed, because it was
	// marked, as by [Store.MarkDue], or because of [RunOptions.Refresh].
	Due
	// Conflict: the record shares its key with another that has different cells,
	// and the policy is [RejectDuplicates]. It is not to be sent; its key keeps
	// its earlier state.
	Conflict
	// Gone: a key of the last snapshot that no record of the run has.
	Gone
)

var kindNames = [...]string{"", "new", "changed", "due", "conflict", "gone"}

// String returns the kind in one lower-case word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// Change is what a run found about one record, or one key that is gone, where there is
// something to do about it.
type Change struct {
	Seq  int64 // the number given to [Feed.Put]; 0 for Gone
	Kind Kind
	// Columns are all columns for New, those that changed for Changed and Due (for
	// Due there may be none), and none otherwise. When a run finds more than 4,096
	// different sets, which takes more than 12 columns, it widens the largest to all
	// columns: those with the most columns first, then those of the next smaller
	// size, until no more than 4,096 are left. The counts of the Summary stay exact.
	Columns Columns
	// Unconfirmed says that the key is in the last snapshot, but that nobody knows
	// whether the destination has it, so that a row about it should be a full one. It
	// is possible for New, Changed and Due.
	Unconfirmed bool
}

// Columns is a set of column numbers, in the order given to [Store.Begin].
// Its zero value is the empty set; sets are comparable with ==.
type Columns [MaxColumns / 64]uint64

// Has reports whether column i is in the set.
func (c Columns) Has(i int) bool {
	return i >= 0 && i < MaxColumns && c[i/64]>>(i%64)&1 == 1
}

// Len returns the number of columns in the set.
func (c Columns) Len() (n int) {
	for _, w := range c {
		n += bits.OnesCount64(w)
	}
	return n
}

// All yields the column numbers in ascending order.
func (c Columns) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range c {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

func (c *Columns) add(i int) { c[i/64] |= 1 << (i % 64) }

// allColumns is the set of the first n columns.
func allColumns(n int) (c Columns) {
	for i := range n {
		c.add(i)
	}
	return c
}

// Summary is what [Run.Compare] found. Every record that was put is in exactly
// one of the counts from Rejected to Due:
//
//	Read = Rejected + Conflicting + Duplicate + HeldBack + Unchanged + New + Changed + Due
type Summary struct {
	Read        int64 // records put
	Rejected    int64 // put without cells
	Conflicting int64 // records of kind Conflict
	Duplicate   int64 // surplus records of a key, identical or outdone by policy
	HeldBack    int64 // new, but not among the known keys
	Unchanged   int64
	New         int64
	Changed     int64
	Due         int64

	Unusable int64 // those of Rejected that were put without a key
	Previous int64 // records in the last snapshot; 0 in a first run
	Gone     int64 // keys of the last snapshot that were not put, and are dropped
	Kept     int64 // keys of the last snapshot that were not put, and still keep their state
	First    bool  // there is no earlier snapshot, or the run ignores it (RunOptions.Anew)

	Columns []ColumnSummary // in the order given to Begin
	Dropped []string        // columns of the last snapshot that the run lacks

	// Notes counts, by note, the records that [Feed.Known] took as unchanged and that
	// were not put, see [Feed.PutText].
	Notes map[string]int64
}

// add adds the counts of a partition.
func (s *Summary) add(part *Summary, columns []int64) {
	s.Rejected += part.Rejected
	s.Conflicting += part.Conflicting
	s.Duplicate += part.Duplicate
	s.HeldBack += part.HeldBack
	s.Unchanged += part.Unchanged
	s.New += part.New
	s.Changed += part.Changed
	s.Due += part.Due
	s.Previous += part.Previous
	s.Gone += part.Gone
	s.Kept += part.Kept
	for i, n := range columns {
		s.Columns[i].Changed += n
	}
}

// note counts records with a note.
func (s *Summary) note(note string, n int64) {
	if s.Notes == nil {
		s.Notes = make(map[string]int64)
	}
	s.Notes[note] += n
}

// ColumnSummary counts what happened in one column.
type ColumnSummary struct {
	Name string
	// Changed counts the records of kind Changed or Due with this column in their
	// set. In a new column, these are the records that have a value in it.
	Changed int64
	Added   bool // the last snapshot does not have the column
}
