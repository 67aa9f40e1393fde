package sqltest_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/internal/sqltest"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the seed of the random runs, 0 for a random one")
	casesFlag = flag.Int("cases", 25, "random scripts for each engine")
)

// engines are those that the tests run on, each with a database of its own.
func engines(t *testing.T) map[string]func(t testing.TB) sqltest.Engine {
	return map[string]func(t testing.TB) sqltest.Engine{
		"PostgreSQL": postgres,
		"DuckDB":     func(t testing.TB) sqltest.Engine { return sqltest.DuckDBFile(filepath.Join(t.TempDir(), "db")) },
		"SQLite":     func(t testing.TB) sqltest.Engine { return sqltest.SQLiteFile(filepath.Join(t.TempDir(), "db")) },
	}
}

// postgres makes a schema of its own and makes it that of the connections.
func postgres(t testing.TB) sqltest.Engine {
	t.Helper()
	e := sqltest.Engine{Dialect: sqldiff.PostgreSQL, Driver: "pgx", URL: server.URL()}
	db, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := "s" + strings.ToLower(fmt.Sprintf("%x", rand.Uint64()))
	if _, err := db.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	e.URL += "&search_path=" + name
	return e
}

// scripts are runs that follow each other.
var scripts = []struct {
	name, reason string
	steps        []step
}{
	{"first", "everything is new", []step{
		{columns: cols("a b"), opts: create, records: []record{rec("ann", "1 2"), rec("bob", "_ ~")}},
	}},
	{"empty", "a segment without records, before and after one with some", []step{
		{columns: cols("a"), opts: create},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1")}},
		{columns: cols("a"), opts: create},
	}},
	{"changes", "new, changed by column, gone and unchanged", []step{
		{columns: cols("a b c"), opts: create, records: []record{rec("ann", "1 2 3"), rec("bob", "1 2 3"), rec("cid", "1 2 3"), rec("dan", "1 2 3")}},
		{columns: cols("a b c"), opts: create, records: []record{rec("eve", "1 2 3"), rec("cid", "1 2 3"), rec("bob", "1 x y"), rec("ann", "_ 2 3")}},
		{columns: cols("a b c"), opts: create, records: []record{rec("eve", "1 ~ 3"), rec("cid", "1 2 3"), rec("bob", "1 2 3"), rec("ann", "~ 2 3")}},
	}},
	{"source only", "the source differs and the rendered cells do not", []step{
		{columns: cols("a b"), opts: create, records: []record{rec("ann", "1 2"), rec("bob", "1 2")}},
		{columns: cols("a b"), opts: create, records: []record{rec("ann", "1 2").padded(" "), rec("bob", "1 3").padded("  ")}},
		{columns: cols("a b"), opts: create, records: []record{rec("ann", "1 2").padded(" "), rec("bob", "1 2")}},
	}},
	{"rejected", "it keeps its state, is tried again, and is not gone", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1"), bad("cid")}},
		{columns: cols("a"), opts: create, records: []record{bad("ann"), rec("bob", "1"), bad("cid")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "2"), rec("bob", "1"), rec("cid", "1")}},
	}},
	{"unusable", "without a usable key, absent keys are uncertain", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1"), rec("cid", "1")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), bad(nul), bad("cid")}},
		{columns: cols("a"), opts: diff.RunOptions{Create: true, MaxUnusable: 1}, records: []record{rec("ann", "1"), bad(nul)}},
	}},
	{"duplicates", "identical, conflicting, rejected, and settled later", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("ann", "1").padded(" "), rec("bob", "1"), rec("bob", "2"), rec("cid", "1"), bad("cid"), rec("dan", "1"), rec("dan", "1")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("ann", "2"), rec("bob", "1"), rec("cid", "1"), rec("dan", "1"), rec("dan", "1")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1"), rec("bob", "1"), rec("cid", "1"), rec("dan", "1")}},
	}},
	{"first wins", "the order column decides", []step{
		{columns: cols("a"), opts: diff.RunOptions{Create: true, Duplicates: diff.FirstWins}, records: []record{rec("ann", "1"), rec("ann", "2"), bad("bob"), rec("bob", "3"), rec("bob", "4")}},
		{columns: cols("a"), opts: diff.RunOptions{Create: true, Duplicates: diff.FirstWins}, records: []record{rec("ann", "2"), rec("ann", "1"), rec("bob", "3")}},
	}},
	{"last wins", "the order column decides", []step{
		{columns: cols("a"), opts: diff.RunOptions{Create: true, Duplicates: diff.LastWins}, records: []record{rec("ann", "1"), rec("ann", "2"), rec("bob", "3"), rec("bob", "4"), bad("bob")}},
		{columns: cols("a"), opts: diff.RunOptions{Create: true, Duplicates: diff.LastWins}, records: []record{rec("ann", "2"), rec("ann", "1"), rec("bob", "4")}},
	}},
	{"columns", "one is added, one dropped, and one comes back", []step{
		{columns: cols("a b"), opts: create, records: []record{rec("ann", "1 2"), rec("bob", "1 2"), rec("cid", "1 2"), rec("dan", "1 2")}},
		{columns: cols("c a"), opts: create, records: []record{rec("ann", "3 1"), rec("bob", "_ 1"), rec("cid", "~ 1"), bad("dan")}},
		{columns: cols("a b c"), opts: create, records: []record{rec("ann", "1 2 3"), rec("bob", "1 _ ~"), rec("cid", "1 2 ~"), rec("dan", "1 2 ~")}},
		{columns: cols("b c a"), opts: create, records: []record{rec("ann", "2 3 1"), rec("bob", "_ ~ 1"), rec("cid", "2 ~ 2"), rec("dan", "2 ~ 1")}},
	}},
	{"columns, one after the other", "a record that was rejected all the while", []step{
		{columns: cols("a b"), opts: create, records: []record{rec("ann", "1 2"), rec("bob", "1 2")}},
		{columns: cols("c a"), opts: create, records: []record{bad("ann"), rec("bob", "_ 1")}},
		{columns: cols("a b c"), opts: create, records: []record{bad("ann"), rec("bob", "1 2 _")}},
		{columns: cols("a b c"), opts: create, records: []record{rec("ann", "1 _ _"), rec("bob", "1 2 _")}},
		{columns: cols("a b c"), opts: create, records: []record{rec("ann", "1 2 _"), rec("bob", "1 2 _")}},
	}},
	{"rendering", "the mapping changed while a record was rejected", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1")}},
		{columns: cols("a"), opts: create, renderer: "x", records: []record{rec("ann", "1"), bad("bob")}},
		{columns: cols("a"), opts: create, renderer: "x", records: []record{rec("ann", "1"), rec("bob", "1")}},
	}},
	{"unconfirmed", "insert mode is turned on later", []step{
		{columns: cols("a"), records: []record{rec("ann", "1"), rec("bob", "1")}},
		{columns: cols("a"), records: []record{rec("ann", "2"), rec("bob", "1")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "2"), rec("bob", "1")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "2"), rec("bob", "2")}},
	}},
	{"known", "others are held back, and looked at again", []step{
		{columns: cols("a"), known: []string{"ann"}, records: []record{rec("ann", "1"), rec("bob", "1")}},
		{columns: cols("a"), known: []string{"ann", "bob", "bob"}, records: []record{rec("ann", "1"), rec("bob", "1")}},
		{columns: cols("a"), records: []record{rec("ann", "1"), rec("cid", "1")}},
		{columns: cols("a"), known: []string{}, records: []record{rec("ann", "1"), rec("cid", "1")}},
	}},
	{"due", "marked records, also those without a change", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1"), rec("cid", "1")}},
		{columns: cols("a"), opts: create, due: []string{"ann", "cid", "nobody", "ann"}, records: []record{rec("ann", "1"), rec("bob", "1"), bad("cid")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1"), rec("cid", "2")}},
	}},
	{"refresh", "everything that is not new is due", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1")}},
		{columns: cols("a"), opts: diff.RunOptions{Create: true, Refresh: true}, records: []record{rec("ann", "2"), rec("bob", "1"), rec("cid", "1")}},
	}},
	{"partial", "absent keys keep their state", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1")}},
		{columns: cols("a"), opts: diff.RunOptions{Create: true, Partial: true}, records: []record{rec("ann", "2")}},
		{columns: cols("a b"), opts: diff.RunOptions{Create: true, Partial: true}, records: []record{rec("cid", "2 1")}},
		{columns: cols("a b"), opts: create, records: []record{rec("ann", "2 ~"), rec("bob", "1 _")}},
	}},
	{"discarded", "a candidate that is not published leaves no trace", []step{
		{columns: cols("a"), opts: create, records: []record{rec("ann", "1")}},
		{columns: cols("a"), opts: create, drop: true, records: []record{rec("ann", "2"), rec("bob", "1")}},
		{columns: cols("a"), opts: create, records: []record{rec("ann", "2"), rec("bob", "1")}},
	}},
}

var create = diff.RunOptions{Create: true}

func cols(names string) []string { return strings.Fields(names) }

func TestConformance(t *testing.T) {
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			for _, c := range scripts {
				t.Run(c.name, func(t *testing.T) {
					if c.reason == "" {
						t.Fatal("no reason")
					}
					local, remote := newLocal(t), newSQL(t, open(t))
					for i, s := range c.steps {
						agree(t, i, s, local.run(t, s), remote.run(t, s))
					}
				})
			}
		})
	}
}

func agree(t testing.TB, i int, s step, want, got outcome) bool {
	t.Helper()
	if got.summary == want.summary && slices.Equal(got.changes, want.changes) {
		return true
	}
	t.Errorf("run %d, columns %q\nengine %s\n       %s\nlocal  %s\n       %s", i, s.columns, got.summary, strings.Join(got.changes, "\n       "), want.summary, strings.Join(want.changes, "\n       "))
	return false
}

// TestRandom compares with the local differ in random scripts, which a model
// of its own tests.
func TestRandom(t *testing.T) {
	seed := cmp.Or(*seedFlag, rand.Uint64()) // another each time: a failure prints it
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			for n := range *casesFlag {
				size := []int{3, 8, 40, 300}[rng.IntN(4)]
				if n == 4 {
					size = 3000 // more than a batch
				}
				local, remote := newLocal(t), newSQL(t, open(t))
				columns := cols("a b c")
				for i := range 2 + rng.IntN(4) {
					if rng.IntN(3) == 0 {
						columns = randomColumns(rng)
					}
					s := randomStep(rng, size, columns)
					if !agree(t, i, s, local.run(t, s), remote.run(t, s)) {
						t.Fatalf("-seed %d, script %d, options %+v, known %q, due %q", seed, n, s.opts, s.known, s.due)
					}
				}
			}
		})
	}
}

func randomColumns(rng *rand.Rand) []string {
	all := slices.Clone(sourceColumns)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:rng.IntN(len(all)+1)]
}

func randomKey(i int) string {
	return []string{"", "ann", "k"}[min(i, 2)] + strings.Repeat("x", i%3) + fmt.Sprint(i/2)
}

func randomStep(rng *rand.Rand, size int, columns []string) step {
	maybe := func(n int) bool { return rng.IntN(n) == 0 }
	s := step{columns: columns, drop: maybe(6), renderer: strings.Repeat("x", max(0, rng.IntN(8)-6))}
	s.opts = diff.RunOptions{
		Create: maybe(2), Partial: maybe(5), Refresh: maybe(8),
		Duplicates: diff.DuplicatePolicy(rng.IntN(3)), MaxUnusable: int64(rng.IntN(3)),
	}
	if !s.opts.Create && maybe(2) {
		s.known = []string{}
		for i := range size {
			if maybe(2) {
				s.known = append(s.known, randomKey(i), randomKey(i))
			}
		}
	}
	if maybe(3) {
		s.due = []string{}
		for i := range size {
			if maybe(3) {
				s.due = append(s.due, randomKey(i))
			}
		}
	}
	values := []string{nul, "", "a", "b", "ab", "aab"}
	duplicates, unusable := 1+rng.IntN(3), maybe(3)
	if maybe(10) {
		size = 0
	}
	for range size {
		r := record{key: randomKey(rng.IntN(max(1, size/duplicates))), blank: strings.Repeat(" ", max(0, rng.IntN(6)-4))}
		switch rng.IntN(20) {
		case 0:
			if unusable {
				r.key = nul
			}
		case 1, 2:
		default:
			r.cells = make([]string, len(columns))
			for c := range r.cells {
				r.cells[c] = values[rng.IntN(2+rng.IntN(len(values)-1))]
			}
		}
		s.records = append(s.records, r)
	}
	return s
}
