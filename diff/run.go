package diff

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// DuplicatePolicy says which of several records with one key and different
// cells is taken. Identical records are taken once under every policy, and the
// surplus counts as duplicate.
type DuplicatePolicy uint8

// The policies. Under the last two the records that lose count as duplicate.
const (
	RejectDuplicates DuplicatePolicy = iota // none: each is a [Conflict]
	FirstWins                               // the one with the smallest number
	LastWins                                // the one with the largest number
)

// RunOptions configure a [Run]. The zero value is the careful choice.
type RunOptions struct {
	// Create says that a row about a new record creates it at the destination.
	// Then records are remembered as existing there, and unconfirmed ones count
	// as new. Otherwise a new record is remembered as unconfirmed, unless Known
	// tells.
	Create bool
	// Known yields the keys that the destination has, as given to [Feed.Put].
	// Then a new record with another key is held back, which leaves nothing in
	// the snapshot, so that it is looked at again; unconfirmed records count as
	// new. It is read once, by Compare, and can not be combined with Create.
	Known iter.Seq2[[]byte, error]
	// Duplicates is the policy for conflicting duplicates.
	Duplicates DuplicatePolicy
	// Partial says that the records are only a part of the segment: keys that
	// are not put keep their state.
	Partial bool
	// Refresh makes every record that is not new due.
	Refresh bool
	// MaxUnusable is the number of records without a usable key up to which
	// keys that nobody put count as gone. With more, such a record may be theirs,
	// and they keep their state. The default is 0.
	MaxUnusable int64
}

// The records of a feed are kept in chunks of this many.
const (
	chunkBits = 12
	chunkLen  = 1 << chunkBits
)

// entry is a record that was put.
type entry struct {
	seq         int64
	key         keyDigest
	row         uint64 // digest of the cells in the order of the run
	base        uint64 // the same in the columns of the last snapshot
	set         uint32 // its set of changed columns, in Run.sets
	verdict     verdict
	unconfirmed bool
}

type verdict uint8

const (
	undecided verdict = iota
	unusable
	rejected
	unchanged
	duplicate
	heldBack
	isNew
	isChanged
	isDue
	conflict
)

type chunk struct {
	entries []entry
	columns []uint32 // column digests, those of one entry after those of another
}

// Run is one comparison. Put the records through any number of feeds, then call
// Compare, Changes and Stage, in this order, from one goroutine.
type Run struct {
	store   *Store
	opts    RunOptions
	columns []string
	order   []int   // 0, 1, 2 ... : the cells as they come
	last    *reader // the last snapshot; nil in a first run
	baseOf  []int   // for each column of the last snapshot, its number in this run, or -1
	addedAt []int   // columns that the last snapshot lacks
	same    bool    // the columns are those of the last snapshot, in its order
	exact   bool    // no column of the last snapshot is missing: rows can be compared

	mu       sync.Mutex
	feeds    []*Feed
	compared atomic.Bool
	closed   bool

	chunks  []chunk
	changes []uint32 // what Changes yields, by entry, ordered by seq
	sets    []Columns
	summary *Summary
	gone    int64
	next    *candidate // nil in a read-only store
}

// Begin starts a run over records with these columns, which do not include the
// key: at most 256 different, non-empty names of at most 1,024 bytes. It
// removes what runs that were not staged have left, which ends one that is still
// under way, and makes the digest key when there is none yet.
func (s *Store) Begin(ctx context.Context, columns []string, o RunOptions) (*Run, error) {
	if err := checkRun(columns, o); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("diff: %w", err)
	}
	if err := s.usable(); err != nil {
		return nil, err
	}
	if !s.opts.ReadOnly {
		left, err := s.list(isLeftover)
		if err == nil {
			err = s.remove(left...)
		}
		if err != nil {
			return nil, err
		}
	}
	last, err := s.current()
	if err != nil {
		return nil, err
	}
	if err := s.needKey(last == nil); err != nil {
		return nil, err
	}
	r := &Run{store: s, opts: o, columns: slices.Clone(columns), last: last, same: true, exact: true}
	for i := range columns {
		r.order = append(r.order, i)
	}
	if last != nil {
		r.same = slices.Equal(last.columns, columns)
		for _, name := range last.columns {
			i := slices.Index(columns, name)
			r.baseOf = append(r.baseOf, i)
			r.exact = r.exact && i >= 0
		}
		for i, name := range columns {
			if !slices.Contains(last.columns, name) {
				r.addedAt = append(r.addedAt, i)
			}
		}
	}
	return r, nil
}

func checkRun(columns []string, o RunOptions) error {
	var errs []error
	if len(columns) > MaxColumns {
		errs = append(errs, fmt.Errorf("diff: %d columns, at most %d are possible", len(columns), MaxColumns))
	}
	seen := make(map[string]bool)
	for i, c := range columns {
		switch {
		case c == "" || len(c) > maxName:
			errs = append(errs, fmt.Errorf("diff: the name of column %d has %d bytes, 1 to %d are possible", i, len(c), maxName))
		case seen[c]:
			errs = append(errs, fmt.Errorf("diff: column %q is given twice", c))
		}
		seen[c] = true
	}
	if o.Create && o.Known != nil {
		errs = append(errs, errors.New("diff: RunOptions.Known makes no sense with Create: what is not known is created"))
	}
	if o.MaxUnusable < 0 {
		errs = append(errs, fmt.Errorf("diff: RunOptions.MaxUnusable is %d, at least 0 is possible", o.MaxUnusable))
	}
	if o.Duplicates > LastWins {
		errs = append(errs, fmt.Errorf("diff: RunOptions.Duplicates: unknown policy %d", o.Duplicates))
	}
	return errors.Join(errs...)
}

// Feed takes records for a run. Use each from one goroutine.
type Feed struct {
	run    *Run
	chunks []chunk
	buf    []byte // scratch
	base   []int  // order of the cells for entry.base
}

// Feed returns a new feed. It may be called from several goroutines.
func (r *Run) Feed() *Feed {
	f := &Feed{run: r}
	if r.last != nil && !r.same && r.exact {
		f.base = r.baseOf
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feeds = append(r.feeds, f)
	return f
}

// Put takes the record number seq, which is positive and unique in the run,
// with its cells in the order of the columns. Nil cells mean that the record
// was rejected: it is not compared, and its key keeps its earlier state. A nil
// key means that, moreover, nobody knows which key it has. Put keeps nothing of
// what it is given; after an error it has taken nothing.
func (f *Feed) Put(seq int64, key []byte, cells [][]byte) error {
	r := f.run
	if r.compared.Load() {
		return errors.New("diff: Put after Compare")
	}
	if seq <= 0 {
		return fmt.Errorf("diff: record number %d is not positive", seq)
	}
	if cells != nil && len(cells) != len(r.columns) {
		return fmt.Errorf("diff: record %d has %d cells for %d columns", seq, len(cells), len(r.columns))
	}
	e := entry{seq: seq}
	switch {
	case key == nil:
		e.verdict = unusable
	case cells == nil:
		e.key, e.verdict = r.store.dig.keyOf(key), rejected
	default:
		e.key = r.store.dig.keyOf(key)
		e.row, f.buf = r.store.dig.rowOf(f.buf, e.key, cells, r.order)
		e.base = e.row
		if f.base != nil {
			e.base, f.buf = r.store.dig.rowOf(f.buf, e.key, cells, f.base)
		}
	}
	if n := len(f.chunks); n == 0 || len(f.chunks[n-1].entries) == chunkLen {
		f.chunks = append(f.chunks, chunk{entries: make([]entry, 0, chunkLen)})
	}
	c := &f.chunks[len(f.chunks)-1]
	c.entries = append(c.entries, e)
	if c.columns == nil {
		c.columns = make([]uint32, chunkLen*len(r.columns))
	}
	if e.verdict == undecided {
		digests := c.columns[(len(c.entries)-1)*len(r.columns):]
		for i, cell := range cells {
			digests[i], f.buf = r.store.dig.columnOf(f.buf, e.key, r.columns[i], cell)
		}
	}
	return nil
}

func (r *Run) entry(i uint32) *entry { return &r.chunks[i>>chunkBits].entries[i&(chunkLen-1)] }

func (r *Run) digests(i uint32) []uint32 {
	n := len(r.columns)
	return r.chunks[i>>chunkBits].columns[int(i&(chunkLen-1))*n:][:n]
}

// Changes yields what calls for something: New, Changed, Due and Conflict in
// the order of the record numbers, then Gone, once for each key. The Change is
// reused between steps. The first error is yielded last. It may be ranged over
// again, after Compare.
func (r *Run) Changes(ctx context.Context) iter.Seq2[*Change, error] {
	return func(yield func(*Change, error) bool) {
		if r.summary == nil || r.closed {
			yield(nil, errors.New("diff: Changes before Compare, or after Close"))
			return
		}
		if err := context.Cause(ctx); err != nil {
			yield(nil, fmt.Errorf("diff: %w", err))
			return
		}
		var c Change
		for n, i := range r.changes {
			if n&1023 == 1023 {
				if err := context.Cause(ctx); err != nil {
					yield(nil, fmt.Errorf("diff: %w", err))
					return
				}
			}
			e := r.entry(i)
			c = Change{Seq: e.seq, Unconfirmed: e.unconfirmed}
			switch e.verdict {
			case isNew:
				c.Kind, c.Columns = New, allColumns(len(r.columns))
			case isChanged:
				c.Kind, c.Columns = Changed, r.sets[e.set]
			case isDue:
				c.Kind, c.Columns = Due, r.sets[e.set]
			default:
				c.Kind = Conflict
			}
			if !yield(&c, nil) {
				return
			}
		}
		for n := range r.gone {
			if n&1023 == 1023 {
				if err := context.Cause(ctx); err != nil {
					yield(nil, fmt.Errorf("diff: %w", err))
					return
				}
			}
			c = Change{Kind: Gone}
			if !yield(&c, nil) {
				return
			}
		}
	}
}

// Stage makes the snapshot that this run leads to durable, and returns its id
// for [Store.Publish]. After an error nothing is staged, and the run must be
// done again.
func (r *Run) Stage(ctx context.Context) (id string, err error) {
	switch {
	case r.store.opts.ReadOnly:
		return "", fmt.Errorf("diff: %s: %w", r.store.dir, ErrReadOnly)
	case r.summary == nil:
		return "", errors.New("diff: Stage before Compare")
	case r.closed || r.next.gone:
		return "", errors.New("diff: the run was closed or staged already")
	}
	if err := r.store.writable(); err != nil {
		return "", err
	}
	if err := context.Cause(ctx); err != nil {
		return "", fmt.Errorf("diff: %w", err)
	}
	return r.next.stage()
}

// Close releases what the run holds. A staged snapshot stays.
func (r *Run) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.compared.Store(true)
	if r.next != nil {
		r.next.abort()
	}
	r.chunks, r.feeds = nil, nil
	if r.last != nil {
		return r.last.close()
	}
	return nil
}
