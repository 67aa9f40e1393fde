package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

var errCancelled = errors.New("somebody has pressed Ctrl-C")

// simulation is one that goes on.
type simulation struct {
	*simPlan
	dir   string
	file  string // that segments are in
	text  []byte // what is in it
	disk  *simDisk
	line  *simLine
	splio *spliotest.Splio
	loose map[string]bool // contacts that Splio made by itself: nothing is promised of them before they are sent
	left  map[string]bool // temporary names that may stay
	last  *simStep        // the settled one that was just before
	marks marks

	durable  bool // the last plan was made or delivered without an error
	released bool // just now
	log      []string
	stats    simStats
}

type simStats struct {
	steps, days, faults, kills, cuts, refused, files int

	previews, waits, marked, spent int
}

// simulate plays a plan, and returns what went wrong. Its clock stands still unless
// everybody waits.
func simulate(t *testing.T, p *simPlan, dir string) (s *simulation, err error) {
	synctest.Test(t, func(*testing.T) { s, err = playPlan(p, dir) })
	return s, err
}

func playPlan(p *simPlan, dir string) (*simulation, error) {
	file, err := os.CreateTemp(dir, "segment-")
	if err != nil {
		return &simulation{}, err
	}
	defer func() { _ = errors.Join(file.Close(), os.Remove(file.Name())) }()
	s := &simulation{file: file.Name(), simPlan: p, dir: dir, disk: newSimDisk(), line: newSimLine(), loose: map[string]bool{}, left: map[string]bool{}, marks: newMarks()}
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
		if step.Do != "preview" {
			s.last = nil
		}
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
	if s.Waiting != splio.ReportWaiting {
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
		Format: splio.Format{MaxLines: s.MaxLines}, Waiting: s.Waiting, WaitFor: s.WaitFor, Retain: s.Retain,
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
	scratch := newSimDisk() // of a preview
	splio.SetFS(&a, func(dir string) (vfs.FS, error) {
		if dir == s.dir {
			return simFS{p, p.disk}, nil
		}
		return simFS{p, scratch}, nil
	})
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
	if s.Waiting != splio.ReportWaiting && errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrNotExist) && slices.ContainsFunc(p.hits, func(h string) bool { return strings.HasSuffix(h, "no dir") }) {
		return nil
	}
	return fmt.Errorf("an error of no fault: %w", err)
}
