// Package offheap has memory that the garbage collector does not count, for one large
// table: counted, it would let the rest of the heap grow by as much again.
package offheap

import "runtime"

// Block is memory outside the heap of Go, where the operating system has such, and
// otherwise inside it.
type Block struct{ bytes []byte }

// New returns n bytes, all of them 0. They are given back when the Block can not be
// reached any more.
func New(n int) *Block {
	if bytes := reserve(n); bytes != nil {
		b := &Block{bytes}
		runtime.AddCleanup(b, release, bytes)
		return b
	}
	return &Block{make([]byte, n)}
}

// Bytes returns the memory. It holds only as long as the Block can be reached: whoever
// uses it calls runtime.KeepAlive on the Block, or on what holds that, afterwards.
func (b *Block) Bytes() []byte { return b.bytes }
