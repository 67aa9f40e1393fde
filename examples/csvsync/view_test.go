package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio/planview"
)

// see reads a view that was written as JSON.
func (b *bench) see(name string) (v planview.View) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(readText(b.t, name)), &v); err != nil {
		b.t.Fatal(err)
	}
	return v
}

func TestView(t *testing.T) {
	b := newBench(t)
	name := filepath.Join(filepath.Dir(b.segment), "view.json")
	view := "-view=" + name
	b.many(100, 0)
	for _, tt := range []struct {
		name, reason string
		flags        []string
		status       int
		verdict      planview.Verdict
		runs         int
	}{
		{"dry run", "it has no plan", []string{day1, "-dry-run"}, statusDone, planview.Ready, 0},
		{"plan", "it waits", []string{day1, "-plan"}, statusDone, planview.Ready, 0},
		{"apply", "it is sent", []string{day1, "-apply"}, statusDone, planview.Sent, 0},
		{"nothing", "nothing has changed", []string{day2}, statusDone, planview.Nothing, 1},
		{"preview", "the history is shown", []string{day2, "-dry-run"}, statusDone, planview.Nothing, 2},
		{"braked", "somebody has to look", []string{day3}, statusBraked, planview.Stopped, 2},
		{"released", "it is sent", []string{day3, "-release", "fine", "-apply"}, statusDone, planview.Sent, 2},
	} {
		if tt.status == statusBraked {
			b.many(100, 60)
		}
		b.sync(append(tt.flags, view, "-insert")...).want(t, tt.status)
		v := b.see(name)
		if v.Verdict != tt.verdict || len(v.History) != tt.runs || v.Title != "Contacts of acme, crm" || v.Time.IsZero() {
			t.Errorf("%s, since %s: verdict %s of %q with %d runs, want %s with %d", tt.name, tt.reason, v.Verdict, v.Title, len(v.History), tt.verdict, tt.runs)
		}
		if strings.Contains(readText(t, name), "@example") {
			t.Errorf("%s: the view shows a contact", tt.name)
		}
		if tt.status == statusBraked {
			last := v.Ways[len(v.Ways)-1]
			if !strings.HasPrefix(last.Code, "csvsync -segment ") || !strings.HasSuffix(last.Code, " -release REASON -apply") {
				t.Errorf("the way on is %+v", v.Ways)
			}
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 == 0 && tt.name == "plan" {
			t.Errorf("nobody else can read it: %v, %v", info.Mode(), err)
		}
	}
	// A run that fails before there is a plan leaves it.
	before := readText(t, name)
	b.setSegment("")
	b.sync(view).want(t, statusFailed)
	if readText(t, name) != before {
		t.Error("the view of an earlier run is gone")
	}
}

func TestViewForms(t *testing.T) {
	b := newBench(t)
	dir := filepath.Dir(b.segment)
	for ending, begins := range map[string]string{".html": "<!", ".HTM": "<!", ".txt": "", ".json": "{\n"} {
		name := filepath.Join(dir, "view"+ending)
		b.sync("-dry-run", "-insert", "-view", name).want(t, statusDone)
		if text := readText(t, name); !strings.HasPrefix(text, begins) || !strings.Contains(text, "Contacts of acme, crm") {
			t.Errorf("%s: %.200q", ending, text)
		}
	}
}

func TestSamples(t *testing.T) {
	b := newBench(t)
	name := filepath.Join(filepath.Dir(b.segment), "view.json")
	b.sync(day1, "-insert", "-plan", "-view", name, "-samples", "2").want(t, statusDone)
	v := b.see(name)
	if len(v.Samples) != 1 || v.Samples[0].File != "acme_contacts_crm_20260301.csv" || len(v.Samples[0].Rows) != 2 || v.Samples[0].Rows[0][0] != "ada@example.com" {
		t.Errorf("samples %+v", v.Samples)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	b.sync(day1, "-insert", "-view", name, "-samples", "2").want(t, statusDone)
	if v = b.see(name); len(v.Samples) != 0 {
		t.Errorf("files that were sent are not there any more: %+v", v.Samples)
	}
	for _, tt := range []struct{ reason, flags, message string }{
		{"where", "-samples 3", "-samples is for -view"},
		{"no number", "-view v.txt -samples -1", "-samples is a number"},
		{"no files", "-view v.txt -samples 3 -dry-run", "use -plan"},
		{"a kind of view", "-view plan.pdf", "end the name in .html, .txt or .json"},
		{"a place", "-view /no/such/dir/plan.txt", "-view: /no/such/dir is not a directory"},
		{"another file", "-view " + b.report, "-report and -view name the same file"},
		{"the drop directory", "-view " + filepath.Join(b.drop, "v.html"), "-view: " + b.drop + " is the drop directory"},
	} {
		b.sync(strings.Fields(tt.flags)...).want(t, statusConfig, tt.message)
	}
}
