package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
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

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const root = "../.."

// guides returns the documents in docs.
func guides(t *testing.T) (out []string) {
	t.Helper()
	names, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no guides in docs: %v", err)
	}
	for _, name := range names {
		out = append(out, "docs/"+filepath.Base(name))
	}
	return out
}

// TestSnippets compares the code shown in documents with files that are
// compiled with the tests of package splio: every block must stand there, line
// by line.
func TestSnippets(t *testing.T) {
	const tour, guide = "splio/example_tour_test.go", "splio/example_guides_test.go"
	compiled := make(map[string]string)
	for _, source := range []string{tour, guide} {
		compiled[source] = "\n" + strings.Join(lines(read(t, source)), "\n") + "\n"
	}
	check := func(name, source string, blocks []string) {
		for _, b := range blocks {
			if !strings.Contains(compiled[source], "\n"+strings.Join(lines(b), "\n")+"\n") {
				t.Errorf("%s shows code that is not in %s:\n%s", name, source, b)
			}
		}
	}
	for name, blocks := range map[string][]string{"README.md": goBlocks(read(t, "README.md")), "doc.go": commentBlocks(read(t, "doc.go"))} {
		if len(blocks) == 0 {
			t.Errorf("%s shows no code", name)
		}
		check(name, tour, blocks)
	}
	shown := 0
	for _, name := range guides(t) {
		blocks := goBlocks(read(t, name))
		shown += len(blocks)
		check(name, guide, blocks)
	}
	if shown == 0 {
		t.Error("no guide shows any code")
	}
}

// TestErrorsExplained makes sure that whoever meets an error that programs can
// branch on finds it in the guide for that moment.
func TestErrorsExplained(t *testing.T) {
	const guide = "docs/when-it-goes-wrong.md"
	text := read(t, guide)
	for _, dir := range []string{"diff", "diff/sqldiff", "mapping", "mapping/source", "sftpx", "splio"} {
		found := 0
		for _, name := range exportedErrors(t, dir) {
			found++
			if full := path.Base(dir) + "." + name; !strings.Contains(text, "`"+full+"`") {
				t.Errorf("%s does not explain %s", guide, full)
			}
		}
		if found == 0 {
			t.Errorf("no errors found in %s", dir)
		}
	}
}

// exportedErrors returns the names of the sentinels and error types of a package.
func exportedErrors(t *testing.T, dir string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range decl.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && strings.HasSuffix(s.Name.Name, "Error") {
						out = append(out, s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if strings.HasPrefix(n.Name, "Err") {
							out = append(out, n.Name)
						}
					}
				}
			}
		}
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	span    = regexp.MustCompile("`[^`\n]*`")
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

// TestLinks follows the links in documents that lead to a file of the repository,
// or to a heading.
func TestLinks(t *testing.T) {
	followed := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		prose := span.ReplaceAllString(fence.ReplaceAllString(string(text), ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			followed++
			to := file
			if target != "" {
				to = filepath.Join(filepath.Dir(file), filepath.FromSlash(target))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
				continue
			}
			if anchor == "" {
				continue
			}
			text, err := os.ReadFile(to)
			if err != nil || !slices.Contains(anchors(string(text)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", file, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if followed == 0 {
		t.Error("no links were found")
	}
}

// anchors returns what the headings of a Markdown text are linked to by.
func anchors(text string) (out []string) {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return out
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
