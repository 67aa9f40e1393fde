// Structs sends what a program holds as Go structs, and has a mapping that is
// unit-tested like any other code (see contacts_test.go):
//
//	go run ./examples/structs
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "structs:", err)
		os.Exit(1)
	}
}

// run sends all customers, and shows the file.
func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "structs-") // a program of yours keeps the state
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	activation := splio.Activation{
		Destination: destination,
		Mapping:     contacts,
		State:       filepath.Join(dir, "state"),
		Insert:      true,
		Now:         time.Date(2026, time.March, 2, 6, 0, 0, 0, time.UTC), // leave it out: it is the present then
		OnRejection: func(r mapping.Rejection) {
			fmt.Fprintf(out, "customer %d: %s: %s: %s\n", r.Seq, r.Field, r.Reason, r.Action)
		},
	}
	drop := new(sftpx.Mem) // in a program, an sftpx.Client
	report, err := activation.Run(ctx, source.Structs(all(ctx)), drop)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, report.Inserted, "inserted,", report.Rejected, "rejected")
	for _, f := range report.Files {
		content, err := drop.ReadFile(f.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n%s", f.Name, content)
	}
	return nil
}

// all yields the customers one by one, and an error as the last of all. A
// repository of yours would fetch a page of them at a time, with ctx; the slice
// is never needed as a whole.
func all(context.Context) iter.Seq2[Customer, error] {
	return func(yield func(Customer, error) bool) {
		for _, c := range customers {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// customers are invented.
var customers = []Customer{
	{
		ID: 1, Email: "Ann@Example.com", Name: " Martin ", Language: "fr_FR", Phone: new("+33 6 39 98 01 17"),
		Birthday: new(time.Date(1990, time.May, 21, 0, 0, 0, 0, time.UTC)), Spent: 14990, Tier: Gold, Tags: []string{"chess", "tea; green"},
		Consent: Consent{News: true, At: time.Date(2026, time.January, 5, 9, 30, 0, 0, time.UTC)},
	},
	{ID: 2, Email: "bob@example.org", Name: "Becker", Spent: 5},
	{ID: 3, Email: "cid@", Name: "Cid"},
	{ID: 4, Email: "eve@example.net", Name: "Eve", Phone: new("06 39 98 01 17"), Tier: Silver},
}
