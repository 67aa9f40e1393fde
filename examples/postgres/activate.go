package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// query is the segment. Its columns are the fields of the mapping, so that what a
// column is called, and who is in the segment, is said here: an array becomes
// a list as JSON, and a member of a JSON value a column.
const query = `
	SELECT email, first_name, language, signed_up, born, spent, array_to_json(tags) AS tags, preferences->>'shop' AS shop
	FROM ` + schema + `.customer
	WHERE NOT opted_out`

// contacts says what a NULL means: by default the cell is empty, which may clear
// the attribute at Splio.
var contacts = mapping.Mapping{
	Key: mapping.Field{From: "email", To: "email"}, // NULL: the record is rejected
	Fields: []mapping.Field{
		{From: "first_name", To: "firstname"},                             // an empty cell
		{From: "language", To: "language", Default: "en"},                 // another value
		{From: "signed_up", To: "dateOfCreation", Empty: mapping.Absent},  // no cell: Splio is told nothing, in a file without the column
		{From: "tags", To: "interests", Custom: true, Flatten: "list"},    // "chess, tea; green"
		{From: "spent", To: "spent", Custom: true, Type: mapping.Decimal}, // exact: no float in between
		{From: "born", To: "birthday", Custom: true, Type: mapping.Date},  // a civil date: no time zone moves it
	},
	Custom: []string{"shop"},
}

// activate sends what is new or changed in the result of the query.
func activate(ctx context.Context, db *sql.DB, state string, t splio.Transport, now time.Time, out io.Writer) (*splio.Report, error) {
	activation := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm", Suffix: "_{part}"},
		Mapping:     contacts,
		State:       state,
		Insert:      true,
		// One record without an e-mail could be anybody, so that by default nobody
		// counts as left because of it.
		MaxUnusable: 10,
		Now:         now, // leave it out: it is the present then
		OnRejection: func(r mapping.Rejection) {
			fmt.Fprintf(out, "row %d: %s: %s: %s\n", r.Seq, r.Field, r.Reason, r.Action)
		},
	}
	// The query is run when the run has checked everything else, and its rows are
	// closed when the plan is made; delivery does not need the database. One
	// statement sees one moment. With several, give a transaction that is REPEATABLE
	// READ and read-only.
	return activation.Run(ctx, source.Query(db, query), t)
}
