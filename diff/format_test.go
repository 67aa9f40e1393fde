package diff_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dchest/siphash"

	"github.com/spliosync/spliosync/diff"
)

// What follows writes and reads format 1 as the package comment draws it,
// without the code of the package.

const (
	unconfirmed = 1
	due         = 2
	noRow       = 4
)

var (
	le       = binary.LittleEndian
	goldKey  = []byte("a fixed key, only for this test!")
	update   = flag.Bool("update", false, "write the golden files anew")
	goldFile = filepath.Join("testdata", "v1.snapshot")
)

// layout is a snapshot in its parts.
type layout struct {
	bits     byte
	columns  []string
	notes    []string
	scope    string
	id, base [16]byte
	body     [16]byte // the file with the records; zero is none
	check    [16]byte
	texted   [8]byte // check value of the rendering
	blocks   []block
	texts    []byte // of a file with records
	runs     uint64
}

type block struct {
	partition uint32
	records   []byte
}

func sum32(parts ...[]byte) uint32 {
	return crc32.Checksum(bytes.Join(parts, nil), crc32.MakeTable(crc32.Castagnoli))
}

func (l layout) header() []byte {
	b := []byte("spsnap\r\n")
	b = le.AppendUint16(b, 1)
	b = append(b, 1, l.bits)
	b = le.AppendUint16(b, uint16(len(l.columns)))
	b = le.AppendUint16(b, uint16(len(l.scope)))
	b = slices.Concat(b, l.id[:], l.base[:], l.body[:], l.check[:], l.texted[:], []byte(l.scope))
	for _, c := range l.columns {
		b = append(le.AppendUint16(b, uint16(len(c))), c...)
	}
	return le.AppendUint32(b, sum32(b))
}

func (l layout) size() int {
	if l.body != [16]byte{} {
		return 34 + 4*len(l.columns) + 4
	}
	return 34 + 4*len(l.columns)
}

// textBlocks are the texts in blocks, which are numbered on from the others.
func (l layout) textBlocks() (out []byte) {
	for n, t := range slices.Collect(slices.Chunk(l.texts, 65532)) {
		head := le.AppendUint32([]byte{254, 255, 255, 255}, uint32(len(t)/12))
		out = slices.Concat(out, le.AppendUint32(head, sum32(l.id[:], le.AppendUint32(nil, uint32(len(l.blocks)+n)), head, t)), t)
	}
	return out
}

// textsAt is where they begin, when everything before the end record has so many bytes.
func (l layout) textsAt(at int) int { return at - len(l.textBlocks()) }

func (l layout) block(n int) []byte {
	b := l.blocks[n]
	head := le.AppendUint32(le.AppendUint32(nil, b.partition), uint32(len(b.records)/l.size()))
	return slices.Concat(le.AppendUint32(head, sum32(l.id[:], le.AppendUint32(nil, uint32(n)), head, b.records)), b.records)
}

// end returns the end record of a file of so many bytes before it.
func (l layout) end(at int, records, unconfirmed, due uint64) []byte {
	b := le.AppendUint32([]byte{255, 255, 255, 255}, uint32(len(l.blocks)))
	held := 0
	for _, block := range l.blocks {
		held += len(block.records) / l.size()
	}
	b = le.AppendUint64(b, uint64(held))
	for _, v := range []uint64{records, unconfirmed, due, uint64(len(l.texts) / 12), uint64(l.textsAt(at)), l.runs} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint16(b, uint16(len(l.notes)))
	for _, n := range l.notes {
		b = append(le.AppendUint16(b, uint16(len(n))), n...)
	}
	b = le.AppendUint64(b, uint64(at))
	return append(le.AppendUint32(b, sum32(l.id[:], b)), "spsnend\n"...)
}

func (l layout) bytes() []byte {
	out := l.header()
	var n, u, d uint64
	for i, b := range l.blocks {
		out = append(out, l.block(i)...)
		for r := range slices.Chunk(b.records, l.size()) {
			n++
			u += uint64(r[24] & unconfirmed)
			d += uint64(r[24] & due / due)
		}
	}
	out = append(out, l.textBlocks()...)
	return append(out, l.end(len(out), n, u, d)...)
}

// add puts a record where it belongs.
func (l *layout) add(record []byte) {
	p := uint32(uint64(binary.BigEndian.Uint32(record)) >> (32 - l.bits))
	at, ok := slices.BinarySearchFunc(l.blocks, p, func(b block, p uint32) int { return int(b.partition) - int(p) })
	if !ok {
		l.blocks = slices.Insert(l.blocks, at, block{partition: p})
	}
	l.blocks[at].records = append(l.blocks[at].records, record...)
}

// digests of format 1; the purposes of the derived keys are part of it.
type oracle struct {
	key, row, column [2]uint64
	texts            []byte // of which the key of text digests is derived
	check            [16]byte
}

func newOracle(secret []byte) (o oracle) {
	derive := func(purpose string) []byte {
		b, err := hkdf.Key(sha256.New, secret, nil, "spliosync/diff 1 "+purpose, 16)
		if err != nil {
			panic(err)
		}
		return b
	}
	for p, k := range map[string]*[2]uint64{"key": &o.key, "row": &o.row, "column": &o.column} {
		k[0], k[1] = le.Uint64(derive(p)), le.Uint64(derive(p)[8:])
	}
	o.check, o.texts = [16]byte(derive("check")), derive("text")
	return o
}

// rendering returns the key of text digests under a rendering, and its check value.
func (o oracle) rendering(name string) (key []byte, check [8]byte) {
	b, err := hkdf.Key(sha256.New, o.texts, nil, "spliosync/diff 1 text "+name, 24)
	if err != nil {
		panic(err)
	}
	return b[:16], [8]byte(b[16:])
}

// text returns the digest of a text under a rendering.
func (o oracle) text(rendering, text string) uint64 {
	b, _ := o.rendering(rendering)
	return siphash.Hash(le.Uint64(b), le.Uint64(b[8:]), []byte(text))
}

func cellBytes(b []byte, cell string) []byte {
	if cell == nul {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(append(b, 1), uint64(len(cell))), cell...)
}

func (o oracle) record(r in, flags byte, columns []string) []byte {
	lo, hi := siphash.Hash128(o.key[0], o.key[1], []byte(r.key))
	k := le.AppendUint64(le.AppendUint64(nil, lo), hi)
	row := slices.Clone(k)
	for _, c := range r.cells {
		row = cellBytes(row, c)
	}
	out := append(le.AppendUint64(slices.Clone(k), siphash.Hash(o.row[0], o.row[1], row)), flags)
	out = append(le.AppendUint64(out, r.text), r.note)
	for i, c := range r.cells {
		b := append(binary.AppendUvarint(slices.Clone(k), uint64(len(columns[i]))), columns[i]...)
		out = le.AppendUint32(out, uint32(siphash.Hash(o.column[0], o.column[1], cellBytes(b, c))))
	}
	return out
}

// gold is the content of the golden file. The text digest of the first record is
// that of "ann;1;2;3" under the rendering "gold", and it has a note.
func gold() (l layout, records []in) {
	o := newOracle(goldKey)
	l = layout{bits: 4, columns: []string{"a", "köln", strings.Repeat("c", 1024)}, scope: "acme/email", check: o.check}
	copy(l.id[:], "golden snapshot.")
	copy(l.base[:], "the one before..")
	records = []in{rec("ann", "1 2 3"), rec("ben", "1 _ ~"), rec("", "x x x"), rec("dan", "1 2 3"), rec("eve", "_ _ _"), rec("fay", "1 2 3")}
	l.notes = []string{"", "a note"} // the first one is not used any more
	_, l.texted = o.rendering("gold")
	records[0].text, records[0].note = o.text("gold", "ann;1;2;3"), 2
	for i, flags := range []byte{0, 0, unconfirmed, due, noRow, unconfirmed | due} {
		l.add(o.record(records[i], flags, l.columns))
	}
	return l, records
}

// A snapshot that format 1 once wrote must stay readable, to the last bit.
func TestGolden(t *testing.T) {
	l, records := gold()
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldFile, l.bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(goldFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, l.bytes()) {
		t.Error("the golden file is not what the documented format says")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "snapshot.current"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, diff.Options{Scope: "acme/email", Key: goldKey})
	a := &again{records: make(map[int64]in), texts: make(map[int64][]byte)}
	r, err := s.Begin(t.Context(), l.columns, diff.RunOptions{Rendering: "gold", Again: a.put})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	a.run = r
	records[1].cells[2] = "" // was absent
	f := r.Feed()
	for i, rec := range append(slices.Clone(records), bad("fay")) {
		a.records[int64(i+1)] = rec
		text := []byte("some other text!")
		if i == 0 {
			text = []byte("ann;1;2;3")
		}
		a.texts[int64(i+1)] = text
		a.puts(t, f, int64(i+1))
	}
	sum := compare(t, r)
	if got, want := counts(sum), "read=7 rejected=1 unchanged=3 changed=1 due=2 previous=6 "+l.columns[2]+"=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := changes(t, r, []string{"a", "b", "c"}), "2:changed[c] 4:due[] 6:due[]?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	if want := map[string]int64{"a note": 1}; !maps.Equal(sum.Notes, want) {
		t.Errorf("notes %v, want %v", sum.Notes, want)
	}
	if want := []int64{2, 3, 4, 5, 6, 7}; !slices.Equal(a.asked, want) {
		t.Errorf("%d were put, want %d: the text of the first is what it was", a.asked, want)
	}

	// And what is written today is the same format.
	id := stage(t, r)
	o := newOracle(goldKey)
	want := layout{bits: 4, columns: l.columns, notes: l.notes, scope: l.scope, base: l.id, check: o.check, texted: l.texted}
	raw, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	copy(want.id[:], raw)
	for i, flags := range []byte{0, 0, unconfirmed, 0, 0, unconfirmed} {
		if i > 0 {
			records[i].text = o.text("gold", "some other text!")
		}
		want.add(o.record(records[i], flags, l.columns))
	}
	if got := tree(t, dir)["snapshot.staged-"+id]; !bytes.Equal(canonical(t, []byte(got)), canonical(t, want.bytes())) {
		t.Error("a snapshot written now is not what the documented format says")
	}
}

// The report counts of a record came later than the rest of format 1.
func TestGoldenReports(t *testing.T) {
	o := newOracle(goldKey)
	l := layout{columns: []string{"a"}, scope: "acme/email", check: o.check}
	copy(l.id[:], "golden, reports.")
	const report = 8
	for _, r := range []struct {
		key   string
		flags byte
	}{{"never", 0}, {"once", report}, {"thrice", 3*report | due}, {"most", 7 * report}, {"all", 7*report | unconfirmed | due | noRow}} {
		l.add(o.record(rec(r.key, "1"), r.flags, l.columns))
	}
	path := filepath.Join("testdata", "v1-reports.snapshot")
	if *update {
		if err := os.WriteFile(path, l.bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, l.bytes()) {
		t.Error("the golden file is not what the documented format says")
	}
	_, s := goldStore(t, data)
	all := []string{"never", "once", "thrice", "most", "all"}
	for most, want := range map[int][2]int64{1: {1, 4}, 7: {3, 2}} {
		marked, spent, err := s.MarkReported(t.Context(), keys(all...), most)
		if marked != want[0] || spent != want[1] || err != nil {
			t.Errorf("at most %d times: marked %d, spent %d, %v", most, marked, spent, err)
		}
		_, s = goldStore(t, data)
	}
	if n, err := s.Forget(t.Context(), keys("thrice", "all")); n != 2 || err != nil {
		t.Errorf("forgotten %d, %v", n, err)
	}
	r := begin(t, s, "a", diff.RunOptions{})
	put(t, r, rec("never", "1"), rec("once", "2"), rec("most", "1"))
	if got, want := counts(compare(t, r)), "read=3 unchanged=2 changed=1 previous=3 a=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	publish(t, s, stage(t, r))
	// A count stays as long as the row does.
	if marked, spent, err := s.MarkReported(t.Context(), keys(all...), 1); marked != 2 || spent != 1 || err != nil {
		t.Errorf("marked %d, spent %d, %v", marked, spent, err)
	}
}

// canonical puts the records of each partition into one block, sorted.
func canonical(t *testing.T, data []byte) []byte {
	t.Helper()
	l, ok := parse(data)
	if !ok || !bytes.Equal(l.bytes(), data) {
		t.Fatal("not a snapshot as documented")
	}
	all := l
	all.blocks = nil
	for _, b := range l.blocks {
		for r := range slices.Chunk(b.records, l.size()) {
			all.add(r)
		}
	}
	for i, b := range all.blocks {
		all.blocks[i].records = slices.Concat(slices.SortedFunc(slices.Chunk(b.records, l.size()), bytes.Compare)...)
	}
	return all.bytes()
}

// parse takes a snapshot apart as far as its lengths make sense.
func parse(b []byte) (l layout, ok bool) {
	ok = true
	take := func(n int) []byte { // zeros where the file ends
		k := min(n, len(b))
		ok = ok && k == n
		out := make([]byte, n)
		copy(out, b)
		b = b[k:]
		return out
	}
	head := take(88)
	if !ok {
		return l, false
	}
	l.bits = head[11]
	l.id, l.base, l.body, l.check = [16]byte(head[16:]), [16]byte(head[32:]), [16]byte(head[48:]), [16]byte(head[64:])
	l.texted = [8]byte(head[80:])
	columns, scope := int(le.Uint16(head[12:])), int(le.Uint16(head[14:]))
	l.scope = string(take(scope))
	for range min(columns, 256) {
		n := int(le.Uint16(take(2)))
		l.columns = append(l.columns, string(take(n)))
		if !ok {
			return l, false
		}
	}
	take(4)
	for ok && len(b) > 12 {
		h := take(12)
		if le.Uint32(h) == 0xFFFFFFFF {
			take(44)
			l.runs = le.Uint64(take(8))
			for range min(int(le.Uint16(take(2))), 255) {
				n := int(le.Uint16(take(2)))
				l.notes = append(l.notes, string(take(n)))
				if !ok {
					return l, false
				}
			}
			return l, ok
		}
		if le.Uint32(h) == 0xFFFFFFFE {
			l.texts = append(l.texts, take(12*int(min(le.Uint32(h[4:]), 1<<20)))...)
			continue
		}
		n := int64(le.Uint32(h[4:])) * int64(l.size())
		if n > int64(len(b)) {
			return l, false
		}
		l.blocks = append(l.blocks, block{le.Uint32(h), take(int(n))})
	}
	return l, false
}

// Cells of any length are digested as documented, in any order of the columns.
func TestLongCells(t *testing.T) {
	o := newOracle(goldKey)
	l := layout{columns: []string{"a", "b"}, scope: "acme/email", check: o.check, id: [16]byte{1}}
	var records, turned []in
	for i, n := range []int{0, 1, 7, 8, 126, 127, 128, 129, 255, 256, 16383, 16384, 70_000} {
		r := in{key: strings.Repeat("k", i), cells: []string{strings.Repeat("x", n), strings.Repeat("y", n)}}
		records = append(records, r)
		turned = append(turned, in{key: r.key, cells: []string{r.cells[1], r.cells[0]}})
		l.add(o.record(r, 0, l.columns))
	}
	_, s := goldStore(t, l.bytes())
	for columns, in := range map[string][]in{"a b": records, "b a": turned} {
		r := begin(t, s, columns, diff.RunOptions{})
		put(t, r, in...)
		if got := counts(compare(t, r)); got != "read=13 unchanged=13 previous=13" {
			t.Errorf("%s: %s", columns, got)
		}
	}
}
