package phone_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/phone"
)

// The numbers are from the ranges that regulators keep for fiction where there are any, and plainly made up elsewhere.

func region(t testing.TB, name string) mapping.Func {
	t.Helper()
	f, err := phone.Func(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name, region, text, want string
	}{
		{"national", "FR", "06 39 98 01 17", "0033639980117"},
		{"national, fixed line", "FR", "01.99.00.12.34", "0033199001234"},
		{"without the national prefix", "FR", "639980117", "0033639980117"},
		{"international", "FR", "+33 6 39 98 01 17", "0033639980117"},
		{"international, dialled", "FR", "0033 6 39 98 01 17", "0033639980117"},
		{"with a trunk zero in parentheses", "FR", "+33 (0)6 39 98 01 17", "0033639980117"},
		{"with a trunk zero", "FR", "+33 06 39 98 01 17", "0033639980117"},
		{"dialled, with a trunk zero", "FR", "0033 (0)6 39 98 01 17", "0033639980117"},
		{"country code without a prefix", "FR", "33639980117", "0033639980117"},
		{"all that sets apart", "FR", " (06)/39.98-0\u22121\u201317\u00a0\t", "0033639980117"},
		{"invisible characters of a web page", "FR", "\u202a+33\u00a06\u200b39\u202f98\u2060 01 17\u202c", "0033639980117"},
		{"other digits", "JP", "０７０－１２３４－５６７８", "00817012345678"},
		{"a wide plus", "FR", "＋33 6 39 98 01 17", "0033639980117"},
		{"Arabic digits", "EG", "٠١٠٠ ١٢٣ ٤٥٦٧", "00201001234567"},
		{"from abroad", "BE", "+33 1 99 00 12 34", "0033199001234"},
		{"00 is international where one dials otherwise", "US", "0033 6 39 98 01 17", "0033639980117"},
		{"the region's international prefix", "US", "011 33 6 39 98 01 17", "0033639980117"},
		{"00 leads to carriers there", "JP", "0033 6 39 98 01 17", "0033639980117"},
		{"North America", "US", "(202) 555-0143", "0012025550143"},
		{"North America, with its prefix", "US", "1-202-555-0143", "0012025550143"},
		{"North America, an island", "BS", "+1 242 365 1234", "0012423651234"},
		{"United Kingdom, mobile", "GB", "07700 900123", "00447700900123"},
		{"United Kingdom, London", "GB", "020 7946 0958", "00442079460958"},
		{"Germany, mobile", "DE", "0171 39200-12", "00491713920012"},
		{"Germany, Berlin", "DE", "030/23125000", "00493023125000"},
		{"Italy keeps the zero", "IT", "06 698 12345", "00390669812345"},
		{"Italy keeps the zero in parentheses", "FR", "+39 (0)6 698 12345", "00390669812345"},
		{"Australia", "AU", "0491 570 006", "0061491570006"},
		{"Spain has no prefix", "ES", "612 345 678", "0034612345678"},
		{"Belgium", "BE", "0470 12 34 56", "0032470123456"},
		{"Argentina dials mobiles otherwise at home", "AR", "011 15-2345-6789", "005491123456789"},
		{"Brazil, with a carrier", "BR", "0 15 11 96123-4567", "005511961234567"},
		{"Guadeloupe, mobile", "FR", "0690 00 12 34", "00590690001234"},
		{"Guadeloupe, mobile, since", "FR", "0691 22 12 34", "00590691221234"},
		{"Guadeloupe, fixed line", "FR", "0590 20 12 34", "00590590201234"},
		{"Guadeloupe, without the national prefix", "FR", "690001234", "00590690001234"},
		{"Guadeloupe, 0709", "FR", "0709 00 12 34", "00590709001234"},
		{"French Guiana, mobile", "FR", "0694 20 12 34", "00594694201234"},
		{"French Guiana, fixed line", "FR", "0594 30 12 34", "00594594301234"},
		{"Martinique, mobile", "FR", "0696 20 12 34", "00596696201234"},
		{"Martinique, mobile, since", "FR", "0697 20 12 34", "00596697201234"},
		{"Martinique, fixed line", "FR", "0596 50 12 34", "00596596501234"},
		{"Réunion, mobile", "FR", "0692 12 34 56", "00262692123456"},
		{"Réunion, mobile, since", "FR", "0693 01 23 45", "00262693012345"},
		{"Réunion, fixed line", "FR", "0262 20 12 34", "00262262201234"},
		{"Réunion, fixed line, since", "FR", "0263 01 23 45", "00262263012345"},
		{"Mayotte, mobile", "FR", "0639 20 12 34", "00262639201234"},
		{"Mayotte, fixed line", "FR", "0269 61 12 34", "00262269611234"},
		{"over the internet, Martinique", "FR", "0976 60 12 34", "00596976601234"},
		{"over the internet, Guadeloupe", "FR", "0947 50 12 34", "00590947501234"},
		{"over the internet, mainland", "FR", "0947 00 12 34", "0033947001234"},
		{"Saint-Pierre-et-Miquelon", "FR", "0508 41 12 34", "00508411234"},
		{"the mainland's numbers for fiction begin like Mayotte's", "FR", "06 39 98 00 01", "0033639980001"},
		{"next to the overseas ones", "FR", "06 95 12 34 56", "0033695123456"},
		{"overseas, international", "FR", "+590 690 00 12 34", "00590690001234"},
		{"overseas, with the mainland's code", "FR", "+33 690 00 12 34", "0033690001234"},
		{"overseas, at home", "GP", "0690 00 12 34", "00590690001234"},
		{"another region's, of the same digits", "ES", "690 001 234", "0034690001234"},
		{"a code without a country", "FR", "+800 1234 5678", "0080012345678"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := region(t, test.region).Apply([]byte("|"), []byte(test.text))
			if err != nil || string(got) != "|"+test.want {
				t.Errorf("%q gives %q, %v, want %q", test.text, got, err, "|"+test.want)
			}
		})
	}
}

func TestInvalid(t *testing.T) {
	for _, test := range []struct {
		name, region, text string
	}{
		{"empty", "FR", ""},
		{"no digit", "FR", " - "},
		{"a plus alone", "FR", "+"},
		{"the prefix alone", "FR", "00"},
		{"a digit short", "FR", "06 39 98 01 1"},
		{"a digit over", "FR", "06 39 98 01 170"},
		{"of another country", "FR", "07700 900123"},
		{"begins like Mayotte's and is none's", "FR", "06 39 08 12 34"},
		{"begins like Guadeloupe's and is none's", "FR", "0691 99 12 34"},
		{"begins like Martinique's and is none's", "FR", "0596 20 12 34"},
		{"begins like Saint-Pierre's and is none's", "FR", "0508 10 12 34"},
		{"no country has it", "FR", "+999 639980117"},
		{"international, with a national prefix only", "FR", "+0639980117"},
		{"two prefixes", "FR", "+0033639980117"},
		{"two plus signs", "FR", "++33639980117"},
		{"a plus inside", "FR", "06+39980117"},
		{"an extension", "FR", "01 99 00 12 34 ext. 5"},
		{"an extension after a letter", "FR", "01 99 00 12 34 x5"},
		{"an extension after a sign", "FR", "01 99 00 12 34#5"},
		{"vanity", "US", "1-800-555-CALL"},
		{"a word", "FR", "none"},
		{"a word and a number", "FR", "tel:+33639980117"},
		{"two numbers", "FR", "06 39 98 01 17 / 06 39 98 01 18"},
		{"two numbers, separated", "FR", "0639980117, 0639980118"},
		{"a star", "FR", "*31*0639980117"},
		{"emergency", "FR", "112"},
		{"short", "FR", "3631"},
		{"local, without its area", "US", "555-0143"},
		{"local, of a shape that exists", "US", "310-1234"},
		{"shorter than international numbers are", "AT", "01 234"},
		{"longer than international numbers are", "DE", "+49 30 2312500012345"},
		{"a shape that no number has", "US", "(102) 555-0143"},
		{"a trunk zero where there is none", "US", "+1 (0)202 555 0143"},
		{"invalid UTF-8", "FR", "06 39 98 01 17\xff"},
		{"a replacement character", "FR", "06 39 98 01 17\ufffd"},
		{"endless", "FR", strings.Repeat("0639980117", 100)},
		{"a float's text", "FR", "6.39980117E8"},
		{"phone-context", "FR", ";phone-context=tel:+33"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := region(t, test.region).Apply([]byte("|"), []byte(test.text))
			if err == nil || string(got) != "|" {
				t.Fatalf("%q gives %q, want an error", test.text, got)
			}
			if want := "phone: not a phone number"; err.Error() != want {
				t.Errorf("the error is %q: only %q says nothing about the number", err, want)
			}
		})
	}
}

func TestUnknownRegion(t *testing.T) {
	for _, name := range []string{"", "fr", "UK", "FRA", "ZZ", "001", "33"} {
		f, err := phone.Func(name)
		if err == nil || f.Apply != nil {
			t.Errorf("region %q is taken", name)
		} else if !strings.HasPrefix(err.Error(), "phone: unknown region ") {
			t.Errorf("region %q: %v", name, err)
		}
	}
}

// The version is written down here so that an update of the plans that may change renderings is seen: raise it here, and
// say so in the change log.
func TestVersion(t *testing.T) {
	french, belgian := region(t, "FR"), region(t, "BE")
	if want := "FR-2-cf0ae974"; french.Version != want || french.Name != "phone" {
		t.Errorf("name %q, version %q, want %q", french.Name, french.Version, want)
	}
	if got := region(t, "FR"); got.Version != french.Version {
		t.Errorf("the version is %q at first and %q then", french.Version, got.Version)
	}
	// The same text gives other numbers.
	if belgian.Version == french.Version {
		t.Errorf("two regions have the version %q", french.Version)
	}
}

// In a mapping, the version says which region's function is meant, and one that is not there any more is refused.
func TestBind(t *testing.T) {
	french, british := region(t, "FR"), region(t, "GB")
	reads := func(from, version string) mapping.Field {
		return mapping.Field{From: from, To: from, Type: mapping.Phone, Transforms: []mapping.Transform{{Name: "func", Func: "phone", Version: version}}}
	}
	m := mapping.Mapping{
		Key:    mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{reads("fr", french.Version), reads("gb", british.Version), reads("number", french.Version)},
	}
	segment, o := []string{"mail", "fr", "gb", "number"}, mapping.Options{Funcs: []mapping.Func{french, british}}
	mapper, err := m.Bind(segment, o)
	if err != nil {
		t.Fatal(err)
	}
	text := mapping.StringValue
	var row mapping.Row
	for _, test := range []struct {
		name   string
		values []mapping.Value
		want   string
	}{
		{"each in its region", []mapping.Value{text("06 39 98 01 17"), text("07700 900123"), {}}, "0033639980117,00447700900123,"},
		{"a number that has lost its zero", []mapping.Value{{}, {}, mapping.IntegerValue(639980117)}, ",,0033639980117"},
		{"invalid", []mapping.Value{text("07700 900123"), text("06 39 98 01 17"), text("07")}, ",,"},
	} {
		mapper.Render(&row, &mapping.Record{Seq: 1, Values: append([]mapping.Value{text("ann@example.net")}, test.values...)})
		if got := string(bytes.Join(row.Cells[1:], []byte(","))); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if r := row.Rejections; len(r) != 3 || r[0].Reason != mapping.ReasonFunc || r[0].Action != mapping.Blanked {
		t.Errorf("rejections of an invalid number: %v", r)
	}

	m.Fields = []mapping.Field{reads("fr", "FR-0-00000000")}
	if _, err := m.Bind(segment, o); err == nil || !strings.Contains(err.Error(), french.Version) {
		t.Errorf("a version that is not there: %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	f := region(t, "FR")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				if got, err := f.Apply(nil, []byte("06 39 98 01 17")); err != nil || string(got) != "0033639980117" {
					t.Errorf("%q, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// FuzzApply: no text makes it panic, and what it reads is of the form that mapping.Phone has, and is read as itself
// everywhere.
func FuzzApply(f *testing.F) {
	for _, text := range []string{"06 39 98 01 17", "+33 (0)6 39 98 01 17", "011 15-2345-6789", "(202) 555-0143", "0015", "+39 06 698 12345", "+4930231250001234"} {
		f.Add(text, "FR")
		f.Add(text, "AR")
		f.Add(text, "JP")
	}
	funcs := make(map[string]mapping.Func)
	for _, name := range []string{"FR", "AR", "JP", "US", "IT", "DE"} {
		funcs[name] = region(f, name)
	}
	mapper, err := mapping.Mapping{Key: mapping.Field{From: "n", To: "n", Type: mapping.Phone}}.Bind([]string{"n"}, mapping.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		one, ok := funcs[name]
		if !ok {
			return
		}
		got, err := one.Apply(nil, []byte(text))
		if err != nil {
			if len(got) != 0 {
				t.Errorf("%q: an error, and %q", text, got)
			}
			return
		}
		if key, ok := mapper.Key(mapping.TextValue(got)); !ok || string(key) != string(got) {
			t.Errorf("%q gives %q, which type phone reads as %q, %t", text, got, key, ok)
		}
		for other, f := range funcs {
			if again, err := f.Apply(nil, got); err != nil || string(again) != string(got) {
				t.Errorf("%q gives %q in %s, which in %s gives %q, %v", text, got, name, other, again, err)
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	f := region(b, "FR")
	for _, bench := range []struct{ name, text string }{
		{"national", "06 39 98 01 17"}, {"international", "+33 6 39 98 01 17"}, {"letters", "not known"},
	} {
		text := []byte(bench.text)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf, _ = f.Apply(buf[:0], text)
			}
		})
	}
}

func BenchmarkFunc(b *testing.B) {
	for b.Loop() {
		if _, err := phone.Func("FR"); err != nil {
			b.Fatal(err)
		}
	}
}
