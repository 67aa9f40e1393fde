package spliotest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Options are a universe and how it is imported into. Universe, Drop and at least
// one sub-sequence are required.
type Options struct {
	// Universe is the name of the account, the first part of every file name.
	Universe string

	// Drop is the drop directory.
	Drop Drop

	// Contacts are the sub-sequences of the scope contacts, by name.
	Contacts map[string]Subsequence

	// Deletes are the names of the sub-sequences of the scope deletecontacts, whose
	// files have the column of the key alone (inferred; the columns are documented
	// on a page that could not be read).
	Deletes []string

	// Key is the column of the unique key: "email", which is the default,
	// "customer_key" or "cellphone".
	Key string

	// KeyField is the custom field that customer_key stands for, one of Custom by
	// its name or id. Contacts have their key in it, a file need not have its
	// column, and its type is the key's. It may be left out.
	KeyField string

	// Custom are the custom fields that the universe has.
	Custom []Field

	// Lists are the ids of the subscription lists that the universe has, from 0 to
	// 63. Nil is all of them.
	Lists []int

	// Rules choose among the readings of what is not documented.
	Rules Rules

	// Leave leaves files in the drop directory that were read. Each is read again
	// only when its content has changed. Otherwise they are taken away.
	Leave bool

	// Archive is a directory that files are copied into once they were read, where
	// one replaces an earlier one of its name. Empty is none. With Leave off, this
	// moves them. It must exist, and be no drop directory.
	Archive string

	// Reports is a directory for the log of all imports and the reports of rows that
	// were skipped; see [LogName] and [ReportName]. Empty is none. It must
	// exist, and be no drop directory.
	Reports string
}

// Subsequence is the import configuration of a sub-sequence of the scope
// contacts. Its zero value creates and updates contacts.
type Subsequence struct {
	NoCreate bool // "create contacts": "0"
	NoUpdate bool // "update contacts": "0"

	// InitLists are "init lists": lists that are emptied before each import of a
	// file that is not skipped.
	InitLists []int

	// Prefix is the "default cellphone prefix", such as "33": it goes in front of
	// numbers without a country code, in place of their leading 0.
	Prefix string

	// EmptyErases: an empty cell erases the value that a contact has. Otherwise the
	// contact keeps it. (That this is configured is documented for another scope,
	// and inferred here; the default is unknown. splio/FORMAT.md, section 6.)
	EmptyErases bool
}

// Field is a custom field.
type Field struct {
	Name string // its own name; may be empty when ID is not
	ID   string // c and its number, such as "c5"; may be empty when Name is not
	Type Type
}

// Type is the type of a custom field.
type Type uint8

const (
	Text   Type = iota // at most 255 characters
	Int                // digits, with or without a sign
	Double             // with a dot and at most two places; kept with two
	Date               // as Rules.DateLayouts say
)

// Contact is a contact in the table.
type Contact struct {
	// Key is the value of the unique key.
	Key string

	// Fields are the values by column, without those that are empty and without the
	// column of the key. Custom fields have their name, or their id if they have
	// none.
	Fields map[string]string

	// Lists are the lists that the contact is subscribed to, ascending.
	Lists []int
}

// column is what a header may name.
type column struct {
	name string // under which the contact has it
	kind kind
	max  int // characters; 0 is no limit
}

type kind uint8

const (
	textKind kind = iota
	intKind
	doubleKind
	dateKind
	emailKind
	phoneKind
	languageKind
	listsKind
)

// lists is a set of list ids.
type lists uint64

func (l lists) ids() (ids []int) {
	for id := range 64 {
		if l&(1<<id) != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func listsOf(ids []int) (l lists) {
	for _, id := range ids {
		l |= 1 << id
	}
	return l
}

var (
	word     = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	customID = regexp.MustCompile(`^c(0|[1-9][0-9]*)$`)
	digits   = regexp.MustCompile(`^[0-9]*$`)
)

// columnsOf returns what the header of a contacts file may name, and all custom
// columns whatever the rules say, by every name that they have.
func (o Options) columnsOf() (columns, custom map[string]*column, err error) {
	columns, custom = make(map[string]*column), make(map[string]*column)
	for _, c := range []column{
		{"email", emailKind, maxKey}, {"lastname", textKind, maxText}, {"firstname", textKind, maxText},
		{"language", languageKind, 0}, {"cellphone", phoneKind, maxPhone}, {"dateOfCreation", dateKind, 0},
		{"subscriptions", listsKind, 0},
	} {
		columns[c.name] = &c
	}
	if o.Key == "customer_key" {
		columns[o.Key] = &column{name: o.Key, max: maxKey}
	}
	var errs []error
	for i, f := range o.Custom {
		c := &column{name: f.Name, kind: kind(f.Type)}
		if f.Type == Text {
			c.max = maxText
		}
		if f.Name == "" {
			c.name = f.ID
		}
		switch {
		case c.name == "":
			errs = append(errs, fmt.Errorf("spliotest: Options.Custom[%d] has neither a name nor an id", i))
		case f.ID != "" && !customID.MatchString(f.ID):
			errs = append(errs, fmt.Errorf("spliotest: Options.Custom[%d]: the id is %q, not c and a number", i, f.ID))
		case f.Type > Date:
			errs = append(errs, fmt.Errorf("spliotest: Options.Custom[%d]: unknown type %d", i, f.Type))
		}
		for _, h := range []struct {
			name string
			not  Headers
		}{{f.Name, IDHeader}, {f.ID, NameHeader}} {
			switch {
			case h.name == "" || h.name == f.Name && h.name == f.ID && h.not == IDHeader: // not there, or looked at as the id
			case custom[h.name] != nil || columns[h.name] != nil || h.name == "customer_key":
				errs = append(errs, fmt.Errorf("spliotest: Options.Custom[%d]: %q is there already", i, h.name))
			default:
				custom[h.name] = c
			}
		}
	}
	for _, f := range o.Custom {
		if f.Name != "" && o.Rules.Headers != IDHeader {
			columns[f.Name] = custom[f.Name]
		}
		if f.ID != "" && o.Rules.Headers != NameHeader {
			columns[f.ID] = custom[f.ID]
		}
	}
	return columns, custom, errors.Join(errs...)
}

// validate checks all but the custom fields.
func (o Options) validate() error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("spliotest: "+format, args...))
	}
	if o.Universe == "" || strings.ContainsAny(o.Universe, "/\\.") {
		fail("Options.Universe %q: give the name of the universe", o.Universe)
	}
	if o.Drop == nil {
		fail("Options.Drop: give the drop directory")
	}
	if !slices.Contains([]string{"email", "customer_key", "cellphone"}, o.Key) {
		fail(`Options.Key is %q: it can be "email", "customer_key" or "cellphone"`, o.Key)
	}
	if o.KeyField != "" && o.Key != "customer_key" {
		fail(`Options.KeyField is what customer_key stands for: Key must be "customer_key"`)
	}
	if len(o.Contacts)+len(o.Deletes) == 0 {
		fail("Options.Contacts: give at least one sub-sequence")
	}
	known := func(where string, ids []int) {
		for _, id := range ids {
			if id < 0 || id > 63 {
				fail("%s: list %d is not from 0 to 63", where, id)
			} else if o.Lists != nil && !slices.Contains(o.Lists, id) {
				fail("%s: the universe has no list %d", where, id)
			}
		}
	}
	known("Options.Lists", o.Lists)
	for _, name := range slices.Sorted(maps.Keys(o.Contacts)) {
		if !word.MatchString(name) {
			fail("Options.Contacts: %q has other characters than letters and digits", name)
		}
		where := fmt.Sprintf("Options.Contacts[%q]", name)
		known(where+".InitLists", o.Contacts[name].InitLists)
		if p := o.Contacts[name].Prefix; !digits.MatchString(p) || strings.HasPrefix(p, "0") {
			fail("%s.Prefix is %q: give a country code in digits", where, p)
		}
	}
	for _, name := range o.Deletes {
		if !word.MatchString(name) {
			fail("Options.Deletes: %q has other characters than letters and digits", name)
		}
	}
	return errors.Join(append(errs, o.Rules.validate())...)
}
