package splio_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

var updateState = flag.Bool("update-state", false, "write the states in testdata anew")

// stateV1 is where states are kept that version 1 of all formats has left. Every
// later version must go on from them. Never write them anew once they were
// released: a later version of a format gets a directory of its own.
const stateV1 = "testdata/state-v1"

// old is the activation that left the states, day1 delivered.
func old(t *testing.T) splio.Activation {
	a := newActivation(t)
	a.Format.MaxLines = 2
	return a
}

// writeState leaves a state of today's version.
func writeState(t *testing.T, name string, a splio.Activation) {
	t.Helper()
	d := new(drop)
	mustRun(t, a, day1, d)
	a.Now = march(15)
	switch name {
	case "delivered":
	case "kept":
		a.Retain = 2
		mustRun(t, a, day2, d)
	case "braked":
		a.Brakes.Minimum, a.Brakes.Changed = 1, 0.01
		if _, err := a.Plan(t.Context(), day3); err == nil {
			t.Fatal("the plan is not braked")
		}
	case "ready", "released":
		p := mustPlan(t, a, day3)
		if name == "released" {
			if err := p.Release(t.Context(), "right as it is"); err != nil {
				t.Fatal(err)
			}
		}
	case "applying":
		d.calls, d.faults = nil, map[int]fault{1: {late: true, err: errLine}}
		if _, err := a.Run(t.Context(), day3, d); !errors.Is(err, errLine) {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(stateV1, name)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(stateV1, name), os.DirFS(a.State)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(stateV1, name, "snapshot.lock")); err != nil { // of no version
		t.Fatal(err)
	}
}

// readState copies a state that was kept, with the permissions of one.
func readState(t *testing.T, name, to string) {
	t.Helper()
	from := filepath.Join(stateV1, name)
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		write(t, filepath.Join(to, rel), read(t, path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What version 1 has left, this version goes on from.
func TestStateV1(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		state        splio.PlanState
		next         string // the run of day3 that follows
		resumed      bool
		files        int // that the following run sends, of the plan that was resumed too
	}{
		{"delivered", "snapshot, key and ledger", "", "read=3 inserted=1 updated=2", false, 3},
		{"kept", "a plan that was kept is of no harm", "", "read=3 unchanged=1 inserted=1 updated=1", false, 2},
		{"ready", "nobody has approved it: it is replaced", splio.PlanReady, "read=3 inserted=1 updated=2", false, 3},
		{"braked", "nobody has released it: it is replaced", splio.PlanBraked, "read=3 inserted=1 updated=2", false, 3},
		{"released", "it is sent first", splio.PlanReleased, "read=3 unchanged=3", true, 3},
		{"applying", "one of three has arrived, as is known, and one as is not", splio.PlanApplying, "read=3 unchanged=3", true, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if *updateState {
				writeState(t, tt.name, old(t))
			}
			a := old(t)
			a.Now = march(16)
			readState(t, tt.name, a.State)
			p, err := a.Pending(t.Context())
			switch {
			case tt.state == "" && !errors.Is(err, splio.ErrNoPlan):
				t.Errorf("a plan: %+v, %v", p, err)
			case tt.state != "" && err != nil:
				t.Fatal(err)
			case tt.state != "" && (p.State != tt.state || p.Report.Inserted != 1 || p.Report.Updated != 2 || len(p.Report.Files) != 3 || len(p.ID) != 26):
				t.Errorf("got %+v", p)
			}
			d := new(drop)
			r := mustRun(t, a, day3, d)
			if got := counts(t, r); got != tt.next || (r.Resumed != nil) != tt.resumed || len(d.arrived) != tt.files {
				t.Errorf("%s: %s, %d files, resumed %v", tt.reason, got, len(d.arrived), r.Resumed)
			}
			settled(t, a.State)
			// Names of that day are not used again.
			if r.First {
				t.Error("it counts as the first run")
			}
			b := a
			b.Now = march(14)
			p, err = b.Plan(t.Context(), segment(head, "ann@example.net,A,B"))
			if err != nil || p.Report.Files[0].Name == "acme_contacts_crm_20250314.csv" {
				t.Errorf("a name of day1 again: %v", err)
			}

			// And what this version leaves is made of the same files and fields.
			c := old(t)
			readState(t, tt.name, c.State)
			if n, err := c.Forget(t.Context(), day1, each("bob@example.net")); tt.state == splio.PlanReleased || tt.state == splio.PlanApplying {
				if !errors.Is(err, splio.ErrPending) {
					t.Errorf("forget: %v", err)
				}
			} else if n != 1 || err != nil || len(mentioned(t, c.State, "bob@")) > 0 {
				t.Errorf("forget: %d, %v, %q", n, err, mentioned(t, c.State, "bob@"))
			}
		})
	}
}

// Sealed files are of version 1 as long as their fields are those that testdata
// has, or more. One that is renamed, or gone, would be lost in silence.
func TestStateV1Fields(t *testing.T) {
	a := old(t)
	a.Now = march(15)
	d := new(drop)
	mustRun(t, a, day1, d)
	a.Now = march(16)
	d.calls, d.faults = nil, map[int]fault{1: {err: errLine}}
	if _, err := a.Run(t.Context(), day3, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	for _, name := range []string{"ledger", "outbox/manifest"} {
		was := fields(t, filepath.Join(stateV1, "applying", name))
		is := fields(t, filepath.Join(a.State, name))
		for field := range was {
			if !is[field] {
				t.Errorf("%s: the field %s of version 1 is not written any more", name, field)
			}
		}
	}
}

// fields are those of a sealed file, with the ones they are in.
func fields(t *testing.T, path string) map[string]bool {
	t.Helper()
	_, body, _ := strings.Cut(string(read(t, path)), "\n")
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, w := range v {
				all[prefix+k] = true
				walk(prefix+k+".", w)
			}
		case []any:
			for _, w := range v {
				walk(prefix, w)
			}
		}
	}
	walk("", v)
	return all
}

// Everything that is ever in a state directory is its owner's alone.
func TestStatePermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // there are none
	}
	a := newActivation(t)
	a.Retain = 1
	check := func(what string) {
		t.Helper()
		err := filepath.WalkDir(a.State, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; err == nil && info.Mode().Perm() != want {
				t.Errorf("%s: %s is %v, want %v", what, path, info.Mode().Perm(), want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	d := new(drop)
	d.block = func(_ context.Context, _ string) { check("while a file is sent") }
	a.OnRejection = func(mapping.Rejection) { check("while a plan is made") }
	mustAdopt(t, a, day1, false)
	check("adopted")
	a.Now = a.Now.Add(time.Hour)
	mustRun(t, a, segment(head, "ann@example.net,A,B", "nobody,A,B"), d)
	check("kept")
	if _, err := a.Forget(t.Context(), day1, each("bob@example.net")); err != nil {
		t.Error(err)
	}
	check("forgotten")
}
