package main

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio"
)

// work are the steps of a run over so much text, with so many rows and bytes to send.
func work(text, rows, sent int64) (steps []splio.Progress) {
	steps = append(steps, splio.Progress{Stage: splio.StageReading, BytesTotal: text})
	for i := range int64(100) {
		records := (i + 1) * 25_000
		p := splio.Progress{Stage: splio.StageReading, Records: records}
		if text > 0 {
			p.Bytes, p.BytesTotal = text*(i+1)/100, text
		}
		steps = append(steps, p)
	}
	steps = append(steps, splio.Progress{Stage: splio.StageComparing, Records: 2_500_000})
	for i := range int64(101) {
		steps = append(steps, splio.Progress{Stage: splio.StageWriting, Records: 2_500_000, Rows: rows * i / 100, RowsTotal: rows})
	}
	for i := range int64(101) {
		steps = append(steps, splio.Progress{Stage: splio.StageDelivering, Records: 2_500_000, FilesTotal: 2, Files: int(i / 51), Sent: sent * i / 100, SentTotal: sent})
	}
	return append(steps, splio.Progress{Stage: splio.StagePublishing, Records: 2_500_000, Files: 2, FilesTotal: 2, Sent: sent, SentTotal: sent})
}

func TestProgressLines(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		steps        []splio.Progress
		want         []string
	}{
		{"little to do", "it is over before anybody wonders", work(1<<20, 10_000, 1<<20), nil},
		{"large", "a line for each tenth", work(1000<<20, 10_000, 1<<20), []string{
			"csvsync: reading: 10%", "csvsync: reading: 20%", "csvsync: reading: 30%", "csvsync: reading: 40%", "csvsync: reading: 50%",
			"csvsync: reading: 60%", "csvsync: reading: 70%", "csvsync: reading: 80%", "csvsync: reading: 90%", "csvsync: reading: 100%",
		}},
		{"of unknown size", "a line for each million", work(0, 10_000, 1<<20), []string{
			"csvsync: reading: 1 million records", "csvsync: reading: 2 million records",
		}},
	} {
		var out strings.Builder
		p := newProgress(&out)
		for _, s := range tt.steps {
			p.show(s)
		}
		p.clear()
		var got []string
		for line := range strings.Lines(out.String()) {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s (%s): %q, want %q", tt.name, tt.reason, got, tt.want)
		}
	}
}

// On a terminal there is one line, which changes with each percent at most and is gone in the end.
func TestProgressBar(t *testing.T) {
	for _, colour := range []bool{false, true} {
		var out strings.Builder
		p := &progress{w: &out, terminal: true, colour: colour}
		for _, s := range work(1000<<20, 2_000_000, 1000<<20) {
			p.show(s)
			p.show(s)
		}
		p.clear()
		text := out.String()
		if strings.Contains(text, "\x1b") != colour || strings.Contains(text, "\n") {
			t.Errorf("colour %t: %q", colour, text)
		}
		lines := strings.Split(text, "\r")
		if len(lines) > 320 {
			t.Errorf("the line was written %d times", len(lines))
		}
		// What is on the screen after each writing.
		screen := ""
		escape := regexp.MustCompile(`\x1b\[[0-9]*m`)
		seen := make(map[string]bool)
		for _, line := range lines {
			line = escape.ReplaceAllString(line, "")
			if len(line) < len(screen) {
				line += screen[len(line):]
			}
			screen = line
			if len(screen) > 79 {
				t.Errorf("a line of %d columns: %q", len(screen), screen)
			}
			seen[strings.TrimSpace(screen)] = true
		}
		if strings.TrimSpace(screen) != "" {
			t.Errorf("it leaves %q", screen)
		}
		for _, want := range []string{
			"reading    [##############................]  49%  1.2 million records",
			"comparing    2.5 million records",
			"writing    [##############################] 100%  2.5 million records",
			"delivering [###############...............]  50%  file 1 of 2",
			"publishing   2.5 million records",
		} {
			if !seen[want] {
				t.Errorf("it never shows %q", want)
			}
		}
	}
}

// NO_COLOR takes the colour away; a file or a pipe is no terminal.
func TestProgressTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p := newProgress(f); p.terminal || p.colour {
		t.Errorf("a file is taken for a terminal: %+v", p)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if p := newProgress(null); !p.terminal || p.colour {
		t.Errorf("with NO_COLOR: %+v", p)
	}
	t.Setenv("TERM", "dumb")
	if p := newProgress(null); p.terminal || p.colour {
		t.Errorf("a terminal that can do nothing: %+v", p)
	}
}

// A run that is stopped says how to go on; one that changes nothing says that.
func TestStopped(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	syncCtx(ctx, b.args(day1)).want(t, statusFailed, "context canceled", "nothing was forgotten", "run the same command again:", day1)
	out := syncCtx(ctx, b.args(day1, "-dry-run"))
	out.want(t, statusFailed, "stopped: nothing was changed")
	if strings.Contains(out.stderr, "again") {
		t.Errorf("a dry run is nothing to go on with: %v", out)
	}
	b.sync(day1).want(t, statusDone, "3 updated")
}

// With -quiet nothing is shown, and a bar is gone before the summary.
func TestProgressOfRun(t *testing.T) {
	b := newBench(t)
	b.sync(day1).want(t, statusDone, "3 updated") // and nothing on standard error
	if out := b.sync(day2, "-quiet"); out.status != statusDone || out.stdout+out.stderr != "" {
		t.Errorf("with -quiet: %v", out)
	}
}
