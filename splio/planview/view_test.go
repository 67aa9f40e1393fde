package planview_test

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

func TestHeadline(t *testing.T) {
	files := func(delivered ...bool) (out []splio.File) {
		for _, d := range delivered {
			out = append(out, splio.File{Name: "f", Delivered: d})
		}
		return out
	}
	hit := []splio.BrakeReading{{Brake: splio.BrakeLeft, Count: 3, Total: 10, Share: 0.3, Limit: 0.2, Hit: true}}
	for _, c := range []struct {
		why     string
		report  splio.Report
		state   splio.PlanState
		verdict planview.Verdict
		want    string
	}{
		{"all three", splio.Report{Plan: "p", Read: 9999, Updated: 1204, Inserted: 310, Rejected: 12, Files: files(false)}, splio.PlanReady, planview.Ready, "1,204 contacts will be updated, 310 added, 12 cannot be sent."},
		{"one", splio.Report{Plan: "p", Read: 1, Updated: 1, Files: files(false)}, "", planview.Ready, "1 contact will be updated."},
		{"only new ones", splio.Report{Plan: "p", Read: 2, Inserted: 2, Files: files(false)}, "", planview.Ready, "2 contacts will be added."},
		{"it was sent", splio.Report{Plan: "p", Read: 3, Updated: 1, Inserted: 2, Files: files(true)}, "", planview.Sent, "1 contact was updated, 2 added."},
		{"sent, with rejects", splio.Report{Plan: "p", Read: 3, Updated: 2, Rejected: 1, Files: files(true)}, splio.PlanApplying, planview.Sent, "2 contacts were updated, 1 could not be sent."},
		{"half of it was sent", splio.Report{Plan: "p", Read: 3, Updated: 3, Files: files(true, false)}, "", planview.Sending, "3 contacts will be updated."},
		{"it may have been", splio.Report{Plan: "p", Read: 3, Updated: 3, Files: files(false, false)}, splio.PlanApplying, planview.Sending, "3 contacts will be updated."},
		{"a brake", splio.Report{Plan: "p", Read: 3, Updated: 3, Rejected: 1, Files: files(false), Brakes: hit}, "", planview.Stopped, "Stopped before sending: 3 contacts would be updated, 1 cannot be sent."},
		{"a brake, released", splio.Report{Plan: "p", Read: 3, Updated: 3, Files: files(false), Brakes: hit}, splio.PlanReleased, planview.Released, "3 contacts will be updated."},
		{"released, as the reason says", splio.Report{Plan: "p", Reason: "r", Read: 3, Updated: 3, Files: files(false), Brakes: hit}, "", planview.Released, "3 contacts will be updated."},
		{"no segment", splio.Report{Plan: "p", Left: 5, Brakes: []splio.BrakeReading{{Brake: splio.BrakeEmpty, Total: 5, Hit: true}}}, splio.PlanBraked, planview.Stopped, "Stopped before sending: the segment is empty."},
		{"nothing new", splio.Report{Plan: "p", Read: 5, Unchanged: 5}, "", planview.Nothing, "Nothing to send: no contact is new or has changed."},
		{"nothing good", splio.Report{Plan: "p", Read: 1, Rejected: 1}, "", planview.Nothing, "Nothing to send: 1 record cannot be sent."},
		{"an earlier plan alone", splio.Report{Resumed: &splio.Report{Plan: "q"}}, "", planview.Nothing, "Nothing new was planned: the run got no further than the delivery of an earlier plan."},
	} {
		v := planview.New(&c.report, planview.Options{State: c.state})
		if v.Verdict != c.verdict || v.Headline != c.want {
			t.Errorf("%s: %s, %q; want %s, %q", c.why, v.Verdict, v.Headline, c.verdict, c.want)
		}
		if stopped := v.Verdict == planview.Stopped; stopped != (len(v.Ways) == 2 && len(v.Stops) > 0) && v.Verdict != planview.Ready {
			t.Errorf("%s: %d ways on, %d stops", c.why, len(v.Ways), len(v.Stops))
		}
	}
}

// Every brake says what it found, what usually is the cause, and how near it was.
func TestBrakes(t *testing.T) {
	for _, b := range []splio.Brake{
		splio.BrakeEmpty, splio.BrakeShrunk, splio.BrakeLeft, splio.BrakeDeleted, splio.BrakeInserted, splio.BrakeChanged,
		splio.BrakeRejected, splio.BrakeColumnChanged, splio.BrakeColumnInvalid, splio.BrakeSize, splio.BrakeRows,
	} {
		r := splio.BrakeReading{Brake: b, Column: "points", Count: 1_234, Total: 4_321, Share: 0.28558, Limit: 0.2, Hit: true}
		v := planview.New(&splio.Report{Plan: "p", Read: 1, Brakes: []splio.BrakeReading{r}}, planview.Options{})
		if len(v.Stops) != 1 || v.Stops[0].Cause == "" || !strings.Contains(v.Stops[0].Numbers, "4,321") {
			t.Fatalf("%s: %+v", b, v.Stops)
		}
		s := v.Stops[0]
		if b != splio.BrakeEmpty && !strings.Contains(s.Numbers, "1,234") || b != splio.BrakeEmpty && b != splio.BrakeRows && !strings.Contains(s.Numbers, "(28.56%, limit 20%)") {
			t.Errorf("%s: the numbers are %q", b, s.Numbers)
		}
		if strings.HasPrefix(string(b), "column") != strings.Contains(s.Numbers, "points") {
			t.Errorf("%s: %q: the attribute belongs to brakes for each alone", b, s.Numbers)
		}
	}
	for _, c := range []struct {
		why  string
		r    splio.BrakeReading
		want string
	}{
		{"far", splio.BrakeReading{Brake: splio.BrakeLeft, Count: 5, Total: 100, Share: 0.05, Limit: 0.2}, "██·······|··· fine Contacts left the segment: 5 of 100, 5%, limit 20%"},
		{"near", splio.BrakeReading{Brake: splio.BrakeLeft, Count: 20, Total: 100, Share: 0.2, Limit: 0.2}, "█████████|··· near Contacts left the segment: 20 of 100, 20%, limit 20%"},
		{"hardly hit", splio.BrakeReading{Brake: splio.BrakeLeft, Count: 200001, Total: 1000000, Share: 0.200001, Limit: 0.2, Hit: true}, "█████████|··· hit  Contacts left the segment: 200,001 of 1,000,000, just above"},
		{"off", splio.BrakeReading{Brake: splio.BrakeLeft, Count: 90, Total: 100, Share: 0.9, Limit: 1}, "·········|··· off  Contacts left the segment: 90 of 100, 90%, switched off"},
		{"tiny", splio.BrakeReading{Brake: splio.BrakeLeft, Count: 1, Total: 100_000, Share: 0.00001, Limit: 0.2}, "·········|··· fine Contacts left the segment: 1 of 100,000, under 0.01%, limit"},
		{"a factor", splio.BrakeReading{Brake: splio.BrakeRows, Count: 5_000, Total: 1_000, Share: 5, Limit: 10}, "█████····|··· fine More than usual: 5,000, usually 1,000, 5 times, limit 10\n"},
		{"a factor, hit", splio.BrakeReading{Brake: splio.BrakeRows, Count: 12_340, Total: 1_000, Share: 12.34, Limit: 10, Hit: true}, "█████████|██· hit  More than usual: 12,340, usually 1,000, 12.3 times, limit"},
		{"a factor, off", splio.BrakeReading{Brake: splio.BrakeRows, Count: 12_340, Total: 1_000, Share: 12.34, Limit: 1}, "·········|··· off  More than usual: 12,340, usually 1,000, 12.3 times,"},
		{"a size", splio.BrakeReading{Brake: splio.BrakeSize, Count: 1_300, Total: 1_000, Share: 0.3, Limit: 0.5}, "█████····|··· fine Size of the segment: 1,300, usually 1,000, 30%, limit 50%"},
		{"a size, off", splio.BrakeReading{Brake: splio.BrakeSize, Count: 3_300, Total: 1_000, Share: 2.3, Limit: 1}, "·········|··· off  Size of the segment: 3,300, usually 1,000, 230%, switched"},
		{"a limit that nobody could set", splio.BrakeReading{Brake: splio.BrakeLeft, Share: math.Inf(1), Limit: 0, Hit: true}, "█████████|███ hit  Contacts left"},
	} {
		out := text(t, planview.New(&splio.Report{Brakes: []splio.BrakeReading{c.r}}, planview.Options{}), planview.TextOptions{})
		if !strings.Contains(out, c.want) {
			t.Errorf("%s: want %q in\n%s", c.why, c.want, out)
		}
	}
}

// The caller's slices stay as they are, and the view does not change with them.
func TestCopies(t *testing.T) {
	history := make([]splio.RunRecord, planview.MaxRuns+3)
	for i := range history {
		history[i].Read = int64(i)
	}
	v := planview.New(usual(), planview.Options{History: history})
	history[len(history)-1].Read = -1
	if n := len(v.History); n != planview.MaxRuns || v.History[0].Read != 3 || v.History[n-1].Read != int64(len(history)-1) {
		t.Errorf("%d runs, from %d to %d", n, v.History[0].Read, v.History[n-1].Read)
	}
	r := usual()
	first := r.Columns[0]
	html(t, planview.New(r, planview.Options{}))
	if r.Columns[0] != first {
		t.Error("the report was sorted")
	}
}

type broken struct{}

var errBroken = errors.New("the disk is full")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	v := planview.New(usual(), planview.Options{})
	for name, err := range map[string]error{"text": v.Text(broken{}, planview.TextOptions{}), "JSON": v.JSON(broken{}), "HTML": v.HTML(broken{})} {
		if !errors.Is(err, errBroken) || !strings.HasPrefix(err.Error(), "planview: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a Writer wrote is read back, in every format.
func TestReadSample(t *testing.T) {
	rows := [][]string{{"a@example.com", "5\" nails; 3", ""}, {"b@example.com", `C:\dir`, " x "}, {"c@example.com", "Zoë", "=1"}}
	for _, f := range []splio.Format{{}, {Quotes: splio.QuoteAll}, {Backslash: true}, {Backslash: true, Quotes: splio.QuoteAll, CRLF: true}, {OpenEnd: true}} {
		var b strings.Builder
		w, err := splio.NewWriter(&b, []string{"email", "firstname", "note"}, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			var cells [][]byte
			for _, c := range row {
				cells = append(cells, []byte(c))
			}
			if err := w.Write(cells); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			got, err := planview.ReadSample(strings.NewReader(b.String()), f, n)
			if err != nil {
				t.Fatal(err)
			}
			want := planview.Sample{Columns: []string{"email", "firstname", "note"}}
			if n > 0 {
				want.Rows = rows[:min(n, len(rows))]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%+v, %d rows (-want +got):\n%s", f, n, diff)
			}
		}
	}
}

func TestReadSampleErrors(t *testing.T) {
	for _, c := range []struct{ why, in, want string }{
		{"an empty file", "", "line 1: there is no header"},
		{"a row that is cut", "a;b\n1;2\nsecret\n", "line 3: 1 cells, and 2 columns in the header"},
		{"quotes that do not end", "a;b\n\"secret;2\n", "line 2: quotes that do not match"},
		{"text behind quotes", "a;b\n\"secret\"x;2\n", "line 2: quotes that do not match"},
		{"no contacts file", strings.Repeat("secret", 1<<20), "line 1: longer than 1048576 bytes"},
	} {
		got, err := planview.ReadSample(strings.NewReader(c.in), splio.Format{}, 5)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || got.Columns != nil || got.Rows != nil {
			t.Errorf("%s: %v, %v", c.why, got, err)
		}
	}
	if _, err := planview.ReadSample(io.MultiReader(strings.NewReader("a\n"), failing{}), splio.Format{}, 5); !errors.Is(err, errBroken) {
		t.Errorf("a read error: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// Any bytes are a sample or an error, and any text makes a page that is well-formed.
func FuzzSample(f *testing.F) {
	f.Add([]byte("a;b\n\"1\"\"\";2\n"), false)
	f.Add([]byte("a;b\n\"1\\\"\";2\n"), true)
	f.Add([]byte(hostile), false)
	f.Fuzz(func(t *testing.T, data []byte, backslash bool) {
		s, err := planview.ReadSample(strings.NewReader(string(data)), splio.Format{Backslash: backslash}, 3)
		if err != nil {
			return
		}
		v := planview.New(usual(), planview.Options{Title: string(data), Samples: []planview.Sample{s}})
		parse(t, html(t, v))
		text(t, v, planview.TextOptions{Width: 40})
	})
}

// A plan that a brake has stopped although nothing would be sent.
func TestHeadlineOfNothingStopped(t *testing.T) {
	for _, c := range []struct {
		rejected, deleted int64
		want              string
	}{
		{0, 0, "Stopped before sending: no contact would be updated or added."},
		{1200, 0, "Stopped before sending: no contact would be updated or added, 1,200 records cannot be sent."},
		{0, 300, "Stopped before sending: 300 contacts would be deleted."},
	} {
		r := &splio.Report{Plan: "P1", Read: 2000, Rejected: c.rejected, Deleted: c.deleted, Unchanged: 2000 - c.rejected, Brakes: []splio.BrakeReading{{Brake: splio.BrakeLeft, Hit: true}}}
		if got := planview.New(r, planview.Options{State: splio.PlanBraked}).Headline; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Why nothing is done about contacts that left is told, whether any are known to have left or not.
func TestLeftSkipped(t *testing.T) {
	const want = "Contacts that left the segment: the segment is partial, so that nobody is known to have left."
	r := usual()
	r.Left = 0
	count := func() (n int) {
		v := planview.New(r, planview.Options{})
		for _, note := range v.Notes {
			if strings.Contains(note, "left the segment") {
				n++
			}
		}
		if n > 0 && !(strings.Contains(html(t, v), want) && strings.Contains(text(t, v, planview.TextOptions{Width: 200}), want) && slices.Contains(v.Notes, want)) {
			t.Errorf("the notes are %q", v.Notes)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d notes about nothing", n)
	}
	r.LeftSkipped = "the segment is partial, so that nobody is known to have left"
	if n := count(); n != 1 {
		t.Errorf("%d notes", n)
	}
}
