package mapping

import (
	"unicode"
	"unicode/utf8"
)

// quickText is for one line of printable ASCII and of characters from U+00C0 to U+02FF, letters all but a few, which needs
// no change.
func quickText(_ *column, text []byte, _ *Row) []byte {
	n := len(text)
	var odd uint64
	switch {
	case n >= 8:
		for at := 0; at < n-8; at += 8 {
			odd |= oddities(wordAt(text, at))
		}
		odd |= oddities(wordAt(text, n-8))
	case n >= 4:
		odd = oddities(pairOf(text, 0, n-4))
	default:
		odd = oddities(endsOf(text))
	}
	if odd != 0 && !isPlainLine(text) {
		return nil
	}
	if first := text[0] | 0x20; (first == 'n' || first == ' ') && readsNull(text) {
		return nil
	}
	return text
}

// oddities marks something in w that is not all printable ASCII.
func oddities(w uint64) uint64 { return ((w - spaces) | (w + ones) | w) & marks }

// isPlainLine says that text is what quickText is for, but for the word NULL.
func isPlainLine(text []byte) bool {
	n := len(text)
	var wrong, bad, before, w uint64
	if n < 8 {
		w = shortWord(text, spaces)
	} else {
		for at := 0; at <= n-8; at += 8 {
			w = wordAt(text, at)
			bad, before = wrongPairs(w, before)
			wrong |= bad | controls(w)
		}
		w = endWord(text, spaces)
	}
	bad, _ = wrongPairs(w, before) // the first byte of a pair at the end of text has a space behind it, which is wrong
	return wrong|bad|controls(w) == 0
}

// quickTrimmed is quickText for text that is to be trimmed.
func quickTrimmed(c *column, text []byte, dst *Row) []byte {
	if text[0] == ' ' || text[len(text)-1] == ' ' {
		return nil
	}
	return quickText(c, text, dst)
}

// controls marks the ASCII control characters in w.
func controls(w uint64) uint64 {
	low := w &^ marks
	return (^(low + 0x60*ones) | (low + ones)) &^ w & marks
}

// wrongPairs marks what is not ASCII in w and not U+00C0 to U+02FF either, two bytes each. A first byte at the end of w is
// left for the next word, as before.
func wrongPairs(w, before uint64) (wrong, next uint64) {
	const low5 = 0x1f * ones
	first := w & (w << 1) &^ (w << 2) & marks // 110xxxxx
	second := w &^ (w << 1) & marks           // 10xxxxxx
	more := w & (w << 1) & (w << 2) & marks   // 111xxxxx
	short := first &^ (w&low5 + 0x7d*ones)    // c0 to c2: what is below U+00C0
	long := first & (w&low5 + 0x74*ones)      // cc to df: from U+0300 on there are marks, which may want normalising
	return more | short | long | ((first<<8 | before) ^ second), first >> 56
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
		r == 0xe33 || r == 0xeb3 || // vowel signs of Thai and Lao that count as letters
		r == 0xff9e || r == 0xff9f || // voicing marks of half-width katakana
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

// readsNull says that text is the word NULL, whatever white space and invisible marks are around it.
func readsNull(text []byte) bool {
	if len(text) < 4 || text[0] > ' ' && text[0] < utf8.RuneSelf && (text[0]|0x20 != 'n' || text[1]|0x20 != 'u') {
		return false
	}
	t := trimMarks(text)
	return len(t) == 4 && t[0]|0x20 == 'n' && t[1]|0x20 == 'u' && t[2]|0x20 == 'l' && t[3]|0x20 == 'l'
}

// isEdge says that r is trimmed: white space, and what [Text] drops, so that nothing is left to trim once it is dropped.
func isEdge(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == 0xfeff }

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
