package sftpxtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// connect is a client that owes nothing to the code of this module.
func connect(t *testing.T, s *sftpxtest.Server) *sftp.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(s.KnownHosts()), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := knownhosts.New(file)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{
		User: sftpxtest.DefaultUser, Auth: []ssh.AuthMethod{ssh.Password(sftpxtest.DefaultPassword)}, HostKeyCallback: known,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c, err := sftp.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func start(t *testing.T, o sftpxtest.Options) *sftpxtest.Server {
	t.Helper()
	s, err := sftpxtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func write(t *testing.T, c *sftp.Client, name, content string) {
	t.Helper()
	f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err == nil {
		_, err = io.WriteString(f, content)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestServerFiles(t *testing.T) {
	for name, overwrite := range map[string]bool{"refuses to overwrite": false, "overwrites": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sftpxtest.Options{Overwrite: overwrite})
			c := connect(t, s)
			write(t, c, "a", "one")
			write(t, c, "/b", "two")
			if err := c.Rename("a", "b"); (err == nil) != overwrite {
				t.Errorf("rename onto a file that exists: %v", err)
			}
			f, err := c.Open("b")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(f)
			if want := map[bool]string{false: "two", true: "one"}[overwrite]; string(got) != want || err != nil {
				t.Errorf("read %q, %v; want %q", got, err, want)
			}
			f.Close()
			infos, err := c.ReadDir("/")
			if len(infos) != map[bool]int{false: 2, true: 1}[overwrite] || err != nil {
				t.Errorf("ReadDir: %v, %v", infos, err)
			}
			_, err1 := c.Stat("missing")
			_, err2 := c.Lstat("missing")
			_, err3 := c.OpenFile("missing/file", os.O_WRONLY|os.O_CREATE)
			for _, err := range []error{err1, err2, err3, c.Rename("missing", "x"), c.Remove("missing")} {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("of a missing file: %v, want fs.ErrNotExist", err)
				}
			}
			if err := c.Chmod("b", 0o600); err == nil {
				t.Error("Chmod is done")
			}
			if err := c.Remove("b"); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(s.Dir(), "b")); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}

func TestServerIsConfined(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, sftpxtest.Options{})
	c := connect(t, s)
	if runtime.GOOS != "windows" { // where links are a privilege
		if err := os.Symlink(outside, filepath.Join(s.Dir(), "link")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"link/secret", "../../../../../../../.." + outside + "/secret", outside + "/secret"} {
		if f, err := c.Open(name); err == nil {
			f.Close()
			t.Errorf("%q can be read", name)
		}
		if _, err := c.Stat(name); err == nil {
			t.Errorf("%q can be seen", name)
		}
	}
}

func TestServerHook(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	answers := map[string]error{}
	s := start(t, sftpxtest.Options{Hook: func(op, path string) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, op+" "+path)
		return answers[op]
	}})
	c := connect(t, s)
	write(t, c, "a", "one")
	if err := c.Rename("a", "b"); err != nil {
		t.Error(err)
	}
	mu.Lock()
	if want := []string{"open /a", "write /a", "close /a", "rename /b"}; !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q", seen, want)
	}
	answers["stat"], answers["lstat"], answers["remove"] = fs.ErrPermission, fs.ErrNotExist, errors.ErrUnsupported
	mu.Unlock()
	if _, err := c.Stat("b"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Stat: %v", err)
	}
	if _, err := c.Lstat("b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lstat: %v", err)
	}
	if err := c.Remove("b"); err == nil {
		t.Error("Remove is done")
	}
}

func TestServerClose(t *testing.T) {
	s := start(t, sftpxtest.Options{})
	c := connect(t, s)
	f, err := c.OpenFile("a", os.O_WRONLY|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("the connection is still there")
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary directory: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	c.Close()
	// No goroutine of this package or of the SSH stack outlives Close for long.
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !bytes.Contains(stacks, []byte("sftpxtest.(*Server)")) && !bytes.Contains(stacks, []byte("pkg/sftp.(*packetManager)")) {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("goroutines left:\n%s", stacks)
		}
	}
}

func TestServerKeepsTheDirectoryGiven(t *testing.T) {
	dir := t.TempDir()
	s := start(t, sftpxtest.Options{Dir: dir})
	write(t, connect(t, s), "a", "one")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a")); string(got) != "one" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := sftpxtest.Start(sftpxtest.Options{Dir: filepath.Join(dir, "missing")}); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "sftpxtest: ") {
		t.Errorf("Start in a missing directory: %v", err)
	}
}

func TestServerRate(t *testing.T) {
	s := start(t, sftpxtest.Options{BytesPerSecond: 1 << 20})
	c := connect(t, s)
	begin := time.Now()
	write(t, c, "a", strings.Repeat("x", 1<<18))
	if d := time.Since(begin); d < 200*time.Millisecond {
		t.Errorf("256 KiB at 1 MiB/s took %v", d)
	}
}

// directory is the simplest transport that keeps the contract, written with nothing but the documentation at hand.
type directory struct{ path string }

func (d directory) check(names ...string) error {
	for _, n := range names {
		if n == "" || n == "." || n == ".." || strings.ContainsAny(n, "/\\\x00\n\x7f") || strings.ToValidUTF8(n, "") != n {
			return fs.ErrInvalid
		}
	}
	return nil
}

func (d directory) Put(ctx context.Context, name, temp string, body *io.SectionReader) (err error) {
	if err := d.check(name, temp); err != nil || name == temp || body == nil {
		return fs.ErrInvalid
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	temp, name = filepath.Join(d.path, temp), filepath.Join(d.path, name)
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	n, err := io.Copy(f, io.NewSectionReader(body, 0, body.Size()))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if n != body.Size() {
		return io.ErrUnexpectedEOF
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return os.Link(temp, name)
}

func (d directory) Size(ctx context.Context, name string) (int64, error) {
	if err := d.check(name); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	fi, err := os.Stat(filepath.Join(d.path, name))
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

// The suite on a transport of one's own.
func TestOwnTransport(t *testing.T) {
	sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
		dir := t.TempDir()
		return sftpxtest.DirFixture(directory{dir}, dir)
	})
}
