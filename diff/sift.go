package diff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// siftBytes is about what a key that was dropped takes in memory.
const siftBytes = 20

// dropped is a key of the last snapshot that the next one lacks.
type dropped struct {
	key  keyDigest
	gone bool // nobody put it; otherwise its record was held back
}

// drop notes that the key of a group is not in the next snapshot.
func (w *worker) drop(k keyDigest, gone bool) {
	if w.opts.Keys && !w.finding {
		b := byte(0)
		if gone {
			b = 1
		}
		w.drops = append(append(w.drops, k[:]...), b)
	}
}

// hold notes that the key of a record is in the next snapshot.
func (w *worker) hold(seq int64) {
	if w.opts.Keys && !w.finding {
		w.holds = append(w.holds, seq)
	}
}

// keys hands over what a partition has found out about keys.
func (j *join) keys(drops []byte, holds []int64) error {
	if !j.opts.Keys {
		return nil
	}
	j.holders.add(holds)
	if len(drops) == 0 {
		return nil
	}
	if j.drops == nil {
		var err error
		if j.drops, err = j.spillTo(); err != nil {
			return err
		}
	}
	return j.drops.write(drops)
}

// keyed refuses what needs [RunOptions.Keys], and Compare.
func (r *Run) keyed() error {
	switch {
	case r.summary == nil || r.closed:
		return errors.New("diff: Sift and Holders before Compare, or after Close")
	case !r.opts.Keys:
		return errors.New("diff: Sift and Holders need RunOptions.Keys")
	}
	return nil
}

// Holders yields, in ascending order, the number of one record for each key that was
// put and is in the next snapshot: the record that was taken for the key, or a rejected
// one if the key keeps its earlier state. It needs [RunOptions.Keys], and can be ranged
// over more than once.
func (r *Run) Holders() iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		if err := r.keyed(); err != nil {
			yield(0, err)
			return
		}
		for seq := range r.holders.all(false) {
			if !yield(seq, nil) {
				return
			}
		}
	}
}

// Sift visits keys of the last snapshot, as given to [Feed.Put] in earlier runs, in
// their order, and says what becomes of each. With stays set, the key is in the next
// snapshot; with gone set, no record of the run has it, as counted in [Summary.Gone];
// with neither, its record was held back in this run. A caller that keeps the keys of
// a snapshot in a file of its own so learns which keys have left, and which to keep. A
// key that is not in the last snapshot is visited with stays set, which then means
// nothing.
//
// The keys are ranged over once, or more often if memory is short, and must be the same
// each time; visit is called only in the last round. Sift needs [RunOptions.Keys], and
// is called after Compare. An error of the keys or of visit ends it, and is returned
// as it is.
func (r *Run) Sift(ctx context.Context, keys iter.Seq2[[]byte, error], visit func(key []byte, stays, gone bool) error) error {
	if err := r.keyed(); err != nil {
		return err
	}
	marks := map[bool]*numbers{false: newNumbers(), true: newNumbers()} // by gone: the keys found in earlier rounds
	total := int64(0)
	if r.drops != nil {
		total = r.dropped
	}
	for at := int64(0); ; {
		lot, err := r.lot(at, total)
		if err != nil {
			return err
		}
		at += int64(len(lot))
		if err := r.round(ctx, keys, lot, marks, at == total, visit); err != nil {
			return err
		}
		if at == total {
			return nil
		}
	}
}

// lot reads dropped keys, from number at on, as many as memory holds, and sorts them.
func (r *Run) lot(at, total int64) ([]dropped, error) {
	const size = digestBytes + 1
	n := min(total-at, max(1, r.memory()/8/siftBytes))
	lot := make([]dropped, 0, n)
	buf := make([]byte, readSize+pageSize)
	for most := int64(readSize / size); n > 0; {
		part := min(n, most)
		b, err := r.drops.read(buf, at*size, int(part)*size)
		if err != nil {
			return nil, err
		}
		for ; len(b) > 0; b = b[size:] {
			lot = append(lot, dropped{keyDigest(b[:digestBytes]), b[digestBytes] == 1})
		}
		at, n = at+part, n-part
	}
	slices.SortFunc(lot, func(a, b dropped) int { return bytes.Compare(a.key[:], b.key[:]) })
	return lot, nil
}

// round ranges over the keys once, and looks them up in a lot. In the last round it calls
// visit; in earlier ones it only marks the numbers of the keys that it finds.
func (r *Run) round(ctx context.Context, keys iter.Seq2[[]byte, error], lot []dropped, marks map[bool]*numbers, last bool, visit func([]byte, bool, bool) error) error {
	n := int64(0)
	for key, err := range keys {
		if err != nil {
			return err
		}
		if n++; n&1023 == 1 {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("diff: %w", err)
			}
		}
		k := r.store.dig.keyOf(key)
		i, found := slices.BinarySearchFunc(lot, k, func(d dropped, k keyDigest) int { return bytes.Compare(d.key[:], k[:]) })
		switch {
		case found && !last:
			marks[lot[i].gone].add([]int64{n})
		case !last:
		case found:
			err = visit(key, false, lot[i].gone)
		default:
			gone, held := marks[true].has(n), marks[false].has(n)
			err = visit(key, !gone && !held, gone)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// has reports whether a number was added.
func (n *numbers) has(seq int64) bool {
	page, at := n.pages[seq>>numbersBits], seq&(numbersLen-1)
	return page != nil && page.wanted[at>>6]>>(at&63)&1 == 1
}
