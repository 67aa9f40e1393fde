package mapping

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// languages is what a Language column takes, keyed by the lower-cased code with "_" between its parts.
type languages struct{ codes map[string]string }

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
	return &languages{codes}
}

func languageKey(code string) string { return strings.ReplaceAll(strings.ToLower(code), "-", "_") }

func (l *languages) append(buf, text []byte) (out []byte, reason string) {
	var word [35]byte // as long as a language tag gets
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

func appendPhone(buf, text []byte) (out []byte, reason string) {
	start := len(buf)
	if len(text) > 0 && text[0] == '+' {
		buf, text = append(buf, "00"...), text[1:]
	}
	trunk := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r >= '0' && r <= '9':
			buf = append(buf, byte(r))
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

func appendEmail(buf, text []byte) (out []byte, reason string) {
	start := len(buf)
	at := -1
	last := '.' // as if a dot went before, so that none can come first
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return buf[:start], ReasonUTF8
		}
		i += size
		r = unicode.ToLower(r)
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
