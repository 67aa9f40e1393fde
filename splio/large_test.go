package splio_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// large is a segment whose snapshot is two files: one with all records, and one with
// what has changed since that was written.
type large struct {
	first, last []string // values of contacts, by number; the first one "" for who is not there
	extra       []string // lines that are bad, or share a key
}

func newLarge(n int) *large {
	l := &large{first: make([]string, n), last: make([]string, n)}
	for i := range n {
		l.first[i], l.last[i] = fmt.Sprint("Ann", i), "Lee"
	}
	return l
}

func largeKey(i int) string { return fmt.Sprintf("contact.%d@mail.example.net", i) }

// change gives so many contacts another name, from the number i on.
func (l *large) change(i, n int, name string) {
	for range n {
		l.first[i] = name
		i++
	}
}

func (l *large) text() string {
	var b strings.Builder
	b.WriteString("email,first,last\n")
	for i, first := range l.first {
		if first != "" {
			fmt.Fprintf(&b, "%s,%s,%s\n", largeKey(i), first, l.last[i])
		}
		if i%1000 == 0 && i/1000 < len(l.extra) {
			b.WriteString(l.extra[i/1000] + "\n")
		}
	}
	return b.String()
}

// recordsOf returns the name of the file with the records of a snapshot, "" when it
// has all of them itself. See the format in package diff.
func recordsOf(t *testing.T, snapshot []byte) string {
	t.Helper()
	if len(snapshot) < 64 {
		t.Fatalf("a snapshot of %d bytes", len(snapshot))
	}
	id := snapshot[48:64]
	if slices.Max(id) == 0 {
		return ""
	}
	return "snapshot.records-" + hex.EncodeToString(id)
}

// documented checks that a state directory holds what operating.md lists, and of
// the files with records those alone that a snapshot names. It returns how many
// these are, and how many plans are in the outbox.
func documented(t *testing.T, dir, what string) (records, plans int) {
	t.Helper()
	got := files(t, dir)
	want := []string{"history", "ledger", "outbox", "snapshot.lock"}
	for _, name := range got {
		switch {
		case name == "outbox/manifest":
			plans++
			want = append(want, name)
		case plans > 0 && strings.HasPrefix(name, "snapshot.staged-"), name == "snapshot.current":
			want = append(want, name)
			if r := recordsOf(t, read(t, filepath.Join(dir, name))); r != "" {
				want = append(want, r)
			}
		case strings.HasPrefix(name, "outbox/") && slices.Contains(got, "outbox/manifest"):
			want = append(want, name)
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the state directory holds %q, want %q", what, got, want)
	}
	for _, name := range want {
		if strings.HasPrefix(name, "snapshot.records-") {
			records++
		}
	}
	return records, plans
}

// Days of a large segment, which is a file, give what those of a stream give, and leave
// no file behind that nobody needs.
func TestLargeDays(t *testing.T) {
	for _, watched := range []bool{false, true} {
		t.Run(fmt.Sprint("watched=", watched), func(t *testing.T) { largeDays(t, watched) })
	}
}

func largeDays(t *testing.T, watched bool) {
	t.Parallel()
	l := newLarge(12_000)
	name := filepath.Join(t.TempDir(), "segment.csv")
	var days [2]splio.Activation // of a file, and of a stream
	var drops [2]*drop
	var seen [2]outcome
	for i := range days {
		days[i], drops[i] = newActivation(t), new(drop)
		days[i].DigestKey = diff.Key("0123456789abcdef")
		days[i].Brakes = splio.Brakes{Minimum: 1 << 40, Rows: 1e9}
		days[i].MaxUnusable = 10
		if watched {
			seen[i].watch(&days[i])
		}
	}
	text := ""
	segment := func(i int) mapping.Source {
		if i == 0 {
			return source.CSVFile(name, source.CSVOptions{})
		}
		return source.CSV(strings.NewReader(text), source.CSVOptions{})
	}
	keys := func(numbers ...int) func(func(string, error) bool) {
		return func(yield func(string, error) bool) {
			for _, i := range numbers {
				if !yield(largeKey(i), nil) {
					return
				}
			}
		}
	}
	compare := func(what string, got [2]any) {
		t.Helper()
		if d := cmp.Diff(got[1], got[0], cmp.AllowUnexported(outcome{}, arrival{})); d != "" {
			t.Fatalf("%s: the file differs from the stream: %.2000s", what, d)
		}
	}
	// run is a day. Before it, the outcome is previewed, and some contacts are explained.
	run := func(what string, records int, want string) {
		t.Helper()
		text = l.text()
		write(t, name, []byte(text))
		var reports, explained [2]any
		for i, a := range days {
			quiet := a
			quiet.OnRejection, quiet.OnRejectedRecord = nil, nil
			if err := quiet.Check(t.Context(), segment(i)); err != nil {
				t.Fatal(what, err)
			}
			before, err := quiet.Preview(t.Context(), segment(i))
			if err != nil {
				t.Fatal(what, err)
			}
			var said []string
			for _, n := range []int{1, 5000, 11_999} {
				e, err := quiet.Explain(t.Context(), largeKey(n), segment(i))
				if err != nil {
					t.Fatal(what, err)
				}
				said = append(said, e.Sentences...)
			}
			explained[i] = said
			r := mustRun(t, a, segment(i), drops[i])
			r.Plan = ""
			reports[i] = r
			if got := counts(t, r); got != want {
				t.Fatalf("%s: %s, want %s", what, got, want)
			}
			if counts(t, before) != want || len(before.Files) != len(r.Files) {
				t.Errorf("%s: the preview tells %s and %d files, then it was %s and %d", what, counts(t, before), len(before.Files), want, len(r.Files))
			}
			for j, f := range before.Files {
				if f.SHA256 != r.Files[j].SHA256 {
					t.Errorf("%s: file %d of the preview is another one", what, j)
				}
			}
			if got, _ := documented(t, a.State, what); got != records {
				t.Errorf("%s: %d files with records, want %d", what, got, records)
			}
			seen[i].files = drops[i].arrived
		}
		compare(what+", the report", reports)
		compare(what+", the explanations", explained)
		compare(what+", what was seen", [2]any{seen[0], seen[1]})
		for i := range days {
			days[i].Now = days[i].Now.AddDate(0, 0, 1)
			drops[i].arrived, seen[i] = nil, outcome{}
			if watched {
				seen[i].watch(&days[i])
			}
			h, err := days[i].History(t.Context())
			if err != nil || h[len(h)-1].Read == 0 {
				t.Fatal(what, h, err)
			}
		}
	}
	both := func(what string, do func(i int, a splio.Activation) (any, error)) {
		t.Helper()
		var got [2]any
		for i, a := range days {
			var err error
			if got[i], err = do(i, a); err != nil {
				t.Fatal(what, err)
			}
		}
		compare(what, got)
	}

	l.extra = []string{"nobody,Ann,Lee", largeKey(1000) + ",Ann1000,Lee", largeKey(2001) + ",Other,Lee", largeKey(3001) + "," + strings.Repeat("x", 256) + ",Lee"}
	run("first", 1, "read=12004 rejected=5 duplicate=1 inserted=11998 first")
	run("nothing", 1, "read=12004 rejected=5 duplicate=1 unchanged=11998")
	l.change(10, 100, "Bea")
	l.change(400, 50, "")
	l.change(11_900, 100, "Cyd")
	l.extra = append(l.extra, "somebody,Ann,Lee", largeKey(5000)+",Ann5000,Lee", "new@example.net,Dan,Fox")
	run("some", 1, "read=11957 rejected=6 duplicate=2 unchanged=11748 inserted=1 updated=200 left=50")

	both("Resend", func(i int, a splio.Activation) (any, error) {
		n, _, err := a.Resend(t.Context(), segment(i), keys(1, 77, 5000, 11_950, 60_000), 0)
		return n, err
	})
	run("due", 1, "read=11957 rejected=6 duplicate=2 unchanged=11945 updated=4")

	l.change(2100, 2000, "Eve")
	run("less than a quarter", 1, "read=11957 rejected=6 duplicate=2 unchanged=9950 updated=1999")
	l.change(5100, 2000, "Fay")
	run("with the day before, more", 1, "read=11957 rejected=6 duplicate=2 unchanged=9949 updated=2000")
	giveUp := func(sent bool, plan int) {
		t.Helper()
		text = l.text()
		write(t, name, []byte(text))
		both("a plan given up", func(i int, a splio.Activation) (any, error) {
			p, err := a.Plan(t.Context(), segment(i))
			if err != nil {
				return nil, err
			}
			if records, plans := documented(t, a.State, "planned"); plans != 1 || records != plan {
				t.Errorf("%d plans in the outbox, %d files with records, want 1 and %d", plans, records, plan)
			}
			e, err := a.Explain(t.Context(), largeKey(7001), nil)
			if err != nil {
				return nil, err
			}
			if sent {
				drops[i].faults, drops[i].calls = map[int]fault{0: {late: true, err: errLine}}, nil
				if _, err := p.Apply(t.Context(), drops[i]); !errors.Is(err, errLine) {
					t.Errorf("got %v", err)
				}
				drops[i].faults = nil
			}
			e.Pending.Plan = "" // a random text
			return e, p.Discard(t.Context())
		})
	}
	before := slices.Clone(l.first)
	l.change(6000, 3000, "Hal")
	giveUp(false, 2) // which has records of its own, as so many had changed before
	l.first = before
	l.change(0, 11_990, "Gus")
	run("nearly all", 1, "read=12007 rejected=10 unchanged=11 inserted=50 updated=11936")
	run("nothing again", 1, "read=12007 rejected=10 unchanged=11997")
	l.change(3, 1, "")

	l.change(7000, 20, "Hal")
	giveUp(true, 1)
	run("what was given up", 1, "read=12006 rejected=10 unchanged=11976 updated=20 left=1")

	both("Forget", func(i int, a splio.Activation) (any, error) {
		return a.Forget(t.Context(), segment(i), keys(4, 8000, 3, 60_000))
	})
	run("forgotten", 1, "read=12006 rejected=10 unchanged=11994 inserted=2")

	for i := range days {
		days[i].Refresh = true
	}
	run("Refresh", 1, "read=12006 rejected=10 updated=11996")
	for i := range days {
		days[i].Refresh = false
		days[i].Mapping.Fields = append(slices.Clone(days[i].Mapping.Fields), mapping.Field{From: "last", To: "city", Custom: true})
	}
	run("another mapping", 1, "read=12006 rejected=10 updated=11996")
	l.change(6000, 3, "Ian")
	run("few, after that", 1, "read=12006 rejected=10 unchanged=11993 updated=3")

	l.change(0, 4000, "")
	run("many have left", 1, "read=8007 rejected=4 unchanged=8000 inserted=2 updated=1 left=3996")
	run("so few that one file has all", 0, "read=8007 rejected=4 unchanged=8003")
	l.change(0, 4000, "Joe")
	run("large again", 1, "read=12007 rejected=10 unchanged=8000 inserted=3997")
	l.change(9, 1, "Kim")
	run("one", 1, "read=12007 rejected=10 unchanged=11996 updated=1")
}
