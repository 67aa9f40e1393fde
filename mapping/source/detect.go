package source

import (
	"unicode"
	"unicode/utf8"
)

// maxFirstLine is how far the separator is looked for.
const maxFirstLine = 64 << 10

// detect finds the separator in the first line that is not blank, without taking it, and looks no further than it has to:
// whoever writes into a pipe may be waiting. With names above 0, a separator that makes as many fields is preferred.
func detect(s *splitter, names int) string {
	var counts [128]int
	quoted, begun := false, false
	for seen := range maxFirstLine {
		b, ok := s.look(seen)
		if !ok {
			break
		}
		switch {
		case b == '"':
			quoted, begun = !quoted, true
		case quoted:
		case b == '\n' || b == '\r':
			if begun {
				return choose(&counts, names)
			}
		default:
			if begun = true; b < 128 {
				counts[b]++
			}
		}
	}
	return choose(&counts, names)
}

func choose(counts *[128]int, names int) string {
	best := ';'
	for _, c := range ";,\t|" {
		if names > 1 && counts[c] == names-1 {
			return string(c)
		}
		if counts[c] > counts[best] {
			best = c
		}
	}
	return string(best)
}

// look returns the byte i behind those that have been taken. It is not ok at the end of the text, nor when it cannot be
// read, which comes out again.
func (s *splitter) look(i int) (b byte, ok bool) {
	for s.pos+i >= s.end {
		moved, err := s.more()
		if s.quote -= moved; err != nil {
			return 0, false
		}
	}
	return s.buf[s.pos+i], true
}

// separates says that c can separate fields.
func separates(c rune) bool {
	return c != '"' && c != '\r' && c != '\n' && c != 0xfeff && utf8.ValidRune(c) && c != utf8.RuneError
}

// declared takes a first line such as sep=; and returns the separator that it declares, or 0 without one.
func declared(s *splitter) rune {
	const prefix = "sep="
	quotes := 0
	if b, _ := s.look(0); b == '"' {
		quotes = 1
	}
	for i := range len(prefix) { // byte by byte: what else there is may take its time
		if b, ok := s.look(quotes + i); !ok || unicode.ToLower(rune(b)) != rune(prefix[i]) {
			return 0
		}
	}
	end, next, err := s.lineAt(0)
	if err != nil || end < len(prefix)+2*quotes {
		return 0 // the error comes again
	}
	line := s.buf[s.pos+quotes : s.pos+end-quotes]
	if quotes > 0 && s.buf[s.pos+end-1] != '"' {
		return 0
	}
	c, size := utf8.DecodeRune(line[len(prefix):])
	if len(prefix)+size != len(line) || !separates(c) || unicode.IsLetter(c) || unicode.IsNumber(c) {
		return 0 // the name of a field
	}
	s.pos += next
	s.line++
	return c
}

// endsInCR says that the lines of the text end in CR alone: the first has one outside quotes, and no LF behind it. Strictly,
// there must not be any LF later either, for as long as a record may be.
func endsInCR(s *splitter, strictly bool) bool {
	quoted, begun, found := false, false, false
	for i := range maxRecord {
		b, ok := s.look(i)
		switch {
		case !ok:
			return found
		case b == '"':
			quoted, begun = !quoted, true
		case b == '\n' && begun && (strictly || !quoted):
			return false
		case quoted:
		case b == '\r':
			if after, ok := s.look(i + 1); ok && after != '\n' {
				if found = true; !strictly {
					return true
				}
			}
		case b != '\n':
			begun = true
		}
	}
	return found
}
