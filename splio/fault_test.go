package splio_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// diskFaults are the ways in which one operation on the disk can go wrong.
var diskFaults = []struct {
	name  string
	fault vfstest.Fault
}{
	{"fails", vfstest.Fault{}},
	{"torn", vfstest.Fault{Torn: true}},
	{"late", vfstest.Fault{Late: true}},
	{"stop", vfstest.Fault{Stop: true}},
	{"stop torn", vfstest.Fault{Stop: true, Torn: true}},
	{"stop late", vfstest.Fault{Stop: true, Late: true}},
}

var exhaustive = flag.Bool("exhaustive", false, "fail every operation in every way")

// world is an activation and what is around it.
type world struct {
	splio.Activation
	fs   *memFS
	u    *universe
	d    *drop
	plan *splio.Plan
}

// scenarios are pieces of work that meet a fault. Each begins with day1
// delivered, but for the first, and after each a run of day3 must settle all.
var scenarios = []struct {
	name    string
	fresh   bool
	prepare func(t *testing.T, w *world)
	work    func(t *testing.T, w *world) error
}{
	{"first run", true, nil, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), day2, w.d)
		return err
	}},
	{"run", false, nil, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), day3, w.d)
		return err
	}},
	{"nothing to send", false, nil, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), day1, w.d)
		return err
	}},
	{"replace and apply", false, func(t *testing.T, w *world) {
		w.plan = mustPlan(t, w.Activation, day2)
	}, func(t *testing.T, w *world) error {
		p, err := w.Plan(t.Context(), day3)
		if err != nil {
			return err
		}
		_, err = p.Apply(t.Context(), w.d)
		return err
	}},
	{"resume", false, partSent, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), day3, w.d)
		return err
	}},
	// What was sent is not what the segment says in the end.
	{"discard", false, partSent, func(t *testing.T, w *world) error {
		return w.plan.Discard(t.Context())
	}},
	{"braked", false, nil, func(t *testing.T, w *world) error {
		w.Brakes.Minimum = 1
		_, err := w.Run(t.Context(), day3, w.d)
		return unbraked(t, err)
	}},
	{"braked and replaced", false, func(t *testing.T, w *world) {
		w.Brakes = splio.Brakes{Minimum: 1, Changed: 0.1}
		w.plan = mustBrake(t, w.Activation, day2)
	}, func(t *testing.T, w *world) error {
		w.Brakes = splio.Brakes{}
		_, err := w.Run(t.Context(), day3, w.d)
		return err
	}},
	{"braked, released and applied", false, func(t *testing.T, w *world) {
		w.Brakes = splio.Brakes{Minimum: 1, Changed: 0.1}
		w.plan = mustBrake(t, w.Activation, day2)
	}, func(t *testing.T, w *world) error {
		if err := w.plan.Release(t.Context(), "right as it is"); err != nil {
			return err
		}
		_, err := w.plan.Apply(t.Context(), w.d)
		return err
	}},
	{"files wait", false, func(t *testing.T, w *world) {
		mustRun(t, w.Activation, day2, w.d)
	}, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), day3, w.d)
		return err
	}},
	{"kept", false, func(t *testing.T, w *world) {
		w.Retain = 1
		mustRun(t, w.Activation, day2, w.d)
		w.Now = w.Now.Add(time.Hour)
	}, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), day3, w.d)
		return err
	}},
	{"kept no more", false, func(t *testing.T, w *world) {
		w.Retain = 2
		mustRun(t, w.Activation, day2, w.d)
	}, func(t *testing.T, w *world) error {
		w.Retain = 0
		_, err := w.Run(t.Context(), day3, w.d)
		return err
	}},
	{"kept, then discarded", false, func(t *testing.T, w *world) {
		w.Retain = 1
		w.plan = halfKept(t, w)
	}, func(t *testing.T, w *world) error {
		return w.plan.Discard(t.Context())
	}},
	{"release and run", false, func(t *testing.T, w *world) {
		w.plan = mustPlan(t, w.Activation, day2)
	}, func(t *testing.T, w *world) error {
		if err := w.plan.Release(t.Context(), "checked"); err != nil {
			return err
		}
		_, err := w.Run(t.Context(), day3, w.d)
		return err
	}},
}

// partSent leaves a plan of three files on its way, the second of which has
// arrived unnoticed. It brings a first and a last name that are gone later.
func partSent(t *testing.T, w *world) {
	w.d.faults = map[int]fault{w.d.puts() + 1: {late: true, err: errLine}}
	src := segment(head, "ann@example.net,Ann,Lo", "bob@example.net,Robert,Ray", "cid@example.net,C,P")
	w.plan = mustPlan(t, w.Activation, src)
	if _, err := w.plan.Apply(t.Context(), w.d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	w.d.faults = nil
}

// unbraked passes an error on, unless it is that of a braked plan, which must
// not have been touched by anything else.
func unbraked(t *testing.T, err error) error {
	t.Helper()
	if _, braked := errors.AsType[*splio.BrakeError](err); braked && !errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return err
}

// mustBrake makes a plan that must be braked.
func mustBrake(t testing.TB, a splio.Activation, src mapping.Source) *splio.Plan {
	t.Helper()
	p, err := a.Plan(t.Context(), src)
	if _, braked := errors.AsType[*splio.BrakeError](err); !braked || p == nil || p.State != splio.PlanBraked {
		t.Fatalf("a plan that is to be braked: %+v, %v", p, err)
	}
	return p
}

// halfKept leaves a plan that is delivered and published, and whose first file
// has been moved to those that are kept.
func halfKept(t *testing.T, w *world) *splio.Plan {
	t.Helper()
	for n := 0; ; n++ {
		c := w.clone(t)
		c.Retain = w.Retain
		p := mustPlan(t, c.Activation, day3)
		moved := false
		splio.SetPlanFS(p, func(string) (vfs.FS, error) {
			f := vfstest.New(c.fs)
			f.Inject(vfstest.Fault{At: n, Err: errLine, Stop: true})
			return f, nil
		})
		if _, err := p.Apply(t.Context(), c.d); !errors.Is(err, errLine) {
			t.Fatalf("stopped at %d: %v", n, err)
		}
		for name := range c.fs.files {
			moved = moved || strings.HasPrefix(name, "sent/")
		}
		if moved {
			w.fs, w.d, w.u = c.fs, c.d, c.u
			w.open(func() vfs.FS { return w.fs })
			return p
		}
	}
}

// harmless reports whether a success may pass over the failure of operation n:
// the name of the spool goes early where it can, and a file that was only read
// has nothing to lose when it is closed.
func harmless(log []string, n int) bool {
	name, closing := strings.CutPrefix(log[n], "close ")
	if !closing {
		return log[n] == "remove outbox/spool"
	}
	for n--; n >= 0 && log[n] != "open "+name; n-- {
		if log[n] == "write "+name {
			return false
		}
	}
	return true
}

func TestDiskFaults(t *testing.T) {
	for at, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			begin := newWorld(t, s.fresh)
			if s.prepare != nil {
				s.prepare(t, begin)
			}
			failEach(t, at, begin, s.work, (*world).settle)
		})
	}
}

// failEach does a piece of work with each operation on the disk failing once, and
// settles after each.
func failEach(t *testing.T, at int, begin *world, work func(*testing.T, *world) error, settle func(w *world, t *testing.T, what string, n int)) {
	t.Helper()
	ops := 0
	for k, kind := range diskFaults {
		step := 1
		if !*exhaustive { // each operation once, in another way in each scenario
			step = len(diskFaults)
		}
		for n := (k + at) % step; ; n += step {
			w := begin.clone(t)
			inner := kind.fault
			inner.At, inner.Err = n, syscall.ENOSPC
			var fsys []*vfstest.FS
			// One file system after the other counts as one.
			w.open(func() vfs.FS {
				f := vfstest.New(w.fs)
				in := inner
				for _, g := range fsys {
					in.At -= g.Ops()
				}
				if in.At >= 0 || in.Stop {
					in.At = max(in.At, 0)
					f.Inject(in)
				}
				fsys = append(fsys, f)
				return f
			})
			err := work(t, w)
			hit, op, passed := false, "", false
			i := n
			for _, f := range fsys {
				if f.Hit() && !hit {
					hit, op, passed = true, f.Log()[i], harmless(f.Log(), i)
				}
				i -= f.Ops()
				if log := f.Log(); log[len(log)-1] != "closefs ." {
					t.Errorf("%s at %d: the file system is not closed", kind.name, n)
				}
				if open := f.Open(); len(open) > 0 {
					t.Errorf("%s at %d, %s: still open: %q", kind.name, n, op, open)
				}
			}
			what := fmt.Sprintf("%s at %d, %s", kind.name, n, op)
			switch {
			case !hit && err != nil:
				t.Fatalf("without a fault: %v", err)
			case !hit:
				for _, f := range fsys {
					if err := f.Durable(); err != nil {
						t.Errorf("a power cut after the end could lose: %v", err)
					}
				}
			case err == nil && !passed:
				t.Errorf("%s: no error", what)
			case err != nil && !errors.Is(err, syscall.ENOSPC):
				t.Errorf("%s: another error: %v", what, err)
			}
			settle(w, t, what, n)
			if t.Failed() {
				t.FailNow()
			}
			if !hit {
				ops = n
				break
			}
		}
	}
	if ops < 20 {
		t.Errorf("only %d operations", ops)
	}
}

func newWorld(t *testing.T, fresh bool) *world {
	t.Helper()
	w := &world{newActivation(t), newMemFS(), newUniverse(true), new(drop), nil}
	w.open(func() vfs.FS { return w.fs })
	w.Format.MaxLines = 2
	if !fresh {
		mustRun(t, w.Activation, day1, w.d)
		w.u.imports(t, w.d)
		w.d.take(t)
	}
	w.Now = march(15)
	return w
}

// open makes the activation, and the plan if there is one, use a file system.
func (w *world) open(open func() vfs.FS) {
	state := w.State
	with := func(dir string) (vfs.FS, error) {
		if dir != state { // a preview works there
			return openQuick(dir)
		}
		return open(), nil
	}
	splio.SetFS(&w.Activation, with)
	if w.plan != nil {
		splio.SetPlanFS(w.plan, with)
	}
}

// clone copies a world.
func (w *world) clone(t *testing.T) *world {
	t.Helper()
	c := &world{w.Activation, w.fs.clone(), newUniverse(true), new(drop), nil}
	if w.plan != nil {
		c.plan = new(*w.plan)
	}
	c.open(func() vfs.FS { return c.fs })
	c.d.arrived = slices.Clone(w.d.arrived)
	for _, n := range w.d.Names() {
		data, err := w.d.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		c.d.put(t, n, string(data))
	}
	return c
}

// settle runs day3, with the drop directory in one of three conditions, and
// checks that Splio holds what it says.
func (w *world) settle(t *testing.T, what string, n int) {
	t.Helper()
	w.open(func() vfs.FS { return w.fs })
	w.u.imports(t, w.d)
	switch n % 3 {
	case 0:
		w.d.take(t)
	case 1:
		w.d.noSize = true
	}
	w.Now, w.Brakes = march(16), splio.Brakes{}
	w.d.calls, w.d.faults, w.d.each = nil, nil, nil
	r, err := w.Run(t.Context(), day3, w.d)
	if err != nil {
		t.Errorf("%s: the run after it: %v", what, err)
		return
	}
	counts(t, r)
	w.u.imports(t, w.d)
	if diff := cmp.Diff(after3, w.u.contacts); diff != "" {
		t.Errorf("%s: Splio does not hold what the segment says: %s", what, diff)
	}
	if r := mustRun(t, w.Activation, day3, untouched{t}); r.Unchanged != 3 {
		t.Errorf("%s: not settled: %s", what, counts(t, r))
	}
	w.remembered(t, what)
	kept := make(map[string][]string)
	got := slices.DeleteFunc(slices.Sorted(maps.Keys(w.fs.files)), func(name string) bool {
		dir, file := path.Split(name)
		if !strings.HasPrefix(dir, "sent/") {
			return false
		}
		kept[dir] = append(kept[dir], file)
		return true
	})
	if len(kept) > w.Retain || w.Retain > 0 && len(kept) == 0 {
		t.Errorf("%s: %d plans are kept, %d are wanted: %q", what, len(kept), w.Retain, kept)
	}
	for dir, files := range kept {
		if n := len(files); n < 2 || files[0] != "0001.csv" || files[n-1] != "manifest" {
			t.Errorf("%s: %s keeps %q", what, dir, files)
		}
	}
	if w.Retain == 0 && w.fs.dirs["sent"] {
		t.Errorf("%s: the directory of kept plans is there", what)
	}
	if !slices.Equal(got, []string{"history", "ledger", "snapshot.current", "snapshot.key", "snapshot.lock"}) {
		t.Errorf("%s: the state directory holds %q", what, got)
	}
	content := make(map[string]string)
	for _, a := range w.d.arrived {
		if old, ok := content[a.name]; ok && old != a.content {
			t.Errorf("%s: the name %s was used for two contents", what, a.name)
		}
		content[a.name] = a.content
	}
}
