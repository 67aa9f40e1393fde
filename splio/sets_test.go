package splio_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/splio"
)

// set is a set of columns.
func set(columns ...int) (c diff.Columns) {
	for _, i := range columns {
		c[i/64] |= 1 << (i % 64)
	}
	return c
}

// within reports whether a is a part of b.
func within(a, b diff.Columns) bool {
	for i := range a {
		if a[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}

func TestMergeSets(t *testing.T) {
	all := set(0, 1, 2, 3)
	needs := func(rows ...int64) map[splio.Need]int64 { // of {0}, {1}, {0,1}, {3}, all
		m := make(map[splio.Need]int64)
		for i, has := range []diff.Columns{set(0), set(1), set(0, 1), set(3), all} {
			if i < len(rows) && rows[i] > 0 {
				m[splio.NewNeed(has, all)] = rows[i]
			}
		}
		return m
	}
	tests := []struct {
		name, reason string
		counts       map[splio.Need]int64
		files        int
		want         map[diff.Columns]diff.Columns
		unchanged    int64
	}{
		{"room for all", "nothing is merged without need", needs(10, 10, 10), 3, map[diff.Columns]diff.Columns{set(0): set(0), set(1): set(1), set(0, 1): set(0, 1)}, 0},
		{"one too many", "the pair is merged that costs least: one cell for each row of {0}", needs(5, 10, 10), 2, map[diff.Columns]diff.Columns{set(0): set(0, 1), set(1): set(1), set(0, 1): set(0, 1)}, 5},
		{"one file", "everybody in the union, not in all columns", needs(5, 10, 10), 1, map[diff.Columns]diff.Columns{set(0): set(0, 1), set(1): set(0, 1), set(0, 1): set(0, 1)}, 15},
		{"few rows", "the rare set goes where it costs least", needs(100, 0, 0, 1, 50), 2, map[diff.Columns]diff.Columns{set(0): set(0), set(3): all, all: all}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			into, unchanged := splio.Merge(tt.counts, tt.files)
			for has, want := range tt.want {
				if got := into[splio.NewNeed(has, all)]; got != want {
					t.Errorf("%s: %v went to %v, want %v", tt.reason, has, got, want)
				}
			}
			if unchanged != tt.unchanged {
				t.Errorf("%s: %d unchanged cells, want %d", tt.reason, unchanged, tt.unchanged)
			}
		})
	}
}

// Whatever there is to merge: no row lacks a column that it needs, none has one
// that it may not have, the unchanged cells are counted, and no two files are
// left that could be one when there are too many.
func TestMergeSetsProperty(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		counts := make(map[splio.Need]int64)
		columns := 1 + r.IntN(12)
		for range 1 + r.IntN(900) {
			var has, may diff.Columns
			for i := range columns {
				if r.IntN(3) > 0 {
					may[0] |= 1 << i
					if r.IntN(4) == 0 {
						has[0] |= 1 << i
					}
				}
			}
			if seed%2 == 0 {
				may = set()
				for i := range columns {
					may[0] |= 1 << i
				}
			}
			counts[splio.NewNeed(has, may)] += 1 + r.Int64N(100)
		}
		files := 1 + r.IntN(20)
		into, unchanged := splio.Merge(counts, files)
		again, _ := splio.Merge(counts, files)
		var cells int64
		used := make(map[diff.Columns]diff.Columns) // with what all rows of it may have
		for n, rows := range counts {
			has, may := splio.NeedSets(n)
			got := into[n]
			if !within(has, got) || !within(got, may) {
				t.Fatalf("seed %d: %v of %v went to %v", seed, has, may, got)
			}
			if got != again[n] {
				t.Fatalf("seed %d: another outcome for the same rows", seed)
			}
			cells += rows * int64(got.Len()-has.Len())
			if _, ok := used[got]; !ok {
				used[got] = may
			}
			u := used[got]
			for i := range u {
				u[i] &= may[i]
			}
			used[got] = u
		}
		if cells != unchanged {
			t.Fatalf("seed %d: %d unchanged cells, said to be %d", seed, cells, unchanged)
		}
		if len(used) > files && seed%2 == 0 {
			t.Fatalf("seed %d: %d files, at most %d, and all rows could share one", seed, len(used), files)
		}
	}
}
