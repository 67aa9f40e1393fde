package splio_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// totals are the counts of a report, or what comes out when all contacts are
// explained one by one.
type totals struct {
	read, rejected, duplicate, held, unchanged, inserted, updated, left, uncertain int64
	columns                                                                        string
}

func totalsOf(r *splio.Report) totals {
	var columns []string
	for _, c := range r.Columns {
		columns = append(columns, fmt.Sprint(c.Name, " ", c.Changed))
	}
	return totals{r.Read, r.Rejected, r.Duplicate, r.HeldBack, r.Unchanged, r.Inserted, r.Updated, r.Left, r.Uncertain, strings.Join(columns, ", ")}
}

// explainAll explains each of these keys. Records without any key are nobody's,
// and counted by the caller.
func explainAll(t *testing.T, a splio.Activation, keys []string, src mapping.Source, keyless int64) (sum totals, said map[string]*splio.Explanation) {
	t.Helper()
	sum.read, sum.rejected = keyless, keyless
	said = make(map[string]*splio.Explanation)
	columns := map[string]int64{"firstname": 0, "lastname": 0}
	for _, key := range keys {
		e := mustExplain(t, a, key, src)
		said[key] = e
		sum.read += e.Found
		sum.rejected += e.Rejected
		sum.duplicate += e.Duplicate
		for _, c := range e.Columns {
			columns[c]++
		}
		switch e.Verdict {
		case splio.VerdictNew:
			if a.Insert {
				sum.inserted++
			} else {
				sum.updated++
			}
		case splio.VerdictChanged, splio.VerdictDue:
			sum.updated++
		case splio.VerdictUnchanged:
			sum.unchanged++
		case splio.VerdictHeldBack:
			sum.held++
		case splio.VerdictLeft:
			sum.left++
		case splio.VerdictKept:
			sum.uncertain++
		case splio.VerdictRejected, splio.VerdictConflict, splio.VerdictUnknown, splio.VerdictNoKey:
		default:
			t.Errorf("a verdict of %q", e.Verdict)
		}
		if e.Sent != (e.Verdict == splio.VerdictNew || e.Verdict == splio.VerdictChanged || e.Verdict == splio.VerdictDue) {
			t.Errorf("%s: sent is %v", e.Verdict, e.Sent)
		}
	}
	sum.columns = fmt.Sprintf("firstname %d, lastname %d", columns["firstname"], columns["lastname"])
	return sum, said
}

// One by one, the contacts of a segment and of the state come to what a preview,
// and then a run, say of all of them; and the rows that arrive are about those that
// were to be sent. When a released plan waits, that holds for the run after it.
func TestExplainAddsUp(t *testing.T) {
	days := 0
	seen := make(map[splio.Verdict]int)
	for seed := range uint64(15) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		a := newActivation(t)
		a.Mapping.Fields[1].Invalid, a.Mapping.Fields[1].Type = mapping.Reject, mapping.Integer
		a.Brakes = splio.Brakes{AllowEmpty: true, Minimum: 1 << 40}
		a.Destination.Suffix = "_{part}"
		d := new(drop)
		for range 6 {
			days++
			a.Insert, a.Known = rnd.IntN(2) == 0, nil
			if !a.Insert && rnd.IntN(2) == 0 {
				a.Known = each(someKeys(rnd)...)
			}
			a.Duplicates = diff.DuplicatePolicy(rnd.IntN(3))
			a.Partial, a.Refresh, a.MaxUnusable = rnd.IntN(4) == 0, rnd.IntN(6) == 0, int64(rnd.IntN(2))
			if rnd.IntN(3) == 0 {
				if _, _, err := a.Resend(t.Context(), segment(head), each(someKeys(rnd)...), rnd.IntN(3)); err != nil {
					t.Fatal(err)
				}
			}
			released := false
			if rnd.IntN(3) == 0 {
				src, _, _ := someSegment(rnd)
				p := mustPlan(t, a, src)
				if released = rnd.IntN(2) == 0; released {
					if err := p.Release(t.Context(), "a test"); err != nil {
						t.Fatal(err)
					}
				}
			}
			src, keys, keyless := someSegment(rnd)
			sum, said := explainAll(t, a, keys, src, keyless)
			for _, e := range said {
				seen[e.Verdict]++
			}
			if !released {
				r, err := a.Preview(t.Context(), src)
				if err != nil {
					t.Fatal(err)
				}
				if got := totalsOf(r); got != sum {
					t.Fatalf("seed %d: the preview has\n%+v, the explanations\n%+v", seed, got, sum)
				}
			}
			r := mustRun(t, a, src, d)
			if got := totalsOf(r); got != sum || (r.Resumed != nil) != released {
				t.Fatalf("seed %d, released %v: the run has\n%+v, the explanations\n%+v", seed, released, got, sum)
			}
			sent := make(map[string]bool)
			for _, f := range d.arrived[len(d.arrived)-len(r.Files):] {
				for line := range strings.Lines(f.content) {
					key, _, _ := strings.Cut(line, ";")
					sent[key] = true
				}
			}
			for key, e := range said {
				if e.Sent != sent[key] {
					t.Errorf("seed %d: %s is explained as %s, and sent is %v", seed, key, e.Verdict, sent[key])
				}
			}
			d.take(t)
		}
	}
	for _, v := range []splio.Verdict{splio.VerdictNew, splio.VerdictChanged, splio.VerdictDue, splio.VerdictUnchanged, splio.VerdictHeldBack, splio.VerdictRejected,
		splio.VerdictConflict, splio.VerdictLeft, splio.VerdictKept, splio.VerdictUnknown, splio.VerdictNoKey} {
		if seen[v] == 0 {
			t.Errorf("in %d days nobody was %s: %v", days, v, slices.Sorted(maps.Keys(seen)))
		}
	}
}

var somebody = []string{"ann@example.net", "bob@example.net", "cid@example.net", "dan@example.net", "eve@example.net", "fay@example.net"}

func someKeys(rnd *rand.Rand) (keys []string) {
	for _, k := range somebody {
		if rnd.IntN(2) == 0 {
			keys = append(keys, k)
		}
	}
	return append(keys, "ann@example.net")
}

// someSegment returns a small segment, all keys that it or the state may have,
// and the number of its records without any key.
func someSegment(rnd *rand.Rand) (src mapping.Source, keys []string, keyless int64) {
	lines := []string{head}
	for range rnd.IntN(9) {
		key := somebody[rnd.IntN(len(somebody))]
		switch rnd.IntN(20) {
		case 0:
			key = "nobody at all"
		case 1:
			key = "-"
			keyless++
		case 2, 3:
			key = strings.ToUpper(key[:1]) + key[1:]
		}
		last := fmt.Sprint(rnd.IntN(2))
		if rnd.IntN(5) == 0 {
			last = "none"
		}
		lines = append(lines, fmt.Sprintf("%s,%s,%s", key, []string{"Ann", "Bob"}[rnd.IntN(2)], last))
	}
	return segment(lines...), append(slices.Clone(somebody), "nobody at all"), keyless
}
