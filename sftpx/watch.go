package sftpx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

func (s *session) touch() { s.progress.Store(int64(time.Since(s.start))) }

// idle is the time since the last sign of progress.
func (s *session) idle() time.Duration { return time.Since(s.start) - time.Duration(s.progress.Load()) }

// reader and writer are the two directions of the SFTP session. Progress is a packet that has come or gone whole: a server that lets single
// bytes drip makes none.
type (
	reader struct {
		ssh.Channel
		s     *session
		head  [4]byte // the length of a packet, as far as it has come
		heads int     // bytes of head that have come
		rest  int     // bytes of the packet that have not
	}
	writer struct {
		ssh.Channel
		s *session
	}
)

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.Channel.Read(p)
	for p = p[:max(n, 0)]; len(p) > 0; {
		if r.heads < len(r.head) {
			k := copy(r.head[r.heads:], p)
			r.heads, p = r.heads+k, p[k:]
			r.rest = int(min(binary.BigEndian.Uint32(r.head[:]), 1<<30))
			continue
		}
		k := min(r.rest, len(p))
		r.rest, p = r.rest-k, p[k:]
		if r.rest == 0 {
			r.heads = 0
			r.s.touch()
		}
	}
	return n, err
}

// Write implements io.Writer. It returns when the server has made room for all of p.
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
