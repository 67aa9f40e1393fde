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

	// own has the codes of two letters that an alias of another language leads to, such as cz for cs. The destination means
	// that language by them, whatever ISO 639 calls so.
	own map[string]bool
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
	l := &languages{codes: codes, own: make(map[string]bool)}
	for from, to := range a.Aliases {
		language, _, _ := strings.Cut(languageKey(from), "_")
		if len(language) == 3 {
			language = shortCode([]byte(language))
		}
		if to = languageKey(to); len(language) == 2 && len(to) == 2 && language != to {
			l.own[to] = true
		}
	}
	for key, code := range codes {
		if len(key) == 2 && key == code && !l.own[key] && isLower(key[0]) && isLower(key[1]) {
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

// append appends the language that text names. Where its first part has been converted from three letters it is the code of
// ISO 639 and none of the destination's own.
func (l *languages) append(buf, text []byte, converted bool) (out []byte, reason string) {
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
	if own := l.own[string(part)]; !ok || own && converted && first == len(text) {
		code, ok = l.codes[string(part)]
		ok = ok && (!own || !converted && inItsRegion(whole))
	}
	if !ok {
		return buf, ReasonLanguage
	}
	return append(buf, code...), ""
}

// inItsRegion says that the two letters that tag begins with are those of its region too, as in cz_cz.
func inItsRegion(tag []byte) bool {
	return len(tag) >= 5 && bytes.Equal(tag[:2], tag[3:5]) && (len(tag) == 5 || !isLower(tag[5]) && (tag[5] < '0' || tag[5] > '9'))
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
		if n > 16 || !areDigits(head) || !areDigits(tail) || byte(head>>8) == '0' || hasTrunkZero(text[1:]) {
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
	if uint16(head) != '0'<<8|'0' || byte(head>>16) == '0' || !areDigits(head) || !areDigits(tail) || text[8]-'0' > 9 || hasTrunkZero(text[2:]) {
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
	if hasTrunkZero(number[2:]) || trunk && keepsZero(number[2:]) {
		return buf[:start], ReasonPhone
	}
	return buf, ""
}

// hasTrunkZero says that a number, of five digits or more from its country code on, has a zero behind it where the numbers
// of the country never begin with one: the zero that is dialled within the country.
func hasTrunkZero(number []byte) bool {
	return number[2] == '0' && zeroless[pairAt(number, 0)]>>10&1 != 0 ||
		number[3] == '0' && zeroless[pairAt(number, 0)]>>(number[2]-'0')&1 != 0
}

// keepsZero says that the zero that a number of the country begins with at home is there from abroad too, or may be: Italy,
// San Marino, Ivory Coast, Gabon, Congo. Without it, the number is that of somebody else, or none.
func keepsZero(number []byte) bool {
	if number[0] == '3' && number[1] == '9' {
		return true
	}
	switch string(number[:3]) {
	case "378", "225", "241", "242":
		return true
	}
	return false
}

// zeroless are the European country codes whose numbers never begin with 0, by their first two digits: bit 10 is the code of
// these two alone, bits 0 to 9 are those with a third digit.
var zeroless = [100]uint16{
	30: 1 << 10, 31: 1 << 10, 32: 1 << 10, 33: 1 << 10, 34: 1 << 10, 36: 1 << 10, 40: 1 << 10, 41: 1 << 10, 43: 1 << 10,
	44: 1 << 10, 45: 1 << 10, 46: 1 << 10, 47: 1 << 10, 48: 1 << 10, 49: 1 << 10,
	35: 0b11_1111_1111, // 350 to 359
	37: 0b00_1111_1111, // 370 to 377
	38: 0b10_1110_1111, // 380 to 383, 385 to 387, 389
	42: 0b00_0000_1011, // 420, 421, 423
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
