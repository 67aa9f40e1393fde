package spliotest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// What Splio makes of a file, and what it would say of it.
func ExampleSplio_Import() {
	dir, err := os.MkdirTemp("", "spliotest-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	drop := filepath.Join(dir, "drop")
	if err := os.Mkdir(drop, 0o700); err != nil {
		log.Fatal(err)
	}
	universe, err := spliotest.New(spliotest.Options{
		Universe: "acme",
		Drop:     spliotest.Dir(drop),
		Contacts: map[string]spliotest.Subsequence{"crm": {}},
	})
	if err != nil {
		log.Fatal(err)
	}
	activation := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping: mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email"},
			Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
			Custom: []string{"tier"}, // which nobody has created in Splio
		},
		State:  filepath.Join(dir, "state"),
		Insert: true,
		Now:    time.Date(2025, time.March, 14, 12, 0, 0, 0, time.UTC),
	}
	for range 2 {
		people := segment("email|first_name|tier", "Ann@Example.com|Ann|gold")
		if _, err := activation.Run(context.Background(), people, sftpx.Dir(drop)); err != nil {
			log.Fatal(err)
		}
		results, err := universe.Import()
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range results {
			fmt.Println(r)
		}
		// Without the column, and everything once more.
		activation.Mapping.Custom, activation.Refresh = nil, true
	}
	fmt.Println(len(universe.Results()), "files were read, and the report of one is", spliotest.ReportName("acme_contacts_crm_20250314.csv"))
	contact, _ := universe.Contact("ann@example.com")
	fmt.Println(contact.Key, contact.Fields)
	// Output:
	// acme_contacts_crm_20250314.csv: skipped: the header has an unknown column "tier"
	// acme_contacts_crm_20250314_2.csv: 1 rows: 1 created, 0 updated, 0 deleted, 0 ignored, 0 skipped
	// 2 files were read, and the report of one is acme_contacts_crm_20250314_report.csv
	// ann@example.com map[firstname:Ann]
}
