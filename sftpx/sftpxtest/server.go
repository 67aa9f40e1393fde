package sftpxtest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// The login of a server that is given none.
const (
	DefaultUser     = "user"
	DefaultPassword = "password"
)

// Options say how a server behaves. The zero value is a server with a temporary directory, an Ed25519 host key, and
// [DefaultUser] and [DefaultPassword] for a login.
type Options struct {
	// Dir is the directory served, as the root "/" and the directory that a login starts in. Nothing outside it can be reached. When empty,
	// a temporary one is made, and removed by Close.
	Dir string

	// User, Password and AuthorizedKeys are the logins accepted. User is DefaultUser when empty; Password is DefaultPassword
	// when it and AuthorizedKeys are empty, and password logins are refused when it alone is.
	User           string
	Password       string
	AuthorizedKeys []ssh.PublicKey

	// HostKeys are the server's keys. The default is one new Ed25519 key.
	HostKeys []ssh.Signer

	// Hook is called before each request with the operation and the path, which begins with "/". The operations are "open", "read", "write",
	// "close", "stat", "lstat", "list", "rename" (path is the new name), "remove" and "other". An error is the answer to the request in place
	// of doing it: fs.ErrNotExist, fs.ErrPermission and errors.ErrUnsupported have status codes of their own, anything else is a failure.
	// The hook may block; Close waits for it. It is called concurrently.
	Hook func(op, path string) error

	// BytesPerSecond limits what is received on each connection. 0 means no limit.
	BytesPerSecond int

	// Listener is where the server takes connections from; Close closes it. The default is a free loopback port.
	Listener net.Listener

	// SSH is called once with the server's settings, to change them: the ways to log in, the algorithms.
	SSH func(*ssh.ServerConfig)

	// Wrap is called for each SFTP session and returns what the server reads requests from and writes answers to, in place of the line. It is
	// closed when the session ends. It can answer otherwise than a server may.
	Wrap func(line io.ReadWriteCloser) io.ReadWriteCloser

	// Overwrite makes a rename onto a name that exists replace it, as some servers do against the protocol. Without it, it fails.
	Overwrite bool
}

// Server is a running server. Its methods are safe for concurrent use.
type Server struct {
	opts     Options
	dir      string
	temp     bool
	root     *os.Root
	listener net.Listener
	config   *ssh.ServerConfig

	done chan struct{} // closed by Close
	all  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil after Close

	renames sync.Mutex // a look and the rename that follows are one
}

// Start starts a server. Close it.
func Start(o Options) (_ *Server, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("sftpxtest: %w", err)
		}
	}()
	if o.User == "" {
		o.User = DefaultUser
	}
	if o.Password == "" && len(o.AuthorizedKeys) == 0 {
		o.Password = DefaultPassword
	}
	if len(o.HostKeys) == 0 {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		signer, err := ssh.NewSignerFromSigner(key)
		if err != nil {
			return nil, err
		}
		o.HostKeys = []ssh.Signer{signer}
	}
	s := &Server{opts: o, dir: o.Dir, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	s.config = s.serverConfig()
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "sftpxtest"); err != nil {
			return nil, err
		}
		s.temp = true
	}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.root, err = os.OpenRoot(s.dir); err != nil {
		return nil, err
	}
	if s.listener = o.Listener; s.listener == nil {
		if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	s.all.Go(s.accept)
	return s, nil
}

func (s *Server) serverConfig() *ssh.ServerConfig {
	o := s.opts
	config := &ssh.ServerConfig{}
	refused := errors.New("refused")
	if o.Password != "" {
		config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() != o.User || string(password) != o.Password {
				return nil, refused
			}
			return nil, nil
		}
	}
	if len(o.AuthorizedKeys) > 0 {
		config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			for _, k := range o.AuthorizedKeys {
				if c.User() == o.User && bytes.Equal(k.Marshal(), key.Marshal()) {
					return nil, nil
				}
			}
			return nil, refused
		}
	}
	for _, k := range o.HostKeys {
		config.AddHostKey(k)
	}
	if o.SSH != nil {
		o.SSH(config)
	}
	return config
}

// Addr returns the server's host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Dir returns the directory served.
func (s *Server) Dir() string { return s.dir }

// HostKey returns the first host key as in a .pub file, "ssh-ed25519 AAAA...".
func (s *Server) HostKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.opts.HostKeys[0].PublicKey())))
}

// KnownHosts returns the lines of a known_hosts file for this server, one for each host key.
func (s *Server) KnownHosts() string {
	var b strings.Builder
	for _, k := range s.opts.HostKeys {
		b.WriteString(knownhosts.Line([]string{s.Addr()}, k.PublicKey()) + "\n")
	}
	return b.String()
}

// Disconnect cuts all connections. New ones are accepted.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// Close cuts all connections, stops the server, waits until everything it started has ended, and removes a temporary directory.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.conns == nil {
		s.mu.Unlock()
		return nil
	}
	for c := range s.conns {
		c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	close(s.done)
	s.listener.Close()
	s.all.Wait()
	return s.release()
}

func (s *Server) release() error {
	var err error
	if s.root != nil {
		err = s.root.Close()
	}
	if s.temp {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.conns == nil {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.all.Go(func() {
			s.serve(conn)
			conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// serve runs one connection to its end.
func (s *Server) serve(conn net.Conn) {
	sshConn, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	s.all.Go(func() { ssh.DiscardRequests(requests) }) // answers keep-alives
	for c := range channels {
		if c.ChannelType() != "session" {
			c.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			continue
		}
		s.all.Go(func() {
			for r := range requests {
				var sub struct{ Name string }
				ok := r.Type == "subsystem" && ssh.Unmarshal(r.Payload, &sub) == nil && sub.Name == "sftp"
				if r.WantReply {
					r.Reply(ok, nil)
				}
				if ok {
					s.all.Go(func() {
						h := handlers{s}
						var l io.ReadWriteCloser = line{channel, s}
						if s.opts.Wrap != nil {
							l = s.opts.Wrap(l)
						}
						sftp.NewRequestServer(l, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}).Serve()
						l.Close()
						channel.Close()
					})
				}
			}
		})
	}
	sshConn.Wait()
}

// line is an SFTP session over a line of limited speed.
type line struct {
	ssh.Channel
	s *Server
}

// Read takes as long as the line does.
func (l line) Read(p []byte) (int, error) {
	n, err := l.Channel.Read(p)
	if rate := l.s.opts.BytesPerSecond; rate > 0 {
		select {
		case <-l.s.done:
		case <-time.After(time.Duration(n) * time.Second / time.Duration(rate)):
		}
	}
	return n, err
}
