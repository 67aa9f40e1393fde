package spliotest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio/spliotest"
)

// TestQuotes reads the same cell in each way.
func TestQuotes(t *testing.T) {
	readings := []spliotest.Quotes{spliotest.QuotesDoubled, spliotest.QuotesBackslash, spliotest.QuotesEither, spliotest.QuotesNone}
	const (
		unclosed = "!a quote that is not closed"
		after    = "!text after a closing quote"
		inside   = "!a quote in a value that has no quotes around it"
		columns  = "!3 columns, where the header has 2"
	)
	for _, c := range []struct {
		name, cell string
		want       [4]string // the value, or ! and the reason, for each reading
	}{
		{"plain", `x`, [4]string{`x`, `x`, `x`, `x`}},
		{"quoted", `"x"`, [4]string{`x`, `x`, `x`, `"x"`}},
		{"empty quotes", `""`, [4]string{``, ``, ``, `""`}},
		{"a separator", `"a;b"`, [4]string{`a;b`, `a;b`, `a;b`, columns}},
		{"a doubled quote", `"5"" nail"`, [4]string{`5" nail`, after, `5" nail`, `"5"" nail"`}},
		{"an escaped quote", `"5\" nail"`, [4]string{after, `5" nail`, `5" nail`, `"5\" nail"`}},
		{"a bare quote", `5" nail`, [4]string{inside, inside, inside, `5" nail`}},
		{"a quote alone", `"`, [4]string{unclosed, unclosed, unclosed, `"`}},
		{"a backslash at the end", `"a\"`, [4]string{`a\`, unclosed, unclosed, `"a\"`}},
		{"two backslashes", `"a\\b"`, [4]string{`a\\b`, `a\b`, `a\\b`, `"a\\b"`}},
		{"a backslash in plain text", `a\b`, [4]string{`a\b`, `a\b`, `a\b`, `a\b`}},
	} {
		for i, q := range readings {
			s, drop := universe(t, rules(spliotest.Rules{Quotes: q}))
			arrive(t, drop, crm, "email;tier\n"+ann+";"+c.cell+"\n")
			results, err := s.Import()
			if err != nil || len(results) != 1 {
				t.Fatal(results, err)
			}
			contact, _ := s.Contact(ann)
			got := contact.Fields["tier"]
			if skipped := results[0].Skipped; len(skipped) > 0 {
				got = "!" + skipped[0].Reason
			}
			if got != c.want[i] {
				t.Errorf("%s, reading %d: got %s, want %s", c.name, q, got, c.want[i])
			}
		}
	}
}

// TestDuplicates reads rows that share a key in each way.
func TestDuplicates(t *testing.T) {
	file := "email;tier;firstname\n" + ann + ";gold;Ann\n" + bob + ";x;\n" + ann + ";silver;\n" + ann + ";bad\n" + ann + ";bronze;\n"
	twice := "the key is in the file more than once (" + ann + ")"
	bad := "line 5: 2 columns, where the header has 3 ()"
	for _, c := range []struct {
		name    string
		policy  spliotest.Duplicates
		results []string
		table   []string
	}{
		{"all are applied", spliotest.LastRow,
			[]string{"5 rows: 2 created, 2 updated, 0 deleted, 0 ignored, 1 skipped", bad},
			[]string{ann + " firstname=Ann tier=bronze", bob + " tier=x"}},
		{"the first is", spliotest.FirstRow,
			[]string{"5 rows: 2 created, 0 updated, 0 deleted, 0 ignored, 3 skipped", "line 4: " + twice, bad, "line 6: " + twice},
			[]string{ann + " firstname=Ann tier=gold", bob + " tier=x"}},
		{"none is", spliotest.NoRow,
			[]string{"5 rows: 1 created, 0 updated, 0 deleted, 0 ignored, 4 skipped", "line 2: " + twice, "line 4: " + twice, bad, "line 6: " + twice},
			[]string{bob + " tier=x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, drop := universe(t, rules(spliotest.Rules{Duplicates: c.policy}))
			arrive(t, drop, crm, file)
			equal(t, "results", imports(t, s), c.results)
			equal(t, "contacts", contacts(s), c.table)
		})
	}
}

// TestPrefix: the default prefix goes before numbers without a country code, or
// before all of them.
func TestPrefix(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  spliotest.Rules
		number string
		want   string
	}{
		{"national", spliotest.Rules{}, "0639980101", "0033639980101"},
		{"without its 0", spliotest.Rules{}, "639980101", "0033639980101"},
		{"international", spliotest.Rules{}, "0044639980101", "0044639980101"},
		{"with a plus", spliotest.Rules{AnyPhone: true}, "+44639980101", "+44639980101"},
		// Its leading 0 goes, as a national one does.
		{"international, before all", spliotest.Rules{PrefixAll: true}, "0044639980101", "0033044639980101"},
	} {
		s, drop := universe(t, rules(c.rules))
		arrive(t, drop, "acme_contacts_france_20250314.csv", "email;cellphone\n"+ann+";"+c.number+"\n")
		imports(t, s)
		if contact, _ := s.Contact(ann); contact.Fields["cellphone"] != c.want {
			t.Errorf("%s: got %q, want %q", c.name, contact.Fields["cellphone"], c.want)
		}
	}
}

// TestLists: a cell says which lists to join and to leave, and no more.
func TestLists(t *testing.T) {
	s, drop := universe(t, nil)
	if err := s.Put(spliotest.Contact{Key: ann, Lists: []int{0, 4}}); err != nil {
		t.Fatal(err)
	}
	arrive(t, drop, erase, "email;subscriptions\n"+ann+";+63,-0\n")
	imports(t, s)
	equal(t, "contacts", contacts(s), []string{ann + " [4 63]"})
	arrive(t, drop, erase, "email;subscriptions\n"+ann+";\n")
	imports(t, s)
	equal(t, "contacts after an empty cell", contacts(s), []string{ann + " [4 63]"})
}

// TestInitLists: lists are emptied by each file that is not skipped, for everybody.
func TestInitLists(t *testing.T) {
	s, drop := universe(t, nil)
	if err := s.Put(spliotest.Contact{Key: bob, Lists: []int{0, 4}}); err != nil {
		t.Fatal(err)
	}
	arrive(t, drop, "acme_contacts_full_20250314.csv", "email;subscriptons\n"+ann+";+0\n")
	imports(t, s)
	equal(t, "after a file that was skipped", contacts(s), []string{bob + " [0 4]"})
	arrive(t, drop, "acme_contacts_full_20250314.csv", "email;subscriptions\n"+ann+";+0\n")
	imports(t, s)
	equal(t, "after the first", contacts(s), []string{ann + " [0]", bob + " [4]"})
	arrive(t, drop, "acme_contacts_full_20250314_2.csv", "email;subscriptions\n"+bob+";+0\n")
	imports(t, s)
	equal(t, "after the second", contacts(s), []string{ann, bob + " [0 4]"})
}

// TestOrder: the order of files is that of their names, or any other.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		order func([]string)
		want  string
	}{
		{"by name", nil, "second"},
		{"backwards", slices.Reverse[[]string], "first"},
	} {
		s, drop := universe(t, rules(spliotest.Rules{Order: c.order}))
		arrive(t, drop, "acme_contacts_crm_20250314_2.csv", "email;tier\n"+ann+";second\n")
		arrive(t, drop, "acme_contacts_crm_20250314.csv", "email;tier\n"+ann+";first\n")
		imports(t, s)
		if got := strings.Join(contacts(s), ""); got != ann+" tier="+c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestSameName: a file with the name of an earlier one is read again, or not.
func TestSameName(t *testing.T) {
	for _, once := range []bool{false, true} {
		s, drop := universe(t, rules(spliotest.Rules{OncePerName: once}))
		arrive(t, drop, crm, "email;tier\n"+ann+";gold\n")
		imports(t, s)
		arrive(t, drop, crm, "email;tier\n"+ann+";silver\n")
		results, want := imports(t, s), "silver"
		if once {
			want = "gold"
			equal(t, "results", results, []string{"skipped: a file of this name was read before"})
		}
		equal(t, "contacts", contacts(s), []string{ann + " tier=" + want})
		equal(t, "files", drop.Names(), nil)
		arrive(t, drop, crm, "email;tier\n"+ann+";silver\n")
		if got := imports(t, s); len(got) != 1 || strings.HasPrefix(got[0], "skipped") != once {
			t.Errorf("the same file once more: %q", got)
		}
	}
}
