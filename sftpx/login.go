package sftpx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Login holds the secrets of a login, each of which may be empty. [Config] says what they are.
type Login struct {
	Password   Secret
	PrivateKey Secret
	Passphrase Secret
}

// login makes the ways to log in for one connection. The secrets live in closures: no field of a Client holds one that fmt could print.
type login func(ctx context.Context) (*offer, error)

// offer is what one connection may log in with.
type offer struct {
	key      ssh.Signer // or nil
	password func() string
	agent    net.Conn // or nil

	tried []string    // the methods that the server asked for, in order
	spent atomic.Bool // the password has been sent
	stuck error       // why we have no answer to a question
}

// newLogin checks what can be checked before a connection.
func newLogin(cfg Config) (login, error) {
	fixed := Login{cfg.Password, cfg.PrivateKey, cfg.Passphrase}
	if cfg.Secrets != nil && fixed != (Login{}) {
		return nil, fieldError("Secrets", "given together with Password, PrivateKey or Passphrase: give one or the other")
	}
	if cfg.Secrets == nil && fixed.Password == "" && fixed.PrivateKey == "" && cfg.Agent == "" {
		return nil, errors.New("no way to log in: give Password or PrivateKey, Secrets, or Agent")
	}
	var signer ssh.Signer
	if fixed.PrivateKey != "" {
		var err error
		if signer, err = parseKey(fixed.PrivateKey, fixed.Passphrase); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) (_ *offer, err error) {
		key, secrets := signer, fixed
		if cfg.Secrets != nil {
			if secrets, err = cfg.Secrets(ctx); err != nil {
				return nil, &localError{besides(fs.ErrNotExist, fmt.Errorf("get the secrets: %w", err))}
			}
			if secrets.PrivateKey != "" {
				if key, err = parseKey(secrets.PrivateKey, secrets.Passphrase); err != nil {
					return nil, &localError{fmt.Errorf("get the secrets: %w", err)}
				}
			}
		}
		o := &offer{key: key}
		if secrets.Password != "" {
			o.password = func() string { return string(secrets.Password) }
		}
		if cfg.Agent != "" {
			if o.agent, err = new(net.Dialer).DialContext(ctx, "unix", cfg.Agent); err != nil {
				return nil, &localError{besides(fs.ErrNotExist, fmt.Errorf("key agent: %w", err))}
			}
		}
		return o, nil
	}, nil
}

// close lets the agent go.
func (o *offer) close() {
	if o.agent != nil {
		o.agent.Close()
	}
}

// methods are the ways in, in the order in which they are tried. Keys come in one list: each method is used once.
func (o *offer) methods() []ssh.AuthMethod {
	var methods []ssh.AuthMethod
	if o.key != nil || o.agent != nil {
		methods = append(methods, ssh.PublicKeysCallback(o.signers))
	}
	if o.password != nil {
		methods = append(methods, ssh.PasswordCallback(func() (string, error) {
			o.try("password")
			return o.spend()
		}), ssh.KeyboardInteractive(o.interactive))
	}
	return methods
}

func (o *offer) try(method string) { o.tried = append(o.tried, method) }

// spend gives the password out once: a server that has refused it counts how often it is wrong.
func (o *offer) spend() (string, error) {
	if o.spent.Swap(true) {
		return "", errors.New("the password has been refused")
	}
	return o.password(), nil
}

func (o *offer) signers() ([]ssh.Signer, error) {
	o.try("publickey")
	var signers []ssh.Signer
	if o.key != nil {
		signers = append(signers, o.key)
	}
	if o.agent != nil {
		held, err := agent.NewClient(o.agent).Signers()
		if err != nil && len(signers) == 0 {
			return nil, fmt.Errorf("key agent: %w", err)
		}
		signers = append(signers, held...)
	}
	return signers, nil
}

// interactive answers the one question that there is an answer for.
func (o *offer) interactive(_, _ string, questions []string, echos []bool) ([]string, error) {
	if !slices.Contains(o.tried, "keyboard-interactive") {
		o.try("keyboard-interactive")
	}
	if len(questions) == 0 {
		return nil, nil // an information for a person
	}
	if len(questions) > 1 || echos[0] {
		o.stuck = fmt.Errorf("the server asks for more than a password: %q", questions)
		return nil, o.stuck
	}
	password, err := o.spend()
	o.stuck = err
	return []string{password}, err
}

// refused makes err, with which the handshake ended after the host key was accepted, the error of a login if it is one.
func (o *offer) refused(user string, err error) error {
	tried := orNone(strings.Join(o.tried, ", "))
	if o.stuck != nil || strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "ssh: disconnect") {
		return fmt.Errorf("%w for user %q (tried: %s); check the user and the password or key: %w", ErrLogin, user, tried, err)
	}
	if o.spent.Load() {
		// Some servers hang up on a wrong password, and count all the same.
		return fmt.Errorf("%w or not answered for user %q (tried: %s): %w", ErrLogin, user, tried, err)
	}
	return err
}

// parseKey does not repeat what the parsers say: they may quote the key.
func parseKey(key, passphrase Secret) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey([]byte(key))
	if err == nil {
		return signer, nil
	}
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); !locked {
		return nil, fieldError("PrivateKey", "not a private key in PEM form, or of a kind that is not known here (give the content of the file, not its path)")
	}
	if passphrase == "" {
		return nil, fieldError("PrivateKey", "encrypted: give its Passphrase")
	}
	signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
	if err != nil {
		return nil, fieldError("Passphrase", "does not open PrivateKey: it is wrong, or the key is damaged")
	}
	return signer, nil
}
