package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

// show is all that can be seen of a record.
func show(rec *mapping.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d line %d %v", rec.Seq, rec.Line, rec.Err)
	for _, v := range rec.Values {
		if text := v.AppendPlain(nil); len(text) < 1000 {
			fmt.Fprintf(&b, " %q", text)
		} else {
			fmt.Fprintf(&b, " %d bytes, %x", len(text), crc32.ChecksumIEEE(text))
		}
	}
	return b.String()
}

// byRecord reads a source to its end, a line for each record and one for the error.
func byRecord(ctx context.Context, s mapping.Source) (out []string) {
	for rec, err := range s.Records(ctx) {
		if err != nil {
			return append(out, err.Error())
		}
		out = append(out, show(rec))
	}
	return append(out, "EOF")
}

// byChunk does the same by the chunk. The chunks are used in turn, and read only when the reader has filled all of them, as
// when others read them. Of the records, it reads those that keep says.
func byChunk(ctx context.Context, s mapping.Source, use int, keep func(seq int64) bool) (out []string) {
	r, err := s.(chunk.Source).Chunks(ctx)
	if err != nil {
		return append(out, err.Error())
	}
	defer func() { _ = r.Close() }()
	chunks := make([]chunk.Chunk, use)
	for i := range chunks {
		chunks[i] = r.New()
	}
	next := int64(1)
	for {
		var err error
		filled := 0
		for ; err == nil && filled < use; filled++ {
			if err = r.Next(ctx, chunks[filled]); err != nil {
				break
			}
		}
		for _, c := range chunks[:filled] {
			if c.First() != next || c.Len() < 1 {
				return append(out, fmt.Sprintf("a chunk of %d from %d, want it from %d", c.Len(), c.First(), next))
			}
			next += c.Len()
			for seq := c.First(); seq < next; seq++ {
				if !keep(seq) {
					continue
				}
				rec, err := c.Record(seq)
				if err != nil { // which the reader has to find: the record might be left out
					return append(out, fmt.Sprintf("record %d: %v", seq, err))
				}
				out = append(out, show(rec))
			}
		}
		if err != nil {
			if again := r.Next(ctx, chunks[0]); again == nil || again.Error() != err.Error() {
				return append(out, fmt.Sprintf("%v, and then %v", err, again))
			}
			return append(out, err.Error())
		}
	}
}

func all(int64) bool { return true }

// sized is CSV that is read size bytes at a time.
func sized(r io.Reader, o CSVOptions, size int) mapping.Source {
	s := CSV(r, o).(*csvStream)
	s.text.(*csvText).split.chunk = size
	return s
}

// sameByChunk compares the chunks of text with its records.
func sameByChunk(t *testing.T, text string, o CSVOptions, size, use int, gaps uint64) {
	t.Helper()
	want := byRecord(t.Context(), CSV(strings.NewReader(text), o))
	some := slices.Clone(want[:0:0])
	keep := func(seq int64) bool { return gaps == 0 || gaps>>(seq%61)&1 == 0 }
	for i, line := range want {
		if keep(int64(i+1)) || i == len(want)-1 {
			some = append(some, line)
		}
	}
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"the end with the data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		if diff := cmp.Diff(some, byChunk(t.Context(), sized(r, o, size), use, keep)); diff != "" {
			t.Fatalf("%q, %+v, size %d, %d chunks, gaps %b, %s: (-records +chunks)\n%s", text, o, size, use, gaps, name, diff)
		}
	}
}

var chunkOptions = []CSVOptions{
	{}, {Comma: ';'}, {Comma: 'é'}, {LazyQuotes: true}, {Comma: 'é', LazyQuotes: true}, {Header: []string{"a", "b"}}, {Encoding: "windows-1252"},
}

func TestChunksAreTheRecords(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"empty", ""},
		{"a header alone", "a;b"},
		{"plain", "a;b\n1;2\n3;4\n"},
		{"no line break at the end", "a;b\n1;2\n3;4"},
		{"a CR at the end", "a;b\n1;2\n3;4\r"},
		{"nothing but a CR at the end", "a;b\n1;2\n\r"},
		{"CR LF and blank lines", "\n\r\na;b\r\n\r\n\n1;2\r\n\r\n\n\n\n3;4\n\n\r\n\n"},
		{"two CR are a record", "a;b\n\r\r\n1;2\n"},
		{"blank lines alone", "a;b\n" + strings.Repeat("\n\r\n", 100)},
		{"ragged", "a;b\n1\n1;2;3\n1;2\n"},
		{"quotes", "a;b\n\"1;\"\"\";2\n3;\"4\r\n5\"\n\"\n\n\";\"\"\n6;7\n"},
		{"misplaced quotes", "a;b\n1\";2\n3;4\n\"5\"6;7\n8;9\n\"x\"\"\"\n"},
		{"a quote that leads on", "a;b\n1;2\n3;\"4\n5;\"6\"\n7;8\n"},
		{"an open quote", "a;b\n1;2\n3;4\n5;\"6\n7;8\n"},
		{"an open quote as the last byte", "a;b\n1;2\n\""},
		{"a declared separator", "sep=|\na|b\n1|2\n"},
		{"lines that end in CR", "a;b\r1;2\r3;4\r"},
		{"what begins like a separator", "aéb\n\"a\"è\"b\n1é2\n\"\n\"\n"},
		{"what begins like a separator before a quote", "aéb\n1è\"b\n1é2\n1é\"b\"\n"},
		{"invalid UTF-8", "a;b\n\xff;\xe9\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, o := range chunkOptions {
				for _, size := range []int{1, 2, 7, 64, 0} {
					for _, gaps := range []uint64{0, 0x5555, 0x0ff6} {
						sameByChunk(t, tt.text, o, size, 1+size%3, gaps)
					}
				}
			}
		})
	}
}

func TestChunksAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	parts := []string{";", ";", "\n", "\n", "1;2\n", "1;2\r\n", "\"x\ny\";\"\"\"\"\n", "\"a\";b\n", "\r\n", "\n\n", "\r", "a", "é", "\xff", "\"", "x\"y;\n", "\"x\"y;\n", "0123456789;", "\";\""}
	for range 4_000 {
		var b strings.Builder
		b.WriteString([]string{"a;b\n", "", "aéb\n"}[random.IntN(3)])
		usual := len(parts) - random.IntN(7) // texts with fewer faults are longer until one stops them
		for range random.IntN(40) {
			b.WriteString(parts[random.IntN(usual)])
		}
		gaps := random.Uint64() & random.Uint64()
		sameByChunk(t, b.String(), chunkOptions[random.IntN(len(chunkOptions))], 1+random.IntN(40), 1+random.IntN(3), gaps)
	}
}

func FuzzChunks(f *testing.F) {
	f.Add("a;b\n1;\"2\r\n\"\"3\"\n4;5;6\n\"7", uint8(0), uint8(5), uint64(0))
	f.Add("aéb\n\n\"b\"c;d\r\n\r\n\"\"\n1;2\n", uint8(4), uint8(0), uint64(6))
	f.Fuzz(func(t *testing.T, text string, option, size uint8, gaps uint64) {
		sameByChunk(t, text, chunkOptions[int(option)%len(chunkOptions)], int(size), 1+int(size)%3, gaps)
	})
}

// Records at the border of what a record, and what a window, may hold.
func TestChunksOfLongRecords(t *testing.T) {
	line := func(n int) string { return "x;" + strings.Repeat("y", n-3) + "\n" }
	lines := strings.Repeat(strings.Repeat("y", 999)+"\n", maxRecord/1000+1)
	quoted := func(n int) string { return "x;\"" + lines[:n-5] + "\"\n" }
	given := []string{"a", "b"} // looking for lines that end in CR reads more than a record may have then
	for _, tt := range []struct {
		name, text string
		header     []string
	}{
		{"lines about a chunk long", "a;b\n" + line(chunkText-1) + line(chunkText) + line(chunkText+1) + line(3*chunkText) + line(10), nil},
		{"a line as long as may be", "a;b\n" + line(10) + line(maxRecord) + line(10), nil},
		{"a line too long", "a;b\n" + line(10) + line(maxRecord+1) + line(10), nil},
		{"a line too long first", "sep=;\n" + line(maxRecord+1) + line(10), given},
		{"a quoted line too long first", "sep=;\n" + "\"" + line(maxRecord - 1)[:maxRecord-2] + "\"\n" + "x\n", given},
		{"a line too long without an end", "a;b\n" + line(10) + line(maxRecord + 1)[:maxRecord+1], nil},
		{"quotes about a chunk long", "a;b\n" + quoted(chunkText-1) + quoted(chunkText+1) + quoted(3*chunkText) + line(10), nil},
		{"quotes as long as may be", "a;b\n" + quoted(10) + quoted(maxRecord) + line(10), nil},
		{"quotes too long", "a;b\n" + quoted(10) + quoted(maxRecord+1) + line(10), nil},
		{"quotes too long, and never closed", "a;b\n" + line(10) + quoted(maxRecord + 9)[:maxRecord+3], nil},
		{"many records", "a;b\n" + strings.Repeat(line(10)+quoted(15)+line(1000), 3000), nil},
	} {
		want := byRecord(t.Context(), CSV(strings.NewReader(tt.text), CSVOptions{Header: tt.header}))
		got := byChunk(t.Context(), CSV(strings.NewReader(tt.text), CSVOptions{Header: tt.header}), 2, all)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-records +chunks)\n%s", tt.name, diff)
		}
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What the text comes out of, and what may be wrong with that, is none of the chunks' business.
func TestChunksOfEncodings(t *testing.T) {
	text := "a;b\n" + strings.Repeat("Zoë;\"x\n\"\"y\"\n1;2\n\n", 500)
	var little strings.Builder
	little.WriteString("\xff\xfe")
	for _, r := range text {
		little.WriteString(string([]byte{byte(r), byte(r >> 8)}))
	}
	zip, down := zipped(t, text), errors.New("down")
	for _, tt := range []struct {
		name, text, encoding, err string
		fails                     error
	}{
		{"a mark", "\ufeff" + text, "", "EOF", nil},
		{"UTF-16", little.String(), "", "EOF", nil},
		{"UTF-16 that ends within a character", little.String() + "x", "", "ends within a character", nil},
		{"Windows-1252", strings.ReplaceAll(text, "ë", "\xeb"), "detect", "EOF", nil},
		{"gzip", zip, "", "EOF", nil},
		{"gzip, members", zip + zipped(t, "3;4\n"), "", "EOF", nil},
		{"gzip cut short", zip[:len(zip)-3], "", "unexpected EOF", nil},
		{"gzip with a wrong sum", zip[:len(zip)-8] + "xxxxxxxx", "", "invalid checksum", nil},
		{"gzip with something behind", zip + "x", "", "not gzip", nil},
		{"a reader that fails", text, "", "down", down},
		{"a reader that fails within a record", text + "3;\"4", "", "down", down},
	} {
		reader := func() io.Reader {
			if tt.fails != nil {
				return io.MultiReader(strings.NewReader(tt.text), iotest.ErrReader(tt.fails))
			}
			return strings.NewReader(tt.text)
		}
		want := byRecord(t.Context(), CSV(reader(), CSVOptions{Encoding: tt.encoding}))
		if last := want[len(want)-1]; !strings.HasSuffix(last, tt.err) && !strings.Contains(last, tt.err) {
			t.Errorf("%s: the records end in %s", tt.name, last)
		}
		for _, size := range []int{1, 100, 0} {
			if diff := cmp.Diff(want, byChunk(t.Context(), sized(reader(), CSVOptions{Encoding: tt.encoding}, size), 2, all)); diff != "" {
				t.Errorf("%s: (-records +chunks)\n%s", tt.name, diff)
			}
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChunksOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "segment.csv")
	s := CSVFile(path, CSVOptions{}).(*csvFile)
	if r, err := s.Chunks(t.Context()); r != nil || !errors.Is(err, os.ErrNotExist) || s.Size() != -1 || s.Repeatable() {
		t.Errorf("no file: %v, %v, size %d, repeatable %t", r, err, s.Size(), s.Repeatable())
	}
	const text = "a;b\n1;2\n3;4\n"
	writeFile(t, path, text)
	if s.Size() != int64(len(text)) || !s.Repeatable() {
		t.Errorf("size %d, repeatable %t", s.Size(), s.Repeatable())
	}
	want := byRecord(t.Context(), s)
	for range 2 {
		if _, err := s.Fields(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, byChunk(t.Context(), s, 1, all)); diff != "" {
			t.Errorf("(-records +chunks)\n%s", diff)
		}
	}

	// Two readings are of the same file, unless somebody asks for its fields in between.
	writeFile(t, path, text+"5;6\n")
	if got := byChunk(t.Context(), s, 1, all); len(got) != 1 || !strings.Contains(got[0], "has changed since it was read") {
		t.Errorf("changed between two readings: %q", got)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, text)
	if _, err := s.Fields(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, byChunk(t.Context(), s, 1, all)); diff != "" {
		t.Errorf("another file: (-records +chunks)\n%s", diff)
	}
	other := path + ".other"
	writeFile(t, other, text)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(other, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if got := byChunk(t.Context(), s, 1, all); len(got) != 1 || !strings.Contains(got[0], "has changed since it was read") {
		t.Errorf("replaced between two readings: %q", got)
	}

	writeFile(t, path, "b;a\n1;2\n")
	if got := byChunk(t.Context(), s, 1, all); len(got) != 1 || !strings.Contains(got[0], "fields have changed") {
		t.Errorf("another header: %q", got)
	}
	writeFile(t, path, zipped(t, text))
	if s.Size() != -1 || !s.Repeatable() {
		t.Errorf("gzip: size %d, repeatable %t", s.Size(), s.Repeatable())
	}
	if device := CSVFile(os.DevNull, CSVOptions{}).(*csvFile); device.Size() != -1 || device.Repeatable() {
		t.Errorf("a device: size %d, repeatable %t", device.Size(), device.Repeatable())
	}
}

// However far it has been read, and when the change comes, the end is not the end.
func TestChunksOfAFileWrittenTo(t *testing.T) {
	for _, before := range []int{0, 1} {
		path := filepath.Join(t.TempDir(), "segment.csv")
		writeFile(t, path, "a;b\n1;2\n")
		r, err := CSVFile(path, CSVOptions{}).(chunk.Source).Chunks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := r.New()
		for range before {
			if err := r.Next(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		writeFile(t, path, "a;b\n1;2\n3;4\n")
		for err = nil; err == nil; {
			err = r.Next(t.Context(), c)
		}
		if !strings.Contains(err.Error(), "written to") {
			t.Errorf("after %d chunks: %v", before, err)
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := r.Next(t.Context(), c); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestChunksAreReadOnce(t *testing.T) {
	s := CSV(strings.NewReader("a\n1\n"), CSVOptions{}).(*csvStream)
	if s.Repeatable() || s.Size() != -1 {
		t.Errorf("repeatable %t, size %d", s.Repeatable(), s.Size())
	}
	if got := byChunk(t.Context(), s, 1, all); len(got) != 2 {
		t.Errorf("%q", got)
	}
	for name, got := range map[string][]string{"chunks": byChunk(t.Context(), s, 1, all), "records": byRecord(t.Context(), s)} {
		if diff := cmp.Diff([]string{errSpent.Error()}, got); diff != "" {
			t.Errorf("%s after chunks: (-want +got)\n%s", name, diff)
		}
	}
	s = CSV(strings.NewReader("a\n1\n"), CSVOptions{}).(*csvStream)
	_ = byRecord(t.Context(), s)
	if diff := cmp.Diff([]string{errSpent.Error()}, byChunk(t.Context(), s, 1, all)); diff != "" {
		t.Errorf("chunks after records: (-want +got)\n%s", diff)
	}
}

// cancelling ends a context at a read.
type cancelling struct {
	r      io.Reader
	left   int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return c.r.Read(p)
}

func TestChunksContext(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, err := sized(strings.NewReader("a\n"+strings.Repeat("1\n", 5000)), CSVOptions{}, 64).(chunk.Source).Chunks(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := r.New()
	if err := r.Next(ctx, c); err != nil {
		t.Fatal(err)
	}
	n := c.Len()
	cancel(cause)
	for range 2 {
		err := r.Next(ctx, c)
		if want := fmt.Sprintf("source: stopped after %d records: enough", n); !errors.Is(err, cause) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}

	// In the middle of one, what has been read before comes first; blank lines alone do not go on for ever.
	// The context is that of the call, and no other.
	for name, behind := range map[string]string{"records": "3\n", "blank lines": "\n"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		text := iotest.OneByteReader(&cancelling{strings.NewReader("a\n1\n2\n" + strings.Repeat(behind, 1<<20)), 100, func() { cancel(cause) }})
		begun, end := context.WithCancel(t.Context())
		r, err := sized(text, CSVOptions{Encoding: "utf-8"}, 64).(chunk.Source).Chunks(begun)
		if err != nil {
			t.Fatal(err)
		}
		end()
		c, n := r.New(), int64(0)
		for err = r.Next(ctx, c); err == nil; err = r.Next(ctx, c) {
			n += c.Len()
		}
		if n < 2 || n > 5000 || !strings.HasPrefix(err.Error(), "source: ") || !errors.Is(err, cause) {
			t.Errorf("%s: %d records, then %v", name, n, err)
		}
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	cancel(cause)
	path := filepath.Join(t.TempDir(), "segment.csv")
	writeFile(t, path, "a;b\n1;2\n")
	for _, s := range []func() mapping.Source{
		func() mapping.Source { return CSVFile(path, CSVOptions{}) }, func() mapping.Source { return CSV(strings.NewReader("a;b\n"), CSVOptions{}) },
	} {
		if diff := cmp.Diff(byRecord(ctx, s()), byChunk(ctx, s(), 1, all)); diff != "" {
			t.Errorf("ended before: (-records +chunks)\n%s", diff)
		}
	}
}

func TestChunkMisused(t *testing.T) {
	r, err := CSV(strings.NewReader("a\n1\n2\n3\n"), CSVOptions{}).(chunk.Source).Chunks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := r.New()
	if _, err := c.Record(1); err == nil || c.Len() != 0 {
		t.Errorf("a record of an empty chunk: %v, %d", err, c.Len())
	}
	if err := r.Next(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		seq int64
		ok  bool
	}{{0, false}, {4, false}, {2, true}, {2, false}, {1, false}, {3, true}, {3, false}} {
		if rec, err := c.Record(tt.seq); (err == nil) != tt.ok || tt.ok && rec.Seq != tt.seq {
			t.Errorf("record %d: %v, %v", tt.seq, rec, err)
		}
	}
	if err := r.Next(t.Context(), other{c}); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a chunk of somebody else: %v", err)
	}
	if err := r.Next(t.Context(), c); err != io.EOF || c.Len() != 0 {
		t.Errorf("at the end: %v, a chunk of %d", err, c.Len())
	}
}

func TestChunksClosed(t *testing.T) {
	for _, read := range []int{0, 1, 2} {
		r, err := CSV(strings.NewReader("a\n1\n"), CSVOptions{}).(chunk.Source).Chunks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := r.New()
		for range read {
			_ = r.Next(t.Context(), c) // nil, and io.EOF then
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err := r.Next(t.Context(), r.New()); err != errClosed {
			t.Errorf("after %d calls and Close: %v", read, err)
		}
		if _, err := c.Record(1); read == 1 && err != nil {
			t.Errorf("a chunk did not stay: %v", err)
		}
	}
}

type other struct{ chunk.Chunk }

// Workers split while the reader reads.
func TestChunksByWorkers(t *testing.T) {
	var b strings.Builder
	b.WriteString("a;b\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, []string{"%d;x\n", "\"%d\";\"x\"\"\n\"\n", "%d;\"x\"\"y\"\n\n", "%d\n"}[i%4], i)
	}
	want := byRecord(t.Context(), CSV(strings.NewReader(b.String()), CSVOptions{}))
	r, err := sized(strings.NewReader(b.String()), CSVOptions{}, 1000).(chunk.Source).Chunks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(want)-1)
	const workers = 4
	free, full := make(chan chunk.Chunk, workers+1), make(chan chunk.Chunk)
	for range cap(free) {
		free <- r.New()
	}
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for c := range full {
				for seq := c.First(); seq < c.First()+c.Len(); seq++ {
					rec, err := c.Record(seq)
					if err != nil {
						t.Error(err)
						break
					}
					got[seq-1] = show(rec)
				}
				free <- c
			}
		})
	}
	for err == nil {
		c := <-free
		if err = r.Next(t.Context(), c); err == nil {
			full <- c
		}
	}
	close(full)
	group.Wait()
	if diff := cmp.Diff(want, append(got, err.Error())); diff != "" {
		t.Errorf("(-records +chunks)\n%s", diff)
	}
}

// Only CSV can be cut so far.
func TestWhatHasNoChunks(t *testing.T) {
	for _, s := range []mapping.Source{NDJSON(strings.NewReader(""), NDJSONOptions{}), NDJSONFile("x", NDJSONOptions{}), Seq(nil, nil)} {
		if _, ok := s.(chunk.Source); ok {
			t.Errorf("%T claims to have chunks", s)
		}
	}
}

// Chunks and their memory are used again, save that for long records.
func TestChunksMemory(t *testing.T) {
	long := strings.Repeat("y", 4*chunkText)
	const half = chunkText / 16 // the records of 4 MiB
	text := "a;b\n" + strings.Repeat("x;"+long[:61]+"\n", half) + "x;" + long + "\n" + strings.Repeat("x;\""+long[:119]+"\"\n", half)
	r, err := CSV(strings.NewReader(text), CSVOptions{}).(chunk.Source).Chunks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	chunks := []chunk.Chunk{r.New(), r.New()}
	n, records := 0, int64(0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for {
		c := chunks[n%2]
		if err := r.Next(t.Context(), c); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for seq := c.First(); seq < c.First()+c.Len(); seq++ {
			if _, err := c.Record(seq); err != nil {
				t.Fatal(err)
			}
		}
		n++
		records += c.Len()
	}
	runtime.ReadMemStats(&after)
	if records != 2*half+1 || n < 13 || n > 24 {
		t.Errorf("%d records in %d chunks", records, n)
	}
	if allocations := after.Mallocs - before.Mallocs; allocations > 1000 {
		t.Errorf("%d allocations", allocations)
	}
	if err := r.Next(t.Context(), chunks[0]); err != io.EOF {
		t.Fatal(err)
	}
	for _, c := range append(chunks[:0:0], chunks[0], chunks[1]) {
		if size := len(c.(*csvChunk).text.split.buf); size > 2*chunkText {
			t.Errorf("a chunk keeps %d bytes", size)
		}
	}
}
