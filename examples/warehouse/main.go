// Warehouse keeps the contacts of a destination in step with a segment that
// stays in PostgreSQL: the engine compares, and only what may have changed comes
// out.
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
	"time"

	"github.com/spliosync/spliosync/internal/sqltest/throwaway"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	url := flag.String("url", "", "a PostgreSQL database in which the role may create a schema; by default a throw-away server is started")
	n := flag.Int("n", 20000, "contacts in the segment")
	out := flag.String("out", "", "directory for the files; by default one that is removed")
	flag.Parse()
	if err := run(ctx, os.Stdout, *url, *out, *n); err != nil {
		fmt.Fprintln(os.Stderr, "warehouse:", err)
		os.Exit(1)
	}
}

// run does three activations of a segment that changes in between.
func run(ctx context.Context, w io.Writer, url, out string, n int) (err error) {
	if url == "" {
		fmt.Fprintln(w, "starting a throw-away PostgreSQL ...")
		server, err := throwaway.Start(ctx, "fsync=off")
		if err != nil {
			return err
		}
		defer server.Close()
		url = server.URL()
	}
	if out == "" {
		if out, err = os.MkdirTemp("", "warehouse-"); err != nil {
			return err
		}
		defer os.RemoveAll(out)
	}
	db, wire, err := connect(url)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := load(ctx, db, n); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean(context.WithoutCancel(ctx), db)) }()
	// A production program keeps it from run to run.
	state, err := os.MkdirTemp("", "warehouse-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)

	fmt.Fprintf(w, "%-30s %8s %10s %6s %8s %6s %8s %13s %13s\n", "", "segment", "candidates", "new", "updated", "left", "rejected", "bytes out", "bytes in")
	for day, change := range days {
		for _, query := range change.queries {
			if _, err := db.ExecContext(ctx, query); err != nil {
				return err
			}
		}
		wire.reset()
		r, err := activate(ctx, db, state, out, time.Date(2025, time.March, 14+day, 6, 0, 0, 0, time.UTC))
		if err != nil {
			return err
		}
		fromEngine, toEngine := wire.reset()
		fmt.Fprintf(w, "%-30s %8d %10d %6d %8d %6d %8d %13d %13d\n", change.name, r.Read, r.Candidates, r.Inserted, r.Updated, r.Left, r.Rejected, fromEngine, toEngine)
		for _, f := range r.Files {
			fmt.Fprintf(w, "  %s: %d rows, %d bytes\n", f.Name, f.Rows, f.Bytes)
		}
		if len(r.Files) == 0 {
			fmt.Fprintln(w, "  nothing to send")
		}
	}
	return nil
}

// clean removes what the example has made.
func clean(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE")
	return err
}
