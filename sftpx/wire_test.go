package sftpx_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// lab is a server and a client on a network in memory. Everything is on the clock of the test, which goes on when all wait: no test waits for
// a time limit, however long, and one that would wait for ever fails, as does one that leaves a goroutine behind.
type lab struct {
	t      *testing.T
	dir    string
	net    *network
	client *sftpx.Client
}

// inLab runs a test of its own. Nothing must be left of it but the directory.
func inLab(t *testing.T, dir string, n *network, o sftpxtest.Options, change func(*sftpx.Config), f func(l *lab)) {
	t.Helper()
	o.Dir, o.Listener = dir, n
	s, err := sftpxtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sftpx.Config{
		Addr: s.Addr(), User: sftpxtest.DefaultUser, Password: sftpxtest.DefaultPassword, HostKey: s.HostKey(), Dir: "/", PacketSize: 64,
		Dial: n.dial, Algorithms: sftpx.Algorithms{KeyExchanges: []string{"curve25519-sha256"}}, // for speed
	}
	if change != nil {
		change(&cfg)
	}
	c, err := sftpx.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f(&lab{t, dir, n, c})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// small is a file of 5 packets of 64 bytes.
var small = bytes.Repeat([]byte("0123456789"), 30)

const (
	finalName = "a.csv"
	tempName  = "a.part"
)

// put puts the small file, and fails the test if that takes longer than anything may.
func (l *lab) put() error {
	l.t.Helper()
	begin := time.Now()
	err := l.client.Put(l.t.Context(), finalName, tempName, body(small))
	if d := time.Since(begin); d > 6*time.Minute {
		l.t.Errorf("Put took %v", d)
	}
	return err
}

// published tells whether the file is there, and fails the test when there is anything else under its name.
func (l *lab) published() bool {
	l.t.Helper()
	got, err := os.ReadFile(filepath.Join(l.dir, finalName))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil || !bytes.Equal(got, small) {
		l.t.Errorf("under the final name there are %d bytes, %v", len(got), err)
	}
	return true
}

// converges fails the test unless the same Put, on a network and a server that are whole again, leaves the file and nothing else.
func (l *lab) converges() {
	l.t.Helper()
	err := l.put()
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = l.put() // the first one may be the one to find out that the connection has gone
	}
	if err != nil && !errors.Is(err, fs.ErrExist) || !l.published() {
		l.t.Errorf("the same again: %v, published: %v", err, l.published())
	}
	if entries, err := os.ReadDir(l.dir); err != nil || len(entries) != 1 {
		l.t.Errorf("in the end the directory holds %v, %v", entries, err)
	}
}

// The connection is cut, goes silent or carries a wrong bit, in each direction, everywhere from the first byte to the last.
func TestWireFaults(t *testing.T) {
	var total [2]int
	root := t.TempDir()
	fresh := func(name string) string {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dry := fresh("dry")
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		inLab(t, dry, n, sftpxtest.Options{}, nil, func(l *lab) {
			if err := l.put(); err != nil {
				t.Fatal(err)
			}
			for i, w := range n.last {
				total[i] = w.sent()
			}
		})
	})
	for _, attempts := range []int{1, 4} {
		for kind, name := range map[faultKind]string{cut: "cut", stall: "silent", garble: "garbled"} {
			for way, label := range []string{"to", "from"} {
				t.Run(fmt.Sprintf("%s %s the server, %d attempts", name, label, attempts), func(t *testing.T) {
					t.Parallel()
					done, faults := 0, 0
					for at := 1; at < total[way]; at += 101 {
						dir := filepath.Join(root, fmt.Sprintf("%d-%d-%d-%d", attempts, kind, way, at))
						if err := os.Mkdir(dir, 0o700); err != nil {
							t.Fatal(err)
						}
						var err error
						synctest.Test(t, func(t *testing.T) {
							defer func() {
								if t.Failed() {
									t.Logf("the fault was at byte %d of %d", at, total[way])
								}
							}()
							n := newNetwork(wireFault{kind, way == 1, at})
							inLab(t, dir, n, sftpxtest.Options{}, func(c *sftpx.Config) { c.Attempts = attempts }, func(l *lab) {
								err = l.put()
								if err == nil && !l.published() {
									t.Error("no error and no file")
								}
								wireError(t, kind, attempts, err)
								l.converges()
							})
						})
						if faults++; err == nil {
							done++
						}
					}
					t.Logf("%d faults, %d delivered all the same", faults, done)
				})
			}
		}
	}
}

// wireError checks that err is what may come of a fault of the line.
func wireError(t *testing.T, kind faultKind, attempts int, err error) {
	t.Helper()
	switch {
	case err == nil:
	case kind == garble && (asType[*sftpx.HostKeyError](err) || asType[*ssh.AlgorithmNegotiationError](err)):
	case errors.Is(err, sftpx.ErrLogin): // the password was on its way: it is not sent again
	case attempts > 1:
		t.Errorf("a fault that passes made the call fail: %v", err)
	case kind == stall && !errors.Is(err, os.ErrDeadlineExceeded):
		t.Errorf("error is %v, want os.ErrDeadlineExceeded", err)
	case errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported):
		t.Errorf("error is %v, as if the server had said so", err)
	}
}

func asType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
