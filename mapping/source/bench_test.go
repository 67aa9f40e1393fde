package source_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

const benchRows = 100_000

var benchMapping = mapping.Mapping{
	Key: mapping.Field{From: "email", To: "email", Type: mapping.Email},
	Fields: []mapping.Field{
		{From: "lastname", To: "lastname"}, {From: "firstname", To: "firstname"},
		{From: "language", To: "language", Type: mapping.Language}, {From: "phone", To: "cellphone", Type: mapping.Phone},
		{From: "created", To: "created", Type: mapping.DateTime}, {From: "score", To: "c0", Type: mapping.Decimal},
		{From: "points", To: "c1", Type: mapping.Integer}, {From: "member", To: "c2", Type: mapping.Boolean},
		{From: "born", To: "c3", Type: mapping.Date},
	},
	Custom: []string{"city", "tier"},
}

func benchText(rows int) string {
	var b strings.Builder
	b.WriteString("email;lastname;firstname;language;phone;created;score;points;member;born;city;tier\n")
	for i := range rows {
		fmt.Fprintf(&b, "lea.martin%d@example.com;Martin;Léa;fr;+33639980102;2024-07-01 10:11:12;149.90;%d;1;1990-05-21;Paris;gold\n", i, i)
	}
	return b.String()
}

// BenchmarkCSV compares reading and rendering with what encoding/csv alone takes.
func BenchmarkCSV(b *testing.B) {
	text := benchText(benchRows)
	for _, bench := range []struct {
		name string
		read func(testing.TB, string)
	}{{"encoding csv alone", readTheirs}, {"source", readOurs}, {"source and render", renderOurs}} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				bench.read(b, text)
			}
			perRecord(b)
		})
	}

	// Taking turns, another load on the machine changes the ratios less than the times. The text is short enough for a turn
	// to be over before the load changes.
	b.Run("in turn", func(b *testing.B) {
		const rows = 20_000
		text := benchText(rows)
		var theirs, ours, rendered []float64
		for b.Loop() {
			for _, one := range []struct {
				read  func(testing.TB, string)
				times *[]float64
			}{{readTheirs, &theirs}, {readOurs, &ours}, {renderOurs, &rendered}} {
				start := time.Now()
				one.read(b, text)
				*one.times = append(*one.times, float64(time.Since(start))/rows)
			}
		}
		for _, times := range [][]float64{theirs, ours, rendered} {
			slices.Sort(times)
		}
		middle := len(theirs) / 2
		b.ReportMetric(theirs[0], "csv-min-ns/record")
		b.ReportMetric(theirs[middle], "csv-ns/record")
		b.ReportMetric(ours[0]/theirs[0], "source/csv-min")
		b.ReportMetric(ours[middle]/theirs[middle], "source/csv")
		b.ReportMetric(rendered[0]/theirs[0], "rendered/csv-min")
		b.ReportMetric(rendered[middle]/theirs[middle], "rendered/csv")
		b.ReportMetric(0, "ns/op")
	})
}

func readTheirs(tb testing.TB, text string) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.ReuseRecord = ';', true
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			tb.Fatal(err)
		}
	}
}

func readOurs(tb testing.TB, text string) {
	for _, err := range source.CSV(strings.NewReader(text), source.CSVOptions{}).Records(tb.Context()) {
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func renderOurs(tb testing.TB, text string) {
	s := source.CSV(strings.NewReader(text), source.CSVOptions{})
	fields, err := s.Fields(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	mapper, err := benchMapping.Bind(fields, mapping.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	var row mapping.Row
	for rec, err := range s.Records(tb.Context()) {
		if err != nil {
			tb.Fatal(err)
		}
		if mapper.Render(&row, rec); !row.OK {
			tb.Fatal(row.Rejections)
		}
	}
}

func perRecord(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/record")
}

// BenchmarkSources reads records of twelve fields from what is not CSV, and CSV of which every field is quoted.
func BenchmarkSources(b *testing.B) {
	type row struct {
		Email     string    `splio:"email"`
		Lastname  string    `splio:"lastname"`
		Firstname string    `splio:"firstname"`
		Language  string    `splio:"language"`
		Phone     *string   `splio:"phone"`
		Created   time.Time `splio:"created"`
		Score     float64   `splio:"score"`
		Points    int       `splio:"points"`
		Member    bool      `splio:"member"`
		Born      time.Time `splio:"born"`
		City      string    `splio:"city"`
		Tier      string    `splio:"tier"`
	}
	rows := func(yield func(row, error) bool) {
		one := row{Email: "lea.martin@example.com", Lastname: "Martin", Score: 149.9, Phone: new("+33639980102"), City: "Paris"}
		for range benchRows {
			if !yield(one, nil) {
				return
			}
		}
	}
	lists := func(yield func([]mapping.Value, error) bool) {
		values := make([]mapping.Value, 12)
		for range benchRows {
			if !yield(values, nil) {
				return
			}
		}
	}
	object := `{"email":"lea.martin@example.com","lastname":"Martin","firstname":"Léa","language":"fr","phone":"+33639980102","created":"2024-07-01 10:11:12",` +
		`"score":149.90,"points":12,"member":true,"born":"1990-05-21","city":"Paris","tier":"gold"}` + "\n"
	objects := strings.Repeat(object, benchRows)
	quoted := `"` + strings.NewReplacer(";", `";"`, "\n", "\"\n\"").Replace(strings.TrimSpace(benchText(benchRows))) + "\"\n"
	for name, s := range map[string]func() mapping.Source{
		"Structs":    func() mapping.Source { return source.Structs(rows) },
		"Seq":        func() mapping.Source { return source.Seq(make([]string, 12), lists) },
		"NDJSON":     func() mapping.Source { return source.NDJSON(strings.NewReader(objects), source.NDJSONOptions{}) },
		"quoted CSV": func() mapping.Source { return source.CSV(strings.NewReader(quoted), source.CSVOptions{}) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for rec, err := range s().Records(b.Context()) {
					if err != nil || rec.Err != nil {
						b.Fatal(err, rec.Err)
					}
				}
			}
			perRecord(b)
		})
	}
}

// BenchmarkChunks finds the records of chunks, which nothing else can do at the same time, and splits them too.
func BenchmarkChunks(b *testing.B) {
	plain := benchText(benchRows)
	some := strings.ReplaceAll(plain, ";Martin;", ";\"Martin\";")
	every := `"` + strings.NewReplacer(";", `";"`, "\n", "\"\n\"").Replace(strings.TrimSpace(plain)) + "\"\n"
	for _, text := range []struct{ name, text string }{{"plain", plain}, {"a quoted field", some}, {"all quoted", every}} {
		for _, bench := range []struct {
			name  string
			every int64
		}{{"found", 0}, {"found and split", 1}, {"found and every 100th split", 100}} {
			b.Run(text.name+"/"+bench.name, func(b *testing.B) {
				b.SetBytes(int64(len(text.text)))
				b.ReportAllocs()
				var c chunk.Chunk
				for b.Loop() {
					r, err := source.CSV(strings.NewReader(text.text), source.CSVOptions{}).(chunk.Source).Chunks(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					if c == nil {
						c = r.New()
					}
					records := int64(0)
					for err = r.Next(b.Context(), c); err == nil; err = r.Next(b.Context(), c) {
						records += c.Len()
						if bench.every == 0 {
							continue
						}
						for seq := c.First(); seq < c.First()+c.Len(); seq += bench.every {
							if _, err := c.Record(seq); err != nil {
								b.Fatal(err)
							}
						}
					}
					if !errors.Is(err, io.EOF) || records != benchRows {
						b.Fatal(records, err)
					}
				}
				perRecord(b)
			})
		}
	}
}
