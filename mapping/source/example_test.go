package source_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
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

func ExampleCSV_encoding() {
	// A file as Excel saves it in Western Europe, here in Windows-1252.
	text := strings.NewReader("mail;pr\xe9nom\nlea@example.com;L\xe9a\n")
	err := printAll(source.CSV(text, source.CSVOptions{Encoding: "windows-1252"}), mapping.Mapping{
		Key:    mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{{From: "prénom", To: "firstname"}},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | firstname
	// ["lea@example.com" "Léa"]
}

func ExampleNDJSON() {
	text := strings.NewReader(`{"mail": "lea@example.com", "score": 149.905, "since": "2024-07-01"}
{"mail": "tom@example.org", "score": 1.5e2}
{"mail": "ann@exam`)
	err := printAll(source.NDJSON(text, source.NDJSONOptions{}), mapping.Mapping{
		Key: mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{
			{From: "score", To: "score", Type: mapping.Decimal},
			{From: "since", To: "since", Type: mapping.Date},
		},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | score | since
	// ["lea@example.com" "149.91" "2024-07-01"]
	// ["tom@example.org" "150.00" ""]
	// record 3, line 3: not a JSON object: rejected
}

func ExampleNDJSONFile() {
	err := printAll(source.NDJSONFile("testdata/contacts.ndjson", source.NDJSONOptions{Fields: []string{"mail", "tier"}}), mapping.Mapping{
		Key:    mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Custom: []string{"tier"},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | tier
	// ["lea.martin@example.com" "gold"]
	// ["tom@example.org" ""]
}

func ExampleStructs() {
	type Contact struct {
		Email string         `splio:"email"`
		Tier  sql.NullString `splio:"tier"`
		Born  *time.Time     `splio:"born"`
		Notes string         // not read
	}
	contacts := []Contact{
		{Email: "lea@example.com", Tier: sql.NullString{String: "gold", Valid: true}, Born: new(time.Date(1990, 5, 21, 0, 0, 0, 0, time.UTC))},
		{Email: "tom@example.org"},
	}
	err := printAll(source.Structs(source.Each(slices.Values(contacts))), mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{{From: "born", To: "born", Type: mapping.Date}},
		Custom: []string{"tier"},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | born | tier
	// ["lea@example.com" "1990-05-21" "gold"]
	// ["tom@example.org" "" ""]
}

func ExampleSeq() {
	contacts := func(yield func([]mapping.Value, error) bool) {
		values := make([]mapping.Value, 2) // one for all records
		for id := range int64(2) {
			values[0], values[1] = mapping.IntegerValue(1000+id), mapping.DecimalValue("14.5")
			if !yield(values, nil) {
				return
			}
		}
	}
	err := printAll(source.Seq([]string{"id", "score"}, contacts), mapping.Mapping{
		Key:    mapping.Field{From: "id", To: "id"},
		Fields: []mapping.Field{{From: "score", To: "score", Type: mapping.Decimal}},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// id | score
	// ["1000" "14.50"]
	// ["1001" "14.50"]
}

// What is rejected goes into a file of the same fields, which can be read again once it has been repaired.
func ExampleNewRejects() {
	ctx := context.Background()
	src := source.CSV(strings.NewReader("email;phone\nlea@example.com;+33639980102\ntom@;0639980102\n"), source.CSVOptions{})
	err := func() error {
		fields, err := src.Fields(ctx)
		if err != nil {
			return err
		}
		mapper, err := mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email", Type: mapping.Email},
			Fields: []mapping.Field{{From: "phone", To: "phone", Type: mapping.Phone}},
		}.Bind(fields, mapping.Options{})
		if err != nil {
			return err
		}
		var file strings.Builder // personal data: a file that nobody else can read, in earnest
		rejects, err := source.NewRejects(&file, fields)
		if err != nil {
			return err
		}
		var row mapping.Row
		for rec, err := range src.Records(ctx) {
			if err != nil {
				return err
			}
			if mapper.Render(&row, rec); !row.OK {
				if err := rejects.Write(rec, row.Rejections); err != nil {
					return err
				}
			}
		}
		if err := rejects.Close(); err != nil {
			return err
		}
		fmt.Print(strings.TrimPrefix(file.String(), "\ufeff"))
		return nil
	}()
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email;phone;reject_line;reject_field;reject_reason
	// tom@;0639980102;3;"email; phone";"not an e-mail address; not an international phone number"
}

func ExampleMaps() {
	contacts := []map[string]any{
		{"id": 1001, "score": 14.5, "member": true},
		{"id": 1002, "member": false},
	}
	err := printAll(source.Maps([]string{"id", "score", "member"}, source.Each(slices.Values(contacts))), mapping.Mapping{
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

func ExampleQuery() {
	db := sql.OpenDB(fakeConnector{&fakeTable{ // a driver that always answers this
		columns: []string{"email", "balance"},
		types:   []string{"TEXT", "NUMERIC"},
		rows:    [][]driver.Value{{"Lea.Martin@example.com", "149.905"}},
	}})
	segment := source.Query(db, "SELECT email, balance FROM contacts WHERE country = $1", "FR") // nothing is asked yet
	for range 2 {                                                                               // and it can be read again
		err := printAll(segment, mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email", Type: mapping.Email},
			Fields: []mapping.Field{{From: "balance", To: "balance", Type: mapping.Decimal}},
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// email | balance
	// ["lea.martin@example.com" "149.91"]
	// email | balance
	// ["lea.martin@example.com" "149.91"]
}

func ExampleEach() {
	points := map[string]int64{"lea@example.com": 1250}
	records := func(yield func([]mapping.Value) bool) {
		for email, n := range maps.All(points) {
			if !yield([]mapping.Value{mapping.StringValue(email), mapping.IntegerValue(n)}) {
				return
			}
		}
	}
	err := printAll(source.Seq([]string{"email", "points"}, source.Each(records)), mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email", Type: mapping.Email},
		Custom: []string{"points"},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// email | points
	// ["lea@example.com" "1250"]
}

func ExampleRows() {
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
	err = printAll(source.Rows(rows), mapping.Mapping{ // closes rows
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
