package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// overSFTP makes a server that serves the drop directory and sends a bench there.
func (b *bench) overSFTP(o sftpxtest.Options) *sftpxtest.Server {
	b.t.Helper()
	o.Dir = b.drop
	server, err := sftpxtest.Start(o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.t.Error(err)
		}
	})
	known, password := filepath.Join(filepath.Dir(b.state), "known_hosts"), filepath.Join(filepath.Dir(b.state), "password")
	writeFile(b.t, known, server.KnownHosts())
	writeFile(b.t, password, sftpxtest.DefaultPassword+"\r\n")
	b.to = []string{"-to", "sftp://" + sftpxtest.DefaultUser + "@" + server.Addr() + "/", "-known-hosts", known, "-password-file", password}
	return server
}

func TestSFTP(t *testing.T) {
	for _, tt := range []struct{ name, path string }{
		{"absolute", "/in box"},
		{"below the login directory", "/~/in%20box"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			server := b.overSFTP(sftpxtest.Options{})
			b.drop = filepath.Join(b.drop, "in box")
			if err := os.Mkdir(b.drop, 0o755); err != nil {
				t.Fatal(err)
			}
			b.to[1] = "sftp://" + sftpxtest.DefaultUser + "@" + server.Addr() + strings.ReplaceAll(tt.path, " ", "%20")
			b.sync(day1, "-insert").want(t, statusDone, "acme_contacts_crm_20260301.csv: 3 rows, 89 bytes, delivered")
			b.wantContacts()
			b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Bob,5\n", "eve@example.com,Eve,3\n")
			b.sync(day2, "-insert").want(t, statusDone, "1 updated")
			b.wantContacts()
		})
	}
}

// The known_hosts file in the home directory is the one that is used by default.
func TestKnownHostsByDefault(t *testing.T) {
	b := newBench(t)
	server := b.overSFTP(sftpxtest.Options{})
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	b.to = slices.Delete(b.to, 2, 4)
	b.sync(day1).want(t, statusConfig, "no ~/.ssh/known_hosts")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(home, ".ssh", "known_hosts"), server.KnownHosts())
	b.sync(day1).want(t, statusDone)
	b.wantContacts()
}

// What the server or the network refuses fails the run and loses nothing.
func TestSFTPFailures(t *testing.T) {
	type state struct {
		b      *bench
		refuse *atomic.Pointer[func(op, path string) error]
	}
	swap := func(s state, flag, content string) {
		i := slices.Index(s.b.to, flag) + 1
		s.b.to = slices.Clone(s.b.to)
		s.b.to[i] = filepath.Join(s.b.t.TempDir(), "other")
		writeFile(s.b.t, s.b.to[i], content)
	}
	for _, tt := range []struct {
		name     string
		spoil    func(t *testing.T, s state, server *sftpxtest.Server)
		messages []string
		reached  bool // a file was on its way
	}{
		{
			name: "another host key than the known one",
			spoil: func(t *testing.T, s state, server *sftpxtest.Server) {
				other, err := sftpxtest.Start(sftpxtest.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { other.Close() })
				swap(s, "-known-hosts", strings.Replace(other.KnownHosts(), portOf(t, other.Addr()), portOf(t, server.Addr()), 1))
			},
			messages: []string{"presented ssh-ed25519 SHA256:", "known ssh-ed25519 SHA256:", "NOT DELIVERED"},
		}, {
			name:     "a host that is not known",
			spoil:    func(_ *testing.T, s state, _ *sftpxtest.Server) { swap(s, "-known-hosts", "") },
			messages: []string{"is unknown", "ssh-ed25519 SHA256:"},
		}, {
			name:     "login refused",
			spoil:    func(_ *testing.T, s state, _ *sftpxtest.Server) { swap(s, "-password-file", "hunter2") },
			messages: []string{"login refused"},
		}, {
			name: "hung up at the door",
			spoil: func(t *testing.T, s state, _ *sftpxtest.Server) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				go func() {
					for {
						conn, err := l.Accept()
						if err != nil {
							return
						}
						conn.Close()
					}
				}()
				s.b.to = slices.Clone(s.b.to)
				s.b.to[1] = "sftp://user@" + l.Addr().String() + "/"
			},
			messages: []string{"connect to 127.0.0.1:"},
		}, {
			name: "no such drop directory",
			spoil: func(_ *testing.T, s state, _ *sftpxtest.Server) {
				s.b.to = slices.Clone(s.b.to)
				s.b.to[1] += "nowhere"
			},
			messages: []string{`drop directory "/nowhere"`},
		}, {
			name: "disk full at the server",
			spoil: func(_ *testing.T, s state, _ *sftpxtest.Server) {
				s.refuse.Store(new(func(op, _ string) error {
					if op == "write" {
						return errors.New("no space left")
					}
					return nil
				}))
			},
			messages: []string{"write", "no space left"},
			reached:  true,
		}, {
			name: "rename refused",
			spoil: func(_ *testing.T, s state, _ *sftpxtest.Server) {
				s.refuse.Store(new(func(op, _ string) error {
					if op == "rename" {
						return fs.ErrPermission
					}
					return nil
				}))
			},
			messages: []string{"rename"},
			reached:  true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := state{newBench(t), new(atomic.Pointer[func(op, path string) error])}
			b := s.b
			server := b.overSFTP(sftpxtest.Options{Hook: func(op, path string) error {
				if f := s.refuse.Load(); f != nil {
					return (*f)(op, path)
				}
				return nil
			}})
			b.sync(day1, "-insert").want(t, statusDone)
			b.setSegment("email,first_name,points\n", "ada@example.com,Ada,9\n", "bob@example.com,Bob,2\n", "eve@example.com,Eve,3\n", "zoe@example.com,Zoe,4\n")
			good := b.to
			tt.spoil(t, s, server)
			for range 2 {
				o := b.sync(day2, "-insert")
				o.want(t, statusFailed, append(tt.messages, "nothing was forgotten")...)
				if strings.Contains(o.stdout+o.stderr, "hunter2") {
					t.Errorf("the password shows: %v", o)
				}
			}
			// What was delivered, nothing, is in the report.
			if data, err := os.ReadFile(b.report); err != nil || !strings.Contains(string(data), `"delivered": false`) {
				t.Errorf("report after the failure: %v\n%s", err, data)
			}
			b.to = good
			s.refuse.Store(nil)
			// A plan of which a byte was sent is ended first; any other is made anew.
			messages, second := []string{"1 inserted, 1 updated"}, "acme_contacts_crm_20260303.csv"
			if tt.reached {
				messages, second = []string{"the delivery of an earlier run", "4 unchanged"}, "acme_contacts_crm_20260302.csv"
			}
			b.sync(day3, "-insert").want(t, statusDone, messages...)
			b.wantContacts()
			if got, want := names(t, b.drop), []string{"acme_contacts_crm_20260301.csv", second}; !slices.Equal(got, want) {
				t.Errorf("files %q, want %q", got, want)
			}
		})
	}
}

func portOf(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
