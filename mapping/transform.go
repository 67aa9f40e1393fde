package mapping

// Transform is one change made to a value before it is rendered. Name says which change; the other members are
// parameters. A parameter that the named transform does not take is an error of [Mapping.Bind] and of [Parse].
//
//	trim       drops white space (in the sense of Unicode) and control characters at both ends
//	lower      maps every letter to its lower case
//	upper      maps every letter to its upper case
//	title      maps the first letter of every word to its title case and the others to lower case; a word goes on after
//	           an apostrophe, unless only one letter is before it: "Jean-Pierre", "O'Neil", "Sam's"
//	map        replaces the text by Values[text], or by Else where Values has no such text; without Else, such text is
//	           kept
//	default    replaces empty text by Value
//	constant   replaces anything, including null, by Value
//	concat     joins the text and the texts of other Fields of the segment, with Separator between them; empty texts are
//	           left out, and white space around those of the other fields is ignored
//	hash       replaces the text by its SHA-256, in lower-case hexadecimal digits
//	substring  skips Start characters and keeps the next Length; where a cut would part a letter from its combining marks
//	           or break a joined sequence, the text begins later or ends earlier
//	replace    replaces each match of Pattern by With; $1 or ${name} in With stand for what a group has matched, $$ for $
//	match      makes text invalid if Pattern matches nothing in it
//	func       replaces the text by the result of a Go function, which is one of [Options].Funcs
//
// Letters are mapped one by one and in the same way for every language, so "ß" has no upper case here. Patterns are those
// of package regexp (RE2), and are matched against the text as it came, including any line breaks. The formats of dates
// and numbers are not transforms: see Layouts, Layout, Places and Booleans of [Field].
//
// Four rules hold for all transforms:
//
//   - trim, lower, upper and title pass a typed value (a number, a boolean, a date) unchanged. Any other transform takes
//     the text of the value, as [Text] would write it, and the transforms after it get text.
//   - Null counts as empty text. Empty text passes unchanged, except through default, constant and concat, and through map
//     where Values has "".
//   - From the first transform that is not trim, lower, upper or title, text that is not UTF-8 is invalid, and other text
//     is normalised (NFC), as are Values, so that equal letters compare equal.
//   - The result of a transform is treated as if the segment had held it: the word NULL is reported, and text that is too
//     long is dealt with.
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

	// Func and Version are for func: the Name and Version of one of Options.Funcs. A mapping that names a version can not
	// be bound to another version.
	Func    string `json:"func,omitempty"`
	Version string `json:"version,omitempty"`

	// Fail says what happens to a value that the transform refuses, in place of Field.Invalid: [Blank], [Absent] or
	// [Reject]. It is for match, func and concat; concat refuses parts that can not be written as text.
	Fail Policy `json:"fail,omitempty"`
}

// Func is a transform written in Go, for [Options].Funcs.
type Func struct {
	// Name and Version are what a [Transform] asks for. A Func whose results change needs another Version, so that the
	// mapping says how a value was made.
	Name, Version string

	// Apply appends its result for text to dst, which is empty, and returns it. An error makes the value invalid; the text
	// of the error is shown nowhere, as it may quote the value. [Mapping.Bind] may call Apply to check a Field's Default.
	// Apply must be safe for concurrent use, give the same result for the same text, and neither keep text nor write to it:
	// text may be memory of the source, or of a string.
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
