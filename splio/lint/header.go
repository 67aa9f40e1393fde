package lint

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

const (
	maxColumnName = 100
	maxText       = 255 // characters of a custom field (documented on an older page)
)

// customName is what a custom field's name may look like.
var customName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// reserved are words that custom fields can not have as their names (documented).
var reserved = strings.Fields("md5email lastclickcateg lastclickdate lastopendate mirrorUrl fbshareUrl unsubUrl")

// column is what is known of a column.
type column struct {
	name   string
	typ    mapping.Type
	max    int
	values []string // of a language
	custom bool     // that nobody has declared
}

// header is the first line, understood.
type header struct {
	columns []column
	key     int // index, -1 where there is none
}

// header checks the names of columns. Not ok is that rows make no sense with it.
func (c *checker) header(l line, cells []cell) (h header, ok bool) {
	found := c.found
	h.key = -1
	names := make([]string, len(cells))
	for i, cell := range cells {
		names[i] = string(cell.text)
	}
	if len(names) == 1 {
		if i := bytes.IndexAny(l.text, ",\t|"); i >= 0 {
			cellAt{found, l, i, 0}.add("separator", "separate columns by \";\"; this file has another separator, so its rows were not checked")
			return h, false
		}
	}
	attributes := splio.Attributes()
	system := func(name string) (mapping.Attribute, bool) {
		i := slices.IndexFunc(attributes, func(a mapping.Attribute) bool { return strings.EqualFold(a.Name, name) })
		if i < 0 {
			return mapping.Attribute{}, false
		}
		return attributes[i], true
	}
	known := func(name string) bool {
		_, ok := system(name)
		return ok || slices.ContainsFunc(c.Custom, func(a mapping.Attribute) bool { return a.Name == name }) || name == c.Key
	}
	data := slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "@") })
	if data || c.scope == contacts && !slices.ContainsFunc(names, known) {
		found.add("header", l.number, 1, 0, "the first line must hold the names of the columns, spelt as Splio does, such as email; the rows were not checked")
		return h, false
	}
	for i, name := range names {
		at := cellAt{found, l, cells[i].at, i + 1}
		if slices.Contains(names[:i], name) {
			at.add("duplicate-column", "the column %s is there twice: leave one out", plainColumn(name))
		}
		col := column{name: name, typ: mapping.Text, max: maxText, custom: true}
		attribute, isSystem := system(name)
		switch declared := slices.IndexFunc(c.Custom, func(a mapping.Attribute) bool { return a.Name == name }); {
		case c.scope != contacts:
			col.typ, col.max = "", 0
		case declared >= 0:
			a := c.Custom[declared]
			col.typ, col.values, col.custom = a.Type, a.Values, false
			if col.typ == "" {
				col.typ = mapping.Text
			}
			if a.Max > 0 {
				col.max = a.Max
			}
		case isSystem:
			col.typ, col.max, col.values, col.custom = attribute.Type, attribute.Max, attribute.Values, false
			if name != attribute.Name {
				at.add("column-case", "write %q: names are case sensitive, and one that Splio does not know makes it skip the file", attribute.Name)
			}
		default:
			c.customColumn(at, name)
		}
		h.columns = append(h.columns, col)
	}
	c.keyColumn(&h, l, names)
	return h, true
}

// customColumn checks the name of a custom column that is not declared.
func (c *checker) customColumn(at cellAt, name string) {
	switch {
	case !customName.MatchString(name) || utf8.RuneCountInString(name) > maxColumnName:
		at.add("column-name", "use letters without accents, digits, _, - and . in the name of a column, at most %d", maxColumnName)
	case slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }):
		at.add("reserved-column", "Splio reserves the name %q: leave the column out", name)
	case c.Custom != nil:
		for _, a := range c.Custom {
			if strings.EqualFold(a.Name, name) {
				at.add("column-case", "write %q: names are case sensitive, and one that Splio does not know makes it skip the file", a.Name)
				return
			}
		}
		at.add("unverified-column", "the column %q is not declared: have Splio create the field and declare it, or leave it out, since one unknown name makes Splio skip the file", name)
	default:
		if near := spellings(name); near != "" {
			at.add("column-spelling", "is the column %q meant to be %q?", name, near)
		}
	}
}

// spellings returns the name of Splio's that a name nearly is.
func spellings(name string) string {
	plain := strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(name))
	for _, a := range splio.Attributes() {
		if target := strings.ReplaceAll(strings.ToLower(a.Name), "_", ""); plain == target || len(target) > 4 && oneOff(plain, target) {
			return a.Name
		}
	}
	if len(name) > 1 && name[0] == 'C' && strings.Trim(name[1:], "0123456789") == "" {
		return "c" + name[1:]
	}
	return ""
}

// oneOff says that a letter was left out, added or changed, or two next to each
// other swapped. A digit at the end makes another name.
func oneOff(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch len(a) - len(b) {
	case 0:
		return a != "" && a[1:] == b[1:] || len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
	case 1:
		return a[1:] == b && (a[0] < '0' || a[0] > '9')
	case -1:
		return b[1:] == a
	}
	return false
}

// keyColumn finds the key.
func (c *checker) keyColumn(h *header, l line, names []string) {
	index := func(name string) int { // a name in another case is told of already
		return slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	key := c.Key
	if key == "" {
		if key = "email"; index("customer_key") >= 0 {
			key = "customer_key"
		}
	}
	h.key = index(key)
	if c.scope != contacts { // the columns of deletecontacts are not public
		if c.scope != deleteContacts {
			h.key = -1
		}
		return
	}
	if h.key < 0 {
		c.found.add("missing-key", l.number, 1, 0, "the key column %s is missing: add it; where another one is the key, say so in the options", plainColumn(key))
	}
	if other := index("customer_key"); other >= 0 && key != "customer_key" {
		c.found.add("both-keys", l.number, 1, other+1, "the key is %s: leave customer_key out", plainColumn(key))
	}
}
