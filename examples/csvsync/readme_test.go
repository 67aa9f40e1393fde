//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The session in the README is typed as it stands, and shows what the README says.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, demo := t.TempDir(), t.TempDir()
	if err := os.Symlink(filepath.Dir(here), filepath.Join(root, "examples")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(build(t), filepath.Join(root, "csvsync")); err != nil {
		t.Fatal(err)
	}

	type step struct{ command, output string }
	var steps []step
	inside := false
	for line := range strings.Lines(string(readme)) {
		line = strings.ReplaceAll(line, "/tmp/demo", demo)
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```console"
		case inside && isCommand:
			steps = append(steps, step{command: command})
		case inside:
			steps[len(steps)-1].output += line
		}
	}
	if len(steps) < 7 {
		t.Fatalf("%d commands in the README", len(steps))
	}
	alias := ""
	for _, s := range steps {
		name, value, ok := strings.Cut(strings.TrimPrefix(s.command, "alias "), "='")
		switch {
		case strings.HasPrefix(s.command, "go build "):
			continue // done
		case ok && strings.HasPrefix(s.command, "alias "): // a function does the same in a script
			alias = name + "() { " + strings.TrimSuffix(strings.TrimSpace(value), "'") + ` "$@"; }` + "\n"
			continue
		}
		cmd := exec.Command("sh", "-c", alias+s.command)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", s.command, err)
		}
		if string(out) != s.output {
			t.Errorf("%s\nshows:\n%s\nthe README says:\n%s", s.command, out, s.output)
		}
	}
}
