package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio/lint"
)

const testdata = "../../splio/lint/testdata"

// flags are the flags of a directory of the corpus.
func flags(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "flags"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// TestCorpus runs the program on every directory of the corpus, and on every file.
func TestCorpus(t *testing.T) {
	for part, want := range map[string]int{"bad": statusFound, "good": statusClean} {
		dirs, err := filepath.Glob(filepath.Join(testdata, part, "*"))
		if err != nil || len(dirs) == 0 {
			t.Fatalf("no corpus: %v", err)
		}
		for _, dir := range dirs {
			var out, complaints bytes.Buffer
			got := run(append(flags(t, dir), dir), &out, &complaints)
			if got != want || complaints.Len() > 0 {
				t.Errorf("%s: status %d, want %d: %s", dir, got, want, complaints.String())
			}
			if rule := ": " + filepath.Base(dir) + ": "; part == "bad" && !strings.Contains(out.String(), rule) {
				t.Errorf("%s: nothing of this rule in\n%s", dir, out.String())
			}
			if part == "good" && out.Len() > 0 {
				t.Errorf("%s: %s", dir, out.String())
			}
		}
	}
}

func TestGolden(t *testing.T) {
	dir := filepath.Join(testdata, "bad", "column-case")
	name := filepath.Join(dir, "acme_contacts_crm_20260302.csv")
	var out, complaints bytes.Buffer
	if got := run(append(flags(t, dir), name), &out, &complaints); got != statusFound {
		t.Fatalf("status %d: %s", got, complaints.String())
	}
	const message = "names are case sensitive, and one that Splio does not know makes it skip the file\n"
	want := name + ":1:7: error: column-case: write \"dateOfCreation\": " + message +
		name + ":1:22: error: column-case: write \"points\": " + message
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}

	out.Reset()
	if got := run(append(append(flags(t, dir), "-json"), name), &out, &complaints); got != statusFound {
		t.Fatalf("status %d: %s", got, complaints.String())
	}
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	var f lint.Finding
	if err := d.Decode(&f); err != nil || f.File != name || f.Line != 1 || f.Column != 7 || f.Field != 2 ||
		f.Rule != "column-case" || f.Severity != lint.Error || f.Message == "" {
		t.Errorf("got %+v, %v", f, err)
	}
}

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestStatus(t *testing.T) {
	bad := filepath.Join(testdata, "bad", "null", "acme_contacts_crm_20260302.csv")
	empty := t.TempDir()
	tests := []struct {
		name, reason string
		args         []string
		want         int
		complaint    string
	}{
		{"help", "an answer, not an error", []string{"-help"}, statusClean, ""},
		{"nothing", "there is nothing to check", nil, statusFailed, "name a file"},
		{"flag", "not one of its own", []string{"-x", bad}, statusFailed, "not defined"},
		{"warning", "a finding as well", []string{bad}, statusFound, ""},
		{"no file", "what is not read is not clean", []string{filepath.Join(empty, "x.csv")}, statusFailed, "x.csv"},
		{"no file, found", "the failure counts", []string{bad, filepath.Join(empty, "x.csv")}, statusFailed, "x.csv"},
		{"no file first", "the others are checked all the same", []string{filepath.Join(empty, "x.csv"), bad}, statusFailed, "x.csv"},
		{"empty directory", "nothing was checked", []string{empty}, statusFailed, "no contacts file"},
		{"max", "less than none", []string{"-max", "-1", bad}, statusFailed, "-max"},
		{"type", "there is none", []string{"-custom", "a:b", bad}, statusFailed, `-custom "a:b"`},
		{"no type", "it was forgotten", []string{"-custom", "a:", bad}, statusFailed, "no such type"},
		{"no name", "it was forgotten", []string{"-custom", "a,:text", bad}, statusFailed, "name is missing"},
		{"twice", "which is meant?", []string{"-custom", "a,a", bad}, statusFailed, "there already"},
		{"limit", "not a number", []string{"-custom", "a:text:x", bad}, statusFailed, "limit"},
		{"too much", "a fourth word", []string{"-custom", "a:text:1:2", bad}, statusFailed, "name:type:limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, complaints bytes.Buffer
			if got := run(tt.args, &out, &complaints); got != tt.want {
				t.Errorf("%s: status %d, want %d: %s", tt.reason, got, tt.want, complaints.String())
			}
			if (tt.complaint == "") != (complaints.Len() == 0) || !strings.Contains(complaints.String(), tt.complaint) {
				t.Errorf("%s: complaint %q, want %q", tt.reason, complaints.String(), tt.complaint)
			}
			if tt.name == "no file first" && !strings.Contains(out.String(), "null") {
				t.Error("the second file was not checked")
			}
		})
	}
	if got := run([]string{bad}, full{}, new(bytes.Buffer)); got != statusFailed {
		t.Errorf("a full disk gave status %d", got)
	}
}
