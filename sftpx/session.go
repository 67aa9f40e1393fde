package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	caps Capabilities
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
		mismatch, isMismatch := errors.AsType[*ssh.AlgorithmNegotiationError](err)
		switch {
		case isRefused:
			shown = append(shown, refused.Presented...)
			next = c.hosts.next(offer, refused)
		case isMismatch && mismatch.What == "host key" && len(shown) > 0:
			// The server has no further key.
			err = &HostKeyError{Host: c.addr, Known: slices.Clone(c.hosts.known)}
		case isMismatch && mismatch.What == "host key" && !c.hosts.fixed && !slices.Equal(offer, plainAlgorithms()):
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
		return nil, fmt.Errorf("connect to %s: %w", c.addr, negotiation(err))
	}
}

// attempt makes one connection. Closing it when ctx ends is what limits every step: the handshake has no limit of its own.
func (c *Client) attempt(ctx context.Context, offer []string) (_ *session, err error) {
	login, err := c.login(ctx)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer login.close()
	conn, err := c.dial(ctx, "tcp", c.addr)
	if err != nil {
		return nil, ended(ctx, besides(fs.ErrNotExist, err))
	}
	stop := context.AfterFunc(ctx, func() {
		conn.Close()
		login.close()
	})
	defer func() {
		if !stop() && err == nil {
			err = contextError(ctx)
		}
		if err != nil {
			conn.Close()
			err = ended(ctx, err)
		}
	}()

	var accepted atomic.Bool
	var refused atomic.Pointer[HostKeyError] // the key is checked on another goroutine
	live := &liveConn{Conn: conn, silence: c.keepAlive + c.timeout}
	sshConn, channels, requests, err := ssh.NewClientConn(live, c.addr, &ssh.ClientConfig{
		Config:            ssh.Config{KeyExchanges: c.algorithms.KeyExchanges, Ciphers: c.algorithms.Ciphers, MACs: c.algorithms.MACs},
		User:              c.user,
		Auth:              login.methods(),
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
		if accepted.Load() {
			err = login.refused(c.user, err)
		}
		return nil, err
	}
	s := &session{conn: live, ssh: ssh.NewClient(sshConn, channels, requests), done: make(chan struct{}), start: time.Now()}
	if err := s.startSFTP(c.packet); err != nil {
		return nil, fmt.Errorf("start SFTP: %w", err)
	}
	s.caps = Capabilities{
		Server:      strings.TrimPrefix(strings.ToValidUTF8(string(sshConn.ServerVersion()), "?"), "SSH-2.0-"),
		PosixRename: s.has("posix-rename@openssh.com", "1"),
		StatVFS:     s.has("statvfs@openssh.com", "2"),
		Fsync:       s.has("fsync@openssh.com", "1"),
	}
	go s.wait()
	go s.keepAlive(c.keepAlive)
	return s, nil
}

// errNoSFTP is in the error when a login is good for nothing.
var errNoSFTP = errors.New("the server has no SFTP for this user")

// startSFTP opens the SFTP session itself, rather than through sftp.NewClient, to see the traffic of SFTP alone.
func (s *session) startSFTP(packet int) error {
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
		return errNoSFTP
	}
	s.sftp, err = sftp.NewClientPipe(&reader{Channel: channel, s: s}, writer{channel, s}, sftp.MaxPacketUnchecked(packet))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return fmt.Errorf("%w: unexpected answer (a login script that prints text on the server has this effect): %w", errNoSFTP, err)
}

// has tells whether the server has an extension in the version that is known here.
func (s *session) has(extension, version string) bool {
	v, ok := s.sftp.HasExtension(extension)
	return ok && v == version
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
