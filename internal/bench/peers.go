package main

import (
	"bufio"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2"
)

const mappingJSON = `{"key":{"from":"email","to":"email"},
"fields":[{"from":"firstname","to":"firstname"},{"from":"lastname","to":"lastname"},{"from":"language","to":"language"},
{"from":"cellphone","to":"cellphone"},{"from":"dateOfCreation","to":"dateOfCreation"},
{"from":"points","to":"points","custom":true,"type":"integer"},{"from":"last_order_date","to":"last_order_date","custom":true,"type":"date"},
{"from":"optin","to":"optin","custom":true,"type":"boolean"}],
"custom":["loyalty_tier","city","store_id"]}
`

// contestant is one way to find what to send. Its command is timed; before each
// run, reset makes it as if it had seen the first day only.
type contestant struct {
	name    string
	reset   func() error
	reads   []string // files and directories, which are read once before, so that they are in memory as far as it goes
	command func() *exec.Cmd
	found   func() (answer, error) // what it has sent or found, the same for all; nil where it is not the second day
}

// answer is the contacts that a contestant found to be new or changed: how many,
// and the sum of digests of their keys, which does not depend on their order.
type answer struct {
	rows int64
	keys uint64
}

// add adds the contacts in a file, whose first column is the key.
func (a *answer) add(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, _, _ := strings.Cut(lines.Text(), ";")
		if key == "email" {
			continue // the header
		}
		sum := sha256.Sum256([]byte(key))
		a.rows++
		a.keys += binary.LittleEndian.Uint64(sum[:])
	}
	return lines.Err()
}

// inFile is the answer in a file of the arena.
func (a arena) inFile(name string) func() (answer, error) {
	return func() (found answer, err error) {
		err = found.add(a.path(name))
		return found, err
	}
}

// arena is where the contestants meet.
type arena struct {
	dir, first, second string
	self, csvsync      string // programs
}

func (a arena) path(elem ...string) string { return filepath.Join(append([]string{a.dir}, elem...)...) }

// sync is a csvsync command over a day.
func (a arena) sync(segment string) *exec.Cmd {
	return exec.Command(a.csvsync, "-quiet", "-insert", "-segment", segment, "-mapping", a.path("mapping.json"),
		"-universe", "acme", "-subsequence", "crm", "-state", a.path("state"), "-to", a.path("drop"))
}

// clean empties the state and the drop directory.
func (a arena) clean() error {
	for _, d := range []string{"state", "drop"} {
		if err := os.RemoveAll(a.path(d)); err != nil {
			return err
		}
	}
	return os.Mkdir(a.path("drop"), 0o700)
}

// restore brings back the state after the first day.
func (a arena) restore() error {
	if err := a.clean(); err != nil {
		return err
	}
	return os.CopyFS(a.path("state"), os.DirFS(a.path("state.first")))
}

// delivered is the answer in the drop directory.
func (a arena) delivered() (found answer, err error) {
	names, err := filepath.Glob(a.path("drop", "*.csv"))
	for _, n := range names {
		if err := found.add(n); err != nil {
			return found, err
		}
	}
	return found, err
}

func (a arena) contestants() []contestant {
	nothing := func() error { return nil }
	list := []contestant{
		{"csvsync, second day", a.restore, []string{a.second, a.path("state")}, func() *exec.Cmd { return a.sync(a.second) }, a.delivered},
		{"csvsync, first day", a.clean, []string{a.first}, func() *exec.Cmd { return a.sync(a.first) }, nil},
		{"DuckDB, join of the two files", nothing, []string{a.first, a.second}, func() *exec.Cmd {
			return exec.Command(a.self, "duckdb", a.first, a.second, a.path("duckdb.csv"))
		}, a.inFile("duckdb.csv")},
		{"GNU sort and comm", nothing, []string{a.first, a.second}, func() *exec.Cmd {
			cmd := exec.Command("bash", "-c", `comm -13 <(sort --parallel=2 -S 2G "$0") <(sort --parallel=2 -S 2G "$1") >"$2"`, a.first, a.second, a.path("comm.csv"))
			cmd.Env = append(os.Environ(), "LC_ALL=C")
			return cmd
		}, a.inFile("comm.csv")},
	}
	if path, err := exec.LookPath("csvdiff"); err == nil {
		list = append(list, contestant{"csvdiff", nothing, []string{a.first, a.second}, func() *exec.Cmd {
			return exec.Command(path, "-s", ";", "-p", "0", "-o", "rowmark", a.first, a.second)
		}, nil})
	}
	return list
}

// duckdb writes the new and changed rows, with all columns as text.
func duckdb(first, second, out string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	var differs []string
	for _, c := range strings.Split(strings.TrimSpace(header), ";")[1:] {
		differs = append(differs, fmt.Sprintf("n.%[1]s is distinct from p.%[1]s", c))
	}
	read := func(name string) string {
		return fmt.Sprintf("read_csv('%s', delim=';', header=true, all_varchar=true)", strings.ReplaceAll(name, "'", "''"))
	}
	for _, q := range []string{
		"set threads=2",
		"set preserve_insertion_order=false",
		fmt.Sprintf("copy (select n.* from %s n left join %s p using (email) where p.email is null or %s) to '%s' (header, delimiter ';')",
			read(second), read(first), strings.Join(differs, " or "), strings.ReplaceAll(out, "'", "''")),
	} {
		if _, err := db.Exec(q); err != nil {
			return err
		}
	}
	return nil
}
