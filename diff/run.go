package diff

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// DuplicatePolicy says which of several records with the same key and different
// cells is taken. Under every policy, one of several identical records is taken, and
// the others count as duplicate.
type DuplicatePolicy uint8

// The policies. Under the last two, the records that are not taken count as duplicate.
const (
	RejectDuplicates DuplicatePolicy = iota // none: each is a [Conflict]
	FirstWins                               // the one with the smallest number
	LastWins                                // the one with the largest number
)

// RunOptions configure a [Run]. The zero value is the careful choice.
type RunOptions struct {
	// Create says that a row about a new record creates it at the destination.
	// Then records are remembered as existing there, and unconfirmed ones count as
	// new. Without Create, a new record is remembered as unconfirmed, unless Known
	// is set.
	Create bool
	// Known yields the keys that the destination has, as given to [Feed.Put]. Then
	// a new record with any other key is held back: it leaves nothing in the
	// snapshot, so that the next run looks at it again. Unconfirmed records count
	// as new. Known is read once, by Compare, and can not be combined with Create.
	Known iter.Seq2[[]byte, error]
	// Duplicates is the policy for duplicates whose cells differ.
	Duplicates DuplicatePolicy
	// Partial says that the records are only a part of the segment: keys that
	// are not put keep their state.
	Partial bool
	// Refresh makes every record that is not new due.
	Refresh bool
	// Anew ignores the last snapshot: every record is new and none is gone, as in
	// a first run. Publish still replaces the last snapshot, and only if that is
	// still the current one.
	Anew bool
	// MaxUnusable is the most records without a usable key with which keys that
	// were not put still count as gone. With more, these keys keep their state,
	// since such a record may be theirs. The default is 0.
	MaxUnusable int64
	// Memory is how many bytes the run holds for what it is given, whatever the
	// number of records: 64 MiB when 0, at least 16 MiB. Half of it is for the
	// digests of the records that are put; what exceeds that goes to a temporary
	// file. The rest is for known keys and for Compare, which joins as many
	// partitions at once as it has room for.
	//
	// In a run by text, the text digests of the last snapshot come first, with 3.5
	// to 6 bytes each. They may take seven eighths of Memory; when Memory is 0, they
	// may take up to 200 MiB, enough for 60 million, and at least 32 MiB are left
	// for the rest. On Linux and macOS they are outside the heap of Go.
	//
	// In addition to Memory, a run takes up to 256 KiB for each feed and each open
	// file, some bytes for each record that [Run.Changes] yields (at most two bytes
	// for each record number, where these are many), a quarter of a byte for each
	// record number to be put again, and up to half a percent of what is spilled.
	// The smallest Memory is enough for some hundred million records of a dozen
	// columns; more records take more, in proportion.
	Memory int64
	// Again makes a run lean, so that it writes and digests far less: Put makes no
	// column digests, and Compare asks once more for the records that need them.
	// These are the new records, and those whose cells, taken together, have
	// changed. The outcome is the same.
	//
	// Except in a run by text, Compare calls Again at most once, on its own
	// goroutine and with its own context. Numbers yields, in ascending order, the
	// numbers of the records to be put again; it can be ranged over more than once,
	// and is valid until Again returns. Each of these records has to be put again
	// unchanged, in any order, through feeds that [Run.Feed] returned after Again
	// was called. Several goroutines may do this, provided that they have ended
	// when Again returns. Earlier feeds can not be used any more. Put refuses a
	// record that was not asked for, or that was already put again. Compare fails
	// when a record was not put again, or was not the same, and when Again returns
	// an error, which is wrapped.
	//
	// In a run by text, where Put does make column digests, Again is called only
	// when records that were taken as unchanged have to be put after all. Numbers
	// is then nil: offer all records to [Feed.Known] once more, and put those that
	// it does not report as known. Very rarely it is called a second time; what was
	// put for the earlier call then no longer counts.
	//
	// Again is ignored where Compare needs the column digests of all records: when
	// there is no last snapshot, and when its columns are not those of the run in
	// the same order. When almost every record has changed, a run without Again
	// takes less time.
	Again func(ctx context.Context, numbers iter.Seq[int64]) error

	// Rendering identifies everything that makes the key and the cells of a record
	// from its text: under the same Rendering, equal texts have equal keys and
	// cells. [Feed.PutText] needs it for a text, and text digests depend on it. A
	// run with a Rendering is [Run.ByText] if Again is set and Refresh is not, the
	// last snapshot has the same Rendering and the same columns in the same order,
	// and there is enough memory.
	Rendering string
	// Noted makes [Feed.Known] report records with a note as not known, so that a
	// run by text has them put each time.
	Noted bool

	// Keys is for callers that keep a list of the keys. It makes the run remember
	// which keys it drops, for [Run.Sift], and which records hold a key of the next
	// snapshot, for [Run.Holders]. It costs 17 bytes in a temporary file for each
	// key that is dropped, and a quarter of a byte of memory for each record.
	Keys bool

	workers int   // in place of GOMAXPROCS, for tests
	tiny    int64 // in place of Memory, for tests
	width   int   // in place of the bits that are kept of a text digest, for tests
}

// Run is one comparison. Put the records through any number of feeds, then call
// Compare, Changes and Stage, in this order, from one goroutine.
type Run struct {
	store     *Store
	opts      RunOptions
	columns   []string
	shape     shape         // of the entries of today
	last      *reader       // the last snapshot; nil in a first run, or with Anew
	base      snapshotID    // of the snapshot that is to be replaced; zero: none
	baseOf    []int         // for each column of the last snapshot, its number in this run, or -1
	addedAt   []int         // columns that the last snapshot lacks
	same      bool          // the columns are those of the last snapshot, in the same order
	exact     bool          // no column of the last snapshot is missing, so that rows can be compared
	lean      bool          // column digests come from records that are put again
	textKey   sipKey        // of text digests
	rendering [8]byte       // check value of the Rendering, as in a snapshot
	byText    bool          // records may be taken by their text
	knowing   sync.RWMutex  // guards tables: locked for reading while a feed uses them
	tables    *tables       // the texts of the last snapshot, in a run by text; freed when Compare is over
	trust     atomic.Uint32 // whether it pays to look for texts: textsUntried, textsFound or textsVain
	offered   atomic.Int64  // how many texts were looked for
	replaced  lazyBits      // bits of the records in the file of records that were replaced or removed
	found     foundSums     // as in knower, of all feeds
	known     int64         // records that were taken by their text
	held      *numbers      // the numbers of these, with Keys
	left      int64         // the memory that the texts leave
	notes     noteTable

	mu     sync.Mutex
	feeds  []*Feed
	phase  atomic.Uint32
	closed bool

	today    *relation // what was put, as entries
	wanted   *numbers  // in a lean run, the records that are to be put again
	again    *relation // what was put again, as entries with column digests; nil: nothing
	complete shape     // of entries with column digests
	verdicts *verdicts // what Changes yields, except Gone
	summary  *Summary
	gone     int64      // how often Changes yields Gone
	drops    *spill     // with Keys, the keys of the last snapshot that the next one lacks; nil: none
	dropped  int64      // how many keys are in drops
	holders  *numbers   // with Keys, the records whose keys the next snapshot has
	next     *candidate // nil in a read-only store
}

// Phases of a run. Records can be put in putting and in puttingAgain only.
const (
	putting = iota
	comparing
	puttingAgain
	over
)

// Begin starts a run over records with these columns, which do not include the
// key: at most 256 different, non-empty names of at most 1,024 bytes. It removes
// the temporary files of runs that were not staged, so that a run that is still
// under way can not go on, and makes the digest key when there is none yet.
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
		if err := s.removeLeftovers(); err != nil {
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
	var base snapshotID
	if last != nil {
		base = last.id
	}
	if o.Anew && last != nil {
		if err := last.close(); err != nil {
			return nil, err
		}
		last = nil
	}
	r := &Run{store: s, opts: o, columns: slices.Clone(columns), last: last, base: base, same: true, exact: true}
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
	texts := o.Rendering != ""
	if texts {
		if r.textKey, r.rendering, err = s.dig.textKey(o.Rendering); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	again := o.Again != nil && last != nil && r.same
	width := 0
	r.left = r.memory()
	if again && texts && last.rendering == r.rendering && !o.Refresh { // Refresh has every record put
		width, r.left = r.textsFor(last.texts())
		if o.width > 0 {
			width = o.width
		}
		r.byText = width > 0
	}
	r.lean = again && !r.byText
	r.complete = shapeOf(texts, last != nil && !r.same && r.exact, len(columns))
	if r.shape = r.complete; r.lean {
		r.shape = shapeOf(texts, false, 0)
	}
	if last != nil && r.same { // otherwise no record of the last snapshot is carried with its note
		r.notes.all = slices.Clone(last.notes)
	}
	if r.lean {
		r.wanted = newNumbers()
	}
	r.held = newNumbers()
	r.today = newRelation(r.shape.size, r.memory()/2, r.spillTo)
	if r.byText {
		if err := r.know(ctx, width); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// memory is the budget of the run, less what the texts take.
func (r *Run) memory() int64 { return cmp.Or(r.left, r.opts.tiny, r.opts.Memory, defaultMemory) }

func (r *Run) spillTo() (*spill, error) { return newSpill(r.store) }

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
	if o.Memory != 0 && o.Memory < minMemory {
		errs = append(errs, fmt.Errorf("diff: RunOptions.Memory is %d, at least %d are needed", o.Memory, minMemory))
	}
	if o.Duplicates > LastWins {
		errs = append(errs, fmt.Errorf("diff: RunOptions.Duplicates: unknown policy %d", o.Duplicates))
	}
	return errors.Join(errs...)
}

// Feed takes records for a run. Use each from one goroutine.
type Feed struct {
	appender
	hasher
	run      *Run
	phase    uint32   // the phase of the run in which it was made
	wanted   *numbers // in a lean run, the records to be put again; nil before Again
	shape    shape    // of the entries
	knower   *knower  // nil until Known is called
	unusable int64    // records without a key
	note     string   // the last note
	noted    byte     // the number of the last note
}

// Feed returns a new feed. It may be called from several goroutines.
func (r *Run) Feed() *Feed {
	f := &Feed{run: r, hasher: newHasher(r.store.dig, r.columns)}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.phase = r.phase.Load()
	f.rel, f.shape = r.today, r.shape
	if f.phase == puttingAgain {
		f.rel, f.wanted, f.shape = r.again, r.wanted, r.complete
	}
	r.feeds = append(r.feeds, f)
	return f
}

// flush takes over the last entries of all feeds, and what they have found out. It returns
// how many of their records had no key.
func (r *Run) flush() (unusable int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.feeds {
		if err := f.flush(); err != nil {
			return 0, err
		}
		unusable += f.unusable
		r.takeKnown(f)
	}
	r.feeds = nil
	return unusable, nil
}

// Put takes the record number seq, which is positive and unique in the run, with its
// cells in the order of the columns. Nil cells mean that the record was rejected: it is
// not compared, and its key keeps its earlier state. A nil key means that the record
// was rejected and its key is not known. Put does not retain key or cells. When its
// arguments are wrong it has taken nothing; after an error of a temporary file the run
// is of no further use. While [RunOptions.Again] is called, Put takes the records that
// are asked for again.
func (f *Feed) Put(seq int64, key []byte, cells [][]byte) error {
	return f.PutText(seq, nil, key, cells, "")
}

// PutText is [Feed.Put] for a record whose key and cells were made from a text, under
// [RunOptions.Rendering]. If the next run by text finds the same text, it skips the
// record: it takes it as unchanged. Leave text nil where the record calls for more than
// its key and cells, such as a report about it each time: a record without a text is
// never skipped.
//
// A note that is not empty says something about the record that may be counted without
// looking at the record again: [Summary.Notes] counts the notes of the records that
// were skipped. A note is no secret: it is written into the snapshot in clear. A record
// is never skipped if its note is longer than 1,024 bytes, or if there are 255 other
// notes already.
func (f *Feed) PutText(seq int64, text, key []byte, cells [][]byte, note string) error {
	r := f.run
	if err := f.inTime(); err != nil {
		return err
	}
	if seq <= 0 {
		return fmt.Errorf("diff: record number %d is not positive", seq)
	}
	if cells != nil && len(cells) != len(r.columns) {
		return fmt.Errorf("diff: record %d has %d cells for %d columns", seq, len(cells), len(r.columns))
	}
	if text != nil && r.opts.Rendering == "" {
		return errors.New("diff: PutText without RunOptions.Rendering")
	}
	if f.wanted != nil {
		if err := f.wanted.take(seq); err != nil {
			return err
		}
	}
	if f.wanted != nil && (key == nil || cells == nil) {
		return notAsItWas(seq)
	}
	if key == nil {
		f.unusable++
		return nil
	}
	e, err := f.next()
	if err != nil {
		return err
	}
	k := f.dig.keyOf(key)
	copy(e, k[:])
	number := uint64(seq)
	if cells == nil {
		binary.LittleEndian.PutUint64(e[16:], number|entryRejected)
		clear(e[24:])
		return nil
	}
	binary.LittleEndian.PutUint64(e[16:], number)
	binary.LittleEndian.PutUint64(e[24:], f.row(&k, cells))
	if f.shape.text > 0 {
		number, ok := f.number(note)
		if !ok {
			text = nil
		}
		binary.LittleEndian.PutUint64(e[f.shape.text:], r.textDigest(text))
		e[f.shape.text+8] = number
	}
	if f.shape.base > 24 {
		binary.LittleEndian.PutUint64(e[f.shape.base:], f.reordered(&k, r.baseOf))
	}
	if len(e) > f.shape.columns {
		f.columns(&k, e[f.shape.columns:])
	}
	return nil
}

// number returns the number of a note, which is mostly the same as the last one. It is not
// ok when the note can not be kept.
func (f *Feed) number(note string) (n byte, ok bool) {
	if note == "" {
		return 0, true
	}
	if note != f.note {
		if n, ok = f.run.notes.number(note); !ok {
			return 0, false
		}
		f.note, f.noted = note, n
	}
	return f.noted, true
}

// inTime returns an error when nothing can be put through the feed any more, or at the
// moment.
func (f *Feed) inTime() error {
	switch phase := f.run.phase.Load(); {
	case phase == puttingAgain && f.phase != phase:
		return errors.New("diff: Put through a feed from before Again")
	case phase == comparing || phase == over:
		return errors.New("diff: Put after Compare")
	}
	return nil
}

// Changes yields what there is something to do about: New, Changed, Due and Conflict in
// the order of the record numbers, then Gone, once for each key. The Change is reused
// between steps. The first error is yielded last. It needs Compare to have succeeded,
// and can be ranged over more than once.
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
		var stop error
		n, more := 0, true
		r.verdicts.each(func(seq int64, code uint16) bool {
			if n++; n&1023 == 0 {
				if stop = context.Cause(ctx); stop != nil {
					return false
				}
			}
			c = Change{Seq: seq}
			r.verdicts.change(&c, code)
			more = yield(&c, nil)
			return more
		})
		if stop != nil {
			yield(nil, fmt.Errorf("diff: %w", stop))
			return
		}
		if !more {
			return
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

// Stage completes the next snapshot, makes it durable, and returns its id for
// [Store.Publish]. After an error nothing is staged, and the run must be repeated.
func (r *Run) Stage(ctx context.Context) (id string, err error) {
	switch {
	case r.store.opts.ReadOnly:
		return "", fmt.Errorf("diff: %s: %w", r.store.dir, ErrReadOnly)
	case r.summary == nil:
		return "", errors.New("diff: Stage before Compare")
	case r.closed || r.next.done:
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

// Close releases what the run holds. A staged snapshot stays. A call of Feed.Known that
// begins meanwhile gets an error; no call of Put may be under way.
func (r *Run) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.phase.Store(over)
	if r.next != nil {
		r.next.abort()
	}
	err := errors.Join(r.today.close(), r.again.close(), r.drops.close())
	r.freeTexts()
	r.today, r.again, r.wanted, r.feeds, r.verdicts, r.drops, r.holders, r.held = nil, nil, nil, nil, nil, nil, nil, nil
	if r.last != nil {
		err = errors.Join(err, r.last.close())
	}
	return err
}
