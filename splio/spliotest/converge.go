package spliotest

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
)

// Kind is a kind of [Difference].
type Kind string

const (
	// Missing: a valid record has no contact.
	Missing Kind = "missing"

	// Differs: a contact has another value than its record.
	Differs Kind = "differs"

	// Ignored: as Missing or Differs, where the last row of that contact was ignored
	// because the sub-sequence does not create, or not update, contacts. This is how
	// it must be where only existing contacts are updated.
	Ignored Kind = "ignored"

	// Kept: a contact has a value and its record has none. The last row that had the
	// column had an empty cell, with which the sub-sequence keeps the value. No file
	// could do better, so [Splio.RequireConverged] always tolerates it. If no such row
	// has come, the kind is Differs.
	Kept Kind = "kept"

	// Replaced: a value differs only in characters that a file cannot hold, or that
	// not every reader of files understands in the same way. Either slashes replace
	// its backslashes before a quote and at its end, or, as in files without quoting,
	// commas replace all its semicolons and apostrophes all its quotes
	// (splio/FORMAT.md, section 2).
	Replaced Kind = "replaced"

	// Extra: a contact has no record, valid or rejected. It left the segment, or
	// never was in it.
	Extra Kind = "extra"
)

// Difference is one between a segment and the contacts. It holds values: see the
// package comment.
type Difference struct {
	Kind   Kind
	Key    string
	Column string // as the mapping names it; empty when it concerns the contact as a whole

	// Want is the cell that the mapping makes, Got the value that the contact has:
	// for subscriptions, the lists that it is subscribed to.
	Want, Got string

	// Why is what is known about the reason: why Splio would not take the value, or
	// has skipped the last row. It may be empty.
	Why string
}

// String tells the difference, with its values.
func (d Difference) String() string {
	var b strings.Builder
	switch {
	case d.Column != "":
		fmt.Fprintf(&b, "%s, column %s: Splio has %q, the segment says %q", d.Key, d.Column, d.Got, d.Want)
	case d.Kind == Extra:
		fmt.Fprintf(&b, "%s: is not in the segment", d.Key)
	default:
		fmt.Fprintf(&b, "%s: is not in Splio", d.Key)
	}
	fmt.Fprintf(&b, " (%s", d.Kind)
	if d.Why != "" {
		fmt.Fprintf(&b, "; %s", d.Why)
	}
	return b.String() + ")"
}

// shown is how many differences, files and names a failure tells.
const shown = 10

// RequireConverged ends the test unless the contacts are what the segment says,
// rendered by the mapping with the options of its destination: those of
// splio.Destination.Options, with the Go functions of the mapping, if it has any.
//
// [Splio.Differences] says what is compared. Of the differences, those of the
// kinds given are tolerated, and Kept always:
//
//	universe.RequireConverged(t, segment, m, o)                    // insert mode on
//	universe.RequireConverged(t, segment, m, o, spliotest.Ignored) // insert mode off
//	universe.RequireConverged(t, segment, m, o, spliotest.Extra)   // some have left, or are not ours
//
// It looks at the table as it is: import first. The failure names files that wait
// and those that were skipped.
func (s *Splio) RequireConverged(t testing.TB, segment mapping.Source, m mapping.Mapping, o mapping.Options, tolerated ...Kind) {
	t.Helper()
	all, err := s.Differences(t.Context(), segment, m, o)
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[Kind]int)
	var told []string
	for _, d := range all {
		if d.Kind == Kept || slices.Contains(tolerated, d.Kind) {
			continue
		}
		counts[d.Kind]++
		told = append(told, d.String())
	}
	if len(told) == 0 {
		return
	}
	var text strings.Builder
	text.WriteString("spliotest: the contacts are not what the segment says:")
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&text, " %d %s", counts[kind], kind)
	}
	tell(&text, "", told)
	tell(&text, "file skipped: ", s.skippedFiles())
	tell(&text, "file waits for Import: ", s.waitingFiles())
	t.Fatal(text.String())
}

// tell writes the first lines.
func tell(text *strings.Builder, what string, lines []string) {
	for i, l := range lines {
		if i == shown {
			fmt.Fprintf(text, "\n\t... and %d more", len(lines)-shown)
			return
		}
		fmt.Fprintf(text, "\n\t%s%s", what, l)
	}
}

func (s *Splio) skippedFiles() (lines []string) {
	for _, r := range s.Results() {
		if r.FileError != "" {
			lines = append(lines, r.File+": "+r.FileError)
		}
	}
	return lines
}

// waitingFiles are the names of files that were not looked at yet.
func (s *Splio) waitingFiles() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := s.waiting()
	if err != nil {
		return nil // the failure is about something else
	}
	return slices.DeleteFunc(names, func(name string) bool { return s.read[name].there })
}

// Differences compares the contacts with what the segment says. It returns the
// differences in the order of the segment and the columns, those of kind Extra
// last and in the order of their keys.
//
// Each valid record must have its contact, and each of its cells must be the
// contact's value, as Splio keeps it: a double with two places, a phone number
// with the default prefix of some sub-sequence if it lacks its country code. A
// cell that is absent is not compared. Neither is a record that is rejected as a
// whole, nor are valid records that share a key and differ, since it is up to the
// sync which of them counts. For subscriptions, only the lists that a record joins or
// leaves are compared.
//
// An error is about the segment, or about the mapping: for example, that it has a
// column that the universe lacks, or another key. The segment is read once and held
// in memory.
func (s *Splio) Differences(ctx context.Context, segment mapping.Source, m mapping.Mapping, o mapping.Options) ([]Difference, error) {
	said, err := s.readSegment(ctx, segment, m, o)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Difference
	for _, key := range said.order {
		if r := said.records[key]; r.cells != nil && !r.unlike {
			all = s.compare(all, said, key, r.cells)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.contacts)) {
		if said.records[key] == nil {
			all = append(all, Difference{Kind: Extra, Key: key})
		}
	}
	return all, nil
}

// said is what a segment says.
type said struct {
	names   []string // of the columns below, the key's apart
	columns []*column
	records map[string]*saidRecord
	order   []string // of the keys
}

type saidRecord struct {
	cells  []*string // nil is absent; none when all records of the key are rejected
	unlike bool      // there are others of the key
}

// readSegment renders a segment.
func (s *Splio) readSegment(ctx context.Context, segment mapping.Source, m mapping.Mapping, o mapping.Options) (*said, error) {
	fields, err := segment.Fields(ctx)
	if err != nil {
		return nil, fmt.Errorf("spliotest: read the segment: %w", err)
	}
	mapper, err := m.Bind(fields, o)
	if err != nil {
		return nil, fmt.Errorf("spliotest: %w", err)
	}
	names := mapper.Columns()
	if names[0] != s.o.Key {
		return nil, fmt.Errorf("spliotest: the key of the mapping is %q, that of the universe %q", names[0], s.o.Key)
	}
	out := &said{names: names[1:], records: make(map[string]*saidRecord)}
	for _, name := range out.names {
		c := s.columns[name]
		if c == nil {
			return nil, fmt.Errorf("spliotest: the universe has no column %q", name)
		}
		out.columns = append(out.columns, c)
	}
	var row mapping.Row
	for rec, err := range segment.Records(ctx) {
		if err != nil {
			return nil, fmt.Errorf("spliotest: read the segment: %w", err)
		}
		mapper.Render(&row, rec)
		if row.Key == nil {
			continue
		}
		key := string(row.Key)
		if kept, problem := s.value(s.columns[s.o.Key], key, ""); problem == "" {
			key = kept
		}
		r := out.records[key]
		if r == nil {
			r = new(saidRecord)
			out.records[key] = r
			out.order = append(out.order, key)
		}
		if !row.OK {
			continue
		}
		cells := make([]*string, len(out.names)) // not nil, even if there are none
		for i, cell := range row.Cells[1:] {
			if cell != nil {
				cells[i] = new(string(cell))
			}
		}
		r.unlike = r.unlike || r.cells != nil && !slices.EqualFunc(r.cells, cells, equal)
		r.cells = cells
	}
	return out, nil
}

func equal(a, b *string) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// compare appends the differences of a contact.
func (s *Splio) compare(all []Difference, said *said, key string, cells []*string) []Difference {
	c := s.contacts[key]
	add := func(d Difference) {
		d.Key = key
		if s.ignored[key] && (d.Kind == Missing || d.Kind == Differs) {
			d.Kind = Ignored
		}
		if why := s.refused[key]; d.Why == "" && why != "" {
			d.Why = "skipped: " + why
		}
		all = append(all, d)
	}
	if c == nil {
		add(Difference{Kind: Missing})
		return all
	}
	for i, cell := range cells {
		if cell == nil {
			continue
		}
		d := s.compareCell(c, said.columns[i], *cell)
		if d.Kind != "" {
			d.Column, d.Want = said.names[i], *cell
			add(d)
		}
	}
	return all
}

// compareCell compares a cell, and returns a difference without a kind when there
// is none.
func (s *Splio) compareCell(c *contact, column *column, cell string) Difference {
	got := c.fields[column.name]
	if column.kind == listsKind {
		got = fmt.Sprint(c.lists.ids())
	}
	switch {
	case s.o.Rules.isEmpty(cell) && (column.kind == listsKind || got == ""):
		return Difference{}
	case s.o.Rules.isEmpty(cell) && c.kept[column.name]:
		return Difference{Kind: Kept, Got: got}
	case s.o.Rules.isEmpty(cell):
		return Difference{Kind: Differs, Got: got}
	case column.kind == listsKind:
		join, leave, problem := s.changes(cell)
		if problem == "" && c.lists&join == join && c.lists&leave == 0 {
			return Difference{}
		}
		return Difference{Kind: Differs, Got: got, Why: problem}
	}
	wanted, problem := s.wanted(column, cell)
	switch {
	case slices.Contains(wanted, got):
		return Difference{}
	case slices.ContainsFunc(wanted, func(w string) bool { return got == slashed(w) || got == unquoted.Replace(w) }):
		return Difference{Kind: Replaced, Got: got}
	}
	return Difference{Kind: Differs, Got: got, Why: problem}
}

// wanted are the values that a cell may become, or why there is none.
func (s *Splio) wanted(c *column, cell string) (values []string, problem string) {
	prefixes := []string{""}
	if c.kind == phoneKind && lacksCountry(cell) {
		for _, sub := range s.o.Contacts {
			prefixes = append(prefixes, sub.Prefix)
		}
	}
	for _, prefix := range prefixes {
		value, wrong := s.value(c, cell, prefix)
		if wrong == "" {
			values = append(values, value)
		} else {
			problem = wrong
		}
	}
	if len(values) > 0 {
		return values, ""
	}
	return nil, problem
}

var (
	backslashes = regexp.MustCompile(`\\+("|$)`)
	unquoted    = strings.NewReplacer(";", ",", `"`, "'")
)

// slashed is text with slashes for the backslashes before a quote and at the end.
func slashed(text string) string {
	return backslashes.ReplaceAllStringFunc(text, func(run string) string { return strings.ReplaceAll(run, `\`, "/") })
}
