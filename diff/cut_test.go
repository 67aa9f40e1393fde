package diff_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// cutState is what a snapshot knows of a record when digests are cut.
type cutState struct {
	cells   []string // which it does not know
	row     uint64
	columns [3]uint32
}

// With digests of a few bits, what is improbable happens all the time: a change
// is missed exactly where the digests of two rows are one, and a row that
// changed in no column that can be told counts as changed in all of them.
func TestCutDigests(t *testing.T) {
	t.Parallel()
	const rowBits, columnBits = 4, 2
	columns := []string{"a", "b", "c"}
	o := newOracle(goldKey)
	digest := func(r in) cutState {
		d := o.record(r, 0, columns)
		s := cutState{cells: r.cells, row: le.Uint64(d[16:]) & (1<<rowBits - 1)}
		for i := range s.columns {
			s.columns[i] = le.Uint32(d[34+4*i:]) & (1<<columnBits - 1)
		}
		return s
	}
	rng := rand.New(rand.NewPCG(7, 7))
	missed, widened, narrowed := map[bool]int{}, map[bool]int{}, map[bool]int{}
	for range 6 {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{Scope: "acme/email", Key: goldKey, FS: quick{osFS(t, dir)}})
		s.CutDigests(rowBits, columnBits)
		state := map[string]cutState{}
		for run := range 8 {
			lean := rng.IntN(2) == 0
			var records []in
			var want []string
			for i := range 300 {
				r := in{key: fmt.Sprint("key", i)}
				if rng.IntN(10) == 0 { // rejected: it keeps its state
					records = append(records, r)
					continue
				}
				was, ok := state[r.key]
				r.cells = slices.Clone(was.cells)
				if !ok {
					r.cells = []string{"", "", ""}
				}
				for c := range r.cells {
					if rng.IntN(3) == 0 {
						r.cells[c] = fmt.Sprint(rng.IntN(9))
					}
				}
				records = append(records, r)
				now := digest(r)
				var set []string
				differ := 0
				for c, name := range columns {
					if was.columns[c] != now.columns[c] {
						set = append(set, name)
					}
					if ok && was.cells[c] != now.cells[c] {
						differ++
					}
				}
				switch {
				case !ok:
					want = append(want, fmt.Sprintf("%d:new[a b c]", i+1))
				case was.row == now.row:
					if differ > 0 {
						missed[lean]++
					}
					now.columns = was.columns // those of the row that it was taken for
				default:
					if len(set) == 0 {
						set = columns
						widened[lean]++
					} else if len(set) < differ {
						narrowed[lean]++
					}
					want = append(want, fmt.Sprintf("%d:changed[%s]", i+1, strings.Join(set, " ")))
				}
				state[r.key] = now
			}
			opts := diff.RunOptions{Create: true}.Tiny([]int64{0, 4 << 10, 8 << 10}[rng.IntN(3)], 2)
			var r *diff.Run
			if lean {
				r, _ = beginLean(t, s, "a b c", opts, records...)
			} else {
				r = begin(t, s, "a b c", opts)
			}
			put(t, r, records...)
			balance(t, compare(t, r))
			if got := strings.Fields(changes(t, r, columns)); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Fatalf("run %d, lean %v:\n got %s\nwant %s", run, lean, got, want)
			}
			publish(t, s, stage(t, r))
			r.Close()
		}
	}
	for _, lean := range []bool{false, true} {
		if missed[lean] < 50 || widened[lean] < 10 || narrowed[lean] < 50 {
			t.Errorf("lean %v: %d changes missed, %d without a column, %d with too few", lean, missed[lean], widened[lean], narrowed[lean])
		}
	}
}
