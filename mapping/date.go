package mapping

import (
	"encoding/binary"
	"time"
)

// civil is a date and a time of day without a zone.
type civil struct{ year, month, day, hour, minute, second int }

func validDate(year, month, day int) bool {
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// quickDate is for a date, and a date-time without a zone, that begin as they are rendered.
func quickDate(_ *column, text []byte, _ *Row) []byte {
	if len(text) != 10 && (len(text) != 19 || !isISOTime((*[19]byte)(text))) {
		return nil
	}
	const form = '-'<<56 | '0'<<48 | '0'<<40 | '-'<<32 | '0'<<24 | '0'<<16 | '0'<<8 | '0'
	w := wordAt(text, 0) ^ form
	month := w>>40&0xf*10 + w>>48&0xf
	tens, units := uint64(text[8]-'0'), uint64(text[9]-'0')
	day := tens*10 + units
	if w&(0xff<<56|0xff<<32) != 0 || (w|(w+0x76*ones))&marks != 0 || tens > 3 || units > 9 || w&0xffffffff == 0 || month-1 > 11 || day-1 > 30 {
		return nil
	}
	if day > 28 {
		year := w&0xf*1000 + w>>8&0xf*100 + w>>16&0xf*10 + w>>24&0xf
		if int(day) > daysIn(int(year), int(month)) {
			return nil
		}
	}
	return text[:10]
}

// quickDateTime is for the same forms.
func quickDateTime(c *column, text []byte, dst *Row) []byte {
	if quickDate(c, text, dst) == nil {
		return nil
	}
	start := len(dst.buf)
	switch {
	case len(text) == 10:
		dst.buf = append(append(dst.buf, text...), " 00:00:00"...)
	case text[10] == ' ':
		return text
	default:
		dst.buf = append(dst.buf, text...)
		dst.buf[start+10] = ' '
	}
	return dst.buf[start:]
}

// isISOTime says that s, a date of ten characters, goes on like T15:04:05, where T may be a space.
func isISOTime(s *[19]byte) bool {
	const form = '0'<<56 | '0'<<48 | ':'<<40 | '0'<<32 | '0'<<24 | ':'<<16 | '0'<<8 | '0'
	w := binary.LittleEndian.Uint64(s[11:]) ^ form
	hour := w&0xf*10 + w>>8&0xf
	return (s[10] == 'T' || s[10] == ' ') &&
		w&(0xff<<40|0xff<<16) == 0 && (w|(w+0x76*ones))&marks == 0 && hour <= 23 && w>>24&0xff <= 5 && w>>48&0xff <= 5
}

// appendCivil appends v, or its text, as typ, Date or DateTime.
func (m *Mapper) appendCivil(buf []byte, v *Value, text []byte, layouts []string, typ Type) (out []byte, reason string) {
	var t civil
	ok := false
	switch v.k {
	case kindDate:
		t = civil{year: int(v.n / 10000), month: int(v.n / 100 % 100), day: int(v.n % 100)}
		ok = v.n != 0
	case kindDateTime:
		t, ok = m.civilAt(v.n)
	case kindText, kindString:
		if len(layouts) == 0 {
			t, ok = m.parseISO(text)
		} else {
			t, ok = m.parseLayouts(text, layouts)
		}
	}
	if !ok {
		return buf, ReasonDate
	}
	buf = append(buf, byte('0'+t.year/1000), byte('0'+t.year/100%10))
	buf = append(appendTwo(buf, t.year%100), '-')
	buf = append(appendTwo(buf, t.month), '-')
	buf = appendTwo(buf, t.day)
	if typ == DateTime {
		buf = appendTwo(append(buf, ' '), t.hour)
		buf = appendTwo(append(buf, ':'), t.minute)
		buf = appendTwo(append(buf, ':'), t.second)
	}
	return buf, ""
}

func appendTwo(buf []byte, n int) []byte { return append(buf, byte('0'+n/10), byte('0'+n%10)) }

// civilAt is the civil time of a Unix time in the mapping's zone.
func (m *Mapper) civilAt(unix int64) (civil, bool) {
	// Beyond this range a year may not fit an int, which has 32 bits on some machines.
	const first, last = -62135596800 - 86400, 253402300800 + 86400
	if unix < first || unix > last {
		return civil{}, false
	}
	return civilOf(time.Unix(unix, 0).In(m.loc))
}

func civilOf(at time.Time) (civil, bool) {
	var t civil
	var month time.Month
	t.year, month, t.day = at.Date()
	t.month = int(month)
	t.hour, t.minute, t.second = at.Clock()
	return t, validDate(t.year, t.month, t.day)
}

func (m *Mapper) parseLayouts(text []byte, layouts []string) (civil, bool) {
	s := string(text)
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, s, m.loc); err == nil {
			return civilOf(at.In(m.loc))
		}
	}
	return civil{}, false
}

// parseISO reads the default forms, which are listed at Date, without allocating.
func (m *Mapper) parseISO(text []byte) (civil, bool) {
	var t civil
	r := isoReader{s: text}
	t.year = r.digits(2)*100 + r.digits(2)
	if basic := len(text) == 8 && text[4] != '-'; basic {
		t.month, t.day = r.digits(2), r.digits(2)
	} else {
		r.want('-')
		t.month = r.digits(2)
		r.want('-')
		t.day = r.digits(2)
	}
	if r.bad || !validDate(t.year, t.month, t.day) {
		return civil{}, false
	}
	if len(r.s) == 0 {
		return t, true
	}

	if !r.skip('T') {
		r.want(' ')
	}
	t.hour = r.digits(2)
	r.want(':')
	t.minute = r.digits(2)
	if r.skip(':') {
		t.second = r.digits(2)
		if r.skip('.') || r.skip(',') {
			r.fraction()
		}
	}
	offset, zoned := r.zone()
	if r.bad || len(r.s) > 0 || t.hour > 23 || t.minute > 59 || t.second > 59 {
		return civil{}, false
	}
	if !zoned {
		return t, true
	}
	at := time.Date(t.year, time.Month(t.month), t.day, t.hour, t.minute, t.second, 0, time.UTC)
	return m.civilAt(at.Unix() - int64(offset))
}

// isoReader takes a text apart from the left; bad is sticky.
type isoReader struct {
	s   []byte
	bad bool
}

func (r *isoReader) skip(b byte) bool {
	if len(r.s) == 0 || r.s[0] != b {
		return false
	}
	r.s = r.s[1:]
	return true
}

func (r *isoReader) want(b byte) { r.bad = !r.skip(b) || r.bad }

func (r *isoReader) digits(n int) int {
	if len(r.s) < n || !allDigits(r.s[:n]) {
		r.bad = true
		return 0
	}
	value := 0
	for _, b := range r.s[:n] {
		value = value*10 + int(b-'0')
	}
	r.s = r.s[n:]
	return value
}

func (r *isoReader) fraction() {
	n := 0
	for n < len(r.s) && r.s[n] >= '0' && r.s[n] <= '9' {
		n++
	}
	r.s = r.s[n:]
	r.bad = r.bad || n == 0
}

// zone reads an offset in seconds east of UTC.
func (r *isoReader) zone() (offset int, zoned bool) {
	sign := 1
	switch {
	case r.skip('Z'):
		return 0, true
	case r.skip('-'):
		sign = -1
	case !r.skip('+'):
		return 0, false
	}
	hours, minutes := r.digits(2), 0
	if r.skip(':') || len(r.s) > 0 {
		minutes = r.digits(2)
	}
	r.bad = r.bad || hours > 23 || minutes > 59
	return sign * (hours*3600 + minutes*60), true
}
