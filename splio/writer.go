package splio

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// File describes a contacts file.
type File struct {
	Name string `json:"name"` // bare, as in the drop directory
	// Scope is that of the import configuration: empty is contacts, and the other one
	// is deletecontacts, of those who left.
	Scope string `json:"scope,omitempty"`
	// Subsequence is the import configuration at Splio that the file is for.
	Subsequence string   `json:"subsequence,omitempty"`
	Rows        int64    `json:"rows"`    // data rows
	Bytes       int64    `json:"bytes"`   // size
	SHA256      string   `json:"sha256"`  // of the content, in hexadecimal
	Columns     []string `json:"columns"` // names in the header, in order

	// Replaced counts what a cell had to lose to be written: by default the runs of
	// backslashes before a quote that became slashes (FORMAT.md, section 2).
	Replaced int64 `json:"replaced,omitempty"`
	// SuffixUnconfirmed: the name has a suffix after the date, of which it is
	// unknown whether Splio takes it (FORMAT.md, section 1).
	SuffixUnconfirmed bool `json:"suffix_unconfirmed,omitempty"`
	// Delivered: the file has arrived.
	Delivered bool `json:"delivered"`
}

// Writer writes a contacts file: UTF-8 without a byte order mark, one header
// line, and columns separated by ";". By default lines end by LF, and a cell is
// quoted when it holds ";" or a quote, or has a space at either end; quotes in it
// are doubled. A run of backslashes before a quote, or at the end of a quoted
// cell, becomes slashes, because many readers take \" for an escaped quote.
//
//	Ann; Lee       "Ann; Lee"
//	5" nails       "5"" nails"
//	a\"b           "a/""b"
//
// It takes cells as package mapping renders them: one that holds a line break,
// another control character or invalid UTF-8 is refused, not mended. Use a
// Writer from one goroutine.
type Writer struct {
	hand    func(text []byte) (next []byte, err error) // takes text, and gives memory for more
	sum     hash.Hash                                  // nil: whoever takes the text makes it
	columns []string
	format  Format
	file    File
	buf     []byte // text that was not handed on
	err     error  // the first write error, or that the Writer is closed
}

// blockBytes is how much text is handed on at a time.
const blockBytes = 64 << 10

// NewWriter returns a Writer on w and writes the header. The columns are one or
// more names, different from each other, without ";", quotes, control
// characters or spaces at the ends. All problems with them and with f are
// reported at once.
func NewWriter(w io.Writer, columns []string, f Format) (*Writer, error) {
	out, err := newWriter(columns, f)
	if err != nil {
		return nil, err
	}
	out.sum = sha256.New()
	out.hand = func(text []byte) ([]byte, error) {
		out.sum.Write(text)
		n, err := w.Write(text)
		if err == nil && n < len(text) {
			err = io.ErrShortWrite
		}
		if err != nil {
			err = fmt.Errorf("splio: write file: %w", err)
		}
		return text[:0], err
	}
	return out, nil
}

// newWriter returns a Writer that hands its text on to nobody yet.
func newWriter(columns []string, f Format) (*Writer, error) {
	f, err := f.validate()
	errs := []error{err}
	if len(columns) == 0 {
		errs = append(errs, errors.New("splio: a file needs at least one column"))
	}
	for i, c := range columns {
		switch {
		case c == "", c != strings.TrimSpace(c), strings.ContainsAny(c, ";\"\ufeff"), badCell([]byte(c)) != "":
			errs = append(errs, fmt.Errorf("splio: column %d: %q can not be a column name", i+1, c))
		case slices.Contains(columns[:i], c):
			errs = append(errs, fmt.Errorf("splio: column %d: the name %q is there twice", i+1, c))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	w := &Writer{columns: slices.Clone(columns), format: f}
	w.buf = append(w.buf, strings.Join(columns, ";")...)
	w.file.Bytes = int64(len(w.buf))
	return w, nil
}

// flush hands on what is in buf.
func (w *Writer) flush() error {
	w.buf, w.err = w.hand(w.buf)
	return w.err
}

// Write writes a row. There must be a cell for each column, and none may be
// nil: an absent cell belongs in a file without the column. A row that does not
// fit any more, by lines or bytes, gives [ErrFull], a cell that can not be written a [*CellError];
// after both nothing of the row was written and the Writer goes on. Any other
// error is final, and comes again from Close.
func (w *Writer) Write(cells [][]byte) error {
	if w.err != nil {
		return w.err
	}
	if len(cells) != len(w.columns) {
		return fmt.Errorf("splio: row %d has %d cells for %d columns", w.file.Rows+1, len(cells), len(w.columns))
	}
	if w.file.Rows+2 > int64(w.format.MaxLines) {
		return fmt.Errorf("splio: %w", ErrFull)
	}
	start := len(w.buf)
	text, replaced, bad := w.format.appendRow(append(w.buf, w.format.lineEnd()...), cells)
	if bad.reason != "" {
		return &CellError{Row: w.file.Rows + 1, Column: w.columns[bad.column], Reason: bad.reason}
	}
	w.buf = text
	return w.took(start, replaced)
}

// writeLine is Write for a row that appendRow has made in the format of w.
func (w *Writer) writeLine(line []byte, replaced int64) error {
	if w.err != nil {
		return w.err
	}
	if w.file.Rows+2 > int64(w.format.MaxLines) {
		return fmt.Errorf("splio: %w", ErrFull)
	}
	start := len(w.buf)
	w.buf = append(append(w.buf, w.format.lineEnd()...), line...)
	return w.took(start, replaced)
}

// took keeps the line that begins in buf with the end of the line before, if the
// file has room for it.
func (w *Writer) took(start int, replaced int64) error {
	size := int64(len(w.buf) - start)
	if most := w.format.MaxBytes; most > 0 && w.file.Rows > 0 && w.file.Bytes+size+int64(len(w.format.lineEnd())) > most {
		w.buf = w.buf[:start]
		return fmt.Errorf("splio: %w", ErrFull)
	}
	w.file.Bytes += size
	w.file.Rows++
	w.file.Replaced += replaced
	if len(w.buf) >= blockBytes {
		return w.flush()
	}
	return nil
}

// Close writes what is buffered and describes the file, all but its name. It
// does not close the underlying writer. Close may be repeated.
func (w *Writer) Close() (File, error) {
	if errors.Is(w.err, errClosed) {
		return w.file, nil
	}
	if w.err == nil {
		if !w.format.OpenEnd {
			w.buf = append(w.buf, w.format.lineEnd()...)
			w.file.Bytes += int64(len(w.format.lineEnd()))
		}
		_ = w.flush() // kept in err
	}
	if w.err != nil {
		return File{}, w.err
	}
	w.file.Columns = w.columns
	if w.sum != nil {
		w.file.SHA256 = hex.EncodeToString(w.sum.Sum(nil))
	}
	w.err = errClosed
	return w.file, nil
}

var errClosed = errors.New("splio: the Writer is closed")

// badCell says why a cell can not be written, "" when it can.
func badCell(cell []byte) string {
	for _, c := range cell {
		if c < ' ' || c == 0x7f {
			return badControl
		}
	}
	return badText(cell)
}

const badControl = "a line break or control character"

// badText is badCell for what has no control character of ASCII.
func badText(cell []byte) string {
	for i := 0; i < len(cell); {
		if cell[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(cell[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return "invalid UTF-8"
		case r < 0xa0, r == '\u2028', r == '\u2029':
			return badControl
		}
		i += n
	}
	return ""
}
