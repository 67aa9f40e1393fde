package splio_test

import (
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestConfiguration(t *testing.T) {
	known := iter.Seq2[string, error](func(func(string, error) bool) {})
	tests := []struct {
		name, reason string
		change       func(*splio.Activation)
		fields       string
		want         []string // parts of the error, one for each problem; none: it is fine
	}{
		{"fine", "the base of all others", func(*splio.Activation) {}, "email,first,last", nil},
		{"universe with underscores", "documented by an example",
			func(a *splio.Activation) { a.Destination.Universe = "acme_shop-fr" }, "email,first,last", nil},
		{"no universe", "no file name without it",
			func(a *splio.Activation) { a.Destination.Universe = "" }, "email,first,last", []string{"Destination.Universe"}},
		{"universe that is a path", "names are bare",
			func(a *splio.Activation) { a.Destination.Universe = "../x" }, "email,first,last", []string{"Destination.Universe"}},
		{"universe that hides", "a dot file is no import file",
			func(a *splio.Activation) { a.Destination.Universe = ".acme" }, "email,first,last", []string{"Destination.Universe"}},
		{"no sub-sequence", "Splio would not find the configuration",
			func(a *splio.Activation) { a.Destination.Subsequence = "" }, "email,first,last", []string{"Destination.Subsequence"}},
		{"sub-sequence with a separator", "the name would have five parts",
			func(a *splio.Activation) { a.Destination.Subsequence = "crm_fr" }, "email,first,last", []string{"Destination.Subsequence"}},
		{"line break", "$ does not stand before it",
			func(a *splio.Activation) { a.Destination.Subsequence = "crm\n" }, "email,first,last", []string{"Destination.Subsequence"}},
		{"no state", "nothing would be remembered",
			func(a *splio.Activation) { a.State = "" }, "email,first,last", []string{"Activation.State"}},
		{"known with insert", "one of them decides nothing",
			func(a *splio.Activation) { a.Known = known }, "email,first,last", []string{"Activation.Known"}},
		{"format", "checked before the state is opened",
			func(a *splio.Activation) { a.Format.MaxLines = 1 }, "email,first,last", []string{"MaxLines"}},
		{"digest key", "a short one can be guessed",
			func(a *splio.Activation) { a.DigestKey = make([]byte, 15) }, "email,first,last", []string{"DigestKey has 15 bytes"}},
		{"digest key of no bytes", "not the same as none",
			func(a *splio.Activation) { a.DigestKey = []byte{} }, "email,first,last", []string{"DigestKey has 0 bytes"}},
		{"duplicates", "no such policy",
			func(a *splio.Activation) { a.Duplicates = 3 }, "email,first,last", []string{"Activation.Duplicates"}},
		{"too many columns", "more than a snapshot can hold",
			func(a *splio.Activation) {
				for i := range 255 {
					a.Mapping.Fields = append(a.Mapping.Fields, mapping.Field{From: "last", To: fmt.Sprintf("c%d", i), Custom: true})
				}
			}, "email,first,last", []string{"257 attributes beside the key"}},
		{"as many columns as can be", "one less",
			func(a *splio.Activation) {
				for i := range 254 {
					a.Mapping.Fields = append(a.Mapping.Fields, mapping.Field{From: "last", To: fmt.Sprintf("c%d", i), Custom: true})
				}
			}, "email,first,last", nil},
		{"missing field", "the segment lacks it",
			func(*splio.Activation) {}, "email,first", []string{`"last"`}},
		{"customer_key beside email", "documented: only when the key is not the e-mail",
			func(a *splio.Activation) { a.Mapping.Fields[0].To = "customer_key" }, "email,first,last", []string{"customer_key"}},
		{"email beside customer_key", "plain data then",
			func(a *splio.Activation) {
				a.Mapping.Key = mapping.Field{From: "id", To: "customer_key"}
				a.Mapping.Fields[0] = mapping.Field{From: "email", To: "email"}
			}, "id,email,last", nil},
		{"key on another attribute", "Splio tells contacts apart by one of three",
			func(a *splio.Activation) { a.Mapping.Key.To = "lastname"; a.Mapping.Fields = nil }, "email", []string{"cannot be the key"}},
		{"wrong case", "names are case sensitive",
			func(a *splio.Activation) { a.Mapping.Fields[0].To = "FirstName" }, "email,first,last", []string{`did you mean "firstname"`}},
		{"reserved word", "Splio has its own use for it",
			func(a *splio.Activation) { a.Mapping.Custom = []string{"MirrorUrl"} }, "email,first,last,MirrorUrl", []string{"reserves"}},
		{"custom with an accent", "documented",
			func(a *splio.Activation) { a.Mapping.Custom = []string{"prénom"} }, "email,first,last,prénom", []string{"letters without accents"}},
		{"custom with a space", "documented",
			func(a *splio.Activation) { a.Mapping.Custom = []string{"a b"} }, "email,first,last,a b", []string{"letters without accents"}},
		{"custom field through Fields", "the rules are the same",
			func(a *splio.Activation) {
				a.Mapping.Fields = append(a.Mapping.Fields, mapping.Field{From: "x", To: "x y", Custom: true})
			}, "email,first,last,x", []string{"letters without accents"}},
		{"declared", "it exists",
			func(a *splio.Activation) {
				a.Mapping.Custom, a.Destination.Custom = []string{"c0"}, []mapping.Attribute{{Name: "c1"}, {Name: "c0"}}
			}, "email,first,last,c0", nil},
		{"not declared", "one unknown name makes Splio skip the file",
			func(a *splio.Activation) {
				a.Mapping.Custom, a.Destination.Custom = []string{"c0"}, []mapping.Attribute{{Name: "C0"}}
			}, "email,first,last,c0",
			[]string{"declares no such custom attribute"}},
		{"none exist", "an empty declaration is one",
			func(a *splio.Activation) {
				a.Mapping.Custom, a.Destination.Custom = []string{"c0"}, []mapping.Attribute{}
			}, "email,first,last,c0",
			[]string{"declares no such custom attribute"}},
		{"too little memory", "the comparison needs some", func(a *splio.Activation) { a.Memory = 1 << 20 }, "email,first,last", []string{"Activation.Memory"}},
		{"negative tolerance", "it can not be meant", func(a *splio.Activation) { a.MaxUnusable = -1 }, "email,first,last", []string{"MaxUnusable"}},
		{"zone", "dates need one", func(a *splio.Activation) { a.Mapping.Zone = "Mars/Olympus" }, "email,first,last", []string{"Mars/Olympus"}},
		{"everything at once", "one look at the message is enough", func(a *splio.Activation) {
			a.Destination = splio.Destination{}
			a.State, a.Known, a.Format.MaxLines = "", known, -1
			a.Mapping.Custom = []string{"lastopendate", "a b"}
			a.Mapping.Fields[0].To = "customer_key"
		}, "email,first,lastopendate,a b", []string{"Destination.Universe", "Destination.Subsequence", "Activation.State", "Activation.Known",
			"MaxLines", `"last"`, "customer_key", "reserves", "letters without accents"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			tt.change(&a)
			src := segment(tt.fields)
			state := a.State
			_, err := a.Preview(t.Context(), src)
			if len(tt.want) == 0 {
				if err != nil {
					t.Errorf("%s: %v", tt.reason, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("%s: no error", tt.reason)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %q is not in: %v", tt.reason, part, err)
				}
			}
			if !errors.Is(err, splio.ErrConfig) {
				t.Errorf("it does not match ErrConfig: %v", err)
			}
			if n := strings.Count(err.Error(), "\n"); n != len(tt.want) {
				t.Errorf("%d problems for %d: %v", n, len(tt.want), err)
			}
			// Every entry point finds the same, and leaves no trace.
			if _, perr := a.Plan(t.Context(), src); perr == nil || perr.Error() != err.Error() {
				t.Errorf("Plan: %v", perr)
			}
			if _, rerr := a.Run(t.Context(), src, untouched{t}); rerr == nil || rerr.Error() != err.Error() {
				t.Errorf("Run: %v", rerr)
			}
			if state != "" {
				if _, serr := os.Stat(state); !os.IsNotExist(serr) {
					t.Errorf("the state directory was made: %v", serr)
				}
			}
		})
	}
}

func TestUnverified(t *testing.T) {
	a := newActivation(t)
	a.Mapping.Custom = []string{"c0"}
	a.Mapping.Fields = append(a.Mapping.Fields, mapping.Field{From: "x", To: "c7", Custom: true})
	src := segment("email,first,last,x,c0")
	for _, tt := range []struct {
		declared []mapping.Attribute
		want     []string
	}{{nil, []string{"c7", "c0"}}, {[]mapping.Attribute{{Name: "c0"}, {Name: "c7"}, {Name: "c9"}}, nil}} {
		a.Destination.Custom = tt.declared
		r, err := a.Preview(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, r.Unverified); diff != "" {
			t.Errorf("with %v declared: %s", tt.declared, diff)
		}
	}
}

func TestAttributes(t *testing.T) {
	a := splio.Attributes()
	a[0].Name, a[4].Values[0], a[4].Aliases["cs"] = "x", "x", "x"
	b := splio.Attributes()
	if b[0].Name != "email" || b[4].Values[0] != "ar" || b[4].Aliases["cs"] != "cz" {
		t.Error("who changes what Attributes returned changes it for others")
	}
	if len(b[4].Values) != 17 {
		t.Errorf("%d languages, Splio lists 17", len(b[4].Values))
	}
}

func TestFileDay(t *testing.T) {
	tests := []struct {
		name, reason, zone, want string
		now                      time.Time
	}{
		{"Paris", "the default zone is an hour ahead, where it is tomorrow", "", "acme_contacts_crm_20250115.csv", time.Date(2025, 1, 14, 23, 30, 0, 0, time.UTC)},
		{"summer", "and two in summer", "", "acme_contacts_crm_20250715.csv", time.Date(2025, 7, 14, 22, 30, 0, 0, time.UTC)},
		{"New York", "the zone of the mapping decides", "America/New_York", "acme_contacts_crm_20250113.csv", time.Date(2025, 1, 14, 4, 0, 0, 0, time.UTC)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			a.Mapping.Zone, a.Now = tt.zone, tt.now
			d := new(drop)
			mustRun(t, a, segment("email,first,last", "ann@example.net,Ann,Lee"), d)
			if got := strings.Join(d.Names(), " "); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.reason, got, tt.want)
			}
		})
	}
}

// TestGolden maps three segments, of the kinds that FORMAT.md shows.
func TestGolden(t *testing.T) {
	tests := []struct {
		name, reason string
		destination  splio.Destination
		mapping      mapping.Mapping
		segment      string
		want         string // name of the delivered file
	}{
		{
			"email", "the key is the e-mail, with lists and custom columns of three types",
			splio.Destination{Universe: "acmeshop", Subsequence: "crm", Custom: []mapping.Attribute{{Name: "c0"}, {Name: "c3", Type: mapping.Date}, {Name: "c7", Type: mapping.Decimal}}},
			mapping.Mapping{
				Key: mapping.Field{From: "mail", To: "email"},
				Fields: []mapping.Field{
					{From: "last", To: "lastname"}, {From: "first", To: "firstname"}, {From: "lang", To: "language"},
					{From: "mobile", To: "cellphone"}, {From: "lists", To: "subscriptions"},
					{From: "likes", To: "c0", Custom: true}, {From: "born", To: "c3", Custom: true, Type: mapping.Date},
					{From: "spent", To: "c7", Custom: true, Type: mapping.Decimal},
				},
			},
			"mail|last|first|lang|mobile|lists|likes|born|spent\n" +
				" Nora.Petit@Example.com|Petit|Nora|fr-FR|+33 6 39 98 01 17|+4,+0|Tea; coffee|1990-05-21|149.9\n" +
				"jan.novak@example.org|Novák|Jan|cs|06 39 98 01 17|+0,-4|Tea|0000-00-00|0\n",
			"acmeshop_contacts_crm_20250314.csv",
		},
		{
			"customer_key", "another key, and the e-mail is plain data that may be missing",
			splio.Destination{Universe: "acme_shop", Subsequence: "Update2"},
			mapping.Mapping{
				Key:    mapping.Field{From: "id", To: "customer_key"},
				Fields: []mapping.Field{{From: "mail", To: "email"}, {From: "created", To: "dateOfCreation"}, {From: "name", To: "lastname"}},
				Zone:   "UTC",
			},
			"id|mail|created|name\n" +
				"0017-A|NORA@example.com|2024-02-29T23:59:59Z|Petit\n" +
				" 18 ||20240301|\n" +
				"19|not an address||NULL\n",
			"acme_shop_contacts_Update2_20250314.csv",
		},
		{
			"scores", "values that need quotes, decimals and booleans",
			splio.Destination{Universe: "acme", Subsequence: "scores", Custom: []mapping.Attribute{{Name: "score"}, {Name: "label"}, {Name: "vip"}}},
			mapping.Mapping{
				Key: mapping.Field{From: "email", To: "email"},
				Fields: []mapping.Field{
					{From: "score", To: "score", Custom: true, Type: mapping.Decimal, Places: new(3)},
					{From: "vip", To: "vip", Custom: true, Type: mapping.Boolean},
				},
				Custom: []string{"label"},
			},
			"email|score|vip|label\n" +
				"ann@example.net|0.12345|true|the \"best\"; really\n" +
				"bob@example.net|-1|no| spaced \n" +
				"cid@example.net||x|5\\\" and \\\n" +
				"dan@example.net|2|1|tab\there\n",
			"acme_contacts_scores_20250314.csv",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := splio.Activation{
				Destination: tt.destination, Mapping: tt.mapping, Insert: true,
				State: filepath.Join(t.TempDir(), "state"), Now: march(14),
			}
			var fields []string
			var rows []map[string]any
			for line := range strings.Lines(tt.segment) {
				values := strings.Split(strings.TrimSuffix(line, "\n"), "|")
				if fields == nil {
					fields = values
					continue
				}
				row := make(map[string]any)
				for i, v := range values {
					row[fields[i]] = v
				}
				rows = append(rows, row)
			}
			src := source.Maps(fields, func(yield func(map[string]any, error) bool) {
				for _, r := range rows {
					if !yield(r, nil) {
						return
					}
				}
			})
			mem := new(sftpx.Mem)
			r := mustRun(t, a, src, mem)
			if got := names(r); len(got) != 1 || got[0] != tt.want || !r.Files[0].Delivered {
				t.Fatalf("%s: the files are %q", tt.reason, got)
			}
			got, err := mem.ReadFile(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", tt.name+".csv")
			if *update {
				if err := errors.Join(os.MkdirAll("testdata", 0o777), os.WriteFile(golden, got, 0o666)); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s: %s", tt.reason, diff)
			}
		})
	}
}

func TestNothingGiven(t *testing.T) {
	a := newActivation(t)
	if _, err := a.Run(t.Context(), nil, new(sftpx.Mem)); !errors.Is(err, splio.ErrConfig) {
		t.Errorf("Run without a segment: %v", err)
	}
	if _, err := a.Run(t.Context(), segment("email"), nil); !errors.Is(err, splio.ErrConfig) {
		t.Errorf("Run without a transport: %v", err)
	}
	if _, err := new(splio.Plan).Apply(t.Context(), nil); !errors.Is(err, splio.ErrConfig) {
		t.Errorf("Apply without a transport: %v", err)
	}
}

func TestKnownGarbage(t *testing.T) {
	a := newActivation(t)
	a.Insert = false
	a.Known = func(yield func(string, error) bool) {
		_ = yield("email", nil) && yield("<ann@example.net>", nil)
	}
	if _, err := a.Run(t.Context(), day1, untouched{t}); err == nil || !strings.Contains(err.Error(), "none of the 2 known keys") {
		t.Errorf("got %v", err)
	}
}

func TestPrintShowsNoKey(t *testing.T) {
	a := newActivation(t)
	a.DigestKey = diff.Key("correct horse battery staple")
	p := mustPlan(t, a, day1)
	for _, text := range []string{fmt.Sprintf("%+v", a), fmt.Sprintf("%#v", a), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", *p)} {
		if strings.Contains(text, "horse") || strings.Contains(text, "104 111") || strings.Contains(text, "0x68, 0x6f") {
			t.Errorf("the digest key shows: %s", text)
		}
	}
}
