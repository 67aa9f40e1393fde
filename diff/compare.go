package diff

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// partitionBits is how finely records are grouped, so that the maps of the
// join stay small enough for the caches.
const partitionBits = 10

// Compare joins the records with the last snapshot. It is the barrier of a run:
// nothing can be put after it. On an error the run is of no further use; the
// snapshot on disk is as it was.
func (r *Run) Compare(ctx context.Context) (*Summary, error) {
	if r.compared.Swap(true) {
		return nil, errors.New("diff: Compare was called before, or the run is closed")
	}
	if err := r.store.usable(); err != nil {
		return nil, err
	}
	for _, f := range r.feeds {
		r.chunks = append(r.chunks, f.chunks...)
	}
	r.feeds = nil
	j := &join{
		Run:    r,
		bits:   partitionBits,
		old:    make(map[keyDigest]int32),
		groups: make(map[keyDigest]group),
		setOf:  map[Columns]uint32{{}: 0},
		sum:    &Summary{First: r.last == nil, Columns: make([]ColumnSummary, len(r.columns))},
	}
	r.sets = []Columns{{}}
	for i, name := range r.columns {
		j.sum.Columns[i].Name = name
	}
	for _, i := range r.addedAt {
		j.sum.Columns[i].Added = true
	}
	var base snapshotID
	if r.last != nil {
		base = r.last.id
		j.bits = min(j.bits, r.last.partitionBits)
		for i, name := range r.last.columns {
			if r.baseOf[i] < 0 {
				j.sum.Dropped = append(j.sum.Dropped, name)
			}
		}
	}
	if r.opts.Known != nil {
		var err error
		if j.known, err = keySet(ctx, r.store.dig, r.opts.Known); err != nil {
			return nil, err
		}
	}
	if !r.store.opts.ReadOnly {
		var err error
		if r.next, err = newCandidate(r.store, base, r.columns, j.bits); err != nil {
			return nil, err
		}
	}
	err := j.run(ctx)
	if r.last != nil {
		err = errors.Join(err, r.last.close()) // an open file can not be replaced everywhere
		r.last = nil
	}
	if err != nil {
		if r.next != nil {
			r.next.abort()
		}
		return nil, err
	}
	slices.SortFunc(r.changes, func(a, b uint32) int { return cmp.Compare(r.entry(a).seq, r.entry(b).seq) })
	r.summary, r.gone = j.sum, j.sum.Gone
	return j.sum, nil
}

// group is what is known of the records of today that share a key.
type group struct {
	winner  uint32 // entry that is taken
	found   bool   // there is a winner
	clash   bool   // the policy rejects them all
	settled bool   // its state is written
}

// join compares partition by partition.
type join struct {
	*Run
	bits   uint8
	known  map[keyDigest]struct{}
	old    map[keyDigest]int32 // key -> position in oldRecs
	groups map[keyDigest]group
	setOf  map[Columns]uint32
	sum    *Summary

	oldRecs []byte
	seen    []bool // by position in oldRecs
	out     []byte // records of the next snapshot
	buf     []byte // scratch
}

func (j *join) run(ctx context.Context) error {
	for p, entries := range j.partitions() {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("diff: %w", err)
		}
		if err := j.load(uint32(p)); err != nil {
			return err
		}
		clear(j.groups)
		for _, i := range entries {
			j.gather(i)
		}
		j.out = j.out[:0]
		for _, i := range entries {
			j.settle(i)
		}
		j.absent()
		if j.next != nil {
			if err := j.next.write(uint32(p), j.out); err != nil {
				return err
			}
		}
	}
	return nil
}

// partitions groups the entries by partition, in the order of their numbers,
// and counts those that have no usable key.
func (j *join) partitions() [][]uint32 {
	counts := make([]int, 1<<j.bits)
	j.each(func(_ uint32, e *entry) { counts[partitionOf(e.key, j.bits)]++ })
	parts := make([][]uint32, len(counts))
	for p, n := range counts {
		parts[p] = make([]uint32, 0, n)
	}
	j.each(func(i uint32, e *entry) {
		p := partitionOf(e.key, j.bits)
		parts[p] = append(parts[p], i)
	})
	for _, part := range parts {
		slices.SortFunc(part, func(a, b uint32) int { return cmp.Compare(j.entry(a).seq, j.entry(b).seq) })
	}
	for _, c := range j.chunks {
		j.sum.Read += int64(len(c.entries))
		for k := range c.entries {
			if c.entries[k].verdict == unusable {
				j.sum.Rejected++
				j.sum.Unusable++
			}
		}
	}
	return parts
}

// each visits the entries that have a key.
func (j *join) each(visit func(uint32, *entry)) {
	for c := range j.chunks {
		for k := range j.chunks[c].entries {
			if e := &j.chunks[c].entries[k]; e.verdict != unusable {
				visit(uint32(c)<<chunkBits|uint32(k), e)
			}
		}
	}
}

// load reads a partition of the last snapshot.
func (j *join) load(p uint32) (err error) {
	j.oldRecs = j.oldRecs[:0]
	clear(j.old)
	if j.last == nil {
		return nil
	}
	if j.oldRecs, err = j.last.partition(j.oldRecs, p, j.bits); err != nil {
		return err
	}
	n := len(j.oldRecs) / j.last.size
	j.sum.Previous += int64(n)
	j.seen = append(j.seen[:0], make([]bool, n)...)
	for i := range n {
		j.old[j.oldAt(i).key()] = int32(i)
	}
	if len(j.old) != n {
		return j.last.fail(damaged("a key stands twice in partition %d", p))
	}
	return nil
}

func (j *join) oldAt(i int) record { return record(j.oldRecs[i*j.last.size:][:j.last.size]) }

// gather finds the winner of each key.
func (j *join) gather(i uint32) {
	e := j.entry(i)
	g := j.groups[e.key]
	defer func() { j.groups[e.key] = g }()
	if e.verdict == rejected {
		return
	}
	if !g.found {
		g.winner, g.found = i, true
		return
	}
	loser := e
	if j.entry(g.winner).row != e.row && j.opts.Duplicates == RejectDuplicates {
		g.clash = true
	}
	if j.opts.Duplicates == LastWins {
		loser, g.winner = j.entry(g.winner), i
	}
	loser.verdict = duplicate
}

// settle gives an entry its verdict and writes the state of its key.
func (j *join) settle(i uint32) {
	e := j.entry(i)
	g := j.groups[e.key]
	at, exists := j.old[e.key]
	var o record
	if exists {
		o = j.oldAt(int(at))
		j.seen[at] = true
	}
	if !g.settled && (g.clash || !g.found) {
		g.settled = true
		j.groups[e.key] = g
		if exists {
			j.carry(o)
		}
	}
	switch {
	case e.verdict == rejected:
		j.sum.Rejected++
	case g.clash:
		e.verdict = conflict
		j.sum.Conflicting++
		j.changes = append(j.changes, i)
	case e.verdict == duplicate:
		j.sum.Duplicate++
	default:
		j.compare(i, e, o)
	}
}

// compare decides about the winner of a key. A nil record is none.
func (j *join) compare(i uint32, e *entry, o record) {
	if o != nil && o.flags()&flagUnconfirmed != 0 && (j.opts.Create || j.known != nil) {
		o = nil // whether it exists at the destination is settled now
	}
	var flags byte
	if o == nil {
		if j.known != nil {
			if _, ok := j.known[e.key]; !ok {
				e.verdict = heldBack
				j.sum.HeldBack++
				return
			}
		} else if !j.opts.Create {
			flags = flagUnconfirmed
		}
		e.verdict = isNew
		j.sum.New++
		j.changes = append(j.changes, i)
		j.keep(i, e, flags)
		return
	}
	flags = o.flags() & flagUnconfirmed
	set := j.changed(i, e, o)
	switch {
	case j.opts.Refresh || o.flags()&flagDue != 0:
		e.verdict = isDue
		j.sum.Due++
	case set != Columns{}:
		e.verdict = isChanged
		j.sum.Changed++
	default:
		e.verdict = unchanged
		j.sum.Unchanged++
	}
	if e.verdict != unchanged {
		e.set = j.intern(set)
		e.unconfirmed = flags != 0
		j.changes = append(j.changes, i)
		for c := range set.All() {
			j.sum.Columns[c].Changed++
		}
	}
	j.keep(i, e, flags)
}

// changed returns the columns in which an entry differs from its old record.
func (j *join) changed(i uint32, e *entry, o record) (set Columns) {
	digests := j.digests(i)
	byRow := j.exact && o.flags()&flagNoRow == 0
	if !byRow || e.base != o.row() {
		for at, c := range j.baseOf {
			if c >= 0 && digests[c] != o.column(at) {
				set.add(c)
			}
		}
		if byRow && set == (Columns{}) { // the column digests collide
			for _, c := range j.baseOf {
				set.add(c)
			}
		}
	}
	for _, c := range j.addedAt {
		if d := digests[c]; d != j.digestOf(e.key, c, []byte{}) && d != j.digestOf(e.key, c, nil) {
			set.add(c)
		}
	}
	return set
}

func (j *join) digestOf(k keyDigest, column int, cell []byte) (d uint32) {
	d, j.buf = j.store.dig.columnOf(j.buf, k, j.columns[column], cell)
	return d
}

func (j *join) intern(set Columns) uint32 {
	n, ok := j.setOf[set]
	if !ok {
		n = uint32(len(j.sets))
		j.setOf[set] = n
		j.sets = append(j.sets, set)
	}
	return n
}

// keep writes the state of an entry into the next snapshot.
func (j *join) keep(i uint32, e *entry, flags byte) {
	var rec record
	j.out, rec = appendRecord(j.out, e.key, e.row, flags, len(j.columns))
	for c, d := range j.digests(i) {
		rec.setColumn(c, d)
	}
}

// carry writes an old record into the next snapshot as it is. Under other
// columns its row digest means nothing any more, and a column that is new was
// never sent: it counts as empty.
func (j *join) carry(o record) {
	if j.same {
		j.out = append(j.out, o...)
		return
	}
	var rec record
	j.out, rec = appendRecord(j.out, o.key(), o.row(), o.flags()|flagNoRow, len(j.columns))
	for at, c := range j.baseOf {
		if c >= 0 {
			rec.setColumn(c, o.column(at))
		}
	}
	for _, c := range j.addedAt {
		rec.setColumn(c, j.digestOf(o.key(), c, []byte{}))
	}
}

// absent decides about the old records whose key nobody put.
func (j *join) absent() {
	if j.last == nil {
		return
	}
	kept := j.opts.Partial || j.sum.Unusable > j.opts.MaxUnusable
	for i, seen := range j.seen {
		switch {
		case seen:
		case kept:
			j.sum.Kept++
			j.carry(j.oldAt(i))
		default:
			j.sum.Gone++
		}
	}
}
