package mappingtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
)

// Absent in a map of wanted cells stands for no cell at all, where "" is an empty one. No cell can hold it.
const Absent = "\x00absent"

// Row is what a record was rendered to. Its methods check it, fail the test if a check fails, and return the Row for the
// next check; for any other check, use its fields. The fields belong to the caller, like the record, and hold values.
type Row struct {
	// Cells are the cells by attribute. An absent cell has no entry. In a rejected record, they are those that could be
	// rendered.
	Cells map[string]string

	// Rejections are everything found wrong with the record.
	Rejections []mapping.Rejection

	// OK is false when the record as a whole is rejected.
	OK bool

	t       testing.TB
	record  map[string]any
	columns []string
}

func rowOf(columns []string, row *mapping.Row) Row {
	r := Row{Cells: make(map[string]string), Rejections: slices.Clone(row.Rejections), OK: row.OK, columns: columns}
	for i, cell := range row.Cells {
		if cell != nil {
			r.Cells[columns[i]] = string(cell)
		}
	}
	return r
}

// Want fails the test unless the record is accepted and the attributes in want have the cells given, [Absent] for none.
// Other attributes are not looked at.
func (r Row) Want(want map[string]string) Row {
	r.t.Helper()
	got := make(map[string]string)
	for name := range want {
		if cell, ok := r.Cells[name]; ok {
			got[name] = cell
		}
	}
	r.compare(want, got)
	return r
}

// WantExactly is Want for the whole row: attributes that want does not name must be absent.
func (r Row) WantExactly(want map[string]string) Row {
	r.t.Helper()
	r.compare(want, r.Cells)
	return r
}

func (r Row) compare(want, got map[string]string) {
	r.t.Helper()
	cells := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Contains(r.columns, name) {
			r.t.Errorf("mappingtest: attribute %q is wanted, but the mapping has none of this name: its attributes are %q", name, r.columns)
			return
		}
		if want[name] != Absent {
			cells[name] = want[name]
		}
	}
	if !r.OK {
		r.t.Errorf("mappingtest: the record is rejected, want a row\n%s", r.details())
		return
	}
	if diff := diffTexts(cells, got); diff != "" {
		r.t.Errorf("mappingtest: the row is another one (-want +got; an attribute that is not there is absent):\n%s%s", diff, r.details())
	}
}

// Reports fails the test unless the faults of the record include that attribute with that reason and action. The attribute
// is empty for a reason that does not concern a single attribute. A fault with the action [mapping.Rejected] means that the
// record is rejected as a whole.
func (r Row) Reports(attribute, reason string, action mapping.Action) Row {
	r.t.Helper()
	found := slices.ContainsFunc(r.Rejections, func(rejection mapping.Rejection) bool {
		return rejection.Attribute == attribute && rejection.Reason == reason && rejection.Action == action
	})
	switch {
	case attribute != "" && !slices.Contains(r.columns, attribute):
		r.t.Errorf("mappingtest: a report about attribute %q is wanted, but the mapping has none of this name: its attributes are %q", attribute, r.columns)
	case !found:
		r.t.Errorf("mappingtest: want the report %q\n%s", report(attribute, reason, action), r.details())
	}
	return r
}

// Clean fails the test if anything was reported about the record: a value that was rejected, blanked, left out or
// shortened, or one that was kept but is doubtful.
func (r Row) Clean() Row {
	r.t.Helper()
	if len(r.Rejections) > 0 {
		r.t.Errorf("mappingtest: want nothing to be reported\n%s", r.details())
	}
	return r
}

// details are the record and what was reported about it.
func (r Row) details() string {
	var text strings.Builder
	text.WriteString("\tof the record\n")
	for _, name := range slices.Sorted(maps.Keys(r.record)) {
		format := "\t\t%s: %v\n"
		switch r.record[name].(type) {
		case string, []byte:
			format = "\t\t%s: %q\n"
		}
		fmt.Fprintf(&text, format, name, r.record[name])
	}
	for _, rejection := range r.Rejections {
		fmt.Fprintf(&text, "\treported: %s (the value is %q)\n", report(rejection.Attribute, rejection.Reason, rejection.Action), rejection.Value())
	}
	if len(r.Rejections) == 0 {
		text.WriteString("\tnothing was reported\n")
	}
	return text.String()
}

func report(attribute, reason string, action mapping.Action) string {
	if attribute == "" {
		attribute = wholeRecord
	}
	return fmt.Sprintf("%s: %s: %s", attribute, reason, action)
}
