package warehouse_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/warehouse"
)

// TestCheck says what an activation reports before it opens anything. What the
// package does on engines is tested in internal/sqltest.
func TestCheck(t *testing.T) {
	good := warehouse.Options{Dialect: sqldiff.PostgreSQL, Query: "SELECT * FROM c", Key: "email", Columns: []string{"email"}}
	for _, tt := range []struct {
		name   string
		change func(*warehouse.Options, *splio.Activation)
		want   []string // of the error
	}{
		{"right", func(*warehouse.Options, *splio.Activation) {}, nil},
		{"everything at once", func(o *warehouse.Options, a *splio.Activation) {
			*o, a.DigestKey, a.Duplicates = warehouse.Options{Columns: o.Columns}, nil, diff.FirstWins
		}, []string{"Query", "Key", "OrderBy", "DigestKey"}},
		{"another statement", func(o *warehouse.Options, _ *splio.Activation) { o.Query += "; " }, []string{"semicolon"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			a := splio.Activation{
				Destination: splio.Destination{Universe: "acme", Subsequence: "crm"}, Insert: true, State: "unused",
				Mapping: mapping.Mapping{Key: mapping.Field{From: "email", To: "email"}}, DigestKey: []byte("0123456789abcdef"),
			}
			tt.change(&o, &a)
			segment := warehouse.New(nil, o)
			a.Differ = segment
			err := a.Check(t.Context(), segment)
			if (err == nil) != (tt.want == nil) || err != nil && !errors.Is(err, splio.ErrConfig) {
				t.Errorf("got %v", err)
			}
			for _, w := range tt.want {
				if err != nil && !strings.Contains(err.Error(), w) {
					t.Errorf("no %q in %v", w, err)
				}
			}
			other := warehouse.New(nil, o)
			if err := a.Check(t.Context(), other); err == nil || !strings.Contains(err.Error(), "same value") {
				t.Errorf("another segment: %v", err)
			}
		})
	}
}

// An activation over a segment that stays in PostgreSQL. It needs an engine:
// examples/warehouse is a program that brings one.
func Example() {
	run := func(ctx context.Context, db *sql.DB, secret diff.Key, client splio.Transport) (*splio.Report, error) {
		segment := warehouse.New(db, warehouse.Options{
			Dialect: sqldiff.PostgreSQL, Schema: "sync", Query: "SELECT email, first_name FROM crm.contacts", Key: "email",
		})
		activation := splio.Activation{
			Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
			Mapping: mapping.Mapping{
				Key:    mapping.Field{From: "email", To: "email"},
				Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
			},
			State:     "/var/lib/acme/splio",
			Insert:    true,
			Differ:    segment,
			DigestKey: secret,
		}
		return activation.Run(ctx, segment, client)
	}
	_ = run
}
