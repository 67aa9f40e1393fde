package mapping

import (
	"encoding/binary"
	"math"
)

// quickFunc renders text that is of the plainest form a type has: nearly all text of nearly all segments. It returns the
// cell, which shares memory with text or with dst.buf, or nil where it cannot tell: then column.cell, which knows all
// forms, is to render it. It gives no other cell than that would, but for the limit, which it leaves to its caller. The text
// is not empty.
type quickFunc func(c *column, text []byte, dst *Row) []byte

// setQuick makes c ready for Render.
func (c *column) setQuick() {
	c.quick, c.room = quickFor(c), math.MaxInt
	if c.max > 0 {
		c.room = c.max
	}
	if c.blank = c.quick != nil && c.empty == Blank; c.quick == nil {
		c.quick = quickNothing
	}
}

// quickFor returns the quickFunc for c, nil when there is none. A column without one may do anything to any text.
func quickFor(c *column) quickFunc {
	if c.standIn.k != kindNull || c.field < 0 || c.booleans != nil || c.flatten != "" || c.clock.layout != "" {
		return nil
	}
	for _, t := range c.transforms {
		if t != trim {
			return nil
		}
	}
	switch c.typ {
	case Text:
		if len(c.transforms) > 0 {
			return quickTrimmed
		}
		return quickText
	case Integer:
		return quickInteger
	case Decimal:
		return quickDecimal
	case Boolean:
		return quickBoolean
	case Date:
		if len(c.layouts) == 0 {
			return quickDate
		}
	case DateTime:
		if len(c.layouts) == 0 {
			return quickDateTime
		}
	case Language:
		return quickLanguage
	case Phone:
		return quickPhone
	case Email:
		return quickEmail
	}
	return nil
}

func quickNothing(*column, []byte, *Row) []byte { return nil }

// Bytes are looked at eight at a time: as a word of them, the first the lowest. A mark is the highest bit of a byte.
const (
	ones   = 0x0101010101010101
	marks  = 0x80 * ones
	spaces = ' ' * ones
	zeros  = '0' * ones
)

func wordAt(text []byte, at int) uint64 { return binary.LittleEndian.Uint64(text[at:]) }

// pairOf has the four bytes of text at i and those at j.
func pairOf(text []byte, i, j int) uint64 {
	return uint64(binary.LittleEndian.Uint32(text[i:])) | uint64(binary.LittleEndian.Uint32(text[j:]))<<32
}

// endsOf has the bytes of text, which has one to three, some of them more than once.
func endsOf(text []byte) uint64 {
	n := len(text)
	return uint64(text[0])*0x010101<<40 | uint64(text[n/2])<<32 | uint64(text[n-1])*ones>>32
}

// shortWord is the word of text, which has fewer than eight bytes, with fill behind.
func shortWord(text []byte, fill uint64) uint64 {
	n := uint(len(text))
	fill <<= n * 8
	if n >= 4 {
		return fill | uint64(binary.LittleEndian.Uint32(text)) | uint64(binary.LittleEndian.Uint32(text[n-4:]))<<(n*8-32)
	}
	for i, b := range text {
		fill |= uint64(b) << (i * 8)
	}
	return fill
}

// endWord is the word of the last len(text)%8 bytes of text, which has eight or more, with fill behind.
func endWord(text []byte, fill uint64) uint64 {
	rest := uint(len(text)) % 8 * 8
	return wordAt(text, len(text)-8)>>(64-rest) | fill<<rest
}

// areDigits says that all bytes of w are decimal digits.
func areDigits(w uint64) bool {
	w ^= zeros
	return (w|(w+0x76*ones))&marks == 0
}
