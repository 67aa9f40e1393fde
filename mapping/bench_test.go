package mapping_test

import (
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// twelve is a mapping of twelve attributes and a record for it.
func twelve(tb testing.TB) (*mapping.Mapper, *mapping.Record) {
	m := mapping.Mapping{
		Key: mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{
			{From: "first", To: "firstname"},
			{From: "language", To: "language"},
			{From: "phone", To: "cellphone"},
			{From: "created", To: "created"},
			{From: "lists", To: "lists"},
			{From: "score", To: "score", Custom: true, Type: mapping.Decimal},
			{From: "points", To: "points", Custom: true, Type: mapping.Integer},
			{From: "member", To: "member", Custom: true, Type: mapping.Boolean},
			{From: "born", To: "born", Custom: true, Type: mapping.Date},
		},
		Custom: []string{"city", "tier"},
	}
	fields := []string{"email", "first", "language", "phone", "created", "lists", "score", "points", "member", "born", "city", "tier"}
	text := func(s string) mapping.Value { return mapping.TextValue([]byte(s)) }
	return bind(tb, m, fields, destination()), &mapping.Record{Seq: 1, Line: 2, Values: []mapping.Value{
		text("Lea.Martin@Example.com"), text("Léa"), text("fr_FR"), text("+33 6 39 98 01 02"), text("2024-07-01T10:11:12Z"), text("+0,-4"),
		text("149.905"), text("1200"), text("yes"), text("1990-05-21"), text("Paris\t15"), text("gold"),
	}}
}

func TestRenderAllocatesNothing(t *testing.T) {
	m, rec := twelve(t)
	typed := &mapping.Record{Values: append([]mapping.Value(nil), rec.Values...)}
	typed.Values[4] = mapping.DateTimeValue(time.Date(2024, 7, 1, 10, 11, 12, 0, time.UTC))
	typed.Values[6], typed.Values[7], typed.Values[8] = mapping.FloatValue(149.905), mapping.IntegerValue(1200), mapping.BooleanValue(true)
	typed.Values[9], typed.Values[10] = mapping.DateValue(1990, 5, 21), mapping.StringValue("Paris")
	empty := &mapping.Record{Values: make([]mapping.Value, len(rec.Values))}
	empty.Values[0] = rec.Values[0]
	for name, rec := range map[string]*mapping.Record{"text": rec, "typed": typed, "empty": empty} {
		var row mapping.Row
		m.Render(&row, rec)
		if len(row.Rejections) > 0 || !row.OK {
			t.Fatalf("%s: %v", name, row.Rejections)
		}
		if n := testing.AllocsPerRun(100, func() { m.Render(&row, rec) }); n != 0 {
			t.Errorf("%s: %v allocations a record", name, n)
		}
	}
}

func TestPlainTextIsNotCopied(t *testing.T) {
	m := one(t, mapping.Field{}, 0)
	for _, s := range []string{"plain ASCII text", "accents: é à"} {
		source := []byte(s)
		var row mapping.Row
		m.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.TextValue(source)}})
		if &row.Cells[1][0] != &source[0] {
			t.Errorf("%q was copied", s)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	m, rec := twelve(b)
	plain := make([]mapping.Value, 12)
	for i := range plain {
		plain[i] = mapping.TextValue([]byte("some text of ASCII"))
	}
	var custom []string
	for _, c := range "abcdefghijk" {
		custom = append(custom, string(c))
	}
	texts := bind(b, mapping.Mapping{Key: mapping.Field{From: "key", To: "key"}, Custom: custom}, append([]string{"key"}, custom...), mapping.Options{CustomMax: 255})

	for _, bench := range []struct {
		name string
		m    *mapping.Mapper
		rec  *mapping.Record
	}{{"12 types", m, rec}, {"12 plain texts", texts, &mapping.Record{Values: plain}}} {
		b.Run(bench.name, func(b *testing.B) {
			var row mapping.Row
			b.ReportAllocs()
			for b.Loop() {
				bench.m.Render(&row, bench.rec)
			}
			if !row.OK {
				b.Fatal(row.Rejections)
			}
		})
	}
}
