package source_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// printAll renders every record of a segment.
func printAll(src mapping.Source, m mapping.Mapping) error {
	ctx := context.Background()
	fields, err := src.Fields(ctx)
	if err != nil {
		return err
	}
	mapper, err := m.Bind(fields, mapping.Options{})
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(mapper.Columns(), " | "))
	var row mapping.Row
	for rec, err := range src.Records(ctx) {
		if err != nil {
			return err
		}
		mapper.Render(&row, rec)
		for _, r := range row.Rejections {
			fmt.Println(r)
		}
		if row.OK {
			fmt.Printf("%q\n", row.Cells)
		}
	}
	return nil
}

func ExampleCSV() {
	text := strings.NewReader("mail,first_name\nLea.Martin@example.com,Léa\ntom@example.org\nann@example.net,\"Ann\nMary\"\n")
	err := printAll(source.CSV(text, source.CSVOptions{}), mapping.Mapping{
		Key:    mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | firstname
	// ["lea.martin@example.com" "Léa"]
	// record 2, line 3: not as many values as there are fields: rejected
	// ["ann@example.net" "Ann Mary"]
}

func ExampleCSVFile() {
	err := printAll(source.CSVFile("testdata/contacts.csv", source.CSVOptions{Comma: ';'}), mapping.Mapping{
		Key:    mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Custom: []string{"tier"},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | tier
	// ["lea.martin@example.com" "gold"]
	// ["tom@example.org" "silver; since 2019"]
}

func ExampleMaps() {
	contacts := func(yield func(map[string]any, error) bool) {
		_ = yield(map[string]any{"id": 1001, "score": 14.5, "member": true}, nil) &&
			yield(map[string]any{"id": 1002, "member": false}, nil)
	}
	err := printAll(source.Maps([]string{"id", "score", "member"}, contacts), mapping.Mapping{
		Key: mapping.Field{From: "id", To: "id"},
		Fields: []mapping.Field{
			{From: "score", To: "score", Type: mapping.Decimal},
			{From: "member", To: "member", Type: mapping.Boolean},
		},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// id | score | member
	// ["1001" "14.50" "1"]
	// ["1002" "" "0"]
}

func ExampleSQL() {
	db := sql.OpenDB(fakeConnector{&fakeTable{ // a driver that always answers this
		columns: []string{"email", "balance", "signup"},
		types:   []string{"TEXT", "NUMERIC", "TIMESTAMPTZ"},
		rows:    [][]driver.Value{{"Lea.Martin@example.com", "149.905", time.Date(2024, 7, 1, 22, 30, 0, 0, time.UTC)}},
	}})
	rows, err := db.QueryContext(context.Background(), "SELECT email, balance, signup FROM contacts")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = printAll(source.SQL(rows), mapping.Mapping{ // closes rows
		Key: mapping.Field{From: "email", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{
			{From: "balance", To: "balance", Type: mapping.Decimal},
			{From: "signup", To: "signup", Type: mapping.DateTime},
		},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | balance | signup
	// ["lea.martin@example.com" "149.91" "2024-07-02 00:30:00"]
}
