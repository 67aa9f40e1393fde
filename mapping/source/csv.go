package source

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/spliosync/spliosync/mapping"
)

// CSVOptions say how CSV text is written. The zero value reads a file with a header and finds the separator by itself.
type CSVOptions struct {
	// Comma separates the fields. Zero finds it: of ";", ",", tab and "|", the one that is most often in the first line
	// outside quotes, or rather the one that makes as many fields as Header has names; ";" when there is none of them.
	Comma rune

	// Header names the fields of a file whose first line is a record already. Nil reads the names from the first line.
	Header []string
}

// CSV reads CSV text in UTF-8 from r, once. It does not close r.
//
// Fields may be quoted with ", doubled inside quotes, and hold line breaks then. A byte order mark at the start, CR LF and
// blank lines are skipped over. A record with another number of fields than the header is rejected alone with
// [ErrFieldCount], one with a misplaced quote within its line with [ErrQuote]. A quote that leads on to other lines before
// it goes wrong, a record above 16 MiB, a failing reader, no header line and a header that is not UTF-8 stop the reading.
// Text is not checked otherwise: that is for the mapping.
func CSV(r io.Reader, o CSVOptions) mapping.Source {
	o.Header = slices.Clone(o.Header)
	return &csvReader{r: r, o: o}
}

// CSVFile reads the CSV text in a file, in the way of [CSV]. The file is opened each time that Records is ranged over, so
// it can be read again; Fields opens it, reads the header and closes it. A header that has changed since the last call of
// Fields stops the reading.
func CSVFile(path string, o CSVOptions) mapping.Source {
	o.Header = slices.Clone(o.Header)
	return &csvFile{path: path, o: o}
}

type csvFile struct {
	path   string
	o      CSVOptions
	fields []string // as Fields last gave them
}

func (s *csvFile) Fields(ctx context.Context) ([]string, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	fields, err := (&csvReader{r: f, o: s.o, name: s.path + ": "}).Fields(ctx)
	if err != nil {
		return nil, err
	}
	s.fields = slices.Clone(fields)
	return fields, nil
}

func (s *csvFile) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		f, err := os.Open(s.path)
		if err != nil {
			yield(nil, fmt.Errorf("source: %w", err))
			return
		}
		defer func() { _ = f.Close() }()
		r := &csvReader{r: f, o: s.o, name: s.path + ": "}
		switch fields, err := r.Fields(ctx); {
		case err != nil:
			yield(nil, err)
		case s.fields != nil && !slices.Equal(fields, s.fields):
			yield(nil, fmt.Errorf("source: %s: the header has changed while the file was in use", s.path))
		default:
			r.Records(ctx)(yield)
		}
	}
}

// csvReader is CSV, and one reading of a CSVFile.
type csvReader struct {
	r    io.Reader
	o    CSVOptions
	name string // of the file, ready to put before a message

	opened bool
	spent  bool
	input  *input
	csv    *csv.Reader
	header []string
	err    error // of opening
}

func (s *csvReader) Fields(ctx context.Context) ([]string, error) {
	if ctx.Err() != nil && !s.opened {
		return nil, stopped(ctx, 0)
	}
	s.open()
	return slices.Clone(s.header), s.err
}

// open reads as far as the header.
func (s *csvReader) open() {
	if s.opened {
		return
	}
	s.opened = true
	if c := s.o.Comma; c != 0 && (c == '"' || c == '\r' || c == '\n' || c == 0xfeff || !utf8.ValidRune(c) || c == utf8.RuneError) {
		s.err = fmt.Errorf("source: %sComma is %q, which cannot separate fields", s.name, c)
		return
	}
	s.input = newInput(s.r)
	buffered := bufio.NewReaderSize(s.input, 64<<10)
	if mark, _ := buffered.Peek(3); string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3)
	}
	s.csv = csv.NewReader(buffered)
	s.csv.ReuseRecord, s.csv.FieldsPerRecord = true, -1
	if s.csv.Comma = s.o.Comma; s.csv.Comma == 0 {
		s.csv.Comma = detect(buffered, len(s.o.Header))
	}
	if s.o.Header != nil {
		s.header = s.o.Header
		return
	}
	header, err := s.csv.Read()
	switch {
	case err == errEnd && atEnd(header):
		s.err = fmt.Errorf("source: %sit is empty: the first line must name the fields, even where there is no record", s.name)
	case err != nil:
		s.err = s.failure(err, "the header", header)
	case slices.ContainsFunc(header, func(name string) bool { return !utf8.ValidString(name) }):
		s.err = fmt.Errorf("source: %sthe header is not UTF-8: convert the file", s.name)
	default:
		s.header = slices.Clone(header)
	}
}

// failure is an error of the csv package that stops the reading.
func (s *csvReader) failure(err error, what string, cells []string) error {
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("source: %sline %d: %s has a misplaced quote: %w", s.name, wrong.StartLine, what, ErrQuote)
	}
	if err == errEnd {
		err = fmt.Errorf("the text ends inside quotes, is it complete? %w", ErrQuote)
	}
	if len(cells) == 0 { // the reader failed in the middle of a line
		return fmt.Errorf("source: %s%w", s.name, err)
	}
	line, _ := s.csv.FieldPos(0)
	return fmt.Errorf("source: %sline %d: %w", s.name, line, err)
}

func (s *csvReader) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		if s.spent {
			yield(nil, errSpent)
			return
		}
		s.spent = true
		if s.open(); s.err != nil {
			yield(nil, s.err)
			return
		}
		rec := &mapping.Record{}
		for {
			if err := stopped(ctx, rec.Seq); err != nil {
				yield(nil, err)
				return
			}
			if more, err := s.read(rec); err != nil {
				yield(nil, err)
				return
			} else if !more || !yield(rec, nil) {
				return
			}
		}
	}
}

// read reads the next record into rec.
func (s *csvReader) read(rec *mapping.Record) (more bool, err error) {
	s.input.reset()
	cells, err := s.csv.Read()
	rec.Seq++
	rec.Values, rec.Err = rec.Values[:0], nil
	if err != nil {
		if err == errEnd && atEnd(cells) {
			return false, nil
		}
		wrong, ok := errors.AsType[*csv.ParseError](err)
		if !ok || wrong.Line != wrong.StartLine {
			return false, s.failure(err, "the record", cells)
		}
		rec.Line, rec.Err = int64(wrong.StartLine), ErrQuote
		return true, nil
	}
	line, _ := s.csv.FieldPos(0)
	rec.Line = int64(line)
	if len(cells) != len(s.header) {
		rec.Err = ErrFieldCount
		return true, nil
	}
	for _, cell := range cells {
		// The csv package makes a new string of each record and keeps none, so its bytes are the record's own.
		rec.Values = append(rec.Values, mapping.TextValue(unsafe.Slice(unsafe.StringData(cell), len(cell))))
	}
	return true, nil
}

// atEnd says that the csv package met the end of the text between two records: with a quote open, there would be a line
// break at least in what it returns.
func atEnd(cells []string) bool { return len(cells) == 1 && cells[0] == "" }
