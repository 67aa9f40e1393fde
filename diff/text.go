package diff

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/dchest/siphash"
)

// In a run by text, a record of today whose text the last snapshot has is known: it is
// taken as unchanged, without a look at its key or its cells. All other records are put.
// When it turns out that a known record shares its key with another record of today, or
// that a text was mistaken for another, the known records concerned are put after all.
// This goes in rounds:
//
//   - Begin fills tables with the text digests of the last snapshot (know).
//   - Feed.Known looks texts up, marks those that are found, and sums them up (knows).
//   - Compare finds the records of the last snapshot whose texts were found (markSeen,
//     sortTexts), and carries them into the next snapshot (takeSeen). A text whose
//     record has the key of a record that was put is opened.
//   - When the sums of both sides agree (alike) and no text was opened, the join is
//     done. Otherwise the records of the open texts are put, and it starts over
//     (joinTexts).

// knower finds records by their text, for a feed.
type knower struct {
	foundSums // of today: first and second of the texts when found once and a second time; settled of all that are known
	digests   [textBatch]uint64
	of        [textBatch]int32 // for each digest, the number of its text in the call
	places    places
	count     int64    // records that are known
	held      *numbers // their numbers, with RunOptions.Keys
}

// ByText reports whether records may be taken by their text, with [Feed.Known]; see
// [RunOptions.Rendering]. The outcome is the same as without Known.
func (r *Run) ByText() bool { return r.byText }

// Known looks up the texts of records that are numbered in a row, starting with first. It
// sets known[i], true or false, for texts[i]; known is at least as long as texts. True
// means that the last snapshot has a record with this text: today's record is taken as
// unchanged, and is not to be put. A record for which it is false has to be put. A nil
// text is not known.
//
// Known is for runs that are [Run.ByText], and each record is offered to it once. While
// [RunOptions.Again] is called, all records are offered once more, through new feeds:
// false then marks the records that have to be put now. A record without a text was put
// before, and gets true.
func (f *Feed) Known(first int64, texts [][]byte, known []bool) error {
	r := f.run
	if !r.byText || len(known) < len(texts) || first <= 0 {
		return errors.New("diff: Known in a run that is not ByText, without room for what is known, or from no positive number on")
	}
	r.knowing.RLock() // so that nobody frees them
	defer r.knowing.RUnlock()
	if err := f.inTime(); err != nil {
		return err
	}
	if r.trust.Load() == textsVain {
		clear(known[:len(texts)])
		return nil
	}
	if f.knower == nil {
		f.knower = &knower{}
		if r.opts.Keys {
			f.knower.held = newNumbers()
		}
	}
	k := f.knower
	for len(texts) > 0 {
		n, used := 0, 0
		for used < len(texts) && n < textBatch {
			known[used] = f.phase == puttingAgain
			if text := texts[used]; text != nil {
				k.digests[n], k.of[n] = r.textDigest(text), int32(used)
				n++
			}
			used++
		}
		r.tables.find(k.digests[:n], &k.places)
		for i := range n {
			known[k.of[i]] = f.knows(first+int64(k.of[i]), k.digests[i], k.places.in[i], k.places.at[i])
		}
		first, texts, known = first+int64(used), texts[used:], known[used:]
		r.offer(n)
	}
	return nil
}

// Whether it pays to look for texts. It does not where every text differs every day, for
// example by a time in it.
const (
	textsUntried = iota
	textsFound   // one was found
	textsVain    // many were looked for, and none was found: the run looks for no more
)

// vainTexts is how many texts are looked for without success before the run gives up.
const vainTexts = 1 << 20

// offer counts texts that were looked for.
func (r *Run) offer(n int) {
	if r.trust.Load() != textsUntried {
		return
	}
	most := int64(vainTexts)
	if r.opts.tiny > 0 {
		most = r.opts.tiny >> 8
	}
	if r.offered.Add(int64(n)) >= most {
		r.trust.CompareAndSwap(textsUntried, textsVain)
	}
}

// trusts reports whether a text that was found counts. It does, unless the run has given
// up looking for texts meanwhile.
func (r *Run) trusts() bool {
	return r.trust.Load() == textsFound || r.trust.CompareAndSwap(textsUntried, textsFound) || r.trust.Load() == textsFound
}

// knows reports whether a record of today is known, whose text digest was found at a
// place in t, or was not found when at is -1. While records are put again, only the
// records of open texts are not known.
func (f *Feed) knows(seq int64, digest uint64, t *texts, at int64) bool {
	k := f.knower
	if f.phase == puttingAgain {
		if at < 0 || !t.open.has(at) {
			return true
		}
		k.settled.remove(digest)
		k.count--
		if k.held != nil {
			k.held.add([]int64{seq})
		}
		return false
	}
	if at < 0 || !f.run.trusts() {
		return false
	}
	switch word, bit := at>>6, uint64(1)<<(at&63); {
	case atomic.OrUint64(&t.found[word], bit)&bit == 0:
		k.first.add(digest)
	case k.held == nil && !t.twice.set(at): // the second record with this text is a duplicate
		k.second.add(digest)
	default:
		t.reopen(at)
	}
	k.settled.add(digest)
	k.count++
	if k.held != nil {
		k.held.add([]int64{seq})
	}
	return true
}

// takeKnown takes over what a feed has found out about known records.
func (r *Run) takeKnown(f *Feed) {
	k := f.knower
	if k == nil {
		return
	}
	r.found.merge(&k.foundSums)
	r.known += k.count
	if k.held == nil {
		return
	}
	if f.phase == puttingAgain {
		r.held.remove(k.held)
	} else {
		r.held.merge(k.held)
	}
}

// textDigest returns the digest of a text; 0 is none.
func (r *Run) textDigest(text []byte) uint64 {
	if text == nil {
		return 0
	}
	return siphash.Hash(r.textKey.k0, r.textKey.k1, text)
}

// sortTexts divides the records that the last snapshot has in a partition, which are in
// w.raw. Those whose text was found are listed in w.seen; the others are copied to
// w.before, to be joined.
func (w *worker) sortTexts() {
	size := w.last.size
	w.before, w.places, w.seen = w.before[:0], w.places[:0], w.seen[:0]
	standing := w.standing
	w.standing = 0
	for i, place := range w.rawPlaces {
		o := record(w.raw[i*size:][:size])
		seen, twice := false, false
		if i < standing {
			seen, twice = has(w.tables.seen, int64(place)-1), w.tables.doubled.has(int64(place)-1)
		} else {
			seen, twice = w.sees(o)
		}
		if seen {
			w.seen = append(w.seen, seenRecord{int32(i), twice})
			continue
		}
		w.before, w.places = append(w.before, o...), append(w.places, place)
		if i < standing {
			w.standing++
		}
	}
	w.rawStanding = standing
}

// sees reports whether the text of a record of the last snapshot was found, and whether
// it was found twice. It is for records whose place in a file of records is not known:
// those of near, and all when the snapshot had to be partitioned again.
func (w *worker) sees(o record) (seen, twice bool) {
	if !w.knowable(o) {
		return false, false
	}
	t, at := w.tables.place(o.text())
	if at < 0 || !has(t.found, at) {
		return false, false
	}
	return w.near.add(o.text(), t, at)
}

// seenRecord is a record of the last snapshot whose text was found.
type seenRecord struct {
	number int32 // in w.raw
	twice  bool  // two records of today have the text
}

// takeSeen carries the records whose text was found into the next snapshot, once the
// groups are complete. It opens the text of a record whose key was put as well.
func (w *worker) takeSeen() {
	for _, s := range w.seen {
		i := s.number
		o := record(w.raw[int(i)*w.last.size:][:w.last.size])
		if n := w.table[w.lookup(o)]; n != 0 && w.groups[n-1].valid > 0 {
			if t, at := w.tables.place(o.text()); at >= 0 { // otherwise accounted reports damage
				t.reopen(at) // another record has its key
			}
			continue
		}
		w.sum.Unchanged++
		count := int64(1)
		if s.twice {
			w.sum.Duplicate++
			count = 2
		}
		w.taken += count
		w.takenSum += uint64(count) * o.text()
		if n := o.note(); n > 0 {
			w.notes[n] += count
		}
		w.place = w.rawPlaces[i]
		w.carry(o, int(i) < w.rawStanding)
	}
}

// joinTexts joins a run by text. When texts are open after a join, their records are
// put, and the join starts over. It hardly ever does so more than once: after that, only
// a text that was mistaken for another can have hidden a record that is concerned.
func (j *join) joinTexts(ctx context.Context) error {
	sum, known, held, settled := *j.sum, j.Run.known, j.held, j.found.settled
	for opens := int64(0); ; {
		if j.coarse == nil { // then places are known
			if err := j.markSeen(ctx); err != nil {
				return err
			}
		}
		var err error
		if j.tables.opens() > opens { // no snapshot is written: this join only finds all texts to open
			j.holders = newNumbers()
			err = j.run(ctx)
		} else {
			err = j.joinAll(ctx)
		}
		if err != nil {
			return err
		}
		alike := j.alike()
		if alike && j.tables.opens() == opens {
			if err := j.accounted(); err != nil {
				return err
			}
			j.takeNotes()
			return nil
		}
		if j.tables.opens() == opens {
			return errChanged
		}
		if err := j.anew(sum); err != nil {
			return err
		}
		opens, j.Run.known, j.found.settled = j.tables.opens(), known, settled
		j.held = newNumbers()
		j.held.merge(held)
		unusable, err := j.putAgain(ctx, nil)
		if err != nil {
			return err
		}
		if j.again.count+unusable+j.Run.known != known {
			return errChanged
		}
		j.sum.Unusable += unusable
		j.sum.Rejected += unusable
		j.kept = j.opts.Partial || j.sum.Unusable > j.opts.MaxUnusable
	}
}

var errChanged = errors.New("diff: the segment changed while it was read: records are not there any more, or not as they were; run again")

// alike compares the sums of the known records of today with those of the records of the
// last snapshot. Where two sums differ, it opens all texts that are part of them. Once
// records were put again, only the sums of texts that are not open count.
func (j *join) alike() bool {
	sums := j.tables.foundSums
	for _, w := range j.crew {
		sums.merge(&w.near)
	}
	alike := true
	for part := range sums.first {
		same := sums.settled[part] == j.found.settled[part]
		if j.again == nil {
			same = sums.first[part] == j.found.first[part] && sums.second[part] == j.found.second[part]
		}
		if !same {
			alike = false
			j.tables.far.reopenPart(part)
			j.tables.near.reopenPart(part)
		}
	}
	return alike
}

// accounted checks that each known record was counted for a record of the last snapshot
// with its text. It was not if the texts in a file of records are not those of its
// records, which is damage.
func (j *join) accounted() error {
	known, sum := j.Run.known, uint64(0)
	for _, s := range &j.found.settled {
		sum += s
	}
	for _, w := range j.crew {
		known -= w.taken
		sum -= w.takenSum
	}
	if known == 0 && sum == 0 {
		return nil
	}
	f := j.last
	if f.body != nil {
		f = f.body
	}
	return f.fail(damaged("its texts are not those of its records"))
}

// anew drops what the join has found out, and sets the summary back to sum.
func (j *join) anew(sum Summary) error {
	if j.next != nil {
		j.next.abort()
		j.next = nil
	}
	err := errors.Join(j.drops.close(), j.again.close())
	j.drops, j.again, j.crew = nil, nil, nil
	j.verdicts = newVerdicts(len(j.columns))
	sum.Columns = slices.Clone(sum.Columns)
	for i := range sum.Columns {
		sum.Columns[i].Changed = 0
	}
	j.sum = &sum
	if j.coarse == nil {
		j.last.rewind()
	}
	return err
}

// takeNotes counts the notes of the known records.
func (j *join) takeNotes() {
	for _, w := range j.crew {
		for i, n := range &w.notes {
			if i > 0 && n > 0 {
				j.sum.note(j.notes.all[i-1], n)
			}
		}
	}
}
