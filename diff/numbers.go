package diff

import (
	"fmt"
	"iter"
	"maps"
	"math/bits"
	"slices"
	"sync/atomic"
)

// Numbers are held as bits, in pages that exist once one of theirs is wanted.
const (
	numbersBits = 13
	numbersLen  = 1 << numbersBits
)

// numbers are those of the records that are to be put again. They are added by
// one goroutine at a time; then take may be called by several, while others
// read which are wanted.
type numbers struct{ pages map[int64]*numbersPage }

type numbersPage struct {
	wanted [numbersLen / 64]uint64
	taken  [numbersLen / 64]uint64
}

func newNumbers() *numbers { return &numbers{make(map[int64]*numbersPage)} }

func (n *numbers) add(seqs []int64) {
	for _, seq := range seqs {
		page := n.pages[seq>>numbersBits]
		if page == nil {
			page = new(numbersPage)
			n.pages[seq>>numbersBits] = page
		}
		at := seq & (numbersLen - 1)
		page.wanted[at>>6] |= 1 << (at & 63)
	}
}

// merge adds all of m.
func (n *numbers) merge(m *numbers) {
	for at, page := range m.pages {
		mine := n.pages[at]
		if mine == nil {
			mine = new(numbersPage)
			n.pages[at] = mine
		}
		for i, w := range &page.wanted {
			mine.wanted[i] |= w
		}
	}
}

// remove removes all of m.
func (n *numbers) remove(m *numbers) {
	for at, page := range m.pages {
		if mine := n.pages[at]; mine != nil {
			for i, w := range &page.wanted {
				mine.wanted[i] &^= w
			}
		}
	}
}

// take takes note that a record was put again.
func (n *numbers) take(seq int64) error {
	page, at := n.pages[seq>>numbersBits], seq&(numbersLen-1)
	bit := uint64(1) << (at & 63)
	if page == nil || page.wanted[at>>6]&bit == 0 {
		return fmt.Errorf("diff: record %d was not asked for again", seq)
	}
	if atomic.OrUint64(&page.taken[at>>6], bit)&bit != 0 {
		return fmt.Errorf("diff: record %d was put again already", seq)
	}
	return nil
}

// all yields the numbers in ascending order; with left set, only those that
// were not taken.
func (n *numbers) all(left bool) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for _, p := range slices.Sorted(maps.Keys(n.pages)) {
			page := n.pages[p]
			for i, w := range &page.wanted {
				if left {
					w &^= atomic.LoadUint64(&page.taken[i])
				}
				for ; w != 0; w &= w - 1 {
					if !yield(p<<numbersBits + int64(i)<<6 + int64(bits.TrailingZeros64(w))) {
						return
					}
				}
			}
		}
	}
}
