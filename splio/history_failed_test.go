package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// A run that fails before it has a plan is in the history, with how far it came.
func TestHistoryUnplanned(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	lost := brokenSource{Source: day3, fields: errLine}
	stopped := func() context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errLine)
		return ctx
	}
	if _, err := a.Run(t.Context(), lost, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	if _, err := os.Stat(a.State); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a state was made for it: %v", err)
	}
	if err := os.MkdirAll(a.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Run(t.Context(), lost, d); !errors.Is(err, errLine) || len(files(t, a.State)) > 0 {
		t.Errorf("a directory that may be no state holds %q, %v", files(t, a.State), err)
	}
	mustRun(t, a, day1, d)
	a.Now = march(15)
	for _, tt := range []struct {
		name, reason string
		run          func(a splio.Activation) error
		failure      string // "" is none
	}{
		{"a segment that is missing", "it is found before the state is opened", func(a splio.Activation) error {
			_, err := a.Run(t.Context(), lost, d)
			return err
		}, "reading"},
		{"a segment that breaks off", "while it is read", func(a splio.Activation) error {
			_, err := a.Run(t.Context(), failing{}, d)
			return err
		}, "reading"},
		{"a plan", "it is half of a run", func(a splio.Activation) error {
			_, err := a.Plan(t.Context(), failing{})
			return err
		}, "reading"},
		{"known keys that break off", "they are what it is compared with", func(a splio.Activation) error {
			a.Insert, a.Known = false, func(yield func(string, error) bool) { yield("", errLine) }
			_, err := a.Run(t.Context(), day2, d)
			return err
		}, "comparing"},
		{"a full disk", "when the rows are written", func(a splio.Activation) error {
			splio.SetFS(&a, func(dir string) (vfs.FS, error) {
				inner, err := openQuick(dir)
				return noRoomFS{inner, false}, err
			})
			_, err := a.Run(t.Context(), day3, d)
			return err
		}, "writing"},
		{"a disk that is full to the last byte", "this can not be written either, and the error stays", func(a splio.Activation) error {
			splio.SetFS(&a, func(dir string) (vfs.FS, error) {
				inner, err := openQuick(dir)
				return noRoomFS{inner, true}, err
			})
			_, err := a.Run(t.Context(), day3, d)
			if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "history") {
				t.Error(err)
			}
			return err
		}, ""},
		{"somebody stops it", "that is no fault of the segment", func(a splio.Activation) error {
			_, err := a.Run(stopped(), failing{}, d)
			return err
		}, "interrupted"},
		{"a part", "as in any other run", func(a splio.Activation) error {
			a.Partial = true
			_, err := a.Run(t.Context(), failing{}, d)
			return err
		}, "reading"},
		{"wrong configuration", "nothing was begun", func(a splio.Activation) error {
			a.Format.MaxLines = 1
			_, err := a.Run(t.Context(), lost, d)
			return err
		}, ""},
		{"a damaged state", "it is left as it is", func(a splio.Activation) error {
			path := filepath.Join(a.State, "snapshot.current")
			good := read(t, path)
			write(t, path, []byte("x"))
			defer write(t, path, good)
			_, err := a.Run(t.Context(), day2, d)
			return err
		}, ""},
		{"another run", "the state is locked", func(a splio.Activation) error {
			lock, err := diff.Open(a.State, diff.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			if _, err := a.Run(t.Context(), day2, d); !errors.Is(err, diff.ErrLocked) {
				t.Error(err)
			}
			_, err = a.Run(t.Context(), lost, d)
			return err
		}, ""},
		{"a preview", "it leaves no trace", func(a splio.Activation) error {
			_, err := a.Preview(t.Context(), failing{})
			return errors.Join(err, func() error { _, err := a.Preview(t.Context(), lost); return err }())
		}, ""},
		{"a question", "it leaves no trace", func(a splio.Activation) error {
			_, err := a.Explain(t.Context(), "ann@example.net", failing{})
			return err
		}, ""},
		{"an adoption", "it is no run", func(a splio.Activation) error {
			_, err := a.Adopt(t.Context(), failing{}, true)
			return err
		}, ""},
		{"another universe", "the state is not its own", func(a splio.Activation) error {
			a.Destination.Universe = "umbrella"
			_, err := a.Run(t.Context(), lost, d)
			return err
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mustRun(t, a, day1, d) // so that none follows one like it
			before := mustHistory(t, a)
			if err := tt.run(a); err == nil {
				t.Fatal("no error")
			}
			got := mustHistory(t, a)
			if tt.failure == "" {
				if diff := cmp.Diff(before, got); diff != "" {
					t.Errorf("%s: %s", tt.reason, diff)
				}
				return
			}
			want := splio.RunRecord{Outcome: splio.OutcomeFailed, Failure: tt.failure, Time: march(15), Finished: march(15), Partial: tt.name == "a part"}
			if len(got) != len(before)+1 || got[len(before)].Duration <= 0 {
				t.Fatalf("%s: %+v", tt.reason, got[len(before):])
			}
			got[len(before)].Duration = 0
			if diff := cmp.Diff(want, got[len(before)]); diff != "" {
				t.Errorf("%s: %s", tt.reason, diff)
			}
		})
	}

	a.Now = time.Time{} // then it is the clock's
	if _, err := a.Run(t.Context(), failing{}, d); err == nil {
		t.Fatal("no error")
	}
	runs := mustHistory(t, a)
	if r := runs[len(runs)-1]; r.Time.IsZero() || r.Time.After(r.Finished) || r.Time.Location() != time.UTC {
		t.Errorf("without a time of the run: %+v", r)
	}
}

// noRoomFS has no room for the files of a plan, or for a history either.
type noRoomFS struct {
	vfs.FS
	history bool
}

func (f noRoomFS) OpenFile(name string, flag int) (vfs.File, error) {
	if strings.HasSuffix(name, ".csv") || f.history && flag != os.O_RDONLY && strings.Contains(name, "history") {
		return nil, syscall.ENOSPC
	}
	return f.FS.OpenFile(name, flag)
}

// A scheduler that tries again and again does not drive out what brakes compare with:
// of an outage there are its first and its last run.
func TestHistoryOutage(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	fail := func(day int, src mapping.Source) {
		t.Helper()
		a.Now = march(day)
		if _, err := a.Run(t.Context(), src, new(drop)); err == nil {
			t.Fatal("no error")
		}
	}
	for day := 15; day <= 18; day++ {
		fail(day, failing{})
		fail(day, brokenSource{Source: day3, fields: errLine})
	}
	var got []string
	tell := func() string {
		got = nil
		for _, r := range mustHistory(t, a) {
			got = append(got, fmt.Sprint(r.Time.Day(), " ", r.Outcome, r.Failure))
		}
		return strings.Join(got, ", ")
	}
	if want := "14 delivered, 15 failedreading, 18 failedreading"; tell() != want {
		t.Errorf("%q, want %q", got, want)
	}
	a.Now = march(19)
	mustRun(t, a, day1, new(drop))
	fail(20, failing{})
	if want := "14 delivered, 15 failedreading, 18 failedreading, 19 nothing, 20 failedreading"; tell() != want {
		t.Errorf("after it has ended: %q, want %q", got, want)
	}
}

// failing is a segment that can not be read.
type failing struct{}

func (failing) Fields(context.Context) ([]string, error) { return strings.Split(head, ","), nil }

func (failing) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) { yield(nil, errLine) }
}
