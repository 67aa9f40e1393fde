package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio"
)

// many is a segment of n contacts, of which the last ones have other points.
func (b *bench) many(n, changed int) {
	b.t.Helper()
	lines := []string{"email,first_name,points\n"}
	for i := range n {
		points := 1
		if i >= n-changed {
			points = 2
		}
		lines = append(lines, fmt.Sprintf("c%03d@example.com,Eve,%d\n", i, points))
	}
	b.setSegment(lines...)
}

// spelt returns the commands that a braked run spells out: to run again, and to send the plan.
func spelt(t *testing.T, o outcome) (again, send string) {
	t.Helper()
	var commands []string
	for line := range strings.Lines(o.stderr) {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "csvsync:   csvsync "); ok {
			commands = append(commands, c)
		}
	}
	if len(commands) != 2 {
		t.Fatalf("%d commands are spelt out: %v", len(commands), o)
	}
	return commands[0], commands[1]
}

func TestBraked(t *testing.T) {
	for _, way := range []string{"mend", "release", "release and apply", "discard"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.many(100, 0)
			b.sync(day1, "-insert").want(t, statusDone)
			b.many(100, 51)
			for range 2 { // nobody has approved it, so that it is replaced and not sent
				b.sync(day2, "-insert").want(t, statusBraked, "51 updated", "acme_contacts_crm_20260302.csv: 51 rows, 1196 bytes, planned",
					"nothing of it was sent", "changed: 51 of the 100 contacts", `column-changed "points"`, "usually", "limit 50%", "-release REASON -apply")
			}
			if r := b.counts(); len(r.Files) != 1 || r.Files[0].Delivered {
				t.Errorf("report %+v", r)
			}
			o := b.sync("-apply")
			o.want(t, statusBraked, "51 of the 100 contacts")
			again, send := spelt(t, o)
			if len(names(t, b.drop)) != 1 {
				t.Fatalf("sent: %q", names(t, b.drop))
			}
			switch way {
			case "mend":
				b.many(100, 50)
				syncCtx(t.Context(), append(strings.Fields(again), day3, "-insert")).want(t, statusDone, "50 updated")
			case "release":
				b.sync("-release", "points were reset").want(t, statusDone, "is released")
				b.sync(day3, "-insert").want(t, statusDone, "first, the delivery of an earlier run:", "51 rows, 1196 bytes, delivered", "100 unchanged")
				if r := b.counts(); r.Resumed == nil || r.Resumed.Reason != "points were reset" {
					t.Errorf("resumed %+v", r.Resumed)
				}
			case "release and apply":
				syncCtx(t.Context(), strings.Fields(send)).want(t, statusDone, "is released", "51 rows, 1196 bytes, delivered")
				if r := b.counts(); r.Reason != "REASON" {
					t.Errorf("the reason is %q", r.Reason)
				}
			case "discard":
				b.sync("-discard").want(t, statusDone, "which was braked, is discarded")
				b.sync(day2, "-insert", "-brake", "changed=51%,column-changed=off").want(t, statusDone, "51 updated")
			}
			b.wantContacts()
		})
	}
}

func TestPlanAndApply(t *testing.T) {
	b := newBench(t)
	b.sync("-apply").want(t, statusFailed, "no such plan in the outbox")
	o := b.sync(day1, "-plan", "-insert")
	o.want(t, statusDone, "acme_contacts_crm_20260301.csv: 3 rows, 89 bytes, planned", "the plan waits")
	if len(names(t, b.drop)) > 0 {
		t.Fatal("a plan was sent")
	}
	if err := os.Rename(b.segment, b.segment+".away"); err != nil { // it is not read again
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(o.stdout, "\n  csvsync ")
	syncCtx(t.Context(), strings.Fields(command)).want(t, statusDone, "3 rows, 89 bytes, delivered")
	if err := os.Rename(b.segment+".away", b.segment); err != nil {
		t.Fatal(err)
	}
	b.wantContacts()
	b.sync("-discard").want(t, statusFailed, "no such plan")
}

// Without a segment, what it takes to deal with a plan is named.
func TestPlanFlags(t *testing.T) {
	b := newBench(t)
	args := b.args("-discard")[2:] // without -segment
	syncCtx(t.Context(), args).want(t, statusFailed, "no such plan")
	for _, tt := range []struct{ reason, flags, message string }{
		{"one thing at a time", "-plan -apply", "exclude each other"},
		{"a preview leaves no plan", "-dry-run -discard", "exclude each other"},
		{"what is given up is not approved", "-release x -discard", "exclude each other"},
		{"a brake of that name", "-brake chnged=5%", "is none of empty=off, shrunk"},
		{"what is no share", "-brake changed=110%", "more than 0% and up to 100%"},
		{"a share without unit could be either", "-brake changed=0.5", "more than 0% and up to 100%"},
		{"nothing at all", "-brake left=0%", "more than 0% and up to 100%"},
		{"empty has no limit", "-brake empty=5%", "is none of empty=off"},
		{"a factor, not a share", "-brake rows=50%", "more than 1x"},
		{"as many as usual is no limit", "-brake rows=1x", "more than 1x"},
		{"a number", "-brake minimum=few", "minimum is a number"},
		{"a policy", "-waiting never", "none of report, wait and refuse"},
		{"a number of plans", "-retain -1", "-retain is negative"},
	} {
		b.sync(strings.Fields(tt.flags)...).want(t, statusConfig, tt.message)
	}
}

func TestDryRunBrakes(t *testing.T) {
	b := newBench(t)
	b.setSegment("email,first_name,points\n")
	b.sync("-dry-run").want(t, statusDone, "a brake: empty: the segment has no records")
	b.sync("-brake", "empty=off").want(t, statusDone, "nothing to send")
}

func TestWaitingAndRetain(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert", "-retain", "1").want(t, statusDone)
	b.many(3, 0)
	b.sync(day2, "-insert", "-waiting", "refuse").want(t, statusFailed, "acme_contacts_crm_20260301.csv", "NOT DELIVERED", "nothing was forgotten")
	b.sync(day2, "-insert", "-retain", "1").want(t, statusDone, "files of earlier runs that nobody has taken yet: acme_contacts_crm_20260301.csv")
	kept := names(t, filepath.Join(b.state, "sent"))
	if len(kept) != 1 || !strings.HasPrefix(kept[0], "20260302T040000Z-") {
		t.Fatalf("kept: %q", kept)
	}
	if got := names(t, filepath.Join(b.state, "sent", kept[0])); !slices.Equal(got, []string{"0001.csv", "manifest"}) {
		t.Errorf("kept: %q", got)
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"plain-1.csv": "plain-1.csv", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "a;b": "'a;b'",
	} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) is %s, want %s", word, got, want)
		}
	}
}

// What leads to the other way of a braked run is cut out of its command.
func TestCommand(t *testing.T) {
	j := &job{args: []string{"-segment", "-plan", "--plan", "-state=a b", "-release", "-x", "-apply=true", "-insert", "-to", "d"}}
	if got, want := j.command("-apply"), "csvsync -segment -plan '-state=a b' -insert -to d -apply"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The defaults that the flags and the README state are those of the library.
func TestBrakeDefaults(t *testing.T) {
	all := "shrunk=20%,left=20%,deleted=5%,inserted=30%,changed=50%,rejected=20%,column-changed=50%,column-invalid=50%,size=50%,rows=10x,minimum=100"
	stated, err := parseBrakes(all)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(all, ",") {
		name, value, _ := strings.Cut(part, "=")
		if name != "minimum" && !strings.Contains(string(readme), "| `"+name+"` |") || !strings.Contains(string(readme), strings.TrimSuffix(strings.TrimSuffix(value, "x"), "%")) {
			t.Errorf("the README does not state %s", part)
		}
	}
	b := newBench(t)
	b.many(100, 0)
	b.sync(day1).want(t, statusDone)
	b.many(100, 100)
	o := b.sync(day2)
	o.want(t, statusBraked, "limit 50%")
	want, err := parseBrakes("")
	if err != nil || want != (splio.Brakes{}) {
		t.Error(errors.Join(err, errors.New("no -brake is not the zero value")))
	}
	again := b.sync(day2, "-brake", all)
	if r := b.counts(); stated.Changed != 0.5 || stated.Rows != 10 || again.status != statusBraked || len(r.Brakes) != 7 {
		t.Errorf("%v\n%+v", again, r.Brakes)
	}
}
