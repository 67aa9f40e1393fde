package sftpx_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

func signer(key crypto.Signer, err error) ssh.Signer {
	if err != nil {
		panic(err)
	}
	s, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		panic(err)
	}
	return s
}

func newEd25519() ssh.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return signer(key, err)
}

func newECDSA() ssh.Signer { return signer(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// One RSA key is enough, and takes long enough.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newRSA() ssh.Signer { return signer(rsaKey(), nil) }

func line(key ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) }

func known(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

func TestHostKeys(t *testing.T) {
	ed, ec, rs, other := newEd25519(), newECDSA(), newRSA(), newEd25519()
	authority := newECDSA()
	cert := &ssh.Certificate{Key: ed.PublicKey(), CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity, ValidPrincipals: []string{"127.0.0.1"}}
	expired := &ssh.Certificate{Key: ed.PublicKey(), CertType: ssh.HostCert, ValidBefore: 1, ValidPrincipals: []string{"127.0.0.1"}}
	for _, c := range []*ssh.Certificate{cert, expired} {
		if err := c.SignCert(rand.Reader, authority); err != nil {
			t.Fatal(err)
		}
	}
	certified, err := ssh.NewCertSigner(cert, ed)
	if err != nil {
		t.Fatal(err)
	}
	stale, err := ssh.NewCertSigner(expired, ed)
	if err != nil {
		t.Fatal(err)
	}
	all := []ssh.Signer{rs, ec, ed}

	// ADDR in a known_hosts line stands for [127.0.0.1]:port, HASH for the same, hashed.
	for _, c := range []struct {
		name, reason string
		server       []ssh.Signer
		pin          string
		file         string
		refused      *sftpx.HostKeyError // nil: accepted
	}{
		{name: "pinned", server: []ssh.Signer{ed}, pin: line(ed.PublicKey())},
		{name: "pinned with a comment", server: []ssh.Signer{ed}, pin: line(ed.PublicKey()) + " root@example\n"},
		{name: "pinned Ed25519 of several", reason: "a client asks for RSA and ECDSA first when left alone", server: all, pin: line(ed.PublicKey())},
		{name: "pinned ECDSA of several", server: all, pin: line(ec.PublicKey())},
		{name: "pinned RSA of several", reason: "the algorithm is rsa-sha2-*, not the key's type", server: all, pin: line(rs.PublicKey())},
		{name: "another key pinned", server: []ssh.Signer{ed}, pin: line(other.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{known(other.PublicKey())}}},
		{name: "a key of a type that the server lacks pinned", reason: "the user needs to see the key that is there", server: []ssh.Signer{ed}, pin: line(ec.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{known(ec.PublicKey())}}},

		{name: "fingerprint", server: []ssh.Signer{ed}, pin: ssh.FingerprintSHA256(ed.PublicKey())},
		{name: "fingerprint with padding", server: []ssh.Signer{ed}, pin: ssh.FingerprintSHA256(ed.PublicKey()) + "="},
		{name: "fingerprint of the Ed25519 key of several", server: all, pin: ssh.FingerprintSHA256(ed.PublicKey())},
		{name: "fingerprint of the ECDSA key of several", server: all, pin: ssh.FingerprintSHA256(ec.PublicKey())},
		{name: "fingerprint of the RSA key of several", server: all, pin: ssh.FingerprintSHA256(rs.PublicKey())},
		{name: "fingerprint of another key", reason: "all keys of the server are shown", server: all, pin: ssh.FingerprintSHA256(other.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey()), known(rs.PublicKey()), known(ec.PublicKey())}, Known: []string{ssh.FingerprintSHA256(other.PublicKey())}}},

		{name: "known Ed25519 of several", server: all, file: "ADDR " + line(ed.PublicKey())},
		{name: "known RSA of several", server: all, file: "ADDR " + line(rs.PublicKey())},
		{name: "known, hashed", server: all, file: "HASH " + line(ed.PublicKey())},
		{name: "known among others", server: all, file: "# comment\n\nother.example " + line(other.PublicKey()) + "\nother.example,ADDR " + line(ed.PublicKey())},
		{name: "unknown", server: []ssh.Signer{ed}, file: "other.example " + line(ed.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}}},
		{name: "unknown port", reason: "a name without a port is the one on port 22", server: []ssh.Signer{ed}, file: "127.0.0.1 " + line(ed.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}}},
		{name: "changed", server: []ssh.Signer{ed}, file: "ADDR " + line(other.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{known(other.PublicKey())}}},
		{name: "changed in type", server: []ssh.Signer{ed}, file: "ADDR " + line(rs.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{known(rs.PublicKey())}}},
		{name: "revoked", server: []ssh.Signer{ed}, file: "ADDR " + line(ed.PublicKey()) + "\n@revoked * " + line(ed.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{known(ed.PublicKey())}, Revoked: true}},

		{name: "certificate", reason: "the key certified is not of the authority's type", server: []ssh.Signer{certified}, file: "@cert-authority 127.0.0.1,ADDR " + line(authority.PublicKey())},
		{name: "expired certificate", server: []ssh.Signer{stale}, file: "@cert-authority ADDR " + line(authority.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{ssh.CertAlgoED25519v01 + " " + ssh.FingerprintSHA256(ed.PublicKey())},
				Known: []string{"@cert-authority " + known(authority.PublicKey())}, Err: errors.New("expired")}},
		{name: "no certificate where one is expected", server: []ssh.Signer{ed}, file: "@cert-authority ADDR " + line(authority.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{"@cert-authority " + known(authority.PublicKey())}}},

		{name: "both accept", server: all, pin: ssh.FingerprintSHA256(rs.PublicKey()), file: "ADDR " + line(ed.PublicKey()) + "\nADDR " + line(rs.PublicKey())},
		{name: "the pin alone accepts", server: []ssh.Signer{ed}, pin: line(ed.PublicKey()), file: "ADDR " + line(other.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{known(other.PublicKey()), known(ed.PublicKey())}}},
		{name: "the file alone accepts", server: []ssh.Signer{ed}, pin: line(other.PublicKey()), file: "ADDR " + line(ed.PublicKey()),
			refused: &sftpx.HostKeyError{Presented: []string{known(ed.PublicKey())}, Known: []string{known(ed.PublicKey()), known(other.PublicKey())}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			requests := 0
			s := start(t, sftpxtest.Options{HostKeys: c.server, Hook: func(string, string) error {
				mu.Lock()
				defer mu.Unlock()
				requests++
				return nil
			}})
			mkdir(t, s, "drop")
			path := ""
			if c.file != "" {
				addr := knownhosts.Normalize(s.Addr())
				content := strings.NewReplacer("ADDR", addr, "HASH", knownhosts.HashHostname(addr)).Replace(c.file)
				path = filepath.Join(t.TempDir(), "known_hosts")
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := check(t, client(t, s, func(cfg *sftpx.Config) { cfg.HostKey, cfg.KnownHosts = c.pin, path }))
			if c.refused == nil {
				if err != nil {
					t.Errorf("refused: %v; %s", err, c.reason)
				}
				return
			}
			got, ok := errors.AsType[*sftpx.HostKeyError](err)
			if !ok {
				t.Fatalf("error is %v, want a *HostKeyError; %s", err, c.reason)
			}
			if got.Host != s.Addr() || !slices.Equal(got.Presented, c.refused.Presented) || !slices.Equal(got.Known, c.refused.Known) ||
				got.Revoked != c.refused.Revoked || (got.Err == nil) != (c.refused.Err == nil) {
				t.Errorf("error is %+v\nwant %+v; %s", *got, *c.refused, c.reason)
			}
			for _, s := range slices.Concat(c.refused.Presented, c.refused.Known) {
				if !c.refused.Revoked && !strings.Contains(err.Error(), s) {
					t.Errorf("the message lacks %q: %v", s, err)
				}
			}
			if requests > 0 {
				t.Errorf("%d requests were sent to a server that was refused", requests)
			}
		})
	}
}

// Nothing of what the server can show is of a kind that is known or could be: the message has both lists.
func TestHostKeyOfNoCommonKind(t *testing.T) {
	ed, authority := newEd25519(), newECDSA()
	cert := &ssh.Certificate{Key: ed.PublicKey(), CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	certified, err := ssh.NewCertSigner(cert, ed)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, sftpxtest.Options{HostKeys: []ssh.Signer{certified}})
	err = check(t, client(t, s, func(c *sftpx.Config) { c.HostKey = line(ed.PublicKey()) }))
	if e, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); !ok || !slices.Equal(e.RequestedAlgorithms, []string{ssh.CertAlgoED25519v01}) {
		t.Errorf("error is %v, want an *ssh.AlgorithmNegotiationError", err)
	}
}
