package splio_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

var (
	simSeeds = flag.Uint64("simseeds", 1000, "how many seeds TestSimulation plays")
	simSeed  = flag.Uint64("simseed", 1, "the first seed of TestSimulation")
)

// TestSimulation plays days on which everything goes wrong: the disk, the line,
// the power, the clock, other processes, and what people do about it. When a day
// ends without a fault, Splio must hold what the segment says.
func TestSimulation(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // there is much garbage, and hardly anything else
	dir, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	var (
		mu     sync.Mutex
		sum    simStats
		failed = uint64(math.MaxUint64)
		next   atomic.Uint64
		wg     sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= *simSeeds {
					return
				}
				stats, err := simulateSeed(t, *simSeed+n, dir)
				mu.Lock()
				sum.add(stats)
				if err != nil {
					next.Store(*simSeeds)
					failed = min(failed, *simSeed+n)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != math.MaxUint64 {
		_, err := simulateSeed(t, failed, dir)
		p := shrink(t, newSimPlan(failed), dir)
		s, short := simulate(t, p, dir)
		t.Fatalf("seed %d (run again with -simseed %d -simseeds 1): %v\nshrunk, with %+v:\n%s\n%v", failed, failed, err, p.setup(), strings.Join(s.log, "\n"), short)
	}
	if left := files(t, temp); len(left) > 0 {
		t.Errorf("previews have left %q", left)
	}
	t.Logf("%d seeds, %d days, %d steps, %d faults met, %d kills, %d power cuts, another process refused %d times, %d files arrived, %d previews kept their word, waited %d times, %d marks, %d spent",
		*simSeeds, sum.days, sum.steps, sum.faults, sum.kills, sum.cuts, sum.refused, sum.files, sum.previews, sum.waits, sum.marked, sum.spent)
	if *simSeeds >= 1000 && min(sum.faults, sum.kills, sum.cuts, sum.refused, sum.previews, sum.waits, sum.marked, sum.spent) < 100 {
		t.Error("that is not much")
	}
}

// simulateSeed plays a seed, and now and then once more: the same must arrive. That is
// so where no operation on the disk goes wrong: some are at work at the same time, and
// which of them comes first is open.
func simulateSeed(t *testing.T, seed uint64, dir string) (simStats, error) {
	plan := newSimPlan(seed)
	s, err := simulate(t, plan, dir)
	if err != nil || seed%4 > 0 || plan.disk() {
		return s.stats, err
	}
	again, err := simulate(t, newSimPlan(seed), dir)
	if err == nil && !bytes.Equal(again.line.sum, s.line.sum) {
		err = fmt.Errorf("played once more, other files arrive:\n%s\n%s", s.line.sum, again.line.sum)
	}
	return s.stats, err
}

func (a *simStats) add(b simStats) {
	a.days += b.days
	a.steps += b.steps
	a.faults += b.faults
	a.kills += b.kills
	a.cuts += b.cuts
	a.refused += b.refused
	a.files += b.files
	a.previews += b.previews
	a.waits += b.waits
	a.marked += b.marked
	a.spent += b.spent
}

// disk reports whether any operation on the disk goes wrong.
func (p simPlan) disk() bool {
	return slices.ContainsFunc(p.Steps, func(s simStep) bool {
		return slices.ContainsFunc(s.Faults, func(f simFault) bool { return !f.Call })
	})
}

// setup is the plan without its steps.
func (p simPlan) setup() simPlan {
	p.Steps = nil
	return p
}

// shrink leaves out of a plan that fails what it does not need for that.
func shrink(t *testing.T, p *simPlan, dir string) *simPlan {
	tries := 0
	try := func(change func(*simPlan)) bool {
		q := new(*p)
		q.Steps = slices.Clone(p.Steps)
		change(q)
		if tries++; tries > 3000 {
			return false
		}
		if _, err := simulate(t, q, dir); err == nil {
			return false
		}
		p = q
		return true
	}
	for again := true; again; {
		again = false
		for i := len(p.Steps) - 1; i >= 0; i-- {
			if try(func(q *simPlan) { q.Steps = slices.Delete(q.Steps, i, i+1) }) {
				again = true
			}
		}
		for i := range p.Steps {
			for k := len(p.Steps[i].Faults) - 1; k >= 0; k-- {
				again = try(func(q *simPlan) { q.Steps[i].Faults = slices.Delete(slices.Clone(q.Steps[i].Faults), k, k+1) }) || again
			}
			for k := len(p.Steps[i].Records) - 1; k >= 0; k-- {
				again = try(func(q *simPlan) { q.Steps[i].Records = slices.Delete(slices.Clone(q.Steps[i].Records), k, k+1) }) || again
			}
		}
	}
	for i := range p.Steps {
		for _, change := range []func(*simStep){
			func(s *simStep) { s.Partial = false }, func(s *simStep) { s.Refresh = false }, func(s *simStep) { s.Known = false },
			func(s *simStep) { s.Brake = false }, func(s *simStep) { s.NoSize = false }, func(s *simStep) { s.Hour = 0 }, func(s *simStep) { s.File = false }, func(s *simStep) { s.Quoted = false }, func(s *simStep) { s.Preview = false },
			func(s *simStep) { s.Keys = min(s.Keys, 1) }, func(s *simStep) { s.Most = 0 }, func(s *simStep) { s.Takes = 0 }, func(s *simStep) { s.Stop = 0 }, func(s *simStep) { s.Insert = true },
		} {
			try(func(q *simPlan) { change(&q.Steps[i]) })
		}
	}
	for _, change := range []func(*simPlan){
		func(p *simPlan) { p.Duplicates = 0 }, func(p *simPlan) { p.Rows = "" }, func(p *simPlan) { p.Waiting = "" }, func(p *simPlan) { p.WaitFor = 0 }, func(p *simPlan) { p.Suffix = "" },
		func(p *simPlan) { p.Absent = [simColumns]bool{} }, func(p *simPlan) { p.MaxLines = 10 }, func(p *simPlan) { p.MaxFiles = 0 },
		func(p *simPlan) { p.MaxUnusable = 0 }, func(p *simPlan) { p.Retain = 0 }, func(p *simPlan) { p.Pair = false }, func(p *simPlan) { p.EmptyErases = true },
	} {
		try(change)
	}
	return p
}

// step carries a step out.
func (s *simulation) step(step *simStep) error {
	if step.Do != "cut" && step.Do != "preview" {
		s.released = false
	}
	s.line.alone = s.Waiting != splio.ReportWaiting
	s.line.noSize = step.NoSize && !s.line.alone
	switch step.Do {
	case "import":
		return s.imports()
	case "cut": // nobody is at work
		return s.cutIdle(step)
	case "create":
		if _, there := s.splio.Contact(key(step.Key)); there {
			return nil
		}
		s.loose[key(step.Key)] = true
		return s.splio.Put(spliotest.Contact{Key: key(step.Key), Fields: map[string]string{"lastname": "old", "c0": "old"}})
	case "stranger":
		name := "acme_contacts_crm_" + march(1).AddDate(0, 0, step.Hour/24).Format("20060102") + ".csv"
		if s.line.files[name] == nil && s.line.content[name] == [32]byte{} {
			s.line.foreign[name], s.line.taken[name] = true, true
			s.line.files[name] = []byte("email;lastname\nstranger@example.net;x\n")
		}
		return nil
	case "settle":
		s.stats.days++
		return s.settle(step)
	}
	p := s.process(step)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	p.cancel = cancel
	a := s.activation(step, p)
	p.visit = func(at string) { s.visit(step, p, at) }
	promised, err := s.promise(step)
	if err != nil {
		return err
	}
	defer p.stopped()()
	s.marks.begin(s, step)
	err = s.act(ctx, step, a, p, promised)
	s.log = append(s.log, fmt.Sprintf("\t%q: %v", p.hits, err))
	s.line.wrong = errors.Join(s.line.wrong, s.waited(p, err))
	s.stats.faults += len(p.hits)
	switch step.Do {
	case "run", "plan", "apply": // which clear away what others have left
		s.durable = err == nil
	case "preview": // which changes nothing
	case "release":
		s.released = err == nil
		fallthrough
	default:
		s.durable = s.durable && err == nil
	}
	err = s.excused(p, err)
	if !p.dead.Load() {
		if p.open > 0 || len(s.disk.locks) > 0 {
			err = errors.Join(err, fmt.Errorf("%d files are open, %d locks held", p.open, len(s.disk.locks)))
		}
		return err
	}
	clear(s.disk.locks)
	s.stats.kills++
	if strings.Contains(p.hits[len(p.hits)-1], "cut") {
		s.stats.kills--
		s.stats.cuts++
		if step.Do == "preview" {
			return errors.Join(err, s.cutIdle(step))
		}
		s.disk.cutPower(rand.New(rand.NewPCG(step.Seed, 3)))
	}
	return err
}

// cutIdle cuts the power while nobody is at work: what ended well must be durable.
func (s *simulation) cutIdle(step *simStep) error {
	s.stats.cuts++
	before := maps.Clone(s.disk.names)
	size := make(map[*inode]int)
	for _, n := range before {
		size[n], n.lost = len(n.data), false
	}
	s.disk.cutPower(rand.New(rand.NewPCG(step.Seed, 3)))
	for _, name := range slices.Sorted(maps.Keys(before)) {
		n := before[name]
		if !s.durable && !(s.released && name == "outbox/manifest") {
			continue
		}
		if name != "snapshot.lock" && (s.disk.names[name] != n || n.synced < size[n] || n.lost) {
			return fmt.Errorf("power cut when all had ended well: %s is lost", plainName(name))
		}
	}
	return nil
}

// act is what a process does in a step.
func (s *simulation) act(ctx context.Context, step *simStep, a splio.Activation, p *process, promised *splio.Report) (err error) {
	src := s.segment(step)
	keys := func(yield func(string, error) bool) { yield(key(step.Key), nil) }
	var report *splio.Report
	switch step.Do {
	case "run":
		report, err = a.Run(ctx, src, caller{p})
		if promised != nil && report != nil {
			s.line.wrong = errors.Join(s.line.wrong, s.keptWord(promised, report, p))
		}
	case "preview":
		_, err := s.preview(ctx, step, src, p)
		return err
	case "plan":
		var plan *splio.Plan
		if plan, err = a.Plan(ctx, src); plan != nil {
			report = &plan.Report
			if promised != nil {
				s.line.wrong = errors.Join(s.line.wrong, s.keptWord(promised, report, p))
			}
		}
	case "apply", "discard", "release":
		plan, perr := a.Pending(ctx)
		switch {
		case perr != nil:
			return perr
		case step.Do == "apply":
			report, err = plan.Apply(ctx, caller{p})
		case step.Do == "release":
			err := plan.Release(ctx, "looked at")
			if err == nil {
				plan, err = a.Pending(ctx)
			}
			if err == nil && plan.State != splio.PlanReleased && plan.State != splio.PlanApplying {
				err = fmt.Errorf("released, and then %s", plan.State)
			}
			return err
		default:
			for name := range s.line.files {
				s.left[name] = s.left[name] || strings.HasSuffix(name, ".part")
			}
			return plan.Discard(ctx)
		}
	case "resend":
		return s.resend(ctx, step, a, p)
	case "forget":
		_, err = a.Forget(ctx, src, keys)
	case "adopt": // what Splio holds
		if s.last != nil && len(s.loose) == 0 && len(s.winners(s.last)) > 0 {
			b := *s.last
			b.Known = false
			a = s.activation(&b, p)
			report, err = a.Adopt(ctx, s.segment(s.last), true)
			if report != nil {
				report.Inserted = -report.Unchanged // there is no file for them
				report.Unchanged, report.Updated = 0, 0
				report = nil
			}
		}
	default:
		return fmt.Errorf("no such step: %s", step.Do)
	}
	if err == nil && report != nil {
		return balanced(report)
	}
	return err
}

// visit is another process that does not wait for the first.
func (s *simulation) visit(step *simStep, first *process, at string) {
	q := s.process(&simStep{})
	b := s.activation(step, q)
	ctx := context.Background()
	wrong := func(what string, err error) {
		s.line.wrong = errors.Join(s.line.wrong, fmt.Errorf("another process at %s: %s: %w", at, what, err))
	}
	plan, err := b.Pending(ctx)
	if err != nil && !errors.Is(err, splio.ErrNoPlan) {
		wrong("pending", err)
	}
	if _, err := s.glance(step, simSource(step.Records)); err != nil {
		wrong("preview", err)
	}
	if len(s.disk.locks) == 0 {
		return // it is not at work
	}
	s.stats.refused++
	if _, err := b.Run(ctx, simSource{{Key: 1, Must: 2}}, caller{q}); !errors.Is(err, diff.ErrLocked) {
		wrong("run", err)
	}
	if plan == nil {
		return
	}
	if _, err := plan.Apply(ctx, caller{q}); !errors.Is(err, diff.ErrLocked) {
		wrong("apply", err)
	}
	if err := plan.Discard(ctx); !errors.Is(err, diff.ErrLocked) {
		wrong("discard", err)
	}
	if err := plan.Release(ctx, "x"); !errors.Is(err, diff.ErrLocked) {
		wrong("release", err)
	}
}

// settle runs without a fault, after which all must be well.
func (s *simulation) settle(step *simStep) error {
	p := s.process(step)
	a := s.activation(step, p)
	var r *splio.Report
	s.marks.begin(s, step)
	err := s.imports()
	promised, perr := s.promise(step)
	err = errors.Join(err, perr)
	for tries := 0; err == nil; tries++ {
		if r, err = s.run(step, p); err == nil {
			break
		}
		promised = nil                                     // contacts may come into being
		if errors.Is(err, splio.ErrWaiting) && tries < 3 { // those of a plan that was on its way
			err = s.imports()
		}
	}
	if err == nil {
		err = errors.Join(balanced(r), s.imports())
	}
	if err == nil && promised != nil {
		err = s.keptWord(promised, r, p)
	}
	if err != nil {
		return err
	}
	for _, f := range r.Files {
		if sum, ok := s.line.content[f.Name]; !ok || fmt.Sprintf("%x", sum) != f.SHA256 {
			return fmt.Errorf("file %s was not delivered as it was planned", f.Name)
		}
	}
	if err := errors.Join(s.settled(step, a), s.remembered(a, r), s.marks.settle(s, step)); err != nil {
		return err
	}
	s.durable = true
	if step.Seed&7 < 3 {
		if err := s.cutIdle(step); err != nil {
			return err
		}
	}
	if step.Seed&8 > 0 || step.Refresh {
		return nil
	}
	puts := p.puts
	r, err = s.run(step, p)
	if err == nil && (p.puts > puts || r.Inserted+r.Updated > 0) {
		err = fmt.Errorf("run again: %d files, %d inserted, %d updated", p.puts-puts, r.Inserted, r.Updated)
	}
	if err == nil && step.Keys > 0 {
		err = s.wearOut(step)
	}
	return err
}
