// Service is an activation that is operated over HTTP: health, metrics for
// Prometheus, runs on demand, a page about the plan that waits, and its release.
// Without flags, it operates itself for a moment, and shows what it says:
//
//	go run ./examples/service
//
// With -listen, it serves until a signal comes; the token is SERVICE_TOKEN in the
// environment.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

func main() {
	listen := flag.String("listen", "", "serve on this address, such as 127.0.0.1:8080")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Stdout, *listen, os.Getenv("SERVICE_TOKEN"))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, listen, token string) (err error) {
	if listen != "" && token == "" {
		return errors.New("set SERVICE_TOKEN in the environment")
	}
	token = cmp.Or(token, rand.Text())
	// A program of yours has directories that stay: the state is the memory of
	// what Splio was sent.
	dir, err := os.MkdirTemp("", "service-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	drop := filepath.Join(dir, "drop")
	if err := os.Mkdir(drop, 0o700); err != nil {
		return err
	}

	bonus := new(atomic.Int64) // points that everybody has got
	s := &service{
		activation: splio.Activation{
			Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
			Mapping:     mapping.Mapping{Key: mapping.Field{From: "email", To: "email"}, Custom: []string{"points"}},
			State:       filepath.Join(dir, "state"),
			Insert:      true,
		},
		segment:   func() mapping.Source { return segment(bonus.Load()) }, // in a program, source.Query with a query
		transport: sftpx.Dir(drop),                                        // in a program, an sftpx.Client
		token:     token,
		stale:     26 * time.Hour,
	}
	s.metrics.start(time.Now())

	listener, err := net.Listen("tcp", cmp.Or(listen, "127.0.0.1:0"))
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.serve(serving, listener, 20*time.Second) }()
	if listen == "" {
		err = tour(ctx, out, "http://"+listener.Addr().String(), token, bonus)
		stop()
	} else {
		fmt.Fprintf(out, "listening on http://%s\n", listener.Addr())
	}
	return errors.Join(err, <-served)
}

// segment has 300 people, all invented.
func segment(bonus int64) mapping.Source {
	return source.Maps([]string{"email", "points"}, func(yield func(map[string]any, error) bool) {
		for i := range int64(300) {
			if !yield(map[string]any{"email": fmt.Sprintf("user%d@example.com", i), "points": i%50 + bonus}, nil) {
				return
			}
		}
	})
}
