package spliotest_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio/spliotest"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, content string, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestDirectory: files are moved from a directory on disk into the archive, and
// reported. What is not ours stays.
func TestDirectory(t *testing.T) {
	drop, archive, reports := t.TempDir(), t.TempDir(), t.TempDir()
	s, _ := universe(t, func(o *spliotest.Options) {
		o.Drop, o.Archive, o.Reports = spliotest.Dir(drop), archive, reports
		o.Rules.BadCellAlone = true
	})
	if err := os.Mkdir(filepath.Join(drop, "a.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	const content = "email;tier;c1\n" + ann + ";gold;x\n;silver;7\n" + bob + "\n\"a;b@example.net\";;\"\"\n"
	write(t, content, drop, crm)
	write(t, "email;level\n", drop, update)
	write(t, "email\n", drop, crm+".part")
	write(t, "x", drop, "other.csv")

	equal(t, "results", imports(t, s), []string{
		"4 rows: 2 created, 0 updated, 0 deleted, 0 ignored, 2 skipped",
		"line 3, column email: the mandatory value is missing ()",
		"line 4: 1 columns, where the header has 3 ()",
		"cell: line 2, column c1: not a whole number (" + ann + ")",
		`skipped: the header has an unknown column "level"`,
		"skipped: the name does not begin with the name of the universe",
	})
	equal(t, "drop directory", names(t, drop), []string{"a.csv", crm + ".part", "other.csv"})
	equal(t, "archive", names(t, archive), []string{crm, update})
	if got := read(t, archive, crm); got != content {
		t.Errorf("the archive holds %q", got)
	}
	equal(t, "reports", names(t, reports), []string{spliotest.ReportName(crm), spliotest.LogName})
	equal(t, "report", strings.Split(read(t, reports, spliotest.ReportName(crm)), "\n"), []string{
		"line;key;reason",
		"3;;column email: the mandatory value is missing",
		"4;;1 columns, where the header has 3",
		"2;" + ann + ";column c1: not a whole number",
		"",
	})
	equal(t, "log", strings.Split(read(t, reports, spliotest.LogName), "\n"), []string{
		crm + ": 4 rows: 2 created, 0 updated, 0 deleted, 0 ignored, 2 skipped",
		update + `: skipped: the header has an unknown column "level"`,
		"other.csv: skipped: the name does not begin with the name of the universe",
		"",
	})
	equal(t, "results of another import", imports(t, s), nil)
	if got := len(s.Results()); got != 3 {
		t.Errorf("%d results in all, want 3", got)
	}
}

// TestLeave: a file that stays is read again when its content has changed.
func TestLeave(t *testing.T) {
	s, drop := universe(t, func(o *spliotest.Options) { o.Leave = true })
	arrive(t, drop, crm, "email;tier\n"+ann+";gold\n")
	for i, want := range []int{1, 0, 0} {
		if got := len(imports(t, s)); got != want {
			t.Errorf("import %d: %d results, want %d", i, got, want)
		}
	}
	equal(t, "files", drop.Names(), []string{crm})
	if err := drop.Remove(crm); err != nil {
		t.Fatal(err)
	}
	arrive(t, drop, crm, "email;tier\n"+ann+";silver\n")
	imports(t, s)
	equal(t, "contacts", contacts(s), []string{ann + " tier=silver"})
}

// faulty is a drop directory whose calls fail when they should.
type faulty struct {
	*sftpx.Mem
	names, read, remove error
}

func (f *faulty) Names() ([]string, error) { return f.Mem.Names(), f.names }

func (f *faulty) ReadFile(name string) ([]byte, error) {
	if f.read != nil {
		return nil, f.read
	}
	return f.Mem.ReadFile(name)
}

func (f *faulty) Remove(name string) error {
	if f.remove != nil {
		return f.remove
	}
	return f.Mem.Remove(name)
}

// TestFaults: an error ends the import, and what was read is not read again.
func TestFaults(t *testing.T) {
	broken := errors.New("the disk is broken")
	f := &faulty{}
	var drop *sftpx.Mem
	s, drop := universe(t, func(o *spliotest.Options) { o.Drop = f })
	f.Mem = drop
	fails := func(what string, results int) {
		t.Helper()
		got, err := s.Import()
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "spliotest: ") || len(got) != results {
			t.Errorf("%s: %d results and %v, want %d and an error", what, len(got), err, results)
		}
	}
	arrive(t, drop, crm, "email\n"+ann+"\n")
	f.names = broken
	fails("names", 0)
	f.names, f.read = nil, broken
	fails("read", 0)
	f.read = fs.ErrNotExist
	equal(t, "results when the file has gone", imports(t, s), nil)
	f.read, f.remove = nil, broken
	fails("remove", 1)
	fails("remove again", 0)
	f.remove = fs.ErrNotExist
	equal(t, "results when somebody has removed it", imports(t, s), nil)
	f.remove = nil
	imports(t, s) // it is there again, for all that Splio knows
	equal(t, "files", drop.Names(), nil)

	for _, o := range []func(*spliotest.Options){
		func(o *spliotest.Options) { o.Archive = filepath.Join(t.TempDir(), "missing") },
		func(o *spliotest.Options) { o.Reports = filepath.Join(t.TempDir(), "missing") },
		func(o *spliotest.Options) { o.Drop = spliotest.Dir(filepath.Join(t.TempDir(), "missing")) },
	} {
		s, drop := universe(t, o)
		arrive(t, drop, crm, "email\n"+ann+"\n")
		if _, err := s.Import(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a missing directory: %v", err)
		}
	}
}

// TestWatch imports on schedule until its context ends.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, drop := universe(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		arrive(t, drop, crm, "email\n"+ann+"\n")
		go func() { ended <- s.Watch(ctx, time.Hour) }()
		synctest.Wait()
		equal(t, "at once", contacts(s), []string{ann})

		arrive(t, drop, update, "email;tier\n"+ann+";gold\n")
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		equal(t, "before the hour", contacts(s), []string{ann})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		equal(t, "after the hour", contacts(s), []string{ann + " tier=gold"})

		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Watch(ctx, 0); err == nil {
			t.Error("no time between two imports: no error")
		}
	})
	broken := errors.New("the disk is broken")
	s, _ := universe(t, func(o *spliotest.Options) { o.Drop = &faulty{Mem: new(sftpx.Mem), names: broken} })
	if err := s.Watch(t.Context(), time.Hour); !errors.Is(err, broken) {
		t.Errorf("a broken directory: %v", err)
	}
}

func TestPut(t *testing.T) {
	s, _ := universe(t, func(o *spliotest.Options) { o.Key, o.KeyField = "customer_key", "c1" })
	err := s.Put(
		spliotest.Contact{Key: "1", Fields: map[string]string{"c2": "1.00", "firstname": "Ann", "lastname": ""}, Lists: []int{4, 0}},
		spliotest.Contact{Key: "2", Fields: map[string]string{"email": bob}},
	)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "contacts", contacts(s), []string{"1 c1=1 firstname=Ann spent=1.00 [0 4]", "2 c1=2 email=" + bob})

	err = s.Put(
		spliotest.Contact{Key: "3"},
		spliotest.Contact{Fields: map[string]string{"customer_key": "4", "subscriptions": "+0", "Email": bob}, Lists: []int{1, 64, -1}},
	)
	if err == nil || strings.Count(err.Error(), "spliotest: put: contact 1") != 7 {
		t.Errorf("error %v, want 7 problems", err)
	}
	if c, ok := s.Contact("3"); ok {
		t.Errorf("%v is there after an error", c)
	}

	// The table is not to be changed by what it returned.
	c, _ := s.Contact("1")
	c.Fields["firstname"], c.Lists[0] = "x", 63
	s.Remove("2", "nobody")
	equal(t, "contacts", contacts(s), []string{"1 c1=1 firstname=Ann spent=1.00 [0 4]"})
}

// TestNew: all problems are reported at once.
func TestNew(t *testing.T) {
	_, err := spliotest.New(spliotest.Options{
		Universe: "a/b", Key: "c0", KeyField: "c1",
		Contacts: map[string]spliotest.Subsequence{"a_b": {InitLists: []int{3}, Prefix: "+33"}},
		Deletes:  []string{""},
		Custom:   []spliotest.Field{{}, {Name: "email"}, {ID: "5"}, {Name: "a", ID: "c1"}, {Name: "c1"}, {Name: "b", Type: 9}},
		Lists:    []int{64},
		Rules:    spliotest.Rules{MaxLines: -1, Duplicates: 3, Headers: 3, Quotes: 4, LineEnds: 3},
	})
	var got []string
	for l := range strings.Lines(err.Error()) {
		got = append(got, strings.TrimPrefix(strings.TrimSpace(l), "spliotest: "))
	}
	equal(t, "problems", got, []string{
		`Options.Universe "a/b": give the name of the universe`,
		`Options.Drop: give the drop directory`,
		`Options.Key is "c0": it can be "email", "customer_key" or "cellphone"`,
		`Options.KeyField is what customer_key stands for: Key must be "customer_key"`,
		`Options.Lists: list 64 is not from 0 to 63`,
		`Options.Contacts: "a_b" has other characters than letters and digits`,
		`Options.Contacts["a_b"].InitLists: the universe has no list 3`,
		`Options.Contacts["a_b"].Prefix is "+33": give a country code in digits`,
		`Options.Deletes: "" has other characters than letters and digits`,
		`Rules.Duplicates: unknown value 3`,
		`Rules.Headers: unknown value 3`,
		`Rules.Quotes: unknown value 4`,
		`Rules.LineEnds: unknown value 3`,
		`Rules.MaxLines and MaxDeletes must not be negative`,
		`Options.Custom[0] has neither a name nor an id`,
		`Options.Custom[1]: "email" is there already`,
		`Options.Custom[2]: the id is "5", not c and a number`,
		`Options.Custom[4]: "c1" is there already`,
		`Options.Custom[5]: unknown type 9`,
	})
	o := options(new(sftpx.Mem))
	o.Key, o.KeyField = "customer_key", "level"
	if _, err := spliotest.New(o); err == nil || !strings.Contains(err.Error(), `no custom field "level"`) {
		t.Errorf("a key field that is not there: %v", err)
	}
	o = options(new(sftpx.Mem))
	o.Contacts, o.Deletes = nil, nil
	if _, err := spliotest.New(o); err == nil || !strings.Contains(err.Error(), "at least one sub-sequence") {
		t.Errorf("no sub-sequence: %v", err)
	}

	// What was given may be changed afterwards, and a field may have its id for a name.
	o = options(new(sftpx.Mem))
	o.Custom = append(o.Custom, spliotest.Field{Name: "c9", ID: "c9"})
	drop := new(sftpx.Mem)
	o.Drop = spliotest.Memory(drop)
	s, err := spliotest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Contacts["crm"] = spliotest.Subsequence{NoCreate: true}
	o.Lists[0] = 9
	arrive(t, drop, crm, "email;subscriptions;c9\n"+ann+";+0;x\n")
	imports(t, s)
	equal(t, "contacts", contacts(s), []string{ann + " c9=x [0]"})
	if spliotest.Memory(nil) != nil {
		t.Error("Memory(nil) is not nil")
	}
	if !slices.Equal(o.Lists, []int{9, 4, 63}) {
		t.Errorf("New has changed the options: %v", o.Lists)
	}
}
