package sftpx_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// roundTrip is that of a link across a continent or two.
const roundTrip = 40 * time.Millisecond

// naive is the copy that most programs begin with: 32 KiB, an answer, and so on. It returns how long it took once it was connected.
func naive(t testing.TB, conn net.Conn, hostKey, name string, size int) time.Duration {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(hostKey))
	if err != nil {
		t.Fatal(err)
	}
	sshConn, channels, requests, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{
		User: sftpxtest.DefaultUser, Auth: []ssh.AuthMethod{ssh.Password(sftpxtest.DefaultPassword)}, HostKeyCallback: ssh.FixedHostKey(key),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := ssh.NewClient(sshConn, channels, requests)
	defer c.Close()
	s, err := sftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begin := time.Now()
	f, err := s.OpenFile(name, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, io.LimitReader(zeros{}, int64(size)), make([]byte, 32<<10)); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// On a link where each answer takes 40 ms, and some are lost and sent again, an upload takes a tenth of the time of one that waits for each
// answer. The clock is that of the test: what is counted is the waiting.
func TestSlowLink(t *testing.T) {
	large := bytes.Repeat(content, 26) // 8 MB
	for name, loss := range map[string]int{"no loss": 0, "loss": 1000} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork()
				n.delay, n.loss = roundTrip/2, loss
				s, err := sftpxtest.Start(sftpxtest.Options{Dir: dir, Listener: n})
				if err != nil {
					t.Fatal(err)
				}
				conn, err := n.dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				slow := naive(t, conn, s.HostKey(), "naive", len(large))
				c, err := sftpx.New(sftpx.Config{
					Addr: s.Addr(), User: sftpxtest.DefaultUser, Password: sftpxtest.DefaultPassword, HostKey: s.HostKey(), Dir: "/", Dial: n.dial,
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := check(t, c); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if err := c.Put(t.Context(), finalName, tempName, body(large)); err != nil {
					t.Fatal(err)
				}
				fast := time.Since(begin)
				c.Close()
				if slow < 10*fast {
					t.Errorf("an upload took %v, and the naive one %v", fast, slow)
				}
				t.Logf("%.1f times as fast", float64(slow)/float64(fast))
				s.Close()
				time.Sleep(time.Second) // what was on its way
			})
			if got, err := os.ReadFile(filepath.Join(dir, finalName)); err != nil || !bytes.Equal(got, large) {
				t.Errorf("%d bytes arrived, %v", len(got), err)
			}
		})
	}
}

// proxy is a link to a server that takes its time, and that may break.
type proxy struct {
	net.Listener
	to string
	// breaks is after how many bytes to the server the first connection is cut. 0 is never.
	breaks int
	all    sync.WaitGroup
}

func newProxy(t testing.TB, to string, breaks int) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to, breaks: breaks}
	p.all.Go(p.run)
	t.Cleanup(func() {
		l.Close()
		p.all.Wait()
	})
	return p
}

func (p *proxy) run() {
	for first := true; ; first = false {
		down, err := p.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", p.to)
		if err != nil {
			down.Close()
			continue
		}
		var there io.Reader = down
		if first && p.breaks > 0 {
			there = io.LimitReader(down, int64(p.breaks))
		}
		p.all.Go(func() { p.pump(up, there, down) })
		p.all.Go(func() { p.pump(down, up, up) })
	}
}

// pump sends on what comes, each piece half a round trip after it came. One in 500 is lost, and all that follows it waits.
func (p *proxy) pump(to net.Conn, from io.Reader, close net.Conn) {
	pieces := make(chan piece, 4096)
	p.all.Go(func() {
		for count := 1; ; count++ {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if err != nil {
				break
			}
			due := time.Now().Add(roundTrip / 2)
			if count%500 == 0 {
				due = due.Add(resend)
			}
			pieces <- piece{b[:n], due}
		}
		pieces <- piece{}
	})
	for next := range pieces {
		if next.data == nil {
			break
		}
		time.Sleep(time.Until(next.due))
		if _, err := to.Write(next.data); err != nil {
			close.Close() // which ends the reading
		}
	}
	to.Close()
	close.Close()
}

// The same over TCP, with a break in the middle: the file arrives whole.
func TestSlowLinkBreaks(t *testing.T) {
	t.Parallel()
	s := newServer(t, sftpxtest.Options{})
	p := newProxy(t, s.Addr(), 1<<20)
	large := bytes.Repeat(content, 7) // 2 MB
	notices := 0
	c := client(t, s.Server, func(c *sftpx.Config) {
		c.Addr, c.Attempts = p.Addr().String(), 4
		c.Notify = func(sftpx.Notice) { notices++ }
	})
	if err := c.Put(t.Context(), "a.csv", "a.part", body(large)); err != nil || notices != 1 {
		t.Errorf("%v after %d notices", err, notices)
	}
	s.holds("a.csv", large)
}

// BenchmarkSlowLink is the speed over a link of 40 ms with some loss, in multiples of that of a naive copy.
func BenchmarkSlowLink(b *testing.B) {
	s, err := sftpxtest.Start(sftpxtest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	p := newProxy(b, s.Addr(), 0)
	const slowSize = 1 << 20 // it takes long enough
	large := bytes.Repeat(content, 26)
	c, err := sftpx.New(sftpx.Config{
		Addr: p.Addr().String(), User: sftpxtest.DefaultUser, Password: sftpxtest.DefaultPassword, HostKey: s.HostKey(), Dir: "/",
	})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := check(b, c); err != nil {
		b.Fatal(err)
	}
	var fast, slow float64 // seconds for a byte
	for b.Loop() {
		begin := time.Now()
		if err := c.Put(b.Context(), finalName, tempName, body(large)); err != nil {
			b.Fatal(err)
		}
		fast += time.Since(begin).Seconds() / float64(len(large))
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		slow += naive(b, conn, s.HostKey(), "naive", slowSize).Seconds() / slowSize
		if err := os.Remove(filepath.Join(s.Dir(), finalName)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(slow/fast, "x-naive")
	b.ReportMetric(0, "ns/op")
}
