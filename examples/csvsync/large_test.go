package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A large state is in two files, which runs replace in turn: killed again and again, nothing is
// lost, and neither a preview nor an explanation changes it.
func TestKilledLarge(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	r := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t)
	program := build(t)
	lines := []string{"email,first_name,points\n"}
	for i := range 10_200 {
		lines = append(lines, fmt.Sprintf("contact.%d@example.com,Ann,%d\n", i, i))
	}
	start := time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC)
	longest := time.Duration(0) // of a run that came to its end
	killed, ended := 0, 0
	for day := 0; killed < *kills/3; day++ {
		if day > 0 { // in two or three days so many that all records are written anew
			from := 1 + r.IntN(len(lines)-1500)
			for i := from; i < from+1400; i++ {
				lines[i] = fmt.Sprintf("contact.%d@example.com,Bea,%d\n", i-1, day)
			}
		}
		b.setSegment(lines...)
		begin := time.Now()
		limit := time.Duration(0) // the first run tells how long one takes
		if day > 0 {
			limit = time.Duration(r.Int64N(int64(longest * 3 / 2)))
		}
		gone, err := runOrKill(t, limit, program, b.args("-insert", "-brake=changed=off,column-changed=off,rows=off", "-now="+start.AddDate(0, 0, day).Format(time.RFC3339))...)
		if gone {
			killed++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d, day %d: %v", seed, day, err)
		}
		ended++
		longest = min(time.Since(begin), time.Second)
		b.wantBig(lines)
	}
	b.sync("-insert", "-brake=changed=off,column-changed=off,rows=off", "-now="+start.AddDate(10, 0, 0).Format(time.RFC3339)).want(t, statusDone)
	b.wantBig(lines)
	records, err := filepath.Glob(filepath.Join(b.state, "snapshot.records-*"))
	if err != nil || len(records) != 1 {
		t.Errorf("seed %d: the files with records are %q, %v", seed, records, err)
	}
	lines[1] = "contact.0@example.com,Cyd,9\n"
	b.setSegment(lines...)
	before := tree(t, b.state)
	b.sync("-insert", "-explain", "contact.0@example.com").want(t, statusDone, "has changed in firstname")
	b.sync("-insert", "-explain", "contact.1@example.com").want(t, statusDone, "just as it is now")
	b.sync("-insert", "-explain", "contact.1@example.com", "-segment", "").want(t, statusDone, "was sent before")
	b.sync("-insert", "-dry-run").want(t, statusDone, "10199 unchanged")
	if !reflect.DeepEqual(before, tree(t, b.state)) {
		t.Error("the state was changed by somebody who only looks")
	}
	if o := b.sync("-history"); o.status != statusDone || strings.Count(o.stdout, "\n") < ended {
		t.Errorf("the history is %v", o)
	}
	t.Logf("seed %d: killed %d times, ended %d times, nothing lost", seed, killed, ended)
}
