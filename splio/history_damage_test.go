package splio_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

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
