package mapping

import (
	"bytes"
	"math"
	"strconv"
)

const maxDigits = 30 // before the dot: above any database's common types, and short enough for any destination

// appendPlain appends a value that is not text in its plain form.
func (m *Mapper) appendPlain(buf []byte, v *Value) (out []byte, reason string) {
	switch v.k {
	case kindDate:
		return m.appendCivil(buf, v, nil, nil, Date)
	case kindDateTime:
		return m.appendCivil(buf, v, nil, nil, DateTime)
	case kindDecimal:
		neg, whole, frac, ok := splitDecimal(v.bytes())
		if !ok {
			return buf, ReasonDecimal
		}
		return appendDigits(buf, neg, whole, frac), ""
	}
	return appendNumber(buf, v)
}

// appendNumber appends an integer, boolean or float plainly.
func appendNumber(buf []byte, v *Value) (out []byte, reason string) {
	if v.k != kindFloat {
		return strconv.AppendInt(buf, v.n, 10), ""
	}
	f := math.Float64frombits(uint64(v.n))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return buf, ReasonFinite
	}
	if f == 0 {
		return append(buf, '0'), "" // not -0
	}
	return strconv.AppendFloat(buf, f, 'f', -1, 64), ""
}

// sourceText is the offending text of a rejection.
func (m *Mapper) sourceText(v *Value) string {
	switch v.k {
	case kindNull:
		return ""
	case kindText, kindString, kindDecimal, kindJSON:
		return string(v.bytes())
	case kindFloat:
		return strconv.FormatFloat(math.Float64frombits(uint64(v.n)), 'g', -1, 64)
	}
	text, _ := m.appendPlain(nil, v)
	return string(text)
}

// numeral returns the decimal text of a value that is not text, for a column of type typ.
func numeral(buf []byte, v *Value, typ Type) (text, grown []byte, reason string) {
	start := len(buf)
	switch {
	case v.k == kindDecimal:
		return v.bytes(), buf, ""
	case v.k == kindInteger, v.k == kindFloat, v.k == kindBoolean && typ == Integer:
		buf, reason = appendNumber(buf, v)
		return buf[start:], buf, reason
	case typ == Integer:
		return nil, buf, ReasonInteger
	}
	return nil, buf, ReasonDecimal
}

// splitDecimal takes an optional sign, digits and at most one dot apart. Leading zeros are dropped.
func splitDecimal(s []byte) (neg bool, whole, frac []byte, ok bool) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', s[1:]
	}
	whole, frac, _ = bytes.Cut(s, []byte{'.'})
	if len(whole)+len(frac) == 0 || !allDigits(whole) || !allDigits(frac) {
		return false, nil, nil, false
	}
	return neg, bytes.TrimLeft(whole, "0"), frac, true
}

func allDigits(s []byte) bool {
	for _, b := range s {
		if b < '0' || b > '9' {
			return false
		}
	}
	return true
}

func allZeros(s []byte) bool {
	for _, b := range s {
		if b != '0' {
			return false
		}
	}
	return true
}

func appendDigits(buf []byte, neg bool, whole, frac []byte) []byte {
	if neg && !(len(whole) == 0 && allZeros(frac)) {
		buf = append(buf, '-')
	}
	if len(whole) == 0 {
		buf = append(buf, '0')
	}
	buf = append(buf, whole...)
	if len(frac) > 0 {
		buf = append(append(buf, '.'), frac...)
	}
	return buf
}

// quickInteger is for digits as they are rendered.
func quickInteger(_ *column, text []byte, _ *Row) []byte {
	n := len(text)
	if n <= 16 && (text[0] != '0' || n == 1) {
		ok := false
		switch {
		case n >= 8:
			ok = areDigits(wordAt(text, 0)) && areDigits(wordAt(text, n-8))
		case n >= 4:
			ok = areDigits(pairOf(text, 0, n-4))
		default:
			ok = areDigits(endsOf(text))
		}
		if ok {
			return text
		}
	}
	digits := text
	if text[0] == '-' {
		digits = text[1:]
	}
	if !isWhole(digits) || len(digits) < n && digits[0] == '0' {
		return nil
	}
	return text
}

// isWhole says that digits are a number without leading zeros.
func isWhole(digits []byte) bool {
	if len(digits) == 0 || len(digits) > maxDigits || digits[0] == '0' && len(digits) > 1 {
		return false
	}
	for len(digits) >= 8 {
		if !areDigits(wordAt(digits, 0)) {
			return false
		}
		digits = digits[8:]
	}
	return areDigits(shortWord(digits, zeros))
}

// quickDecimal is for digits as they are rendered.
func quickDecimal(c *column, text []byte, _ *Row) []byte {
	n := len(text)
	if dot := n - c.places - 1; c.places > 0 && dot >= 1 && n >= 4 && n <= 8 && text[dot] == '.' && (text[0] != '0' || dot == 1) {
		// With a digit in place of the dot, all of it is digits.
		var w uint64
		if n == 8 {
			w = wordAt(text, 0)
		} else {
			w = shortWord(text, zeros)
		}
		if areDigits(w ^ ('.'^'0')<<(uint(dot)*8&63)) {
			return text
		}
	}
	digits := text
	if text[0] == '-' {
		digits = text[1:]
	}
	frac := []byte(nil)
	if c.places > 0 {
		dot := len(digits) - c.places - 1
		if dot < 1 || digits[dot] != '.' {
			return nil
		}
		digits, frac = digits[:dot], digits[dot+1:]
	}
	if !isWhole(digits) || !allDigits(frac) || text[0] == '-' && digits[0] == '0' && allZeros(frac) {
		return nil
	}
	return text
}

func appendInteger(buf, text []byte) (out []byte, reason string) {
	neg, whole, frac, ok := splitDecimal(text)
	switch {
	case !ok || !allZeros(frac):
		return buf, ReasonInteger
	case len(whole) > maxDigits:
		return buf, ReasonDigits
	}
	return appendDigits(buf, neg, whole, nil), ""
}

// appendDecimal rounds digit by digit, so that no value passes through binary.
func appendDecimal(buf, text []byte, places int) (out []byte, reason string) {
	neg, whole, frac, ok := splitDecimal(text)
	switch {
	case !ok:
		return buf, ReasonDecimal
	case len(whole) > maxDigits:
		return buf, ReasonDigits
	}
	up := len(frac) > places && frac[places] >= '5'
	frac = frac[:min(len(frac), places)]

	// A zero in front takes the last carry and is dropped again.
	start := len(buf)
	buf = append(append(append(buf, '-', '0'), whole...), frac...)
	for range places - len(frac) {
		buf = append(buf, '0')
	}
	digits := buf[start+1:]
	for i := len(digits) - 1; up; i-- {
		if up = digits[i] == '9'; up {
			digits[i] = '0'
		} else {
			digits[i]++
		}
	}
	lead := 0
	for lead < len(digits)-places-1 && digits[lead] == '0' {
		lead++
	}
	neg = neg && !allZeros(digits)
	if digits = digits[lead:]; len(digits)-places > maxDigits {
		return buf[:start], ReasonDigits
	}
	sign := start
	if neg {
		sign++
	}
	buf = append(buf[:sign], digits...) // moves to the left
	if places > 0 {
		at := len(buf) - places
		buf = append(buf, 0)
		copy(buf[at+1:], buf[at:])
		buf[at] = '.'
	}
	return buf, ""
}

// quickBoolean is for 1 and 0.
func quickBoolean(_ *column, text []byte, _ *Row) []byte {
	if len(text) > 1 || text[0]&^1 != '0' {
		return nil
	}
	return text
}

func appendBoolean(buf []byte, v *Value, text []byte) (out []byte, reason string) {
	switch v.k {
	case kindBoolean, kindInteger:
		if v.n == 0 || v.n == 1 {
			return append(buf, '0'+byte(v.n)), ""
		}
	case kindFloat:
		if f := math.Float64frombits(uint64(v.n)); f == 0 || f == 1 {
			return append(buf, '0'+byte(f)), ""
		}
	case kindDecimal:
		neg, whole, frac, ok := splitDecimal(v.bytes())
		switch {
		case !ok || !allZeros(frac):
		case len(whole) == 0:
			return append(buf, '0'), ""
		case !neg && len(whole) == 1 && whole[0] == '1':
			return append(buf, '1'), ""
		}
	case kindText, kindString:
		if b, ok := truth(text); ok {
			return append(buf, b), ""
		}
	}
	return buf, ReasonBoolean
}

func truth(text []byte) (byte, bool) {
	var word [5]byte
	if len(text) > len(word) {
		return 0, false
	}
	for i, b := range text {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		word[i] = b
	}
	switch string(word[:len(text)]) {
	case "1", "true", "t", "yes", "y":
		return '1', true
	case "0", "false", "f", "no", "n":
		return '0', true
	}
	return 0, false
}
