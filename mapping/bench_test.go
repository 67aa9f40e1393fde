package mapping_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

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

var contactFields = []string{"email", "firstname", "lastname", "language", "cellphone", "created", "tier", "points", "ordered", "city", "store", "optin"}

// contactsMapper maps the fields of contacts, one to one; dates are of the type given.
func contactsMapper(tb testing.TB, dates mapping.Type) *mapping.Mapper {
	return bind(tb, mapping.Mapping{
		Key: mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{
			{From: "firstname", To: "firstname"}, {From: "lastname", To: "lastname"}, {From: "language", To: "language"}, {From: "cellphone", To: "cellphone"},
			{From: "created", To: "created", Custom: true, Type: dates}, {From: "tier", To: "tier", Custom: true},
			{From: "points", To: "points", Custom: true, Type: mapping.Integer}, {From: "ordered", To: "ordered", Custom: true, Type: dates},
			{From: "city", To: "city", Custom: true}, {From: "store", To: "store", Custom: true}, {From: "optin", To: "optin", Custom: true, Type: mapping.Boolean},
		},
	}, contactFields, mapping.Options{
		Attributes: []mapping.Attribute{
			{Name: "email", Type: mapping.Email, Max: 100, Key: true}, {Name: "firstname", Max: 255}, {Name: "lastname", Max: 255},
			{Name: "language", Type: mapping.Language, Values: []string{"br", "de", "en", "es", "fr", "it", "nl", "pl"}, Aliases: map[string]string{"pt_br": "br"}},
			{Name: "cellphone", Type: mapping.Phone, Max: 30},
		},
		CustomMax: 255,
	})
}

// contacts is CSV text of n made-up contacts with the usual quirks: accents, empty fields, an address in capitals here and
// there.
func contacts(n int) []byte {
	firsts := strings.Fields("Hélène François Amélie Jürgen Zoë Noël Chloé Léa Jean-Baptiste Marie Anaïs Łukasz José Thomas Camille Benoît Hugo Karim Loïc Nicolas")
	lasts := strings.Split("Lefèvre,Müller,Garçon,Dupont,Durand,Nuñez,Kowalski,Fournier,Martin,Château,O'Connor,De La Tour,Côté,Weiß,Moreau,Girard,Mercier,Blanc,Boyer", ",")
	locals := strings.Fields("helene francois amelie juergen zoe noel chloe lea jean-baptiste marie anais lukasz jose thomas camille benoit hugo karim loic nicolas")
	domains := strings.Fields("example.fr mail.example.com example.org example.de post.example.net example.es")
	languages := strings.Fields("fr_FR fr_FR fr_FR en_GB de_DE es_ES it_IT nl_NL pl_PL")
	tiers := []string{"bronze", "silver", "gold", "platinum", ""}
	cities := strings.Split("Paris,Besançon,Nîmes,Orléans,Saint-Étienne,Köln,München,Málaga,Lyon,Bordeaux,Béziers,Łódź,Sète,Lille,Le Mans,Rennes", ",")
	r := rand.New(rand.NewPCG(5, 6))
	pick := func(words []string) string { return words[r.IntN(len(words))] }
	var b bytes.Buffer
	for i := range n {
		local := pick(locals) + "." + pick(locals) + fmt.Sprintf(".%x", 4096+i)
		if r.IntN(20) == 0 {
			local = strings.ToUpper(local)
		}
		ordered := fmt.Sprintf("%d-%02d-%02d", 2015+r.IntN(11), 1+r.IntN(12), 1+r.IntN(28))
		if r.IntN(4) == 0 {
			ordered = ""
		}
		fmt.Fprintf(&b, "%s@%s;%s;%s;%s;+336%d;%d-%02d-%02d;%s;%d;%s;%s;S%03d;%d\n", local, pick(domains), pick(firsts), pick(lasts), pick(languages),
			10000000+r.IntN(90000000), 2005+r.IntN(20), 1+r.IntN(12), 1+r.IntN(28), pick(tiers), r.IntN(20000), ordered, pick(cities), r.IntN(1000), r.IntN(2))
	}
	return b.Bytes()
}

// csvReader reads contacts as the readers of segments do.
func csvReader(text []byte) *csv.Reader {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.ReuseRecord = ';', true
	return r
}

// records are the records of CSV text, made of text that a cell may share or of strings. They lie side by side in memory, as
// what has just been read is at hand.
func records(tb testing.TB, text []byte, strings bool) []mapping.Record {
	var all []byte
	var lengths []int
	for r := csvReader(text); ; {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		for _, cell := range cells {
			all, lengths = append(all, cell...), append(lengths, len(cell))
		}
	}
	values := make([]mapping.Value, len(lengths))
	for i, n := range lengths {
		if values[i] = mapping.TextValue(all[:n]); strings {
			values[i] = mapping.StringValue(unsafe.String(unsafe.SliceData(all), n))
		}
		all = all[n:]
	}
	var out []mapping.Record
	for values := range slices.Chunk(values, len(contactFields)) {
		out = append(out, mapping.Record{Seq: int64(len(out)) + 1, Values: values})
	}
	return out
}

// TestContactsRender guards the benchmark: a record that is rejected would be measured as something else.
func TestContactsRender(t *testing.T) {
	m := contactsMapper(t, mapping.Date)
	var row mapping.Row
	for _, rec := range records(t, contacts(1000), false) {
		m.Render(&row, &rec)
		if !row.OK || len(row.Rejections) > 0 {
			t.Fatal(row.Rejections)
		}
	}
}

// BenchmarkContacts takes turns at reading the text with encoding/csv alone and at rendering the same records, and gives
// the time of both and their ratio, which another load on the machine changes less than either. An operation is a
// thousand records. The metrics are medians.
func BenchmarkContacts(b *testing.B) {
	const n = 1000
	text := contacts(n)
	for _, bench := range []struct {
		name    string
		dates   mapping.Type
		strings bool
	}{{"text", mapping.Date, false}, {"date-times", mapping.DateTime, false}, {"strings", mapping.Date, true}} {
		b.Run(bench.name, func(b *testing.B) {
			m := contactsMapper(b, bench.dates)
			recs := records(b, text, bench.strings)
			var row mapping.Row
			var reading, rendering, ratio []float64
			// Collecting what csv leaves behind is no part of either.
			percent := debug.SetGCPercent(-1)
			defer debug.SetGCPercent(percent)
			for b.Loop() {
				runtime.GC()
				start := time.Now()
				for r := csvReader(text); ; {
					if _, err := r.Read(); err != nil {
						break
					}
				}
				read := time.Now()
				for i := range recs {
					m.Render(&row, &recs[i])
				}
				rendered := time.Now()
				reading = append(reading, float64(read.Sub(start))/n)
				rendering = append(rendering, float64(rendered.Sub(read))/n)
				ratio = append(ratio, float64(rendered.Sub(read))/float64(read.Sub(start)))
			}
			for unit, all := range map[string][]float64{"csv-ns/record": reading, "render-ns/record": rendering, "render/csv": ratio} {
				slices.Sort(all)
				b.ReportMetric(all[len(all)/2], unit)
			}
			b.ReportMetric(slices.Min(rendering), "render-min-ns/record")
			b.ReportMetric(0, "ns/op")
		})
	}
}
