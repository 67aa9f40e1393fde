package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// This is a reading of contacts files of its own, written from the rules in splio/FORMAT.md. It shares no code with what
// writes them.

// delivery is what a reader makes of the files of a drop directory: rows by key, each by column.
type delivery map[string]map[string]string

// readDelivery reads all files, and reports every rule that one breaks.
func readDelivery(t *testing.T, b *bench) delivery {
	t.Helper()
	got := make(delivery)
	for _, name := range names(t, b.drop) {
		text := b.read(name)
		for _, problem := range readFile(text, got) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	return got
}

// readFile reads one file into rows and says what is wrong with it. It names lines and columns.
func readFile(text string, into delivery) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	// Bytes (section 2).
	if !utf8.ValidString(text) {
		bad("not UTF-8")
	}
	if strings.HasPrefix(text, "\ufeff") {
		bad("a byte order mark")
	}
	body, ended := strings.CutSuffix(text, "\n")
	if !ended {
		bad("the last line does not end")
	}
	lines := strings.Split(body, "\n")
	if len(lines) < 2 || len(lines) > 200_000 {
		bad("%d lines", len(lines))
	}
	for i, line := range lines {
		if at := strings.IndexFunc(line, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }); at >= 0 {
			bad("line %d: a control character or a line separator", i+1)
		}
	}

	// Header (section 3).
	header, err := split(lines[0], false)
	if err != "" {
		bad("header: %s", err)
	}
	for i, column := range header {
		if columnRules[column] == nil {
			bad("the column %q is not known", column)
		}
		if slices.Contains(header[:i], column) {
			bad("the column %q is there twice", column)
		}
	}
	key := slices.Index(header, "email")
	if key < 0 {
		bad("no key")
		return problems
	}

	// Rows.
	for i, line := range lines[1:] {
		cells, err := split(line, false)
		escaped, err2 := split(line, true)
		switch {
		case err != "":
			bad("line %d: %s", i+2, err)
			continue
		case err2 != "" || !slices.Equal(cells, escaped):
			bad("line %d: a reader that takes a backslash for an escape finds other columns", i+2)
		case len(cells) != len(header):
			bad("line %d: %d columns, the header has %d", i+2, len(cells), len(header))
			continue
		case slices.Equal(cells, header):
			bad("line %d: the header once more", i+2)
		}
		row := make(map[string]string)
		for k, column := range header {
			row[column] = cells[k]
			if strings.HasPrefix(cells[k], "\ufeff") {
				bad("line %d: column %q begins with a byte order mark", i+2, column)
			}
			if n := utf8.RuneCountInString(cells[k]); n > 255 {
				bad("line %d: column %q has %d characters", i+2, column, n)
			}
			if rule := columnRules[column]; rule != nil && !rule(cells[k]) {
				bad("line %d: column %q is not what its column takes", i+2, column)
			}
		}
		if into[cells[key]] != nil {
			bad("line %d: its key is there twice", i+2)
		}
		into[cells[key]] = row
	}
	return problems
}

// split splits a line into cells: ";" between them, quotes around a cell where need be, doubled within. With escapes, a
// backslash before a quote is what many readers take it for.
func split(line string, escapes bool) (cells []string, problem string) {
	rest := []byte(line)
	for {
		var cell []byte
		if len(rest) > 0 && rest[0] == '"' {
			rest = rest[1:]
			for {
				if len(rest) == 0 {
					return cells, "a quote is not closed"
				}
				if escapes && bytes.HasPrefix(rest, []byte(`\"`)) || bytes.HasPrefix(rest, []byte(`""`)) {
					cell, rest = append(cell, '"'), rest[2:]
					continue
				}
				c := rest[0]
				rest = rest[1:]
				if c == '"' {
					break
				}
				cell = append(cell, c)
			}
		} else {
			n := bytes.IndexByte(rest, ';')
			if n < 0 {
				n = len(rest)
			}
			cell, rest = rest[:n], rest[n:]
			if bytes.IndexByte(cell, '"') >= 0 {
				return cells, "a quote in a cell without quotes"
			}
			if !bytes.Equal(bytes.Trim(cell, " "), cell) {
				return cells, "a space at the end of a cell without quotes"
			}
		}
		cells = append(cells, string(cell))
		if len(rest) == 0 {
			return cells, ""
		}
		if rest[0] != ';' {
			return cells, "text after a quoted cell"
		}
		rest = rest[1:]
	}
}

// columnRules say what a cell of each column may be (sections 4 and 5), for the mapping of the tests.
var columnRules = map[string]func(string) bool{
	"email": func(s string) bool {
		local, domain, ok := strings.Cut(s, "@")
		return ok && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(domain, "@ ") &&
			s == strings.ToLower(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) && utf8.RuneCountInString(s) <= 100
	},
	"firstname": anyText,
	"lastname":  anyText,
	"tier":      anyText,
	"note":      anyText,
	"language": func(s string) bool {
		return s == "" || slices.Contains(strings.Fields("ar br ca cz de en es fr gr it ja kr nl pl ru tr zh"), s)
	},
	"cellphone":      regexp.MustCompile(`^(00[1-9][0-9]{6,14})?$`).MatchString,
	"dateOfCreation": dateRule("2006-01-02 15:04:05"),
	"born":           dateRule("2006-01-02"),
	"points":         regexp.MustCompile(`^(0|-?[1-9][0-9]{0,29})?$`).MatchString,
	"balance": func(s string) bool {
		return s == "" || s != "-0.00" && regexp.MustCompile(`^-?(0|[1-9][0-9]{0,30})\.[0-9]{2}$`).MatchString(s)
	},
	"optin": func(s string) bool { return s == "" || s == "0" || s == "1" },
}

func anyText(string) bool { return true }

func dateRule(layout string) func(string) bool {
	return func(s string) bool {
		d, err := time.Parse(layout, s)
		return s == "" || err == nil && d.Format(layout) == s && d.Year() >= 1
	}
}

// The reading finds what is wrong, or it would prove nothing.
func TestReading(t *testing.T) {
	const header = "email;firstname\n"
	for name, text := range map[string]string{
		"not UTF-8":                 header + "a@example.com;\xff\n",
		"byte order mark":           "\ufeff" + header + "a@example.com;A\n",
		"begins with a byte order":  header + "a@example.com;\ufeffA\n",
		"does not end":              header + "a@example.com;A",
		"1 lines":                   header,
		"control character":         header + "a@example.com;A\r\n",
		"line separator":            header + "a@example.com;A\u2028B\n",
		"is not known":              "email;nickname\na@example.com;A\n",
		`"firstname" is there`:      "email;firstname;firstname\na@example.com;A;B\n",
		"no key":                    "firstname\nA\n",
		"not closed":                header + "a@example.com;\"A\n",
		"takes a backslash":         header + `a@example.com;"A\"""` + "\n",
		"without quotes":            header + "a@example.com;A\"B\n",
		"a space":                   header + "a@example.com; A\n",
		"text after":                header + "a@example.com;\"A\"B\n",
		"3 columns":                 header + "a@example.com;A;B\n",
		"the header once more":      header + header,
		"has 256 characters":        header + "a@example.com;" + strings.Repeat("é", 256) + "\n",
		`"email" is not what`:       header + "A@example.com;A\n",
		"its key is there twice":    header + "a@example.com;A\na@example.com;B\n",
		`"cellphone" is not what`:   "email;cellphone\na@example.com;0612345678\n",
		`"language" is not what`:    "email;language\na@example.com;pt\n",
		`"born" is not what`:        "email;born\na@example.com;2026-02-30\n",
		`"points" is not what`:      "email;points\na@example.com;-0\n",
		`"balance" is not what`:     "email;balance\na@example.com;-0.00\n",
		`"optin" is not what`:       "email;optin\na@example.com;true\n",
		`"dateOfCreation" is not `:  "email;dateOfCreation\na@example.com;2026-02-03\n",
		`"points" is not what its `: "email;points\na@example.com;1e3\n",
	} {
		problems := readFile(text, make(delivery))
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, name) }) {
			t.Errorf("%q: problems %q, want one with %q", text, problems, name)
		}
	}
	if problems := readFile("email;firstname\na@example.com;\"A;\"\"\\B \"\nb@example.com;\n", make(delivery)); problems != nil {
		t.Errorf("a good file has problems %q", problems)
	}
}
