//go:build unix

package sftpx_test

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// without ends a test for want of something, which must not be where everything is to be tested.
func without(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s, and nothing is to be skipped here", what)
	}
	t.Skip(what)
}

// installed returns the path of a program that is in one of the places for servers.
func installed(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	without(t, name+" is not installed")
	return ""
}

// realServer is a server of a kind that is in use, for one test.
type realServer struct {
	addr    string
	user    string
	hostKey string
	login   func(*sftpx.Config)
	root    string              // a directory of the server
	seen    func(string) string // what a directory in root is called over SFTP
	owner   *user.User          // who the server is to a file
}

// client returns one for a new drop directory of that mode.
func (s *realServer) client(t testing.TB, mode os.FileMode) (c *sftpx.Client, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp(s.root, "drop")
	if err != nil {
		t.Fatal(err)
	}
	s.own(t, dir)
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return s.into(t, s.seen(dir)), dir
}

func (s *realServer) into(t testing.TB, dir string) *sftpx.Client {
	t.Helper()
	cfg := sftpx.Config{Addr: s.addr, User: s.user, HostKey: s.hostKey, Dir: dir}
	s.login(&cfg)
	c, err := sftpx.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// own gives a file to the account, if it is not ours.
func (s *realServer) own(t testing.TB, name string) {
	t.Helper()
	uid, uerr := strconv.Atoi(s.owner.Uid)
	gid, gerr := strconv.Atoi(s.owner.Gid)
	if uerr != nil || gerr != nil {
		t.Fatal(uerr, gerr)
	}
	if uid != os.Geteuid() {
		if err := os.Chown(name, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
}

// suite holds the client to the contract on a real server.
func (s *realServer) suite(t *testing.T, mode os.FileMode, blind bool) {
	sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
		c, dir := s.client(t, mode)
		f := sftpxtest.DirFixture(c, dir)
		plant := f.Plant
		f.Plant = func(name string, content []byte) error {
			err := plant(name, content)
			s.own(t, filepath.Join(dir, name))
			return err
		}
		f.Blind = blind
		if !blind {
			f.Missing = s.into(t, s.seen(filepath.Join(s.root, "nowhere")))
		}
		return f
	})
}

// openSSH starts one. With chroot, the account is one with few rights, shut into a directory, and command what it may do.
func openSSH(t testing.TB, chroot bool, command string) *realServer {
	t.Helper()
	sshd := installed(t, "sshd")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &realServer{root: t.TempDir(), owner: me, seen: func(dir string) string { return dir }}
	if chroot {
		if os.Geteuid() != 0 {
			without(t, "only root can start a server that shuts an account into a directory")
		}
		// All above such a directory must belong to root, and be closed to others.
		if s.root, err = os.MkdirTemp("/run", "sftpx"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(s.root) })
		if err := os.Chmod(s.root, 0o755); err != nil {
			t.Fatal(err)
		}
		if s.owner, err = user.Lookup("nobody"); err != nil {
			t.Fatal(err)
		}
		s.seen = func(dir string) string { return strings.TrimPrefix(dir, s.root) }
	}
	if os.Geteuid() == 0 {
		holdRunDirectory(t)
	}
	s.user = s.owner.Username
	etc := t.TempDir()
	host, hostPEM := newPair(t)
	mine, minePEM := newPair(t)
	s.hostKey = host
	s.login = func(c *sftpx.Config) { c.PrivateKey = sftpx.Secret(minePEM) }
	write := func(name, content string, mode os.FileMode) string {
		name = filepath.Join(etc, name)
		if err := os.WriteFile(name, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	config := []string{
		"HostKey " + write("host", hostPEM, 0o600), "PidFile none", "UsePAM no", "StrictModes no", "PermitRootLogin yes", "MaxStartups 100",
		"AuthorizedKeysFile " + filepath.Join(s.root, "keys"), "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"Subsystem sftp internal-sftp", "ForceCommand internal-sftp " + command,
	}
	if err := os.WriteFile(filepath.Join(s.root, "keys"), []byte(mine+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if chroot {
		config = append(config, "ChrootDirectory "+s.root)
	}
	s.addr = serve(t, func(port string) *exec.Cmd {
		return exec.Command(sshd, "-D", "-e", "-f", write("config", strings.Join(append(config, "ListenAddress 127.0.0.1", "Port "+port, ""), "\n"), 0o600))
	})
	return s
}

// holdRunDirectory makes the directory that OpenSSH insists on as root, and keeps others from removing it, who may have made it for a test
// of their own.
func holdRunDirectory(t testing.TB) {
	t.Helper()
	var err error
	for range 10 {
		if err = os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
		var f *os.File
		if f, err = os.CreateTemp("/run/sshd", "sftpx"); err == nil {
			f.Close()
			t.Cleanup(func() { os.Remove(f.Name()) })
			return
		}
	}
	t.Fatal(err)
}

// serve starts a server on a free port and waits until it takes connections.
func serve(t testing.TB, command func(port string) *exec.Cmd) string {
	t.Helper()
	var log string
	for range 5 { // the free port may be taken by somebody else before the server has it
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		cmd := command(port)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = cmd.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var ended atomic.Bool
		log = ""
		var all sync.WaitGroup
		all.Go(func() {
			for lines := bufio.NewScanner(stderr); lines.Scan(); {
				mu.Lock()
				if len(log) < 1<<16 {
					log += lines.Text() + "\n"
				}
				mu.Unlock()
			}
			ended.Store(true)
		})
		stop := func() {
			cmd.Process.Kill()
			all.Wait()
			cmd.Wait()
		}
		for !ended.Load() {
			if conn, err := net.Dial("tcp", addr); err == nil {
				conn.Close()
				t.Cleanup(func() {
					stop()
					if t.Failed() {
						t.Logf("the server says:\n%s", log)
					}
				})
				return addr
			}
			time.Sleep(10 * time.Millisecond)
		}
		stop()
	}
	t.Fatalf("the server does not start:\n%s", log)
	return ""
}

// newPair returns a public key as a line and its private key in OpenSSH's form.
func newPair(t testing.TB) (public, private string) {
	t.Helper()
	key, pub := keyPair(t)
	return line(pub), string(key)
}

func TestOpenSSH(t *testing.T) {
	t.Parallel()
	t.Run("ordinary account", func(t *testing.T) {
		s := openSSH(t, false, "")
		c, _ := s.client(t, 0o700)
		caps, err := c.Check(t.Context())
		if err != nil || !strings.HasPrefix(caps.Server, "OpenSSH_") || !caps.Look || !caps.PosixRename || !caps.StatVFS || !caps.Fsync {
			t.Errorf("Check: %+v, %v", caps, err)
		}
		s.suite(t, 0o700, false)
	})
	t.Run("shut in, directory for writing only", func(t *testing.T) {
		openSSH(t, true, "").suite(t, 0o300, false)
	})
	t.Run("shut in, requests for writing only", func(t *testing.T) {
		s := openSSH(t, true, "-p open,close,write,rename,remove")
		c, _ := s.client(t, 0o300)
		if caps, err := c.Check(t.Context()); err != nil || caps.Look {
			t.Errorf("Check: %+v, %v", caps, err)
		}
		s.suite(t, 0o300, true)
	})
	t.Run("no right to write", func(t *testing.T) {
		s := openSSH(t, true, "")
		c, _ := s.client(t, 0o500)
		err := c.Put(t.Context(), "a.csv", "a.part", body(content))
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("error is %v", err)
		}
	})
}

// proFTPD starts one, for the account "user" with the password "password".
func proFTPD(t testing.TB) *realServer {
	t.Helper()
	program := installed(t, "proftpd")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	etc := t.TempDir()
	host := rsaKey()
	s := &realServer{root: t.TempDir(), owner: me, user: "user", hostKey: line(signer(host, nil).PublicKey())}
	s.seen = func(dir string) string { return strings.TrimPrefix(dir, s.root) }
	s.login = func(c *sftpx.Config) { c.Password = "password" }
	write := func(name, content string) string {
		name = filepath.Join(etc, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if os.Geteuid() == 0 { // it does not work as root
		if s.owner, err = user.Lookup("nobody"); err != nil {
			t.Fatal(err)
		}
	}
	group, err := user.LookupGroupId(s.owner.Gid)
	if err != nil {
		t.Fatal(err)
	}
	const hash = "$5$abcdefgh$ZLdkj8mkc2XVSrPVjskDAgZPGjtj1VGVaa1aUkrMTU/" // of "password"
	config := []string{
		"ServerName test", "ServerType standalone", "DefaultServer on", "DefaultAddress 127.0.0.1", "SocketBindTight on", "UseIPv6 off", "UseReverseDNS off",
		"User " + s.owner.Username, "Group " + group.Name, "Umask 022", "MaxInstances 100", "WtmpLog off", "TransferLog none",
		"PidFile " + filepath.Join(etc, "pid"), "ScoreboardFile " + filepath.Join(etc, "scoreboard"),
		"ModulePath /usr/lib/proftpd", "LoadModule mod_sftp.c", "DelayEngine off",
		"AuthOrder mod_auth_file.c", "RequireValidShell off", "DefaultRoot " + s.root,
		"AuthUserFile " + write("users", fmt.Sprintf("user:%s:%s:%s::%s:/bin/false\n", hash, s.owner.Uid, s.owner.Gid, s.root)),
		"SFTPEngine on", "SFTPHostKey " + write("host", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(host)}))),
		"SFTPAuthMethods password",
	}
	s.addr = serve(t, func(port string) *exec.Cmd {
		return exec.Command(program, "-n", "-q", "-c", write("config", strings.Join(append(config, "Port "+port, ""), "\n")))
	})
	return s
}

func TestProFTPD(t *testing.T) {
	t.Parallel()
	s := proFTPD(t)
	c, _ := s.client(t, 0o700)
	caps, err := c.Check(t.Context())
	if err != nil || !strings.Contains(caps.Server, "mod_sftp") || !caps.Look || !caps.StatVFS {
		t.Errorf("Check: %+v, %v", caps, err)
	}
	s.suite(t, 0o700, false)
}

// BenchmarkLoopback is the speed to OpenSSH on this machine, in multiples of that of its own sftp command; both connect anew for each file.
func BenchmarkLoopback(b *testing.B) {
	command := installed(b, "sftp")
	s := openSSH(b, false, "")
	_, dir := s.client(b, 0o700)
	large := make([]byte, 64<<20)
	rand.NewChaCha8([32]byte{}).Read(large)
	etc := b.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(etc, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
		return name
	}
	cfg := sftpx.Config{Addr: s.addr, User: s.user, HostKey: s.hostKey, Dir: dir}
	s.login(&cfg)
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		b.Fatal(err)
	}
	args := []string{
		"-q", "-F", "none", "-P", port, "-i", write("key", string(cfg.PrivateKey)),
		"-o", "UserKnownHostsFile=" + write("known", fmt.Sprintf("[%s]:%s %s\n", host, port, s.hostKey)),
		"-b", write("batch", fmt.Sprintf("put %s %s\n", write("large", string(large)), filepath.Join(dir, "theirs"))), s.user + "@" + host,
	}
	var ours, theirs time.Duration
	for b.Loop() {
		begin := time.Now()
		if out, err := exec.Command(command, args...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		theirs += time.Since(begin)
		begin = time.Now()
		c, err := sftpx.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Put(b.Context(), "ours", "ours.part", body(large)); err != nil {
			b.Fatal(err)
		}
		c.Close()
		ours += time.Since(begin)
		for _, name := range []string{"ours", "theirs"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x-sftp")
	b.ReportMetric(0, "ns/op")
}
