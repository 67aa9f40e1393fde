package spliotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ParseConfig reads the import configuration of a universe, the file
// <universe>_imports_config.json that is agreed upon with Splio
// (splio/FORMAT.md, section 7), for [Options].Contacts and [Options].Deletes:
//
//	{"acme": {
//		"contacts":       {"crm": {"create contacts": "1", "update contacts": "1", "default cellphone prefix": "33"},
//		                   "full": {"init lists": [0, 4]}},
//		"deletecontacts": {"gone": {}}}}
//
// An option that is missing has the value that lets rows in: "1", "1", no list and
// no prefix (documented for products, inferred here). Other scopes and options are
// passed over; what an empty cell does goes by a name that is unknown, so set
// [Subsequence].EmptyErases afterwards. All problems are reported at once.
func ParseConfig(config []byte, universe string) (contacts map[string]Subsequence, deletes []string, err error) {
	if bytes.HasPrefix(config, []byte("\ufeff")) {
		return nil, nil, errors.New("spliotest: import configuration: it begins with a byte order mark")
	}
	var all map[string]map[string]map[string]map[string]json.RawMessage
	if err := json.Unmarshal(config, &all); err != nil {
		return nil, nil, fmt.Errorf("spliotest: import configuration: %w", err)
	}
	scopes, ok := all[universe]
	if !ok {
		return nil, nil, fmt.Errorf("spliotest: import configuration: there is no universe %q", universe)
	}
	contacts = make(map[string]Subsequence)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(scopes[contactsScope])) {
		options := scopes[contactsScope][name]
		var sub Subsequence
		fail := func(option, want string) {
			errs = append(errs, fmt.Errorf("spliotest: import configuration: sub-sequence %q: the option %q is not %s", name, option, want))
		}
		for _, o := range []struct {
			option string
			off    *bool
		}{{"create contacts", &sub.NoCreate}, {"update contacts", &sub.NoUpdate}} {
			switch string(options[o.option]) {
			case "", `"1"`:
			case `"0"`:
				*o.off = true
			default:
				fail(o.option, `"1" or "0"`)
			}
		}
		for _, o := range []struct {
			option string
			into   any
			want   string
		}{
			{"init lists", &sub.InitLists, "an array of list ids"},
			{"default cellphone prefix", &sub.Prefix, "a text"},
		} {
			if value := options[o.option]; value != nil && json.Unmarshal(value, o.into) != nil {
				fail(o.option, o.want)
			}
		}
		contacts[name] = sub
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	return contacts, slices.Sorted(maps.Keys(scopes[deletesScope])), nil
}
