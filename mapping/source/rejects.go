package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
)

// The columns that a file of rejects has besides the fields of its segment.
var rejectColumns = []string{"reject_line", "reject_field", "reject_reason"}

// Rejects writes records that were not taken, as CSV text that a person can open, repair and feed back as a segment with
// the same fields:
//
//	email;firstname;reject_line;reject_field;reject_reason
//	lea.martin@;Léa;17;email;not an e-mail address
//
// It is read with the zero [CSVOptions]. A mapping takes no notice of the columns after the fields: reject_line is the
// line that the record was on, empty where there are no lines; reject_field and reject_reason are the field and the
// reason of each rejection, with "; " between them. Fields of these names, from a file of rejects that was fed back,
// are not written again, nor are the last three values of a record that its source rejected, if the segment has such
// fields.
//
// Values are written as they are in the source, null as empty text, numbers plainly, dates as 2006-01-02 and date-times as
// 2006-01-02T15:04:05Z. Fed back as it is, a record is rejected again. Two sorts of records are written with a wrong number
// of cells on purpose, so that they stay rejected until somebody has repaired their row:
//
//   - One that its source rejected, such as a line with too few fields, with what there is of it and at least one cell
//     too many before reject_line, to be removed with the repair. Otherwise it could be taken with values in the wrong
//     fields.
//   - One of whose offending values is no text, such as a list or a number, with an empty cell too many before reject_line,
//     to be removed with the repair. As text the value could be taken for something else: a number for a date, -4 for
//     a list that is left, a list for a name. Where no field is to blame, or a field that others have been joined with, any
//     value that is no text counts.
//
// A spreadsheet that fills all rows up to the longest when it saves gives every row too many cells, and the header too:
// remove the surplus column, once its rows are repaired.
//
// The file is personal data, in clear: give it only to those who may see it, and remove it when it has been dealt with.
// A value that begins with =, +, - or @ is written as it is, so that it can be fed back: a spreadsheet may take it for
// a formula, unless it imports all columns as text.
//
// The text is UTF-8 with a byte order mark and LF at the end of lines. Rejects is not safe for concurrent use.
type Rejects struct {
	w      *bufio.Writer
	kept   []int // the fields that are written
	fields []string
	cell   []byte
	err    error // sticky
}

// NewRejects begins a file of rejects for a segment with these fields. Call Close at the end, and look at its error; it
// does not close w. A name that is not UTF-8 is an error, since it could not be read again.
func NewRejects(w io.Writer, fields []string) (*Rejects, error) {
	r := &Rejects{w: bufio.NewWriterSize(w, 64<<10), fields: slices.Clone(fields)}
	_, _ = r.w.WriteString("\ufeff") // its errors stay until Flush
	for i, name := range fields {
		switch {
		case slices.Contains(rejectColumns, name):
			continue
		case !utf8.ValidString(name) || strings.Contains(name, "\x00"):
			return nil, fmt.Errorf("source: the name of field %d is not text in UTF-8", i+1)
		}
		r.kept = append(r.kept, i)
		r.write([]byte(name))
	}
	if len(r.kept) == 0 {
		return nil, errors.New("source: there are no fields to write rejects of")
	}
	_, _ = r.w.WriteString(strings.Join(rejectColumns, ";") + "\n")
	return r, nil
}

// Write writes one record and why it was rejected; rejections may be those of a record that has only lost a cell. The
// error is one of writing; the file is of no use then, and every later call returns the same.
func (r *Rejects) Write(rec *mapping.Record, rejections []mapping.Rejection) error {
	if r.err != nil {
		return r.err
	}
	if rec.Err == nil && len(rec.Values) == len(r.fields) {
		for _, i := range r.kept {
			r.writeValue(rec.Values[i])
		}
		if slices.ContainsFunc(rejections, func(one mapping.Rejection) bool { return r.typed(rec, one) }) {
			r.write(nil) // one too many
		}
	} else {
		values := rec.Values
		if len(r.kept) <= len(r.fields)-len(rejectColumns) && len(values) >= len(rejectColumns) {
			values = values[:len(values)-len(rejectColumns)] // said of the record the last time
		}
		for _, v := range values {
			r.writeValue(v)
		}
		for n := len(values); n <= len(r.kept); n++ { // up to one too many
			r.write(nil)
		}
	}
	r.cell = r.cell[:0]
	if rec.Line > 0 {
		r.cell = strconv.AppendInt(r.cell, rec.Line, 10)
	}
	r.write(r.cell)
	r.write(r.join(rejections, func(one mapping.Rejection) string { return one.Field }))
	r.end(r.join(rejections, func(one mapping.Rejection) string { return one.Reason }))
	return r.err
}

// typed says that a rejection may be for a value that is no text, and would be another one when read as text.
func (r *Rejects) typed(rec *mapping.Record, one mapping.Rejection) bool {
	all := one.Field == "" || one.Reason == mapping.ReasonJoined
	for _, i := range r.kept {
		if !all && r.fields[i] != one.Field {
			continue
		}
		switch rec.Values[i].String() {
		case textKind, nullKind:
		default:
			return true
		}
	}
	return false
}

// What values that read the same as text are called.
var textKind, nullKind = mapping.TextValue(nil).String(), mapping.Value{}.String()

// Close writes what is still buffered and returns the first error: without it, the file lacks its last records, or all
// of them. It does not close the writer underneath.
func (r *Rejects) Close() error {
	r.keep(r.w.Flush())
	err := r.err
	if r.err == nil {
		r.err = errors.New("source: the file of rejects is closed")
	}
	return err
}

func (r *Rejects) keep(err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("source: writing rejects: %w", err)
	}
}

func (r *Rejects) join(rejections []mapping.Rejection, part func(mapping.Rejection) string) []byte {
	r.cell = r.cell[:0]
	for i, one := range rejections {
		if i > 0 {
			r.cell = append(r.cell, "; "...)
		}
		r.cell = append(r.cell, part(one)...)
	}
	return r.cell
}

func (r *Rejects) writeValue(v mapping.Value) {
	r.cell = v.AppendPlain(r.cell[:0])
	r.write(r.cell)
}

// write writes a cell that another one follows.
func (r *Rejects) write(cell []byte) {
	r.quote(cell)
	r.keep(r.w.WriteByte(';'))
}

// end writes the last cell of a record.
func (r *Rejects) end(cell []byte) {
	r.quote(cell)
	r.keep(r.w.WriteByte('\n'))
}

// quote writes a cell, in quotes where it holds anything that may separate fields or lines. A CR before a LF is not
// brought back by reading, which makes one LF of the two.
func (r *Rejects) quote(cell []byte) {
	if !bytes.ContainsAny(cell, "\"\r\n;,\t|") && !bytes.HasPrefix(cell, []byte("\ufeff")) {
		_, _ = r.w.Write(cell)
		return
	}
	_ = r.w.WriteByte('"')
	for part := range bytes.SplitAfterSeq(cell, []byte{'"'}) {
		if _, _ = r.w.Write(part); bytes.HasSuffix(part, []byte{'"'}) {
			_ = r.w.WriteByte('"')
		}
	}
	_ = r.w.WriteByte('"')
}
