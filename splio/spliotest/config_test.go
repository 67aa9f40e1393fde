package spliotest_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/splio/spliotest"
)

func TestParseConfig(t *testing.T) {
	contacts, deletes, err := spliotest.ParseConfig([]byte(`{
		"other": {"contacts": {"crm": {"create contacts": "0"}}},
		"acme": {
			"contacts": {
				"crm": {"create contacts": "1", "update contacts": "1", "report recipients": "x@example.com"},
				"update": {"create contacts": "0", "default cellphone prefix": "33"},
				"create": {"update contacts": "0", "init lists": [0, 4]},
				"plain": {}},
			"deletecontacts": {"gone": {}, "away": {}},
			"stores": {"all": {"update stores": "1"}}}}`), "acme")
	want := map[string]spliotest.Subsequence{
		"crm": {}, "plain": {}, "update": {NoCreate: true, Prefix: "33"}, "create": {NoUpdate: true, InitLists: []int{0, 4}},
	}
	if err != nil || !reflect.DeepEqual(contacts, want) {
		t.Errorf("got %v, %v, want %v", contacts, err, want)
	}
	equal(t, "deletes", deletes, []string{"away", "gone"})

	for _, c := range []struct {
		name, config string
		says         []string
	}{
		{"a byte order mark", "\ufeff{}", []string{"byte order mark"}},
		{"no JSON", "{", []string{"unexpected end"}},
		{"another universe", `{"Acme": {}}`, []string{`no universe "acme"`}},
		{"values of other kinds", `{"acme": {"contacts": {"a": {"create contacts": 1, "init lists": "0"}, "b": {"update contacts": "yes", "default cellphone prefix": 33}}}}`, []string{
			`sub-sequence "a": the option "create contacts" is not "1" or "0"`, `sub-sequence "a": the option "init lists" is not an array of list ids`,
			`sub-sequence "b": the option "update contacts" is not "1" or "0"`, `sub-sequence "b": the option "default cellphone prefix" is not a text`,
		}},
	} {
		_, _, err := spliotest.ParseConfig([]byte(c.config), "acme")
		for _, part := range c.says {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %v, want one that says %s", c.name, err, part)
			}
		}
	}
}
