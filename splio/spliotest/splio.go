package spliotest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Splio is a universe: its contacts, and what reads files into them. [New] makes
// one without contacts. It is safe for concurrent use.
type Splio struct {
	o       Options
	columns map[string]*column // that a header may name
	custom  map[string]*column // by every name
	alias   *column            // the field that customer_key stands for, or nil
	lists   lists              // that exist

	mu       sync.Mutex
	contacts map[string]*contact
	ignored  map[string]bool   // keys whose last row was ignored
	refused  map[string]string // why the last row of a key was skipped
	read     map[string]file   // by name
	results  []Result
}

// contact is one in the table.
type contact struct {
	fields map[string]string // without those that are empty
	lists  lists
	kept   map[string]bool // fields whose last cell was empty and did not erase
}

// New returns a universe without contacts. All problems of the options are
// reported at once. The options are copied.
func New(o Options) (*Splio, error) {
	o.Key = cmp.Or(o.Key, "email")
	o.Rules.MaxLines = cmp.Or(o.Rules.MaxLines, maxLines)
	o.Rules.MaxDeletes = cmp.Or(o.Rules.MaxDeletes, maxDeletes)
	o.Contacts, o.Deletes, o.Lists = maps.Clone(o.Contacts), slices.Clone(o.Deletes), slices.Clone(o.Lists)
	for name, sub := range o.Contacts {
		sub.InitLists = slices.Clone(sub.InitLists)
		o.Contacts[name] = sub
	}
	if o.Rules.DateLayouts = slices.Clone(o.Rules.DateLayouts); o.Rules.DateLayouts == nil {
		o.Rules.DateLayouts = []string{"2006-01-02 15:04:05", "2006-01-02"}
	}
	s := &Splio{
		lists:    ^lists(0),
		contacts: make(map[string]*contact), ignored: make(map[string]bool), refused: make(map[string]string),
		read: make(map[string]file),
	}
	var err error
	s.columns, s.custom, err = o.columnsOf()
	if err = errors.Join(o.validate(), err); err != nil {
		return nil, err
	}
	if o.KeyField != "" {
		if s.alias = s.custom[o.KeyField]; s.alias == nil {
			return nil, fmt.Errorf("spliotest: Options.KeyField: the universe has no custom field %q", o.KeyField)
		}
		s.columns[o.Key].kind = s.alias.kind
	}
	if o.Lists != nil {
		s.lists = listsOf(o.Lists)
	}
	s.o = o
	return s, nil
}

// Contact returns the contact with that key, and whether there is one.
func (s *Splio) Contact(key string) (Contact, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.contacts[key]
	if !ok {
		return Contact{}, false
	}
	return c.export(key), true
}

// Contacts returns all contacts in the order of their keys.
func (s *Splio) Contacts() []Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Contact
	for _, key := range slices.Sorted(maps.Keys(s.contacts)) {
		all = append(all, s.contacts[key].export(key))
	}
	return all
}

func (c *contact) export(key string) Contact {
	return Contact{Key: key, Fields: maps.Clone(c.fields), Lists: c.lists.ids()}
}

// Put creates contacts, or replaces those with the same keys, as a user of the
// application may do. Values are not checked; a custom field may be given by its name
// or its id. When a key is missing, or the universe lacks a field or a list, Put does
// nothing and returns an error.
func (s *Splio) Put(contacts ...Contact) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	made := make([]*contact, len(contacts))
	for i, given := range contacts {
		c := &contact{fields: make(map[string]string), kept: make(map[string]bool)}
		if given.Key == "" {
			errs = append(errs, fmt.Errorf("spliotest: put: contact %d has no key", i))
		}
		for _, name := range slices.Sorted(maps.Keys(given.Fields)) {
			column := s.field(name)
			if column == nil || name == s.o.Key {
				errs = append(errs, fmt.Errorf("spliotest: put: contact %d: there is no field %q", i, name))
			} else if value := given.Fields[name]; value != "" {
				c.fields[column.name] = value
			}
		}
		for _, id := range given.Lists {
			if id < 0 || id > 63 || s.lists&(1<<id) == 0 {
				errs = append(errs, fmt.Errorf("spliotest: put: contact %d: there is no list %d", i, id))
			} else {
				c.lists |= 1 << id
			}
		}
		if s.alias != nil {
			c.fields[s.alias.name] = given.Key
		}
		made[i] = c
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, c := range made {
		s.contacts[contacts[i].Key] = c
	}
	return nil
}

// field is a field by any of its names, or nil.
func (s *Splio) field(name string) *column {
	if c := s.custom[name]; c != nil {
		return c
	}
	if c := s.columns[name]; c != nil && c.kind != listsKind {
		return c
	}
	return nil
}

// Remove takes contacts out of the table, as somebody may who works in the
// application. Keys that it does not have are passed over.
func (s *Splio) Remove(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		delete(s.contacts, key)
	}
}
