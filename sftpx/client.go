package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"time"

	"github.com/pkg/sftp"
)

const sizeOf = "size of" // what errors call a call of Size

var errClosed = &endError{"the client is closed", net.ErrClosed}

// Client puts files into a drop directory on an SFTP server. It connects at its first call and keeps the connection, with keep-alives,
// until Close. After an error of the connection or of the protocol it drops the connection, and makes a new one. A call whose failure may
// pass is tried again from its beginning, as [Config].Attempts and Backoff say; refusals, failed logins and wrong host keys are not.
//
// A Client is safe for concurrent use; its calls are done one after the other. Besides what the contract of the package says, a call fails
// with an error that matches [os.ErrDeadlineExceeded] when the server does not answer within [Config].Timeout, with a [*HostKeyError] or
// [ErrLogin] when it can not get in, and with [net.ErrClosed] after Close. When the context of a call ends, the server has half a second to
// finish what it is doing and to remove the temporary file; then the connection is cut.
type Client struct {
	addr, user         string
	dir, staging       string
	direct             bool
	timeout, keepAlive time.Duration
	attempts           int
	backoff            time.Duration
	packet             int
	algorithms         Algorithms
	dial               func(ctx context.Context, network, addr string) (net.Conn, error)
	notify             func(Notice)
	log                events
	login              login
	hosts              *hostCheck

	open  context.Context // ends at Close
	close context.CancelCauseFunc

	turn    chan struct{} // holds a token while a call is under way
	session *session      // nil, or the connection; belongs to the holder of the turn

	connections int // that were made; as session
}

// Put implements the contract of the package. At most 64 packets of [Config].PacketSize are under way at a time.
//
// When the connection is lost during the rename, a new one is made to look where the file is. If that can not be found out, the error says
// that the outcome is unknown: either the file is in place, or the temporary file is, or, when the reader was quick, neither. That the
// server does not tell the size is no error as long as it has confirmed every byte. A file that is gone right after the rename, together
// with its temporary name, has been picked up; [Config].Notify is told so.
//
// The rename is the plain one of the protocol, which fails when the name exists. Some servers overwrite all the same: with these, only the
// look just before the rename protects a file that another writer makes under the same name. A server that lets an account neither look nor
// overwrite gives no reason when a name is taken, and the error does not match [fs.ErrExist].
//
// With [Config].Direct, temp is not used, and a file that could not be removed after an error stays under name as far as it was written.
func (c *Client) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if err := checkPut(name, temp, body); err != nil {
		return fmt.Errorf("sftpx: put: %w", err)
	}
	u := upload{
		dir: c.dir, name: path(c.dir, name),
		staging: c.staging, temp: path(c.staging, temp),
		direct: c.direct,
	}
	u.pickedUp = func() {
		c.log.pickedUp(ctx, name)
		c.notify(Notice{Name: name, PickedUp: true})
	}
	if u.direct {
		u.temp = u.name
	}
	return c.do(ctx, "put", name, func(ctx context.Context, s *session) error {
		u.session = s
		return u.run(ctx, body)
	})
}

// Size implements the contract of the package.
func (c *Client) Size(ctx context.Context, name string) (size int64, err error) {
	if err := checkName("name", name); err != nil {
		return 0, fmt.Errorf("sftpx: size: %w", err)
	}
	err = c.do(ctx, sizeOf, name, func(_ context.Context, s *session) error {
		fi, err := s.sftp.Stat(path(c.dir, name))
		if err = answer(err); errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
		if err != nil {
			return fmt.Errorf("stat %q: %w", path(c.dir, name), err)
		}
		size = fi.Size()
		return nil
	})
	return size, err
}

// Capabilities say what a server can do, and what it lets the account do.
type Capabilities struct {
	Server string // how its software calls itself, like "OpenSSH_9.2"; for reading, not for decisions

	Look        bool // it tells whether the drop directory is there: sizes can be verified
	PosixRename bool // it has posix-rename@openssh.com. Never used, as that overwrites
	StatVFS     bool // it has statvfs@openssh.com: a failed upload can be told from a full disk
	Fsync       bool // it has fsync@openssh.com: files are on its disk before they are renamed
}

// Check connects and logs in, if there is no connection yet, looks whether the drop directory is there, and returns what the server can do.
// The error matches [fs.ErrNotExist] when the directory is missing. A server that does not let us look passes.
func (c *Client) Check(ctx context.Context) (caps Capabilities, err error) {
	err = c.do(ctx, "check", "", func(_ context.Context, s *session) error {
		caps = s.caps
		for i, dir := range []string{c.dir, c.staging} {
			what := "drop"
			if i > 0 {
				if what = "staging"; dir == c.dir {
					continue
				}
			}
			fi, err := s.sftp.Stat(dir)
			switch err = answer(err); {
			case lost(err):
				return err
			case errors.Is(err, fs.ErrNotExist):
				return fmt.Errorf("%s directory %q: %w", what, dir, err)
			case err != nil:
				continue
			}
			// Some servers do not tell the kind of file.
			if st, ok := fi.Sys().(*sftp.FileStat); ok && st.Mode != 0 && !fi.IsDir() {
				return &localError{fmt.Errorf("%s directory %q is not a directory", what, dir)}
			}
			caps.Look = caps.Look || i == 0
		}
		return nil
	})
	if err != nil {
		return Capabilities{}, err
	}
	return caps, nil
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

// do runs f with a connection, alone, and again when what went wrong may pass.
func (c *Client) do(ctx context.Context, what, name string, f func(context.Context, *session) error) (err error) {
	defer func() {
		if err == nil {
			return
		}
		c.log.failed(ctx, what, name, err)
		if name != "" {
			what = fmt.Sprintf("%s %q", what, name)
		}
		err = &callError{fmt.Errorf("sftpx: %s: %w", what, err)}
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

	for n := 1; ; n++ {
		if err = c.once(ctx, f); err == nil {
			return nil
		}
		if class := classify(err); ctx.Err() != nil || n >= c.attempts || class == final || class == dropping {
			if n > 1 {
				err = fmt.Errorf("attempt %d: %w", n, err)
			}
			return err
		}
		wait := c.wait(n)
		c.log.again(ctx, what, name, n, wait, err)
		c.notify(Notice{Name: name, Err: err, Attempt: n, Wait: wait})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ended(ctx, err)
		}
	}
}

const maxBackoff = 30 * time.Second

// wait is the time after the n-th attempt: random, so that several clients that a server threw out do not come back together.
func (c *Client) wait(n int) time.Duration {
	d := c.backoff
	for i := 1; i < n && d < maxBackoff; i++ {
		d = min(2*d, maxBackoff)
	}
	return d - rand.N(d/2+1)
}

// once runs f with a connection, and drops it when anything but an answer of the server came out.
func (c *Client) once(ctx context.Context, f func(context.Context, *session) error) (err error) {
	if c.session != nil && !c.session.usable() {
		c.log.dropped(ctx, c.session.failure())
		c.drop()
	}
	if c.session == nil {
		began := time.Now()
		if c.session, err = c.connect(ctx); err != nil {
			return err
		}
		c.connections++
		c.log.connected(ctx, c.session.caps.Server, c.connections, time.Since(began))
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
		c.log.dropped(ctx, err)
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

// path is the path of a file in a directory.
func path(dir, name string) string {
	switch {
	case dir == ".":
		return name
	case dir[len(dir)-1] == '/':
		return dir + name
	}
	return dir + "/" + name
}
