package lint_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio/lint"
)

// example makes a drop directory with two files.
func example() (dir string, clean func()) {
	dir, err := os.MkdirTemp("", "lint-")
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range map[string]string{
		"acme_contacts_crm_20260302.csv":    "email;Points\nann@example.com;7\n",
		"acme_contacts_update_20260302.csv": "email\nann@example.com\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return dir, func() { _ = os.RemoveAll(dir) }
}

// A file, with the custom columns that the universe has: is it fit to be sent?
func ExampleFile() {
	dir, clean := example()
	defer clean()
	fit := true
	o := lint.Options{Custom: []mapping.Attribute{{Name: "points", Type: mapping.Integer}}}
	for f, err := range lint.File(filepath.Join(dir, "acme_contacts_crm_20260302.csv"), o) {
		if err != nil {
			log.Fatal(err)
		}
		fit = fit && f.Severity != lint.Error
		fmt.Println(f.Line, f.Severity, f.Rule, f.Message)
	}
	fmt.Println("fit:", fit)
	// Output:
	// 1 error column-case write "points": names are case sensitive, and one that Splio does not know makes it skip the file
	// fit: false
}

// All files that wait, for what no single one of them shows.
func ExampleDir() {
	dir, clean := example()
	defer clean()
	for f, err := range lint.Dir(dir, lint.Options{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(filepath.Base(f.File), f.Severity, f.Rule)
	}
	// Output:
	// acme_contacts_update_20260302.csv warning shared-key
}
