package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	b := newBench(t)
	history := func() string {
		t.Helper()
		o := syncCtx(t.Context(), []string{"-history", "-state", b.state})
		o.want(t, statusDone)
		return o.stdout
	}
	if got := history(); got != "no runs are remembered\n" || tree(t, b.state) != nil {
		t.Errorf("of a state that is not there: %q", got)
	}
	b.many(100, 0)
	b.sync(day1, "-insert").want(t, statusDone)
	b.sync(day2, "-insert").want(t, statusDone, "nothing to send")
	b.many(100, 51)
	b.sync(day3, "-insert").want(t, statusBraked)
	before := tree(t, b.state)
	lines := strings.Split(strings.TrimSuffix(history(), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%q", lines)
	}
	for i, want := range []string{"time (UTC) read rejected unchanged inserted updated left files rows bytes seconds outcome",
		"2026-03-01 04:00:00 100 0 0 100 0 0 1 100 # # delivered", "2026-03-02 04:00:00 100 0 100 0 0 0 0 0 # # nothing",
		"2026-03-03 04:00:00 100 0 49 0 51 0 0 0 # # braked changed column-changed"} {
		got := strings.Fields(lines[i])
		if i > 0 {
			got[10], got[11] = "#", "#"
		}
		if strings.Join(got, " ") != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	for path, file := range tree(t, b.state) {
		if before[path] != file {
			t.Errorf("%s was touched", path)
		}
	}
	b.sync("-release", "a secret reason", "-apply").want(t, statusDone)
	if got := history(); !strings.Contains(got, "delivered released changed column-changed\n") || strings.Contains(got, "secret") || strings.Count(got, "\n") != 4 {
		t.Errorf("after the release:\n%s", got)
	}
	if err := os.Remove(b.segment); err != nil {
		t.Fatal(err)
	}
	b.sync("-now=2026-03-04T04:00:00Z", "-insert").want(t, statusFailed, "nothing was forgotten")
	b.sync("-now=2026-03-05T04:00:00Z", "-insert", "-dry-run").want(t, statusFailed)
	if got := history(); strings.Count(got, "\n") != 5 || !strings.HasSuffix(got, " failed reading\n") || !strings.Contains(got, "2026-03-04 04:00:00 ") {
		t.Errorf("after a run without a segment:\n%s", got)
	}
}

// One that is damaged is told by -history and by the summary of a run, which goes on.
func TestHistoryDamaged(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert").want(t, statusDone)
	path := filepath.Join(b.state, "history")
	writeFile(t, path, "damaged")
	syncCtx(t.Context(), []string{"-history", "-state", b.state}).want(t, statusFailed, path, "damaged", "move it away")
	b.sync(day2, "-insert").want(t, statusDone, "the file history in the state is damaged")
	if data, err := os.ReadFile(path); err != nil || string(data) != "damaged" {
		t.Errorf("it was not left as it is: %q, %v", data, err)
	}
}

func TestHistoryCalledWrongly(t *testing.T) {
	syncCtx(t.Context(), []string{"-history"}).want(t, statusConfig, "missing: -state\n")
}
