package splio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Permission says whether an import configuration lets rows do something.
type Permission string

// The permissions, spelt as in the configuration file.
const (
	Unstated  Permission = ""  // not said: Splio's default holds, which is unknown for contacts
	Allowed   Permission = "1" // documented
	Forbidden Permission = "0" // documented for creating, inferred for updating
)

// ImportConfig is what Splio's import configuration says of one sub-sequence
// (FORMAT.md, section 7). The zero value says nothing.
type ImportConfig struct {
	Create Permission // "create contacts"
	Update Permission // "update contacts"

	// InitLists are the ids of the lists that are emptied before each import
	// ("init lists", documented).
	InitLists []int

	// CellphonePrefix is the country code for numbers that lack one ("default
	// cellphone prefix", documented). That Splio might put it before a number
	// that has its country code is inferred from the option's name: once Splio has
	// confirmed that it does not, clear it here.
	CellphonePrefix string

	// Others are the names of options that the package knows no meaning of, sorted.
	Others []string
}

// ImportConfigs is what is known of a universe's sub-sequences, by their names,
// which are case sensitive. In a map that is not nil, a sub-sequence that is
// missing does not exist at Splio. The zero value knows nothing.
type ImportConfigs struct {
	Contacts       map[string]ImportConfig // of scope contacts
	DeleteContacts map[string]ImportConfig // of scope deletecontacts
}

// Bounds of an import configuration.
const (
	maxConfig      = 1 << 20 // bytes
	maxConfigDepth = 16
)

// The options with a meaning.
const (
	optionCreate = "create contacts"
	optionUpdate = "update contacts"
	optionLists  = "init lists"
	optionPrefix = "default cellphone prefix"
)

// ReadImportConfigs reads a universe's import configuration, the file
// <universe>_imports_config.json, of at most 1 MiB. Switches are "1" and "0"
// (documented); 1, 0, true and false are taken too, and lists of numbers or of
// texts. An option, scope, sub-sequence or universe that is there twice is an
// error. Of other options only the names are kept, so no recipient of reports is.
//
// The error names the place, never what is there, and holds all problems of the
// universe's own scopes; on an error nothing is returned.
func ReadImportConfigs(r io.Reader, universe string) (ImportConfigs, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	switch {
	case err != nil:
		return ImportConfigs{}, fmt.Errorf("splio: read import configuration: %w", err)
	case len(data) > maxConfig:
		return ImportConfigs{}, fmt.Errorf("splio: import configuration: it has more than %d bytes: is this the right file?", maxConfig)
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return ImportConfigs{}, errors.New("splio: import configuration: it begins with a byte order mark: save it as UTF-8 without one")
	case !utf8.Valid(data):
		return ImportConfigs{}, errors.New("splio: import configuration: it is not UTF-8")
	}
	tree, err := parseTree(data)
	if err != nil {
		return ImportConfigs{}, fmt.Errorf("splio: import configuration: %w", err)
	}
	scopes, ok := tree.(object)
	if ok {
		tree, ok = scopes.get(universe)
	}
	if !ok {
		return ImportConfigs{}, fmt.Errorf("splio: import configuration: it says nothing of universe %q: is this the right file, and the name spelt as in it?", universe)
	}
	scopes, ok = tree.(object)
	if !ok {
		return ImportConfigs{}, fmt.Errorf("splio: import configuration: %s: must be an object of scopes", place(universe))
	}
	var out ImportConfigs
	var errs [2]error
	out.Contacts, errs[0] = subsequences(scopes, universe, "contacts")
	out.DeleteContacts, errs[1] = subsequences(scopes, universe, "deletecontacts")
	if err := errors.Join(errs[:]...); err != nil {
		return ImportConfigs{}, err
	}
	return out, nil
}

// subsequences reads a scope. The map is not nil: what is not in it does not exist.
func subsequences(scopes object, universe, scope string) (map[string]ImportConfig, error) {
	out := make(map[string]ImportConfig)
	tree, ok := scopes.get(scope)
	if !ok {
		return out, nil
	}
	subs, ok := tree.(object)
	if !ok {
		return nil, fmt.Errorf("splio: import configuration: %s: must be an object of sub-sequences", place(universe, scope))
	}
	var errs []error
	for _, sub := range subs {
		options, ok := sub.value.(object)
		if !ok {
			errs = append(errs, fmt.Errorf("splio: import configuration: %s: must be an object of options", place(universe, scope, sub.name)))
			continue
		}
		var c ImportConfig
		for _, o := range options {
			if problem := c.set(o.name, o.value); problem != "" {
				errs = append(errs, fmt.Errorf("splio: import configuration: %s: %s", place(universe, scope, sub.name, o.name), problem))
			}
		}
		slices.Sort(c.Others)
		out[sub.name] = c
	}
	return out, errors.Join(errs...)
}

// place is where something stands in the tree.
func place(names ...string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		if r := []rune(name); len(r) > maxName {
			name = string(r[:maxName])
		}
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, " > ")
}

// set takes an option, and says what is wrong with it.
func (c *ImportConfig) set(name string, value any) (problem string) {
	switch name {
	case optionCreate:
		c.Create, problem = permission(value)
	case optionUpdate:
		c.Update, problem = permission(value)
	case optionLists:
		c.InitLists, problem = listIDs(value)
	case optionPrefix:
		switch v := value.(type) {
		case string:
			c.CellphonePrefix = v
		case json.Number:
			c.CellphonePrefix = v.String()
		default:
			return "must be a country code, such as \"33\""
		}
		problem = prefixProblem(c.CellphonePrefix)
	default:
		for _, known := range []string{optionCreate, optionUpdate, optionLists, optionPrefix} {
			if plainName(name) == plainName(known) {
				return fmt.Sprintf("is the option meant to be %q? Splio spells it so", known)
			}
		}
		c.Others = append(c.Others, name)
	}
	return problem
}

// plainName is what is left of a name without case and separators.
func plainName(name string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(name))
}

func permission(value any) (p Permission, problem string) {
	switch v := value.(type) {
	case string:
		p = Permission(v)
	case json.Number:
		p = Permission(v)
	case bool:
		if p = Forbidden; v {
			p = Allowed
		}
	}
	if p != Allowed && p != Forbidden {
		return Unstated, `must be "1" or "0"`
	}
	return p, ""
}

func listIDs(value any) (ids []int, problem string) {
	items, ok := value.([]any)
	if !ok {
		items = []any{value}
	}
	for _, item := range items {
		text := ""
		switch v := item.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		}
		id, err := strconv.ParseUint(text, 10, 8)
		if err != nil || id >= maxLists {
			return nil, fmt.Sprintf("must be a list of list ids, 0 to %d", maxLists-1)
		}
		ids = append(ids, int(id))
	}
	slices.Sort(ids)
	return slices.Compact(ids), ""
}

func prefixProblem(prefix string) string {
	digits := strings.TrimPrefix(prefix, "+")
	if len(digits) > 6 || len(digits) < len(prefix) && digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "must be a country code, such as \"33\""
	}
	return ""
}

// validate checks what was given in code, whence a file's own errors do not come.
func (i ImportConfigs) validate() error {
	var errs []error
	for _, s := range []struct {
		scope string
		subs  map[string]ImportConfig
	}{{"Contacts", i.Contacts}, {"DeleteContacts", i.DeleteContacts}} {
		for _, name := range slices.Sorted(maps.Keys(s.subs)) {
			fail := func(member, problem string) {
				errs = append(errs, fmt.Errorf("splio: ImportConfigs.%s[%s].%s: %s", s.scope, place(name), member, problem))
			}
			c := s.subs[name]
			for _, p := range []struct {
				member string
				value  Permission
			}{{"Create", c.Create}, {"Update", c.Update}} {
				if p.value != Unstated && p.value != Allowed && p.value != Forbidden {
					fail(p.member, "must be Allowed, Forbidden or Unstated")
				}
			}
			if !areLists(c.InitLists) {
				fail("InitLists", fmt.Sprintf("list ids are 0 to %d", maxLists-1))
			}
			if problem := prefixProblem(c.CellphonePrefix); problem != "" {
				fail("CellphonePrefix", problem)
			}
		}
	}
	return errors.Join(errs...)
}

// find looks a sub-sequence up. Not known is that nothing is known of the
// scope; an error, that the sub-sequence does not exist.
func (i ImportConfigs) find(scope, sub string) (c ImportConfig, known bool, err error) {
	subs := i.Contacts
	if scope == deletesScope {
		subs = i.DeleteContacts
	}
	if subs == nil {
		return ImportConfig{}, false, nil
	}
	if c, ok := subs[sub]; ok {
		return c, true, nil
	}
	names := slices.Sorted(maps.Keys(subs))
	for _, name := range names {
		if strings.EqualFold(name, sub) {
			return ImportConfig{}, false, fmt.Errorf("splio: the import configuration spells sub-sequence %q of %s %q, and case matters", sub, scope, name)
		}
	}
	return ImportConfig{}, false, fmt.Errorf("splio: the import configuration has no sub-sequence %q of %s, so Splio would not know what to do with the file: it has %d others (FORMAT.md, section 7)", sub, scope, len(names))
}

// planFacts is what a plan wants of one sub-sequence.
type planFacts struct {
	creates bool // there are rows for contacts to be created
	updates bool // there are rows for contacts that exist
	spares  bool // rows for contacts that do not exist must not create them
	files   int  // how many
	full    bool // the file holds every contact, none rejected or held back
	phones  bool // there is a cellphone column, of numbers with their country codes
	lists   bool // there is a subscriptions column
}

// contradictions returns, joined, every reason why a sub-sequence can not do
// what a plan wants. What the configuration does not say contradicts nothing.
func (c ImportConfig) contradictions(sub string, p planFacts) error {
	var errs []error
	refuse := func(option, format string, args ...any) {
		errs = append(errs, fmt.Errorf("splio: sub-sequence %q, option %q: %s", sub, option, fmt.Sprintf(format, args...)))
	}
	if p.creates && c.Create == Forbidden {
		refuse(optionCreate, "it does not create contacts, and the plan has new ones: use a sub-sequence that does, or turn Insert off")
	}
	if p.spares && c.Create == Allowed {
		refuse(optionCreate, "it creates contacts, and the plan must not: use a sub-sequence that only updates")
	}
	if p.updates && c.Update == Forbidden {
		refuse(optionUpdate, "it does not update contacts, and the plan has changes of contacts that exist: use a sub-sequence that does")
	}
	if len(c.InitLists) > 0 {
		const empties = "it empties %d lists before each file"
		if p.files > 1 {
			refuse(optionLists, empties+", so that of %d files the last alone would count: the plan must fit in one, or use a sub-sequence without the option", len(c.InitLists), p.files)
		}
		switch {
		case !p.full:
			refuse(optionLists, empties+", and the plan does not hold all contacts: those who are not in it would lose their subscriptions. Use a sub-sequence without the option", len(c.InitLists))
		case !p.lists:
			refuse(optionLists, empties+", and the plan has no subscriptions to fill them with: use a sub-sequence without the option", len(c.InitLists))
		}
	}
	if c.CellphonePrefix != "" && p.phones {
		refuse(optionPrefix, "phone numbers are sent with their country codes, and Splio might put another before them (inferred): have the option removed, or clear CellphonePrefix once Splio has confirmed that it leaves such numbers alone")
	}
	return errors.Join(errs...)
}

// doubts returns what a plan relies upon and the configuration does not say, a
// sentence each.
func (c ImportConfig) doubts(sub string, p planFacts) []string {
	var out []string
	doubt := func(option, format string, args ...any) {
		out = append(out, fmt.Sprintf("sub-sequence %q: %q ", sub, option)+fmt.Sprintf(format, args...))
	}
	if c.Create == Unstated {
		switch {
		case p.creates:
			doubt(optionCreate, "is not stated, and the plan relies on it")
		case p.spares: // that missing means "1" is documented for products
			doubt(optionCreate, "is not stated: Splio may create contacts that the plan means to update only")
		}
	}
	if c.Update == Unstated && p.updates {
		doubt(optionUpdate, "is not stated, and the plan relies on it")
	}
	for _, name := range c.Others {
		if name != "report recipients" && name != "alert recipients" {
			out = append(out, fmt.Sprintf("sub-sequence %q: the option %s was not looked at", sub, place(name)))
		}
	}
	return out
}

// object is a JSON object in the order of the file.
type object []member

type member struct {
	name  string
	value any // object, []any, string, json.Number, bool or nil
}

func (o object) get(name string) (any, bool) {
	for _, m := range o {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// parseTree parses one JSON value. Its errors hold positions and no content.
func parseTree(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parseValue(d, data, maxConfigDepth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: something follows the end", lineAt(data, d))
	}
	return v, nil
}

func parseValue(d *json.Decoder, data []byte, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		// The decoder's own message may quote a character of the file.
		return nil, fmt.Errorf("line %d: not valid JSON", lineAt(data, d))
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, fmt.Errorf("line %d: nested more than %d deep", lineAt(data, d), maxConfigDepth)
	}
	var list []any
	var members object
	seen := make(map[string]bool)
	for d.More() {
		name := ""
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return nil, fmt.Errorf("line %d: not valid JSON", lineAt(data, d))
			}
			name, _ = key.(string)
			if seen[name] {
				what := place(name)
				if depth <= maxConfigDepth-4 { // below an option, where recipients are
					what = "a name"
				}
				return nil, fmt.Errorf("line %d: %s is there twice", lineAt(data, d), what)
			}
			seen[name] = true
		}
		v, err := parseValue(d, data, depth-1)
		if err != nil {
			return nil, err
		}
		if delim == '{' {
			members = append(members, member{name, v})
		} else {
			list = append(list, v)
		}
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return nil, fmt.Errorf("line %d: not valid JSON", lineAt(data, d))
	}
	if delim == '{' {
		return members, nil
	}
	return list, nil
}

// lineAt is the line that a decoder of data has come to.
func lineAt(data []byte, d *json.Decoder) int {
	return 1 + bytes.Count(data[:min(d.InputOffset(), int64(len(data)))], []byte{'\n'})
}
