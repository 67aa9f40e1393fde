package sqldiff_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
)

// refusal is an error of a driver, with or without a code.
type refusal struct{ code, text string }

func (r refusal) Error() string { return r.text }

// coded is one that has a code, as those of PostgreSQL's drivers.
type coded struct{ refusal }

func (c coded) SQLState() string { return c.code }

func TestPrivilege(t *testing.T) {
	for _, c := range []struct {
		name    string
		dialect sqldiff.Dialect
		at      string // the statement that is refused
		err     error
		want    string
	}{
		{"create", sqldiff.PostgreSQL, "CREATE TABLE IF NOT EXISTS", coded{refusal{"42501", "x"}}, `GRANT USAGE, CREATE ON SCHEMA "sync" TO me`},
		{"state", sqldiff.PostgreSQL, "SELECT keycheck", coded{refusal{"42501", "x"}}, `GRANT SELECT, INSERT, UPDATE, DELETE ON "sync"."spliosync_state", "sync"."spliosync_runs" TO me`},
		{"segment", sqldiff.PostgreSQL, "WHERE 1 = 0", coded{refusal{"42501", "x"}}, "GRANT SELECT ON the tables of the segment TO me"},
		{"create", sqldiff.Snowflake, "CREATE TABLE IF NOT EXISTS", refusal{"", "SQL access control error: Insufficient privileges to operate"}, `GRANT USAGE, CREATE TABLE ON SCHEMA "sync" TO your_role`},
		{"create", sqldiff.BigQuery, "CREATE TABLE IF NOT EXISTS", refusal{"", "Error 403: Access Denied: Dataset"}, "GRANT `roles/bigquery.dataEditor` ON SCHEMA `sync` TO your_role"},
		{"create", sqldiff.Databricks, "CREATE TABLE IF NOT EXISTS", refusal{"", "PERMISSION_DENIED: User does not have"}, "GRANT USE SCHEMA, CREATE TABLE ON SCHEMA `sync` TO your_role"},
		{"read-only", sqldiff.SQLite, "CREATE TABLE IF NOT EXISTS", refusal{"", "attempt to write a readonly database"}, "open the database for writing"},
	} {
		t.Run(c.dialect.String()+" "+c.name, func(t *testing.T) {
			err := attempt(t, t.Context(), c.dialect, c.at, c.err)
			p, ok := errors.AsType[*sqldiff.PrivilegeError](err)
			if !ok || !strings.Contains(p.Grant, c.want) || !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.err) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// attempt opens a store and does a run, where one statement is refused.
func attempt(t *testing.T, ctx context.Context, d sqldiff.Dialect, at string, refused error) error {
	t.Helper()
	f := &fake{columns: []string{"email", "points"}}
	db := sql.OpenDB(f)
	defer db.Close()
	f.at, f.err = at, refused
	s, err := sqldiff.Open(ctx, db, sqldiff.Options{Dialect: d, Schema: "sync", Key: secret})
	if err != nil {
		return err
	}
	defer s.Close()
	return oneRun(t, s, sqldiff.Segment{Query: "SELECT * FROM c", Key: "email", Rendering: "1"}, diff.RunOptions{})
}

// TestEngineError keeps the words of the engine out of messages where they may
// quote a value.
func TestEngineError(t *testing.T) {
	words := `invalid input syntax for type integer: "ann@example.net"`
	for _, c := range []struct {
		at, reason string
		open       bool
	}{
		{"GROUP BY h.kd", "the engine evaluates the segment", false},
		{"AS spl_src, t.spl_k", "the engine evaluates the segment", false},
		{"SET live", "it sees nothing but ids", true},
	} {
		err := attempt(t, t.Context(), sqldiff.PostgreSQL, c.at, coded{refusal{"22P02", words}})
		e, ok := errors.AsType[*sqldiff.EngineError](err)
		if !ok || e.Code != "22P02" || strings.Contains(err.Error(), words) != c.open || !strings.Contains(e.Err.Error(), words) {
			t.Errorf("%s (%s): %v", c.at, c.reason, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := attempt(t, ctx, sqldiff.DuckDB, "nothing", nil); !errors.Is(err, enough) {
		t.Error(err)
	}
}
