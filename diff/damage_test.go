package diff_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// goldStore is a directory with this snapshot and an open store.
func goldStore(t *testing.T, snapshot []byte) (string, *diff.Store) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "snapshot.current"), snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, open(t, dir, diff.Options{Scope: "acme/email", Key: goldKey, FS: quick{osFS(t, dir)}})
}

// readAll is everything that reads the current snapshot.
func readAll(ctx context.Context, s *diff.Store, columns []string) error {
	r, err := s.Begin(ctx, columns, diff.RunOptions{})
	if err != nil {
		return err
	}
	_, err = r.Compare(ctx)
	return errors.Join(err, r.Close())
}

// readLean is readAll in a lean run, if the columns are the right ones.
func readLean(ctx context.Context, s *diff.Store) error {
	r, err := s.Begin(ctx, []string{"a", "b"}, diff.RunOptions{Again: func(context.Context, iter.Seq[int64]) error {
		return errors.New("nothing was put")
	}})
	if err != nil {
		return err
	}
	_, err = r.Compare(ctx)
	return errors.Join(err, r.Close())
}

// readText is readAll in a run by text, if the columns are the right ones.
func readText(ctx context.Context, s *diff.Store) error {
	r, err := s.Begin(ctx, []string{"a", "b"}, diff.RunOptions{Rendering: "r", Again: func(context.Context, iter.Seq[int64]) error {
		return errors.New("nothing was put")
	}})
	if err != nil {
		return err
	}
	_, err = r.Compare(ctx)
	return errors.Join(err, r.Close())
}

// refused checks that a snapshot is refused by everything that reads it, and
// left alone.
func refused(t *testing.T, name string, snapshot []byte, dir string, s *diff.Store, sentinels ...error) {
	t.Helper()
	path := filepath.Join(dir, "snapshot.current")
	if err := os.WriteFile(path, snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	errs := map[string]error{"a run": readAll(t.Context(), s, []string{"a"}), "a lean run": readLean(t.Context(), s), "a run by text": readText(t.Context(), s)}
	if !strings.HasPrefix(name, "key twice") { // MarkDue and Forget have no need to know all keys at once
		_, errs["MarkDue"] = s.MarkDue(t.Context(), keys("ann"))
		_, errs["Forget"] = s.Forget(t.Context(), keys("ann"))
	}
	for what, err := range errs {
		se, ok := errors.AsType[*diff.StateError](err)
		if !ok || !slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) }) {
			t.Errorf("%s: %s: got %v", name, what, err)
			continue
		}
		if se.Path != filepath.Join(dir, "snapshot.current") && !errors.Is(err, diff.ErrKey) {
			t.Errorf("%s: %s: the path is %s", name, what, se.Path)
		}
		if wayOut := "move the directory " + dir + " away and run once with Refresh, which sends every record once more"; !strings.Contains(err.Error(), wayOut) &&
			(errors.Is(err, diff.ErrDamaged) || errors.Is(err, diff.ErrKey)) {
			t.Errorf("%s: %s: no way out in %v", name, what, err)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, snapshot) {
		t.Errorf("%s: the file was altered (%v)", name, err)
	}
	if left := names(t, dir); slices.ContainsFunc(left, func(n string) bool { return strings.Contains(n, "tmp") }) {
		t.Errorf("%s: left behind %q", name, left)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	l, _ := gold()
	l.columns = []string{"a", "b"}
	l.blocks = nil
	o := newOracle(goldKey)
	for i := range 4 { // two blocks of one partition, and the same size
		l.add(o.record(rec(fmt.Sprint("key", i), "1 2"), byte(i), l.columns))
	}
	whole := l.bytes()
	dir, s := goldStore(t, whole)
	if err := readAll(t.Context(), s, []string{"a", "b"}); err != nil {
		t.Fatalf("the whole file: %v", err)
	}
	if n, err := s.MarkDue(t.Context(), keys("key1", "key2", "no")); n != 2 || err != nil {
		t.Fatalf("MarkDue on the whole file: %d, %v", n, err)
	}
	for n := range len(whole) {
		refused(t, fmt.Sprintf("truncated to %d", n), whole[:n], dir, s, diff.ErrDamaged)
	}
	for i := range whole {
		b := slices.Clone(whole)
		b[i] ^= 1 << (i % 8)
		want := []error{diff.ErrDamaged}
		switch {
		case i < 8:
			want = []error{diff.ErrForeign}
		case i < 10:
			want = []error{diff.ErrVersion}
		}
		refused(t, fmt.Sprintf("byte %d altered", i), b, dir, s, want...)
	}
	for _, more := range []string{"\x00", "\n", "spsnend\n", string(whole), strings.Repeat("x", 300<<10)} {
		refused(t, fmt.Sprintf("%d bytes more", len(more)), append(slices.Clone(whole), more...), dir, s, diff.ErrDamaged)
	}
	for i := 0; i < len(whole); i += 5 {
		refused(t, fmt.Sprintf("without byte %d", i), slices.Delete(slices.Clone(whole), i, i+1), dir, s, diff.ErrDamaged, diff.ErrForeign, diff.ErrVersion)
	}
}

// Snapshots whose every checksum is right, and which are wrong all the same.
func TestCrafted(t *testing.T) {
	l, _ := gold()
	l.columns, l.blocks, l.bits = []string{"a"}, nil, 8
	o := newOracle(goldKey)
	record := func(key string, flags byte) []byte { return o.record(rec(key, "1"), flags, l.columns) }
	l.add(record("ann", 0))
	l.add(record("ben", unconfirmed))
	l.add(record("cat", due))
	if len(l.blocks) != 3 {
		t.Fatal("the keys share a partition")
	}
	with := func(change func(l *layout)) []byte {
		c := l
		c.blocks = slices.Clone(l.blocks)
		change(&c)
		return c.bytes()
	}
	raw := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	ended := func(l layout, records, unconfirmed, due uint64, parts ...[]byte) []byte {
		b := raw(parts...)
		return append(b, l.end(len(b), records, unconfirmed, due)...)
	}
	two := l
	two.blocks = l.blocks[:2]
	hugeBlock := func(n uint32) []byte {
		head := le.AppendUint32(le.AppendUint32(nil, 0), n)
		return le.AppendUint32(head, 0)
	}
	none := l
	none.blocks = nil
	wide257, fine, talky := l, l, l
	talky.notes = slices.Repeat([]string{"note"}, 256)
	wide257.columns, wide257.blocks = nil, nil
	for i := range 257 {
		wide257.columns = append(wide257.columns, fmt.Sprint("c", i))
	}
	wide257.add(o.record(in{key: "ann", cells: wide257.columns}, 0, wide257.columns))
	fine.bits, fine.blocks = 17, nil
	fine.add(record("ann", 0))
	// header returns the header with some bytes replaced and its checksum right.
	header := func(at int, b ...byte) []byte {
		h := l.header()
		h = h[:len(h)-4]
		copy(h[at:], b)
		h = le.AppendUint32(h, sum32(h))
		return append(h, l.bytes()[len(h):]...)
	}

	for _, c := range []struct {
		name, reason string
		file         []byte
		want         error
	}{
		{"empty", "a crash of another program, or a full disk", nil, diff.ErrDamaged},
		{"another format", "magic", []byte(strings.Repeat("PK\x03\x04", 100)), diff.ErrForeign},
		{"newer version", "to be read by a newer package alone", header(8, 2, 0), diff.ErrVersion},
		{"unknown digests", "", header(10, 2), diff.ErrDamaged},
		{"17 partition bits", "the largest is 16", header(11, 17), diff.ErrDamaged},
		{"257 columns", "the largest is 256", header(12, 1, 1), diff.ErrDamaged},
		{"65,535 columns", "", header(12, 255, 255), diff.ErrDamaged},
		{"257 columns, whole", "all else is right", wide257.bytes(), diff.ErrDamaged},
		{"17 partition bits, whole", "all else is right", fine.bytes(), diff.ErrDamaged},
		{"256 notes, whole", "the largest number is 255", talky.bytes(), diff.ErrDamaged},
		{"note of 1,025 bytes, whole", "the largest has 1,024", with(func(l *layout) { l.notes = []string{"", strings.Repeat("n", 1025)} }), diff.ErrDamaged},
		{"scope of 65,535 bytes", "", header(14, 255, 255), diff.ErrDamaged},
		{"no id", "zero is no snapshot", with(func(l *layout) { l.id = [16]byte{} }), diff.ErrDamaged},
		{"foreign scope", "", with(func(l *layout) { l.scope = "acme/phone" }), diff.ErrForeign},
		{"scope that is a prefix", "", with(func(l *layout) { l.scope = "acme" }), diff.ErrForeign},
		{"another digest key", "", with(func(l *layout) { l.check[0]++ }), diff.ErrKey},
		{"blocks swapped", "blocks know their number", ended(l, 3, 1, 1, l.header(), l.block(1), l.block(0), l.block(2)), diff.ErrDamaged},
		{"block twice", "", ended(l, 4, 1, 1, l.header(), l.block(0), l.block(0), l.block(1), l.block(2)), diff.ErrDamaged},
		{"block missing", "", ended(l, 2, 1, 0, l.header(), l.block(0), l.block(1)), diff.ErrDamaged},
		{"block of another file", "blocks know their file", func() []byte {
			other := l
			other.id[3]++
			return ended(l, 3, 1, 1, l.header(), l.block(0), other.block(1), l.block(2))
		}(), diff.ErrDamaged},
		{"partitions that descend", "order is part of the format", with(func(l *layout) { l.blocks[0], l.blocks[2] = l.blocks[2], l.blocks[0] }), diff.ErrDamaged},
		{"record in another's partition", "it would never be found", with(func(l *layout) { l.blocks[0].records = l.blocks[1].records }), diff.ErrDamaged},
		{"partition beyond the bits", "", with(func(l *layout) { l.blocks[2].partition = 256 }), diff.ErrDamaged},
		{"unknown flag", "", with(func(l *layout) { r := slices.Clone(l.blocks[0].records); r[24] = 64; l.blocks[0].records = r }), diff.ErrDamaged},
		{"unknown note", "it would count as something that nobody knows", with(func(l *layout) { r := slices.Clone(l.blocks[0].records); r[33] = 3; l.blocks[0].records = r }), diff.ErrDamaged},
		{"key twice in a block", "", with(func(l *layout) { l.blocks[0].records = slices.Repeat(l.blocks[0].records, 2) }), diff.ErrDamaged},
		{"key twice in two blocks", "", with(func(l *layout) { l.blocks = slices.Insert(l.blocks, 1, l.blocks[0]) }), diff.ErrDamaged},
		{"empty block", "none is written", with(func(l *layout) { l.blocks[0].records = nil }), diff.ErrDamaged},
		{"block too large", "a block has at most 64 KiB of records", with(func(l *layout) {
			l.blocks[0].records = slices.Repeat(l.blocks[0].records, 64<<10/38+1)
		}), diff.ErrDamaged},
		{"2^31 records", "a length that is negative where an int has 32 bits", raw(l.header(), hugeBlock(1<<31), l.bytes()), diff.ErrDamaged},
		{"2^32-1 records", "", raw(l.header(), hugeBlock(1<<32-1), l.bytes()), diff.ErrDamaged},
		{"2^32/29 records", "a size that wraps around 32 bits", raw(l.header(), hugeBlock(148102321), l.bytes()), diff.ErrDamaged},
		{"no end record", "truncated where a block ends", l.bytes()[:len(l.bytes())-86], diff.ErrDamaged},
		{"only a header", "", l.header(), diff.ErrDamaged},
		{"records miscounted", "", ended(l, 4, 1, 1, l.header(), l.block(0), l.block(1), l.block(2)), diff.ErrDamaged},
		{"unconfirmed miscounted", "", ended(l, 3, 0, 1, l.header(), l.block(0), l.block(1), l.block(2)), diff.ErrDamaged},
		{"due miscounted", "", ended(l, 3, 1, 0, l.header(), l.block(0), l.block(1), l.block(2)), diff.ErrDamaged},
		{"end of another file", "", ended(none, 3, 1, 1, l.header(), l.block(0), l.block(1), l.block(2)), diff.ErrDamaged},
		{"end magic", "", append(l.bytes()[:len(l.bytes())-1], ' '), diff.ErrDamaged},
		{"blocks that are not counted", "", ended(two, 3, 1, 1, l.header(), l.block(0), l.block(1), l.block(2)), diff.ErrDamaged},
		{"bytes between the blocks and the end", "", ended(l, 3, 1, 1, l.header(), l.block(0), l.block(1), l.block(2), []byte("x")), diff.ErrDamaged},
		{"an end record elsewhere", "", func() []byte {
			b := l.bytes()
			e := b[len(b)-86:]
			le.PutUint64(e[66:], le.Uint64(e[66:])-1)
			le.PutUint32(e[74:], sum32(l.id[:], e[:74]))
			return b
		}(), diff.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, s := goldStore(t, c.file)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			refused(t, c.name, c.file, dir, s, c.want)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
				t.Errorf("took %d bytes of memory", n)
			}
			// A candidate like that must not replace a good snapshot.
			cur := l
			cur.id = l.base
			if err := os.WriteFile(filepath.Join(dir, "snapshot.current"), cur.bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			id := hex.EncodeToString(l.id[:])
			if c.name == "no id" {
				return // it has no name either
			}
			staged := filepath.Join(dir, "snapshot.staged-"+id)
			if err := os.WriteFile(staged, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{s.Verify(t.Context(), id), s.Publish(t.Context(), id)} {
				if strings.HasPrefix(c.name, "key twice") {
					break // costs a map of all keys; the next run refuses it
				}
				se, ok := errors.AsType[*diff.StateError](err)
				if !ok || !errors.Is(err, c.want) || se.Path != staged {
					t.Errorf("as a candidate: got %v", err)
				}
				if files := tree(t, dir); files["snapshot.current"] != string(cur.bytes()) || files[filepath.Base(staged)] != string(c.file) {
					t.Error("as a candidate: files were altered")
				}
			}
		})
	}
}

// Files that this version would not write, and must read.
func TestReadable(t *testing.T) {
	o := newOracle(goldKey)
	for _, bits := range []byte{0, 1, 7, 10, 16} {
		l := layout{bits: bits, columns: []string{"a"}, scope: "acme/email", check: o.check, id: [16]byte{1}}
		var recs []in
		for i := range 300 {
			recs = append(recs, rec(fmt.Sprint(i), "1"))
			l.add(o.record(recs[i], 0, l.columns))
		}
		var split []block // every record in a block of its own
		for _, b := range l.blocks {
			for r := range slices.Chunk(b.records, l.size()) {
				split = append(split, block{b.partition, r})
			}
		}
		l.blocks = split
		_, s := goldStore(t, l.bytes())
		r := begin(t, s, "a", diff.RunOptions{})
		put(t, r, append(recs, rec("more", "1"))...)
		if got := counts(compare(t, r)); got != "read=301 unchanged=300 new=1 previous=300" {
			t.Errorf("%d bits: %s", bits, got)
		}
		publish(t, s, stage(t, r))
		if n, err := s.MarkDue(t.Context(), keys("more", "7")); n != 2 || err != nil {
			t.Errorf("%d bits: %d, %v", bits, n, err)
		}
		r.Close()
	}
}

// readBoth reads a snapshot in a run that puts some records, and in one by text that
// takes what it can by their texts.
func readBoth(t *testing.T, fsys memory) (plain, text error) {
	t.Helper()
	s, err := diff.Open("mem", diff.Options{Scope: "acme/email", Key: goldKey, ReadOnly: true, FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	one := func(byText bool) error {
		a := &again{records: make(map[int64]in), texts: make(map[int64][]byte)}
		o := diff.RunOptions{Rendering: "r", Keys: true}.Tiny(0, 1)
		if byText {
			o.Again = a.put
		}
		r, err := s.Begin(t.Context(), []string{"a", "b"}, o)
		if err != nil {
			return err
		}
		a.run = r
		f := r.Feed()
		for seq := range int64(8) {
			a.records[seq+1], a.texts[seq+1] = rec(fmt.Sprint("key", seq), "1 2"), fmt.Append(nil, "the text of ", seq)
			if r.ByText() {
				a.puts(t, f, seq+1)
				continue
			}
			key, cells := a.records[seq+1].bytes()
			if err := f.PutText(seq+1, a.texts[seq+1], key, cells, ""); err != nil {
				t.Fatal(err)
			}
		}
		sum, err := r.Compare(t.Context())
		if err == nil {
			balance(t, sum)
		}
		return errors.Join(err, r.Close())
	}
	return one(false), one(true)
}

func FuzzReader(f *testing.F) {
	const repair, texts = 1, 2 // the checksums, so that the fuzzer gets behind them; the texts of the records
	l, _ := gold()
	f.Add(l.bytes(), []byte{}, byte(0))
	l.columns, l.blocks, l.bits = []string{"a"}, nil, 8
	f.Add(l.bytes(), []byte{}, byte(repair))
	o := newOracle(goldKey)
	for i := range 3 {
		l.add(o.record(rec(fmt.Sprint(i), "1"), byte(i), l.columns))
	}
	f.Add(l.bytes(), []byte{}, byte(repair))
	l.columns, l.blocks = []string{"a", "b"}, nil // those of the runs below
	for i := range 3 {
		l.add(o.record(in{key: fmt.Sprint(i), cells: []string{"1", "2"}, text: 1, note: 2}, byte(i), l.columns))
	}
	f.Add(l.bytes(), []byte{}, byte(repair))
	f.Add(l.bytes()[:100], []byte{}, byte(0))
	f.Add([]byte{}, []byte{}, byte(0))
	f.Add(slices.Concat(l.header(), bytes.Repeat([]byte{0xF0}, 100)), []byte{}, byte(0))
	records, snapshot := pair()
	for mode := range byte(4) {
		f.Add(snapshot.over(records), records.bytes(), mode)
	}
	f.Add(snapshot.over(records), l.bytes(), byte(repair|texts))
	f.Add(records.bytes(), []byte{}, byte(repair)) // which is not a snapshot by itself
	records.notes, snapshot.notes = snapshot.notes, nil
	f.Add(snapshot.over(records), records.bytes(), byte(0)) // records have notes that nobody knows
	records.notes, snapshot.notes = nil, records.notes
	for i := range len(records.texts) / 12 { // a text that is said to be that of another record
		for j := range i {
			swapped := records
			swapped.texts = slices.Clone(records.texts)
			copy(swapped.texts[12*i+8:][:4], records.texts[12*j+8:])
			f.Add(snapshot.over(records), swapped.bytes(), byte(0))
			copy(swapped.texts[12*j+8:][:4], records.texts[12*i+8:])
			f.Add(snapshot.over(records), swapped.bytes(), byte(0))
		}
	}
	f.Fuzz(func(t *testing.T, data, file []byte, mode byte) {
		fsys := memory{"snapshot.current": data}
		l, ok := parse(data)
		name := fmt.Sprintf("snapshot.records-%x", l.body)
		if mode&repair != 0 {
			l.scope, l.check = "acme/email", o.check
			data = l.bytes()
			if l.body != [16]byte{} && len(file) > 0 {
				r, _ := parse(file)
				r.scope, r.check, r.texted, r.id, r.body, r.columns, r.bits = l.scope, l.check, l.texted, l.body, [16]byte{}, l.columns, l.bits
				r.fit()
				if mode&texts != 0 {
					r.addTexts()
				}
				file, data = r.bytes(), l.over(r)
			}
			fsys["snapshot.current"] = data
		}
		if ok = ok && l.body != [16]byte{} && len(file) > 0; ok {
			fsys[name] = file
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err, terr := readBoth(t, fsys)
		runtime.ReadMemStats(&after)
		for _, err := range []error{err, terr} {
			if err == nil {
				continue
			}
			se, ok := errors.AsType[*diff.StateError](err)
			if !ok || se.Path == "" {
				t.Fatalf("not one of ours: %v", err)
			}
			if !slices.ContainsFunc([]error{diff.ErrDamaged, diff.ErrForeign, diff.ErrVersion, diff.ErrKey}, func(s error) bool { return errors.Is(err, s) }) {
				t.Fatalf("without a sentinel: %v", err)
			}
		}
		switch {
		case (err == nil) == (terr == nil):
		case err == nil && ok && mode&(repair|texts) != repair|texts && filepath.Base(pathOf(terr)) == name:
			// A plain run has no use for the texts behind the records, and does not read them.
		case terr == nil && strings.Contains(err.Error(), "a key stands twice"):
			// A run by text looks at no key of a record that it takes as it was.
		default:
			t.Fatalf("by text: %v, and otherwise: %v", terr, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20+20*uint64(len(data)+len(file)) {
			t.Fatalf("took %d bytes of memory for files of %d", n, len(data)+len(file))
		}
	})
}

func pathOf(err error) string {
	se, _ := errors.AsType[*diff.StateError](err)
	return se.Path
}
