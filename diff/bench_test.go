package diff_test

import (
	"fmt"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// BenchmarkRun puts and compares 100,000 records of 12 columns, of which 3 %
// changed.
func BenchmarkRun(b *testing.B) {
	const records, columns, changedPer100 = 100_000, 12, 3
	dir := b.TempDir()
	s := open(b, dir, diff.Options{FS: quick{osFS(b, dir)}})
	var names []string
	for c := range columns {
		names = append(names, fmt.Sprint("column", c))
	}
	keys := make([][]byte, records)
	rows := make([][][]byte, records)
	for i := range rows {
		keys[i] = fmt.Appendf(nil, "person%d@example.net", i)
		for c := range columns {
			rows[i] = append(rows[i], fmt.Appendf(nil, "value %d of %d", c, i))
		}
	}
	run := func() (*diff.Run, *diff.Summary) {
		r, err := s.Begin(b.Context(), names, diff.RunOptions{Create: true})
		if err != nil {
			b.Fatal(err)
		}
		f := r.Feed()
		for i, cells := range rows {
			if err := f.Put(int64(i+1), keys[i], cells); err != nil {
				b.Fatal(err)
			}
		}
		return r, compare(b, r)
	}
	r, _ := run()
	publish(b, s, stage(b, r))
	for i := range rows {
		if i%100 < changedPer100 {
			rows[i][i%columns] = []byte("changed")
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		r, sum := run()
		if sum.Changed != records*changedPer100/100 {
			b.Fatal(counts(sum))
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
}
