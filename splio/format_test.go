package splio_test

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spliosync/spliosync/splio"
)

// written writes rows of two columns and returns the file.
func written(t *testing.T, f splio.Format, rows ...[][]byte) (string, splio.File) {
	t.Helper()
	var buf bytes.Buffer
	w, err := splio.NewWriter(&buf, []string{"k", "v"}, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if file.Bytes != int64(buf.Len()) {
		t.Errorf("the file has %d bytes, and is said to have %d", buf.Len(), file.Bytes)
	}
	return buf.String(), file
}

func TestFormats(t *testing.T) {
	row := cells(`a"b;c\"`, ` x\y `)
	plain := cells("a", "")
	tests := []struct {
		name, reason string
		format       splio.Format
		want         string
		replaced     int64
	}{
		{"default", "quotes where they must be, doubled", splio.Format{}, "k;v\n\"a\"\"b;c/\"\"\";\" x\\y \"\na;\n", 1},
		{"all", "every value is quoted, an empty cell is not", splio.Format{Quotes: splio.QuoteAll}, "k;v\n\"a\"\"b;c/\"\"\";\" x\\y \"\n\"a\";\n", 1},
		{"never", "what needs quotes is replaced, three times here", splio.Format{Quotes: splio.QuoteNever}, "k;v\na'b,c\\'; x\\y \na;\n", 3},
		{"backslash", "quotes and backslashes are escaped, nothing is lost", splio.Format{Backslash: true}, "k;v\n\"a\\\"b;c\\\\\\\"\";\" x\\\\y \"\na;\n", 0},
		{"CRLF", "all lines end so", splio.Format{CRLF: true}, "k;v\r\n\"a\"\"b;c/\"\"\";\" x\\y \"\r\na;\r\n", 1},
		{"open end", "only the last line end is missing", splio.Format{OpenEnd: true}, "k;v\n\"a\"\"b;c/\"\"\";\" x\\y \"\na;", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, file := written(t, tt.format, row, plain)
			if got != tt.want || file.Replaced != tt.replaced {
				t.Errorf("%s: got %q and %d replaced, want %q and %d", tt.reason, got, file.Replaced, tt.want, tt.replaced)
			}
		})
	}
}

// A cell is refused alone: what was to be written with it is not, and the rest is.
func TestFormatReject(t *testing.T) {
	var buf bytes.Buffer
	w, err := splio.NewWriter(&buf, []string{"k", "v"}, splio.Format{Quotes: splio.QuoteReject})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"secret;b", `secret"`, " secret", "secret "} {
		err := w.Write(cells("key", bad))
		if ce, ok := errors.AsType[*splio.CellError](err); !ok || ce.Column != "v" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := w.Write(cells("key", `a,b\c'd`)); err != nil {
		t.Error(err)
	}
	if _, err := w.Close(); err != nil || buf.String() != "k;v\nkey;a,b\\c'd\n" {
		t.Errorf("%q, %v", buf.String(), err)
	}
}

// No file is larger than the limit, and each holds as much as fits.
func TestFormatBytes(t *testing.T) {
	row := cells("1234567", "x") // ten bytes with the line end
	for _, tt := range []struct {
		format splio.Format
		rows   int
	}{
		{splio.Format{MaxBytes: 34}, 3}, {splio.Format{MaxBytes: 33}, 2}, {splio.Format{MaxBytes: 1}, 1},
		{splio.Format{MaxBytes: 35, CRLF: true}, 2}, {splio.Format{MaxBytes: 38, CRLF: true}, 3}, {splio.Format{MaxBytes: 34, MaxLines: 3}, 2},
	} {
		var buf bytes.Buffer
		w, err := splio.NewWriter(&buf, []string{"k", "v"}, tt.format)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; n < 10; n++ {
			if err := w.Write(row); errors.Is(err, splio.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		file, err := w.Close()
		if err != nil || n != tt.rows || file.Bytes != int64(buf.Len()) {
			t.Errorf("%+v: %d rows, want %d; %d bytes, said to be %d; %v", tt.format, n, tt.rows, buf.Len(), file.Bytes, err)
		}
		if n > 1 && file.Bytes > tt.format.MaxBytes {
			t.Errorf("%+v: %d bytes", tt.format, file.Bytes)
		}
	}
}

func TestFormatConfiguration(t *testing.T) {
	_, err := splio.NewWriter(new(bytes.Buffer), []string{"k"}, splio.Format{MaxLines: 1, MaxBytes: -1, Quotes: "some"})
	for _, part := range []string{"MaxLines", "MaxBytes", "Quotes"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is missing in: %v", part, err)
		}
	}
	for _, q := range []splio.Quotes{splio.QuoteNever, splio.QuoteReject} {
		if _, err := splio.NewWriter(new(bytes.Buffer), []string{"k"}, splio.Format{Quotes: q, Backslash: true}); err == nil {
			t.Errorf("Backslash with %s passes", q)
		}
	}
}

// readCells is a strict reader of one line in a format, written from its
// description alone: what it reads is what a careful reader would.
func readCells(line string, f splio.Format) (cells []string, ok bool) {
	for {
		var b strings.Builder
		quoted := strings.HasPrefix(line, `"`)
		if quoted {
			line = line[1:]
		}
		for {
			switch {
			case line == "":
				if quoted {
					return nil, false
				}
				return append(cells, b.String()), true
			case !quoted && line[0] == ';':
			case !quoted && line[0] == '"':
				return nil, false
			case quoted && f.Backslash && line[0] == '\\':
				if len(line) < 2 {
					return nil, false
				}
				b.WriteByte(line[1])
				line = line[2:]
				continue
			case quoted && !f.Backslash && strings.HasPrefix(line, `""`):
				b.WriteByte('"')
				line = line[2:]
				continue
			case quoted && line[0] == '"':
				line = line[1:]
				if line == "" {
					return append(cells, b.String()), true
				}
				if line[0] != ';' {
					return nil, false
				}
				quoted = false
			default:
				b.WriteByte(line[0])
				line = line[1:]
				continue
			}
			break
		}
		cells = append(cells, b.String())
		line = line[1:] // the separator
	}
}

// FuzzFormats: in every format, what a reader of that format reads is what was
// written, but for what is said to be replaced.
func FuzzFormats(f *testing.F) {
	f.Add("a", `";\`)
	f.Add(`\"`, ` `)
	f.Add(`\\;`, "'\"'")
	f.Fuzz(func(t *testing.T, one, two string) {
		for _, q := range []splio.Quotes{splio.QuoteNeeded, splio.QuoteAll, splio.QuoteNever, splio.QuoteReject} {
			for _, backslash := range []bool{false, true} {
				for _, crlf := range []bool{false, true} {
					format := splio.Format{Quotes: q, Backslash: backslash, CRLF: crlf}
					var buf bytes.Buffer
					w, err := splio.NewWriter(&buf, []string{"k", "v"}, format)
					if err != nil {
						continue // a combination that makes no sense
					}
					if w.Write(cells(one, two)) != nil {
						continue
					}
					file, err := w.Close()
					if err != nil {
						t.Fatal(err)
					}
					end := "\n"
					if crlf {
						end = "\r\n"
					}
					lines := strings.Split(buf.String(), end)
					if len(lines) != 3 || lines[2] != "" {
						t.Fatalf("%+v: %q", format, buf.String())
					}
					got, ok := readCells(lines[1], format)
					want := []string{one, two}
					if !ok || len(got) != 2 || file.Replaced == 0 && !slices.Equal(got, want) {
						t.Fatalf("%+v: %q reads as %q, want %q", format, lines[1], got, want)
					}
				}
			}
		}
	})
}

// quoted is how a cell is written, by the letter of the documentation of Format; not ok is that
// it is refused.
func quoted(f splio.Format, cell string) (text string, ok bool) {
	for _, r := range cell {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return "", false
		}
	}
	needs := strings.ContainsAny(cell, `;"`) || strings.Trim(cell, " ") != cell || f.Backslash && strings.Contains(cell, `\`)
	switch {
	case cell == "", !needs && f.Quotes != splio.QuoteAll:
		return cell, true
	case f.Quotes == splio.QuoteReject:
		return "", false
	case f.Quotes == splio.QuoteNever:
		return strings.NewReplacer(";", ",", `"`, "'").Replace(cell), true
	case f.Backslash:
		return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(cell) + `"`, true
	}
	text = regexp.MustCompile(`\\+("|$)`).ReplaceAllStringFunc(cell, func(run string) string { return strings.ReplaceAll(run, `\`, "/") })
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`, true
}

// Whatever a character is and wherever it stands in a cell, of whatever length, the cell is
// written or refused as it should be.
func TestEveryPlace(t *testing.T) {
	formats := []splio.Format{{}, {Backslash: true}, {Quotes: splio.QuoteAll}, {Quotes: splio.QuoteNever}, {Quotes: splio.QuoteReject}}
	odd := []string{" ", ";", `"`, `\`, `\"`, "~", "\x00", "\n", "\x1f", "\x7f", "\x80", "\xff", "é", "\u0080", "\u009f", "\u00a0", "\u2027", "\u2028", "\u2029", "\ufffe", "\U0001F642", "\xf0\x9f", ":", "<", "!", "#", "[", "]"}
	for _, f := range formats {
		for n := range 19 {
			for at := range n + 1 {
				for _, s := range odd {
					cell := strings.Repeat("a", at) + s + strings.Repeat("é", n-at)
					var out bytes.Buffer
					w, err := splio.NewWriter(&out, []string{"k", "v"}, f)
					if err != nil {
						t.Fatal(err)
					}
					want, ok := quoted(f, cell)
					if err := w.Write(cells("x", cell)); (err == nil) != ok {
						t.Errorf("%+v, %q: %v", f, cell, err)
					}
					if _, err := w.Close(); err != nil {
						t.Fatal(err)
					}
					if want = "x;" + want + "\n"; f.Quotes == splio.QuoteAll {
						want = `"x"` + want[1:]
					}
					if got := strings.TrimPrefix(out.String(), "k;v\n"); ok && got != want || !ok && got != "" {
						t.Errorf("%+v, %q: %q, want %q", f, cell, got, want)
					}
				}
			}
		}
	}
}
