package splio_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/splio"
)

// Of those here on the first day, bob and cid leave on the second, and eve comes.
var (
	stayed = segment(head, annRow, bobRow, cidRow, "dan@example.net,Dan,Fox")
	parted = segment(head, "ann@example.net,Ann,Ray", "dan@example.net,Dan,Fox", "eve@example.net,Eve,Orr")
)

// leaving are pieces of work with Left on that meet a fault, after which all must
// be as if there had been none.
var leaving = []struct {
	name    string
	late    bool // Left is switched on by the work
	twice   bool // settling begins with the first day again
	prepare func(t *testing.T, w *world)
	work    func(t *testing.T, w *world) error
}{
	{"run", false, false, nil, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), parted, w.d)
		return err
	}},
	{"nobody leaves", false, false, nil, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), stayed, w.d)
		return err
	}},
	{"resume", false, false, partGone, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), parted, w.d)
		return err
	}},
	{"discard", false, false, partGone, func(t *testing.T, w *world) error { return w.plan.Discard(t.Context()) }},
	{"collect", true, true, nil, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), stayed, w.d)
		return err
	}},
	{"adopt", false, true, nil, func(t *testing.T, w *world) error {
		_, err := w.Adopt(t.Context(), stayed, true)
		return err
	}},
	{"forget", false, true, nil, func(t *testing.T, w *world) error {
		return forgetDan(t, w)
	}},
	{"kept", false, false, func(_ *testing.T, w *world) { w.Retain = 1 }, func(t *testing.T, w *world) error {
		_, err := w.Run(t.Context(), parted, w.d)
		return err
	}},
	{"switched off", false, true, nil, func(t *testing.T, w *world) error {
		l := w.Left
		w.Left = splio.Left{}
		_, err := w.Run(t.Context(), stayed, w.d)
		w.Left = l
		return err
	}},
}

func forgetDan(t *testing.T, w *world) error {
	_, err := w.Forget(t.Context(), stayed, each("dan@example.net"))
	return err
}

// partGone leaves a plan on its way, of which all files but the last have arrived:
// both about those who left, the last of which is not known to have.
func partGone(t *testing.T, w *world) {
	w.plan = mustPlan(t, w.Activation, parted)
	w.d.calls, w.d.faults = nil, map[int]fault{len(w.plan.Report.Files) - 1: {late: true, err: errLine}}
	if _, err := w.plan.Apply(t.Context(), w.d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	w.d.faults = nil
}

func TestDiskFaultsOfLeft(t *testing.T) {
	for at, s := range leaving {
		for _, left := range []splio.Left{{Unsubscribe: []int{4}}, {Delete: "gone"}} {
			t.Run(fmt.Sprintf("%s/delete %q", s.name, left.Delete), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, true)
				w.Now = march(14)
				if !s.late {
					w.Left = left
				}
				mustRun(t, w.Activation, stayed, w.d)
				w.u.imports(t, w.d)
				w.d.take(t)
				w.Left, w.Now = left, march(15)
				if s.prepare != nil {
					s.prepare(t, w)
				}
				failEach(t, at, w, s.work, func(w *world, t *testing.T, what string, n int) {
					t.Helper()
					if s.name == "forget" {
						w.open(func() vfs.FS { return w.fs })
						if err := forgetDan(t, w); err != nil {
							t.Errorf("%s: forget again: %v", what, err)
						}
					}
					w.settleLeft(t, what, n, s.twice)
				})
			})
		}
	}
}

func (w *world) settleLeft(t *testing.T, what string, n int, twice bool) {
	t.Helper()
	w.open(func() vfs.FS { return w.fs })
	if n%2 == 0 {
		w.d.take(t)
	}
	w.d.calls, w.d.faults, w.d.each = nil, nil, nil
	w.Now = march(16)
	// While keys are collected, all have to be here.
	if twice {
		if _, err := w.Run(t.Context(), stayed, w.d); err != nil {
			t.Errorf("%s: the first run after it: %v", what, err)
			return
		}
		w.Now = march(17)
	}
	if _, err := w.Run(t.Context(), parted, w.d); err != nil {
		t.Errorf("%s: the run after it: %v", what, err)
		return
	}
	w.u.imports(t, w.d)
	var got []string
	for _, key := range slices.Sorted(maps.Keys(w.u.contacts)) {
		got = append(got, key[:3]+w.u.contacts[key]["lastname"]+w.u.contacts[key]["subscriptions"])
	}
	want := []string{"annRay", "bobRay-4", "cidPoe-4", "danFox", "eveOrr"}
	if w.Left.Delete != "" {
		want = []string{"annRay", "danFox", "eveOrr"}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: Splio has %q, want %q", what, got, want)
	}
	if r := mustRun(t, w.Activation, parted, untouched{t}); r.Unchanged != 3 || r.Left != 0 {
		t.Errorf("%s: not settled: %s", what, counts(t, r))
	}
	keys := 0
	for name, f := range w.fs.files {
		switch {
		case strings.HasPrefix(name, "keys-"):
			keys++
			for _, key := range []string{"ann@", "bob@", "cid@", "dan@", "eve@"} {
				if n, want := strings.Count(string(f.data), key), map[bool]int{true: 0, false: 1}[key == "bob@" || key == "cid@"]; n != want {
					t.Errorf("%s: %s is kept %d times, want %d", what, key, n, want)
				}
			}
		case strings.HasPrefix(name, "sent/"), strings.HasPrefix(name, "snapshot."), name == "ledger", name == "history":
		default:
			t.Errorf("%s: the state directory holds %s", what, name)
		}
	}
	if keys != 1 {
		t.Errorf("%s: %d files of keys", what, keys)
	}
}
