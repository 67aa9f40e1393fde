package lint_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio/lint"
)

var update = flag.Bool("update", false, "rewrite testdata/bad.golden")

// collect returns what was found up to the error.
func collect(found iter.Seq2[lint.Finding, error]) (out []lint.Finding, err error) {
	for f, e := range found {
		if e != nil {
			return out, e
		}
		out = append(out, f)
	}
	return out, nil
}

// options reads the flags of a directory of the corpus, which are those of spliolint.
func options(t *testing.T, dir string) (o lint.Options) {
	t.Helper()
	flags, err := os.ReadFile(filepath.Join(dir, "flags"))
	if errors.Is(err, os.ErrNotExist) {
		return o
	}
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(flags))
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-strict":
			o.Strict = true
		case "-key":
			i++
			o.Key = words[i]
		case "-custom":
			i++
			for part := range strings.SplitSeq(words[i], ",") {
				name, rest, _ := strings.Cut(part, ":")
				typ, most, _ := strings.Cut(rest, ":")
				limit, _ := strconv.Atoi(most)
				o.Custom = append(o.Custom, mapping.Attribute{Name: name, Type: mapping.Type(typ), Max: limit})
			}
		default:
			t.Fatalf("%s: unknown flag %q", dir, words[i])
		}
	}
	return o
}

// corpus is the directories of a part of testdata.
func corpus(t *testing.T, part string) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join("testdata", part, "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	return dirs
}

// documented returns the rules of the package comment with their severities.
func documented(t *testing.T) map[string]string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := make(map[string]string)
	row := regexp.MustCompile(`(?m)^//\t([a-z-]+) +(error|warning) +(documented|observed|inferred|unknown) +([0-9.]+) `)
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		if rules[m[1]] != "" {
			t.Errorf("rule %s is documented twice", m[1])
		}
		rules[m[1]] = m[2]
	}
	if len(rules) < 40 {
		t.Fatalf("%d rules in doc.go", len(rules))
	}
	return rules
}

// big makes the files that are too large for testdata.
func big(t *testing.T, rule string) io.Reader {
	t.Helper()
	rows := func(n int) io.Reader {
		var b bytes.Buffer
		b.WriteString("email\n")
		for i := range n {
			fmt.Fprintf(&b, "%d@x.fr\n", i)
		}
		return &b
	}
	switch rule {
	case "line-limit":
		return rows(200_001)
	case "line-limit-header":
		return rows(200_000)
	case "long-line":
		return strings.NewReader("email\n" + strings.Repeat("x", 1<<20+1) + "\n")
	}
	t.Fatalf("no file for rule %s", rule)
	return nil
}

var large = []string{"line-limit", "line-limit-header", "long-line"}

// TestBad finds every fault of the corpus, where it is and nothing else.
func TestBad(t *testing.T) {
	var out strings.Builder
	severities := documented(t)
	seen := make(map[string]bool)
	note := func(rule string, found []lint.Finding) {
		if !slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Rule == rule }) {
			t.Errorf("rule %s found nothing in its own corpus", rule)
		}
		fmt.Fprintf(&out, "# %s\n", rule)
		for _, f := range found {
			if want := severities[f.Rule]; want != string(f.Severity) {
				t.Errorf("rule %s is of severity %s, documented as %q", f.Rule, f.Severity, want)
			}
			f.File = filepath.Base(f.File)
			fmt.Fprintln(&out, f)
		}
		seen[rule] = true
	}
	for _, dir := range corpus(t, "bad") {
		found, err := collect(lint.Dir(dir, options(t, dir)))
		if err != nil {
			t.Fatal(err)
		}
		note(filepath.Base(dir), found)
	}
	for _, rule := range large {
		found, err := collect(lint.Reader("acme_contacts_crm_20260302.csv", big(t, rule), lint.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		note(rule, found)
	}
	for rule := range severities {
		if !seen[rule] {
			t.Errorf("rule %s has no corpus", rule)
		}
	}
	for rule := range seen {
		if severities[rule] == "" {
			t.Errorf("rule %s is not documented", rule)
		}
	}
	golden := filepath.Join("testdata", "bad.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("go test -update rewrites %s\n%s", golden, diff)
	}
}

func TestGood(t *testing.T) {
	for _, dir := range corpus(t, "good") {
		found, err := collect(lint.Dir(dir, options(t, dir)))
		if err != nil {
			t.Error(err)
		}
		for _, f := range found {
			t.Error(f)
		}
	}
}

// TestLimits are the limits of lines, one below each.
func TestLimits(t *testing.T) {
	rows := func(n int) string { return "customer_key\n" + numbered(n) }
	tests := []struct {
		name, reason, file string
		rows               int
		want               string
	}{
		{"contacts", "199,999 rows and a header", "a_contacts_b_20260302.csv", 199_999, ""},
		{"deletecontacts", "99,999 rows and a header", "a_deletecontacts_b_20260302.csv", 99_999, ""},
		{"deletecontacts and header", "whether it counts is unknown", "a_deletecontacts_b_20260302.csv", 100_000, "line-limit-header"},
		{"deletecontacts above", "too many in any case", "a_deletecontacts_b_20260302.csv", 100_001, "line-limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := collect(lint.Reader(tt.file, strings.NewReader(rows(tt.rows)), lint.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, f := range found {
				got = append(got, f.Rule)
			}
			if tt.want != "" {
				want = []string{tt.want}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", tt.reason, got, want)
			}
		})
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strconv.Itoa(i))
		b.WriteByte('\n')
	}
	return b.String()
}

// TestMax bounds the findings of a rule, and no other rule is lost by it.
func TestMax(t *testing.T) {
	in := "email;lastname\n" + strings.Repeat(";Lee\n", 500) + "ann@example.com;NULL\n"
	found, err := collect(lint.Reader("", strings.NewReader(in), lint.Options{Max: 3}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Rule))
	}
	want := []string{"2 key-empty", "3 key-empty", "4 key-empty", "502 null", "502 key-empty"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if i := slices.IndexFunc(found, func(f lint.Finding) bool { return strings.Contains(f.Message, "497 more") }); i < 0 {
		t.Error("the surplus is not told")
	}
	if _, err := collect(lint.Reader("", strings.NewReader(in), lint.Options{Max: -1})); err == nil {
		t.Error("a negative Max was taken")
	}
	n := 0
	for range lint.Reader("", strings.NewReader(in), lint.Options{}) {
		if n++; n == 2 {
			break
		}
	}
}

func TestErrors(t *testing.T) {
	boom := errors.New("boom")
	for n := range 40 {
		in := io.MultiReader(strings.NewReader("email;lastname\nann@example.com;\"Lee\nx\";y\n"[:n]), iotest.ErrReader(boom))
		if _, err := collect(lint.Reader("f", in, lint.Options{})); !errors.Is(err, boom) {
			t.Errorf("after %d bytes: got error %v", n, err)
		}
	}
	empty := t.TempDir()
	for name, found := range map[string]iter.Seq2[lint.Finding, error]{
		"no file":       lint.File(filepath.Join(empty, "x.csv"), lint.Options{}),
		"no directory":  lint.Dir(filepath.Join(empty, "x"), lint.Options{}),
		"empty":         lint.Dir(empty, lint.Options{}),
		"a directory":   lint.File(empty, lint.Options{}),
		"wrong options": lint.Dir(empty, lint.Options{Max: -1}),
	} {
		if _, err := collect(found); err == nil || !strings.HasPrefix(err.Error(), "lint: ") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

// TestDirLeavesOut: what is no contacts file, or not whole yet, is not checked.
func TestDirLeavesOut(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".hidden.csv", "acme_contacts_crm_20260302.csv.abc.part", "readme.md", "good_contacts_crm_20260302.csv"} {
		content := "x"
		if strings.HasPrefix(name, "good") {
			content = "email\nann@example.com\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	found, err := collect(lint.Dir(dir, lint.Options{}))
	if err != nil || len(found) > 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

// TestNoValues: no finding says what is in a cell, whichever the fault.
func TestNoValues(t *testing.T) {
	const secret = "sEcReT"
	headers := []string{
		"email;lastname;language;cellphone;subscriptions;dateOfCreation;c0", "customer_key;email;x;y;z;c0;c1",
		secret + ";a", "email;" + secret + " x;" + secret + " x", secret, "a@b.fr;" + secret, "",
	}
	rows := []string{
		secret + ";" + secret + ";" + secret + ";" + secret + ";" + secret + ";" + secret + ";=" + secret,
		" " + secret + "@x;" + secret + "\x00;\"" + secret + "\n\";5" + secret + "\";\xff" + secret,
		"\"" + secret, secret + "," + secret, secret,
	}
	for _, h := range headers {
		for _, r := range rows {
			in := h + "\n" + r + "\n" + r + "\n"
			found, err := collect(lint.Reader("", strings.NewReader(in), lint.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				t.Errorf("nothing was found in %q", in)
			}
			for _, f := range found {
				if strings.Contains(strings.ToLower(f.String()), strings.ToLower(secret)) {
					t.Error(f)
				}
			}
		}
	}
}

func ExampleReader() {
	file := "email;lastname\nann@example.com;Lee\nAnn@example.com;Lee\n"
	for f, err := range lint.Reader("acme_contacts_crm_20260302.csv", strings.NewReader(file), lint.Options{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(f)
	}
	// Output:
	// acme_contacts_crm_20260302.csv:3:1: error: email-case: write the e-mail in lower case
	// acme_contacts_crm_20260302.csv:3:1: error: duplicate-key: line 2 has the same key: it is unknown which row counts, so leave one out
}
