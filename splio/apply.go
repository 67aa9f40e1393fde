package splio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
)

// maxNames bounds the names that a plan tries and finds taken.
const maxNames = 100

// with opens the state and the manifest of the plan in it.
func (p *Plan) with(ctx context.Context, operation string, do func(*job, *manifest) error) (err error) {
	if p.activation == nil {
		return fmt.Errorf("splio: %w", ErrNoPlan)
	}
	a, ended := p.activation.watched(ctx, operation)
	defer func() { ended(err) }()
	if err := wrong(a.validate()); err != nil {
		return err
	}
	j, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	m, err := loadManifest(j.fs, a.State)
	if err != nil {
		return err
	}
	if m.Plan != p.ID {
		return j.none()
	}
	if err := j.owned(m); err != nil {
		return err
	}
	return do(j, m)
}

// none is the error of a plan that is not there any more.
func (j *job) none() error { return fmt.Errorf("splio: %s: %w", j.State, ErrNoPlan) }

// Apply sends the files of the plan, as they are in the outbox, and then
// publishes the snapshot and clears the outbox. A plan whose snapshot has moved
// on is refused before anything is sent, with diff.ErrStale, and so is one that is
// braked, with a [*BrakeError]: release it first.
//
// A destination that can not be reached leaves the plan as it was. Once a file
// may be on its way the plan is applying: call Apply again, or
// [Activation.Run], to go on where it stopped. A report
// with what was delivered comes with an error of the delivery. A plan without
// files does not touch the transport.
func (p *Plan) Apply(ctx context.Context, t Transport) (report *Report, err error) {
	if t == nil {
		return nil, wrong(errNoTransport)
	}
	err = p.with(ctx, "apply", func(j *job, m *manifest) error {
		if m.State == discarding {
			return j.none()
		}
		report, err = j.apply(ctx, m, t)
		return err
	})
	return report, err
}

// Release approves the plan, braked or not, for a reason that is kept with it and
// in its report: the next [Activation.Run] sends it before it makes another, and
// Apply sends it now. A plan that is on its way already stays so.
func (p *Plan) Release(ctx context.Context, reason string) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("splio: %w", err)
	}
	return p.with(ctx, "release", func(j *job, m *manifest) error {
		switch m.State {
		case discarding:
			return j.none()
		case PlanApplying:
			return j.settleJournal()
		}
		before := m.State
		m.State, m.Reason, m.Run.Released = PlanReleased, reason, true
		if err := j.save(m); err != nil {
			return err
		}
		j.event(ctx, slog.LevelInfo, "plan released", m, slog.String("state", string(before)))
		p.State, p.Reason = m.State, reason
		return nil
	})
}

// Discard gives the plan up, whatever its state. Files of it that were sent, or
// may have been, stay sent; the next plan holds their records again, even those
// that are back at what the snapshot says. When one of these files was altered
// in the outbox, nobody can tell which records they are, and the error is a
// diff.StateError. After another error, call Discard again; what it has begun,
// the next Run or Plan ends too. A plan that was delivered to its end, and only not
// tidied away, stays delivered.
//
// Of an upload that was cut off, the temporary file NAME.TOKEN.part may stay in
// the drop directory.
func (p *Plan) Discard(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("splio: %w", err)
	}
	return p.with(ctx, "discard", func(j *job, m *manifest) error { return j.discard(ctx, m) })
}

// discard gives a plan up. Rows of it that were sent may differ from the
// snapshot, unseen when their records are back at what that says: so they are
// due in the next run.
func (j *job) discard(ctx context.Context, m *manifest) error {
	now, err := j.store.Current(ctx)
	if err != nil {
		return err
	}
	if now == m.Snapshot { // all of it was delivered, and files may be on their way to those that are kept
		j.published(ctx, m, time.Now())
		return j.finish(ctx, m)
	}
	if m.State != discarding {
		m.State = discarding
		if err := j.save(m); err != nil {
			return err
		}
	} else if err := j.settleJournal(); err != nil {
		return err
	}
	if err := j.sweep(ctx); err != nil {
		return err
	}
	// Who was deleted is in the snapshot still: whether in Splio nobody knows.
	for _, scope := range []string{"", deletesScope} {
		if !slices.ContainsFunc(m.Files, func(f manifestFile) bool { return f.sent() && f.Scope == scope }) {
			continue
		}
		mark := j.store.MarkDue
		if scope == deletesScope {
			keeper, ok := j.store.(keyKeeper)
			if !ok {
				return fmt.Errorf("splio: discard plan %s: it deletes contacts by keys that a Differ does not keep: discard it without the Differ", m.Plan)
			}
			mark = keeper.MarkUnconfirmed
		}
		if _, err := mark(ctx, j.sentKeys(m, scope)); err != nil {
			return fmt.Errorf("splio: discard plan %s: %w", m.Plan, err)
		}
	}
	if err := j.remember(ctx, m, func(*ledger) {}); err != nil {
		return err
	}
	if err := j.record(m, m.ran(OutcomeDiscarded)); err != nil {
		return err
	}
	if err := j.clearOutbox(); err != nil {
		return err
	}
	j.event(ctx, slog.LevelInfo, "plan discarded", m, slog.Int("sent", m.sent()))
	return nil
}

// sentKeys yields the keys in the files of a scope that have arrived or may have.
func (j *job) sentKeys(m *manifest, scope string) iter.Seq2[[]byte, error] {
	read := func(f *manifestFile, yield func([]byte, error) bool) (more bool, err error) {
		body, err := j.body(f)
		if err != nil {
			return false, err
		}
		defer body.Close()
		rows := bufio.NewReader(io.NewSectionReader(body, 0, f.Bytes))
		for header := true; ; header = false {
			line, err := rows.ReadBytes('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return false, fmt.Errorf("splio: read a file of the outbox: %w", err)
			}
			if len(line) == 0 {
				return true, nil
			}
			if !header && !yield(m.Format.firstCell(line), nil) {
				return false, nil
			}
		}
	}
	return func(yield func([]byte, error) bool) {
		for i := range m.Files {
			f := &m.Files[i]
			if !f.sent() || f.Scope != scope {
				continue
			}
			more, err := read(f, yield)
			if err != nil {
				yield(nil, err)
			}
			if !more {
				return
			}
		}
	}
}

// remember enters the names that the plan has used, those of files that may wait
// in the drop directory, and the snapshot that is current now into the ledger, and
// what else there is.
func (j *job) remember(ctx context.Context, m *manifest, also func(*ledger)) error {
	l, err := j.loadLedger()
	if err != nil {
		return err
	}
	var sent []string
	for _, f := range m.Files {
		if f.sent() {
			sent = append(sent, f.Name)
		}
	}
	names := slices.Concat(m.Names, sent)
	if len(sent) > 0 {
		if !m.Report.WaitingUnknown {
			l.Sent = slices.Clone(m.Report.Waiting)
		}
		l.Sent = slices.DeleteFunc(l.Sent, func(name string) bool { return slices.Contains(sent, name) })
		l.Sent = append(l.Sent, sent...)
		l.Sent = l.Sent[max(0, len(l.Sent)-maxLooked):]
	}
	for _, name := range names {
		if !slices.Contains(l.Names, name) {
			l.add(name)
		}
	}
	if l.Snapshot, err = j.store.Current(ctx); err != nil {
		return err
	}
	also(l)
	return j.saveLedger(l)
}

// apply delivers a plan, from where an earlier attempt stopped. That the plan
// belongs to this universe and key comes out when its snapshot is verified.
func (j *job) apply(ctx context.Context, m *manifest, t Transport) (*Report, error) {
	if m.State == PlanBraked {
		return m.report(), m.brakeError()
	}
	j.applying = time.Now()
	if err := j.send(ctx, m, t); err != nil {
		err = j.recordFailed(ctx, m, err)
		return m.report(), err
	}
	err := j.finish(ctx, m)
	return m.report(), err
}

// send sends what is missing of a plan, and publishes its snapshot.
func (j *job) send(ctx context.Context, m *manifest, t Transport) error {
	if err := j.store.Verify(ctx, m.Snapshot); err != nil {
		return j.refused(m, err)
	}
	if err := j.checkKeys(m); err != nil {
		return j.refused(m, err)
	}
	if m.State != PlanApplying {
		if err := j.look(ctx, m, t); err != nil {
			return err
		}
	} else if err := j.settleJournal(); err != nil {
		return err
	}
	began := time.Now()
	j.delivering(ctx, m)
	next, stop := j.bodies(m)
	defer stop()
	for i := range m.Files {
		if err := j.deliver(ctx, m, &m.Files[i], next, t); err != nil {
			return err
		}
	}
	// Also a plan without files is on its way from here on: were it ready, one that
	// was killed below would be replaced, and its snapshot taken for a stranger's.
	if m.State != PlanApplying {
		m.State = PlanApplying
		if err := j.save(m); err != nil {
			return err
		}
	}
	// Everything has arrived: what follows must not stop for an ended context
	// when it is the snapshot's turn, so that a late Ctrl-C forgets nothing.
	ctx = context.WithoutCancel(ctx)
	j.watch.publishing(ctx, m)
	if err := j.store.Publish(ctx, m.Snapshot); err != nil {
		return err
	}
	j.published(ctx, m, began)
	return nil
}

// finish ends a plan whose snapshot was published, whatever becomes of ctx. As long
// as the manifest is in the outbox, all of this is done again.
func (j *job) finish(ctx context.Context, m *manifest) error {
	ctx = context.WithoutCancel(ctx)
	if err := j.placeKeys(m.Keys); err != nil {
		return err
	}
	if err := j.remember(ctx, m, func(l *ledger) { l.Keys = m.Keys }); err != nil {
		return err
	}
	if err := j.dropKeys(m.Keys); err != nil {
		return err
	}
	if err := j.recordDelivered(m); err != nil {
		return err
	}
	if err := j.retain(m); err != nil {
		return err
	}
	return j.clearOutbox()
}

// refused is the error of a plan that would not send what was planned. A plan
// that is broken for good is a state that can not be used.
func (j *job) refused(m *manifest, err error) error {
	_, broken := errors.AsType[*diff.StateError](err)
	if !broken && j.Differ != nil && !errors.Is(err, diff.ErrStale) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("splio: look at plan %s: %w", m.Plan, err) // the Differ could not be asked
	}
	if errors.Is(err, diff.ErrStale) || errors.Is(err, fs.ErrNotExist) {
		err = &diff.StateError{Path: filepath.Join(j.State, outboxDir, manifestName), Err: err}
	}
	return fmt.Errorf("splio: plan %s can not be applied: discard it, or move the directory %s away and run once with Refresh: %w",
		m.Plan, filepath.Join(j.State, outboxDir), err)
}

// deliver sends one file, the next body, under the first name that is free.
func (j *job) deliver(ctx context.Context, m *manifest, f *manifestFile, next func() (vfs.File, error), t Transport) error {
	if f.Delivered {
		return nil
	}
	body, err := next()
	if err != nil {
		return j.refused(m, err)
	}
	defer body.Close()
	before, began := m.State, time.Now()
	for {
		// Looking first tells a stranger's file from ours, and keeps a plan ready
		// while the destination can not be reached.
		size, err := t.Size(ctx, f.Name)
		switch {
		case err == nil && f.Sending && size == f.Bytes: // an earlier attempt got through
			return j.tick(ctx, m, f, true, began)
		case err == nil:
			if err := j.rename(ctx, m, f); err != nil {
				return err
			}
			continue
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported):
			// Not there, taken already, or not to be known. In the last two cases it
			// may be sent once more: the rows say the same.
		default:
			return fmt.Errorf("splio: look for file %s: %w", f.Name, err)
		}
		fresh := !f.Sending
		if err := j.journal(m, f); err != nil {
			return err
		}
		err = t.Put(ctx, f.Name, f.Temp, io.NewSectionReader(j.watch.body(body, m), 0, f.Bytes))
		switch {
		case err == nil:
			return j.tick(ctx, m, f, false, began)
		case errors.Is(err, fs.ErrExist):
			if err := j.rename(ctx, m, f); err != nil {
				return err
			}
		case errors.Is(err, fs.ErrNotExist) && fresh: // there is no drop directory
			m.State, f.Sending, f.Temp = before, false, ""
			return errors.Join(fmt.Errorf("splio: deliver file %s: %w", f.Name, err), j.save(m))
		default:
			return fmt.Errorf("splio: deliver file %s: %w", f.Name, err)
		}
	}
}

// settleJournal makes durable what was read from the manifest: the call that wrote
// it may have failed just before that, and a power cut would bring an older one back.
func (j *job) settleJournal() error {
	if err := j.fs.SyncDir(outboxDir); err != nil {
		return fmt.Errorf("splio: write the manifest of the plan: %w", err)
	}
	return nil
}

// journal makes the name durable before it is used: from then on, a file of
// that name and size in the drop directory is ours.
func (j *job) journal(m *manifest, f *manifestFile) error {
	if f.Sending && m.State == PlanApplying {
		return nil
	}
	m.State, f.Sending = PlanApplying, true
	// Not a name that another plan could use, and none that ends like a file.
	f.Temp = f.Name + "." + m.Plan[:8] + ".part"
	return j.save(m)
}

// tick notes that a file has arrived.
func (j *job) tick(ctx context.Context, m *manifest, f *manifestFile, found bool, began time.Time) error {
	f.Delivered = true
	if err := j.save(m); err != nil {
		return err
	}
	j.arrived(ctx, m, f, found, began)
	return nil
}

// rename gives a file whose name is taken the next one that this state has not
// used.
func (j *job) rename(ctx context.Context, m *manifest, f *manifestFile) error {
	if len(m.Names) == maxNames {
		return fmt.Errorf("splio: file %s: the drop directory has a file of that name, and of each of the %d that were tried before", f.Name, maxNames)
	}
	used, err := j.loadLedger()
	if err != nil {
		return err
	}
	m.Names = append(m.Names, f.Name)
	m.name(f, slices.Concat(used.Names, m.Names))
	f.Sending = false
	j.event(ctx, slog.LevelWarn, "file name taken", m, slog.String("file", m.Names[len(m.Names)-1]), slog.String("next", f.Name))
	return nil
}
