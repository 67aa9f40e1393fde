package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

var stages = []splio.Stage{
	splio.StageReading, splio.StageComparing, splio.StageWriting,
	splio.StageWaiting, splio.StageDelivering, splio.StagePublishing,
}

// steps are what OnProgress was told. It is not locked: the race detector sees
// when calls are not one after the other.
type steps []splio.Progress

func (s *steps) add(p splio.Progress) { *s = append(*s, p) }

// of are those of a stage.
func (s steps) of(stage splio.Stage) steps {
	return slices.DeleteFunc(slices.Clone(s), func(p splio.Progress) bool { return p.Stage != stage })
}

// beyondChunks are the steps without those that depend on how the text of a
// segment is cut, which the number of processors has a part in.
func (s steps) beyondChunks() (out steps) {
	for i, p := range s {
		last := i == len(s)-1 || s[i+1].Stage != p.Stage
		if p.Stage == splio.StageComparing {
			p.Bytes = 0
		}
		if last || p.Stage != splio.StageReading && p.Stage != splio.StageComparing {
			out = append(out, p)
		}
	}
	return out
}

// order checks what is promised of all steps of one plan: stages follow each
// other, nothing goes down or beyond its total, and each stage ends at its totals.
func (s steps) order(t *testing.T) {
	t.Helper()
	for i, p := range s {
		numbers := [][2]int64{{p.Bytes, p.BytesTotal}, {p.Rows, p.RowsTotal}, {int64(p.Files), int64(p.FilesTotal)}, {p.Sent, p.SentTotal}}
		last := i == len(s)-1 || s[i+1].Stage != p.Stage
		for _, n := range numbers {
			if n[1] > 0 && n[0] > n[1] || last && n[1] > 0 && n[0] != n[1] {
				t.Errorf("step %d, last %t: %d of %d: %+v", i, last, n[0], n[1], p)
			}
		}
		read := p.Stage == splio.StageReading || p.Stage == splio.StageComparing
		sent := p.Stage == splio.StageDelivering || p.Stage == splio.StagePublishing
		if !read && p.Bytes > 0 || p.Stage != splio.StageWriting && p.Rows > 0 || !sent && p.Sent > 0 {
			t.Errorf("step %d has numbers of another stage: %+v", i, p)
		}
		if f, known := p.Fraction(); f < 0 || f > 1 || last && known && f != 1 {
			t.Errorf("step %d, last %t: fraction %v: %+v", i, last, f, p)
		}
		if i == 0 {
			continue
		}
		b := s[i-1]
		switch now, before := slices.Index(stages, p.Stage), slices.Index(stages, b.Stage); {
		case now < before:
			t.Errorf("step %d: %s after %s", i, p.Stage, b.Stage)
		case now == before && (p == b || p.Bytes < b.Bytes || p.Rows < b.Rows || p.Files < b.Files || p.Sent < b.Sent ||
			p.BytesTotal != b.BytesTotal || p.RowsTotal != b.RowsTotal || p.FilesTotal != b.FilesTotal || p.SentTotal != b.SentTotal):
			t.Errorf("step %d goes back or nowhere: %+v after %+v", i, p, b)
		case p.Records < b.Records:
			t.Errorf("step %d: %d records after %d", i, p.Records, b.Records)
		}
	}
}

// Whatever kind of segment: steps that ascend to the totals, the same for any
// number of processors but for where text is cut.
func TestProgress(t *testing.T) {
	texts := [2]string{randomText(1, 0, 40_000), randomText(1, 1, 40_000)}
	dir := t.TempDir()
	csv := func(day int) mapping.Source {
		return source.CSVFile(filepath.Join(dir, fmt.Sprint(day)), source.CSVOptions{})
	}
	for day, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(day)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range []struct {
		name         string
		segment      func(day int) mapping.Source
		bytes, total bool // of the text are known
		again        bool // text is read again
	}{
		{name: "file", segment: csv, bytes: true, total: true, again: true},
		{name: "reader", segment: func(day int) mapping.Source {
			return source.CSV(strings.NewReader(texts[day]), source.CSVOptions{})
		}, bytes: true},
		{name: "records", segment: func(day int) mapping.Source { return unchunked{csv(day)} }},
	} {
		t.Run(way.name, func(t *testing.T) {
			var want steps
			for i, procs := range []int{1, 4, 2} {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				a := newActivation(t)
				a.DigestKey = diff.Key("0123456789abcdef")
				a.Format.MaxLines = 20_000
				var got steps
				a.OnProgress = got.add
				r := mustRun(t, a, way.segment(0), new(drop))
				got.order(t)
				for i := range got {
					if p := &got[i]; p.Plan != "" && p.Plan != r.Plan {
						t.Errorf("plan %q, want %q", p.Plan, r.Plan)
					} else if p.Plan != "" {
						p.Plan = "the plan"
					}
				}
				if i > 0 {
					if d := cmp.Diff(want.beyondChunks(), got.beyondChunks()); d != "" {
						t.Errorf("with %d processors: %.1000s", procs, d)
					}
					continue
				}
				want = got

				read := got.of(splio.StageReading)
				last := read[len(read)-1]
				if len(read) < 4 || (last.Bytes > 0) != way.bytes || (last.BytesTotal == int64(len(texts[0]))) != way.total {
					t.Errorf("%d steps of reading, the last %+v", len(read), last)
				}
				written := got.of(splio.StageWriting)
				if len(written) < 5 || written[0].Rows != 0 || written[0].RowsTotal != r.Inserted || written[0].Records != r.Read {
					t.Errorf("steps of writing %+v", written)
				}
				sent := got.of(splio.StageDelivering)
				if sent[0].Files != 0 || sent[len(sent)-1].Files != 2 || len(sent) < 5 {
					t.Errorf("steps of delivering %+v", sent)
				}
				if n := len(got.of(splio.StageWaiting)); n != 1 {
					t.Errorf("%d steps of waiting", n)
				}
				if p := got[len(got)-1]; p.Stage != splio.StagePublishing || p.Files != 2 {
					t.Errorf("it ends with %+v", p)
				}

				// Of the next day's, parts are read again to compare.
				got = nil
				mustRun(t, a, way.segment(1), new(drop))
				got.order(t)
				if compared := got.of(splio.StageComparing); (compared[len(compared)-1].Bytes > 0) != way.again {
					t.Errorf("steps of comparing %+v", compared)
				}
			}
		})
	}
}

// What takes more bytes in its encoding than as text, or fewer, ends at the total all the same.
func TestProgressEncodings(t *testing.T) {
	for name, data := range map[string][]byte{
		"utf-16le":     []byte("\xff\xfe" + strings.Join(strings.Split("email,first,last\nann@example.net,Ann,Lee\n", ""), "\x00") + "\x00"),
		"windows-1252": []byte("email,first,last\nann@example.net," + strings.Repeat("\xe9", 100) + ",Lee\n"),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "segment.csv")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			var got steps
			a := newActivation(t)
			a.OnProgress = got.add
			mustRun(t, a, source.CSVFile(file, source.CSVOptions{Encoding: name}), new(drop))
			got.order(t)
			if p := got.of(splio.StageReading); p[0].BytesTotal != int64(len(data)) {
				t.Errorf("of %d bytes: %+v", len(data), p)
			}
		})
	}
}

// A plan that does nothing, and each call besides Run.
func TestProgressOfCalls(t *testing.T) {
	a, d := newActivation(t), new(drop)
	var got steps
	a.OnProgress = got.add
	check := func(what, want string) {
		t.Helper()
		var names []string
		for _, p := range got {
			names = append(names, string(p.Stage))
		}
		if s := strings.Join(slices.Compact(names), " "); s != want {
			t.Errorf("%s goes through %q, want %q", what, s, want)
		}
		got = nil
	}
	if _, err := a.Preview(t.Context(), day1); err != nil {
		t.Fatal(err)
	}
	got.order(t)
	check("Preview", "reading comparing writing")
	p := mustPlan(t, a, day1)
	got.order(t)
	check("Plan", "reading comparing writing")
	if err := p.Release(t.Context(), "looked at"); err != nil {
		t.Fatal(err)
	}
	check("Release", "")
	if _, err := p.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got.order(t)
	check("Apply", "waiting delivering publishing")
	mustRun(t, a, day1, d)
	got.order(t)
	check("a run with nothing to send", "reading comparing writing publishing")

	a.Format.MaxLines = 2
	d.faults = map[int]fault{d.puts() + 1: {err: errLine}}
	if _, err := a.Run(t.Context(), day3, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	check("a failing run", "reading comparing writing waiting delivering")
	mustRun(t, a, day3, d)
	begun := slices.IndexFunc(got, func(p splio.Progress) bool { return p.Stage == splio.StageReading })
	if p := got[0]; p.Files != 1 || p.FilesTotal != 3 || p.Sent == 0 || p.Records != 3 {
		t.Errorf("the earlier plan goes on at %+v", p)
	}
	got[:begun].order(t)
	got[begun:].order(t)
	check("a run that ends an earlier plan", "delivering publishing reading comparing writing publishing")

	other := newActivation(t)
	other.OnProgress = got.add
	if _, err := other.Adopt(t.Context(), day1, false); err != nil {
		t.Fatal(err)
	}
	check("Adopt", "reading comparing")
}

// piecemeal is a transport that reads from several goroutines, and twice.
type piecemeal struct {
	drop
	fail bool // the first time, after half of the file
}

func (p *piecemeal) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	half := p.fail
	p.fail = false
	var wg sync.WaitGroup
	const piece = 100 << 10
	for off := int64(0); off < body.Size(); off += piece {
		if half && off > body.Size()/2 {
			continue
		}
		wg.Go(func() {
			for range 2 {
				if _, err := body.ReadAt(make([]byte, piece), off); err != nil && err != io.EOF {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	if half {
		return errLine
	}
	return p.drop.Put(ctx, name, temp, body)
}

// However a transport reads, and after a failure, what was sent goes up to the total and no further.
func TestProgressOfTransport(t *testing.T) {
	lines := append([]string{"email,first,last"}, crowd(0, 60_000, func(int) string { return strings.Repeat("Ann", 20) })...)
	d := &piecemeal{fail: true}
	a := newActivation(t)
	a.Format.MaxLines = 40_000
	var got steps
	a.OnProgress = got.add
	if _, err := a.Run(t.Context(), segment(lines...), d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	if p := got[len(got)-1]; p.Files != 0 || p.Sent == 0 || p.Sent >= p.SentTotal {
		t.Errorf("the failing run ends at %+v", p)
	}
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	if _, err := p.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got.order(t)
	if sent := got.of(splio.StageDelivering); len(sent) < 4 || sent[0].Sent != 0 {
		t.Errorf("steps %+v", sent)
	}
	if u := newUniverse(true); true {
		if u.imports(t, &d.drop); len(u.contacts) != 60_000 {
			t.Errorf("%d contacts arrived", len(u.contacts))
		}
	}
}

func TestFraction(t *testing.T) {
	for _, tt := range []struct {
		name  string
		p     splio.Progress
		want  float64
		known bool
	}{
		{"text of a known size", splio.Progress{Stage: splio.StageReading, Bytes: 1, BytesTotal: 4}, 0.25, true},
		{"text of an unknown size", splio.Progress{Stage: splio.StageReading, Bytes: 1}, 0, false},
		{"comparing", splio.Progress{Stage: splio.StageComparing, Bytes: 1, BytesTotal: 4}, 0, false},
		{"rows", splio.Progress{Stage: splio.StageWriting, Rows: 3, RowsTotal: 4}, 0.75, true},
		{"no rows", splio.Progress{Stage: splio.StageWriting}, 0, false},
		{"waiting", splio.Progress{Stage: splio.StageWaiting}, 0, false},
		{"sent", splio.Progress{Stage: splio.StageDelivering, Sent: 1, SentTotal: 2, Rows: 1, RowsTotal: 1}, 0.5, true},
		{"publishing", splio.Progress{Stage: splio.StagePublishing, Sent: 2, SentTotal: 2}, 0, false},
		{"the zero value", splio.Progress{}, 0, false},
	} {
		if got, known := tt.p.Fraction(); got != tt.want || known != tt.known {
			t.Errorf("%s: %v, %t", tt.name, got, known)
		}
	}
}
