package source_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping/source"
)

func toUTF16(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// zip makes a gzip member of each part.
func zip(t testing.TB, parts ...string) string {
	var b bytes.Buffer
	for _, part := range parts {
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCSVEncodings(t *testing.T) {
	const text = "id;prénom\n1;Zoë €\n2;𝄞\n"
	want := []string{"2: 1|Zoë €", "3: 2|𝄞"}
	const latin = "id;pr\xe9nom\n1;Zo\xeb \x80\n"
	wantLatin := []string{"2: 1|Zoë €"}
	little, big := toUTF16(binary.LittleEndian, text), toUTF16(binary.BigEndian, text)
	megabyte := "id;prénom\n" + strings.Repeat("x;"+strings.Repeat("é", 511)+"\n", 1024)
	for _, tt := range []struct {
		name, text, encoding string
		want                 []string
		err                  string
	}{
		{"UTF-8", text, "", want, ""},
		{"UTF-8, said", text, "UTF-8", want, ""},
		{"UTF-8 with a mark", "\ufeff" + text, "", want, ""},
		{"UTF-8 with a mark, said", "\ufeff" + text, "utf-8", want, ""},
		{"UTF-8 where anything may be", text, "detect", want, ""},
		{"little-endian with a mark", "\xff\xfe" + little, "", want, ""},
		{"little-endian with a mark, said", "\xff\xfe" + little, "utf-16le", want, ""},
		{"little-endian without", little, "", want, ""},
		{"little-endian without, said", little, "utf-16", want, ""},
		{"big-endian with a mark", "\xfe\xff" + big, "", want, ""},
		{"big-endian with a mark, half said", "\xfe\xff" + big, "utf-16", want, ""},
		{"big-endian without", big, "detect", want, ""},
		{"big-endian without, said", big, "utf-16be", want, ""},
		{"Windows-1252, said", latin, "Windows-1252", wantLatin, ""},
		{"Latin-1, said", latin, "iso-8859-1", wantLatin, ""},
		{"Windows-1252, found", latin, "detect", wantLatin, ""},
		{"Windows-1252, not said", latin, "", nil, "the header is not UTF-8"},
		{"an error after the start is not another encoding", megabyte + "2;\xe9\n", "detect", []string{"1026: 2|"}, ""},
		{"an unassigned byte is no text", "id;prénom\n1;\x81\n", "windows-1252", []string{"2: 1|"}, ""},
		{"half a pair is no text", little + "1\x00;\x00\x00\xd8\n\x00", "", append(want, "4: 1|"), ""},
		{"half a character at the end", little + "1\x00;", "", want, "the text ends within a character"},
		{"half a pair at the end", little + "1\x00;\x00\x00\xd8", "", want, "the text ends within a character"},
		{"gzip", zip(t, text), "", want, ""},
		{"gzip in members, within a line", zip(t, text[:15], text[15:], ""), "", want, ""},
		{"gzip of little-endian", zip(t, "\xff\xfe"+little), "", want, ""},
		{"gzip of Windows-1252", zip(t, latin), "detect", wantLatin, ""},
		{"gzip cut short", zip(t, text, strings.Repeat("x", 100))[:len(zip(t, text))+15], "", want, "gzip: unexpected EOF"},
		{"gzip cut short at the start", zip(t, text)[:5], "", nil, "gzip: unexpected EOF"},
		{"gzip with another checksum", zip(t, text)[:len(zip(t, text))-8] + "12345678", "", want, "gzip: invalid checksum"},
		{"gzip and something else", zip(t, text) + "else", "", want, "gzip: "},
		{"another mark than what is said", "\ufeff" + text, "windows-1252", nil, "begins with the byte order mark of utf-8"},
		{"another order than what is said", "\xfe\xff" + big, "utf-16le", nil, "begins with the byte order mark of utf-16be"},
		{"no such encoding", text, "latin-9", nil, `encoding is "latin-9"`},
		{"NULs that do not say enough", "Ж"[:0] + toUTF16(binary.LittleEndian, "Ж;a\n"), "", nil, "the header"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "the end with the data": iotest.DataErrReader,
			} {
				_, records, err := read(t, source.CSV(wrap(strings.NewReader(tt.text)), source.CSVOptions{Encoding: tt.encoding}))
				if len(records) > 1000 {
					records = records[1024:]
				}
				if tt.err == "" || records != nil { // of a damaged file, what comes before may be seen or not
					if diff := cmp.Diff(tt.want, records); diff != "" {
						t.Errorf("%s: records (-want +got):\n%s", name, diff)
					}
				}
				if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%s: error %v, want %q", name, err, tt.err)
				}
			}
		})
	}
}

// Everything that is wrong with the options is told at once.
func TestCSVOptionsProblems(t *testing.T) {
	_, err := source.CSV(strings.NewReader(""), source.CSVOptions{Comma: '\n', Encoding: "ebcdic"}).Fields(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Comma is") || !strings.Contains(err.Error(), "ebcdic") {
		t.Errorf("error %v", err)
	}
}

func TestCSVGzipEndsEarly(t *testing.T) {
	_, _, err := read(t, source.CSV(strings.NewReader(zip(t, "a\n1\n")[:12]), source.CSVOptions{}))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func TestCSVLazyQuotes(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
		err        string
	}{
		{"in a field without quotes", "a;b\n1;x\"y\n", []string{`2: 1|x"y`}, ""},
		{"inside quotes", "a;b\n1;\"x\"y\"\n", []string{`2: 1|x"y`}, ""},
		{"doubled as ever", "a;b\n1;\"x\"\"y\"\n", []string{`2: 1|x"y`}, ""},
		{"left open", "a;b\n1;\"x\n2;y\n", nil, "line 2: the text ends inside quotes"},
	} {
		_, records, err := read(t, source.CSV(strings.NewReader(tt.text), source.CSVOptions{LazyQuotes: true}))
		if diff := cmp.Diff(tt.want, records); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", tt.name, diff)
		}
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
		}
	}
}

// Text reads alike in whatever encoding it is written, and in whatever pieces it comes.
func FuzzEncodings(f *testing.F) {
	f.Add("a;b\n1;é\n2;𝄞\n", uint8(3))
	f.Add("é\n\"\r\n\ufeff\"\n", uint8(1))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		text = "id;" + strings.ToValidUTF8(text, "?")
		fields, records, err := read(t, source.CSV(strings.NewReader(text), source.CSVOptions{}))
		for name, encoded := range map[string]string{
			"utf-8": "\ufeff" + text, "utf-16": toUTF16(binary.LittleEndian, text), "utf-16le": "\xff\xfe" + toUTF16(binary.LittleEndian, text),
			"utf-16be": toUTF16(binary.BigEndian, text), "detect": "\xfe\xff" + toUTF16(binary.BigEndian, text), "": zip(t, text[:len(text)/2], text[len(text)/2:]),
		} {
			r := &pieces{strings.NewReader(encoded), int(size)%7 + 1}
			gotFields, got, gotErr := read(t, source.CSV(r, source.CSVOptions{Encoding: name}))
			if diff := cmp.Diff(fields, gotFields) + cmp.Diff(records, got); diff != "" || (err == nil) != (gotErr == nil) {
				t.Errorf("%q in %s: %v, %v (-want +got):\n%s", text, name, err, gotErr, diff)
			}
		}
	})
}

// pieces is a reader that gives no more than n bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// Any bytes, in any encoding: no panic, and no errors but those of the package.
func FuzzAnyEncoding(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"), uint8(0))
	f.Add([]byte("a\x00\n\x00\x00\xd8"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, encoding uint8) {
		names := []string{"", "detect", "utf-8", "utf-16", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1"}
		o := source.CSVOptions{Encoding: names[int(encoding)%len(names)]}
		_, first, err := read(t, source.CSV(bytes.NewReader(text), o))
		if err != nil && !strings.HasPrefix(err.Error(), "source: ") {
			t.Errorf("error %v", err)
		}
		_, second, again := read(t, source.CSV(iotest.OneByteReader(bytes.NewReader(text)), o))
		if (err == nil) != (again == nil) || err == nil && !cmp.Equal(first, second) {
			t.Errorf("in pieces: %v, %v\n%s", err, again, cmp.Diff(first, second))
		}
	})
}
