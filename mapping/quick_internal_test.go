package mapping

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// quickColumns are columns of every kind that has a quick way.
func quickColumns(tb testing.TB) []column {
	attributes := []Attribute{
		{Name: "key", Key: true}, {Name: "integer", Type: Integer}, {Name: "decimal", Type: Decimal}, {Name: "boolean", Type: Boolean}, {Name: "date", Type: Date},
		{Name: "datetime", Type: DateTime}, {Name: "any language", Type: Language}, {Name: "phone", Type: Phone}, {Name: "email", Type: Email}, {Name: "text"},
		{Name: "language", Type: Language, Values: []string{"fr", "en", "br", "cz", "zh_TW", "de", "EL"}, Aliases: map[string]string{"cs": "cz", "pt_br": "br", "de_at": "br"}},
		{Name: "whole", Type: Decimal},
	}
	m := Mapping{Key: Field{From: "x", To: "key"}}
	for _, a := range attributes[1:] {
		f := Field{From: "x", To: a.Name}
		if a.Name == "whole" {
			f.Places = new(0)
		}
		m.Fields = append(m.Fields, f)
	}
	mapper, err := m.Bind([]string{"x"}, Options{Attributes: attributes})
	if err != nil {
		tb.Fatal(err)
	}
	return mapper.columns
}

// checkQuick compares the quick ways with the general one, and what has been made quick in that with what it was before.
func checkQuick(tb testing.TB, columns []column, text []byte) {
	tb.Helper()
	if len(text) > 0 {
		source := bytes.Clone(text)
		v := TextValue(text)
		for i := range columns {
			c := &columns[i]
			row := Row{buf: []byte("before")}
			quick := c.quick(c, text, &row)
			if quick == nil {
				continue
			}
			if cell, _, bad := c.cell(&v, nil, nil); !bytes.Equal(quick, cell) || cell == nil || bad.reason != "" {
				tb.Errorf("%s: %q is %q quickly and %q (%s) in general", c.to, text, quick, cell, bad.reason)
			}
			if !bytes.HasPrefix(row.buf, []byte("before")) || !bytes.Equal(source, text) {
				tb.Fatalf("%s: %q: the quick way has written where it must not", c.to, source)
			}
		}
	}
	before := []byte("0033@.")
	for name, f := range map[string][2]func(buf, text []byte) ([]byte, string){"e-mail": {appendEmail, modelEmail}, "phone": {appendPhone, modelPhone}} {
		got, reason := f[0](before[:6:6], text)
		want, wantReason := f[1](before[:6:6], text)
		if !bytes.Equal(got, want) || reason != wantReason {
			tb.Errorf("%s: %q is %q (%s), was %q (%s)", name, text, got, reason, want, wantReason)
		}
	}
	if readsNull(text) != modelNull(text) {
		tb.Errorf("%q reads NULL: %v", text, readsNull(text))
	}
}

// quickSeeds are texts that the quick ways take, and what is next to them.
var quickSeeds = []string{
	"lea", "Lea Martin", "Léa", "Saint-Étienne", "Noël Müller", "Łódź", "abcdefé", "abcdefgé", "éabcdefgh", "null", " NULL ", "nulle", "12345678\u0301", "\ufeffabcdefgh", "aaaaaaa\u0085", "a\u00a0null",
	"0", "12", "-7", "12345678", "-123456789012345678", strings.Repeat("9", 30), strings.Repeat("9", 31), "1.50", "-0.00", "-0.01", "0.5", "12.345",
	"1", "true", "2024-02-29", "2023-02-29", "2024-02-29 10:11:12", "2024-02-29T23:59:59", "2024-02-29T10:11:12Z", "20240229", "2024-01-01", "2024-10-11 00:00:00", "9999-12-31", "2024-01-01T24:00:00", "2024-01-01 10:60:00",
	"fr_FR", "en-GB", "fr", "FR", "pt_BR", "pt_PT", "de_AT", "de_DE", "zh_TW", "zh_CN", "cs_CZ", "el_GR", "fr_" + strings.Repeat("x", 33), "eng", "fr_FR ", "fr_", "fr-\u00a0",
	"+33612345678", "0033612345678", "+3361234", "+33612345", "+336123456789012", "+3361234567890123", "0033612345678901", "00336123456789012", "+33 (0)6 12 34 56 78", "+033612345678", "003361234567x",
	"lea.martin@example.com", "Lea.Martin@Example.COM", "o'brien+x_y@a-b.example", "a@b.c", "a@b", "a..b@c.de", "a@b-.c", "a@-b.c", "a@b.c-", "a@b.c.", "é@b.fr", "a@b@c.de", strings.Repeat("a", 65) + "@b.fr", "a@127.0.0.1",
}

func TestQuickIsRight(t *testing.T) {
	columns := quickColumns(t)
	for _, s := range quickSeeds {
		checkQuick(t, columns, []byte(s))
		for i := range len(s) { // every byte in every place
			text := []byte(s)
			for b := range 256 {
				text[i] = byte(b)
				checkQuick(t, columns, text)
			}
		}
	}

	// Dates, more than there are.
	for _, year := range []int{0, 1, 1900, 2000, 2023, 2024, 9999} {
		for n := range 10000 {
			checkQuick(t, columns[4:6], fmt.Appendf(nil, "%04d-%02d-%02d", year, n/100, n%100))
		}
	}

	r := rand.New(rand.NewPCG(7, 8))
	parts := []string{"é", "\u0301", "\xc3", "\xa9", "\xcc", "\xe2\x80\xa8", "\x00", "\x7f", " ", ".", "-", "@", "+", "0", "9", "a", "Z", "_", "(0)", "\u2011", "NULL", "\xff", "\t"}
	for range 40000 {
		text := []byte(quickSeeds[r.IntN(len(quickSeeds))])
		for range 1 + r.IntN(3) {
			at := r.IntN(len(text) + 1)
			part := parts[r.IntN(len(parts))]
			if over := at + r.IntN(3); r.IntN(2) == 0 && over <= len(text) {
				text = append(append(bytes.Clone(text[:at]), part...), text[over:]...)
			} else {
				text = append(append(bytes.Clone(text[:at]), part...), text[at:]...)
			}
		}
		checkQuick(t, columns, text)
	}
}

// Every short text that is made of what matters in an address.
func TestEveryShortEmail(t *testing.T) {
	const letters = "aB@.-_\xc3"
	text := make([]byte, 7)
	var try func(n int)
	try = func(n int) {
		got, reason := appendEmail(nil, text[:n])
		want, wantReason := modelEmail(nil, text[:n])
		if !bytes.Equal(got, want) || reason != wantReason {
			t.Errorf("%q is %q (%s), was %q (%s)", text[:n], got, reason, want, wantReason)
		}
		if n == len(text) {
			return
		}
		for _, b := range []byte(letters) {
			text[n] = b
			try(n + 1)
		}
	}
	try(0)
}

func FuzzQuick(f *testing.F) {
	for _, s := range quickSeeds {
		f.Add([]byte(s))
	}
	columns := quickColumns(f)
	f.Fuzz(func(t *testing.T, text []byte) { checkQuick(t, columns, text) })
}

// The quick ways are there for these: were they not taken, nothing but the time would tell.
func TestQuickIsTaken(t *testing.T) {
	columns := make(map[string]*column)
	all := quickColumns(t)
	for i := range all {
		columns[all[i].to] = &all[i]
	}
	for _, tt := range []struct{ column, text, want string }{
		{"key", "C-1042", "C-1042"}, {"text", "Paris", "Paris"}, {"text", "12", "12"}, {"text", " Saint-Étienne", " Saint-Étienne"}, {"text", "Noël", "Noël"}, {"text", "é", "é"},
		{"text", "1234567é", "1234567é"}, {"text", "Nicolas", "Nicolas"}, {"integer", "1200", "1200"}, {"integer", "-123456789", "-123456789"}, {"decimal", "149.90", "149.90"}, {"whole", "-3", "-3"},
		{"boolean", "0", "0"}, {"date", "2024-02-29", "2024-02-29"}, {"date", "2024-02-29T10:11:12", "2024-02-29"}, {"datetime", "2024-02-29", "2024-02-29 00:00:00"},
		{"datetime", "2024-02-29 10:11:12", "2024-02-29 10:11:12"}, {"datetime", "2024-02-29T10:11:12", "2024-02-29 10:11:12"}, {"any language", "nl_NL", "nl"}, {"language", "fr_FR", "fr"}, {"language", "en", "en"},
		{"phone", "+33612345678", "0033612345678"}, {"phone", "0033612345678", "0033612345678"}, {"email", "lea.martin@example.com", "lea.martin@example.com"},
		{"email", "Lea_Martin+x@Example.com", "lea_martin+x@example.com"},
	} {
		c := columns[tt.column]
		if got := c.quick(c, []byte(tt.text), &Row{}); string(got) != tt.want {
			t.Errorf("%s: %q gives %q, want %q", tt.column, tt.text, got, tt.want)
		}
	}
}

// A cell has no room behind it, and none made of a string lies in the string.
func TestQuickCellsAndMemory(t *testing.T) {
	columns := quickColumns(t)
	m := &Mapper{columns: columns, fields: 1}
	var row Row
	for _, s := range quickSeeds {
		for _, v := range []Value{StringValue(s), TextValue([]byte(s))} {
			m.Render(&row, &Record{Values: []Value{v}})
			first := uintptr(unsafe.Pointer(unsafe.StringData(s)))
			for i, cell := range row.Cells {
				if len(cell) != cap(cell) {
					t.Errorf("%s: the cell of %q has room for %d bytes", columns[i].to, s, cap(cell))
				}
				if at := uintptr(unsafe.Pointer(unsafe.SliceData(cell))); len(cell) > 0 && at >= first && at < first+uintptr(len(s)) {
					t.Errorf("%s: the cell of %q is in the string", columns[i].to, s)
				}
			}
		}
	}
}

// modelEmail is appendEmail letter by letter.
func modelEmail(buf, text []byte) (out []byte, reason string) {
	start := len(buf)
	at := -1
	last := '.'
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return buf[:start], ReasonUTF8
		}
		i += size
		r = unicode.ToLower(r)
		ok := false
		switch {
		case r == '@':
			ok = at < 0 && last != '.'
			at = len(buf)
		case r == '.':
			ok = last != '.' && (at < 0 || last != '-')
		case at < 0:
			ok = inLocalPart(r)
		case r == '-':
			ok = last != '.'
		default:
			ok = inLabel(r)
		}
		if !ok {
			return buf[:start], ReasonEmail
		}
		buf = utf8.AppendRune(buf, r)
		if last = r; r == '@' {
			last = '.'
		}
	}
	if at < 0 || last == '.' || last == '-' || bytes.IndexByte(buf[at:], '.') < 0 {
		return buf[:start], ReasonEmail
	}
	return buf, ""
}

// modelPhone is appendPhone letter by letter.
func modelPhone(buf, text []byte) (out []byte, reason string) {
	start := len(buf)
	if len(text) > 0 && text[0] == '+' {
		buf, text = append(buf, "00"...), text[1:]
	}
	trunk := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r >= '0' && r <= '9':
			buf = append(buf, byte(r))
		case r == '(' && bytes.HasPrefix(text[i:], []byte("(0)")):
			if trunk || len(buf)-start < 3 {
				return buf[:start], ReasonPhone
			}
			trunk, size = true, 3
		case !isPhoneSign(r):
			return buf[:start], ReasonPhone
		}
		i += size
	}
	number := string(buf[start:])
	if len(number) < 2+7 || len(number) > 2+15 || number[:2] != "00" || number[2] == '0' {
		return buf[:start], ReasonPhone
	}
	for code := range strings.FieldsSeq("30 31 32 33 34 36 40 41 43 44 45 46 47 48 49 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 380 381 382 383 385 386 387 389 420 421 423") {
		if strings.HasPrefix(number[2:], code+"0") {
			return buf[:start], ReasonPhone
		}
	}
	for code := range strings.FieldsSeq("39 378 225 241 242") {
		if trunk && strings.HasPrefix(number[2:], code) {
			return buf[:start], ReasonPhone
		}
	}
	return buf, ""
}

// modelNull is readsNull without a look at the first letters.
func modelNull(text []byte) bool {
	t := bytes.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || isMark(r) })
	return len(t) == 4 && t[0]|0x20 == 'n' && t[1]|0x20 == 'u' && t[2]|0x20 == 'l' && t[3]|0x20 == 'l'
}
