package source

import (
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
	// Comma separates the fields. Zero finds it: of ";", ",", tab and "|", the one that is most often in the first line
	// outside quotes, or rather the one that makes as many fields as Header has names; ";" when there is none of them.
	Comma rune

	// Header names the fields of a file whose first line is a record already. Nil reads the names from the first line.
	Header []string

	// LazyQuotes takes a quote in a field without quotes, and one inside quotes that is neither doubled nor followed by
	// a separator or the end of the line, for what they are instead of rejecting the record. A text that ends inside
	// quotes stays an error: the quote would have taken all the records behind it in.
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
	// A mark is never part of the text; one of another encoding than the one given stops the reading. What has no
	// meaning in an encoding, half a surrogate pair or an unassigned byte, comes out as bytes that are not UTF-8, like
	// invalid UTF-8 itself: nothing is replaced, and the mapping reports the value.
	Encoding string
}

// CSV reads CSV text from r, once. It does not close r. Text that begins like gzip is unzipped, any number of members.
//
// Fields may be quoted with ", doubled inside quotes, and hold line breaks then, of which CR LF becomes LF. CR LF and blank
// lines between records are skipped over. A record with another number of fields than the header is rejected alone with
// [ErrFieldCount], and its Values are the fields that it has; one with a misplaced quote within its line with [ErrQuote],
// its only value being the line. A quote that leads on to other lines before it goes wrong, a record above 16 MiB, gzip
// that is damaged or cut short, a failing reader, no header line and a header that is not UTF-8 stop the reading. Text is
// not checked otherwise: that is for the mapping.
//
// Values share a buffer of a few hundred KiB, which grows to hold a longer record.
func CSV(r io.Reader, o CSVOptions) mapping.Source {
	o.Header = slices.Clone(o.Header)
	return &stream{text: &csvText{r: r, o: o}}
}

// CSVFile reads the CSV text in a file, in the way of [CSV]. The file is opened each time that Records is ranged over, so
// it can be read again; Fields opens it, reads the header and closes it. A header that has changed since the last call of
// Fields stops the reading, and so does a file that was written to meanwhile.
func CSVFile(path string, o CSVOptions) mapping.Source {
	o.Header = slices.Clone(o.Header)
	return &file{path: path, open: func(r io.Reader, name string) text { return &csvText{r: r, o: o, name: name} }}
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
	if c := s.o.Comma; c != 0 && (c == '"' || c == '\r' || c == '\n' || c == 0xfeff || !utf8.ValidRune(c) || c == utf8.RuneError) {
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
	if s.o.Comma != 0 {
		s.split.comma = []byte(string(s.o.Comma))
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

func (s *csvText) firstLine() ([]string, error) {
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

func (s *csvText) records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
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
		if s.split.fault == faultOpen || s.split.line != s.split.first {
			return s.failure(s.quoteError("the record"))
		}
		rec.Err = ErrQuote
		rec.Values = append(rec.Values[:0], mapping.TextValue(trimLine(s.split.record)))
		return nil
	}
	record, fields := s.split.record, s.split.fields
	values := slices.Grow(rec.Values[:0], len(fields))[:len(fields)]
	for i, f := range fields {
		values[i] = mapping.TextValue(record[f.from:f.to])
	}
	if rec.Values = values; len(values) != s.names {
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
