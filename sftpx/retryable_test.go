package sftpx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"testing"

	"github.com/pkg/sftp"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// What the errors of a Client say to whoever decides about another call.
func TestRetryable(t *testing.T) {
	refuse := func(op string, err error) func(*server, *sftpx.Config) {
		return func(s *server, _ *sftpx.Config) {
			s.setHook(func(o, _ string) error {
				if o == op {
					return err
				}
				return nil
			})
		}
	}
	for _, c := range []struct {
		name   string
		set    func(*server, *sftpx.Config)
		want   bool
		reason string
	}{
		{"failure", refuse("open", sftp.ErrSSHFxFailure), true, "the server says nothing"},
		{"permission", refuse("open", fs.ErrPermission), false, "rights are given by people"},
		{"unsupported", refuse("rename", errors.ErrUnsupported), false, "a server that can not rename stays so"},
		{"no directory", func(_ *server, c *sftpx.Config) { c.Dir = "/nowhere" }, false, "we make none"},
		{"login", func(_ *server, c *sftpx.Config) { c.Password = "wrong" }, false, "the account may get locked"},
		{"host key", func(_ *server, c *sftpx.Config) {
			c.KnownHosts, c.HostKey = "", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
		}, false, "somebody else may answer"},
		{"no network", func(_ *server, c *sftpx.Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route to host") }
		}, true, "networks come back"},
		{"no such host", func(_ *server, c *sftpx.Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, &net.DNSError{IsNotFound: true} }
		}, true, "names come back"},
		{"no secret", func(_ *server, c *sftpx.Config) {
			c.Password = ""
			c.Secrets = func(context.Context) (sftpx.Login, error) { return sftpx.Login{}, errors.New("the vault is sealed") }
		}, true, "vaults are opened again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, sftpxtest.Options{})
			cl := client(t, s.Server, func(cfg *sftpx.Config) { cfg.Attempts = 1; c.set(s, cfg) })
			retryable(t, cl.Put(t.Context(), "a.csv", "a.part", body(content)), c.want, c.reason)
		})
	}
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		retryable(t, client(t, newServer(t, sftpxtest.Options{}).Server, nil).Put(ctx, "a.csv", "a.part", body(content)), true, "the next run goes on")
	})
	t.Run("closed", func(t *testing.T) {
		cl := client(t, newServer(t, sftpxtest.Options{}).Server, nil)
		if err := cl.Close(); err != nil {
			t.Fatal(err)
		}
		retryable(t, cl.Put(t.Context(), "a.csv", "a.part", body(content)), false, "it stays closed")
	})
	retryable(t, fmt.Errorf("bare: %w", sftpx.ErrLogin), false, "whoever returns it")
	retryable(t, &sftpx.HostKeyError{Err: io.EOF}, false, "whoever returns it")
}

func retryable(t *testing.T, err error, want bool, reason string) {
	t.Helper()
	var judge interface{ Retryable() bool }
	if !errors.As(err, &judge) {
		t.Fatalf("%v says nothing", err)
	}
	if judge.Retryable() != want {
		t.Errorf("%v: %t, want %t: %s", err, !want, want, reason)
	}
}
