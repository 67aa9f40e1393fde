package mapping

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normal returns text in the Unicode form NFC: itself when it is that already, a copy in buf otherwise.
func normal(text, buf []byte) (out, grown []byte) {
	if norm.NFC.IsNormal(text) {
		return text, buf
	}
	// What is appended to must not join with what is there already, so it goes behind it and is moved there when it had to
	// go elsewhere for want of room.
	start := len(buf)
	buf = append(buf, norm.NFC.Append(buf[start:], text...)...)
	return buf[start:], buf
}

// trimMarks drops white space and invisible marks at both ends.
func trimMarks(text []byte) []byte {
	if len(text) > 0 && isInk(text[0]) && isInk(text[len(text)-1]) {
		return text
	}
	return bytes.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || isMark(r) })
}

func isInk(b byte) bool { return b > ' ' && b < 0x7f }

// isMark says that r shows nothing and takes no room: zero-width and bidirectional marks.
func isMark(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return false
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0x180e, r == 0xfeff:
		return true
	}
	return r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f
}
