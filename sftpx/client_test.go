package sftpx_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// short is a time limit that a test waits for; long is one that it must never see the end of.
const (
	short = 300 * time.Millisecond
	long  = 30 * time.Second
)

// server is a test server whose hook can be set while it runs.
type server struct {
	*sftpxtest.Server
	t    *testing.T
	mu   sync.Mutex
	hook func(op, path string) error
	ops  map[string]int
}

func newServer(t *testing.T, o sftpxtest.Options) *server {
	t.Helper()
	s := &server{t: t, ops: map[string]int{}}
	o.Hook = func(op, path string) error {
		s.mu.Lock()
		s.ops[op]++
		hook := s.hook
		s.mu.Unlock()
		if hook == nil {
			return nil
		}
		return hook(op, path)
	}
	s.Server = start(t, o)
	mkdir(t, s.Server, "drop")
	return s
}

func (s *server) setHook(hook func(op, path string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

func (s *server) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ops[op]
}

func (s *server) path(name string) string { return filepath.Join(s.Dir(), "drop", name) }

func (s *server) names() []string {
	s.t.Helper()
	entries, err := os.ReadDir(s.path(""))
	if err != nil {
		s.t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (s *server) holds(name string, content []byte) {
	s.t.Helper()
	got, err := os.ReadFile(s.path(name))
	if err != nil || !bytes.Equal(got, content) {
		s.t.Errorf("%q has %d bytes, %v; want the %d sent", name, len(got), err, len(content))
	}
}

// refuse returns a hook that refuses one operation; n says which time, 0 is every time.
func refuse(op string, n int32, err error) func(string, string) error {
	var times atomic.Int32
	return func(o, _ string) error {
		if o == op && (times.Add(1) == n || n == 0) {
			return err
		}
		return nil
	}
}

var content = bytes.Repeat([]byte("0123456789abcdef"), 20_000) // 10 packets

func TestRefusals(t *testing.T) {
	failure, full := errors.New("out of order"), errors.New("quota exceeded")
	for _, c := range []struct {
		name, reason string
		hook         func(op, path string) error
		body         []byte
		want         error // nil: any
		says         string
	}{
		{name: "open refused", hook: refuse("open", 0, fs.ErrPermission), body: content, want: fs.ErrPermission, says: `open "/drop/a.part"`},
		{name: "only write refused", reason: "with one packet, pkg/sftp before 1.13.12 reported success", hook: refuse("write", 1, failure), body: []byte("small"), says: `write "/drop/a.part"`},
		{name: "last write refused", hook: refuse("write", 10, failure), body: content, says: `write "/drop/a.part"`},
		{name: "first write refused", hook: refuse("write", 1, full), body: content, says: "quota exceeded"},
		{name: "close refused", reason: "a quota may be enforced there", hook: refuse("close", 0, full), body: content, says: `close "/drop/a.part"`},
		{name: "rename refused", hook: refuse("rename", 0, failure), body: content, says: `rename "/drop/a.part" to "/drop/a.csv"`},
		{name: "rename not permitted", hook: refuse("rename", 0, fs.ErrPermission), body: content, want: fs.ErrPermission, says: "permission denied (ask for the right to rename; for a server that can not, there is Config.Direct"},
		{name: "rename unsupported", hook: refuse("rename", 0, errors.ErrUnsupported), body: content, want: errors.ErrUnsupported, says: `rename "/drop/a.part"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sftpxtest.Options{})
			cl := client(t, s.Server, nil)
			s.setHook(c.hook)
			err := cl.Put(t.Context(), "a.csv", "a.part", body(c.body))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("error is %v, want %v; %s", err, c.want, c.reason)
			}
			for _, says := range []string{c.says, s.Addr(), `"a.csv"`} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			if strings.Count(err.Error(), "sftpx:") != 1 {
				t.Errorf("message: %q", err)
			}
			if names := s.names(); len(names) > 0 {
				t.Errorf("left behind: %q", names)
			}
			s.setHook(nil)
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(c.body)); err != nil {
				t.Errorf("the same again: %v", err)
			}
			s.holds("a.csv", c.body)
		})
	}
}

// Servers that say nothing about files, and do nothing but write and rename.
func TestWriteOnlyAccount(t *testing.T) {
	for name, answer := range map[string]error{"not permitted": fs.ErrPermission, "unsupported": errors.ErrUnsupported} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sftpxtest.Options{})
			cl := client(t, s.Server, nil)
			s.setHook(func(op, _ string) error {
				switch op {
				case "open", "write", "close", "rename":
					return nil
				}
				return answer
			})
			if caps, err := cl.Check(t.Context()); err != nil || caps.Look {
				t.Errorf("Check: %+v, %v", caps, err)
			}
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
				t.Fatalf("Put: %v", err)
			}
			s.holds("a.csv", content)
			if _, err := cl.Size(t.Context(), "a.csv"); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("Size: %v, want errors.ErrUnsupported", err)
			}
			if n := s.count("other"); n > 0 {
				t.Errorf("%d attempts to set attributes or make directories", n)
			}
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err == nil {
				t.Error("a file that exists was overwritten")
			}
			s.holds("a.csv", content)
		})
	}
}

func TestPickedUpAtOnce(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	cl := client(t, s.Server, nil)
	var renamed atomic.Bool
	s.setHook(func(op, path string) error {
		if op == "rename" {
			renamed.Store(true)
		} else if renamed.Load() && path == "/drop/a.csv" {
			os.Remove(s.path("a.csv"))
		}
		return nil
	})
	if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
		t.Errorf("Put: %v", err)
	}
	if names := s.names(); len(names) > 0 {
		t.Errorf("the directory holds %q: the reader did not come", names)
	}
}

// A server that loses bytes is found out, before or after the rename.
func TestWrongSize(t *testing.T) {
	for _, c := range []struct{ when, op, path, says string }{
		{"before the rename", "stat", "a.part", `"/drop/a.part" has 3 bytes`},
		{"after the rename", "stat", "a.csv", `"/drop/a.csv" has 3 bytes`},
	} {
		t.Run(c.when, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sftpxtest.Options{})
			cl := client(t, s.Server, nil)
			s.setHook(func(op, path string) error {
				if op == c.op && path == "/drop/"+c.path {
					return os.Truncate(s.path(c.path), 3)
				}
				return nil
			})
			err := cl.Put(t.Context(), "a.csv", "a.part", body(content))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
			if _, err := os.Stat(s.path("a.part")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the temporary file: %v", err)
			}
		})
	}
}

// The name comes into being between the last look and the rename.
func TestNameTakenAtTheRename(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	cl := client(t, s.Server, nil)
	s.setHook(func(op, _ string) error {
		if op == "rename" {
			return os.WriteFile(s.path("a.csv"), []byte("theirs"), 0o644)
		}
		return nil
	})
	if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error is %v, want fs.ErrExist", err)
	}
	s.holds("a.csv", []byte("theirs"))
	if n := len(s.names()); n != 1 {
		t.Errorf("the directory holds %q", s.names())
	}
}

// Packets do not wait for one another: at one packet a round trip, a distant server would be slow.
func TestPacketsArePipelined(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	cl := client(t, s.Server, nil)
	const together = 4
	var inside atomic.Int32
	release := make(chan struct{})
	s.setHook(func(op, _ string) error {
		if op != "write" {
			return nil
		}
		if inside.Add(1) == together {
			close(release)
		}
		select {
		case <-release:
			return nil
		case <-time.After(long):
			return errors.New("alone")
		}
	})
	if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
		t.Fatal(err)
	}
	s.holds("a.csv", content)
}

// A name that is taken is found out before the upload.
func TestNameTakenBefore(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	cl := client(t, s.Server, nil)
	for _, name := range []string{"a.csv", "a.part"} {
		if err := os.WriteFile(s.path(name), []byte("there"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error is %v, want fs.ErrExist", err)
	}
	if n := s.count("open"); n > 0 {
		t.Errorf("%d files were opened", n)
	}
	if names := s.names(); len(names) != 1 {
		t.Errorf("the directory holds %q", names)
	}
}

func TestMissingDirectory(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	cl := client(t, s.Server, func(c *sftpx.Config) { c.Dir = "/nowhere" })
	for what, err := range map[string]error{
		"Check": check(t, cl),
		"Put":   cl.Put(t.Context(), "a.csv", "a.part", body(content)),
	} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `drop directory "/nowhere"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(s.path("file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cl = client(t, s.Server, func(c *sftpx.Config) { c.Dir = "/drop/file" })
	if err := check(t, cl); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("Check of a file: %v", err)
	}
}

func TestDirForms(t *testing.T) {
	for dir, file := range map[string]string{".": "../a.csv", "/": "../a.csv", "drop": "a.csv", "drop/": "a.csv", "./drop": "a.csv"} {
		t.Run(strings.ReplaceAll(dir, "/", "_"), func(t *testing.T) {
			s := newServer(t, sftpxtest.Options{})
			cl := client(t, s.Server, func(c *sftpx.Config) { c.Dir = dir })
			if err := cl.Put(t.Context(), "a.csv", "a.part", body(content)); err != nil {
				t.Fatal(err)
			}
			s.holds(file, content)
		})
	}
}

// The tests above rely on errors of this shape; others may as well.
func TestServerAnswerIsInTheError(t *testing.T) {
	s := newServer(t, sftpxtest.Options{})
	cl := client(t, s.Server, nil)
	s.setHook(refuse("open", 0, fmt.Errorf("no space left")))
	err := cl.Put(t.Context(), "a.csv", "a.part", body(content))
	if status, ok := errors.AsType[*sftp.StatusError](err); !ok || status.Code != 4 || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error is %v, want the server's status and text", err)
	}
}
