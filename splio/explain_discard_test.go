package splio_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/splio"
)

// A discard that was cut off anywhere is no reason to say nothing of a contact: what
// the state remembers of it is what the next run goes by.
func TestExplainWhileDiscarding(t *testing.T) {
	half := false // cleared away
	for n := 0; ; n++ {
		a := newActivation(t)
		disk := newMemFS()
		mustRun(t, on(a, disk), day1, new(drop))
		a.Now = march(15)
		d := &drop{faults: map[int]fault{0: {late: true, err: errLine}}}
		if _, err := on(a, disk).Run(t.Context(), day3, d); !errors.Is(err, errLine) {
			t.Fatal(err)
		}
		p, err := on(a, disk).Pending(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f := vfstest.New(disk)
		f.Inject(vfstest.Fault{At: n, Err: errLine})
		splio.SetPlanFS(p, func(string) (vfs.FS, error) { return f, nil })
		err = p.Discard(t.Context())
		if !f.Hit() {
			if err != nil || !half {
				t.Errorf("without a fault: %v, half: %v", err, half)
			}
			return
		}
		e, err := on(a, disk).Explain(t.Context(), "ann@example.net", day3)
		if err != nil {
			t.Errorf("after %s: %v", f.Log()[n], err)
			continue
		}
		if e.Pending == nil || e.Pending.State != "discarding" {
			continue
		}
		if s := e.String(); !strings.Contains(s, "A plan in the outbox, being given up, ") || !strings.Contains(s, "is sent again by the next run") {
			t.Errorf("after %s it says\n%s", f.Log()[n], s)
		}
		half = half || e.Pending.Verdict == "" && e.Snapshot.Due
	}
}
