package splio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

const head = "email,first,last"

var (
	day1 = segment(head, "ann@example.net,Ann,Lee", "bob@example.net,Bob,Ray")
	day2 = segment(head, "ann@example.net,Ann,Fox", "bob@example.net,Bob,Ray")
	day3 = segment(head, "ann@example.net,Ann,Fox", "bob@example.net,Rob,Ray", "cid@example.net,Cid,Poe")

	after3 = map[string]map[string]string{
		"ann@example.net": {"firstname": "Ann", "lastname": "Fox"},
		"bob@example.net": {"firstname": "Rob", "lastname": "Ray"},
		"cid@example.net": {"firstname": "Cid", "lastname": "Poe"},
	}
)

func TestPlanOnDisk(t *testing.T) {
	a := newActivation(t)
	p := mustPlan(t, a, day1)
	if p.State != splio.PlanReady || p.ID == "" || p.Report.Plan != p.ID || p.Reason != "" {
		t.Errorf("got %+v", p)
	}
	want := []string{"outbox", "outbox/0001.csv", "outbox/manifest", "snapshot.key", "snapshot.lock", "snapshot.staged-"}
	got := files(t, a.State)
	for i := range got {
		if i < len(want) && !strings.HasPrefix(got[i], want[i]) || len(got) != len(want) {
			t.Fatalf("the state holds %q, want %q", got, want)
		}
	}
	if runtime.GOOS != "windows" {
		for _, name := range append(got, ".") {
			info, err := os.Stat(filepath.Join(a.State, name))
			if err != nil {
				t.Fatal(err)
			}
			want := fs.FileMode(0o600)
			if info.IsDir() {
				want = 0o700
			}
			if info.Mode().Perm() != want {
				t.Errorf("%s is %v, want %v", name, info.Mode().Perm(), want)
			}
		}
	}
	d := new(drop)
	report, err := p.Apply(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	settled(t, a.State)
	// What was planned is what was sent.
	p.Report.Files[0].Delivered = true
	if diff := cmp.Diff(p.Report, *report); diff != "" {
		t.Error(diff)
	}
}

func TestPlanReplaced(t *testing.T) {
	a := newActivation(t)
	first := mustPlan(t, a, day1)
	second := mustPlan(t, a, day3)
	if first.ID == second.ID {
		t.Error("two plans have one id")
	}
	for name, call := range map[string]func() error{
		"apply":   func() error { _, err := first.Apply(t.Context(), untouched{t}); return err },
		"release": func() error { return first.Release(t.Context(), "") },
		"discard": func() error { return first.Discard(t.Context()) },
	} {
		if err := call(); !errors.Is(err, splio.ErrNoPlan) {
			t.Errorf("%s of a plan that was replaced: %v", name, err)
		}
	}
	staged := 0
	for _, f := range files(t, a.State) {
		if strings.HasPrefix(f, "snapshot.staged-") {
			staged++
		}
	}
	if staged != 1 {
		t.Errorf("%d staged snapshots for one plan", staged)
	}
	// Nobody approved it, so Run replaces it as well.
	d := new(drop)
	r := mustRun(t, a, day1, d)
	if r.Resumed != nil || len(d.arrived) != 1 || strings.Contains(d.arrived[0].content, "cid@") {
		t.Errorf("resumed %v, arrived %q", r.Resumed, d.arrived)
	}
	settled(t, a.State)
}

func TestRelease(t *testing.T) {
	a := newActivation(t)
	u, d := newUniverse(true), new(drop)
	p := mustPlan(t, a, day1)
	if err := errors.Join(p.Release(t.Context(), "checked"), p.Release(t.Context(), "checked by Zoe")); err != nil {
		t.Fatal(err)
	}
	if p.State != splio.PlanReleased || p.Reason != "checked by Zoe" {
		t.Errorf("got %+v", p)
	}
	before := tree(t, a.State)
	for name, call := range map[string]func() error{
		"plan":    func() error { _, err := a.Plan(t.Context(), day2); return err },
		"preview": func() error { _, err := a.Preview(t.Context(), day2); return err },
	} {
		if err := call(); !errors.Is(err, splio.ErrPending) {
			t.Errorf("%s beside a released plan: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
		t.Error(diff)
	}
	a.Now = march(15)
	r := mustRun(t, a, day3, d)
	if r.Resumed == nil || r.Resumed.Plan != p.ID || r.Resumed.Inserted != 2 || r.Inserted != 1 || r.Updated != 2 {
		t.Errorf("got %+v, resumed %+v", r, r.Resumed)
	}
	want := []string{"acme_contacts_crm_20250314.csv", "acme_contacts_crm_20250315.csv"}
	if got := d.Names(); !slices.Equal(got, want) || d.arrived[0].name != want[0] {
		t.Errorf("arrived %q", got)
	}
	u.imports(t, d)
	if diff := cmp.Diff(after3, u.contacts); diff != "" {
		t.Error(diff)
	}
	settled(t, a.State)
}

func TestPending(t *testing.T) {
	a := newActivation(t)
	if _, err := a.Pending(t.Context()); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("without a state directory: %v", err)
	}
	if _, err := os.Stat(a.State); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Pending made the directory: %v", err)
	}
	p := mustPlan(t, a, day1)
	bare, err := splio.Activation{State: a.State}.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if bare.ID != p.ID || bare.State != splio.PlanReady {
		t.Errorf("got %+v", bare)
	}
	if diff := cmp.Diff(p.Report, bare.Report); diff != "" {
		t.Errorf("a report that comes from disk: %s", diff)
	}
	if _, err := bare.Apply(t.Context(), untouched{t}); !errors.Is(err, splio.ErrConfig) {
		t.Errorf("Apply without a destination: %v", err)
	}
	other := newActivation(t)
	other.State = a.State
	again, err := other.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := new(drop)
	if _, err := again.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), untouched{t}); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("Apply twice: %v", err)
	}
	if _, err := a.Pending(t.Context()); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("Pending after delivery: %v", err)
	}
	settled(t, a.State)
}

func TestEmptyPlan(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	p := mustPlan(t, a, day1)
	if len(p.Report.Files) != 0 || p.Report.Files == nil {
		t.Errorf("files are %#v", p.Report.Files)
	}
	if _, err := p.Apply(t.Context(), untouched{t}); err != nil {
		t.Error(err)
	}
	settled(t, a.State)
}

func TestDiscard(t *testing.T) {
	tests := []struct {
		name, reason string
		begin        func(*splio.Plan, *drop) // before the plan is discarded
		names        int                      // taken by it
	}{
		{"ready", "as if it had never been", func(*splio.Plan, *drop) {}, 0},
		{"released", "the approval is gone with it", func(p *splio.Plan, _ *drop) { _ = p.Release(context.Background(), "x") }, 0},
		{"failed", "nothing has arrived, but it may have", func(p *splio.Plan, d *drop) {
			d.faults = map[int]fault{0: {err: errLine}}
			_, _ = p.Apply(context.Background(), d)
		}, 1},
		{"part sent", "what arrived differs from the snapshot", func(p *splio.Plan, d *drop) {
			d.faults = map[int]fault{1: {err: errLine}}
			_, _ = p.Apply(context.Background(), d)
		}, 2},
		{"all sent", "the answer was lost", func(p *splio.Plan, d *drop) {
			d.faults = map[int]fault{1: {err: errLine, late: true}}
			_, _ = p.Apply(context.Background(), d)
		}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			a.Format.MaxLines = 2
			u, d := newUniverse(true), new(drop)
			mustRun(t, a, day1, d)
			a.Now = march(15)
			d.calls = nil
			p := mustPlan(t, a, day3)
			tt.begin(p, d)
			d.faults = nil
			if err := p.Discard(t.Context()); err != nil {
				t.Fatalf("%s: %v", tt.reason, err)
			}
			settled(t, a.State)
			if _, err := p.Apply(t.Context(), untouched{t}); !errors.Is(err, splio.ErrNoPlan) {
				t.Errorf("Apply after it: %v", err)
			}
			// The values go back to what they were when the snapshot was made.
			r := mustRun(t, a, day1, d)
			u.imports(t, d)
			for key, want := range map[string]string{"ann@example.net": "Ann Lee", "bob@example.net": "Bob Ray"} {
				if got := u.contacts[key]["firstname"] + " " + u.contacts[key]["lastname"]; got != want {
					t.Errorf("%s: %s is %q, want %q", tt.reason, key, got, want)
				}
			}
			var seen []string
			for _, f := range d.arrived {
				if slices.Contains(seen, f.name) {
					t.Errorf("the name %s is used twice", f.name)
				}
				seen = append(seen, f.name)
			}
			if tt.names == 0 && len(r.Files) > 0 {
				t.Errorf("a plan that was not sent leaves files %q to send", names(r))
			}
			for i, f := range r.Files {
				if want := fmt.Sprintf("acme_contacts_crm_20250315_%d.csv", tt.names+1+i); f.Name != want {
					t.Errorf("file %d is %s, want %s", i, f.Name, want)
				}
			}
			settled(t, a.State)
			if r := mustRun(t, a, day1, untouched{t}); r.Unchanged != 2 {
				t.Errorf("the run after it: %s", counts(t, r))
			}
		})
	}
}

// TestDiscardHalfDone stops a discard behind its first step.
func TestDiscardHalfDone(t *testing.T) {
	for _, end := range []string{"discard", "plan", "run"} {
		t.Run(end, func(t *testing.T) {
			a := applying(t)
			p, err := a.Pending(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			manifest := filepath.Join(a.State, "outbox", "manifest")
			for n := 0; !bytes.Contains(read(t, manifest), []byte(`"state": "discarding"`)); n++ {
				splio.SetPlanFS(p, func(dir string) (vfs.FS, error) {
					fsys, err := openQuick(dir)
					f := vfstest.New(fsys)
					f.Inject(vfstest.Fault{At: n, Err: errLine, Stop: true})
					return f, err
				})
				if err := p.Discard(t.Context()); !errors.Is(err, errLine) {
					t.Fatalf("stopped at %d: %v", n, err)
				}
			}
			splio.SetPlanFS(p, openQuick)
			for name, call := range map[string]func() error{
				"apply":   func() error { _, err := p.Apply(t.Context(), untouched{t}); return err },
				"release": func() error { return p.Release(t.Context(), "") },
				"pending": func() error { _, err := a.Pending(t.Context()); return err },
			} {
				if err := call(); !errors.Is(err, splio.ErrNoPlan) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, err := a.Preview(t.Context(), day1); !errors.Is(err, splio.ErrPending) {
				t.Errorf("preview: %v", err)
			}
			switch end {
			case "discard":
				if err := p.Discard(t.Context()); err != nil {
					t.Error(err)
				}
				if err := p.Discard(t.Context()); !errors.Is(err, splio.ErrNoPlan) {
					t.Errorf("once more: %v", err)
				}
			case "plan":
				mustPlan(t, a, day1)
			}
			// The two of day3 that may have arrived are due, though back at day1.
			if r := mustRun(t, a, day1, new(drop)); r.Updated != 2 || r.Resumed != nil {
				t.Errorf("the run after it: %s", counts(t, r))
			}
			settled(t, a.State)
		})
	}
}

func TestLocked(t *testing.T) {
	a := newActivation(t)
	var inner, applied, planned, previewed error
	d := &drop{block: func(ctx context.Context, _ string) {
		_, inner = a.Run(ctx, day2, untouched{t})
		_, planned = a.Plan(ctx, day2)
		_, previewed = a.Preview(ctx, day2)
		p, err := a.Pending(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		_, applied = p.Apply(ctx, untouched{t})
	}}
	mustRun(t, a, day1, d)
	for name, err := range map[string]error{"run": inner, "apply": applied, "plan": planned} {
		if !errors.Is(err, diff.ErrLocked) {
			t.Errorf("%s while another run sends: %v", name, err)
		}
	}
	if !errors.Is(previewed, splio.ErrPending) {
		t.Errorf("preview while another run sends: %v", previewed)
	}
	settled(t, a.State)
	mustRun(t, a, day2, new(drop))
}

func TestCancelled(t *testing.T) {
	cause := errors.New("the operator said stop")
	tests := []struct {
		name, reason string
		at           int  // event: 0 fields, 1 to 3 records, 4 to 6 before a put, 7 after the last
		sent         int  // files that arrive
		ok           bool // the run ends well all the same
	}{
		{"at the start", "nothing has happened", 0, 0, false},
		{"at the first record", "the source ends", 1, 0, false},
		{"at the last record", "the comparison ends", 3, 0, false},
		{"in the first put", "the transport ends", 4, 0, false},
		{"in the last put", "two files were sent", 6, 2, false},
		{"after the last put", "everything has arrived, so it is remembered", 7, 3, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			a.Format.MaxLines = 2
			u, d := newUniverse(true), new(drop)
			mustRun(t, a, day1, d)
			a.Now = march(15)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			n := 0
			event := func() {
				if n == tt.at {
					cancel(cause)
				}
				n++
			}
			d.block = func(context.Context, string) { event() }
			d.done = func() {
				if n == 7 {
					event()
				}
			}
			_, err := a.Run(ctx, eventful{day3, event}, d)
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, cause) {
				t.Errorf("%s: %v", tt.reason, err)
			}
			if got := len(d.arrived) - 2; got != tt.sent {
				t.Errorf("%s: %d files arrived, want %d", tt.reason, got, tt.sent)
			}
			d.block, d.done = nil, nil
			mustRun(t, a, day3, d)
			u.imports(t, d)
			if diff := cmp.Diff(after3, u.contacts); diff != "" {
				t.Error(diff)
			}
			settled(t, a.State)
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	a := newActivation(t)
	p := mustPlan(t, a, day1)
	cancel(cause)
	for name, call := range map[string]func() error{
		"apply":   func() error { _, err := p.Apply(ctx, untouched{t}); return err },
		"release": func() error { return p.Release(ctx, "") },
		"discard": func() error { return p.Discard(ctx) },
		"pending": func() error { _, err := a.Pending(ctx); return err },
		"preview": func() error { _, err := a.Preview(ctx, day1); return err },
	} {
		if err := call(); !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := a.Pending(t.Context()); err != nil || p.State != splio.PlanReady {
		t.Errorf("then %+v, %v", p, err)
	}
}

// eventful tells when its fields and records are asked for.
type eventful struct {
	mapping.Source
	event func()
}

func (s eventful) Fields(ctx context.Context) ([]string, error) {
	s.event()
	return s.Source.Fields(ctx)
}

func (s eventful) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		for r, err := range s.Source.Records(ctx) {
			if err == nil {
				s.event()
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
