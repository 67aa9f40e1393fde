package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// without says of what no example shows, and why.
var without = map[string]string{
	"diff Feed.PutText":                   "it is for package splio, which knows what makes equal texts equal cells",
	"diff Run.ByText":                     "as PutText",
	"diff Run.Holders":                    "it is for package splio, which keeps keys",
	"diff Run.Sift":                       "as Holders",
	"diff Store.Verify":                   "Publish says the same; it is for who delivers in between, as package splio",
	"diff/sqldiff Run.ColumnTypes":        "package splio/warehouse is the example",
	"diff/sqldiff Store.Staged":           "as ColumnTypes",
	"diff/sqldiff Store.Verify":           "as ColumnTypes",
	"mapping Mapping.CustomNames":         "it is for package splio, which names what nobody has declared",
	"mapping Mapping.Location":            "it is for package splio, whose days are those of the zone",
	"mapping/mappingtest Row.WantExactly": "it is Want for all columns",
	"mapping/source Queryer":              "a *sql.DB is one",
	"sftpx/sftpxtest Server.Disconnect":   "it is a fault for tests of reconnecting",
	"sftpx/sftpxtest Transport":           "whatever is tested is one",
	"splio Comparison":                    "package splio/warehouse is the example",
	"splio Differ":                        "as Comparison",
	"splio Snapshots":                     "as Comparison",
	"splio/spliotest Drop":                "Dir and Memory make one",
	"splio/spliotest Splio.Watch":         "it does not end before its context does",
}

// plumbing are methods that other code calls, such as package fmt.
var plumbing = []string{"Error", "Unwrap", "String", "GoString", "Format", "LogValue", "MarshalText", "Retryable"}

// TestExamples looks for each exported function, method and type in the code that
// people copy: the Examples and what they call beside them, and the programs in
// examples.
func TestExamples(t *testing.T) {
	shown, files := map[string]bool{}, 0
	walk(t, func(name string) {
		base := filepath.Base(name)
		if !strings.HasPrefix(name, "examples/") && !strings.HasSuffix(base, "_test.go") {
			return
		}
		whole := strings.HasPrefix(name, "examples/") || strings.HasPrefix(base, "example")
		for _, decl := range parse(t, name).Decls {
			if f, ok := decl.(*ast.FuncDecl); !whole && (!ok || !strings.HasPrefix(f.Name.Name, "Example")) {
				continue
			}
			files++
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						shown[x.Name+"."+n.Sel.Name] = true
					}
					shown["."+n.Sel.Name] = true
				case *ast.KeyValueExpr: // a field of a literal
					if k, ok := n.Key.(*ast.Ident); ok {
						shown["."+k.Name] = true
					}
				}
				return true
			})
		}
	})
	if files == 0 {
		t.Fatal("there are no examples")
	}
	missing := map[string]bool{}
	for _, p := range list(t, "./...") {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if dir == "" || strings.HasPrefix(dir, "examples/") || strings.HasPrefix(dir, "internal/") {
			continue
		}
		members := map[string][]string{} // of a type: fields and methods
		types := []string{}
		for _, file := range p.GoFiles {
			for _, decl := range parse(t, dir+"/"+file).Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					on := receiver(d)
					switch {
					case !d.Name.IsExported() || on != "" && !ast.IsExported(on):
					case on == "":
						if !shown[filepath.Base(dir)+"."+d.Name.Name] {
							missing[dir+" "+d.Name.Name] = true
						}
					case !slices.Contains(plumbing, d.Name.Name):
						members[on] = append(members[on], d.Name.Name)
						if !shown["."+d.Name.Name] {
							missing[dir+" "+on+"."+d.Name.Name] = true
						}
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
							if _, basic := s.Type.(*ast.Ident); basic { // its constants are what is written
								continue
							}
							types = append(types, s.Name.Name)
							if str, ok := s.Type.(*ast.StructType); ok {
								for _, f := range str.Fields.List {
									for _, n := range f.Names {
										members[s.Name.Name] = append(members[s.Name.Name], n.Name)
									}
								}
							}
						}
					}
				}
			}
		}
		for _, name := range types {
			if !shown[filepath.Base(dir)+"."+name] && !slices.ContainsFunc(members[name], func(m string) bool { return shown["."+m] }) {
				missing[dir+" "+name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		if without[name] == "" {
			t.Errorf("no example shows %s: write one, or say in this file why there is none", name)
		}
	}
	for name := range without {
		if !missing[name] {
			t.Errorf("%s is shown by an example, or not there: take it off the list", name)
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	e := d.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if name, ok := e.(*ast.Ident); ok {
		return name.Name
	}
	return "?" // a generic one, of which there is none
}

func parse(t *testing.T, name string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(name)), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// walk visits the Go files of the repository.
func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return filepath.SkipDir
		case !d.IsDir() && filepath.Ext(file) == ".go":
			name, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			visit(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
