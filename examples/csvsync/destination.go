package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// openTransport makes the transport that -to names. It does not connect.
func openTransport(o *options) (splio.Transport, error) {
	if !strings.Contains(o.to, "://") {
		if o.knownHosts != "" || o.passwordFile != "" || o.identity != "" {
			return nil, errors.New("-known-hosts, -password-file and -identity are for SFTP: -to names a directory")
		}
		if o.direct || o.staging != "" {
			return nil, errors.New("-direct and -staging are for SFTP: -to names a directory")
		}
		return sftpx.Dir(o.to), nil
	}
	cfg, err := parseURL(o.to)
	if err != nil {
		return nil, err
	}
	cfg.Direct, cfg.Staging = o.direct, remoteDir(o.staging)
	var errs [4]error
	if o.passwordFile == "" && o.identity == "" {
		errs[0] = errors.New("-password-file or -identity is needed to log in by SFTP")
	}
	cfg.Password, errs[0] = readSecret("-password-file", o.passwordFile, errs[0])
	cfg.PrivateKey, errs[1] = readSecret("-identity", o.identity, nil)
	cfg.KnownHosts, errs[2] = knownHosts(o.knownHosts, cfg.Addr)
	if o.direct && o.staging != "" {
		errs[3] = errors.New("-direct writes no other file than the final one: leave -staging out")
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	client, err := sftpx.New(cfg)
	if err != nil {
		return nil, err
	}
	return client, nil
}

// parseURL reads sftp://user@host:port/dir. No error repeats any of it: a URL may hold a password, in the wrong place too.
func parseURL(s string) (sftpx.Config, error) {
	const form = "-to: write sftp://user@host:port/dir, with special characters as %XX"
	u, err := url.Parse(s)
	if err != nil {
		return sftpx.Config{}, errors.New(form)
	}
	var errs []error
	if u.Scheme != "sftp" {
		errs = append(errs, errors.New("-to is neither a directory nor an sftp:// URL"))
	}
	if _, ok := u.User.Password(); ok {
		errs = append(errs, errors.New("-to: a password does not belong on a command line, where others see it: use -password-file"))
	}
	if u.User.Username() == "" {
		errs = append(errs, errors.New("-to: the user is missing: "+form[len("-to: "):]))
	}
	if u.Hostname() == "" {
		errs = append(errs, errors.New("-to: the host is missing: "+form[len("-to: "):]))
	}
	if u.Path == "" {
		errs = append(errs, errors.New("-to: the drop directory is missing: end the URL in /dir, or in /~/dir for one below the login directory"))
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		errs = append(errs, errors.New("-to: a ? or # in the URL: write %3F or %23 for one in the name of a directory"))
	}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	return sftpx.Config{
		Addr: net.JoinHostPort(u.Hostname(), port),
		User: u.User.Username(),
		Dir:  remoteDir(u.Path),
	}, errors.Join(errs...)
}

// remoteDir is the directory that the path of a URL means.
func remoteDir(path string) string {
	if path == "/~" {
		return "."
	}
	if below, ok := strings.CutPrefix(path, "/~/"); ok {
		if below = strings.Trim(below, "/"); below == "" {
			return "."
		}
		return below
	}
	return path
}

// readSecret reads a secret from a file, and cuts the line break that editors leave behind it. Without a file, err passes.
func readSecret(flag, name string, err error) (sftpx.Secret, error) {
	if name == "" {
		return "", err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("%s: %s is empty", flag, name)
	}
	return sftpx.Secret(secret), nil
}

// knownHosts returns the file to check the server's host key with.
func knownHosts(name, addr string) (string, error) {
	if name != "" {
		return name, nil
	}
	home, err := os.UserHomeDir()
	if err == nil {
		name = filepath.Join(home, ".ssh", "known_hosts")
		_, err = os.Stat(name)
	}
	if err == nil {
		return name, nil
	}
	host, port, _ := net.SplitHostPort(addr)
	return "", fmt.Errorf("the host key of the server can not be checked, as there is no ~/.ssh/known_hosts: "+
		"get the key with \"ssh-keyscan -p %s %s > known_hosts\", compare what \"ssh-keygen -lf known_hosts\" shows with the fingerprint "+
		"that the provider states, and give -known-hosts known_hosts", port, host)
}
