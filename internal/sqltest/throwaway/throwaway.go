//go:build unix

// Package throwaway starts a PostgreSQL server from the binaries on the machine,
// for tests and examples: on a socket in a temporary directory, without a port.
package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Server is a running server. Its only role is the superuser postgres.
type Server struct {
	dir     string
	bin     string
	options []string
	as      *syscall.Credential
	cmd     *exec.Cmd
}

// Start makes a database in a new temporary directory and starts a server for
// it, with more options such as "fsync=off". PostgreSQL refuses to run as root,
// so that root starts it as another user.
func Start(ctx context.Context, options ...string) (_ *Server, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, options: options}
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	if os.Getuid() == 0 {
		if s.as, err = other(); err != nil {
			return nil, err
		}
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	out, err := s.command(ctx, "initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.Restart(ctx)
}

// URL is what database/sql's driver pgx connects with.
func (s *Server) URL() string { return "postgres:///postgres?user=postgres&host=" + s.dir }

// Restart starts the server, after Kill.
func (s *Server) Restart(ctx context.Context) error {
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses="}
	for _, o := range s.options {
		args = append(args, "-c", o)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = s.command(context.WithoutCancel(ctx), "postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for {
		err := s.command(ctx, "pg_isready", "-q", "-h", s.dir).Run()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, s.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server as a crash does: it recovers when it starts again.
func (s *Server) Kill() error { return s.stop(syscall.SIGQUIT) }

// Close ends the server and removes its directory.
func (s *Server) Close() error {
	return errors.Join(s.stop(syscall.SIGINT), os.RemoveAll(s.dir))
}

func (s *Server) stop(sig os.Signal) error {
	if s.cmd == nil {
		return nil
	}
	err := s.cmd.Process.Signal(sig)
	_ = s.cmd.Wait() // its exit code says how it was ended
	s.cmd = nil
	return err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

// binaries finds the directory of the server's programs.
func binaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	return "", errors.New("there are no PostgreSQL server binaries: apt-get install postgresql")
}
