package splio_test

import (
	"context"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/splio"
)

// orderFS looks, at the steps that others rely upon, for what a power cut could
// still take away.
type orderFS struct {
	*vfstest.FS
	t       *testing.T
	steps   map[string]int
	removed bool // the manifest, and a power cut could bring it back
}

// durable checks that nothing but a file about to be renamed can be lost.
func (o *orderFS) durable(step, except string) {
	o.t.Helper()
	o.steps[step]++
	err := o.Durable()
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if except == "" || !strings.HasPrefix(line, except) {
			o.t.Errorf("%s: %s", step, line)
		}
	}
}

func (o *orderFS) Rename(oldname, newname string) error {
	switch newname {
	case "outbox/manifest":
		o.durable("a manifest names what is durable", oldname)
	case "snapshot.current":
		if !strings.HasPrefix(oldname, "snapshot.tmp-") { // which is new, and of no plan
			o.durable("a snapshot is published when all before it is durable", "")
		}
	case "ledger":
		o.durable("the ledger follows the snapshot", oldname)
	case "history":
		o.durable("the history is written when all else is durable", oldname)
	}
	return o.FS.Rename(oldname, newname)
}

func (o *orderFS) Remove(name string) error {
	switch {
	case name == "outbox/manifest":
		o.durable("a manifest goes when all it led to is durable", "")
		o.removed = true
	case strings.HasPrefix(name, "outbox/") && o.removed:
		o.t.Errorf("%s goes before it is durable that the manifest is gone", name)
	}
	return o.FS.Remove(name)
}

func (o *orderFS) SyncDir(name string) error {
	o.removed = o.removed && name != "outbox"
	return o.FS.SyncDir(name)
}

func TestDurableOrder(t *testing.T) {
	a := newActivation(t)
	a.Format.MaxLines = 2
	steps := make(map[string]int)
	var now *orderFS
	splio.SetFS(&a, func(dir string) (vfs.FS, error) {
		fsys, err := openQuick(dir)
		now = &orderFS{FS: vfstest.New(fsys), t: t, steps: steps}
		return now, err
	})
	d := new(drop)
	d.block = func(context.Context, string) { now.durable("a name is journalled before it is used", "") }
	mustRun(t, a, day1, d)
	p := mustPlan(t, a, day2)
	if err := p.Release(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	d.calls, d.faults = nil, map[int]fault{1: {err: errLine}}
	if _, err := a.Run(t.Context(), day3, d); err == nil {
		t.Fatal("no error")
	}
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRun(t, a, day3, d)
	if len(steps) != 6 {
		t.Errorf("only these steps were seen: %v", steps)
	}
}
