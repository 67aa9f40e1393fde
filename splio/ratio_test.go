//go:build unix

package splio_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// maxRatio is how many times the work of the baseline a plan of the second day
// may be: 1.0 to 1.2 were measured when it was set.
const maxRatio = 2.0

// BenchmarkRatio holds the speed of the whole plan on a second day, of which 1% of
// the contacts are new and 2% have changed: read, map, validate, compare, write
// files and snapshot. It is not the time that counts, which depends on the
// machine and on what else it does, but the ratio of the processor time to that of
// a baseline that takes turns with it in the same process: reading the same text
// with encoding/csv and summing it with SHA-256. It fails beyond maxRatio.
func BenchmarkRatio(b *testing.B) {
	const records = 200_000
	dir := b.TempDir()
	first, second := filepath.Join(dir, "first.csv"), filepath.Join(dir, "second.csv")
	writeContacts(b, first, records, 0)
	writeContacts(b, second, records+records/100, 50)
	a := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping: mapping.Mapping{
			Key: mapping.Field{From: "email", To: "email"},
			Fields: []mapping.Field{
				{From: "firstname", To: "firstname"}, {From: "lastname", To: "lastname"}, {From: "language", To: "language"},
				{From: "mobile", To: "cellphone"}, {From: "created", To: "dateOfCreation"},
				{From: "points", To: "points", Custom: true, Type: mapping.Integer},
				{From: "order", To: "order", Custom: true, Type: mapping.Date},
				{From: "optin", To: "optin", Custom: true, Type: mapping.Boolean},
			},
			Custom: []string{"tier", "city", "store"},
		},
		State:  filepath.Join(dir, "state"),
		Insert: true,
		Now:    time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
	}
	splio.SetFS(&a, openQuick) // the disk has a speed of its own
	mustRun(b, a, source.CSVFile(first, source.CSVOptions{}), discard{})
	var ours, theirs time.Duration
	for b.Loop() {
		begin := processorTime(b)
		baseline(b, second)
		middle := processorTime(b)
		p, err := a.Plan(b.Context(), source.CSVFile(second, source.CSVOptions{}))
		theirs += middle - begin
		ours += processorTime(b) - middle
		if err != nil || p.Report.Inserted != records/100 || p.Report.Updated < records/50 {
			b.Fatal(p, err)
		}
	}
	ratio := ours.Seconds() / theirs.Seconds()
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(ours.Seconds()/float64(b.N)/records*1e9, "ns/contact")
	if ratio > maxRatio {
		b.Errorf("a plan is %.2f times the work of the baseline, at most %.2f is expected", ratio, maxRatio)
	}
}

// processorTime is what this process has used up.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// baseline is work that takes as long as the machine is slow.
func baseline(b *testing.B, name string) {
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	r := csv.NewReader(io.TeeReader(bufio.NewReaderSize(f, 256<<10), sum))
	r.Comma, r.ReuseRecord = ';', true
	for {
		if _, err := r.Read(); err == io.EOF {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

// writeContacts writes a segment in which one of so many contacts is not as it
// is without changes.
func writeContacts(b *testing.B, name string, n, changed int) {
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "email;firstname;lastname;language;mobile;created;points;order;optin;tier;city;store")
	for i := range n {
		id := i * 7919 % n // in an order that is not that of the other file
		first := "Zoë"
		if changed > 0 && id%changed == 0 {
			first = "Hélène"
		}
		fmt.Fprintf(w, "contact.%d@mail.example.com;%s;Lefèvre;fr_FR;+336%08d;2019-%02d-%02d;%d;2025-%02d-%02d;%d;gold;Saint-Étienne;S%03d\n",
			id, first, 10_000_000+id, 1+id%12, 1+id%28, id%20_000, 1+id/12%12, 1+id/28%28, id&1, id%1000)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// discard takes any file.
type discard struct{}

func (discard) Put(context.Context, string, string, *io.SectionReader) error { return nil }
func (discard) Size(context.Context, string) (int64, error)                  { return 0, errors.ErrUnsupported }
