package mapping

import (
	"bytes"
	"slices"
	"time"
	"unicode/utf8"
)

// Mapper renders records by a mapping that [Mapping.Bind] has checked against a segment and a destination. It is
// immutable: any number of goroutines may use it at once, each with a Row of its own.
type Mapper struct {
	columns []column // the key first
	names   []string
	fields  int // of the segment
	loc     *time.Location
}

// column is one attribute, with all that Bind could work out about it.
type column struct {
	from, to   string
	field      int // index of from in the segment
	typ        Type
	key        bool
	empty      Policy
	invalid    Policy
	max        int
	tooLong    string // the reason, with max in it
	places     int
	layouts    []string
	transforms []transform
	languages  *languages
}

// Columns returns the names of the attributes: the key first, then Mapping.Fields, then Mapping.Custom. The slice is the
// caller's.
func (m *Mapper) Columns() []string { return slices.Clone(m.names) }

// Render renders rec into dst and never fails: what is wrong with the record is in dst.Rejections, all of it at once. It
// allocates nothing once dst has grown, save for a rejection's copy of its value.
//
//   - Without a usable key (null, empty, invalid or too long), dst.OK is false and dst.Key nil; the reason is Rejected.
//   - A field whose policy is [Reject] and that gives no cell makes dst.OK false; dst.Key is kept.
//   - A record with Err set, or with another number of values than the segment has fields, has neither key nor cells.
//   - [Blank] and [Absent] make an empty cell and none; for an invalid value that is reported as Blanked or Omitted, for
//     null and empty text it is not reported.
func (m *Mapper) Render(dst *Row, rec *Record) {
	dst.Seq, dst.Line = rec.Seq, rec.Line
	dst.Key, dst.OK = nil, true
	dst.Rejections, dst.buf = dst.Rejections[:0], dst.buf[:0]
	dst.Cells = slices.Grow(dst.Cells[:0], len(m.columns))[:len(m.columns)]

	if reason := m.unreadable(rec); reason != "" {
		clear(dst.Cells)
		dst.OK = false
		dst.Rejections = append(dst.Rejections, Rejection{Seq: rec.Seq, Line: rec.Line, Reason: reason, Action: Rejected})
		return
	}
	for i := range m.columns {
		c := &m.columns[i]
		v := &rec.Values[c.field]
		cell, buf, reason := m.cell(c, v, dst.buf)
		dst.buf = buf
		switch {
		case cell == nil:
			dst.Cells[i] = m.without(dst, c, v, reason)
		case reason != "":
			action := Shortened
			if reason == ReasonNull {
				action = Kept
			}
			m.report(dst, c, v, reason, action)
			fallthrough
		default:
			dst.Cells[i] = cell
		}
	}
	dst.Key = dst.Cells[0]
}

// Key returns the normal form of a key that comes from elsewhere, as Render would put it in Row.Key, in memory of its
// own. It is not ok when Render would reject it.
func (m *Mapper) Key(v Value) (key []byte, ok bool) {
	cell, _, _ := m.cell(&m.columns[0], &v, nil)
	return bytes.Clone(cell), cell != nil
}

func (m *Mapper) unreadable(rec *Record) string {
	switch {
	case rec.Err != nil:
		return rec.Err.Error()
	case len(rec.Values) != m.fields:
		return ReasonFields
	}
	return ""
}

// without applies the policies to a value that gives no cell: an empty one when there is no reason, an invalid one
// otherwise. It returns what stands in for the cell.
func (m *Mapper) without(dst *Row, c *column, v *Value, reason string) []byte {
	policy := c.invalid
	if reason == "" {
		if policy = c.empty; policy == Reject {
			reason = ReasonNoValue
		}
	}
	switch policy {
	case Reject:
		dst.OK = false
		m.report(dst, c, v, reason, Rejected)
	case Absent:
		if reason != "" {
			m.report(dst, c, v, reason, Omitted)
		}
	default:
		if reason != "" {
			m.report(dst, c, v, reason, Blanked)
		}
		return []byte{}
	}
	return nil
}

func (m *Mapper) report(dst *Row, c *column, v *Value, reason string, action Action) {
	r := Rejection{Seq: dst.Seq, Line: dst.Line, Field: c.from, Attribute: c.to, Reason: reason, Action: action}
	if text := m.sourceText(v); text != "" {
		r.value = &text
	}
	dst.Rejections = append(dst.Rejections, r)
}

// cell renders v. There are four ends: a cell; a cell and a reason, which was cut or reads NULL; no cell and no reason,
// the value being null or empty; no cell and the reason why the value is invalid. A cell shares memory with v or with the
// grown buffer.
func (m *Mapper) cell(c *column, v *Value, buf []byte) (cell, grown []byte, reason string) {
	if v.k == kindNull {
		return nil, buf, ""
	}
	if c.typ == Text {
		return m.textCell(c, v, buf)
	}
	var text []byte
	switch {
	case v.isText():
		text, buf = c.transform(v.bytes(), buf)
		if text = bytes.TrimSpace(text); len(text) == 0 {
			return nil, buf, ""
		}
	case c.typ == Integer || c.typ == Decimal:
		if text, buf, reason = numeral(buf, v, c.typ); reason != "" {
			return nil, buf, reason
		}
	}
	start := len(buf)
	switch c.typ {
	case Integer:
		buf, reason = appendInteger(buf, text)
	case Decimal:
		buf, reason = appendDecimal(buf, text, c.places)
	case Boolean:
		buf, reason = appendBoolean(buf, v, text)
	case Date, DateTime:
		buf, reason = m.appendCivil(buf, v, text, c.layouts, c.typ)
	case Language:
		buf, reason = c.languages.append(buf, text)
	case Phone:
		buf, reason = appendPhone(buf, text)
	case Email:
		buf, reason = appendEmail(buf, text)
	case Lists:
		buf, reason = appendLists(buf, text)
	}
	if reason != "" {
		return nil, buf, reason
	}
	cell = buf[start:len(buf):len(buf)]
	if c.max > 0 && len(cell) > c.max && utf8.RuneCount(cell) > c.max {
		return nil, buf, c.tooLong
	}
	return cell, buf, ""
}

func (v *Value) isText() bool { return v.k == kindText || v.k == kindString }
