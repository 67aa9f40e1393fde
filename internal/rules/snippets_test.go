package rules

import (
	"os"
	"strings"
	"testing"
)

// lines returns the lines of a text without indentation and blank lines.
func lines(text string) (out []string) {
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// TestSnippets compares the code shown in documents with the tour that is
// compiled with the tests of package splio: every block must stand there, line
// by line.
func TestSnippets(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	compiled := "\n" + strings.Join(lines(read("splio/example_tour_test.go")), "\n") + "\n"

	blocks := map[string][]string{"README.md": goBlocks(read("README.md")), "doc.go": commentBlocks(read("doc.go"))}
	for name, found := range blocks {
		if len(found) == 0 {
			t.Errorf("%s shows no code", name)
		}
		for _, b := range found {
			if !strings.Contains(compiled, "\n"+strings.Join(lines(b), "\n")+"\n") {
				t.Errorf("%s shows code that is not in splio/example_tour_test.go:\n%s", name, b)
			}
		}
	}
}

// goBlocks returns the fenced blocks of Go in a Markdown text.
func goBlocks(text string) (out []string) {
	for _, part := range strings.Split(text, "```go\n")[1:] {
		code, _, _ := strings.Cut(part, "```")
		out = append(out, code)
	}
	return out
}

// commentBlocks returns the indented blocks of a Go comment.
func commentBlocks(text string) (out []string) {
	var block strings.Builder
	for l := range strings.Lines(text) {
		if code, ok := strings.CutPrefix(l, "//\t"); ok {
			block.WriteString(code)
			continue
		}
		if block.Len() > 0 {
			out = append(out, block.String())
			block.Reset()
		}
	}
	return out
}
