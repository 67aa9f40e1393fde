package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

var errCancelled = errors.New("somebody has pressed Ctrl-C")

// simPlan is all that happens in a simulation. Each step stands for itself, so that
// any of them can be left out.
type simPlan struct {
	Duplicates  diff.DuplicatePolicy
	Rows        splio.Rows
	Waiting     splio.Waiting
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
	File, Quoted                                   bool // the segment is a file, with quotes around all values
	Key                                            int  // that is marked, forgotten or made at Splio
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
	}{{"insert", s.Insert}, {"known", s.Known}, {"partial", s.Partial}, {"refresh", s.Refresh}, {"brake", s.Brake}, {"no size", s.NoSize}, {"file", s.File}, {"quoted", s.Quoted}} {
		if f.on {
			b.WriteString(", " + f.name)
		}
	}
	switch s.Do {
	case "run", "plan", "settle":
		fmt.Fprintf(&b, ", %d columns, records", s.Columns)
		for _, r := range s.Records {
			fmt.Fprintf(&b, " %d:%d%v", r.Key, r.Must, r.Values)
		}
	case "resend", "forget", "create":
		fmt.Fprintf(&b, ", key %d", s.Key)
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
	if chance(0.2) {
		p.Waiting = splio.RefuseWaiting
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
			s.Do = pick("run", "run", "run", "run", "run", "run", "plan", "apply", "apply", "discard", "discard", "discard", "discard", "release", "resend", "forget", "adopt", "import", "stranger", "create", "cut")
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
		s.Do, s.Brake, s.Faults = "settle", false, nil
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
	s.File, s.Quoted = r.IntN(5) > 0, r.IntN(8) == 0
}

func newSimFault(r *rand.Rand) simFault {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	if r.IntN(5) < 2 {
		return simFault{r.IntN(6), true, pick("fail", "fail", "late", "late", "torn", "kill", "kill late", "kill torn", "cut", "cut late", "cut torn",
			"cancel", "take", "taken", "taken late", "visit", "no dir", "unsupported", "wrong size")}
	}
	return simFault{r.IntN(20 + r.IntN(90)), false, pick("fail", "fail", "late", "torn", "kill", "kill late", "kill torn", "cut", "cut late", "cut torn", "cancel", "visit")}
}

// simulation is one that goes on.
type simulation struct {
	*simPlan
	dir   string
	file  string // that segments are in
	disk  *simDisk
	line  *simLine
	splio *spliotest.Splio
	loose map[string]bool // contacts that Splio made by itself: nothing is promised of them before they are sent
	left  map[string]bool // temporary names that may stay
	last  *simStep        // the settled one that was just before

	durable  bool // the last plan was made or delivered without an error
	released bool // just now
	log      []string
	stats    simStats
}

type simStats struct{ steps, days, faults, kills, cuts, refused, files int }

// simulate plays a plan, and returns what went wrong.
func simulate(p *simPlan, dir string) (*simulation, error) {
	file, err := os.CreateTemp(dir, "segment-")
	if err != nil {
		return &simulation{}, err
	}
	defer func() { _ = errors.Join(file.Close(), os.Remove(file.Name())) }()
	s := &simulation{file: file.Name(), simPlan: p, dir: dir, disk: newSimDisk(), line: newSimLine(), loose: map[string]bool{}, left: map[string]bool{}}
	update := spliotest.Subsequence{NoCreate: true, EmptyErases: p.EmptyErases}
	o := spliotest.Options{
		Universe: "acme", Drop: spliotest.Memory(s.line),
		Contacts: map[string]spliotest.Subsequence{"crm": {EmptyErases: p.EmptyErases}, "update": update},
		Rules:    spliotest.Rules{MaxLines: p.MaxLines, Order: s.order, OncePerName: p.Once, Duplicates: spliotest.NoRow},
	}
	for i := range simColumns {
		o.Custom = append(o.Custom, spliotest.Field{Name: fmt.Sprint("c", i)})
	}
	if s.splio, err = spliotest.New(o); err != nil {
		return s, err
	}
	s.line.take = func(string) {
		if err := s.imports(); err != nil && s.line.wrong == nil {
			s.line.wrong = err
		}
	}
	for i := range p.Steps {
		step := &p.Steps[i]
		s.stats.steps++
		s.log = append(s.log, step.String())
		err := s.step(step)
		s.last = nil
		if err == nil && step.Do == "settle" {
			s.last = step
		}
		if err = errors.Join(err, s.line.wrong); err != nil {
			return s, fmt.Errorf("step %d: %w", i, err)
		}
	}
	s.stats.files = s.line.arrived
	return s, nil
}

// order is that in which Splio takes files: that of their arrival, unless no plan is
// sent before those of the last were taken.
func (s *simulation) order(names []string) {
	if s.Waiting == splio.RefuseWaiting {
		slices.Reverse(names)
		return
	}
	slices.SortFunc(names, func(a, b string) int { return slices.Index(s.line.order, a) - slices.Index(s.line.order, b) })
}

// imports lets Splio take all that is there.
func (s *simulation) imports() error {
	for name := range s.line.foreign {
		if s.Once { // or Splio would pass over ours of that name
			delete(s.line.files, name)
		}
		delete(s.line.foreign, name)
	}
	results, err := s.splio.Import()
	if err != nil {
		return err
	}
	for _, r := range results {
		if s.Once && strings.HasSuffix(r.FileError, "read before") { // what it held is what it holds: that is looked at when it arrives
			continue
		}
		if r.FileError != "" || len(r.Skipped)+len(r.Cells) > 0 || r.Rows == 0 {
			return fmt.Errorf("Splio does not take it: %v %v", r, r.Skipped)
		}
	}
	return nil
}

// activation is that of a step, as a process has it.
func (s *simulation) activation(step *simStep, p *process) splio.Activation {
	a := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "update", Suffix: s.Suffix},
		State:       s.dir,
		Insert:      step.Insert, Partial: step.Partial, Refresh: step.Refresh,
		Duplicates: s.Duplicates, MaxUnusable: s.MaxUnusable, Rows: s.Rows, MaxFiles: s.MaxFiles,
		Format: splio.Format{MaxLines: s.MaxLines}, Waiting: s.Waiting, Retain: s.Retain,
		Brakes: splio.Brakes{AllowEmpty: !step.Brake},
		Now:    march(1).Add(time.Duration(step.Hour) * time.Hour),
	}
	if step.Brake {
		a.Brakes.Minimum = 1
	}
	switch {
	case step.Insert && s.Pair:
		a.Destination.Creating = "crm"
	case step.Insert:
		a.Destination.Subsequence = "crm"
	}
	if step.Known && !step.Insert {
		a.Known = func(yield func(string, error) bool) {
			for _, c := range s.splio.Contacts() {
				if !yield(c.Key, nil) {
					return
				}
			}
		}
	}
	a.Mapping = mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{{From: "must", To: "lastname", Empty: mapping.Reject}},
	}
	for i := range step.Columns {
		f := mapping.Field{From: fmt.Sprint("f", i), To: fmt.Sprint("c", i), Custom: true}
		if s.Absent[i] {
			f.Empty = mapping.Absent
		}
		a.Mapping.Fields = append(a.Mapping.Fields, f)
	}
	splio.SetFS(&a, func(string) (vfs.FS, error) { return simFS{p}, nil })
	return a
}

// simSource are records as a segment.
type simSource []simRecord

func (simSource) Fields(context.Context) ([]string, error) {
	return []string{"email", "must", "f0", "f1", "f2"}, nil
}

func (s simSource) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		rec := mapping.Record{Values: make([]mapping.Value, 2+simColumns)}
		for i, r := range s {
			rec.Seq = int64(i + 1)
			rec.Values[0] = mapping.StringValue(key(r.Key))
			if r.Key < 0 {
				rec.Values[0] = mapping.StringValue("nobody")
			}
			rec.Values[1] = mapping.StringValue(simValues[r.Must])
			for c, v := range r.Values {
				rec.Values[2+c] = mapping.StringValue(simValues[v])
			}
			if !yield(&rec, nil) {
				return
			}
		}
	}
}

// winners are the records that count, by the duplicate policy.
func (s *simulation) winners(step *simStep) (out []simRecord) {
	at := make(map[int]int)
	unlike := make(map[int]bool)
	for _, rec := range step.Records {
		if rec.Key < 0 || rec.Must == 0 {
			continue
		}
		clear(rec.Values[step.Columns:])
		i, again := at[rec.Key]
		switch {
		case !again:
			at[rec.Key] = len(out)
			out = append(out, rec)
		case s.Duplicates == diff.LastWins:
			out[i] = rec
		case s.Duplicates == diff.RejectDuplicates:
			unlike[rec.Key] = unlike[rec.Key] || out[i] != rec
		}
	}
	return slices.DeleteFunc(out, func(rec simRecord) bool { return unlike[rec.Key] })
}

// settled compares Splio with what the segment says, and looks for what was left
// behind.
func (s *simulation) settled(step *simStep, a splio.Activation) error {
	said := s.winners(step)
	all, err := s.splio.Differences(context.Background(), simSource(said), a.Mapping, a.Destination.Options())
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range all {
		switch d.Kind {
		case spliotest.Extra, spliotest.Kept, spliotest.Replaced:
			continue
		case spliotest.Missing, spliotest.Ignored:
			if !step.Insert {
				continue
			}
		}
		if !s.loose[d.Key] || step.Insert || step.Known || step.Refresh {
			errs = append(errs, errors.New(d.String()))
		}
	}
	if step.Insert || step.Known || step.Refresh {
		for _, rec := range said {
			delete(s.loose, key(rec.Key))
		}
	}
	kept := 0
	for _, name := range slices.Sorted(maps.Keys(s.disk.names)) {
		switch {
		case strings.HasPrefix(name, "sent/"):
			if strings.Count(name, "/") == 1 {
				kept++
			}
		case name == "sent" && s.Retain > 0, slices.Contains([]string{".", "history", "ledger", "outbox", "snapshot.current", "snapshot.key", "snapshot.lock"}, name):
		default:
			errs = append(errs, fmt.Errorf("%s is left on the disk", name))
		}
	}
	if kept > s.Retain {
		errs = append(errs, fmt.Errorf("%d plans are kept, %d are wanted", kept, s.Retain))
	}
	for _, name := range s.line.Names() {
		if before, _, _ := strings.Cut(name, ".csv."); !s.left[name] && !s.line.taken[before+".csv"] {
			errs = append(errs, fmt.Errorf("%s is left in the drop directory", name))
		}
	}
	return errors.Join(errs...)
}

// balanced checks the counts of a report.
func balanced(r *splio.Report) error {
	if r.Read != r.Rejected+r.Duplicate+r.HeldBack+r.Unchanged+r.Inserted+r.Updated {
		return fmt.Errorf("the counts do not balance: %+v", r)
	}
	rows := int64(0)
	for _, f := range r.Files {
		rows += f.Rows
	}
	if rows != r.Inserted+r.Updated {
		return fmt.Errorf("%d rows for %d records inserted and %d updated", rows, r.Inserted, r.Updated)
	}
	return nil
}

// excused returns what is wrong with an error: nothing when it is of a fault, or
// says what is so.
func (s *simulation) excused(p *process, err error) error {
	if err == nil {
		last := p.hits[max(0, len(p.hits)-1):]
		if p.hit > 0 || p.dead.Load() && !strings.HasPrefix(last[0], "closefs") { // after it there is nothing to do
			return fmt.Errorf("no error, though %q", p.hits)
		}
		return nil
	}
	if _, wrong := errors.AsType[*diff.StateError](err); wrong {
		return fmt.Errorf("the state is refused: %w", err)
	}
	if _, braked := errors.AsType[*splio.BrakeError](err); braked {
		return nil
	}
	for _, known := range []error{errDisk, errKilled, errLine, errCancelled, splio.ErrPending, splio.ErrNoPlan, splio.ErrWaiting} {
		if errors.Is(err, known) {
			return nil
		}
	}
	if s.Waiting == splio.RefuseWaiting && errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrNotExist) && slices.ContainsFunc(p.hits, func(h string) bool { return strings.HasSuffix(h, "no dir") }) {
		return nil
	}
	return fmt.Errorf("an error of no fault: %w", err)
}
