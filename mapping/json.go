package mapping

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

const jsonSpace = " \t\r\n"

// isJSON says that text is JSON of a list or an object, whatever white space is around it.
func isJSON(text []byte) bool {
	text = bytes.TrimFunc(text, isEdge)
	return len(text) > 1 && (text[0] == '[' || text[0] == '{') && json.Valid(text)
}

// flat appends the list or object text in the way of the column.
func (c *column) flat(buf, text []byte) (out []byte, reason string) {
	text = bytes.TrimFunc(text, isEdge)
	switch {
	case !isJSON(text):
		return buf, ReasonJSON
	case c.typ == Lists:
		if buf, reason = appendList(buf, text, ",", true); reason != "" {
			reason = ReasonLists
		}
		return buf, reason
	case c.flatten == flattenJSON:
		return appendCompact(buf, text), ""
	case c.flatten == flattenList:
		start := len(buf)
		buf, reason = appendList(buf, text, c.separator, false)
		if reason == "" && isJSON(buf[start:]) {
			reason = ReasonList // an element that is JSON itself, in a string
		}
		return buf, reason
	}
	return buf, ReasonFlatten
}

// appendCompact appends JSON without the white space between its tokens, and with quotes and backslashes inside its strings
// as numbers: no backslash stands before a quote or another backslash then, which not every reader of files takes for what
// it is.
func appendCompact(buf, text []byte) []byte {
	quoted := false
	for i := 0; i < len(text); i++ {
		b := text[i]
		switch {
		case quoted && b == '\\':
			i++
			switch text[i] {
			case '"':
				buf = append(buf, `\u0022`...)
			case '\\':
				buf = append(buf, `\u005c`...)
			default:
				buf = append(buf, '\\', text[i])
			}
			continue
		case b == '"':
			quoted = !quoted
		case !quoted && (b == ' ' || b == '\t' || b == '\r' || b == '\n'):
			continue
		}
		buf = append(buf, b)
	}
	return buf
}

// appendList appends the elements of a list that is valid JSON; with strict, they are all strings.
func appendList(buf, text []byte, separator string, strict bool) (out []byte, reason string) {
	start := len(buf)
	if text[0] != '[' {
		return buf, ReasonList
	}
	for text = text[1:]; ; {
		if text = bytes.TrimLeft(text, jsonSpace+","); text[0] == ']' {
			return buf, ""
		}
		mark := len(buf)
		if mark > start {
			buf = append(buf, separator...)
		}
		before := len(buf)
		var element []byte
		if text[0] == '"' {
			ok := false
			element, text = cutString(text)
			if buf, ok = appendUnescaped(buf, element); !ok {
				return buf[:start], ReasonUTF8
			}
		} else {
			end := bytes.IndexAny(text, ",]"+jsonSpace)
			element, text = text[:max(end, 0)], text[max(end, 0):]
			switch {
			case strict || element == nil || len(element) == 0 || element[0] == '[' || element[0] == '{':
				return buf[:start], ReasonList
			case element[0] == 't':
				buf = append(buf, '1')
			case element[0] == 'f':
				buf = append(buf, '0')
			case element[0] != 'n':
				buf = append(buf, element...)
			}
		}
		if len(buf) == before {
			buf = buf[:mark]
		}
	}
}

// cutString returns what is between the quotes of the string that text begins with, and what is behind it.
func cutString(text []byte) (inner, rest []byte) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[1:i], text[i+1:]
		}
	}
	return text[1:], nil
}

// appendUnescaped appends what stands between the quotes of a JSON string; not ok when half of a surrogate pair is in it.
func appendUnescaped(buf, text []byte) (out []byte, ok bool) {
	for i := 0; i < len(text); i++ {
		b := text[i]
		if b != '\\' || i+1 == len(text) {
			buf = append(buf, b)
			continue
		}
		i++
		switch text[i] {
		case 'b':
			buf = append(buf, '\b')
		case 'f':
			buf = append(buf, '\f')
		case 'n':
			buf = append(buf, '\n')
		case 'r':
			buf = append(buf, '\r')
		case 't':
			buf = append(buf, '\t')
		case 'u':
			r := hexRune(text[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				if !bytes.HasPrefix(text[i+1:], []byte(`\u`)) {
					return buf, false
				}
				if r = utf16.DecodeRune(r, hexRune(text[i+3:])); r == utf8.RuneError {
					return buf, false
				}
				i += 6
			}
			buf = utf8.AppendRune(buf, r)
		default:
			buf = append(buf, text[i])
		}
	}
	return buf, true
}

// hexRune is the number of the four hexadecimal digits that text begins with.
func hexRune(text []byte) rune {
	var r rune
	for _, b := range text[:min(4, len(text))] {
		switch {
		case b <= '9':
			b -= '0'
		default:
			b = b&^0x20 - 'A' + 10
		}
		r = r<<4 | rune(b)
	}
	return r
}
