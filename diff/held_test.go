package diff_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// A file of a snapshot that holds more records than its end record says is damaged, for
// whoever reads it.
func TestMoreRecordsThanItSays(t *testing.T) {
	understate := func(l layout, data []byte, held uint64) []byte {
		at := le.Uint64(data[len(data)-20:])
		le.PutUint64(data[at+8:], held)
		le.PutUint32(data[len(data)-12:], sum32(l.id[:], data[at:len(data)-12]))
		return data
	}
	records, snapshot := pair()
	alone := records // all records in one file
	alone.texts, alone.notes = nil, snapshot.notes
	more := snapshot // with texts that no record of the other file has
	o := newOracle(goldKey)
	for i := range 3 {
		r := rec(fmt.Sprint("more", i), "1 2")
		r.text = 1<<63 + uint64(i)
		more.add(le.AppendUint32(o.record(r, 0, more.columns), 0))
	}
	for held := range uint64(3) {
		for name, fsys := range map[string]memory{
			"alone":   {"snapshot.current": understate(alone, alone.bytes(), held)},
			"changes": pairFS(records.bytes(), understate(more, more.over(records), held)),
			"records": pairFS(understate(records, records.bytes(), held), snapshot.over(records)),
		} {
			s := open(t, "mem", diff.Options{Scope: "acme/email", Key: goldKey, ReadOnly: true, FS: fsys})
			_, lookup := s.Lookup(t.Context(), "", []byte("key1"))
			for who, err := range map[string]error{"a run": readAll(t.Context(), s, []string{"a", "b"}), "a run by text": readText(t.Context(), s), "Lookup": lookup} {
				if !errors.Is(err, diff.ErrDamaged) {
					t.Errorf("%s, %d records: %s: %v", name, held, who, err)
				}
			}
		}
	}
}
