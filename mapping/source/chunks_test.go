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
	"slices"
	"strings"
	"testing"
	"testing/iotest"

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

// textsByChunk compares the texts of a chunk, and records that are asked for after them, with the records alone.
func textsByChunk(t *testing.T, whole, texts mapping.Source, gaps uint64) {
	t.Helper()
	var readers [2]chunk.Reader
	var chunks [2]chunk.Chunk
	for i, s := range []mapping.Source{whole, texts} {
		r, err := s.(chunk.Source).Chunks(t.Context())
		if err != nil {
			return // which others look at
		}
		defer func() { _ = r.Close() }()
		readers[i], chunks[i] = r, r.New()
	}
	for batch := 1; ; batch = batch%5 + 1 {
		err := readers[0].Next(t.Context(), chunks[0])
		if oerr := readers[1].Next(t.Context(), chunks[1]); fmt.Sprint(err) != fmt.Sprint(oerr) {
			t.Fatalf("chunks end with %v and %v", err, oerr)
		}
		if err != nil {
			return
		}
		var known [][]byte
		end := chunks[0].First() + chunks[0].Len()
		for seq := chunks[0].First(); seq < end; {
			known, err = chunks[1].Texts(known[:0], batch)
			if err != nil || len(known) != int(min(int64(batch), end-seq)) {
				t.Fatalf("%d texts from record %d on, %v", len(known), seq, err)
			}
			for i := range known {
				known[i] = slices.Clone(known[i])
			}
			for _, text := range known {
				rec, err := chunks[0].Record(seq)
				if err != nil {
					t.Fatal(err)
				}
				want := chunks[0].Text()
				if rec.Err == nil && (text == nil || !bytes.Equal(text, want)) || rec.Err != nil && want != nil {
					t.Fatalf("record %d with error %v has the text %q, before it was %q", seq, rec.Err, want, text)
				}
				if gaps>>(seq%61)&1 == 0 {
					line := show(rec)
					again, err := chunks[1].Record(seq)
					if err != nil || show(again) != line {
						t.Fatalf("record %d is %q, %v, after its text was read, want %q", seq, show(again), err, line)
					}
				}
				seq++
			}
		}
		if more, err := chunks[1].Texts(nil, 1); len(more) > 0 || err != nil {
			t.Fatalf("texts behind the end: %q, %v", more, err)
		}
	}
}

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
	textsByChunk(t, sized(strings.NewReader(text), o, size), sized(strings.NewReader(text), o, size), gaps)
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
