package splio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
)

// Explain says what the next plan over a segment would do about one contact, and
// why, what the current snapshot remembers of it, and what a plan in the outbox
// does about it. Give the key as in the segment; the form it has in a file works
// too if the transforms of the key leave that unchanged. A key that the mapping
// rejects gives [VerdictNoKey], with the reason. If src is nil, only the state is
// looked at.
//
// While a plan is released or on its way, the next run delivers that first: then
// the verdict is about what comes after it. Explain does not check whether the
// plan as a whole would hit one of the Brakes: [Activation.Preview] does.
//
// It reads the segment and [Activation.Known] once each, and the snapshot, and holds
// no more than a few records in memory. The state is only read, and no lock is taken;
// when another run has moved the state on meanwhile, the error matches
// diff.ErrStale: ask again. [Activation.OnRejection] and OnRejectedRecord are not called.
//
// Errors are those of [Activation.Preview], other than [ErrPending]. With a [Differ]
// the error matches errors.ErrUnsupported.
func (a Activation) Explain(ctx context.Context, key string, src mapping.Source) (_ *Explanation, err error) {
	if a.Differ != nil {
		return nil, fmt.Errorf("splio: explain: the snapshots are with the Differ, which has no way to be asked about one contact: look at its tables: %w", errors.ErrUnsupported)
	}
	fields := src
	if src == nil {
		fields = fieldsOnly{a.Mapping}
	}
	mapper, err := a.check(ctx, fields)
	if err != nil {
		return nil, err
	}
	a.OnRejection, a.OnRejectedRecord = nil, nil
	x := &explainer{job: &job{Activation: a, dry: true}, mapper: mapper, asked: key, segment: src != nil}
	if err := x.keyed(ctx, fields); err != nil {
		return nil, err
	}
	if err := x.open(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	before, err := x.remember(ctx)
	if err != nil {
		return nil, err
	}
	if src != nil {
		if err := x.compare(ctx, src); err != nil {
			return nil, err
		}
	}
	after, err := x.dir.Current()
	if err != nil {
		return nil, err
	}
	if before != after {
		return nil, errMoved()
	}
	x.judge()
	x.out.Sentences = x.sentences()
	return &x.out, nil
}

// maxExplained bounds the records that an explanation names.
const maxExplained = 20

// explainer looks for one contact.
type explainer struct {
	*job   // which writes nothing; without its store
	mapper *mapping.Mapper
	dir    *diff.Store

	asked   string // the key as it was given
	form    []byte // as it is rendered; nil: it can not be
	key     []byte // the same, nil when no file can hold it
	segment bool   // there is one

	plan    *manifest        // in the outbox; nil: none
	first   bool             // whether it is delivered before anything else
	current *diff.Remembered // by the current snapshot
	base    *diff.Remembered // by the one that the next plan compares with

	summary     diff.Summary
	valid       int64           // records
	early, late ExplainedRecord // the first and the last valid one
	taken       ExplainedRecord
	out         Explanation
}

// keyed brings the key into its form, or finds out why it has none.
func (x *explainer) keyed(ctx context.Context, src mapping.Source) error {
	var ok bool
	if x.form, ok = x.mapper.Key(mapping.StringValue(x.asked)); ok {
		if x.key = x.form; !x.Format.survives(x.key) {
			x.key, x.out.Reason = nil, ReasonKey
		}
		return nil
	}
	fields, err := src.Fields(ctx)
	if err != nil {
		return fmt.Errorf("splio: read the segment: %w", err)
	}
	// A record with nothing else is asked for the reason.
	rec := mapping.Record{Seq: 1, Values: make([]mapping.Value, len(fields))}
	if i := slices.Index(fields, x.Mapping.Key.From); i >= 0 {
		rec.Values[i] = mapping.StringValue(x.asked)
	}
	var row mapping.Row
	x.mapper.Render(&row, &rec)
	x.out.Reason = "not a key by itself"
	for _, r := range row.Rejections {
		if r.Attribute == x.Mapping.Key.To && r.Action == mapping.Rejected {
			x.out.Reason = r.Reason
		}
	}
	return nil
}

// open opens the state for reading. A directory that is missing has nothing in it.
func (x *explainer) open() (err error) {
	if x.fs, err = x.openState(); errors.Is(err, fs.ErrNotExist) {
		x.fs, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("splio: open the state directory: %w", err)
	}
	if x.dir, err = x.snapshots(x.fs); err != nil {
		return errors.Join(err, x.close())
	}
	x.store = localStore{x.dir, x.fs}
	return nil
}

func (x *explainer) snapshots(fsys vfs.FS) (*diff.Store, error) {
	return diff.Open(x.State, diff.Options{Scope: x.scope(), Key: x.DigestKey, ReadOnly: true, FS: fsys})
}

func (x *explainer) close() error {
	var errs []error
	if x.dir != nil {
		errs = append(errs, x.dir.Close())
	}
	if x.fs != nil {
		errs = append(errs, x.fs.Close())
	}
	return errors.Join(errs...)
}

// errMoved is that what is looked at is not there any more.
func errMoved() error {
	return fmt.Errorf("splio: explain: another run has moved the state on meanwhile, or a part of it is missing: ask again: %w", diff.ErrStale)
}

// remember asks the state about the contact. It returns the id of the current
// snapshot.
func (x *explainer) remember(ctx context.Context) (current string, err error) {
	if x.plan, err = x.readManifest(); errors.Is(err, ErrNoPlan) {
		x.plan, err = nil, nil
	}
	if err != nil {
		return "", err
	}
	if current, err = x.dir.Current(); err != nil {
		return "", err
	}
	if x.plan != nil {
		if err := x.owned(x.plan); err != nil {
			return "", err
		}
	}
	// The ledger knows a moment later of a plan that was published, or given up.
	if x.plan == nil || x.plan.Snapshot != current && x.plan.State != discarding {
		used, err := x.loadLedger()
		if err == nil {
			err = x.continues(ctx, used)
		}
		if err != nil {
			return "", err
		}
	}
	if x.key != nil {
		if x.current, err = x.dir.Lookup(ctx, "", x.key); err != nil {
			return "", err
		}
	}
	x.out.Snapshot = explainedState(x.current)
	x.base = x.current
	if x.plan != nil {
		err = x.pending(ctx, current)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errMoved()
	}
	return current, err
}

func explainedState(r *diff.Remembered) *ExplainedState {
	if r == nil {
		return nil
	}
	return &ExplainedState{Unconfirmed: r.Unconfirmed, Due: r.Due, Reports: r.Reports}
}

// pending looks at the plan in the outbox.
func (x *explainer) pending(ctx context.Context, current string) error {
	m := x.plan
	p := &ExplainedPlan{Plan: m.Plan, State: m.State}
	x.out.Pending = p
	x.first = m.Snapshot != current && (m.State == PlanReleased || m.State == PlanApplying)
	if x.key == nil {
		return nil
	}
	for i := range m.Files {
		found, err := x.mentions(ctx, outboxDir+"/"+m.Files[i].Local, map[string]struct{}{string(x.key): {}})
		if err != nil {
			return fmt.Errorf("splio: explain: read a file of the outbox: %w", err)
		}
		if found {
			p.Files = append(p.Files, m.Files[i].File)
		}
	}
	if m.Snapshot == current {
		return nil
	}
	then, err := x.dir.Lookup(ctx, m.Snapshot, x.key)
	switch {
	case m.State == discarding && errors.Is(err, fs.ErrNotExist): // that is given up already
		return nil
	case err != nil:
		return err
	}
	if x.first {
		x.base = then
	}
	switch now := x.current; {
	case then == nil && now == nil:
		p.Verdict = VerdictUnknown
	case then == nil:
		p.Verdict = VerdictLeft
	case now == nil || now.Unconfirmed && !then.Unconfirmed:
		p.Verdict = VerdictNew
	default:
		p.Columns = then.Changed(now)
		switch {
		case len(p.Columns) > 0:
			p.Verdict = VerdictChanged
		case now.Due && !then.Due:
			p.Verdict = VerdictDue
		default:
			p.Verdict = VerdictUnchanged
		}
	}
	return nil
}

// compare reads the segment, and compares the records of the contact alone.
func (x *explainer) compare(ctx context.Context, src mapping.Source) (err error) {
	store := x.dir
	if x.first {
		// Its snapshot was looked at, so that it is whole.
		if store, err = x.snapshots(delivered{x.fs, x.plan.Snapshot}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
	}
	columns := x.mapper.Columns()[1:]
	run, err := store.Begin(ctx, columns, diff.RunOptions{
		Create:     x.Insert,
		Known:      x.known(),
		Duplicates: x.Duplicates,
		Partial:    true, // of all the others nothing is asked
		Refresh:    x.Refresh,
		Memory:     minMemory,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	if err := x.read(ctx, src, run.Feed()); err != nil {
		return err
	}
	if x.valid == 0 {
		return nil
	}
	s, err := run.Compare(ctx)
	if err != nil {
		return err
	}
	if x.summary = *s; s.First && x.first { // the plan's snapshot is gone
		return errMoved()
	}
	for c, err := range run.Changes(ctx) {
		if err != nil {
			return err
		}
		if c.Kind != diff.Changed && c.Kind != diff.Due {
			continue
		}
		for i := range c.Columns.All() {
			x.out.Columns = append(x.out.Columns, columns[i])
		}
	}
	return nil
}

// known are those of the known keys that are the contact's.
func (x *explainer) known() iter.Seq2[[]byte, error] {
	all := knownKeys(x.mapper, x.Known)
	if all == nil {
		return nil
	}
	return func(yield func([]byte, error) bool) {
		for k, err := range all {
			if (err != nil || bytes.Equal(k, x.key)) && !yield(k, err) {
				return
			}
		}
	}
}

// read puts the records of the contact.
func (x *explainer) read(ctx context.Context, src mapping.Source, feed *diff.Feed) error {
	r := &renderer{job: x.job, mapper: x.mapper, found: &tally{counts: make(map[RejectionCount]int64)}}
	var n int64
	for rec, err := range src.Records(ctx) {
		if err != nil {
			return fmt.Errorf("splio: read the segment: %w", err)
		}
		if n++; n&1023 == 0 {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("splio: read the segment: %w", err)
			}
		}
		if err := r.render(rec); err != nil {
			return err
		}
		row := &r.row
		if row.Key == nil {
			x.out.Unusable++
		}
		if !x.isIts(row) {
			continue
		}
		x.found(n, row)
		if row.OK {
			if err := feed.Put(n, row.Key, row.Cells[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// isIts reports whether a record is of the contact. One whose key is rejected is of
// a key that has no form, when that was given just so.
func (x *explainer) isIts(row *mapping.Row) bool {
	if x.key != nil {
		return bytes.Equal(row.Key, x.key)
	}
	if row.Key != nil {
		return false
	}
	if x.form != nil {
		return bytes.Equal(row.Cells[0], x.form)
	}
	return slices.ContainsFunc(row.Rejections, func(r mapping.Rejection) bool {
		value := strings.TrimSpace(r.Value())
		return value != "" && r.Attribute == x.Mapping.Key.To && r.Action == mapping.Rejected && value == strings.TrimSpace(x.asked)
	})
}

// found takes note of a record of the contact.
func (x *explainer) found(n int64, row *mapping.Row) {
	rec := ExplainedRecord{Record: n, Line: row.Line}
	for _, r := range row.Rejections {
		rec.Rejections = append(rec.Rejections, RejectionCount{Field: r.Field, Attribute: r.Attribute, Reason: r.Reason, Action: r.Action, Count: 1})
	}
	x.out.Found++
	if !row.OK {
		x.out.Rejected++
		rec.Verdict = VerdictRejected
	} else {
		if x.valid++; x.valid == 1 {
			x.early = rec
		}
		x.late = rec
	}
	if len(x.out.Records) < maxExplained {
		x.out.Records = append(x.out.Records, rec)
	}
}

// judge comes to the verdicts.
func (x *explainer) judge() {
	o, s := &x.out, &x.summary
	o.Verdict = x.verdict()
	o.Sent = o.Verdict == VerdictNew || o.Verdict == VerdictChanged || o.Verdict == VerdictDue
	o.Rejected += s.Conflicting
	o.Duplicate = s.Duplicate
	if x.valid == 0 {
		return
	}
	if x.taken = x.early; x.Duplicates == diff.LastWins {
		x.taken = x.late
	}
	for i := range o.Records {
		switch r := &o.Records[i]; {
		case r.Verdict == VerdictRejected:
		case s.Conflicting > 0:
			r.Verdict = VerdictConflict
		case r.Record == x.taken.Record:
			r.Verdict = VerdictTaken
		default:
			r.Verdict = VerdictDuplicate
		}
	}
	if s.Conflicting == 0 && x.taken.Record > o.Records[len(o.Records)-1].Record {
		x.taken.Verdict = VerdictTaken
		o.Records = append(o.Records, x.taken)
	}
}

// verdict is what becomes of the contact.
func (x *explainer) verdict() Verdict {
	s := &x.summary
	switch {
	case x.key == nil:
		return VerdictNoKey
	case x.out.Found == 0:
		switch {
		case x.base == nil:
			return VerdictUnknown
		case !x.segment:
			return VerdictRemembered
		case x.Partial || x.out.Unusable > x.MaxUnusable:
			return VerdictKept
		}
		return VerdictLeft
	case x.valid == 0:
		return VerdictRejected
	case s.Conflicting > 0:
		return VerdictConflict
	case s.HeldBack > 0:
		return VerdictHeldBack
	case s.New > 0:
		return VerdictNew
	case s.Changed > 0:
		return VerdictChanged
	case s.Due > 0:
		return VerdictDue
	}
	return VerdictUnchanged
}

// delivered is a state directory as it will be once a plan was delivered. It is for
// reading.
type delivered struct {
	vfs.FS
	snapshot string // of the plan
}

func (d delivered) OpenFile(name string, flag int) (vfs.File, error) {
	if name == "snapshot.current" {
		name = "snapshot.staged-" + d.snapshot
	}
	return d.FS.OpenFile(name, flag)
}

// fieldsOnly is a segment without records that has the fields a mapping asks for.
type fieldsOnly struct{ mapping mapping.Mapping }

func (s fieldsOnly) Fields(context.Context) (names []string, _ error) {
	m := s.mapping
	for _, f := range append([]mapping.Field{m.Key}, m.Fields...) {
		names = append(names, f.From)
		for _, t := range f.Transforms {
			names = append(names, t.Fields...)
		}
	}
	names = slices.Compact(slices.Sorted(slices.Values(append(names, m.Custom...))))
	return slices.DeleteFunc(names, func(name string) bool { return name == "" }), nil
}

func (fieldsOnly) Records(context.Context) iter.Seq2[*mapping.Record, error] {
	return func(func(*mapping.Record, error) bool) {}
}
