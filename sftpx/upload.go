package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// inFlight is the number of packets under way at a time.
const inFlight = 64

// upload is one Put over one connection.
type upload struct {
	*session
	dir        string
	name, temp string // paths

	leftover bool // a temporary file of ours may be there
}

func (u *upload) run(ctx context.Context, body *io.SectionReader) (err error) {
	defer func() {
		if err != nil && u.leftover {
			u.sftp.Remove(u.temp) // answers at once when the connection is gone
		}
	}()
	if err := u.free(); err != nil {
		u.leftover = errors.Is(err, fs.ErrExist)
		return err
	}
	if err := u.write(ctx, body); err != nil {
		return err
	}
	if err := u.size(u.temp, body.Size()); err != nil {
		return err
	}
	if err := u.free(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if err := u.rename(); err != nil {
		return err
	}
	u.leftover = false
	// The rename is confirmed: from here on only a size that is seen to be wrong is a failure.
	if wrong, ok := errors.AsType[*sizeError](u.size(u.name, body.Size())); ok {
		return fmt.Errorf("after the rename: %w", wrong)
	}
	return nil
}

// write makes the temporary file. Create would ask for reading as well, which write-only accounts refuse.
func (u *upload) write(ctx context.Context, body *io.SectionReader) error {
	f, err := u.sftp.OpenFile(u.temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err = answer(err); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("drop directory %q: %w", u.dir, err)
		}
		return fmt.Errorf("open %q for writing: %w", u.temp, err)
	}
	u.leftover = true
	r := newBodyReader(ctx, body)
	r.busy = func(begin bool) {
		u.local.Store(begin)
		u.touch()
	}
	_, err = f.ReadFromWithConcurrency(r, inFlight)
	// Closing may bring the only error there is: of a quota, or of storage behind the server.
	cerr := f.Close()
	switch {
	case r.err != nil:
		return r.err
	case err != nil:
		return fmt.Errorf("write %q: %w", u.temp, answer(err))
	case r.whole() != nil:
		return r.whole()
	case cerr != nil:
		return fmt.Errorf("close %q: %w", u.temp, answer(cerr))
	}
	return nil
}

// free returns an error matching fs.ErrExist when the final name is taken. A server that does not let us look passes: the rename decides.
func (u *upload) free() error {
	_, err := u.sftp.Lstat(u.name)
	switch err = answer(err); {
	case err == nil:
		return fmt.Errorf("%q: %w", u.name, fs.ErrExist)
	case lost(err):
		return fmt.Errorf("stat %q: %w", u.name, err)
	}
	return nil
}

// size compares the size of a file if the server lets us. A file that is not there any more passes: before the rename, the rename will
// tell; after it, the file has been picked up.
func (u *upload) size(path string, want int64) error {
	fi, err := u.sftp.Stat(path)
	switch err = answer(err); {
	case lost(err):
		return fmt.Errorf("stat %q: %w", path, err)
	case err == nil && fi.Size() != want:
		return &sizeError{path, fi.Size(), want}
	}
	return nil
}

type sizeError struct {
	path      string
	got, want int64
}

func (e *sizeError) Error() string {
	return fmt.Sprintf("%q has %d bytes, want %d", e.path, e.got, e.want)
}

// rename publishes. Plain renames do not overwrite, or so the protocol says; the extension that does is never used, and a file in the way is
// never removed.
func (u *upload) rename() error {
	err := answer(u.sftp.Rename(u.temp, u.name))
	if err == nil {
		return nil
	}
	if lost(err) {
		u.leftover = false // it is not known which name the file has
		return fmt.Errorf("rename %q to %q: the connection was lost and the outcome is unknown: %w", u.temp, u.name, err)
	}
	// Servers say "failure" to a name that is taken, as to anything else.
	if taken := u.free(); errors.Is(taken, fs.ErrExist) {
		return fmt.Errorf("rename %q: %w (%w)", u.temp, taken, err)
	}
	return fmt.Errorf("rename %q to %q: %w", u.temp, u.name, err)
}
