package diff

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
)

// join compares partition by partition. The last snapshot is read in ascending
// order of the partitions, and the next one written so; in between, workers join
// one partition each. A lean run joins twice: first to find the records that are
// to be put again. A run by text does so only when it finds that some are.
type join struct {
	*Run
	bits    uint8
	workers int
	crew    []*worker
	finding bool      // this is the first of two
	newSize int       // of a record of the next snapshot
	kept    bool      // keys that nobody put keep their state
	known   *relation // nil: not given
	coarse  *relation // the last snapshot, when it has too few partitions; or nil
	form    form      // what is written of the next snapshot

	verdicts *verdicts
	sum      *Summary

	reading sync.Mutex // guards last and ahead
	ahead   uint32     // the next partition to be read
	writing sync.Mutex // guards what follows; whose turn it is owns next, verdicts and sum
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

// fail ends the join; the first error counts.
func (j *join) fail(err error) {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.err == nil {
		j.err = err
	}
	j.turned.Broadcast()
}

// await waits until a partition is to be written. It returns false when the
// join has failed.
func (j *join) await(p uint32) bool {
	j.writing.Lock()
	defer j.writing.Unlock()
	for j.turn != p && j.err == nil {
		j.turned.Wait()
	}
	return j.err == nil
}

// pass lets the next partition be written.
func (j *join) pass() {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.turn++
	j.turned.Broadcast()
}

// worker joins one partition at a time. Its memory is used again.
type worker struct {
	*join
	hasher   hasher
	groups   []group
	table    []uint32 // number of a group plus 1, by hash; 0 is none
	mask     uint32
	before   []byte    // records of the last snapshot; they are the first groups
	places   []uint32  // where they stand, as reader.partition tells
	standing int       // so many of them, the first ones, stay where they are unless they change
	removed  []removal // what the last snapshot says is not there any more
	now      []byte    // entries of today: the one that is taken of each key
	after    []byte    // records of the next snapshot
	more     []byte    // column digests of records that were put again
	drops    []byte    // keys of the last snapshot that the next one lacks, each with a byte
	puts     uint32    // how many these are
	read     []byte    // scratch

	wanted []int64 // records that are to be put again
	holds  []int64 // records whose keys the next snapshot has
	other  int64   // a record that was not put again as it was; 0 is none
	found  []finding
	sets   []Columns
	setOf  map[Columns]uint32
	sum    Summary // counts of the partition
	totals totals  // of the next snapshot
	olds   int     // records of before
	counts []int64 // those of the columns
	used   [maxNotes + 1]bool

	place uint32 // what is written about the group stands in place of what stands there
	stays bool   // which goes on to count

	raw         []byte // in a run by text, what the last snapshot has of the partition
	rawPlaces   []uint32
	rawStanding int
	seen        []seenRecord // those of raw
	near        foundSums    // of records whose places tables do not know
	notes       [maxNotes + 1]int64
	taken       int64  // records of today that were taken as they were
	takenSum    uint64 // of the digests of their texts
}

// removal says that there is no record of a key any more in the place that it has.
type removal struct {
	key   keyDigest
	place uint32
}

// group is what is known of a key.
type group struct {
	key   keyDigest
	at    uint32 // where its entry is in worker.now, counted in entries
	more  uint32 // where its column digests end in worker.more, counted in records; 0: it has none
	valid uint32 // records that were not rejected
	place uint32 // where a record stands that the last snapshot says is not there any more
	flags uint8
}

// groupBytes is about what a group takes, with its place in the table and a
// finding.
const groupBytes = 36 + 8 + 16

// Flags of a group.
const (
	isPut   = 1 << iota // a record of today has the key
	isClash             // the policy rejects all of its records
	isKnown
	isHeld // a record that was rejected stands in for its entry
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

// want hands over what is to be put again. It returns false when the join has
// failed.
func (w *worker) want() bool {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.Run.wanted.add(w.wanted)
	return w.err == nil
}

// load reads the records of the last snapshot.
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

// old is where the records of the last snapshot are read to.
func (w *worker) old() (records *[]byte, places *[]uint32) {
	if w.tables != nil {
		return &w.raw, &w.rawPlaces
	}
	return &w.before, &w.places
}

// gather puts the records of all relations together by key.
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

// reserve makes room for groups.
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

// lookup returns the place in the table of a key digest, or where it belongs.
func (w *worker) lookup(key []byte) uint32 {
	k := keyDigest(key)
	for at := binary.LittleEndian.Uint32(key[12:]) & w.mask; ; at = (at + 1) & w.mask {
		if n := w.table[at]; n == 0 || w.groups[n-1].key == k {
			return at
		}
	}
}

// group returns the group of the key digest that b begins with, which may be a
// new one.
func (w *worker) group(b []byte) *group {
	at := w.lookup(b)
	if n := w.table[at]; n != 0 {
		return &w.groups[n-1]
	}
	w.groups = append(w.groups, group{key: keyDigest(b)})
	w.table[at] = uint32(len(w.groups))
	return &w.groups[len(w.groups)-1]
}

// take finds the record that is taken of each key.
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

// takeRejected finds the first record that was rejected, in case there is no
// other of its key.
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

// takeAgain finds the record of an entry that was put again.
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
