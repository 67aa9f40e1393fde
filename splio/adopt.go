package splio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// Adopt takes the segment for what Splio holds already, and sends nothing: every
// valid record counts as delivered. So a move from another tool needs no full
// resend: adopt the segment that the other tool sent last, and Run from then on.
// With Insert on, the contacts count as existing in Splio; otherwise they are
// unconfirmed, as after a run.
//
// With [Activation.Known], such as the keys of an export from Splio, only records
// with these keys are adopted, and they count as existing; all others are held
// back, so that the next run finds them new. Here Known goes together with Insert.
// Keys do not show whether the values in Splio are those of the segment: to be
// sure, Refresh once.
//
// A State that has delivered or adopted before is refused with an error that
// matches fs.ErrExist, unless replace is set: then what it remembers of contacts
// is replaced, not added to. A plan that nobody has approved is discarded; while
// one is released or on its way, the error matches [ErrPending].
//
// In the report, adopted records are Unchanged, and there are no files. No
// brake applies, but a segment of which nothing can be adopted is an error. After
// an error State remembers what it did, or all that was to be adopted: repeat the
// call, with replace set if it was the latter.
func (a Activation) Adopt(ctx context.Context, src mapping.Source, replace bool) (_ *Report, err error) {
	a, ended := a.watched(ctx, "adopt")
	defer func() { ended(err) }()
	b := a
	b.Known = nil // which Insert excludes only where something is sent
	mapper, err := b.check(ctx, src)
	if err != nil {
		return nil, err
	}
	// Before anything is touched, and again when nobody else can publish.
	current, err := a.snapshot(ctx)
	if err == nil {
		err = a.vacant(current, replace)
	}
	if err != nil {
		return nil, err
	}
	var report *Report
	err = a.alter(ctx, func(j *job) error {
		current, err := j.store.Current(ctx)
		if err == nil {
			err = j.vacant(current, replace)
		}
		if err != nil {
			return err
		}
		if report, err = j.adopt(ctx, mapper, src); err != nil {
			return err
		}
		report.First = current == ""
		j.event(ctx, slog.LevelInfo, "state adopted", nil, counts(report)...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// snapshot returns the id of the current snapshot, "" when there is none, and
// changes nothing.
func (a Activation) snapshot(ctx context.Context) (id string, err error) {
	j, err := a.open(ctx)
	if err != nil {
		return "", err
	}
	id, err = j.store.Current(ctx)
	return id, errors.Join(err, j.close())
}

// vacant refuses to adopt over a snapshot, unless it is to be replaced.
func (a Activation) vacant(snapshot string, replace bool) error {
	if snapshot == "" || replace {
		return nil
	}
	return fmt.Errorf("splio: %s remembers contacts already, and to adopt would replace them: ask for that, or choose another Activation.State: %w",
		a.State, fs.ErrExist)
}

// adopt publishes a snapshot of the segment.
func (j *job) adopt(ctx context.Context, mapper *mapping.Mapper, src mapping.Source) (_ *Report, err error) {
	if err := j.emptyOutbox(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.clearOutbox())
		}
	}()
	j.quiet = true
	columns := mapper.Columns()
	run, err := j.begin(ctx, mapper, src, diff.RunOptions{
		Create:      j.Insert && j.Known == nil,
		Known:       knownKeys(mapper, j.Known),
		Duplicates:  j.Duplicates,
		Anew:        true,
		MaxUnusable: j.MaxUnusable,
		Memory:      j.Memory,
		Keys:        j.Left.on(),
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	found := &tally{counts: make(map[RejectionCount]int64), each: j.OnRejection}
	j.watch.reading(ctx, src, j.Differ != nil)
	seg, err := j.put(ctx, mapper, src, run, found)
	if seg != nil {
		defer func() { err = errors.Join(err, seg.close()) }()
	}
	if err != nil {
		return nil, err
	}
	j.watch.comparing(ctx)
	summary, err := run.Compare(ctx)
	if err != nil {
		return nil, err
	}
	if summary.New == 0 {
		return nil, fmt.Errorf("splio: adopt: none of %d records can be adopted (%d rejected, %d not among the known keys): nothing was changed",
			summary.Read, summary.Rejected+summary.Conflicting, summary.HeldBack)
	}
	if summary.Conflicting > 0 {
		err := seg.each(ctx, onlyConflicts(ctx, run), func(c *diff.Change, r spooled) error {
			x := j.keyRejection(c.Seq, r.line, ReasonConflict)
			found.add(x)
			return j.conflict(x, r.cells[len(columns):])
		})
		if err != nil {
			return nil, err
		}
	}
	report := &Report{Files: []File{}}
	report.add(summary, j.Insert)
	report.Unchanged, report.Inserted, report.Updated = summary.New, 0, 0
	report.Rejections = found.list()
	report.Unverified = j.unverified()
	sum, err := j.adoptKeys(ctx, run, seg)
	if err != nil {
		return nil, err
	}
	id, err := run.Stage(ctx)
	if err != nil {
		return nil, err
	}
	// If this is cut off, no keys will do for the next plan, which collects them.
	if err := j.keepKeys(""); err != nil {
		return nil, err
	}
	if err := j.store.Publish(ctx, id); err != nil {
		return nil, err
	}
	if sum != "" {
		err = j.keepKeys(sum)
	}
	return report, err
}

// adoptKeys writes the keys of what is adopted into the outbox, if keys are kept.
func (j *job) adoptKeys(ctx context.Context, run Comparison, seg rows) (sum string, err error) {
	if !j.Left.on() {
		return "", nil
	}
	k, err := j.newKeys()
	if err != nil {
		return "", err
	}
	defer k.abort()
	err = seg.keys(ctx, withKeys(run), func(_ *diff.Change, r spooled) error { return k.add(r.cells[0]) })
	if err != nil {
		return "", err
	}
	return k.close()
}

// emptyOutbox makes an outbox where there is none, and clears away what a plan
// that was cut off has left in it.
func (j *job) emptyOutbox() error {
	if err := j.fs.Mkdir(outboxDir); err != nil {
		return fmt.Errorf("splio: make the outbox: %w", err)
	}
	return j.clearOutbox()
}

// onlyConflicts are the changes of a run that are conflicts.
func onlyConflicts(ctx context.Context, run Comparison) iter.Seq2[*diff.Change, error] {
	return func(yield func(*diff.Change, error) bool) {
		for c, err := range withRecords(ctx, run) {
			if (err != nil || c.Kind == diff.Conflict) && !yield(c, err) {
				return
			}
		}
	}
}
