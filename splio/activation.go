package splio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
)

// Activation keeps the contacts of a universe in step with a segment. It is
// plain configuration: copy it freely, and use it from any goroutine. What it
// does is in the package comment.
type Activation struct {
	Destination Destination
	Mapping     mapping.Mapping

	// Funcs are the Go functions that the mapping's transforms ask for.
	Funcs []mapping.Func

	// State is the directory that remembers what was delivered. It is made when
	// missing. It belongs to one activation: its mapping and sub-sequence may
	// change over time, its universe and key attribute may not. Two activations
	// that take turns on one State undo each other's memory of their attributes.
	// An attribute that was dropped and is later mapped again is sent for contacts
	// that have a value in it; to clear it for the others, Refresh.
	//
	// After a State was restored from a backup, run once with Refresh.
	State string

	// Differ, when set, keeps the snapshots and compares, in place of package diff
	// in State: it is for a segment that stays in its SQL engine, see package
	// splio/warehouse. State still holds the rest, and belongs to the snapshots of
	// this Differ. Memory then has no effect, DigestKey is required, and Preview
	// needs the same of the Differ as Plan. Faults of a record are reported, and
	// counted in [Report.Rejections], only when the record is a candidate.
	Differ Differ

	// Insert is the insert mode. On, rows may create contacts: the sub-sequence
	// must create and update. Off, rows only update contacts that exist in
	// Splio: the sub-sequence must only update, and ignores other rows.
	Insert bool

	// Known yields the keys that exist in Splio: [ReadKeys] reads them from an
	// export, and source.Each makes a sequence of keys in memory. With Insert off,
	// new records that are not among them are then held back instead of being
	// sent, and looked at again in the next run. It is read once a run.
	Known iter.Seq2[string, error]

	// Duplicates is what becomes of records that share a key and differ. By
	// default they are all rejected.
	Duplicates diff.DuplicatePolicy

	// MaxUnusable is the most records without a usable key with which contacts
	// that are not in the segment still count as left. With more, these contacts
	// keep their state, since such a record may be theirs. The default is 0.
	MaxUnusable int64

	// Partial says that the segment is only a part, such as a repaired file of
	// rejects: contacts that are not in it keep their state.
	Partial bool

	// Refresh sends every valid record, changed or not. Together with Partial it
	// sends a few records again, such as those that Splio has reported as bad.
	Refresh bool

	// Format says how files are written.
	Format Format

	// Rows says which cells are sent of a contact that has changed. By default all
	// of them.
	Rows Rows

	// MaxFiles is the most files of a sub-sequence that contacts with different
	// sets of columns are spread over: 64 when 0. It bounds the sets that absent
	// cells, or Rows, lead to, not the parts of a set that is larger than a file.
	MaxFiles int

	// Subscribe are the ids of lists that contacts join when they are inserted, 0
	// to 63, unless their row says something else of a list. It needs Insert.
	Subscribe []int

	// Left is what is done about contacts that are not in the segment any more. By
	// default nothing is.
	Left Left

	// Brakes are the limits beyond which a plan is not sent before somebody has
	// looked at it. By default all are on.
	Brakes Brakes

	// Waiting says what to do when files of earlier plans are still in the drop
	// directory before one is sent. By default the report names them.
	Waiting Waiting

	// WaitFor is how long [AwaitWaiting] waits at most: an hour when 0, until the
	// context ends when negative.
	WaitFor time.Duration

	// Retain is the number of delivered plans whose files and manifest are kept,
	// in the directory sent of State, to be looked at later; the run that delivers
	// a newer plan removes older ones. They are personal data in clear. The
	// default is 0: nothing is kept, and what was kept is removed.
	Retain int

	// Memory is how many bytes the comparison may hold, at least 16 MiB; the rest
	// goes to temporary files in State. When it is 0, that is 64 MiB; for a CSV
	// file, recognising texts from the last run may take up to 200 MiB more, at
	// 3.5 to 6 bytes for each contact. Where that does not fit, a run takes longer.
	// See [diff.RunOptions]. Reading and rendering takes a few MiB for each
	// processor besides, of which at most 16 are used.
	Memory int64

	// DigestKey is the secret, of 16 bytes or more, under which the state holds
	// digests in place of values. By default one is made at the first run and
	// kept in the state directory.
	DigestKey diff.Key

	// OnRejection, when set, is called for everything found wrong with a value
	// or record while a plan is made, from one goroutine; those of conflicting
	// duplicates come last. What [mapping.Rejection.Value] returns is personal
	// data. The run waits for each call. Without it, records of a CSV file in which
	// values were mended before need not be rendered again to be counted.
	OnRejection func(mapping.Rejection)

	// OnRejectedRecord, when set, is called for each record that is rejected as a
	// whole, with all that was found wrong with it, so that it can be repaired and
	// fed back: the method Write of a source.Rejects writes such records to a
	// file, which lacks records until its Close, after the run, has returned nil (see
	// the example "Rejects"). Conflicting duplicates come last, with values that are
	// text. An error ends the making of the plan. The record is valid during the call
	// only.
	OnRejectedRecord func(*mapping.Record, []mapping.Rejection) error

	// OnProgress, when set, is told how far the call is: at the beginning and end of
	// each [Stage], and in between for each chunk or batch of about 1 MiB, or some
	// thousand rows. Where chunks begin depends on the number of processors, and
	// nothing else that is told does. It is called from one goroutine at a time, not
	// always the same, and maybe while OnRejection or OnRejectedRecord is. The run waits
	// for each call.
	OnProgress func(Progress)

	// Logger, when set, gets the events that the package comment lists, with the
	// context of the call. No value, key, secret or path is among their attributes.
	// By default nothing is logged.
	Logger *slog.Logger

	// Now is the time of the run, for the date in file names. By default it is
	// the present. The same segment, state and Now give the same bytes.
	Now time.Time

	openFS func(dir string) (vfs.FS, error) // for tests; nil: vfs.OS
	watch  *watch                           // of the call; nil: it is none that is followed
}

// What package diff takes.
const (
	minDigestKey = 16       // bytes of the shortest digest key
	minMemory    = 16 << 20 // the smallest budget
)

// job is an activation at work on its open state.
type job struct {
	Activation
	fs    vfs.FS // where outbox and ledger are
	store Snapshots
	lock  *diff.Store // of the state directory, when the snapshots are elsewhere
	loc   *time.Location
	dry   bool   // the state is not to be touched: fs is a scratch directory
	seen  vfs.FS // then, the state directory; nil: there is none
	quiet bool   // no files are made
	early *early // nil: files are written once everything was compared

	applying time.Time // since when a plan is applied
}

// scope is what a state directory belongs to.
func (a Activation) scope() string {
	return "universe " + a.Destination.Universe + ", key " + a.Mapping.Key.To
}

// validate checks what can be checked without a segment or the disk.
func (a Activation) validate() error {
	errs := []error{a.Destination.validate()}
	if a.State == "" {
		errs = append(errs, errors.New("splio: Activation.State: give the directory that remembers what was delivered"))
	}
	if a.Insert && a.Known != nil {
		errs = append(errs, errors.New("splio: Activation.Known makes no sense with Insert: a contact that is not known is created"))
	}
	if a.Duplicates > diff.LastWins {
		errs = append(errs, fmt.Errorf("splio: Activation.Duplicates: unknown policy %d", a.Duplicates))
	}
	if a.Memory != 0 && a.Memory < minMemory {
		errs = append(errs, fmt.Errorf("splio: Activation.Memory is %d, at least %d are needed", a.Memory, minMemory))
	}
	switch a.Rows {
	case FullRows, ChangedOnly, ExactlyChanged:
	default:
		errs = append(errs, fmt.Errorf("splio: Activation.Rows is %q: it can be empty, %q or %q", a.Rows, ChangedOnly, ExactlyChanged))
	}
	if a.MaxFiles < 0 || a.MaxFiles > 4096 {
		errs = append(errs, fmt.Errorf("splio: Activation.MaxFiles is %d, 0 to 4096 are possible", a.MaxFiles))
	}
	if len(a.Subscribe) > 0 && !a.Insert {
		errs = append(errs, errors.New("splio: Activation.Subscribe is for contacts that are inserted, and Insert is off"))
	}
	if !areLists(a.Subscribe) {
		errs = append(errs, fmt.Errorf("splio: Activation.Subscribe: ids of lists are 0 to %d", maxLists-1))
	}
	errs = append(errs, a.validateLeft(), a.Brakes.validate(), a.Waiting.validate())
	if a.Retain < 0 {
		errs = append(errs, errors.New("splio: Activation.Retain is negative"))
	}
	if a.Destination.Creating != "" && !a.Insert {
		errs = append(errs, errors.New("splio: Destination.Creating is for contacts that are inserted, and Insert is off"))
	}
	if a.MaxUnusable < 0 {
		errs = append(errs, errors.New("splio: Activation.MaxUnusable is negative"))
	}
	if y := a.Now.Year(); !a.Now.IsZero() && (y < 1 || y > 9998) {
		errs = append(errs, fmt.Errorf("splio: Activation.Now is in the year %d, which file names can not hold", y))
	}
	if n := len(a.DigestKey); a.DigestKey != nil && n < minDigestKey {
		errs = append(errs, fmt.Errorf("splio: Activation.DigestKey has %d bytes, at least %d are needed", n, minDigestKey))
	}
	if _, err := a.Format.validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Check reports all that is wrong with the configuration and with the mapping
// on this segment, joined, and matches [ErrConfig] then. It reads the names of the
// segment's fields, and touches neither state nor transport. When these can not be
// read, such as from a database that is down, it reports that, and whatever else can
// be seen without them.
func (a Activation) Check(ctx context.Context, src mapping.Source) error {
	_, err := a.check(ctx, src)
	return err
}

// check validates everything at once, the mapping against the segment too.
func (a Activation) check(ctx context.Context, src mapping.Source) (*mapping.Mapper, error) {
	err := a.validate()
	if src == nil {
		return nil, wrong(errors.Join(err, errors.New("splio: there is no segment: give a mapping.Source")))
	}
	if a.Differ != nil {
		err = errors.Join(err, a.Differ.Check(a, src))
	}
	fields, ferr := src.Fields(ctx)
	if ferr != nil { // a database that is down hides nothing else
		_, berr := a.bind(reads(a.Mapping))
		return nil, errors.Join(wrong(errors.Join(err, berr)), fmt.Errorf("splio: read the segment: %w", ferr))
	}
	mapper, berr := a.bind(fields)
	return mapper, wrong(errors.Join(err, berr))
}

// reads are the fields of a segment that a mapping reads.
func reads(m mapping.Mapping) (names []string) {
	add := func(more ...string) {
		for _, name := range more {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, f := range append([]mapping.Field{m.Key}, m.Fields...) {
		add(f.From)
		for _, t := range f.Transforms {
			add(t.Fields...)
		}
	}
	add(m.Custom...)
	return names
}

// open opens the state and locks it.
func (a Activation) open(ctx context.Context) (_ *job, err error) {
	j := &job{Activation: a}
	if j.loc, err = a.Mapping.Location(); err != nil {
		return nil, err
	}
	if err := vfs.MkdirAll(a.State); err != nil {
		return nil, fmt.Errorf("splio: make the state directory: %w", err)
	}
	if j.fs, err = a.openState(); err != nil {
		return nil, fmt.Errorf("splio: open the state directory: %w", err)
	}
	if err := j.openStore(ctx); err != nil {
		return nil, errors.Join(j.full(err), j.fs.Close())
	}
	return j, nil
}

// start checks the configuration and opens the state, for a plan. That it could not
// is in the history, if that can be.
func (a Activation) start(ctx context.Context, src mapping.Source) (*mapping.Mapper, *job, error) {
	began := time.Now()
	mapper, err := a.check(ctx, src)
	if err == nil {
		var j *job
		if j, err = a.open(ctx); err == nil {
			return mapper, j, nil
		}
	}
	a.recordUnopened(ctx, began, err)
	return nil, nil, err
}

// clock is the time of the run, in the zone of the mapping.
func (j *job) clock() time.Time {
	if j.Now.IsZero() {
		return time.Now().In(j.loc)
	}
	return j.Now.In(j.loc)
}

// Plan finds what is to be sent and leaves it in the outbox, ready: it touches
// no network, and publishes nothing. A plan that is ready or braked already is
// replaced; one that was released or is on its way makes the error match
// [ErrPending].
//
// When the plan has hit one of the [Brakes], it is left in the outbox, braked,
// and comes together with a [*BrakeError]. With any other error there is no plan.
//
// Wrong configuration is reported all at once, with [ErrConfig], before the state
// is opened. Except in a first run, a CSV file is read a second time, for the
// records that have changed; a file that was written to or replaced in between
// gives an error. A record in it whose text is the same as in the last delivered
// run is not rendered again, as long as the mapping, the header, the rules of its
// time zones, this module and the version of Go are the same. A function without a
// [mapping.Transform] Version, or a key made of several fields, prevents that. A
// build whose version is unknown has to be the same executable file.
//
// A plan that would fill the disk of State fails before it does. After an error
// the state is as it was, except that a ready plan may be gone, and that
// [Activation.History] says so. When ctx ends, the error holds context.Cause(ctx).
func (a Activation) Plan(ctx context.Context, src mapping.Source) (_ *Plan, err error) {
	a, ended := a.watched(ctx, "plan")
	defer func() { ended(err) }()
	mapper, j, err := a.start(ctx, src)
	if err != nil {
		return nil, err
	}
	m, err := j.makePlan(ctx, mapper, src)
	if err := errors.Join(err, j.close()); err != nil {
		return nil, err
	}
	if m.State == PlanBraked {
		return m.plan(a), m.brakeError()
	}
	return m.plan(a), nil
}

// Preview finds what Plan would, and leaves no trace: the state is only read,
// and a directory that is missing stays missing. It needs no lock, and, unless
// the segment is a CSV file, temporary disk space for one copy of the rendered
// segment. The files, which have the names they would get, are measured and not
// kept. Brakes that a plan would hit are told in [Report.Brakes], and are no error.
// While an earlier plan waits to be delivered, the error matches [ErrPending].
func (a Activation) Preview(ctx context.Context, src mapping.Source) (_ *Report, err error) {
	a, ended := a.watched(ctx, "preview")
	defer func() { ended(err) }()
	mapper, err := a.check(ctx, src)
	if err != nil {
		return nil, err
	}
	j := &job{Activation: a, dry: true}
	if j.loc, err = a.Mapping.Location(); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "spliosync-")
	if err != nil {
		return nil, fmt.Errorf("splio: make a temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	state, err := a.openState()
	switch {
	case err == nil:
		defer state.Close()
		j.seen = state
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("splio: open the state directory: %w", err)
	}
	if j.fs, err = a.openDir(scratch); err != nil {
		return nil, fmt.Errorf("splio: open a temporary directory: %w", err)
	}
	if err := j.lookStore(ctx); err != nil {
		return nil, errors.Join(err, j.fs.Close())
	}
	m, err := j.makePlan(ctx, mapper, src)
	if err := errors.Join(err, j.close()); err != nil {
		return nil, err
	}
	report := m.report()
	report.Plan = ""
	return report, nil
}

// Pending returns the plan in the outbox. When there is none, the error matches
// [ErrNoPlan]. It needs nothing of the activation but State, and no lock.
func (a Activation) Pending(ctx context.Context) (*Plan, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("splio: %w", err)
	}
	m, err := a.readManifest()
	if err == nil && m.State == discarding {
		err = fmt.Errorf("splio: %s: %w", a.State, ErrNoPlan)
	}
	if err != nil {
		return nil, err
	}
	return m.plan(a), nil
}

// openState opens the state directory, which must exist.
func (a Activation) openState() (vfs.FS, error) { return a.openDir(a.State) }

func (a Activation) openDir(dir string) (vfs.FS, error) {
	if a.openFS != nil {
		return a.openFS(dir)
	}
	return vfs.OS(dir)
}

// readManifest reads the manifest of a state directory that may not exist.
func (a Activation) readManifest() (*manifest, error) {
	fsys, err := a.openState()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("splio: %s: %w", a.State, ErrNoPlan)
	}
	if err != nil {
		return nil, fmt.Errorf("splio: open the state directory: %w", err)
	}
	defer fsys.Close()
	return loadManifest(fsys, a.State)
}

// Run does a whole activation: it ends the delivery of a plan that was released
// or is on its way, makes a new plan, and applies it. The report is that of the
// new plan, with the earlier one in Resumed. A plan that has hit one of the
// [Brakes] is left in the outbox, braked: nothing of it is sent, and its report
// comes with a [*BrakeError].
//
// After an error nothing is forgotten: run again. When files were sent, or may
// have been, the report comes with the error.
func (a Activation) Run(ctx context.Context, src mapping.Source, t Transport) (_ *Report, err error) {
	a, ended := a.watched(ctx, "run")
	defer func() { ended(err) }()
	if t == nil {
		return nil, wrong(errNoTransport)
	}
	mapper, j, err := a.start(ctx, src)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.close()) }()

	var resumed *Report
	earlier, err := loadManifest(j.fs, a.State)
	switch {
	case errors.Is(err, ErrNoPlan):
	case err != nil:
		return nil, err
	case earlier.State == PlanReleased, earlier.State == PlanApplying:
		j.event(ctx, slog.LevelInfo, "earlier plan resumed", earlier, slog.String("state", string(earlier.State)))
		if resumed, err = j.apply(ctx, earlier, t); err != nil {
			return onlyResumed(resumed), fmt.Errorf("splio: end the delivery of an earlier plan: %w", err)
		}
	}
	m, err := j.makePlan(ctx, mapper, src)
	if err != nil {
		if resumed != nil {
			return onlyResumed(resumed), err
		}
		return nil, err
	}
	report, err := j.apply(ctx, m, t)
	report.Resumed = resumed
	return report, err
}
