package mapping_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/spliosync/spliosync/mapping"
)

// naughty are texts that have broken programs before.
var naughty = []string{
	// words that stand for nothing
	"", " ", "NULL", "null", "Null ", "\u00a0NULL\ufeff", "nil", "None", "undefined", "undef", "N/A", "#N/A", "(null)", "\\N", "NaN", "nan", "-nan", "Infinity", "-inf", "TRUE", "-", "--", "''", `""`,
	// numbers
	"0", "-0", "+0", "00", "1/0", "0/0", "1.0", "1.", ".1", "1..2", "1,5", "1.000,5", "1'000", "1 000", "0x1F", "0b1", "1e5", "1E+5", "1_000", "12345678901234567890", "99999999999999999999999999999999999999",
	"0.1000000000000000055511151231257827", "-9223372036854775808", "9223372036854775808", "1e309", "٣", "１２", "²", "½", "Ⅷ", "$1.00", "1%", strings.Repeat("9", 5000),
	// dates
	"2024-02-29", "2023-02-29", "2024-02-30", "2024-13-01", "2024-00-10", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "1900-02-29", "2000-02-29", "29 Feb 2024", "29/02/2024", "02/29/2024",
	"2024-03-31 02:30:00", "2024-10-27T02:30:00+01:00", "2024-10-27T02:30:00+02:00", "2016-12-31T23:59:60Z", "2024-01-01T24:00:00", "2024-W01-1", "2024-060", "1709164800", "1970-01-01T00:00:00Z", "2024-1-1", "20240229", "20230229",
	"2024-02-29T10:11:12.999999999+14:00", "2024-02-29T10:11:12−05:00", "12:00", "today",
	// white space and controls
	"\t", "\n", "\r\n", "\u2028", "\u2029", "\u0085", "a\x00b", "\x1b[31mred\x1b[0m", "\x07", "\x7f", "\u200b", "\u2060", "\ufeff", "\ufeffa\ufeff", "\u180e", "\u3000", "\u00ad", "\u034f", "\u115f", "\u3164", "a\u200bb", "\ufffe", "\uffff", "\U0010ffff", "\ue000",
	// invalid UTF-8: bare, cut off, too long, surrogates (CESU-8), beyond Unicode, Latin-1
	"\xff", "\xfe\xff", "\xc3", "a\xe2\x82", "\xc0\x80", "\xe0\x80\xaf", "\xed\xa0\xbd\xed\xb8\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "caf\xe9", "\x80", "\xef\xbf\xbd\xef\xbf",
	// right to left, and marks of direction
	"مرحبا", "שָׁלוֹם", "\u202eevil\u202c", "\u2067abc\u2069", "ﷺ", "ﷲ",
	// combining marks, joined sequences, letters that change their length
	"Z\u0351\u036b\u0343\u036a\u0302A\u0334\u0335L\u0321\u0322G\u0327O\u0334\u0335\u0322\u0321", "Z" + strings.Repeat("\u0301\u0323", 60), strings.Repeat("\u0301", 40), "e\u0301", "é", "\u0301a", "ｅ\u0301", "각", "\u1100\u1161\u11a8", "Å", "\u212b", "ﬀ", "ß", "ẞ", "İ", "ı", "ſ", "ǆ", "ΐ", "\u0344", "\u0958", "Ω", "\u2126",
	"👨\u200d👩\u200d👧\u200d👦", "👩🏽\u200d🚀", "🏳\ufe0f\u200d🌈", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "🇫🇷", "🇫", "1\ufe0f\u20e3", "नमस्ते", "ก็", "𝒯𝑒𝓍𝓉", "𠜎", "田中さん",
	// quotes, separators, formulas, markup, code
	`"`, `'`, `;`, `,`, `a;b`, `a"b`, `"a";"b"`, "\"a\r\nb\"", `=1+1`, `=cmd|' /C calc'!A0`, `+1+1`, `-1+1`, `@SUM(A1)`, "\t=1", `'; DROP TABLE contacts; --`, `1 OR 1=1`, `<script>alert(1)</script>`, `&lt;`, `{{7*7}}`, `${jndi:ldap://x}`, `%s%n`, `../../etc/passwd`, `C:\nul`, `$(id)`, "`id`", `\`, `\"`, `\u0041`,
	// JSON and lists
	`[]`, `{}`, `[1,2]`, `["a","b"]`, `{"a":[1,{"b":null}]}`, `["\ud800"]`, `["[1]"]`, `[[]]`, `[`, `["a"`, `null`, `"a"`, `[null]`, `["NULL"]`, `[1e999]`, `["\u0000\n"]`, "[\"\xff\"]", `+1,-4`, `1,4`, `+1;+2`, `+64`, `["+1","-2"]`,
	// addresses, numbers, languages
	"a@b.c", "A@B.C", "\u200ea@b.c", "a@b", "Ann <a@b.c>", "a@b.c\nBcc: x", "İ@example.com", "+33 (0)6 39 98 01 02", "0033639980102", "\u202a+33639980102\u202c", "06 39 98 01 02", "+1-800-FLOWERS", "fr", "FRA", "fr_FR", "zh-Hant-TW", "i-klingon", "C", "POSIX",
}

// settings are fields that between them use every option; those whose name ends in "!" do not render to themselves, as
// they are made to change what they get.
var settings = []struct {
	name  string
	field mapping.Field
}{
	{"text", mapping.Field{}}, {"long", mapping.Field{Long: mapping.Blank}}, {"trim", mapping.Field{Transforms: []mapping.Transform{{Name: "trim"}}}},
	{"lower", mapping.Field{Transforms: []mapping.Transform{{Name: "lower"}}}}, {"upper", mapping.Field{Transforms: []mapping.Transform{{Name: "upper"}}}}, {"title", mapping.Field{Transforms: []mapping.Transform{{Name: "title"}}}},
	{"json", mapping.Field{Flatten: "json"}}, {"list", mapping.Field{Flatten: "list", Separator: "|"}}, {"list, commas", mapping.Field{Flatten: "list", Separator: ","}},
	{"integer", mapping.Field{Type: mapping.Integer}}, {"decimal", mapping.Field{Type: mapping.Decimal, Places: new(3)}},
	{"boolean", mapping.Field{Type: mapping.Boolean}}, {"booleans", mapping.Field{Type: mapping.Boolean, Booleans: []string{"-", "x"}}},
	{"date", mapping.Field{Type: mapping.Date}}, {"datetime", mapping.Field{Type: mapping.DateTime, Zone: "America/New_York"}},
	{"layout", mapping.Field{Type: mapping.Date, Layout: "02/01/2006"}}, {"layout and time", mapping.Field{Type: mapping.DateTime, Layout: "2 Jan 2006 15:04:05"}},
	{"layouts", mapping.Field{Type: mapping.Date, Layouts: []string{"2 Jan 2006", "02/01/2006", "2006-01-02"}}},
	{"language", mapping.Field{Type: mapping.Language}}, {"phone", mapping.Field{Type: mapping.Phone}}, {"email", mapping.Field{Type: mapping.Email}}, {"lists", mapping.Field{Type: mapping.Lists}},
	{"map!", mapping.Field{Transforms: []mapping.Transform{{Name: "map", Values: map[string]string{"é": "\n", "1": "null"}, Else: new("\ufeffx")}}}},
	{"default!", mapping.Field{Transforms: []mapping.Transform{{Name: "trim"}, {Name: "default", Value: "\x00d"}}}},
	{"concat!", mapping.Field{Transforms: []mapping.Transform{{Name: "concat", Fields: []string{"x", "x"}, Separator: "\r"}}}},
	{"hash!", mapping.Field{Transforms: []mapping.Transform{{Name: "hash"}}}},
	{"substring!", mapping.Field{Transforms: []mapping.Transform{{Name: "substring", Start: 1, Length: 3}}}},
	{"replace!", mapping.Field{Transforms: []mapping.Transform{{Name: "replace", Pattern: `.`, With: "$0\u0301"}}}},
	{"match!", mapping.Field{Transforms: []mapping.Transform{{Name: "match", Pattern: `^\PL*$`}, {Name: "title"}}}},
	{"func!", mapping.Field{Type: mapping.Decimal, Transforms: []mapping.Transform{{Name: "func", Func: "twice", Version: "2"}}}},
	{"constant!", mapping.Field{Transforms: []mapping.Transform{{Name: "constant", Value: "c"}, {Name: "func", Func: "itself"}}}},
}

const settingMax = 64

// settingMapper has a column for each of settings and, behind them, one more for each without the ways that Render has for
// plain text: a Default, which text that is not empty never needs.
func settingMapper(t testing.TB) *mapping.Mapper {
	m := mapping.Mapping{Key: mapping.Field{From: "id", To: "id"}}
	for _, slow := range []string{"", " slow"} {
		for _, s := range settings {
			f := s.field
			f.To, f.From, f.Custom, f.Empty, f.Invalid = s.name+slow, "x", true, mapping.Absent, mapping.Absent
			if slow != "" {
				f.Default = map[mapping.Type]string{
					"": "1", mapping.Integer: "1", mapping.Decimal: "1", mapping.Boolean: "1", mapping.Date: "2024-01-01", mapping.DateTime: "2024-01-01",
					mapping.Language: "fr", mapping.Phone: "+33639980102", mapping.Email: "a@b.c", mapping.Lists: "+1",
				}[f.Type]
			}
			m.Fields = append(m.Fields, f)
		}
	}
	return bind(t, m, []string{"id", "x"}, mapping.Options{CustomMax: settingMax, Funcs: funcs()})
}

// checkSettings renders v in every way.
func checkSettings(t *testing.T, m *mapping.Mapper, v mapping.Value, text string) {
	t.Helper()
	var row, again mapping.Row
	m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), v}})
	reported := make(map[string]mapping.Rejection)
	for _, r := range row.Rejections {
		reported[r.Attribute] = r
	}
	for i, s := range settings {
		cell, r := row.Cells[i+1], reported[s.name]
		if !utf8.Valid(cell) || !norm.NFC.IsNormal(cell) || utf8.RuneCount(cell) > settingMax || bytes.HasPrefix(cell, []byte("\ufeff")) || bytes.ContainsFunc(cell, func(r rune) bool {
			return unicode.IsControl(r) || r == 0x2028 || r == 0x2029
		}) {
			t.Errorf("%s: %q gives %q", s.name, text, cell)
		}
		if strings.EqualFold(strings.TrimSpace(string(cell)), "NULL") && (r.Reason != mapping.ReasonNull || r.Action != mapping.Kept) {
			t.Errorf("%s: %q gives %q, and nobody is told: %v", s.name, text, cell, r)
		}
		if (r.Reason == "") != (r.Action == "") || cell != nil && r.Action == mapping.Omitted || cell == nil && r.Action != mapping.Omitted && r.Action != "" {
			t.Errorf("%s: %q gives %q with %v", s.name, text, cell, r)
		}
		if blank := strings.TrimFunc(text, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == 0x34f
		}) == ""; !blank && v.String() == "Value(text)" && s.name != "constant!" {
			if slow := row.Cells[len(settings)+i+1]; !bytes.Equal(cell, slow) || (cell == nil) != (slow == nil) {
				t.Errorf("%s: %q gives %q, and %q the general way", s.name, text, cell, slow)
			}
		}
		if cell == nil || strings.HasSuffix(s.name, "!") {
			continue
		}
		m.Render(&again, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.TextValue(cell)}})
		if !bytes.Equal(again.Cells[i+1], cell) {
			t.Errorf("%s: %q gives %q, which gives %q", s.name, text, cell, again.Cells[i+1])
		}
	}
}

func TestNaughtyStrings(t *testing.T) {
	m := settingMapper(t)
	for _, s := range naughty {
		checkSettings(t, m, mapping.StringValue(s), s)
		checkSettings(t, m, mapping.TextValue([]byte(s)), s)
		checkSettings(t, m, mapping.JSONValue(fmt.Appendf(nil, "[%s]", s)), s)
		checkSettings(t, m, mapping.DecimalValue(s), s)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 800 {
		s := naughty[r.IntN(len(naughty))] + naughty[r.IntN(len(naughty))]
		checkSettings(t, m, mapping.StringValue(s), s)
		checkSettings(t, m, mapping.JSONValue(fmt.Appendf(nil, "[%q,%s]", s, s)), s)
	}
}

func FuzzSettings(f *testing.F) {
	for _, s := range naughty {
		f.Add([]byte(s))
	}
	m := settingMapper(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		checkSettings(t, m, mapping.TextValue(text), string(text))
		checkSettings(t, m, mapping.JSONValue(fmt.Appendf(nil, "[%s]", text)), string(text))
		checkSettings(t, m, mapping.DecimalValue(text), string(text))
	})
}
