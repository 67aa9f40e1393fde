package sqldiff_test

import (
	"database/sql"
	"flag"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
)

var update = flag.Bool("update", false, "write the golden files anew")

var dialects = []sqldiff.Dialect{
	sqldiff.PostgreSQL, sqldiff.DuckDB, sqldiff.SQLite, sqldiff.BigQuery, sqldiff.Snowflake, sqldiff.Databricks,
}

// TestGolden keeps the statements of each dialect. A parser of the dialect reads
// the files, see internal/sqltest/parse.
func TestGolden(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.String(), func(t *testing.T) {
			got := strings.Join(script(t, d), ";\n") + ";\n"
			name := "testdata/" + strings.ToLower(d.String()) + ".sql"
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not what is generated now: look at it with -update and git diff", name)
			}
			for _, secret := range []string{"0123456789abcdef", "ann", "é"} {
				if strings.Contains(got, secret) {
					t.Errorf("a statement holds %q", secret)
				}
			}
		})
	}
}

// script does all that a store can do, and returns the statements.
func script(t *testing.T, d sqldiff.Dialect) []string {
	t.Helper()
	f := &fake{columns: []string{"Email", "points", "at"}}
	db := sql.OpenDB(f)
	defer db.Close()
	s, err := sqldiff.Open(t.Context(), db, sqldiff.Options{Dialect: d, Schema: "crm.sync", Scope: "acme/email", Key: secret})
	if err != nil {
		t.Fatal(err)
	}
	seg := sqldiff.Segment{Query: "SELECT * FROM crm.contacts", Key: "Email", Columns: []string{"Email", "points"}, OrderBy: "at", Rendering: "1"}
	for _, o := range []diff.RunOptions{{}, {Create: true}, {Known: one}, {Duplicates: diff.LastWins, Partial: true}} {
		if err := oneRun(t, s, seg, o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.MarkDue(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return f.log
}

var one iter.Seq2[[]byte, error] = func(yield func([]byte, error) bool) { yield([]byte("ann"), nil) }

func oneRun(t *testing.T, s *sqldiff.Store, seg sqldiff.Segment, o diff.RunOptions) error {
	r, err := s.Begin(t.Context(), []string{"points"}, seg, o)
	if err != nil {
		return err
	}
	defer r.Close()
	f := r.Feed()
	for c, err := range r.Candidates(t.Context()) {
		if err != nil {
			return err
		}
		var email, points string
		if err := c.Scan(&email, &points); err != nil {
			return err
		}
		if err := f.Put(c.Seq, []byte(email), [][]byte{[]byte(points)}); err != nil {
			return err
		}
	}
	if _, err := r.Compare(t.Context()); err != nil {
		return err
	}
	for _, err := range r.Changes(t.Context()) {
		if err != nil {
			return err
		}
	}
	id, err := r.Stage(t.Context())
	if err != nil {
		return err
	}
	return s.Publish(t.Context(), id)
}

// TestOptions refuses what can not work, all of it at once.
func TestOptions(t *testing.T) {
	_, err := sqldiff.Open(t.Context(), nil, sqldiff.Options{Scope: strings.Repeat("x", 2000), Lease: 1})
	for _, want := range []string{"no database", "dialect", "Scope", "Lease", "Key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	db := sql.OpenDB(&fake{columns: []string{"email", "email", "a"}})
	defer db.Close()
	s, err := sqldiff.Open(t.Context(), db, sqldiff.Options{Dialect: sqldiff.PostgreSQL, Key: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Begin(t.Context(), []string{"a", "a", ""}, sqldiff.Segment{Query: "SELECT 1;"}, diff.RunOptions{Create: true, Known: one, Duplicates: diff.FirstWins, MaxUnusable: -1})
	for _, want := range []string{"given twice", "column 2 has 0 bytes", "semicolon", "Segment.Key", "Rendering", "OrderBy", "Known", "MaxUnusable"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	_, err = s.Begin(t.Context(), []string{"a"}, sqldiff.Segment{Query: "SELECT 1", Key: "email", Columns: []string{"b"}, Rendering: "1"}, diff.RunOptions{})
	for _, want := range []string{`2 columns "email"`, `no column "b"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v", sqldiff.Options{Key: secret}, sqldiff.Options{Key: secret}), "0123") {
		t.Error("the key shows")
	}
}
