package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
)

// mappingCase is a mapping in JSON, a segment, and what is sent for it.
type mappingCase struct {
	name, reason string
	mapping      string // after the usual key; a whole one when it begins with "{"
	segment      string
	files        []string // content, in the order of names
	rejected     int64
}

const usualKey = `"key":{"from":"email","to":"email"}`

func (c mappingCase) json() string {
	if strings.HasPrefix(c.mapping, "{") {
		return c.mapping
	}
	return "{" + usualKey + "," + c.mapping + "}"
}

// field is the JSON of a mapping with one custom attribute x, from the field v.
func field(more string) string {
	return `"fields":[{"from":"v","to":"x","custom":true,` + more + `}]`
}

// transformed is the same with transforms.
func transformed(transforms string) string { return field(`"transforms":[` + transforms + `]`) }

// values is a segment with the field v, and one contact for each value, a@example.com and so on.
func values(vs ...string) string { return contactsOf(",", "email,v", vs) }

// sent is the file for such a segment.
func sent(vs ...string) string { return contactsOf(";", "email;x", vs) }

func contactsOf(comma, header string, vs []string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i, v := range vs {
		fmt.Fprintf(&b, "%c@example.com%s%s\n", 'a'+i, comma, v)
	}
	return b.String()
}

var (
	long = strings.Repeat("é", 254) + "12"

	mappingCases = slices.Concat(policyCases, dateCases, typeCases, transformCases, otherCases)
)

var policyCases = []mappingCase{
	{
		name: "default policies", reason: "nothing and wrong values are blank",
		mapping: field(`"type":"integer"`),
		segment: values("", "many", "+007"),
		files:   []string{sent("", "", "7")},
	}, {
		name: "blank", reason: "is what happens anyway",
		mapping: field(`"type":"integer","empty":"blank","invalid":"blank"`),
		segment: values("", "many", "1"),
		files:   []string{sent("", "", "1")},
	}, {
		name: "absent", reason: "rows without a cell are in a file without the column",
		mapping: field(`"type":"integer","empty":"absent","invalid":"absent"`),
		segment: values("1", "", "many", "2"),
		files:   []string{"email;x\na@example.com;1\nd@example.com;2\n", "email\nb@example.com\nc@example.com\n"},
	}, {
		name: "empty absent, invalid blank", reason: "each has a policy of its own",
		mapping: field(`"type":"integer","empty":"absent","invalid":"blank"`),
		segment: values("many", ""),
		files:   []string{sent(""), "email\nb@example.com\n"},
	}, {
		name: "reject what is invalid", reason: "the whole record is not sent, and an empty value is no reason",
		mapping: field(`"type":"integer","empty":"blank","invalid":"reject"`),
		segment: values("", "many", "1"),
		files:   []string{"email;x\na@example.com;\nc@example.com;1\n"}, rejected: 1,
	}, {
		name: "reject what is empty", reason: "white space alone is empty for every type but text",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"type":"integer","empty":"reject"},{"from":"w","to":"y","custom":true,"empty":"reject"}]`,
		segment: "email,v,w\na@example.com,1, \nb@example.com, ,2\nc@example.com,3,\n",
		files:   []string{"email;x;y\na@example.com;1;\" \"\n"}, rejected: 2,
	}, {
		name: "default", reason: "stands in for nothing, never for what is invalid",
		mapping: field(`"type":"integer","default":"5","empty":"reject"`),
		segment: values("", "many", "1"),
		files:   []string{sent("5", "", "1")},
	}, {
		name: "long, cut", reason: "text is cut at 255 characters, which is what happens anyway",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"long":"cut"},{"from":"v","to":"firstname"}]`,
		segment: values(long, "b"),
		files:   []string{"email;x;firstname\na@example.com;" + long[:len(long)-1] + ";" + long[:len(long)-1] + "\nb@example.com;b;b\n"},
	}, {
		name: "long, blank", reason: "half a text may be worse than none",
		mapping: field(`"long":"blank"`),
		segment: values(long, long[:len(long)-1]),
		files:   []string{sent("", long[:len(long)-1])},
	}, {
		name: "long, absent", reason: "what is there stays as it is",
		mapping: field(`"long":"absent"`),
		segment: values(long, "b"),
		files:   []string{"email\na@example.com\n", "email;x\nb@example.com;b\n"},
	}, {
		name: "long, reject", reason: "the whole record",
		mapping: field(`"long":"reject"`),
		segment: values(long, "b"),
		files:   []string{"email;x\nb@example.com;b\n"}, rejected: 1,
	},
}

var dateCases = []mappingCase{
	{
		name: "the zone of Paris by default", reason: "a time without a zone is in it already",
		mapping: `"fields":[{"from":"v","to":"dateOfCreation"}]`,
		segment: values("2026-07-01T22:30:00Z", "2026-07-01 22:30", "20260701"),
		files:   []string{contactsOf(";", "email;dateOfCreation", []string{"2026-07-02 00:30:00", "2026-07-01 22:30:00", "2026-07-01 00:00:00"})},
	}, {
		name: "zone of the mapping", reason: "for dates alone too",
		mapping: `"fields":[{"from":"v","to":"dateOfCreation"},{"from":"v","to":"x","custom":true,"type":"date"}],"zone":"America/New_York"`,
		segment: values("2026-07-01T02:30:00Z"),
		files:   []string{"email;dateOfCreation;x\na@example.com;2026-06-30 22:30:00;2026-06-30\n"},
	}, {
		name: "zone of a field", reason: "before that of the mapping",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"type":"datetime","zone":"Asia/Shanghai"},{"from":"v","to":"y","custom":true,"type":"datetime"}],"zone":"UTC"`,
		segment: values("2026-07-01T20:30:00+02:00"),
		files:   []string{"email;x;y\na@example.com;2026-07-02 02:30:00;2026-07-01 18:30:00\n"},
	}, {
		name: "layouts", reason: "tried in order, in place of the usual forms",
		mapping: `"fields":[{"from":"v","to":"dateOfCreation","layouts":["02/01/2006","2 Jan 2006 15:04"]}]`,
		segment: values("03/02/2026", "3 Feb 2026 07:08", "2026-02-03"),
		files:   []string{contactsOf(";", "email;dateOfCreation", []string{"2026-02-03 00:00:00", "2026-02-03 07:08:00", ""})},
	}, {
		name: "layout", reason: "how dates are written; it is read as well",
		mapping: field(`"type":"date","layout":"02/01/2006"`),
		segment: values("2026-02-03", "20260203", "03/02/2026", "2026-02-30"),
		files:   []string{sent("03/02/2026", "03/02/2026", "03/02/2026", "")},
	}, {
		name: "layout of a date-time", reason: "in the zone of the field",
		mapping: field(`"type":"datetime","layout":"20060102150405","zone":"UTC"`),
		segment: values("2026-02-03T05:06:07+01:00"),
		files:   []string{sent("20260203040607")},
	},
}

var typeCases = []mappingCase{
	{
		name: "text", reason: "nothing changes but what would break a line",
		mapping: field(`"type":"text"`),
		segment: values(" 007 ", "\"a\nb\"", "a;b"),
		files:   []string{sent("\" 007 \"", "a b", `"a;b"`)},
	}, {
		name: "integer", reason: "in one form",
		mapping: field(`"type":"integer"`),
		segment: values("-0", "12.00", "1.5", "1e3", strings.Repeat("9", 30), strings.Repeat("9", 31)),
		files:   []string{sent("0", "12", "", "", strings.Repeat("9", 30), "")},
	}, {
		name: "decimal", reason: "two places, halves away from zero",
		mapping: field(`"type":"decimal"`),
		segment: values("2.005", "-2.005", "\"2,5\"", "7", "NaN"),
		files:   []string{sent("2.01", "-2.01", "", "7.00", "")},
	}, {
		name: "places", reason: "another number of them, none too",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"type":"decimal","places":3},{"from":"v","to":"y","custom":true,"type":"decimal","places":0}]`,
		segment: values("2.0055", "0.5"),
		files:   []string{contactsOf(";", "email;x;y", []string{"2.006;2", "0.500;1"})},
	}, {
		name: "boolean", reason: "1 and 0, of every word for them",
		mapping: field(`"type":"boolean"`),
		segment: values("yes", "F", "TRUE", "0", "ja"),
		files:   []string{sent("1", "0", "1", "0", "")},
	}, {
		name: "booleans", reason: "two words of one's own, which are read as well",
		mapping: field(`"type":"boolean","booleans":["non","oui"]`),
		segment: values("yes", "no", "oui", "non", "OUI"),
		files:   []string{sent("oui", "non", "oui", "non", "")},
	}, {
		name: "date", reason: "of a date-time, its day",
		mapping: field(`"type":"date"`),
		segment: values("2026-07-01T23:30:00Z", "0000-00-00"),
		files:   []string{sent("2026-07-02", "")},
	}, {
		name: "datetime", reason: "of a date, midnight",
		mapping: field(`"type":"datetime"`),
		segment: values("2026-07-01", "2026-07-01 12:00:00.999"),
		files:   []string{sent("2026-07-01 00:00:00", "2026-07-01 12:00:00")},
	}, {
		name: "types for a custom attribute that are those of standard ones", reason: "the form is the same, without a list of languages",
		mapping: `"fields":[{"from":"l","to":"l","custom":true,"type":"language"},{"from":"p","to":"p","custom":true,"type":"phone"},` +
			`{"from":"e","to":"e","custom":true,"type":"email"},{"from":"s","to":"s","custom":true,"type":"lists"}]`,
		segment: "email\tl\tp\te\ts\na@example.com\tSV_se\t+33 6 12 34 56 78\tX@Example.com\t+4,-1\nb@example.com\tSwedish\t0612345678\tx@\t4\n",
		files:   []string{"email;l;p;e;s\na@example.com;sv;0033612345678;x@example.com;-1,+4\nb@example.com;;;;\n"},
	}, {
		name: "attributes that every universe has", reason: "their types need not be named",
		mapping: `"fields":[{"from":"l","to":"language"},{"from":"p","to":"cellphone"},{"from":"s","to":"subscriptions"},` +
			`{"from":"f","to":"firstname"},{"from":"n","to":"lastname"}]`,
		segment: "email;l;p;s;f;n\nA@Example.com;cs-CZ;+33 (0)6 12.34.56.78;+4,-1;Ann;\"O\"\"K; yes\"\nb@example.com;FR;0612345678;4;Bob;B\n",
		files: []string{"email;language;cellphone;subscriptions;firstname;lastname\n" +
			"a@example.com;cz;0033612345678;-1,+4;Ann;\"O\"\"K; yes\"\nb@example.com;fr;;;Bob;B\n"},
	}, {
		name: "flatten, json", reason: "one line of JSON without white space, and any other text as it is",
		mapping: field(`"flatten":"json"`),
		segment: values(`"[1, ""b; c""]"`, `"{ ""k"": null }"`, "[no JSON"),
		files:   []string{sent(`"[1,""b; c""]"`, `"{""k"":null}"`, "[no JSON")},
	}, {
		name: "flatten, list", reason: "elements with a comma between them",
		mapping: field(`"flatten":"list"`),
		segment: values(`"[1.50, ""b"", null, true, """"]"`, "[[1]]", "plain"),
		files:   []string{sent("1.50, b, 1", "", "plain")},
	}, {
		name: "separator", reason: "another one between them",
		mapping: field(`"flatten":"list","separator":"|"`),
		segment: values(`"[1, ""b""]"`),
		files:   []string{sent("1|b")},
	}, {
		name: "no flatten", reason: "the text of a list is text",
		mapping: field(`"type":"text"`),
		segment: values(`"[1, 2]"`),
		files:   []string{sent("[1, 2]")},
	},
}

var transformCases = []mappingCase{
	{
		name: "several transforms", reason: "in order; without them, spaces stay",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"transforms":[{"name":"trim"},{"name":"upper"}]},{"from":"v","to":"y","custom":true,"transforms":[{"name":"lower"}]}]`,
		segment: values(" Élite "),
		files:   []string{"email;x;y\na@example.com;ÉLITE;\" élite \"\n"},
	}, {
		name: "trim", reason: "white space of every kind, at the ends",
		mapping: transformed(`{"name":"trim"}`),
		segment: values("\u00a0 a b\t"),
		files:   []string{sent("a b")},
	}, {
		name: "lower", reason: "every letter",
		mapping: transformed(`{"name":"lower"}`),
		segment: values("ÀB"),
		files:   []string{sent("àb")},
	}, {
		name: "upper", reason: "every letter that has an upper case",
		mapping: transformed(`{"name":"upper"}`),
		segment: values("àßb"),
		files:   []string{sent("ÀßB")},
	}, {
		name: "title", reason: "the first letters of words",
		mapping: transformed(`{"name":"title"}`),
		segment: values("JEAN-PIERRE o'neil"),
		files:   []string{sent("Jean-Pierre O'Neil")},
	}, {
		name: "map", reason: "without else, other text is kept",
		mapping: transformed(`{"name":"map","values":{"1":"gold","2":"silver","":"none"}}`),
		segment: values("1", "2", "3", ""),
		files:   []string{sent("gold", "silver", "3", "none")},
	}, {
		name: "map with else", reason: "an else that is empty is one too; nothing stays nothing",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"transforms":[{"name":"map","values":{"1":"gold"},"else":"other"}]},` +
			`{"from":"v","to":"y","custom":true,"transforms":[{"name":"map","values":{"1":"gold"},"else":""}]}]`,
		segment: values("1", "3", ""),
		files:   []string{contactsOf(";", "email;x;y", []string{"gold;gold", "other;", ";"})},
	}, {
		name: "default as a transform", reason: "after the others, where the default of the field is before them",
		mapping: transformed(`{"name":"trim"},{"name":"default","value":"none"}`),
		segment: values("", "  ", "a"),
		files:   []string{sent("none", "none", "a")},
	}, {
		name: "constant", reason: "needs no field at all",
		mapping: `"fields":[{"to":"x","custom":true,"transforms":[{"name":"constant","value":"web"}]}]`,
		segment: values("1", ""),
		files:   []string{sent("web", "web")},
	}, {
		name: "concat", reason: "empty parts leave no separator",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"transforms":[{"name":"concat","fields":["w","v"],"separator":" / "}]},` +
			`{"from":"v","to":"y","custom":true,"transforms":[{"name":"concat","fields":["w"]}]}]`,
		segment: "email,v,w\na@example.com,A, B \nb@example.com,A,\nc@example.com,,B\n",
		files:   []string{contactsOf(";", "email;x;y", []string{"A / B / A;AB", "A / A;A", "B;B"})},
	}, {
		name: "fail of concat", reason: "a part that is not text",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"invalid":"blank","transforms":[{"name":"concat","fields":["w"],"fail":"reject"}]}]`,
		segment: "email,v,w\na@example.com,A,\xff\nb@example.com,A,B\n",
		files:   []string{"email;x\nb@example.com;AB\n"}, rejected: 1,
	}, {
		name: "hash", reason: "SHA-256; nothing has none",
		mapping: transformed(`{"name":"hash"}`),
		segment: values("abc", ""),
		files:   []string{sent("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "")},
	}, {
		name: "substring", reason: "characters, not bytes, and fewer where there are no more",
		mapping: transformed(`{"name":"substring","start":1,"length":2}`),
		segment: values("éàü!", "éà", "é"),
		files:   []string{sent("àü", "à", "")},
	}, {
		name: "substring from the start", reason: "start is 0 by default",
		mapping: transformed(`{"name":"substring","length":2}`),
		segment: values("éàü!"),
		files:   []string{sent("éà")},
	}, {
		name: "replace", reason: "every match, with what its groups have matched; without with, it is taken away",
		mapping: `"fields":[{"from":"v","to":"x","custom":true,"transforms":[{"name":"replace","pattern":"(\\d+)-(\\d+)","with":"$2.${1}$$"}]},` +
			`{"from":"v","to":"y","custom":true,"transforms":[{"name":"replace","pattern":"\\D"}]}]`,
		segment: values("1-2 3-4"),
		files:   []string{"email;x;y\na@example.com;2.1$ 4.3$;1234\n"},
	}, {
		name: "match", reason: "other text is invalid, nothing is not",
		mapping: transformed(`{"name":"match","pattern":"^[0-9]{5}$"}`),
		segment: values("75001", "7500", ""),
		files:   []string{sent("75001", "", "")},
	}, {
		name: "fail of match", reason: "in place of invalid",
		mapping: field(`"invalid":"reject","transforms":[{"name":"match","pattern":"^[0-9]{5}$","fail":"absent"}]`),
		segment: values("75001", "7500"),
		files:   []string{sent("75001"), "email\nb@example.com\n"},
	},
}

var otherCases = []mappingCase{
	{
		name: "custom", reason: "a list of names, as text with the default policies",
		mapping: `"custom":["t","c5"]`,
		segment: "email,c5,t\na@example.com,,001\n",
		files:   []string{"email;t;c5\na@example.com;001;\n"},
	}, {
		name: "the order of columns", reason: "key, fields, custom, whatever that of the segment",
		mapping: `"fields":[{"from":"l","to":"lastname"},{"from":"f","to":"firstname"}],"custom":["t"]`,
		segment: "t,f,l,email\n1,F,L,a@example.com\n",
		files:   []string{"email;lastname;firstname;t\na@example.com;L;F;1\n"},
	}, {
		name: "another key", reason: "the e-mail is an attribute like any other then",
		mapping: `{"key":{"from":"id","to":"customer_key"},"fields":[{"from":"email","to":"email"}]}`,
		segment: "id;email\n 42 ;A@example.com\n;b@example.com\n43;nobody\n",
		files:   []string{"customer_key;email\n42;a@example.com\n43;\n"}, rejected: 1,
	}, {
		name: "a key with policies and transforms", reason: "everything rejects, which may be said",
		mapping: `{"key":{"from":"v","to":"email","type":"email","empty":"reject","invalid":"reject","transforms":[{"name":"replace","pattern":"^mailto:"}]}}`,
		segment: "v\nmailto:a@example.com\nb@\n",
		files:   []string{"email\na@example.com\n"}, rejected: 1,
	},
}

// What a mapping in JSON can say shows in the files.
func TestMapping(t *testing.T) {
	for _, tt := range mappingCases {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.setMapping(tt.json())
			b.setSegment(tt.segment)
			b.sync(day1, "-insert").want(t, statusDone)
			r := b.counts()
			if r.Rejected != tt.rejected {
				t.Errorf("rejected %d, want %d", r.Rejected, tt.rejected)
			}
			var got []string
			for _, f := range r.Files {
				got = append(got, b.read(f.Name))
			}
			if !slices.Equal(got, tt.files) {
				t.Errorf("%s: sent %q, want %q", tt.reason, got, tt.files)
			}
			b.sync(day2, "-insert").want(t, statusDone, "nothing to send")
		})
	}
}

// The cases above leave out nothing that a mapping can say.
func TestMappingCasesAreAll(t *testing.T) {
	var all strings.Builder
	for _, c := range mappingCases {
		all.WriteString(c.json())
	}
	var want []string
	for _, of := range []reflect.Type{reflect.TypeFor[mapping.Mapping](), reflect.TypeFor[mapping.Field](), reflect.TypeFor[mapping.Transform]()} {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "func" && name != "version" { // TestMappingWithFunc
				want = append(want, `"`+name+`":`)
			}
		}
	}
	for name := range strings.FieldsSeq("trim lower upper title map default constant concat hash substring replace match") {
		want = append(want, `{"name":"`+name+`"`)
	}
	for name := range strings.FieldsSeq("text integer decimal boolean date datetime language phone email lists") {
		want = append(want, `"type":"`+name+`"`)
	}
	for _, option := range []string{"empty", "invalid", "long"} {
		for _, policy := range []mapping.Policy{mapping.Blank, mapping.Absent, mapping.Reject} {
			want = append(want, `"`+option+`":"`+string(policy)+`"`)
		}
	}
	for _, w := range want {
		if !strings.Contains(all.String(), w) {
			t.Errorf("no case has %s", w)
		}
	}
}

// A function in Go is nothing that a file can hold.
func TestMappingWithFunc(t *testing.T) {
	b := newBench(t)
	b.setMapping("{" + usualKey + `,"fields":[{"from":"first_name","to":"firstname","transforms":[{"name":"func","func":"nick"}]},` +
		`{"from":"points","to":"points","custom":true,"transforms":[{"name":"trim"},{"name":"func","func":"double","version":"2","fail":"reject"}]}]}`)
	b.sync(day1).want(t, statusConfig,
		`mapping.json: attribute "firstname" asks for the Go function "nick", and csvsync has none`,
		`mapping.json: attribute "points" asks for the Go function "double"`, "nothing was done")
	if tree(t, b.state) != nil {
		t.Error("a state was made")
	}
}
