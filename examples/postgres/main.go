// Postgres sends what a query of PostgreSQL says, row by row, through
// database/sql: the segment is never held in memory, and NULL means for each
// attribute what its policy says:
//
//	cd examples/postgres && go run .
//
// It is a module of its own for the driver. Without -url, it starts a throw-away
// server from the PostgreSQL binaries on the machine (apt-get install postgresql).
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/spliosync/spliosync/internal/sqltest/throwaway"
	"github.com/spliosync/spliosync/sftpx"
)

func main() {
	url := flag.String("url", "", "a PostgreSQL database in which the role may create a schema; by default a throw-away server is started")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *url)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		os.Exit(1)
	}
}

// run sends the table on two days.
func run(ctx context.Context, out io.Writer, url string) (err error) {
	if url == "" {
		fmt.Fprintln(out, "starting a throw-away PostgreSQL ...")
		server, err := throwaway.Start(ctx, "fsync=off")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		url = server.URL()
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	state, err := os.MkdirTemp("", "postgres-") // a program of yours keeps it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()

	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return err
	}
	defer func() {
		_, late := db.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE")
		err = errors.Join(err, late)
	}()
	drop := new(sftpx.Mem) // in a program, an sftpx.Client
	for day, queries := range days {
		for _, query := range queries {
			if _, err := db.ExecContext(ctx, query); err != nil {
				return err
			}
		}
		now := time.Date(2026, time.March, 2+day, 6, 0, 0, 0, time.UTC)
		report, err := activate(ctx, db, filepath.Join(state, "state"), drop, now, out)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s: %d rows read, %d inserted, %d updated, %d unchanged, %d rejected\n",
			now.Weekday(), report.Read, report.Inserted, report.Updated, report.Unchanged, report.Rejected)
		for _, f := range report.Files {
			content, err := drop.ReadFile(f.Name)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s\n%s", f.Name, content)
		}
	}
	return nil
}

const schema = "postgres_example"

// days are what happens before each run. All people are invented.
var days = [][]string{
	{
		`CREATE TABLE ` + schema + `.customer (
			email TEXT, first_name TEXT, language TEXT, signed_up TIMESTAMPTZ, born DATE,
			spent NUMERIC(12, 2), tags TEXT[], preferences JSONB, opted_out BOOLEAN NOT NULL DEFAULT false)`,
		`INSERT INTO ` + schema + `.customer VALUES
			('Ann@Example.com', 'Ann', 'fr_FR', '2026-01-05 09:30:00+00', '1990-05-21', 149.90, '{chess,"tea; green"}', '{"shop": "Lyon"}', false),
			('bob@example.org', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false),
			('eve@example.net', 'Eve', 'de', '2026-07-01 10:00:00+00', NULL, 0, '{}', '{}', false),
			(NULL, 'Nobody', 'de', NULL, NULL, 5, NULL, NULL, false),
			('out@example.com', 'Out', 'de', NULL, NULL, 5, NULL, NULL, true)`,
	},
	{
		`UPDATE ` + schema + `.customer SET spent = 12.5, born = DATE '1984-02-29' WHERE email = 'bob@example.org'`,
		`INSERT INTO ` + schema + `.customer (email, first_name) VALUES ('flo@example.com', 'Flo')`,
	},
}
