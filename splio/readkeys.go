package splio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"
)

// KeysOptions say where the keys are in a file. Which columns Splio's reports about
// rejected rows have is unknown (FORMAT.md, section 8): look at one.
type KeysOptions struct {
	// Column is the name of the column with the keys, in the first line of the
	// file, spelt as there.
	Column string

	// Number is the number of the column with the keys, counted from 1, in place
	// of Column. The first line is then a row like any other, unless Header says
	// that it holds names.
	Number int
	Header bool

	// Separator separates columns. 0 detects it in the first line: the one of ";",
	// ",", tab and "|" that is there most often outside quotes; where none is,
	// there is one column.
	Separator rune
}

// Bounds of a report.
const (
	maxReadKey  = 4 << 10  // bytes of a key, far above any
	maxKeysHead = 64 << 10 // bytes of a line of names, and looked at for a separator
)

var keysSeparators = []rune{';', ',', '\t', '|'}

func (o KeysOptions) validate() error {
	var errs []error
	switch {
	case o.Column == "" && o.Number == 0:
		errs = append(errs, errors.New("splio: KeysOptions: say in Column or Number where the keys are"))
	case o.Column != "" && o.Number != 0:
		errs = append(errs, errors.New("splio: KeysOptions: Column and Number exclude each other"))
	}
	if o.Number < 0 {
		errs = append(errs, errors.New("splio: KeysOptions.Number: columns count from 1"))
	}
	switch s := o.Separator; {
	case s == 0:
	case s == '"' || s == '\n' || s == '\r' || s == ' ' || s >= utf8.RuneSelf:
		errs = append(errs, errors.New("splio: KeysOptions.Separator: it must be an ASCII character other than a space, a quote or a line end"))
	}
	return errors.Join(errs...)
}

// ReadKeys reads the keys of contacts out of CSV text, or out of a list of one key a
// line: an export from Splio for [Activation.Known], a report about rejected rows for
// [Activation.Resend], a list of persons for [Activation.Forget]. It yields the key
// of each row, as it stands there without white space at the ends, in the order of
// the rows and as often as it is there. Rows that are blank, or have no key, are
// passed over.
//
// The text is UTF-8, with or without a byte order mark, or else its keys are
// ASCII. Values may be quoted, with quotes in them doubled, and span lines. No
// more than a key is held in memory, whatever the size of the text.
//
// An error comes last, with its line and without what is in it: options that
// are wrong, a column that is not there, a row that does not reach the column,
// a key that is not UTF-8, holds a control character or is longer than 4096
// bytes, misplaced quotes, a read error. The stream can be ranged over once.
func ReadKeys(r io.Reader, o KeysOptions) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := o.validate(); err != nil {
			yield("", err)
			return
		}
		in := &keysReader{in: bufio.NewReaderSize(r, maxKeysHead), line: 1, want: o.Number}
		if err := in.begin(o); err != nil {
			yield("", err)
			return
		}
		for {
			key, err := in.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", err)
				return
			}
			if key != "" && !yield(key, nil) {
				return
			}
		}
	}
}

type keysReader struct {
	in        *bufio.Reader
	separator byte
	line      int64 // of the next byte
	want      int   // number of the column with the keys
	cell      []byte
	inside    bool // of a row, behind a separator
}

func (r *keysReader) fail(line int64, format string, args ...any) error {
	return fmt.Errorf("splio: keys, line %d: %w", line, fmt.Errorf(format, args...))
}

// begin finds the separator and the column.
func (r *keysReader) begin(o KeysOptions) error {
	head, err := r.in.Peek(maxKeysHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return r.fail(1, "%w", err)
	}
	if bytes.HasPrefix(head, []byte("\ufeff")) {
		head = head[3:]
		_, _ = r.in.Discard(3) // it was peeked at
	}
	r.separator = byte(o.Separator)
	if o.Separator == 0 {
		r.separator = detectSeparator(head)
	}
	if o.Column == "" && !o.Header {
		return nil
	}
	line, found := r.line, 0
	if o.Column != "" {
		for n := 1; ; n++ {
			more, _, err := r.field(true)
			if errors.Is(err, io.EOF) {
				break // an empty report has no names, and no rows
			}
			if err != nil {
				return err
			}
			if string(bytes.TrimSpace(r.cell)) == o.Column {
				if found > 0 {
					return r.fail(line, "the column is there twice: use KeysOptions.Number")
				}
				found = n
			}
			if !more {
				break
			}
		}
		if r.want = found; found == 0 {
			return r.fail(line, "there is no column %q, separated by %q", o.Column, r.separator)
		}
		return nil
	}
	for more := true; more; {
		var err error
		if more, _, err = r.field(false); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
	return nil
}

// detectSeparator is for the first line of a report.
func detectSeparator(head []byte) byte {
	best, most := byte(';'), 0
	for _, s := range keysSeparators {
		n, quoted := 0, false
		for _, b := range head {
			if b == '"' {
				quoted = !quoted
			}
			if !quoted && (b == '\n' || b == '\r') {
				break
			}
			if !quoted && b == byte(s) {
				n++
			}
		}
		if n > most {
			best, most = byte(s), n
		}
	}
	return best
}

// next returns the key of the next row, "" when it has none.
func (r *keysReader) next() (key string, err error) {
	line, columns, blank := r.line, 0, true
	for more := true; more; {
		columns++
		var empty bool
		at := r.line
		if more, empty, err = r.field(columns == r.want); err != nil {
			return "", err
		}
		blank = blank && empty
		if columns == r.want {
			text := bytes.TrimSpace(r.cell)
			switch {
			case !utf8.Valid(text):
				return "", r.fail(at, "the key is not UTF-8")
			case bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' }):
				return "", r.fail(at, "the key has a line break or control character in it")
			}
			key = string(text)
		}
	}
	if columns < r.want && !(blank && columns == 1) {
		return "", r.fail(line, "the row has %d columns, and the keys are in number %d: is the separator %q?", columns, r.want, r.separator)
	}
	return key, nil
}

// The states of reading a field.
const (
	fieldStart = iota
	fieldPlain
	fieldQuoted
	fieldQuote // behind a quote within quotes
)

// field reads up to the end of a field, and holds it when keep says so. Not more
// is that the row ends. At the end of the report, where no row begins, the
// error is io.EOF.
func (r *keysReader) field(keep bool) (more, empty bool, err error) {
	r.cell = r.cell[:0]
	begun, state, size := r.line, fieldStart, 0
	for {
		b, err := r.in.ReadByte()
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return false, false, r.fail(r.line, "%w", err)
		}
		switch {
		case end && state == fieldQuoted:
			return false, false, r.fail(begun, "a quote is not closed")
		case end && state == fieldStart && !r.inside:
			return false, true, io.EOF
		case end:
			r.inside = false
			return false, size == 0, nil
		case b == '\n':
			r.line++
		}
		if state == fieldQuoted {
			if b == '"' {
				state = fieldQuote
				continue
			}
		} else {
			switch {
			case b == r.separator:
				r.inside = true
				return true, size == 0, nil
			case b == '\n':
				r.inside = false
				return false, size == 0, nil
			case b == '\r':
				if next, err := r.in.Peek(1); err == nil && next[0] != '\n' {
					r.line++ // CR alone ends a line too
					r.inside = false
					return false, size == 0, nil
				}
				continue
			case b == '"' && state == fieldStart:
				state = fieldQuoted
				continue
			case state == fieldQuote && b != '"':
				if b == ' ' || b == '\t' {
					continue
				}
				return false, false, r.fail(r.line, "something follows a closing quote")
			case state == fieldQuote:
				state = fieldQuoted
			default:
				state = fieldPlain
			}
		}
		if size++; !keep {
			continue
		}
		if r.cell = append(r.cell, b); len(r.cell) > maxReadKey {
			return false, false, r.fail(begun, "the key is longer than %d bytes", maxReadKey)
		}
	}
}
