package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

// What arrived, in order.
const (
	day1      = "acme_contacts_crm_20260302.csv"
	day2      = "acme_contacts_crm_20260303.csv"
	trialOff  = "acmetrial_contacts_crmupdate_20260303.csv"
	trialOn   = "acmetrial_contacts_crm_20260303.csv"
	trialLate = "acmetrial_contacts_crm_20260303_2.csv"
)

// tell runs the story and returns its print-out and its directory.
func tell(t *testing.T) (out, dir string) {
	t.Helper()
	dir = t.TempDir()
	var b bytes.Buffer
	if err := story(t.Context(), &b, dir); err != nil {
		t.Fatal(err)
	}
	return b.String(), dir
}

func TestPrintOut(t *testing.T) {
	out, _ := tell(t)
	golden := filepath.Join("testdata", "golden.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out != string(want) {
		t.Errorf("the print-out is not that of %s; go test -update rewrites it. It is\n%s", golden, out)
	}

	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) > 120 {
		t.Errorf("%d lines are too many to enjoy", len(lines))
	}
	for i, line := range lines {
		if n := utf8.RuneCountInString(line); n > 100 {
			t.Errorf("line %d has %d characters, a terminal has 100", i+1, n)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("line %d ends in a space", i+1)
		}
	}
	for _, value := range []string{"89,90", "1990-02-30", "shared.inbox", "zbigniew"} {
		if strings.Contains(strings.ToLower(out), value) {
			t.Errorf("%q is printed: neither refused values nor the rest of the contacts belong there", value)
		}
	}
}

func TestNumbersBalance(t *testing.T) {
	out, _ := tell(t)
	balances := regexp.MustCompile(`(?m)^  (\d+) records = (.*)$`).FindAllStringSubmatch(out, -1)
	if len(balances) != 6 {
		t.Fatalf("%d runs are told of, want 6", len(balances))
	}
	for _, b := range balances {
		sum := 0
		for part := range strings.SplitSeq(b[2], " + ") {
			sum += number(t, strings.Fields(part)[0])
		}
		if sum != number(t, b[1]) {
			t.Errorf("%q does not add up: %d", b[0], sum)
		}
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLessonsAreTrue(t *testing.T) {
	_, dir := tell(t)
	segment, err := files.ReadFile(monday)
	if err != nil {
		t.Fatal(err)
	}
	arrived := delivered(t, dir, day1)
	printed := strings.Join(strings.SplitAfter(arrived, "\n")[:shown], "")
	for _, l := range lessons {
		if !strings.Contains(string(segment), ";"+l.segment) && !strings.Contains(string(segment), `;"`+l.segment+`"`) {
			t.Errorf("%q is not in the segment", l.segment)
		}
		if !strings.Contains(printed, ";"+l.file) && !strings.Contains(printed, "\n"+l.file) {
			t.Errorf("%q is not in the printed lines of the file", l.file)
		}
	}
}

func TestDropDirectory(t *testing.T) {
	_, dir := tell(t)
	entries, err := os.ReadDir(filepath.Join(dir, "server", "imports"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	want := []string{day1, day2, trialOff, trialOn, trialLate}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the server has %q, want %q", names, want)
	}
}

func delivered(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "server", "imports", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// cells takes a line apart: ";" between cells, quotes around those that need them, quotes inside doubled.
func cells(t *testing.T, line string) (out []string) {
	t.Helper()
	for {
		var cell strings.Builder
		rest := line
		if strings.HasPrefix(line, `"`) {
			rest = line[1:]
			for {
				before, after, closed := strings.Cut(rest, `"`)
				if !closed {
					t.Fatalf("an open quote in %q", line)
				}
				cell.WriteString(before)
				rest = after
				if !strings.HasPrefix(rest, `"`) {
					break
				}
				cell.WriteByte('"')
				rest = rest[1:]
			}
			if rest != "" && rest[0] != ';' {
				t.Fatalf("text after a closing quote in %q", line)
			}
		} else {
			before, _, _ := strings.Cut(line, ";")
			if strings.Contains(before, `"`) {
				t.Fatalf("a bare quote in %q", line)
			}
			cell.WriteString(before)
			rest = line[len(before):]
		}
		out = append(out, cell.String())
		if rest == "" {
			return out
		}
		line = rest[1:]
	}
}

const header = "email;lastname;firstname;language;cellphone;subscriptions;birthday;spent;vip;tier;interests"

// rows takes a file apart, by key, and holds it to the rules for contacts files.
func rows(t *testing.T, content string) map[string][]string {
	t.Helper()
	switch {
	case !utf8.ValidString(content):
		t.Fatal("not UTF-8")
	case strings.HasPrefix(content, "\ufeff"):
		t.Fatal("a byte order mark")
	case !strings.HasSuffix(content, "\n") || strings.HasSuffix(content, "\n\n"):
		t.Fatal("the last line does not end in one LF")
	case strings.Count(content, "email;") != 1:
		t.Fatal("not one header")
	}
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	if lines[0] != header {
		t.Fatalf("the header is %q", lines[0])
	}

	email := regexp.MustCompile(`^[^@\s]+@example\.(com|org|net)$`)
	codes := strings.Fields("ar br ca cz de en es fr gr it ja kr nl pl ru tr zh")
	phone := regexp.MustCompile(`^00[1-9][0-9]+$`)
	lists := regexp.MustCompile(`^[+-][0-9]+(,[+-][0-9]+)*$`)
	amount := regexp.MustCompile(`^[0-9]+\.[0-9]{2}$`)
	out := make(map[string][]string)
	for _, line := range lines[1:] {
		if strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("a control character in %q", line)
		}
		c := cells(t, line)
		if len(c) != strings.Count(header, ";")+1 {
			t.Fatalf("%d cells in %q", len(c), line)
		}
		valid := func(what, cell string, ok bool) {
			if cell != "" && !ok {
				t.Errorf("%s in %q", what, line)
			}
		}
		_, err := time.Parse(time.DateOnly, c[6])
		valid("not an e-mail", c[0], email.MatchString(c[0]))
		valid("upper case in the e-mail", c[0], strings.ToLower(c[0]) == c[0])
		valid("a language of its own", c[3], slices.Contains(codes, c[3]))
		valid("a phone number of its own", c[4], phone.MatchString(c[4]) && len(c[4]) <= 30)
		valid("not a change of lists", c[5], lists.MatchString(c[5]))
		valid("not a date", c[6], err == nil)
		valid("not an amount", c[7], amount.MatchString(c[7]))
		valid("not a boolean", c[8], c[8] == "0" || c[8] == "1")
		for i, cell := range c {
			null := strings.EqualFold(cell, "null") && !(i == 1 && c[0] == "zoe.null@example.com")
			valid("a NULL that nobody is called", cell, !null)
			valid("space at an end", cell, strings.TrimSpace(cell) == cell)
		}
		if c[0] == "" || out[c[0]] != nil {
			t.Errorf("no key or one that is there twice in %q", line)
		}
		out[c[0]] = c
	}
	return out
}

func TestFilesKeepTheRules(t *testing.T) {
	_, dir := tell(t)
	for name, want := range map[string]int{day1: 55, day2: 9, trialOff: 55, trialOn: 55, trialLate: 9} {
		t.Run(name, func(t *testing.T) {
			if n := len(rows(t, delivered(t, dir, name))); n != want {
				t.Errorf("%d rows, want %d", n, want)
			}
		})
	}
}

// TestEverybodyIsThere reads the segment in the simplest way and looks who can be sent.
func TestEverybodyIsThere(t *testing.T) {
	_, dir := tell(t)
	for _, c := range []struct{ segment, reason string }{
		{monday, "the first file is the whole segment"},
		{tuesday, "both files together are, but for who has left"},
	} {
		segment, err := files.ReadFile(c.segment)
		if err != nil {
			t.Fatal(err)
		}
		want := make(map[string]bool)
		for line := range strings.Lines(string(segment)) {
			part := strings.Split(line, ";")
			broken := strings.HasSuffix(line, ";chess;tennis\n")
			if len(part) > 2 && strings.Contains(part[1], "@") && !broken {
				want[strings.ToLower(part[1])] = true
			}
		}
		delete(want, "shared.inbox@example.org") // two people say that it is theirs

		got := make(map[string]bool)
		for key := range rows(t, delivered(t, dir, day1)) {
			got[key] = true
		}
		if c.segment == tuesday {
			for key := range rows(t, delivered(t, dir, day2)) {
				got[key] = true
			}
			delete(got, "victor.anselme@example.com") // left; Splio keeps him
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: sent %q, want %q: %s", c.segment, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)), c.reason)
		}
	}
}

func TestReplay(t *testing.T) {
	_, dir := tell(t)
	replay := func(names ...string) map[string][]string {
		contacts := make(map[string][]string)
		for _, name := range names {
			maps.Copy(contacts, rows(t, delivered(t, dir, name)))
		}
		return contacts
	}
	before, after := replay(day1), replay(day1, day2)
	for _, c := range []struct {
		name   string
		have   map[string][]string
		want   string // cells, joined by "|"
		reason string
	}{
		{"Léa on day 1", before, "lea.martin@example.com|Martin|Léa|fr|0033639980001|+0,+4|1990-05-21|149.90|1|silver|tea; art", "once, though two records say the same"},
		{"Léa on day 2", after, "lea.martin@example.com|Martin|Léa|fr|0033639980001|+0,+4|1990-05-21|212.40|1|gold|tea; art", "two columns changed"},
		{"Jürgen", after, `j.weiss@example.org|Weiß|Jürgen|de|00491713920002|+0,-4|1984-07-02|0.00|0||12" vinyl`, "a quote, a basic date, an upper-case e-mail"},
		{"Lucía", after, "lucia.munoz@example.net|Muñoz|Lucía|es|0033639980003|+0|1992-01-31|1280.00|1|gold|hiking sailing", "a line break, spaces, a trunk zero, a date with slashes"},
		{"Zoë", after, "zoe.null@example.com|Null|Zoë|en|00447700900004|+0,+4|1979-11-30|75.50|1|silver|", "her surname is Null"},
		{"João", after, "joao.silva@example.org|Silva|João|||+0|1988-08-08|12.00|0||surf", "a language that Splio does not list"},
		{"Gosia on day 1", before, "gosia.wojcik@example.net|Wójcik|Małgorzata|pl||+4|2001-09-09|64.25|0||film", "a national phone number"},
		{"Gosia on day 2", after, "gosia.wojcik@example.net|Wójcik|Małgorzata|pl|0033639980007|+4|2001-09-09|64.25|0||film", "an international one"},
		{"Paul", after, "paul.lefevre@example.org|Lefèvre|Paul|fr|0033639980009|+0|1971-03-17|22.00|0|bronze|", "an emptied value"},
		{"Marta", after, "marta.quintana@example.org|Quintana|Marta|es||+4||14.20|0||", "30 February"},
		{"Zofia", after, "zofia.gorska@example.org|Górska|Zofia|pl||+0|1998-02-27|24.00|0||chess; tennis", "a line that was repaired"},
		{"Maxime", after, `max.perrin@example.com|Perrin|Maxime|fr|0033639980062|+0,+4|2004-05-05|31.60|0||5" nails; DIY`, "entered on day 2, a quote and a semicolon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, _, _ := strings.Cut(c.want, "|")
			if got := strings.Join(c.have[key], "|"); got != c.want {
				t.Errorf("%s\nis   %s\nwant %s", c.reason, got, c.want)
			}
		})
	}

	if got := replay(trialOn, trialLate); !maps.EqualFunc(got, after, slices.Equal) {
		t.Error("what the trial has sent with insert mode on differs from what the two days have")
	}
	if delivered(t, dir, trialOff) != delivered(t, dir, trialOn) {
		t.Error("insert mode on does not send what insert mode off has left unconfirmed")
	}
}

func TestStateHoldsNoContacts(t *testing.T) {
	_, dir := tell(t)
	seen := 0
	for _, state := range []string{"state", "trial"} {
		err := filepath.WalkDir(filepath.Join(dir, state), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte("@example")) || bytes.Contains(data, []byte("0033639980001")) {
				t.Errorf("%s holds contacts in clear", path)
			}
			seen++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 2 {
		t.Errorf("%d files of state: is this where it is?", seen)
	}
}

func TestNothingStays(t *testing.T) {
	temp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, temp)
	}
	var out bytes.Buffer
	if err := quickstart(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if again, _ := tell(t); again != out.String() {
		t.Error("two runs print different things")
	}
	entries, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "quickstart-") || strings.HasPrefix(e.Name(), "spliosync-") {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestErrorsAreReturned(t *testing.T) {
	broken := errors.New("no paper")
	if err := story(t.Context(), brokenWriter{broken}, t.TempDir()); !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
	stopped := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	var out bytes.Buffer
	if err := story(ctx, &out, t.TempDir()); !errors.Is(err, stopped) {
		t.Errorf("a context that has ended: %v", err)
	}
}
