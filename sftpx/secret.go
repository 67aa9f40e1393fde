package sftpx

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a string that does not show itself: fmt, log/slog and encoding/json (or any encoder of text) write "[redacted]" in its
// place. The value is string(s).
//
// fmt asks a value how to print it in all but two cases, and then shows the string: when the value is in an unexported field of
// another type, and for the verbs %p and %w, which are mistakes for a string that go vet reports.
type Secret string

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
