//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The mapping in the README does what the text around it says.
func TestReadmeMapping(t *testing.T) {
	_, rest, _ := strings.Cut(readText(t, "README.md"), "```json\n")
	shown, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the README shows no mapping")
	}
	b := newBench(t)
	b.setMapping(shown)
	b.setSegment("E-Mail;Prénom;Naissance;Téléphone;Opt-in;Ville\n",
		"Lea@example.fr;Léa;21/05/1990;06 39 98 00 01;oui;Lyon\n", "max@example.fr;Max;1990-05-21;+33 6 39 98 00 02;peut-être;\n")
	b.sync(day1, "-insert").want(t, statusDone, `blanked 1: field "Naissance": not a date (line 3)`, `blanked 1: field "Opt-in": not a boolean (line 3)`)
	const want = "email;firstname;birthday;cellphone;optin;Ville\n" +
		"lea@example.fr;Léa;1990-05-21;0033639980001;1;Lyon\n" +
		"max@example.fr;Max;;0033639980002;;\n"
	if got := b.read("acme_contacts_crm_20260301.csv"); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}

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

// The commands in the README of the repository do something as they stand, in a clone.
func TestReadmeOfTheRepository(t *testing.T) {
	_, rest, found := strings.Cut(readText(t, "../../README.md"), "\ngo build ./examples/csvsync\n")
	commands, _, closed := strings.Cut(rest, "```")
	if !found || !closed || !strings.Contains(commands, " -dry-run") {
		t.Fatal("the README does not build and try csvsync")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	clone := t.TempDir()
	for name, target := range map[string]string{"examples": filepath.Dir(here), "csvsync": build(t)} {
		if err := os.Symlink(target, filepath.Join(clone, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ script, says string }{
		{commands, "dry run: nothing is sent or remembered\nread 5: 1 rejected"},
		{strings.NewReplacer("mkdir drop", "", " -dry-run", " -now 2026-03-01T04:00:00Z").Replace(commands), "acme_contacts_crm_20260301.csv: 4 rows, 347 bytes, delivered\n"},
	} {
		cmd := exec.Command("sh", "-e", "-c", step.script)
		cmd.Dir = clone
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), step.says) || strings.Contains(string(out), "csvsync: ") {
			t.Errorf("%s: %v\n%s", step.script, err, out)
		}
	}
	for _, name := range []string{"drop/acme_contacts_crm_20260301.csv", "state/snapshot.current"} {
		if _, err := os.Stat(filepath.Join(clone, name)); err != nil {
			t.Error(err)
		}
	}
}
