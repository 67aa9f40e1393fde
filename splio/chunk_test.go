package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// randomText is a segment of some megabytes in which a few records are bad,
// share a key, or have fields in quotes. The same seed with another day changes
// some records.
func randomText(seed, day uint64, n int) string {
	var b strings.Builder
	b.WriteString("email,first,last\n")
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		if d := rand.New(rand.NewPCG(seed+day, uint64(i))); d.IntN(30) == 0 {
			if d.IntN(3) == 0 {
				continue
			}
			r = d
		}
		key := fmt.Sprintf("contact.%d@mail.example.net", i)
		first, last := fmt.Sprint("Ann", r.IntN(1000)), strings.Repeat("Lee", r.IntN(12))
		switch r.IntN(400) {
		case 0:
			key = "no address"
		case 1:
			key = fmt.Sprintf("contact.%d@mail.example.net", r.IntN(n))
		case 2:
			last = "\"a \"\"quoted\"\"\nname\""
		case 3:
			last += ",one too many"
		case 4:
			last = "\"Ray\" \" stray"
		case 5:
			b.WriteByte('\n')
		case 6:
			last = strings.Repeat("x", 300)
		}
		fmt.Fprintf(&b, "%s,%s,%s\n", key, first, last)
	}
	return b.String()
}

// outcome is all that can be seen of some days of a segment.
type outcome struct {
	reports    []*splio.Report
	files      []arrival
	rejections []string
	rejected   []string
}

func (o *outcome) watch(a *splio.Activation) {
	a.OnRejection = func(r mapping.Rejection) { o.rejections = append(o.rejections, r.String()+r.Value()) }
	a.OnRejectedRecord = func(rec *mapping.Record, rs []mapping.Rejection) error {
		var line strings.Builder
		line.WriteString(fmt.Sprint(rec.Seq, rec.Line, len(rs)))
		for _, v := range rec.Values {
			line.WriteString("|" + string(v.AppendPlain(nil)))
		}
		o.rejected = append(o.rejected, line.String())
		return nil
	}
}

// unchunked is a segment that does not say it comes in chunks.
type unchunked struct{ mapping.Source }

// A file that is read by the chunk, on any number of processors and twice, gives
// what reading it record by record does: the same files, counts and rejections,
// in the same order.
func TestChunks(t *testing.T) {
	dir := t.TempDir()
	texts := [3]string{randomText(1, 0, 40_000), randomText(1, 1, 40_000), randomText(1, 2, 40_000)}
	var names [3]string
	for i, text := range texts {
		names[i] = filepath.Join(dir, fmt.Sprint(i, ".csv"))
		if err := os.WriteFile(names[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ways := []struct {
		name    string
		procs   int
		segment func(day int) mapping.Source
	}{
		{"record by record", 2, func(day int) mapping.Source { return unchunked{source.CSVFile(names[day], source.CSVOptions{})} }},
		{"one processor", 1, func(day int) mapping.Source { return source.CSVFile(names[day], source.CSVOptions{}) }},
		{"four processors", 4, func(day int) mapping.Source { return source.CSVFile(names[day], source.CSVOptions{}) }},
		{"a reader, which is spooled", 3, func(day int) mapping.Source {
			return source.CSV(strings.NewReader(texts[day]), source.CSVOptions{})
		}},
	}
	for n, policy := range []diff.DuplicatePolicy{diff.RejectDuplicates, diff.LastWins} {
		watched := n == 0 // otherwise nobody looks again at what was mended
		var want outcome
		for i, way := range ways {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(way.procs))
			var got outcome
			d := new(drop)
			a := newActivation(t)
			a.DigestKey = diff.Key("0123456789abcdef")
			a.Duplicates = policy
			// A name is no number: most records are mended.
			a.Brakes.ColumnInvalid = 1
			a.Mapping.Fields = append(slices.Clone(a.Mapping.Fields), mapping.Field{From: "last", To: "points", Custom: true, Type: mapping.Integer, Invalid: mapping.Blank})
			if watched {
				got.watch(&a)
			}
			for day := range texts {
				a.Now = march(14 + day)
				r, err := a.Run(t.Context(), way.segment(day), d)
				if err != nil {
					t.Fatal(way.name, err)
				}
				r.Plan = ""
				got.reports = append(got.reports, r)
			}
			got.files = d.arrived
			if i == 0 {
				want = got
				if r := got.reports[1]; watched && len(got.rejections) < 500 || len(r.Rejections) < 3 || r.Updated == 0 || r.Inserted == 0 || r.Unchanged == 0 || policy == diff.LastWins && r.Duplicate == 0 {
					t.Fatalf("the segment tests nothing: %d rejections, %+v", len(got.rejections), r)
				}
				continue
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(outcome{}, arrival{})); d != "" {
				t.Errorf("%s, policy %d: %.2000s", way.name, policy, d)
			}
		}
	}
}

// A file that is another one when it is read again gives no plan. Full rows of a
// first run are those of the first reading, which is the only one.
func TestChangedBetweenReadings(t *testing.T) {
	for i := range 4 {
		replace, again := i%2 == 1, i > 1
		name := filepath.Join(t.TempDir(), "segment.csv")
		if err := os.WriteFile(name, []byte("email,first,last\nann@example.net,Ann,Lee\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		a := newActivation(t)
		if again {
			a.Rows = splio.ChangedOnly
		}
		change := func() error {
			if replace {
				if err := os.WriteFile(name+".new", []byte("email,first,last\nbob@example.net,Bob,Ray\n"), 0o600); err != nil {
					return err
				}
				return os.Rename(name+".new", name)
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("bob@example.net,Bob,Ray\n")
			return errors.Join(err, f.Close())
		}
		changed := false
		splio.SetFS(&a, func(dir string) (vfs.FS, error) {
			inner, err := openQuick(dir)
			return hookFS{inner, func(name string) error {
				if changed || !strings.HasPrefix(name, "snapshot.tmp-") { // the comparison begins
					return nil
				}
				changed = true
				return change()
			}}, err
		})
		d := new(drop)
		_, err := a.Run(t.Context(), source.CSVFile(name, source.CSVOptions{}), d)
		switch {
		case !changed:
			t.Error("the file is as it was")
		case again && (err == nil || !strings.Contains(err.Error(), "changed") || len(d.arrived) > 0):
			t.Errorf("replaced %v: %v, %d files", replace, err, len(d.arrived))
		case !again && (err != nil || len(d.arrived) != 1 || !strings.HasSuffix(d.arrived[0].content, "\nann@example.net;Ann;Lee\n")):
			t.Errorf("replaced %v: %v, %q", replace, err, d.arrived)
		}
		if _, err := a.Run(t.Context(), source.CSVFile(name, source.CSVOptions{}), d); err != nil {
			t.Error(err)
		}
		settled(t, a.State)
	}
}

// hookFS tells which files are opened, and has as much room as it is told.
type hookFS struct {
	vfs.FS
	open func(name string) error
}

func (h hookFS) OpenFile(name string, flag int) (vfs.File, error) {
	if err := h.open(name); err != nil {
		return nil, err
	}
	return h.FS.OpenFile(name, flag)
}

// smallFS is nearly full.
type smallFS struct {
	vfs.FS
	free int64
	err  error
}

func (s smallFS) Free() (int64, error) { return s.free, s.err }

func TestSpace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "segment.csv")
	text := randomText(1, 0, 40_000)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file := source.CSVFile(name, source.CSVOptions{})
	stream := func() mapping.Source { return source.CSV(strings.NewReader(text), source.CSVOptions{}) }
	records := func() mapping.Source { return manyRecords{60_000, 0} }
	for _, tt := range []struct {
		name, reason string
		segment      mapping.Source
		free         int64
		err          error
		want         string // in the error; "" is none
	}{
		{"file, enough", "the snapshot takes 33 bytes a contact", file, 4 << 20, nil, ""},
		{"file, too little", "it is known from the first chunk on", file, 1 << 20, nil, "make room"},
		{"stream, enough", "nobody knows how much is to come", stream(), 64 << 20, nil, ""},
		{"stream, too little", "something has to stay free", stream(), 31 << 20, nil, "make room"},
		{"records, enough", "the same for what comes record by record", records(), 64 << 20, nil, ""},
		{"records, too little", "the same for what comes record by record", records(), 1 << 20, nil, "make room"},
		{"not told", "some file systems do not say", file, 0, errors.ErrUnsupported, ""},
		{"fails", "no fault is passed over", file, 0, fs.ErrPermission, "permission"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			splio.SetFS(&a, func(dir string) (vfs.FS, error) {
				inner, err := openQuick(dir)
				return smallFS{inner, tt.free, tt.err}, err
			})
			d := new(drop)
			_, err := a.Run(t.Context(), tt.segment, d)
			if tt.want == "" {
				if err != nil {
					t.Errorf("%s: %v", tt.reason, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(d.arrived) > 0 {
				t.Errorf("%s: %v, %d files", tt.reason, err, len(d.arrived))
			}
			unsettled(t, a.State)
		})
	}
}

// unsettled makes sure that a plan that failed in an empty state has left nothing but
// a word of it.
func unsettled(t *testing.T, dir string) {
	t.Helper()
	want := []string{"history", "outbox", "snapshot.key", "snapshot.lock"}
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("the state directory holds %q, want %q", got, want)
	}
}

// A segment that ends early, at any of its chunks, ends the plan.
func TestChunksCancelled(t *testing.T) {
	name := filepath.Join(t.TempDir(), "segment.csv")
	if err := os.WriteFile(name, []byte(randomText(1, 0, 80_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{0, 1, 100, 300} {
		ctx, cancel := context.WithCancelCause(t.Context())
		a := newActivation(t)
		n := 0
		a.OnRejection = func(mapping.Rejection) {
			if n++; n > after {
				cancel(errLine)
			}
		}
		d := new(drop)
		if _, err := a.Run(ctx, source.CSVFile(name, source.CSVOptions{}), d); !errors.Is(err, errLine) || len(d.arrived) > 0 {
			t.Errorf("cancelled after %d rejections: %v", after, err)
		}
		unsettled(t, a.State)
	}
}
