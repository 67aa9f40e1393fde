package splio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spliosync/spliosync/internal/vfs"
)

// Release approves the plan with this id, such as that of a [BrakeError], for a
// reason, and returns it, so that it can be applied now: it is [Activation.Pending]
// and [Plan.Release], for who has looked at one plan and must not approve another
// that has taken its place meanwhile. Then, and when none is there, the error matches
// [ErrNoPlan].
func (a Activation) Release(ctx context.Context, plan, reason string) (*Plan, error) {
	p, err := a.Pending(ctx)
	if err != nil {
		return nil, err
	}
	if p.ID != plan {
		return nil, fmt.Errorf("splio: %s: %w: another one has taken its place", a.State, ErrNoPlan)
	}
	if err := p.Release(ctx, reason); err != nil {
		return nil, err
	}
	return p, nil
}

// Open opens a file of the plan by its name, as in [Plan.Report], for somebody who
// wants to look at rows before they are sent. They are personal data. It needs no
// lock, and the file can be read to its end whatever becomes of the plan. When the
// plan has no file of that name, as after its delivery met one with the same name,
// the error matches fs.ErrNotExist; when the file is not the one that was planned, it
// is a diff.StateError.
func (p *Plan) Open(ctx context.Context, name string) (_ io.ReadCloser, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("splio: %w", err)
	}
	if p.activation == nil {
		return nil, fmt.Errorf("splio: %w", ErrNoPlan)
	}
	j := &job{Activation: *p.activation}
	j.fs, err = j.openState()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, j.none()
	}
	if err != nil {
		return nil, fmt.Errorf("splio: open the state directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.fs.Close())
		}
	}()
	m, err := loadManifest(j.fs, j.State)
	if err != nil {
		return nil, err
	}
	if m.Plan != p.ID || m.State == discarding {
		return nil, j.none()
	}
	for i := range m.Files {
		if m.Files[i].Name == name {
			body, err := j.body(&m.Files[i])
			if err != nil {
				return nil, err
			}
			return &openFile{body, j.fs}, nil
		}
	}
	return nil, fmt.Errorf("splio: the plan has no file %q: %w", name, fs.ErrNotExist)
}

// openFile is a file of the outbox that somebody looks at.
type openFile struct {
	body vfs.File
	dir  vfs.FS
}

func (f *openFile) Read(p []byte) (int, error) { return f.body.Read(p) }

func (f *openFile) Close() error { return errors.Join(f.body.Close(), f.dir.Close()) }
