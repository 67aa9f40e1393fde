package diff_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
)

var seedFlag = flag.Uint64("seed", 0, "the seed of the model test, 0 for a random one")

// model is what the package promises, in maps, slowly.
type model struct {
	columns []string
	state   map[string]modelState
	runs    int
}

type modelState struct {
	cells            map[string]string // by column; nul is absent
	unconfirmed, due bool
}

type modelOptions struct {
	create, partial, refresh bool
	known                    map[string]bool // nil: not given
	policy                   diff.DuplicatePolicy
	maxUnusable              int64
}

type modelRecord struct {
	seq int64
	in
}

// run returns the changes by number, the counts and the next model.
func (m *model) run(columns []string, o modelOptions, records []modelRecord) (verdicts map[int64]string, sum diff.Summary, next *model) {
	verdicts = map[int64]string{}
	next = &model{columns: columns, state: map[string]modelState{}, runs: m.runs + 1}
	sum = diff.Summary{First: m.runs == 0, Previous: int64(len(m.state)), Read: int64(len(records))}
	added := map[string]bool{}
	for _, c := range columns {
		added[c] = m.runs > 0 && !slices.Contains(m.columns, c)
		sum.Columns = append(sum.Columns, diff.ColumnSummary{Name: c, Added: added[c]})
	}
	for _, c := range m.columns {
		if !slices.Contains(columns, c) {
			sum.Dropped = append(sum.Dropped, c)
		}
	}

	byKey := map[string][]modelRecord{}
	put := map[string]bool{}
	for _, r := range records {
		switch {
		case r.key == nul:
			sum.Unusable++
			sum.Rejected++
			continue
		case r.cells == nil:
			sum.Rejected++
		default:
			byKey[r.key] = append(byKey[r.key], r)
		}
		put[r.key] = true
	}
	carry := func(key string) {
		old, ok := m.state[key]
		if !ok {
			return
		}
		st := modelState{cells: map[string]string{}, unconfirmed: old.unconfirmed, due: old.due}
		for _, c := range columns {
			st.cells[c] = old.cells[c] // the empty cell where the column is new
		}
		next.state[key] = st
	}
	for key := range put {
		rs := byKey[key]
		slices.SortFunc(rs, func(a, b modelRecord) int { return int(a.seq - b.seq) })
		if len(rs) == 0 {
			carry(key)
			continue
		}
		differ := slices.ContainsFunc(rs, func(r modelRecord) bool { return !slices.Equal(r.cells, rs[0].cells) })
		if differ && o.policy == diff.RejectDuplicates {
			carry(key)
			for _, r := range rs {
				verdicts[r.seq] = "conflict"
				sum.Conflicting++
			}
			continue
		}
		win := rs[0]
		if o.policy == diff.LastWins {
			win = rs[len(rs)-1]
		}
		sum.Duplicate += int64(len(rs) - 1)

		st := modelState{cells: map[string]string{}}
		for i, c := range columns {
			st.cells[c] = win.cells[i]
		}
		old, exists := m.state[key]
		if !exists || old.unconfirmed && (o.create || o.known != nil) {
			if o.known != nil && !o.known[key] {
				sum.HeldBack++
				continue
			}
			st.unconfirmed = o.known == nil && !o.create
			next.state[key] = st
			sum.New++
			verdicts[win.seq] = "new[" + strings.Join(columns, " ") + "]"
			if exists {
				verdicts[win.seq] += "?"
			}
			continue
		}
		st.unconfirmed = old.unconfirmed
		next.state[key] = st
		var changed []string
		for i, c := range columns {
			now, was := st.cells[c], old.cells[c]
			if added[c] && now != "" && now != nul || !added[c] && now != was {
				changed = append(changed, c)
				sum.Columns[i].Changed++
			}
		}
		kind := "changed"
		switch {
		case old.due || o.refresh:
			kind = "due"
			sum.Due++
		case len(changed) > 0:
			sum.Changed++
		default:
			sum.Unchanged++
			continue
		}
		verdicts[win.seq] = kind + "[" + strings.Join(changed, " ") + "]"
		if old.unconfirmed {
			verdicts[win.seq] += "?"
		}
	}
	for key := range m.state {
		switch {
		case put[key]:
		case o.partial || sum.Unusable > o.maxUnusable:
			sum.Kept++
			carry(key)
		default:
			sum.Gone++
		}
	}
	return verdicts, sum, next
}

func TestAgainstModel(t *testing.T) {
	t.Parallel()
	seed := cmp.Or(*seedFlag, rand.Uint64()) // another each time: a failure prints it
	rng := rand.New(rand.NewPCG(seed, 0))
	deadline := time.Now().Add(2 * time.Second)
	for n := 0; n < 5 || time.Now().Before(deadline) && n < 5000; n++ {
		size := []int{3, 8, 40, 300}[rng.IntN(4)]
		if n%100 == 4 {
			size = 9000 // more than a chunk of a feed, and blocks
		}
		if !modelCase(t, rng, size) {
			t.Fatalf("-seed %d, case %d, size %d", seed, n, size)
		}
	}
}

func modelCase(t *testing.T, rng *rand.Rand, size int) bool {
	dir := t.TempDir()
	o := diff.Options{Scope: "model", FS: quick{osFS(t, dir)}}
	if rng.IntN(2) == 0 {
		o.Key = []byte("0123456789abcdef")
	}
	s, err := diff.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := &model{state: map[string]modelState{}}
	columns := []string{"a", "b", "c"}
	for run := range 2 + rng.IntN(5) {
		if rng.IntN(8) == 0 { // another process goes on
			s.Close()
			if s, err = diff.Open(dir, o); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
		}
		if rng.IntN(3) == 0 {
			columns = randomColumns(rng)
		}
		if rng.IntN(3) == 0 {
			markModel(t, rng, s, m, size)
		}
		mo, ro := randomOptions(rng, size)
		// Any memory and any number of workers must give the same.
		memory := []int64{0, 1, 2 << 10, 40 << 10}[rng.IntN(4)]
		workers := []int{0, 1, 2, 8}[rng.IntN(4)]
		ro = ro.Tiny(memory, workers).CutTexts([]int{0, 6, 13}[rng.IntN(3)])
		ro.Keys = rng.IntN(2) == 0
		lean, byText := rng.IntN(2) == 0, rng.IntN(2) == 0
		records := randomSegment(rng, size, len(columns))
		verdicts, want, next := m.run(columns, mo, records)
		ok := func() bool {
			a := &again{records: make(map[int64]in), feeds: 1 + rng.IntN(3)}
			for _, rec := range records {
				a.records[rec.seq] = rec.in
			}
			if lean {
				ro.Again = a.put
			}
			if byText {
				ro.Rendering = "columns " + strings.Join(columns, ",")
				a.texts = make(map[int64][]byte)
				for _, rec := range records {
					a.texts[rec.seq] = textOf(rec, rng.IntN(9)/8)
				}
			}
			r, err := s.Begin(t.Context(), columns, ro)
			if err != nil {
				t.Fatal(err)
			}
			a.run = r
			defer r.Close()
			putTexts(t, rng, r, records, a)
			sum := compare(t, r)
			good := checkModel(t, r, columns, sum, verdicts, want)
			if ro.Keys {
				good = checkKeys(t, r, m, next, records, mo) && good
			}
			id := stage(t, r)
			switch rng.IntN(5) {
			case 0:
				if err := s.Discard(id); err != nil {
					t.Fatal(err)
				}
			default:
				publish(t, s, id)
				m = next
			}
			return good
		}()
		if !ok {
			t.Logf("run %d, columns %q, memory %d, workers %d, lean %v, by text %v, options %+v, previous %d, records %v", run, columns, memory, workers, lean, byText, mo, len(m.state), records[:min(40, len(records))])
			return false
		}
	}
	return true
}

func checkModel(t *testing.T, r *diff.Run, columns []string, sum *diff.Summary, verdicts map[int64]string, want diff.Summary) bool {
	t.Helper()
	good := true
	report := func(format string, args ...any) {
		t.Helper()
		t.Errorf(format, args...)
		good = false
	}
	balance(t, sum)
	sum.Notes = nil // of which a model knows nothing
	if got, want := fmt.Sprintf("%+v", *sum), fmt.Sprintf("%+v", want); got != want {
		report("summary\n got %s\nwant %s", got, want)
	}
	var last, gone int64
	for c, err := range r.Changes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Kind == diff.Gone {
			gone++
			continue
		}
		if c.Seq <= last || gone > 0 {
			report("record %d comes after %d and %d gone", c.Seq, last, gone)
		}
		last = c.Seq
		_, got, _ := strings.Cut(changeText(c, columns), ":")
		if got != verdicts[c.Seq] {
			report("record %d is %s, want %q", c.Seq, got, verdicts[c.Seq])
		}
		delete(verdicts, c.Seq)
	}
	if len(verdicts) > 0 {
		report("%d changes are missing, such as %v", len(verdicts), slices.Sorted(maps.Keys(verdicts))[0])
	}
	if gone != want.Gone {
		report("%d gone were yielded, want %d", gone, want.Gone)
	}
	return good
}

// checkKeys checks what becomes of the keys of the last snapshot, and whose
// records hold those of the next one.
func checkKeys(t *testing.T, r *diff.Run, m, next *model, records []modelRecord, mo modelOptions) bool {
	t.Helper()
	put, first := map[string]bool{}, map[string]int64{}
	slices.SortFunc(records, func(a, b modelRecord) int { return cmp.Compare(a.seq, b.seq) })
	for _, rec := range records {
		if rec.key == nul {
			continue
		}
		put[rec.key] = true
		was, ok := first[rec.key]
		valid := ok && records[slices.IndexFunc(records, func(r modelRecord) bool { return r.seq == was })].cells != nil
		switch {
		case !ok, !valid && rec.cells != nil, valid && rec.cells != nil && mo.policy == diff.LastWins:
			first[rec.key] = rec.seq
		}
	}
	var want, got []string
	kept := slices.Sorted(maps.Keys(m.state))
	for _, k := range kept {
		_, stays := next.state[k]
		want = append(want, fmt.Sprint(k, stays, !stays && !put[k]))
	}
	err := r.Sift(t.Context(), keys(kept...), func(key []byte, stays, gone bool) error {
		got = append(got, fmt.Sprint(string(key), stays, gone))
		return nil
	})
	good := err == nil && slices.Equal(got, want)
	if !good {
		t.Errorf("sifted, %v\n got %q\nwant %q", err, got, want)
	}
	var holders, wanted []int64
	for k := range next.state {
		if put[k] {
			wanted = append(wanted, first[k])
		}
	}
	slices.Sort(wanted)
	for seq, err := range r.Holders() {
		if err != nil {
			t.Error(err)
		}
		holders = append(holders, seq)
	}
	if !slices.Equal(holders, wanted) {
		t.Errorf("holders %v, want %v", holders, wanted)
		good = false
	}
	return good
}

func putConcurrently(t *testing.T, rng *rand.Rand, r *diff.Run, records []modelRecord) {
	t.Helper()
	var wg sync.WaitGroup
	feeds := 1 + rng.IntN(4)
	parts := make([][]modelRecord, feeds)
	for _, rec := range records {
		i := rng.IntN(feeds)
		parts[i] = append(parts[i], rec)
	}
	errs := make([]error, feeds)
	for i, part := range parts {
		wg.Go(func() {
			f := r.Feed()
			for _, rec := range part {
				key, cells := rec.bytes()
				if err := f.Put(rec.seq, key, cells); err != nil {
					errs[i] = err
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func randomColumns(rng *rand.Rand) []string {
	all := []string{"a", "b", "c", "d", "e"}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:rng.IntN(len(all)+1)]
}

func randomOptions(rng *rand.Rand, size int) (modelOptions, diff.RunOptions) {
	maybe := func(n int) bool { return rng.IntN(n) == 0 }
	mo := modelOptions{
		create: maybe(2), partial: maybe(5), refresh: maybe(8),
		policy: diff.DuplicatePolicy(rng.IntN(3)), maxUnusable: int64(rng.IntN(3)),
	}
	ro := diff.RunOptions{Create: mo.create, Partial: mo.partial, Refresh: mo.refresh, Duplicates: mo.policy, MaxUnusable: mo.maxUnusable}
	if !mo.create && maybe(2) {
		mo.known = map[string]bool{}
		var list []string
		for i := range size {
			if maybe(2) {
				k := randomKey(i)
				mo.known[k] = true
				list = append(list, k, k)
			}
		}
		ro.Known = keys(list...)
	}
	return mo, ro
}

func randomKey(i int) string {
	return []string{"", "ann", "k"}[min(i, 2)] + strings.Repeat("x", i%3) + fmt.Sprint(i/2)
}

func randomSegment(rng *rand.Rand, size, columns int) []modelRecord {
	values := []string{nul, "", "a", "b", "ab", "aab"}
	records := make([]modelRecord, 0, size)
	seqs := rng.Perm(2*size + 1)
	duplicates, unusable := 1+rng.IntN(3), rng.IntN(3) == 0
	if rng.IntN(10) == 0 {
		size = 0
	}
	for i := range size {
		r := modelRecord{seq: int64(seqs[i]) + 1}
		r.key = randomKey(rng.IntN(max(1, size*2/(duplicates*2))))
		switch rng.IntN(20) {
		case 0:
			if unusable {
				r.key = nul
			}
		case 1, 2:
			r.cells = nil
		default:
			r.cells = make([]string, columns)
			for c := range r.cells {
				r.cells[c] = values[rng.IntN(2+rng.IntN(len(values)-1))]
			}
		}
		records = append(records, r)
	}
	return records
}

func markModel(t *testing.T, rng *rand.Rand, s *diff.Store, m *model, size int) {
	t.Helper()
	var list []string
	var want int64
	for i := range size {
		if rng.IntN(3) > 0 {
			continue
		}
		k := randomKey(i)
		list = append(list, k)
	}
	list = append(list, list...)
	for k, st := range m.state {
		if slices.Contains(list, k) {
			st.due = true
			m.state[k] = st
			want++
		}
	}
	if got, err := s.MarkDue(t.Context(), keys(list...)); err != nil || got != want {
		t.Fatalf("MarkDue: %d, %v, want %d", got, err, want)
	}
}
