package sftpx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// logbook returns a logger, and what it has logged without times and durations.
func logbook(level slog.Level) (*slog.Logger, func() []string) {
	var b bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Value.Kind() == slog.KindDuration || a.Key == "server" || a.Key == "software" {
			return slog.Attr{}
		}
		return a
	}}))
	return logger, func() []string { return strings.Split(strings.TrimSpace(b.String()), "\n") }
}

// The messages and keys are a promise: who counts them must not be surprised.
func TestLog(t *testing.T) {
	const first = `level=INFO msg=connected connection=1`
	lose := &spoil{fault: fault{kind: fxpWrite, nth: 3, answer: func([]byte) ([]byte, bool) { return nil, true }}}
	for _, c := range []struct {
		name   string
		server sftpxtest.Options
		change func(*sftpx.Config)
		work   func(l *lab) error // nil: put
		fails  bool
		want   []string
	}{
		{name: "all is well", want: []string{first}},
		{name: "a lost connection", server: sftpxtest.Options{Wrap: lose.wrap}, want: []string{
			first,
			`level=INFO msg="connection dropped" reason=connection`,
			`level=WARN msg="attempt failed" operation=put file=a.csv attempt=1 reason=connection`,
			`level=INFO msg=connected connection=2`,
		}},
		{name: "a failure that does not pass", fails: true, server: sftpxtest.Options{Hook: refuse("open", 0, errors.New("busy"))},
			change: func(c *sftpx.Config) { c.Attempts = 3 }, want: []string{
				first,
				`level=WARN msg="attempt failed" operation=put file=a.csv attempt=1 reason="answer 4"`,
				`level=WARN msg="attempt failed" operation=put file=a.csv attempt=2 reason="answer 4"`,
				`level=ERROR msg="call failed" operation=put file=a.csv reason="answer 4"`,
			}},
		{name: "not permitted", fails: true, server: sftpxtest.Options{Hook: refuse("open", 0, fs.ErrPermission)}, want: []string{
			first,
			`level=ERROR msg="call failed" operation=put file=a.csv reason=permission`,
		}},
		{name: "wrong password", fails: true, change: func(c *sftpx.Config) { c.Password = "wrong" }, want: []string{
			`level=ERROR msg="call failed" operation=put file=a.csv reason=login`,
		}},
		{name: "another host key", fails: true, change: func(c *sftpx.Config) { c.HostKey = line(newEd25519().PublicKey()) }, want: []string{
			`level=ERROR msg="call failed" operation=put file=a.csv reason="host key"`,
		}},
		{name: "a file that is not there is an answer", fails: true, work: func(l *lab) error {
			_, err := l.client.Size(l.t.Context(), "b.csv")
			return err
		}, want: []string{first, `level=DEBUG msg="call failed" operation=size file=b.csv reason=missing`}},
		{name: "a name that is taken is an answer", fails: true, work: func(l *lab) error {
			if err := l.put(); err != nil {
				l.t.Fatal(err)
			}
			return l.put()
		}, want: []string{first, `level=DEBUG msg="call failed" operation=put file=a.csv reason=exists`}},
		{name: "stopped", fails: true, work: func(l *lab) error {
			ctx, cancel := context.WithCancelCause(l.t.Context())
			cancel(errors.New("for a reason"))
			_, err := l.client.Check(ctx)
			return err
		}, want: []string{`level=ERROR msg="call failed" operation=check file="" reason=stopped`}},
		{name: "no answer", fails: true, change: func(c *sftpx.Config) {
			c.Attempts = 1
			c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		}, want: []string{`level=ERROR msg="call failed" operation=put file=a.csv reason=timeout`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				logger, logged := logbook(slog.LevelDebug)
				inLab(t, dir, newNetwork(), c.server, func(cfg *sftpx.Config) {
					cfg.Logger = logger
					if c.change != nil {
						c.change(cfg)
					}
				}, func(l *lab) {
					work := c.work
					if work == nil {
						work = (*lab).put
					}
					if err := work(l); (err != nil) != c.fails {
						t.Error(err)
					}
					if d := cmp.Diff(c.want, logged()); d != "" {
						t.Error(d)
					}
				})
			})
		})
	}
}

// Neither secrets nor the name of the user, a directory or the text of an error get into a log.
func TestLogHoldsNoSecrets(t *testing.T) {
	const secret = "zqxsecret"
	var b bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for name, change := range map[string]func(*sftpx.Config){
		"password": func(c *sftpx.Config) { c.Password = secret },
		"user":     func(c *sftpx.Config) { c.User = secret },
		"dir":      func(c *sftpx.Config) { c.Dir = "/" + secret },
		"staging":  func(c *sftpx.Config) { c.Staging = "/" + secret },
		"dial": func(c *sftpx.Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, fmt.Errorf("by %s", secret) }
		},
		"secrets": func(c *sftpx.Config) {
			c.Password = ""
			c.Secrets = func(context.Context) (sftpx.Login, error) { return sftpx.Login{}, errors.New(secret) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				b.Reset()
				inLab(t, dir, newNetwork(), sftpxtest.Options{}, func(cfg *sftpx.Config) {
					cfg.Logger = logger
					change(cfg)
				}, func(l *lab) {
					if err := l.put(); err == nil {
						t.Fatal("it does not fail")
					}
					err := l.client.Put(t.Context(), "b.csv", "b.part", io.NewSectionReader(failing{errors.New(secret)}, 0, 10))
					if err == nil {
						t.Fatal("it does not fail")
					}
				})
				if b.Len() == 0 || strings.Contains(b.String(), secret) {
					t.Errorf("the log: %s", b.String())
				}
			})
		})
	}
}

// failing is a body that can not be read.
type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }
