package mapping

import (
	"fmt"
	"log/slog"
)

// Row is a rendered record. The zero Row is ready for use; reuse it, one per goroutine.
//
// Formatting it, logging it with log/slog and encoding it as text or JSON show what String does. The cells do show where
// package fmt, or slog by way of it, meets a Row in an unexported field of another type, for the verbs %p and %w, which no
// Row has, and to encoders that look at nothing but fields, such as encoding/gob.
type Row struct {
	Seq, Line int64 // of the record

	// Key is the rendered key, the same bytes as Cells[0]. Nil means that the record has no usable key.
	Key []byte

	// Cells are in the order of Mapper.Columns, Cells[0] being the key. A nil cell is absent; one that is empty and not
	// nil is an empty cell. They may share memory with the record and with the Row, must not be modified, and are valid
	// until the next Render into this Row or the source's next record, whichever comes first.
	Cells [][]byte

	// Rejections are everything found wrong with the record, in column order. The slice is reused by the next Render; its
	// elements may be kept.
	Rejections []Rejection

	// OK is false when the record as a whole is rejected. The cells that could be rendered are there all the same.
	OK bool

	buf []byte // empty between two calls of Render: what it is made of may be values that were rejected
}

// String says which record the row is of, never what is in it.
func (r Row) String() string {
	return fmt.Sprintf("Row(record %d, %d cells, %d rejections)", r.Seq, len(r.Cells), len(r.Rejections))
}

// Format writes String for every verb.
func (r Row) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.String())) }

// LogValue is String.
func (r Row) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText is String, so that encoding a Row shows no cell. It cannot be read back.
func (r Row) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Action is what was done about a value.
type Action string

const (
	Rejected  Action = "rejected"  // the record was rejected
	Blanked   Action = "blanked"   // the cell was left empty
	Omitted   Action = "absent"    // the cell was left out
	Shortened Action = "shortened" // the text was cut
	Kept      Action = "kept"      // rendered as it is, but worth a look
)

// The reasons of rejections. There is one more, "longer than 100 characters", with the attribute's own limit in it, and a
// record rejected by its source has the source's reason.
const (
	ReasonNoValue     = "no value"
	ReasonUTF8        = "not valid UTF-8"
	ReasonNull        = "reads NULL"
	ReasonInteger     = "not an integer"
	ReasonDigits      = "more than 30 digits"
	ReasonDecimal     = "not a decimal number"
	ReasonFinite      = "not a finite number"
	ReasonBoolean     = "not a boolean"
	ReasonDate        = "not a date"
	ReasonLanguage    = "not one of the languages"
	ReasonPhone       = "not an international phone number"
	ReasonEmail       = "not an e-mail address"
	ReasonEmailLength = "an e-mail address with a part that is too long"
	ReasonInvisible   = "an e-mail address or a key with an invisible character in it"
	ReasonLists       = "not a list of signed ids from 0 to 63"
	ReasonFlatten     = "a list or an object: set flatten of its field to say how it becomes text"
	ReasonJSON        = "not valid JSON"
	ReasonList        = "not a list of plain values"
	ReasonMatch       = "does not match the pattern"
	ReasonFunc        = "refused by the function of a transform"
	ReasonJoined      = "joined with a field whose value has no text"
	ReasonFields      = "not as many values as the segment has fields"
)

// Rejection is one thing found wrong with a record. It holds the offending value, which it shows nowhere but through
// [Rejection.Value]: formatting, logging and encoding it are safe, whatever it is part of and whatever the verb. Two
// Rejections cannot be compared with ==.
type Rejection struct {
	Seq       int64  `json:"seq"`
	Line      int64  `json:"line,omitempty"`
	Field     string `json:"field,omitempty"`     // Field.From; empty when it concerns the record as a whole
	Attribute string `json:"attribute,omitempty"` // Field.To; empty when it concerns the record as a whole
	Reason    string `json:"reason"`
	Action    Action `json:"action"`

	value func() string // nil for none; a function, so that nothing that goes by reflection shows it either
}

// Value returns the text of the offending value: personal data, to be shown to those who may see it only. It is empty
// when there was no value.
func (r Rejection) Value() string {
	if r.value == nil {
		return ""
	}
	return r.value()
}

// String says what was wrong and where, without the value.
func (r Rejection) String() string {
	where := fmt.Sprintf("record %d", r.Seq)
	if r.Line > 0 {
		where += fmt.Sprintf(", line %d", r.Line)
	}
	if r.Field != "" {
		where += fmt.Sprintf(", field %q", r.Field)
	}
	return fmt.Sprintf("%s: %s: %s", where, r.Reason, r.Action)
}

// Format writes String for every verb.
func (r Rejection) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.String())) }

// LogValue is the rejection as a group, without the value.
func (r Rejection) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int64("seq", r.Seq), slog.Int64("line", r.Line),
		slog.String("field", r.Field), slog.String("attribute", r.Attribute),
		slog.String("reason", r.Reason), slog.String("action", string(r.Action)),
	)
}
