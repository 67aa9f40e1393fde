package mapping

// Transform is one change made to a value before it is rendered. Name says which; the other members are the parameters of
// some of them, and one that its transform does not take is an error of [Mapping.Bind] and of [Parse].
//
//	trim       drops white space (in the sense of Unicode) and control characters at both ends
//	lower      maps every letter to its lower case
//	upper      maps every letter to its upper case
//	title      maps the first letter of every word to its title case and the others to lower case; a word goes on after
//	           an apostrophe, unless one letter alone is before it: "Jean-Pierre", "O'Neil", "Sam's"
//	map        puts Values[text] in the place of the text, or Else where Values has no such text; without Else other text
//	           is kept
//	default    puts Value in the place of empty text
//	constant   puts Value in the place of anything, null included
//	concat     joins the text and those of other Fields of the segment, with Separator between them; empty ones are left
//	           out, and white space around those of the other fields is ignored
//	hash       puts the SHA-256 of the text, in lower-case hexadecimal digits, in its place
//	substring  keeps Length characters, Start of them skipped; where a cut would part a letter from its combining marks or
//	           break a joined sequence, the text begins later or ends earlier
//	replace    puts With in the place of each match of Pattern; $1 or ${name} in With are what a group has matched, $$ is $
//	match      makes text invalid in which Pattern matches nothing
//	func       puts what a Go function, one of [Options].Funcs, makes of the text in its place
//
// Letters are mapped one by one and alike in every language, so "ß" has no upper case here. Patterns are those of package
// regexp (RE2), and look at the text as it came: with line breaks, if there are any. The formats of dates and numbers are
// not transforms: see Layouts, Layout, Places and Booleans of [Field].
//
// Four rules hold for all of them:
//
//   - trim, lower, upper and title pass a typed value (a number, a boolean, a date) unchanged. Any other transform takes
//     its text, as [Text] would write it, and what follows has text.
//   - Null counts as empty text. Empty text passes unchanged, except through default, constant and concat, and through map
//     where Values has "".
//   - From the first transform on that is none of trim, lower, upper and title, text that is not UTF-8 is invalid, and
//     other text is normalised (NFC), as are Values, so that equal letters compare equal.
//   - What a transform makes is treated as if the segment had held it: the word NULL is reported, text that is too long
//     is dealt with.
type Transform struct {
	Name string `json:"name"`

	// Values and Else are for map.
	Values map[string]string `json:"values,omitempty"`
	Else   *string           `json:"else,omitempty"`

	// Value is for default and constant.
	Value string `json:"value,omitempty"`

	// Fields and Separator are for concat. Fields are names of the segment's fields.
	Fields    []string `json:"fields,omitempty"`
	Separator string   `json:"separator,omitempty"`

	// Start and Length are for substring, in characters (code points). Length is at least 1.
	Start  int `json:"start,omitempty"`
	Length int `json:"length,omitempty"`

	// Pattern is for replace and match, With for replace.
	Pattern string `json:"pattern,omitempty"`
	With    string `json:"with,omitempty"`

	// Func and Version are for func: those of one of Options.Funcs. A mapping that names a version is bound to no other.
	Func    string `json:"func,omitempty"`
	Version string `json:"version,omitempty"`

	// Fail is what a value that the transform refuses does, in place of Field.Invalid: [Blank], [Absent] or [Reject]. It is
	// for match, func and concat, which refuses parts that have no text.
	Fail Policy `json:"fail,omitempty"`
}

// Func is a transform written in Go, for [Options].Funcs.
type Func struct {
	// Name and Version are what a [Transform] asks for. A Func that gives other results needs another Version: the mapping
	// is what says how a value was made.
	Name, Version string

	// Apply appends to dst, which is empty, what becomes of text, and returns it. An error makes the value invalid; its
	// text is shown nowhere, as it may quote the value, and [Mapping.Bind] may call Apply to check a Field's Default.
	// Apply must be safe for concurrent use, give the same result for the same text, and neither keep text nor write to it:
	// text may be the memory of the source, or of a string.
	Apply func(dst, text []byte) ([]byte, error)
}

// transform is the name of a Transform.
type transform uint8

const (
	trim transform = iota
	lower
	upper
	title
	mapValue
	defaultValue
	constant
	concat
	hash
	substring
	replace
	match
	function
)

// transforms are the names with the parameters that each takes.
var transforms = [...]struct {
	name   string
	params []string
}{
	trim:         {"trim", nil},
	lower:        {"lower", nil},
	upper:        {"upper", nil},
	title:        {"title", nil},
	mapValue:     {"map", []string{"values", "else"}},
	defaultValue: {"default", []string{"value"}},
	constant:     {"constant", []string{"value"}},
	concat:       {"concat", []string{"fields", "separator", "fail"}},
	hash:         {"hash", nil},
	substring:    {"substring", []string{"start", "length"}},
	replace:      {"replace", []string{"pattern", "with"}},
	match:        {"match", []string{"pattern", "fail"}},
	function:     {"func", []string{"func", "version", "fail"}},
}

func transformNamed(name string) (transform, bool) {
	for t, known := range transforms {
		if known.name == name {
			return transform(t), true
		}
	}
	return 0, false
}

func transformNames() []string {
	var names []string
	for _, t := range transforms {
		names = append(names, t.name)
	}
	return names
}

// onTextOnly says that a typed value passes t unchanged.
func (t transform) onTextOnly() bool { return t <= title }

// passesEmpty says that empty text passes t unchanged.
func (t transform) passesEmpty() bool {
	return t != defaultValue && t != constant && t != concat && t != mapValue
}
