package spliotest_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// The names of files of the sub-sequences that options has.
const (
	crm    = "acme_contacts_crm_20250314.csv"
	update = "acme_contacts_update_20250314.csv"
	create = "acme_contacts_create_20250314.csv"
	erase  = "acme_contacts_erase_20250314.csv"
	gone   = "acme_deletecontacts_gone_20250314.csv"
)

// options are those of a universe with a sub-sequence of each kind, and a custom
// field of each type.
func options(drop *sftpx.Mem) spliotest.Options {
	return spliotest.Options{
		Universe: "acme",
		Drop:     spliotest.Memory(drop),
		Contacts: map[string]spliotest.Subsequence{
			"crm": {}, "update": {NoCreate: true}, "create": {NoUpdate: true}, "erase": {EmptyErases: true},
			"full": {InitLists: []int{0}}, "france": {Prefix: "33"},
		},
		Deletes: []string{"gone"},
		Custom: []spliotest.Field{
			{Name: "tier"}, {ID: "c1", Type: spliotest.Int}, {Name: "spent", ID: "c2", Type: spliotest.Double},
			{Name: "born", ID: "c3", Type: spliotest.Date},
		},
		Lists: []int{0, 4, 63},
	}
}

// universe is one with the options, changed by what is given.
func universe(t testing.TB, change func(*spliotest.Options)) (*spliotest.Splio, *sftpx.Mem) {
	t.Helper()
	drop := new(sftpx.Mem)
	o := options(drop)
	if change != nil {
		change(&o)
	}
	s, err := spliotest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, drop
}

// arrive delivers a file.
func arrive(t testing.TB, drop *sftpx.Mem, name, content string) {
	t.Helper()
	if err := drop.Put(t.Context(), name, name+".part", io.NewSectionReader(strings.NewReader(content), 0, int64(len(content)))); err != nil {
		t.Fatal(err)
	}
}

// imports imports what waits, checks that the counts balance, and returns the
// results as text: a line for each file, and one for each skip.
func imports(t testing.TB, s *spliotest.Splio) (out []string) {
	t.Helper()
	results, err := s.Import()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Rows != r.Created+r.Updated+r.Deleted+r.Ignored+len(r.Skipped) {
			t.Errorf("the counts do not balance: %+v", r)
		}
		out = append(out, strings.TrimPrefix(r.String(), r.File+": "))
		for _, k := range r.Skipped {
			out = append(out, fmt.Sprintf("%s (%s)", k, k.Key))
		}
		for _, k := range r.Cells {
			out = append(out, fmt.Sprintf("cell: %s (%s)", k, k.Key))
		}
	}
	return out
}

// contacts is the table as text.
func contacts(s *spliotest.Splio) (out []string) {
	for _, c := range s.Contacts() {
		parts := []string{c.Key}
		for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
			parts = append(parts, name+"="+c.Fields[name])
		}
		if len(c.Lists) > 0 {
			parts = append(parts, fmt.Sprint(c.Lists))
		}
		out = append(out, strings.Join(parts, " "))
	}
	return out
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

// recorder is a testing.TB that takes note of failures in place of failing.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }

func (r *recorder) Fatal(args ...any) {
	r.failures = append(r.failures, fmt.Sprint(args...))
	runtime.Goexit()
}

// record runs a test and returns its failures.
func record(test func(t testing.TB)) []string {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r.failures
}
