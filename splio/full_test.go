package splio_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/splio"
)

// A disk that something else has filled is named, whatever the run was at, and that nothing was sent.
func TestFull(t *testing.T) {
	t.Parallel()
	a := newActivation(t)
	for n := 0; ; n++ {
		f := vfstest.New(newMemFS())
		f.Inject(vfstest.Fault{At: n, Err: syscall.ENOSPC})
		splio.SetFS(&a, func(string) (vfs.FS, error) { return f, nil })
		_, err := a.Plan(t.Context(), day1)
		if !f.Hit() || strings.HasPrefix(f.Log()[n], "unlock ") { // no room is needed from here on
			if n < 10 {
				t.Fatalf("only %d operations: %v", n, err)
			}
			break
		}
		if err == nil {
			if !harmless(f.Log(), n) {
				t.Errorf("at %d, %s: no error", n, f.Log()[n])
			}
			continue
		}
		if want := "the disk with " + a.State + " is full: make room; nothing was sent"; errors.Is(err, syscall.ENOSPC) && !strings.Contains(err.Error(), want) {
			t.Errorf("at %d, %s: %v", n, f.Log()[n], err)
		}
	}
}

// A preview that is not possible says so, and what is.
func TestPendingSaysWhatToDo(t *testing.T) {
	t.Parallel()
	a := newActivation(t)
	p := mustPlan(t, a, day1)
	if err := p.Release(t.Context(), "fine"); err != nil {
		t.Fatal(err)
	}
	const out = " Run ends its delivery first, Apply does that alone, Discard gives it up"
	_, err := a.Preview(t.Context(), day1)
	if err == nil || !strings.HasSuffix(err.Error(), "(plan "+p.ID+" is released): no preview is possible before that plan has an end:"+out) {
		t.Errorf("preview: %v", err)
	}
	for name, call := range map[string]func() error{
		"plan":   func() error { _, err := a.Plan(t.Context(), day1); return err },
		"adopt":  func() error { _, err := a.Adopt(t.Context(), day1, true); return err },
		"forget": func() error { _, err := a.Forget(t.Context(), day1, each("ann@example.net")); return err },
	} {
		if err := call(); err == nil || !strings.HasSuffix(err.Error(), "(plan "+p.ID+" is released):"+out) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
