package source_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping/source"
)

func TestQuery(t *testing.T) {
	table := &fakeTable{columns: []string{"email", "points"}, types: []string{"TEXT", "INT8"}, rows: [][]driver.Value{{"a@b.fr", int64(7)}, {"c@d.fr", nil}}}
	s := source.Query(table.open(t), "SELECT email, points FROM contacts -- all of them")
	if len(table.queries) > 0 {
		t.Errorf("asked before anybody wanted to know: %q", table.queries)
	}
	for range 2 {
		fields, records, err := read(t, s)
		if err != nil || !slices.Equal(fields, table.columns) {
			t.Fatalf("fields %q, %v", fields, err)
		}
		if diff := cmp.Diff([]string{"0: a@b.fr|7", "0: c@d.fr|-"}, records); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	}
	want := []string{"SELECT * FROM (SELECT email, points FROM contacts -- all of them\n) q WHERE 1 = 0", "SELECT email, points FROM contacts -- all of them"}
	if diff := cmp.Diff(append(want, want...), table.queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	if table.closed != 4 || table.ended > 0 {
		t.Errorf("rows closed %d times, %d of them cancelled", table.closed, table.ended)
	}
}

func TestQueryCancelsWhatIsNotRead(t *testing.T) {
	table := &fakeTable{columns: []string{"a"}, types: []string{""}}
	for range 1000 {
		table.rows = append(table.rows, []driver.Value{"a"})
	}
	s := source.Query(table.open(t), "SELECT a FROM t")
	for range s.Records(t.Context()) {
		break
	}
	if table.closed != 1 || table.ended != 1 {
		t.Errorf("after a break: closed %d times, %d of them cancelled before", table.closed, table.ended)
	}
}

func TestQueryErrors(t *testing.T) {
	refused, enough := errors.New("no such table"), errors.New("enough")
	for _, c := range []struct {
		name   string
		table  fakeTable
		cancel bool
		want   error
		reason string
	}{
		{"refused", fakeTable{refuse: refused}, false, refused, "what the engine says is all there is to know"},
		{"refused, and the context has ended", fakeTable{refuse: context.Canceled}, true, enough, "a driver says no more than that it was cancelled"},
		{"cut off", fakeTable{columns: []string{"a"}, types: []string{""}, failAt: refused}, false, refused, "rows that end in an error are not all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if c.cancel {
				cancel(enough)
			}
			s := source.Query(c.table.open(t), "SELECT a FROM t")
			n := 0
			for _, err := range s.Records(ctx) {
				if n++; !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "source: ") {
					t.Errorf("error %v: %s", err, c.reason)
				}
			}
			if n != 1 {
				t.Errorf("yielded %d times", n)
			}
			if c.table.refuse != nil {
				if _, err := s.Fields(ctx); !errors.Is(err, c.want) {
					t.Errorf("fields: %v: %s", err, c.reason)
				}
			}
		})
	}
	if _, _, err := read(t, source.Query(nil, "SELECT 1")); err == nil {
		t.Error("no database is no error")
	}

	table := &fakeTable{columns: []string{"a"}, types: []string{""}}
	s := source.Query(table.open(t), "SELECT * FROM t")
	if _, err := s.Fields(t.Context()); err != nil {
		t.Fatal(err)
	}
	table.columns = []string{"b"}
	for _, err := range s.Records(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "columns have changed") {
			t.Errorf("other columns: %v", err)
		}
	}
	if table.closed != 2 {
		t.Errorf("closed %d times", table.closed)
	}
}

func TestEach(t *testing.T) {
	var got []int
	for v, err := range source.Each(slices.Values([]int{1, 2, 3})) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, v); v == 2 {
			break
		}
	}
	if !slices.Equal(got, []int{1, 2}) {
		t.Errorf("got %v", got)
	}
}
