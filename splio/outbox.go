package splio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
)

const (
	outboxDir    = "outbox"
	manifestName = "manifest"
	ledgerName   = "ledger"

	sealedVersion = 1
	maxSealed     = 64 << 20 // bytes; far more than any of ours
)

// PlanState says how far a plan is.
type PlanState string

// The states of a plan.
const (
	// PlanReady: nobody has approved the plan. The next Plan or Run replaces it.
	PlanReady PlanState = "ready"
	// PlanBraked: the plan has hit a brake, see [Brakes]. It is not sent unless it is
	// released. The next Plan or Run replaces it.
	PlanBraked PlanState = "braked"
	// PlanReleased: somebody has, by [Plan.Release]. The next Run sends it first.
	PlanReleased PlanState = "released"
	// PlanApplying: files may be on their way. The next Run ends that first.
	PlanApplying PlanState = "applying"
	// discarding: it is given up, which is to be ended before anything else.
	discarding PlanState = "discarding"
)

// manifest is the plan on disk, and the journal of its delivery. That it is
// there makes the plan: everything it names was made durable before.
type manifest struct {
	Plan     string         `json:"plan"`
	State    PlanState      `json:"state"`
	Scope    string         `json:"scope"`
	Day      time.Time      `json:"day"`              // for file names
	Dest     Destination    `json:"dest"`             // for file names
	Format   Format         `json:"format"`           // of the files
	Snapshot string         `json:"snapshot"`         // staged
	Reason   string         `json:"reason,omitempty"` // of the release
	Report   Report         `json:"report"`           // without files
	Files    []manifestFile `json:"files"`
	Run      runFacts       `json:"run,omitzero"`   // for the history
	Keys     string         `json:"keys,omitempty"` // sum of the file of keys that goes with the snapshot
	// Names were journalled and given up, because a file of that name was there.
	// It may be ours, from an attempt of which nobody knows that it got through.
	Names []string `json:"names,omitempty"`
}

// manifestFile is a file of the outbox and how far its delivery is.
type manifestFile struct {
	File
	Local string `json:"local"` // name in the outbox
	Temp  string `json:"temp"`  // name while it is sent
	// Sending: the name was journalled, and a file of that name and size in the
	// drop directory is ours.
	Sending bool `json:"sending,omitempty"`
}

// sent reports whether the file has arrived or may have.
func (f manifestFile) sent() bool { return f.Sending || f.Delivered }

func (m *manifest) report() *Report {
	r := m.Report
	r.Plan, r.Reason = m.Plan, m.Reason
	r.Files = make([]File, 0, len(m.Files))
	for _, f := range m.Files {
		r.Files = append(r.Files, f.File)
	}
	return &r
}

func (m *manifest) plan(a Activation) *Plan {
	return &Plan{ID: m.Plan, Time: m.Day, State: m.State, Reason: m.Reason, Report: *m.report(), activation: &a}
}

// name gives a file the first name that is neither among the taken ones nor that
// of another file of the plan.
func (m *manifest) name(f *manifestFile, taken []string) {
	f.Name = ""
	for n := 1; ; n++ {
		name := m.Dest.fileName(f.Scope, f.Subsequence, m.Day, n, f.SHA256)
		other := func(g manifestFile) bool { return g.Name == name }
		if !slices.Contains(taken, name) && !slices.ContainsFunc(m.Files, other) {
			f.Name, f.SuffixUnconfirmed = name, !m.Dest.confirmed(n)
			return
		}
	}
}

// ledger remembers which file names were used.
type ledger struct {
	Names []string `json:"names"` // oldest first
	// Sent are the names of files, oldest first, of which nobody knows yet that
	// they were taken.
	Sent []string `json:"sent,omitempty"`
	// Snapshot is the one that the last plan left; another one is not ours.
	Snapshot string `json:"snapshot"`
	// Keys is the sum of the file with the keys of that snapshot; empty: there is none.
	Keys string `json:"keys,omitempty"`
}

// ledgerNames is how many names are remembered. Names hold their day, so that
// old ones come up again only when the clock is set back.
const ledgerNames = 10_000

func (l *ledger) add(names ...string) {
	l.Names = append(l.Names, names...)
	if n := len(l.Names) - ledgerNames; n > 0 {
		l.Names = l.Names[n:]
	}
}

// A sealed file is one line "spliosync KIND VERSION SHA256" and JSON after it.
func sealed(kind string, v any) ([]byte, error) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	return append(seal(kind, body), body...), nil
}

func seal(kind string, body []byte) []byte {
	return fmt.Appendf(nil, "spliosync %s %d %x\n", kind, sealedVersion, sha256.Sum256(body))
}

// errSealed is that a sealed file is not what was written.
var errSealed = fmt.Errorf("%w (put back a good one, or move it away, for a plan with the whole outbox, and run once with Refresh, which sends every contact once more)", diff.ErrDamaged)

// unseal reads a sealed file. A missing one is fs.ErrNotExist; one that can not
// be used is a diff.StateError.
func unseal(fsys vfs.FS, name, path, kind string, v any) error {
	data, err := vfs.ReadFile(fsys, name, maxSealed)
	if err != nil {
		return fmt.Errorf("splio: read %s: %w", path, err)
	}
	refuse := func(err error) error {
		return fmt.Errorf("splio: %w", &diff.StateError{Path: path, Err: err})
	}
	line, body, _ := bytes.Cut(data, []byte("\n"))
	var version int
	if _, err := fmt.Sscanf(string(line), "spliosync "+kind+" %d ", &version); err == nil && version > sealedVersion {
		return refuse(fmt.Errorf("%w: format %d, this one reads %d", diff.ErrVersion, version, sealedVersion))
	}
	if !bytes.HasPrefix(data, seal(kind, body)) {
		return refuse(errSealed)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return refuse(errSealed)
	}
	return nil
}

// loadManifest reads the plan in the outbox; without one the error matches
// ErrNoPlan. dir is where fsys is, for messages.
func loadManifest(fsys vfs.FS, dir string) (*manifest, error) {
	name := outboxDir + "/" + manifestName
	m := new(manifest)
	err := unseal(fsys, name, filepath.Join(dir, outboxDir, manifestName), "plan", m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("splio: %s: %w", dir, ErrNoPlan)
	}
	if err != nil {
		return nil, err
	}
	switch m.State {
	case PlanReady, PlanBraked, PlanReleased, PlanApplying, discarding:
		return m, nil
	}
	return nil, fmt.Errorf("splio: %w", &diff.StateError{
		Path: filepath.Join(dir, outboxDir, manifestName),
		Err:  fmt.Errorf("%w: the plan is in the unknown state %q", diff.ErrVersion, m.State),
	})
}

// owned refuses a plan of another universe or key.
func (j *job) owned(m *manifest) error {
	if m.Scope == j.scope() {
		return nil
	}
	return fmt.Errorf("splio: %w", &diff.StateError{
		Path: filepath.Join(j.State, outboxDir, manifestName),
		Err:  fmt.Errorf("%w: it belongs to %q, not to %q", diff.ErrForeign, m.Scope, j.scope()),
	})
}

// save writes the manifest, durably.
func (j *job) save(m *manifest) error {
	data, err := sealed("plan", m)
	if err == nil {
		err = vfs.WriteFile(j.fs, outboxDir, manifestName, data)
	}
	if err != nil {
		return fmt.Errorf("splio: write the manifest of the plan: %w", err)
	}
	return nil
}

func (j *job) loadLedger() (*ledger, error) {
	l := new(ledger)
	dir, fsys := j.State, j.fs
	if j.dry {
		var err error
		if fsys, err = j.openState(); errors.Is(err, fs.ErrNotExist) {
			return l, nil
		} else if err != nil {
			return nil, fmt.Errorf("splio: open the state directory: %w", err)
		}
		defer fsys.Close()
	}
	err := unseal(fsys, ledgerName, filepath.Join(dir, ledgerName), "ledger", l)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	return l, err
}

func (j *job) saveLedger(l *ledger) error {
	data, err := sealed("ledger", l)
	if err == nil {
		err = vfs.WriteFile(j.fs, ".", ledgerName, data)
	}
	if err != nil {
		return fmt.Errorf("splio: write the ledger of names: %w", err)
	}
	return nil
}

// sweep removes what a plan that was given up, replaced or killed half made has
// left beside the outbox.
func (j *job) sweep(ctx context.Context) error {
	names, err := j.fs.ReadDir(".")
	if err != nil {
		return fmt.Errorf("splio: list the state directory: %w", err)
	}
	if slices.ContainsFunc(names, isKeys) {
		l, err := j.loadLedger()
		if err == nil {
			err = j.dropKeys(l.Keys)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ledgerName+".tmp-") && !strings.HasPrefix(name, historyName+".tmp-") {
			continue
		}
		if err := j.fs.Remove(name); err != nil {
			return fmt.Errorf("splio: clear the state directory: %w", err)
		}
	}
	staged, err := j.store.Staged(ctx)
	if err != nil {
		return err
	}
	for _, id := range staged {
		if err := j.store.Discard(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// clearOutbox removes a plan, the manifest first: without it the other files
// mean nothing.
func (j *job) clearOutbox() error {
	remove := func(name string) error {
		if err := j.fs.Remove(outboxDir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("splio: clear the outbox: %w", err)
		}
		return nil
	}
	names, err := j.fs.ReadDir(outboxDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("splio: clear the outbox: %w", err)
	}
	if err := remove(manifestName); err != nil {
		return err
	}
	if err := j.fs.SyncDir(outboxDir); err != nil {
		return fmt.Errorf("splio: clear the outbox: %w", err)
	}
	for _, n := range names {
		if err := remove(n); err != nil {
			return err
		}
	}
	return nil
}

// bodies gives the bodies of the files that are not delivered, in turn. It opens
// each of them while the one before is sent, since that reads all of it.
func (j *job) bodies(m *manifest) (next func() (vfs.File, error), stop func()) {
	type opened struct {
		body vfs.File
		err  error
	}
	ready, stopped := make(chan opened), make(chan struct{})
	go func() {
		defer close(ready)
		for i := range m.Files {
			if m.Files[i].Delivered {
				continue
			}
			body, err := j.body(&m.Files[i])
			select {
			case ready <- opened{body, err}:
			case <-stopped:
				if err == nil {
					_ = body.Close()
				}
				return
			}
		}
	}()
	next = func() (vfs.File, error) {
		o := <-ready
		return o.body, o.err
	}
	stop = func() {
		close(stopped)
		for o := range ready { // until the goroutine has ended
			if o.err == nil {
				_ = o.body.Close()
			}
		}
	}
	return next, stop
}

// body opens a file of the outbox, after making sure that it is what was
// planned; otherwise the error is a diff.StateError.
func (j *job) body(f *manifestFile) (_ vfs.File, err error) {
	damaged := &diff.StateError{
		Path: filepath.Join(j.State, outboxDir, f.Local),
		Err:  fmt.Errorf("%w: it is not the file that was planned", diff.ErrDamaged),
	}
	body, err := j.fs.OpenFile(outboxDir+"/"+f.Local, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged
	}
	if err != nil {
		return nil, fmt.Errorf("splio: open a file of the outbox: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(body, 0, f.Bytes+1))
	switch {
	case err != nil:
		err = fmt.Errorf("splio: read a file of the outbox: %w", err)
	case n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256:
		err = damaged
	default:
		return body, nil
	}
	return nil, errors.Join(err, body.Close())
}
