package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func (b *binder) policies(path string, f Field, c *column) {
	known := []Policy{Blank, Absent, Reject}
	for _, p := range []struct {
		member string
		policy Policy
		known  []Policy
	}{{"empty", f.Empty, known}, {"invalid", f.Invalid, known}, {"long", f.Long, append([]Policy{Cut}, known...)}} {
		switch {
		case p.policy == "" || p.policy == Reject:
		case !slices.Contains(p.known, p.policy):
			b.fail(path, f.To, "unknown policy %q for %s: one of %s", p.policy, p.member, quoted(p.known))
		case c.key && p.policy == Cut:
			b.fail(path, f.To, "%s is %q, but a key is never shortened: leave it out", p.member, p.policy)
		case c.key:
			b.fail(path, f.To, "%s is %q, but a record without a key is always rejected: leave it out", p.member, p.policy)
		}
	}
	switch {
	case f.Long != "" && c.typ != Text:
		b.fail(path, f.To, "long is for type %q, this is %q: a value that is too long is invalid", Text, c.typ)
	case f.Flatten == flattenJSON && f.Long == Cut:
		b.fail(path, f.To, "long is %q, but JSON that is cut is no JSON: choose %q, %q or %q", Cut, Blank, Absent, Reject)
	case f.Flatten == flattenJSON && f.Long == "":
		c.long = Blank
	}
	if c.key {
		c.empty, c.invalid, c.long = Reject, Reject, Reject
	}
}

// details are the options of single types.
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
	if f.Booleans != nil {
		b.booleans(path, f, c)
	}

	c.flatten, c.separator = f.Flatten, cmp.Or(f.Separator, ", ")
	switch {
	case f.Flatten == "":
	case f.Flatten != flattenJSON && f.Flatten != flattenList:
		b.fail(path, f.To, "unknown flatten %q: one of %q, %q", f.Flatten, flattenJSON, flattenList)
	case c.typ != Text:
		b.fail(path, f.To, "flatten is for type %q, this is %q", Text, c.typ)
	}
	if f.Separator != "" {
		if f.Flatten != flattenList {
			b.fail(path, f.To, "the separator is for flatten %q", flattenList)
		}
		b.line(path, f.To, "separator", f.Separator)
	}
	if f.Default != "" {
		if c.key {
			b.fail(path, f.To, "a key has no default: records without one would become one contact")
		}
		b.utf8(path, f.To, "default", f.Default)
		c.standIn = StringValue(f.Default)
	}
}

func (b *binder) booleans(path string, f Field, c *column) {
	if c.typ != Boolean {
		b.fail(path, f.To, "booleans are for type %q, this is %q", Boolean, c.typ)
		return
	}
	if len(f.Booleans) != 2 || f.Booleans[0] == f.Booleans[1] {
		b.fail(path, f.To, "booleans must be two texts that differ, the one for false first")
		return
	}
	for i, word := range f.Booleans {
		read, known := truth([]byte(word))
		switch {
		case nameProblem(word) == "is empty" || string(trimMarks([]byte(word))) != word || !norm.NFC.IsNormalString(word):
			b.fail(path, f.To, "booleans[%d] is empty, has white space at an end or is not in the Unicode form NFC", i)
		case readsNull([]byte(word)):
			b.fail(path, f.To, "booleans[%d] reads NULL", i)
		case known && read != '0'+byte(i):
			b.fail(path, f.To, "booleans[%d] is %q, which is read as the other one", i, word)
		}
		b.line(path, f.To, fmt.Sprintf("booleans[%d]", i), word)
		if c.max > 0 && utf8.RuneCountInString(word) > c.max {
			b.fail(path, f.To, "booleans[%d] is %s", i, c.tooLong)
		}
	}
	c.booleans = slices.Clone(f.Booleans)
}

// dates are the options of Date and DateTime.
func (b *binder) dates(path string, f Field, c *column) {
	dated := c.typ == Date || c.typ == DateTime
	loc := b.loc
	if f.Zone != "" {
		own, err := locate(f.Zone)
		switch {
		case err != nil:
			b.fail(path, f.To, "%s", strings.TrimPrefix(err.Error(), "mapping: "))
		case !dated && c.typ != Text:
			b.fail(path, f.To, "the zone is for types %q, %q and %q, this is %q", Date, DateTime, Text, c.typ)
		default:
			loc = own
		}
	}
	if len(f.Layouts) > 0 && !dated {
		b.fail(path, f.To, "layouts are for types %q and %q, this is %q", Date, DateTime, c.typ)
	}
	for _, layout := range f.Layouts {
		if namesZone(layout) {
			b.fail(path, f.To, "the layout %q has an abbreviated zone in it, which does not say what time it is: use -0700 or Z07:00", layout)
		}
		if !keepsDates(layout, 2019) {
			b.fail(path, f.To, "the layout %q holds no date: write the year 2006, month 01 and day 02 in the form of the segment's dates", layout)
		}
	}
	c.clock = newClock(loc, c.layouts, f.Layout)
	switch {
	case f.Layout == "":
	case !dated:
		b.fail(path, f.To, "the layout is for types %q and %q, this is %q", Date, DateTime, c.typ)
	default:
		if problem := c.clock.layoutProblem(); problem != "" {
			b.fail(path, f.To, "the layout %q %s", f.Layout, problem)
		}
	}
}

func (b *binder) checkFuncs() {
	seen := make(map[[2]string]bool)
	for i, f := range b.options.Funcs {
		path := fmt.Sprintf("options.funcs[%d]", i)
		id := [2]string{f.Name, f.Version}
		switch {
		case f.Name == "":
			b.fail(path, "", "it has no name")
		case f.Apply == nil:
			b.fail(path, "", "the function %q has no Apply", f.Name)
		case seen[id]:
			b.fail(path, "", "the function %q is there twice with the version %q", f.Name, f.Version)
		}
		seen[id] = true
	}
}

// transform checks one transform and adds its step.
func (b *binder) transform(path, to string, t Transform, c *column) {
	kind, ok := transformNamed(t.Name)
	if !ok {
		b.fail(path, to, "unknown transform %q: one of %s", t.Name, quoted(transformNames()))
		return
	}
	takes := transforms[kind].params
	for _, p := range t.params() {
		if !slices.Contains(takes, p) {
			b.fail(path, to, "the transform %q takes no %s", t.Name, p)
		}
	}
	s := step{kind: kind, value: t.Value, separator: t.Separator, start: t.Start, length: t.Length, fail: t.Fail}
	switch kind {
	case mapValue:
		s.values, s.other = b.valuesOf(path, to, t), t.Else
	case defaultValue, constant:
		if c.key {
			b.fail(path, to, "a key is never made up: records would become one contact")
		}
		if t.Value == "" && kind == defaultValue {
			b.fail(path, to, "no value")
		}
		b.utf8(path, to, "value", t.Value)
	case concat:
		if len(t.Fields) == 0 {
			b.fail(path, to, "no fields to join")
		}
		for i, name := range t.Fields {
			if name == "" {
				b.fail(path, to, "fields[%d] is empty", i)
				continue
			}
			s.fields = append(s.fields, b.fieldNamed(name))
		}
		b.utf8(path, to, "separator", t.Separator)
	case substring:
		if t.Start < 0 || t.Length < 1 {
			b.fail(path, to, "start is %d and length %d: they must be at least 0 and 1", t.Start, t.Length)
		}
	case replace, match:
		b.pattern(path, to, t, &s)
	case function:
		b.function(path, to, t, &s)
	}
	switch t.Fail {
	case "", Reject:
	case Blank, Absent:
		if c.key {
			b.fail(path, to, "fail is %q, but a record without a key is always rejected: leave it out", t.Fail)
		}
	default:
		b.fail(path, to, "unknown policy %q for fail: one of %q, %q, %q", t.Fail, Blank, Absent, Reject)
	}
	if c.key && s.fail != "" {
		s.fail = Reject
	}
	c.transforms, c.steps = append(c.transforms, kind), append(c.steps, s)
}

// params are the names of the parameters that t sets.
func (t *Transform) params() (names []string) {
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"values", t.Values != nil}, {"else", t.Else != nil}, {"value", t.Value != ""}, {"fields", t.Fields != nil},
		{"separator", t.Separator != ""}, {"start", t.Start != 0}, {"length", t.Length != 0}, {"pattern", t.Pattern != ""},
		{"with", t.With != ""}, {"func", t.Func != ""}, {"version", t.Version != ""}, {"fail", t.Fail != ""},
	} {
		if p.set {
			names = append(names, p.name)
		}
	}
	return names
}

func (b *binder) valuesOf(path, to string, t Transform) map[string]string {
	if len(t.Values) == 0 {
		b.fail(path, to, "no values")
	}
	values := make(map[string]string, len(t.Values))
	for _, from := range slices.Sorted(maps.Keys(t.Values)) {
		b.utf8(path, to, "values", from)
		b.utf8(path, to, "values", t.Values[from])
		key := norm.NFC.String(from)
		if _, twice := values[key]; twice {
			b.fail(path, to, "values has %q twice, in different Unicode forms", key)
		}
		values[key] = t.Values[from]
	}
	if t.Else != nil {
		b.utf8(path, to, "else", *t.Else)
	}
	return values
}

func (b *binder) pattern(path, to string, t Transform, s *step) {
	if t.Pattern == "" {
		b.fail(path, to, "no pattern")
		return
	}
	var err error
	if s.pattern, err = regexp.Compile(t.Pattern); err != nil {
		b.fail(path, to, "the pattern cannot be read: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	b.utf8(path, to, "with", t.With)
	s.with = []byte(t.With)
	// Expand takes a group that there is not for an empty one.
	for _, g := range groupsIn.FindAllStringSubmatch(t.With, -1) {
		name := g[1] + g[2]
		n, err := strconv.Atoi(name)
		if g[0] != "$$" && (err != nil && !slices.Contains(s.pattern.SubexpNames(), name) || err == nil && n > s.pattern.NumSubexp()) {
			b.fail(path, to, "with has %s, but the pattern has no such group (write ${1}x for group 1 and x)", g[0])
		}
	}
}

var groupsIn = regexp.MustCompile(`\$(?:\$|([0-9A-Za-z_]+)|\{([0-9A-Za-z_]+)\})`)

func (b *binder) function(path, to string, t Transform, s *step) {
	var versions []string
	for _, f := range b.options.Funcs {
		switch {
		case f.Name == t.Func && f.Version == t.Version:
			s.apply = f.Apply
			return
		case f.Name == t.Func:
			versions = append(versions, f.Version)
		}
	}
	switch {
	case t.Func == "":
		b.fail(path, to, "no func: name one of Options.Funcs")
	case versions != nil:
		b.fail(path, to, "the function %q is there in version %s, not %q: check what has changed, then name that version", t.Func, quoted(versions), t.Version)
	default:
		b.fail(path, to, "there is no function %q in Options.Funcs", t.Func)
	}
}

// standIn renders what the mapping itself gives, so that it does not go wrong record by record.
func (b *binder) standIn(path string, f Field, c *column) {
	if slices.Contains(c.transforms, concat) || c.standIn.k == kindNull && c.field >= 0 {
		return // what comes of it is in the records' hands
	}
	what := "default"
	if c.field < 0 {
		what = "constant"
	}
	var null Value
	_, _, bad := c.cell(&null, nil, nil)
	if bad.reason != "" {
		b.fail(path, f.To, "the %s cannot be rendered: %s", what, bad.reason)
	}
}

func (b *binder) utf8(path, to, member, text string) {
	if !utf8.ValidString(text) {
		b.fail(path, to, "%s is not valid UTF-8", member)
	}
}

func (b *binder) line(path, to, member, text string) {
	if problem := lineProblem(text); problem != "" {
		b.fail(path, to, "%s %s", member, problem)
	}
}
