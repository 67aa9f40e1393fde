package sftpx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// Config says where an SFTP drop directory is and how to get in. Addr, User, Dir, a way to log in (Password or PrivateKey, Secrets, or
// Agent), and one of KnownHosts and HostKey are required.
type Config struct {
	// Addr is the server's host:port. The port is 22 when left out.
	Addr string

	// User is the login name.
	User string

	// Password and PrivateKey are the ways to log in; with both, the key is tried first. A server that asks for the password in a dialogue
	// (keyboard-interactive) gets it there. It is sent at most once for each connection.
	Password Secret

	// PrivateKey is a private key in OpenSSH's or another PEM form (what a file like id_ed25519 holds), and Passphrase opens it when it is
	// encrypted.
	PrivateKey Secret
	Passphrase Secret

	// Secrets, when given, is asked for the three secrets above before each connection, and they must be empty. An error ends the call.
	Secrets func(ctx context.Context) (Login, error)

	// Agent is the path of an ssh-agent's socket, as in the environment variable SSH_AUTH_SOCK. Its keys are tried after PrivateKey.
	Agent string

	// KnownHosts is the path of a file in OpenSSH's known_hosts format; hashed names, [host]:port, @cert-authority and @revoked are
	// understood. It is read once, by New.
	KnownHosts string

	// HostKey pins the server's key: "ssh-ed25519 AAAA..." as in a .pub file, or its fingerprint "SHA256:...". When KnownHosts is given
	// too, both must accept the key. With a fingerprint alone, a server that has keys of several types is connected to once for each type,
	// without a login, until one matches.
	HostKey string

	// Algorithms are for servers that do not know those in use today.
	Algorithms Algorithms

	// Dir is the drop directory on the server. There is no default; "." is the directory that a login starts in. It must exist.
	Dir string

	// Staging is a directory on the server, on the same file system as Dir, for the temporary files. It must exist. The default is Dir.
	Staging string

	// Direct writes files under their final name from the start, for servers that can not rename. A reader may then see a part of a file,
	// and a part that a crash or a lost connection has left behind is not replaced by the next call: its name is taken.
	Direct bool

	// Timeout limits three things: connecting, handshake and login together; in each call, the time without any sign of progress from the
	// server (a long upload that moves is not cut); and closing. The default is 30 s.
	Timeout time.Duration

	// KeepAlive is the time between two signs of life sent to the server while connected. A connection on which nothing is received for
	// KeepAlive + Timeout is dropped. The default is 15 s.
	KeepAlive time.Duration

	// Attempts is the most attempts that a call makes when the failure may pass: a lost connection, silence, an unspecific failure. 1 means
	// no repetition. The default is 4.
	Attempts int

	// Backoff is the wait before the second attempt. It doubles from one to the next, up to 30 s; each wait is cut by a random part of up to a
	// half. The default is 1 s.
	Backoff time.Duration

	// PacketSize is the number of bytes written by one request. The default, 32768, is what every server takes; more may be faster, and breaks
	// some servers. The limit is 261120.
	PacketSize int

	// Dial opens the network connection, through a proxy for instance; it must return when ctx ends. The default is that of a zero net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Notify, when given, is told what the error of a call does not say. It is called during calls, one at a time, and must not call the
	// Client.
	Notify func(Notice)

	// Logger, when given, gets the events that the comment of the package lists. No secret, user name, directory or error is among them.
	// By default nothing is logged.
	Logger *slog.Logger
}

// Notice is what an operator may want to read of a call that has not failed, or not yet. Its String is a line for a log.
type Notice struct {
	Name string // the file, or empty

	// PickedUp says that the file was gone when it was looked for right after the rename: its reader has it.
	PickedUp bool

	// Err is why an attempt failed that is followed by another one after Wait. Attempt counts from 1.
	Err     error
	Attempt int
	Wait    time.Duration
}

// String says it in words.
func (n Notice) String() string {
	if n.PickedUp {
		return fmt.Sprintf("file %q was picked up as soon as it was published", n.Name)
	}
	return fmt.Sprintf("attempt %d failed, the next one is in %v: %v", n.Attempt, n.Wait.Round(time.Millisecond), n.Err)
}

const maxPacket = 255 << 10

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
	switch {
	case strings.ContainsRune(cfg.Staging, 0):
		problem("Staging", "contains a NUL character")
	case cfg.Staging != "" && cfg.Direct:
		problem("Staging", "given together with Direct, which has no temporary files")
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Timeout", cfg.Timeout}, {"KeepAlive", cfg.KeepAlive}, {"Attempts", time.Duration(cfg.Attempts)}, {"Backoff", cfg.Backoff}} {
		if f.value < 0 {
			problem(f.name, "negative")
		}
	}
	if cfg.PacketSize < 0 || cfg.PacketSize > maxPacket {
		problem("PacketSize", fmt.Sprintf("not between 1 and %d", maxPacket))
	}
	algorithms, err := cfg.Algorithms.clone()
	if err != nil {
		problems = append(problems, err)
	}
	login, err := newLogin(cfg)
	if err != nil {
		problems = append(problems, err)
	}
	hosts, err := newHostCheck(addr, cfg.KnownHosts, cfg.HostKey)
	if err != nil {
		problems = append(problems, err)
	}
	if hosts != nil && len(algorithms.HostKeys) > 0 {
		hosts.offer, hosts.fixed = algorithms.HostKeys, true
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("sftpx: Config: %w", errors.Join(problems...))
	}

	c := &Client{
		addr:       addr,
		user:       cfg.User,
		dir:        cfg.Dir,
		staging:    cmp.Or(cfg.Staging, cfg.Dir),
		direct:     cfg.Direct,
		timeout:    cmp.Or(cfg.Timeout, 30*time.Second),
		keepAlive:  cmp.Or(cfg.KeepAlive, 15*time.Second),
		attempts:   cmp.Or(cfg.Attempts, 4),
		backoff:    cmp.Or(cfg.Backoff, time.Second),
		packet:     cmp.Or(cfg.PacketSize, 32<<10),
		algorithms: algorithms,
		dial:       cfg.Dial,
		notify:     cfg.Notify,
		log:        events{cfg.Logger, addr},
		login:      login,
		hosts:      hosts,
		turn:       make(chan struct{}, 1),
	}
	if c.notify == nil {
		c.notify = func(Notice) {}
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
