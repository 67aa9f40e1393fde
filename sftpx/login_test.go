package sftpx_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// interactive makes a server ask in a dialogue, with these questions, and for nothing else.
func interactive(rounds ...[]string) func(*ssh.ServerConfig) {
	return func(c *ssh.ServerConfig) {
		c.PasswordCallback = nil
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			for _, questions := range rounds {
				answers, err := ask("", "", questions, make([]bool, len(questions)))
				if err != nil {
					return nil, err
				}
				for _, a := range answers {
					if a != "hunter2" {
						return nil, errors.New("wrong")
					}
				}
			}
			return nil, nil
		}
	}
}

func TestInteractiveLogin(t *testing.T) {
	for _, c := range []struct {
		name     string
		rounds   [][]string
		password sftpx.Secret
		says     string // empty: accepted
	}{
		{"one question", [][]string{{"Password: "}}, "hunter2", ""},
		{"information, then a question", [][]string{{}, {"Password: "}, {}}, "hunter2", ""},
		{"wrong", [][]string{{"Password: "}}, "hunter3", "(tried: keyboard-interactive)"},
		{"two questions", [][]string{{"Password: ", "Code: "}}, "hunter2", "(tried: keyboard-interactive)"},
		{"the password again", [][]string{{"Password: "}, {"Password: "}}, "hunter2", "(tried: keyboard-interactive)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, sftpxtest.Options{SSH: interactive(c.rounds...)})
			mkdir(t, s, "drop")
			err := check(t, client(t, s, func(cfg *sftpx.Config) { cfg.Password = c.password }))
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (!errors.Is(err, sftpx.ErrLogin) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), string(c.password))):
				t.Errorf("error is %v, want ErrLogin and %q", err, c.says)
			}
		})
	}
}

// A wrong password is counted where the account is; it is given once for each call.
func TestPasswordIsSentOnce(t *testing.T) {
	var sent atomic.Int32
	s := start(t, sftpxtest.Options{SSH: func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			sent.Add(1)
			return nil, errors.New("wrong")
		}
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			if _, err := ask("", "", []string{"Password: "}, []bool{false}); err == nil {
				sent.Add(1)
			}
			return nil, errors.New("wrong")
		}
	}})
	if err := check(t, client(t, s, func(c *sftpx.Config) { c.Attempts = 4 })); !errors.Is(err, sftpx.ErrLogin) {
		t.Errorf("error is %v, want ErrLogin", err)
	}
	if n := sent.Load(); n != 1 {
		t.Errorf("the password was sent %d times", n)
	}
}

// Some servers hang up on a wrong password, and count it.
func TestHungUpAtThePassword(t *testing.T) {
	var sent atomic.Int32
	var server atomic.Pointer[sftpxtest.Server]
	s := start(t, sftpxtest.Options{SSH: func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			sent.Add(1)
			server.Load().Disconnect()
			return nil, errors.New("wrong")
		}
	}})
	server.Store(s)
	if err := check(t, client(t, s, func(c *sftpx.Config) { c.Attempts = 4 })); !errors.Is(err, sftpx.ErrLogin) || !strings.Contains(err.Error(), "not answered") {
		t.Errorf("error is %v, want ErrLogin", err)
	}
	if n := sent.Load(); n != 1 {
		t.Errorf("the password was sent %d times", n)
	}
}

func TestKeyFormats(t *testing.T) {
	rsaKey := rsaKey()
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	block := func(b *pem.Block, err error) *pem.Block {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	public := []ssh.PublicKey{signer(rsaKey, nil).PublicKey(), signer(ecKey, nil).PublicKey()}
	for name, key := range map[string]*pem.Block{
		"PKCS#1":  {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)},
		"PKCS#8":  {Type: "PRIVATE KEY", Bytes: der(x509.MarshalPKCS8PrivateKey(ecKey))},
		"SEC 1":   {Type: "EC PRIVATE KEY", Bytes: der(x509.MarshalECPrivateKey(ecKey))},
		"OpenSSH": block(ssh.MarshalPrivateKey(rsaKey, "comment")),
		//lint:ignore SA1019 old keys are like this
		"PEM with a passphrase": block(x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), []byte(lockedPass), x509.PEMCipherAES128)),
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sftpxtest.Options{AuthorizedKeys: public})
			mkdir(t, s, "drop")
			file := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(file, pem.EncodeToMemory(key), 0o600); err != nil {
				t.Fatal(err)
			}
			key, err := sftpx.SecretFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(t, client(t, s, func(c *sftpx.Config) { c.Password, c.PrivateKey, c.Passphrase = "", key, lockedPass })); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAgent(t *testing.T) {
	ring := agent.NewKeyring()
	held, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Add(agent.AddedKey{PrivateKey: held}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") // a short path: that of a socket may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				agent.ServeAgent(ring, conn)
			}()
		}
	}()
	mine, _ := keyPair(t)
	s := start(t, sftpxtest.Options{AuthorizedKeys: []ssh.PublicKey{signer(held, nil).PublicKey()}})
	mkdir(t, s, "drop")
	for name, change := range map[string]func(*sftpx.Config){
		"alone":                           func(c *sftpx.Config) { c.Password, c.Agent = "", socket },
		"after a key that is not let in":  func(c *sftpx.Config) { c.Password, c.Agent, c.PrivateKey = "", socket, mine },
		"with a password nobody asks for": func(c *sftpx.Config) { c.Agent = socket },
	} {
		if err := check(t, client(t, s, change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := check(t, client(t, s, func(c *sftpx.Config) { c.Password, c.Agent = "", socket+"x" })); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), socket+"x") {
		t.Errorf("no agent: %v", err)
	}
	// An agent that waits for a person who is not there.
	mute, err := net.Listen("unix", filepath.Join(dir, "mute"))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if err := check(t, client(t, s, func(c *sftpx.Config) { c.Password, c.Agent, c.Timeout = "", filepath.Join(dir, "mute"), short })); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error is %v, want os.ErrDeadlineExceeded", err)
	}
}

func TestSecrets(t *testing.T) {
	plain, public := keyPair(t)
	s := start(t, sftpxtest.Options{Password: "hunter2", AuthorizedKeys: []ssh.PublicKey{public}})
	mkdir(t, s, "drop")
	sealed := errors.New("the vault is sealed")
	for _, c := range []struct {
		name  string
		login sftpx.Login
		err   error
		says  string // empty: let in
	}{
		{"password", sftpx.Login{Password: "hunter2"}, nil, ""},
		{"key", sftpx.Login{PrivateKey: plain}, nil, ""},
		{"none", sftpx.Login{}, nil, "login refused"},
		{"broken key", sftpx.Login{PrivateKey: "hunter2"}, nil, "PrivateKey: not a private key"},
		{"locked key", sftpx.Login{PrivateKey: lockedKey, Passphrase: "hunter2"}, nil, "Passphrase: does not open"},
		{"error", sftpx.Login{}, sealed, "get the secrets: the vault is sealed"},
		{"a file that is missing", sftpx.Login{}, fs.ErrNotExist, "get the secrets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			cl := client(t, s, func(cfg *sftpx.Config) {
				cfg.Password, cfg.Attempts = "", 4
				cfg.Secrets = func(context.Context) (sftpx.Login, error) { calls++; return c.login, c.err }
			})
			err := check(t, cl)
			if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) || calls != 1 {
				t.Fatalf("after %d calls: %v, want %q", calls, err, c.says)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || errors.Is(err, fs.ErrNotExist) || c.err == sealed && !errors.Is(err, sealed)) {
				t.Errorf("error: %v", err)
			}
			if err == nil { // a new connection asks anew
				s.Disconnect()
				if err := check(t, cl); err != nil || calls != 2 {
					t.Errorf("after %d calls: %v", calls, err)
				}
			}
		})
	}
}

func TestSecretFile(t *testing.T) {
	for name, c := range map[string]struct{ content, want, says string }{
		"plain":            {"hunter2", "hunter2", ""},
		"line break":       {"hunter2\n", "hunter2", ""},
		"Windows":          {"hunter2\r\n", "hunter2", ""},
		"one is cut":       {"hunter2 \n\n", "hunter2 \n", ""},
		"empty":            {"", "", "is empty"},
		"only a linebreak": {"\n", "", "is empty"},
		"long":             {strings.Repeat("x", 2<<20), "", "too long"},
	} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := sftpx.SecretFile(file)
		if string(got) != c.want || (err != nil) != (c.says != "") || err != nil && (!strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), file)) {
			t.Errorf("%s: %q, %v", name, string(got), err)
		}
	}
	if _, err := sftpx.SecretFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
