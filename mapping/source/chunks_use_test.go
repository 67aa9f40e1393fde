package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

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
