package sqldiff

import (
	"cmp"
	"slices"

	"github.com/spliosync/spliosync/diff"
)

// A record that keeps its earlier state keeps the digests of the columns that it
// had then, and its layout says which these are. The layouts of a snapshot follow
// each other in time: from one to the next, a column that is gone is forgotten,
// and one that is new has never been sent, so that it counts as empty.

// upgrades bring the digests of any layout into the columns of the last
// snapshot.
type upgrades struct {
	columns []string // of the last snapshot
	from    [][]int  // by layout: for each of columns, where it is there, or -1
	whole   []bool   // by layout: no column was added or dropped since
	lengths []int    // by layout
	baseOf  []int    // for each of columns, its number in the run, or -1
	added   []int    // columns of the run that the last snapshot lacks
	base    []int    // columns of the run that the last snapshot has, by name
	all     []int    // columns of the run, by name
	exact   bool     // no column of the last snapshot is missing in the run
}

// layout finds out how the columns of the run relate to those of the last
// snapshot.
func (r *Run) layout() {
	p := &upgrades{}
	r.plan = p
	r.next.Columns = r.columns
	for i := range r.columns {
		p.all = append(p.all, i)
	}
	byName := func(a, b int) int { return cmp.Compare(r.columns[a], r.columns[b]) }
	slices.SortFunc(p.all, byName)
	if r.last == nil {
		r.same = true
		r.next.Layouts = [][]string{r.columns}
		return
	}
	r.same = r.last.Print == r.next.Print
	r.next.First, r.next.Layouts = r.last.First, slices.Clone(r.last.Layouts)
	if !slices.Equal(r.last.Columns, r.columns) {
		r.next.Layouts = append(r.next.Layouts, r.columns)
	}
	p.columns, p.exact = r.last.Columns, true
	for _, c := range p.columns {
		i := slices.Index(r.columns, c)
		p.baseOf = append(p.baseOf, i)
		p.exact = p.exact && i >= 0
		if i >= 0 {
			p.base = append(p.base, i)
		}
	}
	slices.SortFunc(p.base, byName)
	for i, c := range r.columns {
		if !slices.Contains(p.columns, c) {
			p.added = append(p.added, i)
		}
	}
	for l, columns := range r.last.Layouts {
		at := make([]int, len(columns))
		for i := range at {
			at[i] = i
		}
		whole := true
		now := columns
		for _, next := range r.last.Layouts[l+1:] {
			step := make([]int, len(next))
			for i, c := range next {
				step[i] = -1
				if j := slices.Index(now, c); j >= 0 {
					step[i] = at[j]
				}
			}
			whole = whole && sameSet(now, next)
			now, at = next, step
		}
		p.from, p.whole, p.lengths = append(p.from, at), append(p.whole, whole), append(p.lengths, len(columns))
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// changed returns the columns in which cells differ from the state, and the
// digests of the cells.
func (f *Feed) changed(kd string, cells [][]byte, old *candidate, now []uint32) (set diff.Columns, err error) {
	p, r := f.run.plan, f.run
	l := int(old.layout - r.last.First)
	if l < 0 || l >= len(p.from) {
		return set, errRendered
	}
	row, was, err := decode(old.rendered, p.lengths[l], f.was[:0])
	f.was = was
	if err != nil {
		return set, err
	}
	byRow := p.exact && p.whole[l]
	if !byRow || f.rowOf(kd, p.base, cells) != row {
		for at, c := range p.baseOf {
			if c < 0 {
				continue
			}
			before := f.column(kd, c, []byte{})
			if i := p.from[l][at]; i >= 0 {
				before = was[i]
			}
			if before != now[c] {
				add(&set, c)
			}
		}
		if byRow && set == (diff.Columns{}) { // the column digests collide
			for _, c := range p.base {
				add(&set, c)
			}
		}
	}
	for _, c := range p.added {
		if len(cells[c]) > 0 {
			add(&set, c)
		}
	}
	return set, nil
}

func add(set *diff.Columns, i int) { set[i/64] |= 1 << (i % 64) }
