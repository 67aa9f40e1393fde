package offheap

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

const blocks, size = 16, 32 << 20

// pages is how much memory the process has, which only Linux says.
func pages(t *testing.T) (n int) {
	t.Helper()
	stat, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(stat), &n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func touched() *Block {
	b := New(size)
	b.Bytes()[0], b.Bytes()[size-1] = 1, 1
	return b
}

// What can not be reached any more is given back.
func TestGivenBack(t *testing.T) {
	before := pages(t)
	for range blocks {
		runtime.KeepAlive(touched())
	}
	for range 1000 {
		runtime.GC()
		if pages(t)-before < blocks/2*size/os.Getpagesize() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("none of it was given back")
}

// What is freed is given back at once.
func TestFree(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := pages(t)
	for range blocks {
		touched().Free()
	}
	if n := pages(t) - before; n >= blocks/2*size/os.Getpagesize() {
		t.Errorf("%d pages are left", n)
	}
}
