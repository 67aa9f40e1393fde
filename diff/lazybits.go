package diff

import "sync/atomic"

// lazyBits are n bits that take no memory until one of them is set. They may be set
// and looked at by several goroutines.
type lazyBits struct {
	n    int64
	bits atomic.Pointer[[]uint64]
}

func (l *lazyBits) has(at int64) bool {
	bits := l.bits.Load()
	return bits != nil && atomic.LoadUint64(&(*bits)[at>>6])>>(at&63)&1 == 1
}

// set sets a bit, and reports whether it was set before.
func (l *lazyBits) set(at int64) bool {
	bits := l.bits.Load()
	if bits == nil {
		fresh := make([]uint64, l.n>>6+1)
		l.bits.CompareAndSwap(nil, &fresh)
		bits = l.bits.Load()
	}
	bit := uint64(1) << (at & 63)
	return atomic.OrUint64(&(*bits)[at>>6], bit)&bit != 0
}

func (l *lazyBits) clear() {
	if bits := l.bits.Load(); bits != nil {
		clear(*bits)
	}
}
