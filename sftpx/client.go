package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// ErrLogin is in the error when the server's host key was accepted and the server refused the login. Trying again will not help, and
// may lock the account.
var ErrLogin = errors.New("login refused")

var errClosed = &endError{"the client is closed", net.ErrClosed}

// Client puts files into a drop directory on an SFTP server. It connects at its first call and keeps the connection, with keep-alives,
// until Close. After an error of the connection it drops it completely, and the next call connects anew; nothing is tried
// twice within a call.
//
// A Client is safe for concurrent use; its calls are done one after the other. Besides what the contract of the package says, a call
// fails with an error that matches [os.ErrDeadlineExceeded] when the server does not answer within [Config].Timeout, with a
// [*HostKeyError] or [ErrLogin] when it can not get in, and with [net.ErrClosed] after Close. When the context of a call ends, the
// server has half a second left to finish what it does and to remove the temporary file; then the connection is cut.
type Client struct {
	addr, user, dir    string
	timeout, keepAlive time.Duration
	dial               func(ctx context.Context, network, addr string) (net.Conn, error)
	auth               func(tried func(method string)) []ssh.AuthMethod
	hosts              *hostCheck

	open  context.Context // ends at Close
	close context.CancelCauseFunc

	turn    chan struct{} // holds a token while a call is under way
	session *session      // nil, or the connection; belongs to the holder of the turn
}

// Put implements the contract of the package. At most 64 packets of 32 KiB are under way at a time.
//
// When the connection is lost during the rename the error says that the outcome is unknown: then the file is in place, or the
// temporary file is, or, when the reader is quick, neither. A size that can not be looked at is not an error as long as the server has confirmed
// every byte; and a file that is gone right after the rename has been picked up.
//
// The rename is the plain one of the protocol, which fails when the name exists. Some servers overwrite all the same: there, the look
// just before the rename is all that protects a file that another writer makes under the same name.
func (c *Client) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if err := checkPut(name, temp, body); err != nil {
		return fmt.Errorf("sftpx: put: %w", err)
	}
	return c.do(ctx, fmt.Sprintf("put %q", name), func(ctx context.Context, s *session) error {
		u := upload{session: s, dir: c.dir, name: c.path(name), temp: c.path(temp)}
		return u.run(ctx, body)
	})
}

// Size implements the contract of the package.
func (c *Client) Size(ctx context.Context, name string) (size int64, err error) {
	if err := checkName("name", name); err != nil {
		return 0, fmt.Errorf("sftpx: size: %w", err)
	}
	err = c.do(ctx, fmt.Sprintf("size of %q", name), func(_ context.Context, s *session) error {
		fi, err := s.sftp.Stat(c.path(name))
		if err = answer(err); errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
		if err != nil {
			return fmt.Errorf("stat %q: %w", c.path(name), err)
		}
		size = fi.Size()
		return nil
	})
	return size, err
}

// Check connects and logs in, unless that is done, and looks whether the drop directory is there. The error matches [fs.ErrNotExist] when
// it is missing. A server that does not let us look passes.
func (c *Client) Check(ctx context.Context) error {
	return c.do(ctx, "check", func(_ context.Context, s *session) error {
		fi, err := s.sftp.Stat(c.dir)
		switch err = answer(err); {
		case lost(err):
			return err
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("drop directory %q: %w", c.dir, err)
		case err != nil:
			return nil
		}
		// Some servers do not tell the kind of file.
		if st, ok := fi.Sys().(*sftp.FileStat); ok && st.Mode != 0 && !fi.IsDir() {
			return fmt.Errorf("drop directory %q is not a directory", c.dir)
		}
		return nil
	})
}

// Close ends calls under way and the connection; it takes about [Config].Timeout at most, and returns nil: files that have been put
// are safe. The client can not be used afterwards. Close may be called more than once.
func (c *Client) Close() error {
	c.close(errClosed)
	timer := time.NewTimer(c.timeout)
	defer timer.Stop()
	select {
	case c.turn <- struct{}{}:
	case <-timer.C:
		// A call is held up by its body. The watch has cut the connection.
		return nil
	}
	defer func() { <-c.turn }()
	if c.session != nil {
		c.session.shutdown(c.timeout)
		c.session = nil
	}
	return nil
}

// do runs f with a connection, alone, and drops the connection when anything but an answer of the server came out.
func (c *Client) do(ctx context.Context, what string, f func(context.Context, *session) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("sftpx: %s: %w", what, err)
		}
	}()
	if c.open.Err() != nil {
		return errClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.open, func() { cancel(errClosed) })()
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return contextError(ctx)
	}
	defer func() { <-c.turn }()

	if c.session != nil && !c.session.usable() {
		c.drop()
	}
	if c.session == nil {
		if c.session, err = c.connect(ctx); err != nil {
			return err
		}
	}
	s := c.session
	end := s.newWatch(ctx, c.timeout)
	err = f(ctx, s)
	end()
	if reason := s.failure(); reason != nil && err != nil && !errors.Is(err, reason) {
		err = fmt.Errorf("%w (%w)", reason, err)
	}
	err = ended(ctx, err)
	if lost(err) || !s.usable() {
		c.drop()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.addr, err)
	}
	return nil
}

// drop cuts the connection.
func (c *Client) drop() {
	c.session.fail(net.ErrClosed)
	c.session = nil
}

// path is the path of a file in the drop directory.
func (c *Client) path(name string) string {
	switch {
	case c.dir == ".":
		return name
	case c.dir[len(c.dir)-1] == '/':
		return c.dir + name
	}
	return c.dir + "/" + name
}

// The status codes of SFTP that matter here. Version 3 ends at 8; some servers use those of later versions.
const (
	statusNoConnection   = 6
	statusConnectionLost = 7
	statusUnsupported    = 8
	statusNoSuchPath     = 10
	statusExists         = 11
)

// answer gives an error of a request the meaning that the standard library knows.
func answer(err error) error {
	if status, ok := errors.AsType[*sftp.StatusError](err); ok {
		switch status.Code {
		case statusUnsupported:
			return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		case statusNoSuchPath:
			return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		case statusExists:
			return fmt.Errorf("%w: %w", fs.ErrExist, err)
		}
	}
	return err
}

// lost tells an error of the connection, or one that leaves it in doubt, from an answer of the server.
func lost(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, sftp.ErrSSHFxConnectionLost) {
		return true
	}
	if status, ok := errors.AsType[*sftp.StatusError](err); ok {
		return status.Code == statusNoConnection || status.Code == statusConnectionLost
	}
	return !errors.Is(err, fs.ErrExist) && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, fs.ErrPermission)
}
