package diff_test

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
)

// nul stands for an absent cell in the tables.
const nul = "\x00"

// in is a record of the segment. Its number is its place, from 1.
type in struct {
	key   string   // nul: unusable
	cells []string // nil: rejected
	text  uint64   // the digest of its text, in files
	note  byte     // its number, in files
}

// rec is a valid record, its cells separated by spaces: "_" is an empty cell,
// "~" an absent one.
func rec(key, cells string) in {
	r := in{key: key, cells: []string{}}
	for c := range strings.FieldsSeq(cells) {
		r.cells = append(r.cells, map[string]string{"_": "", "~": nul}[c])
		if c != "_" && c != "~" {
			r.cells[len(r.cells)-1] = c
		}
	}
	return r
}

func bad(key string) in { return in{key: key} }

func (r in) bytes() (key []byte, cells [][]byte) {
	if r.key != nul {
		key = []byte(r.key)
	}
	if r.cells == nil {
		return key, nil
	}
	cells = make([][]byte, len(r.cells))
	for i, c := range r.cells {
		if c != nul {
			cells[i] = []byte(c)
		}
	}
	return key, cells
}

func open(t testing.TB, dir string, o diff.Options) *diff.Store {
	t.Helper()
	s, err := diff.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func begin(t testing.TB, s *diff.Store, columns string, o diff.RunOptions) *diff.Run {
	t.Helper()
	r, err := s.Begin(t.Context(), strings.Fields(columns), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func put(t testing.TB, r *diff.Run, records ...in) {
	t.Helper()
	f := r.Feed()
	for i, rec := range records {
		key, cells := rec.bytes()
		if err := f.Put(int64(i+1), key, cells); err != nil {
			t.Fatal(err)
		}
	}
}

func compare(t testing.TB, r *diff.Run) *diff.Summary {
	t.Helper()
	sum, err := r.Compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func stage(t testing.TB, r *diff.Run) string {
	t.Helper()
	id, err := r.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func publish(t testing.TB, s *diff.Store, id string) {
	t.Helper()
	if err := s.Publish(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// deliver does a whole run with one column for each cell of the first record.
func deliver(t testing.TB, s *diff.Store, o diff.RunOptions, records ...in) string {
	t.Helper()
	r := begin(t, s, "a b", o)
	put(t, r, records...)
	compare(t, r)
	id := stage(t, r)
	publish(t, s, id)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// keys is a sequence for Known and MarkDue.
func keys(names ...string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, n := range names {
			if !yield([]byte(n), nil) {
				return
			}
		}
	}
}

// changes writes what Changes yields, like "1:new[a b] 4:changed[b]? gone".
func changes(t testing.TB, r *diff.Run, columns []string) string {
	t.Helper()
	var out []string
	for c, err := range r.Changes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, changeText(c, columns))
	}
	return strings.Join(out, " ")
}

func changeText(c *diff.Change, columns []string) string {
	if c.Kind == diff.Gone || c.Kind == diff.Conflict {
		if c.Columns.Len() != 0 || c.Unconfirmed {
			return "columns of a " + c.Kind.String()
		}
		if c.Kind == diff.Gone {
			return "gone"
		}
		return fmt.Sprintf("%d:%v", c.Seq, c.Kind)
	}
	var names []string
	for i := range c.Columns.All() {
		names = append(names, columns[i])
	}
	text := fmt.Sprintf("%d:%v[%s]", c.Seq, c.Kind, strings.Join(names, " "))
	if c.Unconfirmed {
		text += "?"
	}
	return text
}

// counts writes the counts of a summary that are not zero.
func counts(s *diff.Summary) string {
	var out []string
	add := func(name string, n int64) {
		if n != 0 {
			out = append(out, fmt.Sprintf("%s=%d", name, n))
		}
	}
	add("read", s.Read)
	add("rejected", s.Rejected)
	add("unusable", s.Unusable)
	add("conflicting", s.Conflicting)
	add("duplicate", s.Duplicate)
	add("heldback", s.HeldBack)
	add("unchanged", s.Unchanged)
	add("new", s.New)
	add("changed", s.Changed)
	add("due", s.Due)
	add("previous", s.Previous)
	add("gone", s.Gone)
	add("kept", s.Kept)
	for _, c := range s.Columns {
		add(c.Name, c.Changed)
		if c.Added {
			out = append(out, "+"+c.Name)
		}
	}
	for _, d := range s.Dropped {
		out = append(out, "-"+d)
	}
	return strings.Join(out, " ")
}

func balance(t testing.TB, s *diff.Summary) {
	t.Helper()
	if sum := s.Rejected + s.Conflicting + s.Duplicate + s.HeldBack + s.Unchanged + s.New + s.Changed + s.Due; sum != s.Read {
		t.Errorf("the counts do not balance: %+v", *s)
	}
}

// tree returns the files of a directory, by name.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

func names(t testing.TB, dir string) []string {
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

// quick leaves out what only a power cut would notice, so that tests which do
// not ask about it are fast on any disk.
type quick struct{ vfs.FS }

func (q quick) SyncDir(string) error { return nil }

func (q quick) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := q.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}

type quickFile struct{ vfs.File }

func (quickFile) Sync() error { return nil }

func osFS(t testing.TB, dir string) vfs.FS {
	t.Helper()
	fsys, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

// memory is a directory that can only be read.
type memory map[string][]byte

func (m memory) OpenFile(name string, flag int) (vfs.File, error) {
	data, ok := m[name]
	if !ok || flag != os.O_RDONLY {
		return nil, os.ErrNotExist
	}
	return memoryFile{bytes.NewReader(data)}, nil
}

func (m memory) ReadDir(string) ([]string, error) {
	var out []string
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out, nil
}

func (memory) Rename(string, string) error   { return os.ErrPermission }
func (memory) Remove(string) error           { return os.ErrPermission }
func (memory) Mkdir(string) error            { return os.ErrPermission }
func (memory) SyncDir(string) error          { return os.ErrPermission }
func (memory) Lock(string) (vfs.Lock, error) { return nil, os.ErrPermission }
func (memory) Free() (int64, error)          { return 0, os.ErrPermission }
func (memory) Close() error                  { return nil }

type memoryFile struct{ *bytes.Reader }

func (memoryFile) Write([]byte) (int, error) { return 0, os.ErrPermission }
func (memoryFile) Sync() error               { return os.ErrPermission }
func (memoryFile) Close() error              { return nil }
func (f memoryFile) Size() (int64, error)    { return f.Reader.Size(), nil }

var _ io.ReaderAt = memoryFile{}
