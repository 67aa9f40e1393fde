package sftpx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// A server that answers keep-alives, and not the request.
func TestStalledRequest(t *testing.T) {
	for _, op := range []string{"lstat", "open", "write", "close", "stat", "rename"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork()
				s := newServer(t, sftpxtest.Options{Listener: n})
				release := make(chan struct{})
				t.Cleanup(func() { close(release) }) // before the server is closed
				cl := client(t, s.Server, func(c *sftpx.Config) { c.Timeout, c.KeepAlive, c.Dial = short, short/8, n.dial })
				var stalled atomic.Bool
				s.setHook(func(o, _ string) error {
					if o == op && !stalled.Swap(true) {
						<-release
					}
					return nil
				})
				begin := time.Now()
				err := cl.Put(t.Context(), "a.csv", "a.part", body(content))
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("error is %v, want os.ErrDeadlineExceeded", err)
				}
				if op == "rename" && !strings.Contains(err.Error(), "unknown") {
					t.Errorf("%q does not say that the outcome is unknown", err)
				}
				if d := time.Since(begin); d < short/2 || d > long {
					t.Errorf("it took %v", d)
				}
				if err := cl.Put(t.Context(), "b.csv", "b.part", body(content)); err != nil {
					t.Errorf("the next call: %v", err)
				}
			})
		})
	}
}

// A connection on which nothing comes back any more, as when a firewall has forgotten it.
func TestSilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		s := newServer(t, sftpxtest.Options{Listener: n})
		var dials atomic.Int32
		var last atomic.Pointer[silent]
		cl := client(t, s.Server, func(c *sftpx.Config) {
			c.Timeout, c.KeepAlive = short, short/4
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials.Add(1)
				conn, err := n.dial(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				q := &silent{Conn: conn, closed: make(chan struct{})}
				last.Store(q)
				return q, nil
			}
		})
		if err := check(t, cl); err != nil {
			t.Fatal(err)
		}
		// During a call.
		first := last.Load()
		first.quiet.Store(true)
		if err := check(t, cl); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error is %v, want os.ErrDeadlineExceeded", err)
		}
		// Between calls: the connection is given up without one.
		if err := check(t, cl); err != nil || dials.Load() != 2 {
			t.Fatalf("the next call: %v after %d dials", err, dials.Load())
		}
		second := last.Load()
		second.quiet.Store(true)
		select {
		case <-second.closed:
		case <-time.After(long):
			t.Fatal("the dead connection was kept")
		}
		if err := check(t, cl); err != nil || dials.Load() != 3 {
			t.Errorf("the call after it: %v after %d dials", err, dials.Load())
		}
	})
}

// silent is a connection that can be made to receive nothing.
type silent struct {
	net.Conn
	quiet  atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (c *silent) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.quiet.Load() {
			return n, err
		}
	}
}

func (c *silent) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Keep-alives hold a connection open that a call is not using, for longer than the limit on silence.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		s := newServer(t, sftpxtest.Options{Listener: n})
		var dials atomic.Int32
		cl := client(t, s.Server, func(c *sftpx.Config) {
			c.Timeout, c.KeepAlive = short, short/8
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials.Add(1)
				return n.dial(ctx, network, addr)
			}
		})
		if err := check(t, cl); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * short)
		if err := check(t, cl); err != nil {
			t.Fatal(err)
		}
		if d := dials.Load(); d != 1 {
			t.Errorf("%d dials, want 1", d)
		}
	})
}

// What moves is not cut, however long it takes, and neither is a slow body.
func TestSlowUpload(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork()
			s := newServer(t, sftpxtest.Options{Listener: n, BytesPerSecond: 2 * len(content)}) // half a second in all, a twentieth for each packet
			cl := client(t, s.Server, func(c *sftpx.Config) { c.Timeout, c.Dial = short, n.dial })
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
				t.Fatal(err)
			}
			s.holds("a.csv", content)
		})
	})
	t.Run("body", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork()
			s := newServer(t, sftpxtest.Options{Listener: n})
			cl := client(t, s.Server, func(c *sftpx.Config) { c.Timeout, c.KeepAlive, c.Dial = short, short/8, n.dial })
			slow := readerAt(func(p []byte, off int64) (int, error) {
				if off >= int64(len(content)/2) && off < int64(len(content)/2)+32<<10 {
					time.Sleep(2 * short)
				}
				return bytes.NewReader(content).ReadAt(p, off)
			})
			if err := cl.Put(t.Context(), "a.csv", "a.part", io.NewSectionReader(slow, 0, int64(len(content)))); err != nil {
				t.Fatal(err)
			}
			s.holds("a.csv", content)
		})
	})
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestConnectionCut(t *testing.T) {
	for _, op := range []string{"lstat", "open", "write", "close", "stat"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sftpxtest.Options{})
			cl := client(t, s.Server, nil)
			var cut atomic.Bool
			s.setHook(func(o, _ string) error {
				if o == op && !cut.Swap(true) {
					s.Disconnect()
				}
				return nil
			})
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err == nil {
				t.Error("no error")
			}
			if _, err := os.Stat(s.path("a.csv")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the final name: %v", err)
			}
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
				t.Fatalf("the same again: %v", err)
			}
			s.holds("a.csv", content)
			if names := s.names(); len(names) != 1 {
				t.Errorf("the directory holds %q", names)
			}
		})
	}
	t.Run("rename", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, nil)
		s.setHook(func(op, _ string) error {
			if op == "rename" {
				s.Disconnect()
			}
			return nil
		})
		err := cl.Put(t.Context(), "a.csv", "a.part", body(content))
		if err == nil || !strings.Contains(err.Error(), "unknown") {
			t.Errorf("error is %v, want one that says that the outcome is unknown", err)
		}
	})
	t.Run("between calls", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, nil)
		if err := check(t, cl); err != nil {
			t.Fatal(err)
		}
		s.Disconnect()
		// The first call may be the one that finds out; it is not the second.
		check(t, cl)
		if err := check(t, cl); err != nil {
			t.Error(err)
		}
	})
}

func TestCancelled(t *testing.T) {
	why := errors.New("shutting down")
	for _, op := range []string{"open", "write", "rename"} {
		t.Run("while the server is silent in "+op, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sftpxtest.Options{})
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			cl := client(t, s.Server, func(c *sftpx.Config) { c.Timeout = 10 * long })
			ctx, cancel := context.WithCancelCause(t.Context())
			s.setHook(func(o, _ string) error {
				if o == op {
					cancel(why)
					<-release
				}
				return nil
			})
			begin := time.Now()
			err := cl.Put(ctx, "a.csv", "a.part", body(content))
			if !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v, want the cause and context.Canceled", err)
			}
			if d := time.Since(begin); d > long {
				t.Errorf("it took %v", d)
			}
		})
	}
	t.Run("in the middle of an upload to a server that answers", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		s.setHook(func(op, _ string) error {
			if op == "write" {
				cancel(why)
			}
			return nil
		})
		large := bytes.Repeat(content, 20)
		if err := cl.Put(ctx, "a.csv", "a.part", body(large)); !errors.Is(err, why) {
			t.Errorf("error is %v, want the cause", err)
		}
		if names := s.names(); len(names) > 0 {
			t.Errorf("left behind: %q", names)
		}
	})
	t.Run("while connecting", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		cl, err := sftpx.New(sftpx.Config{Addr: l.Addr().String(), User: "u", Password: "p", Dir: ".", HostKey: line(newEd25519().PublicKey()), Timeout: 10 * long})
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		ctx, cancel := context.WithTimeoutCause(t.Context(), short, why)
		defer cancel()
		if _, err := cl.Check(ctx); !errors.Is(err, why) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v, want the cause and context.DeadlineExceeded", err)
		}
	})
	t.Run("while another call has the connection", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, nil)
		inside, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		s.setHook(func(op, _ string) error {
			if op == "open" {
				once.Do(func() { close(inside); <-release })
			}
			return nil
		})
		var all sync.WaitGroup
		all.Go(func() {
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
				t.Errorf("the other call: %v", err)
			}
		})
		<-inside
		ctx, cancel := context.WithTimeoutCause(t.Context(), short/4, why)
		defer cancel()
		if _, err := cl.Size(ctx, "a.csv"); !errors.Is(err, why) {
			t.Errorf("error is %v, want the cause", err)
		}
		close(release)
		all.Wait()
	})
}

func TestClose(t *testing.T) {
	t.Run("before the first call", func(t *testing.T) {
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, nil)
		if err := cl.Close(); err != nil {
			t.Error(err)
		}
		for what, err := range map[string]error{"Put": cl.Put(t.Context(), "a", "b", body(nil)), "Check": check(t, cl)} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
	})
	t.Run("during a call that hangs", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sftpxtest.Options{})
		release := make(chan struct{})
		t.Cleanup(func() { close(release) })
		cl := client(t, s.Server, func(c *sftpx.Config) { c.Timeout = long })
		inside := make(chan struct{})
		var once sync.Once
		s.setHook(func(op, _ string) error {
			if op == "write" {
				once.Do(func() { close(inside) })
				<-release
			}
			return nil
		})
		var err error
		var all sync.WaitGroup
		all.Go(func() { err = cl.Put(t.Context(), "a.csv", "a.part", body(content)) })
		<-inside
		begin := time.Now()
		if err := cl.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		if d := time.Since(begin); d > long/2 {
			t.Errorf("it took %v", d)
		}
		if !errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) {
			t.Errorf("the call: %v, want net.ErrClosed", err)
		}
	})
	t.Run("of a server that does not answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork()
			s := newServer(t, sftpxtest.Options{Listener: n})
			var last atomic.Pointer[silent]
			cl := client(t, s.Server, func(c *sftpx.Config) {
				c.Timeout, c.KeepAlive = short, 10*long
				c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := n.dial(ctx, network, addr)
					if err == nil {
						last.Store(&silent{Conn: conn, closed: make(chan struct{})})
					}
					return last.Load(), err
				}
			})
			if err := check(t, cl); err != nil {
				t.Fatal(err)
			}
			last.Load().quiet.Store(true)
			begin := time.Now()
			if err := cl.Close(); err != nil {
				t.Error(err)
			}
			if d := time.Since(begin); d > long {
				t.Errorf("it took %v", d)
			}
		})
	})
}

// Nothing of a connection is left when it has been closed, or dropped after an error.
func TestNoGoroutineLeft(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	for _, cut := range []bool{false, true} {
		cl := client(t, s.Server, nil)
		if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
			t.Fatal(err)
		}
		if cut {
			s.setHook(func(string, string) error { s.Disconnect(); return nil })
			if err := check(t, cl); err == nil {
				t.Error("the connection was not cut")
			}
		} else if err := cl.Close(); err != nil {
			t.Error(err)
		}
		for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			if !bytes.Contains(stacks, []byte("sftpx.(*session)")) && !bytes.Contains(stacks, []byte("sftp.(*clientConn)")) {
				break
			}
			if time.Since(begin) > long {
				t.Fatalf("goroutines left:\n%s", stacks)
			}
		}
		if err := os.Remove(s.path("a.csv")); err != nil {
			t.Error(err)
		}
	}
}
