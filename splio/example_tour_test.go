package splio_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/mappingtest"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// tour is the code of the README and of the module's package comment, compiled
// here: a test of the repository compares them line by line.
func tour(ctx context.Context, password sftpx.Secret) error {
	m := mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{{From: "first_name", To: "firstname"}, {From: "signup", To: "dateOfCreation"}},
		Custom: []string{"loyalty_tier", "points"},
	}
	client, err := sftpx.New(sftpx.Config{
		Addr: "sftp.splio.com", User: "acme", Password: password,
		KnownHosts: "/etc/acme/known_hosts", Dir: "/imports",
	})
	if err != nil {
		return err
	}
	defer client.Close()
	activation := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping:     m,
		State:       "/var/lib/acme/splio",
		Insert:      true,
	}
	report, err := activation.Run(ctx, source.CSVFile("segment.csv", source.CSVOptions{}), client)
	if err != nil {
		return err // nothing is forgotten: the next run goes on from here
	}
	fmt.Println(report.Inserted, "inserted,", report.Updated, "updated,", report.Rejected, "rejected")
	return nil
}

// tourQuery is the same with a query.
func tourQuery(ctx context.Context, db *sql.DB, activation splio.Activation, client splio.Transport) (*splio.Report, error) {
	segment := source.Query(db, "SELECT email, first_name, signup, loyalty_tier, points FROM contacts WHERE NOT opted_out")
	report, err := activation.Run(ctx, segment, client)
	return report, err
}

// contacts is the mapping that the README tests.
var contacts = mapping.Mapping{
	Key:    mapping.Field{From: "email", To: "email"},
	Fields: []mapping.Field{{From: "first_name", To: "firstname"}, {From: "signup", To: "dateOfCreation"}},
}

func TestContacts(t *testing.T) {
	k := mappingtest.New(t, contacts, splio.Destination{}.Options())
	k.Row(map[string]any{"email": "Ann@Example.NET", "signup": "2026-03-02T09:30:00Z"}).
		Want(map[string]string{"email": "ann@example.net", "dateOfCreation": "2026-03-02 10:30:00"})
	k.Rejects(map[string]any{"email": "ann@"}, "email", mapping.ReasonEmail)
}

// The tour needs a server of Splio's, so it is compiled and not run.
func Example_tour() {
	_, _ = tour, tourQuery
}
