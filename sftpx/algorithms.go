package sftpx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Algorithms are lists of SSH algorithms by their names in the protocol, such as "diffie-hellman-group14-sha1" or "aes128-cbc", in order of
// preference. A list that is given replaces the default, which has only secure ones: an old server may need others. If a server supports
// none of a list, the error shows the server's list beside ours.
type Algorithms struct {
	KeyExchanges []string
	Ciphers      []string
	MACs         []string

	// HostKeys is by default what fits the keys that are known or pinned.
	HostKeys []string
}

// clone also checks that each algorithm is one that there is.
func (a Algorithms) clone() (Algorithms, error) {
	secure, insecure := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	var problems []error
	check := func(what string, list, secure, insecure []string) []string {
		known := slices.Concat(secure, insecure)
		for _, name := range list {
			if !slices.Contains(known, name) {
				problems = append(problems, fieldError("Algorithms."+what, fmt.Sprintf("%q is not known here; there are %s", name, strings.Join(known, ", "))))
			}
		}
		return slices.Clone(list)
	}
	return Algorithms{
		KeyExchanges: check("KeyExchanges", a.KeyExchanges, secure.KeyExchanges, insecure.KeyExchanges),
		Ciphers:      check("Ciphers", a.Ciphers, secure.Ciphers, insecure.Ciphers),
		MACs:         check("MACs", a.MACs, secure.MACs, insecure.MACs),
		HostKeys:     check("HostKeys", a.HostKeys, secure.HostKeys, insecure.HostKeys),
	}, errors.Join(problems...)
}

// negotiation adds what can be done to an error that shows both sides' lists.
func negotiation(err error) error {
	if is[*ssh.AlgorithmNegotiationError](err) {
		return fmt.Errorf("%w; if the server can not be brought up to date, Algorithms in the configuration can ask for what it has", err)
	}
	return err
}
