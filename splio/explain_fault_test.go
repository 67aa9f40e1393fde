package splio_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/splio"
)

// Whatever fails while a state is read, it is told, nothing stays open, and nothing
// is written.
func TestExplainFaults(t *testing.T) {
	for _, state := range []splio.PlanState{"", splio.PlanReady, splio.PlanReleased} {
		t.Run("plan "+string(state), func(t *testing.T) {
			t.Parallel()
			a := newActivation(t)
			disk := newMemFS()
			mustRun(t, on(a, disk), segment(head, "ann@example.net,Ann,Lee"), new(drop))
			tomorrow := segment(head, "ann@example.net,Anna,Lee")
			if state != "" {
				p := mustPlan(t, on(a, disk), tomorrow)
				splio.SetPlanFS(p, func(string) (vfs.FS, error) { return disk, nil })
				if state == splio.PlanReleased {
					if err := p.Release(t.Context(), "a test"); err != nil {
						t.Fatal(err)
					}
				}
			}
			explain := func(fsys vfs.FS) error {
				e, err := on(a, fsys).Explain(t.Context(), "ann@example.net", tomorrow)
				switch {
				case err != nil:
				case state == "" && e.Pending != nil, state != "" && e.Pending.Verdict != splio.VerdictChanged,
					(e.Verdict == splio.VerdictUnchanged) != (state == splio.PlanReleased):
					t.Errorf("it is %s, and %+v", e.Verdict, e.Pending)
				}
				return err
			}
			for n := 0; ; n++ {
				f := vfstest.New(disk)
				f.Inject(vfstest.Fault{At: n, Err: errLine})
				err := explain(f)
				if !f.Hit() {
					if err != nil || n < 10 {
						t.Errorf("without a fault: %v, after %d operations", err, n)
					}
					break
				}
				log := f.Log()
				if verb, _, _ := strings.Cut(log[n], " "); !slices.Contains([]string{"open", "read", "readat", "size", "close", "closefs"}, verb) {
					t.Errorf("%d is %s", n, log[n])
				}
				// That something which was only read can not be closed may be passed over.
				if !errors.Is(err, errLine) && (err != nil || !strings.HasPrefix(log[n], "close")) {
					t.Errorf("%s at %d: %v", log[n], n, err)
				}
				if open := f.Open(); len(open) > 0 {
					t.Errorf("%s at %d: still open: %q", log[n], n, open)
				}
			}
		})
	}
}

// A plan that is being given up, or was published and not tidied away, is told of as
// that.
func TestExplainHalfDone(t *testing.T) {
	a := applying(t)
	manifest := filepath.Join(a.State, "outbox", "manifest")
	good := read(t, manifest)
	write(t, manifest, resealed(t, "plan", good, func(m map[string]any) { m["state"] = "discarding" }))
	e := mustExplain(t, a, "ann@example.net", nil)
	if !strings.Contains(e.String(), "A plan in the outbox, being given up, ") || !strings.Contains(e.String(), "is sent again by the next run") {
		t.Errorf("it says\n%s", e)
	}

	write(t, manifest, good)
	kept := make(map[string][]byte) // what the delivery clears away
	for _, name := range files(t, a.State) {
		if path := filepath.Join(a.State, filepath.FromSlash(name)); name == "ledger" || strings.HasPrefix(name, "outbox/") {
			kept[path] = read(t, path)
		}
	}
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	splio.SetPlanFS(p, openQuick)
	if _, err := p.Apply(t.Context(), new(drop)); err != nil {
		t.Fatal(err)
	}
	for path, data := range kept {
		write(t, path, data)
	}
	e = mustExplain(t, a, "ann@example.net", nil)
	if e.Verdict != splio.VerdictRemembered || e.Pending == nil || e.Pending.Verdict != "" || !strings.Contains(e.String(), "is delivered but for tidying up") {
		t.Errorf("%+v\n%s", e, e)
	}
}
