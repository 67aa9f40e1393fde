package mapping_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

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

// Check finds the problems of a mapping without a record at hand, say when somebody has edited it.
func ExampleMapping_Check() {
	err := mapping.Mapping{
		Key:    mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{{From: "vip", To: "vip", Custom: true, Booleans: []string{"no", "yes"}}},
		Custom: []string{"teir", "mirrorurl"},
	}.Check([]string{"mail", "vip", "teir", "mirrorurl"}, mapping.Options{
		Custom:   []mapping.Attribute{{Name: "vip", Type: mapping.Boolean}, {Name: "tier"}, {Name: "mirrorurl"}},
		Reserved: []string{"mirrorUrl"},
	})
	fmt.Println(err)
	// Output:
	// mapping: custom[0] (to "teir"): the destination declares no such custom attribute (did you mean "tier"?)
	// mapping: custom[1] (to "mirrorurl"): the destination reserves the name "mirrorUrl": a custom attribute cannot have it
}

func ExampleTransform() {
	m, err := mapping.Parse([]byte(`{
		"key": {"from": "mail", "to": "email", "type": "email"},
		"fields": [
			{"from": "first", "to": "fullname", "transforms": [
				{"name": "concat", "fields": ["last"], "separator": " "},
				{"name": "title"}
			]},
			{"from": "mobile", "to": "cellphone", "type": "phone", "transforms": [
				{"name": "replace", "pattern": "^0([1-9])", "with": "+33$1"}
			]},
			{"from": "gender", "to": "civility", "default": "?", "transforms": [
				{"name": "map", "values": {"M": "Mr", "F": "Mrs"}, "else": ""}
			]},
			{"from": "tags", "to": "tags", "flatten": "list", "separator": "|"},
			{"from": "born", "to": "birthday", "type": "date", "layouts": ["02/01/2006"], "layout": "02.01.2006"},
			{"to": "origin", "transforms": [{"name": "constant", "value": "crm"}]}
		]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	mapper, err := m.Bind([]string{"mail", "first", "last", "mobile", "gender", "tags", "born"}, mapping.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	text := mapping.StringValue
	var row mapping.Row
	mapper.Render(&row, &mapping.Record{Seq: 1, Values: []mapping.Value{
		text("ann@example.com"), text("ANN"), text("o'neil"), text("06 39 98 01 02"), text("F"), mapping.JSONValue([]byte(`["vip", "news"]`)), text("21/05/1990"),
	}})
	for i, name := range mapper.Columns() {
		fmt.Printf("%s: %s\n", name, row.Cells[i])
	}
	// Output:
	// email: ann@example.com
	// fullname: Ann O'Neil
	// cellphone: 0033639980102
	// civility: Mrs
	// tags: vip|news
	// birthday: 21.05.1990
	// origin: crm
}

// A Go function is named by the mapping and given to Bind. Another version of it is another function.
func ExampleFunc() {
	f := mapping.Func{Name: "cents", Version: "1", Apply: func(dst, text []byte) ([]byte, error) {
		cents, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return nil, err // makes the value invalid; the text shows nowhere
		}
		return fmt.Appendf(dst, "%d.%02d", cents/100, cents%100), nil
	}}
	m := mapping.Mapping{
		Key: mapping.Field{From: "id", To: "id"},
		Fields: []mapping.Field{{From: "spent", To: "spent", Type: mapping.Decimal, Transforms: []mapping.Transform{
			{Name: "func", Func: "cents", Version: "1", Fail: mapping.Reject},
		}}},
	}
	mapper, err := m.Bind([]string{"id", "spent"}, mapping.Options{Funcs: []mapping.Func{f}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var row mapping.Row
	for i, spent := range []mapping.Value{mapping.IntegerValue(1999), mapping.StringValue("much")} {
		mapper.Render(&row, &mapping.Record{Seq: int64(i + 1), Values: []mapping.Value{mapping.StringValue("C1"), spent}})
		fmt.Printf("%q %v\n", row.Cells, row.Rejections)
	}

	f.Version = "2"
	fmt.Println(m.Check([]string{"id", "spent"}, mapping.Options{Funcs: []mapping.Func{f}}))
	// Output:
	// ["C1" "19.99"] []
	// ["C1" ""] [record 2, field "spent": refused by the function of a transform: rejected]
	// mapping: fields[0].transforms[0] (to "spent"): the function "cents" is there in version "2", not "1": check what has changed, then name that version
}

func ExampleJSONValue() {
	for _, text := range []string{`["a"]`, `"a"`, `12.50`, `true`, `null`} {
		fmt.Println(mapping.JSONValue([]byte(text)))
	}
	// Output:
	// Value(json)
	// Value(text)
	// Value(decimal)
	// Value(boolean)
	// Value(null)
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
	for _, v := range []any{nil, "text", 12, 1.5, true, []string{"a"}, struct{}{}} {
		value, err := mapping.ValueOf(v)
		fmt.Println(value, err)
	}
	// Output:
	// Value(null) <nil>
	// Value(text) <nil>
	// Value(integer) <nil>
	// Value(float) <nil>
	// Value(boolean) <nil>
	// Value(json) <nil>
	// Value(null) mapping: a value of type struct {} cannot be mapped: give text, a number, a bool, a time.Time or JSON
}

// Values of a source of your own, of a type each.
func ExampleValue() {
	mapper, err := mapping.Mapping{
		Key: mapping.Field{From: "id", To: "id"},
		Fields: []mapping.Field{
			{From: "name", To: "name"},
			{From: "born", To: "born", Type: mapping.Date},
			{From: "seen", To: "seen", Type: mapping.DateTime},
			{From: "score", To: "score", Type: mapping.Decimal},
			{From: "member", To: "member", Type: mapping.Boolean},
			{From: "phone", To: "phone"},
		},
	}.Bind([]string{"id", "name", "born", "seen", "score", "member", "phone"}, mapping.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var row mapping.Row
	mapper.Render(&row, &mapping.Record{Seq: 1, Values: []mapping.Value{
		mapping.IntegerValue(1001),
		mapping.TextValue([]byte("Léa")), // keeps the bytes: no copy
		mapping.DateValue(1990, time.May, 21),
		mapping.DateTimeValue(time.Date(2026, time.July, 1, 22, 30, 0, 0, time.UTC)),
		mapping.FloatValue(14.5),
		mapping.BooleanValue(true),
		{}, // null
	}})
	fmt.Printf("%q\n", row.Cells)
	// Output:
	// ["1001" "Léa" "1990-05-21" "2026-07-02 00:30:00" "14.50" "1" ""]
}
