package phone_test

import (
	"fmt"
	"log"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/phone"
)

func ExampleFunc() {
	french, err := phone.Func("FR")
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"06 39 98 01 17", "+33 (0)6 39 98 01 17", "0033-639-980-117", "+44 7700 900123", "06 39 98 01 17 ext. 5"} {
		number, err := french.Apply(nil, []byte(text))
		fmt.Printf("%q %v\n", number, err)
	}
	// Output:
	// "0033639980117" <nil>
	// "0033639980117" <nil>
	// "0033639980117" <nil>
	// "00447700900123" <nil>
	// "" phone: not a phone number
}

// The national numbers of a segment, in a mapping.
func ExampleFunc_mapping() {
	french, err := phone.Func("FR")
	if err != nil {
		log.Fatal(err)
	}
	m := mapping.Mapping{
		Key: mapping.Field{From: "mail", To: "email", Type: mapping.Email},
		Fields: []mapping.Field{{From: "mobile", To: "cellphone", Type: mapping.Phone, Transforms: []mapping.Transform{
			{Name: "func", Func: french.Name, Version: french.Version},
		}}},
	}
	mapper, err := m.Bind([]string{"mail", "mobile"}, mapping.Options{Funcs: []mapping.Func{french}})
	if err != nil {
		log.Fatal(err)
	}
	var row mapping.Row
	for i, mobile := range []string{"06 39 98 01 17", "06 39 98 01 1"} {
		mapper.Render(&row, &mapping.Record{Seq: int64(i + 1), Values: []mapping.Value{
			mapping.StringValue("ann@example.net"), mapping.StringValue(mobile),
		}})
		fmt.Printf("%q\n", row.Cells)
		for _, r := range row.Rejections {
			fmt.Println(r.Attribute, r.Action)
		}
	}
	// Output:
	// ["ann@example.net" "0033639980117"]
	// ["ann@example.net" ""]
	// cellphone blanked
}
