package spliotest_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spliosync/spliosync/splio/spliotest"
)

// FuzzImport: whatever a file holds and however it is read, its rows are all
// accounted for, its values are in the table as they should be, and reasons quote
// none of them.
func FuzzImport(f *testing.F) {
	f.Add([]byte("email;tier;c1\nann@example.com;\"a;b\";7\n;x;\n"), uint16(0))
	f.Add([]byte("email;c2;subscriptions\r\nann@example.com;1.5;+4,-0\r\nann@example.com;;"), uint16(0x155))
	f.Add([]byte("email;tier\nann@example.com;\"a\\\"b\"\n"), uint16(0x211))
	f.Add([]byte("email;cellphone\nANN@example.com;0639980101"), uint16(0xffff))
	f.Fuzz(func(t *testing.T, content []byte, readings uint16) {
		bits := func(n int) uint8 {
			out := readings & (1<<n - 1)
			readings >>= n
			return uint8(out)
		}
		r := spliotest.Rules{
			Quotes: spliotest.Quotes(bits(2)), Duplicates: spliotest.Duplicates(bits(2) % 3),
			Headers: spliotest.Headers(bits(2) % 3), LineEnds: spliotest.LineEnds(bits(2) % 3),
			BadCellAlone: bits(1) == 1, CountBytes: bits(1) == 1, NullIsEmpty: bits(1) == 1, AnyCase: bits(1) == 1,
			AnyPhone: bits(1) == 1, PrefixAll: bits(1) == 1,
		}
		name := []string{crm, erase, gone, "acme_contacts_full_20250314.csv"}[bits(2)]
		s, drop := universe(t, rules(r))
		if err := s.Put(spliotest.Contact{Key: ann, Fields: map[string]string{"tier": "gold"}, Lists: []int{0}}); err != nil {
			t.Fatal(err)
		}
		arrive(t, drop, name, string(content))
		imports(t, s) // checks the counts
		res := s.Results()[0]
		if !utf8.Valid(content) && res.FileError == "" {
			t.Error("a file that is not UTF-8 was read")
		}
		last := 1
		for _, k := range res.Skipped {
			if k.Line <= last || k.Line > res.Rows+1 {
				t.Errorf("line %d of %d after line %d", k.Line, res.Rows+1, last)
			}
			last = k.Line
		}
		for _, c := range s.Contacts() {
			if c.Key == "" || !slices.IsSorted(c.Lists) {
				t.Errorf("contact %q with lists %v", c.Key, c.Lists)
			}
			for name, value := range c.Fields {
				if value == "" || strings.ContainsAny(value, "\r\n\t") {
					t.Errorf("field %s is %q", name, value)
				}
			}
		}
	})
}
