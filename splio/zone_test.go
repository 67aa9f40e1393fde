package splio_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// zoneFile is a zone that is so many hours east of Greenwich at all times.
func zoneFile(hours int32) []byte {
	b := append([]byte("TZif"), make([]byte, 16+3*4)...) // version 1, without transitions
	for _, n := range []uint32{0, 1, 4} {                // transitions, kinds of time, bytes of names
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(hours*3600))
	return append(b, 0, 0, 'T', 'S', 'T', 0)
}

// When a system gets other rules of a zone, what a text says is another time, though it and the
// mapping are what they were.
func TestRulesOfZoneChange(t *testing.T) {
	const dir, zone = "ZONEINFO", "Test/Zone"
	if os.Getenv("SPLIO_TEST_ZONES") == "" { // package time looks for zones once
		zones := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestRulesOfZoneChange$")
		cmd.Env = append(os.Environ(), dir+"="+zones, "SPLIO_TEST_ZONES="+zones)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	file := filepath.Join(os.Getenv("SPLIO_TEST_ZONES"), filepath.FromSlash(zone))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "segment.csv")
	if err := os.WriteFile(name, []byte("email,at\nann@example.net,2025-01-02T12:00:00Z\nbob@example.net,2025-01-02\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, field := range []bool{false, true} {
		a, d := newActivation(t), new(drop)
		at := mapping.Field{From: "at", To: "c1", Custom: true, Type: mapping.DateTime}
		if a.Mapping.Zone = zone; field {
			a.Mapping.Zone, at.Zone = "", zone
		}
		a.Mapping.Fields = []mapping.Field{at}
		for day, hours := range []int32{1, 1, 2, 2, 1} {
			if err := os.WriteFile(file, zoneFile(hours), 0o600); err != nil {
				t.Fatal(err)
			}
			a.Now = march(1 + day)
			r := mustRun(t, a, source.CSVFile(name, source.CSVOptions{}), d)
			want := []int64{2, 0, 1, 0, 1}[day]
			if got := r.Inserted + r.Updated; got != want {
				t.Errorf("day %d: %d rows, want %d", day, got, want)
			}
			if want > 0 && !strings.Contains(d.arrived[len(d.arrived)-1].content, fmt.Sprint(12+hours, ":00:00")) {
				t.Errorf("day %d: %q", day, d.arrived[len(d.arrived)-1].content)
			}
		}
	}
}
