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

// upload is one Put. Its attempts, one run each, may have different connections.
type upload struct {
	*session
	dir, staging string
	name, temp   string // paths; with direct they are the same
	direct       bool
	pickedUp     func() // told that the reader has been quicker than our look

	leftover bool // there may be a file of ours under temp
	seen     bool // the server has shown us the temporary file: when it shows none, there is none
	renaming bool // a rename was sent and not answered. It may be done yet, so the temporary file must stay as it is: whole
}

func (u *upload) run(ctx context.Context, body *io.SectionReader) (err error) {
	defer func() {
		if err != nil {
			u.clear()
		}
	}()
	switch {
	case u.renaming:
		return u.settle(body.Size())
	case u.direct && u.leftover:
		// What an earlier attempt of this call has written.
		if err := answer(u.sftp.Remove(u.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %q, written by half before: %w", u.name, err)
		}
		u.leftover = false
	}
	if err := u.free(); err != nil {
		u.leftover = !u.direct && errors.Is(err, fs.ErrExist)
		return err
	}
	if err := u.write(ctx, body); err != nil {
		return u.explain(err, body.Size())
	}
	size, err := u.look(u.temp)
	switch {
	case err == nil && size != body.Size():
		return &sizeError{path: u.temp, got: size, want: body.Size()}
	case u.direct:
		u.leftover = false
		switch {
		case lost(err):
			u.fail(err) // every byte is confirmed; the next call has a new connection
		case errors.Is(err, fs.ErrNotExist):
			u.pickedUp()
		}
		return nil
	case lost(err):
		return err
	case err == nil:
		u.seen = true
	}
	if err := u.free(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return u.rename(body.Size())
}

// write makes the file. Create would ask for reading as well, which write-only accounts refuse.
func (u *upload) write(ctx context.Context, body *io.SectionReader) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if u.direct {
		flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	}
	f, err := u.sftp.OpenFile(u.temp, flags)
	if err != nil && !u.direct && !lost(err) && u.sftp.Remove(u.temp) == nil {
		// Some servers let an account make files and not write to those that are there, such as a leftover.
		f, err = u.sftp.OpenFile(u.temp, flags)
	}
	if err = answer(err); err != nil {
		return u.notOpened(err)
	}
	u.leftover = true
	r := newBodyReader(ctx, body)
	r.busy = func(begin bool) {
		u.local.Store(begin)
		u.touch()
	}
	_, err = f.ReadFromWithConcurrency(r, inFlight)
	var serr error
	if err == nil && r.whole() == nil && u.caps.Fsync {
		// What is not allowed, or not for this file system, is done without.
		if serr = answer(f.Sync()); serr != nil && classify(serr) == final {
			serr = nil
		}
	}
	// Closing may bring the only error there is: of a quota, or of storage behind the server.
	cerr := f.Close()
	switch {
	case r.err != nil:
		return &localError{besides(fs.ErrNotExist, r.err)}
	case err != nil:
		return u.failed("write", answer(err))
	case r.whole() != nil:
		return &localError{r.whole()}
	case serr != nil:
		return u.failed("sync", serr)
	case cerr != nil:
		return u.failed("close", answer(cerr))
	}
	return nil
}

func (u *upload) failed(what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &goneError{fmt.Sprintf("%s %q: the file is gone: %v", what, u.temp, err)}
	}
	return fmt.Errorf("%s %q: %w", what, u.temp, err)
}

// notOpened says what it means that a file could not be opened.
func (u *upload) notOpened(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && u.staging != u.dir:
		return fmt.Errorf("staging directory %q: %w", u.staging, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("drop directory %q: %w", u.dir, err)
	case u.direct && lost(err):
		return &localError{fmt.Errorf("open %q for writing: the connection was lost, and it is not known whether the file was made: %w", u.temp, err)}
	case u.direct:
		// Servers say "failure" to a name that is taken, as to anything else.
		if taken := u.free(); errors.Is(taken, fs.ErrExist) {
			return fmt.Errorf("%w (%w)", taken, err)
		}
	}
	return fmt.Errorf("open %q for writing: %w", u.temp, err)
}

// explain tells a disk that has no room for the file from other failures, if the server can.
func (u *upload) explain(err error, size int64) error {
	if classify(err) != again || !u.caps.StatVFS {
		return err
	}
	u.clear()
	if disk, verr := u.sftp.StatVFS(u.staging); verr == nil && disk.Blocks > 0 && disk.Bavail < uint64(size)/max(disk.Frsize, 1)+1 {
		return &spaceError{free: disk.Bavail * disk.Frsize, want: size, err: err}
	}
	return err
}

// clear removes what there is of the file before it was published. On a connection that is gone, it fails at once.
func (u *upload) clear() {
	if u.leftover && !u.renaming && u.sftp.Remove(u.temp) == nil {
		u.leftover = false
	}
}

// look returns the size of a file.
func (u *upload) look(path string) (int64, error) {
	fi, err := u.sftp.Stat(path)
	if err = answer(err); err != nil {
		return 0, fmt.Errorf("stat %q: %w", path, err)
	}
	return fi.Size(), nil
}

// free returns an error matching fs.ErrExist when the final name is taken. A server that does not let us look passes: the rename decides.
func (u *upload) free() error {
	_, err := u.sftp.Lstat(u.name) // a link that leads nowhere is in the way as well
	switch err = answer(err); {
	case err == nil:
		return fmt.Errorf("%q: %w", u.name, fs.ErrExist)
	case lost(err):
		return fmt.Errorf("stat %q: %w", u.name, err)
	}
	return nil
}
