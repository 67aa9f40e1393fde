package diff_test

import (
	"cmp"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// folded says which changes come out, by the documented rule, slowly: the
// smallest sets of columns stay as they are, as many sizes of them as have at
// most 4,096 different ones, and all others are widened.
func folded(columns int, changes []diff.Change) []diff.Change {
	var all diff.Columns
	for i := range columns {
		all[i/64] |= 1 << (i % 64)
	}
	sizes := make([]int, columns+1)
	seen := map[diff.Columns]bool{all: true}
	for _, c := range changes {
		if c.Kind != diff.New && c.Kind != diff.Conflict && !seen[c.Columns] {
			seen[c.Columns] = true
			sizes[c.Columns.Len()]++
		}
	}
	widest, n := 0, 0
	for ; widest <= columns; widest++ {
		if n += sizes[widest]; n > 4096 {
			break
		}
	}
	out := slices.Clone(changes)
	for i, c := range out {
		if c.Kind == diff.New || c.Kind != diff.Conflict && c.Columns.Len() >= widest {
			out[i].Columns = all
		}
	}
	slices.SortFunc(out, func(a, b diff.Change) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func TestVerdictsFold(t *testing.T) {
	t.Parallel()
	kinds := []diff.Kind{diff.New, diff.Conflict, diff.Changed, diff.Changed, diff.Due}
	for _, c := range []struct {
		name, reason  string
		columns, n    int
		narrow, first int // columns that a set leaves out; records that come, roughly, in the order of shrinking sets
	}{
		{"few sets", "all stay", 12, 30_000, 0, 0},
		{"no columns", "the empty set is all of them", 0, 100, 0, 0},
		{"many sets", "the largest are folded, again and again", 20, 60_000, 0, 0},
		{"many sets, largest first", "numbers of sets run out and are used again", 48, 100_000, 0, 100_000},
		{"one size too many", "a whole size is folded, whatever came first", 16, 60_000, 11, 0},
		{"256 columns", "every record has a set of its own", 256, 20_000, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(c.n)))
			changes := make([]diff.Change, c.n)
			seqs := rng.Perm(3 * c.n)
			for i := range changes {
				ch := diff.Change{Seq: int64(seqs[i]) + 1, Kind: kinds[rng.IntN(len(kinds))]}
				if i%1000 == 0 {
					ch.Seq = 1<<62 - int64(i) // far from all others
				}
				if ch.Kind == diff.Changed || ch.Kind == diff.Due {
					ch.Unconfirmed = rng.IntN(2) == 0
					for range max(0, rng.IntN(c.columns+1)-c.narrow) {
						k := rng.IntN(c.columns)
						ch.Columns[k/64] |= 1 << (k % 64)
					}
				}
				changes[i] = ch
			}
			slices.SortStableFunc(changes[:c.first], func(a, b diff.Change) int {
				return b.Columns.Len() + int(b.Seq%3) - a.Columns.Len() - int(a.Seq%3)
			})
			want := folded(c.columns, changes)
			for _, batch := range []int{5000, c.n} {
				v := diff.NewVerdicts(c.columns)
				for part := range slices.Chunk(changes, batch) {
					v.Add(part...)
				}
				got := v.All()
				if len(got) != len(want) {
					t.Fatalf("%d at once: %d changes, want %d", batch, len(got), len(want))
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("%d at once: change %d: got %v, want %v", batch, i, got[i], want[i])
					}
				}
			}
		})
	}
}

// Which sets are folded depends on the records alone.
func TestFoldIsTheSame(t *testing.T) {
	t.Parallel()
	const columns = 16
	names := strings.Fields("a b c d e f g h i j k l m n o p")
	var sets []uint16
	for s := range 1 << columns {
		if n := bits.OnesCount(uint(s)); 0 < n && n <= 5 {
			sets = append(sets, uint16(s)) // 2,516 of up to four, and 4,368 of five
		}
	}
	rand.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
	record := func(i int, set uint16) in {
		r := in{key: fmt.Sprint(i)}
		for c := range columns {
			r.cells = append(r.cells, fmt.Sprint(set>>c&1))
		}
		return r
	}
	for _, key := range []string{"0123456789abcdef", "fedcba9876543210"} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{Key: []byte(key), FS: quick{osFS(t, dir)}})
		var before, after []in
		for i, set := range sets {
			before, after = append(before, record(i, 0)), append(after, record(i, set))
		}
		r := begin(t, s, strings.Join(names, " "), diff.RunOptions{Create: true})
		put(t, r, before...)
		compare(t, r)
		publish(t, s, stage(t, r))
		for _, o := range []diff.RunOptions{{}, diff.RunOptions{}.Tiny(1<<20, 1), diff.RunOptions{}.Tiny(64<<10, 8)} {
			r := begin(t, s, strings.Join(names, " "), o)
			put(t, r, after...)
			if sum := compare(t, r); sum.Columns[3].Changed != 1+15+105+455+1365 {
				t.Errorf("column d: %d", sum.Columns[3].Changed) // counted before sets are folded
			}
			n := 0
			for c, err := range r.Changes(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				want := sets[n]
				if bits.OnesCount16(want) == 5 {
					want = 1<<columns - 1
				}
				if n++; c.Seq != int64(n) || c.Columns != (diff.Columns{uint64(want)}) {
					t.Fatalf("record %d: %b, want %b", n, c.Columns[0], want)
				}
			}
			if n != len(sets) {
				t.Errorf("%d changes, want %d", n, len(sets))
			}
			r.Close()
		}
	}
}
