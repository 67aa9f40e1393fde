package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/spliosync/spliosync/splio"
)

// scheduler runs an activation again and again.
type scheduler struct {
	every  time.Duration // between two runs
	jitter time.Duration // a random wait of up to this before each, so that not everybody calls at the full hour
	rounds int           // 0 is no end
	grace  time.Duration // what a run under way has left after a signal

	alarmAfter int // so many failures in a row that should have passed by themselves
	log        *slog.Logger
	run        func(context.Context) (*splio.Report, error)
}

var errGrace = errors.New("asked to stop, and the run took longer than the grace")

// loop runs until ctx ends or the rounds are over, which is no error, or until
// an error that no further run mends.
//
// Runs can not overlap: they are made one after the other, and a ticker drops
// the ticks that nobody waits for. Another process is kept out by the lock of
// the state, see diff.ErrLocked.
func (s scheduler) loop(ctx context.Context) error {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	failures := 0
	for n := 1; ; n++ {
		if !wait(ctx, time.Duration(rand.Int64N(int64(s.jitter)+1))) {
			return nil
		}
		report, err := s.once(ctx)
		switch what := judge(err); {
		case err == nil:
			failures = 0
			s.log.Info("delivered", "read", report.Read, "inserted", report.Inserted, "updated", report.Updated,
				"unchanged", report.Unchanged, "rejected", report.Rejected, "files", len(report.Files), "resumed", report.Resumed != nil)
		case errors.Is(err, errGrace):
			s.log.Warn("cut off: the next run goes on from there", "err", err)
			return nil
		case what == person:
			return err
		case what == look:
			failures = 0
			s.log.Error("alarm: look, then mend the segment or release the plan", "braked", braked(err))
		default:
			if failures++; failures >= s.alarmAfter {
				s.log.Error("alarm: it does not pass", "failures", failures, "err", err)
			} else {
				s.log.Warn("try again later", "failures", failures, "err", err)
			}
		}
		if n == s.rounds {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// once makes a run. When ctx ends, the run has the grace to come to its end.
// What it can not end then is cut off, at any point: it is in the outbox, and
// the first thing that the next run ends.
func (s scheduler) once(ctx context.Context) (*splio.Report, error) {
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		if wait(running, s.grace) {
			cancel(errGrace)
		}
	})()
	return s.run(running)
}

// wait reports whether d went by before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// verdict is what an error calls for.
type verdict string

const (
	later  verdict = "later"  // it may pass: the next round tries again
	look   verdict = "look"   // a person has to look; the rounds go on, since what mends it needs one
	person verdict = "person" // a person has to mend something first: repeating does not help, or does harm
)

// judge tells the errors of a run apart.
func judge(err error) verdict {
	switch {
	case braked(err) != nil:
		return look // the next run plans anew, or sends the plan that was released meanwhile
	case splio.Retryable(err):
		return later // the network, the server, a full disk, splio.ErrWaiting, diff.ErrLocked
	}
	return person // wrong configuration, a damaged state, a login or host key that is refused
}

func braked(err error) *splio.BrakeError {
	e, _ := errors.AsType[*splio.BrakeError](err)
	return e
}
