package sftpx_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// fixedKey is the same in every run.
func fixedKey(seed byte) ssh.Signer {
	return signer(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)), nil)
}

// A known_hosts file of any content never makes the check panic, and lets no key in that is not written in it, nor one that is revoked.
func FuzzKnownHosts(f *testing.F) {
	ours, other := fixedKey(1).PublicKey(), fixedKey(2).PublicKey()
	const addr = "sftp.example.org:2222"
	name := knownhosts.Normalize(addr)
	for _, seed := range []string{
		"", "\n", "# comment", name + " " + line(ours), name + " " + line(other), knownhosts.HashHostname(name) + " " + line(ours),
		"* " + line(ours), "!" + name + ",* " + line(ours), "sftp.example.org " + line(ours), "@revoked * " + line(ours) + "\n" + name + " " + line(ours),
		"@cert-authority " + name + " " + line(ours), "@cert-authority *.example.org " + line(other) + "\n" + name + " " + line(ours), "@", "@foo x y", "|1|a|b " + line(ours),
		"[sftp.example.org]:* " + line(ours), name, name + " ssh-ed25519", name + " ssh-ed25519 AAAA", "\xff\x00 \r\n" + name + "\t" + line(ours) + "\r\n", "[ " + line(ours), "! " + line(ours),
	} {
		f.Add([]byte(seed))
	}
	written := base64.StdEncoding.EncodeToString(ours.Marshal())
	file := filepath.Join(f.TempDir(), "known_hosts")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		err := sftpx.CheckHostKey(addr, file, ours)
		if err != nil {
			_ = err.Error()
			return
		}
		if !bytes.Contains(content, []byte(written[:40])) {
			t.Errorf("let in by %q", content)
		}
		for l := range strings.Lines(string(content)) {
			fields := strings.Fields(l)
			if len(fields) == 4 && fields[0] == "@revoked" && fields[2] == ours.Type() && fields[3] == written {
				t.Errorf("a revoked key is let in by %q", content)
			}
		}
	})
}

// A server may answer anything: the call ends, without a panic, and nothing that is not the whole file is called delivered.
func FuzzServerAnswers(f *testing.F) {
	version := packet(fxpVersion, uint32(3), "posix-rename@openssh.com", "1", "fsync@openssh.com", "1", "statvfs@openssh.com", "2")
	f.Add([]byte{}, false)
	f.Add(version, true)
	f.Add(bytes.Join([][]byte{version, status(1, 2), packet(fxpHandle, uint32(2), "h"), status(3, 0), status(4, 0)}, nil), true)
	f.Add(bytes.Join([][]byte{version, status(1, 2), packet(fxpHandle, uint32(2), "h"), status(3, 4), status(4, 0), status(5, 0), packet(201, uint32(6), strings.Repeat("\xff", 88))}, nil), false)
	f.Add(bytes.Join([][]byte{version, packet(104, uint32(1), uint32(1<<31-1), "", "")}, nil), false)
	f.Add(bytes.Join([][]byte{version, packet(fxpAttrs, uint32(1), uint32(1<<31), uint32(1<<31-1), "x")}, nil), false)
	f.Add(append(version[:len(version):len(version)], 0xff, 0xff, 0xff, 0xff, 0), false)
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, answers []byte, hangUp bool) {
		synctest.Test(t, func(t *testing.T) {
			wrap := func(line io.ReadWriteCloser) io.ReadWriteCloser { return &babbling{line, answers, hangUp} }
			inLab(t, root, newNetwork(), sftpxtest.Options{Wrap: wrap}, func(c *sftpx.Config) { c.Attempts = 2 }, func(l *lab) {
				// There are answers that make a Put that succeeds, and nobody can tell; the errors are what is looked at.
				if err := l.put(); errors.Is(err, sftpx.ErrLogin) || errors.Is(err, fs.ErrInvalid) {
					t.Errorf("error is %v", err)
				}
				if _, err := l.client.Size(t.Context(), finalName); errors.Is(err, sftpx.ErrLogin) {
					t.Errorf("error is %v", err)
				}
				l.client.Check(t.Context())
			})
			if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
				t.Errorf("the server has done something: %v, %v", entries, err)
			}
		})
	})
}

// babbling answers what it likes.
type babbling struct {
	line    io.ReadWriteCloser
	answers []byte
	hangUp  bool
}

func (b *babbling) Read([]byte) (int, error) {
	if _, err := b.line.Write(b.answers); err != nil || b.hangUp {
		return 0, io.EOF
	}
	_, err := io.Copy(io.Discard, b.line)
	return 0, errors.Join(err, io.EOF)
}

func (b *babbling) Write(p []byte) (int, error) { return len(p), nil }
func (b *babbling) Close() error                { return b.line.Close() }

// A server may be anything: not SSH, half of it, or text without end.
func FuzzServerStream(f *testing.F) {
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false)
	f.Add([]byte("SSH-2.0-x\r\n"), true)
	f.Add([]byte("SSH-1.5-x\r\n"), false)
	f.Add(append([]byte("SSH-2.0-x\r\n\x00\x00\x01\x00\x04\x14"), make([]byte, 400)...), false)
	f.Add([]byte("SSH-2.0-x\r\n\xff\xff\xff\xff"), false)
	f.Add(bytes.Repeat([]byte("banner\r\n"), 1000), false)
	f.Fuzz(func(t *testing.T, stream []byte, hangUp bool) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork()
			c, err := sftpx.New(sftpx.Config{
				Addr: n.Addr().String(), User: "u", Password: "p", Dir: "/", HostKey: line(fixedKey(1).PublicKey()), Attempts: 2, Dial: n.dial,
			})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := n.Accept()
					if err != nil {
						return
					}
					conn.Write(stream)
					if hangUp {
						conn.Close()
					} else {
						io.Copy(io.Discard, conn)
					}
				}
			}()
			l := &lab{t, t.TempDir(), n, c}
			if err := l.put(); err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
				t.Errorf("error is %v", err)
			}
			c.Close()
			n.Close()
			<-done
		})
	})
}
