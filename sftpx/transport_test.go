package sftpx_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// The interface that consumers declare for themselves.
type transport interface {
	Put(ctx context.Context, name, temp string, body *io.SectionReader) error
	Size(ctx context.Context, name string) (int64, error)
}

var (
	_ transport = (*sftpx.Client)(nil)
	_ transport = sftpx.Dir("")
	_ transport = (*sftpx.Mem)(nil)
)

func TestClientKeepsTheContract(t *testing.T) {
	for name, o := range map[string]sftpxtest.Options{
		"like OpenSSH":           {},
		"renames that overwrite": {Overwrite: true},
	} {
		t.Run(name, func(t *testing.T) {
			sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
				s := start(t, o)
				mkdir(t, s, "drop")
				f := sftpxtest.DirFixture(client(t, s, nil), filepath.Join(s.Dir(), "drop"))
				f.Missing = client(t, s, func(c *sftpx.Config) { c.Dir = "/nowhere" })
				return f
			})
		})
	}
}

func TestDirKeepsTheContract(t *testing.T) {
	sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
		dir := t.TempDir()
		f := sftpxtest.DirFixture(sftpx.Dir(dir), dir)
		f.Missing = sftpx.Dir(filepath.Join(dir, "nowhere"))
		return f
	})
}

func TestMemKeepsTheContract(t *testing.T) {
	sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
		m := new(sftpx.Mem)
		return sftpxtest.Fixture{
			Transport: m,
			Names:     func() ([]string, error) { return m.Names(), nil },
			Read:      m.ReadFile,
			Plant: func(name string, content []byte) error {
				return m.Put(context.Background(), name, "planted", body(content))
			},
		}
	})
}

// start starts a server that ends with the test.
func start(t *testing.T, o sftpxtest.Options) *sftpxtest.Server {
	t.Helper()
	s, err := sftpxtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mkdir(t *testing.T, s *sftpxtest.Server, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(s.Dir(), name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// client returns a client for a server's directory /drop, unless change says otherwise; it ends with the test.
func client(t *testing.T, s *sftpxtest.Server, change func(*sftpx.Config)) *sftpx.Client {
	t.Helper()
	cfg := sftpx.Config{
		Addr: s.Addr(), User: sftpxtest.DefaultUser, Password: sftpxtest.DefaultPassword, HostKey: s.HostKey(), Dir: "/drop",
		Attempts: 1, Backoff: time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := sftpx.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// check is what Check says of the way to the server.
func check(t testing.TB, c *sftpx.Client) error {
	t.Helper()
	_, err := c.Check(t.Context())
	return err
}
