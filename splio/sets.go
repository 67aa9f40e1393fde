package splio

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"github.com/spliosync/spliosync/diff"
)

// need is what a row asks of its file: the columns that it has to have, and
// those that it may have. Cells that are absent make the difference: the file
// can not have their columns, because an empty cell says something else.
type need struct{ has, may diff.Columns }

// maxGroups bounds the work of merging: of more needs, the rarest are widened
// first.
const maxGroups = 256

// group is what will be a file, or several full ones.
type group struct {
	need
	rows  int64
	cells int64 // unchanged ones that are sent, besides those that needs ask for
}

// merge spreads rows over at most so many sets of columns, as long as they can
// share one, by merging greedily the groups whose rows then have the fewest more unchanged
// cells. A row is at most as wide as it may be, so that it is never worse than a
// full one. It returns the columns of each need's file, and the number of
// unchanged cells.
func merge(counts map[need]int64, most int) (into map[need]diff.Columns, unchanged int64) {
	groups := make([]*group, 0, len(counts))
	of := make(map[need]*group, len(counts))
	for n, rows := range counts {
		g := &group{need: n, rows: rows}
		groups = append(groups, g)
		of[n] = g
	}
	slices.SortFunc(groups, func(a, b *group) int { // in an order that depends on nothing else
		return cmp.Or(cmp.Compare(b.rows, a.rows), compareColumns(a.has, b.has), compareColumns(a.may, b.may))
	})
	if len(groups) > maxGroups && len(groups) > most {
		groups = widen(groups, of)
	}
	near := make([]neighbour, len(groups))
	for i := range groups {
		near[i] = nearest(groups, i)
	}
	for left := len(groups); left > most; left-- {
		best := -1
		for i, n := range near {
			if groups[i] != nil && n.at >= 0 && (best < 0 || n.cost < near[best].cost) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		other := near[best].at
		join(groups[best], groups[other], of)
		groups[other] = nil
		for i := range near {
			switch {
			case groups[i] == nil:
			case i == best || near[i].at == best || near[i].at == other:
				near[i] = nearest(groups, i)
			default:
				if cost, ok := costOf(groups[i], groups[best]); ok && (near[i].at < 0 || cost < near[i].cost) {
					near[i] = neighbour{best, cost}
				}
			}
		}
	}
	into = make(map[need]diff.Columns, len(of))
	for n, g := range of {
		into[n] = g.has
	}
	for _, g := range groups {
		if g != nil {
			unchanged += g.cells
		}
	}
	return into, unchanged
}

// neighbour is the group that another is joined with at the least cost.
type neighbour struct {
	at   int // -1: there is none
	cost int64
}

func nearest(groups []*group, i int) neighbour {
	n := neighbour{at: -1}
	for j, g := range groups {
		if g == nil || j == i {
			continue
		}
		if cost, ok := costOf(groups[i], g); ok && (n.at < 0 || cost < n.cost) {
			n = neighbour{j, cost}
		}
	}
	return n
}

// widen lets the groups beyond maxGroups, which have the fewest rows, have all
// the columns that they may have, so that few different ones are left.
func widen(groups []*group, of map[need]*group) []*group {
	full := make(map[diff.Columns]*group)
	kept := groups[:maxGroups:maxGroups]
	for _, g := range groups[maxGroups:] {
		wide := full[g.may]
		if wide == nil {
			wide = &group{need: need{g.may, g.may}}
			full[g.may] = wide
			kept = append(kept, wide)
		}
		join(wide, g, of)
	}
	return kept
}

// costOf returns how many more unchanged cells two groups have as one, if they
// can be one.
func costOf(a, b *group) (cost int64, ok bool) {
	for i := range a.has {
		if (a.has[i]|b.has[i])&^(a.may[i]&b.may[i]) != 0 {
			return 0, false
		}
		cost += a.rows*int64(bits.OnesCount64(b.has[i]&^a.has[i])) + b.rows*int64(bits.OnesCount64(a.has[i]&^b.has[i]))
	}
	return cost, true
}

// join makes b a part of a.
func join(a, b *group, of map[need]*group) {
	cost, _ := costOf(a, b)
	for n := range maps.Keys(of) {
		if of[n] == b {
			of[n] = a
		}
	}
	for i := range a.has {
		a.has[i] |= b.has[i]
		a.may[i] &= b.may[i]
	}
	a.rows += b.rows
	a.cells += b.cells + cost
}

func compareColumns(a, b diff.Columns) int {
	return slices.Compare(a[:], b[:])
}
