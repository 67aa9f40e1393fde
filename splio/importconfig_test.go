package splio_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/splio"
)

const importsConfig = `{
 "acme": {
  "contacts": {
   "crm":    {"create contacts": "1", "update contacts": "1", "report recipients": ["ops@example.com"]},
   "update": {"create contacts": "0", "update contacts": 1},
   "full":   {"create contacts": true, "update contacts": false, "init lists": [4, "0", 4], "default cellphone prefix": "33", "x": {"y": [null]}, "a": 1},
   "bare":   {}
  },
  "deletecontacts": {"delete": {"init lists": "7", "default cellphone prefix": 33}},
  "products": {"any": 1}
 },
 "other": 5
}`

func TestReadImportConfigs(t *testing.T) {
	got, err := splio.ReadImportConfigs(iotest.OneByteReader(strings.NewReader(importsConfig)), "acme")
	if err != nil {
		t.Fatal(err)
	}
	want := splio.ImportConfigs{
		Contacts: map[string]splio.ImportConfig{
			"crm":    {Create: splio.Allowed, Update: splio.Allowed, Others: []string{"report recipients"}},
			"update": {Create: splio.Forbidden, Update: splio.Allowed},
			"full": {Create: splio.Allowed, Update: splio.Forbidden, InitLists: []int{0, 4},
				CellphonePrefix: "33", Others: []string{"a", "x"}},
			"bare": {},
		},
		DeleteContacts: map[string]splio.ImportConfig{"delete": {InitLists: []int{7}, CellphonePrefix: "33"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := fmt.Sprintf("%+v", got); strings.Contains(s, "ops@") {
		t.Errorf("a recipient was kept: %s", s)
	}
}

func TestReadImportConfigsErrors(t *testing.T) {
	crm := func(options string) string { return `{"acme":{"contacts":{"crm":{` + options + `}}}}` }
	const at = `"acme" > "contacts" > "crm" > `
	tests := []struct{ name, reason, in, want string }{
		{"empty", "no JSON at all", "", "line 1: not valid JSON"},
		{"cut", "a file that was cut short", "{\n\"acme\": {", "line 2: not valid JSON"},
		{"comma", "JSON is strict", `{"acme":{},}`, "not valid JSON"},
		{"more", "two values are not a configuration", `{"acme":{}} {}`, "something follows the end"},
		{"BOM", "documented as UTF-8 without BOM", "\ufeff{}", "byte order mark"},
		{"encoding", "documented as UTF-8", "{\"acm\xe9\":{}}", "not UTF-8"},
		{"size", "a bound on memory", strings.Repeat(" ", 1<<20) + "{}", "more than 1048576 bytes"},
		{"depth", "a bound on the stack", strings.Repeat("[", 1<<19), "nested more than 16 deep"},
		{"universe", "the file of another", `{"other":{}}`, `nothing of universe "acme"`},
		{"not an object", "the tree begins with universes", `[]`, `nothing of universe "acme"`},
		{"scopes", "a universe holds scopes", `{"acme":[]}`, `"acme": must be an object of scopes`},
		{"subsequences", "a scope holds sub-sequences", `{"acme":{"contacts":"1"}}`, "must be an object of sub-sequences"},
		{"options", "a sub-sequence holds options", `{"acme":{"contacts":{"crm":null}}}`, `"crm": must be an object of options`},
		{"switch", "neither yes nor no", crm(`"create contacts":"yes"`), at + `"create contacts": must be "1" or "0"`},
		{"null", "null is neither", crm(`"update contacts":null`), at + `"update contacts": must be "1" or "0"`},
		{"two", "no such number", crm(`"create contacts":2`), `must be "1" or "0"`},
		{"list id", "ids are 0 to 63", crm(`"init lists":[0,64]`), at + `"init lists": must be a list of list ids`},
		{"list type", "a list of lists", crm(`"init lists":[[0]]`), "must be a list of list ids"},
		{"prefix", "not a country code", crm(`"default cellphone prefix":"fr"`), "must be a country code"},
		{"prefix type", "nor is this", crm(`"default cellphone prefix":true`), "must be a country code"},
		{"spelling", "an option that Splio would not know", crm(`"Create_Contacts":"0"`), `meant to be "create contacts"`},
		{"twice", "nobody knows which counts", crm(`"create contacts":"0","create contact\u0073":"1"`), `"create contacts" is there twice`},
		{"twice elsewhere", "the file is not sound", `{"acme":{},"x":{"a":1,"a":2}}`, `"a" is there twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := splio.ReadImportConfigs(strings.NewReader(tt.in), "acme")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "splio: ") {
				t.Errorf("%s: got error %v, want %q", tt.reason, err, tt.want)
			}
			if got.Contacts != nil || got.DeleteContacts != nil {
				t.Error("something was returned with the error")
			}
		})
	}
	_, err := splio.ReadImportConfigs(strings.NewReader(crm(`"create contacts":"SECRET","init lists":"SECRET","default cellphone prefix":"SECRET"`)), "acme")
	if err == nil || strings.Count(err.Error(), "\n") != 2 || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("want three problems and no values, got %v", err)
	}
	_, err = splio.ReadImportConfigs(strings.NewReader(crm(`"report recipients":{"eve@example.com":1,"eve@example.com":2}`)), "acme")
	if err == nil || strings.Contains(err.Error(), "eve@") {
		t.Errorf("want an error without the address, got %v", err)
	}
	if _, err := splio.ReadImportConfigs(iotest.ErrReader(os.ErrClosed), "acme"); err == nil || !strings.Contains(err.Error(), os.ErrClosed.Error()) {
		t.Errorf("a read error became %v", err)
	}
}

func FuzzReadImportConfigs(f *testing.F) {
	f.Add([]byte(importsConfig))
	f.Add([]byte(`{"acme":{"contacts":{"a":{"init lists":[1e9,"-1"]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := splio.ReadImportConfigs(strings.NewReader(string(data)), "acme")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "splio: ") {
				t.Errorf("got error %v", err)
			}
			return
		}
		if err := splio.ValidateImports(got); err != nil {
			t.Errorf("what was read is not valid: %v", err)
		}
	})
}

func TestImportContradictions(t *testing.T) {
	full := splio.PlanFacts{Creates: true, Updates: true, Files: 1, Full: true, Lists: true}
	tests := []struct {
		name, reason string
		config       splio.ImportConfig
		plan         splio.PlanFacts
		want         []string // an option of each contradiction
		doubts       int
	}{
		{"nothing said", "nothing is contradicted, much is relied upon", splio.ImportConfig{}, splio.PlanFacts{Creates: true, Updates: true, Files: 9}, nil, 2},
		{"upsert", "it does both", splio.ImportConfig{Create: "1", Update: "1"}, splio.PlanFacts{Creates: true, Updates: true, Files: 3, Phones: true}, nil, 0},
		{"insert into update-only", "the new would be lost", splio.ImportConfig{Create: "0", Update: "1"}, splio.PlanFacts{Creates: true, Files: 1}, []string{"create contacts"}, 0},
		{"update into create-only", "the changes would be lost", splio.ImportConfig{Create: "1", Update: "0"}, splio.PlanFacts{Updates: true, Files: 1}, []string{"update contacts"}, 0},
		{"must not create", "insert mode is off", splio.ImportConfig{Create: "1", Update: "1"}, splio.PlanFacts{Updates: true, Spares: true, Files: 1}, []string{"create contacts"}, 0},
		{"may create", "nobody says that it does not", splio.ImportConfig{Update: "1"}, splio.PlanFacts{Updates: true, Spares: true, Files: 1}, nil, 1},
		{"init lists, incremental", "the others would lose their subscriptions", splio.ImportConfig{Create: "1", Update: "1", InitLists: []int{0}}, splio.PlanFacts{Updates: true, Files: 1, Lists: true}, []string{"init lists"}, 0},
		{"init lists, full", "what the option is for", splio.ImportConfig{Create: "1", Update: "1", InitLists: []int{0}}, full, nil, 0},
		{"init lists, parts", "each part empties the lists", splio.ImportConfig{Create: "1", Update: "1", InitLists: []int{0}}, splio.PlanFacts{Files: 2, Full: true, Lists: true}, []string{"init lists"}, 0},
		{"init lists, no lists", "nothing would fill them", splio.ImportConfig{Create: "1", Update: "1", InitLists: []int{0}}, splio.PlanFacts{Files: 1, Full: true}, []string{"init lists"}, 0},
		{"prefix", "a second country code", splio.ImportConfig{Create: "1", Update: "1", CellphonePrefix: "33"}, splio.PlanFacts{Files: 1, Phones: true}, []string{"default cellphone prefix"}, 0},
		{"prefix without phones", "nothing to put it before", splio.ImportConfig{Create: "1", Update: "1", CellphonePrefix: "33"}, splio.PlanFacts{Files: 1}, nil, 0},
		{"unknown option", "it may matter, recipients do not", splio.ImportConfig{Create: "1", Update: "1", Others: []string{"alert recipients", "null overwrites"}}, full, nil, 1},
		{"all at once", "each is named", splio.ImportConfig{Create: "0", Update: "0", InitLists: []int{1}, CellphonePrefix: "33"},
			splio.PlanFacts{Creates: true, Updates: true, Files: 2, Phones: true}, []string{"create contacts", "update contacts", "init lists", "init lists", "default cellphone prefix"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doubts, err := splio.Contradictions(tt.config, "crm", tt.plan)
			var got []string
			if err != nil {
				for line := range strings.Lines(err.Error()) {
					_, rest, _ := strings.Cut(line, `sub-sequence "crm", option "`)
					option, _, _ := strings.Cut(rest, `"`)
					got = append(got, option)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: %v\n%s", tt.reason, err, diff)
			}
			if len(doubts) != tt.doubts {
				t.Errorf("%s: %d doubts: %q", tt.reason, len(doubts), doubts)
			}
		})
	}
}

func TestImportConfigsFind(t *testing.T) {
	configs := splio.ImportConfigs{Contacts: map[string]splio.ImportConfig{"crm": {Create: "1"}}}
	tests := []struct {
		name, reason, scope, sub string
		known                    bool
		err                      string
	}{
		{"there", "the plain case", "contacts", "crm", true, ""},
		{"missing", "it has to exist before a file is sent", "contacts", "erp", false, `no sub-sequence "erp"`},
		{"case", "names are case sensitive", "contacts", "CRM", false, "case matters"},
		{"other scope", "of which nothing is known", "deletecontacts", "crm", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known, err := splio.FindImport(configs, tt.scope, tt.sub)
			if known != tt.known || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, %v", tt.reason, known, err)
			}
		})
	}
	bad := splio.ImportConfigs{
		Contacts:       map[string]splio.ImportConfig{"crm": {Create: "yes", InitLists: []int{64}}},
		DeleteContacts: map[string]splio.ImportConfig{"d": {CellphonePrefix: "+"}},
	}
	if err := splio.ValidateImports(bad); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three problems, got %v", err)
	}
}

func ExampleReadImportConfigs() {
	configs, err := splio.ReadImportConfigs(strings.NewReader(`{ "acmeshop": { "contacts": {
		"crm":    { "create contacts": "1", "update contacts": "1" },
		"update": { "create contacts": "0", "update contacts": "1" } } } }`), "acmeshop")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(configs.Contacts["update"].Create == splio.Forbidden)
	// Output: true
}
