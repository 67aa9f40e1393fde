package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
)

// CSVOptions say how CSV text is written. The zero value reads a file with a header and finds out the rest by itself.
type CSVOptions struct {
	// Comma separates the fields. Zero is the one that a first line such as sep=; declares, which Excel writes and reads.
	// Such a line is neither header nor record; one that declares another separator than Comma is an error. Without it,
	// zero finds the separator: of ";", ",", tab and "|", the one that is most often in the first line outside quotes, or
	// rather the one that makes as many fields as Header has names; ";" when there is none of them.
	Comma rune

	// Header names the fields of a file whose first line is a record already. Nil reads the names from the first line.
	Header []string

	// LazyQuotes takes misplaced quotes as text instead of rejecting the record: a quote in a field without quotes, and one
	// inside quotes that is neither doubled nor followed by a separator or the end of the line. A text that ends inside quotes
	// stays an error: the quote would have swallowed all the records behind it.
	LazyQuotes bool

	// Encoding is how the text is encoded, in any case:
	//
	//	""              the one of the byte order mark; without it, UTF-16 where one of the first two bytes, not both, is
	//	                NUL, as in UTF-16 that begins with a character below U+0100; otherwise UTF-8
	//	"detect"        the same, save that text whose first 1 MiB is not valid UTF-8 is Windows-1252; the header waits
	//	                for as much text
	//	"utf-8"         UTF-8
	//	"utf-16"        UTF-16 in the order that a byte order mark or a NUL tells; otherwise little-endian
	//	"utf-16le"      UTF-16, little-endian
	//	"utf-16be"      UTF-16, big-endian
	//	"windows-1252"  Windows-1252, what Excel calls "CSV" in Western Europe
	//	"iso-8859-1"    read as Windows-1252, which has all of it but control characters
	//
	// A mark is never part of the text, nor is a second one; one of another encoding than the one given stops the reading. What has no
	// meaning in an encoding, half a surrogate pair or an unassigned byte, comes out as bytes that are not UTF-8, like
	// invalid UTF-8 itself: nothing is replaced, and the mapping reports the value.
	Encoding string
}

// CSV reads CSV text from r, once. It does not close r. Text that begins like gzip is decompressed, with any number of members.
//
// Fields may be quoted with ", doubled inside quotes, and hold line breaks then, of which CR LF becomes LF. CR LF and blank lines
// between records are skipped over. A record with another number of fields than the header is rejected alone with
// [ErrFieldCount], and its Values are the fields that it has. A record with a misplaced quote within its line is rejected alone
// with [ErrQuote], and its only value is the line. A misplaced quote whose field has already run on to other lines, a record
// above 16 MiB, gzip that is damaged, cut short or followed by something else, a failing reader, no header line, a header that is
// not UTF-8 and lines that end in CR alone stop the reading. Text is not checked otherwise: that is for the mapping.
//
// Values share a buffer of a few hundred KiB, which grows to hold a longer record.
func CSV(r io.Reader, o CSVOptions) mapping.Source {
	o.Header = slices.Clone(o.Header)
	in := &input{r: r}
	return &csvStream{stream{in: in, text: &csvText{r: in, o: o}}}
}

// CSVFile reads the CSV text in a file, in the way of [CSV]. The file is opened each time that Records is ranged over, so
// it can be read again; Fields opens it, reads the header and closes it. A header that has changed since the last call of
// Fields stops the reading, and so does a file that was written to meanwhile.
func CSVFile(path string, o CSVOptions) mapping.Source {
	o.Header = slices.Clone(o.Header)
	return &csvFile{file{path: path, open: func(r io.Reader, name string) text { return &csvText{r: r, o: o, name: name} }}}
}

// csvText is one reading of CSV text.
type csvText struct {
	r     io.Reader
	o     CSVOptions
	name  string // of the file, ready to put before a message
	split splitter
	names int // fields
}

func (s *csvText) header() ([]string, error) {
	var problems []error
	if c := s.o.Comma; c != 0 && !separates(c) {
		problems = append(problems, fmt.Errorf("source: %sComma is %q, which cannot separate fields", s.name, c))
	}
	decoded, err := newText(s.r, s.o.Encoding)
	if err != nil {
		problems = append(problems, fmt.Errorf("source: %s%w", s.name, err))
	}
	if problems != nil {
		return nil, errors.Join(problems...)
	}
	s.split.r, s.split.lazy = decoded, s.o.LazyQuotes
	said := declared(&s.split)
	if s.o.Comma != 0 && said != 0 && said != s.o.Comma {
		return nil, fmt.Errorf("source: %sthe first line says that %q separates the fields, and Comma is %q", s.name, said, s.o.Comma)
	}
	if comma := cmp.Or(s.o.Comma, said); comma != 0 {
		s.split.comma = []byte(string(comma))
	} else {
		s.split.comma = []byte(detect(&s.split, len(s.o.Header)))
	}
	names := s.o.Header
	if names == nil {
		if names, err = s.firstLine(); err != nil {
			return nil, err
		}
	}
	s.names = len(names)
	return names, nil
}

// lineEnds is the error of a text whose lines end in CR alone: all of it would pass for the header.
func (s *csvText) lineEnds() error {
	return fmt.Errorf("source: %sits lines end in CR alone, as in what Excel calls CSV (Macintosh): convert the file to LF or CR LF", s.name)
}

func (s *csvText) firstLine() ([]string, error) {
	if endsInCR(&s.split, false) {
		return nil, s.lineEnds()
	}
	switch err := s.split.next(); {
	case err == io.EOF:
		return nil, fmt.Errorf("source: %sit is empty: the first line must name the fields, even where there is no record", s.name)
	case err != nil:
		return nil, s.failure(err)
	case s.split.fault != faultNone:
		return nil, s.failure(s.quoteError("the header"))
	}
	names := make([]string, len(s.split.fields))
	for i := range names {
		names[i] = string(s.split.field(i))
	}
	if all := strings.Join(names, ""); !utf8.ValidString(all) {
		return nil, fmt.Errorf("source: %sthe header is not UTF-8: convert the file, or name its Encoding", s.name)
	} else if strings.Contains(all, "\x00") {
		return nil, fmt.Errorf("source: %sthere are NULs in the header, as in UTF-16: convert the file, or name its Encoding", s.name)
	}
	return names, nil
}

// failure is an error that stops the reading.
func (s *csvText) failure(err error) error {
	return fmt.Errorf("source: %sline %d: %w", s.name, s.split.first, err)
}

// quoteError is the error of a fault.
func (s *csvText) quoteError(what string) error {
	if s.split.fault == faultOpen {
		return fmt.Errorf("the text ends inside quotes, is it complete? %w", ErrQuote)
	}
	return fmt.Errorf("%s has a misplaced quote: %w", what, ErrQuote)
}

// start looks at the first record, once the header is known.
func (s *csvText) start() error {
	if s.o.Header != nil && endsInCR(&s.split, true) {
		return s.lineEnds()
	}
	return nil
}

func (s *csvText) records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		if err := s.start(); err != nil {
			yield(nil, err)
			return
		}
		rec := &mapping.Record{}
		for {
			if rec.Seq%checkEvery == 0 {
				if err := stopped(ctx, rec.Seq); err != nil {
					yield(nil, err)
					return
				}
			}
			if err := s.split.next(); err != nil {
				if err != io.EOF {
					yield(nil, s.failure(err))
				}
				return
			}
			if err := s.take(rec); err != nil {
				yield(nil, err)
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// take makes rec of what has been split.
func (s *csvText) take(rec *mapping.Record) error {
	rec.Seq++
	rec.Line, rec.Err = int64(s.split.first), nil
	if s.split.fault != faultNone {
		if s.split.stops() {
			return s.failure(s.quoteError("the record"))
		}
		rec.Err = ErrQuote
		rec.Values = append(rec.Values[:0], mapping.TextValue(trimLine(s.split.record)))
		return nil
	}
	if rec.Values = s.split.fields; len(rec.Values) != s.names {
		rec.Err = ErrFieldCount
	}
	return nil
}

// trimLine cuts the line break off.
func trimLine(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
