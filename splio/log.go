package splio

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// events logs what an activation does. A nil one logs nothing. Its messages and
// keys are those of the table in the package comment: programs count them. No
// attribute holds an error, a path, the reason of a release or anything out of a
// record.
type events struct{ logger *slog.Logger }

func (e *events) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	if e != nil {
		e.logger.LogAttrs(ctx, level, message, attrs...)
	}
}

// watched begins a call, and returns what ends it. The call is followed even if nobody
// is told: the history says how far it has come.
func (a Activation) watched(ctx context.Context, operation string) (Activation, func(error)) {
	w := &watch{each: a.OnProgress}
	if a.Logger != nil {
		w.log = &events{a.Logger.With(slog.String("universe", a.Destination.Universe), slog.String("subsequence", a.Destination.Subsequence))}
	}
	a.watch = w
	began := time.Now()
	return a, func(err error) {
		if err == nil {
			w.end(ctx)
		}
		w.log.ended(ctx, operation, w.stage(), err, time.Since(began))
	}
}

// event logs an event of a plan.
func (j *job) event(ctx context.Context, level slog.Level, message string, m *manifest, attrs ...slog.Attr) {
	if j.watch == nil || j.watch.log == nil {
		return
	}
	if m != nil && !j.dry {
		attrs = append([]slog.Attr{slog.String("plan", m.Plan)}, attrs...)
	}
	j.watch.log.log(ctx, level, message, attrs...)
}

// ended logs the end of a call.
func (e *events) ended(ctx context.Context, operation string, stage Stage, err error, took time.Duration) {
	level, attrs := slog.LevelInfo, []slog.Attr{slog.String("operation", operation), slog.String("outcome", outcome(ctx, err))}
	if err != nil {
		if level = slog.LevelError; is[*BrakeError](err) {
			level = slog.LevelWarn
		}
		attrs = append(attrs, slog.String("stage", string(stage)))
	}
	e.log(ctx, level, "call ended", append(attrs, slog.Duration("duration", took))...)
}

// outcome is the class of an error. Its text is the caller's to log: it may hold
// paths, and what a transport says.
func outcome(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return "ok"
	case is[*BrakeError](err):
		return "braked"
	case ctx.Err() != nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "stopped"
	case errors.Is(err, ErrConfig):
		return "configuration"
	case errors.Is(err, ErrPending):
		return "pending"
	case errors.Is(err, ErrWaiting):
		return "waiting"
	case errors.Is(err, ErrNoPlan):
		return "no plan"
	case errors.Is(err, diff.ErrLocked):
		return "locked"
	case is[*diff.StateError](err):
		return "state"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case errors.Is(err, fs.ErrExist):
		return "exists"
	case errors.Is(err, fs.ErrPermission):
		return "permission"
	}
	return "other"
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func (e *events) stage(ctx context.Context, p Progress, took time.Duration) {
	e.log(ctx, slog.LevelDebug, "stage ended", slog.String("stage", string(p.Stage)), slog.Int64("records", p.Records), slog.Duration("duration", took))
}

// makePlan makes a plan and logs it.
func (j *job) makePlan(ctx context.Context, mapper *mapping.Mapper, src mapping.Source) (*manifest, error) {
	began := time.Now()
	m, err := j.plan(ctx, mapper, src)
	if err != nil {
		j.recordUnplanned(ctx, began, err)
		return nil, j.full(err)
	}
	j.watch.end(ctx)
	r, level, message := &m.Report, slog.LevelInfo, "plan made"
	if j.dry {
		message = "preview made"
	}
	if m.State == PlanBraked {
		level = slog.LevelWarn
	}
	rows, bytes := m.size()
	j.event(ctx, level, message, m, append(counts(r),
		slog.Int("files", len(m.Files)), slog.Int64("rows", rows), slog.Int64("bytes", bytes),
		slog.String("state", string(m.State)), slog.Duration("duration", time.Since(began)))...)
	for _, b := range r.Brakes {
		if b.Hit {
			j.event(ctx, slog.LevelWarn, "brake hit", m, slog.String("brake", string(b.Brake)), slog.String("attribute", b.Column),
				slog.Int64("count", b.Count), slog.Int64("total", b.Total), slog.Float64("limit", b.Limit))
		}
	}
	j.findings(ctx, m)
	if level = slog.LevelWarn; r.First {
		level = slog.LevelInfo
	}
	if r.LeftSkipped != "" {
		j.event(ctx, level, "left skipped", m, slog.String("reason", r.LeftSkipped))
	}
	for _, doubt := range r.Doubts {
		j.event(ctx, slog.LevelWarn, "doubt", m, slog.String("doubt", doubt))
	}
	return m, nil
}

// findings logs what was found wrong with values, and columns that nobody has declared.
func (j *job) findings(ctx context.Context, m *manifest) {
	for _, c := range m.Report.Rejections {
		j.event(ctx, slog.LevelInfo, "values rejected", m, slog.String("field", c.Field), slog.String("attribute", c.Attribute),
			slog.String("reason", c.Reason), slog.String("action", string(c.Action)), slog.Int64("count", c.Count))
	}
	if len(m.Report.Unverified) > 0 && len(m.Files) > 0 {
		j.event(ctx, slog.LevelWarn, "attributes unverified", m, slog.Any("attributes", slices.Clone(m.Report.Unverified)))
	}
}

// counts are those of a report.
func counts(r *Report) []slog.Attr {
	out := make([]slog.Attr, 0, 20)
	for _, c := range []struct {
		key string
		n   int64
	}{
		{"read", r.Read}, {"rejected", r.Rejected}, {"duplicate", r.Duplicate}, {"held_back", r.HeldBack}, {"unchanged", r.Unchanged},
		{"inserted", r.Inserted}, {"updated", r.Updated}, {"left", r.Left}, {"uncertain", r.Uncertain}, {"left_rows", r.LeftRows}, {"deleted", r.Deleted},
	} {
		out = append(out, slog.Int64(c.key, c.n))
	}
	return append(out, slog.Bool("first", r.First))
}

func (m *manifest) size() (rows, bytes int64) {
	for _, f := range m.Files {
		rows, bytes = rows+f.Rows, bytes+f.Bytes
	}
	return rows, bytes
}

// sizes are the attributes of a plan that is delivered.
func (m *manifest) sizes() []slog.Attr {
	rows, bytes := m.size()
	return []slog.Attr{slog.Int("files", len(m.Files)), slog.Int64("rows", rows), slog.Int64("bytes", bytes)}
}

// replaced logs that a plan has made room for another one.
func (j *job) replaced(ctx context.Context, m *manifest) {
	if m != nil && m.State != discarding {
		j.event(ctx, slog.LevelInfo, "plan replaced", m, slog.String("state", string(m.State)))
	}
}

// delivering tells that the delivery of a plan begins, or goes on.
func (j *job) delivering(ctx context.Context, m *manifest) {
	j.watch.delivering(ctx, m)
	if n := len(m.Report.Waiting); n > 0 || m.Report.WaitingUnknown {
		j.event(ctx, slog.LevelWarn, "earlier files waiting", m, slog.Int("waiting", n), slog.Bool("unknown", m.Report.WaitingUnknown))
	}
	if len(m.Files) > 0 {
		j.event(ctx, slog.LevelInfo, "delivery begun", m, append(m.sizes(), slog.Bool("resumed", m.State == PlanApplying))...)
	}
}

// arrived tells that a file has arrived; found says that an earlier attempt had
// got through.
func (j *job) arrived(ctx context.Context, m *manifest, f *manifestFile, found bool, began time.Time) {
	j.watch.arrived(m)
	j.event(ctx, slog.LevelInfo, "file delivered", m, slog.String("file", f.Name), slog.Int64("rows", f.Rows), slog.Int64("bytes", f.Bytes),
		slog.Bool("found", found), slog.Duration("duration", time.Since(began)))
}

// published tells that a plan was delivered to its end.
func (j *job) published(ctx context.Context, m *manifest, began time.Time) {
	j.event(ctx, slog.LevelInfo, "plan published", m, append(m.sizes(), slog.Duration("duration", time.Since(began)))...)
}

// sent counts the files that have arrived or may have.
func (m *manifest) sent() (n int) {
	for _, f := range m.Files {
		if f.sent() {
			n++
		}
	}
	return n
}
