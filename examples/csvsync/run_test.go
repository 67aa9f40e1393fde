package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

func TestDays(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert").want(t, statusDone,
		"read 3: 0 rejected, 0 duplicate, 0 held back, 0 unchanged, 3 inserted, 0 updated",
		"acme_contacts_crm_20260301.csv: 3 rows, 89 bytes, delivered")
	if r := b.counts(); r.Read != 3 || r.Inserted != 3 || !r.First || len(r.Files) != 1 || !r.Files[0].Delivered {
		t.Errorf("day 1: %+v", r)
	}
	const first = "email;firstname;points\nada@example.com;Ada;1\nbob@example.com;Bob;2\neve@example.com;Eve;3\n"
	if got := b.read("acme_contacts_crm_20260301.csv"); got != first {
		t.Errorf("day 1: %q, want %q", got, first)
	}
	b.wantContacts()

	// One left, one changed, one new, one as it was.
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Robert,2\n", "zoe@example.com,Zoë,\n")
	b.sync(day2, "-insert").want(t, statusDone, "1 unchanged, 1 inserted, 1 updated", "left the segment: 1")
	if r := b.counts(); r.Read != 3 || r.Unchanged != 1 || r.Inserted != 1 || r.Updated != 1 || r.Left != 1 {
		t.Errorf("day 2: %+v", r)
	}
	if got, want := b.read("acme_contacts_crm_20260302.csv"), "email;firstname;points\nbob@example.com;Robert;2\nzoe@example.com;Zoë;\n"; got != want {
		t.Errorf("day 2: %q, want %q", got, want)
	}

	before := tree(t, b.drop)
	b.sync(day3, "-insert").want(t, statusDone, "3 unchanged, 0 inserted, 0 updated", "nothing to send")
	if r := b.counts(); r.Unchanged != 3 || len(r.Files) != 0 {
		t.Errorf("day 3: %+v", r)
	}
	if !reflect.DeepEqual(before, tree(t, b.drop)) {
		t.Error("a run without changes touched the drop directory")
	}
	if left := names(t, filepath.Dir(b.report)); slices.ContainsFunc(left, func(n string) bool { return strings.HasSuffix(n, ".tmp") }) {
		t.Errorf("left over: %q", left)
	}
}

func TestQuiet(t *testing.T) {
	b := newBench(t)
	if o := b.sync("-quiet"); o.status != statusDone || o.stdout+o.stderr != "" {
		t.Errorf("-quiet: %v", o)
	}
}

func TestDryRun(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert", "-dry-run").want(t, statusDone, "dry run: nothing is sent", "3 inserted", "acme_contacts_crm_20260301.csv: 3 rows, 89 bytes, planned")
	if tree(t, b.state) != nil || len(names(t, b.drop)) > 0 {
		t.Error("the first dry run left a trace")
	}
	if r := b.counts(); r.Inserted != 3 || len(r.Files) != 1 || r.Files[0].Delivered {
		t.Errorf("report of the dry run: %+v", r)
	}
	planned := b.counts().Files[0].SHA256
	b.sync(day1, "-insert").want(t, statusDone)
	if got := b.counts().Files[0].SHA256; got != planned {
		t.Errorf("the run sent %s, the dry run said %s", got, planned)
	}

	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,2\n")
	state, drop := tree(t, b.state), tree(t, b.drop)
	b.sync(day2, "-insert", "-dry-run").want(t, statusDone, "1 updated", "left the segment: 2")
	if !reflect.DeepEqual(state, tree(t, b.state)) || !reflect.DeepEqual(drop, tree(t, b.drop)) {
		t.Error("a dry run changed something")
	}
}

func TestPartial(t *testing.T) {
	b := newBench(t)
	b.sync(day1).want(t, statusDone)
	whole, err := os.ReadFile(b.segment)
	if err != nil {
		t.Fatal(err)
	}
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,2\n")
	b.sync(day2, "-partial").want(t, statusDone, "1 updated", "not in the segment, but maybe not gone: 2")
	b.setSegment(strings.Replace(string(whole), "Ada,1", "Ada,2", 1))
	b.sync(day3).want(t, statusDone, "3 unchanged") // the two that were not in the part are remembered
}

func TestRefresh(t *testing.T) {
	b := newBench(t)
	b.sync(day1).want(t, statusDone)
	b.sync(day2, "-refresh").want(t, statusDone, "0 unchanged, 0 inserted, 3 updated")
	if b.read("acme_contacts_crm_20260301.csv") != b.read("acme_contacts_crm_20260302.csv") {
		t.Error("a refresh does not send what the first run sent")
	}
}

// Contacts sent while rows could only update may not exist at Splio, so that they count as new once rows can create.
func TestInsertLater(t *testing.T) {
	b := newBench(t)
	b.sync(day1).want(t, statusDone, "0 inserted, 3 updated")
	b.sync(day2).want(t, statusDone, "3 unchanged")
	b.sync(day3, "-insert").want(t, statusDone, "0 unchanged, 3 inserted, 0 updated")
	b.sync(day3, "-insert").want(t, statusDone, "3 unchanged")
}

// Whatever the form of the segment, the same is sent.
func TestForms(t *testing.T) {
	const want = "email;firstname;points\nada@example.com;\"A;da, \"\"1st\"\"\";1\nbob@example.com;;2\n"
	lines := []string{"email,points,first_name", `Ada@Example.com,1,"A;da, ""1st"""`, "bob@example.com,2,"}
	comma := strings.Join(lines, "\n") + "\n"
	semicolon := "email;points;first_name\nAda@Example.com;1;\"A;da, \"\"1st\"\"\"\nbob@example.com;2;\n"
	tab := "email\tpoints\tfirst_name\nAda@Example.com\t1\t\"A;da, \"\"1st\"\"\"\nbob@example.com\t2\t\n"
	for _, tt := range []struct {
		name, segment string
		flags         []string
	}{
		{"commas, detected", comma, nil},
		{"commas, given", comma, []string{"-comma", ","}},
		{"semicolons, detected", semicolon, nil},
		{"semicolons, given", semicolon, []string{"-comma", ";"}},
		{"tabs, detected", tab, nil},
		{"tabs, by name", tab, []string{"-comma", "tab"}},
		{"tabs, escaped", tab, []string{"-comma", `\t`}},
		{"tabs, as they are", tab, []string{"-comma", "\t"}},
		{"a character of two bytes", strings.ReplaceAll(tab, "\t", "§"), []string{"-comma", "§"}},
		{"byte order mark", "\ufeff" + comma, nil},
		{"CR LF", strings.Join(lines, "\r\n") + "\r\n", nil},
		{"byte order mark and CR LF, no line break at the end", "\ufeff" + strings.Join(lines, "\r\n"), nil},
		{"blank lines", strings.Join(lines, "\n\n"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.setSegment(tt.segment)
			b.sync(append(tt.flags, day1)...).want(t, statusDone)
			if got := b.read("acme_contacts_crm_20260301.csv"); got != want {
				t.Errorf("sent %q, want %q", got, want)
			}
		})
	}
}

func TestBadRows(t *testing.T) {
	b := newBench(t)
	b.setSegment(
		"email,first_name,points\n",
		"ada@example.com,Ada,1\n",
		"ragged@example.com,too few\n",       // line 3
		"ragged@example.com,too,many,of\n",   // line 4
		"twin@example.com,One,1\n",           // line 5
		"TWIN@example.com,Two,1\n",           // line 6
		"bob@example.com,Bob,2\n",            //
		"bob@example.com,Bob,2\n",            // the same once more
		"latin@example.com,Ren\xe9,3\n",      // line 9: the cell is left empty
		"quote@example.com,Jo\"hn,3\n",       // line 10
		",Nobody,4\n",                        // line 11
		"caf\xe9@example.com,Bad key,5\n",    // line 12
		"not an address,\"two\nlines\",6\n",  // line 13
		"last@example.com,\"a\nb\",7\n",      // ends in line 16
		"far@example.com,After,8,surplus,\n", // line 17
	)
	o := b.sync(day1, "-insert")
	o.want(t, statusDone,
		"read 14: 9 rejected, 1 duplicate, 0 held back, 0 unchanged, 4 inserted, 0 updated",
		"rejected 3: record: not as many values as there are fields (lines 3, 4, 17)",
		"rejected 2: field \"email\": another record with this key says otherwise (lines 5, 6)",
		"blanked 1: field \"first_name\": not valid UTF-8 (line 9)",
		"rejected 1: record: a quote where none can be (line 10)",
		"rejected 1: field \"email\": no value (line 11)",
		"rejected 1: field \"email\": not valid UTF-8 (line 12)",
		"rejected 1: field \"email\": not an e-mail address (line 13)",
	)
	for _, value := range []string{"twin", "TWIN", "Ren", "Jo", "not an address", "ragged", "many"} {
		if strings.Contains(o.stdout, value+"@") || strings.Contains(o.stdout, value+"\n") || strings.Contains(o.stdout, value+",") {
			t.Errorf("the summary shows the value %q", value)
		}
	}
	r := b.counts()
	var rejected int64
	for _, c := range r.Rejections {
		if c.Action == "rejected" {
			rejected += c.Count
		}
	}
	if r.Read != 14 || r.Rejected != 9 || rejected != 9 || r.Duplicate != 1 {
		t.Errorf("report: %+v", r)
	}
	want := "email;firstname;points\nada@example.com;Ada;1\nbob@example.com;Bob;2\nlatin@example.com;;3\nlast@example.com;a b;7\n"
	if got := b.read("acme_contacts_crm_20260301.csv"); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	// What is repaired is sent then.
	b.setSegment("email,first_name,points\n", "twin@example.com,One,1\n", "latin@example.com,René,3\n")
	b.sync(day2, "-insert", "-partial").want(t, statusDone, "0 rejected", "1 inserted, 1 updated")
}

// Only the first lines of a kind of rejection are named.
func TestManyRejections(t *testing.T) {
	b := newBench(t)
	b.setSegment("email,first_name,points\n", strings.Repeat("bad,x,1\n", 1000))
	b.sync("-brake", "rejected=off,column-invalid=off").want(t, statusDone, `rejected 1000: field "email": not an e-mail address (lines 2, 3, 4, 5, 6, ...)`, "nothing to send")
}

// Runs that fail, in every way, lose nothing: once the cause is gone the next run delivers what the segment says.
func TestFailures(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name     string
		spoil    func(t *testing.T, b *bench) (repair func())
		flags    []string
		status   int
		messages []string
		sent     bool // the run did its work all the same
	}{
		{
			name: "segment missing",
			spoil: func(t *testing.T, b *bench) func() {
				must(t, os.Rename(b.segment, b.segment+".away"))
				return func() { must(t, os.Rename(b.segment+".away", b.segment)) }
			},
			status:   statusFailed,
			messages: []string{"segment.csv", "nothing was forgotten"},
		}, {
			name: "segment can not be read",
			spoil: func(t *testing.T, b *bench) func() {
				name := b.segment
				b.segment = b.drop
				return func() { b.segment = name }
			},
			status:   statusFailed,
			messages: []string{"is a directory", "nothing was forgotten"},
		}, {
			name: "segment empty, as an export that failed leaves it",
			spoil: func(t *testing.T, b *bench) func() {
				data, err := os.ReadFile(b.segment)
				must(t, err)
				b.setSegment("")
				return func() { b.setSegment(string(data)) }
			},
			status:   statusFailed,
			messages: []string{"it is empty", "nothing was forgotten"},
		}, {
			name: "segment cut off inside quotes",
			spoil: func(t *testing.T, b *bench) func() {
				data, err := os.ReadFile(b.segment)
				must(t, err)
				b.setSegment(string(data), "x@example.com,\"half")
				return func() { b.setSegment(string(data)) }
			},
			status:   statusFailed,
			messages: []string{"inside quotes", "nothing was forgotten"},
		}, {
			name: "drop directory missing",
			spoil: func(t *testing.T, b *bench) func() {
				must(t, os.Rename(b.drop, b.drop+".away"))
				return func() { must(t, os.Rename(b.drop+".away", b.drop)) }
			},
			status:   statusFailed,
			messages: []string{`drop directory`, "NOT DELIVERED", "nothing was forgotten"},
		}, {
			name:     "state of another universe",
			spoil:    func(*testing.T, *bench) func() { return func() {} },
			flags:    []string{"-universe", "other"},
			status:   statusConfig,
			messages: []string{"snapshot.current", "acme", "other", "the file was left as it is"},
		}, {
			name: "another run at work",
			spoil: func(t *testing.T, b *bench) func() {
				store, err := diff.Open(b.state, diff.Options{Scope: "universe acme, key email"})
				must(t, err)
				return func() { must(t, store.Close()) }
			},
			status:   statusFailed,
			messages: []string{"in use by another process"},
		}, {
			name: "snapshot damaged",
			spoil: func(t *testing.T, b *bench) func() {
				name := filepath.Join(b.state, "snapshot.current")
				good, err := os.ReadFile(name)
				must(t, err)
				bad := slices.Clone(good)
				bad[len(bad)/2] ^= 1
				writeFile(t, name, string(bad))
				return func() {
					if after, err := os.ReadFile(name); err != nil || string(after) != string(bad) {
						t.Error("a damaged snapshot was touched")
					}
					writeFile(t, name, string(good))
				}
			},
			status:   statusFailed,
			messages: []string{"snapshot.current", "damaged", "put back a copy of it", "move the directory ", "run once with -refresh, which sends every record once more"},
		}, {
			name: "report can not be written",
			spoil: func(t *testing.T, b *bench) func() {
				name := b.report
				b.report = filepath.Join(filepath.Dir(name), strings.Repeat("r", 250))
				return func() { b.report = name }
			},
			status:   statusFailed,
			messages: []string{"the run succeeded, but not all was written: write the report: "},
			sent:     true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.sync(day1, "-insert").want(t, statusDone)
			b.setSegment("email,first_name,points\n", "ada@example.com,Ada,9\n", "bob@example.com,Bob,2\n", "eve@example.com,Eve,3\n", "zoe@example.com,Zoe,4\n")
			repair := tt.spoil(t, b)
			for range 2 { // failing once more makes it no worse
				b.sync(append(tt.flags, day2, "-insert")...).want(t, tt.status, tt.messages...)
			}
			repair()
			b.sync(day3, "-insert").want(t, statusDone)
			b.wantContacts()
			want := []string{"acme_contacts_crm_20260301.csv", "acme_contacts_crm_20260303.csv"}
			if tt.sent {
				want[1] = "acme_contacts_crm_20260302.csv"
			}
			if got := names(t, b.drop); !slices.Equal(got, want) {
				t.Errorf("files %q, want %q", got, want)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the operator said so"))
	syncCtx(ctx, b.args(day1)).want(t, statusFailed, "the operator said so", "nothing was forgotten: the next run goes on")
	b.sync(day2).want(t, statusDone)
	b.wantContacts()
}

// With the contacts that exist in Splio, the others wait until they do.
func TestKnown(t *testing.T) {
	b := newBench(t)
	known := filepath.Join(t.TempDir(), "export.csv")
	writeFile(t, known, "id;email\n1;EVE@example.com\n2;ada@example.com\n")
	b.sync(day1, "-known", known).want(t, statusDone, "1 held back", "2 updated")
	writeFile(t, known, "id;address\n1;bob@example.com\n")
	b.sync(day2, "-known", known).want(t, statusConfig, `there is no column "email"`, `-known-column, or begin the file with a line of names (it has "id", "address")`)
	b.sync(day2, "-known", known, "-known-column", "address").want(t, statusDone, "0 held back", "2 unchanged", "1 updated")
	writeFile(t, known, "email\nada@example.com\n")
	b.sync(day3, "-known", known, "-insert").want(t, statusConfig, "-known makes no sense with -insert")
}

func TestDuplicates(t *testing.T) {
	b := newBench(t)
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "ada@example.com,Ada,2\n")
	b.sync("-dry-run").want(t, statusDone, "2 rejected")
	b.sync("-dry-run", "-duplicates", "last").want(t, statusDone, "0 rejected, 1 duplicate")
	b.sync("-dry-run", "-duplicates", "any").want(t, statusConfig, "none of reject, first and last")
	b.sync("-dry-run", "-memory", "1").want(t, statusConfig, "-memory is a number of MiB from 16 on")
	b.sync("-memory", "16", "-duplicates", "first").want(t, statusDone, "1 duplicate")
}
