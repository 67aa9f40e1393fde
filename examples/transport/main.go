// Transport delivers contacts files in a way of its own, into an object store
// like S3, and is held to the contract of a transport by the suite that the
// library has for it (see main_test.go):
//
//	go run ./examples/transport
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

var _ splio.Transport = Bucket{}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := story(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "transport:", err)
		os.Exit(1)
	}
}

// story sends two days. On the second one, the answer of the store gets lost.
func story(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "transport-") // a program of yours keeps the state
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store := &memoryStore{}
	activation := contacts(filepath.Join(dir, "state"))
	for _, day := range []struct {
		what  string
		day   int
		bob   int
		store ObjectStore
	}{
		{"monday", 2, 120, store},
		{"tuesday, and the answer gets lost", 3, 125, deaf{store}},
		{"tuesday again", 3, 125, store},
	} {
		activation.Now = time.Date(2026, time.March, day.day, 6, 0, 0, 0, time.UTC) // leave it out: it is the present then
		report, err := activation.Run(ctx, segment(day.bob), Bucket{Store: day.store, Prefix: "splio/imports/"})
		fmt.Fprintln(out, day.what)
		if report != nil && report.Resumed != nil {
			for _, f := range report.Resumed.Files {
				fmt.Fprintf(out, "  ended first: %s, delivered %t\n", f.Name, f.Delivered)
			}
		}
		if err != nil {
			fmt.Fprintln(out, "  failed, and the next run goes on from there:", err)
		} else {
			fmt.Fprintf(out, "  %d inserted, %d updated, %d unchanged\n", report.Inserted, report.Updated, report.Unchanged)
		}
	}
	fmt.Fprintln(out, "in the store")
	for _, key := range store.keys() {
		size, err := store.Head(ctx, key)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %s, %d bytes\n", key, size)
	}
	return nil
}

func contacts(state string) splio.Activation {
	return splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping: mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email"},
			Custom: []string{"points"},
		},
		State:  state,
		Insert: true,
	}
}

// segment has two people, both invented.
func segment(bob int) mapping.Source {
	return source.Maps([]string{"email", "points"}, func(yield func(map[string]any, error) bool) {
		_ = yield(map[string]any{"email": "ann@example.com", "points": 7}, nil) &&
			yield(map[string]any{"email": "bob@example.com", "points": bob}, nil)
	})
}

// deaf is a store that does what it is told, and whose answer gets lost.
type deaf struct{ ObjectStore }

func (d deaf) PutIfAbsent(ctx context.Context, key string, body io.Reader, size int64) error {
	return errors.Join(d.ObjectStore.PutIfAbsent(ctx, key, body, size), errors.New("connection reset by peer"))
}
