package mapping

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode"
	"unicode/utf8"
)

// textCell is cell for a Text attribute.
func (m *Mapper) textCell(c *column, v *Value, buf []byte) (cell, grown []byte, reason string) {
	var text []byte
	if v.isText() {
		text, buf = c.transform(v.bytes(), buf)
	} else {
		start := len(buf)
		if buf, reason = m.appendPlain(buf, v); reason != "" {
			return nil, buf, reason
		}
		text = buf[start:]
	}

	characters := len(text)
	if !isPlainASCII(text) {
		var ok bool
		if text, characters, buf, ok = cleanText(text, buf); !ok {
			return nil, buf, ReasonUTF8
		}
	}
	if len(text) == 0 {
		return nil, buf, ""
	}
	if c.max > 0 && characters > c.max {
		if c.key {
			return nil, buf, c.tooLong
		}
		text, reason = text[:cutAt(text, c.max)], c.tooLong
		if slices.Contains(c.transforms, trim) {
			text = bytes.TrimRightFunc(text, isEdge) // the cut has made a new end
		}
	}
	if readsNull(text) {
		reason = ReasonNull
		if c.key {
			return nil, buf, reason
		}
	}
	if v.k == kindString {
		// The bytes of a string must not get into hands that could write to them.
		start := len(buf)
		buf = append(buf, text...)
		text = buf[start:]
	}
	return text[:len(text):len(text)], buf, reason
}

// isPlainASCII says that text is printable ASCII, which needs no more looking at.
func isPlainASCII(text []byte) bool {
	const low, high, signs = 0x2020202020202020, 0x0101010101010101, 0x8080808080808080
	for len(text) >= 8 {
		// A byte below 0x20 borrows, 0x7f carries into its own sign bit, and the rest has it already.
		w := binary.LittleEndian.Uint64(text)
		if ((w-low)|(w+high)|w)&signs != 0 {
			return false
		}
		text = text[8:]
	}
	for _, b := range text {
		if b < 0x20 || b >= 0x7f {
			return false
		}
	}
	return true
}

// cleanText makes one line of text. It returns text itself when there is nothing to change, a copy in buf otherwise, and
// the number of its characters; not ok is invalid UTF-8.
func cleanText(text, buf []byte) (clean []byte, characters int, grown []byte, ok bool) {
	start, copied := len(buf), false
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(text[i:]); r == utf8.RuneError && size == 1 {
				return nil, 0, buf, false
			}
		}
		into := lineRune(r, characters == 0)
		if into != r && !copied {
			buf, copied = append(buf, text[:i]...), true
		}
		switch {
		case into < 0:
		case into != r:
			buf = append(buf, ' ')
			characters++
			if r == '\r' && i+1 < len(text) && text[i+1] == '\n' {
				size++
			}
		default:
			if copied {
				buf = append(buf, text[i:i+size]...)
			}
			characters++
		}
		i += size
	}
	if copied {
		text = buf[start:]
	}
	return text, characters, buf, true
}

// lineRune is what becomes of r in a line of text: itself, a space, or nothing (-1).
func lineRune(r rune, first bool) rune {
	switch {
	case r >= '\t' && r <= '\r', r == 0x85, r == 0x2028, r == 0x2029:
		return ' '
	case r < 0x20, r >= 0x7f && r <= 0x9f, first && r == 0xfeff:
		return -1
	}
	return r
}

const zeroWidthJoiner = 0x200d

// cutAt returns where to cut text, which has more than limit characters, so that at most limit are left and none of them
// has lost what belongs to it.
func cutAt(text []byte, limit int) int {
	at := 0
	for range limit {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	for cut := at; cut > 0; {
		next, _ := utf8.DecodeRune(text[cut:])
		last, size := utf8.DecodeLastRune(text[:cut])
		if !extends(next) && last != zeroWidthJoiner && !partsFlag(text[:cut], next) {
			return cut
		}
		cut -= size
	}
	return at // nothing but marks: there is no letter to keep them with
}

// extends says that r belongs to the character before it.
func extends(r rune) bool {
	return r >= 0x300 && (unicode.Is(unicode.M, r) ||
		r == zeroWidthJoiner || r == 0x200c ||
		r >= 0x1f3fb && r <= 0x1f3ff || // skin tones
		r >= 0xe0020 && r <= 0xe007f) // tags
}

// partsFlag says that a cut between before and next would halve a flag, which is a pair of regional indicators.
func partsFlag(before []byte, next rune) bool {
	if !isRegional(next) {
		return false
	}
	odd := false
	for len(before) > 0 {
		r, size := utf8.DecodeLastRune(before)
		if !isRegional(r) {
			break
		}
		odd = !odd
		before = before[:len(before)-size]
	}
	return odd
}

func isRegional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// readsNull says that text is the word NULL.
func readsNull(text []byte) bool {
	if len(text) < 4 || text[0]|0x20 != 'n' && text[0] > ' ' && text[0] < utf8.RuneSelf {
		return false
	}
	t := bytes.TrimSpace(text)
	return len(t) == 4 && t[0]|0x20 == 'n' && t[1]|0x20 == 'u' && t[2]|0x20 == 'l' && t[3]|0x20 == 'l'
}

type transform uint8

const (
	trim transform = iota
	lower
	upper
)

func transformNamed(name string) (transform, bool) {
	switch name {
	case "trim":
		return trim, true
	case "lower":
		return lower, true
	case "upper":
		return upper, true
	}
	return 0, false
}

// isEdge says that r is trimmed: white space, and what [Text] drops, so that nothing is left to trim once it is dropped.
func isEdge(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == 0xfeff }

// transform applies the column's transforms to text, with buf as working memory.
func (c *column) transform(text, buf []byte) (out, grown []byte) {
	for _, t := range c.transforms {
		start := len(buf)
		switch t {
		case trim:
			text = bytes.TrimFunc(text, isEdge)
			continue
		case lower:
			buf = appendMapped(buf, text, unicode.ToLower)
		case upper:
			buf = appendMapped(buf, text, unicode.ToUpper)
		}
		text = buf[start:]
	}
	return text, buf
}

// appendMapped appends text with its letters mapped one by one. Invalid bytes stay: they are judged later.
func appendMapped(buf, text []byte, letter func(rune) rune) []byte {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			buf = append(buf, text[i])
		} else {
			buf = utf8.AppendRune(buf, letter(r))
		}
		i += size
	}
	return buf
}
