package mappingtest

import (
	"maps"
	"slices"
	"testing"

	"github.com/spliosync/spliosync/mapping"
)

// Kit tests one mapping. It is immutable and, as far as its testing.TB is, safe for concurrent use.
type Kit struct {
	t       testing.TB
	mapping mapping.Mapping
	options mapping.Options
	fields  []string
	mapper  *mapping.Mapper
}

// New binds m and returns the kit that tests it. If m can not be bound, it ends the test and reports every problem of the
// mapping. The segment has the given fields, or, if none are given, those that m reads. Do not change m and o while the
// kit is used.
func New(t testing.TB, m mapping.Mapping, o mapping.Options, fields ...string) *Kit {
	t.Helper()
	fields = slices.Clone(fields)
	if len(fields) == 0 {
		fields = fieldsOf(m)
	}
	k := &Kit{t: t, mapping: m, options: o, fields: fields}
	k.mapper = k.bind(fields)
	return k
}

// fieldsOf returns the fields that m reads, each once.
func fieldsOf(m mapping.Mapping) (names []string) {
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, f := range slices.Concat([]mapping.Field{m.Key}, m.Fields) {
		add(f.From)
		for _, t := range f.Transforms {
			for _, name := range t.Fields {
				add(name)
			}
		}
	}
	for _, name := range m.Custom {
		add(name)
	}
	return names
}

func (k *Kit) bind(fields []string) *mapping.Mapper {
	k.t.Helper()
	mapper, err := k.mapping.Bind(fields, k.options)
	if err != nil {
		k.t.Fatalf("mappingtest: the mapping does not bind to the fields %q:\n%v", fields, err)
	}
	return mapper
}

// On returns the kit for a subtest, whose failures are t's.
func (k *Kit) On(t testing.TB) *Kit {
	on := *k
	on.t = t
	return &on
}

// Row renders a record, given as values by field, of the types that [mapping.ValueOf] takes. A field that is not named is
// null. A field that the segment does not have, or a value of another type, ends the test.
//
// Row itself does not check the outcome, not even whether the record is accepted.
func (k *Kit) Row(record map[string]any) Row {
	k.t.Helper()
	rec := &mapping.Record{Seq: 1, Values: make([]mapping.Value, len(k.fields))}
	for _, name := range slices.Sorted(maps.Keys(record)) {
		i := slices.Index(k.fields, name)
		if i < 0 {
			k.t.Fatalf("mappingtest: the record has a field %q, the segment does not: its fields are %q", name, k.fields)
		}
		value, err := mapping.ValueOf(record[name])
		if err != nil {
			k.t.Fatalf("mappingtest: field %q: %v", name, err)
		}
		rec.Values[i] = value
	}
	var row mapping.Row
	k.mapper.Render(&row, rec)
	r := rowOf(k.mapper.Columns(), &row)
	r.t, r.record = k.t, record
	return r
}

// Rejects renders a record, and fails the test unless the record is rejected as a whole for that attribute and that
// reason; it may have other faults besides. The attribute is empty for a reason that does not concern a single attribute.
func (k *Kit) Rejects(record map[string]any, attribute, reason string) Row {
	k.t.Helper()
	return k.Row(record).Reports(attribute, reason, mapping.Rejected)
}
