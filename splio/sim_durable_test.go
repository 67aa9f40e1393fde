package splio_test

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// growing is what a file is made of while somebody else writes to it.
type growing struct{ path string }

func (g growing) ReadAt(b []byte, off int64) (int, error) {
	if f, err := os.OpenFile(g.path, os.O_WRONLY, 0); err == nil {
		_, err = f.WriteAt([]byte("more"), 1000)
		if err := errors.Join(err, f.Close()); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// TestDirLooksAtSize: a temporary file that is not as long as what was to be sent is
// not published.
func TestDirLooksAtSize(t *testing.T) {
	dir := t.TempDir()
	body := io.NewSectionReader(growing{filepath.Join(dir, "a.part")}, 0, 10)
	if err := sftpx.Dir(dir).Put(t.Context(), "a.csv", "a.part", body); err == nil {
		t.Error("no error")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// TestTakenWhileSending: that a file was on its way under one name says nothing of
// another name.
func TestTakenWhileSending(t *testing.T) {
	a := newActivation(t)
	d := &drop{faults: map[int]fault{0: {err: errLine}}}
	if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := p.Report.Files[0]
	first, _ := strings.CutSuffix(f.Name, ".csv")
	d.put(t, f.Name, "a stranger's")
	d.put(t, first+"_2.csv", strings.Repeat("x", int(f.Bytes)))
	d.calls = nil
	d.faults = nil
	r := mustRun(t, a, day1, d)
	if got := names(r.Resumed); !slices.Equal(got, []string{first + "_3.csv"}) {
		t.Errorf("delivered as %q", got)
	}
}

// TestNoDropDirectory: a plan of which nothing was sent is ready again, also on the
// disk.
func TestNoDropDirectory(t *testing.T) {
	a := newActivation(t)
	d := &drop{faults: map[int]fault{0: {err: fs.ErrNotExist}}}
	if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if p, err := a.Pending(t.Context()); err != nil || p.State != splio.PlanReady {
		t.Errorf("the plan is %+v, %v", p, err)
	}
}

// TestResendRemembers: an older snapshot than the one that Resend has left is
// refused.
func TestResendRemembers(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	current := filepath.Join(a.State, "snapshot.current")
	old := read(t, current)
	keys := func(yield func(string, error) bool) { yield("ann@example.net", nil) }
	if n, _, err := a.Resend(t.Context(), day1, keys, 0); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	write(t, current, old)
	_, err := a.Plan(t.Context(), day1)
	if _, refused := errors.AsType[*diff.StateError](err); !refused {
		t.Errorf("got %v", err)
	}
}

// TestForgetIsDurable: what Forget has removed does not come back when the power is
// cut: neither a plan that was kept nor a file of one that was cut off.
func TestForgetIsDurable(t *testing.T) {
	disk := newSimDisk()
	p := &process{disk: disk, step: new(simStep), line: newSimLine()}
	a := newActivation(t)
	a.Retain = 1
	splio.SetFS(&a, func(string) (vfs.FS, error) { return simFS{p, disk}, nil })
	mustRun(t, a, day1, new(drop))
	orphan := &inode{data: []byte("email\nann@example.net\n")}
	orphan.synced = len(orphan.data)
	disk.change("", "outbox/0001.csv", orphan)
	disk.syncDir("outbox")
	keys := func(yield func(string, error) bool) { yield("ann@example.net", nil) }
	if n, err := a.Forget(t.Context(), day1, keys); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	all := uint64(0) // the seed of a power cut that takes all
	for rand.New(rand.NewPCG(all, 3)).IntN(4) != 0 {
		all++
	}
	disk.cutPower(rand.New(rand.NewPCG(all, 3)))
	for name, n := range disk.names {
		if strings.Contains(string(n.data), "ann@example.net") {
			t.Errorf("%s is back", name)
		}
	}
}

// keptFS looks at what is durable when the manifest moves to a kept plan.
type keptFS struct {
	*vfstest.FS
	t     *testing.T
	moved bool
}

func (k *keptFS) Rename(from, to string) error {
	if from == "outbox/manifest" {
		k.moved = true
		if err := k.Durable(); err != nil {
			k.t.Errorf("the manifest of a kept plan moves last: %v", err)
		}
	}
	return k.FS.Rename(from, to)
}

func TestKeptInOrder(t *testing.T) {
	a := newActivation(t)
	a.Retain = 1
	k := &keptFS{FS: vfstest.New(newMemFS()), t: t}
	splio.SetFS(&a, func(string) (vfs.FS, error) { return k, nil })
	mustRun(t, a, day1, new(drop))
	if !k.moved {
		t.Error("it has not moved")
	}
}
