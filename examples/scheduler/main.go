// Scheduler keeps contacts in step from a process that runs all the time: one
// run after the other, signals that cut nothing short, and an answer of its own
// to each kind of error. Without flags, it tells five rounds of a bad week:
//
//	go run ./examples/scheduler
package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// The exit statuses, for whoever starts the process again: after a 2 nothing
// gets better by itself, so that it should not (RestartPreventExitStatus=2 of
// systemd).
const (
	statusDone = 0
	statusStop = 2
)

func main() {
	every := flag.Duration("every", 100*time.Millisecond, "time between two runs; a day has 24h")
	jitter := flag.Duration("jitter", 10*time.Millisecond, "wait a random time of up to this before each run")
	rounds := flag.Int("rounds", len(week), "end after so many rounds; 0 goes on until a signal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Stdout, *every, *jitter, *rounds))
}

// run is main with everything it touches passed in, for tests.
func run(ctx context.Context, out io.Writer, every, jitter time.Duration, rounds int) int {
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: withoutTime}))

	// A program of yours has directories that stay: the state is the memory of
	// what Splio was sent.
	dir, err := os.MkdirTemp("", "scheduler-")
	if err != nil {
		log.Error("no directory", "err", err)
		return statusStop
	}
	defer os.RemoveAll(dir)
	drop := filepath.Join(dir, "drop")
	if err := os.Mkdir(drop, 0o700); err != nil {
		log.Error("no directory", "err", err)
		return statusStop
	}
	activation := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm", Suffix: "_{part}"},
		Mapping: mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email"},
			Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
			Custom: []string{"points"},
		},
		State:  filepath.Join(dir, "state"),
		Insert: true,
	}

	round := 0
	s := scheduler{
		every: every, jitter: jitter, rounds: rounds, grace: 20 * time.Second, alarmAfter: 3, log: log,
		run: func(ctx context.Context) (*splio.Report, error) {
			day := week[round%len(week)]
			round++
			log.Info("round", "n", round, "what", day.what)
			// In your program: source.Query or source.CSVFile, and an sftpx.Client.
			return activation.Run(ctx, day.segment(), line{sftpx.Dir(drop), day.down})
		},
	}
	if err := s.loop(ctx); err != nil {
		log.Error("stopped: somebody has to see to it, then start the process again", "err", err)
		return statusStop
	}
	return statusDone
}

// withoutTime makes every print-out the same. Leave it out.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
