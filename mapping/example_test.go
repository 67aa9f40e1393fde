package mapping_test

import (
	"fmt"
	"strings"

	"github.com/spliosync/spliosync/mapping"
)

func ExampleParse() {
	m, err := mapping.Parse([]byte(`{
		"key":    {"from": "mail", "to": "email"},
		"fields": [{"from": "signup", "to": "created", "invalid": "reject"}],
		"custom": ["loyalty_tier"]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Key.From, "identifies a contact as", m.Key.To)

	_, err = mapping.Parse([]byte("{\n  \"kee\": {}\n}"))
	fmt.Println(err)
	// Output:
	// mail identifies a contact as email
	// mapping: line 2, column 3: unknown member "kee" of a mapping: one of "key", "fields", "custom", "zone"
}

func ExampleMapping_Bind() {
	m := mapping.Mapping{
		Key: mapping.Field{From: "mail", To: "email"},
		Fields: []mapping.Field{
			{From: "first_name", To: "firstname"},
			{From: "mobile", To: "cellphone", Invalid: mapping.Absent},
		},
		Custom: []string{"tier"},
	}
	destination := mapping.Options{Attributes: []mapping.Attribute{
		{Name: "email", Type: mapping.Email, Max: 100, Key: true},
		{Name: "firstname", Type: mapping.Text, Max: 255},
		{Name: "cellphone", Type: mapping.Phone, Max: 30},
	}}
	mapper, err := m.Bind([]string{"mail", "first_name", "mobile", "tier"}, destination)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(mapper.Columns(), " "))

	var row mapping.Row
	text := mapping.StringValue
	for i, values := range [][]mapping.Value{
		{text("Lea.Martin@example.com"), text("Léa"), text("+33 6 39 98 01 02"), text("gold")},
		{text("tom@example.org"), text("Tom"), text("06 39 98 01 03"), {}},
		{text("nobody"), text("Ann"), {}, {}},
	} {
		mapper.Render(&row, &mapping.Record{Seq: int64(i + 1), Values: values})
		fmt.Printf("%t %q\n", row.OK, row.Cells)
		for _, r := range row.Rejections {
			fmt.Println(r)
		}
	}
	// Output:
	// email firstname cellphone tier
	// true ["lea.martin@example.com" "Léa" "0033639980102" "gold"]
	// true ["tom@example.org" "Tom" "" ""]
	// record 2, field "mobile": not an international phone number: absent
	// false ["" "Ann" "" ""]
	// record 3, field "mail": not an e-mail address: rejected
}

// Every problem of a mapping is found at once.
func ExampleMapping_Bind_problems() {
	_, err := mapping.Mapping{
		Key:  mapping.Field{From: "mail", To: "EMail"},
		Zone: "Europe/Pari",
	}.Bind([]string{"mail"}, mapping.Options{Attributes: []mapping.Attribute{{Name: "email", Type: mapping.Email, Key: true}}})
	fmt.Println(err)
	// Output:
	// mapping: key (to "EMail"): the destination has no such attribute (did you mean "email"?); a custom attribute needs custom set
	// mapping: zone: unknown time zone "Europe/Pari": name an IANA zone such as "Europe/Paris"
}

func ExampleMapper_Key() {
	mapper, err := mapping.Mapping{Key: mapping.Field{From: "mail", To: "email", Type: mapping.Email}}.Bind([]string{"mail"}, mapping.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, ok := mapper.Key(mapping.StringValue(" Lea.Martin@EXAMPLE.com"))
	fmt.Printf("%s %t\n", key, ok)
	// Output: lea.martin@example.com true
}

func ExampleRejection() {
	mapper, err := mapping.Mapping{Key: mapping.Field{From: "mail", To: "email", Type: mapping.Email}}.Bind([]string{"mail"}, mapping.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var row mapping.Row
	mapper.Render(&row, &mapping.Record{Seq: 1, Line: 2, Values: []mapping.Value{mapping.StringValue("lea@localhost")}})
	r := row.Rejections[0]
	fmt.Println(r)         // safe to log
	fmt.Println(r.Value()) // personal data
	// Output:
	// record 1, line 2, field "mail": not an e-mail address: rejected
	// lea@localhost
}

func ExampleValueOf() {
	for _, v := range []any{nil, "text", 12, 1.5, true, []string{"no"}} {
		value, err := mapping.ValueOf(v)
		fmt.Println(value, err)
	}
	// Output:
	// Value(null) <nil>
	// Value(text) <nil>
	// Value(integer) <nil>
	// Value(float) <nil>
	// Value(boolean) <nil>
	// Value(null) mapping: a value of type []string cannot be mapped: give text, a number, a bool or a time.Time
}
