package diff

import (
	"maps"
	"slices"
)

// Verdicts are held by record number, so that they come out in its order, in pages
// that exist once one of their records has a verdict: a bit for each that is new, and
// for others two bytes for each record there, or four for each verdict as long as these
// are few.
const (
	pageBits = 10
	pageLen  = 1 << pageBits
	pageFew  = pageLen / 16
)

// page holds the codes of some record numbers in a row.
type page struct {
	isNew [pageLen / 64]uint64
	few   []uint32 // place in the page, times 2^16, and code
	all   *[pageLen]uint16
}

func (p *page) add(at int64, code uint16) {
	if code == codeNew {
		p.isNew[at>>6] |= 1 << (at & 63)
		return
	}
	if p.all == nil && len(p.few) < pageFew {
		p.few = append(p.few, uint32(at)<<16|uint32(code))
		return
	}
	if p.all == nil {
		p.all = new([pageLen]uint16)
		for _, f := range p.few {
			p.all[f>>16] = uint16(f)
		}
		p.few = nil
	}
	p.all[at] = code
}

// change replaces codes.
func (p *page) change(to func(uint16) uint16) {
	for i, f := range p.few {
		p.few[i] = f&^0xFFFF | uint32(to(uint16(f)))
	}
	if p.all != nil {
		for i, code := range p.all {
			p.all[i] = to(code)
		}
	}
}

// each visits the codes in ascending order of their places, until visit returns false.
func (p *page) each(visit func(at int64, code uint16) bool) bool {
	slices.Sort(p.few)
	few := p.few
	for at := range int64(pageLen) {
		code := uint16(0)
		switch {
		case has(p.isNew[:], at):
			code = codeNew
		case p.all != nil:
			code = p.all[at]
		case len(few) > 0 && int64(few[0]>>16) == at:
			code, few = uint16(few[0]), few[1:]
		}
		if code != 0 && !visit(at, code) {
			return false
		}
	}
	return true
}

// maxSets is the number of sets of changed columns that are told apart, and
// setCodes the number of codes for them, some of which may stand for sets that
// were folded.
const (
	maxSets  = 4096
	setCodes = (1<<16 - codeSets) / 4
)

// Codes of a verdict; 0 is none that calls for anything. From codeSets on, bit
// 0 says unconfirmed, bit 1 due, and the rest is the number of the set.
const (
	codeNew      = 1
	codeConflict = 2
	codeNewAgain = 3 // new, and unconfirmed in the last snapshot
	codeSets     = 4
)

// finding is the verdict of one record while its partition is joined. In its
// code, the number of the set is that in the list of the partition.
type finding struct {
	seq  int64
	code uint32
}

// verdicts are what Changes yields. Use them from one goroutine at a time.
type verdicts struct {
	all   Columns // the set that others are folded into
	pages map[int64]*page
	sets  []Columns          // by number; number 0 is all
	codes map[Columns]uint16 // the numbers of those that are told apart
	dead  []uint16           // numbers of sets that were folded since the last sweep
	spare []uint16           // numbers that no record has any more
	// widest is the number of columns from which on sets are folded. It only
	// shrinks, and where it ends depends on which sets there are, not on their
	// order: neither on workers, nor on memory, nor on the digest key.
	widest int

	scratch []uint16
}

func newVerdicts(columns int) *verdicts {
	all := allColumns(columns)
	return &verdicts{
		all:    all,
		pages:  make(map[int64]*page),
		sets:   []Columns{all},
		codes:  make(map[Columns]uint16),
		widest: MaxColumns + 1,
	}
}

// add takes the findings of a partition and its list of sets.
func (v *verdicts) add(found []finding, sets []Columns) {
	for again := true; again; { // folding makes earlier numbers stale
		widest := v.widest
		v.scratch = v.scratch[:0]
		for _, s := range sets {
			v.scratch = append(v.scratch, v.number(s))
		}
		again = v.widest != widest
	}
	for _, f := range found {
		code := uint16(f.code)
		if f.code >= codeSets {
			code = codeSets + v.scratch[(f.code-codeSets)>>2]<<2 + uint16(f.code&3)
		}
		p := v.pages[f.seq>>pageBits]
		if p == nil {
			p = new(page)
			v.pages[f.seq>>pageBits] = p
		}
		p.add(f.seq&(pageLen-1), code)
	}
}

// number returns the number of a set, which is 0 when it is folded.
func (v *verdicts) number(s Columns) uint16 {
	if s == v.all || s.Len() >= v.widest {
		return 0
	}
	if n, ok := v.codes[s]; ok {
		return n
	}
	if len(v.codes) == maxSets {
		v.fold(s.Len())
		return v.number(s)
	}
	if len(v.spare) == 0 && len(v.sets) == setCodes {
		v.sweep()
	}
	n := uint16(len(v.sets))
	if k := len(v.spare); k > 0 {
		n, v.spare = v.spare[k-1], v.spare[:k-1]
		v.sets[n] = s
	} else {
		v.sets = append(v.sets, s)
	}
	v.codes[s] = n
	return n
}

// fold widens the sets with the most columns to all columns, when there is one
// set too many, of so many columns.
func (v *verdicts) fold(columns int) {
	for s := range v.codes {
		columns = max(columns, s.Len())
	}
	v.widest = columns
	for s, n := range v.codes {
		if s.Len() == columns {
			delete(v.codes, s)
			v.sets[n] = v.all
			v.dead = append(v.dead, n)
		}
	}
}

// sweep gives the records of folded sets their new number, so that the old ones
// can be used again. With maxSets in use, most numbers are of that kind.
func (v *verdicts) sweep() {
	folded := make([]bool, len(v.sets))
	for _, n := range v.dead {
		folded[n] = true
	}
	for _, p := range v.pages {
		p.change(func(code uint16) uint16 {
			if code >= codeSets && folded[(code-codeSets)>>2] {
				return codeSets + code&3
			}
			return code
		})
	}
	v.spare, v.dead = v.dead, nil
}

// each visits the verdicts in the order of the record numbers, until visit
// returns false.
func (v *verdicts) each(visit func(seq int64, code uint16) bool) {
	for _, n := range slices.Sorted(maps.Keys(v.pages)) {
		if !v.pages[n].each(func(at int64, code uint16) bool { return visit(n<<pageBits+at, code) }) {
			return
		}
	}
}

// change fills in what a code says.
func (v *verdicts) change(c *Change, code uint16) {
	switch code {
	case codeNew:
		c.Kind, c.Columns = New, v.all
	case codeNewAgain:
		c.Kind, c.Columns, c.Unconfirmed = New, v.all, true
	case codeConflict:
		c.Kind = Conflict
	default:
		code -= codeSets
		c.Kind, c.Columns, c.Unconfirmed = Changed, v.sets[code>>2], code&1 != 0
		if code&2 != 0 {
			c.Kind = Due
		}
	}
}
