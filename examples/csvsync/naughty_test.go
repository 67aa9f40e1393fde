package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const naughtyMapping = `{"key":{"from":"email","to":"email"},"fields":[
	{"from":"first","to":"firstname"},{"from":"last","to":"lastname"},{"from":"lang","to":"language"},
	{"from":"phone","to":"cellphone","invalid":"absent"},{"from":"created","to":"dateOfCreation"},
	{"from":"points","to":"points","custom":true,"type":"integer"},{"from":"balance","to":"balance","custom":true,"type":"decimal"},
	{"from":"born","to":"born","custom":true,"type":"date"},{"from":"optin","to":"optin","custom":true,"type":"boolean"}],
	"custom":["tier","note"]}`

var naughtyFields = strings.Fields("email first last lang phone created points balance born optin tier note")

// naughtyContact is one by field; what has no member is empty.
type naughtyContact map[string]string

var naughty = slices.Concat(
	// Marks that do not show, and letters that are more than they seem.
	[]string{
		"\u202eright to left\u202c", "\u2066isolated\u2069", "مرحبا بالعالم", "שלום", "zero\u200bwidth\u200c\u200d\u2060", "\u200e\u200f", "soft\u00adhyphen",
		"\ufeffbefore", "in\ufeffside", "after\ufeff", "\ufeff", "e\u0301", "\u0301alone", "Ｆｕｌｌ", "ﬁ", "İıſK", "ǅ", "ß", "\u00a0", "a\u00a0b", "\u3000",
		"👨‍👩‍👧‍👦", "👩🏽‍💻🏳️‍🌈", strings.Repeat("👨‍👩‍👧‍👦", 60), "🇫🇷🇵🇹", "1️⃣", "\U0010ffff", "\ufffe", "\ue000", "\ufffd", "𝕿𝖍𝖊", "田中さん", "찦차",
		zalgo("zalgo", 3), strings.Repeat(zalgo("he comes", 12), 4), zalgo("x", 300),
	},
	// Bytes that are no text, and control characters.
	[]string{
		"\x00", "a\x00b", "\x00\x00\x00", "\x01\x02\x1f\x7f", "\x1b[31mred\x1b[0m", "bell\a", "\u0080\u009f", "\xff\xfe", "\xc3", "caf\xe9", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80",
		"a\rb", "\r", "\r\r", "a\r\nb", "a\nb\n", "\n", "a\u2028b", "\u2029", "a\u0085b", "a\tb", "\t", "\va\f", " \r\n ",
	},
	// What has a meaning elsewhere.
	[]string{
		"NULL", "null", " NULL ", "Null", "N\x00ULL", "\\N", "nil", "None", "undefined", "NaN", "nan", "Infinity", "-inf", "true", "FALSE", "#N/A", "(null)",
		"=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1:A2)", "\t=1", "=HYPERLINK(\"http://example.com\";\"x\")", "%0a", "%s%n", "${jndi:ldap://x}", "{{7*7}}",
		"'; DROP TABLE contacts; --", "1' OR '1'='1", "\" OR \"\"=\"", "Robert'); --", "<script>alert(1)</script>", "&lt;b&gt;", "../../etc/passwd", "C:\\dir\\", "$(touch x)", "`id`",
		"a;b", ";", ";;;;;;;;;;;;;;", "a,b", "a|b", "email;firstname", "#comment", "sep=;", "--", "...",
	},
	// Quotes and backslashes.
	quoted(),
	// Long ones.
	[]string{
		strings.Repeat("a", 255), strings.Repeat("a", 256), strings.Repeat("é", 255), strings.Repeat("é", 256), strings.Repeat("e\u0301", 256), strings.Repeat("a", 100_000),
		strings.Repeat("\"", 254), strings.Repeat("\"", 300), strings.Repeat("\\\"", 200), strings.Repeat(";", 256), strings.Repeat("a", 254) + "\\\"", strings.Repeat("a", 254) + "; ",
		strings.Repeat("a", 254) + "\u0301\u0301", strings.Repeat(" ", 300), strings.Repeat("\n", 300), strings.Repeat("\x00", 300) + "a", strings.Repeat("💾", 256),
	},
	// Numbers.
	[]string{
		"0", "-0", "+0", "-0.0", "-0.001", "0.005", "-0.005", "00012", "+007", "1.0", "1.50", ".5", "5.", "1e3", "1E400", "0x1F", "1_000", "1,5", "1 000", "1.000,00", "١٢٣", "½", "1/2", "1-2",
		strings.Repeat("9", 29), strings.Repeat("9", 30), strings.Repeat("9", 31), strings.Repeat("9", 30) + ".995", strings.Repeat("9", 5000), "0." + strings.Repeat("9", 300), "9223372036854775808",
	},
	// Dates: impossible ones, and hours that clocks skip or show twice.
	[]string{
		"2026-02-29", "2024-02-29", "2026-02-30", "2026-13-01", "2026-00-10", "0000-00-00", "0000-00-00 00:00:00", "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "9999-12-31T23:59:59Z",
		"9999-12-31T23:59:59-12:00", "10000-01-01", "-2026-01-01", "2026-03-29 02:30:00", "2026-03-29T02:30", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z",
		"2026-03-29T01:00:00Z", "2016-12-31T23:59:60Z", "2026-01-01 24:00:00", "2026-01-01T10:00:00+25:00", "2026-01-01T10:00:00+0530", "20260101", "2026101", "01/02/2026", "1767225600", "1900-01-01",
		"1911-03-10T23:59:00Z", "1582-10-10", "today", "2026-W01-1",
	},
	// Phones and languages.
	[]string{
		"+33 6 12 34 56 78", "0033612345678", "+33 (0)6.12-34/56", "+0612345678", "+", "00", "++33612345678", "+33612345678 ext. 5", "+1234567", "+123456", "+123456789012345", "+1234567890123456",
		"0612345678", "tel:+33612345678", "+33\u00a06\u202f12 34 56 78", "+３３６１２３４５６７８", "\u202a+33612345678\u202c", "pt", "pt-BR", "PT_br", "zh-Hant-TW", "cs", "ell", "kor", "French", "fr-", "-fr", "fr fr",
	},
)

func zalgo(text string, marks int) string {
	var b strings.Builder
	for i, r := range text {
		b.WriteRune(r)
		for k := range marks {
			b.WriteRune(rune(0x300 + (i*31+k*7)%0x6f))
		}
	}
	return b.String()
}

// quoted is every text of up to four of these characters.
func quoted() []string {
	all := []string{""}
	for from := 0; len(all[len(all)-1]) < 4; {
		upTo := len(all)
		for _, text := range all[from:upTo] {
			for _, c := range []string{`"`, `\`, ";", " ", "a"} {
				all = append(all, text+c)
			}
		}
		from = upTo
	}
	return all[1:]
}

// Addresses, and what becomes of the good ones; the bad ones are rejected.
var (
	goodAddresses = map[string]string{
		"simple@example.com":                        "simple@example.com",
		" Padded@Example.COM\t":                     "padded@example.com",
		"very.common+tag@sub.example.co.uk":         "very.common+tag@sub.example.co.uk",
		"o'neil@example.com":                        "o'neil@example.com",
		"x@example.com":                             "x@example.com",
		"a!#$%&'*+-/=?^_`{|}~b@example.com":         "a!#$%&'*+-/=?^_`{|}~b@example.com",
		"user@xn--bcher-kva.example":                "user@xn--bcher-kva.example",
		"user@bücher.example":                       "user@bücher.example",
		"JOSÉ@example.com":                          "josé@example.com",
		"jose\u0301.e@example.com":                  "josé.e@example.com",
		"1234567890@example.com":                    "1234567890@example.com",
		"_______@example.com":                       "_______@example.com",
		"a@one-dash.example":                        "a@one-dash.example",
		"\u200bhidden@example.com\u200e":            "hidden@example.com",
		"=formula@example.com":                      "=formula@example.com",
		strings.Repeat("l", 64) + "@example.com":    strings.Repeat("l", 64) + "@example.com",
		"h@" + strings.Repeat("d", 63) + ".example": "h@" + strings.Repeat("d", 63) + ".example",
		"null@example.com":                          "null@example.com",
	}
	badAddresses = []string{
		"", " ", "plain", "@", "a@", "@example.com", "a@b@example.com", "a@localhost", "a@example", "a b@example.com", "a@exa mple.com", "a..b@example.com", ".a@example.com", "a.@example.com",
		"a@.example.com", "a@example..com", "a@example.com.", "a@-example.com", "a@example-.com", "a@example.123", "a@127.0.0.1", "a@[127.0.0.1]", "a@[IPv6:::1]", `"a b"@example.com`, `"a"@example.com`,
		"Ann <ann@example.com>", "mailto:a@example.com", "a@example.com, b@example.com", "a@example.com;b@example.com", "a(comment)@example.com", "a@example_dom.com", "a\\@example.com", "a@exam\u200bple.com",
		"a\u202e@example.com", "a\x00@example.com", "a@example.com\nb@example.com", "a@exam\nple.com", "a\xff@example.com", strings.Repeat("l", 65) + "@example.com", "h@" + strings.Repeat("d", 64) + ".example",
		strings.Repeat("l", 50) + "@" + strings.Repeat("d", 42) + ".example", "a@example.c\u2028om", "NULL", "a@例え。テスト", "a,b@example.com", "a@example,com", "a\ufeff@example.com",
	}
)

// crm makes contacts as a CRM exports them, with what is to become of each.
func crm(n int) (contacts []naughtyContact, want []map[string]string) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	languages := map[string]string{
		"fr_FR": "fr", "pt_PT": "", "en-GB": "en", "FRA": "fr", "zh-Hant": "zh", "pt_BR": "br", "cs-CZ": "cz", "EL": "gr", "ko": "kr", "de": "de", "": "", "Français": "", "es-419": "es", "NLD": "nl",
	}
	spoken := []string{"fr_FR", "pt_PT", "en-GB", "FRA", "zh-Hant", "pt_BR", "cs-CZ", "EL", "ko", "de", "", "Français", "es-419", "NLD"}
	for i := range n {
		first, last := pick("Zoë", "José", "Anne-Marie", "Nguyễn", "李", "O'Brien", ""), pick("Müller", "D'Arc; Jr", `"Ace"`, "van der Berg", "Łukasz", "")
		email := fmt.Sprintf("contact.%d@example.com", i)
		c := naughtyContact{"email": email, "first": first, "last": last, "note": ""}
		w := map[string]string{"email": email, "firstname": first, "lastname": last}
		if r.IntN(3) == 0 {
			c["email"] = strings.ToUpper(email)
		}
		c["lang"] = pick(spoken...)
		w["language"] = languages[c["lang"]]
		c["tier"] = pick("", "", "gold", "SILVER")
		w["tier"] = c["tier"]
		number := fmt.Sprintf("6%08d", r.IntN(100_000_000))
		switch spaced := number[:1] + " " + number[1:5] + " " + number[5:]; r.IntN(6) {
		case 0: // none
			w["cellphone"] = ""
		case 1: // national: it does not say of what country
			c["phone"] = "0" + spaced
		case 2:
			c["phone"], w["cellphone"] = "+33 "+spaced, "0033"+number
		case 3:
			c["phone"], w["cellphone"] = "+33 (0)"+strings.ReplaceAll(spaced, " ", "."), "0033"+number
		case 4:
			c["phone"], w["cellphone"] = "0033"+number, "0033"+number
		case 5:
			c["phone"], w["cellphone"] = "+351-"+number, "00351"+number
		}
		at := time.Unix(r.Int64N(2_000_000_000), 0).UTC()
		day := at.Format("2006-01-02")
		switch r.IntN(6) {
		case 0:
		case 1:
			c["created"], w["dateOfCreation"] = at.Format(time.RFC3339), at.In(paris).Format("2006-01-02 15:04:05")
		case 2:
			c["created"], w["dateOfCreation"] = at.Format("2006-01-02 15:04"), at.Format("2006-01-02 15:04")+":00"
		case 3:
			c["created"], w["dateOfCreation"] = at.Format("20060102"), day+" 00:00:00"
		case 4:
			c["created"] = at.Format("02/01/2006") // or is the month first?
		case 5:
			c["created"], w["dateOfCreation"] = at.Format("2006-01-02T15:04:05")+".999+05:30", at.Add(-330*time.Minute).In(paris).Format("2006-01-02 15:04:05")
		}
		c["born"], w["born"] = day, day
		points := r.Int64N(1000) - 100
		c["points"], w["points"] = fmt.Sprintf("%+05d", points), fmt.Sprint(points)
		cents := r.Int64N(100_000)
		c["balance"], w["balance"] = fmt.Sprintf("%d.%02d0", cents/100, cents%100), fmt.Sprintf("%d.%02d", cents/100, cents%100)
		c["optin"] = pick("yes", "no", "1", "0", "True", "F", "")
		w["optin"] = map[string]string{"yes": "1", "1": "1", "True": "1", "no": "0", "0": "0", "F": "0"}[c["optin"]]
		contacts, want = append(contacts, c), append(want, w)
	}
	return contacts, want
}

// segmentOf writes contacts as a segment, in the form that the name of the file says.
func segmentOf(t *testing.T, name string, contacts []naughtyContact) string {
	t.Helper()
	var b bytes.Buffer
	if isNDJSON(name) {
		objects := json.NewEncoder(&b)
		for _, c := range contacts {
			if err := objects.Encode(c); err != nil { // a line each
				t.Fatal(err)
			}
		}
		return b.String()
	}
	rows := [][]string{naughtyFields}
	for _, c := range contacts {
		var row []string
		for _, field := range naughtyFields {
			row = append(row, c[field])
		}
		rows = append(rows, row)
	}
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever a segment holds, what is delivered holds up under the rules, and nothing is lost without being counted.
func TestNaughty(t *testing.T) {
	for _, file := range []string{"segment.csv", "segment.ndjson"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.setMapping(naughtyMapping)
			b.segment = filepath.Join(filepath.Dir(b.segment), file)

			contacts, want := crm(2000)
			texts := make(map[string]string) // what is naughty about a contact, by key
			for i, s := range naughty {
				key := fmt.Sprintf("naughty.%d@example.com", i)
				texts[key] = s
				c := naughtyContact{"email": key}
				for _, field := range naughtyFields[1:] {
					c[field] = s
				}
				contacts = append(contacts, c, naughtyContact{"email": s, "first": "by key"})
			}
			for raw := range goodAddresses {
				contacts = append(contacts, naughtyContact{"email": raw, "first": "good"})
			}
			for _, raw := range badAddresses {
				contacts = append(contacts, naughtyContact{"email": raw, "first": "bad"})
			}
			// Twins: the first say the same, the others do not.
			contacts = append(contacts, contacts[0], contacts[1], naughtyContact{"email": "twin@example.com", "first": "A"}, naughtyContact{"email": "TWIN@example.com", "first": "B"})
			b.setSegment(segmentOf(t, file, contacts))

			flags := []string{"-insert", "-rejects", b.rejectsName(), "-brake", "rejected=off,column-invalid=off", "-columns", "tier,note,points:integer,balance:decimal,born:date,optin:boolean"}
			b.sync(append(flags, day1)...).want(t, statusDone)
			got := readDelivery(t, b)
			r := b.counts()
			if r.Read != int64(len(contacts)) || r.Inserted != int64(len(got)) || r.Duplicate != 2 || r.Read != r.Rejected+r.Duplicate+r.Inserted {
				t.Errorf("%d contacts, %d delivered, but the report says: read %d, rejected %d, duplicate %d, inserted %d", len(contacts), len(got), r.Read, r.Rejected, r.Duplicate, r.Inserted)
			}

			for i, w := range want {
				row := got[w["email"]]
				for column, cell := range w {
					if row[column] != cell {
						t.Errorf("contact %d of the CRM: column %s is %q, want %q", i, column, row[column], cell)
					}
				}
				if _, ok := row["cellphone"]; ok && contacts[i]["phone"] != "" && w["cellphone"] == "" {
					t.Errorf("contact %d of the CRM: a phone that is absent has the cell %q", i, row["cellphone"])
				}
			}
			for key, s := range texts {
				if got[key] == nil {
					t.Errorf("the contact with %.40q is not delivered", s)
				}
				for _, column := range []string{"firstname", "lastname", "tier", "note"} {
					cell := got[key][column]
					if plain(s) && cell != s {
						t.Errorf("column %s is %.40q, want %.40q as it is", column, cell, s)
					}
					if isNull(cell) && !isNull(s) {
						t.Errorf("column %s reads NULL and was %.40q", column, s)
					}
				}
			}
			for raw, key := range goodAddresses {
				if got[key]["firstname"] != "good" {
					t.Errorf("the address %q is not delivered as %q", raw, key)
				}
			}
			sent := int64(len(want) + len(texts) + len(goodAddresses))
			for key, row := range got {
				switch row["firstname"] {
				case "bad":
					t.Errorf("the bad address %q is delivered", key)
				case "by key":
					t.Errorf("the text %q passes for an address", key)
				}
			}
			if r.Inserted != sent {
				t.Errorf("inserted %d, want %d", r.Inserted, sent)
			}

			// Those that were rejected are all in the file, and none of them gets in by being fed back.
			if rejected := readKeysOf(t, b); int64(rejected) != r.Rejected {
				t.Errorf("%d in the file of rejects, %d rejected", rejected, r.Rejected)
			}
			before := names(t, b.drop)
			b.sync(append(flags, day2)...).want(t, statusDone, "nothing to send")
			if again := b.counts(); again.Unchanged != r.Inserted || again.Rejected != r.Rejected {
				t.Errorf("the second run: %+v", again)
			}
			fed := filepath.Join(filepath.Dir(b.segment), "fed.csv")
			if err := os.Rename(b.rejectsName(), fed); err != nil {
				t.Fatal(err)
			}
			b.segment = fed
			b.sync(append(flags, day3, "-partial")...).want(t, statusDone, "nothing to send")
			if back := b.counts(); back.Rejected != r.Rejected || back.Read != r.Rejected || back.Left != 0 {
				t.Errorf("the rejects fed back: %+v", back)
			}
			if !slices.Equal(before, names(t, b.drop)) {
				t.Error("a run that sends nothing made a file")
			}
		})
	}
}

func readKeysOf(t *testing.T, b *bench) int {
	t.Helper()
	c := csv.NewReader(strings.NewReader(b.rejects()))
	c.Comma = ';'
	c.FieldsPerRecord = len(naughtyFields) + 3
	rows, err := c.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return len(rows) - 1
}

// plain says that nothing in a text has to change.
func plain(s string) bool {
	return utf8.ValidString(s) && norm.NFC.IsNormalString(s) && utf8.RuneCountInString(s) <= 255 && !strings.Contains(s, `\`) &&
		!strings.HasPrefix(s, "\ufeff") && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

// isNull says that a reader may take a text for NULL, however it is wrapped.
func isNull(s string) bool {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	return strings.EqualFold(s, "null")
}
