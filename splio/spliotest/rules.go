package spliotest

import (
	"errors"
	"fmt"
)

// Rules choose among the readings of what Splio does not document. The zero value
// is the likeliest reading of each, or the stricter one where none is likelier.
// What is known about each rule is in splio/FORMAT.md, at the section given.
type Rules struct {
	// MaxLines and MaxDeletes are the most lines of a file of the scopes contacts
	// and deletecontacts: 200,000 and 100,000 when 0 (documented; section 2). Lower
	// limits make a test of what happens beyond them quicker.
	MaxLines, MaxDeletes int

	// HeaderNotCounted: the header is not one of these lines (unknown; section 2).
	HeaderNotCounted bool

	// Duplicates is what becomes of rows of one file that share a key (unknown;
	// section 6).
	Duplicates Duplicates

	// Headers is how the header names custom fields (unknown; section 5).
	Headers Headers

	// Quotes is how quotes are understood (unknown; section 2).
	Quotes Quotes

	// LineEnds is how lines end (unknown; section 2).
	LineEnds LineEnds

	// NoSuffix: a name with anything after the date is not understood (unknown;
	// section 1). Otherwise "_" and any text may follow.
	NoSuffix bool

	// OncePerName: a file with the name of one that was read before is skipped
	// (unknown; section 1). Otherwise it is read like any other.
	OncePerName bool

	// Order puts the names of the files that wait into the order in which they are
	// read (unknown; section 9). It may only reorder the slice. Nil is the order of
	// the bytes of the names, in which "_10" comes before "_2".
	Order func(names []string)

	// BadCellAlone: for a value that is not well-formed or too long, only the cell is
	// skipped, and the contact keeps the value that it had. Otherwise the row is
	// skipped (unknown; section 5). For such a key the row is always skipped.
	BadCellAlone bool

	// CountBytes: limits count bytes, not characters (unknown; section 5).
	CountBytes bool

	// NullIsEmpty: the word NULL, in any case, is an empty cell (unknown; section
	// 6).
	NullIsEmpty bool

	// AnyCase: an e-mail may have upper-case letters, and then names another contact
	// than the one in lower case (inferred; section 4). Otherwise it is not
	// well-formed.
	AnyCase bool

	// AnyPhone: any text is a phone number. Otherwise it is 00, country code and
	// number, digits only (the pattern is documented, what else passes unknown;
	// section 4.4).
	AnyPhone bool

	// PrefixAll: the default prefix of a sub-sequence goes before every number, even
	// one that has its country code. Otherwise it goes only before numbers that begin
	// with neither 00 nor "+" (documented only as numbers that lack a country code;
	// section 7).
	PrefixAll bool

	// NeedAddress: a contact is created only with an e-mail or a phone number
	// (documented on an older page; section 4.1). It matters where neither is the
	// key.
	NeedAddress bool

	// DateLayouts are the layouts of package time that dates are read in. Nil is
	// "2006-01-02 15:04:05" and "2006-01-02" (inferred; section 4.2).
	DateLayouts []string
}

// Duplicates is what becomes of rows of one file that share a key.
type Duplicates uint8

const (
	LastRow  Duplicates = iota // all are applied, one after the other
	FirstRow                   // the first is applied, the others are skipped
	NoRow                      // all are skipped
)

// Headers is how the header names custom fields.
type Headers uint8

const (
	AnyHeader  Headers = iota // by name or by id
	NameHeader                // by [Field.Name] alone
	IDHeader                  // by [Field.ID] alone
)

// Quotes is how quotes around and within a value are understood. Whatever it is,
// a value ends with its line (documented; splio/FORMAT.md, section 2), and a quote
// that is not closed, has text after it or stands in a value without quotes around
// it makes the row wrong.
type Quotes uint8

const (
	QuotesDoubled   Quotes = iota // a quote within quotes is doubled
	QuotesBackslash               // it has a backslash before it, and so has a backslash
	QuotesEither                  // it is doubled or has a backslash before it; any other backslash is itself
	QuotesNone                    // a quote is a character like any other, and ; always separates
)

// LineEnds is how lines end; the last one may lack its end.
type LineEnds uint8

const (
	AnyLineEnd LineEnds = iota // LF or CR LF
	OnlyLF                     // a CR is part of the last value
	OnlyCRLF                   // an LF alone ends nothing
)

// Limits in lines (documented; splio/FORMAT.md, section 2) and in characters
// (section 4).
const (
	maxLines   = 200_000
	maxDeletes = 100_000
	maxKey     = 100
	maxText    = 255
	maxPhone   = 30
)

func (r Rules) validate() error {
	var errs []error
	for _, enum := range []struct {
		name      string
		got, last uint8
	}{
		{"Duplicates", uint8(r.Duplicates), uint8(NoRow)},
		{"Headers", uint8(r.Headers), uint8(IDHeader)},
		{"Quotes", uint8(r.Quotes), uint8(QuotesNone)},
		{"LineEnds", uint8(r.LineEnds), uint8(OnlyCRLF)},
	} {
		if enum.got > enum.last {
			errs = append(errs, fmt.Errorf("spliotest: Rules.%s: unknown value %d", enum.name, enum.got))
		}
	}
	if r.MaxLines < 0 || r.MaxDeletes < 0 {
		errs = append(errs, errors.New("spliotest: Rules.MaxLines and MaxDeletes must not be negative"))
	}
	return errors.Join(errs...)
}
