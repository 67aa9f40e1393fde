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
	// Key is the matching key: the attribute that identifies a contact at the destination. A key is never blank,
	// absent, shortened or made up: a record without a usable key is rejected, and Default, constant and default are
	// refused. White space and invisible marks (zero-width and bidirectional ones) at the ends of a key of type [Text]
	// are dropped, so that they do not make two contacts of one; a key with such a mark inside ([ReasonInvisible]) and
	// a key that reads NULL are refused.
	Key Field `json:"key"`

	// Fields are the other attributes, in the order of the columns.
	Fields []Field `json:"fields,omitempty"`

	// Custom are custom attributes exported under their own name: the same name in the segment and at the destination,
	// of the type that [Options].Custom declares or else [Text], with the default policies. For any other type or policy,
	// use a Field with Custom set.
	Custom []string `json:"custom,omitempty"`

	// Zone is the IANA name of the time zone of rendered dates, and of source date-times that carry no zone.
	// Defaults to "Europe/Paris". The zone data is compiled in, so no zone files are needed.
	Zone string `json:"zone,omitempty"`
}

// DefaultZone is the zone of a [Mapping] that names none.
const DefaultZone = "Europe/Paris"

// Location returns the time zone of m, or an error naming the zone when there is no such zone.
func (m Mapping) Location() (*time.Location, error) { return locate(cmp.Or(m.Zone, DefaultZone)) }

func locate(name string) (*time.Location, error) {
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

// CustomNames returns the names of the custom attributes that m feeds, in the order of the columns.
func (m Mapping) CustomNames() []string {
	var names []string
	if m.Key.Custom {
		names = append(names, m.Key.To)
	}
	for _, f := range m.Fields {
		if f.Custom {
			names = append(names, f.To)
		}
	}
	return append(names, m.Custom...)
}

// Field maps one field of the segment to one attribute of the destination.
type Field struct {
	// From is the name of the field in the segment, exactly as the source spells it. Several Fields may share one. It may
	// be left out where the first transform is constant.
	From string `json:"from,omitempty"`

	// To is the name of the attribute at the destination, exactly as the destination spells it.
	To string `json:"to"`

	// Custom says that To is a custom attribute, not one of [Options].Attributes.
	Custom bool `json:"custom,omitempty"`

	// Type is how values are read and rendered. Defaults to the attribute's own type, and to [Text] for a custom
	// attribute that is not declared. Only an attribute whose own type is Text may be given another type.
	Type Type `json:"type,omitempty"`

	// Default is text that is taken in place of null and of empty text, before the transforms; white space alone is
	// empty for every type but [Text]. With a Default, Empty does not apply to these values. A Default that could not
	// be rendered is refused by Bind.
	Default string `json:"default,omitempty"`

	// Empty is what null and empty text do. Defaults to [Blank], and to [Reject] for the key, which takes no other.
	Empty Policy `json:"empty,omitempty"`

	// Invalid is what a value that cannot be rendered does. Defaults to [Blank], and to [Reject] for the key, which
	// takes no other.
	Invalid Policy `json:"invalid,omitempty"`

	// Long is what text that is longer than the attribute allows does; it is for type [Text]. Defaults to [Cut]; to
	// Blank where Flatten is "json", because a cut would break the JSON; and to Reject for the key, which takes no
	// other. A value of any other type that is too long is invalid.
	Long Policy `json:"long,omitempty"`

	// Layouts are layouts of package time, tried in order to read text as a [Date] or [DateTime]; other types take
	// none. Each must hold a year, a month and a day. A zone is -0700 or Z07:00, never MST: an abbreviation does not
	// say which zone it is, and package time takes those it does not know for UTC. Defaults to the ISO forms listed at
	// [Date]; if Layouts are given, these forms are read only if they are listed too.
	Layouts []string `json:"layouts,omitempty"`

	// Layout is the layout of package time that a [Date] or [DateTime] is written in; other types take none. It holds a
	// year of four digits, a month and a day, and no zone, the written time being in the field's. Defaults to "2006-01-02"
	// and "2006-01-02 15:04:05". It is also read, after the forms that are read anyway.
	Layout string `json:"layout,omitempty"`

	// Zone is the time zone of this field's dates, for types [Date], [DateTime] and [Text]. Defaults to Mapping.Zone.
	Zone string `json:"zone,omitempty"`

	// Places is the number of decimals of a [Decimal], 0 to 9; other types take none. Defaults to 2.
	Places *int `json:"places,omitempty"`

	// Booleans are the two texts that a [Boolean] is written as, false first; other types take none. Both are also read,
	// exactly as they are here, after the texts that are read anyway. Defaults to "0" and "1".
	Booleans []string `json:"booleans,omitempty"`

	// Flatten is how a list or an object becomes [Text]: "json" for JSON on one line, without white space between its
	// tokens and with the members in the order given (quotes and backslashes inside strings are written \u0022 and \u005c,
	// which is the same JSON and holds nothing that a reader of quoted files could take for an escape), or "list" for the elements of a list with Separator between them,
	// null and empty ones left out, booleans as 1 and 0, numbers as they stand; a list or an object inside the list is
	// invalid. Text that is JSON of a list or an object counts as one where Flatten is set. Without Flatten, a list or an
	// object is invalid, and text is text.
	Flatten string `json:"flatten,omitempty"`

	// Separator stands between the elements of a list that is flattened as "list". Defaults to ", ".
	Separator string `json:"separator,omitempty"`

	// Transforms are applied in order to a value before it is rendered.
	Transforms []Transform `json:"transforms,omitempty"`
}

// The values of Field.Flatten.
const (
	flattenJSON = "json"
	flattenList = "list"
)

// Policy is what a value that gives no cell, or not the whole of one, does.
type Policy string

const (
	Blank  Policy = "blank"  // an empty cell: the column is there and holds nothing
	Absent Policy = "absent" // no cell at all: the destination is told nothing about the attribute, so its row may need a file of its own
	Reject Policy = "reject" // the record is rejected
	Cut    Policy = "cut"    // the text is shortened; for Field.Long alone
)
