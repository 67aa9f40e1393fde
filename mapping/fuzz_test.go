package mapping_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
)

var allTypes = []mapping.Type{
	mapping.Text, mapping.Integer, mapping.Decimal, mapping.Boolean, mapping.Date, mapping.DateTime,
	mapping.Language, mapping.Phone, mapping.Email, mapping.Lists,
}

// everyType maps the field x to one attribute of each type, as the key is a text too, with a limit.
func everyType(t testing.TB, max int, transforms ...mapping.Transform) *mapping.Mapper {
	m := mapping.Mapping{Key: mapping.Field{From: "x", To: "key", Transforms: transforms}}
	var attributes []mapping.Attribute
	attributes = append(attributes, mapping.Attribute{Name: "key", Type: mapping.Text, Max: max, Key: true})
	for _, typ := range allTypes {
		attributes = append(attributes, mapping.Attribute{Name: string(typ), Type: typ, Max: max})
		m.Fields = append(m.Fields, mapping.Field{From: "x", To: string(typ), Empty: mapping.Absent, Invalid: mapping.Absent, Transforms: transforms})
	}
	return bind(t, m, []string{"x"}, mapping.Options{Attributes: attributes})
}

func mappers(t testing.TB) []*mapping.Mapper {
	return []*mapping.Mapper{
		everyType(t, 0), everyType(t, 5),
		everyType(t, 12, mapping.Transform{Name: "trim"}, mapping.Transform{Name: "upper"}),
		everyType(t, 12, mapping.Transform{Name: "lower"}),
	}
}

// limits are those of mappers.
var limits = []int{0, 5, 12, 12}

// checkBytes renders text through every type: each cell is fit for a file and renders to itself, or it is accounted for.
func checkBytes(t *testing.T, ms []*mapping.Mapper, text []byte) {
	t.Helper()
	before := bytes.Clone(text)
	for i, m := range ms {
		var row, again mapping.Row
		m.Render(&row, &mapping.Record{Seq: 1, Values: []mapping.Value{mapping.TextValue(text)}})
		reported := make(map[string]mapping.Rejection)
		for _, r := range row.Rejections {
			reported[r.Attribute] = r
			if r.Value() != string(text) {
				t.Errorf("%q: the rejection's value is %q", text, r.Value())
			}
		}
		if row.OK != (row.Key != nil) || row.Key == nil && reported["key"].Action != mapping.Rejected {
			t.Errorf("%q: OK %v, key %q, %v", text, row.OK, row.Key, reported["key"])
		}
		key, ok := m.Key(mapping.StringValue(string(text)))
		if ok != row.OK || !bytes.Equal(key, row.Key) {
			t.Errorf("%q: Key gives %q, %v; Render %q, %v", text, key, ok, row.Key, row.OK)
		}
		for j, name := range m.Columns() {
			cell := row.Cells[j]
			if cell == nil {
				white := len(bytes.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })) == 0
				if _, ok := reported[name]; !ok && !white {
					t.Errorf("%s: %q gives no cell and no rejection", name, text)
				}
				continue
			}
			if len(cell) == 0 || !utf8.Valid(cell) || bytes.ContainsFunc(cell, func(r rune) bool {
				return unicode.IsControl(r) || r == 0x2028 || r == 0x2029
			}) || bytes.HasPrefix(cell, []byte("\ufeff")) {
				t.Errorf("%s: %q gives %q", name, text, cell)
			}
			if limits[i] > 0 && utf8.RuneCount(cell) > limits[i] {
				t.Errorf("%s: %q gives %q, longer than %d", name, text, cell, limits[i])
			}
			m.Render(&again, &mapping.Record{Seq: 1, Values: []mapping.Value{mapping.StringValue(string(cell))}})
			if !bytes.Equal(again.Cells[j], cell) {
				t.Errorf("%s: %q gives %q, which gives %q", name, text, cell, again.Cells[j])
			}
		}
	}
	if !bytes.Equal(before, text) {
		t.Errorf("rendering changed the source from %q to %q", before, text)
	}
}

var seeds = []string{
	"", " ", "NULL", "a\r\nb", "\ufeff x", "é\u0301\u200d", "\xff", "12", "-0.005", "+1,-4", "2024-02-29T10:11:12.5+05:30", "20240229",
	"+33 (0)6 39 98 01 02", "Lea.M@Example.com", "fr_CA", "yes", "0.000", "99999999999999999999999999999.999", "9999-12-31T23:59:59-23:59",
	"İ@example.com", "K@example.com", "ǅ", "ſ", "ß", "🇫🇷🇩🇪🇪🇸", "👩\u200d👩\u200d👧",
}

func FuzzRender(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	ms := mappers(f)
	f.Fuzz(func(t *testing.T, text []byte) { checkBytes(t, ms, text) })
}

// The same property, on texts made of what the types care for.
func TestRenderProperty(t *testing.T) {
	parts := []string{
		"a", "B", "É", "e\u0301", "\u0301", "\u200d", "\ufe0f", "🇫", "👍🏽", "😀", "\ufeff", "\u00a0", " ", "\t", "\r", "\n", "\r\n", "\u0085", "\u2028",
		"\x00", "\x7f", "\u009f", "\xc3", "\xff", "0", "1", "9", "00", "+", "-", ".", ",", ":", "T", "Z", "/", "(0)", "@", "example.com", "null", "fr", "_",
		"2024-02-29", "12:30", "+33612345678", "İ", "ǆ", "ﬁ", "ς", "Σ",
	}
	ms := mappers(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		checkBytes(t, ms, []byte(b.String()))
	}
}

// Typed values, wild ones too, go through every type to a cell that renders to itself, or to nothing.
func TestTypedValuesProperty(t *testing.T) {
	m := everyType(t, 0)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 6000 {
		n := int64(r.Uint64() >> r.IntN(64))
		var v mapping.Value
		switch i % 6 {
		case 0:
			v = mapping.IntegerValue(n)
		case 1:
			v = mapping.FloatValue(math.Float64frombits(r.Uint64()))
		case 2:
			v = mapping.FloatValue(float64(n) / 1000)
		case 3:
			v = mapping.DateTimeValue(time.Unix(n, 0))
		case 4:
			v = mapping.DateValue(int(n%10100), time.Month(n%14), int(n%33))
		case 5:
			v = mapping.DecimalValue(fmt.Sprintf("%d.%03d", n, r.IntN(1000)))
		}
		var row, again mapping.Row
		m.Render(&row, &mapping.Record{Values: []mapping.Value{v}})
		for j, cell := range row.Cells {
			if cell == nil {
				continue
			}
			m.Render(&again, &mapping.Record{Values: []mapping.Value{mapping.TextValue(cell)}})
			if !bytes.Equal(cell, again.Cells[j]) || !isPlain(cell) {
				t.Errorf("%s: a %v gives %q, which gives %q", m.Columns()[j], v, cell, again.Cells[j])
			}
		}
	}
}

func isPlain(cell []byte) bool {
	return !bytes.ContainsFunc(cell, func(r rune) bool { return !strings.ContainsRune("0123456789-.: ", r) })
}

// An address that holds any character whatever is invalid or renders to itself.
func TestEveryCharacterInAnEmail(t *testing.T) {
	m := one(t, mapping.Field{Type: mapping.Email}, 0)
	var row mapping.Row
	rec := &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), {}}}
	render := func(text []byte) string {
		rec.Values[1] = mapping.TextValue(text)
		m.Render(&row, rec)
		return string(row.Cells[1])
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r == 0x32400 {
			r = 0xe0000 // nothing but unassigned planes in between
		} else if r == 0xe1000 {
			break
		}
		for _, place := range []string{"%c@a.org", "a%cb@a.org", "a@%c.org", "a@a%ca.org"} {
			text := fmt.Appendf(nil, place, r)
			once := render(text)
			if once == "" {
				continue
			}
			if twice := render([]byte(once)); twice != once {
				t.Errorf("%q gives %q, which gives %q", text, once, twice)
			}
			if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Z, unicode.Variation_Selector, unicode.Cs, unicode.Co) {
				t.Errorf("%q (%U) passes", text, r)
			}
		}
	}
}
