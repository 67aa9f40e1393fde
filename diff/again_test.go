package diff_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// again puts records once more for a lean run.
type again struct {
	run     *diff.Run
	records map[int64]in
	texts   map[int64][]byte // nil: they have none
	feeds   int
	asked   []int64 // those that were put again, or, in a run by text, at all
	first   []int64 // those that were put before any was offered again
	again   int     // how often they were
}

func (a *again) put(_ context.Context, numbers iter.Seq[int64]) error {
	if a.run.ByText() {
		return a.putKnown(numbers)
	}
	a.asked = slices.Collect(numbers)
	if !slices.IsSorted(a.asked) || len(a.asked) == 0 || !slices.Equal(a.asked, slices.Collect(numbers)) {
		return fmt.Errorf("the numbers are %d", a.asked)
	}
	for range numbers {
		break
	}
	var wg sync.WaitGroup
	errs := make([]error, max(1, a.feeds))
	for i := range errs {
		wg.Go(func() {
			f := a.run.Feed()
			for n := i; n < len(a.asked) && errs[i] == nil; n += len(errs) {
				key, cells := a.records[a.asked[n]].bytes()
				text := a.texts[a.asked[n]]
				errs[i] = f.PutText(a.asked[n], text, key, cells, noteOf(text))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// putKnown offers all records by their text again.
func (a *again) putKnown(numbers iter.Seq[int64]) error {
	if numbers != nil {
		return errors.New("numbers were given")
	}
	if a.again++; a.again == 1 {
		a.first = a.asked
	}
	var wg sync.WaitGroup
	errs := make([]error, max(1, a.feeds))
	asked := make([][]int64, len(errs))
	all := slices.Sorted(maps.Keys(a.records))
	for i := range errs {
		wg.Go(func() {
			f := a.run.Feed()
			for n := i; n < len(all) && errs[i] == nil; n += len(errs) {
				var put bool
				if put, errs[i] = a.offer(f, all[n]); put {
					asked[i] = append(asked[i], all[n])
				}
			}
		})
	}
	wg.Wait()
	a.asked = slices.Concat(append(asked, a.first)...) // what was put again before is forgotten
	return errors.Join(errs...)
}

// offer puts a record, unless it is known.
func (a *again) offer(f *diff.Feed, seq int64) (put bool, err error) {
	key, cells := a.records[seq].bytes()
	text := a.texts[seq]
	known := [1]bool{true} // from before
	if err := f.Known(seq, [][]byte{text}, known[:]); err != nil || known[0] {
		return false, err
	}
	if isNoted(text) {
		text = nil
	}
	return true, f.PutText(seq, text, key, cells, noteOf(text))
}

// puts offers a record in a test.
func (a *again) puts(t *testing.T, f *diff.Feed, seq int64) {
	t.Helper()
	put, err := a.offer(f, seq)
	if err != nil {
		t.Fatal(err)
	}
	if put {
		a.asked = append(a.asked, seq)
	}
}

// beginLean begins a run that can put these records once more.
func beginLean(t testing.TB, s *diff.Store, columns string, o diff.RunOptions, records ...in) (*diff.Run, *again) {
	t.Helper()
	a := &again{records: make(map[int64]in)}
	for i, r := range records {
		a.records[int64(i+1)] = r
	}
	o.Again = a.put
	a.run = begin(t, s, columns, o)
	return a.run, a
}

// leanPut is beginLean and put.
func leanPut(t testing.TB, s *diff.Store, o diff.RunOptions, records ...in) (*diff.Run, *again) {
	t.Helper()
	r, a := beginLean(t, s, "a b", o, records...)
	put(t, r, records...)
	return r, a
}

func TestAgainAsksFor(t *testing.T) {
	create := diff.RunOptions{Create: true}
	known := func(names ...string) diff.RunOptions { return diff.RunOptions{Known: keys(names...)} }
	ann, ben, cat := rec("ann", "1 2"), rec("ben", "3 4"), rec("cat", "5 6")
	for _, c := range []struct {
		name, reason string
		before       diff.RunOptions // of ann and ben
		opts         diff.RunOptions
		readOnly     bool
		in           []in
		want         string
		changes      string
	}{
		{"nothing", "all is as it was: Again is not called", create, create, false, []in{ann, ben}, "[]", ""},
		{"new and changed", "", create, create, false, []in{ann, rec("ben", "3 x"), cat}, "[2 3]", "2:changed[b] 3:new[a b]"},
		{"new in a preview", "nothing is written, and all columns are named anyway", create, create, true, []in{ann, rec("ben", "3 x"), cat}, "[2]", "2:changed[b] 3:new[a b]"},
		{"held back", "it leaves nothing", create, known("ann"), false, []in{rec("ann", "x 2"), cat}, "[1]", "1:changed[a] gone"},
		{"known", "", create, known("cat"), false, []in{ann, ben, cat}, "[3]", "3:new[a b]"},
		{"refresh", "what is due as it was changed in no column", create, diff.RunOptions{Create: true, Refresh: true}, false, []in{ann, rec("ben", "x 4")}, "[2]", "1:due[] 2:due[a]"},
		{"unconfirmed, now new", "its old record has the digests", diff.RunOptions{}, create, false, []in{ann, rec("ben", "3 x")}, "[2]", "1:new[a b]? 2:new[a b]?"},
		{"unconfirmed, now new, in a preview", "", diff.RunOptions{}, create, true, []in{ann, rec("ben", "3 x")}, "[]", "1:new[a b]? 2:new[a b]?"},
		{"rejected", "it keeps its state", create, create, false, []in{bad("ann"), ben, bad(nul), bad("cat")}, "[]", ""},
		{"conflict", "so does it", create, create, false, []in{ann, rec("ann", "x 2"), ben, cat, rec("cat", "x x")}, "[]", "1:conflict 2:conflict 4:conflict 5:conflict"},
		{"identical duplicates", "the first is taken", create, create, false, []in{ann, ben, cat, cat}, "[3]", "3:new[a b]"},
		{"last wins", "only the winner", create, diff.RunOptions{Create: true, Duplicates: diff.LastWins}, false, []in{rec("ann", "x 2"), ann, ben, cat, rec("cat", "x x")}, "[5]", "5:new[a b]"},
		{"first wins", "only the winner", create, diff.RunOptions{Create: true, Duplicates: diff.FirstWins}, false, []in{rec("ann", "x 2"), ann, ben}, "[1]", "1:changed[a]"},
	} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
		deliver(t, s, c.before, ann, ben)
		if c.readOnly {
			s = open(t, dir, diff.Options{FS: quick{osFS(t, dir)}, ReadOnly: true})
		}
		r, a := leanPut(t, s, c.opts, c.in...)
		compare(t, r)
		if got := fmt.Sprint(a.asked); got != c.want {
			t.Errorf("%s: asked for %s, want %s (%s)", c.name, got, c.want, c.reason)
		}
		if got := changes(t, r, []string{"a", "b"}); got != c.changes {
			t.Errorf("%s: %s, want %s", c.name, got, c.changes)
		}
		r.Close()
	}
}

// A state that was carried to other columns has no row digest that counts: only
// the column digests tell whether the record changed.
func TestAgainAfterOtherColumns(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
	deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"), rec("ben", "3 _"))
	for _, columns := range []string{"a c", "a b"} { // so that column b is empty now
		r := begin(t, s, columns, diff.RunOptions{Create: true})
		put(t, r, bad("ann"), bad("ben"))
		compare(t, r)
		publish(t, s, stage(t, r))
	}
	for _, want := range []string{"read=2 unchanged=1 changed=1 previous=2 b=1 [1 2]", "read=2 unchanged=2 previous=2 []"} {
		r, a := leanPut(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"), rec("ben", "3 _"))
		if got := fmt.Sprint(counts(compare(t, r)), " ", a.asked); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		publish(t, s, stage(t, r))
	}
}

// Where every column digest is needed, Again is not used.
func TestAgainIgnored(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
	for _, columns := range []string{"a b", "b a", "b a c", "b c", ""} {
		var records []in
		for i := range 3 {
			records = append(records, in{key: fmt.Sprint(i), cells: strings.Fields(columns)})
			if columns == "" {
				records[i].cells = []string{}
			}
		}
		r, a := beginLean(t, s, columns, diff.RunOptions{Create: true}, records...)
		put(t, r, records...)
		compare(t, r)
		publish(t, s, stage(t, r))
		if a.asked != nil {
			t.Errorf("columns %q: asked for %d", columns, a.asked)
		}
	}
	// Without any column a lean run has nothing but new records to ask for.
	r, a := beginLean(t, s, "", diff.RunOptions{Create: true}, in{key: "0", cells: []string{}}, in{key: "x", cells: []string{}})
	put(t, r, a.records[1], a.records[2])
	if got := counts(compare(t, r)); got != "read=2 unchanged=1 new=1 previous=3 gone=2" || fmt.Sprint(a.asked) != "[2]" {
		t.Errorf("no columns: %s, asked for %d", got, a.asked)
	}
}

// What is put again must be what was put, or the run fails.
func TestAgainRefuses(t *testing.T) {
	t.Parallel()
	ann, ben, cat, dan := rec("ann", "1 2"), rec("ben", "x 4"), rec("cat", "5 6"), rec("dan", "7 8")
	type feed func(seq int64, r in) error
	for _, c := range []struct {
		name   string
		put    func(put feed) error // ben, cat and dan are asked for
		want   string
		wanted error
	}{
		{"nothing", func(feed) error { return nil }, "changed while it was read: record 2 ", nil},
		{"one is missing", func(put feed) error { return errors.Join(put(2, ben), put(4, dan)) }, "changed while it was read: record 3 ", nil},
		{"other cells", func(put feed) error { return errors.Join(put(2, ben), put(3, rec("cat", "5 x")), put(4, dan)) }, "changed while it was read: record 3 ", nil},
		{"the old cells", func(put feed) error { return errors.Join(put(2, rec("ben", "3 4")), put(3, cat), put(4, dan)) }, "changed while it was read: record 2 ", nil},
		{"another key", func(put feed) error { return errors.Join(put(2, ben), put(3, rec("eve", "5 6")), put(4, dan)) }, "changed while it was read: record 3 ", nil},
		{"the key of a record that is as it was", func(put feed) error { return errors.Join(put(2, ben), put(3, ann), put(4, dan)) }, "changed while it was read: record 3 ", nil},
		{"numbers swapped", func(put feed) error { return errors.Join(put(2, ben), put(3, dan), put(4, cat)) }, "changed while it was read: record ", nil},
		{"rejected, and passed over", func(put feed) error { put(3, bad("cat")); return errors.Join(put(2, ben), put(4, dan)) }, "changed while it was read: record 3 ", nil},
		{"rejected", func(put feed) error { return put(3, bad("cat")) }, "changed while it was read: record 3 ", nil},
		{"no key", func(put feed) error { return put(3, rec(nul, "5 6")) }, "changed while it was read: record 3 ", nil},
		{"not asked for", func(put feed) error { return put(1, ann) }, "record 1 was not asked for", nil},
		{"never heard of", func(put feed) error { return put(1<<62, ann) }, "was not asked for", nil},
		{"twice", func(put feed) error { return errors.Join(put(2, ben), put(2, ben)) }, "record 2 was put again already", nil},
		{"too few cells", func(put feed) error { return put(2, rec("ben", "x")) }, "record 2 has 1 cells", nil},
		{"the caller's error", func(feed) error { return errCaller }, "diff: put records again: the caller", errCaller},
	} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
		deliver(t, s, diff.RunOptions{Create: true}, ann, rec("ben", "3 4"))
		for _, memory := range []int64{0, 1} {
			var r *diff.Run
			r = begin(t, s, "a b", diff.RunOptions{Create: true, Again: func(context.Context, iter.Seq[int64]) error {
				f := r.Feed()
				return c.put(func(seq int64, rec in) error {
					key, cells := rec.bytes()
					return f.Put(seq, key, cells)
				})
			}}.Tiny(memory, 2))
			put(t, r, ann, ben, cat, dan)
			_, err := r.Compare(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), "diff: ") || !strings.Contains(err.Error(), c.want) || c.wanted != nil && !errors.Is(err, c.wanted) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
			if _, err := r.Stage(t.Context()); err == nil {
				t.Errorf("%s: staged all the same", c.name)
			}
			if err := r.Close(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if got := names(t, dir); len(got) != 3 {
			t.Errorf("%s: left behind %q", c.name, got)
		}
	}
}

// While records are put again, the run and the store can be misused without
// any harm.
func TestAgainMisuse(t *testing.T) {
	ann, ben := rec("ann", "1 2"), rec("ben", "3 4")
	cells := [][]byte{[]byte("3"), []byte("4")}
	for name, misuse := range map[string]func(r *diff.Run, s *diff.Store, early *diff.Feed) error{
		"Close":           func(r *diff.Run, _ *diff.Store, _ *diff.Feed) error { return r.Close() },
		"Close the store": func(_ *diff.Run, s *diff.Store, _ *diff.Feed) error { return s.Close() },
		"Compare":         func(r *diff.Run, _ *diff.Store, _ *diff.Feed) error { _, err := r.Compare(t.Context()); return err },
		"Stage":           func(r *diff.Run, _ *diff.Store, _ *diff.Feed) error { _, err := r.Stage(t.Context()); return err },
		"an early feed":   func(_ *diff.Run, _ *diff.Store, f *diff.Feed) error { return f.Put(2, []byte("ben"), cells) },
	} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
		deliver(t, s, diff.RunOptions{Create: true}, ann)
		var r *diff.Run
		var early, late *diff.Feed
		r = begin(t, s, "a b", diff.RunOptions{Create: true, Again: func(context.Context, iter.Seq[int64]) error {
			late = r.Feed()
			return errors.Join(late.Put(2, []byte("ben"), cells), misuse(r, s, early))
		}})
		early = r.Feed()
		put(t, r, ann, ben)
		_, err := r.Compare(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "diff: ") || strings.HasSuffix(name, "feed") != strings.Contains(err.Error(), "before Again") {
			t.Errorf("%s: %v", name, err)
		}
		for _, f := range []*diff.Feed{early, late, r.Feed()} {
			if err := f.Put(2, []byte("ben"), cells); err == nil {
				t.Errorf("%s: Put after Compare", name)
			}
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The last snapshot is checked in both of its readings.
func TestAgainDamage(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 64 << 10} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
		records := wide(20_000, "old")
		deliver(t, s, diff.RunOptions{Create: true}, records...)
		l, _ := parse([]byte(tree(t, dir)["snapshot.current"]))
		path := filepath.Join(dir, fmt.Sprintf("snapshot.records-%x", l.body))
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec("more", "1 2"))
		var r *diff.Run
		r = begin(t, s, "a b", diff.RunOptions{Create: true, Again: func(context.Context, iter.Seq[int64]) error {
			file[len(file)/2] ^= 1
			if err := os.WriteFile(path, file, 0o600); err != nil {
				return err
			}
			return r.Feed().Put(20_001, []byte("more"), [][]byte{[]byte("1"), []byte("2")})
		}}.Tiny(memory, 2))
		put(t, r, records...)
		switch _, err := r.Compare(t.Context()); {
		case memory == 0 && !errors.Is(err, diff.ErrDamaged):
			t.Errorf("altered meanwhile: %v", err)
		case memory != 0 && err != nil:
			t.Errorf("altered meanwhile, after it was partitioned again: %v", err)
		}
		r.Close()
	}
}

// recordsOf returns the records of a snapshot in order, whatever its partitions and
// files.
func recordsOf(t *testing.T, files map[string]string, name string) [][]byte {
	t.Helper()
	all := make(map[string][]byte)
	var file [][]byte // the records of the file with them, in their order
	take := func(name string, changes bool) (body [16]byte) {
		l, ok := parse([]byte(files[name]))
		if !ok || len(l.columns) != 0 && !bytes.Equal(l.bytes()[:100], []byte(files[name])[:100]) {
			t.Fatalf("%s is not as documented", name)
		}
		for _, b := range l.blocks {
			for r := range slices.Chunk(b.records, l.size()) {
				rec := r[:34+4*len(l.columns)]
				if !changes {
					file = append(file, rec)
				}
				if place := le.Uint32(append(r[len(rec):len(r):len(r)], 0, 0, 0, 0)); place > 0 {
					if !bytes.Equal(file[place-1][:16], rec[:16]) || all[string(rec[:16])] == nil {
						t.Errorf("%s: a record stands in place of another one, or twice", name)
					}
					delete(all, string(rec[:16]))
				}
				if all[string(rec[:16])] != nil {
					t.Errorf("%s: a key stands there twice", name)
				}
				if rec[24]&64 == 0 {
					all[string(rec[:16])] = rec
				}
			}
		}
		for e := range slices.Chunk(l.texts, 12) {
			place := le.Uint32(e[8:])
			r := file[place&(1<<30-1)]
			if binary.BigEndian.Uint64(e) != le.Uint64(r[25:]) || place>>30&1 != uint32(r[24]&1) || (place>>31 == 1) != (r[33] != 0) || r[24]&6 != 0 {
				t.Errorf("%s: a text is not that of its record", name)
			}
		}
		if n := len(l.texts) / 12; !changes && n != len(slices.DeleteFunc(slices.Clone(file), func(r []byte) bool { return le.Uint64(r[25:]) == 0 || r[24]&6 != 0 })) {
			t.Errorf("%s: %d texts for %d records", name, n, len(file))
		}
		return l.body
	}
	l, _ := parse([]byte(files[name]))
	if l.body != [16]byte{} {
		if inner := take(fmt.Sprintf("snapshot.records-%x", l.body), false); inner != [16]byte{} {
			t.Errorf("%s has another file with records", name)
		}
	}
	take(name, true)
	return slices.SortedFunc(maps.Values(all), bytes.Compare)
}

// textOf is the text that a record is made of in tests, where several texts make
// the same record.
func textOf(r modelRecord, variant int) []byte {
	return fmt.Appendf(nil, "%d %q %q %v", variant, r.key, r.cells, r.cells == nil)
}

// isNoted says that there is more about a text than its cells.
func isNoted(text []byte) bool { return len(text)%5 == 0 }

// noteOf is the note of what is made of a text.
func noteOf(text []byte) string {
	if n := len(text) % 11; n < 4 && text != nil {
		return strings.Repeat("n", n)
	}
	return ""
}

// Neither a lean run nor one by text has another outcome, to the last bit of the
// snapshot.
func TestAgainIsTheSame(t *testing.T) {
	t.Parallel()
	seed := cmp.Or(*seedFlag, rand.Uint64())
	rng := rand.New(rand.NewPCG(seed, 1))
	modes := []string{"plain", "lean", "by text"}
	asked, skipped, noted, twice := 0, 0, 0, 0
	for n := range 40 {
		size := []int{3, 40, 300, 300, 2000}[n%5]
		dirs, stores := make([]string, len(modes)), make([]*diff.Store, len(modes))
		for i := range stores {
			dirs[i] = t.TempDir()
			stores[i] = open(t, dirs[i], diff.Options{Key: goldKey, FS: quick{osFS(t, dirs[i])}})
			if n%3 == 0 { // then most digests collide, and the outcome is the same all the same
				stores[i].CutDigests(3, 2)
			}
		}
		var records []modelRecord
		texts := make(map[int64][]byte)
		var rendering strings.Builder
		rendering.WriteString("r")
		textless := false // some run of the last store was given no texts
		var last string   // the rendering of the last run of that store
		for run := range 6 {
			without := n%4 == 3 && rng.IntN(3) == 0
			textless = textless || without
			_, o := randomOptions(rng, size)
			fresh := randomSegment(rng, size, 2)
			if len(records) == len(fresh) && rng.IntN(6) > 0 { // most stay what they are, under other numbers
				for i := range fresh {
					if rng.IntN(10) > 0 {
						fresh[i].in = records[i].in
					}
				}
			}
			records = fresh
			clear(texts)
			for _, rec := range records {
				texts[rec.seq] = textOf(rec, rng.IntN(20)/19)
			}
			if rng.IntN(8) == 0 {
				rendering.WriteString("r")
			}
			if run == 2 {
				var due []string
				for i := range size / 2 {
					due = append(due, randomKey(3*i))
				}
				for _, s := range stores {
					if _, err := s.MarkDue(t.Context(), keys(due...)); err != nil {
						t.Fatal(err)
					}
				}
			}
			outcome, kept := make([]string, len(modes)), make([][][]byte, len(modes))
			holders := rng.IntN(2) == 0
			for i, s := range stores {
				memory := []int64{0, int64(size) << 4, 40 << 10}[rng.IntN(3)]
				opts := o.Tiny(memory, 1+rng.IntN(4)).CutTexts([]int{0, 6, 13}[rng.IntN(3)])
				opts.Keys, opts.Noted = holders, run == 4
				a := &again{records: make(map[int64]in), feeds: 1 + rng.IntN(3)}
				if modes[i] != "plain" {
					opts.Again = a.put
				}
				texts := texts
				if without && modes[i] == "by text" {
					texts = nil
				}
				if modes[i] != "lean" && texts != nil {
					opts.Rendering = rendering.String()
					a.texts = texts
				}
				r := begin(t, s, "a b", opts)
				a.run = r
				for _, rec := range records {
					a.records[rec.seq] = rec.in
				}
				if want := modes[i] == "by text" && opts.Rendering != "" && last == opts.Rendering && !opts.Refresh; r.ByText() != want && (memory == 0 || r.ByText()) {
					t.Fatalf("%s run %d is by text: %v", modes[i], run, r.ByText())
				}
				if modes[i] == "by text" {
					last = opts.Rendering
				}
				putTexts(t, rng, r, records, a)
				sum := compare(t, r)
				outcome[i] = counts(sum) + "\n" + changes(t, r, []string{"a", "b"})
				if holders {
					for seq, err := range r.Holders() {
						outcome[i] += fmt.Sprint(" ", seq, err)
					}
				}
				if r.ByText() && sum.Duplicate > 0 && a.again == 0 {
					twice++
				}
				id := stage(t, r)
				kept[i] = recordsOf(t, tree(t, dirs[i]), "snapshot.staged-"+id)
				publish(t, s, id)
				if r.ByText() {
					skipped += len(records) - len(a.asked)
				}
				notes := make(map[string]int64)
				for _, rec := range records {
					note := noteOf(a.texts[rec.seq])
					if note == "" || !r.ByText() || slices.Contains(a.asked, rec.seq) {
						continue
					}
					notes[note]++
					noted++
					if opts.Noted {
						t.Errorf("record %d has a note, and was not asked for", rec.seq)
					}
				}
				if !maps.Equal(sum.Notes, notes) {
					t.Errorf("-seed %d, case %d, run %d: notes %v, want %v", seed, n, run, sum.Notes, notes)
				}
				r.Close()
				asked += len(a.asked)
			}
			for i := range modes {
				if outcome[0] != outcome[i] {
					t.Fatalf("-seed %d, case %d, run %d: a %s run gives\n%s\nwant\n%s", seed, n, run, modes[i], outcome[i], outcome[0])
				}
			}
			noteless := func(a, b []byte) bool { return bytes.Equal(a[:33], b[:33]) && bytes.Equal(a[34:], b[34:]) } // they may have other numbers
			if !textless && !slices.EqualFunc(kept[0], kept[2], noteless) {
				t.Fatalf("-seed %d, case %d, run %d: a run by text keeps something else, of %d records and %d", seed, n, run, len(kept[2]), len(kept[0]))
			}
			cellsOnly := func(a, b []byte) bool { return bytes.Equal(a[:25], b[:25]) && bytes.Equal(a[34:], b[34:]) }
			if textless && !slices.EqualFunc(kept[0], kept[2], cellsOnly) {
				t.Fatalf("-seed %d, case %d, run %d: runs by text and others keep something else, of %d records and %d", seed, n, run, len(kept[2]), len(kept[0]))
			}
			if !slices.EqualFunc(kept[0], kept[1], cellsOnly) {
				t.Fatalf("-seed %d, case %d, run %d: a lean run keeps something else, of %d records and %d", seed, n, run, len(kept[1]), len(kept[0]))
			}
		}
	}
	if asked < 1000 || skipped < 1000 || noted < 100 || twice < 5 {
		t.Errorf("%d records were put again, and %d not asked for, %d with a note; %d times, two were the same", asked, skipped, noted, twice)
	}
}

// putTexts puts records with their texts, if there are any: in a run by text those
// that are not known by it.
func putTexts(t *testing.T, rng *rand.Rand, r *diff.Run, records []modelRecord, a *again) {
	t.Helper()
	if a.texts == nil {
		putConcurrently(t, rng, r, records)
		return
	}
	feeds := []*diff.Feed{r.Feed(), r.Feed()}
	for _, rec := range records {
		f := feeds[rng.IntN(2)]
		if r.ByText() {
			a.puts(t, f, rec.seq)
			continue
		}
		key, cells := rec.bytes()
		text := a.texts[rec.seq]
		if isNoted(text) {
			text = nil
		}
		if err := f.PutText(rec.seq, text, key, cells, noteOf(text)); err != nil {
			t.Fatal(err)
		}
	}
}
