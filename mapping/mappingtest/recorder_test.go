package mappingtest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder is a testing.TB that takes note of failures in place of failing. What it does not override panics.
type recorder struct {
	testing.TB
	failures []string
	logs     []string
	ended    bool // by Fatalf
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }

func (r *recorder) Logf(format string, args ...any) {
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.ended = true
	runtime.Goexit()
}

// record runs a test on a recorder. Fatalf ends the test alone.
func record(test func(t testing.TB)) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r
}

// passes fails t unless the test passes.
func passes(t *testing.T, test func(t testing.TB)) *recorder {
	t.Helper()
	r := record(test)
	if len(r.failures) > 0 {
		t.Errorf("the test fails:\n%s", strings.Join(r.failures, "\n"))
	}
	return r
}

// fails fails t unless the test fails once and says all of that.
func fails(t *testing.T, test func(t testing.TB), says ...string) *recorder {
	t.Helper()
	r := record(test)
	if len(r.failures) != 1 {
		t.Errorf("%d failures, want 1: %q", len(r.failures), r.failures)
		return r
	}
	message := flat(r.failures[0])
	for _, part := range says {
		if !strings.Contains(message, part) {
			t.Errorf("the failure does not say %q:\n%s", part, message)
		}
	}
	return r
}

// flat makes one space of each run of white space: go-cmp varies them on purpose.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }
