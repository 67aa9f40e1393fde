package sftpx_test

import (
	"context"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// network is one in memory, for tests that run on a clock of their own. Its connections keep what was sent until it is read, as real ones do.
type network struct {
	delay  time.Duration // one way, of all there is
	loss   int           // one in so many pieces has to be sent again; 0: none
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	faults []wireFault // for the connections to come, one each
	last   [2]*wire    // of the last connection: to the server, from the server
}

// wireFault happens to a connection when so many bytes have gone one way.
type wireFault struct {
	kind       faultKind
	fromServer bool
	after      int
}

type faultKind int

const (
	cut    faultKind = iota + 1 // both ways
	stall                       // nothing more goes this way
	garble                      // a bit of the next byte is wrong
)

func newNetwork(faults ...wireFault) *network {
	return &network{calls: make(chan net.Conn), closed: make(chan struct{}), faults: faults}
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	up, down := n.newWire(), n.newWire()
	n.mu.Lock()
	n.last = [2]*wire{up, down}
	if len(n.faults) > 0 {
		f := n.faults[0]
		n.faults = n.faults[1:]
		faulty := up
		if f.fromServer {
			faulty = down
		}
		faulty.left, faulty.kind, faulty.other = f.after, f.kind, map[*wire]*wire{up: down, down: up}[faulty]
	}
	n.mu.Unlock()
	select {
	case n.calls <- &memConn{in: up, out: down}:
		return &memConn{in: down, out: up}, nil
	case <-n.closed:
		return nil, &net.OpError{Op: "dial", Net: "mem", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.calls:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *network) Addr() net.Addr { return memAddr{} }

type memAddr struct{}

func (memAddr) Network() string { return "tcp" }
func (memAddr) String() string  { return "127.0.0.1:2222" }

// wire is one direction of a connection.
type wire struct {
	mu       sync.Mutex
	changed  *sync.Cond
	data     []piece
	held     int // bytes in data
	total    int // bytes that have gone through
	closed   bool
	deadline time.Time
	timer    *time.Timer

	delay time.Duration
	loss  int
	count int // of pieces

	kind  faultKind
	left  int
	other *wire
}

// piece is what was written at once.
type piece struct {
	data []byte
	due  time.Time
}

func (n *network) newWire() *wire {
	w := &wire{delay: n.delay, loss: n.loss}
	w.changed = sync.NewCond(&w.mu)
	return w
}

const (
	wireRoom = 8 << 20
	resend   = 200 * time.Millisecond // what it takes to find out that a piece was lost
)

func (w *wire) write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(p)
	for w.held > wireRoom && !w.closed {
		w.changed.Wait()
	}
	if w.closed {
		return 0, net.ErrClosed
	}
	if w.kind != 0 {
		k := min(w.left, len(p))
		w.left -= k
		switch rest := len(p) - k; {
		case rest == 0:
		case w.kind == stall:
			p = p[:k]
		case w.kind == garble:
			p = slices.Clone(p)
			p[k] ^= 0x20
			w.kind = 0
		case w.kind == cut:
			p = p[:k]
			w.closed = true
			w.other.close() // which has no fault, and so never asks for our lock
		}
	}
	if len(p) == 0 {
		return n, nil
	}
	next := piece{data: slices.Clone(p)}
	if w.delay > 0 {
		delay := w.delay
		if w.count++; w.loss > 0 && w.count%w.loss == 0 {
			delay += resend
		}
		next.due = time.Now().Add(delay)
		time.AfterFunc(delay, w.changed.Broadcast)
	}
	w.data = append(w.data, next)
	w.held += len(p)
	w.total += len(p)
	w.changed.Broadcast()
	return n, nil
}

func (w *wire) read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		now := time.Now()
		switch {
		case len(w.data) > 0 && !w.data[0].due.After(now):
			n := copy(p, w.data[0].data)
			w.held -= n
			if w.data[0].data = w.data[0].data[n:]; len(w.data[0].data) == 0 {
				w.data = w.data[1:]
			}
			w.changed.Broadcast()
			return n, nil
		case w.closed && len(w.data) == 0:
			return 0, io.EOF
		case !w.deadline.IsZero() && !now.Before(w.deadline):
			return 0, os.ErrDeadlineExceeded
		}
		w.changed.Wait()
	}
}

func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.changed.Broadcast()
}

func (w *wire) setDeadline(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
	if w.timer != nil {
		w.timer.Stop()
	}
	if !t.IsZero() && !w.closed {
		w.timer = time.AfterFunc(time.Until(t), w.changed.Broadcast)
	}
}

// memConn is one end.
type memConn struct{ in, out *wire }

func (c *memConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *memConn) Close() error {
	c.in.close()
	c.out.close()
	return nil
}
func (c *memConn) LocalAddr() net.Addr                { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr               { return memAddr{} }
func (c *memConn) SetDeadline(t time.Time) error      { c.in.setDeadline(t); return nil }
func (c *memConn) SetReadDeadline(t time.Time) error  { c.in.setDeadline(t); return nil }
func (c *memConn) SetWriteDeadline(_ time.Time) error { return nil }

func (w *wire) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total
}
