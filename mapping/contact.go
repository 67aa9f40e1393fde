package mapping

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// languages is what a Language column takes, keyed by the lower-cased code with "_" between its parts.
type languages struct {
	codes map[string]string

	// plain has the two letters that are a code and that no code begins with which has more parts: what follows them does
	// not matter.
	plain [26][26]bool
}

// newLanguages returns nil where the attribute takes any language.
func newLanguages(a Attribute) *languages {
	if len(a.Values) == 0 {
		return nil
	}
	codes := make(map[string]string, len(a.Values)+len(a.Aliases))
	for _, from := range slices.Sorted(maps.Keys(a.Aliases)) { // in order, in case two differ in spelling only
		codes[languageKey(from)] = a.Aliases[from]
	}
	for _, code := range a.Values {
		codes[languageKey(code)] = code
	}
	l := &languages{codes: codes}
	for key, code := range codes {
		if len(key) == 2 && key == code && isLower(key[0]) && isLower(key[1]) {
			l.plain[key[0]-'a'][key[1]-'a'] = true
		}
	}
	for key := range codes {
		if len(key) > 2 && key[2] == '_' && isLower(key[0]) && isLower(key[1]) {
			l.plain[key[0]-'a'][key[1]-'a'] = false
		}
	}
	return l
}

func isLower(b byte) bool { return b >= 'a' && b <= 'z' }

func languageKey(code string) string { return strings.ReplaceAll(strings.ToLower(code), "-", "_") }

// quickLanguage is for two letters, and whatever follows them, that are rendered as they are.
func quickLanguage(c *column, text []byte, _ *Row) []byte {
	if len(text) != 2 && (len(text) < 3 || text[2] != '_' && text[2] != '-' || len(text) > maxLanguage) {
		return nil
	}
	first, second := text[0]-'a', text[1]-'a'
	if first > 25 || second > 25 || c.languages != nil && !c.languages.plain[first][second] {
		return nil
	}
	return text[:2]
}

const maxLanguage = 35 // as long as a language tag gets

func (l *languages) append(buf, text []byte) (out []byte, reason string) {
	var word [maxLanguage]byte
	if len(text) > len(word) {
		return buf, ReasonLanguage
	}
	first := len(text)
	for i, b := range text {
		switch {
		case b >= 'A' && b <= 'Z':
			b |= 0x20
		case b == '-':
			b = '_'
		}
		if b == '_' {
			first = min(first, i)
		}
		word[i] = b
	}
	whole, part := word[:len(text)], word[:first]
	if l == nil {
		letters := !slices.ContainsFunc(part, func(b byte) bool { return b < 'a' || b > 'z' })
		if letters && (first == 2 || first == 3) {
			return append(buf, part...), ""
		}
		return buf, ReasonLanguage
	}
	code, ok := l.codes[string(whole)]
	if !ok {
		code, ok = l.codes[string(part)]
	}
	if !ok {
		return buf, ReasonLanguage
	}
	return append(buf, code...), ""
}

// quickPhone is for nothing but digits behind the + or the 00.
func quickPhone(_ *column, text []byte, dst *Row) []byte {
	n := len(text)
	if n < 9 || n > 17 {
		return nil
	}
	head, tail := wordAt(text, 0), wordAt(text, n-8)
	if byte(head) == '+' {
		head ^= '+' ^ '0'
		if n > 16 || !areDigits(head) || !areDigits(tail) || byte(head>>8) == '0' {
			return nil
		}
		// The two words overlap or touch: they are the whole number.
		start := len(dst.buf)
		if end := start + n + 1; end <= cap(dst.buf) {
			dst.buf = dst.buf[:end]
		} else {
			dst.buf = append(dst.buf, make([]byte, n+1)...)
		}
		number := dst.buf[start : start+n+1]
		number[0] = '0'
		binary.LittleEndian.PutUint64(number[1:], head)
		binary.LittleEndian.PutUint64(number[n-7:], tail)
		return number
	}
	if uint16(head) != '0'<<8|'0' || byte(head>>16) == '0' || !areDigits(head) || !areDigits(tail) || text[8]-'0' > 9 {
		return nil
	}
	return text
}

// phoneBytes are the ASCII bytes of a number: digits (1), signs that set them apart (2), and what needs a closer look (0).
var phoneBytes = [256]uint8{
	'0': 1, '1': 1, '2': 1, '3': 1, '4': 1, '5': 1, '6': 1, '7': 1, '8': 1, '9': 1,
	' ': 2, '.': 2, '-': 2, '/': 2, ')': 2,
}

func appendPhone(buf, text []byte) (out []byte, reason string) {
	start := len(buf)
	if len(text) > 0 && text[0] == '+' {
		buf, text = append(buf, "00"...), text[1:]
	}
	trunk := false
	for i := 0; i < len(text); {
		switch phoneBytes[text[i]] {
		case 1:
			buf = append(buf, text[i])
			i++
			continue
		case 2:
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == '(' && bytes.HasPrefix(text[i:], []byte("(0)")):
			// A trunk zero stands once, between the country code and the number.
			if trunk || len(buf)-start < 3 {
				return buf[:start], ReasonPhone
			}
			trunk, size = true, 3
		case !isPhoneSign(r):
			return buf[:start], ReasonPhone
		}
		i += size
	}
	number := buf[start:]
	if len(number) < 2+7 || len(number) > 2+15 || number[0] != '0' || number[1] != '0' || number[2] == '0' {
		return buf[:start], ReasonPhone
	}
	return buf, ""
}

// isPhoneSign says that r only sets the digits of a number apart.
func isPhoneSign(r rune) bool {
	switch r {
	case ' ', 0xa0, 0x2009, 0x202f, '.', '-', '/', '(', ')':
		return true
	}
	return r >= 0x2010 && r <= 0x2015 // dashes
}

// quickEmail is for ASCII.
func quickEmail(_ *column, text []byte, dst *Row) []byte {
	ok, upper := isASCIIEmail(text)
	switch {
	case !ok, len(text) > maxLabel, text[len(text)-1] <= '9':
		return nil // or it needs a look at how long its parts are, and at its last label
	case !upper:
		return text
	}
	start := len(dst.buf)
	dst.buf = appendLowerASCII(dst.buf, text)
	return dst.buf[start:]
}

func appendEmail(buf, text []byte) (out []byte, reason string) {
	if ok, _ := isASCIIEmail(text); ok {
		return appendLowerASCII(buf, text), ""
	}
	start := len(buf)
	at := -1
	last := '.' // as if a dot went before, so that none can come first
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return buf[:start], ReasonUTF8
		}
		i += size
		small := unicode.ToLower(r)
		if r >= utf8.RuneSelf && small < utf8.RuneSelf { // such as the dotted capital I: somebody else's address would come out
			return buf[:start], ReasonEmail
		}
		r = small
		ok := false
		switch {
		case r == '@':
			ok = at < 0 && last != '.'
			at = len(buf)
		case r == '.':
			ok = last != '.' && (at < 0 || last != '-')
		case at < 0:
			ok = inLocalPart(r)
		case r == '-':
			ok = last != '.'
		default:
			ok = inLabel(r)
		}
		if !ok {
			return buf[:start], ReasonEmail
		}
		buf = utf8.AppendRune(buf, r)
		if last = r; r == '@' {
			last = '.'
		}
	}
	if at < 0 || last == '.' || last == '-' || bytes.IndexByte(buf[at:], '.') < 0 {
		return buf[:start], ReasonEmail
	}
	return buf, ""
}

// inLocalPart says that r may stand before the @ without quotes.
func inLocalPart(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	// U+FFFD is what a wrong conversion leaves of a letter.
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !isInvisible(r) && r != utf8.RuneError
}

// inLabel says that r may stand in a label of a domain, the hyphen apart.
func inLabel(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
	}
	return (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.Is(unicode.Nd, r)) && !isInvisible(r)
}

// isInvisible is for characters that are graphic by category and yet show nothing, and for those of no category at all.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Zs, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

func appendLists(buf, text []byte) (out []byte, reason string) {
	var signs [64]byte
	for more := true; more; {
		var item []byte
		item, text, more = bytes.Cut(text, []byte{','})
		item = bytes.TrimSpace(item)
		if len(item) < 2 || len(item) > 3 || item[0] != '+' && item[0] != '-' || !allDigits(item[1:]) {
			return buf, ReasonLists
		}
		id := 0
		for _, b := range item[1:] {
			id = id*10 + int(b-'0')
		}
		if id >= len(signs) || signs[id] != 0 && signs[id] != item[0] {
			return buf, ReasonLists
		}
		signs[id] = item[0]
	}
	first := true
	for id, sign := range signs {
		if sign == 0 {
			continue
		}
		if !first {
			buf = append(buf, ',')
		}
		first = false
		buf = append(buf, sign)
		if id > 9 {
			buf = append(buf, byte('0'+id/10))
		}
		buf = append(buf, byte('0'+id%10))
	}
	return buf, ""
}
