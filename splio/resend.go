package splio

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"github.com/spliosync/spliosync/mapping"
)

// Resend marks contacts that were sent before as due, by their keys, so that the
// next run that finds them in its segment sends them as full rows: those that
// Splio has reported as bad, for example, which [ReadKeys] reads. Keys are
// brought into the form that the mapping gives them; src is asked for the names
// of its fields alone.
//
// With most from 1 to [diff.MaxReports], a contact is marked at most that many
// times while its row does not change; contacts that have reached the limit are
// counted as spent, since sending them once more would change nothing. With 0
// there is no limit.
//
// A plan that nobody has approved is discarded. While one is released or on its
// way, the error matches [ErrPending]. After an error all marks were made or
// none, and the call may be repeated.
func (a Activation) Resend(ctx context.Context, src mapping.Source, keys iter.Seq2[string, error], most int) (marked, spent int64, err error) {
	a, ended := a.watched(ctx, "resend")
	defer func() { ended(err) }()
	mapper, err := a.check(ctx, src)
	if err != nil {
		return 0, 0, err
	}
	err = a.alter(ctx, func(j *job) (err error) {
		due := knownKeys(mapper, keys)
		if most == 0 {
			marked, err = j.store.MarkDue(ctx, due)
		} else {
			marked, spent, err = j.store.MarkReported(ctx, due, most)
		}
		if err == nil {
			j.event(ctx, slog.LevelInfo, "contacts due", nil, slog.Int64("count", marked), slog.Int64("spent", spent))
		}
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return marked, spent, nil
}

// alter changes the snapshot outside of a plan.
func (a Activation) alter(ctx context.Context, change func(*job) error) (err error) {
	j, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	m, err := loadManifest(j.fs, a.State)
	switch {
	case errors.Is(err, ErrNoPlan):
	case err != nil:
		return err
	default:
		if err := j.owned(m); err != nil {
			return err
		}
		if m.State == PlanReleased || m.State == PlanApplying {
			return j.pending(m)
		}
		if err := j.discard(ctx, m); err != nil {
			return err
		}
	}
	if err := j.sweep(ctx); err != nil {
		return err
	}
	l, err := j.loadLedger()
	if err != nil {
		return err
	}
	if err := j.continues(ctx, l); err != nil {
		return err
	}
	// Which snapshot comes out is not known before. If this is cut off, any will
	// do for the next plan.
	l.Snapshot = ""
	if err := j.saveLedger(l); err != nil {
		return err
	}
	err = change(j)
	now, cerr := j.store.Current(ctx)
	if cerr == nil {
		l, cerr = j.loadLedger() // the change may have been to the keys that are kept
	}
	if cerr == nil {
		l.Snapshot = now
		cerr = j.saveLedger(l)
	}
	return errors.Join(err, cerr)
}
