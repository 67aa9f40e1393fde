package source

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
)

const (
	maxDepth    = 1000 // of lists and objects in one another
	maxExponent = 400  // that is written out; a float64 has none above 308
)

// jsonParser reads one JSON object after another.
type jsonParser struct {
	b       []byte
	p       int
	written []byte // numbers with an exponent, written out
}

// object calls member for each member of the object that is all of b, and reports whether it is one. It makes the text of
// strings in place: keys and values share b until the next call.
func (d *jsonParser) object(b []byte, member func(key []byte, v mapping.Value) bool) bool {
	d.b, d.p, d.written = b, 0, d.written[:0]
	if !d.take('{') {
		return false
	}
	if !d.take('}') {
		for {
			if !d.take('"') {
				return false
			}
			key, ok := d.text()
			if !ok || !d.take(':') {
				return false
			}
			v, ok := d.value()
			if !ok || !member(key, v) {
				return false
			}
			if d.take(',') {
				continue
			}
			if !d.take('}') {
				return false
			}
			break
		}
	}
	d.space()
	return d.p == len(d.b)
}

func (d *jsonParser) space() {
	for d.p < len(d.b) {
		switch d.b[d.p] {
		case ' ', '\t', '\r', '\n':
			d.p++
		default:
			return
		}
	}
}

// take takes c, which may have white space before it.
func (d *jsonParser) take(c byte) bool {
	d.space()
	if d.p < len(d.b) && d.b[d.p] == c {
		d.p++
		return true
	}
	return false
}

func (d *jsonParser) value() (v mapping.Value, ok bool) {
	d.space()
	if d.p == len(d.b) {
		return v, false
	}
	switch c := d.b[d.p]; c {
	case '"':
		d.p++
		text, ok := d.text()
		return mapping.TextValue(text), ok
	case '{', '[':
		from := d.p
		ok := d.skip(0)
		return mapping.JSONValue(d.b[from:d.p]), ok
	case 'n':
		return v, d.word("null")
	case 't':
		return mapping.BooleanValue(true), d.word("true")
	case 'f':
		return mapping.BooleanValue(false), d.word("false")
	}
	return d.number()
}

func (d *jsonParser) word(word string) bool {
	ok := bytes.HasPrefix(d.b[d.p:], []byte(word))
	if ok {
		d.p += len(word)
	}
	return ok
}

// skip goes over a value that is kept as it is.
func (d *jsonParser) skip(depth int) bool {
	if d.space(); d.p == len(d.b) || depth > maxDepth {
		return false
	}
	switch c := d.b[d.p]; c {
	case '"':
		d.p++
		_, ok := d.quoted()
		return ok
	case '{', '[':
		d.p++
		end := c + 2 // which is ] and }
		if d.take(end) {
			return true
		}
		for {
			if c == '{' {
				if !d.take('"') {
					return false
				}
				if _, ok := d.quoted(); !ok || !d.take(':') {
					return false
				}
			}
			if !d.skip(depth + 1) {
				return false
			}
			if d.take(',') {
				continue
			}
			return d.take(end)
		}
	case 'n':
		return d.word("null")
	case 't':
		return d.word("true")
	case 'f':
		return d.word("false")
	}
	_, _, ok := d.numeral()
	return ok
}

// quoted goes over a string whose opening quote has been taken, and says whether there is an escape in it.
func (d *jsonParser) quoted() (escaped, ok bool) {
	for d.p < len(d.b) {
		if len(d.b)-d.p >= 8 {
			// The first of eight bytes that is a quote, a backslash or a control character; one further up may be
			// marked without reason.
			const ones = 0x0101010101010101
			w := binary.LittleEndian.Uint64(d.b[d.p:])
			q, b := w^'"'*ones, w^'\\'*ones
			marks := ((q-ones)&^q | (b-ones)&^b | (w-' '*ones)&^w) & (0x80 * ones)
			if marks == 0 {
				d.p += 8
				continue
			}
			d.p += bits.TrailingZeros64(marks) >> 3
		}
		switch c := d.b[d.p]; {
		case c == '"':
			d.p++
			return escaped, true
		case c == '\\':
			escaped = true
			if d.p += 2; d.p > len(d.b) {
				return escaped, false
			}
			switch d.b[d.p-1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(d.b[d.p:]); !ok {
					return escaped, false
				}
				d.p += 4
			default:
				return escaped, false
			}
		case c < ' ':
			return escaped, false
		default:
			d.p++
		}
	}
	return escaped, false
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// text reads a string whose opening quote has been taken.
func (d *jsonParser) text() ([]byte, bool) {
	from := d.p
	escaped, ok := d.quoted()
	if !ok {
		return nil, false
	}
	text := d.b[from : d.p-1]
	if !escaped {
		return text, true
	}
	// No escape is shorter than what it stands for.
	out := text[:0]
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(text[i+1:])
			i += 4
			if utf16.IsSurrogate(r) && len(text) > i+6 && text[i+1] == '\\' && text[i+2] == 'u' {
				low, _ := hex4(text[i+3:])
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					r = pair
					i += 6
				}
			}
			out = appendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return out, true
}

// numeral goes over a number.
func (d *jsonParser) numeral() (mantissa, exponent []byte, ok bool) {
	from := d.p
	if d.p < len(d.b) && d.b[d.p] == '-' {
		d.p++
	}
	zero := d.p < len(d.b) && d.b[d.p] == '0'
	if n := d.digits(); n == 0 || zero && n > 1 {
		return nil, nil, false
	}
	if d.p < len(d.b) && d.b[d.p] == '.' {
		if d.p++; d.digits() == 0 {
			return nil, nil, false
		}
	}
	mantissa = d.b[from:d.p]
	if d.p < len(d.b) && d.b[d.p]|0x20 == 'e' {
		d.p++
		from = d.p
		if d.p < len(d.b) && (d.b[d.p] == '+' || d.b[d.p] == '-') {
			d.p++
		}
		if d.digits() == 0 {
			return nil, nil, false
		}
		exponent = d.b[from:d.p]
	}
	return mantissa, exponent, true
}

func (d *jsonParser) digits() int {
	from := d.p
	for d.p < len(d.b) && d.b[d.p] >= '0' && d.b[d.p] <= '9' {
		d.p++
	}
	return d.p - from
}

func (d *jsonParser) number() (v mapping.Value, ok bool) {
	from := d.p
	mantissa, exponent, ok := d.numeral()
	switch {
	case !ok:
		return v, false
	case exponent != nil:
		return mapping.DecimalValue(d.plain(d.b[from:d.p], mantissa, exponent)), true
	case len(mantissa) > 18 || bytes.IndexByte(mantissa, '.') >= 0:
		return mapping.DecimalValue(mantissa), true
	}
	digits, negative := bytes.CutPrefix(mantissa, []byte("-"))
	n := int64(0)
	for _, c := range digits {
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return mapping.IntegerValue(n), true
}

// plain writes a number out without its exponent. One with an enormous exponent stays as it is, which no type takes.
func (d *jsonParser) plain(whole, mantissa, exponent []byte) []byte {
	shift, err := strconv.Atoi(string(exponent)) // which does not allocate: it does not keep the string
	if err != nil || shift > maxExponent || shift < -maxExponent {
		return whole
	}
	start := len(d.written)
	out := d.written
	if rest, negative := bytes.CutPrefix(mantissa, []byte("-")); negative {
		out, mantissa = append(out, '-'), rest
	}
	integer, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digit := func(i int) byte {
		switch {
		case i < 0 || i >= len(integer)+len(fraction):
			return '0'
		case i < len(integer):
			return integer[i]
		}
		return fraction[i-len(integer)]
	}
	dot := len(integer) + shift // where it is now, in digits
	for i := min(0, dot-1); i < max(dot, len(integer)+len(fraction)); i++ {
		if i == dot {
			out = append(out, '.')
		}
		out = append(out, digit(i))
	}
	d.written = out
	return trimZeros(out[start:])
}

// trimZeros cuts off the zeros at the start that say nothing.
func trimZeros(number []byte) []byte {
	at := 0
	if number[0] == '-' {
		at = 1
	}
	n := 0
	for at+n+1 < len(number) && number[at+n] == '0' && number[at+n+1] != '.' {
		n++
	}
	copy(number[at:], number[at+n:])
	return number[:len(number)-n]
}
