package splio_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

func BenchmarkWriter(b *testing.B) {
	columns := make([]string, 12)
	row := make([][]byte, len(columns))
	for i := range columns {
		columns[i] = fmt.Sprintf("column%d", i)
		row[i] = []byte("some value")
	}
	row[0], row[3], row[7] = []byte("nora.petit@example.com"), []byte(`Tea; "coffee" \o/`), []byte("Novák")
	var w *splio.Writer
	var err error
	n := splio.MaxLines
	b.ReportAllocs()
	for b.Loop() {
		if n++; n >= splio.MaxLines {
			if w, err = splio.NewWriter(io.Discard, columns, splio.Format{}); err != nil {
				b.Fatal(err)
			}
			n = 1
		}
		if err := w.Write(row); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkActivation runs 50,000 records into memory: new ones, the same
// again, and with one in ten changed.
func BenchmarkActivation(b *testing.B) {
	const records = 50_000
	for _, bench := range []struct {
		name    string
		changed int // one record in so many is sent in the run that is measured
	}{{"new", 1}, {"unchanged", 0}, {"tenth", 10}} {
		b.Run(bench.name, func(b *testing.B) {
			dir := b.TempDir()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				b.StopTimer()
				a := newActivation(b)
				a.State = filepath.Join(dir, fmt.Sprint(n))
				n++
				if bench.changed != 1 {
					mustRun(b, a, manyRecords{records, 0}, new(sftpx.Mem))
				}
				b.StartTimer()
				r, err := a.Run(b.Context(), manyRecords{records, bench.changed}, new(sftpx.Mem))
				if err != nil || r.Read != records {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// manyRecords is a segment in which one record in so many has another first
// name than in that without changes.
type manyRecords struct{ n, changed int }

func (manyRecords) Fields(context.Context) ([]string, error) {
	return []string{"email", "first", "last"}, nil
}

func (m manyRecords) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		rec := &mapping.Record{Values: make([]mapping.Value, 3)}
		var key []byte
		for i := range m.n {
			key = fmt.Appendf(key[:0], "contact%d@example.net", i)
			rec.Seq++
			rec.Values[0] = mapping.TextValue(key)
			rec.Values[1] = mapping.StringValue("Ann")
			if m.changed > 0 && i%m.changed == 0 {
				rec.Values[1] = mapping.StringValue("Anna")
			}
			rec.Values[2] = mapping.StringValue("Lee; Ray")
			if !yield(rec, nil) {
				return
			}
		}
	}
}
