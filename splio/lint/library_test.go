package lint_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/lint"
)

// TestQuickstart checks the files that an activation makes of the segments of
// the example. The one finding is the surname Null.
func TestQuickstart(t *testing.T) {
	example := filepath.Join("..", "..", "examples", "quickstart")
	text, err := os.ReadFile(filepath.Join(example, "mapping.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	drop := t.TempDir()
	a := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm", Custom: []mapping.Attribute{
			{Name: "birthday", Type: mapping.Date}, {Name: "spent", Type: mapping.Decimal},
			{Name: "vip", Type: mapping.Boolean}, {Name: "tier"}, {Name: "interests"},
		}},
		Mapping: m, State: filepath.Join(t.TempDir(), "state"), Insert: true, MaxUnusable: 2,
	}
	for i, day := range []string{"segment-day1.csv", "segment-day2.csv"} {
		a.Now = time.Date(2026, 3, 2+i, 7, 0, 0, 0, time.UTC)
		report, err := a.Run(t.Context(), source.CSVFile(filepath.Join(example, day), source.CSVOptions{}), sftpx.Dir(drop))
		if err != nil || len(report.Files) != 1 {
			t.Fatalf("%s: %v", day, err)
		}
	}
	for _, custom := range [][]mapping.Attribute{a.Destination.Custom, nil} {
		found, err := collect(lint.Dir(drop, lint.Options{Custom: custom, Strict: true}))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || found[0].Rule != "null" || filepath.Base(found[0].File) != "acme_contacts_crm_20260302.csv" || found[0].Line != 5 {
			t.Errorf("want the surname Null alone, got %v", found)
		}
	}
}

// TestGoldens checks what the tests of the writer compare with.
func TestGoldens(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found, err := collect(lint.Reader("", bytes.NewReader(content), lint.Options{Strict: true}))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Rule != "null" {
				t.Errorf("%s: %s", name, f)
			}
		}
	}
}

// allowedOfWriter are findings about what was asked to be sent, which are no fault of a file.
var allowedOfWriter = []string{"null", "formula", "zero-date", "similar-key"}

// lintWritten renders values by a mapping, writes them with the library's
// writer and checks the file. It returns the number of rows.
func lintWritten(t *testing.T, key string, rows [][]string) int {
	t.Helper()
	custom := []mapping.Attribute{
		{Name: "c1", Type: mapping.Integer}, {Name: "c2", Type: mapping.Decimal},
		{Name: "c3", Type: mapping.Date}, {Name: "c4"}, {Name: "c5", Type: mapping.Boolean},
	}
	d := splio.Destination{Custom: custom}
	m := mapping.Mapping{Key: mapping.Field{From: "0", To: key}}
	fields := []string{"0"}
	names := []string{"lastname", "firstname", "language", "cellphone", "dateOfCreation", "subscriptions", "c1", "c2", "c3", "c4", "c5"}
	for i, to := range names {
		from := fmt.Sprint(i + 1)
		fields = append(fields, from)
		if i >= 6 {
			m.Fields = append(m.Fields, mapping.Field{From: from, To: to, Custom: true})
		} else {
			m.Fields = append(m.Fields, mapping.Field{From: from, To: to})
		}
	}
	mapper, err := m.Bind(fields, d.Options())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := splio.NewWriter(&out, mapper.Columns(), splio.Format{})
	if err != nil {
		t.Fatal(err)
	}
	var row mapping.Row
	seen := make(map[string]bool)
	for i, values := range rows {
		rec := mapping.Record{Seq: int64(i + 1)}
		for _, v := range values {
			rec.Values = append(rec.Values, mapping.StringValue(v))
		}
		if mapper.Render(&row, &rec); !row.OK || seen[string(row.Key)] || bytes.ContainsAny(row.Key, `\`) {
			continue
		}
		seen[string(row.Key)] = true
		if err := w.Write(row.Cells); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := collect(lint.Reader("acme_contacts_crm_20260302.csv", bytes.NewReader(out.Bytes()), lint.Options{Key: key, Custom: custom, Strict: true}))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !slices.Contains(allowedOfWriter, f.Rule) && (f.Rule != "no-rows" || len(seen) > 0) {
			t.Errorf("%s\n%q", f, out.String())
		}
	}
	return len(seen)
}

// TestWriterIsClean: whatever the values, what the library writes lints clean.
func TestWriterIsClean(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		"a", "B", "é", "e\u0301", "株", "😀", " ", "\u00a0", ";", `"`, `\`, ",", "\n", "\r\n", "\t", "\x00", "\u2028", "'", "=", "+", "-", "@", ".",
		"0", "1", "33", "00", "NULL", "2026-02-28", " 10:00:00", "1990", "fr", "pt_BR", "true", "+0", "-4", "ann@example.com",
		"Éva@münchen.example", strings.Repeat("x", 90), strings.Repeat("é", 250), "+33 6 39 98 01 17", "149.9",
	}
	total := 0
	for range 300 {
		for _, key := range []string{"email", "customer_key"} {
			rows := make([][]string, 1+r.IntN(8))
			for i := range rows {
				for c := range 12 {
					var b strings.Builder
					if c == 0 && r.IntN(2) == 0 {
						fmt.Fprintf(&b, "k%d@example.com", r.IntN(1000))
					}
					for range r.IntN(4) {
						b.WriteString(pieces[r.IntN(len(pieces))])
					}
					rows[i] = append(rows[i], b.String())
				}
			}
			total += lintWritten(t, key, rows)
		}
	}
	if total < 500 {
		t.Errorf("only %d rows were written", total)
	}
}

// FuzzWriterIsClean is TestWriterIsClean with values that the fuzzer finds.
func FuzzWriterIsClean(f *testing.F) {
	f.Add("ann@example.com", ` a\"b;`, "=1")
	f.Fuzz(func(t *testing.T, key, text, other string) {
		row := []string{key, text, other, text, text, text, other, other, other, other, text, other}
		lintWritten(t, "email", [][]string{row})
		lintWritten(t, "customer_key", [][]string{row})
	})
}

// FuzzReader: no bytes and no name make it panic, and places are in the file.
func FuzzReader(f *testing.F) {
	for _, dir := range []string{"bad", "good"} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*", "*"))
		if err != nil || len(files) == 0 {
			f.Fatalf("no corpus: %v", err)
		}
		for _, name := range files {
			content, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(filepath.Base(name), content)
		}
	}
	f.Add("header.csv", []byte("email;\"a\nb c\";é\n1;2;3\n")) // places behind a line break
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		found, err := collect(lint.Reader(name, bytes.NewReader(content), lint.Options{Max: 5, Custom: []mapping.Attribute{{Name: "c1", Type: mapping.Lists}}}))
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(content, []byte{'\n'})
		for _, f := range found {
			if f.Line < 1 || f.Line > int64(len(lines)) || f.Column < 1 || f.Column > len(lines[f.Line-1])+1 || f.Message == "" || !utf8.ValidString(f.Message) {
				t.Errorf("%s", f)
			}
		}
	})
}
