package offheap

import (
	"runtime"
	"testing"
)

func TestNew(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 5<<20 + 3} {
		b := New(n)
		if len(b.Bytes()) != n {
			t.Fatalf("%d bytes in place of %d", len(b.Bytes()), n)
		}
		for i, c := range b.Bytes() {
			if c != 0 {
				t.Fatalf("byte %d of %d is %d", i, n, c)
			}
			b.Bytes()[i] = byte(i)
		}
		for i, c := range b.Bytes() {
			if c != byte(i) {
				t.Fatalf("byte %d of %d is %d", i, n, c)
			}
		}
		runtime.KeepAlive(b)
		for range 2 {
			if b.Free(); b.Bytes() != nil {
				t.Fatalf("%d bytes after Free", len(b.Bytes()))
			}
		}
	}
}

// What was freed is not freed again once it can not be reached: by then it may be that of
// another.
func TestFreedOnce(t *testing.T) {
	const size = 1 << 20
	var blocks []*Block
	for range 100 {
		New(size).Free()
		b := New(size) // in the same place, most likely
		b.Bytes()[size-1] = 1
		blocks = append(blocks, b)
		runtime.GC()
	}
	for _, b := range blocks {
		if b.Bytes()[size-1] != 1 {
			t.Fatal("another block has its memory")
		}
		b.Free()
	}
}
