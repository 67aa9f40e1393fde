package main

import (
	"slices"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/mappingtest"
	"github.com/spliosync/spliosync/mapping/source"
)

// The tests that a user writes of a mapping. The options are those of production:
// an attribute that the universe lacks fails here, not at Splio.

func TestContacts(t *testing.T) {
	k := mappingtest.New(t, contacts, destination.Options())

	k.Row(map[string]any{"email": "Ann@Example.com", "name": " Ann ", "news": true, "spent": "149.9"}).Clean().
		Want(map[string]string{"email": "ann@example.com", "lastname": "Ann", "newsletter": "1", "spent": "149.90", "birthday": ""})

	k.Row(map[string]any{"email": "bob@example.org", "phone": "06 39 98 01 17"}).
		Want(map[string]string{"cellphone": ""}).
		Reports("cellphone", mapping.ReasonPhone, mapping.Blanked)

	k.Row(map[string]any{"email": "eve@example.net", "tier": "platinum plus"}).
		Want(map[string]string{"tier": "platinum p"}).
		Reports("tier", "longer than 10 characters", mapping.Shortened)

	k.Rejects(map[string]any{"email": "cid@"}, "email", mapping.ReasonEmail)
	k.Rejects(map[string]any{"name": "nobody"}, "email", mapping.ReasonNoValue)
}

func TestLanguages(t *testing.T) {
	k := mappingtest.New(t, contacts, destination.Options())
	for _, c := range []struct{ language, want, reason string }{
		{"", "en", "the default"},
		{"fr_FR", "fr", "the country does not matter"},
		{"cs", "cz", "Splio has codes of its own"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			k.On(t).Row(map[string]any{"email": "ann@example.com", "language": c.language}).
				Want(map[string]string{"language": c.want})
		})
	}
}

// TestCustomers goes all the way from the structs. The golden file shows in a
// review what a change of the mapping, or of the types, means:
// MAPPINGTEST_UPDATE=1 go test writes it.
func TestCustomers(t *testing.T) {
	people := []Customer{
		{Email: "all@example.com", Name: "All", Language: "de", Phone: new("+33 6 39 98 01 17"), Birthday: new(time.Date(2000, time.February, 29, 0, 0, 0, 0, time.UTC)),
			Spent: -1205, Tier: Gold, Tags: []string{"a", "b"}, Consent: Consent{News: true, At: time.Date(2026, time.July, 1, 10, 0, 0, 0, time.UTC)}},
		{Email: "nothing@example.com"},
		{},
	}
	segment := source.Structs(source.Each(slices.Values(people)))
	mappingtest.New(t, contacts, destination.Options()).Sample("testdata/customers.jsonl", segment)
}
