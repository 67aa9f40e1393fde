//go:build unix

package splio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/splio"
)

// strictFile is a file in one of the formats, and what its readers must find.
type strictFile struct {
	name   string // without directory
	path   string
	format splio.Format
	rows   [][]string // the header first
}

func (f strictFile) bare() bool {
	return f.format.Quotes == splio.QuoteNever || f.format.Quotes == splio.QuoteReject
}

// formats are all that there are, but for sizes.
func formats() (all []splio.Format) {
	for _, quotes := range []splio.Quotes{splio.QuoteNeeded, splio.QuoteAll, splio.QuoteNever, splio.QuoteReject} {
		for i := range 8 {
			f := splio.Format{Quotes: quotes, Backslash: i&1 > 0, CRLF: i&2 > 0, OpenEnd: i&4 > 0}
			if !f.Backslash || quotes == splio.QuoteNeeded || quotes == splio.QuoteAll {
				all = append(all, f)
			}
		}
	}
	return all
}

// strictFiles writes a file in each format, with one, two and three columns.
func strictFiles(t *testing.T, dir string) (files []strictFile) {
	cells := []string{
		"", "plain", "two words", ";", "a;b", ";;", `"`, `""`, `5" nails`, `"quoted"`, `";"`, " ", " left", "right ", `\`, `\\`, `a\b`, `a\"b`,
		`\"`, `"\`, `;\`, ` \`, `\\";`, `a\;`, `\n`, `'`, `'a'`, "NULL", `\N`, ",", "a,b", "#", "é", "e\u0301", "日本", "😀", "\u00a0", "=1+1", "-", "+0,-4",
	}
	for i, format := range formats() {
		for columns := 1; columns <= 3; columns++ {
			f := strictFile{name: fmt.Sprintf("f%02d_%d", i, columns), format: format}
			header := []string{"a", "b", "c"}[:columns]
			f.rows = append(f.rows, header)
			f.path = filepath.Join(dir, f.name+".csv")
			var out bytes.Buffer
			w, err := splio.NewWriter(&out, header, format)
			if err != nil {
				t.Fatal(err)
			}
			for n := range cells {
				var row [][]byte
				var want []string
				for c := range columns {
					cell := cells[(n*(c*2+1)+c)%len(cells)]
					if columns == 1 && cell == "" && f.bare() {
						cell = "x" // a line of nothing takes quotes
					}
					row = append(row, []byte(cell))
					want = append(want, f.becomes(cell))
				}
				if err := w.Write(row); err != nil {
					if format.Quotes == splio.QuoteReject {
						continue
					}
					t.Fatal(err)
				}
				f.rows = append(f.rows, want)
			}
			file, err := w.Close()
			if err != nil || file.Rows != int64(len(f.rows)-1) || format.Quotes != splio.QuoteReject && file.Rows != int64(len(cells)) || file.Rows < 3 {
				t.Fatalf("%d rows: %v", file.Rows, err)
			}
			if err := os.WriteFile(f.path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	return files
}

// becomes says how a cell comes out of a file: with slashes for backslashes before
// quotes where quotes are doubled, and without what can not be there where nothing
// is quoted.
func (f strictFile) becomes(cell string) string {
	quoted := strings.ContainsAny(cell, `;"`) || strings.Trim(cell, " ") != cell || f.format.Quotes == splio.QuoteAll && cell != ""
	switch {
	case f.bare():
		return strings.NewReplacer(";", ",", `"`, "'").Replace(cell)
	case !quoted || f.format.Backslash:
		return cell
	}
	parts := strings.SplitAfter(cell, `"`)
	for i, part := range parts {
		body, quote := strings.CutSuffix(part, `"`)
		trimmed := strings.TrimRight(body, `\`)
		parts[i] = trimmed + strings.Repeat("/", len(body)-len(trimmed))
		if quote {
			parts[i] += `"`
		}
	}
	return strings.Join(parts, "")
}

// program finds one, or leaves the test out, unless nothing is to be left out.
func program(t *testing.T, name string, places ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	for _, pattern := range places {
		if found, _ := filepath.Glob(pattern); err != nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed, and nothing is to be skipped here", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// feed runs a program.
func feed(t *testing.T, in string, cmd *exec.Cmd) []byte {
	t.Helper()
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(cmd.Path), err, problems.Bytes(), out.Bytes())
	}
	if problems.Len() > 0 {
		t.Fatalf("%s: %s", filepath.Base(cmd.Path), problems.Bytes())
	}
	return out.Bytes()
}

// alike compares what a reader found, a line of JSON for each file.
func alike(t *testing.T, files []strictFile, lines []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(lines))
	for _, f := range files {
		var got [][]string
		if err := d.Decode(&got); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		if diff := cmp.Diff(f.rows, got); diff != "" {
			t.Errorf("%+v: %s", f.format, diff)
		}
	}
}

const pythonReader = `
import csv, json, sys
for f in json.load(sys.stdin):
    quoting = csv.QUOTE_NONE if f["bare"] else csv.QUOTE_MINIMAL
    escape = "\\" if f["backslash"] else None
    with open(f["path"], encoding="utf-8", newline="") as text:
        rows = csv.reader(text, delimiter=";", quotechar='"', doublequote=not f["backslash"], escapechar=escape, quoting=quoting, strict=True)
        print(json.dumps(list(rows)))
`

// Files of every format are what they are meant to be to the csv module of Python.
func TestPythonReads(t *testing.T) {
	python := program(t, "python3")
	files := strictFiles(t, t.TempDir())
	type file struct {
		Path      string `json:"path"`
		Bare      bool   `json:"bare"`
		Backslash bool   `json:"backslash"`
	}
	var in []file
	for _, f := range files {
		in = append(in, file{f.path, f.bare(), f.format.Backslash})
	}
	list, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	alike(t, files, feed(t, string(list), exec.Command(python, "-c", pythonReader)))
}

// SQLite reads quotes that are doubled, and no others.
func TestSQLiteReads(t *testing.T) {
	sqlite := program(t, "sqlite3")
	files := slices.DeleteFunc(strictFiles(t, t.TempDir()), func(f strictFile) bool { return f.format.Backslash })
	var script strings.Builder
	script.WriteString(".bail on\n.mode csv\n.separator ;\n")
	for _, f := range files {
		columns := strings.Join(f.rows[0], ", ")
		fmt.Fprintf(&script, "CREATE TABLE %s (%s);\n.import %s %[1]s\n", f.name, columns, f.path)
		// The header is a row like any other.
		fmt.Fprintf(&script, ".mode list\nSELECT json_group_array(json_array(%s)) FROM (SELECT * FROM %s ORDER BY rowid);\n.mode csv\n.separator ;\n", columns, f.name)
	}
	alike(t, files, feed(t, script.String(), exec.Command(sqlite, "-batch", "-init", os.DevNull)))
}

// PostgreSQL's COPY is as strict as a reader can be: it takes neither a quote that
// is not closed nor a row with another number of columns.
func TestPostgreSQLReads(t *testing.T) {
	const place = "/usr/lib/postgresql/*/bin/"
	initdb := program(t, "initdb", place+"initdb")
	postgres := program(t, "postgres", place+"postgres")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	// It does not run as root.
	as := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Dir = data
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody(t, data)}
		}
		return cmd
	}
	feed(t, "", as(exec.Command(initdb, "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", data)))

	files := strictFiles(t, dir)
	// In this mode a line is a statement, and nothing listens anywhere.
	var script strings.Builder
	for _, f := range files {
		names := strings.Join(f.rows[0], ", ")
		quote, escape := `E'"'`, `E'"'`
		switch {
		case f.bare():
			quote, escape = `E'\x01'`, `E'\x01'` // which no file has
		case f.format.Backslash:
			escape = `E'\\'`
		}
		fmt.Fprintf(&script, "CREATE TABLE %s (id serial, %s text)\n", f.name, strings.Join(f.rows[0], " text, "))
		fmt.Fprintf(&script, "COPY %s (%s) FROM '%s' (FORMAT csv, DELIMITER ';', QUOTE %s, ESCAPE %s, NULL '<none>')\n", f.name, names, f.path, quote, escape)
		fmt.Fprintf(&script, "COPY (SELECT json_agg(json_build_array(%s) ORDER BY id) FROM %s) TO '%s' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')\n", names, f.name, filepath.Join(data, f.name+".json"))
	}
	log := as(exec.Command(postgres, "--single", "-D", data, "-c", "fsync=off", "-c", "log_min_messages=error", "postgres"))
	log.Stdin = strings.NewReader(script.String())
	if out, err := log.CombinedOutput(); err != nil || bytes.Contains(out, []byte("ERROR:")) {
		t.Fatalf("postgres: %v\n%s", err, out)
	}
	var lines []byte
	for _, f := range files {
		found, err := os.ReadFile(filepath.Join(data, f.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, found...)
	}
	alike(t, files, lines)
}

// nobody is a user without rights, who gets a directory and the way to it.
func nobody(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // that of the test, and the private one of the system's around it
		dir = filepath.Dir(dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
