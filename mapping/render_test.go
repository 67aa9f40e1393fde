package mapping_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"github.com/spliosync/spliosync/mapping"
)

// destination is what the tests map to.
func destination() mapping.Options {
	return mapping.Options{
		Attributes: []mapping.Attribute{
			{Name: "email", Type: mapping.Email, Max: 100, Key: true},
			{Name: "code", Type: mapping.Text, Max: 10, Key: true},
			{Name: "firstname", Type: mapping.Text, Max: 20},
			{Name: "language", Type: mapping.Language, Values: []string{"fr", "en", "br", "cz", "zh"}, Aliases: map[string]string{"cs": "cz", "pt_BR": "br"}},
			{Name: "cellphone", Type: mapping.Phone, Max: 30},
			{Name: "created", Type: mapping.DateTime},
			{Name: "lists", Type: mapping.Lists},
		},
		CustomMax: 255,
	}
}

// bind goes the whole way, through JSON.
func bind(t testing.TB, m mapping.Mapping, fields []string, o mapping.Options) *mapping.Mapper {
	t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := mapping.Parse(data)
	if err != nil {
		t.Fatalf("Parse(%s): %v", data, err)
	}
	mapper, err := parsed.Bind(fields, o)
	if err != nil {
		t.Fatalf("Bind: %v", err)
	}
	return mapper
}

// one binds a mapping of the one field f beside a key.
func one(t testing.TB, f mapping.Field, max int) *mapping.Mapper {
	t.Helper()
	f.From, f.To, f.Custom = "x", "x", true
	return bind(t, mapping.Mapping{Key: mapping.Field{From: "id", To: "id", Custom: true}, Fields: []mapping.Field{f}}, []string{"id", "x"}, mapping.Options{CustomMax: max})
}

const absent = "<absent>"

func show(cell []byte) string {
	if cell == nil {
		return absent
	}
	return string(cell)
}

func TestTypes(t *testing.T) {
	text := mapping.StringValue
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2024, 7, 1, 12, 30, 15, 999, time.UTC)
	for _, tt := range []struct {
		name   string
		typ    mapping.Type
		value  mapping.Value
		want   string
		reason string // of the rejection, "" for none
	}{
		{"text as it is", mapping.Text, text(" Léa "), " Léa ", ""},
		{"CR LF is one space", mapping.Text, text("a\r\nb"), "a b", ""},
		{"LF CR is two", mapping.Text, text("a\n\rb"), "a  b", ""},
		{"every break is a space", mapping.Text, text("a\tb\vc\fd\u0085e\u2028f\u2029g\rh\ni"), "a b c d e f g h i", ""},
		{"controls are dropped", mapping.Text, text("a\x00b\x1bc\x7fd\u009fe"), "abcde", ""},
		{"BOM at the start", mapping.Text, text("\ufeff\x00\ufeffa\ufeff"), "a\ufeff", ""},
		{"nothing but controls is empty", mapping.Text, text("\x00\x01"), "", ""},
		{"invalid UTF-8", mapping.Text, text("a\xffb"), "", mapping.ReasonUTF8},
		{"invalid UTF-8, cut sequence", mapping.Text, text("Andr\xc3"), "", mapping.ReasonUTF8},
		{"U+FFFD itself is a character", mapping.Text, text("a\ufffdb"), "a\ufffdb", ""},
		{"NULL is kept and reported", mapping.Text, text(" Null"), " Null", mapping.ReasonNull},
		{"NULL in a sentence is nothing special", mapping.Text, text("NULL and void"), "NULL and void", ""},
		{"integer in text", mapping.Text, mapping.IntegerValue(-12), "-12", ""},
		{"decimal in text", mapping.Text, mapping.DecimalValue("+0012.50"), "12.50", ""},
		{"float in text has no exponent", mapping.Text, mapping.FloatValue(1e21), "1000000000000000000000", ""},
		{"small float in text", mapping.Text, mapping.FloatValue(1e-7), "0.0000001", ""},
		{"negative zero", mapping.Text, mapping.FloatValue(math.Copysign(0, -1)), "0", ""},
		{"boolean in text", mapping.Text, mapping.BooleanValue(true), "1", ""},
		{"date in text", mapping.Text, mapping.DateValue(2024, 2, 29), "2024-02-29", ""},
		{"date-time in text", mapping.Text, mapping.DateTimeValue(noon), "2024-07-01 14:30:15", ""},
		{"NaN in text", mapping.Text, mapping.FloatValue(math.NaN()), "", mapping.ReasonFinite},
		{"a decimal that is none", mapping.Text, mapping.DecimalValue("1,5"), "", mapping.ReasonDecimal},

		{"integer", mapping.Integer, text(" +0012 "), "12", ""},
		{"integer, zero fraction", mapping.Integer, text("-12.00"), "-12", ""},
		{"integer, negative zero", mapping.Integer, text("-0.0"), "0", ""},
		{"integer, 30 digits", mapping.Integer, text(strings.Repeat("9", 30)), strings.Repeat("9", 30), ""},
		{"integer, 31 digits", mapping.Integer, text(strings.Repeat("9", 31)), "", mapping.ReasonDigits},
		{"integer, fraction", mapping.Integer, text("12.5"), "", mapping.ReasonInteger},
		{"integer, separator", mapping.Integer, text("1 000"), "", mapping.ReasonInteger},
		{"integer, sign alone", mapping.Integer, text("-"), "", mapping.ReasonInteger},
		{"integer, dot alone", mapping.Integer, text("."), "", mapping.ReasonInteger},
		{"integer, exponent", mapping.Integer, text("1e3"), "", mapping.ReasonInteger},
		{"integer from a whole float", mapping.Integer, mapping.FloatValue(3e3), "3000", ""},
		{"integer from a broken float", mapping.Integer, mapping.FloatValue(2.5), "", mapping.ReasonInteger},
		{"integer from infinity", mapping.Integer, mapping.FloatValue(math.Inf(1)), "", mapping.ReasonFinite},
		{"integer from a boolean", mapping.Integer, mapping.BooleanValue(true), "1", ""},
		{"integer from a date", mapping.Integer, mapping.DateValue(2024, 1, 1), "", mapping.ReasonInteger},
		{"least integer", mapping.Integer, mapping.IntegerValue(math.MinInt64), "-9223372036854775808", ""},

		{"decimal is padded", mapping.Decimal, text("7"), "7.00", ""},
		{"decimal, dot first", mapping.Decimal, text("-.5"), "-0.50", ""},
		{"half goes away from zero", mapping.Decimal, text("1.005"), "1.01", ""},
		{"half goes away from zero, below it", mapping.Decimal, text("-1.005"), "-1.01", ""},
		{"just under half", mapping.Decimal, text("1.00499999999999999999999"), "1.00", ""},
		{"carry through", mapping.Decimal, text("-99.995"), "-100.00", ""},
		{"rounded to zero has no sign", mapping.Decimal, text("-0.004"), "0.00", ""},
		{"decimal, 30 nines carried over", mapping.Decimal, text(strings.Repeat("9", 30) + ".995"), "", mapping.ReasonDigits},
		{"decimal comma", mapping.Decimal, text("1,5"), "", mapping.ReasonDecimal},
		{"thousands", mapping.Decimal, text("1,000.50"), "", mapping.ReasonDecimal},
		{"decimal exponent", mapping.Decimal, text("1e3"), "", mapping.ReasonDecimal},
		{"two dots", mapping.Decimal, text("1.2.3"), "", mapping.ReasonDecimal},
		{"decimal from a float", mapping.Decimal, mapping.FloatValue(0.1 + 0.2), "0.30", ""},
		{"shortest form of a float decides", mapping.Decimal, mapping.FloatValue(2.675), "2.68", ""},
		{"decimal from NaN", mapping.Decimal, mapping.FloatValue(math.NaN()), "", mapping.ReasonFinite},
		{"decimal from a huge float", mapping.Decimal, mapping.FloatValue(1e300), "", mapping.ReasonDigits},
		{"decimal from a boolean", mapping.Decimal, mapping.BooleanValue(true), "", mapping.ReasonDecimal},

		{"yes", mapping.Boolean, text(" YES "), "1", ""},
		{"f", mapping.Boolean, text("F"), "0", ""},
		{"on is not a boolean", mapping.Boolean, text("on"), "", mapping.ReasonBoolean},
		{"oui is not a boolean", mapping.Boolean, text("oui"), "", mapping.ReasonBoolean},
		{"false", mapping.Boolean, mapping.BooleanValue(false), "0", ""},
		{"boolean of 1", mapping.Boolean, mapping.IntegerValue(1), "1", ""},
		{"boolean of 2", mapping.Boolean, mapping.IntegerValue(2), "", mapping.ReasonBoolean},
		{"boolean of an exact 1", mapping.Boolean, mapping.DecimalValue("1"), "1", ""},
		{"boolean of 1.00", mapping.Boolean, mapping.DecimalValue("+1.00"), "1", ""},
		{"boolean of -0.0", mapping.Boolean, mapping.DecimalValue("-0.0"), "0", ""},
		{"boolean of JSON 1.0", mapping.Boolean, mapping.JSONValue([]byte("1.0")), "1", ""},
		{"boolean of a float", mapping.Boolean, mapping.FloatValue(1), "1", ""},
		{"boolean of a negative zero", mapping.Boolean, mapping.FloatValue(math.Copysign(0, -1)), "0", ""},
		{"boolean of -1", mapping.Boolean, mapping.DecimalValue("-1"), "", mapping.ReasonBoolean},
		{"boolean of 10", mapping.Boolean, mapping.DecimalValue("10"), "", mapping.ReasonBoolean},
		{"boolean of 0.5", mapping.Boolean, mapping.FloatValue(0.5), "", mapping.ReasonBoolean},
		{"boolean of 1.01", mapping.Boolean, mapping.DecimalValue("1.01"), "", mapping.ReasonBoolean},
		{"boolean of NaN", mapping.Boolean, mapping.FloatValue(math.NaN()), "", mapping.ReasonBoolean},
		{"boolean of text with a fraction", mapping.Boolean, text("1.0"), "", mapping.ReasonBoolean},
		{"boolean of a long word", mapping.Boolean, text("truetrue"), "", mapping.ReasonBoolean},

		{"date", mapping.Date, text("2024-02-29"), "2024-02-29", ""},
		{"basic date", mapping.Date, text("20240229"), "2024-02-29", ""},
		{"no such day", mapping.Date, text("2023-02-29"), "", mapping.ReasonDate},
		{"1900 was no leap year", mapping.Date, text("1900-02-29"), "", mapping.ReasonDate},
		{"zero date", mapping.Date, text("0000-00-00"), "", mapping.ReasonDate},
		{"day first", mapping.Date, text("01/02/2024"), "", mapping.ReasonDate},
		{"time alone", mapping.Date, text("10:00:00"), "", mapping.ReasonDate},
		{"date of a date-time without a zone", mapping.Date, text("2024-07-01T23:30:00"), "2024-07-01", ""},
		{"date of a date-time in UTC", mapping.Date, text("2024-07-01T23:30:00Z"), "2024-07-02", ""},
		{"civil date of an instant", mapping.Date, mapping.DateTimeValue(time.Date(2024, 12, 31, 23, 30, 0, 0, time.UTC)), "2025-01-01", ""},
		{"integer is no date", mapping.Date, mapping.IntegerValue(20240101), "", mapping.ReasonDate},
		{"no such date value", mapping.Date, mapping.DateValue(2024, 13, 1), "", mapping.ReasonDate},

		{"date-time of a date", mapping.DateTime, text("2024-02-29"), "2024-02-29 00:00:00", ""},
		{"date-time, fraction cut", mapping.DateTime, text("2024-02-29 10:11:12.999999"), "2024-02-29 10:11:12", ""},
		{"date-time, no seconds", mapping.DateTime, text("2024-02-29T10:11"), "2024-02-29 10:11:00", ""},
		{"date-time, winter", mapping.DateTime, text("2024-01-15T23:30:00Z"), "2024-01-16 00:30:00", ""},
		{"date-time, summer", mapping.DateTime, text("2024-07-15T23:30:00+00"), "2024-07-16 01:30:00", ""},
		{"date-time, offset", mapping.DateTime, text("2024-07-15 23:30:00.5-05:30"), "2024-07-16 07:00:00", ""},
		{"date-time, offset without colon", mapping.DateTime, text("2024-07-15T23:30:00+0200"), "2024-07-15 23:30:00", ""},
		{"hour 24", mapping.DateTime, text("2024-07-15T24:00:00"), "", mapping.ReasonDate},
		{"bad offset", mapping.DateTime, text("2024-07-15T20:00:00+24:00"), "", mapping.ReasonDate},
		{"something behind", mapping.DateTime, text("2024-07-15T20:00:00Z "), "2024-07-15 22:00:00", ""},
		{"something else behind", mapping.DateTime, text("2024-07-15T20:00:00 CET"), "", mapping.ReasonDate},
		{"beyond the last year in the zone", mapping.DateTime, text("9999-12-31T23:30:00Z"), "", mapping.ReasonDate},
		{"zero time is null", mapping.DateTime, mapping.DateTimeValue(time.Time{}), "", ""},
		{"a time in another zone", mapping.DateTime, mapping.DateTimeValue(noon.In(paris)), "2024-07-01 14:30:15", ""},
		{"a year that is 2024 in 32 bits", mapping.DateTime, mapping.DateTimeValue(time.Unix(1<<32*31556952+1700000000, 0)), "", mapping.ReasonDate},
		{"a time beyond all years", mapping.DateTime, mapping.DateTimeValue(time.Unix(math.MaxInt64/2, 0)), "", mapping.ReasonDate},

		{"language of any kind", mapping.Language, text("pt-BR"), "pt", ""},
		{"no language", mapping.Language, text("français"), "", mapping.ReasonLanguage},

		{"phone", mapping.Phone, text("+33 (0)6.39-98\u00a001 02"), "0033639980102", ""},
		{"phone with 00", mapping.Phone, text("0033 6 39 98 01 02"), "0033639980102", ""},
		{"phone with parentheses", mapping.Phone, text("+1 (202) 555/0100"), "0012025550100", ""},
		{"national phone", mapping.Phone, text("06 39 98 01 02"), "", mapping.ReasonPhone},
		{"phone, no country", mapping.Phone, text("33639980102"), "", mapping.ReasonPhone},
		{"phone, country from 0", mapping.Phone, text("+0639980102"), "", mapping.ReasonPhone},
		{"phone, two trunk zeros", mapping.Phone, text("+33(0)(0)639980102"), "", mapping.ReasonPhone},
		{"phone, trunk zero in front", mapping.Phone, text("+(0)33639980102"), "", mapping.ReasonPhone},
		{"phone, trunk zero without parentheses", mapping.Phone, text("+33 06 39 98 01 17"), "", mapping.ReasonPhone},
		{"phone, trunk zero in digits alone", mapping.Phone, text("+330639980117"), "", mapping.ReasonPhone},
		{"phone, trunk zero, dialled", mapping.Phone, text("00330639980117"), "", mapping.ReasonPhone},
		{"phone, trunk zero twice", mapping.Phone, text("+33 (0)06 39 98 01 17"), "", mapping.ReasonPhone},
		{"phone, trunk zero of a country code of three digits", mapping.Phone, text("+3530851234567"), "", mapping.ReasonPhone},
		{"phone, trunk zero of the last of them", mapping.Phone, text("00 423 0 1234567"), "", mapping.ReasonPhone},
		{"phone, a zero later on", mapping.Phone, text("+33601020304"), "0033601020304", ""},
		{"phone, a zero in the country code", mapping.Phone, text("+30 690 0123456"), "00306900123456", ""},
		{"phone, a zero in North America", mapping.Phone, text("+1 202 555 0100"), "0012025550100", ""},
		{"phone, Italy keeps its zero", mapping.Phone, text("+39 06 698 12345"), "00390669812345", ""},
		{"phone, Italy and parentheses", mapping.Phone, text("+39 (0)6 698 12345"), "", mapping.ReasonPhone},
		{"phone, San Marino and parentheses", mapping.Phone, text("+378 (0)549 882914"), "", mapping.ReasonPhone},
		{"phone, Ivory Coast keeps its zero", mapping.Phone, text("+225 07 01 23 45 67"), "002250701234567", ""},
		{"phone, a code that is none of Europe's", mapping.Phone, text("+61 (0)491 570 006"), "0061491570006", ""},
		{"phone, too short", mapping.Phone, text("+331234"), "", mapping.ReasonPhone},
		{"phone, too long", mapping.Phone, text("+3312345678901234"), "", mapping.ReasonPhone},
		{"phone, extension", mapping.Phone, text("+33639980102 ext 4"), "", mapping.ReasonPhone},
		{"phone, plus inside", mapping.Phone, text("+33+639980102"), "", mapping.ReasonPhone},

		{"e-mail", mapping.Email, text("\u00a0Lea.MARTIN@Example.COM\n"), "lea.martin@example.com", ""},
		{"e-mail, signs", mapping.Email, text("o'brien+x_y@a-b.example"), "o'brien+x_y@a-b.example", ""},
		{"e-mail, letters beyond ASCII", mapping.Email, text("LÉA@Exämple.org"), "léa@exämple.org", ""},
		{"e-mail, no at", mapping.Email, text("lea.example.com"), "", mapping.ReasonEmail},
		{"e-mail, two ats", mapping.Email, text("a@b@example.com"), "", mapping.ReasonEmail},
		{"e-mail, no local part", mapping.Email, text("@example.com"), "", mapping.ReasonEmail},
		{"e-mail, no domain", mapping.Email, text("lea@"), "", mapping.ReasonEmail},
		{"e-mail, no dot in the domain", mapping.Email, text("lea@localhost"), "", mapping.ReasonEmail},
		{"e-mail, dot first", mapping.Email, text(".lea@example.com"), "", mapping.ReasonEmail},
		{"e-mail, dot last", mapping.Email, text("lea.@example.com"), "", mapping.ReasonEmail},
		{"e-mail, two dots", mapping.Email, text("le..a@example.com"), "", mapping.ReasonEmail},
		{"e-mail, domain from a dot", mapping.Email, text("lea@.example.com"), "", mapping.ReasonEmail},
		{"e-mail, domain to a dot", mapping.Email, text("lea@example.com."), "", mapping.ReasonEmail},
		{"e-mail, label from a hyphen", mapping.Email, text("lea@-example.com"), "", mapping.ReasonEmail},
		{"e-mail, label to a hyphen", mapping.Email, text("lea@example-.com"), "", mapping.ReasonEmail},
		{"e-mail, domain to a hyphen", mapping.Email, text("lea@example.com-"), "", mapping.ReasonEmail},
		{"e-mail, underscore in the domain", mapping.Email, text("lea@ex_ample.com"), "", mapping.ReasonEmail},
		{"e-mail, space", mapping.Email, text("le a@example.com"), "", mapping.ReasonEmail},
		{"e-mail, quotes", mapping.Email, text(`"lea"@example.com`), "", mapping.ReasonEmail},
		{"e-mail, brackets", mapping.Email, text("Lea <lea@example.com>"), "", mapping.ReasonEmail},
		{"e-mail, two of them", mapping.Email, text("a@example.com;b@example.com"), "", mapping.ReasonEmail},
		{"e-mail, zero-width space", mapping.Email, text("lea\u200b@example.com"), "", mapping.ReasonInvisible},
		{"e-mail, bidi override", mapping.Email, text("lea@exam\u202eple.com"), "", mapping.ReasonInvisible},
		{"e-mail, BOM", mapping.Email, text("\ufefflea@example.com"), "lea@example.com", ""},
		{"e-mail, no-break space", mapping.Email, text("le\u00a0a@example.com"), "", mapping.ReasonEmail},
		{"e-mail, filler", mapping.Email, text("lea\u3164@example.com"), "", mapping.ReasonEmail},
		{"e-mail, invalid UTF-8", mapping.Email, text("l\xe9a@example.com"), "", mapping.ReasonUTF8},
		{"e-mail of a number", mapping.Email, mapping.IntegerValue(1), "", mapping.ReasonEmail},

		{"lists", mapping.Lists, text(" +4, -1,+4 ,+63"), "-1,+4,+63", ""},
		{"list 0", mapping.Lists, text("+00"), "+0", ""},
		{"lists, no sign", mapping.Lists, text("5"), "", mapping.ReasonLists},
		{"lists, a number", mapping.Lists, mapping.IntegerValue(-5), "", mapping.ReasonLists},
		{"lists, both signs", mapping.Lists, text("+1,-1"), "", mapping.ReasonLists},
		{"lists, out of range", mapping.Lists, text("+64"), "", mapping.ReasonLists},
		{"lists, gap", mapping.Lists, text("+1,,+2"), "", mapping.ReasonLists},
		{"lists, comma last", mapping.Lists, text("+1,"), "", mapping.ReasonLists},
		{"lists, sign apart", mapping.Lists, text("+ 1"), "", mapping.ReasonLists},
	} {
		t.Run(string(tt.typ)+"/"+tt.name, func(t *testing.T) {
			m := one(t, mapping.Field{Type: tt.typ}, 0)
			var row mapping.Row
			m.Render(&row, &mapping.Record{Seq: 1, Values: []mapping.Value{text("k"), tt.value}})
			if got := show(row.Cells[1]); got != tt.want {
				t.Errorf("cell %q, want %q", got, tt.want)
			}
			var reasons []string
			for _, r := range row.Rejections {
				reasons = append(reasons, r.Reason)
			}
			if reason := strings.Join(reasons, ", "); reason != tt.reason {
				t.Errorf("reason %q, want %q", reason, tt.reason)
			}
			if !row.OK || string(row.Key) != "k" {
				t.Errorf("OK %v, key %q: a blank cell must not cost the record", row.OK, row.Key)
			}
		})
	}
}

func TestEmptyOrBlankText(t *testing.T) {
	for _, typ := range []mapping.Type{mapping.Integer, mapping.Decimal, mapping.Boolean, mapping.Date, mapping.DateTime, mapping.Language, mapping.Phone, mapping.Email, mapping.Lists} {
		var row mapping.Row
		one(t, mapping.Field{Type: typ, Empty: mapping.Absent}, 0).Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue(" \t\u00a0")}})
		if row.Cells[1] != nil || len(row.Rejections) != 0 {
			t.Errorf("%s: cell %q, %v: white space must count as empty", typ, row.Cells[1], row.Rejections)
		}
	}
	var row mapping.Row
	one(t, mapping.Field{Empty: mapping.Absent}, 0).Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue("  ")}})
	if show(row.Cells[1]) != "  " {
		t.Errorf("text: cell %q, want the spaces", row.Cells[1])
	}
}

func TestShortened(t *testing.T) {
	const family = "👩\u200d👩\u200d👧"
	for _, tt := range []struct {
		name, text string
		max        int
		want       string
	}{
		{"fits", "abc", 3, "abc"},
		{"plain", "abcd", 3, "abc"},
		{"by characters, not bytes", "éééé", 3, "ééé"},
		{"four bytes each", "😀😀😀", 2, "😀😀"},
		{"a mark stays with its letter", "abx\u0301", 3, "ab"},
		{"two marks stay", "ax\u0323\u0302x", 4, "ax\u0323\u0302"},
		{"two marks stay or go together", "ax\u0323\u0302x", 2, "a"},
		{"joined sequence", "a" + family, 4, "a"},
		{"joined sequence that fits", family + "a", 5, family},
		{"variation selector", "ab❤\ufe0f", 3, "ab"},
		{"skin tone", "ab👍🏽", 3, "ab"},
		{"flag", "🇫🇷🇩🇪", 3, "🇫🇷"},
		{"flag that fits", "🇫🇷🇩🇪", 2, "🇫🇷"},
		{"Thai vowel sign", "ab\u0e01\u0e33", 3, "ab"},
		{"Lao vowel sign", "ab\u0e81\u0eb3", 3, "ab"},
		{"half-width voicing marks", "ab\uff76\uff9e", 3, "ab"},
		{"half-width voicing marks, the other", "ab\uff8a\uff9f", 3, "ab"},
		{"nothing but marks", "\u0301\u0301\u0301", 2, "\u0301\u0301"},
		{"counted after normalising", "abe\u0301", 3, "abé"},
		{"counted after cleaning", "\x00\x00abc", 3, "abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := one(t, mapping.Field{Invalid: mapping.Reject}, tt.max)
			var row mapping.Row
			m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue(tt.text)}})
			if got := show(row.Cells[1]); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			fits := tt.want == norm.NFC.String(strings.Trim(tt.text, "\x00"))
			if fits != (len(row.Rejections) == 0) || !row.OK {
				t.Fatalf("OK %v, rejections %v", row.OK, row.Rejections)
			}
			if !fits && (row.Rejections[0].Action != mapping.Shortened || !strings.HasPrefix(row.Rejections[0].Reason, "longer than ")) {
				t.Errorf("rejection %v", row.Rejections[0])
			}
		})
	}
}

func TestOnlyTextIsShortened(t *testing.T) {
	for typ, long := range map[mapping.Type]string{
		mapping.Email: "lea@example.com", mapping.Phone: "+33639980102", mapping.Integer: "123456", mapping.Lists: "+1,+2,+3",
	} {
		var row mapping.Row
		one(t, mapping.Field{Type: typ}, 5).Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue(long)}})
		if len(row.Cells[1]) != 0 || len(row.Rejections) != 1 || row.Rejections[0].Reason != "longer than 5 characters" || row.Rejections[0].Action != mapping.Blanked {
			t.Errorf("%s: cell %q, %v", typ, row.Cells[1], row.Rejections)
		}
	}
}

func TestLanguages(t *testing.T) {
	m := bind(t, mapping.Mapping{Key: mapping.Field{From: "id", To: "email"}, Fields: []mapping.Field{{From: "x", To: "language"}}}, []string{"id", "x"}, destination())
	for in, want := range map[string]string{
		" FR ": "fr", "fr-CA": "fr", "en_US.UTF-8": "en", "cs": "cz", "cs-CZ": "cz", "cz": "cz", "pt-br": "br", "pt_BR": "br",
		"pt": "", "es": "", "french": "", "f": "", "-fr": "",
	} {
		var row mapping.Row
		m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("a@example.com"), mapping.StringValue(in)}})
		if got := show(row.Cells[1]); got != want || (want == "") != (len(row.Rejections) == 1) {
			t.Errorf("%q: %q (%v), want %q", in, got, row.Rejections, want)
		}
	}
}

func TestDetails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		field mapping.Field
		in    string
		want  string
	}{
		{"no places", mapping.Field{Type: mapping.Decimal, Places: new(0)}, "9.5", "10"},
		{"nine places", mapping.Field{Type: mapping.Decimal, Places: new(9)}, "0.1234567895", "0.123456790"},
		{"layout", mapping.Field{Type: mapping.Date, Layouts: []string{"02/01/2006"}}, "31/12/2024", "2024-12-31"},
		{"second layout", mapping.Field{Type: mapping.DateTime, Layouts: []string{"02/01/2006", time.RFC3339}}, "2024-07-01T00:00:00Z", "2024-07-01 02:00:00"},
		{"layout without a zone is in the mapping's", mapping.Field{Type: mapping.DateTime, Layouts: []string{"02/01/2006 15:04"}}, "01/07/2024 10:00", "2024-07-01 10:00:00"},
		{"layouts replace the ISO forms", mapping.Field{Type: mapping.Date, Layouts: []string{"02/01/2006"}}, "2024-12-31", ""},
		{"transforms in order", mapping.Field{Transforms: []mapping.Transform{{Name: "trim"}, {Name: "upper"}}}, "\n é\xcc\x81a ", "É\u0301A"},
		{"lower", mapping.Field{Transforms: []mapping.Transform{{Name: "lower"}}}, " ÀB", " àb"},
		{"transforms keep invalid bytes invalid", mapping.Field{Transforms: []mapping.Transform{{Name: "lower"}}}, "A\xff", ""},
		{"trimmed to nothing is empty", mapping.Field{Empty: mapping.Absent, Transforms: []mapping.Transform{{Name: "trim"}}}, "  ", absent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var row mapping.Row
			one(t, tt.field, 0).Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue(tt.in)}})
			if got := show(row.Cells[1]); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, row.Rejections, tt.want)
			}
		})
	}
}

// outcome is a Row without its memory.
type outcome struct {
	OK     bool
	Key    string
	Cells  []string
	Report []string
}

func outcomeOf(row *mapping.Row) outcome {
	o := outcome{OK: row.OK, Key: show(row.Key)}
	for _, c := range row.Cells {
		o.Cells = append(o.Cells, show(c))
	}
	for _, r := range row.Rejections {
		o.Report = append(o.Report, r.Field+">"+r.Attribute+": "+r.Reason+": "+string(r.Action)+" ["+r.Value()+"]")
	}
	return o
}

func TestRecords(t *testing.T) {
	m := bind(t, mapping.Mapping{
		Key: mapping.Field{From: "mail", To: "email"},
		Fields: []mapping.Field{
			{From: "first", To: "firstname", Empty: mapping.Reject},
			{From: "lang", To: "language", Empty: mapping.Absent, Invalid: mapping.Absent},
			{From: "phone", To: "cellphone", Invalid: mapping.Reject},
		},
		Custom: []string{"tier"},
	}, []string{"tier", "mail", "first", "lang", "phone"}, destination())
	if diff := cmp.Diff([]string{"email", "firstname", "language", "cellphone", "tier"}, m.Columns()); diff != "" {
		t.Errorf("Columns (-want +got):\n%s", diff)
	}
	null := mapping.Value{}
	v := mapping.StringValue
	for _, tt := range []struct {
		name string
		rec  mapping.Record
		want outcome
	}{
		{"all well", mapping.Record{Values: []mapping.Value{v("gold"), v("A@example.com"), v("Ann"), v("fr"), v("+33639980102")}},
			outcome{true, "a@example.com", []string{"a@example.com", "Ann", "fr", "0033639980102", "gold"}, nil}},
		{"policies for null", mapping.Record{Values: []mapping.Value{null, v("a@example.com"), v("Ann"), null, null}},
			outcome{true, "a@example.com", []string{"a@example.com", "Ann", absent, "", ""}, nil}},
		{"a field rejects, the key is kept", mapping.Record{Values: []mapping.Value{null, v("a@example.com"), null, v("xx"), v("12")}},
			outcome{false, "a@example.com", []string{"a@example.com", absent, absent, absent, ""}, []string{
				"first>firstname: no value: rejected []",
				"lang>language: not one of the languages: absent [xx]",
				"phone>cellphone: not an international phone number: rejected [12]",
			}}},
		{"no key", mapping.Record{Values: []mapping.Value{v("x\xff"), null, v("Ann"), null, null}},
			outcome{false, absent, []string{absent, "Ann", absent, "", ""}, []string{
				"mail>email: no value: rejected []",
				"tier>tier: not valid UTF-8: blanked [x\xff]",
			}}},
		{"bad key", mapping.Record{Values: []mapping.Value{null, v("a@b"), v("Ann"), null, null}},
			outcome{false, absent, []string{absent, "Ann", absent, "", ""}, []string{"mail>email: not an e-mail address: rejected [a@b]"}}},
		{"key too long", mapping.Record{Values: []mapping.Value{null, v(strings.Repeat("a", 50) + "@" + strings.Repeat("b", 50) + ".com"), v("Ann"), null, null}},
			outcome{false, absent, []string{absent, "Ann", absent, "", ""}, []string{"mail>email: longer than 100 characters: rejected [" + strings.Repeat("a", 50) + "@" + strings.Repeat("b", 50) + ".com]"}}},
		{"rejected by its source", mapping.Record{Err: errors.New("ragged"), Values: []mapping.Value{v("gold"), v("A@example.com"), v("Ann"), v("fr"), v("+33639980102")}},
			outcome{false, absent, []string{absent, absent, absent, absent, absent}, []string{">: ragged: rejected []"}}},
		{"too few values", mapping.Record{Values: []mapping.Value{v("gold")}},
			outcome{false, absent, []string{absent, absent, absent, absent, absent}, []string{">: not as many values as the segment has fields: rejected []"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.rec.Seq, tt.rec.Line = 7, 9
			var row mapping.Row
			// A row that has been used must not shine through.
			m.Render(&row, &mapping.Record{Seq: 1, Values: []mapping.Value{v("x"), v("y@example.com"), null, v("??"), v("?")}})
			m.Render(&row, &tt.rec)
			if diff := cmp.Diff(tt.want, outcomeOf(&row)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if row.Seq != 7 || row.Line != 9 {
				t.Errorf("record %d, line %d, want 7 and 9", row.Seq, row.Line)
			}
			for _, r := range row.Rejections {
				if r.Seq != 7 || r.Line != 9 {
					t.Errorf("rejection of record %d, line %d, want 7 and 9", r.Seq, r.Line)
				}
			}
		})
	}
}

func TestTextKey(t *testing.T) {
	m := bind(t, mapping.Mapping{Key: mapping.Field{From: "id", To: "code"}}, []string{"id"}, destination())
	for in, want := range map[string]string{
		"  C-1\t": "C-1", "\x00 \ufeff C-2": "C-2", "C\r\n3": "C 3",
		"\u200b C-4 \ufeff": "C-4", "\u202aC-5\u202c": "C-5", "\u212a\u0344aaaaaaa": "K\u0308\u0301aaaaaaa", "\u200e C-6789012\u200f": "C-6789012",
		"\u200b": absent, " \u200b\u00ad ": absent, "C\u200b7": absent, "C\u00ad8": absent, "\u200bNULL\u200b": absent, "\u212a\u0344aaaaaaaa": absent,
		"": absent, "   ": absent, "NULL": absent, " null ": absent, "12345678901": absent, "\xff": absent,
	} {
		var row mapping.Row
		m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue(in)}})
		key, ok := m.Key(mapping.TextValue([]byte(in)))
		if show(row.Key) != want || row.OK != (want != absent) || show(key) != want || ok != row.OK {
			t.Errorf("%q: Render gives %q, %v; Key gives %q, %v; want %q", in, show(row.Key), row.OK, show(key), ok, want)
		}
		if !row.OK && (len(row.Rejections) != 1 || row.Rejections[0].Action != mapping.Rejected) {
			t.Errorf("%q: rejections %v", in, row.Rejections)
		}
	}
}

func TestKeyOwnsItsMemory(t *testing.T) {
	m := one(t, mapping.Field{}, 0)
	source := []byte("abc")
	key, _ := m.Key(mapping.TextValue(source))
	source[0] = 'x'
	if string(key) != "abc" {
		t.Errorf("key %q follows the bytes it was made of", key)
	}
}

func TestAppendingToACellLeavesTheOthers(t *testing.T) {
	m := bind(t, mapping.Mapping{
		Key:    mapping.Field{From: "a", To: "a", Type: mapping.Email},
		Fields: []mapping.Field{{From: "a", To: "a2", Type: mapping.Email}, {From: "b", To: "b"}, {From: "c", To: "c"}, {From: "d", To: "d"}, {From: "d", To: "e", Type: mapping.Email}},
	}, []string{"a", "b", "c", "d"}, mapping.Options{})
	line := []byte("defghi")
	var row mapping.Row
	for range 2 { // at the second time there is room in the buffer
		m.Render(&row, &mapping.Record{Values: []mapping.Value{
			mapping.StringValue("A@example.com"), mapping.StringValue("b\tb"), mapping.TextValue(line[:3]), mapping.StringValue("Z@example.com"),
		}})
		for _, cell := range row.Cells {
			if longer := append(cell, "XYZ"...); !strings.HasSuffix(string(longer), "XYZ") { // looked at, so that it is done
				t.Error("nothing was appended")
			}
		}
	}
	if diff := cmp.Diff([]string{"a@example.com", "a@example.com", "b b", "def", "Z@example.com", "z@example.com"}, outcomeOf(&row).Cells); diff != "" || string(line) != "defghi" {
		t.Errorf("source %q, cells (-want +got):\n%s", line, diff)
	}
}

func TestZone(t *testing.T) {
	m := bind(t, mapping.Mapping{Key: mapping.Field{From: "a", To: "a", Type: mapping.DateTime}, Zone: "Asia/Tokyo"}, []string{"a"}, mapping.Options{})
	if key, _ := m.Key(mapping.StringValue("2024-01-01T00:00:00Z")); string(key) != "2024-01-01 09:00:00" {
		t.Errorf("got %q", key)
	}
	if loc, err := (mapping.Mapping{}).Location(); err != nil || loc.String() != mapping.DefaultZone {
		t.Errorf("default zone %v, %v", loc, err)
	}
	for _, zone := range []string{"Local", "Mars/Olympus", "../../etc/passwd"} {
		if _, err := (mapping.Mapping{Zone: zone}).Location(); err == nil {
			t.Errorf("zone %q: no error", zone)
		}
	}
}
