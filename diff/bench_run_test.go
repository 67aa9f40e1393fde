package diff_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// bigRecords are those of a segment of 11 columns. On the second day 1 % are
// new, 2 % have one or two other cells, and 1 % are gone.
const bigRecords = 1_000_000

type big struct {
	columns []string
	values  [][]byte
	changed []byte
}

func newBig() *big {
	b := &big{changed: []byte("changed")}
	for c := range 11 {
		b.columns = append(b.columns, fmt.Sprint("column", c))
	}
	for i := range 1009 {
		b.values = append(b.values, fmt.Appendf(nil, "%.*s%d", i%11, "value value", i))
	}
	return b
}

// row is a record in the making.
type row struct {
	key   []byte
	cells [][]byte
}

func (b *big) row() *row {
	return &row{[]byte("person0000000@example.net"), make([][]byte, len(b.columns))}
}

// set makes the record i of a day, 0 or 1.
func (r *row) set(b *big, i, day int) {
	n := i
	if day > 0 && i%100 == 7 {
		n += bigRecords
	}
	for at := len("person000000"); at >= len("person"); at-- {
		r.key[at] = byte('0' + n%10)
		n /= 10
	}
	for c := range r.cells {
		r.cells[c] = b.values[(i*(c+1)+c)%len(b.values)]
	}
	if day > 0 && i%50 == 9 {
		r.cells[i/50%11], r.cells[i/100%11] = b.changed, b.changed
	}
}

// put puts all records of a day through as many feeds as there are processors.
func (b *big) put(t testing.TB, r *diff.Run, day int) {
	var wg sync.WaitGroup
	feeds := runtime.GOMAXPROCS(0)
	for k := range feeds {
		wg.Go(func() {
			f, row := r.Feed(), b.row()
			for i := k * bigRecords / feeds; i < (k+1)*bigRecords/feeds; i++ {
				row.set(b, i, day)
				if err := f.Put(int64(i+1), row.key, row.cells); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// again puts what is asked for once more.
func (b *big) again(run **diff.Run) func(context.Context, iter.Seq[int64]) error {
	return func(_ context.Context, numbers iter.Seq[int64]) error {
		f, row := (*run).Feed(), b.row()
		for n := range numbers {
			row.set(b, int(n-1), 1)
			if err := f.Put(n, row.key, row.cells); err != nil {
				return err
			}
		}
		return nil
	}
}

// BenchmarkRun is the second day, from Begin to Stage, without the fsync: with
// the column digests of all records, and of those that have to be put again.
func BenchmarkRun(b *testing.B) {
	seg := newBig()
	dir := b.TempDir()
	s := open(b, dir, diff.Options{FS: quick{osFS(b, dir)}})
	begin := func(o diff.RunOptions) *diff.Run {
		r, err := s.Begin(b.Context(), seg.columns, o)
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	first := begin(diff.RunOptions{Create: true})
	seg.put(b, first, 0)
	compare(b, first)
	publish(b, s, stage(b, first))
	first.Close()
	var run *diff.Run
	for _, c := range []struct {
		name string
		opts diff.RunOptions
	}{
		{"eager", diff.RunOptions{Create: true}},
		{"lean", diff.RunOptions{Create: true, Again: seg.again(&run)}},
	} {
		for _, memory := range []int64{16 << 20, 256 << 20} {
			c.opts.Memory = memory
			b.Run(fmt.Sprintf("%s/%dMiB", c.name, memory>>20), func(b *testing.B) {
				for b.Loop() {
					run = begin(c.opts)
					seg.put(b, run, 1)
					if sum := compare(b, run); sum.New != bigRecords/100 || sum.Changed != bigRecords/50 {
						b.Fatal(counts(sum))
					}
					if err := s.Discard(stage(b, run)); err != nil {
						b.Fatal(err)
					}
					run.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*bigRecords), "ns/record")
			})
		}
	}
}
