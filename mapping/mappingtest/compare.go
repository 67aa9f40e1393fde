package mappingtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

// comparison finds where rows differ from a golden file.
type comparison struct {
	key   string   // the attribute that tells records apart
	order []string // of the attributes

	records   int
	different []difference
	changed   map[string]int // records by attribute
	whole     map[string]int // records by what has become of them as a whole
	alike     map[string]int // records by all that has changed in them
}

type difference struct {
	at          int // of the pairs
	record      string
	golden, now *outcome // nil when the record is not there
	whole       string   // what has become of the record, if anything
	nth         int      // of those that have changed alike, from 0
}

// What may become of a record as a whole.
const (
	nowRejected = "rejected now"
	nowAccepted = "not rejected any more"
	added       = "not in the golden file"
	gone        = "in the golden file only"
)

// compare compares the rows with those of the golden file that they belong to, one for each row.
func (c *comparison) compare(golden, rows []goldenRow, belongs []*goldenRow) {
	c.changed, c.whole, c.alike = make(map[string]int), make(map[string]int), make(map[string]int)
	known := make(map[*goldenRow]bool)
	for i := range rows {
		d := difference{record: rows[i].Record, now: &rows[i].outcome}
		if belongs[i] != nil {
			known[belongs[i]] = true
			d.golden = &belongs[i].outcome
		}
		c.record(d)
	}
	for i := range golden {
		if !known[&golden[i]] {
			c.record(difference{record: golden[i].Record, golden: &golden[i].outcome})
		}
	}
}

func (c *comparison) record(d difference) {
	d.at = c.records
	c.records++
	switch {
	case d.golden == nil:
		d.whole = added
	case d.now == nil:
		d.whole = gone
	case d.golden.Rejected && !d.now.Rejected:
		d.whole = nowAccepted
	case !d.golden.Rejected && d.now.Rejected:
		d.whole = nowRejected
	}
	change := d.whole
	if d.whole != "" {
		c.whole[d.whole]++
	} else {
		// A record that is rejected has no cells, so that only two of the same sort can be compared by attribute.
		names := changes(d.golden.Cells, d.now.Cells)
		maps.Copy(names, changes(d.golden.Reports, d.now.Reports))
		if len(names) == 0 {
			return
		}
		for attribute := range names {
			c.changed[attribute]++
		}
		change = strings.Join(slices.Sorted(maps.Keys(names)), "\n")
	}
	d.nth = c.alike[change]
	c.alike[change]++
	c.different = append(c.different, d)
}

// changes are the names whose text is not the same in both, an absent one being unlike an empty one.
func changes(a, b map[string]string) map[string]bool {
	names := make(map[string]bool)
	for name, text := range a {
		if other, ok := b[name]; !ok || other != text {
			names[name] = true
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names[name] = true
		}
	}
	return names
}

// text tells the differences: how many of which, and some in full.
func (c *comparison) text(shown int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d records differ from the golden file:\n", len(c.different), c.records)
	for _, attribute := range c.attributes() {
		fmt.Fprintf(&text, "\t%s: changed in %s\n", attribute, count(c.changed[attribute]))
	}
	for _, whole := range slices.Sorted(maps.Keys(c.whole)) {
		fmt.Fprintf(&text, "\t%s: %s\n", whole, count(c.whole[whole]))
	}
	some := c.some(shown)
	fmt.Fprintf(&text, "%d of them (-golden +now; an attribute that is not there is absent):\n", len(some))
	for _, d := range some {
		fmt.Fprintf(&text, "record %s%s:\n%s", d.record, c.aside(d), diffTexts(d.golden.flat(), d.now.flat()))
	}
	fmt.Fprintf(&text, "If all this is meant, run the test with %s=1 and review the file.", UpdateEnv)
	return text.String()
}

// some picks at most n differences, in the order of the records: the first of each sort of change, then the second of
// each, and so on.
func (c *comparison) some(n int) (picked []difference) {
	for nth := 0; len(picked) < min(n, len(c.different)); nth++ {
		for _, d := range c.different {
			if d.nth == nth && len(picked) < n {
				picked = append(picked, d)
			}
		}
	}
	slices.SortFunc(picked, func(a, b difference) int { return a.at - b.at })
	return picked
}

// attributes are those that changed, in the order of the mapping, and then those that it does not have.
func (c *comparison) attributes() (names []string) {
	for _, name := range c.order {
		if c.changed[name] > 0 {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.changed)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// aside is the key of the record and what has become of it.
func (c *comparison) aside(d difference) (text string) {
	for _, o := range []*outcome{d.golden, d.now} {
		if o != nil && o.Cells[c.key] != "" {
			text = fmt.Sprintf(" (%s)", o.Cells[c.key])
			break
		}
	}
	if d.whole != "" {
		text += ", " + d.whole
	}
	return text
}

// flat is all of an outcome by attribute, which makes the shortest diffs.
func (o *outcome) flat() map[string]string {
	all := make(map[string]string)
	if o == nil {
		return all
	}
	maps.Copy(all, o.Cells)
	for attribute, said := range o.Reports {
		all[attribute+" (reported)"] = said
	}
	return all
}

// diffTexts is cmp.Diff for texts by name. Two that look the same, being other forms of the same characters in Unicode, are
// shown with escapes.
func diffTexts(a, b map[string]string) string {
	a, b = maps.Clone(a), maps.Clone(b)
	for name, text := range a {
		if other, ok := b[name]; ok && other != text && norm.NFKC.String(text) == norm.NFKC.String(other) {
			a[name], b[name] = escape(text), escape(other)
		}
	}
	return cmp.Diff(a, b)
}

func escape(text string) string {
	quoted := strconv.QuoteToASCII(text)
	return quoted[1 : len(quoted)-1]
}

func count(records int) string {
	if records == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", records)
}
