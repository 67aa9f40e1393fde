// Package offheap has memory that the garbage collector does not count, for one large
// table: counted, it would let the rest of the heap grow by as much again.
package offheap

import "runtime"

// Block is memory outside the heap of Go, where the operating system has such, and
// otherwise inside it.
type Block struct {
	bytes   []byte
	outside bool
	cleanup runtime.Cleanup
}

// New returns n bytes, all of them 0. They are given back by Free, or some time after the
// Block can not be reached any more: since the garbage collector does not count them, it
// may let many such blocks be before it is at work again.
func New(n int) *Block {
	if bytes := reserve(n); bytes != nil {
		b := &Block{bytes: bytes, outside: true}
		b.cleanup = runtime.AddCleanup(b, release, bytes)
		return b
	}
	return &Block{bytes: make([]byte, n)}
}

// Bytes returns the memory, nil after Free. It holds only as long as the Block can be
// reached, and was not freed: whoever uses it calls runtime.KeepAlive on the Block, or on
// what holds that, afterwards.
func (b *Block) Bytes() []byte { return b.bytes }

// Free gives the memory back. Nobody may use it any more. It may be repeated.
func (b *Block) Free() {
	bytes := b.bytes
	b.bytes = nil
	if bytes == nil || !b.outside {
		return
	}
	b.cleanup.Stop()
	runtime.KeepAlive(b)
	release(bytes)
}
