package diff_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// The file with the records is written anew when much has changed since, and after
// thirty runs in any case, and the one before is removed.
func TestRecordsAnew(t *testing.T) {
	for _, c := range []struct {
		name    string
		changed int // new records each day, of 400
		want    int // days on which the file is written, of 70
	}{
		{"nothing changes", 0, 3},  // day 1, 32 and 63
		{"little changes", 1, 3},   // the same
		{"much changes", 150, 35},  // more than a quarter on each second day
		{"a lot changes", 399, 35}, // what a day finds decides about the next one
	} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
		files := map[string]bool{}
		for day := range 70 {
			records := wide(400, "x")
			for i := range c.changed {
				records[i].cells[0] = fmt.Sprint(day)
			}
			r := begin(t, s, "a b", diff.RunOptions{Create: true}.Tiny(40<<10, 2))
			put(t, r, records...)
			compare(t, r)
			publish(t, s, stage(t, r))
			r.Close()
			l, _ := parse([]byte(tree(t, dir)["snapshot.current"]))
			name := fmt.Sprintf("snapshot.records-%x", l.body)
			files[name] = true
			if got := names(t, dir); len(got) != 3 || got[2] != name {
				t.Fatalf("%s, day %d: %q, want %s", c.name, day, got, name)
			}
			if n := len(recordsOf(t, tree(t, dir), "snapshot.current")); n != 400 {
				t.Fatalf("%s, day %d: %d records", c.name, day, n)
			}
		}
		if len(files) != c.want {
			t.Errorf("%s: the records were written on %d of 70 days, want %d", c.name, len(files), c.want)
		}
	}
}

// withTexts has records and their texts for a run by text.
func withTexts(records []modelRecord) *again {
	a := &again{records: make(map[int64]in), texts: make(map[int64][]byte)}
	for _, r := range records {
		a.records[r.seq], a.texts[r.seq] = r.in, textOf(r, 0)
	}
	return a
}

// Days on which little changes, so that changes to a file of records pile up: keys come
// and go and come back, and records become what they were before. A state in two files,
// by text, is compared with one in one file.
func TestRecordsOverDays(t *testing.T) {
	t.Parallel()
	seed := cmp.Or(*seedFlag, rand.Uint64())
	rng := rand.New(rand.NewPCG(seed, 2))
	back, again := 0, 0
	for n := range 6 {
		var stores [2]*diff.Store
		var dirs [2]string
		for i := range stores {
			dirs[i] = t.TempDir()
			stores[i] = open(t, dirs[i], diff.Options{Key: goldKey, FS: quick{osFS(t, dirs[i])}})
		}
		const size = 400
		value, there, left := make([]int, size), make([]bool, size), make([]bool, size)
		for i := range there {
			there[i] = rng.IntN(10) > 0
		}
		for day := range 40 {
			for range rng.IntN(6) {
				i := rng.IntN(size)
				if away := slices.Index(left, true); away >= 0 && rng.IntN(3) == 0 {
					i = away
				}
				switch rng.IntN(3) {
				case 0:
					there[i] = !there[i]
					if there[i] && left[i] {
						back++
					}
					left[i] = !there[i]
				default:
					value[i] = rng.IntN(3)
				}
			}
			var records []modelRecord
			add := func(i int, cell string) {
				r := in{key: fmt.Sprint("key", i), cells: []string{cell, "x"}}
				if i%37 == 36 && value[i] == 2 {
					r.cells = nil
				}
				records = append(records, modelRecord{int64(len(records) + 1), r})
			}
			for _, i := range rng.Perm(size) {
				if !there[i] {
					continue
				}
				add(i, fmt.Sprint(value[i]))
				if n%2 == 0 && rng.IntN(100) == 0 { // a duplicate, the same or not
					add(i, fmt.Sprint(rng.IntN(2)*9+value[i]))
				}
			}
			opts := diff.RunOptions{Create: n != 1, Duplicates: diff.DuplicatePolicy(n % 3), Keys: n == 3, Partial: rng.IntN(8) == 0, Noted: rng.IntN(8) == 0}
			var outcome [2]string
			var kept [2][][]byte
			for i, s := range stores {
				if rng.IntN(10) == 0 {
					forgotten := keys(fmt.Sprint("key", day))
					if _, err := s.Forget(t.Context(), forgotten); err != nil {
						t.Fatal(err)
					}
					if _, err := stores[1-i].Forget(t.Context(), forgotten); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i, s := range stores {
				o, a := opts, withTexts(records)
				o.Rendering = "days"
				if i == 0 {
					o = o.Tiny(40<<10, 1+rng.IntN(3)).CutTexts([]int{0, 6, 13}[rng.IntN(3)])
					o.Again = a.put
				}
				r := begin(t, s, "a b", o)
				a.run = r
				if r.ByText() != (i == 0 && day > 0) {
					t.Fatalf("day %d: by text: %v", day, r.ByText())
				}
				putTexts(t, rng, r, records, a)
				outcome[i] = counts(compare(t, r)) + "\n" + changes(t, r, []string{"a", "b"})
				again += a.again
				id := stage(t, r)
				kept[i] = recordsOf(t, tree(t, dirs[i]), "snapshot.staged-"+id)
				publish(t, s, id)
				r.Close()
			}
			if outcome[0] != outcome[1] {
				t.Fatalf("-seed %d, case %d, day %d:\n%s\nwant\n%s", seed, n, day, outcome[0], outcome[1])
			}
			noteless := func(a, b []byte) bool { return bytes.Equal(a[:33], b[:33]) && bytes.Equal(a[34:], b[34:]) }
			if !slices.EqualFunc(kept[0], kept[1], noteless) {
				t.Fatalf("-seed %d, case %d, day %d: other records are kept, %d and %d", seed, n, day, len(kept[0]), len(kept[1]))
			}
		}
	}
	if back < 20 || again < 20 {
		t.Errorf("%d keys came back, and records were put again %d times", back, again)
	}
}

// Two records that are the same are no reason to put them again; three are, and so is
// another one with the key.
func TestAgainForDuplicates(t *testing.T) {
	ann, ben := rec("ann", "1 2"), rec("ben", "3 4")
	for _, c := range []struct {
		name   string
		policy diff.DuplicatePolicy
		keys   bool
		in     []in
		again  int
		want   string
	}{
		{"none", diff.RejectDuplicates, false, []in{ann, ben}, 0, "read=2 unchanged=2 previous=2"},
		{"two", diff.RejectDuplicates, false, []in{ann, ben, ann}, 0, "read=3 duplicate=1 unchanged=2 previous=2"},
		{"two, and keys are wanted", diff.RejectDuplicates, true, []in{ann, ben, ann}, 1, "read=3 duplicate=1 unchanged=2 previous=2"},
		{"three", diff.RejectDuplicates, false, []in{ann, ann, ben, ann}, 1, "read=4 duplicate=2 unchanged=2 previous=2"},
		{"another one", diff.RejectDuplicates, false, []in{ann, ben, rec("ann", "1 x")}, 1, "read=3 conflicting=2 unchanged=1 previous=2"},
		{"another one, later", diff.FirstWins, false, []in{ann, ben, rec("ann", "1 x")}, 1, "read=3 duplicate=1 unchanged=2 previous=2"},
		{"another one, which counts", diff.LastWins, false, []in{ann, ben, rec("ann", "1 x")}, 1, "read=3 duplicate=1 unchanged=1 changed=1 previous=2 b=1"},
		{"two, and another one", diff.LastWins, false, []in{ann, ann, rec("ann", "1 x"), ben}, 1, "read=4 duplicate=2 unchanged=1 changed=1 previous=2 b=1"},
		{"one that is rejected", diff.RejectDuplicates, false, []in{ann, ben, bad("ann")}, 0, "read=3 rejected=1 unchanged=2 previous=2"},
	} {
		for _, memory := range []int64{0, 40 << 10} {
			dir := t.TempDir()
			s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
			for day, records := range [][]in{{ann, ben}, c.in} {
				var numbered []modelRecord
				for i, r := range records {
					numbered = append(numbered, modelRecord{int64(i + 1), r})
				}
				a := withTexts(numbered)
				r := begin(t, s, "a b", diff.RunOptions{Create: true, Rendering: "r", Again: a.put, Duplicates: c.policy, Keys: c.keys}.Tiny(memory, 1))
				a.run = r
				putTexts(t, rand.New(rand.NewPCG(1, 2)), r, numbered, a)
				if got := counts(compare(t, r)); day == 1 && (got != c.want || a.again != c.again) {
					t.Errorf("%s: %s, put again %d times, want %s, %d times", c.name, got, a.again, c.want, c.again)
				}
				publish(t, s, stage(t, r))
				r.Close()
			}
		}
	}
}

// Texts that are kept alike are put, in place of being taken for each other each day:
// those of one file, and those of the two. A few of the stores may be out of luck.
func TestAlikeTexts(t *testing.T) {
	again := 0
	for store := range 6 {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
		var records []modelRecord
		for i := range 20_000 {
			records = append(records, modelRecord{int64(i + 1), rec(fmt.Sprintf("%d/%05d", store, i), "1 2")})
		}
		for day := range 3 {
			if day == 1 {
				for i := 0; i < len(records); i += 5 {
					records[i].cells = []string{fmt.Sprint(day), "changed"}
				}
			}
			a := withTexts(records)
			for _, r := range records { // none is noted
				a.texts[r.seq] = fmt.Appendf(nil, "%8s %.7s", r.cells[1], r.key)
			}
			r := begin(t, s, "a b", diff.RunOptions{Create: true, Rendering: "r", Again: a.put}.CutTexts(14))
			a.run = r
			putTexts(t, rand.New(rand.NewPCG(1, uint64(day))), r, records, a)
			sum := compare(t, r)
			if day == 2 {
				again += min(a.again, 1)
				if len(a.asked) == 0 || len(a.asked) > 300 {
					t.Errorf("store %d: %d records of %d were put", store, len(a.asked), len(records))
				}
				if got := counts(sum); got != "read=20000 unchanged=20000 previous=20000" {
					t.Errorf("store %d: %s", store, got)
				}
			}
			publish(t, s, stage(t, r))
			r.Close()
		}
	}
	if again > 1 {
		t.Errorf("in %d stores records were offered again, though all texts are known", again)
	}
}

// When many texts were looked for and none was found, all records are put: as many as
// that may be put in vain, and no more.
func TestTextsInVain(t *testing.T) {
	const size, vain = 600, 160 // of the budget of the test
	for _, c := range []struct {
		name   string
		others int // so many texts, the first ones, are others
		first  string
		put    int
	}{
		{"all but the first", size, "the first is what it was", size - 1},
		{"a few", vain - 1, "", vain - 1},
		{"many", vain, "", size},
		{"all", size, "", size},
	} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
		var records []modelRecord
		for i := range size {
			records = append(records, modelRecord{int64(i + 1), rec(fmt.Sprintf("%05d", i), "1 2")})
		}
		for day := range 3 {
			a := withTexts(records)
			for i, r := range records { // none is noted
				a.texts[r.seq] = fmt.Appendf(nil, "%10d %s", min(day, 1)*max(0, c.others-i), r.key)
			}
			if c.first != "" {
				a.texts[1] = []byte("the first, always")
			}
			r := begin(t, s, "a b", diff.RunOptions{Create: true, Rendering: "r", Again: a.put}.Tiny(vain<<8, 2))
			a.run = r
			f := r.Feed()
			for _, rec := range records {
				if r.ByText() {
					a.puts(t, f, rec.seq)
					continue
				}
				key, cells := rec.bytes()
				if err := f.PutText(rec.seq, a.texts[rec.seq], key, cells, ""); err != nil {
					t.Fatal(err)
				}
			}
			got := counts(compare(t, r))
			if day > 0 && (!r.ByText() || got != "read=600 unchanged=600 previous=600") {
				t.Errorf("%s, day %d: by text: %v, %s", c.name, day, r.ByText(), got)
			}
			if want := []int{0, c.put, 0}[day]; len(a.asked) != want || a.again > 0 {
				t.Errorf("%s, day %d: %d records were put, want %d; %d times again", c.name, day, len(a.asked), want, a.again)
			}
			publish(t, s, stage(t, r))
			r.Close()
		}
	}
}
