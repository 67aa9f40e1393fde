package mapping

import (
	"bytes"
	"cmp"
	"slices"
	"time"
	"unicode/utf8"
)

// Mapper renders records by a mapping that [Mapping.Bind] has checked against a segment and a destination. It is
// immutable: any number of goroutines may use it at once, each with a Row of its own.
type Mapper struct {
	columns []column // the key first
	names   []string
	fields  int            // of the segment
	loc     *time.Location // of what renders dates for a column
}

// column is one attribute, with all that Bind could work out about it.
type column struct {
	// What Render looks at first, side by side in memory.
	quick quickFunc // for the plainest texts
	field int       // index of from in the segment, -1 without one
	room  int       // the most bytes of a cell that need not be counted as characters
	blank bool      // null and empty text make an empty cell

	from, to   string
	typ        Type
	key        bool
	standIn    Value // for null and empty text; null is none
	empty      Policy
	invalid    Policy
	long       Policy
	max        int
	tooLong    string // the reason, with max in it
	places     int
	layouts    []string
	clock      clock
	booleans   []string // nil is 0 and 1
	flatten    string
	separator  string
	transforms []transform
	steps      []step // the same, with their parameters
	languages  *languages
}

// verdict is why a value gives no cell, or not quite the one it should; the zero verdict is that there is nothing to say.
type verdict struct {
	reason string
	policy Policy // in place of the column's own
	null   bool   // there is a cell, and it reads NULL
}

// Columns returns the names of the attributes: the key first, then Mapping.Fields, then Mapping.Custom. The slice is the
// caller's.
func (m *Mapper) Columns() []string { return slices.Clone(m.names) }

// Render renders rec into dst and never fails: what is wrong with the record is in dst.Rejections, all of it at once. It
// allocates nothing once dst has grown, save for a rejection's copy of its value, text with combining marks that may have to
// be normalised, Layouts, and the transforms replace, match and func.
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
	columns, values := m.columns, rec.Values
	if cap(dst.Cells) < len(columns) {
		dst.Cells = make([][]byte, len(columns))
	}
	cells := dst.Cells[:len(columns)]
	dst.Cells = cells

	if reason := m.unreadable(rec); reason != "" {
		clear(dst.Cells)
		dst.OK = false
		dst.Rejections = append(dst.Rejections, Rejection{Seq: rec.Seq, Line: rec.Line, Reason: reason, Action: Rejected})
		return
	}
	for i := range columns {
		c := &columns[i]
		v := &c.standIn
		if uint(c.field) < uint(len(values)) {
			v = &values[c.field]
		}
		if v.k == kindText && v.n > 0 {
			cell := c.quick(c, v.bytes(), dst)
			if uint(len(cell)-1) < uint(c.room) { // neither none nor too long
				cells[i] = cell[:len(cell):len(cell)]
				continue
			}
		} else if v.k <= kindText && c.blank {
			cells[i] = []byte{}
			continue
		}
		cells[i] = c.render(dst, v, rec)
	}
	dst.Key = cells[0]
	dst.buf = dst.buf[:0]
}

// render renders v, a value of rec, and does and reports what is to be done about it.
func (c *column) render(dst *Row, v *Value, rec *Record) []byte {
	if v.k == kindString && v.n > 0 {
		// The bytes of a string must not get into hands that could write to them.
		start := len(dst.buf)
		dst.buf = append(dst.buf, v.bytes()...)
		text := dst.buf[start:]
		if cell := c.quick(c, text, dst); uint(len(cell)-1) < uint(c.room) {
			return cell[:len(cell):len(cell)]
		}
	}
	cell, buf, bad := c.cell(v, rec, dst.buf)
	dst.buf = buf
	if cell == nil {
		return c.without(dst, v, bad)
	}
	if bad.reason != "" {
		c.report(dst, v, bad.reason, Shortened)
	}
	if bad.null {
		c.report(dst, v, ReasonNull, Kept)
	}
	return cell
}

// Key returns the normal form of a key that comes from elsewhere, as Render would put it in Row.Key, in memory of its
// own. It is not ok when Render would reject it. A concat transform of the key adds nothing here, where there is no record
// to take the other parts from: v is the whole.
func (m *Mapper) Key(v Value) (key []byte, ok bool) {
	key, _, _ = m.columns[0].cell(&v, nil, nil)
	return bytes.Clone(key), key != nil
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
func (c *column) without(dst *Row, v *Value, bad verdict) []byte {
	reason, policy := bad.reason, cmp.Or(bad.policy, c.invalid)
	if reason == "" {
		if policy = c.empty; policy == Reject {
			reason = ReasonNoValue
		}
	}
	switch policy {
	case Reject:
		dst.OK = false
		c.report(dst, v, reason, Rejected)
	case Absent:
		if reason != "" {
			c.report(dst, v, reason, Omitted)
		}
	default:
		if reason != "" {
			c.report(dst, v, reason, Blanked)
		}
		return []byte{}
	}
	return nil
}

func (c *column) report(dst *Row, v *Value, reason string, action Action) {
	r := Rejection{Seq: dst.Seq, Line: dst.Line, Field: c.from, Attribute: c.to, Reason: reason, Action: action}
	if text := c.clock.zone.sourceText(v); text != "" {
		r.value = func() string { return text }
	}
	dst.Rejections = append(dst.Rejections, r)
}

// cell renders v, a value of rec. There are four ends: a cell; a cell that was cut, which is the reason, or reads NULL; no cell
// and no reason, the value being null or empty; no cell and the reason why the value is invalid. A cell shares memory with
// v or with the grown buffer.
func (c *column) cell(v *Value, rec *Record, buf []byte) (cell, grown []byte, bad verdict) {
	if c.standIn.k != kindNull && c.isEmpty(v) {
		v = &c.standIn
	}
	s := subject{v: v}
	switch {
	case v.isText():
		s.text = v.bytes()
		if c.flatten == "" {
			break
		}
		// As one line, since what is not JSON now must not become JSON by that.
		line, _, grown, ok := cleanText(s.text, buf)
		if buf = grown; ok && isJSON(line) {
			start := len(buf)
			if buf, bad.reason = c.flat(buf, line); bad.reason != "" {
				return nil, buf, bad
			}
			s.text = buf[start:]
		}
	case v.k == kindJSON:
		start := len(buf)
		if buf, bad.reason = c.flat(buf, v.bytes()); bad.reason != "" {
			return nil, buf, bad
		}
		s.text = buf[start:]
	case v.k != kindNull:
		s.typed = true
	}
	if len(c.steps) > 0 {
		if buf, bad = c.transform(&s, rec, buf); bad.reason != "" {
			return nil, buf, bad
		}
	}
	if c.typ == Text {
		return c.textCell(&s, buf)
	}

	if !s.typed {
		if s.text = trimMarks(s.text); len(s.text) == 0 {
			return nil, buf, verdict{}
		}
	}
	start := len(buf)
	if buf, bad.reason = c.typedCell(&s, buf); bad.reason != "" {
		return nil, buf, bad
	}
	cell = buf[start:len(buf):len(buf)]
	if c.max > 0 && len(cell) > c.max && utf8.RuneCount(cell) > c.max {
		return nil, buf, verdict{reason: c.tooLong}
	}
	return cell, buf, verdict{}
}

// isEmpty says that v is what Default stands in for.
func (c *column) isEmpty(v *Value) bool {
	return v.k == kindNull || v.isText() && (v.n == 0 || c.typ != Text && len(trimMarks(v.bytes())) == 0)
}

// typedCell is cell for an attribute that is no Text.
func (c *column) typedCell(s *subject, buf []byte) (grown []byte, reason string) {
	start := len(buf)
	v := s.v
	if !s.typed {
		text := TextValue(s.text)
		v = &text
	} else if c.typ == Integer || c.typ == Decimal {
		if s.text, buf, reason = numeral(buf, v, c.typ); reason != "" {
			return buf, reason
		}
	}
	at := len(buf)
	switch c.typ {
	case Integer:
		buf, reason = appendInteger(buf, s.text)
	case Decimal:
		buf, reason = appendDecimal(buf, s.text, c.places)
	case Boolean:
		buf, reason = c.boolean(buf, v, s.text)
	case Date, DateTime:
		buf, reason = c.clock.append(buf, v, s.text, c.typ)
	case Language:
		buf, reason = appendLanguage(c.languages, buf, s.text)
	case Phone:
		buf, reason = appendPhone(buf, s.text)
	case Email:
		buf, reason = appendAddress(buf, s.text)
	case Lists:
		buf, reason = appendLists(buf, s.text)
	}
	return append(buf[:start], buf[at:]...), reason // over the numeral, if there is one
}

// boolean appends v, or its text, as the column writes booleans.
func (c *column) boolean(buf []byte, v *Value, text []byte) (out []byte, reason string) {
	start := len(buf)
	if buf, reason = appendBoolean(buf, v, text); c.booleans == nil {
		return buf, reason
	}
	for i, word := range c.booleans {
		if reason != "" && v.isText() && string(text) == word || reason == "" && buf[start] == '0'+byte(i) {
			return append(buf[:start], word...), ""
		}
	}
	return buf, reason
}

// textCell is cell for a Text attribute.
func (c *column) textCell(s *subject, buf []byte) (cell, grown []byte, bad verdict) {
	if s.typed {
		start := len(buf)
		if buf, bad.reason = c.clock.zone.appendPlain(buf, s.v); bad.reason != "" {
			return nil, buf, bad
		}
		s.text = buf[start:]
	}
	text, characters, buf, ok := cleanText(s.text, buf)
	if !ok {
		return nil, buf, verdict{reason: ReasonUTF8}
	}
	line := text
	text, buf = normal(line, buf)
	if c.key {
		text = trimMarks(text)
	}
	if len(text) == 0 {
		return nil, buf, verdict{}
	}
	if c.key && bytes.ContainsFunc(text, isMark) {
		return nil, buf, verdict{reason: ReasonInvisible}
	}
	if len(text) != len(line) || &text[0] != &line[0] {
		characters = utf8.RuneCount(text) // other characters may take as many bytes
	}
	if c.max > 0 && characters > c.max {
		if c.long != Cut {
			return nil, buf, verdict{reason: c.tooLong, policy: c.long}
		}
		text, bad.reason = text[:cutAt(text, c.max)], c.tooLong
		if slices.Contains(c.transforms, trim) {
			text = bytes.TrimRightFunc(text, isEdge) // the cut has made a new end
		}
		if c.flatten != "" && isJSON(text) {
			return nil, buf, verdict{reason: c.tooLong, policy: Blank} // it would be read as a list, which it is not
		}
	}
	if bad.null = readsNull(text); bad.null && c.key {
		return nil, buf, verdict{reason: ReasonNull}
	}
	if s.v.k == kindString {
		// The bytes of a string must not get into hands that could write to them.
		start := len(buf)
		buf = append(buf, text...)
		text = buf[start:]
	}
	return text[:len(text):len(text)], buf, bad
}

func (v *Value) isText() bool { return v.k == kindText || v.k == kindString }
