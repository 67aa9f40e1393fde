package diff

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/bits"
)

// Memory of a run, and its smallest value. Half of it is for the records that are put, an
// eighth for the known keys, an eighth for a last snapshot that has to be partitioned
// again, and a quarter for the join. In a lean run and in one by text, half of the join's
// quarter is for the records that are put again. Once the records that were put are
// spilled, the join has their half too.
const (
	defaultMemory = 64 << 20
	minMemory     = 16 << 20
)

// Aims for the size of a partition of the join.
const (
	aimRecords = 8 << 10  // about so many records, which stay in the caches of a processor
	aimRead    = 16 << 10 // but not so many partitions that a spilled lot has much fewer bytes of each
	aimSpread  = 4        // the partition bits of the last snapshot may exceed those aimed at by so many
)

// changesMost limits a file of changes: when its records are more than the records in
// the file of records divided by changesMost, the next run writes all records anew.
const changesMost = 4

// changesRuns is the number of runs after which all records are written anew in any
// case: until then, their file has the digests of records that are gone.
const changesRuns = 30

// mostWhole is the number of records up to which a snapshot is one file. So few are
// written quickly.
const mostWhole = 10_000

// Compare joins the records with the last snapshot. After it was called nothing can be
// put, except what [RunOptions.Again] is asked for during the call. It works on up to
// GOMAXPROCS partitions at once, as far as memory allows. After an error the run is of
// no further use; the current snapshot is as it was.
func (r *Run) Compare(ctx context.Context) (*Summary, error) {
	if !r.phase.CompareAndSwap(putting, comparing) {
		return nil, errors.New("diff: Compare was called before, or the run is closed")
	}
	if err := r.store.usable(); err != nil {
		return nil, err
	}
	j := &join{
		Run:      r,
		verdicts: newVerdicts(len(r.columns)),
		newSize:  recordSize(len(r.columns)),
		sum:      &Summary{First: r.last == nil, Columns: make([]ColumnSummary, len(r.columns))},
	}
	err := errors.Join(j.all(ctx), j.release())
	if err == nil && j.drops != nil {
		r.dropped = j.drops.size / (digestBytes + 1)
		err = j.drops.flush()
	}
	if err != nil {
		if r.next != nil {
			r.next.abort()
		}
		return nil, err
	}
	r.summary, r.verdicts, r.gone = j.sum, j.verdicts, j.sum.Gone
	return j.sum, nil
}

// all prepares the relations, chooses the partitions, and joins.
func (j *join) all(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("diff: %w", err)
	}
	unusable, err := j.flush()
	if err != nil {
		return err
	}
	if err := j.today.end(); err != nil {
		return err
	}
	if j.trust.Load() == textsVain {
		j.freeTexts()
	}
	j.sum.Read = j.today.count + unusable + j.Run.known
	j.sum.Unusable, j.sum.Rejected = unusable, unusable
	j.kept = j.opts.Partial || unusable > j.opts.MaxUnusable
	for i, name := range j.columns {
		j.sum.Columns[i].Name = name
	}
	for _, i := range j.addedAt {
		j.sum.Columns[i].Added = true
	}
	var old int64
	if j.last != nil {
		for i, name := range j.last.columns {
			if j.baseOf[i] < 0 {
				j.sum.Dropped = append(j.sum.Dropped, name)
			}
		}
		old = j.last.ending.totals.records
	}
	j.plan(old)
	if err := j.readKnown(ctx); err != nil {
		return err
	}
	if err := j.readCoarse(ctx); err != nil {
		return err
	}
	j.today.seal(j.bits)
	j.form = j.formFor(old, j.today.count+j.Run.known)
	if j.lean {
		if err := j.putLean(ctx); err != nil {
			return err
		}
	}
	if j.tables != nil {
		return j.joinTexts(ctx)
	}
	return j.joinAll(ctx)
}

// joinAll joins all partitions, and writes the records of the next snapshot.
func (j *join) joinAll(ctx context.Context) error {
	j.holders = newNumbers()
	j.holders.merge(j.held)
	if err := j.begin(); err != nil {
		return err
	}
	if err := j.run(ctx); err != nil {
		return err
	}
	var used [maxNotes + 1]bool
	for _, w := range j.crew {
		for n, is := range &w.used {
			used[n] = used[n] || is
		}
	}
	if j.next != nil {
		j.notes.keep(used)
		j.next.notes = j.notes.all
	}
	return nil
}

// begin begins the next snapshot, unless the store is read only.
func (j *join) begin() (err error) {
	if err := j.store.usable(); err != nil { // the caller's functions may have closed it
		return err
	}
	if j.store.opts.ReadOnly {
		return nil
	}
	h := header{partitionBits: j.bits, rendering: j.rendering, columns: j.columns}
	var runs int64
	if j.form == changed {
		h.body, runs = j.last.header.body, j.last.runs+1
	}
	j.next, err = newCandidate(j.store, j.base, j.form, h, j.memory()/16)
	j.next.runs = runs
	return err
}

// formFor chooses what is written of the next snapshot. Old and now are the numbers of
// records in the last snapshot and in this run.
func (j *join) formFor(old, now int64) form {
	most := int64(mostWhole)
	if j.opts.tiny > 0 {
		most = j.opts.tiny >> 8
	}
	switch {
	case j.last != nil && j.last.body != nil && j.same && j.last.rendering == j.rendering && j.coarse == nil && j.bits == j.last.partitionBits &&
		j.last.held <= j.last.body.held/changesMost && j.last.runs < changesRuns:
		return changed
	case max(old, now) > most && old+now < maxPlaces: // the next snapshot has at most old+now records
		return apart
	}
	return whole
}

// putLean runs the first join of a lean run, which finds the records whose column digests
// are needed, and has them put again.
func (j *join) putLean(ctx context.Context) error {
	j.finding, j.holders = true, newNumbers()
	if err := j.run(ctx); err != nil {
		return err
	}
	if j.coarse == nil {
		j.last.rewind()
	}
	j.finding = false
	if len(j.wanted.pages) == 0 {
		return nil
	}
	if _, err := j.putAgain(ctx, j.wanted.all(false)); err != nil {
		return err
	}
	for seq := range j.wanted.all(true) {
		return notAsItWas(seq)
	}
	j.wanted = nil
	return nil
}

// putAgain calls RunOptions.Again, and takes what is put meanwhile into j.again. It returns
// how many of these records had no key.
func (j *join) putAgain(ctx context.Context, numbers iter.Seq[int64]) (unusable int64, err error) {
	if err := context.Cause(ctx); err != nil {
		return 0, fmt.Errorf("diff: %w", err)
	}
	j.again = newRelation(j.complete.size, j.memory()/8, j.spillTo)
	j.phase.Store(puttingAgain)
	err = j.opts.Again(ctx, numbers)
	if !j.phase.CompareAndSwap(puttingAgain, comparing) {
		return 0, errors.Join(err, errors.New("diff: the run was closed while records were put again"))
	}
	if err != nil {
		return 0, fmt.Errorf("diff: put records again: %w", err)
	}
	if unusable, err = j.flush(); err != nil {
		return 0, err
	}
	if err := j.again.end(); err != nil {
		return 0, err
	}
	j.again.seal(j.bits)
	return unusable, nil
}

// notAsItWas is the error about a record that was not put again unchanged.
func notAsItWas(seq int64) error {
	return fmt.Errorf("diff: the segment changed while it was read: record %d is not there any more, or not as it was; run again", seq)
}

// plan chooses the number of partitions and of workers, for the records of today and old
// records in the last snapshot: enough partitions that those that are joined at the same
// time fit into memory, and more if that suits the caches.
func (j *join) plan(old int64) {
	n := j.today.count
	most := max(n, old)
	bytes := n * int64(j.today.size+j.newSize+groupBytes)
	if j.lean {
		bytes += n * int64(j.complete.size) // at worst all are put again
	}
	if j.last != nil {
		bytes += old * int64(j.last.size+groupBytes)
		if j.kept {
			bytes += old * int64(j.newSize)
		}
	}
	bytes += bytes / 4 // partitions are not all of one size
	workers := int64(j.crewSize())
	share := j.memory() / 4
	if j.lean || j.tables != nil {
		share /= 2
	}
	if j.today.spilled() {
		share += j.memory() / 2
	}
	need := bitsFor(bytes*workers, share)
	if need == indexBits {
		workers = max(1, min(workers, share/(bytes>>indexBits+1)))
	}
	want := bitsFor(most, aimRecords)
	if j.today.spilled() {
		want = min(want, bitsFor(int64(j.today.lot*j.today.slots*j.today.size), aimRead))
	}
	j.bits = max(need, want)
	// The number of partitions of the last snapshot is best: then it is read as it is.
	if j.last != nil && j.last.partitionBits >= need && j.last.partitionBits <= min(j.bits+aimSpread, indexBits) {
		j.bits = j.last.partitionBits
	}
	j.workers = int(min(workers, 1<<j.bits))
}

// bitsFor returns the smallest bits, at most indexBits, with which 2^bits equal parts of
// total are no larger than part.
func bitsFor(total, part int64) uint8 {
	n := (total + part - 1) / max(part, 1)
	return uint8(min(indexBits, bits.Len64(uint64(max(n, 1)-1))))
}

// readKnown reads RunOptions.Known into a relation of key digests.
func (j *join) readKnown(ctx context.Context) error {
	if j.opts.Known == nil {
		return nil
	}
	j.known = newRelation(len(keyDigest{}), j.memory()/8, j.spillTo)
	a := appender{rel: j.known}
	err := eachKey(ctx, j.store.dig, j.opts.Known, func(k keyDigest) error {
		b, err := a.next()
		copy(b, k[:])
		return err
	})
	if err == nil {
		err = a.flush()
	}
	if err == nil {
		err = j.known.end()
	}
	j.known.seal(j.bits)
	return err
}

// readCoarse reads the last snapshot into a relation if it has fewer partitions than this
// join.
func (j *join) readCoarse(ctx context.Context) error {
	if j.last == nil || j.last.partitionBits >= j.bits {
		return nil
	}
	j.coarse = newRelation(j.last.size, j.memory()/8, j.spillTo)
	a := appender{rel: j.coarse}
	for {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("diff: %w", err)
		}
		_, records, err := j.last.all()
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
		for ; len(records) > 0; records = records[j.last.size:] {
			b, err := a.next()
			if err != nil {
				return err
			}
			copy(b, records)
		}
	}
	if err := a.flush(); err != nil {
		return err
	}
	if err := j.coarse.end(); err != nil {
		return err
	}
	j.coarse.seal(j.bits)
	return nil
}

// release frees and closes what only the join needs.
func (j *join) release() error {
	errs := []error{j.today.close(), j.again.close(), j.known.close(), j.coarse.close()}
	j.Run.today, j.Run.again = nil, nil
	j.freeTexts()
	if j.last != nil {
		errs = append(errs, j.last.close()) // an open file can not be replaced everywhere
		j.last = nil
	}
	return errors.Join(errs...)
}
