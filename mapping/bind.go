package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// BindError is one problem that [Mapping.Bind] found.
type BindError struct {
	// Path is where it is: "key", "fields[2]", "fields[2].transforms[0]", "custom[0]" or "zone" of the mapping, "segment" for
	// the segment's fields, "options.attributes[1]", "options.custom[1]" or "options.funcs[0]".
	Path string

	// Attribute is the attribute concerned, or empty.
	Attribute string

	// Reason says what is wrong and what to do. Of names, it quotes those of the mapping and the options only: what passes
	// for the names of a segment may be the values of its first record, when its header is missing.
	Reason string
}

func (e *BindError) Error() string {
	if e.Attribute == "" {
		return "mapping: " + e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("mapping: %s (to %q): %s", e.Path, e.Attribute, e.Reason)
}

// Bind checks m against the names of a segment's fields and against what the destination takes, and returns the Mapper
// that renders the segment's records. It finds every problem at once: the error joins one [BindError] each, and no Mapper
// is returned. m, fields and o are not kept, save for the functions of o.Funcs.
func (m Mapping) Bind(fields []string, o Options) (*Mapper, error) {
	b := &binder{segment: fields, options: o, taken: make(map[string]string)}
	b.checkAttributes("options.attributes", o.Attributes)
	b.checkAttributes("options.custom", o.Custom)
	b.checkFuncs()
	var err error
	if b.loc, err = m.Location(); err != nil {
		b.loc = time.UTC // to go on with
	}

	b.add("key", m.Key, true)
	for i, f := range m.Fields {
		b.add(fmt.Sprintf("fields[%d]", i), f, false)
	}
	for i, name := range m.Custom {
		b.add(fmt.Sprintf("custom[%d]", i), Field{From: name, To: name, Custom: true}, false)
	}
	if err != nil {
		b.fail("zone", "", "%s", strings.TrimPrefix(err.Error(), "mapping: "))
	}
	b.checkSegment()
	if len(b.problems) > 0 {
		return nil, errors.Join(b.problems...)
	}

	mapper := &Mapper{columns: b.columns, fields: len(fields)}
	for _, c := range b.columns {
		mapper.names = append(mapper.names, c.to)
	}
	return mapper, nil
}

// Check returns every problem that [Mapping.Bind] would find, joined, and nil when there is none.
func (m Mapping) Check(fields []string, o Options) error {
	_, err := m.Bind(fields, o)
	return err
}

type binder struct {
	segment  []string
	options  Options
	loc      *time.Location
	columns  []column
	taken    map[string]string // attribute to path
	froms    []string          // in mapping order, without repetitions
	problems []error
}

func (b *binder) fail(path, attribute, format string, args ...any) {
	b.problems = append(b.problems, &BindError{Path: path, Attribute: attribute, Reason: fmt.Sprintf(format, args...)})
}

func (b *binder) checkAttributes(list string, attributes []Attribute) {
	seen := make(map[string]bool)
	for i, a := range attributes {
		path := fmt.Sprintf("%s[%d]", list, i)
		if problem := nameProblem(a.Name); problem != "" {
			b.fail(path, a.Name, "the name %s", problem)
		}
		if seen[a.Name] {
			b.fail(path, a.Name, "the destination has it twice")
		}
		seen[a.Name] = true
		if !knownType(cmp.Or(a.Type, Text)) {
			b.fail(path, a.Name, "unknown type %q: one of %s", a.Type, typeNames())
		}
		if a.Max < 0 {
			b.fail(path, a.Name, "max is %d: it must be 0 or more", a.Max)
		}
		for _, code := range a.Values {
			if problem := nameProblem(code); problem != "" {
				b.fail(path, a.Name, "the value %q %s", code, problem)
			}
		}
		for _, from := range slices.Sorted(maps.Keys(a.Aliases)) {
			if to := a.Aliases[from]; !slices.Contains(a.Values, to) {
				b.fail(path, a.Name, "the alias %q leads to %q, which is not one of the values", from, to)
			}
		}
	}
}

// add checks one field and adds its column.
func (b *binder) add(path string, f Field, key bool) {
	problems := len(b.problems)
	c := column{
		from: f.From, to: f.To, field: -1, key: key, places: 2,
		empty: cmp.Or(f.Empty, Blank), invalid: cmp.Or(f.Invalid, Blank), long: cmp.Or(f.Long, Cut),
		layouts: slices.Clone(f.Layouts),
	}
	b.source(path, f, &c)
	attribute := b.attribute(path, f, key)
	b.typeOf(path, f, attribute, &c)
	if c.max = attribute.Max; c.max > 0 {
		c.tooLong = fmt.Sprintf("longer than %d characters", c.max)
	}
	b.policies(path, f, &c)
	b.details(path, f, &c)
	b.dates(path, f, &c)
	for i, t := range f.Transforms {
		b.transform(fmt.Sprintf("%s.transforms[%d]", path, i), f.To, t, &c)
	}

	if c.typ == Text && key {
		c.transforms, c.steps = append(c.transforms, trim), append(c.steps, step{kind: trim})
	}
	if c.typ == Language {
		c.languages = newLanguages(attribute)
	}
	if len(b.problems) == problems {
		b.standIn(path, f, &c)
	}
	c.setQuick()
	b.columns = append(b.columns, c)
}

func (b *binder) source(path string, f Field, c *column) {
	switch {
	case f.From != "":
		c.field = b.fieldNamed(f.From)
	case len(f.Transforms) == 0 || f.Transforms[0].Name != transforms[constant].name:
		b.fail(path, f.To, "no From: name the segment's field, or make constant the first transform")
	case c.key:
		b.fail(path, f.To, "no From: a key is never made up")
	}
}

// fieldNamed is the index of a field of the segment. One that is missing is found out by checkSegment.
func (b *binder) fieldNamed(name string) int {
	if !slices.Contains(b.froms, name) {
		b.froms = append(b.froms, name)
	}
	return max(0, slices.Index(b.segment, name))
}

// attribute finds what f maps to; the zero Attribute when there is no such thing.
func (b *binder) attribute(path string, f Field, key bool) Attribute {
	if f.To == "" {
		b.fail(path, "", "no To: name the attribute")
		return Attribute{}
	}
	if problem := nameProblem(f.To); problem != "" {
		b.fail(path, f.To, "the attribute's name %s", problem)
	}
	if other, ok := b.taken[f.To]; ok {
		b.fail(path, f.To, "%s is mapped to the same attribute", other)
	} else {
		b.taken[f.To] = path
	}

	known := b.options.Attributes
	if f.Custom {
		for _, a := range known {
			if strings.EqualFold(a.Name, f.To) {
				b.fail(path, f.To, "a custom attribute cannot have the name of the destination's own attribute %q", a.Name)
			}
		}
		for _, name := range b.options.Reserved {
			if strings.EqualFold(name, f.To) {
				b.fail(path, f.To, "the destination reserves the name %q: a custom attribute cannot have it", name)
			}
		}
		if key && known != nil {
			b.fail(path, f.To, "a custom attribute cannot be the key%s", b.keyNames())
		}
		return b.custom(path, f.To)
	}
	if known == nil {
		return Attribute{Name: f.To}
	}
	for _, a := range known {
		if a.Name == f.To {
			if key && !a.Key {
				b.fail(path, f.To, "this attribute cannot be the key%s", b.keyNames())
			}
			return a
		}
	}
	b.fail(path, f.To, "the destination has no such attribute%s; a custom attribute needs custom set", meant(f.To, known))
	return Attribute{}
}

// custom finds the custom attribute of that name.
func (b *binder) custom(path, name string) Attribute {
	declared := b.options.Custom
	a := Attribute{Name: name}
	if i := slices.IndexFunc(declared, func(a Attribute) bool { return a.Name == name }); i >= 0 {
		a = declared[i]
	} else if declared != nil {
		b.fail(path, name, "the destination declares no such custom attribute%s", meant(name, declared))
	}
	a.Max = cmp.Or(a.Max, b.options.CustomMax)
	return a
}

func (b *binder) keyNames() string {
	var names []string
	for _, a := range b.options.Attributes {
		if a.Key {
			names = append(names, a.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": one of " + quoted(names) + " can"
}

// meant suggests the attribute whose name is closest.
func meant(name string, attributes []Attribute) string {
	best, distance := "", 3
	for _, a := range attributes {
		if d := editDistance(strings.ToLower(a.Name), strings.ToLower(name)); d < distance && d < len(name)/2+1 {
			best, distance = a.Name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

func (b *binder) typeOf(path string, f Field, a Attribute, c *column) {
	own := cmp.Or(a.Type, Text)
	c.typ = cmp.Or(f.Type, own)
	switch {
	case !knownType(c.typ):
		b.fail(path, f.To, "unknown type %q: one of %s", f.Type, typeNames())
	case c.typ != own && own != Text:
		b.fail(path, f.To, "the attribute is of type %q and takes no other: leave the type out", own)
	}
}

// checkSegment looks for the mapped fields in the segment.
func (b *binder) checkSegment() {
	var missing, twice []string
	var hints []string
	for _, from := range b.froms {
		n := 0
		other := ""
		for _, name := range b.segment {
			switch {
			case name == from:
				n++
			case strings.EqualFold(strings.TrimSpace(name), from):
				other = name
			}
		}
		switch {
		case n > 1:
			twice = append(twice, from)
		case n == 0:
			missing = append(missing, from)
			if other != "" {
				// The same letters as the mapping's own name, so this quotes no value.
				hints = append(hints, fmt.Sprintf("it has %q", other))
			}
		}
	}
	if len(missing) > 0 {
		if len(b.segment) == 1 && strings.ContainsAny(b.segment[0], ";,\t|") {
			hints = append(hints, "its only field has a separator in its name: is the separator right?")
		}
		if len(hints) == 0 && len(missing) > 1 && len(missing) == len(b.froms) {
			hints = append(hints, "none of those that are mapped is there: does it begin with the names of its fields?")
		}
		hint := ""
		if len(hints) > 0 {
			hint = " (" + strings.Join(hints, ", ") + ")"
		}
		b.fail("segment", "", "none of its %d fields is named %s%s", len(b.segment), quoted(missing), hint)
	}
	if len(twice) > 0 {
		b.fail("segment", "", "more than one of its fields is named %s: the mapping cannot tell which is meant", quoted(twice))
	}
}

// nameProblem says why name cannot be in the header of a file.
func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case strings.ContainsAny(name, ";\""):
		return "has a semicolon or a quote in it"
	case strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || r == 0xfeff
	}):
		return "has a line break or a control character in it"
	case strings.TrimSpace(name) != name:
		return "has white space at an end"
	}
	return ""
}

// lineProblem says why text cannot be part of a cell as it is.
func lineProblem(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.ContainsFunc(text, func(r rune) bool { return lineRune(r, false) != r }):
		return "has a line break or a control character in it"
	}
	return ""
}

func knownType(t Type) bool { return slices.Contains(allTypes(), t) }

func allTypes() []Type {
	return []Type{Text, Integer, Decimal, Boolean, Date, DateTime, Language, Phone, Email, Lists}
}

func typeNames() string { return quoted(allTypes()) }

func quoted[S ~string](names []S) string {
	var out []string
	for _, name := range names {
		out = append(out, fmt.Sprintf("%q", string(name)))
	}
	return strings.Join(out, ", ")
}

// editDistance is the number of letters to add, drop or change between a and b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
