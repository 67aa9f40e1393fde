package splio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
)

// Differ keeps the snapshots of an [Activation] somewhere else than in its State,
// and compares there, such as in the SQL engine that has the segment: package
// splio/warehouse has one. By default package diff does both, in State.
type Differ interface {
	// Check reports all that keeps the differ from working for this activation and
	// segment, joined. It opens nothing.
	Check(a Activation, src mapping.Source) error

	// Open opens the snapshots of a scope, with the secret of
	// [Activation.DigestKey], and keeps everybody else out of them until they are
	// closed.
	Open(ctx context.Context, scope string, secret diff.Key) (Snapshots, error)
}

// Snapshots are those of one scope. An activation uses them from one goroutine.
// Unless something else is said here, methods do what those of [diff.Store] do,
// with the same errors to branch on: diff.ErrStale, diff.ErrDamaged,
// fs.ErrNotExist and so on. Ids are ASCII letters and digits, 1 to 64 of them.
type Snapshots interface {
	// Begin starts a run over a segment. It ends one that is still under way.
	Begin(ctx context.Context, seg DifferSegment, o diff.RunOptions) (Comparison, error)

	Current(ctx context.Context) (id string, err error)
	Verify(ctx context.Context, id string) error
	// Publish makes a staged snapshot current, last of all that a run does. It is
	// called again after a crash, and with the id of the current snapshot does
	// nothing.
	Publish(ctx context.Context, id string) error
	Discard(ctx context.Context, id string) error
	// Staged lists the staged snapshots: after a crash, those of which no plan
	// knows are discarded.
	Staged(ctx context.Context) (ids []string, err error)

	MarkDue(ctx context.Context, keys iter.Seq2[[]byte, error]) (marked int64, err error)
	Forget(ctx context.Context, keys iter.Seq2[[]byte, error]) (forgotten int64, err error)
	// MarkReported may match errors.ErrUnsupported.
	MarkReported(ctx context.Context, keys iter.Seq2[[]byte, error], most int) (marked, spent int64, err error)

	Close() error
}

// DifferSegment is the segment of a run, for a [Differ].
type DifferSegment struct {
	Source  mapping.Source // as it was given to [Activation.Run]
	Columns []string       // of a rendered record, without the key

	// Rendering is a digest of all that turns a record into cells. As long as it
	// and the columns are the same, a record that is the same has the same cells.
	Rendering string
}

// Comparison is one run: records are put, then come Compare, Changes and Stage, as
// with a [diff.Run]. An activation calls it from one goroutine, but for feeds.
type Comparison interface {
	// Candidates are the records that have to be rendered and put, each once and
	// by its Seq, in ascending order. Nil is all those of the segment. They are
	// read once.
	Candidates() mapping.Source

	// Feed returns a function that puts records, as [diff.Feed.Put] does. Each is
	// used from one goroutine. When the differ takes another key for that of the
	// record, the error matches [diff.ErrKeyForm], and the record was taken as rejected.
	Feed() func(seq int64, key []byte, cells [][]byte) error

	Compare(ctx context.Context) (*diff.Summary, error)
	// Changes may be ranged over again, until Stage.
	Changes(ctx context.Context) iter.Seq2[*diff.Change, error]
	Stage(ctx context.Context) (id string, err error)
	Close() error
}

// ReasonKeyForm is the reason of a record whose key the engine of a [Differ] and
// the mapping bring into different forms, so that the engine would compare it with
// the state of another key.
const ReasonKeyForm = "a key that the engine and the mapping understand differently"

// renderingVersion goes up when a version of this module renders, accepts or
// rejects records in another way than before, so that segments are rendered anew.
const renderingVersion = 1

// rendering digests what turns records into cells.
func (a Activation) rendering() (string, error) {
	o := a.Destination.Options()
	zones, err := rulesOf(a.Mapping)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(struct {
		Version            int
		Mapping            mapping.Mapping
		Attributes, Custom []mapping.Attribute
		CustomMax          int
		Reserved           []string
		Quotes             Quotes // they decide on what is rejected
		Backslash          bool
		Zones              []string
	}{renderingVersion, a.Mapping, o.Attributes, o.Custom, o.CustomMax, o.Reserved, a.Format.Quotes, a.Format.Backslash, zones})
	if err != nil {
		return "", fmt.Errorf("splio: digest the mapping: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// openStore opens the snapshots. The state directory is locked in any case.
func (j *job) openStore(ctx context.Context) error {
	dir, err := diff.Open(j.State, diff.Options{Scope: j.scope(), Key: j.DigestKey, FS: j.fs})
	if err != nil {
		return err
	}
	if j.Differ == nil {
		j.store = localStore{dir, j.fs}
		return nil
	}
	if j.store, err = j.Differ.Open(ctx, j.scope(), j.DigestKey); err != nil {
		return errors.Join(fmt.Errorf("splio: open the snapshots: %w", err), dir.Close())
	}
	j.lock = dir
	return nil
}

// lookStore opens the snapshots for a preview.
func (j *job) lookStore(ctx context.Context) (err error) {
	if j.Differ != nil {
		if j.store, err = j.Differ.Open(ctx, j.scope(), j.DigestKey); err != nil {
			err = fmt.Errorf("splio: open the snapshots: %w", err)
		}
		return err
	}
	dir, err := diff.Open(j.State, diff.Options{Scope: j.scope(), Key: j.DigestKey, ReadOnly: true, FS: j.seen})
	j.store = localStore{dir, j.fs}
	return err
}

func (j *job) close() error {
	err := j.store.Close()
	if j.lock != nil {
		err = errors.Join(err, j.lock.Close())
	}
	return errors.Join(err, j.fs.Close())
}

// begin starts a run over a segment.
func (j *job) begin(ctx context.Context, mapper *mapping.Mapper, src mapping.Source, o diff.RunOptions) (Comparison, error) {
	rendering, err := j.rendering()
	if err != nil {
		return nil, err
	}
	columns := mapper.Columns()[1:]
	if j.Differ == nil {
		o.Rendering = j.textRendering(mapper, src, rendering)
	}
	return j.store.Begin(ctx, DifferSegment{Source: src, Columns: columns, Rendering: rendering}, o)
}

// lostSnapshot is the error of a snapshot that is not the one that the last plan
// left.
func (j *job) lostSnapshot() error {
	path, where := filepath.Join(j.State, "snapshot.current"), "beside it"
	if j.Differ != nil {
		path, where = "the current snapshot of the Differ", "in "+j.State
	}
	return fmt.Errorf("splio: %w", &diff.StateError{
		Path: path,
		Err: fmt.Errorf("%w: it is missing or an older one, which does not know what was sent since: put the last one back, or remove the file %s %s and run once with Refresh",
			diff.ErrDamaged, ledgerName, where),
	})
}

// localStore are the snapshots in a state directory.
type localStore struct {
	*diff.Store
	fs vfs.FS
}

func (s localStore) Begin(ctx context.Context, seg DifferSegment, o diff.RunOptions) (Comparison, error) {
	run, err := s.Store.Begin(ctx, seg.Columns, o)
	if err != nil {
		return nil, err
	}
	return localRun{run, o.Rendering != ""}, nil
}

func (s localStore) Current(context.Context) (string, error)    { return s.Store.Current() }
func (s localStore) Discard(_ context.Context, id string) error { return s.Store.Discard(id) }
func (s localStore) Staged(context.Context) (ids []string, err error) {
	names, err := s.fs.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("splio: list the state directory: %w", err)
	}
	for _, name := range names {
		id, staged := strings.CutPrefix(name, "snapshot.staged-")
		if staged && len(id) == 32 && strings.Trim(id, "0123456789abcdef") == "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// localRun is a run of package diff.
type localRun struct {
	*diff.Run
	texts bool
}

func (localRun) Candidates() mapping.Source { return nil }

func (r localRun) Feed() func(int64, []byte, [][]byte) error { return r.Run.Feed().Put }

func (r localRun) takesTexts() bool { return r.texts }

func (r localRun) textFeed() textFeed { return r.Run.Feed() }
