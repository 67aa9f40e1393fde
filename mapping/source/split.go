package source

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// splitter splits CSV text into records and fields, as package encoding/csv does, in the memory it has been read into.
//
// A line without quotes, known from one search for a quote a chunk, is cut at the separators without looking at each byte. Any
// other record goes through parse.
type splitter struct {
	window
	comma []byte
	lazy  bool

	quote int // there is no quote in buf[pos:quote]
	line  int // lines read

	// The current record, until the next one is asked for.
	first  int             // its first line
	fields []mapping.Value // texts, parts of buf
	fault  fault
	column int    // of the fault, in bytes from 1; its line is the last of the record
	record []byte // the lines of a record with a fault

	spans []span // the fields as parse finds them, when the record may still move
	text  []byte // the record as it stands, without its line break; nil when it has a fault
	kept  []byte // memory for that, when it is not in buf any more
}

// span is a part of a record.
type span struct {
	from, to int
	dirty    bool // with doubled quotes or CR LF in it
}

// fault is what is wrong with a record.
type fault uint8

const (
	faultNone  fault = iota
	faultBare        // a quote in a field without quotes
	faultStray       // a quote inside quotes that is neither doubled nor the last
	faultOpen        // the text ends inside quotes
)

// field returns a copy of the bytes of a field.
func (s *splitter) field(i int) []byte { return s.fields[i].AppendPlain(nil) }

// next reads a record. An error, io.EOF at the end of the text, is one of reading; then there is no record.
func (s *splitter) next() error {
	end, next, err := s.begin()
	if err != nil {
		return err
	}
	if s.quote >= s.pos+next && len(s.comma) == 1 {
		s.text = s.buf[s.pos : s.pos+end]
		s.cut(end)
	} else {
		if next, err = s.parse(end, next); err != nil {
			return err
		}
		s.found(next)
		s.collect()
		if s.fault != faultNone {
			s.record = s.buf[s.pos : s.pos+next : s.pos+next]
		}
	}
	s.pos += next
	return nil
}

// found sets the text of a record that parse has found. Collect is going to change it where fields are dirty.
func (s *splitter) found(next int) {
	s.text = nil
	if s.fault != faultNone {
		return
	}
	s.text = trimLine(s.buf[s.pos : s.pos+next])
	if slices.ContainsFunc(s.spans, func(f span) bool { return f.dirty }) {
		s.kept = append(s.kept[:0], s.text...)
		s.text = s.kept
	}
}

// begin goes to the next record, over blank lines, and returns where its first line ends, as lineAt does. Then quote is
// behind that line, or a quote in it.
func (s *splitter) begin() (end, next int, err error) {
	s.fields, s.fault = s.fields[:0], faultNone
	for end == 0 {
		s.pos += next
		s.first = s.line + 1
		if end, next, err = s.lineAt(0); err != nil {
			return 0, 0, err
		}
		s.line++
	}
	if s.quote < s.pos+next {
		s.search()
	}
	return end, next, nil
}

// search looks for the next quote in the window.
func (s *splitter) search() {
	from := max(s.quote, s.pos)
	if s.quote = s.end; from < s.end {
		if i := bytes.IndexByte(s.buf[from:s.end], '"'); i >= 0 {
			s.quote = from + i
		}
	}
}

// stops says that the record has a fault that stops the reading: where it ends is not known.
func (s *splitter) stops() bool {
	return s.fault == faultOpen || s.fault != faultNone && s.line != s.first
}

// collect makes the fields of spans.
func (s *splitter) collect() {
	for _, f := range s.spans {
		text := s.buf[s.pos+f.from : s.pos+f.to]
		if f.dirty {
			text = text[:unescape(text)]
		}
		s.fields = append(s.fields, mapping.TextValue(text))
	}
}

// lineAt finds the line that begins from bytes after pos: where its text ends and where the next line begins, counted
// from pos as well. At the end of the text the error is io.EOF.
func (s *splitter) lineAt(from int) (end, next int, err error) {
	for searched := from; ; {
		if i := bytes.IndexByte(s.buf[s.pos+searched:s.end], '\n'); i >= 0 {
			end, next = searched+i, searched+i+1
			break
		}
		searched = s.end - s.pos
		if searched > maxRecord {
			return 0, 0, errLong
		}
		moved, err := s.more()
		s.quote -= moved
		if err != nil {
			if err != io.EOF || searched == from {
				return 0, 0, err
			}
			end, next = searched, searched
			break
		}
	}
	if next > maxRecord {
		return 0, 0, errLong
	}
	if end > from && s.buf[s.pos+end-1] == '\r' {
		end--
	}
	return end, next, nil
}

// cut makes the fields of a line without quotes. It works on 64 bytes at a time, since it is the number of separators in a
// step that a processor guesses wrong.
func (s *splitter) cut(end int) {
	comma := uint64(s.comma[0]) * ones
	line := s.buf[s.pos : s.pos+end+slack]
	fields := s.fields
	from := 0
	for at := 0; at < end; at += 64 {
		mask := ^others((*[64]byte)(line[at:at+64]), comma)
		if behind := at + 64 - end; behind > 0 {
			mask = mask << (behind & 63) >> (behind & 63)
		}
		for ; mask != 0; mask &= mask - 1 {
			to := at + bits.TrailingZeros64(mask)
			fields = append(fields, mapping.TextValue(line[from:to]))
			from = to + 1
		}
	}
	s.fields = append(fields, mapping.TextValue(line[from:end]))
}

// others has a bit, from the lowest on, for each byte of b that is not the one of pattern.
func others(b *[64]byte, pattern uint64) uint64 {
	return unlike(binary.LittleEndian.Uint64(b[0:]), pattern) |
		unlike(binary.LittleEndian.Uint64(b[8:]), pattern)<<8 |
		unlike(binary.LittleEndian.Uint64(b[16:]), pattern)<<16 |
		unlike(binary.LittleEndian.Uint64(b[24:]), pattern)<<24 |
		unlike(binary.LittleEndian.Uint64(b[32:]), pattern)<<32 |
		unlike(binary.LittleEndian.Uint64(b[40:]), pattern)<<40 |
		unlike(binary.LittleEndian.Uint64(b[48:]), pattern)<<48 |
		unlike(binary.LittleEndian.Uint64(b[56:]), pattern)<<56
}

const ones = 0x0101010101010101

// unlike has a bit, from the lowest on, for each byte of w that is not the one of pattern.
func unlike(w, pattern uint64) uint64 {
	// A byte that is alike becomes 0, and of those only the sign bit stays unset by the sum. Then the sign bits are brought
	// together in the top byte.
	w ^= pattern
	return (w&(0x7f*ones) + 0x7f*ones | w) & (0x80 * ones) * 0x0002040810204081 >> 56
}

// parse makes the spans of a record whose first line ends at end. It returns where the record ends.
func (s *splitter) parse(end, next int) (int, error) {
	s.spans = s.spans[:0]
	p, begin := 0, 0 // where parse is, and where the line began
	wrong := func(f fault, at int) (int, error) {
		s.fault, s.column = f, at-begin+1
		s.spans = s.spans[:0]
		return next, nil
	}
	for {
		rest := s.buf[s.pos+p : s.pos+end]
		if len(rest) == 0 || rest[0] != '"' {
			i := bytes.Index(rest, s.comma)
			if i >= 0 {
				rest = rest[:i]
			}
			if !s.lazy {
				if j := bytes.IndexByte(rest, '"'); j >= 0 {
					return wrong(faultBare, p+j)
				}
			}
			s.spans = append(s.spans, span{p, p + len(rest), false})
			if i < 0 {
				return next, nil
			}
			p += i + len(s.comma)
			continue
		}

		p++
		from, dirty := p, false
		for open := true; open; {
			i := bytes.IndexByte(s.buf[s.pos+p:s.pos+end], '"')
			if i < 0 { // the quotes go on on the next line
				dirty = dirty || end < next-1
				after, following, err := s.lineAt(next)
				if err == nil && after == next && s.buf[s.pos+following-1] == '\r' {
					err = io.EOF // nothing but a CR is left, which is no line
				}
				if err == io.EOF {
					to := end
					if s.buf[s.pos+next-1] == '\n' {
						to = next
					}
					s.fault, s.column = faultOpen, min(to, end+1)-begin+1
					s.spans = append(s.spans, span{from, to, dirty})
					return next, nil
				}
				if err != nil {
					return 0, err
				}
				s.line++
				p, begin, end, next = next, next, after, following
				continue
			}
			p += i + 1
			rest = s.buf[s.pos+p : s.pos+end]
			switch {
			case len(rest) == 0:
				s.spans = append(s.spans, span{from, p - 1, dirty})
				return next, nil
			case rest[0] == '"':
				p++
				dirty = true
			case bytes.HasPrefix(rest, s.comma):
				s.spans = append(s.spans, span{from, p - 1, dirty})
				p += len(s.comma)
				open = false
			case !s.lazy:
				return wrong(faultStray, p-1)
			}
		}
	}
}

// unescape makes single quotes of doubled ones and LF of CR LF, in place, and returns how many bytes are left.
func unescape(b []byte) int {
	n := 0
	for i := 0; i < len(b); i++ {
		if i+1 < len(b) && (b[i] == '"' && b[i+1] == '"' || b[i] == '\r' && b[i+1] == '\n') {
			i++
		}
		b[n] = b[i]
		n++
	}
	return n
}
