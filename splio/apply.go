package splio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spliosync/spliosync/internal/vfs"
)

// maxNames bounds the names that are tried for one file.
const maxNames = 1000

// with opens the state and the manifest of the plan in it.
func (p *Plan) with(do func(*job, *manifest) error) (err error) {
	a := p.activation
	if err := wrong(a.validate()); err != nil {
		return err
	}
	j, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	m, err := loadManifest(j.fs, a.State)
	if err != nil {
		return err
	}
	if m.Plan != p.ID {
		return fmt.Errorf("splio: %s: %w", a.State, ErrNoPlan)
	}
	if err := j.owned(m); err != nil {
		return err
	}
	return do(j, m)
}

// Apply sends the files of the plan, as they are in the outbox, and then
// publishes the snapshot and clears the outbox. A plan whose snapshot has moved
// on is refused before anything is sent, with diff.ErrStale.
//
// After an error the plan stays, applying once the first name was journalled:
// call Apply again, or [Activation.Run], to go on where it stopped. A report
// with what was delivered comes with an error of the delivery. A plan without
// files does not touch the transport.
func (p *Plan) Apply(ctx context.Context, t Transport) (report *Report, err error) {
	err = p.with(func(j *job, m *manifest) error {
		report, err = j.apply(ctx, m, t)
		return err
	})
	return report, err
}

// Release approves the plan, for a reason that is kept with it: the next
// [Activation.Run] sends it before it makes another. A plan that is on its way
// already stays so.
func (p *Plan) Release(ctx context.Context, reason string) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("splio: %w", err)
	}
	return p.with(func(j *job, m *manifest) error {
		if m.State == Applying {
			return nil
		}
		m.State, m.Reason = Released, reason
		if err := j.save(m); err != nil {
			return err
		}
		p.State, p.Reason = m.State, reason
		return nil
	})
}

// Discard gives the plan up, whatever its state. Files of it that were sent
// stay sent; since the snapshot does not follow, the next plan holds their rows
// again.
func (p *Plan) Discard(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("splio: %w", err)
	}
	return p.with(func(j *job, m *manifest) error {
		if err := j.remember(m, false); err != nil {
			return err
		}
		if err := j.clearOutbox(); err != nil {
			return err
		}
		return j.store.Discard(m.Snapshot)
	})
}

// remember enters the names that the plan has used into the ledger.
func (j *job) remember(m *manifest, published bool) error {
	l, err := j.loadLedger()
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		if (f.Sending || f.Delivered) && !slices.Contains(l.Names, f.Name) {
			l.add(f.Name)
		}
	}
	l.Published = l.Published || published
	return j.saveLedger(l)
}

// apply delivers a plan, from where an earlier attempt stopped.
func (j *job) apply(ctx context.Context, m *manifest, t Transport) (*Report, error) {
	if err := j.owned(m); err != nil {
		return m.report(), err
	}
	if err := j.store.Verify(ctx, m.Snapshot); err != nil {
		return m.report(), fmt.Errorf("splio: plan %s can not be applied: discard it and plan again: %w", m.Plan, err)
	}
	for i := range m.Files {
		if err := j.deliver(ctx, m, &m.Files[i], t); err != nil {
			return m.report(), err
		}
	}
	// Everything has arrived: what follows must not stop for an ended context
	// when it is the snapshot's turn, so that a late Ctrl-C forgets nothing.
	ctx = context.WithoutCancel(ctx)
	if err := j.store.Publish(ctx, m.Snapshot); err != nil {
		return m.report(), err
	}
	if err := j.remember(m, true); err != nil {
		return m.report(), err
	}
	return m.report(), j.clearOutbox()
}

// deliver sends one file under the first name that is free.
func (j *job) deliver(ctx context.Context, m *manifest, f *manifestFile, t Transport) error {
	if f.Delivered {
		return nil
	}
	body, err := j.body(f)
	if err != nil {
		return err
	}
	defer body.Close()
	if f.Sending { // an earlier attempt may have got through
		size, err := t.Size(ctx, f.Name)
		switch {
		case err == nil && size == f.Bytes:
			return j.tick(m, f)
		case err == nil:
			if err := j.rename(m, f); err != nil {
				return err
			}
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported):
			// Not there, taken already, or not to be known: sent once more, the rows
			// say the same.
		default:
			return fmt.Errorf("splio: look for file %s: %w", f.Name, err)
		}
	}
	for {
		if err := j.journal(m, f); err != nil {
			return err
		}
		err := t.Put(ctx, f.Name, f.Temp, io.NewSectionReader(body, 0, f.Bytes))
		if err == nil {
			return j.tick(m, f)
		}
		if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("splio: deliver file %s: %w", f.Name, err)
		}
		if err := j.rename(m, f); err != nil {
			return err
		}
	}
}

// body opens a file of the outbox, after making sure that it is what was planned.
func (j *job) body(f *manifestFile) (_ vfs.File, err error) {
	body, err := j.fs.OpenFile(outboxDir+"/"+f.Local, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("splio: open file %s of the outbox: %w", f.Local, err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(body, 0, f.Bytes+1))
	if err == nil && (n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256) {
		err = errors.New("it was altered: discard the plan and plan again")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("splio: read file %s of the outbox: %w", f.Local, err), body.Close())
	}
	return body, nil
}

// journal makes the name durable before it is used: from then on, a file of
// that name and size in the drop directory is ours.
func (j *job) journal(m *manifest, f *manifestFile) error {
	if f.Sending && m.State == Applying {
		return nil
	}
	m.State, f.Sending = Applying, true
	// Not a name that another plan could use, and none that ends like a file.
	f.Temp = f.Name + "." + m.Plan[:8] + ".part"
	return j.save(m)
}

// tick notes that a file has arrived.
func (j *job) tick(m *manifest, f *manifestFile) error {
	f.Delivered = true
	return j.save(m)
}

// rename gives a file whose name is taken by somebody else the next one that
// this state has not used.
func (j *job) rename(m *manifest, f *manifestFile) error {
	used, err := j.loadLedger()
	if err != nil {
		return err
	}
	taken := slices.Clone(used.Names)
	for _, g := range m.Files {
		taken = append(taken, g.Name)
	}
	past := false // names before the one that is taken are taken as well
	for n := 1; n <= maxNames; n++ {
		name := m.Dest.fileName(m.Day, n)
		if past && !slices.Contains(taken, name) {
			f.Name, f.Sending, f.SuffixUnconfirmed = name, false, true
			return nil
		}
		past = past || name == f.Name
	}
	return fmt.Errorf("splio: file %s: the drop directory has a file of that name, and of each of the %d after it", f.Name, maxNames)
}
