package mapping

// Type is how the values of an attribute are read and rendered.
//
// Whatever the type, a rendered cell is valid UTF-8 without line breaks or control characters, has at most as many
// characters (code points) as the attribute allows, and renders to itself when it is read again with the default layouts.
// For every type but [Text], white space around a value is ignored and text that is only white space counts as empty. A
// value that is not of a form listed at its type is invalid: it is never guessed at. Only Text is ever shortened.
type Type string

const (
	// Text is one line of text. CR, LF, the pair CR LF, tab, vertical tab, form feed, U+0085, U+2028 and U+2029 become
	// one space each; other control characters, and U+FEFF at the start, are dropped. White space at the ends is kept.
	// Text that is too long is cut at a character, earlier when the cut would part a letter from its combining marks or
	// break a joined sequence, and reported as [Shortened]. Text that is nothing but the word NULL, in any case, is
	// rendered as it is and reported as [Kept]: some destinations take it for a missing value.
	// Integers, decimals and floats are written plainly, without an exponent; booleans as 1 and 0; dates as [Date] and
	// date-times as [DateTime] render them. Invalid UTF-8, NaN and the infinities are invalid.
	Text Type = "text"

	// Integer is an optional sign and up to 30 digits; a fraction of zeros is accepted ("12.00"). Rendered without "+",
	// leading zeros or "-0". Booleans are 1 and 0; decimals and floats must be whole.
	Integer Type = "integer"

	// Decimal is an optional sign, up to 30 digits before the dot and any number after it, rendered with Field.Places
	// decimals, exactly rounded, halves away from zero. A decimal comma, a thousands separator, an exponent in text, NaN
	// and the infinities are invalid. A float counts as the shortest decimal that reads back as the same float.
	Decimal Type = "decimal"

	// Boolean is rendered 1 or 0, from booleans, the integers 1 and 0, and the texts 1, true, t, yes, y, 0, false, f, no
	// and n in any case.
	Boolean Type = "boolean"

	// Date is rendered "2006-01-02". Read from dates, date-times (their civil date in the mapping's zone) and text:
	//
	//	2006-01-02   20060102
	//	2006-01-02T15:04   2006-01-02T15:04:05   2006-01-02T15:04:05.999
	//
	// where T may be a space and a date-time may end in a zone: Z, +hh, +hhmm or +hh:mm. Without one it is in the
	// mapping's zone already. Years are 1 to 9999; dates that do not exist, "0000-00-00" among them, are invalid.
	Date Type = "date"

	// DateTime is rendered "2006-01-02 15:04:05" in the mapping's zone, fractions of a second cut off. It reads what
	// [Date] reads; a date is midnight.
	DateTime Type = "datetime"

	// Language is one of Attribute.Values. The value is lower-cased, then looked up whole, in Values and then in
	// Aliases, and then by its first part (up to "-" or "_") in the same way. Where no Values are given, it is the first
	// part if that has two or three letters.
	Language Type = "language"

	// Phone is an international number, rendered "00", country code, number. "+" at the start is read as "00"; spaces
	// (the no-break ones too), dots, dashes, slashes, parentheses and a trunk zero written "(0)" are dropped. Anything
	// else, a national number above all, is invalid. There are 7 to 15 digits after the 00, the first not 0.
	Phone Type = "phone"

	// Email is an e-mail address, lower-cased: one "@"; a local part of letters, digits and the signs that need no
	// quotes; a domain of two or more labels of letters, digits and inner hyphens. Dots neither begin nor end a part, nor
	// follow one another. Letters may be non-ASCII; invisible and bidirectional control characters are invalid anywhere.
	Email Type = "email"

	// Lists are changes of list membership: signed ids 0 to 63 separated by commas, "+1,-4" for a subscription to list 1
	// and none to list 4. Rendered ascending, each id once. An id without its sign or with both is invalid.
	Lists Type = "lists"
)

// Attribute is something the destination knows of a contact.
type Attribute struct {
	Name string
	Type Type

	// Max is the most characters (code points) of a cell; 0 is no limit.
	Max int

	// Key says that the attribute may be the matching key.
	Key bool

	// Values are the codes that a [Language] attribute takes; nil is any.
	Values []string

	// Aliases lead from other spellings of a Language to one of Values, e.g. "cs" to "cz" or "pt_br" to "br".
	Aliases map[string]string
}

// Options say what the destination takes. The zero value takes anything.
type Options struct {
	// Attributes is what the destination has besides custom attributes. Nil lets any Field.To pass, typed by Field.Type,
	// as the key too.
	Attributes []Attribute

	// CustomMax is the most characters (code points) of a custom attribute; 0 is no limit.
	CustomMax int
}
