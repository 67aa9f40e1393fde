package sftpx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config says where an SFTP drop directory is and how to get in. Addr, User, Dir, one of Password and PrivateKey, and one of
// KnownHosts and HostKey are required.
type Config struct {
	// Addr is the server's host:port. The port is 22 when left out.
	Addr string

	// User is the login name.
	User string

	// Password and PrivateKey are the ways to log in; with both, the key is tried first.
	Password Secret

	// PrivateKey is a private key in PEM form (what a file like id_ed25519 holds), and Passphrase opens it when it is encrypted.
	PrivateKey Secret
	Passphrase Secret

	// KnownHosts is the path of a file in OpenSSH's known_hosts format; hashed names, [host]:port, @cert-authority and @revoked are
	// understood. It is read once, by New.
	KnownHosts string

	// HostKey pins the server's key: "ssh-ed25519 AAAA..." as in a .pub file, or its fingerprint "SHA256:...". When KnownHosts is given
	// too, both must accept the key. With a fingerprint alone, a server that has keys of several types is connected to once per type, before
	// login, until one matches.
	HostKey string

	// Dir is the drop directory on the server. There is no default; "." is the directory that a login starts in. It must exist.
	Dir string

	// Timeout limits connecting, handshake and login taken together; then, in each call, the time without any sign of progress from the
	// server (a long upload that moves is not cut); then closing. The default is 30 s.
	Timeout time.Duration

	// KeepAlive is the time between two signs of life sent to the server while connected. A connection on which nothing is received for
	// KeepAlive + Timeout is dropped. The default is 15 s.
	KeepAlive time.Duration

	// Dial opens the network connection; it must return when ctx ends. The default is that of a zero net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// New returns a client for the drop directory that cfg describes. It reads the known_hosts file and does not dial. The error holds every
// problem of cfg, one a line, and no secret; it matches [fs.ErrNotExist] and the like when KnownHosts can not be read.
func New(cfg Config) (*Client, error) {
	var problems []error
	problem := func(field, what string) { problems = append(problems, fieldError(field, what)) }

	addr, err := hostPort(cfg.Addr)
	if err != nil {
		problems = append(problems, err)
	}
	if cfg.User == "" {
		problem("User", "missing")
	}
	switch {
	case cfg.Dir == "":
		problem("Dir", `missing: name the drop directory on the server ("." is the one that a login starts in)`)
	case strings.ContainsRune(cfg.Dir, 0):
		problem("Dir", "contains a NUL character")
	}
	if cfg.Timeout < 0 {
		problem("Timeout", "negative")
	}
	if cfg.KeepAlive < 0 {
		problem("KeepAlive", "negative")
	}
	auth, err := newLogin(cfg)
	if err != nil {
		problems = append(problems, err)
	}
	hosts, err := newHostCheck(addr, cfg.KnownHosts, cfg.HostKey)
	if err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("sftpx: Config: %w", errors.Join(problems...))
	}

	c := &Client{
		addr:      addr,
		user:      cfg.User,
		dir:       cfg.Dir,
		timeout:   cmp.Or(cfg.Timeout, 30*time.Second),
		keepAlive: cmp.Or(cfg.KeepAlive, 15*time.Second),
		dial:      cfg.Dial,
		auth:      auth,
		hosts:     hosts,
		turn:      make(chan struct{}, 1),
	}
	if c.dial == nil {
		c.dial = new(net.Dialer).DialContext
	}
	c.open, c.close = context.WithCancelCause(context.Background())
	return c, nil
}

func fieldError(field, what string) error { return fmt.Errorf("%s: %s", field, what) }

// hostPort completes an address with port 22.
func hostPort(addr string) (string, error) {
	if addr == "" {
		return "", fieldError("Addr", "missing: give the server as host or host:port")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = addr, "22"
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		}
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fieldError("Addr", fmt.Sprintf("%q is not host or host:port", addr))
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fieldError("Addr", fmt.Sprintf("%q has no port between 1 and 65535", addr))
	}
	if host == "" || strings.ContainsAny(host, " \t\r\n/@[]") {
		return "", fieldError("Addr", fmt.Sprintf("%q is not host or host:port", addr))
	}
	return net.JoinHostPort(strings.ToLower(host), port), nil
}

// newLogin returns the ways to log in, in the order in which they are tried. A method calls the function given to it when the
// server asks for it. The secrets live in closures: no field of a Client holds one that fmt could print.
func newLogin(cfg Config) (func(tried func(method string)) []ssh.AuthMethod, error) {
	if cfg.Password == "" && cfg.PrivateKey == "" {
		return nil, errors.New("no way to log in: give Password or PrivateKey")
	}
	var signer ssh.Signer
	if cfg.PrivateKey != "" {
		var err error
		if signer, err = parseKey(cfg.PrivateKey, cfg.Passphrase); err != nil {
			return nil, err
		}
	}
	return func(tried func(string)) []ssh.AuthMethod {
		var methods []ssh.AuthMethod
		if signer != nil {
			methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
				tried("publickey")
				return []ssh.Signer{signer}, nil
			}))
		}
		if cfg.Password != "" {
			methods = append(methods, ssh.PasswordCallback(func() (string, error) {
				tried("password")
				return string(cfg.Password), nil
			}))
		}
		return methods
	}, nil
}

// parseKey does not repeat what the parsers say: they may quote the key.
func parseKey(key, passphrase Secret) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey([]byte(key))
	if err == nil {
		return signer, nil
	}
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); !locked {
		return nil, fieldError("PrivateKey", "not a private key in PEM form, or of a kind that is not known here (give the content of the file, not its path)")
	}
	if passphrase == "" {
		return nil, fieldError("PrivateKey", "encrypted: give its Passphrase")
	}
	signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
	if err != nil {
		return nil, fieldError("Passphrase", "does not open PrivateKey: it is wrong, or the key is damaged")
	}
	return signer, nil
}
