package source_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

const benchRows = 10_000

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
	})
}
