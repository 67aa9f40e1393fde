package splio_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

var errEngine = errors.New("the engine does not answer")

// engine is a differ elsewhere: it keeps snapshots in a disk of its own. Its calls
// can be made to fail, each one before or after the fact, for once or for good.
type engine struct {
	disk    *memFS
	calls   int
	at      int // the call that fails; -1: none
	late    bool
	crash   bool   // all later calls fail too
	down    func() // called when the fault is met
	hit     bool
	gone    func() bool // the program has been killed elsewhere
	renders map[string]bool
}

func (e *engine) call() (do bool, err error) {
	n := e.calls
	e.calls++
	switch {
	case e.gone != nil && e.gone(), e.hit && e.crash:
		return false, errEngine
	case n == e.at:
		e.hit = true
		if e.down != nil && !e.late {
			e.down()
		}
		return e.late, errEngine
	}
	return true, nil
}

// do makes a call.
func (e *engine) do(call func() error) error {
	do, fault := e.call()
	if do {
		if err := call(); err != nil {
			return err
		}
		if fault != nil && e.down != nil {
			e.down()
		}
	}
	return fault
}

func (e *engine) Check(a splio.Activation, src mapping.Source) error {
	if a.DigestKey == nil {
		return errors.New("no key")
	}
	return nil
}

func (e *engine) Open(ctx context.Context, scope string, secret diff.Key) (splio.Snapshots, error) {
	s := &engineStore{e: e}
	err := e.do(func() (err error) {
		s.s, err = diff.Open("engine", diff.Options{Scope: scope, Key: secret, FS: e.disk})
		return err
	})
	if err != nil {
		if s.s != nil {
			s.s.Close() // the lease runs out
		}
		return nil, err
	}
	return s, nil
}

type engineStore struct {
	e *engine
	s *diff.Store
}

func (s *engineStore) Begin(ctx context.Context, seg splio.DifferSegment, o diff.RunOptions) (c splio.Comparison, err error) {
	s.e.renders[seg.Rendering] = true
	err = s.e.do(func() error {
		o.Again, o.Memory = nil, 0
		run, err := s.s.Begin(ctx, seg.Columns, o)
		c = &engineRun{s.e, run, seg.Source}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *engineStore) Current(context.Context) (id string, err error) {
	err = s.e.do(func() error { id, err = s.s.Current(); return err })
	return id, err
}

func (s *engineStore) Verify(ctx context.Context, id string) error {
	return s.e.do(func() error { return s.s.Verify(ctx, id) })
}

func (s *engineStore) Publish(ctx context.Context, id string) error {
	return s.e.do(func() error { return s.s.Publish(ctx, id) })
}

func (s *engineStore) Discard(_ context.Context, id string) error {
	return s.e.do(func() error { return s.s.Discard(id) })
}

func (s *engineStore) Staged(context.Context) (ids []string, err error) {
	err = s.e.do(func() error {
		for name := range s.e.disk.files {
			if id, ok := strings.CutPrefix(name, "snapshot.staged-"); ok {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

func (s *engineStore) MarkDue(ctx context.Context, keys iter.Seq2[[]byte, error]) (n int64, err error) {
	err = s.e.do(func() error { n, err = s.s.MarkDue(ctx, keys); return err })
	return n, err
}

func (s *engineStore) MarkReported(context.Context, iter.Seq2[[]byte, error], int) (int64, int64, error) {
	return 0, 0, errors.ErrUnsupported
}

func (s *engineStore) Forget(ctx context.Context, keys iter.Seq2[[]byte, error]) (n int64, err error) {
	err = s.e.do(func() error { n, err = s.s.Forget(ctx, keys); return err })
	return n, err
}

func (s *engineStore) Close() error {
	return errors.Join(s.e.do(func() error { return nil }), s.s.Close())
}

type engineRun struct {
	e   *engine
	run *diff.Run
	src mapping.Source
}

func (r *engineRun) Candidates() mapping.Source { return numbered{r.src} }

// numbered gives the records of a segment numbers of the engine's.
type numbered struct{ mapping.Source }

func (n numbered) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		seq := int64(0)
		for rec, err := range n.Source.Records(ctx) {
			if seq += 2; err == nil {
				rec.Seq = seq
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

func (r *engineRun) Feed() func(int64, []byte, [][]byte) error {
	feed := r.run.Feed()
	return func(seq int64, key []byte, cells [][]byte) error {
		return r.e.do(func() error {
			if strings.HasPrefix(string(key), "odd") {
				return errors.Join(feed.Put(seq, key, nil), diff.ErrKeyForm)
			}
			return feed.Put(seq, key, cells)
		})
	}
}

func (r *engineRun) Compare(ctx context.Context) (sum *diff.Summary, err error) {
	err = r.e.do(func() error { sum, err = r.run.Compare(ctx); return err })
	return sum, err
}

func (r *engineRun) Changes(ctx context.Context) iter.Seq2[*diff.Change, error] {
	return func(yield func(*diff.Change, error) bool) {
		if err := r.e.do(func() error { return nil }); err != nil {
			yield(nil, err)
			return
		}
		r.run.Changes(ctx)(yield)
	}
}

func (r *engineRun) Stage(ctx context.Context) (id string, err error) {
	err = r.e.do(func() error { id, err = r.run.Stage(ctx); return err })
	return id, err
}

func (r *engineRun) Close() error {
	return errors.Join(r.e.do(func() error { return nil }), r.run.Close())
}

// newFarWorld is a world whose snapshots are elsewhere.
func newFarWorld(t *testing.T, fresh bool) (*world, *engine) {
	w := newWorld(t, true)
	e := &engine{disk: newMemFS(), at: -1, renders: map[string]bool{}}
	w.Differ, w.DigestKey = e, []byte("0123456789abcdef")
	if !fresh {
		w.Now = march(14)
		mustRun(t, w.Activation, day1, w.d)
		w.u.imports(t, w.d)
		w.d.take(t)
		w.Now = march(15)
	}
	return w, e
}

// TestDifferFaults fails every operation on either side of a run whose snapshots
// are elsewhere, for once and for good, before and after the fact. When it is for
// good, the other side stays as it was at that moment. The next run must bring
// Splio up to date, and leave nothing behind on either side.
func TestDifferFaults(t *testing.T) {
	// The others are about what does not touch the snapshots.
	twoSided := []string{"first run", "run", "nothing to send", "replace and apply", "resume", "discard", "release and run"}
	for at, s := range scenarios {
		if !slices.Contains(twoSided, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			begin, e := newFarWorld(t, s.fresh)
			if s.prepare != nil {
				s.prepare(t, begin)
			}
			disk := e.disk
			again := func(t *testing.T) *world {
				w := begin.clone(t)
				*e = engine{disk: disk.clone(), at: -1, renders: e.renders}
				return w
			}
			calls, ops := 0, 0
			for k, kind := range []struct{ late, crash bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
				step := 1
				if !*exhaustive { // each call in two of the four ways
					step = 2
				}
				for n := (k + at) % step; ; n += step {
					w := again(t)
					e.at, e.late, e.crash = n, kind.late, kind.crash
					var frozen *memFS
					if kind.crash {
						e.down = func() { frozen = w.fs.clone() }
					}
					err := s.work(t, w)
					what := fmt.Sprintf("call %d, %+v", n, kind)
					if !e.hit {
						calls = n
						if err != nil {
							t.Fatalf("without a fault: %v", err)
						}
						break
					}
					if err == nil || !errors.Is(err, errEngine) {
						t.Errorf("%s: %v", what, err)
					}
					if frozen != nil {
						w.fs = frozen
					}
					w.settleFar(t, e, what, n+k)
				}
			}
			for k, kind := range diskFaults {
				step := 1
				if !*exhaustive {
					step = len(diskFaults)
				}
				for n := (k + at) % step; ; n += step {
					w := again(t)
					inner := kind.fault
					inner.At, inner.Err = n, syscall.ENOSPC
					var fsys []*vfstest.FS
					hit := func() bool { return slices.ContainsFunc(fsys, (*vfstest.FS).Hit) }
					if inner.Stop && n%2 == 0 {
						e.gone = hit
					}
					w.open(func() vfs.FS { // one file system after the other counts as one
						f, in := vfstest.New(w.fs), inner
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
					err := s.work(t, w)
					if !hit() {
						ops = n
						if err != nil {
							t.Fatalf("without a fault: %v", err)
						}
						break
					}
					w.settleFar(t, e, fmt.Sprintf("operation %d of the disk %s (%v)", n, kind.name, err), n)
				}
			}
			if calls < 5 || ops < 10 {
				t.Errorf("only %d calls, %d operations", calls, ops)
			}
		})
	}
}

// settleFar is settle for a far world.
func (w *world) settleFar(t *testing.T, e *engine, what string, n int) {
	t.Helper()
	*e = engine{disk: e.disk.clone(), at: -1, renders: e.renders} // locks are gone
	w.open(func() vfs.FS { return w.fs })
	w.u.imports(t, w.d)
	switch n % 3 {
	case 0:
		w.d.take(t)
	case 1:
		w.d.noSize = true
	}
	w.Now = march(16)
	w.d.calls, w.d.faults, w.d.each = nil, nil, nil
	r, err := w.Run(t.Context(), day3, w.d)
	if err != nil {
		t.Fatalf("%s: the run after it: %v", what, err)
	}
	counts(t, r)
	w.u.imports(t, w.d)
	if diff := cmp.Diff(after3, w.u.contacts); diff != "" {
		t.Errorf("%s: Splio does not hold what the segment says: %s", what, diff)
	}
	if got := slices.Sorted(maps.Keys(w.fs.files)); !slices.Equal(got, []string{"history", "ledger", "snapshot.lock"}) {
		t.Errorf("%s: the state directory holds %q", what, got)
	}
	if got := slices.Sorted(maps.Keys(e.disk.files)); !slices.Equal(got, []string{"snapshot.current", "snapshot.lock"}) {
		t.Errorf("%s: the engine holds %q", what, got)
	}
	if r := mustRun(t, w.Activation, day3, untouched{t}); r.Unchanged != 3 {
		t.Errorf("%s: not settled: %s", what, counts(t, r))
	}
	if t.Failed() {
		t.FailNow()
	}
}

// TestDifferRejects says what becomes of records that the engine knows by another
// key, or that share one.
func TestDifferRejects(t *testing.T) {
	w, _ := newFarWorld(t, true)
	var rejected []string
	w.OnRejectedRecord = func(rec *mapping.Record, why []mapping.Rejection) error {
		key := rec.Values[0].AppendPlain(nil)
		rejected = append(rejected, fmt.Sprintf("%d %s: %s", rec.Seq, key, why[0].Reason))
		return nil
	}
	seen := 0
	w.OnRejection = func(mapping.Rejection) { seen++ }
	src := segment(head, "ann@example.net,Ann,Lee", "odd@example.net,Odd,Man", "nobody,x,x", "bob@example.net,Bob,Ray", "bob@example.net,Bob,Roy")
	r := mustRun(t, w.Activation, src, w.d)
	if got, want := counts(t, r), "read=5 inserted=1 rejected=4 first"; !sameWords(got, want) || r.Candidates != 5 || seen != 4 {
		t.Errorf("%s, %d candidates, %d rejections", got, r.Candidates, seen)
	}
	want := []string{
		"4 odd@example.net: " + splio.ReasonKeyForm, "6 nobody: " + mapping.ReasonEmail,
		"8 bob@example.net: " + splio.ReasonConflict, "10 bob@example.net: " + splio.ReasonConflict,
	}
	if diff := cmp.Diff(want, rejected); diff != "" {
		t.Error(diff)
	}
	if got := w.d.arrived[0].content; got != "email;firstname;lastname\nann@example.net;Ann;Lee\n" {
		t.Errorf("sent %q", got)
	}
}

func sameWords(a, b string) bool {
	return slices.Equal(slices.Sorted(strings.FieldsSeq(a)), slices.Sorted(strings.FieldsSeq(b)))
}

// TestDifferGuards says what keeps state and engine from being mixed up.
func TestDifferGuards(t *testing.T) {
	w, e := newFarWorld(t, false)
	local := w.Activation
	local.Differ = nil
	if _, err := local.Plan(t.Context(), day2); !errors.Is(err, diff.ErrDamaged) {
		t.Errorf("a state whose snapshot is elsewhere: %v", err)
	}
	// An engine that was restored from a backup does not know what was sent since.
	backup := e.disk.clone()
	mustRun(t, w.Activation, day2, w.d)
	e.disk = backup
	if _, err := w.Plan(t.Context(), day3); !errors.Is(err, diff.ErrDamaged) || !strings.Contains(err.Error(), w.State) {
		t.Errorf("an older snapshot: %v", err)
	}
	w, _ = newFarWorld(t, false)
	w.DigestKey = nil
	if _, err := w.Plan(t.Context(), day2); !errors.Is(err, splio.ErrConfig) {
		t.Errorf("what Check reports: %v", err)
	}
	// A preview leaves the plan that is ready as it is, and its snapshot too.
	w, e = newFarWorld(t, false)
	p := mustPlan(t, w.Activation, day2)
	if _, err := w.Preview(t.Context(), day3); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), w.d); err != nil {
		t.Errorf("after a preview: %v", err)
	}
	// An engine that can not be asked is no reason to give a plan up.
	p = mustPlan(t, w.Activation, day3)
	e.at, e.calls = 1, 0
	if _, err := p.Apply(t.Context(), untouched{t}); !errors.Is(err, errEngine) || strings.Contains(err.Error(), "discard") {
		t.Errorf("without the engine: %v", err)
	}
	if _, _, err := w.Resend(t.Context(), day3, func(func(string, error) bool) {}, 3); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a limit of reports: %v", err)
	}
}

// TestRendering says what makes an engine give out all records again.
func TestRendering(t *testing.T) {
	w, e := newFarWorld(t, true)
	w.Mapping = people() // not shared
	changes := []struct {
		name   string
		change func(a *splio.Activation)
		again  bool
	}{
		{"first", func(a *splio.Activation) {}, true},
		{"nothing", func(a *splio.Activation) {}, false},
		{"a size", func(a *splio.Activation) { a.Format.MaxLines = 3 }, false},
		{"a policy", func(a *splio.Activation) { a.Mapping.Fields[0].Long = mapping.Blank }, true},
		{"a zone", func(a *splio.Activation) { a.Mapping.Zone = "UTC" }, true},
		{"a version of a function", func(a *splio.Activation) {
			a.Mapping.Fields[0].Transforms = []mapping.Transform{{Name: "func", Func: "f", Version: "2"}}
			a.Funcs = []mapping.Func{{Name: "f", Version: "2", Apply: func(dst, text []byte) ([]byte, error) { return append(dst, text...), nil }}}
		}, true},
		{"a declared field", func(a *splio.Activation) { a.Destination.Custom = []mapping.Attribute{{Name: "x", Type: mapping.Text}} }, true},
		{"what is refused", func(a *splio.Activation) { a.Format.Quotes = splio.QuoteReject }, true},
	}
	for _, c := range changes {
		c.change(&w.Activation)
		before := len(e.renders)
		if _, err := w.Plan(t.Context(), day1); err != nil {
			t.Fatal(err)
		}
		if again := len(e.renders) > before; again != c.again {
			t.Errorf("%s: rendered again: %v", c.name, again)
		}
	}
}
