package splio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

const marker = "marker7391"

// leaks reports whether anything below dir, other than what is passed over,
// holds the marker.
func leaks(t *testing.T, dir string, except func(name string) bool) {
	t.Helper()
	for _, name := range files(t, dir) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err != nil || info.IsDir() || except(name) {
			continue
		}
		if bytes.Contains(bytes.ToLower(read(t, path)), []byte(marker)) || strings.Contains(name, marker) {
			t.Errorf("%s holds a value", name)
		}
	}
}

func TestNoValueLeaks(t *testing.T) {
	m := strings.ToUpper(marker)
	lines := []string{head, m + "@example.net," + m + "," + m, "bob@example.net," + m + ";\"," + m + "\\", m + "," + m + "," + m,
		"cid@example.net," + m + "1,x", "cid@example.net," + m + "2,x", "dan@example.net,caf\xe9" + m + "," + m + "\n" + m}
	src := segment(lines...)
	none := func(string) bool { return false }
	clear := func(name string) bool { return strings.HasPrefix(name, "outbox/0") }
	a := newActivation(t)
	a.Mapping.Fields[1] = mapping.Field{From: "last", To: "cellphone", Invalid: mapping.Absent}
	a.Mapping.Custom = []string{"first", "last"}
	fail := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", name)
			return
		}
		if strings.Contains(strings.ToLower(err.Error()), marker) || strings.Contains(strings.ToLower(fmt.Sprintf("%+v %#v", err, err)), marker) {
			t.Errorf("%s: the error holds a value: %v", name, err)
		}
	}
	run := func(name string, change func(*splio.Activation), src mapping.Source, d splio.Transport) {
		t.Helper()
		b := a
		change(&b)
		_, err := b.Run(t.Context(), src, d)
		fail(name, err)
		leaks(t, a.State, clear)
	}
	nop := func(*splio.Activation) {}
	spooled := 0
	run("put", nop, eventful{src, func() {
		spooled++
		if runtime.GOOS != "windows" {
			if _, err := os.Stat(filepath.Join(a.State, "outbox", "spool")); err == nil {
				t.Error("the spool has a name while it is written")
			}
		}
	}}, &drop{faults: map[int]fault{0: {err: errLine}}})
	if spooled != len(lines) {
		t.Errorf("%d events", spooled)
	}
	run("size", nop, src, &drop{faults: map[int]fault{0: {err: errLine}}})
	run("wrong universe", func(a *splio.Activation) { a.Destination.Universe = "other" }, src, new(drop))
	run("digest key", func(a *splio.Activation) { a.DigestKey = []byte("short " + m)[:9] }, src, new(drop))
	run("configuration", func(a *splio.Activation) { a.Mapping.Custom = []string{"a b"} }, src, new(drop))
	run("a header that is a record", nop, segment(lines[1], lines[2]), new(drop))
	d := new(drop)
	if _, err := a.Run(t.Context(), src, d); err != nil {
		t.Fatal(err)
	}
	leaks(t, a.State, none)
	settled(t, a.State)
	a.Refresh = true
	run("source", nop, brokenSource{src, errLine, nil}, new(drop))
	a.Insert = false
	run("known", func(a *splio.Activation) {
		a.Known = func(yield func(string, error) bool) { _ = yield(m, nil) && yield(m, errLine) }
	}, src, new(drop))
	p := mustPlan(t, a, src)
	leaks(t, a.State, clear)
	report, err := json.Marshal(p.Report)
	if err != nil || bytes.Contains(bytes.ToLower(report), []byte(marker)) || strings.Contains(strings.ToLower(fmt.Sprintf("%+v", p)), marker) {
		t.Errorf("the report holds a value: %s, %v", report, err)
	}
	path := filepath.Join(a.State, "outbox", "0001.csv")
	write(t, path, []byte(m))
	_, err = p.Apply(t.Context(), new(drop))
	fail("altered", err)
	if err := p.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	leaks(t, a.State, none)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = a.Run(ctx, src, d)
	fail("cancelled", err)
	leaks(t, a.State, none)

	w, err := splio.NewWriter(new(bytes.Buffer), []string{"k", "v"}, splio.Format{})
	if err != nil {
		t.Fatal(err)
	}
	fail("cell", w.Write(cells(m, m+"\n")))
	fail("row", w.Write(cells(m)))
}

func TestPreviewLeavesNoTrace(t *testing.T) {
	temp := t.TempDir()
	a := newActivation(t)
	check := func(name string, src mapping.Source) {
		t.Helper()
		t.Setenv("TMPDIR", temp)
		t.Setenv("TMP", temp)
		before := tree(t, a.State)
		preview, err := a.Preview(t.Context(), src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
			t.Errorf("%s: preview changed the state: %s", name, diff)
		}
		if left := files(t, temp); len(left) > 0 {
			t.Errorf("%s: preview left %q", name, left)
		}
		p := mustPlan(t, a, src)
		p.Report.Plan = ""
		if diff := cmp.Diff(*preview, p.Report); diff != "" {
			t.Errorf("%s: preview and plan differ: %s", name, diff)
		}
		if preview.Plan != "" {
			t.Errorf("%s: a preview has the id of a plan", name)
		}
	}
	if _, err := a.Preview(t.Context(), brokenSource{day1, errLine, nil}); !errors.Is(err, errLine) {
		t.Error(err)
	}
	check("a missing directory", day1)
	check("beside a ready plan", day1)
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), new(drop)); err != nil {
		t.Fatal(err)
	}
	check("after a delivery", day3)
	a.Partial, a.Format.MaxLines = true, 2
	check("beside a ready plan, after a delivery", day2)
}

// FuzzActivation: whatever bytes a segment holds, the plan is made, and the files
// can be read back.
func FuzzActivation(f *testing.F) {
	f.Add("ann@example.net", "x", "y")
	f.Add("a\x00;\"", "\u2028\\\"", " \xff\u0085 ")
	f.Fuzz(func(t *testing.T, key, one, two string) {
		a := newActivation(t)
		a.Mapping = mapping.Mapping{
			Key:    mapping.Field{From: "k", To: "customer_key"},
			Fields: []mapping.Field{{From: "v", To: "lastname"}, {From: "w", To: "cellphone"}, {From: "w", To: "email", Invalid: mapping.Absent}},
			Custom: []string{"w"},
		}
		src := anySource{[]string{key, one, two}, []string{one, two, key}, []string{two, key, one}}
		d := new(drop)
		r := mustRun(t, a, src, d)
		if r.Read != 3 {
			t.Fatalf("got %+v", r)
		}
		u := newUniverse(true)
		u.imports(t, d)
		if int64(len(u.contacts)) != r.Inserted {
			t.Fatalf("%d contacts of %d", len(u.contacts), r.Inserted)
		}
		if r := mustRun(t, a, src, untouched{t}); r.Inserted+r.Updated > 0 {
			t.Fatalf("then %+v", r)
		}
	})
}

type anySource [][]string

func (anySource) Fields(context.Context) ([]string, error) { return []string{"k", "v", "w"}, nil }

func (s anySource) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		for i, row := range s {
			rec := &mapping.Record{Seq: int64(i + 1)}
			for _, v := range row {
				rec.Values = append(rec.Values, mapping.StringValue(v))
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}
