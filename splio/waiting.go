package splio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Waiting says what to do when files of earlier plans are still in the drop
// directory. Splio may take files in another order than they came in, so that an
// older value could come last.
type Waiting string

const (
	// ReportWaiting sends all the same, and names the files in [Report.Waiting].
	ReportWaiting Waiting = ""
	// AwaitWaiting looks again, in growing intervals of up to a minute, until they
	// were taken, or [Activation.WaitFor] is over: then the error matches
	// [ErrWaiting]. State stays locked meanwhile.
	AwaitWaiting Waiting = "wait"
	// RefuseWaiting sends nothing: the error matches [ErrWaiting].
	RefuseWaiting Waiting = "refuse"
)

func (w Waiting) validate() error {
	switch w {
	case ReportWaiting, AwaitWaiting, RefuseWaiting:
		return nil
	}
	return fmt.Errorf("splio: Activation.Waiting is %q: it can be empty, %q or %q", string(w), AwaitWaiting, RefuseWaiting)
}

const (
	maxLooked = 100 // files are looked for, the latest; each is a round trip

	firstLook  = 5 * time.Second
	longestGap = time.Minute
	waitFor    = time.Hour // the default of [Activation.WaitFor]
)

// look looks for files of earlier plans, before the first file of a plan is sent.
func (j *job) look(ctx context.Context, m *manifest, t Transport) error {
	if len(m.Files) == 0 {
		return nil
	}
	j.watch.waiting(ctx, m)
	l, err := j.loadLedger()
	if err != nil {
		return err
	}
	left, gap := j.WaitFor, firstLook
	if left == 0 {
		left = waitFor
	}
	for names := l.Sent; ; {
		names, err = stillThere(ctx, names, t)
		switch {
		case err != nil && j.Waiting == ReportWaiting && ctx.Err() == nil:
			// If the line is dead, the delivery says so.
			m.Report.Waiting, m.Report.WaitingUnknown = nil, true
			return nil
		case errors.Is(err, errors.ErrUnsupported):
			return wrong(fmt.Errorf("splio: Activation.Waiting is %q, and the destination does not let us look for files: %w", string(j.Waiting), err))
		case err != nil:
			return err
		}
		m.Report.Waiting, m.Report.WaitingUnknown = names, false
		if len(names) == 0 || j.Waiting == ReportWaiting {
			return nil
		}
		if j.Waiting == RefuseWaiting || left == 0 {
			return waitingError(names)
		}
		if j.WaitFor >= 0 {
			gap = min(gap, left)
			left -= gap
		}
		timer := time.NewTimer(gap)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", waitingError(names), context.Cause(ctx))
		case <-timer.C:
		}
		gap = min(2*gap, longestGap)
	}
}

// stillThere returns the names of those files that are in the drop directory.
func stillThere(ctx context.Context, names []string, t Transport) ([]string, error) {
	var there []string
	for _, name := range names {
		_, err := t.Size(ctx, name)
		switch {
		case err == nil:
			there = append(there, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("splio: look for file %s of an earlier plan: %w", name, err)
		}
	}
	return there, nil
}

func waitingError(names []string) error {
	more, shown := "", names
	if n := len(names) - 5; n > 0 {
		shown, more = slices.Clone(names[:5]), fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("splio: %w: %s%s", ErrWaiting, strings.Join(shown, ", "), more)
}
