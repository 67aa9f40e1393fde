package splio_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

func TestActivationRelease(t *testing.T) {
	a := newActivation(t)
	ctx := t.Context()
	if _, err := a.Release(ctx, "P", "why"); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("without a plan: %v", err)
	}
	seen := mustPlan(t, a, day1)
	other := mustPlan(t, a, day2)
	if _, err := a.Release(ctx, seen.ID, "why"); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("a plan that was replaced: %v", err)
	}
	p, err := a.Pending(ctx)
	if err != nil || p.ID != other.ID || p.State != splio.PlanReady {
		t.Fatalf("the other plan is %+v, %v", p, err)
	}
	p, err = a.Release(ctx, other.ID, "why")
	if err != nil || p.State != splio.PlanReleased || p.Reason != "why" {
		t.Fatalf("released: %+v, %v", p, err)
	}
	if report, err := p.Apply(ctx, new(sftpx.Mem)); err != nil || report.Reason != "why" {
		t.Errorf("applied: %+v, %v", report, err)
	}
}

func TestPlanOpen(t *testing.T) {
	a := newActivation(t)
	a.Now = time.Date(2026, time.March, 2, 6, 0, 0, 0, time.UTC)
	ctx := t.Context()
	p := mustPlan(t, a, day1)
	if !p.Time.Equal(a.Now) {
		t.Errorf("the plan was made at %v", p.Time)
	}
	pending, err := a.Pending(ctx)
	if err != nil || !pending.Time.Equal(a.Now) {
		t.Fatalf("the plan that waits was made at %v, %v", pending.Time, err)
	}
	name := pending.Report.Files[0].Name
	f, err := pending.Open(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil || !strings.HasPrefix(string(text), "email;firstname") || int64(len(text)) != pending.Report.Files[0].Bytes {
		t.Errorf("the file is %q, %v", text, err)
	}
	if _, err := pending.Open(ctx, "0001.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another name: %v", err)
	}
	stopped, cancel := context.WithCancelCause(ctx)
	enough := errors.New("enough")
	cancel(enough)
	if _, err := pending.Open(stopped, name); !errors.Is(err, enough) {
		t.Errorf("stopped: %v", err)
	}
	if err := os.WriteFile(filepath.Join(a.State, "outbox", "0001.csv"), []byte("email;firstname\nother@example.net;Other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pending.Open(ctx, name); !errors.Is(err, diff.ErrDamaged) {
		t.Errorf("a file that was altered: %v", err)
	}
	mustPlan(t, a, day2)
	if _, err := p.Open(ctx, name); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("a plan that was replaced: %v", err)
	}
	if err := os.RemoveAll(a.State); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*splio.Plan{"no state": p, "zero": {}} {
		if _, err := p.Open(ctx, name); !errors.Is(err, splio.ErrNoPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// down is a segment that nobody can ask.
type down struct{}

var errDown = errors.New("the database is down")

func (down) Fields(context.Context) ([]string, error) { return nil, errDown }
func (down) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) { yield(nil, errDown) }
}

// What can be seen without the segment is seen although it can not be asked.
func TestCheckOfASegmentThatIsDown(t *testing.T) {
	a := newActivation(t)
	if err := a.Check(t.Context(), down{}); !errors.Is(err, errDown) || errors.Is(err, splio.ErrConfig) {
		t.Errorf("nothing else is wrong: %v", err)
	}
	a.MaxFiles = -1
	a.Mapping.Fields = append(a.Mapping.Fields, mapping.Field{From: "born", To: "nowhere"})
	err := a.Check(t.Context(), down{})
	if !errors.Is(err, errDown) || !errors.Is(err, splio.ErrConfig) {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{"MaxFiles", "nowhere"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
}

func TestFileName(t *testing.T) {
	day := time.Date(2026, time.March, 2, 6, 5, 4, 0, time.UTC)
	for _, c := range []struct {
		name string
		dest splio.Destination
		file splio.File
		n    int
		want string // empty: an error
	}{
		{"the first", splio.Destination{Universe: "acme", Subsequence: "crm"}, splio.File{}, 1, "acme_contacts_crm_20260302.csv"},
		{"a second without a suffix", splio.Destination{Universe: "acme", Subsequence: "crm"}, splio.File{}, 2, "acme_contacts_crm_20260302_2.csv"},
		{"with one", splio.Destination{Universe: "acme", Subsequence: "crm", Suffix: "_{part}_{time}"}, splio.File{}, 2, "acme_contacts_crm_20260302_2_060504.csv"},
		{"another sub-sequence and scope", splio.Destination{Universe: "acme", Subsequence: "crm"}, splio.File{Scope: "deletecontacts", Subsequence: "gone"}, 1, "acme_deletecontacts_gone_20260302.csv"},
		{"numbers begin at 1", splio.Destination{Universe: "acme", Subsequence: "crm"}, splio.File{}, 0, ""},
		{"no universe", splio.Destination{Subsequence: "crm"}, splio.File{}, 1, ""},
		{"a name that leads elsewhere", splio.Destination{Universe: "acme", Subsequence: "crm"}, splio.File{Subsequence: "../crm"}, 1, ""},
		{"a scope that nobody knows", splio.Destination{Universe: "acme", Subsequence: "crm"}, splio.File{Scope: "cards"}, 1, ""},
	} {
		got, err := c.dest.FileName(c.file, day, c.n)
		if got != c.want || (err != nil) != (c.want == "") || err != nil && !errors.Is(err, splio.ErrConfig) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}
