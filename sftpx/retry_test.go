package sftpx_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// What may pass is tried again after growing, random waits; what will not is not.
func TestAttempts(t *testing.T) {
	noHost := &net.DNSError{Err: "no such host", Name: "example.org", IsNotFound: true}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, c := range []struct {
		name     string
		dial     error // of every dial
		server   sftpxtest.Options
		attempts int // 0: the default
		change   func(*sftpx.Config)
		want     int // attempts made
	}{
		{name: "connection refused", dial: refused, want: 4},
		{name: "connection refused, once", dial: refused, attempts: 1, want: 1},
		{name: "connection refused, seven times", dial: refused, attempts: 7, want: 7},
		{name: "no such host", dial: noHost, want: 1},
		{name: "wrong password", change: func(c *sftpx.Config) { c.Password = "wrong" }, want: 1},
		{name: "another host key", change: func(c *sftpx.Config) { c.HostKey = line(newEd25519().PublicKey()) }, want: 1},
		{name: "no common algorithm", change: func(c *sftpx.Config) { c.Algorithms.Ciphers = []string{"aes128-cbc"} }, want: 1},
		{name: "failure", server: sftpxtest.Options{Hook: refuse("open", 0, errors.New("busy"))}, want: 4},
		{name: "not permitted", server: sftpxtest.Options{Hook: refuse("open", 0, fs.ErrPermission)}, want: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				var notices []sftpx.Notice
				n := newNetwork()
				inLab(t, dir, n, c.server, func(cfg *sftpx.Config) {
					cfg.Attempts = c.attempts
					cfg.Notify = func(n sftpx.Notice) { notices = append(notices, n) }
					if c.dial != nil {
						cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, c.dial }
					}
					if c.change != nil {
						c.change(cfg)
					}
				}, func(l *lab) {
					begin := time.Now()
					err := l.put()
					if err == nil || len(notices) != c.want-1 {
						t.Fatalf("%d attempts, error %v; want %d", len(notices)+1, err, c.want)
					}
					took, most := time.Since(begin), time.Duration(0)
					for i, n := range notices {
						d := min(time.Second<<i, 30*time.Second)
						most += d
						if n.Attempt != i+1 || n.Wait < d/2 || n.Wait > d || n.Err == nil || n.Name != finalName {
							t.Errorf("notice %d: %v", i, n)
						}
					}
					if took < most/2 || took > most {
						t.Errorf("it took %v, want between %v and %v", took, most/2, most)
					}
				})
			})
		})
	}
}

// A context or Close ends the wait between two attempts.
func TestAttemptsEnd(t *testing.T) {
	why := errors.New("shutting down")
	for _, how := range []string{"context", "Close"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := errors.New("connection refused")
				c, err := sftpx.New(sftpx.Config{
					Addr: "example.org", User: "u", Password: "p", Dir: ".", HostKey: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", Backoff: time.Hour,
					Dial: func(context.Context, string, string) (net.Conn, error) { return nil, refused },
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					time.Sleep(time.Second)
					if how == "Close" {
						c.Close()
					}
					cancel(why)
				}()
				want := map[string]error{"context": why, "Close": net.ErrClosed}[how]
				begin := time.Now()
				if err := c.Put(ctx, finalName, tempName, body(small)); !errors.Is(err, want) || !errors.Is(err, refused) || time.Since(begin) != time.Second {
					t.Errorf("after %v: %v", time.Since(begin), err)
				}
				c.Close()
			})
		})
	}
}

// Some of the file has gone when the connection breaks: the second upload begins at its first byte.
func TestStartsOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &spoil{fault: fault{kind: fxpWrite, nth: 3, answer: func([]byte) ([]byte, bool) { return nil, true }}}
		inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: s.wrap}, nil, func(l *lab) {
			if err := l.put(); err != nil || !l.published() {
				t.Error(err)
			}
		})
		if s.count < 5+3 {
			t.Errorf("%d packets were written in all", s.count)
		}
	})
}

func TestDirect(t *testing.T) {
	direct := func(c *sftpx.Config) { c.Direct = true }
	t.Run("a file", func(t *testing.T) {
		s := newServer(t, sftpxtest.Options{})
		s.setHook(refuse("rename", 0, errors.ErrUnsupported))
		cl := client(t, s.Server, direct)
		if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
			t.Fatal(err)
		}
		s.holds("a.csv", content)
		if err := cl.Put(t.Context(), "a.csv", "a.part", body(nil)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("the same name: %v", err)
		}
		s.holds("a.csv", content)
	})
	t.Run("a name that is taken after the look", func(t *testing.T) {
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, direct)
		s.setHook(func(op, _ string) error {
			if op == "open" {
				return os.WriteFile(s.path("a.csv"), []byte("theirs"), 0o600)
			}
			return nil
		})
		if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("error is %v, want fs.ErrExist", err)
		}
		s.holds("a.csv", []byte("theirs"))
	})
	t.Run("a write that is refused", func(t *testing.T) {
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, direct)
		s.setHook(refuse("write", 3, errors.New("full")))
		if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err == nil || len(s.names()) > 0 {
			t.Errorf("error %v, left behind %q", err, s.names())
		}
	})
	for attempts, want := range map[int]string{1: "lost", 4: ""} {
		t.Run("a connection that is lost", func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := &spoil{fault: fault{kind: fxpWrite, nth: 2, answer: func([]byte) ([]byte, bool) { return nil, true }}}
				inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: s.wrap}, func(c *sftpx.Config) { c.Direct, c.Attempts = true, attempts }, func(l *lab) {
					if err := l.put(); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
						t.Errorf("error is %v, want %q", err, want)
					} else if err == nil && !l.published() {
						t.Error("no file")
					}
				})
			})
		})
	}
	for name, c := range map[string]struct {
		fault fault
		says  string // with one attempt
	}{
		"a wrong size":                     {fault{kind: fxpStat, nth: 1, answer: func(p []byte) ([]byte, bool) { return packet(fxpAttrs, idOf(p), uint32(1), uint64(3)), false }}, "has 3 bytes"},
		"a look that is not answered":      {fault{kind: fxpStat, nth: 1, answer: func([]byte) ([]byte, bool) { return nil, true }}, ""},
		"a file that is picked up at once": {fault{kind: fxpStat, nth: 1, request: func(p []byte) ([]byte, []byte) { return nil, status(idOf(p), 2) }}, ""},
	} {
		for _, attempts := range []int{1, 4} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					s := &spoil{fault: c.fault}
					pickedUp := 0
					inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: s.wrap}, func(c *sftpx.Config) {
						c.Direct, c.Attempts = true, attempts
						c.Notify = func(n sftpx.Notice) {
							if n.PickedUp {
								pickedUp++
							}
						}
					}, func(l *lab) {
						err := l.put()
						if wrong := c.says != "" && attempts == 1; wrong != (err != nil) || wrong && !strings.Contains(err.Error(), c.says) || l.published() != (err == nil) {
							t.Errorf("error is %v, want %q; published: %v", err, c.says, l.published())
						}
						if (pickedUp == 1) != strings.Contains(name, "picked up") {
							t.Errorf("told %d times of a file that was picked up", pickedUp)
						}
					})
				})
			})
		}
	}
	t.Run("an open that is not answered", func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := &spoil{fault: fault{kind: fxpOpen, nth: 1, answer: func([]byte) ([]byte, bool) { return nil, true }}}
			inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: s.wrap}, direct, func(l *lab) {
				// The file that is there now may be anybody's.
				if err := l.put(); err == nil || !strings.Contains(err.Error(), "not known whether") {
					t.Errorf("error is %v", err)
				}
			})
		})
	})
}

func TestStaging(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	mkdir(t, s.Server, "staging")
	cl := client(t, s.Server, func(c *sftpx.Config) { c.Staging = "/staging" })
	s.setHook(func(op, path string) error {
		if op == "write" && path != "/staging/a.part" || len(s.names()) > 0 && op == "open" {
			return errors.New("in the drop directory: " + path)
		}
		return nil
	})
	if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
		t.Fatal(err)
	}
	s.holds("a.csv", content)
	if names, err := os.ReadDir(filepath.Join(s.Dir(), "staging")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
	s.setHook(nil)
	cl = client(t, s.Server, func(c *sftpx.Config) { c.Staging = "/nowhere" })
	for what, err := range map[string]error{"Check": check(t, cl), "Put": cl.Put(t.Context(), "b.csv", "b.part", body(content))} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `staging directory "/nowhere"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	cl = client(t, s.Server, func(c *sftpx.Config) { c.Staging, c.Dir = "/staging", "/nowhere" })
	if err := cl.Put(t.Context(), "b.csv", "b.part", body(content)); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `drop directory "/nowhere"`) {
		t.Errorf("Put: %v", err)
	}
}

// The file is on its way when its reader takes the temporary one: that is not a missing directory.
func TestTemporaryFileTaken(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	cl := client(t, s.Server, nil)
	s.setHook(func(op, _ string) error {
		if op == "rename" {
			return os.Remove(s.path("a.part"))
		}
		return nil
	})
	if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want one that does not match fs.ErrNotExist", err)
	}
}

// An old server has none of the ciphers in use today. The error says what there is, and the configuration can ask for it.
func TestOldServer(t *testing.T) {
	s := newServer(t, sftpxtest.Options{SSH: func(c *ssh.ServerConfig) {
		c.Ciphers, c.MACs, c.KeyExchanges = []string{"aes128-cbc"}, []string{"hmac-sha1-96"}, []string{"diffie-hellman-group1-sha1"}
	}})
	var ask sftpx.Algorithms
	for _, step := range []struct {
		shows string
		add   func()
	}{
		{"diffie-hellman-group1-sha1", func() { ask.KeyExchanges = []string{"curve25519-sha256", "diffie-hellman-group1-sha1"} }},
		{"aes128-cbc", func() { ask.Ciphers = []string{"aes128-ctr", "aes128-cbc"} }},
	} {
		err := check(t, client(t, s.Server, func(c *sftpx.Config) { c.Algorithms = ask }))
		if e, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); !ok || !strings.Contains(err.Error(), step.shows) || !strings.Contains(err.Error(), e.SupportedAlgorithms[0]) ||
			!strings.Contains(err.Error(), "Algorithms") {
			t.Fatalf("error is %v, want both sides' lists and what to do", err)
		}
		step.add()
	}
	ask.MACs = []string{"hmac-sha1-96"}
	if err := client(t, s.Server, func(c *sftpx.Config) { c.Algorithms = ask }).Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
		t.Fatal(err)
	}
	// Host key algorithms that are asked for are the only ones.
	err := check(t, client(t, s.Server, func(c *sftpx.Config) {
		c.Algorithms = ask
		c.Algorithms.HostKeys = []string{"rsa-sha2-256"}
	}))
	if e, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); !ok || e.What != "host key" || len(e.SupportedAlgorithms) != 1 {
		t.Errorf("error is %v, want an *ssh.AlgorithmNegotiationError about the host key", err)
	}
}

func TestPacketSize(t *testing.T) {
	for size, want := range map[int]int{1000: 320, 0: 10, 100_000: 4} {
		s := newServer(t, sftpxtest.Options{})
		cl := client(t, s.Server, func(c *sftpx.Config) { c.PacketSize = size })
		if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
			t.Fatal(err)
		}
		s.holds("a.csv", content)
		if n := s.count("write"); n != want {
			t.Errorf("packets of %d: %d writes, want %d", size, n, want)
		}
	}
}
