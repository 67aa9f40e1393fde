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
	// Path is where it is: "key", "fields[2]", "custom[0]" or "zone" of the mapping, "segment" for the segment's fields,
	// "attributes[1]" of the options.
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
// is returned. m, fields and o are not kept.
func (m Mapping) Bind(fields []string, o Options) (*Mapper, error) {
	b := &binder{segment: fields, options: o, taken: make(map[string]string)}
	b.checkAttributes()

	b.add("key", m.Key, true)
	for i, f := range m.Fields {
		b.add(fmt.Sprintf("fields[%d]", i), f, false)
	}
	for i, name := range m.Custom {
		b.add(fmt.Sprintf("custom[%d]", i), Field{From: name, To: name, Custom: true}, false)
	}
	loc, err := m.Location()
	if err != nil {
		b.fail("zone", "", "%s", strings.TrimPrefix(err.Error(), "mapping: "))
	}
	b.checkSegment()
	if len(b.problems) > 0 {
		return nil, errors.Join(b.problems...)
	}

	mapper := &Mapper{columns: b.columns, fields: len(fields), loc: loc}
	for _, c := range b.columns {
		mapper.names = append(mapper.names, c.to)
	}
	return mapper, nil
}

type binder struct {
	segment  []string
	options  Options
	columns  []column
	taken    map[string]string // attribute to path
	froms    []string          // in mapping order, without repetitions
	problems []error
}

func (b *binder) fail(path, attribute, format string, args ...any) {
	b.problems = append(b.problems, &BindError{Path: path, Attribute: attribute, Reason: fmt.Sprintf(format, args...)})
}

func (b *binder) checkAttributes() {
	seen := make(map[string]bool)
	for i, a := range b.options.Attributes {
		path := fmt.Sprintf("attributes[%d]", i)
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
	c := column{
		from: f.From, to: f.To, key: key, places: 2,
		empty: cmp.Or(f.Empty, Blank), invalid: cmp.Or(f.Invalid, Blank),
		layouts: slices.Clone(f.Layouts),
	}
	b.source(path, f, &c)
	attribute := b.attribute(path, f, key)
	b.typeOf(path, f, attribute, &c)
	b.policies(path, f, &c)
	b.details(path, f, &c)

	if c.typ == Text && key {
		c.transforms = append(c.transforms, trim)
	}
	if c.typ == Language {
		c.languages = newLanguages(attribute)
	}
	if c.max = attribute.Max; c.max > 0 {
		c.tooLong = fmt.Sprintf("longer than %d characters", c.max)
	}
	b.columns = append(b.columns, c)
}

func (b *binder) source(path string, f Field, c *column) {
	if f.From == "" {
		b.fail(path, f.To, "no From: name the segment's field")
		return
	}
	if !slices.Contains(b.froms, f.From) {
		b.froms = append(b.froms, f.From)
	}
	c.field = max(0, slices.Index(b.segment, f.From))
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
		if key && known != nil {
			b.fail(path, f.To, "a custom attribute cannot be the key%s", b.keyNames())
		}
		return Attribute{Name: f.To, Max: b.options.CustomMax}
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
	b.fail(path, f.To, "the destination has no such attribute%s; a custom attribute needs custom set", b.meant(f.To))
	return Attribute{}
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
func (b *binder) meant(name string) string {
	best, distance := "", 3
	for _, a := range b.options.Attributes {
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

func (b *binder) policies(path string, f Field, c *column) {
	for _, p := range []struct {
		member string
		policy Policy
	}{{"empty", f.Empty}, {"invalid", f.Invalid}} {
		switch p.policy {
		case "", Reject:
		case Blank, Absent:
			if c.key {
				b.fail(path, f.To, "%s is %q, but a record without a key is always rejected: leave it out", p.member, p.policy)
			}
		default:
			b.fail(path, f.To, "unknown policy %q for %s: one of %q, %q, %q", p.policy, p.member, Blank, Absent, Reject)
		}
	}
	if c.key {
		c.empty, c.invalid = Reject, Reject
	}
}

func (b *binder) details(path string, f Field, c *column) {
	if f.Places != nil {
		switch {
		case c.typ != Decimal:
			b.fail(path, f.To, "places are for type %q, this is %q", Decimal, c.typ)
		case *f.Places < 0 || *f.Places > 9:
			b.fail(path, f.To, "places is %d: it must be 0 to 9", *f.Places)
		default:
			c.places = *f.Places
		}
	}
	if len(f.Layouts) > 0 && c.typ != Date && c.typ != DateTime {
		b.fail(path, f.To, "layouts are for types %q and %q, this is %q", Date, DateTime, c.typ)
	}
	for _, layout := range f.Layouts {
		if !readsDates(layout) {
			b.fail(path, f.To, "the layout %q holds no date: write the year 2006, month 01 and day 02 in the form of the segment's dates", layout)
		}
	}
	for _, t := range f.Transforms {
		if known, ok := transformNamed(t.Name); ok {
			c.transforms = append(c.transforms, known)
		} else {
			b.fail(path, f.To, "unknown transform %q: one of %q, %q, %q", t.Name, "trim", "lower", "upper")
		}
	}
}

// readsDates says that a date survives being written and read in the layout.
func readsDates(layout string) bool {
	day := time.Date(2019, time.November, 28, 0, 0, 0, 0, time.UTC)
	back, err := time.Parse(layout, day.Format(layout))
	return err == nil && back.Year() == day.Year() && back.YearDay() == day.YearDay()
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
