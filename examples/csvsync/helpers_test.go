package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio"
)

// outcome is what a run of csvsync shows.
type outcome struct {
	status         int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("status %d\nstdout:\n%s\nstderr:\n%s", o.status, o.stdout, o.stderr)
}

func (o outcome) want(t *testing.T, status int, messages ...string) {
	t.Helper()
	if o.status != status {
		t.Errorf("exit status %d, want %d: %v", o.status, status, o)
	}
	for _, m := range messages {
		if !strings.Contains(o.stdout+o.stderr, m) {
			t.Errorf("output lacks %q: %v", m, o)
		}
	}
	for line := range strings.Lines(o.stderr) {
		if !strings.HasPrefix(line, "csvsync: ") || len(line) < len("csvsync: xx") {
			t.Errorf("line of standard error %q has no prefix or says nothing", line)
		}
	}
	if status == 0 && o.stderr != "" {
		t.Errorf("standard error of a run that succeeded: %s", o.stderr)
	}
}

// bench is a place to run csvsync in.
type bench struct {
	t                                     *testing.T
	segment, mapping, state, drop, report string
	to                                    []string // flags for the destination
}

const (
	day1 = "-now=2026-03-01T04:00:00Z"
	day2 = "-now=2026-03-02T04:00:00Z"
	day3 = "-now=2026-03-03T04:00:00Z"
)

const simpleMapping = `{"key":{"from":"email","to":"email"},"fields":[{"from":"first_name","to":"firstname"}],"custom":["points"]}`

// newBench makes one with a drop directory, a mapping and a segment of three contacts.
func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{
		t:       t,
		segment: filepath.Join(dir, "segment.csv"),
		mapping: filepath.Join(dir, "mapping.json"),
		state:   filepath.Join(dir, "state"),
		drop:    filepath.Join(dir, "drop"),
		report:  filepath.Join(dir, "report.json"),
	}
	b.to = []string{"-to", b.drop}
	if err := os.Mkdir(b.drop, 0o755); err != nil {
		t.Fatal(err)
	}
	b.setMapping(simpleMapping)
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Bob,2\n", "eve@example.com,Eve,3\n")
	return b
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) setSegment(lines ...string) { writeFile(b.t, b.segment, strings.Join(lines, "")) }
func (b *bench) setMapping(content string)  { writeFile(b.t, b.mapping, content) }

func (b *bench) args(flags ...string) []string {
	return slices.Concat([]string{
		"-segment", b.segment, "-mapping", b.mapping, "-universe", "acme", "-subsequence", "crm",
		"-state", b.state, "-report", b.report,
	}, b.to, flags)
}

// sync runs csvsync in this process.
func (b *bench) sync(flags ...string) outcome { return syncCtx(b.t.Context(), b.args(flags...)) }

func syncCtx(ctx context.Context, args []string) outcome {
	var stdout, stderr strings.Builder
	status := run(ctx, args, &stdout, &stderr)
	return outcome{status, stdout.String(), stderr.String()}
}

// counts reads the report, checks that it balances, and returns it.
func (b *bench) counts() splio.Report {
	b.t.Helper()
	data, err := os.ReadFile(b.report)
	if err != nil {
		b.t.Fatal(err)
	}
	var r splio.Report
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil || dec.More() {
		b.t.Fatalf("report is not one JSON object: %v\n%s", err, data)
	}
	if sum := r.Rejected + r.Duplicate + r.HeldBack + r.Unchanged + r.Inserted + r.Updated; sum != r.Read {
		b.t.Errorf("report does not balance: %s", data)
	}
	var rows int64
	for _, f := range r.Files {
		rows += f.Rows
	}
	if rows != r.Inserted+r.Updated {
		b.t.Errorf("%d rows in files, %d inserted and updated", rows, r.Inserted+r.Updated)
	}
	return r
}

// tree returns all files below a directory with their mode and content; nil when it does not exist.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(data)
		}
		files[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano(), content)
		return nil
	})
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// contacts is what the destination holds: attributes by key.
type contacts map[string]map[string]string

var dropName = regexp.MustCompile(`^acme_contacts_crm_(\d{8})(?:_(\d+))?\.csv$`)

// replay does what Splio does with the files of a drop directory, in the order of their names. Anything else there is an error.
func replay(t *testing.T, dir string) contacts {
	t.Helper()
	order := func(name string) int {
		m := dropName.FindStringSubmatch(name)
		if m == nil {
			t.Fatalf("the drop directory holds %q", name)
		}
		day, _ := strconv.Atoi(m[1])
		n, _ := strconv.Atoi(m[2])
		return day*1000 + max(n, 1)
	}
	files := names(t, dir)
	slices.SortFunc(files, func(a, b string) int { return order(a) - order(b) })
	known := make(contacts)
	for _, name := range files {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(f)
		r.Comma = ';'
		rows, err := r.ReadAll() // each with as many fields as the header
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.Close()
		if len(rows) < 2 {
			t.Errorf("%s has no rows", name)
		}
		for _, row := range rows[1:] {
			if known[row[0]] == nil {
				known[row[0]] = make(map[string]string)
			}
			for i, column := range rows[0][1:] {
				known[row[0]][column] = row[i+1]
			}
		}
	}
	return known
}

// wantContacts compares what was delivered with the segment, for simpleMapping and values that are sent as they are.
func (b *bench) wantContacts() {
	b.t.Helper()
	data, err := os.ReadFile(b.segment)
	if err != nil {
		b.t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		b.t.Fatal(err)
	}
	got := replay(b.t, b.drop)
	want := make(contacts)
	for _, row := range rows[1:] {
		want[row[0]] = map[string]string{"firstname": row[1], "points": row[2]}
	}
	for key, attributes := range want {
		if !maps.Equal(got[key], attributes) {
			b.t.Errorf("contact %s is %v at the destination, want %v", key, got[key], attributes)
		}
	}
	if len(got) != len(want) {
		b.t.Errorf("%d contacts at the destination, want %d", len(got), len(want))
	}
}

// read returns the content of a file in the drop directory.
func (b *bench) read(name string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.drop, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func flagNames(g flagGroup) (names []string) {
	g.flags.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return names
}
