package splio_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/splio"
)

// cells makes a row; "-" is an absent cell.
func cells(values ...string) [][]byte {
	row := make([][]byte, len(values))
	for i, v := range values {
		if v != "-" {
			row[i] = []byte(v)
		}
	}
	return row
}

func TestWriterCells(t *testing.T) {
	tests := []struct {
		name, reason string
		cells        [][]byte
		want         string // the line; "" when the row is refused
		refused      string // the reason of the CellError
		replaced     int64
	}{
		{"plain", "nothing needs quotes", cells("a", "b c"), "a;b c", "", 0},
		{"empty cells", "an empty cell is nothing between separators", cells("", ""), ";", "", 0},
		{"separator", "it would begin a new cell", cells("a;b", ""), `"a;b";`, "", 0},
		{"quote", "quotes are doubled", cells(`5" nails`, ""), `"5"" nails";`, "", 0},
		{"only a quote", "the shortest quoted cell", cells(`"`, ""), `"""";`, "", 0},
		{"leading space", "readers trim it", cells(" a", ""), `" a";`, "", 0},
		{"trailing space", "readers trim it", cells("a ", ""), `"a ";`, "", 0},
		{"only a space", "both ends at once", cells(" ", ""), `" ";`, "", 0},
		{"comma", "it does not separate here", cells("a,b", ""), "a,b;", "", 0},
		{"apostrophe", "it does not quote", cells("O'Neil", "'"), "O'Neil;'", "", 0},
		{"other scripts", "UTF-8 goes through as it is", cells("Žofie", "株式会社 😀"), "Žofie;株式会社 😀", "", 0},
		{"no-break space", "not a control character, and no reader trims it as a space", cells("\u00a0a\u00a0", ""), "\u00a0a\u00a0;", "", 0},
		{"word NULL", "it may be a name", cells("NULL", ""), "NULL;", "", 0},
		{"formula", "a contact is not a spreadsheet", cells("=1+1", ""), "=1+1;", "", 0},

		{"backslash unquoted", "no quote is near", cells(`a\`, `\b`), `a\;\b`, "", 0},
		{"backslash inside", "followed by neither quote nor end", cells(`a\b;`, ""), `"a\b;";`, "", 0},
		{"backslash before a quote", `\" ends no cell for some readers`, cells(`a\"b`, ""), `"a/""b";`, "", 1},
		{"two before a quote", "the whole run goes, or one would be left", cells(`a\\"b`, ""), `"a//""b";`, "", 1},
		{"at the end of a quoted cell", "the closing quote follows", cells(`a;\`, ""), `"a;/";`, "", 1},
		{"run at the end", "the whole run", cells(`;\\\`, "x"), `";///";x`, "", 1},
		{"two runs", "each is counted", cells(`\"\`, `\";`), `"/""/";"/"";"`, "", 3},
		{"backslash then space", "the space makes the quotes, and stands between", cells(`a\ `, ""), `"a\ ";`, "", 0},
		{"after a quote", "a backslash behind a quote is harmless", cells(`"\a`, ""), `"""\a";`, "", 0},

		{"absent", "an absent cell has no form in a row", cells("-", "a"), "", "an absent cell", 0},
		{"LF", "a value never spans lines", cells("a\nb", ""), "", "a line break or control character", 0},
		{"CR", "some readers end the line at it", cells("a\rb", ""), "", "a line break or control character", 0},
		{"NUL", "no meaning in a contact", cells("a\x00", ""), "", "a line break or control character", 0},
		{"tab", "a separator to some", cells("\t", ""), "", "a line break or control character", 0},
		{"DEL", "a control character as well", cells("\x7f", ""), "", "a line break or control character", 0},
		{"U+0085", "a line break beyond ASCII", cells("a\u0085b", ""), "", "a line break or control character", 0},
		{"U+0080", "the first of the other controls", cells("\u0080", ""), "", "a line break or control character", 0},
		{"U+009F", "the last of them", cells("é\u009f", ""), "", "a line break or control character", 0},
		{"U+2028", "a line separator", cells("a\u2028b", ""), "", "a line break or control character", 0},
		{"U+2029", "a paragraph separator", cells("a\u2029b", ""), "", "a line break or control character", 0},
		{"U+2027", "the neighbour of a line separator", cells("a\u2027b", ""), "a\u2027b;", "", 0},
		{"lone byte", "Latin-1 is not UTF-8", cells("caf\xe9", ""), "", "invalid UTF-8", 0},
		{"cut rune", "half of a letter", cells("é"[:1], ""), "", "invalid UTF-8", 0},
		{"surrogate", "not a character", cells("\xed\xa0\x80", ""), "", "invalid UTF-8", 0},
		{"replacement character", "valid UTF-8, whatever it stands for", cells("\ufffd", ""), "\ufffd;", "", 0},
		{"second column", "the column is named", cells("a", "b\nc"), "", "a line break or control character", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			w, err := splio.NewWriter(&buf, []string{"k", "v"}, splio.Format{})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(tt.cells)
			if ce, ok := errors.AsType[*splio.CellError](err); ok != (tt.refused != "") {
				t.Fatalf("%s: got error %v", tt.reason, err)
			} else if ok {
				column := "k"
				if tt.name == "second column" {
					column = "v"
				}
				if ce.Row != 1 || ce.Column != column || ce.Reason != tt.refused {
					t.Errorf("%s: got %+v", tt.reason, ce)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(cells("next", "row")); err != nil {
				t.Fatalf("the row after it: %v", err)
			}
			file, err := w.Close()
			if err != nil {
				t.Fatal(err)
			}
			want := "k;v\n"
			rows := int64(1)
			if tt.refused == "" {
				want += tt.want + "\n"
				rows++
			}
			want += "next;row\n"
			if buf.String() != want {
				t.Errorf("%s: got %q, want %q", tt.reason, buf.String(), want)
			}
			if file.Rows != rows || file.Replaced != tt.replaced {
				t.Errorf("%s: got %d rows and %d replaced, want %d and %d", tt.reason, file.Rows, file.Replaced, rows, tt.replaced)
			}
		})
	}
}

func TestWriterOneColumn(t *testing.T) {
	var buf bytes.Buffer
	w, err := splio.NewWriter(&buf, []string{"k"}, splio.Format{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(cells("")), w.Write(cells("a"))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := buf.String(), "k\n\"\"\na\n"; got != want {
		t.Errorf("got %q, want %q: an empty line is no row to many readers", got, want)
	}
}

func TestWriterFull(t *testing.T) {
	var buf bytes.Buffer
	w, err := splio.NewWriter(&buf, []string{"k"}, splio.Format{MaxLines: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"1", "2"} {
		if err := w.Write(cells(k)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := w.Write(cells("3")); !errors.Is(err, splio.ErrFull) {
			t.Errorf("the row after the last: %v", err)
		}
	}
	if err := w.Write(cells("-")); !errors.Is(err, splio.ErrFull) {
		t.Errorf("a bad row that would not fit anyway: %v", err)
	}
	file, err := w.Close()
	if err != nil || file.Rows != 2 || buf.String() != "k\n1\n2\n" {
		t.Errorf("got %d rows, %q, %v", file.Rows, buf.String(), err)
	}

	w, err = splio.NewWriter(io.Discard, []string{"k"}, splio.Format{})
	if err != nil {
		t.Fatal(err)
	}
	row := cells("x")
	for i := range splio.MaxLines - 1 {
		if err := w.Write(row); err != nil {
			t.Fatalf("row %d: %v", i+1, err)
		}
	}
	if err := w.Write(row); !errors.Is(err, splio.ErrFull) {
		t.Errorf("row %d of the default format: %v", splio.MaxLines, err)
	}
}

func TestWriterConfiguration(t *testing.T) {
	tests := []struct {
		name, reason string
		columns      []string
		format       splio.Format
		want         []string // parts of the error, all of them; none: it is fine
	}{
		{"fine", "letters, digits, spaces within", []string{"email", "c0", "two words"}, splio.Format{MaxLines: 2}, nil},
		{"none", "no file without a column", nil, splio.Format{}, []string{"at least one column"}},
		{"one line", "a header alone sends nothing", []string{"a"}, splio.Format{MaxLines: 1}, []string{"MaxLines is 1"}},
		{"negative", "no default", []string{"a"}, splio.Format{MaxLines: -1}, []string{"MaxLines is -1"}},
		{"above the documented limit", "Splio would refuse the file", []string{"a"}, splio.Format{MaxLines: splio.MaxLines + 1}, []string{"MaxLines is 200001"}},
		{"everything at once", "one look at the message is enough",
			[]string{"", "a", "a", " b", "b ", "c;d", `e"f`, "g\n", "\ufeffh", "i\u0085", "j\xff"}, splio.Format{MaxLines: 1},
			[]string{"MaxLines is 1", "column 1:", "column 3: the name \"a\" is there twice", "column 4:", "column 5:", "column 6:", "column 7:", "column 8:", "column 9:", "column 10:", "column 11:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			w, err := splio.NewWriter(&buf, tt.columns, tt.format)
			if len(tt.want) == 0 {
				if err != nil {
					t.Errorf("%s: %v", tt.reason, err)
				}
				return
			}
			if err == nil || w != nil || buf.Len() > 0 {
				t.Fatalf("%s: got %v, %v, %q", tt.reason, w, err, buf.String())
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %q is not in: %v", tt.reason, part, err)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != len(tt.want) {
				t.Errorf("%d problems for %d: %v", n, len(tt.want), err)
			}
		})
	}
	columns := []string{"a", "b"}
	w, err := splio.NewWriter(io.Discard, columns, splio.Format{})
	if err != nil {
		t.Fatal(err)
	}
	columns[0] = "changed"
	for _, row := range [][][]byte{nil, cells("x"), cells("x", "y", "z")} {
		if err := w.Write(row); err == nil || !strings.Contains(err.Error(), "row 1 has") {
			t.Errorf("%d cells for 2 columns: %v", len(row), err)
		}
	}
	if file, err := w.Close(); err != nil || file.Rows != 0 || !slices.Equal(file.Columns, []string{"a", "b"}) {
		t.Errorf("got %+v, %v", file, err)
	}
}

// shortWriter takes some bytes and fails then, once.
type shortWriter struct {
	left   int
	failed bool
	buf    bytes.Buffer
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if w.failed {
		return w.buf.Write(p)
	}
	if len(p) <= w.left {
		w.left -= len(p)
		return w.buf.Write(p)
	}
	n, _ := w.buf.Write(p[:w.left])
	w.failed = true
	return n, errLine
}

func TestWriterFails(t *testing.T) {
	row := cells(strings.Repeat("x", 30_000), "y")
	for left := 0; ; left += 20_000 {
		sink := &shortWriter{left: left}
		w, err := splio.NewWriter(sink, []string{"a", "b"}, splio.Format{})
		if err != nil {
			t.Fatalf("the header fits any buffer: %v", err)
		}
		var first error
		for range 8 {
			if err := w.Write(row); err != nil && first == nil {
				first = err
			} else if first != nil && (err == nil || err.Error() != first.Error()) {
				t.Fatalf("after %v: %v", first, err)
			}
		}
		file, err := w.Close()
		if !sink.failed {
			if err != nil || first != nil || file.Rows != 8 {
				t.Fatalf("without a failure: %v, %v, %+v", first, err, file)
			}
			break
		}
		if !errors.Is(err, errLine) || first != nil && err.Error() != first.Error() {
			t.Errorf("failed after %d bytes: Write says %v, Close %v", left, first, err)
		}
		if diff := cmp.Diff(splio.File{}, file); diff != "" {
			t.Errorf("a file that failed is described: %s", diff)
		}
		if _, again := w.Close(); !errors.Is(again, errLine) {
			t.Errorf("a second Close: %v", again)
		}
		if err := w.Write(row); !errors.Is(err, errLine) {
			t.Errorf("Write after Close: %v", err)
		}
	}
}

func TestWriterTotals(t *testing.T) {
	var buf bytes.Buffer
	w, err := splio.NewWriter(&buf, []string{"k", "v"}, splio.Format{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if err := w.Write(cells(fmt.Sprintf("key %d", i), `a "quoted" \" väl;ue`)); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	want := splio.File{
		Rows: 5000, Bytes: int64(buf.Len()), SHA256: hex.EncodeToString(sum[:]),
		Columns: []string{"k", "v"}, Replaced: 5000,
	}
	if diff := cmp.Diff(want, file); diff != "" {
		t.Errorf("Close: %s", diff)
	}
	again, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("a second Close: %s", diff)
	}
	if err := w.Write(cells("a", "b")); err == nil {
		t.Error("Write after Close succeeded")
	}
	if rows, err := readStrict(buf.String()); err != nil || len(rows) != 5001 {
		t.Errorf("read back: %d rows, %v", len(rows), err)
	}
}

// replaced is what the documentation says of backslashes in quoted cells.
func replaced(cell string) string {
	if !strings.ContainsAny(cell, `;"`) && strings.Trim(cell, " ") == cell {
		return cell
	}
	out := []byte(cell)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i] == '\\' && (i == len(out)-1 || out[i+1] == '"' || out[i+1] == '/' && cell[i+1] == '\\') {
			out[i] = '/'
		}
	}
	return string(out)
}

func FuzzWriter(f *testing.F) {
	f.Add("a", "b")
	f.Add(`\";\\`, ` \" `)
	f.Add("", "\\\\\"\\")
	f.Add(";\\a\\", "\u2028")
	f.Fuzz(func(t *testing.T, one, two string) {
		clean := func(s string) bool {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
				return unicode.IsControl(r) || r == 0x2028 || r == 0x2029
			})
		}
		for _, row := range [][]string{{one}, {one, two}, {two, "", one}} {
			columns := []string{"a", "b", "c"}[:len(row)]
			var buf bytes.Buffer
			w, err := splio.NewWriter(&buf, columns, splio.Format{})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(bytesOf(row))
			if _, ok := errors.AsType[*splio.CellError](err); ok != slices.ContainsFunc(row, func(s string) bool { return !clean(s) }) {
				t.Fatalf("%q: %v", row, err)
			}
			if _, cerr := w.Close(); cerr != nil {
				t.Fatal(cerr)
			}
			want := [][]string{columns}
			if err == nil {
				var out []string
				for _, s := range row {
					out = append(out, replaced(s))
				}
				want = append(want, out)
			}
			r := csv.NewReader(bytes.NewReader(buf.Bytes()))
			r.Comma = ';'
			got, err := r.ReadAll()
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("encoding/csv reads %q as %q, %v", buf.String(), got, err)
			}
			got, err = readStrict(buf.String())
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("a reader of escapes reads %q as %q, %v", buf.String(), got, err)
			}
		}
	})
}

func bytesOf(row []string) [][]byte {
	out := make([][]byte, len(row))
	for i, s := range row {
		out[i] = []byte(s)
	}
	return out
}
