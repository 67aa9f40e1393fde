package spliotest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio/spliotest"
)

// rules returns a change of the options.
func rules(r spliotest.Rules) func(*spliotest.Options) {
	return func(o *spliotest.Options) { o.Rules = r }
}

func customKey(o *spliotest.Options) { o.Key, o.KeyField = "customer_key", "tier" }

const ann, bob = "ann@example.com", "bob@example.org"

// TestFile has a case for each rule about a file, and each other reading of it.
// The universe has ann with the first name Ann before.
func TestFile(t *testing.T) {
	const before = ann + " firstname=Ann"
	updated := "1 rows: 0 created, 1 updated, 0 deleted, 0 ignored, 0 skipped"
	created := "1 rows: 1 created, 0 updated, 0 deleted, 0 ignored, 0 skipped"
	skipped := "1 rows: 0 created, 0 updated, 0 deleted, 0 ignored, 1 skipped"
	ignored := "1 rows: 0 created, 0 updated, 0 deleted, 1 ignored, 0 skipped"
	good := "email;firstname\n" + ann + ";Anna\n"
	anna := ann + " firstname=Anna"
	for _, c := range []struct {
		name    string
		change  func(*spliotest.Options)
		file    string
		content string
		results []string
		table   string // of ann; before when empty
	}{
		// The name.
		{"another universe", nil, "ac_contacts_crm_20250314.csv", good, []string{"skipped: the name does not begin with the name of the universe"}, ""},
		{"a universe with _", func(o *spliotest.Options) { o.Universe = "acme_fr" }, "acme_fr_contacts_crm_20250314.csv", good, []string{updated}, anna},
		{"another scope", nil, "acme_stores_crm_20250314.csv", good, []string{"skipped: the scope in the name is unknown"}, ""},
		{"another sub-sequence", nil, "acme_contacts_leads_20250314.csv", good, []string{"skipped: the sub-sequence in the name is unknown"}, ""},
		{"a sub-sequence in another case", nil, "acme_contacts_CRM_20250314.csv", good, []string{"skipped: the sub-sequence in the name is unknown"}, ""},
		{"a sub-sequence of another scope", nil, "acme_deletecontacts_crm_20250314.csv", "email\n" + ann, []string{"skipped: the sub-sequence in the name is unknown"}, ""},
		{"no date", nil, "acme_contacts_crm.csv", good, []string{"skipped: the name is not that of a universe, a scope, a sub-sequence and a date"}, ""},
		{"a day that is none", nil, "acme_contacts_crm_20250230.csv", good, []string{"skipped: the date in the name is none"}, ""},
		{"a suffix", nil, "acme_contacts_crm_20250314_2.csv", good, []string{updated}, anna},
		{"no suffix", rules(spliotest.Rules{NoSuffix: true}), crm, good, []string{updated}, anna},
		{"a suffix that is not known", rules(spliotest.Rules{NoSuffix: true}), "acme_contacts_crm_20250314_2.csv", good, []string{"skipped: the name goes on after the date"}, ""},
		{"an empty suffix", nil, "acme_contacts_crm_20250314_.csv", good, []string{"skipped: the name goes on after the date"}, ""},
		{"a temporary name", nil, crm + ".part", good, nil, ""},
		{"no extension", nil, "acme_contacts_crm_20250314", good, nil, ""},

		// The bytes.
		{"no bytes", nil, crm, "", []string{"skipped: it has no header"}, ""},
		{"a byte order mark", nil, crm, "\ufeff" + good, []string{"skipped: it begins with a byte order mark"}, ""},
		{"Latin-1", nil, crm, good + "\xe9", []string{"skipped: it is not UTF-8"}, ""},
		{"commas", nil, crm, "email,firstname\n", []string{`skipped: the header has an unknown column "email,firstname"`}, ""},
		{"no line end at the end", nil, crm, strings.TrimSuffix(good, "\n"), []string{updated}, anna},
		{"CR LF", nil, crm, strings.ReplaceAll(good, "\n", "\r\n"), []string{updated}, anna},
		{"only LF", rules(spliotest.Rules{LineEnds: spliotest.OnlyLF}), crm, good, []string{updated}, anna},
		{"CR LF where only LF is known", rules(spliotest.Rules{LineEnds: spliotest.OnlyLF}), crm, strings.ReplaceAll(good, "\n", "\r\n"), []string{`skipped: the header has an unknown column "firstname\r"`}, ""},
		{"only CR LF", rules(spliotest.Rules{LineEnds: spliotest.OnlyCRLF}), crm, strings.ReplaceAll(good, "\n", "\r\n"), []string{updated}, anna},
		{"LF where only CR LF is known", rules(spliotest.Rules{LineEnds: spliotest.OnlyCRLF}), crm, good, []string{`skipped: the header has an unknown column "firstname\nann@example.com"`}, ""},
		{"as many lines as possible", rules(spliotest.Rules{MaxLines: 2}), crm, good, []string{updated}, anna},
		{"too many lines", rules(spliotest.Rules{MaxLines: 2}), crm, good + bob + ";", []string{"skipped: it has more than 2 lines"}, ""},
		{"a header that is not counted", rules(spliotest.Rules{MaxLines: 1, HeaderNotCounted: true}), crm, good, []string{updated}, anna},
		{"too many lines without the header", rules(spliotest.Rules{MaxLines: 1, HeaderNotCounted: true}), crm, good + bob + ";", []string{"skipped: it has more than 1 lines"}, ""},
		{"the documented limit", nil, crm, good + strings.Repeat(";\n", 199_999), []string{"skipped: it has more than 200000 lines"}, ""},
		{"the documented limit of deletions", nil, gone, "email\n" + strings.Repeat("x\n", 100_000), []string{"skipped: it has more than 100000 lines"}, ""},

		// The header.
		{"an unknown column", nil, crm, "email;Firstname\n" + ann + ";Anna", []string{`skipped: the header has an unknown column "Firstname"`}, ""},
		{"an empty name", nil, crm, "email;\n" + ann + ";Anna", []string{`skipped: the header has an unknown column ""`}, ""},
		{"no key", nil, crm, "firstname\nAnna", []string{`skipped: the header lacks the mandatory column "email"`}, ""},
		{"a key of another universe", nil, crm, "email;customer_key\n", []string{`skipped: the header has an unknown column "customer_key"`}, ""},
		{"a column twice", nil, crm, "email;firstname;firstname\n", []string{`skipped: the header has the column "firstname" twice`}, ""},
		{"a column by both names", nil, crm, "email;spent;c2\n", []string{`skipped: the header has the column "c2" twice`}, ""},
		{"quoted names, another order", nil, crm, "\"firstname\";email\nAnna;" + ann, []string{updated}, anna},
		{"a header with wrong quotes", nil, crm, "email;\"firstname\n", []string{"skipped: the header has a quote that is not closed"}, ""},
		{"a custom field by name", nil, crm, "email;tier;spent\n" + ann + ";gold;1.5", []string{updated}, before + " spent=1.50 tier=gold"},
		{"a custom field by id", nil, crm, "email;c1;c2\n" + ann + ";7;1.5", []string{updated}, ann + " c1=7 firstname=Ann spent=1.50"},
		{"names alone, by name", rules(spliotest.Rules{Headers: spliotest.NameHeader}), crm, "email;spent\n" + ann + ";1.5", []string{updated}, before + " spent=1.50"},
		{"names alone, by id", rules(spliotest.Rules{Headers: spliotest.NameHeader}), crm, "email;c2\n" + ann + ";1.5", []string{`skipped: the header has an unknown column "c2"`}, ""},
		{"ids alone, by name", rules(spliotest.Rules{Headers: spliotest.IDHeader}), crm, "email;spent\n" + ann + ";1.5", []string{`skipped: the header has an unknown column "spent"`}, ""},
		{"ids alone, by id", rules(spliotest.Rules{Headers: spliotest.IDHeader}), crm, "email;c2\n" + ann + ";1.5", []string{updated}, before + " spent=1.50"},

		// What a sub-sequence may do.
		{"a header alone", nil, crm, "email\n", []string{"0 rows: 0 created, 0 updated, 0 deleted, 0 ignored, 0 skipped"}, ""},
		{"update", nil, update, good, []string{updated}, anna},
		{"update of nobody", nil, update, "email\n" + bob, []string{ignored}, ""},
		{"create who is there", nil, create, good, []string{ignored}, ""},
		{"an absent column", nil, crm, "email;lastname\n" + ann + ";Lee", []string{updated}, before + " lastname=Lee"},
		{"an empty cell that keeps", nil, crm, "email;firstname\n" + ann + ";", []string{updated}, ""},
		{"an empty cell that erases", nil, erase, "email;firstname\n" + ann + ";", []string{updated}, ann},
		{"NULL is a name", nil, erase, "email;firstname\n" + ann + ";NULL", []string{updated}, ann + " firstname=NULL"},
		{"NULL is empty", rules(spliotest.Rules{NullIsEmpty: true}), erase, "email;firstname\n" + ann + ";Null", []string{updated}, ann},
		{"a key that is NULL", func(o *spliotest.Options) { customKey(o); o.Rules.NullIsEmpty = true }, crm, "customer_key\nNULL", []string{skipped, "line 2, column customer_key: the mandatory value is missing ()"}, before + " tier=" + ann},
		{"delete", nil, gone, "email\n" + ann, []string{"1 rows: 0 created, 0 updated, 1 deleted, 0 ignored, 0 skipped"}, "none"},
		{"delete nobody", nil, gone, "email\n" + bob, []string{ignored}, ""},
		{"delete with another column", nil, gone, "email;firstname\n" + ann + ";", []string{`skipped: the header has an unknown column "firstname"`}, ""},
		{"with an address", func(o *spliotest.Options) { customKey(o); o.Rules.NeedAddress = true }, crm, "customer_key;cellphone\nK1;0033639980101", []string{created}, before + " tier=" + ann},
		{"without an address", func(o *spliotest.Options) { customKey(o); o.Rules.NeedAddress = true }, crm, "customer_key;cellphone\nK1;", []string{skipped, "line 2: a new contact with neither an e-mail nor a phone number (K1)"}, before + " tier=" + ann},
		{"an address that is the key", rules(spliotest.Rules{NeedAddress: true}), crm, "email\n" + bob, []string{created}, ""},
		{"without an address, by default", customKey, crm, "customer_key\nK1", []string{created}, before + " tier=" + ann},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, drop := universe(t, c.change)
			if err := s.Put(spliotest.Contact{Key: ann, Fields: map[string]string{"firstname": "Ann"}}); err != nil {
				t.Fatal(err)
			}
			arrive(t, drop, c.file, c.content)
			equal(t, "results", imports(t, s), c.results)
			table := contacts(s)
			table = slices.DeleteFunc(table, func(l string) bool { return !strings.HasPrefix(l, ann) })
			want := []string{before}
			if c.table == "none" {
				want = nil
			} else if c.table != "" {
				want = []string{c.table}
			}
			equal(t, "contacts", table, want)
		})
	}
}

// TestRow has a case for each rule about a row, and each other reading of it, in
// files with the columns given.
func TestRow(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*spliotest.Options)
		header string
		rows   string
		reason string // of the skip; or
		table  string // what comes of it
	}{
		{"too few columns", nil, "email;tier", ann, "1 columns, where the header has 2", ""},
		{"too many columns", nil, "email;tier", ann + ";x;", "3 columns, where the header has 2", ""},
		{"a blank line", nil, "email;tier", "", "1 columns, where the header has 2", ""},
		{"no key", nil, "email;tier", ";x", "column email: the mandatory value is missing", ""},
		{"a blank key", nil, "email;tier", " ;x", "column email: the mandatory value is missing", ""},
		{"a key with a space", nil, "email;tier", `" ` + ann + `";x`, "column email: white space at an end of the key", ""},
		{"a key that is no e-mail", nil, "email;tier", "ann;x", "column email: not an e-mail address", ""},
		{"a key in upper case", nil, "email;tier", "Ann@example.com;x", "column email: an e-mail address with upper-case letters", ""},
		{"upper case is another key", rules(spliotest.Rules{AnyCase: true}), "email;tier", "Ann@example.com;x", "", "Ann@example.com tier=x"},
		{"the longest key", nil, "email", strings.Repeat("a", 88) + "@example.com", "", strings.Repeat("a", 88) + "@example.com"},
		{"a longer key", nil, "email", strings.Repeat("a", 89) + "@example.com", "column email: longer than 100 characters", ""},

		{"a key of a custom field", customKey, "customer_key;email", "K1;" + ann, "", "K1 email=" + ann + " tier=K1"},
		{"a longer custom key", customKey, "customer_key", strings.Repeat("k", 101), "column customer_key: longer than 100 characters", ""},
		{"a key that is repeated", customKey, "customer_key;tier", "K1;K1", "", "K1 tier=K1"},
		{"a key that is contradicted", customKey, "customer_key;tier", "K1;K2", "column tier: not the value of customer_key, which stands for this field", ""},
		{"a key of a type", func(o *spliotest.Options) { o.Key, o.KeyField = "customer_key", "c1" }, "customer_key", "K1", "column customer_key: not a whole number", ""},
		{"a phone number as the key", func(o *spliotest.Options) { o.Key = "cellphone" }, "cellphone;email", "0033639980101;" + ann, "", "0033639980101 email=" + ann},

		{"the longest text", nil, "email;tier", ann + ";" + strings.Repeat("é", 255), "", ann + " tier=" + strings.Repeat("é", 255)},
		{"longer text", nil, "email;tier", ann + ";" + strings.Repeat("é", 256), "column tier: longer than 255 characters", ""},
		{"longer text in bytes", rules(spliotest.Rules{CountBytes: true}), "email;tier", ann + ";" + strings.Repeat("é", 128), "column tier: longer than 255 bytes", ""},
		{"text with a tab", nil, "email;tier", ann + ";a\tb", "column tier: a line break or another control character", ""},
		{"text with a line separator", nil, "email;tier", ann + ";a\u2028b", "column tier: a line break or another control character", ""},
		{"a bad cell alone", rules(spliotest.Rules{BadCellAlone: true}), "email;c1;tier", ann + ";x;gold", "", ann + " tier=gold"},
		{"a bad key alone", rules(spliotest.Rules{BadCellAlone: true}), "email;tier", "ann;gold", "column email: not an e-mail address", ""},

		{"a whole number", nil, "email;c1", ann + ";-12", "", ann + " c1=-12"},
		{"a fraction", nil, "email;c1", ann + ";1.0", "column c1: not a whole number", ""},
		{"a double", nil, "email;c2", ann + ";149.9", "", ann + " spent=149.90"},
		{"a double without places", nil, "email;c2", ann + ";-7", "", ann + " spent=-7.00"},
		{"a decimal comma", nil, "email;c2", ann + ";1,5", "column c2: not a number with a dot and at most two places", ""},
		{"three places", nil, "email;c2", ann + ";1.555", "column c2: not a number with a dot and at most two places", ""},
		{"a date", nil, "email;born", ann + ";1990-05-21", "", ann + " born=1990-05-21"},
		{"a time", nil, "email;dateOfCreation", ann + ";2025-03-14 09:30:00", "", ann + " dateOfCreation=2025-03-14 09:30:00"},
		{"a date that does not exist", nil, "email;born", ann + ";1990-02-30", "column born: not a date", ""},
		{"a time with a fraction", nil, "email;born", ann + ";2025-03-14 09:30:00.5", "column born: not a date", ""},
		{"eight digits", nil, "email;dateOfCreation", ann + ";20250314", "column dateOfCreation: not a date", ""},
		{"eight digits by a layout", rules(spliotest.Rules{DateLayouts: []string{"20060102"}}), "email;dateOfCreation", ann + ";20250314", "", ann + " dateOfCreation=20250314"},
		{"a language", nil, "email;language", ann + ";cz", "", ann + " language=cz"},
		{"a language of none", nil, "email;language", ann + ";cs", "column language: not one of the languages", ""},
		{"a language in upper case", nil, "email;language", ann + ";FR", "column language: not one of the languages", ""},
		{"a phone number", nil, "email;cellphone", ann + ";0033639980101", "", ann + " cellphone=0033639980101"},
		{"a national number", nil, "email;cellphone", ann + ";0639980101", "column cellphone: not 00, a country code and a number", ""},
		{"a plus", nil, "email;cellphone", ann + ";+33639980101", "column cellphone: not 00, a country code and a number", ""},
		{"any phone number", rules(spliotest.Rules{AnyPhone: true}), "email;cellphone", ann + ";+33 6", "", ann + " cellphone=+33 6"},
		{"a longer phone number", nil, "email;cellphone", ann + ";00" + strings.Repeat("1", 29), "column cellphone: longer than 30 characters", ""},

		{"lists", nil, "email;subscriptions", ann + ";+4,+63,-0", "", ann + " [4 63]"},
		{"no list", nil, "email;subscriptions", ann + ";", "", ann},
		{"a bare id", nil, "email;subscriptions", ann + ";4", "column subscriptions: not signed list ids with commas between them", ""},
		{"a space", nil, "email;subscriptions", ann + ";+4, +0", "column subscriptions: not signed list ids with commas between them", ""},
		{"a sign alone", nil, "email;subscriptions", ann + ";+", "column subscriptions: a list that the universe does not have", ""},
		{"an unknown list", nil, "email;subscriptions", ann + ";+1", "column subscriptions: a list that the universe does not have", ""},
		{"a list beyond", func(o *spliotest.Options) { o.Lists = nil }, "email;subscriptions", ann + ";+64", "column subscriptions: a list that the universe does not have", ""},
		{"any list", func(o *spliotest.Options) { o.Lists = nil }, "email;subscriptions", ann + ";+1", "", ann + " [1]"},
		{"a list twice", nil, "email;subscriptions", ann + ";+4,-4", "column subscriptions: a list that is there twice", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, drop := universe(t, c.change)
			arrive(t, drop, crm, c.header+"\n"+c.rows+"\n")
			got := imports(t, s)
			if c.reason != "" {
				if len(got) != 2 || !strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(got[1], "line 2: "), "line 2, "), c.reason+" (") {
					t.Errorf("results %q, want a row skipped: %s", got, c.reason)
				}
				equal(t, "contacts", contacts(s), nil)
				return
			}
			equal(t, "contacts", contacts(s), []string{c.table})
		})
	}
}

// TestBadCellAlone: the cell is reported, and the contact keeps what it had.
func TestBadCellAlone(t *testing.T) {
	s, drop := universe(t, rules(spliotest.Rules{BadCellAlone: true}))
	arrive(t, drop, crm, "email;c1\n"+ann+";7\n")
	imports(t, s)
	arrive(t, drop, erase, "email;c1;tier\n"+ann+";x;gold\n")
	equal(t, "results", imports(t, s), []string{
		"1 rows: 0 created, 1 updated, 0 deleted, 0 ignored, 0 skipped",
		"cell: line 2, column c1: not a whole number (" + ann + ")",
	})
	equal(t, "contacts", contacts(s), []string{ann + " c1=7 tier=gold"})
}
