package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// -explain says why, and changes nothing.
func TestExplain(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert").want(t, statusDone)
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,9\n", "bob@example.com,Bob,2\n", "zoe@example.com,Zoe,1\n", "zoe@example.com,Zoe,2\n", "nobody,No,1\n")
	known := filepath.Join(filepath.Dir(b.segment), "known.csv")
	writeFile(t, known, "email\nada@example.com\n")
	beside := filepath.Join(filepath.Dir(b.segment), "rejects.csv")
	before := tree(t, filepath.Dir(b.segment))
	for _, tt := range []struct {
		name, reason string
		flags        []string
		says         string
	}{
		{"changed", "in any spelling of the key", []string{"-insert", "-explain", "ADA@example.com"}, "has changed in points"},
		{"unchanged", "it was delivered", []string{"-insert", "-explain=bob@example.com"}, "just as it is now"},
		{"refresh", "flags count as in a run", []string{"-insert", "-refresh", "-explain", "bob@example.com"}, "since this run refreshes"},
		{"conflict", "the lines are named", []string{"-insert", "-explain", "zoe@example.com"}, "Record 4 (line 5) is one of those"},
		{"first wins", "flags count as in a run", []string{"-insert", "-duplicates", "first", "-explain", "zoe@example.com"}, "record 3 (line 4) is taken, being the first"},
		{"held back", "it is not known", []string{"-known", known, "-duplicates", "last", "-explain", "zoe@example.com"}, "held back"},
		{"left", "it is not there", []string{"-insert", "-partial", "-explain", "eve@example.com"}, "the segment is partial"},
		{"no key", "it has none", []string{"-insert", "-explain", "nobody"}, `Record 5 (line 6) is rejected: field "email": not an e-mail address.`},
		{"nothing", "it is asked for", []string{"-insert", "-explain", ""}, "no contact with this key: no value"},
		{"the state alone", "no segment is given", []string{"-insert", "-segment", "", "-explain", "eve@example.com"}, "The contact was sent before. What the next plan does"},
		{"nobody is contacted", "the server does not exist, and nobody logs in", []string{"-to", "sftp://acme@server.invalid/imports", "-insert", "-explain", "bob@example.com"}, "just as it is now"},
		{"no destination", "it takes none", []string{"-to", "", "-insert", "-explain", "bob@example.com"}, "just as it is now"},
		{"what a run writes", "the flags of a run may stay", []string{"-insert", "-quiet", "-rejects", beside, "-explain", "bob@example.com"}, "just as it is now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := b.sync(tt.flags...)
			o.want(t, statusDone, tt.says)
			if strings.Contains(o.stdout, "@example") {
				t.Errorf("%s: it tells a key: %v", tt.reason, o)
			}
			if !reflect.DeepEqual(before, tree(t, filepath.Dir(b.segment))) {
				t.Errorf("%s: something was changed", tt.reason)
			}
		})
	}
}

func TestExplainFlags(t *testing.T) {
	b := newBench(t)
	for _, flag := range []string{"-plan", "-apply", "-discard", "-dry-run", "-release=x"} {
		b.sync(flag, "-explain", "ada@example.com").want(t, statusConfig, "-explain changes nothing and excludes")
	}
	b.sync("-explain", "ada@example.com", "-mapping", "").want(t, statusConfig, "missing: -mapping\n")
	if err := os.Remove(b.segment); err != nil {
		t.Fatal(err)
	}
	o := b.sync("-explain", "ada@example.com")
	o.want(t, statusFailed, "segment.csv")
	if strings.Contains(o.stderr, "nothing was forgotten") {
		t.Errorf("nothing was to be remembered: %v", o)
	}
}
