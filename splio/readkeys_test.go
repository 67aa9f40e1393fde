package splio_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/spliosync/spliosync/splio"
)

// readKeysOf collects keys up to the error.
func readKeysOf(r io.Reader, o splio.KeysOptions) (keys []string, err error) {
	for key, e := range splio.ReadKeys(r, o) {
		if e != nil {
			return keys, e
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func TestReadKeys(t *testing.T) {
	email := splio.KeysOptions{Column: "email"}
	second := splio.KeysOptions{Number: 2}
	tests := []struct {
		name, reason, in string
		options          splio.KeysOptions
		want             []string
		err              string // part of the error, "" for none
	}{
		{"by name", "the plain case", "line;email;why\n2;a@x.fr;bad\n3;b@x.fr;\n", email, []string{"a@x.fr", "b@x.fr"}, ""},
		{"comma", "detected", "line,email\n2,a@x.fr\n", email, []string{"a@x.fr"}, ""},
		{"tab", "detected", "line\temail\n2\ta@x.fr\n", email, []string{"a@x.fr"}, ""},
		{"pipe", "detected", "line|email\n2|a@x.fr\n", email, []string{"a@x.fr"}, ""},
		{"one column", "no separator at all", "email\na@x.fr\n", email, []string{"a@x.fr"}, ""},
		{"separator in quotes", "it separates nothing there", "\"a;b;c\",email\n1,a@x.fr\n", email, []string{"a@x.fr"}, ""},
		{"separator given", "where detection would err", "a;b;c,email\n1,a@x.fr\n", splio.KeysOptions{Column: "email", Separator: ','}, []string{"a@x.fr"}, ""},
		{"BOM", "spreadsheets write one", "\ufeffemail;x\na@x.fr;1\n", email, []string{"a@x.fr"}, ""},
		{"quotes", "quotes are doubled in quotes", "email;x\n\"a\"\"b\";\"1;2\"\n", email, []string{`a"b`}, ""},
		{"spans lines", "a reason may, a line number counts it", "why;email\n\"one\ntwo\";a@x.fr\nx\n", email, []string{"a@x.fr"}, "line 4: the row has 1 columns"},
		{"CR LF, no end", "as Windows writes it", "email;x\r\na@x.fr;1\r\nb@x.fr;2", email, []string{"a@x.fr", "b@x.fr"}, ""},
		{"CR", "as old spreadsheets do", "email;x\ra@x.fr;1\rb@x.fr;2", email, []string{"a@x.fr", "b@x.fr"}, ""},
		{"CR counts", "it ends a line", "email;x\ra@x.fr;1\rcaf\xe9;2", email, []string{"a@x.fr"}, "line 3: the key is not UTF-8"},
		{"ends in a separator", "the row has begun", "1;2;a\n1;", splio.KeysOptions{Number: 3}, []string{"a"}, "line 2: the row has 2 columns"},
		{"blank", "blank lines and rows without a key say nothing", "x;email\n\n1;\n2; a@x.fr \n\n", email, []string{"a@x.fr"}, ""},
		{"twice", "as often as it is there", "email\na\na\n", email, []string{"a", "a"}, ""},
		{"by number", "without names", "2;a@x.fr\n3;b@x.fr\n", second, []string{"a@x.fr", "b@x.fr"}, ""},
		{"by number, names", "the first line is none", "n;k\n3;b@x.fr\n", splio.KeysOptions{Number: 2, Header: true}, []string{"b@x.fr"}, ""},
		{"Latin-1 elsewhere", "only the key has to be UTF-8", "email;why\na@x.fr;caf\xe9\n", email, []string{"a@x.fr"}, ""},
		{"empty", "nothing is no report with that column", "", email, nil, `line 1: there is no column "email"`},
		{"empty, by number", "no row, no key", "", second, nil, ""},
		{"no column", "names are case sensitive", "Email;x\na;b\n", email, nil, `line 1: there is no column "email"`},
		{"two columns", "which one?", "email;email\na;b\n", email, nil, "there twice"},
		{"short row", "the key is not there", "x;email\n1;a@x.fr\n2\n", email, []string{"a@x.fr"}, "line 3: the row has 1 columns"},
		{"Latin-1 key", "it is nobody's key", "email\ncaf\xe9@x.fr\n", email, nil, "line 2: the key is not UTF-8"},
		{"control", "it is nobody's key", "email\na\x00\n", email, nil, "line 2: the key has a line break or control"},
		{"key spans lines", "it is nobody's key", "email\n\"a\nb\"\n", email, nil, "line 2: the key has a line break or control"},
		{"long key", "a bound on memory", "email\n" + strings.Repeat("k", 5000) + "\n", email, nil, "line 2: the key is longer than 4096 bytes"},
		{"open quote", "the line where it opens", "email;x\na;1\n\"b;2\nc;3\n", email, []string{"a"}, "line 3: a quote is not closed"},
		{"behind a quote", "not a separator", "email;x\n\"a\"b;1\n", email, nil, "line 2: something follows a closing quote"},
		{"no options", "where are the keys?", "email\n", splio.KeysOptions{}, nil, "Column or Number"},
		{"both", "they may differ", "email\n", splio.KeysOptions{Column: "email", Number: 1}, nil, "exclude each other"},
		{"number", "columns count from 1", "email\n", splio.KeysOptions{Number: -1}, nil, "count from 1"},
		{"separator", "a quote separates nothing", "email\n", splio.KeysOptions{Number: 1, Separator: '"'}, nil, "Separator"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readKeysOf(iotest.OneByteReader(strings.NewReader(tt.in)), tt.options)
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: got %q, want %q", tt.reason, got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || !strings.HasPrefix(err.Error(), "splio: ")) {
				t.Errorf("%s: got error %v, want %q", tt.reason, err, tt.err)
			}
		})
	}
}

func TestReadKeysFaults(t *testing.T) {
	boom := errors.New("boom")
	for n := range 20 {
		in := io.MultiReader(strings.NewReader("email;x\na@x.fr;1\nb@x.fr"[:n]), iotest.ErrReader(boom))
		if _, err := readKeysOf(in, splio.KeysOptions{Column: "email"}); !errors.Is(err, boom) {
			t.Errorf("after %d bytes: got error %v", n, err)
		}
	}
	n := 0
	for range splio.ReadKeys(strings.NewReader("a\nb\nc\n"), splio.KeysOptions{Number: 1}) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d keys after a break", n)
	}
}

// endless is a cell without an end.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'x'
	}
	e.n -= int64(len(p))
	return len(p), nil
}

func TestReadKeysMemory(t *testing.T) {
	in := io.MultiReader(strings.NewReader("email;why\na@x.fr;"), &endless{n: 8 << 20}, strings.NewReader("\nb@x.fr;\n"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if got, err := readKeysOf(in, splio.KeysOptions{Column: "email"}); err != nil || len(got) != 2 {
		t.Fatalf("got %d keys, %v", len(got), err)
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 4<<20 {
		t.Errorf("%d bytes were allocated for a cell of 8 MiB", bytes)
	}
}

// FuzzReadKeys: whatever package csv writes is read back, and nothing panics.
func FuzzReadKeys(f *testing.F) {
	f.Add("a@x.fr", "why; \"x\"\nnext", "b")
	f.Fuzz(func(t *testing.T, a, why, b string) {
		for range splio.ReadKeys(strings.NewReader(a+why+b), splio.KeysOptions{Column: "k"}) {
			continue
		}
		for _, s := range []string{a, b} {
			if strings.ToValidUTF8(s, "") != s || s == "" || strings.TrimSpace(s) != s || len(s) > 1000 ||
				strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 }) {
				return
			}
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		w.Comma = ';'
		_ = w.WriteAll([][]string{{"why", "k"}, {why, a}, {"", b}})
		got, err := readKeysOf(&out, splio.KeysOptions{Column: "k", Separator: ';'})
		if err != nil || !slices.Equal(got, []string{a, b}) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func ExampleReadKeys() {
	report := "line;email;reason\n12;ann@example.com;no such list\n"
	for key, err := range splio.ReadKeys(strings.NewReader(report), splio.KeysOptions{Column: "email"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(key), "bytes of a key to send again")
	}
	// Output: 15 bytes of a key to send again
}
