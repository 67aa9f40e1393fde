package offheap

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
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
	}
}

// What can not be reached any more is given back.
func TestGivenBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says how much memory there is")
	}
	pages := func() (n int) {
		stat, err := os.ReadFile("/proc/self/statm")
		if err == nil {
			_, err = fmt.Sscan(string(stat), &n)
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pages()
	const blocks, size = 64, 64 << 20
	for range blocks {
		b := New(size)
		b.Bytes()[0], b.Bytes()[size-1] = 1, 1
		runtime.KeepAlive(b)
	}
	for range 1000 {
		runtime.GC()
		if pages()-before < blocks/2*size/os.Getpagesize() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("none of it was given back")
}
