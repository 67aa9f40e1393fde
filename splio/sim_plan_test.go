package splio_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/splio"
)

// simPlan is all that happens in a simulation. Each step stands for itself, so that
// any of them can be left out.
type simPlan struct {
	Duplicates  diff.DuplicatePolicy
	Rows        splio.Rows
	Waiting     splio.Waiting
	WaitFor     time.Duration
	Suffix      string
	Absent      [simColumns]bool // empty cells of the column are absent
	MaxLines    int
	MaxFiles    int
	MaxUnusable int64
	Retain      int
	Pair        bool // of sub-sequences
	EmptyErases bool // at Splio
	Once        bool // Splio takes a name once: the same file once more is passed over
	Steps       []simStep
}

const simColumns = 3

// simStep is what somebody does, and what goes wrong meanwhile.
type simStep struct {
	Do                                             string
	Hour                                           int // of the clock
	Columns                                        int // that are mapped, from 1
	Insert, Known, Partial, Refresh, Brake, NoSize bool
	File, Quoted                                   bool          // the segment is a file, with quotes around all values
	Preview                                        bool          // somebody looks first at what will come
	Key                                            int           // that is forgotten or made at Splio, and the first that is marked
	Keys, Most                                     int           // how many are marked, one after the other, and how often; at the end, that is done again and again
	Takes, Stop                                    time.Duration // how often Splio takes what is there, and when somebody loses patience; 0 is never
	Records                                        []simRecord
	Faults                                         []simFault
	Seed                                           uint64 // of what a power cut takes
}

// simFault is that of a call of the transport or of an operation on the disk.
type simFault struct {
	At   int
	Call bool
	Kind string
}

// simRecord holds numbers of simValues.
type simRecord struct {
	Key    int // -1 is none that can be used
	Must   int // 0 rejects the record
	Values [simColumns]int
}

var simValues = []string{"", "x", "y", `5" \" nails`, " z; "}

func (s simStep) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, hour %d", s.Do, s.Hour)
	for _, f := range []struct {
		name string
		on   bool
	}{{"insert", s.Insert}, {"known", s.Known}, {"partial", s.Partial}, {"refresh", s.Refresh}, {"brake", s.Brake}, {"no size", s.NoSize}, {"file", s.File}, {"quoted", s.Quoted}, {"preview", s.Preview}} {
		if f.on {
			b.WriteString(", " + f.name)
		}
	}
	switch s.Do {
	case "run", "plan", "settle", "preview":
		fmt.Fprintf(&b, ", %d columns, records", s.Columns)
		for _, r := range s.Records {
			fmt.Fprintf(&b, " %d:%d%v", r.Key, r.Must, r.Values)
		}
	case "forget", "create":
		fmt.Fprintf(&b, ", key %d", s.Key)
	}
	if s.Keys > 0 && (s.Do == "resend" || s.Do == "settle") {
		fmt.Fprintf(&b, ", %d keys from %d on, at most %d times", s.Keys, s.Key, s.Most)
	}
	if s.Takes > 0 {
		fmt.Fprintf(&b, ", Splio comes each %v", s.Takes)
	}
	if s.Stop > 0 {
		fmt.Fprintf(&b, ", stopped after %v", s.Stop)
	}
	for _, f := range s.Faults {
		where := "operation"
		if f.Call {
			where = "call"
		}
		fmt.Fprintf(&b, "; %s at %s %d", f.Kind, where, f.At)
	}
	return b.String()
}

func newSimPlan(seed uint64) *simPlan {
	r := rand.New(rand.NewPCG(seed, 2))
	chance := func(p float64) bool { return r.Float64() < p }
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	p := &simPlan{
		Duplicates: diff.DuplicatePolicy(r.IntN(3)), Rows: splio.Rows(pick("", "", string(splio.ChangedOnly), string(splio.ExactlyChanged))),
		Suffix: pick("", "", "_{part}", "_{token}", "_{time}_{part}"), MaxLines: 2 + r.IntN(5), MaxUnusable: int64(r.IntN(2)),
		Retain: max(0, r.IntN(4)-1), Pair: chance(0.3), EmptyErases: chance(0.5), Once: chance(0.5),
	}
	if p.Rows == splio.ChangedOnly && chance(0.5) {
		p.MaxFiles = 1 + r.IntN(3)
	}
	switch {
	case chance(0.2):
		p.Waiting = splio.RefuseWaiting
	case chance(0.25):
		p.Waiting = splio.AwaitWaiting
		p.WaitFor = []time.Duration{0, 12 * time.Second, 4 * time.Minute, -1}[r.IntN(4)]
	}
	for i := range p.Absent {
		p.Absent[i] = chance(0.3)
	}
	people := 1 + r.IntN(8)
	record := func() simRecord {
		rec := simRecord{Key: r.IntN(people), Must: 1 + r.IntN(2)}
		if chance(0.05) {
			rec.Must = 0
		}
		if chance(0.02) {
			rec.Key = -1
		}
		for i := range rec.Values {
			rec.Values[i] = r.IntN(3)
			if chance(0.1) {
				rec.Values[i] = r.IntN(len(simValues))
			}
		}
		return rec
	}
	var settled []simRecord
	s := simStep{Columns: 1 + r.IntN(simColumns), Insert: chance(0.5)}
	segment := func(old []simRecord) []simRecord {
		if settled != nil && chance(0.4) {
			return settled // back to what was
		}
		out := slices.Clone(old)
		if chance(0.2) {
			out = nil
		}
		for range r.IntN(people + 1) {
			out = append(out, record())
		}
		seen := make(map[int]bool)
		out = slices.DeleteFunc(out, func(rec simRecord) bool {
			again := seen[rec.Key]
			seen[rec.Key] = true
			return again && chance(0.9) || chance(0.1)
		})
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out[:min(len(out), 12)]
	}
	records := segment(nil)
	for range 2 + r.IntN(3) {
		if chance(0.2) {
			s.Columns = min(simColumns, s.Columns+1)
		}
		if chance(0.3) {
			s.Insert = !s.Insert
		}
		for range r.IntN(5) {
			s.Do = pick("run", "run", "run", "run", "run", "run", "plan", "apply", "apply", "discard", "discard", "discard", "discard", "release", "resend", "resend", "preview", "forget", "adopt", "import", "stranger", "create", "cut")
			s.vary(r)
			records = segment(records)
			s.Records, s.Faults = records, nil
			for range r.IntN(4) {
				s.Faults = append(s.Faults, newSimFault(r))
			}
			p.Steps = append(p.Steps, s)
		}
		records = segment(records)
		if settled != nil && chance(0.4) { // something else arrives, unnoticed, and all is as it was
			s.vary(r)
			s.Do, s.Records, s.Faults = "run", nil, []simFault{{1 + r.IntN(3), true, pick("late", "taken late", "kill late", "cut late", "fail")}}
			for _, rec := range settled {
				rec.Values[0] = (rec.Values[0] + 1) % 3
				s.Records = append(s.Records, rec)
			}
			p.Steps = append(p.Steps, s)
			if s.Faults = nil; chance(0.5) {
				s.Do = "discard"
				p.Steps = append(p.Steps, s)
			}
			records = settled
		}
		s.vary(r)
		s.Do, s.Brake, s.Faults, s.Stop = "settle", false, nil, 0
		if !chance(0.05) {
			s.Keys = 0
		}
		s.Records = records
		settled = records
		p.Steps = append(p.Steps, s)
	}
	return p
}

// vary sets what is another thing in each step.
func (s *simStep) vary(r *rand.Rand) {
	s.Hour += r.IntN(30) - 5
	if r.IntN(10) == 0 {
		s.Hour -= r.IntN(60)
	}
	s.Known, s.Partial, s.Refresh = !s.Insert && r.IntN(2) == 0, r.IntN(5) == 0, r.IntN(20) == 0
	s.Brake, s.NoSize, s.Key, s.Seed = r.IntN(8) == 0, r.IntN(6) == 0, r.IntN(8), r.Uint64()
	s.File, s.Quoted, s.Preview = r.IntN(5) > 0, r.IntN(8) == 0, r.IntN(14) == 0
	s.Keys, s.Most = 1+r.IntN(3), r.IntN(4)
	s.Takes, s.Stop = 0, 0
	if r.IntN(2) == 0 {
		s.Takes = time.Duration(1+r.IntN(40*60)) * time.Second
	}
	if r.IntN(5) == 0 {
		s.Stop = time.Duration(1+r.IntN(90*60))*time.Second + time.Second/2 // not when it looks
	}
}

func newSimFault(r *rand.Rand) simFault {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	if r.IntN(5) < 2 {
		return simFault{r.IntN(6), true, pick("fail", "fail", "late", "late", "torn", "kill", "kill late", "kill torn", "cut", "cut late", "cut torn",
			"cancel", "take", "taken", "taken late", "visit", "no dir", "unsupported", "wrong size")}
	}
	return simFault{r.IntN(20 + r.IntN(90)), false, pick("fail", "fail", "late", "torn", "kill", "kill late", "kill torn", "cut", "cut late", "cut torn", "cancel", "visit")}
}
