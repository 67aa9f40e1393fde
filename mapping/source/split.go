package source

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
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
	first  int    // its first line
	record []byte // its lines
	fields []span
	dirty  []int // fields with doubled quotes or CR LF in them
	fault  fault
	column int // of the fault, in bytes from 1; its line is the last of the record
}

// span is a part of a record.
type span struct{ from, to int32 }

// fault is what is wrong with a record.
type fault uint8

const (
	faultNone  fault = iota
	faultBare        // a quote in a field without quotes
	faultStray       // a quote inside quotes that is neither doubled nor the last
	faultOpen        // the text ends inside quotes
)

// field returns the bytes of a field.
func (s *splitter) field(i int) []byte { return s.record[s.fields[i].from:s.fields[i].to] }

// next reads a record. An error, io.EOF at the end of the text, is one of reading; then there is no record.
func (s *splitter) next() error {
	s.fields, s.dirty, s.record, s.fault = s.fields[:0], s.dirty[:0], nil, faultNone
	var end, next int
	for end == 0 { // blank lines
		s.pos += next
		s.first = s.line + 1
		var err error
		if end, next, err = s.lineAt(0); err != nil {
			return err
		}
		s.line++
	}
	if s.quote < s.pos+next {
		from := max(s.quote, s.pos)
		if s.quote = s.end; from < s.end {
			if i := bytes.IndexByte(s.buf[from:s.end], '"'); i >= 0 {
				s.quote = from + i
			}
		}
	}
	if s.quote >= s.pos+next && len(s.comma) == 1 {
		s.cut(end)
	} else {
		var err error
		if next, err = s.parse(end, next); err != nil {
			return err
		}
	}
	s.record = s.buf[s.pos : s.pos+next : s.pos+next]
	s.pos += next
	for _, i := range s.dirty {
		s.fields[i].to = s.fields[i].from + int32(unescape(s.field(i)))
	}
	return nil
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
	const low, ones, gather = 0x7f7f7f7f7f7f7f7f, 0x0101010101010101, 0x0102040810204080
	pattern := uint64(s.comma[0]) * ones
	fields := s.fields
	from := int32(0)
	for at := 0; at < end; at += 64 {
		n := min(64, end-at)
		block := s.buf[s.pos+at : s.pos+at+n+slack]
		mask := uint64(0) // a bit for each byte that is a separator
		for i := 0; i < n; i += 8 {
			// Such a byte becomes 0, and of those only the sign bit stays unset by the sum. Then the sign bits are
			// brought together in the top byte.
			w := binary.LittleEndian.Uint64(block[i:]) ^ pattern
			hits := ^((w&low + low) | w | low)
			mask |= (hits >> 7 * gather >> 56) << i
		}
		if n < 64 {
			mask &= 1<<n - 1
		}
		for ; mask != 0; mask &= mask - 1 {
			to := int32(at + bits.TrailingZeros64(mask))
			fields = append(fields, span{from, to})
			from = to + 1
		}
	}
	s.fields = append(fields, span{from, int32(end)})
}

// parse makes the fields of a record whose first line ends at end. It returns where the record ends.
func (s *splitter) parse(end, next int) (int, error) {
	p, begin := 0, 0 // where parse is, and where the line began
	wrong := func(f fault, at int) (int, error) {
		s.fault, s.column = f, at-begin+1
		s.fields, s.dirty = s.fields[:0], s.dirty[:0]
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
			s.fields = append(s.fields, span{int32(p), int32(p + len(rest))})
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
					s.add(from, to, dirty)
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
				s.add(from, p-1, dirty)
				return next, nil
			case rest[0] == '"':
				p++
				dirty = true
			case bytes.HasPrefix(rest, s.comma):
				s.add(from, p-1, dirty)
				p += len(s.comma)
				open = false
			case !s.lazy:
				return wrong(faultStray, p-1)
			}
		}
	}
}

func (s *splitter) add(from, to int, dirty bool) {
	if dirty {
		s.dirty = append(s.dirty, len(s.fields))
	}
	s.fields = append(s.fields, span{int32(from), int32(to)})
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
