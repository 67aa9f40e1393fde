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
	// What is left is normalised (Unicode form NFC). If the text is then too long, it is cut at a character and reported as
	// [Shortened]; the cut is earlier where it would part a letter from its combining marks or break a joined sequence.
	// Field.Long may say otherwise. Where Flatten is set, text that the cut would turn into JSON of a list or an object is
	// left blank. Text that is the word NULL, in upper or lower case, and nothing else but white space and invisible marks,
	// is rendered as it is and reported as [Kept]: some destinations take it for a missing value.
	// Integers, decimals and floats are written plainly, without an exponent; booleans as 1 and 0; dates as [Date] and
	// date-times as [DateTime] render them by default; lists and objects as Field.Flatten says.
	//
	// Invalid: [ReasonUTF8], [ReasonFinite], [ReasonDecimal] and [ReasonDate] (for values that are none), [ReasonFlatten],
	// [ReasonJSON], [ReasonList]; for a key also [ReasonNull], [ReasonInvisible] and "longer than 100 characters".
	Text Type = "text"

	// Integer is an optional sign and up to 30 digits. A fraction of zeros is accepted ("12.00"), and so are a dot without
	// a fraction ("12.") and a fraction without digits before it (".0"). It is rendered without "+" and leading zeros, and
	// never as "-0". Booleans are 1 and 0; decimals and floats must be whole.
	//
	// Invalid: [ReasonInteger], [ReasonDigits], [ReasonFinite].
	Integer Type = "integer"

	// Decimal is an optional sign, up to 30 digits before the dot and any number after it, rendered with Field.Places
	// decimals, exactly rounded, halves away from zero. A decimal comma, a thousands separator, an exponent in text, NaN
	// and the infinities are invalid. A float counts as the shortest decimal that reads back as the same float.
	//
	// Invalid: [ReasonDecimal], [ReasonDigits], [ReasonFinite].
	Decimal Type = "decimal"

	// Boolean is rendered 1 or 0, or as Field.Booleans says. It is read from booleans, from the numbers 1 and 0 (integers,
	// decimals and floats: 1, 1.00), and from the texts 1, true, t, yes, y, 0, false, f, no and n, in upper or lower case.
	//
	// Invalid: [ReasonBoolean].
	Boolean Type = "boolean"

	// Date is rendered "2006-01-02", or as Field.Layout says. Read from dates, date-times (their civil date in the field's
	// zone) and text:
	//
	//	2006-01-02   20060102
	//	2006-01-02T15:04   2006-01-02T15:04:05   2006-01-02T15:04:05.999
	//
	// where a space may stand for T and a comma for the dot before the fraction, and a date-time may end in a zone: Z, +hh,
	// +hhmm or +hh:mm. Without a zone it is in the field's zone. Years are 1 to 9999; dates that do not exist, such as
	// "0000-00-00", are invalid.
	//
	// Invalid: [ReasonDate].
	Date Type = "date"

	// DateTime is rendered "2006-01-02 15:04:05" in the field's zone, or as Field.Layout says; fractions of a second are cut
	// off. It reads what [Date] reads; a date is read as midnight. Where clocks change, an instant is rendered as clocks
	// showed it, so that two instants of the hour that comes twice look the same. Text without a zone is rendered as it
	// stands, even if it is a time that clocks skipped or a midnight that does not exist in the zone.
	//
	// Invalid: [ReasonDate].
	DateTime Type = "datetime"

	// Language is one of Attribute.Values. The value is lower-cased and looked up whole, in Values and then in Aliases; then
	// its first part (up to "-" or "_") is looked up in the same way: fr, FR, fr_FR, fr-Latn-CA. If that finds nothing, and
	// the first part is a three-letter code of ISO 639-2 or -3 (fra, fre, ces, cze) of a language that also has a two-letter
	// code, the two-letter code replaces it and the value is looked up again. Where no Values are given, the result is the
	// first part if it has two or three letters, as the two-letter code where there is one. The name of a language or of a
	// country is invalid.
	//
	// If an alias of another language leads to a two-letter code, that code has the destination's meaning and not that of
	// ISO 639: where "cs" leads to "cz", "ko" to "kr" and "pt_br" to "br", these codes are Czech, Korean and Brazilian
	// Portuguese, and not Kanuri ("kr") and Breton ("br") as in ISO 639. Such a code is accepted alone, or with a region of
	// the same two letters (kr, kr_KR, br_BR). It is invalid with any other part behind it (kr_NG, br_FR), and so is a
	// three-letter code that ISO 639 gives that two-letter code (kau, bre).
	//
	// Invalid: [ReasonLanguage].
	Language Type = "language"

	// Phone is an international number, rendered "00", country code, number. "+" at the start is read as "00"; spaces
	// (the no-break ones too), dots, dashes, slashes, parentheses and a trunk zero written "(0)" are dropped. Anything
	// else, in particular a national number, is invalid. There are 7 to 15 digits after the 00, and the first is not 0.
	//
	// A trunk zero without parentheses ("+33 06 39 98 01 17") is invalid for the country codes of Europe whose numbers never
	// begin with 0: 30 to 34, 36, 40, 41, 43 to 49, 350 to 359, 370 to 377, 380 to 383, 385 to 387, 389, 420, 421 and 423;
	// elsewhere a zero is taken for part of the number. A "(0)" is invalid where the zero is part of the number, and must not
	// be dropped: 39 (Italy), 378, 225, 241 and 242.
	//
	// Invalid: [ReasonPhone].
	Phone Type = "phone"

	// Email is an e-mail address in the form that people use, normalised (NFC) and lower-cased: a local part of letters,
	// digits and the signs that need no quotes (RFC 5321, dot-string), one "@", and a domain of two or more labels of
	// letters, digits and inner hyphens, the last of which is not all digits. A dot neither begins nor ends a part, and no
	// two dots are adjacent. The local part has at most 64 bytes, a label 63 characters, the domain 253. Letters may be
	// non-ASCII (RFC 6531).
	//
	// The standards also allow forms that no mailing accepts: quoted local parts, comments, IP addresses in brackets, a
	// domain without a dot or with a dot at the end. They are invalid, and so are an address within text
	// ("Ann <a@example.com>") and more than one address. Zero-width and bidirectional marks are ignored at the ends, and
	// invalid elsewhere.
	//
	// Invalid: [ReasonEmail], [ReasonEmailLength], [ReasonInvisible], [ReasonUTF8].
	Email Type = "email"

	// Lists are changes of list membership: signed ids from 0 to 63, separated by commas. "+1,-4" subscribes to list 1 and
	// ends the subscription to list 4. They are rendered in ascending order, each id once. An id without a sign, or one that
	// is there with both signs, is invalid. A list value is read too, if its elements are such texts; a number is invalid,
	// since it has no sign.
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

	// Aliases lead from other spellings of a Language to one of Values, e.g. "cs" to "cz" or "pt_br" to "br". See [Language]
	// for what they imply for the codes that they lead to.
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
