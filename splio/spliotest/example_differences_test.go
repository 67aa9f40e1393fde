package spliotest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// What a segment says, and what Splio has.
func ExampleSplio_Differences() {
	universe, err := spliotest.New(spliotest.Options{
		Universe: "acme",
		Drop:     spliotest.Memory(new(sftpx.Mem)),
		Contacts: map[string]spliotest.Subsequence{"crm": {}},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Somebody has worked in the application.
	err = universe.Put(
		spliotest.Contact{Key: "ann@example.com", Fields: map[string]string{"firstname": "Anna"}},
		spliotest.Contact{Key: "old@example.com"},
	)
	if err != nil {
		log.Fatal(err)
	}
	m := mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
	}
	people := segment("email|first_name", "ann@example.com|Ann", "bob@example.com|Bob")
	found, err := universe.Differences(context.Background(), people, m, splio.Destination{}.Options())
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range found {
		fmt.Printf("%s %s %q\n", d.Kind, d.Key, d.Column)
	}
	// Output:
	// differs ann@example.com "firstname"
	// missing bob@example.com ""
	// extra old@example.com ""
}

// The import configuration that was agreed upon with Splio.
func ExampleParseConfig() {
	contacts, deletes, err := spliotest.ParseConfig([]byte(`{"acme": {
		"contacts": {"crm": {"create contacts": "1"}, "update": {"create contacts": "0"}},
		"deletecontacts": {"gone": {}}}}`), "acme")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(contacts["crm"].NoCreate, contacts["update"].NoCreate, deletes)
	// Output:
	// false true [gone]
}
