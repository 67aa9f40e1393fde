package diff

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
)

// join compares the records of today with the last snapshot, one partition at a time.
// Workers take turns to read the next partition of the last snapshot, in ascending
// order. Each then joins its partition by itself, in memory, and waits until it is the
// turn of that partition to be written, in the same order.
//
// A lean run joins twice; the first join only finds the records that have to be put
// again. A run by text joins again only when it finds such records, see joinTexts.
type join struct {
	*Run
	bits    uint8
	workers int
	crew    []*worker
	finding bool      // this is the first of two joins
	newSize int       // of a record of the next snapshot
	kept    bool      // keys that were not put keep their state
	known   *relation // the keys of RunOptions.Known; nil: not given
	coarse  *relation // the last snapshot, when it has too few partitions; otherwise nil
	form    form      // what is written of the next snapshot

	verdicts *verdicts
	sum      *Summary

	reading sync.Mutex // guards last and ahead
	ahead   uint32     // the next partition to be read
	writing sync.Mutex // guards what follows; the worker whose turn it is owns next, verdicts and sum
	turned  *sync.Cond
	turn    uint32 // the next partition to be written
	err     error  // the first error
}

// run joins all partitions.
func (j *join) run(ctx context.Context) error {
	j.turned = sync.NewCond(&j.writing)
	j.ahead, j.turn = 0, 0
	for len(j.crew) < j.workers {
		j.crew = append(j.crew, &worker{join: j, hasher: newHasher(j.store.dig, j.columns), counts: make([]int64, len(j.columns))})
	}
	var wg sync.WaitGroup
	for _, w := range j.crew {
		wg.Go(func() {
			for {
				more, err := w.partition(ctx)
				if err != nil {
					j.fail(err)
				}
				if !more || err != nil {
					break
				}
			}
		})
	}
	wg.Wait()
	return j.err
}

// fail ends the join. Only the first error is kept.
func (j *join) fail(err error) {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.err == nil {
		j.err = err
	}
	j.turned.Broadcast()
}

// await waits until it is the turn of a partition to be written. It returns false when
// the join has failed.
func (j *join) await(p uint32) bool {
	j.writing.Lock()
	defer j.writing.Unlock()
	for j.turn != p && j.err == nil {
		j.turned.Wait()
	}
	return j.err == nil
}

// pass gives the turn to the next partition.
func (j *join) pass() {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.turn++
	j.turned.Broadcast()
}

// worker joins one partition at a time, and uses its memory again for the next. The groups
// of a partition are first those of before, in the same order, then those of keys that only
// today has.
type worker struct {
	*join
	hasher   hasher
	groups   []group
	table    []uint32 // a hash table by key: the number of a group plus 1; 0 is none
	mask     uint32
	before   []byte    // records of the last snapshot; they are the first groups
	places   []uint32  // of each of them, as reader.partition returns it
	standing int       // so many of them, the first ones, are in the file of records: they stay there unless they change
	removed  []removal // keys whose records the last snapshot says are removed
	now      []byte    // entries of today: the one that is taken for each key
	after    []byte    // records of the next snapshot
	more     []byte    // column digests of records that were put again
	drops    []byte    // keys of the last snapshot that the next one lacks, each with a byte: 1 is gone
	puts     uint32    // how many records have their column digests in more
	read     []byte    // scratch

	wanted []int64 // records that are to be put again
	holds  []int64 // records whose keys the next snapshot has
	other  int64   // number of a record that was not put again unchanged; 0 is none
	found  []finding
	sets   []Columns
	setOf  map[Columns]uint32 // the number of a set in sets
	sum    Summary            // counts of the partition
	totals totals             // of the next snapshot, in the partition
	olds   int                // records in before
	counts []int64            // changes in each column
	used   [maxNotes + 1]bool // the notes that records of the next snapshot have

	place uint32 // of the group at hand: what is written replaces the record in this place; 0: none
	stays bool   // of the group at hand: that record stays, and nothing is written

	raw         []byte              // in a run by text, all records that the last snapshot has in the partition
	rawPlaces   []uint32            // of these, as places
	rawStanding int                 // of these, as standing
	seen        []seenRecord        // those in raw whose text was found
	near        foundSums           // of those that sees has looked up
	notes       [maxNotes + 1]int64 // known records, by note
	taken       int64               // known records
	takenSum    uint64              // the sum of the digests of their texts
}

// removal says that the record of a key, which has a place in the file of records, was
// removed.
type removal struct {
	key   keyDigest
	place uint32
}

// group is what is known of a key.
type group struct {
	key   keyDigest
	at    uint32 // number of its entry in worker.now
	more  uint32 // number of its column digests in worker.more, plus 1; 0: it has none
	valid uint32 // records of today that were not rejected
	place uint32 // of a record in the file of records that was removed; 0: none
	flags uint8
}

// groupBytes is about what a group takes, with its place in the table and a
// finding.
const groupBytes = 36 + 8 + 16

// Flags of a group.
const (
	isPut   = 1 << iota // a record of today has the key
	isClash             // the policy rejects all of its records
	isKnown             // the key is among those of RunOptions.Known
	isHeld              // its entry was made for a rejected record
)

// partition joins the next partition. It returns false when there is none.
func (w *worker) partition(ctx context.Context) (more bool, err error) {
	p, more, err := w.load(ctx)
	if err != nil || !more {
		return false, err
	}
	if err := w.gather(ctx, p); err != nil {
		return false, err
	}
	w.settle()
	if w.other != 0 {
		return false, notAsItWas(w.other)
	}
	if w.finding {
		return w.want(), nil
	}
	if w.sum.Conflicting > 0 {
		if err := w.conflicts(ctx, p); err != nil {
			return false, err
		}
	}
	if !w.await(p) {
		return false, nil
	}
	if w.next != nil {
		if err := w.next.write(p, w.after, w.totals); err != nil {
			return false, err
		}
	}
	if err := w.keys(w.drops, w.holds); err != nil {
		return false, err
	}
	w.verdicts.add(w.found, w.sets)
	w.join.sum.add(&w.sum, w.counts)
	w.pass()
	return true, nil
}

// want hands over the numbers of the records to be put again. It returns false when the
// join has failed.
func (w *worker) want() bool {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.Run.wanted.add(w.wanted)
	return w.err == nil
}

// load takes the next partition, and reads its records of the last snapshot.
func (w *worker) load(ctx context.Context) (p uint32, more bool, err error) {
	w.reading.Lock()
	defer w.reading.Unlock()
	p = w.ahead
	if p == 1<<w.bits {
		return p, false, nil
	}
	w.ahead++
	if err := context.Cause(ctx); err != nil {
		return p, false, fmt.Errorf("diff: %w", err)
	}
	into, places := w.old()
	*into, *places, w.standing, w.removed = (*into)[:0], (*places)[:0], 0, w.removed[:0]
	if w.last != nil && w.coarse == nil {
		*into, *places, w.standing, err = w.last.partition(*into, *places, p, w.bits)
		if w.form == changed {
			w.last.removed(func(k keyDigest, place uint32) { w.removed = append(w.removed, removal{k, place}) })
		}
	}
	if err != nil {
		w.ahead = 1 << w.bits // what follows would only be said to be damaged as well
	}
	return p, true, err
}

// old returns the slices that the records of the last snapshot, and their places, are
// read into.
func (w *worker) old() (records *[]byte, places *[]uint32) {
	if w.tables != nil {
		return &w.raw, &w.rawPlaces
	}
	return &w.before, &w.places
}

// gather brings together, in groups by key, what the last snapshot and all relations have
// in a partition.
func (w *worker) gather(ctx context.Context, p uint32) error {
	w.groups, w.now, w.after, w.found, w.sets = w.groups[:0], w.now[:0], w.after[:0], w.found[:0], w.sets[:0]
	w.wanted, w.more, w.puts, w.other = w.wanted[:0], w.more[:0], 0, 0
	w.drops, w.holds = w.drops[:0], w.holds[:0]
	w.sum, w.totals = Summary{}, totals{}
	clear(w.counts)
	clear(w.setOf)
	clear(w.table)
	if w.coarse != nil {
		into, places := w.old()
		err := w.coarse.each(ctx, p, &w.read, func(r []byte) { *into, *places = append(*into, r...), append(*places, 0) })
		if err != nil {
			return err
		}
	}
	w.reserve(0)
	if w.last != nil {
		_, places := w.old()
		w.sum.Previous = int64(len(*places))
		if w.tables != nil {
			w.sortTexts()
		}
		w.olds = len(w.before) / w.last.size
		w.reserve(w.olds)
		for rest := w.before; len(rest) > 0; rest = rest[w.last.size:] {
			n := len(w.groups)
			if w.group(rest); len(w.groups) == n {
				return w.last.fail(damaged("a key stands twice in partition %d", p))
			}
		}
	}
	if err := w.today.each(ctx, p, &w.read, w.take); err != nil {
		return err
	}
	if w.again != nil {
		take := w.takeAgain
		if w.tables != nil {
			take = w.take
		}
		if err := w.again.each(ctx, p, &w.read, take); err != nil {
			return err
		}
	}
	for _, r := range w.removed {
		if at := w.lookup(r.key[:]); w.table[at] != 0 {
			w.groups[w.table[at]-1].place = r.place
		} else {
			w.remove(r.key, r.place)
		}
	}
	if w.tables != nil {
		w.takeSeen()
	}
	if w.known == nil {
		return nil
	}
	return w.known.each(ctx, p, &w.read, func(k []byte) {
		if at := w.lookup(k); w.table[at] != 0 {
			w.groups[w.table[at]-1].flags |= isKnown
		}
	})
}

// reserve makes the table large enough for n groups, filled to half at most.
func (w *worker) reserve(n int) {
	size := max(64, len(w.table))
	for size < 2*n {
		size *= 2
	}
	if size > len(w.table) {
		w.table = make([]uint32, size)
		w.mask = uint32(size - 1)
		for i := range w.groups {
			w.table[w.lookup(w.groups[i].key[:])] = uint32(i + 1)
		}
	}
}

// lookup returns where a key digest is in the table, or the free slot where it belongs.
func (w *worker) lookup(key []byte) uint32 {
	k := keyDigest(key)
	for at := binary.LittleEndian.Uint32(key[12:]) & w.mask; ; at = (at + 1) & w.mask {
		if n := w.table[at]; n == 0 || w.groups[n-1].key == k {
			return at
		}
	}
}

// group returns the group of the key digest that b begins with, and makes it when there
// is none.
func (w *worker) group(b []byte) *group {
	at := w.lookup(b)
	if n := w.table[at]; n != 0 {
		return &w.groups[n-1]
	}
	w.groups = append(w.groups, group{key: keyDigest(b)})
	w.table[at] = uint32(len(w.groups))
	return &w.groups[len(w.groups)-1]
}

// take takes an entry of today, and keeps for each key the one that the policy takes.
func (w *worker) take(b []byte) {
	if 2*len(w.groups) >= len(w.table) {
		w.reserve(len(w.groups) + 1)
	}
	e, g := entry(b), w.group(b)
	g.flags |= isPut
	if e.rejected() {
		w.sum.Rejected++
		if w.opts.Keys && g.valid == 0 {
			w.takeRejected(g, e)
		}
		return
	}
	if g.valid++; g.valid == 1 {
		if g.flags&isHeld != 0 {
			copy(w.entry(g), b)
			return
		}
		g.at = uint32(len(w.now) / len(e))
		w.now = append(w.now, b...)
		return
	}
	winner := w.entry(g)
	if winner.row() != e.row() && w.opts.Duplicates == RejectDuplicates {
		g.flags |= isClash
	}
	if later := e.seq() > winner.seq(); later == (w.opts.Duplicates == LastWins) {
		copy(winner, b)
	}
}

// takeRejected keeps the rejected record of a key with the smallest number as its entry,
// until there is a valid one.
func (w *worker) takeRejected(g *group, e entry) {
	switch {
	case g.flags&isHeld == 0:
		g.flags |= isHeld
		g.at = uint32(len(w.now) / len(e))
		w.now = append(w.now, e...)
	case e.seq() < w.entry(g).seq():
		copy(w.entry(g), e)
	}
}

// takeAgain takes the column digests of an entry that was put again. The entry has to be
// the one that was taken for its key.
func (w *worker) takeAgain(b []byte) {
	e := entry(b)
	if n := w.table[w.lookup(b)]; n != 0 && w.groups[n-1].valid > 0 {
		g := &w.groups[n-1]
		if first := w.entry(g); first.number() == e.number() && first.row() == e.row() {
			w.puts++
			g.more = w.puts
			w.more = append(w.more, e[w.complete.columns:]...)
			return
		}
	}
	w.other = e.seq()
}

func (w *worker) entry(g *group) entry { return entry(w.now[int(g.at)*w.shape.size:][:w.shape.size]) }
