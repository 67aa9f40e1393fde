package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// grace is how long the server may still answer after a call's context has ended, so that the temporary file can be removed and the
// outcome of a rename be known.
const grace = 500 * time.Millisecond

// session is one connection to the server, with one SFTP session in it. It is used by one call at a time and thrown away whole at the
// first sign of trouble.
type session struct {
	conn *liveConn
	ssh  *ssh.Client
	sftp *sftp.Client
	done chan struct{} // closed when the connection has ended

	start    time.Time
	progress atomic.Int64 // time since start of the last sign of progress at the SFTP level: keep-alives do not count
	local    atomic.Bool  // the call reads its body: the server is not to blame for the time that takes

	mu     sync.Mutex
	reason error // why we ended the connection, or nil
}

// connect dials until a host key is accepted, which with a fingerprint may take one connection for each of the server's keys.
func (c *Client) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, &endError{fmt.Sprintf("not connected and logged in within %v", c.timeout), os.ErrDeadlineExceeded})
	defer cancel()
	offer, shown := c.hosts.offer, []string(nil)
	for {
		s, err := c.attempt(ctx, offer)
		if err == nil {
			return s, nil
		}
		var next []string
		refused, isRefused := errors.AsType[*HostKeyError](err)
		negotiation, isNegotiation := errors.AsType[*ssh.AlgorithmNegotiationError](err)
		switch {
		case isRefused:
			shown = append(shown, refused.Presented...)
			next = c.hosts.next(offer, refused)
		case isNegotiation && negotiation.What == "host key" && len(shown) > 0:
			// The server has no further key.
			err = &HostKeyError{Host: c.addr, Known: slices.Clone(c.hosts.known)}
		case isNegotiation && negotiation.What == "host key" && !slices.Equal(offer, plainAlgorithms()):
			// No key of a known type: look at what there is, to be able to say so. It is refused by the check like any other.
			next = plainAlgorithms()
		}
		if len(next) > 0 {
			offer = next
			continue
		}
		if last, ok := errors.AsType[*HostKeyError](err); ok {
			err = &HostKeyError{Host: c.addr, Presented: shown, Known: last.Known, Revoked: last.Revoked, Err: last.Err}
		}
		return nil, fmt.Errorf("connect to %s: %w", c.addr, err)
	}
}

// attempt makes one connection. Closing it when ctx ends is what limits every step: the handshake has no limit of its own.
func (c *Client) attempt(ctx context.Context, offer []string) (_ *session, err error) {
	conn, err := c.dial(ctx, "tcp", c.addr)
	if err != nil {
		return nil, ended(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		if !stop() && err == nil {
			err = contextError(ctx)
		}
		if err != nil {
			conn.Close()
			err = ended(ctx, err)
		}
	}()

	var tried []string
	var accepted atomic.Bool
	var refused atomic.Pointer[HostKeyError] // the key is checked on another goroutine
	live := &liveConn{Conn: conn, silence: c.keepAlive + c.timeout}
	sshConn, channels, requests, err := ssh.NewClientConn(live, c.addr, &ssh.ClientConfig{
		User:              c.user,
		Auth:              c.auth(func(method string) { tried = append(tried, method) }),
		HostKeyAlgorithms: offer,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			err := c.hosts.check(key)
			if no, ok := errors.AsType[*HostKeyError](err); ok {
				refused.Store(no)
			}
			accepted.Store(err == nil)
			return err
		},
	})
	if no := refused.Load(); no != nil {
		return nil, no
	}
	if err != nil {
		if accepted.Load() && (strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "ssh: disconnect")) {
			return nil, fmt.Errorf("%w for user %q (tried: %s); check the user and the password or key: %w", ErrLogin, c.user, orNone(strings.Join(tried, ", ")), err)
		}
		return nil, err
	}
	s := &session{conn: live, ssh: ssh.NewClient(sshConn, channels, requests), done: make(chan struct{}), start: time.Now()}
	if err := s.startSFTP(); err != nil {
		return nil, fmt.Errorf("start SFTP: %w", err)
	}
	go s.wait()
	go s.keepAlive(c.keepAlive)
	return s, nil
}

// startSFTP opens the SFTP session itself, rather than through sftp.NewClient, to see the traffic of SFTP alone.
func (s *session) startSFTP() error {
	channel, requests, err := s.ssh.OpenChannel("session", nil)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	go io.Copy(io.Discard, channel.Stderr())
	ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the server has no SFTP for this user")
	}
	s.sftp, err = sftp.NewClientPipe(reader{channel, s}, writer{channel, s})
	if err != nil {
		return fmt.Errorf("unexpected answer (a login script that prints text on the server has this effect): %w", err)
	}
	return nil
}

// wait follows the connection to its end: that of SFTP is that of the whole.
func (s *session) wait() {
	s.sftp.Wait()
	s.conn.Close()
	s.ssh.Wait()
	close(s.done)
}

// keepAlive asks for a sign of life now and then. That no answer comes is noticed by liveConn.
func (s *session) keepAlive(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if _, _, err := s.ssh.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
	}
}

// fail ends the connection, which frees whatever waits for it. The first reason is kept.
func (s *session) fail(reason error) {
	s.mu.Lock()
	if s.reason == nil {
		s.reason = reason
	}
	s.mu.Unlock()
	s.conn.Close()
}

// failure returns why the connection has ended, if that was our doing.
func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil && s.conn.silent.Load() {
		return &endError{fmt.Sprintf("nothing received from the server for %v", s.conn.silence), os.ErrDeadlineExceeded}
	}
	return s.reason
}

// usable tells whether the connection is there, as far as is known.
func (s *session) usable() bool {
	select {
	case <-s.done:
		return false
	default:
		return s.failure() == nil && !s.conn.ended.Load()
	}
}

// shutdown ends the connection in the orderly way, or after limit in the other one.
func (s *session) shutdown(limit time.Duration) {
	timer := time.AfterFunc(limit, func() { s.conn.Close() })
	defer timer.Stop()
	s.sftp.Close()
	s.ssh.Close()
	<-s.done
}

func (s *session) touch() { s.progress.Store(int64(time.Since(s.start))) }

// idle is the time since the last sign of progress.
func (s *session) idle() time.Duration { return time.Since(s.start) - time.Duration(s.progress.Load()) }

// reader and writer are the two directions of the SFTP session; what passes through them is progress.
type (
	reader struct {
		ssh.Channel
		s *session
	}
	writer struct {
		ssh.Channel
		s *session
	}
)

func (r reader) Read(p []byte) (int, error) {
	n, err := r.Channel.Read(p)
	if n > 0 {
		r.s.touch()
	}
	return n, err
}

func (w writer) Write(p []byte) (int, error) {
	n, err := w.Channel.Write(p)
	if n > 0 {
		w.s.touch()
	}
	return n, err
}

// Close ends this direction only; the server ends the other.
func (w writer) Close() error { return w.Channel.CloseWrite() }

// liveConn ends a connection on which nothing is received any more.
type liveConn struct {
	net.Conn
	silence time.Duration
	ended   atomic.Bool // a read has failed: the layers above are about to learn of it
	silent  atomic.Bool // it failed because nothing came
}

func (c *liveConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if err != nil {
		c.silent.Store(errors.Is(err, os.ErrDeadlineExceeded))
		c.ended.Store(true)
	}
	return n, err
}

// watch looks after one call: it fails the session when the server makes no progress for limit, or when ctx has ended and the
// call has not within grace.
type watch struct {
	s     *session
	ctx   context.Context
	limit time.Duration

	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

// newWatch starts to watch; the function returned ends it.
func (s *session) newWatch(ctx context.Context, limit time.Duration) (end func()) {
	s.touch()
	w := &watch{s: s, ctx: ctx, limit: limit}
	w.mu.Lock()
	w.timer = time.AfterFunc(limit, w.look)
	w.mu.Unlock()
	stop := context.AfterFunc(ctx, w.hurry)
	return func() {
		stop()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = true
		w.timer.Stop()
	}
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	idle := w.s.idle()
	switch {
	case w.ctx.Err() != nil:
		w.s.fail(contextError(w.ctx))
	case w.s.local.Load():
		w.timer.Reset(w.limit)
	case idle >= w.limit:
		w.s.fail(&endError{fmt.Sprintf("no answer from the server for %v", w.limit), os.ErrDeadlineExceeded})
	default:
		w.timer.Reset(w.limit - idle)
	}
}

func (w *watch) hurry() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.timer.Reset(grace)
	}
}

// ended adds to err why ctx ended, if it did.
func ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w (%w)", contextError(ctx), err)
}
