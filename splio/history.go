package splio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
)

const (
	historyName = "history"
	historyRuns = 400 // that are remembered: a year of nights
)

// Outcome says what became of a run, or of its plan.
type Outcome string

// The outcomes.
const (
	OutcomeDelivered Outcome = "delivered" // all its files, by this run or by later ones
	OutcomeNothing   Outcome = "nothing"   // there was nothing to send, and what that leaves is remembered
	OutcomeBraked    Outcome = "braked"    // it has hit a brake, and nobody has released it
	OutcomeFailed    Outcome = "failed"    // its making or delivery ended with an error: see [RunRecord.Failure]
	OutcomeDiscarded Outcome = "discarded" // it was given up
)

// delivered reports whether State remembers what the plan had.
func (o Outcome) delivered() bool { return o == OutcomeDelivered || o == OutcomeNothing }

// RunRecord is what the history of a state keeps of a run: counts, times and names of
// brakes. It names no contact, and holds neither a value nor a text that somebody
// has written, such as the reason of a release.
type RunRecord struct {
	Plan    string  `json:"plan"` // its id; empty when the run has failed before it had one
	Outcome Outcome `json:"outcome"`
	// Failure says in a word what a failed run ended with. "interrupted" is a context
	// that ended. Of a delivery, "waiting" is [ErrWaiting], "delivery" any other error
	// before all files had arrived, and "state" one after that. Without a plan it is
	// the [Stage] that the run has come to: "reading", also when it had not begun to
	// read, "comparing" or "writing".
	Failure string `json:"failure,omitempty"`

	// Time is when the plan began to be made, and Finished when it got this outcome,
	// in UTC and whole seconds; [Activation.Now], where it is set. Duration is what
	// making the plan took, and the last attempt to deliver it; that it waited for
	// somebody in between does not count.
	Time     time.Time     `json:"time"`
	Finished time.Time     `json:"finished"`
	Duration time.Duration `json:"duration_ns"`

	// Mapping tells whether two runs had the same mapping: the first 16 digits of a
	// digest of all that turns a record into cells, which is the mapping, the types
	// of attributes, and what of the format decides about rejections.
	Mapping string `json:"mapping,omitempty"`

	// The counts of the [Report], and who is new or has changed: as Inserted and
	// Updated, without those who are sent again, as by Refresh, or for an attribute
	// alone that was not sent before. [Brakes.Rows] compares it.
	Read      int64 `json:"read"`
	Rejected  int64 `json:"rejected"`
	Duplicate int64 `json:"duplicate"`
	HeldBack  int64 `json:"held_back"`
	Unchanged int64 `json:"unchanged"`
	Inserted  int64 `json:"inserted"`
	Updated   int64 `json:"updated"`
	Changed   int64 `json:"changed"`
	Left      int64 `json:"left"`
	Uncertain int64 `json:"uncertain"`
	LeftRows  int64 `json:"left_rows"`
	Deleted   int64 `json:"deleted"`

	// Files, Rows and Bytes are what has arrived, or may have.
	Files int   `json:"files"`
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`

	First    bool    `json:"first,omitempty"`    // nothing was delivered before
	Partial  bool    `json:"partial,omitempty"`  // the segment was only a part
	Released bool    `json:"released,omitempty"` // somebody has approved the plan
	Brakes   []Brake `json:"brakes,omitempty"`   // that were hit
}

// History returns the runs that State remembers, the newest last, at most 400. A
// run is listed once, with its last outcome, when its plan was delivered, had
// nothing to send, was braked, failed on its way or was discarded. A plan that was
// made to be looked at and then replaced is not listed, nor is an
// [Activation.Preview] or an [Activation.Adopt].
//
// An [Activation.Run] or [Activation.Plan] that failed before it had a plan is
// listed with the stage it reached and its time only; of more than two in a row
// that failed alike, the first and the last. It is not listed when the
// configuration or the state was refused, when another run was at work or another
// plan on its way, when State could not be written to, or when it could not begin
// to read and State has no history yet.
//
// It needs nothing of the activation but State, and no lock. A state without history,
// or none at all, has no runs. A file that can not be used is a diff.StateError; it
// stops no run, see [Report.HistorySkipped].
func (a Activation) History(ctx context.Context) ([]RunRecord, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("splio: %w", err)
	}
	fsys, err := a.openState()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("splio: open the state directory: %w", err)
	}
	defer fsys.Close()
	h, err := loadHistory(fsys, a.State)
	if err != nil {
		return nil, err
	}
	return h.Runs, nil
}

// history is the sealed file of that name.
type history struct {
	Scope string      `json:"scope"`
	Runs  []RunRecord `json:"runs"` // the newest last
}

// UnmarshalJSON reads a history and refuses one that no run could have left: its
// words are shown to people.
func (h *history) UnmarshalJSON(data []byte) error {
	type plain history // without this method
	if err := json.Unmarshal(data, (*plain)(h)); err != nil {
		return err
	}
	for i, r := range h.Runs {
		least := min(r.Read, r.Rejected, r.Duplicate, r.HeldBack, r.Unchanged, r.Inserted, r.Updated, r.Changed,
			r.Left, r.Uncertain, r.LeftRows, r.Deleted, int64(r.Files), r.Rows, r.Bytes, int64(r.Duration))
		words := (bare(r.Plan) || r.unplanned()) && bare(string(r.Outcome)) && (r.Failure == "" || bare(r.Failure)) && (r.Mapping == "" || bare(r.Mapping))
		for _, b := range r.Brakes {
			words = words && bare(string(b))
		}
		if least < 0 || !words {
			return fmt.Errorf("runs[%d]: impossible", i)
		}
	}
	return nil
}

// sealed is the file, a run a line.
func (h *history) sealed() ([]byte, error) {
	scope, err := json.Marshal(h.Scope)
	if err != nil {
		return nil, err
	}
	body := fmt.Appendf(nil, "{\"scope\":%s,\"runs\":[", scope)
	for i, r := range h.Runs {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(body, '\n'), line...)
	}
	body = append(body, "\n]}\n"...)
	return append(seal(historyName, body), body...), nil
}

// errHistory is that a history is not what was written.
var errHistory = fmt.Errorf("%w (no run needs it: move it away, and the next one begins another)", diff.ErrDamaged)

func loadHistory(fsys vfs.FS, dir string) (*history, error) {
	h := new(history)
	path := filepath.Join(dir, historyName)
	err := unseal(fsys, historyName, path, historyName, h)
	switch {
	case err == nil:
		return h, nil
	case errors.Is(err, fs.ErrNotExist):
		return new(history), nil
	case errors.Is(err, diff.ErrDamaged), errors.Is(err, vfs.ErrTooLarge):
		err = fmt.Errorf("splio: %w", &diff.StateError{Path: path, Err: errHistory})
	}
	return nil, err
}

// past is the history as a plan or its end needs it. One that can not be used stops
// nobody: it is nil, and the report says why.
func (j *job) past(r *Report) (_ *history, err error) {
	fsys := j.fs
	if j.dry {
		if fsys, err = j.openState(); errors.Is(err, fs.ErrNotExist) {
			return new(history), nil
		} else if err != nil {
			return nil, fmt.Errorf("splio: open the state directory: %w", err)
		}
		defer fsys.Close()
	}
	h, err := loadHistory(fsys, j.State)
	if err == nil && h.Scope != "" && h.Scope != j.scope() {
		err = fmt.Errorf("splio: %w", &diff.StateError{Path: filepath.Join(j.State, historyName), Err: diff.ErrForeign})
	}
	if _, unusable := errors.AsType[*diff.StateError](err); !unusable {
		return h, err
	}
	what := "is damaged"
	switch {
	case errors.Is(err, diff.ErrVersion):
		what = "was written by a newer version"
	case errors.Is(err, diff.ErrForeign):
		what = "belongs to another universe or key"
	}
	r.HistorySkipped = "the file " + historyName + " in the state " + what +
		": it was left as it is, this run is not in it, and the brakes that compare with earlier runs do not hold; move it away, and the next run begins another"
	return nil, nil
}

// runFacts is what the history wants to know of the making of a plan.
type runFacts struct {
	Time    time.Time     `json:"time"`
	Making  time.Duration `json:"making_ns"`
	Mapping string        `json:"mapping"`
	Changed int64         `json:"changed"`

	Partial  bool `json:"partial,omitempty"`
	Released bool `json:"released,omitempty"`

	began time.Time
}

// beginFacts are those of a plan that is begun.
func (j *job) beginFacts() (f runFacts, err error) {
	f = runFacts{Time: j.stamp(), Partial: j.Partial, began: time.Now()}
	f.Mapping, err = j.rendering()
	f.Mapping = f.Mapping[:min(16, len(f.Mapping))]
	return f, err
}

// until are the facts of a plan that is made.
func (f runFacts) until(s *diff.Summary, c *changes) runFacts {
	f.Making, f.Changed = time.Since(f.began), s.New+c.count
	return f
}

// stamp is the time of the run as the history has it.
func (j *job) stamp() time.Time { return j.clock().UTC().Truncate(time.Second) }

// ran is the record of a plan.
func (m *manifest) ran(o Outcome) RunRecord {
	p, f := &m.Report, &m.Run
	r := RunRecord{
		Plan: m.Plan, Outcome: o, Time: f.Time, Duration: f.Making, Mapping: f.Mapping,
		Read: p.Read, Rejected: p.Rejected, Duplicate: p.Duplicate, HeldBack: p.HeldBack, Unchanged: p.Unchanged,
		Inserted: p.Inserted, Updated: p.Updated, Changed: f.Changed, Left: p.Left, Uncertain: p.Uncertain, LeftRows: p.LeftRows, Deleted: p.Deleted,
		First: p.First, Partial: f.Partial, Released: f.Released || m.Reason != "",
	}
	for _, b := range p.Brakes {
		if b.Hit && !slices.Contains(r.Brakes, b.Brake) {
			r.Brakes = append(r.Brakes, b.Brake)
		}
	}
	for _, file := range m.Files {
		if file.sent() {
			r.Files++
			r.Rows += file.Rows
			r.Bytes += file.Bytes
		}
	}
	return r
}

// record enters a plan into the history, in place of what that had of it. It is
// written again even if it is there: that may be lost in a power cut.
func (j *job) record(m *manifest, r RunRecord) error {
	h, err := j.past(&m.Report)
	if h == nil {
		return err
	}
	r.Finished = j.stamp()
	return j.enter(h, r)
}

// enter enters a run into a history, and writes that.
func (j *job) enter(h *history, r RunRecord) error {
	h.Scope = j.scope()
	h.add(r)
	data, err := h.sealed()
	if err == nil {
		err = vfs.WriteFile(j.fs, ".", historyName, data)
	}
	if err != nil {
		return fmt.Errorf("splio: write the history of runs: %w", err)
	}
	return nil
}

// add puts a run at the end, in place of what there is of its plan. Of runs in a row
// that failed alike without a plan, the first and the last say all: a scheduler that
// tries again every minute would drive out the runs that brakes compare with.
func (h *history) add(r RunRecord) {
	n := len(h.Runs)
	switch alike := func(o RunRecord) bool { return o.unplanned() && o.Failure == r.Failure }; {
	case !r.unplanned():
		h.Runs = slices.DeleteFunc(h.Runs, func(o RunRecord) bool { return o.Plan == r.Plan })
	case n > 1 && alike(h.Runs[n-1]) && alike(h.Runs[n-2]):
		h.Runs = h.Runs[:n-1]
	}
	h.Runs = append(h.Runs, r)
	h.Runs = h.Runs[max(0, len(h.Runs)-historyRuns):]
}

// unplanned reports whether the run has failed before it had a plan.
func (r RunRecord) unplanned() bool { return r.Plan == "" && r.Outcome == OutcomeFailed }

// recordDelivered enters a plan whose snapshot was published.
func (j *job) recordDelivered(m *manifest) error {
	o := OutcomeDelivered
	if len(m.Files) == 0 {
		o = OutcomeNothing
	}
	r := m.ran(o)
	r.Duration += j.applied()
	return j.record(m, r)
}

// recordBraked enters a plan that is braked, unless it is there already: the
// process that has made it may have been killed before.
func (j *job) recordBraked(m *manifest) error {
	if j.dry || m.State != PlanBraked {
		return nil
	}
	h, err := j.past(&m.Report)
	if h == nil || slices.ContainsFunc(h.Runs, func(r RunRecord) bool { return r.Plan == m.Plan }) {
		return err
	}
	return j.record(m, m.ran(OutcomeBraked))
}

// recordFailed enters a plan whose delivery has failed, and returns the error of
// that. A state or configuration that is refused is left as it is.
func (j *job) recordFailed(ctx context.Context, m *manifest, failed error) error {
	if _, refused := errors.AsType[*diff.StateError](failed); refused || errors.Is(failed, ErrConfig) {
		return failed
	}
	r := m.ran(OutcomeFailed)
	r.Duration += j.applied()
	switch {
	case ctx.Err() != nil:
		r.Failure = "interrupted"
	case errors.Is(failed, ErrWaiting):
		r.Failure = "waiting"
	case slices.ContainsFunc(m.Files, func(f manifestFile) bool { return !f.Delivered }):
		r.Failure = "delivery"
	default:
		r.Failure = "state"
	}
	return errors.Join(failed, j.record(m, r))
}

// recordUnplanned enters a run that has failed before it had a plan. Nothing more can
// fail: that the history can not be written, on a full disk say, is of no interest
// beside the error that there is. What is refused is left as it is.
func (j *job) recordUnplanned(ctx context.Context, began time.Time, failed error) {
	if j.dry || errors.Is(failed, ErrConfig) || errors.Is(failed, ErrPending) || is[*diff.StateError](failed) {
		return
	}
	h, err := j.past(new(Report))
	if h == nil || err != nil {
		return
	}
	r := RunRecord{Outcome: OutcomeFailed, Failure: string(StageReading), Finished: j.stamp(), Duration: time.Since(began), Partial: j.Partial}
	if r.Time = r.Finished; j.Now.IsZero() {
		r.Time = began.UTC().Truncate(time.Second)
	}
	stage := j.watch.stage()
	switch {
	case ctx.Err() != nil:
		r.Failure = "interrupted"
	case stage == StageComparing, stage == StageWriting:
		r.Failure = string(stage)
	}
	_ = j.enter(h, r)
}

// recordUnopened is recordUnplanned of a run that has not opened its state. It begins
// no history: nobody has looked whether this is a state, and of which universe.
func (a Activation) recordUnopened(ctx context.Context, began time.Time, failed error) {
	if errors.Is(failed, ErrConfig) || errors.Is(failed, diff.ErrLocked) {
		return
	}
	j := &job{Activation: a}
	var err error
	if j.loc, err = a.Mapping.Location(); err != nil {
		return
	}
	if j.fs, err = a.openState(); err != nil {
		return
	}
	defer j.fs.Close()
	if h, err := loadHistory(j.fs, a.State); err != nil || h.Scope == "" {
		return
	}
	lock, err := diff.Open(a.State, diff.Options{Scope: j.scope(), FS: j.fs})
	if err != nil {
		return
	}
	defer lock.Close()
	j.recordUnplanned(ctx, began, failed)
}

// applied is for how long the plan has been applied.
func (j *job) applied() time.Duration {
	if j.applying.IsZero() {
		return 0
	}
	return time.Since(j.applying)
}
