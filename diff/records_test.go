package diff_test

import (
	"fmt"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// The file with the records is written anew when much has changed since, and after
// thirty runs in any case, and the one before is removed.
func TestRecordsAnew(t *testing.T) {
	for _, c := range []struct {
		name    string
		changed int // new records each day, of 400
		want    int // days on which the file is written, of 70
	}{
		{"nothing changes", 0, 3},  // day 1, 32 and 63
		{"little changes", 1, 3},   // the same
		{"much changes", 150, 35},  // more than a quarter on each second day
		{"a lot changes", 399, 35}, // what a day finds decides about the next one
	} {
		dir := t.TempDir()
		s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
		files := map[string]bool{}
		for day := range 70 {
			records := wide(400, "x")
			for i := range c.changed {
				records[i].cells[0] = fmt.Sprint(day)
			}
			r := begin(t, s, "a b", diff.RunOptions{Create: true}.Tiny(40<<10, 2))
			put(t, r, records...)
			compare(t, r)
			publish(t, s, stage(t, r))
			r.Close()
			l, _ := parse([]byte(tree(t, dir)["snapshot.current"]))
			name := fmt.Sprintf("snapshot.records-%x", l.body)
			files[name] = true
			if got := names(t, dir); len(got) != 3 || got[2] != name {
				t.Fatalf("%s, day %d: %q, want %s", c.name, day, got, name)
			}
			if n := len(recordsOf(t, tree(t, dir), "snapshot.current")); n != 400 {
				t.Fatalf("%s, day %d: %d records", c.name, day, n)
			}
		}
		if len(files) != c.want {
			t.Errorf("%s: the records were written on %d of 70 days, want %d", c.name, len(files), c.want)
		}
	}
}
