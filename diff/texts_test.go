package diff_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/offheap"
)

// hundred returns as many texts.
func hundred() (texts [][]byte) {
	for i := range 100 {
		texts = append(texts, fmt.Append(nil, "the text of ", i))
	}
	return texts
}

// byText begins a run by text over a snapshot of two files with records of some texts.
func byText(t *testing.T, texts [][]byte, bits int) *diff.Run {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
	o := diff.RunOptions{Rendering: "r", Again: func(context.Context, iter.Seq[int64]) error { return nil }}.Tiny(tiny/2, 2).CutTexts(bits)
	r := begin(t, s, "a b", o)
	f := r.Feed()
	for i, rec := range wide(len(texts), "x") {
		key, cells := rec.bytes()
		if err := f.PutText(int64(i+1), texts[i], key, cells, ""); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, r)
	publish(t, s, stage(t, r))
	if r = begin(t, s, "a b", o); !r.ByText() {
		t.Fatal("the run is not by text")
	}
	return r
}

// Texts of which the same is kept are not known, also when they are three.
func TestThreeAlike(t *testing.T) {
	o, texts := newOracle(goldKey), hundred()
	alike := map[uint64][][]byte{}
	for i := 0; ; i++ {
		text := fmt.Append(nil, i)
		first := o.text("r", string(text)) >> 44 // 16 bits are kept, and some say where
		if alike[first] = append(alike[first], text); len(alike[first]) == 3 {
			texts = append(texts, alike[first]...)
			break
		}
	}
	known := make([]bool, len(texts))
	if err := byText(t, texts, 16).Feed().Known(1, texts, known); err != nil {
		t.Fatal(err)
	}
	for i, is := range known {
		if is != (i < 100) {
			t.Errorf("text %d is known: %v", i, is)
		}
	}
}

// Texts take no memory any more once a run has no use for them, whenever the garbage
// collector may look.
func TestTextsAreFreed(t *testing.T) {
	for name, over := range map[string]func(*testing.T, *diff.Run){
		"Compare": func(t *testing.T, r *diff.Run) { compare(t, r) },
		"Close":   func(t *testing.T, r *diff.Run) { r.Close() },
	} {
		r := byText(t, hundred(), 0)
		blocks := r.TextBlocks()
		held := func(b *offheap.Block) bool { return b.Bytes() != nil }
		if !held(blocks[0]) || !held(blocks[1]) {
			t.Fatal("there are none")
		}
		if over(t, r); held(blocks[0]) || held(blocks[1]) {
			t.Errorf("%s: they are held", name)
		}
	}
}

// A run that is closed while texts are looked for ends that with an error.
func TestCloseWhileKnown(t *testing.T) {
	texts := hundred()
	r := byText(t, texts, 0)
	var wg sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range cap(begun) {
		f := r.Feed()
		wg.Go(func() {
			known := make([]bool, len(texts))
			for i := 0; f.Known(1, texts, known) == nil; i++ {
				if i == 100 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// The largest digest that there can be is one like any other, even where it is the first.
func TestLargestTextFirst(t *testing.T) {
	records, snapshot := pair()
	snapshot.blocks = nil
	records.texts = append(bytes.Repeat([]byte{0xFF}, 8), 1, 0, 0, 0)
	fsys := pairFS(records.bytes(), snapshot.over(records))
	for _, bits := range []int{24, 40, 64} { // the last is all there is, as in a table of a hundred million
		s := open(t, "mem", diff.Options{Scope: "acme/email", Key: goldKey, ReadOnly: true, FS: fsys})
		o := diff.RunOptions{Rendering: "r", Again: func(context.Context, iter.Seq[int64]) error { return nil }}
		if r := begin(t, s, "a b", o.CutTexts(bits)); !r.ByText() {
			t.Error("the run is not by text")
		}
	}
}

// What is kept of texts depends on how many there are, and leaves memory for the rest.
func TestTextsFor(t *testing.T) {
	const mib, million = 1 << 20, 1_000_000
	for _, c := range []struct {
		name      string
		memory, n int64
		bits      int
		most      int64 // bytes that texts take of the memory
		left      int64 // 0: the memory without these
	}{
		{"none", 0, 0, 40, 1 << 10, 0},
		{"few", 0, million, 40, 7 * million, 0},
		{"more than the rest leaves, which has its half all the same", 0, 30 * million, 40, 0, 32 * mib},
		{"fewer bits", 0, 50 * million, 28, 0, 32 * mib},
		{"as many as 200 MiB hold", 0, 60 * million, 24, 0, 32 * mib},
		{"more", 0, 62 * million, 0, 0, 64 * mib},
		{"seven eighths of what is given", 16 * mib, 4 * million, 24, 14 * mib, 0},
		{"more than these", 16 * mib, 5 * million, 0, 0, 16 * mib},
		{"no number for them", 1 << 50, 1 << 32, 0, 0, 1 << 50},
	} {
		bits, left := diff.TextsFor(c.memory, c.n)
		if bits != c.bits {
			t.Errorf("%s: %d bits, want %d", c.name, bits, c.bits)
		}
		memory := cmp.Or(c.memory, 64*mib)
		if c.left > 0 && left != c.left || c.left == 0 && (left < memory-c.most || left > memory-c.n*int64(bits)/8) {
			t.Errorf("%s: %d bytes are left", c.name, left)
		}
	}
}
