package splio_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// fullFS has a disk that is full once some bytes were written.
type fullFS struct {
	vfs.FS
	room *atomic.Int64
}

type fullFile struct {
	vfs.File
	room *atomic.Int64
}

var errFull = errors.New("no space left on device")

func (f fullFS) OpenFile(name string, flag int) (vfs.File, error) {
	file, err := f.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return fullFile{file, f.room}, nil
}

func (f fullFile) Write(b []byte) (int, error) {
	if f.room.Add(int64(-len(b))) < 0 {
		return 0, errFull
	}
	return f.File.Write(b)
}

// A run over a file in which most is what it was may end anywhere, for want of time or room: it says
// so, sends nothing, and leaves neither files nor goroutines.
func TestTextsCutOff(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	dir := t.TempDir()
	var names [2]string
	for i := range names {
		names[i] = filepath.Join(dir, string('a'+rune(i)))
		if err := os.WriteFile(names[i], []byte(randomText(1, uint64(i), 40_000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, d := newActivation(t), new(drop)
	a.DigestKey = diff.Key("0123456789abcdef")
	mustRun(t, a, source.CSVFile(names[0], source.CSVOptions{}), d)
	before, idle := files(t, a.State), runtime.NumGoroutine()
	snapshot := string(read(t, filepath.Join(a.State, "snapshot.current")))
	check := func(what string, err, want error, n int) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s %d: %v", what, n, err)
		}
		for wait := 0; runtime.NumGoroutine() > idle && wait < 1000; wait++ {
			time.Sleep(time.Millisecond)
		}
		if now := runtime.NumGoroutine(); now > idle {
			t.Errorf("%s %d: %d goroutines are left", what, n, now-idle)
		}
		if now := files(t, a.State); !slices.Equal(now, before) {
			t.Errorf("%s %d: the state directory holds %q, want %q", what, n, now, before)
		}
		if string(read(t, filepath.Join(a.State, "snapshot.current"))) != snapshot {
			t.Errorf("%s %d: another snapshot", what, n)
		}
	}
	for what, act := range map[string]func(context.Context, splio.Activation) error{
		"preview": func(ctx context.Context, b splio.Activation) error {
			_, err := b.Preview(ctx, source.CSVFile(names[1], source.CSVOptions{}))
			return err
		},
		"plan": func(ctx context.Context, b splio.Activation) error {
			p, err := b.Plan(ctx, source.CSVFile(names[1], source.CSVOptions{}))
			if err == nil {
				err = p.Discard(t.Context())
			}
			return err
		},
	} {
		for n := 0; ; n++ {
			ctx, cancel := context.WithCancelCause(t.Context())
			var told atomic.Int64
			b := a
			b.OnProgress = func(splio.Progress) {
				if told.Add(1) > int64(n) {
					cancel(errLine)
				}
			}
			err := act(ctx, b)
			cancel(nil)
			if err == nil {
				if check(what, err, nil, n); n < 10 {
					t.Errorf("%s: %d steps", what, n)
				}
				break
			}
			check(what, err, errLine, n)
		}
	}
	for room := 0; ; room += 40_000 {
		var left atomic.Int64
		left.Store(int64(room))
		b := a
		splio.SetFS(&b, func(dir string) (vfs.FS, error) {
			fsys, err := openQuick(dir)
			return fullFS{fsys, &left}, err
		})
		_, err := b.Plan(t.Context(), source.CSVFile(names[1], source.CSVOptions{}))
		if err == nil {
			if room < 200_000 {
				t.Errorf("%d bytes are enough", room)
			}
			break
		}
		check("room", err, errFull, room)
	}
}
