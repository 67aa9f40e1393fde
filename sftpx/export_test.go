package sftpx

import "golang.org/x/crypto/ssh"

// CheckHostKey is the decision about one key that a known_hosts file and the server at addr lead to.
func CheckHostKey(addr, knownHosts string, key ssh.PublicKey) error {
	h, err := newHostCheck(addr, knownHosts, "")
	if err != nil {
		return err
	}
	return h.check(key)
}
