package splio_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestJournalNotDurable: a journal that could not be synced is synced before a name in it is used.
func TestJournalNotDurable(t *testing.T) {
	dir := t.TempDir()
	was, now := []simRecord{{Key: 0, Must: 1, Values: [simColumns]int{1}}}, []simRecord{{Key: 0, Must: 1, Values: [simColumns]int{2}}}
	all := uint64(0) // the seed of a power cut that takes all
	for rand.New(rand.NewPCG(all, 3)).IntN(4) != 0 {
		all++
	}
	for n := range 130 {
		s := simStep{Columns: 1, Insert: true, Records: now}
		step := func(do string, hour int, records []simRecord, faults ...simFault) simStep {
			s.Do, s.Hour, s.Records, s.Faults, s.Seed = do, hour, records, faults, all
			return s
		}
		p := &simPlan{MaxLines: 10, EmptyErases: true, Steps: []simStep{
			step("settle", 1, was),
			step("run", 2, now, simFault{n, false, "fail"}),
			step("run", 3, now, simFault{1, true, "cut late"}, simFault{2, true, "cut late"}),
			step("settle", 4, was),
		}}
		if s, err := simulate(t, p, dir); err != nil {
			t.Fatalf("operation %d: %v\n%s", n, fmt.Sprint(err), strings.Join(s.log, "\n"))
		}
	}
}
