package splio_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// segment is records written as text: the first line names the fields, values
// are separated by commas, and "-" is null.
func segment(lines ...string) mapping.Source {
	fields := strings.Split(lines[0], ",")
	return source.Maps(fields, func(yield func(map[string]any, error) bool) {
		for _, line := range lines[1:] {
			m := make(map[string]any)
			for i, v := range strings.Split(line, ",") {
				if v != "-" {
					m[fields[i]] = v
				}
			}
			if !yield(m, nil) {
				return
			}
		}
	})
}

// people maps e-mail, first name and last name.
func people() mapping.Mapping {
	return mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{{From: "first", To: "firstname"}, {From: "last", To: "lastname"}},
	}
}

// quickFS is a directory of the operating system that does not wait for the
// disk, since no test cuts the power.
type quickFS struct{ vfs.FS }

type quickFile struct{ vfs.File }

func openQuick(dir string) (vfs.FS, error) {
	fsys, err := vfs.OS(dir)
	return quickFS{fsys}, err
}

func (q quickFS) SyncDir(name string) error {
	_, err := q.ReadDir(name)
	return err
}

func (q quickFS) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := q.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}

func (quickFile) Sync() error { return nil }

// newActivation is one with insert mode on, the people mapping, a state
// directory that does not exist yet, and noon of 14 March 2025.
func newActivation(t testing.TB) splio.Activation {
	t.Helper()
	a := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping:     people(),
		State:       filepath.Join(t.TempDir(), "state"),
		Insert:      true,
		Now:         march(14),
	}
	splio.SetFS(&a, openQuick)
	return a
}

func march(day int) time.Time { return time.Date(2025, time.March, day, 12, 0, 0, 0, time.UTC) }

// fault is how a call of a transport fails.
type fault struct {
	late bool // after it has had its effect
	err  error
}

var errLine = errors.New("the line is dead")

// drop is a drop directory whose calls can be made to fail, and that keeps
// what has arrived in the order of arrival.
type drop struct {
	sftpx.Mem
	calls   []string                               // of Put and Size, in order
	faults  map[int]fault                          // of Put, by its number since calls was cleared, from 0
	each    func(call int) *fault                  // asked when faults has none
	noSize  bool                                   // Size is not supported
	block   func(ctx context.Context, name string) // called by Put first
	done    func()                                 // called by Put last
	temps   []string                               // temporary names, by Put
	arrived []arrival                              // everything, even what was taken since
}

type arrival struct{ name, content string }

func (d *drop) fault(call string) fault {
	n, puts := len(d.calls), d.puts()
	d.calls = append(d.calls, call)
	if f, ok := d.faults[puts]; ok && strings.HasPrefix(call, "put ") {
		return f
	}
	if d.each != nil {
		if f := d.each(n); f != nil {
			return *f
		}
	}
	return fault{}
}

// puts counts the calls of Put.
func (d *drop) puts() (n int) {
	for _, c := range d.calls {
		if strings.HasPrefix(c, "put ") {
			n++
		}
	}
	return n
}

func (d *drop) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	f := d.fault("put " + name)
	d.temps = append(d.temps, temp)
	if d.block != nil {
		d.block(ctx, name)
	}
	if f.err != nil && !f.late {
		return f.err
	}
	if err := d.Mem.Put(ctx, name, temp, body); err != nil {
		return err
	}
	data, err := d.ReadFile(name)
	if err != nil {
		return err
	}
	d.arrived = append(d.arrived, arrival{name, string(data)})
	if d.done != nil {
		d.done()
	}
	return f.err
}

func (d *drop) Size(ctx context.Context, name string) (int64, error) {
	f := d.fault("size " + name)
	if f.err != nil {
		return 0, f.err
	}
	if d.noSize {
		return 0, fmt.Errorf("drop: %w", errors.ErrUnsupported)
	}
	return d.Mem.Size(ctx, name)
}

func sectionOf(s string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(s), 0, int64(len(s)))
}

// take removes all files, as their reader does.
func (d *drop) take(t testing.TB) {
	t.Helper()
	for _, n := range d.Names() {
		if err := d.Remove(n); err != nil {
			t.Fatal(err)
		}
	}
}

// untouched is a transport that must not be called.
type untouched struct{ t testing.TB }

func (u untouched) Put(_ context.Context, name, _ string, _ *io.SectionReader) error {
	u.t.Errorf("Put of %q was called", name)
	return errLine
}

func (u untouched) Size(_ context.Context, name string) (int64, error) {
	u.t.Errorf("Size of %q was called", name)
	return 0, errLine
}

// readStrict takes a contacts file apart, with rules of its own: cells are
// separated by ";" and may stand in quotes, quotes are doubled inside, and \"
// inside quotes is refused, because readers do not agree on what it means.
func readStrict(data string) (rows [][]string, err error) {
	var row []string
	for i, line := 0, 1; i < len(data); line++ {
		row = nil
		for more := true; more; {
			var cell strings.Builder
			quoted := data[i] == '"'
			if quoted {
				i++
			}
			for ; ; i++ {
				if i == len(data) {
					return nil, fmt.Errorf("line %d does not end", line)
				}
				c := data[i]
				switch {
				case c == '\n' && quoted, c == '\r', c == '"' && !quoted:
					return nil, fmt.Errorf("line %d: %q is out of place", line, c)
				case c == '\\' && quoted && strings.HasPrefix(strings.TrimLeft(data[i:], `\`), `"`):
					return nil, fmt.Errorf("line %d: a backslash before a quote", line)
				case c == '"' && i+1 < len(data) && data[i+1] == '"':
					i++
				case c == '"':
					quoted = false
					i++
					if i == len(data) || data[i] != ';' && data[i] != '\n' {
						return nil, fmt.Errorf("line %d: text after the closing quote", line)
					}
					c = data[i]
				}
				if (c == ';' || c == '\n') && !quoted {
					more = c == ';'
					i++
					break
				}
				cell.WriteByte(data[i])
			}
			row = append(row, cell.String())
			if more && i == len(data) {
				return nil, fmt.Errorf("line %d does not end", line)
			}
		}
		if len(rows) > 0 && len(row) != len(rows[0]) {
			return nil, fmt.Errorf("line %d has %d cells, the header %d", line, len(row), len(rows[0]))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// universe is a model of the contacts that Splio holds, by key.
type universe struct {
	create   bool // files may create contacts, but for those of a sub-sequence "update"
	contacts map[string]map[string]string
	read     int // arrivals that were imported
}

func newUniverse(create bool) *universe {
	return &universe{create: create, contacts: make(map[string]map[string]string)}
}

// imports reads what has arrived since the last call.
func (u *universe) imports(t testing.TB, d *drop) {
	t.Helper()
	for _, a := range d.arrived[u.read:] {
		rows, err := readStrict(a.content)
		if err != nil || len(rows) < 2 {
			t.Fatalf("file %s with %d rows: %v", a.name, len(rows), err)
		}
		seen := make(map[string]bool)
		for _, row := range rows[1:] {
			if seen[row[0]] {
				t.Fatalf("file %s has a key twice", a.name)
			}
			seen[row[0]] = true
			if strings.Contains(a.name, "_deletecontacts_") {
				delete(u.contacts, row[0])
				continue
			}
			c := u.contacts[row[0]]
			if c == nil {
				if !u.create || strings.Contains(a.name, "_update_") {
					continue
				}
				c = make(map[string]string)
				u.contacts[row[0]] = c
			}
			for i, v := range row[1:] {
				c[rows[0][i+1]] = v
			}
		}
	}
	u.read = len(d.arrived)
}

// counts writes the counts of a report that are not zero, and checks that they
// balance and that the files hold as many rows as were counted.
func counts(t testing.TB, r *splio.Report) string {
	t.Helper()
	if r == nil {
		t.Fatal("there is no report")
	}
	if r.Read != r.Rejected+r.Duplicate+r.HeldBack+r.Unchanged+r.Inserted+r.Updated {
		t.Errorf("the counts do not balance: %+v", r)
	}
	rows := int64(0)
	for _, f := range r.Files {
		rows += f.Rows
	}
	if rows != r.Inserted+r.Updated+r.LeftRows+r.Deleted {
		t.Errorf("%d rows for %d records inserted and %d updated", rows, r.Inserted, r.Updated)
	}
	var out []string
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"read", r.Read}, {"rejected", r.Rejected}, {"duplicate", r.Duplicate}, {"held", r.HeldBack}, {"unchanged", r.Unchanged},
		{"inserted", r.Inserted}, {"updated", r.Updated}, {"left", r.Left}, {"uncertain", r.Uncertain},
		{"leftrows", r.LeftRows}, {"deleted", r.Deleted},
	} {
		if c.n != 0 {
			out = append(out, fmt.Sprintf("%s=%d", c.name, c.n))
		}
	}
	if r.First {
		out = append(out, "first")
	}
	return strings.Join(out, " ")
}

// tree is the files and directories below dir, each with its mode and a hash.
// Only the lock file has no hash: it names the last holder.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %s", strings.TrimPrefix(path, dir), info.Mode())
		if !e.IsDir() && e.Name() != "snapshot.lock" {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		out = append(out, line)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

// files are the names below dir.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	for _, line := range tree(t, dir) {
		name, _, _ := strings.Cut(line, " ")
		out = append(out, strings.TrimPrefix(filepath.ToSlash(name), "/"))
	}
	return out[1:]
}

// settled checks that a state directory holds what it does after a delivery,
// and nothing else.
func settled(t testing.TB, dir string, without ...string) {
	t.Helper()
	want := []string{"history", "ledger", "outbox", "snapshot.current", "snapshot.key", "snapshot.lock"}
	want = slices.DeleteFunc(want, func(name string) bool { return slices.Contains(without, name) })
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("the state directory holds %q, want %q", got, want)
	}
}

// mustRun runs an activation that must succeed.
func mustRun(t testing.TB, a splio.Activation, src mapping.Source, d splio.Transport) *splio.Report {
	t.Helper()
	r, err := a.Run(t.Context(), src, d)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	counts(t, r)
	return r
}

func mustPlan(t testing.TB, a splio.Activation, src mapping.Source) *splio.Plan {
	t.Helper()
	p, err := a.Plan(t.Context(), src)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	counts(t, &p.Report)
	return p
}

// names are the names of the files of a report.
func names(r *splio.Report) (out []string) {
	for _, f := range r.Files {
		out = append(out, f.Name)
	}
	return out
}
