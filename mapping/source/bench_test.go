package source_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

const benchRows = 100_000

func benchText() string {
	var b strings.Builder
	b.WriteString("email;lastname;firstname;language;phone;created;score;points;member;born;city;tier\n")
	for i := range benchRows {
		fmt.Fprintf(&b, "lea.martin%d@example.com;Martin;Léa;fr;+33639980102;2024-07-01 10:11:12;149.90;%d;1;1990-05-21;Paris;gold\n", i, i)
	}
	return b.String()
}

// BenchmarkCSV compares reading and rendering with what encoding/csv alone takes.
func BenchmarkCSV(b *testing.B) {
	text := benchText()
	b.Run("encoding csv alone", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			r := csv.NewReader(strings.NewReader(text))
			r.Comma, r.ReuseRecord = ';', true
			for {
				if _, err := r.Read(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
		perRecord(b)
	})
	b.Run("source", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			for _, err := range source.CSV(strings.NewReader(text), source.CSVOptions{}).Records(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		perRecord(b)
	})
	b.Run("source and render", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		m := mapping.Mapping{
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
		for b.Loop() {
			s := source.CSV(strings.NewReader(text), source.CSVOptions{})
			fields, err := s.Fields(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			mapper, err := m.Bind(fields, mapping.Options{})
			if err != nil {
				b.Fatal(err)
			}
			var row mapping.Row
			for rec, err := range s.Records(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
				if mapper.Render(&row, rec); !row.OK {
					b.Fatal(row.Rejections)
				}
			}
		}
		perRecord(b)
	})
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
	quoted := `"` + strings.NewReplacer(";", `";"`, "\n", "\"\n\"").Replace(strings.TrimSpace(benchText())) + "\"\n"
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
