package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/warehouse"
)

// activate sends what has changed in the segment. A production program gives a
// client of package sftpx for the directory, and a secret of its own.
func activate(ctx context.Context, db *sql.DB, state, out string, now time.Time) (*splio.Report, error) {
	segment := warehouse.New(db, warehouse.Options{
		Dialect: sqldiff.PostgreSQL, Schema: schema, Query: "SELECT email, first_name, signup, points FROM " + schema + ".contacts", Key: "email",
	})
	activation := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping: mapping.Mapping{
			Key: mapping.Field{From: "email", To: "email"},
			Fields: []mapping.Field{
				{From: "first_name", To: "firstname"},
				{From: "signup", To: "dateOfCreation"},
			},
			Custom: []string{"points"},
		},
		State:       state,
		Differ:      segment, // the engine compares
		DigestKey:   []byte("from your secrets, not from here"),
		Insert:      true,
		MaxUnusable: 100,
		Now:         now,
	}
	return activation.Run(ctx, segment, sftpx.Dir(out))
}
