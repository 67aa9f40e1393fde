package diff_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/offheap"
)

// byText begins a run by text over a snapshot of two files with some records.
func byText(t *testing.T, again func(context.Context, iter.Seq[int64]) error) (r *diff.Run, texts [][]byte) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
	o := diff.RunOptions{Rendering: "r", Again: again}.Tiny(tiny/2, 2)
	r = begin(t, s, "a b", o)
	f := r.Feed()
	for i, rec := range wide(100, "x") {
		texts = append(texts, fmt.Append(nil, "the text of ", i))
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
	return r, texts
}

// Texts take no memory any more once a run has no use for them, whenever the garbage
// collector may look.
func TestTextsAreFreed(t *testing.T) {
	for name, over := range map[string]func(*testing.T, *diff.Run){
		"Compare": func(t *testing.T, r *diff.Run) { compare(t, r) },
		"Close":   func(t *testing.T, r *diff.Run) { r.Close() },
	} {
		r, _ := byText(t, func(context.Context, iter.Seq[int64]) error { return nil })
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
	r, texts := byText(t, func(context.Context, iter.Seq[int64]) error { return nil })
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
