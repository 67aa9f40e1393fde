package sqldiff_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
)

// A run, with a mapping of one line. It needs an engine: examples/warehouse is a
// program that brings one.
func Example() {
	run := func(ctx context.Context, db *sql.DB, key diff.Key, deliver func(name string) error) (err error) {
		store, err := sqldiff.Open(ctx, db, sqldiff.Options{Dialect: sqldiff.PostgreSQL, Schema: "sync", Scope: "acme/email", Key: key})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		r, err := store.Begin(ctx, []string{"firstname"}, sqldiff.Segment{
			Query: "SELECT email, first_name FROM crm.contacts", Key: "email", Rendering: "mapping 1",
		}, diff.RunOptions{Create: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		names := map[int64]string{}
		feed := r.Feed()
		for c, err := range r.Candidates(ctx) {
			if err != nil {
				return err
			}
			var email, name sql.NullString
			if err := c.Scan(&email, &name); err != nil {
				return err
			}
			names[c.Seq] = strings.TrimSpace(name.String)
			err := feed.Put(c.Seq, []byte(strings.ToLower(strings.TrimSpace(email.String))), [][]byte{[]byte(names[c.Seq])})
			if err != nil && !errors.Is(err, diff.ErrKeyForm) { // that one is rejected
				return err
			}
		}
		if _, err := r.Compare(ctx); err != nil {
			return err
		}
		for c, err := range r.Changes(ctx) {
			if err != nil {
				return err
			}
			if c.Kind == diff.New || c.Kind == diff.Changed {
				if err := deliver(names[c.Seq]); err != nil {
					return err
				}
			}
		}
		id, err := r.Stage(ctx)
		if err != nil {
			return err
		}
		return store.Publish(ctx, id)
	}
	_ = run
}
