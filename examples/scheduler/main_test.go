package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

func TestWeek(t *testing.T) {
	var out strings.Builder
	if status := run(t.Context(), &out, time.Millisecond, 0, len(week)); status != statusDone {
		t.Errorf("status %d", status)
	}
	rest := out.String()
	for _, want := range []string{
		"inserted=300 ",
		`msg="try again later" failures=1`,
		"updated=20 unchanged=280 ",
		"braked.brakes=\"shrunk: 150 fewer records than the 300 ",
		"inserted=3 updated=0 unchanged=300 ",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("no %q, or not in this order, in\n%s", want, out.String())
		}
		rest = after
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		err    error
		want   verdict
		reason string
	}{
		{&splio.BrakeError{}, look, "the next run may have a mended segment"},
		{splio.ErrConfig, person, "it fails again as it is"},
		{&diff.StateError{Err: diff.ErrForeign}, person, "the state of another universe"},
		{&diff.StateError{Err: diff.ErrDamaged}, person, "a file has to be put back"},
		{&sftpx.HostKeyError{}, person, "the provider has to be asked"},
		{sftpx.ErrLogin, person, "the account may get locked"},
		{diff.ErrLocked, later, "another run ends at some time"},
		{splio.ErrWaiting, later, "Splio picks the files up at some time"},
		{errors.New("connection reset"), later, "networks come back"},
	} {
		if got := judge(fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("%v: %s, want %s: %s", c.err, got, c.want, c.reason)
		}
	}
}

// with is a scheduler of hourly runs.
func with(out *strings.Builder, run func(context.Context) (*splio.Report, error)) scheduler {
	return scheduler{
		every: time.Hour, jitter: time.Minute, grace: time.Minute, alarmAfter: 3,
		log: slog.New(slog.NewTextHandler(out, nil)), run: run,
	}
}

func TestSignal(t *testing.T) {
	for _, c := range []struct {
		name string
		rest time.Duration // what the run has left to do at the signal
		want string
	}{
		{"a run that ends within the grace is not cut off", 30 * time.Second, "msg=delivered"},
		{"a longer one is cut off", time.Hour, "msg=\"cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, signal := context.WithCancel(t.Context())
				var out strings.Builder
				s := with(&out, func(ctx context.Context) (*splio.Report, error) {
					signal()
					select {
					case <-ctx.Done():
						return nil, context.Cause(ctx)
					case <-time.After(c.rest):
						return &splio.Report{}, nil
					}
				})
				if err := s.loop(ctx); err != nil {
					t.Error(err)
				}
				if !strings.Contains(out.String(), c.want) {
					t.Errorf("no %q in %s", c.want, out.String())
				}
			})
		})
	}
}

func TestRunsDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under, most, runs := 0, 0, 0
		s := with(new(strings.Builder), func(context.Context) (*splio.Report, error) {
			under, runs = under+1, runs+1
			most = max(most, under)
			time.Sleep(150 * time.Minute)
			under--
			return &splio.Report{}, nil
		})
		s.rounds = 4
		start := time.Now()
		if err := s.loop(t.Context()); err != nil {
			t.Error(err)
		}
		if most != 1 || runs != 4 {
			t.Errorf("%d runs, %d at once", runs, most)
		}
		if d := time.Since(start); d > 11*time.Hour {
			t.Errorf("missed ticks were made up for, or waits are too long: %v", d)
		}
	})
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		runs   int
		alarms int
		stops  bool
	}{
		{"what passes raises an alarm when it does not", errors.New("no route to host"), 5, 3, false},
		{"what a person must mend is not repeated", sftpx.ErrLogin, 1, 0, true},
		{"nor is wrong configuration", splio.ErrConfig, 1, 0, true},
		{"a braked plan raises an alarm each time", &splio.BrakeError{Readings: make([]splio.BrakeReading, 1)}, 5, 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				runs := 0
				s := with(&out, func(context.Context) (*splio.Report, error) { runs++; return nil, c.err })
				s.rounds = 5
				err := s.loop(t.Context())
				if (err != nil) != c.stops || runs != c.runs || strings.Count(out.String(), "alarm") != c.alarms {
					t.Errorf("%d runs, error %v\n%s", runs, err, out.String())
				}
			})
		})
	}
}
