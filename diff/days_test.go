package diff_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
)

// dayRecord is a line of a segment in TestManyDays.
type dayRecord struct {
	seq  int64
	text string // of which all else is made
	in
}

// lineOf makes a record of a text, as a rendering does: equal texts, equal records.
func lineOf(key string, value, variant, kind int) dayRecord {
	r := dayRecord{text: fmt.Sprint(key, ";", value, ";", variant, ";", kind), in: rec(key, fmt.Sprint(value, " ", value%2))}
	switch kind {
	case 1:
		r.cells = nil
	case 2:
		r.key, r.cells = nul, nil
	}
	return r
}

// texted puts the lines that are not known.
func texted(f *diff.Feed, byText bool, lines []dayRecord, noText func(string) bool) error {
	for len(lines) > 0 {
		n := 1 // Known takes records with numbers that follow one another
		for n < len(lines) && n < 200 && lines[n].seq == lines[0].seq+int64(n) {
			n++
		}
		known := make([]bool, n)
		if byText {
			all := make([][]byte, n)
			for i, l := range lines[:n] {
				if !noText(l.text) {
					all[i] = []byte(l.text)
				}
			}
			if err := f.Known(lines[0].seq, all, known); err != nil {
				return err
			}
		}
		for i, l := range lines[:n] {
			if known[i] {
				continue
			}
			key, cells := l.bytes()
			text := []byte(l.text)
			note := ""
			if noText(l.text) {
				text = nil
			} else if len(l.text)%3 == 0 {
				note = fmt.Sprint("note ", len(l.text))
			}
			if err := f.PutText(l.seq, text, key, cells, note); err != nil {
				return err
			}
		}
		lines = lines[n:]
	}
	return nil
}

// Over many days, a store that is run by text is what one is that puts everything:
// with texts that come back, marks, keys that are forgotten, records in two files and
// few bytes of each text, so that one is often taken for another.
func TestManyDays(t *testing.T) {
	t.Parallel()
	seed := cmp.Or(*seedFlag, rand.Uint64())
	deadline := time.Now().Add(1500 * time.Millisecond)
	for n := uint64(0); n < 2 || time.Now().Before(deadline); n++ {
		if !manyDays(t, rand.New(rand.NewPCG(seed, n))) {
			t.Fatalf("-seed %d, case %d", seed, n)
		}
	}
}

func manyDays(t *testing.T, rng *rand.Rand) bool {
	maybe := func(n int) bool { return rng.IntN(n) == 0 }
	var dirs [2]string
	var stores [2]*diff.Store
	for i := range stores {
		dirs[i] = t.TempDir()
		s, err := diff.Open(dirs[i], diff.Options{Key: goldKey, FS: quick{osFS(t, dirs[i])}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		stores[i] = s
	}
	size := []int{5, 30, 100, 400}[rng.IntN(4)]
	spread := 1 + rng.IntN(3) // values that a key goes back and forth between
	rate := []int{1, 3, 10, 50}[rng.IntN(4)]
	dups, kinds := maybe(2), maybe(2)
	noText := func(text string) bool { return kinds && len(text) > 0 && text[len(text)-3] == '3' }
	current := map[int]dayRecord{}
	for i := range size {
		if !maybe(5) {
			current[i] = lineOf(fmt.Sprint("k", i), rng.IntN(spread), 0, 0)
		}
	}
	var rendering strings.Builder
	rendering.WriteString("r")
	small := []int64{tiny / 2, tiny, 64 << 10, 1 << 20}[rng.IntN(4)]
	width := rng.IntN(4)
	for day := range 4 + rng.IntN(12) {
		for i := range size { // what comes, goes, changes, and comes back as it was
			if !maybe(rate) {
				continue
			}
			switch kind := rng.IntN(12); {
			case kind < 2:
				delete(current, i)
			case kind == 2 && kinds:
				current[i] = lineOf(fmt.Sprint("k", i), rng.IntN(spread), 0, 1+rng.IntN(2)*rng.IntN(2))
			case kind == 3:
				current[i] = lineOf(fmt.Sprint("k", i), rng.IntN(spread), rng.IntN(4), 0)
			default:
				current[i] = lineOf(fmt.Sprint("k", i), rng.IntN(spread), 0, 0)
			}
		}
		lines := slices.Collect(maps.Values(current))
		slices.SortFunc(lines, func(a, b dayRecord) int { return cmp.Compare(a.text, b.text) })
		if dups {
			for range rng.IntN(1 + len(lines)/8) {
				l := lines[rng.IntN(len(lines))]
				if maybe(2) && l.key != nul {
					l = lineOf(l.key, rng.IntN(spread), rng.IntN(2), rng.IntN(6)/5)
				}
				lines = append(lines, l)
			}
		}
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		gap := rng.IntN(3)
		for i := range lines {
			lines[i].seq = 1 + int64(i*(1+gap*rng.IntN(2)))
			if i > 0 && lines[i].seq <= lines[i-1].seq {
				lines[i].seq = lines[i-1].seq + 1
			}
		}
		if maybe(4) {
			alterBoth(t, rng, stores, size)
		}
		if maybe(12) {
			rendering.WriteString("r")
		}
		_, o := randomOptions(rng, size)
		o.Refresh, o.Keys = o.Refresh && maybe(3), true
		if o.Known != nil {
			var list []string
			for i := range size {
				if maybe(2) {
					list = append(list, fmt.Sprint("k", i))
				}
			}
			o.Known = keys(list...)
		}
		var outcome [2]string
		var kept [2][][]byte
		discard, without, noted := maybe(6), maybe(10), maybe(6)
		for i, s := range stores {
			memory := small
			if maybe(4) {
				memory = []int64{1, tiny, 1 << 20}[rng.IntN(3)]
			}
			opts := o.Tiny(memory, 1+rng.IntN(3))
			if !without {
				opts.Rendering = rendering.String()
			}
			var r *diff.Run
			if i == 0 {
				opts = opts.CutTexts(width)
				opts.Noted = noted
				opts.Again = func(_ context.Context, numbers iter.Seq[int64]) error {
					if r.ByText() {
						return texted(r.Feed(), true, lines, noText)
					}
					for n := range numbers {
						at, _ := slices.BinarySearchFunc(lines, n, func(l dayRecord, n int64) int { return cmp.Compare(l.seq, n) })
						if err := texted2(r, lines[at], without, noText); err != nil {
							return err
						}
					}
					return nil
				}
			}
			var err error
			if r, err = s.Begin(t.Context(), []string{"a", "b"}, opts); err != nil {
				t.Error(err)
				return false
			}
			defer r.Close()
			half := rng.IntN(len(lines) + 1)
			for _, part := range [][]dayRecord{lines[half:], lines[:half]} {
				f := r.Feed()
				var err error
				if without {
					for _, l := range part {
						key, cells := l.bytes()
						err = cmp.Or(err, f.Put(l.seq, key, cells))
					}
				} else {
					err = texted(f, r.ByText(), part, noText)
				}
				if err != nil {
					t.Error(err)
					return false
				}
			}
			sum, err := r.Compare(t.Context())
			if err != nil {
				t.Errorf("day %d, store %d: %v", day, i, err)
				return false
			}
			balance(t, sum)
			outcome[i] = counts(sum) + "\n" + changes(t, r, []string{"a", "b"})
			for seq, err := range r.Holders() {
				outcome[i] += fmt.Sprint(" ", seq, err)
			}
			var all []string
			for i := range size {
				all = append(all, fmt.Sprint("k", i))
			}
			if err := r.Sift(t.Context(), keys(all...), func(key []byte, stays, gone bool) error {
				outcome[i] += fmt.Sprint(" ", stays, gone)
				return nil
			}); err != nil {
				t.Error(err)
			}
			id, err := r.Stage(t.Context())
			if err != nil {
				t.Error(err)
				return false
			}
			kept[i] = recordsOf(t, tree(t, dirs[i]), "snapshot.staged-"+id)
			if maybe(4) { // somebody else reads it to its end
				other, err := diff.Open(dirs[i], diff.Options{Key: goldKey, ReadOnly: true, FS: osFS(t, dirs[i])})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := other.Lookup(t.Context(), id, []byte("k1")); err != nil {
					t.Error(err)
				}
				other.Close()
			}
			if discard {
				err = s.Discard(id)
			} else {
				err = s.Publish(t.Context(), id)
			}
			if err != nil {
				t.Error(err)
			}
		}
		if outcome[0] != outcome[1] {
			t.Errorf("day %d of %d: by text\n%s\nand otherwise\n%s", day, len(lines), outcome[0], outcome[1])
			return false
		}
		noteless := func(a, b []byte) bool { return string(a[:33]) == string(b[:33]) && string(a[34:]) == string(b[34:]) }
		if !slices.EqualFunc(kept[0], kept[1], noteless) {
			t.Errorf("day %d: by text something else is kept, of %d records and %d", day, len(kept[0]), len(kept[1]))
			for i := range min(len(kept[0]), len(kept[1])) {
				if !noteless(kept[0][i], kept[1][i]) {
					t.Errorf("%s\n%s", hex.EncodeToString(kept[0][i]), hex.EncodeToString(kept[1][i]))
					break
				}
			}
			return false
		}
		if t.Failed() {
			return false
		}
	}
	return true
}

// texted2 puts one line again, to a lean run.
func texted2(r *diff.Run, l dayRecord, without bool, noText func(string) bool) error {
	if without {
		key, cells := l.bytes()
		return r.Feed().Put(l.seq, key, cells)
	}
	return texted(r.Feed(), false, []dayRecord{l}, noText)
}

// alterBoth marks or forgets some keys in both stores.
func alterBoth(t *testing.T, rng *rand.Rand, stores [2]*diff.Store, size int) {
	t.Helper()
	var list []string
	most := 1 + rng.IntN(1+size/4)
	for range most {
		list = append(list, fmt.Sprint("k", rng.IntN(size)))
	}
	what := rng.IntN(4)
	var got [2]string
	for i, s := range stores {
		var n, m int64
		var err error
		switch what {
		case 0:
			n, err = s.MarkDue(t.Context(), keys(list...))
		case 1:
			n, m, err = s.MarkReported(t.Context(), keys(list...), 2)
		case 2:
			n, err = s.MarkUnconfirmed(t.Context(), keys(list...))
		case 3:
			n, err = s.Forget(t.Context(), keys(list...))
		}
		got[i] = fmt.Sprint(n, m, err)
	}
	if got[0] != got[1] {
		t.Errorf("altered (%d): %s and %s", what, got[0], got[1])
	}
}
