package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/spliosync/spliosync"

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
	Standard   bool
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Deps,Standard"}, args...)...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// allowed says which packages outside the standard library each package of the
// module may import: a path, or a path with "/..." for everything below it.
var allowed = map[string][]string{
	"":                     {},
	"mapping":              {"golang.org/x/text/..."},
	"mapping/source":       {module + "/mapping", module + "/internal/chunk", module + "/internal/sqlrow"},
	"mapping/mappingtest":  {module + "/mapping", "github.com/google/go-cmp/cmp", "golang.org/x/text/..."},
	"diff":                 {"github.com/dchest/siphash", module + "/internal/offheap", module + "/internal/vfs"},
	"splio":                {module + "/mapping", module + "/diff", module + "/internal/chunk", module + "/internal/vfs"},
	"diff/sqldiff":         {module + "/diff", "github.com/dchest/siphash"},
	"splio/warehouse":      {module + "/splio", module + "/diff", module + "/diff/sqldiff", module + "/mapping", module + "/mapping/source", module + "/internal/sqlrow"},
	"internal/sqlrow":      {module + "/mapping"},
	"splio/lint":           {module + "/mapping", module + "/splio"},
	"splio/planview":       {module + "/mapping", module + "/splio"},
	"splio/spliotest":      {module + "/mapping"},
	"sftpx":                {"github.com/pkg/sftp", "golang.org/x/crypto/ssh/...", "golang.org/x/sys/..."},
	"sftpx/sftpxtest":      {"github.com/pkg/sftp", "golang.org/x/crypto/ssh/...", module + "/sftpx"},
	"internal/chunk":       {module + "/mapping"},
	"internal/offheap":     {"golang.org/x/sys/..."},
	"internal/vfs":         {"golang.org/x/sys/..."},
	"internal/vfs/vfstest": {module + "/internal/vfs"},
	"internal/rules":       {},
}

func permits(rules []string, imported string) bool {
	return slices.ContainsFunc(rules, func(r string) bool {
		below, wide := strings.CutSuffix(r, "/...")
		return imported == r || wide && (imported == below || strings.HasPrefix(imported, below+"/"))
	})
}

// TestImports keeps the directions of imports: mapping and diff know nothing of
// Splio, of SSH or of each other, splio imports no SSH stack, and so on.
func TestImports(t *testing.T) {
	std := make(map[string]bool)
	for _, p := range list(t, "-deps", "./...") {
		std[p.ImportPath] = p.Standard
	}
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		rules, known := allowed[name]
		if strings.HasPrefix(name, "examples/") {
			// An example is what a user would write: the public packages alone.
			for _, i := range p.Imports {
				if !std[i] && (!strings.HasPrefix(i, module+"/") || strings.Contains(i, "/internal/")) {
					t.Errorf("%s imports %s: an example uses the public packages alone", name, i)
				}
			}
			continue
		}
		if !known {
			t.Errorf("package %s is not in the table of allowed imports", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			if !std[i] && !permits(rules, i) {
				t.Errorf("%s imports %s, which its rule does not allow", p.ImportPath, i)
			}
			if i == "testing" && !strings.HasSuffix(path.Base(name), "test") {
				t.Errorf("%s imports testing: that belongs into _test.go files and test kits", p.ImportPath)
			}
		}
	}
}

// TestProductionGraph makes sure that who imports splio alone pays for no SSH
// stack, and that who imports any of the four gets no test code.
func TestProductionGraph(t *testing.T) {
	for _, p := range list(t, "./mapping/source", "./diff", "./splio", "./sftpx") {
		for _, d := range p.Deps {
			ssh := d == "github.com/pkg/sftp" || strings.HasPrefix(d, "golang.org/x/crypto")
			if ssh && !strings.HasSuffix(p.ImportPath, "/sftpx") {
				t.Errorf("%s depends on %s", p.ImportPath, d)
			}
			if d == "testing" {
				t.Errorf("%s depends on testing", p.ImportPath)
			}
		}
	}
}

// TestTopLevel keeps the top of the repository tidy. It looks at what git
// tracks, since a checkout may hold an editor's folder or a built program.
func TestTopLevel(t *testing.T) {
	want := []string{
		".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "diff", "doc.go", "docs", "examples",
		"go.mod", "go.sum", "internal", "mapping", "sftpx", "splio",
	}
	cmd := exec.Command("git", "ls-files", "--cached")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Logf("not a git checkout: %v", err)
		return
	}
	var got []string
	for l := range strings.Lines(string(out)) {
		top, _, _ := strings.Cut(strings.TrimSpace(l), "/")
		if !slices.Contains(got, top) {
			got = append(got, top)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("top level:\ngot  %v\nwant %v", got, want)
	}
}

// TestRequirements keeps the module light: whoever imports it gets these and
// what they need, nothing else.
func TestRequirements(t *testing.T) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	want := []string{
		"github.com/dchest/siphash", "github.com/google/go-cmp", "github.com/pkg/sftp",
		"golang.org/x/crypto", "golang.org/x/sys", "golang.org/x/text",
	}
	for _, m := range got {
		if !slices.Contains(want, m) {
			t.Errorf("go.mod requires %s", m)
		}
	}
}
