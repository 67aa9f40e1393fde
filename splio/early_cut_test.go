package splio_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// A first run, which writes files while it reads and copies them where contacts are
// there twice, may end anywhere: it leaves neither files nor goroutines, and the
// next one is a first run that sends everything.
func TestFirstRunCutOff(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	name := filepath.Join(t.TempDir(), "segment.csv")
	write(t, name, []byte(randomText(1, 0, 6000)))
	file := source.CSVFile(name, source.CSVOptions{})
	a := newActivation(t)
	a.DigestKey = diff.Key("0123456789abcdef")
	a.Format.MaxBytes, a.Format.Backslash = 100_000, true
	idle := runtime.NumGoroutine()
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		for wait := 0; runtime.NumGoroutine() > idle && wait < 1000; wait++ {
			time.Sleep(time.Millisecond)
		}
		if now := runtime.NumGoroutine(); now > idle {
			t.Errorf("%s: %d goroutines are left", what, now-idle)
		}
		got := slices.DeleteFunc(files(t, a.State), func(name string) bool { return name == "history" })
		if !slices.Equal(got, []string{"outbox", "snapshot.lock"}) {
			t.Errorf("%s: the state directory holds %q", what, got)
		}
	}
	for n := 0; ; n++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		var told atomic.Int64
		b := a
		b.OnProgress = func(splio.Progress) {
			if told.Add(1) > int64(n) {
				cancel(errLine)
			}
		}
		_, err := b.Run(ctx, file, untouched{t})
		cancel(nil)
		if told.Load() == 0 {
			t.Fatal("no progress is told")
		}
		check(fmt.Sprint("cancelled after ", n), err, errLine)
		if n == 4 {
			break
		}
	}
	full := func(room int) error {
		var left atomic.Int64
		left.Store(int64(room))
		b := a
		splio.SetFS(&b, func(dir string) (vfs.FS, error) {
			fsys, err := openQuick(dir)
			return fullFS{fsys, &left}, err
		})
		_, err := b.Plan(t.Context(), file)
		return err
	}
	room := 0
	for ; room < 2_000_000; room += 60_000 {
		err := full(room)
		if err == nil {
			break
		}
		check(fmt.Sprint("room for ", room), err, errFull)
	}
	if room < 300_000 {
		t.Errorf("%d bytes are enough", room)
	}
	if r := mustRun(t, a, file, new(drop)); !r.First || r.Unchanged > 0 || len(r.Files) < 3 {
		t.Errorf("the run after all that: %s, %d files", counts(t, r), len(r.Files))
	}
	settled(t, a.State, "snapshot.key")
}

// Each operation on the disk fails once while a first run writes and copies files.
func TestFirstRunFaults(t *testing.T) {
	name := filepath.Join(t.TempDir(), "segment.csv")
	lines := []string{head, "ann@example.net,Ann,Fox", "nobody,Ann,Fox", "bob@example.net,Bob,Ray", "ann@example.net,Ann,Fox", "cid@example.net,C,P"}
	write(t, name, []byte(strings.Join(lines, "\n")+"\n"))
	failEach(t, 0, newWorld(t, true), func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), source.CSVFile(name, source.CSVOptions{}), w.d)
		return err
	}, (*world).settle)
}

// A first run that is braked keeps the files that it has written, and they are those of
// a segment that is put aside first.
func TestFirstRunBraked(t *testing.T) {
	name := filepath.Join(t.TempDir(), "segment.csv")
	lines := []string{head, "ann@example.net,Ann,Fox", "nobody,Ann,Fox", "bob@example.net,Bob,Ray", "ann@example.net,Ann,Fox", "cid@example.net,C,P"}
	write(t, name, []byte(strings.Join(lines, "\n")+"\n"))
	var reports [2]*splio.Report
	var sent [2][]arrival
	for i, src := range []mapping.Source{unchunked{source.CSVFile(name, source.CSVOptions{})}, source.CSVFile(name, source.CSVOptions{})} {
		a, d := newActivation(t), new(drop)
		a.Brakes, a.Format.MaxLines = splio.Brakes{Minimum: 1, Rejected: 0.1}, 3
		if _, err := a.Run(t.Context(), src, untouched{t}); err == nil {
			t.Fatal("it is not braked")
		}
		p := mustBrake(t, a, src) // in place of the first one
		if !p.Report.First || len(p.Report.Files) != 2 {
			t.Errorf("the plan is %+v", p.Report)
		}
		if err := p.Release(t.Context(), "few of them"); err != nil {
			t.Fatal(err)
		}
		var err error
		if reports[i], err = p.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		reports[i].Plan, sent[i] = "", d.arrived
		settled(t, a.State)
	}
	if d := cmp.Diff(reports[0], reports[1]); d != "" {
		t.Error(d)
	}
	if !slices.Equal(sent[0], sent[1]) {
		t.Errorf("sent were %q, and %q", sent[1], sent[0])
	}
}
