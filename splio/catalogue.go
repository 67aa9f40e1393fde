package splio

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// Limits of contact attributes in characters. The first two are documented per
// column; that text of custom fields has the same limit as names is documented
// on an older page (FORMAT.md, sections 4 and 5).
const (
	maxKey   = 100
	maxText  = 255
	maxPhone = 30
	maxName  = 100 // of a custom field's name; no limit is known, this one is far above any in use
)

// languages are the codes Splio lists (documented; FORMAT.md, section 4.5).
const languages = "ar br ca cz de en es fr gr it ja kr nl pl ru tr zh"

// Attributes returns the attributes that every universe has, with their types
// and limits, in the order of the documentation (FORMAT.md, section 4). Names
// are case sensitive. Custom fields are not among them.
//
// The key of a universe is the e-mail or, through customer_key, a custom field
// (documented). That a universe keyed on the phone number takes a file with
// cellphone as its key is unknown: ask Splio.
func Attributes() []mapping.Attribute {
	return []mapping.Attribute{
		{Name: "email", Type: mapping.Email, Max: maxKey, Key: true},
		{Name: "customer_key", Type: mapping.Text, Max: maxKey, Key: true},
		{Name: "lastname", Type: mapping.Text, Max: maxText},
		{Name: "firstname", Type: mapping.Text, Max: maxText},
		{Name: "language", Type: mapping.Language, Values: strings.Fields(languages), Aliases: map[string]string{
			// That these codes mean these languages is inferred.
			"cs": "cz", "el": "gr", "ko": "kr", "pt_br": "br",
		}},
		{Name: "cellphone", Type: mapping.Phone, Max: maxPhone, Key: true},
		{Name: "dateOfCreation", Type: mapping.DateTime},
		{Name: "subscriptions", Type: mapping.Lists},
	}
}

// reserved are words that a custom field can not have as its name (documented
// for imports by hand; FORMAT.md, section 5).
const reserved = "md5email lastclickcateg lastclickdate lastopendate mirrorUrl fbshareUrl unsubUrl"

// customName is what the name of a custom field looks like: no accents, no
// spaces (documented on an older page; FORMAT.md, section 5). The rest of the
// alphabet is the prudent choice.
var customName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// maxLists is how many lists a universe has at most (documented); that their ids
// are 0 to 63 is inferred (FORMAT.md, section 4.3).
const maxLists = 64

// areLists reports whether all ids can be those of lists.
func areLists(ids []int) bool {
	return !slices.ContainsFunc(ids, func(id int) bool { return id < 0 || id >= maxLists })
}

// Options returns what a mapping for this destination may use: the attributes of
// every universe, the custom fields that are declared, and the words that Splio
// reserves. It is for [mapping.Mapping.Check] and for tests of a mapping.
func (d Destination) Options() mapping.Options {
	return mapping.Options{
		Attributes: Attributes(),
		Custom:     slices.Clone(d.Custom),
		CustomMax:  maxText,
		Reserved:   strings.Fields(reserved),
	}
}

// bind checks a mapping against what a contacts file may hold, and binds it to
// the fields of a segment. All problems are reported at once.
func (a Activation) bind(fields []string) (*mapping.Mapper, error) {
	m := a.Mapping
	o := a.Destination.Options()
	o.Funcs = a.Funcs
	mapper, err := m.Bind(fields, o)
	errs := []error{err}
	if n := len(m.Fields) + len(m.Custom); n > diff.MaxColumns {
		errs = append(errs, fmt.Errorf("splio: the mapping has %d attributes beside the key, at most %d are possible", n, diff.MaxColumns))
	}
	for _, f := range m.Fields {
		if f.To == "customer_key" && m.Key.To != "customer_key" {
			// Documented: customer_key is for universes whose key it carries.
			errs = append(errs, fmt.Errorf("splio: a file whose key is %s has no customer_key: make customer_key the key, or leave it out (FORMAT.md, section 4.1)", m.Key.To))
		}
	}
	for _, name := range m.CustomNames() {
		switch {
		case len(name) > maxName:
			errs = append(errs, fmt.Errorf("splio: custom attribute %q...: the name has %d characters, at most %d are possible", name[:20], len(name), maxName))
		case !customName.MatchString(name):
			errs = append(errs, fmt.Errorf("splio: custom attribute %q: use letters without accents, digits, _, - and . (FORMAT.md, section 5)", name))
		}
	}
	return mapper, errors.Join(errs...)
}

// unverified returns the custom columns that nobody has declared to exist.
func (a Activation) unverified() []string {
	if a.Destination.Custom != nil {
		return nil
	}
	return a.Mapping.CustomNames()
}
