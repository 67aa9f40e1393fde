package mapping

import (
	"cmp"
	"fmt"
	"time"
	_ "time/tzdata" // zones must load on machines without zone files
)

// Mapping says which fields of a segment feed which attributes of a contact.
//
// It is plain data: it round-trips through JSON, and [Parse] reads the strict form. Nothing is checked until
// [Mapping.Bind]; the zero Mapping has no key and is an error there. A Mapping is not modified by this package and may be
// shared between goroutines while nobody writes to it.
type Mapping struct {
	// Key is the matching key: the attribute that identifies a contact at the destination. A key is never blank, absent
	// or shortened: a record without a usable key is rejected. A key of type [Text] is also trimmed, so that white space
	// does not make two contacts of one, and one that reads NULL is refused.
	Key Field `json:"key"`

	// Fields are the other attributes, in the order of the columns.
	Fields []Field `json:"fields,omitempty"`

	// Custom are custom attributes exported under their own name: the same name in the segment and at the destination,
	// of type [Text], with the default policies. For any other type or policy, use a Field with Custom set.
	Custom []string `json:"custom,omitempty"`

	// Zone is the IANA name of the time zone of rendered dates, and of source date-times that carry no zone.
	// Defaults to "Europe/Paris". The zone data is compiled in, so no zone files are needed.
	Zone string `json:"zone,omitempty"`
}

// DefaultZone is the zone of a [Mapping] that names none.
const DefaultZone = "Europe/Paris"

// Location returns the time zone of m, or an error naming the zone when there is no such zone.
func (m Mapping) Location() (*time.Location, error) {
	name := cmp.Or(m.Zone, DefaultZone)
	if name == "Local" {
		// The machine's own zone would make the same input give other bytes elsewhere.
		return nil, fmt.Errorf("mapping: zone %q depends on the machine: name an IANA zone such as %q", name, DefaultZone)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("mapping: unknown time zone %q: name an IANA zone such as %q", name, DefaultZone)
	}
	return loc, nil
}

// Field maps one field of the segment to one attribute of the destination.
type Field struct {
	// From is the name of the field in the segment, exactly as the source spells it. Several Fields may share one.
	From string `json:"from"`

	// To is the name of the attribute at the destination, exactly as the destination spells it.
	To string `json:"to"`

	// Custom says that To is a custom attribute, not one of [Options].Attributes.
	Custom bool `json:"custom,omitempty"`

	// Type is how values are read and rendered. Defaults to the attribute's own type, and to [Text] for a custom
	// attribute. Only a custom attribute, or one whose own type is Text, may be given another type.
	Type Type `json:"type,omitempty"`

	// Empty is what null and empty text do. Defaults to [Blank], and to [Reject] for the key, which takes no other.
	Empty Policy `json:"empty,omitempty"`

	// Invalid is what a value that cannot be rendered does. Defaults to [Blank], and to [Reject] for the key, which
	// takes no other.
	Invalid Policy `json:"invalid,omitempty"`

	// Layouts are layouts of package time, tried in order to read text as a [Date] or [DateTime]; other types take none.
	// Each must hold a year, a month and a day. Defaults to the ISO forms listed at [Date]; when given, those forms are
	// only read if listed too.
	Layouts []string `json:"layouts,omitempty"`

	// Places is the number of decimals of a [Decimal], 0 to 9; other types take none. Defaults to 2.
	Places *int `json:"places,omitempty"`

	// Transforms are applied in order to the text of a value before it is rendered. Values that are not text (numbers,
	// booleans, dates of a typed source) pass them unchanged.
	Transforms []Transform `json:"transforms,omitempty"`
}

// Transform is one change made to text before it is rendered.
type Transform struct {
	// Name is one of
	//
	//	trim   drops white space (in the sense of Unicode) and control characters at both ends
	//	lower  maps every letter to its lower case
	//	upper  maps every letter to its upper case
	//
	// Letters are mapped one by one and alike in every language, so "ß" has no upper case here.
	Name string `json:"name"`
}

// Policy is what a value that gives no cell does.
type Policy string

const (
	Blank  Policy = "blank"  // an empty cell: the column is there and holds nothing
	Absent Policy = "absent" // no cell at all: the destination is told nothing about the attribute
	Reject Policy = "reject" // the record is rejected
)
