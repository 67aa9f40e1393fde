package sftpx_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// lockedKey opens with lockedPass. It protects nothing; the rounds of its key derivation are few, to be quick.
const (
	lockedPass   = "open sesame"
	lockedPublic = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIlBJvib73PUA0KXD7DdBdUcgfLc+ROpgdTJOu4nV/2T"
	lockedKey    = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCFQUXSb+
xM5zOSzA2x3fyrAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIIlBJvib73PUA0KX
D7DdBdUcgfLc+ROpgdTJOu4nV/2TAAAAkBMw9zLIBhNcalGjnanTtGNrae4ClqIc3NeJ2J
yEXbd9V3f+e1cszELrXHNmbLheA3KT96dnS9xXsnRQP5odNsehQi1nPs6abyBFP3zWq220
ldp891aXjEVm9V5ph+3awHmXqZaUSGWPy/zCE0a8xJlBn/NNo4cbmLPuM2tFYMdEgMDLFO
7JEyKDUzWU53Bj/g==
-----END OPENSSH PRIVATE KEY-----
`
)

// keyPair returns a private key in PEM form and its public key.
func keyPair(t testing.TB) (sftpx.Secret, ssh.PublicKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return sftpx.Secret(pem.EncodeToMemory(block)), signer(key, nil).PublicKey()
}

func TestConfigProblems(t *testing.T) {
	plain, _ := keyPair(t)
	broken := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(broken, []byte("example.org ssh-ed25519 not-base64!\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := sftpx.Config{Addr: "example.org", User: "acme", Password: "hunter2", Dir: "/in", HostKey: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}
	two := line(newEd25519().PublicKey()) + "\n" + line(newEd25519().PublicKey())
	for _, c := range []struct {
		name   string
		change func(*sftpx.Config)
		says   []string // nothing: no error
		is     error
	}{
		{"good", func(c *sftpx.Config) {}, nil, nil},
		{"IPv6", func(c *sftpx.Config) { c.Addr = "::1" }, nil, nil},
		{"IPv6 in brackets", func(c *sftpx.Config) { c.Addr = "[::1]" }, nil, nil},
		{"IPv6 with a port", func(c *sftpx.Config) { c.Addr = "[::1]:2222" }, nil, nil},
		{"key alone", func(c *sftpx.Config) { c.Password, c.PrivateKey = "", plain }, nil, nil},
		{"a passphrase too many", func(c *sftpx.Config) { c.PrivateKey, c.Passphrase = plain, "unused" }, nil, nil},
		{"everything at once", func(c *sftpx.Config) {
			*c = sftpx.Config{Timeout: -1, KeepAlive: -1, Attempts: -1, Backoff: -1, PacketSize: -1}
		},
			[]string{"Addr", "User", "Dir", "Password or PrivateKey", "KnownHosts or HostKey", "Timeout", "KeepAlive", "Attempts", "Backoff", "PacketSize"}, nil},
		{"a URL", func(c *sftpx.Config) { c.Addr = "sftp://example.org" }, []string{"Addr"}, nil},
		{"port 0", func(c *sftpx.Config) { c.Addr = "example.org:0" }, []string{"Addr", "port"}, nil},
		{"port name", func(c *sftpx.Config) { c.Addr = "example.org:ssh" }, []string{"Addr", "port"}, nil},
		{"no host", func(c *sftpx.Config) { c.Addr = ":22" }, []string{"Addr"}, nil},
		{"NUL in the directory", func(c *sftpx.Config) { c.Dir = "/a\x00" }, []string{"Dir"}, nil},
		{"not a key", func(c *sftpx.Config) { c.PrivateKey = "hunter2" }, []string{"PrivateKey", "PEM"}, nil},
		{"half a key", func(c *sftpx.Config) { c.PrivateKey = plain[:len(plain)/2] }, []string{"PrivateKey", "PEM"}, nil},
		{"passphrase missing", func(c *sftpx.Config) { c.PrivateKey = lockedKey }, []string{"Passphrase", "encrypted"}, nil},
		{"passphrase wrong", func(c *sftpx.Config) { c.PrivateKey, c.Passphrase = lockedKey, "hunter2" }, []string{"Passphrase", "wrong"}, nil},
		{"secrets twice", func(c *sftpx.Config) {
			c.Secrets = func(context.Context) (sftpx.Login, error) { return sftpx.Login{}, nil }
		}, []string{"Secrets"}, nil},
		{"agent alone", func(c *sftpx.Config) { c.Password, c.Agent = "", "/run/agent" }, nil, nil},
		{"staging", func(c *sftpx.Config) { c.Staging = "/tmp" }, nil, nil},
		{"staging and direct", func(c *sftpx.Config) { c.Staging, c.Direct = "/tmp", true }, []string{"Staging", "Direct"}, nil},
		{"NUL in the staging directory", func(c *sftpx.Config) { c.Staging = "\x00" }, []string{"Staging"}, nil},
		{"packets too large", func(c *sftpx.Config) { c.PacketSize = 1 << 20 }, []string{"PacketSize", "261120"}, nil},
		{"algorithms unknown", func(c *sftpx.Config) {
			c.Algorithms = sftpx.Algorithms{KeyExchanges: []string{"k"}, Ciphers: []string{"c"}, MACs: []string{"m"}, HostKeys: []string{"h"}}
		},
			[]string{"Algorithms.KeyExchanges", "Algorithms.Ciphers", "Algorithms.MACs", "Algorithms.HostKeys", "aes128-cbc", "ssh-ed25519"}, nil},
		{"algorithms, old", func(c *sftpx.Config) {
			c.Algorithms = sftpx.Algorithms{Ciphers: []string{"3des-cbc"}, HostKeys: []string{"ssh-rsa"}}
		}, nil, nil},
		{"known_hosts missing", func(c *sftpx.Config) { c.KnownHosts = broken + "x" }, []string{"KnownHosts", broken + "x"}, fs.ErrNotExist},
		{"known_hosts broken", func(c *sftpx.Config) { c.KnownHosts = broken }, []string{"KnownHosts", broken + ":1"}, nil},
		{"fingerprint cut short", func(c *sftpx.Config) { c.HostKey = "SHA256:47DEQpj8" }, []string{"HostKey", "fingerprint"}, nil},
		{"fingerprint of another kind", func(c *sftpx.Config) { c.HostKey = "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48" }, []string{"HostKey"}, nil},
		{"two keys pinned", func(c *sftpx.Config) { c.HostKey = two }, []string{"HostKey", "more than one"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			client, err := sftpx.New(cfg)
			if len(c.says) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				if err := client.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%q does not match %q", err, c.is)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "sesame") || strings.Count(err.Error(), "sftpx:") != 1 {
				t.Errorf("message: %q", err)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	plain, plainPublic := keyPair(t)
	stranger, _ := keyPair(t)
	locked, _, _, _, err := ssh.ParseAuthorizedKey([]byte(lockedPublic))
	if err != nil {
		t.Fatal(err)
	}
	keys := []ssh.PublicKey{plainPublic, locked}
	for _, c := range []struct {
		name   string
		server sftpxtest.Options
		change func(*sftpx.Config)
		tried  string // empty: accepted
	}{
		{"password", sftpxtest.Options{Password: "hunter2"}, func(c *sftpx.Config) {}, ""},
		{"key", sftpxtest.Options{AuthorizedKeys: keys}, func(c *sftpx.Config) { c.Password, c.PrivateKey = "", plain }, ""},
		{"encrypted key", sftpxtest.Options{AuthorizedKeys: keys}, func(c *sftpx.Config) { c.Password, c.PrivateKey, c.Passphrase = "", lockedKey, lockedPass }, ""},
		{"key refused, password accepted", sftpxtest.Options{Password: "hunter2", AuthorizedKeys: keys}, func(c *sftpx.Config) { c.PrivateKey = stranger }, ""},
		{"wrong password", sftpxtest.Options{Password: "other"}, func(c *sftpx.Config) {}, "(tried: password)"},
		{"wrong user", sftpxtest.Options{Password: "hunter2"}, func(c *sftpx.Config) { c.User = "nobody" }, "(tried: password)"},
		{"wrong key", sftpxtest.Options{AuthorizedKeys: keys}, func(c *sftpx.Config) { c.Password, c.PrivateKey = "", stranger }, "(tried: publickey)"},
		{"wrong key and password", sftpxtest.Options{Password: "other", AuthorizedKeys: keys}, func(c *sftpx.Config) { c.PrivateKey = stranger }, "(tried: publickey, password)"},
		{"a method that the server lacks", sftpxtest.Options{AuthorizedKeys: keys}, func(c *sftpx.Config) {}, "(tried: none)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.server)
			mkdir(t, s, "drop")
			cfg := func(cfg *sftpx.Config) { cfg.Password = "hunter2"; c.change(cfg) }
			err := check(t, client(t, s, cfg))
			if c.tried == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, sftpx.ErrLogin) {
				t.Fatalf("error is %v, want ErrLogin", err)
			}
			user := sftpxtest.DefaultUser
			if c.name == "wrong user" {
				user = "nobody"
			}
			for _, says := range []string{s.Addr(), user, c.tried} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c, err := sftpx.New(sftpx.Config{Addr: addr, User: "u", Password: "p", Dir: ".", HostKey: line(newEd25519().PublicKey()), Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = check(t, c)
	if _, ok := errors.AsType[*net.OpError](err); !ok || !strings.Contains(err.Error(), addr) {
		t.Errorf("error is %v, want a *net.OpError and the address", err)
	}
}

// A server that accepts the connection and says nothing.
func TestHandshakeThatNeverEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := sftpx.New(sftpx.Config{
		Addr: l.Addr().String(), User: "u", Password: "p", Dir: ".", HostKey: line(newEd25519().PublicKey()), Timeout: 200 * time.Millisecond, Attempts: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now()
	err = check(t, c)
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "within 200ms") {
		t.Errorf("error is %v, want one that matches os.ErrDeadlineExceeded and names the server and the limit", err)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}
