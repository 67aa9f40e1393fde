package sftpx

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// HostKeyError says that the server's host key was not accepted; nothing was sent to that server, neither the login nor a file.
// Keys are given as their type and fingerprint, "ssh-ed25519 SHA256:...", as ssh-keygen -l shows them.
type HostKeyError struct {
	Host      string   // host:port
	Presented []string // what the server showed: one key, or several when a fingerprint was looked for among its keys
	Known     []string // what is known for this host; empty when the host is unknown
	Revoked   bool     // the known_hosts file marks the key as revoked
	Err       error    // why a certificate was refused, or nil
}

// Error shows both sides and says what to do.
func (e *HostKeyError) Error() string {
	presented, known := strings.Join(e.Presented, ", "), strings.Join(e.Known, ", ")
	switch {
	case e.Revoked:
		return fmt.Sprintf("host key of %s is revoked: %s: do not connect; ask the provider for the current key", e.Host, presented)
	case e.Err != nil:
		return fmt.Sprintf("host certificate of %s is refused: presented %s, known %s: %v", e.Host, presented, orNone(known), e.Err)
	case known == "":
		return fmt.Sprintf("host %s is unknown: it presented %s: compare this fingerprint with the one the provider states, then add the key to the known_hosts file or pin it as HostKey",
			e.Host, presented)
	}
	return fmt.Sprintf("host key of %s is not the known one: presented %s, known %s: the server's key has changed or somebody else answers in its place; ask the provider, and replace the known key only when they confirm the new one",
		e.Host, presented, known)
}

// Retryable returns false: somebody has to look first.
func (e *HostKeyError) Retryable() bool { return false }

// Unwrap returns Err.
func (e *HostKeyError) Unwrap() error { return e.Err }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// hostCheck accepts or refuses host keys. It does not change after newHostCheck.
type hostCheck struct {
	addr        string
	pinned      ssh.PublicKey       // nil: no key is pinned
	fingerprint string              // "SHA256:..." or empty
	file        ssh.HostKeyCallback // nil: no known_hosts file
	known       []string            // for messages
	offer       []string            // the algorithms to negotiate first, in order of preference
	fixed       bool                // offer is what the configuration asks for: there is nothing to try beyond it
}

func newHostCheck(addr, knownHosts, hostKey string) (*hostCheck, error) {
	if knownHosts == "" && hostKey == "" {
		return nil, errors.New("the server's host key can not be checked: give KnownHosts or HostKey")
	}
	h := &hostCheck{addr: addr}
	var problems []error
	if knownHosts != "" {
		if err := h.readKnownHosts(knownHosts); err != nil {
			problems = append(problems, fmt.Errorf("KnownHosts: %w", err))
		}
	}
	if hostKey != "" {
		if err := h.pin(strings.TrimSpace(hostKey)); err != nil {
			problems = append(problems, fmt.Errorf("HostKey: %w", err))
		}
	}
	if len(h.offer) == 0 {
		h.offer = plainAlgorithms()
	}
	return h, errors.Join(problems...)
}

func (h *hostCheck) pin(s string) error {
	if digest, ok := strings.CutPrefix(s, "SHA256:"); ok {
		digest = strings.TrimRight(digest, "=")
		if b, err := base64.RawStdEncoding.DecodeString(digest); err != nil || len(b) != 32 {
			return errors.New("a fingerprint is SHA256: and 43 base64 characters")
		}
		h.fingerprint = "SHA256:" + digest
		h.known = append(h.known, h.fingerprint)
		return nil
	}
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(s))
	if err != nil {
		return errors.New(`neither a public key ("ssh-ed25519 AAAA...") nor a fingerprint ("SHA256:...")`)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return errors.New("more than one line; pin one key, or list several in a known_hosts file")
	}
	if _, cert := key.(*ssh.Certificate); cert {
		return errors.New("a certificate can not be pinned; trust its authority with an @cert-authority line in a known_hosts file")
	}
	h.pinned = key
	h.known = append(h.known, describe(key))
	h.offer = algorithmsOf(key.Type())
	return nil
}

// readKnownHosts reads the file and finds the keys it has for addr. They decide what is negotiated: left to itself, a client asks for other key
// types first than the one in the file, and then refuses what it gets.
func (h *hostCheck) readKnownHosts(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if h.file, err = knownhosts.New(name); err != nil {
		return err
	}
	if h.addr == "" {
		return nil // already reported
	}
	// A key that nobody has makes the checker list those it would have accepted.
	probe, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return err
	}
	unknown, ok := errors.AsType[*knownhosts.KeyError](h.file(h.addr, anyAddr, probe))
	if !ok {
		return nil
	}
	lines := bytes.Split(content, []byte("\n"))
	var certs, plain []string
	for _, k := range unknown.Want {
		if k.Line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[k.Line-1], " \t"), []byte("@cert-authority")) {
			// The authority's key says nothing of the type of the keys it has certified.
			certs = certAlgorithms()
			h.known = append(h.known, "@cert-authority "+describe(k.Key))
			continue
		}
		plain = append(plain, algorithmsOf(k.Key.Type())...)
		h.known = append(h.known, describe(k.Key))
	}
	h.offer = unique(append(certs, plain...))
	return nil
}

// anyAddr stands for the address behind a connection: keys are looked up by the name in the configuration alone.
var anyAddr = &net.TCPAddr{IP: net.IPv4zero}

// check returns a *HostKeyError when key is refused.
func (h *hostCheck) check(key ssh.PublicKey) error {
	refused := &HostKeyError{Host: h.addr, Presented: []string{describe(key)}, Known: slices.Clone(h.known)}
	if h.file != nil {
		err := h.file(h.addr, anyAddr, key)
		if err != nil {
			_, mismatch := errors.AsType[*knownhosts.KeyError](err)
			_, refused.Revoked = errors.AsType[*knownhosts.RevokedError](err)
			if !mismatch && !refused.Revoked {
				refused.Err = err
			}
			return refused
		}
	}
	if h.pinned != nil && !bytes.Equal(plainKey(key).Marshal(), h.pinned.Marshal()) {
		return refused
	}
	if h.fingerprint != "" && ssh.FingerprintSHA256(plainKey(key)) != h.fingerprint {
		return refused
	}
	return nil
}

// next returns the algorithms to offer after the server presented a key that was refused, or nil when that is the last word. Only a
// fingerprint leaves open which of a server's keys it belongs to.
func (h *hostCheck) next(offer []string, refused *HostKeyError) []string {
	if h.fingerprint == "" || refused.Revoked {
		return nil
	}
	shown, _, _ := strings.Cut(refused.Presented[len(refused.Presented)-1], " ")
	return slices.DeleteFunc(slices.Clone(offer), func(a string) bool { return slices.Contains(algorithmsOf(shown), a) })
}

func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// describe names a key as ssh-keygen -l does; a certificate by the key that it certifies.
func describe(key ssh.PublicKey) string {
	return key.Type() + " " + ssh.FingerprintSHA256(plainKey(key))
}

// algorithmsOf returns the signature algorithms for a type of key: RSA keys have several, and many servers refuse the oldest.
func algorithmsOf(keyType string) []string {
	switch keyType {
	case ssh.KeyAlgoRSA:
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	case ssh.CertAlgoRSAv01:
		return []string{ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSAv01}
	}
	return []string{keyType}
}

func plainAlgorithms() []string {
	algorithms := []string{ssh.KeyAlgoED25519}
	for _, a := range ssh.SupportedAlgorithms().HostKeys {
		if !strings.Contains(a, "-cert-") {
			algorithms = append(algorithms, a)
		}
	}
	return unique(append(algorithms, ssh.KeyAlgoRSA))
}

func certAlgorithms() []string {
	algorithms := []string{ssh.CertAlgoED25519v01}
	for _, a := range ssh.SupportedAlgorithms().HostKeys {
		if strings.Contains(a, "-cert-") {
			algorithms = append(algorithms, a)
		}
	}
	return unique(append(algorithms, ssh.CertAlgoRSAv01))
}

// unique removes repetitions and keeps the order.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
