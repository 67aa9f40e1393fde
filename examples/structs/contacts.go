package main

import (
	"fmt"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// Customer is what the shop knows of a customer. A field with a tag is a field of
// the segment; one without is not read.
type Customer struct {
	ID       int64
	Email    string     `splio:"email"`
	Name     string     `splio:"name"`
	Language string     `splio:"language"`
	Phone    *string    `splio:"phone"`    // nil: not known
	Birthday *time.Time `splio:"birthday"` // nil: not known
	Spent    Money      `splio:"spent"`
	Tier     Tier       `splio:"tier"`
	Tags     []string   `splio:"tags"`
	Consent             // embedded: its fields are fields of the segment too
}

// Consent is what the customer has agreed to.
type Consent struct {
	News bool      `splio:"news"`
	At   time.Time `splio:"consent_at"` // zero: never asked
}

// Money is an amount in cents. A type says by String, or by MarshalText, what it
// is as text.
type Money int64

func (m Money) String() string {
	if m < 0 {
		return "-" + (-m).String()
	}
	return fmt.Sprintf("%d.%02d", int64(m/100), int64(m%100))
}

// Tier is the loyalty tier.
type Tier string

// The tiers.
const (
	Silver Tier = "silver"
	Gold   Tier = "gold"
)

// destination is the universe. The custom fields in it were made in Splio's
// application before.
var destination = splio.Destination{
	Universe:    "acme",
	Subsequence: "crm",
	Custom: []mapping.Attribute{
		{Name: "birthday", Type: mapping.Date},
		{Name: "spent", Type: mapping.Decimal},
		{Name: "tier", Max: 10},
		{Name: "interests"},
		{Name: "newsletter", Type: mapping.Boolean},
		{Name: "consent_at", Type: mapping.DateTime},
	},
}

// contacts says which field of a Customer feeds which attribute.
var contacts = mapping.Mapping{
	Key: mapping.Field{From: "email", To: "email"},
	Fields: []mapping.Field{
		{From: "name", To: "lastname", Transforms: []mapping.Transform{{Name: "trim"}}},
		{From: "language", To: "language", Default: "en"},
		{From: "phone", To: "cellphone"},
		{From: "news", To: "newsletter", Custom: true},
		{From: "tags", To: "interests", Custom: true, Flatten: "list", Separator: ", "},
	},
	Custom: []string{"birthday", "spent", "tier", "consent_at"},
}
