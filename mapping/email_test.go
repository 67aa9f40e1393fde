package mapping_test

import (
	"net/mail"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/spliosync/spliosync/mapping"
)

func TestValidEmails(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct{ name, in, want string }{ // want is in, where it is empty
		{"plain", "ann@example.com", ""},
		{"capitals", "Ann.Lee@Example.COM", "ann.lee@example.com"},
		{"one letter", "a@b.c", ""},
		{"digits", "123@456.com", ""},
		{"dots", "a.b.c.d@example.com", ""},
		{"plus", "ann+news@example.com", ""},
		{"apostrophe", "o'brien@example.com", ""},
		{"underscore", "_ann_@example.com", ""},
		{"hyphens in the local part", "-ann--lee-@example.com", ""},
		{"every sign that needs no quotes", "!#$%&'*+-/=?^_`{|}~@example.com", ""},
		{"sign alone", "$@example.com", ""},
		{"slash, as in old gateways", "c=fr/o=acme@example.com", ""},
		{"bounce address", "bounces+12=ann=example.com@mail.example.org", ""},
		{"subdomains", "ann@a.b.c.d.example.com", ""},
		{"hyphens in the domain", "ann@my--own-shop.example", ""},
		{"punycode", "ann@xn--bcher-kva.example", ""},
		{"punycode top level", "ann@example.xn--p1ai", ""},
		{"labels of digits", "ann@1.2.3.com", ""},
		{"label from a digit", "ann@3com.com", ""},
		{"top level with a digit", "ann@example.c0", ""},
		{"long top level", "ann@example.photography", ""},
		{"local part of 64", a(64) + "@example.com", ""},
		{"label of 63", "a@" + a(63) + ".com", ""},
		{"domain of 253", "a@" + strings.Repeat(a(62)+".", 4) + "b", ""},
		{"local part of 32 letters of two bytes", strings.Repeat("é", 32) + "@example.com", ""},
		{"accent", "andré@example.com", ""},
		{"accent, in two characters", "andre\u0301@example.com", "andré@example.com"},
		{"capital that has no form of its own with a mark", "J\u030c@example.com", "ǰ@example.com"},
		{"capital with an accent", "ÉLÉONORE@example.com", "éléonore@example.com"},
		{"umlaut in the domain", "ann@bücher.example", ""},
		{"umlaut in the domain, in two characters", "ann@bu\u0308cher.example", "ann@bücher.example"},
		{"Greek", "χρήστης@παράδειγμα.ελ", ""},
		{"Cyrillic", "ИВАН@ПРИМЕР.РФ", "иван@пример.рф"},
		{"Chinese", "用户@例子.中国", ""},
		{"Japanese", "ユーザー@例え.テスト", ""},
		{"Hindi", "उपयोगकर्ता@उदाहरण.भारत", ""},
		{"Korean, in letters", "\u1112\u1161\u11ab@example.com", "한@example.com"},
		{"Arabic", "مستخدم@مثال.إختبار", ""},
		{"emoji", "😀@example.com", ""},
		{"label of 63 characters beyond ASCII", "a@" + strings.Repeat("é", 63) + ".com", ""},
		{"spaces around", " \t ann@example.com\r\n", "ann@example.com"},
		{"no-break space around", "\u00a0ann@example.com\u00a0", "ann@example.com"},
		{"byte order mark before", "\ufeffann@example.com", "ann@example.com"},
		{"zero-width space behind", "ann@example.com\u200b", "ann@example.com"},
		{"bidirectional marks around", "\u202aann@example.com\u202c\u200e", "ann@example.com"},
		{"soft hyphen behind", "ann@example.com\u00ad ", "ann@example.com"},
		{"the word null as a local part", "null@example.com", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			m := three(t, mapping.Field{Type: mapping.Email}, mapping.Options{})
			got, report := cellOf(m, mapping.StringValue(tt.in))
			if got != want || report != "" {
				t.Errorf("%q (%s), want %q", got, report, want)
			}
			if again, _ := cellOf(m, mapping.StringValue(got)); again != got || !norm.NFC.IsNormalString(got) {
				t.Errorf("%q becomes %q", got, again)
			}
			// The standard library, which reads RFC 5322, must agree that it is an address and nothing but one.
			if parsed, err := mail.ParseAddress(got); err != nil || parsed.Address != got || parsed.Name != "" {
				t.Errorf("net/mail reads %v, %v", parsed, err)
			}
		})
	}
}

func TestInvalidEmails(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	const plain, long, invisible = mapping.ReasonEmail, mapping.ReasonEmailLength, mapping.ReasonInvisible
	for _, tt := range []struct {
		name, in, reason string
		standard         bool // net/mail takes it: it is refused here on purpose
	}{
		{"a word", "ann", plain, false},
		{"Kelvin sign, which is not the k of somebody else", "\u212a@example.com", plain, true},
		{"Greek varia, which is not the ` of somebody else", "a\u1fefb@example.com", plain, true},
		{"dotted capital I, which is not the i of somebody else", "\u0130@example.com", plain, true},
		{"at sign alone", "@", plain, false},
		{"no local part", "@example.com", plain, false},
		{"no domain", "ann@", plain, false},
		{"no dot in the domain", "ann@localhost", plain, true},
		{"two at signs", "ann@lee@example.com", plain, false},
		{"at sign in words", "ann at example.com", plain, false},
		{"dot first", ".ann@example.com", plain, false},
		{"dot last", "ann.@example.com", plain, false},
		{"two dots", "an..n@example.com", plain, false},
		{"domain from a dot", "ann@.example.com", plain, false},
		{"domain to a dot", "ann@example.com.", plain, false},
		{"two dots in the domain", "ann@example..com", plain, false},
		{"label from a hyphen", "ann@-example.com", plain, true},
		{"label to a hyphen", "ann@example-.com", plain, true},
		{"domain to a hyphen", "ann@example.com-", plain, true},
		{"underscore in the domain", "ann@my_shop.com", plain, true},
		{"sign in the domain", "ann@exam!ple.com", plain, true},
		{"quotes", `"ann lee"@example.com`, plain, true},
		{"quotes that are not needed", `"ann"@example.com`, plain, true},
		{"quotes around it all", `"ann@example.com"`, plain, false},
		{"apostrophes around it all", `'ann@example.com'`, plain, true},
		{"backslash", `ann\@lee@example.com`, plain, false},
		{"comment", "ann(work)@example.com", plain, false},
		{"comment behind", "ann@example.com (Ann)", plain, true},
		{"name and brackets", "Ann Lee <ann@example.com>", plain, true},
		{"brackets alone", "<ann@example.com>", plain, true},
		{"link", "mailto:ann@example.com", plain, false},
		{"route", "<@relay.example:ann@example.com>", plain, false},
		{"group", "friends: ann@example.com;", plain, true},
		{"two by a comma", "ann@example.com,lee@example.com", plain, false},
		{"two by a semicolon", "ann@example.com;lee@example.com", plain, false},
		{"two by a space", "ann@example.com lee@example.com", plain, false},
		{"two by a line break", "ann@example.com\nlee@example.com", plain, false},
		{"Greek question mark, which is a semicolon", "ann\u037e@example.com", plain, true},
		{"header injection", "ann@example.com\r\nBcc: all@example.com", plain, false},
		{"address of a machine in brackets", "ann@[192.0.2.1]", plain, true},
		{"address of a machine, IPv6", "ann@[IPv6:2001:db8::1]", plain, false},
		{"address of a machine, bare", "ann@192.0.2.1", plain, true},
		{"top level of digits", "ann@example.123", plain, true},
		{"port", "ann@example.com:25", plain, false},
		{"path", "ann@example.com/x", plain, true},
		{"space in the local part", "an n@example.com", plain, false},
		{"space around the at sign", "ann @ example.com", plain, false},
		{"space in the domain", "ann@exam ple.com", plain, false},
		{"tab", "an\tn@example.com", plain, false},
		{"control character", "an\x00n@example.com", plain, false},
		{"delete", "ann\x7f@example.com", plain, false},
		{"wide at sign", "ann\uff20example.com", plain, false},
		{"ideographic full stop", "ann@example\u3002com", plain, true},
		{"replacement character", "andr\ufffd@example.com", plain, true},
		{"no-break space inside", "an\u00a0n@example.com", plain, true},
		{"letter of no width", "an\u3164n@example.com", plain, true},
		{"mark at the start of a label", "ann@\u2020example.com", plain, true},
		{"emoji in the domain", "ann@😀.com", plain, true},
		{"zero-width space", "an\u200bn@example.com", invisible, true},
		{"zero-width joiner", "ann@exa\u200dmple.com", invisible, true},
		{"byte order mark inside", "ann@\ufeffexample.com", invisible, true},
		{"soft hyphen inside", "ann@exam\u00adple.com", invisible, true},
		{"right-to-left override", "ann@exam\u202eple.com", invisible, true},
		{"isolate", "\u2066an\u2069n@example.com", invisible, true},
		{"word joiner", "ann\u2060@example.com", invisible, true},
		{"local part of 65", a(65) + "@example.com", long, true},
		{"local part of 65 bytes", strings.Repeat("é", 33) + "@example.com", long, true},
		{"label of 64", "a@" + a(64) + ".com", long, true},
		{"domain of 254", "a@" + strings.Repeat(a(62)+".", 4) + "bc", long, true},
		{"invalid UTF-8", "andr\xe9@example.com", mapping.ReasonUTF8, false},
		{"half a letter", "ann@example.com\xc3", mapping.ReasonUTF8, false},
		{"half a pair in six bytes", "an\xed\xa0\xbdn@example.com", mapping.ReasonUTF8, false},
		{"not applicable", "n/a", plain, false},
		{"none", "none", plain, false},
		{"NULL", "NULL", plain, false},
		{"undefined", "undefined", plain, false},
		{"masked", "a***@example", plain, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := three(t, mapping.Field{Type: mapping.Email, Invalid: mapping.Absent}, mapping.Options{})
			if got, report := cellOf(m, mapping.StringValue(tt.in)); got != absent || report != tt.reason+": absent" {
				t.Errorf("%q (%s), want none (%s)", got, report, tt.reason)
			}
			if _, err := mail.ParseAddress(tt.in); (err == nil) != tt.standard {
				t.Errorf("net/mail: %v", err)
			}
		})
	}
}
