package splio

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

// Plan is what an activation is about to send, kept in the outbox of its
// state. Its methods work on the outbox: when the plan is not there any more,
// their error matches [ErrNoPlan]. Use a Plan from one goroutine.
type Plan struct {
	ID     string
	Time   time.Time // when it was made, or Activation.Now; its day is that of the file names
	State  PlanState // as of the call that returned the Plan
	Reason string    // given to Release
	Report Report

	activation *Activation // a pointer, so that printing a Plan shows nothing of it
}

// plan makes a plan and leaves it in the outbox.
func (j *job) plan(ctx context.Context, mapper *mapping.Mapper, src mapping.Source) (_ *manifest, err error) {
	facts, err := j.beginFacts()
	if err != nil {
		return nil, err
	}
	used, err := j.makeRoom(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil { // what is left over is cleared by the next plan
			err = errors.Join(err, j.clearOutbox())
		}
	}()
	columns := mapper.Columns()
	found := &tally{counts: make(map[RejectionCount]int64), each: j.OnRejection}
	var run Comparison
	var seg rows
	var again *tally // of records that were put again, the last time
	run, err = j.begin(ctx, mapper, src, diff.RunOptions{
		Create:      j.Insert,
		Known:       knownKeys(mapper, j.Known),
		Duplicates:  j.Duplicates,
		Partial:     j.Partial,
		Refresh:     j.Refresh,
		MaxUnusable: j.MaxUnusable,
		Memory:      j.Memory,
		Keys:        j.Left.on(),
		Noted:       j.OnRejection != nil,
		Again: func(ctx context.Context, numbers iter.Seq[int64]) (err error) {
			if texts, ok := run.(textComparison); ok && texts.ByText() {
				again = &tally{counts: make(map[RejectionCount]int64), each: j.OnRejection}
				seg, err = (&rereader{job: j, mapper: mapper, src: src.(chunk.Source)}).putAgain(ctx, seg, run, again)
				return err
			}
			feed := run.Feed()
			return seg.each(ctx, withNumbers(numbers), func(c *diff.Change, r spooled) error {
				return feed(c.Seq, r.cells[0], r.cells[1:len(columns)])
			})
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	j.watch.reading(ctx, src, j.Differ != nil)
	seg, err = j.put(ctx, mapper, src, run, found)
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
	if again != nil {
		found.merge(again)
	}
	if err := found.addNotes(summary.Notes); err != nil {
		return nil, err
	}
	m := &manifest{Plan: rand.Text(), State: PlanReady, Scope: j.scope(), Day: j.clock(), Dest: j.Destination, Format: j.Format}
	m.Report.add(summary, j.Insert)
	changed := newChanges(summary)
	if err = j.write(ctx, m, columns, run, seg, found, changed, summary, used.Keys); err != nil {
		return nil, err
	}
	if err := j.permitted(m); err != nil {
		return nil, err
	}
	m.Report.Rejections = found.list()
	m.Report.Candidates = found.candidates
	m.Report.Unverified = j.unverified()
	m.Run = facts.until(summary, changed)
	if err := j.brake(m, summary, changed); err != nil {
		return nil, err
	}
	for i := range m.Files {
		m.name(&m.Files[i], used.Names)
	}
	if j.dry {
		return m, nil
	}
	// The manifest makes the plan, so everything it names is durable before it.
	if m.Snapshot, err = run.Stage(ctx); err != nil {
		return nil, err
	}
	if err := j.fs.SyncDir(outboxDir); err != nil {
		return nil, errors.Join(fmt.Errorf("splio: write the outbox: %w", err), j.store.Discard(context.WithoutCancel(ctx), m.Snapshot))
	}
	if err := j.save(m); err != nil {
		return nil, err // the manifest may be there: its snapshot goes after it, by sweep
	}
	if err := j.recordBraked(m); err != nil {
		return nil, err
	}
	return m, nil
}

// makeRoom clears the outbox for a new plan, unless it holds one that is not
// to be replaced.
func (j *job) makeRoom(ctx context.Context) (*ledger, error) {
	load := func() (*manifest, error) { return loadManifest(j.fs, j.State) }
	if j.dry {
		load = j.readManifest
	}
	m, err := load()
	switch {
	case errors.Is(err, ErrNoPlan):
	case err != nil:
		return nil, err
	case m.State == discarding && !j.dry:
		if err := j.owned(m); err != nil {
			return nil, err
		}
		if err := j.discard(ctx, m); err != nil {
			return nil, err
		}
	case m.State != PlanReady && m.State != PlanBraked:
		return nil, j.pending(m)
	default:
		if err := j.owned(m); err != nil {
			return nil, err
		}
		if err := j.recordBraked(m); err != nil {
			return nil, err
		}
	}
	used, err := j.loadLedger()
	if err != nil {
		return nil, err
	}
	if err := j.continues(ctx, used); err != nil {
		return nil, err
	}
	if err := j.fs.Mkdir(outboxDir); err != nil {
		return nil, fmt.Errorf("splio: make the outbox: %w", err)
	}
	if err := j.fs.SyncDir("."); err != nil {
		return nil, fmt.Errorf("splio: make the outbox: %w", err)
	}
	if err := j.clearOutbox(); err != nil {
		return nil, err
	}
	if j.dry { // nothing here is a preview's
		return used, nil
	}
	j.replaced(ctx, m)
	return used, j.sweep(ctx)
}

// continues refuses a snapshot that is not the one that the last plan left: what
// was sent since, it does not know.
func (j *job) continues(ctx context.Context, used *ledger) error {
	now, err := j.store.Current(ctx)
	if err != nil || used.Snapshot == "" || now == used.Snapshot {
		return err
	}
	return j.lostSnapshot()
}

// knownKeys brings keys from elsewhere into the form that the mapping renders.
// One that has no such form can not match any record.
func knownKeys(mapper *mapping.Mapper, keys iter.Seq2[string, error]) iter.Seq2[[]byte, error] {
	if keys == nil {
		return nil
	}
	return func(yield func([]byte, error) bool) {
		read, used := 0, 0
		for k, err := range keys {
			if err != nil {
				yield(nil, err)
				return
			}
			read++
			if key, ok := mapper.Key(mapping.StringValue(k)); ok {
				used++
				if !yield(key, nil) {
					return
				}
			}
		}
		if read > 0 && used == 0 { // everything would be held back, silently
			yield(nil, fmt.Errorf("splio: none of the %d known keys has the form of a key: give one key at a time, without quotes or header", read))
		}
	}
}

// withNumbers are changes of which nothing but the numbers are told.
func withNumbers(numbers iter.Seq[int64]) iter.Seq2[*diff.Change, error] {
	return func(yield func(*diff.Change, error) bool) {
		var c diff.Change
		for c.Seq = range numbers {
			if !yield(&c, nil) {
				return
			}
		}
	}
}

// withRecords are the changes of a run that are about a record of the segment.
func withRecords(ctx context.Context, run Comparison) iter.Seq2[*diff.Change, error] {
	return func(yield func(*diff.Change, error) bool) {
		for c, err := range run.Changes(ctx) {
			if err == nil && c.Kind == diff.Gone || !yield(c, err) {
				return
			}
		}
	}
}

// keyRejection rejects a record for its key.
func (j *job) keyRejection(seq, line int64, reason string) mapping.Rejection {
	return mapping.Rejection{
		Seq: seq, Line: line, Field: j.Mapping.Key.From, Attribute: j.Mapping.Key.To,
		Reason: reason, Action: mapping.Rejected,
	}
}

// conflict passes a conflicting duplicate on, with the values that were spooled.
func (j *job) conflict(r mapping.Rejection, values [][]byte) error {
	if j.OnRejectedRecord == nil {
		return nil
	}
	rec := &mapping.Record{Seq: r.Seq, Line: r.Line, Values: make([]mapping.Value, len(values))}
	for i, v := range values {
		if v != nil {
			rec.Values[i] = mapping.TextValue(v)
		}
	}
	if err := j.OnRejectedRecord(rec, []mapping.Rejection{r}); err != nil {
		return fmt.Errorf("splio: Activation.OnRejectedRecord: %w", err)
	}
	return nil
}
