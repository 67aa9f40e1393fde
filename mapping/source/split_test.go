package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// theirs reads text with encoding/csv, a line for each record or error.
func theirs(text string, comma rune, lazy bool) (out []string) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, lazy, -1
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return out
		}
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			out = append(out, fmt.Sprintf("%d: error at %d:%d, bare %t", wrong.StartLine, wrong.Line, wrong.Column, wrong.Err == csv.ErrBareQuote))
			continue
		}
		if err != nil {
			return append(out, err.Error())
		}
		line, _ := r.FieldPos(0)
		out = append(out, fmt.Sprintf("%d: %q", line, cells))
	}
}

// ours does the same with the splitter.
func ours(r io.Reader, comma rune, lazy bool, chunk int) (out []string) {
	s := &splitter{window: window{r: &steady{r: r}, chunk: chunk}, comma: []byte(string(comma)), lazy: lazy}
	for {
		err := s.next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			return append(out, err.Error())
		}
		// In lazy mode an end inside quotes is no error to encoding/csv.
		if s.fault != faultNone && (s.fault != faultOpen || !lazy) {
			out = append(out, fmt.Sprintf("%d: error at %d:%d, bare %t", s.first, s.line, s.column, s.fault == faultBare))
			continue
		}
		cells := make([]string, len(s.fields))
		for i := range cells {
			cells[i] = string(s.field(i))
		}
		out = append(out, fmt.Sprintf("%d: %q", s.first, cells))
	}
}

func compare(t *testing.T, text string, comma rune, lazy bool, chunk int) {
	t.Helper()
	want := fmt.Sprint(theirs(text, comma, lazy))
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"the end with the data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		if got := fmt.Sprint(ours(r, comma, lazy, chunk)); got != want {
			t.Errorf("%q, comma %q, lazy %t, chunks of %d, %s:\n got %s\nwant %s", text, comma, lazy, chunk, name, got, want)
		}
	}
}

func TestSplitterAgainstEncodingCSV(t *testing.T) {
	for _, text := range []string{
		"", "\n", "\r", "\r\n", "a", "a\r", "a\r\r\n", "a\rb\n", ",", ",\n,", "a,b\r\n\r\nc\n", "\"\"", "\"", "\"\r", "\"\n", "\"\r\n",
		"\"a\"\"b\",c\n", "\"a\r\nb\r\r\nc\",d\r\ne", "\"a\"b,c\nd\n", "a\"b\nc", "a,\"b\nc\"d\ne\n", "a,\"b\nc\"\"", "\"a\nb\r", "\"a\"\r", "\"a\",\n\"b\"\n",
		"é,è\n\"é\",è", "\xff,\xc3\n\"\xc3,\"\n", "12345678,1234567,\n,,,,,,,,,,,,\n", "\"a\"é\n", "a,\"\"\"\"\n", "\"a\"\"\n\"\"b\"\n", "a\x00,b\n", "\"a\"\n\"b",
	} {
		for _, comma := range ",;\té" {
			for _, lazy := range []bool{false, true} {
				for _, chunk := range []int{1, 7, 64, 0} {
					compare(t, text, comma, lazy, chunk)
				}
			}
		}
	}
}

// Text made of the characters that matter, in every mixture.
func TestSplitterAgainstEncodingCSVAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{",", ",", ";", "\"", "\"", "\"\"", "\n", "\n", "\r\n", "\r", "a", "bc", "é", "\xff", "0123456789", " ", "\",\""}
	for range 30_000 {
		var b strings.Builder
		for range random.IntN(20) {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		compare(t, b.String(), []rune(",,;é")[random.IntN(4)], random.IntN(2) == 0, 1+random.IntN(20))
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add("a,b\n1,\"2\r\n\"\"3\"\n4,5,6\n\"7", uint8(0), true, uint8(5))
	f.Add("a;\"b\"c;d\r\n\r\n\"\"", uint8(1), false, uint8(0))
	f.Fuzz(func(t *testing.T, text string, comma uint8, lazy bool, chunk uint8) {
		compare(t, text, []rune(",;\té€")[comma%5], lazy, int(chunk))
	})
}

// What a chunk ends in, and nothing else, is moved: memory stays what it is for as long as records are short.
func TestSplitterMemory(t *testing.T) {
	line := strings.Repeat("x;", 50) + "\n"
	s := &splitter{window: window{r: &steady{r: strings.NewReader(strings.Repeat(line, 30_000))}}, comma: []byte(";")}
	n := 0
	if allocations := testing.AllocsPerRun(1, func() {
		for s.next() == nil {
			n++
		}
	}); allocations > 0 || n != 30_000 {
		t.Errorf("%v allocations, %d records", allocations, n)
	}
	if want := portion + portion/4 + slack; len(s.buf) != want {
		t.Errorf("the buffer has %d bytes, want %d", len(s.buf), want)
	}
}
