package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"unicode"
	"unicode/utf8"
)

// step is a Transform with all that Bind could work out about it.
type step struct {
	kind      transform
	values    map[string]string
	other     *string
	value     string
	fields    []int // of the segment
	separator string
	start     int
	length    int
	pattern   *regexp.Regexp
	with      []byte
	apply     func(dst, text []byte) ([]byte, error)
	fail      Policy
}

// subject is a value on its way through the transforms.
type subject struct {
	v     *Value
	text  []byte
	typed bool // not text yet
	clean bool // valid UTF-8 and normalised, which transforms that compare or count rely on
}

// transform applies the column's transforms to s, with buf as working memory. The record is where concat looks for other
// fields; without one, there are none.
func (c *column) transform(s *subject, rec *Record, buf []byte) (grown []byte, bad verdict) {
	for i := range c.steps {
		t := &c.steps[i]
		if t.kind.onTextOnly() {
			buf = t.letters(s, buf)
			continue
		}
		reason := ""
		if s.typed {
			start := len(buf)
			if buf, reason = c.clock.zone.appendPlain(buf, s.v); reason != "" {
				return buf, verdict{reason: reason}
			}
			s.text, s.typed, s.clean = buf[start:], false, true
		}
		if len(s.text) == 0 && t.kind.passesEmpty() {
			continue
		}
		if !s.clean && t.kind != constant {
			if !utf8.Valid(s.text) {
				return buf, verdict{reason: ReasonUTF8}
			}
			s.text, buf = normal(s.text, buf)
			s.clean = true
		}
		if buf, reason = t.change(c, s, rec, buf); reason != "" {
			return buf, verdict{reason: reason, policy: t.fail}
		}
	}
	return buf, verdict{}
}

// letters is for the transforms that change letters or trim.
func (t *step) letters(s *subject, buf []byte) []byte {
	if s.typed {
		return buf
	}
	start := len(buf)
	switch t.kind {
	case trim:
		s.text = bytes.TrimFunc(s.text, isEdge)
		return buf
	case lower:
		buf = appendMapped(buf, s.text, unicode.ToLower)
	case upper:
		buf = appendMapped(buf, s.text, unicode.ToUpper)
	case title:
		buf = appendTitle(buf, s.text)
	}
	s.text, s.clean = buf[start:], false
	return buf
}

// change is for the others.
func (t *step) change(c *column, s *subject, rec *Record, buf []byte) (grown []byte, reason string) {
	start := len(buf)
	switch t.kind {
	case mapValue:
		value, ok := t.values[string(s.text)]
		if !ok {
			if t.other == nil || len(s.text) == 0 {
				return buf, ""
			}
			value = *t.other
		}
		buf = append(buf, value...)
	case defaultValue:
		if len(s.text) > 0 {
			return buf, ""
		}
		buf = append(buf, t.value...)
	case constant:
		buf = append(buf, t.value...)
	case concat:
		if buf, reason = t.join(c, s, rec, buf); reason != "" {
			return buf, reason
		}
	case hash:
		sum := sha256.Sum256(s.text)
		buf = hex.AppendEncode(buf, sum[:])
	case substring:
		s.text = t.part(s.text)
		return buf, ""
	case replace:
		buf = append(buf, t.pattern.ReplaceAll(s.text, t.with)...)
	case match:
		if !t.pattern.Match(s.text) {
			return buf, ReasonMatch
		}
		return buf, ""
	case function:
		// Nothing but the result is trusted, wherever in memory it may be.
		out, err := t.apply(buf[start:start:len(buf)], s.text)
		if err != nil || !utf8.Valid(out) {
			return buf, ReasonFunc
		}
		buf = append(buf, out...)
	}
	s.text, s.clean = buf[start:], false
	return buf, ""
}

func (t *step) join(c *column, s *subject, rec *Record, buf []byte) (grown []byte, reason string) {
	start := len(buf)
	buf = append(buf, s.text...)
	if rec == nil {
		return buf, ""
	}
	for _, field := range t.fields {
		v := &rec.Values[field]
		mark := len(buf)
		if mark > start {
			buf = append(buf, t.separator...)
		}
		before := len(buf)
		switch {
		case v.k == kindNull:
		case v.isText():
			part := trimMarks(v.bytes())
			if !utf8.Valid(part) {
				return buf, ReasonJoined
			}
			buf = append(buf, part...)
		case v.k == kindJSON:
			return buf, ReasonJoined
		default:
			if buf, reason = c.clock.zone.appendPlain(buf, v); reason != "" {
				return buf, ReasonJoined
			}
		}
		if len(buf) == before {
			buf = buf[:mark]
		}
	}
	return buf, ""
}

// part is the substring of text, which is valid.
func (t *step) part(text []byte) []byte {
	from := charactersIn(text, t.start)
	to := from + charactersIn(text[from:], t.length)
	for from < to && parts(text, from) {
		_, size := utf8.DecodeRune(text[from:])
		from += size
	}
	for to > from && parts(text, to) {
		_, size := utf8.DecodeLastRune(text[:to])
		to -= size
	}
	return text[from:to]
}

// charactersIn returns how many bytes the first n characters of text take.
func charactersIn(text []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// parts says that a cut of text at that place would part what belongs together.
func parts(text []byte, at int) bool {
	if at == 0 || at == len(text) {
		return false
	}
	next, _ := utf8.DecodeRune(text[at:])
	last, _ := utf8.DecodeLastRune(text[:at])
	return extends(next) || last == zeroWidthJoiner || partsFlag(text[:at], next)
}

// appendTitle appends text with the first letter of every word in title case and the others in lower case.
func appendTitle(buf, text []byte) []byte {
	letters := 0 // of the word so far, since its last apostrophe
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1: // stays, and is judged later
			buf = append(buf, text[i])
			i++
			continue
		case unicode.IsLetter(r):
			if letters == 0 {
				r = unicode.ToTitle(r)
			} else {
				r = unicode.ToLower(r)
			}
			letters++
		case extends(r), lineRune(r, true) < 0: // part of a letter, or not to be there at the end
		case r == '\'' || r == 0x2019:
			if letters == 1 {
				letters = 0
			}
		case unicode.IsDigit(r):
			letters++
		default:
			letters = 0
		}
		buf = utf8.AppendRune(buf, r)
		i += size
	}
	return buf
}
