package splio_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

func mustHistory(t testing.TB, a splio.Activation) []splio.RunRecord {
	t.Helper()
	runs, err := a.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// writeHistory gives a state a history of these runs.
func writeHistory(t *testing.T, a splio.Activation, runs []splio.RunRecord) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"scope": "universe acme, key email", "runs": runs})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(a.State, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(a.State, "history"), sealBody("history", body))
}

// Whatever becomes of a plan is in the history, once.
func TestHistory(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	var want []splio.RunRecord
	check := func(why string, made int, r splio.RunRecord) {
		t.Helper()
		r.Time, r.Finished = march(made), a.Now
		want = append(want, r)
		got := mustHistory(t, a)
		for _, r := range got {
			if len(r.Plan) != 26 || len(r.Mapping) != 16 || r.Duration <= 0 || r.Time.Location() != time.UTC || (r.Bytes > 0) != (r.Rows > 0) {
				t.Errorf("%s: %+v", why, r)
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(splio.RunRecord{}, "Plan", "Mapping", "Duration", "Bytes")); diff != "" {
			t.Fatalf("%s: %s", why, diff)
		}
	}
	again := func() { want = want[:len(want)-1] } // the same plan has another outcome

	if got := mustHistory(t, a); got != nil {
		t.Errorf("of a state that is not there: %+v", got)
	}
	mustRun(t, a, day1, d)
	check("the first run", 14, splio.RunRecord{Outcome: splio.OutcomeDelivered, Read: 2, Inserted: 2, Changed: 2, Files: 1, Rows: 2, First: true})
	a.Now = march(15)
	mustRun(t, a, day1, untouched{t})
	check("nothing to send", 15, splio.RunRecord{Outcome: splio.OutcomeNothing, Read: 2, Unchanged: 2})

	a.Now, a.Brakes = march(16), splio.Brakes{Minimum: 1, Changed: 0.1}
	mustBrake(t, a, day2)
	braked := splio.RunRecord{Outcome: splio.OutcomeBraked, Read: 2, Unchanged: 1, Updated: 1, Changed: 1, Brakes: []splio.Brake{splio.BrakeChanged}}
	check("braked", 16, braked)
	a.Now = march(17)
	p := mustBrake(t, a, day2)
	check("braked once more", 17, braked)
	if err := p.Release(t.Context(), ""); err != nil { // without a reason too
		t.Fatal(err)
	}
	again()
	a.Now = march(18)
	a.Brakes = splio.Brakes{}
	r := mustRun(t, a, day2, d)
	if r.Resumed == nil {
		t.Fatal("the released plan was not sent")
	}
	released := braked
	released.Outcome, released.Released, released.Files, released.Rows = splio.OutcomeDelivered, true, 1, 1
	released.Time, released.Finished = march(17), march(18)
	want = append(want, released)
	check("released, delivered, and nothing after it", 18, splio.RunRecord{Outcome: splio.OutcomeNothing, Read: 2, Unchanged: 2})

	a.Now = march(19)
	for _, tt := range []struct {
		why     string
		set     func() context.Context
		failure string
	}{
		{"the line is dead, and the file may have arrived", func() context.Context {
			d.calls, d.faults = nil, map[int]fault{0: {err: errLine}}
			return t.Context()
		}, "delivery"},
		{"somebody stops it", func() context.Context {
			ctx, cancel := context.WithCancelCause(t.Context())
			d.block = func(context.Context, string) { cancel(errLine) }
			d.faults = nil
			return ctx
		}, "interrupted"},
	} {
		if _, err := a.Run(tt.set(), day3, d); !errors.Is(err, errLine) {
			t.Fatal(err)
		}
		check(tt.why, 19, splio.RunRecord{Outcome: splio.OutcomeFailed, Failure: tt.failure, Read: 3, Unchanged: 1, Inserted: 1, Updated: 1, Changed: 2, Files: 1, Rows: 2})
		again()
	}
	d.block, d.faults = nil, nil
	late, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("discarded", 19, splio.RunRecord{Outcome: splio.OutcomeDiscarded, Read: 3, Unchanged: 1, Inserted: 1, Updated: 1, Changed: 2, Files: 1, Rows: 2})

	a.Now, a.Waiting = march(20), splio.RefuseWaiting
	if _, err := a.Run(t.Context(), day3, d); !errors.Is(err, splio.ErrWaiting) {
		t.Fatal(err)
	}
	check("files wait", 20, splio.RunRecord{Outcome: splio.OutcomeFailed, Failure: "waiting", Read: 3, Unchanged: 1, Inserted: 1, Updated: 1, Changed: 2})
	a.Now, a.Waiting, a.Partial, a.Refresh = march(21), "", true, true
	mustRun(t, a, day2, d)
	check("a part, sent again", 21, splio.RunRecord{Outcome: splio.OutcomeDelivered, Read: 2, Updated: 2, Partial: true, Files: 1, Rows: 2})

	a.Partial, a.Refresh = false, false
	before := mustHistory(t, a)
	if _, err := a.Preview(t.Context(), day3); err != nil {
		t.Fatal(err)
	}
	mustPlan(t, a, day3) // and nobody approves it
	mustPlan(t, a, day2)
	if diff := cmp.Diff(before, mustHistory(t, a)); diff != "" {
		t.Errorf("what is no run: %s", diff)
	}
}

// A crash anywhere leaves each delivered plan in the history once, and the power
// cut that TestSimulation has beside it.
func (w *world) remembered(t *testing.T, what string) {
	t.Helper()
	seen := make(map[string]bool)
	runs := mustHistory(t, w.Activation)
	for _, r := range runs {
		if seen[r.Plan] && r.Plan != "" { // without a plan it failed before
			t.Errorf("%s: plan %s is twice in the history", what, r.Plan)
		}
		seen[r.Plan] = true
		if r.Outcome == splio.OutcomeDelivered && r.Rows != r.Inserted+r.Updated {
			t.Errorf("%s: %+v", what, r)
		}
	}
	if last := runs[len(runs)-1]; last.Outcome != splio.OutcomeNothing {
		t.Errorf("%s: the last run is %+v", what, last)
	}
}

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

// What a run of this mapping has in common with the next is its fingerprint.
func TestHistoryMapping(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	mustRun(t, a, day1, new(drop))
	a.Mapping.Custom = []string{"last"}
	mustRun(t, a, day1, new(drop))
	runs := mustHistory(t, a)
	if runs[0].Mapping != runs[1].Mapping || runs[1].Mapping == runs[2].Mapping {
		t.Errorf("%s, %s, %s", runs[0].Mapping, runs[1].Mapping, runs[2].Mapping)
	}
}

// The history is bounded, and the oldest runs go.
func TestHistoryBound(t *testing.T) {
	a := newActivation(t)
	var runs []splio.RunRecord
	for i := range 400 {
		runs = append(runs, splio.RunRecord{Plan: fmt.Sprint("PLAN", i), Outcome: splio.OutcomeDelivered, Time: march(1), Read: 1 << 40, Mapping: "0123456789abcdef"})
	}
	writeHistory(t, a, runs)
	mustRun(t, a, day1, new(drop))
	r := mustRun(t, a, day1, new(drop))
	got := mustHistory(t, a)
	if len(got) != 400 || got[0].Plan != "PLAN2" || got[399].Plan != r.Plan {
		t.Errorf("%d runs, from %s to %s", len(got), got[0].Plan, got[len(got)-1].Plan)
	}
	if info, err := os.Stat(filepath.Join(a.State, "history")); err != nil || info.Size() > 400*500 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}

// A history that can not be used stops nobody. It is named, told in the report,
// and left as it is.
func TestHistoryDamaged(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	path := filepath.Join(a.State, "history")
	good := read(t, path)
	refused := func(what string, bad []byte, want error) {
		t.Helper()
		write(t, path, bad)
		_, err := a.History(t.Context())
		if se, ok := errors.AsType[*diff.StateError](err); !ok || se.Path != path || !errors.Is(err, want) && !errors.Is(err, diff.ErrVersion) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= []byte{0x20, 0x01, 0xff}[i%3]
		refused(fmt.Sprint("byte ", i), bad, diff.ErrDamaged)
		refused(fmt.Sprint("cut at ", i), good[:i], diff.ErrDamaged)
	}
	run := func(field string, v any) []byte {
		return resealed(t, "history", good, func(m map[string]any) { m["runs"].([]any)[0].(map[string]any)[field] = v })
	}
	newer := []byte("{}\n")
	for _, tt := range []struct {
		name, says string
		data       []byte
		want       error
		tolerated  bool // by History, which asks for no universe
	}{
		{"empty", "is damaged", nil, diff.ErrDamaged, false},
		{"not ours", "is damaged", []byte("#!/bin/sh\n"), diff.ErrDamaged, false},
		{"another file of ours", "is damaged", read(t, filepath.Join(a.State, "ledger")), diff.ErrDamaged, false},
		{"too large to be ours", "is damaged", bytes.Repeat([]byte("x"), 64<<20+1), diff.ErrDamaged, false},
		{"no JSON", "is damaged", sealBody("history", []byte("{\n")), diff.ErrDamaged, false},
		{"a negative count", "is damaged", run("read", -1), diff.ErrDamaged, false},
		{"a word that does something to a terminal", "is damaged", run("outcome", "\x1b[2J"), diff.ErrDamaged, false},
		{"no plan, and yet delivered", "is damaged", run("plan", ""), diff.ErrDamaged, false},
		{"a brake of no name", "is damaged", run("brakes", []string{" "}), diff.ErrDamaged, false},
		{"a newer version", "was written by a newer version", append(fmt.Appendf(nil, "spliosync history 2 %x\n", sha256.Sum256(newer)), newer...), diff.ErrVersion, false},
		{"of another universe", "belongs to another universe or key",
			resealed(t, "history", good, func(m map[string]any) { m["scope"] = "universe umbrella, key email" }), diff.ErrForeign, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.tolerated {
				write(t, path, tt.data)
			} else {
				refused(tt.name, tt.data, tt.want)
			}
			d := new(drop)
			preview, err := a.Preview(t.Context(), day3)
			if err != nil || !strings.Contains(preview.HistorySkipped, tt.says) {
				t.Errorf("preview: %+v, %v", preview, err)
			}
			for _, src := range []mapping.Source{day3, day1} {
				r := mustRun(t, a, src, d)
				if !strings.Contains(r.HistorySkipped, tt.says) || !strings.Contains(r.HistorySkipped, "move it away") {
					t.Errorf("the report says %q", r.HistorySkipped)
				}
			}
			if len(d.arrived) != 2 || !bytes.Equal(read(t, path), tt.data) {
				t.Errorf("%d files arrived; the history was not left as it is", len(d.arrived))
			}
			p := mustPlan(t, a, day3)
			if err := p.Discard(t.Context()); err != nil || !bytes.Equal(read(t, path), tt.data) {
				t.Errorf("discard: %v", err)
			}
			if err := os.Remove(path); err != nil { // away with it
				t.Fatal(err)
			}
			if r := mustRun(t, a, day1, d); r.HistorySkipped != "" || len(mustHistory(t, a)) != 1 {
				t.Errorf("another does not begin: %+v", r)
			}
		})
	}
}

// A history that is damaged while a plan waits is told by the report of its delivery.
func TestHistoryDamagedLate(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	p := mustPlan(t, a, day3)
	write(t, filepath.Join(a.State, "history"), []byte("x"))
	r, err := p.Apply(t.Context(), new(drop))
	if err != nil || r.HistorySkipped == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// The history names nobody: neither a key nor a value nor what somebody has written.
func TestHistoryNamesNobody(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, segment(head, "ann@example.net,Ann,Lee", "secret address,Ann,Lee"), new(drop))
	a.Brakes = splio.Brakes{Minimum: 1, Changed: 0.01, Rejected: 0.01}
	p := mustBrake(t, a, segment(head, "ann@example.net,Zoe,Lee", "secret address,Ann,Lee"))
	if err := p.Release(t.Context(), "Zoe has called"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), new(drop)); err != nil {
		t.Fatal(err)
	}
	said := errors.New("secret@example.net: no such Ann")
	for _, src := range []mapping.Source{brokenSource{Source: day1, records: said}, brokenSource{Source: day1, fields: said}} {
		if _, err := a.Run(t.Context(), src, new(drop)); !errors.Is(err, said) {
			t.Fatal(err)
		}
	}
	data := read(t, filepath.Join(a.State, "history"))
	for _, s := range []string{"ann@", "Ann", "Lee", "Zoe", "called", "secret", "example.net"} {
		if bytes.Contains(data, []byte(s)) {
			t.Errorf("the history has %q", s)
		}
	}
	if runs := mustHistory(t, a); len(runs) != 4 || !runs[1].Released || runs[1].Outcome != splio.OutcomeDelivered {
		t.Errorf("%+v", runs)
	}
}

// A state goes on without its history, and begins another with the plan that was
// on its way.
func TestHistoryRemoved(t *testing.T) {
	a := old(t)
	readState(t, "applying", a.State)
	if err := os.Remove(filepath.Join(a.State, "history")); err != nil {
		t.Fatal(err)
	}
	if runs := mustHistory(t, a); len(runs) != 0 {
		t.Errorf("%+v", runs)
	}
	a.Now = march(16)
	r := mustRun(t, a, day3, new(drop))
	runs := mustHistory(t, a)
	if len(runs) != 2 || runs[0].Plan != r.Resumed.Plan || runs[0].Outcome != splio.OutcomeDelivered || !runs[0].Time.Equal(march(15)) || runs[0].Rows != 3 ||
		runs[1].Plan != r.Plan || runs[1].Outcome != splio.OutcomeNothing {
		t.Errorf("%+v", runs)
	}
}

func TestHistoryErrors(t *testing.T) {
	a := newActivation(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errLine)
	if _, err := a.History(ctx); !errors.Is(err, errLine) {
		t.Errorf("an ended context: %v", err)
	}
	a.State = filepath.Join(t.TempDir(), "file")
	write(t, a.State, nil)
	if _, err := a.History(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "splio: ") {
		t.Errorf("no directory: %v", err)
	}
}

// The names in JSON are for other programs, and for later versions.
func TestRunRecordJSON(t *testing.T) {
	got, err := json.Marshal(splio.RunRecord{
		Plan: "P", Outcome: splio.OutcomeFailed, Failure: "delivery", Time: march(14), Finished: march(15), Duration: time.Second, Mapping: "0a",
		Read: 1, Rejected: 2, Duplicate: 3, HeldBack: 4, Unchanged: 5, Inserted: 6, Updated: 7, Changed: 8, Left: 9, Uncertain: 10, LeftRows: 11, Deleted: 12,
		Files: 13, Rows: 14, Bytes: 15, First: true, Partial: true, Released: true, Brakes: []splio.Brake{splio.BrakeRows},
	})
	want := `{"plan":"P","outcome":"failed","failure":"delivery","time":"2025-03-14T12:00:00Z","finished":"2025-03-15T12:00:00Z","duration_ns":1000000000,` +
		`"mapping":"0a","read":1,"rejected":2,"duplicate":3,"held_back":4,"unchanged":5,"inserted":6,"updated":7,"changed":8,"left":9,"uncertain":10,` +
		`"left_rows":11,"deleted":12,"files":13,"rows":14,"bytes":15,"first":true,"partial":true,"released":true,"brakes":["rows"]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

// failing is a segment that can not be read.
type failing struct{}

func (failing) Fields(context.Context) ([]string, error) { return strings.Split(head, ","), nil }

func (failing) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) { yield(nil, errLine) }
}

// A process that was killed after it had braked a plan, and before that was in the
// history, leaves that to the next one.
func TestHistoryBrakedLate(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	path := filepath.Join(a.State, "history")
	before := read(t, path)
	a.Brakes = splio.Brakes{Minimum: 1, Changed: 0.1}
	p := mustBrake(t, a, day2)
	write(t, path, before)
	a.Brakes = splio.Brakes{}
	r := mustRun(t, a, day2, new(drop))
	runs := mustHistory(t, a)
	if len(runs) != 3 || runs[1].Plan != p.ID || runs[1].Outcome != splio.OutcomeBraked || runs[2].Plan != r.Plan {
		t.Errorf("%+v", runs)
	}
}
