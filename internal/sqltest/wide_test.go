package sqltest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
)

// TestManySets has more sets of changed columns than are told apart: both differs
// widen the same.
func TestManySets(t *testing.T) {
	const records, width = 5000, 13
	var columns []string
	for c := range width {
		columns = append(columns, fmt.Sprintf("w%d", c))
	}
	cell := func(day, i, c int) string { return fmt.Sprint(day * (i >> c & 1)) }
	key := func(i int) string { return fmt.Sprintf("k%d", i) }

	sets := func(t *testing.T, r comparison, keys map[int64]string) map[string]diff.Columns {
		_, err := r.Compare(t.Context())
		must(t, err)
		found := map[string]diff.Columns{}
		for c, err := range r.Changes(t.Context()) {
			must(t, err)
			found[keys[c.Seq]] = c.Columns
		}
		return found
	}
	local, err := diff.Open(t.TempDir(), diff.Options{})
	must(t, err)
	defer local.Close()
	var want map[string]diff.Columns
	for day := range 2 {
		r, err := local.Begin(t.Context(), columns, create)
		must(t, err)
		f, keys := r.Feed(), map[int64]string{}
		for i := range records {
			var cells [][]byte
			for c := range width {
				cells = append(cells, []byte(cell(day, i, c)))
			}
			must(t, f.Put(int64(i+1), []byte(key(i)), cells))
			keys[int64(i+1)] = key(i)
		}
		want = sets(t, r, keys)
		id, err := r.Stage(t.Context())
		must(t, err)
		must(t, local.Publish(t.Context(), id))
		must(t, r.Close())
	}
	folded := 0
	for _, set := range want {
		if set.Len() == width {
			folded++
		}
	}
	if folded < 100 {
		t.Fatalf("%d sets are folded: the test tests nothing", folded)
	}

	forEach(t, func(t *testing.T, d *sqlDiffer) {
		var got map[string]diff.Columns
		for day := range 2 {
			d.exec(t, "DROP TABLE IF EXISTS wide")
			d.exec(t, "CREATE TABLE wide (k TEXT, "+strings.Join(columns, " TEXT, ")+" TEXT)")
			for from := 0; from < records; from += 500 {
				var b strings.Builder
				for i := from; i < from+500; i++ {
					fmt.Fprintf(&b, "%s('%s'", []string{"", ", "}[min(i-from, 1)], key(i))
					for c := range width {
						b.WriteString(", '" + cell(day, i, c) + "'")
					}
					b.WriteString(")")
				}
				d.exec(t, "INSERT INTO wide VALUES "+b.String())
			}
			r, err := d.store.Begin(t.Context(), columns, sqldiff.Segment{Query: "SELECT * FROM wide", Key: "k", Rendering: "1"}, create)
			must(t, err)
			f, keys := r.Feed(), map[int64]string{}
			for c, err := range r.Candidates(t.Context()) {
				must(t, err)
				cells := make([][]byte, width+1)
				var dest []any
				for i := range cells {
					dest = append(dest, &cells[i])
				}
				must(t, c.Scan(dest...))
				must(t, f.Put(c.Seq, cells[0], cells[1:]))
				keys[c.Seq] = string(cells[0])
			}
			got = sets(t, r, keys)
			id, err := r.Stage(t.Context())
			must(t, err)
			must(t, d.store.Publish(t.Context(), id))
			must(t, r.Close())
		}
		if len(got) != len(want) {
			t.Errorf("%d changes, local %d", len(got), len(want))
		}
		for k, set := range want {
			if got[k] != set {
				t.Fatalf("%s: %v, local %v", k, got[k], set)
			}
		}
	})
}
