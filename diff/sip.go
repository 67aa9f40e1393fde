package diff

import (
	"encoding/binary"
	"math/bits"
)

// sip is a SipHash-2-4 on its way. The messages of all columns of a record begin
// with the same 16 bytes, the key digest, so that the state after them is worth
// keeping; and a message is put together as it is read. A library starts anew
// each time, and wants the message in one piece.
type sip struct{ v0, v1, v2, v3 uint64 }

// round is SipRound. It is small enough to be inlined.
func round(a, b, c, d uint64) (uint64, uint64, uint64, uint64) {
	a += b
	c += d
	b = bits.RotateLeft64(b, 13) ^ a
	d = bits.RotateLeft64(d, 16) ^ c
	a = bits.RotateLeft64(a, 32) + d
	c += b
	d = bits.RotateLeft64(d, 21) ^ a
	b = bits.RotateLeft64(b, 17) ^ c
	return a, b, bits.RotateLeft64(c, 32), d
}

// start returns the state after a key digest.
func (key sipKey) start(k *keyDigest) sip {
	v0 := key.k0 ^ 0x736f6d6570736575
	v1 := key.k1 ^ 0x646f72616e646f6d
	v2 := key.k0 ^ 0x6c7967656e657261
	v3 := key.k1 ^ 0x7465646279746573
	m0, m1 := binary.LittleEndian.Uint64(k[:]), binary.LittleEndian.Uint64(k[8:])
	v3 ^= m0
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0 ^= m0
	v3 ^= m1
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0 ^= m1
	return sip{v0, v1, v2, v3}
}

// prefix is what a message has between the key digest and a cell: whole words,
// and the first bytes of the next one.
type prefix struct {
	words []uint64
	part  uint64
	bits  int // of part
	size  int // bytes
}

func newPrefix(b []byte) (p prefix) {
	p.size = len(b)
	for ; len(b) >= 8; b = b[8:] {
		p.words = append(p.words, binary.LittleEndian.Uint64(b))
	}
	for _, c := range b {
		p.part |= uint64(c) << p.bits
		p.bits += 8
	}
	return p
}

// sum returns the digest of the key digest, a prefix, and the bytes of b
// between from and to, after which b goes on for at least 8 bytes.
func (s sip) sum(p *prefix, b []byte, from, to int) uint64 {
	v0, v1, v2, v3 := s.v0, s.v1, s.v2, s.v3
	for _, m := range p.words {
		v3 ^= m
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0 ^= m
	}
	size := p.size + to - from
	part, shift := p.part, p.bits&63
	for left := p.bits/8 + to - from; ; {
		x := binary.LittleEndian.Uint64(b[from:])
		if n := to - from; n < 8 {
			x &= 1<<(8*n) - 1
		}
		m := part | x<<shift
		part = x >> 1 >> (63 - shift)
		if left < 8 {
			part = m
			break
		}
		v3 ^= m
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0 ^= m
		left -= 8
		if from += 8; from >= to {
			break
		}
	}
	m := part | uint64(size+digestBytes)<<56
	v3 ^= m
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0 ^= m
	v2 ^= 0xff
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}
