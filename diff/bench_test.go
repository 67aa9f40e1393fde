package diff_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

const (
	benchRecords       = 100_000
	benchChangedPer100 = 3
)

// bench is a published snapshot of records of 12 columns, of which 3 % have
// changed since.
type bench struct {
	store   *diff.Store
	columns []string
	keys    [][]byte
	rows    [][][]byte
}

func newBench(b *testing.B) *bench {
	b.Helper()
	dir := b.TempDir()
	s := &bench{store: open(b, dir, diff.Options{FS: quick{osFS(b, dir)}})}
	for c := range 12 {
		s.columns = append(s.columns, fmt.Sprint("column", c))
	}
	for i := range benchRecords {
		s.keys = append(s.keys, fmt.Appendf(nil, "person%d@example.net", i))
		var row [][]byte
		for c := range s.columns {
			row = append(row, fmt.Appendf(nil, "value %d", (i+c)*7919%100_000))
		}
		s.rows = append(s.rows, row)
	}
	r := s.begin(b, diff.RunOptions{Create: true})
	s.put(b, r)
	compare(b, r)
	publish(b, s.store, stage(b, r))
	for i := range s.rows {
		if i%100 < benchChangedPer100 {
			s.rows[i][i%len(s.columns)] = []byte("changed")
		}
	}
	return s
}

func (s *bench) begin(b *testing.B, o diff.RunOptions) *diff.Run {
	r, err := s.store.Begin(b.Context(), s.columns, o)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (s *bench) put(b *testing.B, r *diff.Run) {
	f := r.Feed()
	for i, cells := range s.rows {
		if err := f.Put(int64(i+1), s.keys[i], cells); err != nil {
			b.Fatal(err)
		}
	}
}

func perRecord(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/record")
}

// BenchmarkPut puts records through one feed.
func BenchmarkPut(b *testing.B) {
	s := newBench(b)
	b.ReportAllocs()
	for b.Loop() {
		r := s.begin(b, diff.RunOptions{Create: true})
		s.put(b, r)
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	perRecord(b)
}

// BenchmarkCompare joins records that are kept in memory, and records that were
// spilled, with one worker and with as many as there are processors.
func BenchmarkCompare(b *testing.B) {
	s := newBench(b)
	for _, memory := range []int64{64 << 20, 1 << 20} {
		for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
			b.Run(fmt.Sprintf("%dMiB/%dworkers", memory>>20, workers), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					r := s.begin(b, diff.RunOptions{Create: true}.Tiny(memory, workers))
					s.put(b, r)
					b.StartTimer()
					if sum := compare(b, r); sum.Changed != benchRecords*benchChangedPer100/100 {
						b.Fatal(counts(sum))
					}
					b.StopTimer()
					if err := r.Close(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				perRecord(b)
			})
		}
	}
}
