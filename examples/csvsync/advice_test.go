package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// What is put into words of flags is what the library says.
func TestFlagWords(t *testing.T) {
	var library strings.Builder
	for _, dir := range []string{"splio", "sftpx", "diff", "mapping/source"} {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, name := range files {
			if !strings.HasSuffix(name, "_test.go") {
				library.WriteString(readText(t, name))
			}
		}
	}
	// As the verbs come out.
	text := strings.NewReplacer(`choose Rows %q`, `choose Rows "changed"`, `Destination.%s %q`, `Destination.Subsequence`).Replace(library.String())
	help := syncCtx(t.Context(), []string{"-help"}).stdout
	for i := 0; i < len(flagWords); i += 2 {
		if !strings.Contains(text, flagWords[i]) {
			t.Errorf("the library does not say %q any more", flagWords[i])
		}
		for word := range strings.FieldsSeq(flagWords[i+1]) {
			if name := strings.Trim(word, ",.:"); strings.HasPrefix(name, "-") && !strings.Contains(help, "\n  "+name) {
				t.Errorf("there is no flag %s", name)
			}
		}
	}
}

// What somebody is told after an error, and what not.
func TestAdvice(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	args := []string{"-segment", "s.csv", "-forget", "ada@example.com"}
	for _, tt := range []struct {
		name, reason string
		ctx          context.Context
		job          job
		err          error
		status       int
		says, not    []string
	}{
		{"no plan", "it may have been sent", t.Context(), job{work: planWork{apply: true}}, splio.ErrNoPlan, statusFailed,
			[]string{"it was sent, given up or replaced, or none was made there", "-plan makes one", "-history"}, []string{"nothing was forgotten"}},
		{"unknown host", "how to get the key", t.Context(), job{}, &sftpx.HostKeyError{Host: "sftp.example.com:2222", Presented: []string{"ssh-ed25519 SHA256:x"}}, statusFailed,
			[]string{"ssh-keyscan -p 2222 sftp.example.com > new", "ssh-keygen -lf new", "mend this before the next run"}, []string{"HostKey"}},
		{"another key", "it is not to be taken just so", t.Context(), job{}, &sftpx.HostKeyError{Host: "h:22", Presented: []string{"a"}, Known: []string{"b"}}, statusFailed,
			[]string{"mend this before the next run"}, []string{"ssh-keyscan"}},
		{"another universe", "which flag it is about", t.Context(), job{}, &diff.StateError{Path: "s", Err: diff.ErrForeign}, statusConfig,
			[]string{"give another -state"}, []string{"nothing was forgotten"}},
		{"stopped while forgetting", "the command has a key in it", stopped, job{upkeep: upkeep{forget: []string{"ada@example.com"}}, args: args}, context.Canceled, statusFailed,
			[]string{"stopped: run the same command again"}, []string{"ada"}},
		{"stopped while explaining", "the command has a key in it", stopped, job{explain: new("ada@example.com"), args: args}, context.Canceled, statusFailed,
			[]string{"stopped: nothing was changed"}, []string{"ada"}},
		{"a settings' name", "there are flags", t.Context(), job{}, errors.New("run once with Refresh, or discard Activation.State"), statusFailed,
			[]string{"run once with -refresh, or discard -state"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			if got := tt.job.failed(tt.ctx, &stderr, tt.err); got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			for _, s := range tt.says {
				if !strings.Contains(stderr.String(), s) {
					t.Errorf("%s: it does not say %q:\n%s", tt.reason, s, stderr.String())
				}
			}
			for _, s := range tt.not {
				if strings.Contains(stderr.String(), s) {
					t.Errorf("%s: it says %q:\n%s", tt.reason, s, stderr.String())
				}
			}
		})
	}
}
