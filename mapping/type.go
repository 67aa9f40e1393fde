package mapping

// Type is how the values of an attribute are read and rendered.
//
// Whatever the type, a rendered cell is valid UTF-8 without line breaks or control characters, has at most as many
// characters (code points) as the attribute allows, and renders to itself when it is read again with the default layouts.
// For every type but [Text], white space and invisible marks (zero-width and bidirectional ones) around a value are ignored
// and text that is nothing else counts as empty. A value that is not of a form listed at its type is invalid: it is never
// guessed at. Only Text is ever shortened. A list or an object is invalid, except where Field.Flatten says how to write it
// and for [Lists].
type Type string

const (
	// Text is one line of text. CR, LF, the pair CR LF, tab, vertical tab, form feed, U+0085, U+2028 and U+2029 become
	// one space each; other control characters, and U+FEFF at the start, are dropped. White space at the ends is kept.
	// What is left is normalised (Unicode form NFC). Text that is too long then is cut at a character, earlier when the cut
	// would part a letter from its combining marks or break a joined sequence, and reported as [Shortened]; Field.Long may
	// say otherwise, and where Flatten is set, text of which the cut would make JSON of a list or an object is left blank.
	// Text that is nothing but the word NULL, in any case, white space and invisible marks apart, is rendered as it is and
	// reported as [Kept]: some destinations take it for a missing value.
	// Integers, decimals and floats are written plainly, without an exponent; booleans as 1 and 0; dates as [Date] and
	// date-times as [DateTime] render them by default; lists and objects as Field.Flatten says.
	//
	// Invalid: [ReasonUTF8], [ReasonFinite], [ReasonDecimal] and [ReasonDate] (for values that are none), [ReasonFlatten],
	// [ReasonJSON], [ReasonList]; for a key also [ReasonNull], [ReasonInvisible] and "longer than 100 characters".
	Text Type = "text"

	// Integer is an optional sign and up to 30 digits; a fraction of zeros is accepted ("12.00"), and so are a dot without
	// one ("12.") and a fraction alone (".0"). Rendered without "+",
	// leading zeros or "-0". Booleans are 1 and 0; decimals and floats must be whole.
	//
	// Invalid: [ReasonInteger], [ReasonDigits], [ReasonFinite].
	Integer Type = "integer"

	// Decimal is an optional sign, up to 30 digits before the dot and any number after it, rendered with Field.Places
	// decimals, exactly rounded, halves away from zero. A decimal comma, a thousands separator, an exponent in text, NaN
	// and the infinities are invalid. A float counts as the shortest decimal that reads back as the same float.
	//
	// Invalid: [ReasonDecimal], [ReasonDigits], [ReasonFinite].
	Decimal Type = "decimal"

	// Boolean is rendered 1 or 0, or as Field.Booleans says, from booleans, the numbers 1 and 0 (integers, decimals and floats:
	// 1, 1.00), and the texts 1, true, t, yes, y, 0, false, f, no and n in any case.
	//
	// Invalid: [ReasonBoolean].
	Boolean Type = "boolean"

	// Date is rendered "2006-01-02", or as Field.Layout says. Read from dates, date-times (their civil date in the field's
	// zone) and text:
	//
	//	2006-01-02   20060102
	//	2006-01-02T15:04   2006-01-02T15:04:05   2006-01-02T15:04:05.999
	//
	// where T may be a space, the dot before the fraction a comma, and a date-time may end in a zone: Z, +hh, +hhmm or
	// +hh:mm. Without one it is in the
	// field's zone already. Years are 1 to 9999; dates that do not exist, "0000-00-00" among them, are invalid.
	//
	// Invalid: [ReasonDate].
	Date Type = "date"

	// DateTime is rendered "2006-01-02 15:04:05" in the field's zone, or as Field.Layout says, fractions of a second cut
	// off. It reads what [Date] reads; a date is midnight. Where clocks change, an instant is rendered as clocks showed it,
	// so that two instants of the hour that comes twice look alike; text without a zone is rendered as it stands, a time
	// that clocks skipped or the midnight that a zone does not have included.
	//
	// Invalid: [ReasonDate].
	DateTime Type = "datetime"

	// Language is one of Attribute.Values. The value is lower-cased, then looked up whole, in Values and then in
	// Aliases, and then by its first part (up to "-" or "_") in the same way: fr, FR, fr_FR, fr-Latn-CA. When that finds
	// nothing and the first part is a three-letter code of ISO 639-2 or -3 (fra, fre, ces, cze) that has one of two letters,
	// this one is put in its place and the value looked up again. Where no Values are given, it is the first part if that
	// has two or three letters, two where there are two. The name of a language or of a country is invalid.
	//
	// A code of two letters that an alias of another language leads to is the destination's own: where "cs" leads to "cz",
	// "ko" to "kr" and "pt_br" to "br", these three are Czech, Korean and Brazilian Portuguese, and not what ISO 639 means by
	// "kr" (Kanuri) and "br" (Breton). Such a code is taken alone, or with a region of the same two letters (kr, kr_KR,
	// br_BR). With any other part behind it, and for a code of three letters that comes down to it, it is invalid: kr_NG,
	// br_FR, kau, bre.
	//
	// Invalid: [ReasonLanguage].
	Language Type = "language"

	// Phone is an international number, rendered "00", country code, number. "+" at the start is read as "00"; spaces
	// (the no-break ones too), dots, dashes, slashes, parentheses and a trunk zero written "(0)" are dropped. Anything
	// else, a national number above all, is invalid. There are 7 to 15 digits after the 00, the first not 0.
	//
	// A trunk zero without parentheses ("+33 06 39 98 01 17") is invalid for the country codes of Europe whose numbers never
	// begin with 0: 30 to 34, 36, 40, 41, 43 to 49, 350 to 359, 370 to 377, 380 to 383, 385 to 387, 389, 420, 421 and 423;
	// elsewhere a zero is taken for part of the number. A "(0)" is invalid where the zero is part of the number, and must not
	// be dropped: 39 (Italy), 378, 225, 241 and 242.
	//
	// Invalid: [ReasonPhone].
	Phone Type = "phone"

	// Email is an e-mail address as people have them, normalised (NFC) and lower-cased: a local part of letters, digits and
	// the signs that need no quotes (RFC 5321, dot-string), one "@", and a domain of two or more labels of letters, digits
	// and inner hyphens, the last not of digits alone. Dots neither begin nor end a part, nor follow one another. The local
	// part has at most 64 bytes, a label 63 characters, the domain 253. Letters may be non-ASCII (RFC 6531).
	//
	// The standards allow more that no mailing takes: quoted local parts, comments, IP addresses in brackets, a domain
	// without a dot or with one at the end. This is invalid, as is an address within text ("Ann <a@example.com>") and more
	// than one address. Zero-width and bidirectional marks are invalid but at the ends, where they are ignored.
	//
	// Invalid: [ReasonEmail], [ReasonEmailLength], [ReasonInvisible], [ReasonUTF8].
	Email Type = "email"

	// Lists are changes of list membership: signed ids 0 to 63 separated by commas, "+1,-4" for a subscription to list 1
	// and none to list 4. Rendered ascending, each id once. An id without its sign or with both is invalid. A list value is
	// read too, its elements being such texts; a number is invalid, as it has no sign.
	//
	// Invalid: [ReasonLists].
	Lists Type = "lists"
)

// Attribute is something the destination knows of a contact.
type Attribute struct {
	Name string
	Type Type

	// Max is the most characters (code points) of a cell; 0 is no limit, and in [Options].Custom it is CustomMax.
	Max int

	// Key says that the attribute may be the matching key.
	Key bool

	// Values are the codes that a [Language] attribute takes; nil is any.
	Values []string

	// Aliases lead from other spellings of a Language to one of Values, e.g. "cs" to "cz" or "pt_br" to "br". What they say
	// of the codes they lead to is at [Language].
	Aliases map[string]string
}

// Options say what the destination takes. The zero value takes anything.
type Options struct {
	// Attributes is what the destination has besides custom attributes. Nil lets any Field.To pass, typed by Field.Type,
	// as the key too.
	Attributes []Attribute

	// Custom is what custom attributes the destination has, with their types and limits. Nil declares nothing: a custom
	// attribute of any name passes, as [Text]. Otherwise one that is not among them is an error.
	Custom []Attribute

	// CustomMax is the most characters (code points) of a custom attribute that declares no Max; 0 is no limit.
	CustomMax int

	// Reserved are names that a custom attribute may not have, whatever their case.
	Reserved []string

	// Funcs are the Go functions that transforms named func may ask for.
	Funcs []Func
}
