package sftpx

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

const redacted = "[redacted]"

// Secret is a string that does not show itself: fmt, log/slog and encoding/json (or any encoder of text) write "[redacted]" in its
// place. The value is string(s). [SecretFile] reads one from a file, and [Config].Secrets gets them from anywhere else.
//
// fmt asks a value how to print it in all but two cases, and then shows the string: when the value is in an unexported field of
// another type, and for the verbs %p and %w, which are mistakes for a string that go vet reports.
type Secret string

// maxSecret is more than any key or password has.
const maxSecret = 1 << 20

// SecretFile reads a secret from a file, such as a private key or what a vault or a scheduler has put there, and cuts one line break off its
// end, which editors leave. An empty file, and one of more than 1 MiB, is an error.
func SecretFile(name string) (Secret, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("sftpx: secret: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("sftpx: secret: %w", err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case len(data) > maxSecret:
		err = errors.New("is too long for one")
	case secret == "":
		err = errors.New("is empty")
	}
	if err != nil {
		return "", fmt.Errorf("sftpx: secret: file %q %w", name, err)
	}
	return Secret(secret), nil
}

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb that fmt leaves to the value.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue returns "[redacted]" for log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]". encoding/json uses it too.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
