package splio

import (
	"bufio"
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
	w       *bufio.Writer
	sum     hash.Hash
	columns []string
	format  Format
	file    File
	buf     []byte
	err     error // the first write error, or that the Writer is closed
}

// NewWriter returns a Writer on w and writes the header. The columns are one or
// more names, different from each other, without ";", quotes, control
// characters or spaces at the ends. All problems with them and with f are
// reported at once.
func NewWriter(w io.Writer, columns []string, f Format) (*Writer, error) {
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
	sum := sha256.New()
	out := &Writer{
		sum:     sum,
		w:       bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10),
		columns: slices.Clone(columns),
		format:  f,
	}
	out.buf = append(out.buf, strings.Join(columns, ";")...)
	return out, out.flush()
}

// flush writes what is in buf.
func (w *Writer) flush() error {
	n, err := w.w.Write(w.buf)
	w.file.Bytes += int64(n)
	if err != nil {
		w.err = fmt.Errorf("splio: write file: %w", err)
	}
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
	end := w.format.lineEnd()
	w.buf = append(w.buf[:0], end...) // of the line before
	replaced := int64(0)
	for i, cell := range cells {
		reason := "an absent cell"
		if cell != nil {
			reason = badCell(cell)
		}
		if reason != "" {
			return &CellError{Row: w.file.Rows + 1, Column: w.columns[i], Reason: reason}
		}
		if i > 0 {
			w.buf = append(w.buf, ';')
		}
		var n int64
		var ok bool
		if w.buf, n, ok = w.format.appendCell(w.buf, cell); !ok {
			return &CellError{Row: w.file.Rows + 1, Column: w.columns[i], Reason: "a separator or quote, or a space at an end"}
		}
		replaced += n
	}
	if len(w.buf) == len(end) { // a line that readers would take for blank
		if w.format.Quotes == QuoteNever || w.format.Quotes == QuoteReject {
			return &CellError{Row: w.file.Rows + 1, Column: w.columns[0], Reason: "the only cell of its row, and empty"}
		}
		w.buf = append(w.buf, `""`...)
	}
	if most := w.format.MaxBytes; most > 0 && w.file.Rows > 0 && w.file.Bytes+int64(len(w.buf)+len(end)) > most {
		return fmt.Errorf("splio: %w", ErrFull)
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.file.Rows++
	w.file.Replaced += replaced
	return nil
}

// Close writes what is buffered and describes the file, all but its name. It
// does not close the underlying writer. Close may be repeated.
func (w *Writer) Close() (File, error) {
	if errors.Is(w.err, errClosed) {
		return w.file, nil
	}
	if w.err == nil && !w.format.OpenEnd {
		w.buf = append(w.buf[:0], w.format.lineEnd()...)
		_ = w.flush() // kept in err
	}
	if w.err == nil {
		if err := w.w.Flush(); err != nil {
			w.err = fmt.Errorf("splio: write file: %w", err)
		}
	}
	if w.err != nil {
		return File{}, w.err
	}
	w.file.Columns = w.columns
	w.file.SHA256 = hex.EncodeToString(w.sum.Sum(nil))
	w.err = errClosed
	return w.file, nil
}

var errClosed = errors.New("splio: the Writer is closed")

// badCell says why a cell can not be written, "" when it can.
func badCell(cell []byte) string {
	ascii := true
	for _, c := range cell {
		if c < ' ' || c == 0x7f {
			return "a line break or control character"
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return ""
	}
	if !utf8.Valid(cell) {
		return "invalid UTF-8"
	}
	for i := 0; i < len(cell); {
		r, n := utf8.DecodeRune(cell[i:])
		if r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return "a line break or control character"
		}
		i += n
	}
	return ""
}
