package diff_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
)

// many is a work whose snapshots are two files.
var many = work{memory: tiny / 2}

// recordsFile is the name of the file with the records of the current snapshot.
func recordsFile(t *testing.T, dir string) string {
	t.Helper()
	l, ok := parse([]byte(tree(t, dir)["snapshot.current"]))
	if !ok || l.body == [16]byte{} {
		t.Fatal("the snapshot has no file with records")
	}
	return fmt.Sprintf("snapshot.records-%x", l.body)
}

// A run that is stale when it is staged says so, even though its records are gone.
func TestStaleWithoutRecords(t *testing.T) {
	for _, text := range []bool{false, true} {
		w := many
		w.text, w.lean = text, text
		dir := t.TempDir()
		s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
		w.deliver(t, s, wide(40, "old"))
		r := begin(t, s, "a b", w.options().Tiny(w.memory, 2))
		if err := w.putAll(r, append(wide(39, "old"), in{key: "key39", cells: []string{"new", "39"}})); err != nil {
			t.Fatal(err)
		}
		compare(t, r)
		before := recordsFile(t, dir)
		if n, err := s.MarkDue(t.Context(), keys("key1")); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if recordsFile(t, dir) == before {
			t.Fatal("the records are not written anew")
		}
		id := stage(t, r)
		if err := s.Verify(t.Context(), id); !errors.Is(err, diff.ErrStale) {
			t.Errorf("Verify: %v", err)
		}
		if err := s.Publish(t.Context(), id); !errors.Is(err, diff.ErrStale) {
			t.Errorf("Publish: %v", err)
		}
		if err := s.Discard(id); err != nil {
			t.Error(err)
		}
	}
}

// A key that was gone before it is forgotten leaves nothing behind either.
func TestForgetGone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
	records := wide(40, "old")
	many.deliver(t, s, records)
	file := recordsFile(t, dir)
	many.deliver(t, s, slices.Concat(records[:7], records[8:]))
	if recordsFile(t, dir) != file {
		t.Fatal("the records were written anew")
	}
	if n, err := s.MarkDue(t.Context(), keys("key7")); n != 0 || err != nil || recordsFile(t, dir) != file {
		t.Errorf("a mark for nobody: %d, %v", n, err)
	}
	if n, err := s.Forget(t.Context(), keys("key7")); n != 0 || err != nil {
		t.Errorf("forgotten %d, %v", n, err)
	}
	digest := newOracle(goldKey).record(records[7], 0, []string{"a", "b"})[:16]
	for name, data := range tree(t, dir) {
		if strings.Contains(data, string(digest)) {
			t.Errorf("%s still knows the key", name)
		}
	}
	if !holds(t, s, slices.Concat(records[:7], records[8:])...) {
		t.Error("the others are not what they were")
	}
	files := fmt.Sprint(tree(t, dir))
	if n, err := s.Forget(t.Context(), keys("key7")); n != 0 || err != nil || fmt.Sprint(tree(t, dir)) != files {
		t.Errorf("once more: %d, %v, or the files are others", n, err)
	}
}

// replaces does something when a file with records is first opened.
type replaces struct {
	vfs.FS
	meanwhile func()
}

func (r *replaces) OpenFile(name string, flag int) (vfs.File, error) {
	if do := r.meanwhile; do != nil && strings.HasPrefix(name, "snapshot.records-") {
		r.meanwhile = nil
		do()
	}
	return r.FS.OpenFile(name, flag)
}

// Whoever only reads is not told of damage when the snapshot is replaced at the
// same time.
func TestReadWhileReplaced(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
	many.deliver(t, s, wide(40, "old"))
	fsys := &replaces{FS: osFS(t, dir)}
	reader := open(t, dir, diff.Options{ReadOnly: true, FS: fsys})
	fsys.meanwhile = func() { many.deliver(t, s, wide(40, "new")) } // changes that go into the same records
	if !holds(t, reader, wide(40, "old")...) {
		t.Error("the snapshot is not the one of before")
	}
	fsys.meanwhile = func() { many.deliver(t, s, wide(41, "newer")) }
	if !holds(t, reader, wide(41, "newer")...) {
		t.Error("the snapshot is not the one of after")
	}
	id := newRun(t, s, wide(3, "x")...)
	staged := newRun(t, s, wide(41, "newer")...)
	fsys.meanwhile = func() { publish(t, s, id) }
	if _, err := reader.Lookup(t.Context(), staged, []byte("key1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a candidate that is removed meanwhile: %v", err)
	}
}

// pair is a small snapshot of two files, with texts, notes, and records of all
// kinds that the second one can hold.
func pair() (records, snapshot layout) {
	o := newOracle(goldKey)
	columns := []string{"a", "b"}
	records = layout{bits: 1, columns: columns, scope: "acme/email", check: o.check}
	_, records.texted = o.rendering("r")
	copy(records.id[:], "golden, records.")
	var recs [][]byte
	for i := range 8 {
		r := rec(fmt.Sprint("key", i), "1 2")
		r.text, r.note = o.text("r", fmt.Sprint("the text of ", i)), byte(i%2)
		recs = append(recs, o.record(r, []byte{0, unconfirmed, due}[i%3], columns))
	}
	for _, r := range recs {
		records.add(r)
	}
	records.addTexts()
	snapshot = records
	copy(snapshot.id[:], "golden, changes.")
	snapshot.body, snapshot.blocks, snapshot.texts, snapshot.notes = records.id, nil, nil, []string{"a note"}
	snapshot.change(records, "key0", 0)
	snapshot.change(records, "key3", 64)
	more := o.record(rec("key8", "3 4"), 0, columns)
	snapshot.add(le.AppendUint32(more, 0))
	return records, snapshot
}

// fit cuts blocks that were laid out for records of another size.
func (l *layout) fit() {
	for i, b := range l.blocks {
		l.blocks[i].records = b.records[:len(b.records)/l.size()*l.size()]
	}
}

// addTexts adds the texts of all records that can be known by them.
func (l *layout) addTexts() {
	place := uint32(0)
	var all [][]byte
	for _, b := range l.blocks {
		for r := range slices.Chunk(b.records, l.size()) {
			if text := le.Uint64(r[25:]); text != 0 && r[24]&(due|noRow) == 0 {
				at := place | uint32(r[24]&unconfirmed)<<30
				if r[33] > 0 {
					at |= 1 << 31
				}
				e := slices.Clone(r[25:33])
				slices.Reverse(e)
				all = append(all, le.AppendUint32(e, at))
			}
			place++
		}
	}
	slices.SortFunc(all, bytes.Compare)
	l.texts = slices.Concat(all...)
}

// change adds a record in place of one of a file.
func (l *layout) change(file layout, key string, flags byte) {
	place := uint32(1)
	k := newOracle(goldKey).record(rec(key, "5 6"), flags, l.columns)
	for _, b := range file.blocks {
		for r := range slices.Chunk(b.records, file.size()) {
			if bytes.Equal(r[:16], k[:16]) {
				l.add(le.AppendUint32(k, place))
			}
			place++
		}
	}
}

// over is the file of a snapshot that says what has changed in one with records.
func (l layout) over(file layout) []byte {
	gone := map[string]bool{}
	all := map[string]byte{}
	for _, b := range l.blocks {
		for r := range slices.Chunk(b.records, l.size()) {
			gone[string(r[:16])] = true
			if r[24]&64 == 0 {
				all[string(r[:16])] = r[24]
			}
		}
	}
	for _, b := range file.blocks {
		for r := range slices.Chunk(b.records, file.size()) {
			if !gone[string(r[:16])] {
				all[string(r[:16])] = r[24]
			}
		}
	}
	out := l.header()
	for i := range l.blocks {
		out = append(out, l.block(i)...)
	}
	out = append(out, l.textBlocks()...)
	var u, d uint64
	for _, flags := range all {
		u += uint64(flags & unconfirmed)
		d += uint64(flags & due / due)
	}
	return append(out, l.end(len(out), uint64(len(all)), u, d)...)
}

// pairFS is a directory that can only be read, with a snapshot of two files.
func pairFS(records, snapshot []byte) memory {
	r, _ := pair()
	return memory{"snapshot.current": snapshot, fmt.Sprintf("snapshot.records-%x", r.id): records}
}

// Whatever byte is another, and wherever either file ends, whoever reads it says so:
// of the texts behind the records only runs by text, and who reads all for others.
func TestPairDamage(t *testing.T) {
	t.Parallel()
	r, s := pair()
	records, snapshot := r.bytes(), s.over(r)
	texts := len(records) - len(r.end(0, 0, 0, 0)) - len(r.textBlocks())
	name := fmt.Sprintf("snapshot.records-%x", r.id)
	dir := t.TempDir()
	fsys := quick{osFS(t, dir)}
	id := fmt.Sprintf("%x", s.id)
	read := func(records, snapshot []byte, marks bool) map[string]error {
		s := open(t, "mem", diff.Options{Scope: "acme/email", Key: goldKey, ReadOnly: true, FS: pairFS(records, snapshot)})
		_, lookup := s.Lookup(t.Context(), "", []byte("key1"))
		errs := map[string]error{"a run": readAll(t.Context(), s, []string{"a", "b"}), "a lean run": readLean(t.Context(), s), "a run by text": readText(t.Context(), s), "Lookup": lookup}
		if !marks {
			return errs
		}
		for n, data := range map[string][]byte{name: records, "snapshot.staged-" + id: snapshot} {
			if err := os.WriteFile(filepath.Join(dir, n), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		store, err := diff.Open(dir, diff.Options{Scope: "acme/email", Key: goldKey, FS: fsys}) // which has not read it
		if err != nil {
			t.Fatal(err)
		}
		errs["Verify"] = store.Verify(t.Context(), id)
		if err := os.Rename(filepath.Join(dir, "snapshot.staged-"+id), filepath.Join(dir, "snapshot.current")); err != nil {
			t.Fatal(err)
		}
		_, errs["MarkDue"] = store.MarkDue(t.Context(), keys("nobody"))
		_, errs["Forget"] = store.Forget(t.Context(), keys("nobody"))
		if err := errors.Join(store.Close(), os.Remove(filepath.Join(dir, "snapshot.current"))); err != nil {
			t.Fatal(err)
		}
		return errs
	}
	check := func(what string, errs map[string]error, path string, unseen ...string) {
		t.Helper()
		for who, err := range errs {
			if slices.Contains(unseen, who) {
				if err != nil {
					t.Errorf("%s: %s: %v", what, who, err)
				}
				continue
			}
			se, ok := errors.AsType[*diff.StateError](err)
			if !ok || !errors.Is(err, diff.ErrDamaged) && !errors.Is(err, diff.ErrForeign) && !errors.Is(err, diff.ErrVersion) {
				t.Errorf("%s: %s: %v", what, who, err)
			} else if base := filepath.Base(se.Path); base != path && !(path == "snapshot.current" && base == "snapshot.staged-"+id) {
				t.Errorf("%s: %s: the path is %s", what, who, se.Path)
			}
		}
	}
	all := []string{"a run", "a lean run", "a run by text", "Lookup", "Verify", "MarkDue", "Forget"}
	untexted := slices.DeleteFunc(slices.Clone(all), func(who string) bool { return who == "a run by text" || who == "Verify" })
	check("whole", read(records, snapshot, true), "", all...)
	for i := range records {
		b := slices.Clone(records)
		b[i] ^= 1 << (i % 8)
		if errs, what := read(b, snapshot, i%6 == 0), fmt.Sprintf("byte %d of the records", i); i >= texts && i < texts+len(r.textBlocks()) {
			check(what, errs, name, untexted...)
		} else {
			check(what, errs, name)
		}
		check(fmt.Sprintf("records of %d bytes", i), read(records[:i], snapshot, i%16 == 0), name)
	}
	for i := range snapshot {
		b := slices.Clone(snapshot)
		b[i] ^= 1 << (i % 8)
		check(fmt.Sprintf("byte %d of the changes", i), read(records, b, i%6 == 0), "snapshot.current")
		check(fmt.Sprintf("changes of %d bytes", i), read(records, snapshot[:i], i%16 == 0), "snapshot.current")
	}
	older := r
	older.id[0]++
	other := r
	other.texted[7]++
	for what, file := range map[string][]byte{"of another snapshot": older.bytes(), "under another Rendering": other.bytes(), "missing": nil} {
		errs := read(file, snapshot, file != nil)
		if file == nil {
			fsys := pairFS(nil, snapshot)
			delete(fsys, name)
			s := open(t, "mem", diff.Options{Scope: "acme/email", Key: goldKey, ReadOnly: true, FS: fsys})
			errs = map[string]error{"a run": readAll(t.Context(), s, []string{"a", "b"}), "a run by text": readText(t.Context(), s)}
		}
		check(what, errs, name)
	}
}
