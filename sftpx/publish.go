package sftpx

import (
	"errors"
	"fmt"
	"io/fs"
)

// rename publishes. Plain renames do not overwrite, or so the protocol says; the extension that does is never used, and a file in the way is
// never removed.
func (u *upload) rename(size int64) error {
	err := answer(u.sftp.Rename(u.temp, u.name))
	switch {
	case err == nil:
		u.renaming, u.leftover = false, false
		return u.published(size)
	case lost(err):
		u.renaming = true
		return u.unsettled(err)
	case errors.Is(err, fs.ErrNotExist):
		// A file that is not there any more is one thing, and a directory another: only then nothing can have been delivered.
		if _, dirErr := u.look(u.dir); errors.Is(dirErr, fs.ErrNotExist) {
			return fmt.Errorf("drop directory %q: %w", u.dir, err)
		}
		return &goneError{fmt.Sprintf("rename %q to %q: the temporary file is gone: %v", u.temp, u.name, err)}
	}
	// Servers say "failure" to a name that is taken, as to anything else.
	if taken := u.free(); errors.Is(taken, fs.ErrExist) {
		if _, tempErr := u.look(u.temp); u.seen && errors.Is(tempErr, fs.ErrNotExist) {
			u.renaming, u.leftover = false, false
			return u.published(size) // it has been done all the same
		}
		return fmt.Errorf("rename %q: %w (%w)", u.temp, taken, err)
	}
	return &refusedError{fmt.Errorf("rename %q to %q: %w (ask for the right to rename; for a server that can not, there is Config.Direct, with which a reader may see a part of a file; for temporary files in another directory, Config.Staging)", u.temp, u.name, err)}
}

// published looks at a file that the server has confirmed. From here on only what is seen to be wrong is a failure: not to be allowed to look is
// none, and neither is a file that is gone, for that is what the drop directory is for.
func (u *upload) published(size int64) error {
	got, err := u.look(u.name)
	switch {
	case err == nil && got != size:
		return &sizeError{path: u.name, got: got, want: size, published: true}
	case lost(err):
		u.fail(err) // for the next call to have a new connection
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil
	case u.seen:
		if _, err := u.look(u.temp); err == nil {
			u.leftover = true
			return &localError{fmt.Errorf("rename %q to %q: the server has confirmed it, and not done it", u.temp, u.name)}
		}
	}
	u.pickedUp()
	return nil
}

// settle finds out what became of a rename that was not answered. The temporary file is not written again: a server that has been slow may do
// the rename at any moment, and would publish half a file.
func (u *upload) settle(size int64) error {
	for range 2 {
		got, err := u.look(u.name)
		_, tempErr := u.look(u.temp)
		there, tempThere := err == nil, tempErr == nil
		gone, tempGone := errors.Is(err, fs.ErrNotExist), errors.Is(tempErr, fs.ErrNotExist)
		switch {
		case lost(err):
			return u.unsettled(err)
		case lost(tempErr):
			return u.unsettled(tempErr)
		case there && tempThere:
			u.renaming = false
			return fmt.Errorf("%q: %w", u.name, fs.ErrExist)
		case there && tempGone && u.seen:
			u.renaming, u.leftover = false, false
			if got != size {
				return &sizeError{path: u.name, got: got, want: size, published: true}
			}
			return nil
		case gone && tempGone && u.seen:
			u.renaming, u.leftover = false, false
			u.pickedUp()
			return nil
		case gone && tempThere:
			u.renaming = false
			err := u.rename(size)
			switch {
			case err == nil, u.renaming:
				return err
			case is[*goneError](err): // the slow one came first
				u.renaming = true
				continue
			}
			return &localError{err}
		}
		return &localError{u.unsettled(fmt.Errorf("%v; %v", err, tempErr))}
	}
	return &localError{u.unsettled(errors.New("the server contradicts itself"))}
}

// unsettled is the error of a rename that was not answered.
func (u *upload) unsettled(err error) error {
	return fmt.Errorf("rename %q to %q: the connection was lost: %w", u.temp, u.name, &unsettledError{err})
}
