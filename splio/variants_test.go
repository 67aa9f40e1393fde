package splio_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

var seeds = flag.Uint64("seeds", 200, "how many variants TestVariants plays")

// TestVariants plays random segments over several days, through random mappings,
// modes and formats, into a Splio under random readings of everything that is not
// documented. After each day Splio must hold what the segment says, and must have
// skipped nothing.
func TestVariants(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	for s := first; s != first+*seeds; s++ {
		play(t, s)
	}
}

func play(t *testing.T, seed uint64) {
	v := newVariant(t, seed)
	m := &model{variant: v, rows: make(map[string]*sent), existed: make(map[string]bool), edits: make(map[string]map[string]string)}
	defer func() {
		if t.Failed() {
			t.Fatalf("run again with -seed %d -seeds 1: mapping %+v, format %+v, rules %+v, sub-sequences %+v, suffix %q, policy %d\n%s",
				seed, v.a.Mapping, v.a.Format, v.rules, v.subs, v.a.Destination.Suffix, v.a.Duplicates, strings.Join(v.log, "\n"))
		}
	}()
	for day := range 5 {
		v.move()
		m.day(day)
		if t.Failed() {
			return
		}
	}
}

// model is what must come of a variant.
type model struct {
	*variant
	mode    mode
	rows    map[string]*sent             // the last snapshot
	existed map[string]bool              // contacts that somebody may have made
	edits   map[string]map[string]string // by key and column: values of Splio's own that no file has touched since
}

// sent is the state of a record that was sent.
type sent struct {
	cells       []string // without the key's
	unconfirmed bool
}

// absent is the cell that a file lacks; no value reads so.
const absent = "\x00"

// verdict is what is to happen to a record that is valid.
type verdict struct {
	sent
	isNew, held, quotes bool
}

func (m *model) day(day int) {
	r := m.r
	for _, c := range m.s.Contacts() {
		m.existed[c.Key] = true
	}
	if !m.newOnly && chance(r, 0.3) {
		k := pick(r, m.keys...)
		if _, ok := m.s.Contact(k); !ok {
			m.note("Splio makes %s by itself", k)
			m.made(k)
			m.existed[k] = true
		}
	}
	m.edit()
	m.choose(day)
	src := m.segment()
	var exist []string // as of now
	for _, c := range m.s.Contacts() {
		exist = append(exist, c.Key)
	}
	if m.mode == known {
		m.a.Known = func(yield func(string, error) bool) {
			for _, k := range exist {
				if m.a.Mapping.Key.To == "email" {
					k = strings.ToUpper(k)
				}
				if !yield(k, nil) {
					return
				}
			}
		}
	}
	now, unusable := m.verdicts(src, exist)

	report, err := m.a.Run(m.t.Context(), src, m.d)
	if err != nil {
		m.t.Errorf("run: %v", err)
		return
	}
	m.note("%s: %q, %d unchanged cells", counts(m.t, report), names(report), report.UnchangedCells)
	m.files(report, now)
	results, err := m.s.Import()
	if err != nil || len(results) != len(report.Files) {
		m.t.Errorf("%d files were read of %d: %v", len(results), len(report.Files), err)
	}
	for _, x := range results {
		if x.FileError != "" || len(x.Skipped)+len(x.Cells) > 0 || x.Ignored > 0 && m.mode != decide {
			m.t.Errorf("Splio skipped, or ignored, %+v", x)
		}
	}
	m.settle(now, unusable)
	m.compare(src, now, report.UnchangedCells)
}

// choose sets what may be another one each day.
func (m *model) choose(day int) {
	r, a := m.r, &m.a
	m.mode = m.home
	if !m.newOnly && chance(r, 0.25) {
		m.mode = mode(r.IntN(4))
	}
	if day == 0 || !chance(r, 0.2) || m.plain { // else it is the second run of a day
		a.Now = march(10 + day)
	}
	a.Insert, a.Known, a.Subscribe = m.mode.inserts(), nil, nil
	a.Destination.Subsequence, a.Destination.Creating = "upd", ""
	switch m.mode {
	case upsert:
		a.Destination.Subsequence = "crm"
	case pair:
		a.Destination.Creating = "new"
	}
	if a.Insert && chance(r, 0.4) {
		a.Subscribe = pick(r, []int{0}, []int{4, 1}, []int{63})
	}
	a.Refresh, a.Partial = chance(r, 0.05), chance(r, 0.1)
	a.Rows, a.MaxFiles = splio.FullRows, 0
	if !m.plain {
		switch r.IntN(4) {
		case 0:
			a.Rows, a.MaxFiles = splio.ChangedOnly, 1+r.IntN(4)
		case 1:
			a.Rows, a.MaxFiles = splio.ChangedOnly, 1000
		case 2:
			a.Rows, a.MaxFiles = splio.ExactlyChanged, 1000
		}
	}
	if a.Subscribe != nil && m.plain && !slices.Contains(m.columns(), "subscriptions") {
		a.Subscribe = nil // whose column is not in every file
	}
	m.note("day %v: mode %d, rows %q, at most %d files, subscribe %v, refresh %v, partial %v, exist %v", a.Now.Day(), m.mode, a.Rows, a.MaxFiles, a.Subscribe, a.Refresh, a.Partial, m.s.Contacts())
}

// columns are those of the mapping, without the key.
func (m *model) columns() (names []string) {
	for _, f := range m.a.Mapping.Fields {
		names = append(names, f.To)
	}
	return names
}

// field is the name of a column in a contact.
func field(column string) string {
	for _, f := range customFields {
		if f.ID == column {
			return f.Name
		}
	}
	return column
}

// edit changes a text of a contact that was sent before.
func (m *model) edit() {
	for _, k := range slices.Sorted(maps.Keys(m.rows)) {
		c, exists := m.s.Contact(k)
		i := m.r.IntN(len(m.kinds))
		if !exists || m.kinds[i] != "text" || !chance(m.r, 0.3) {
			continue
		}
		edits := m.edits[k]
		if edits == nil {
			edits = make(map[string]string)
			m.edits[k] = edits
		}
		for j, name := range m.columns() { // what is kept there is somebody's own from now on
			if got := c.Fields[field(name)]; m.empty(m.rows[k].cells[j]) && got != "" {
				edits[name] = got
			}
		}
		name := m.columns()[i]
		edits[name] = fmt.Sprintf("edited %d", len(m.log))
		c.Fields[field(name)] = edits[name]
		m.note("Splio edits %s of %s", name, k)
		if err := m.s.Put(c); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *model) empty(cell string) bool {
	return cell == "" || m.rules.NullIsEmpty && strings.EqualFold(cell, "NULL")
}

// verdicts says what is to happen to each key that the segment has. One whose
// records are all rejected has none.
func (m *model) verdicts(src mapping.Source, exist []string) (now map[string]*verdict, unusable bool) {
	fields, err := src.Fields(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	mapper, err := m.a.Mapping.Bind(fields, m.a.Destination.Options())
	if err != nil {
		m.t.Fatal(err)
	}
	now = make(map[string]*verdict)
	clash := make(map[string]bool)
	var row mapping.Row
	for rec, err := range src.Records(m.t.Context()) {
		if err != nil {
			m.t.Fatal(err)
		}
		mapper.Render(&row, rec)
		key := string(row.Key)
		if unusable = unusable || row.Key == nil; row.Key == nil {
			continue
		}
		if _, there := now[key]; !there {
			now[key] = nil
		}
		v := &verdict{}
		for _, cell := range row.Cells[1:] {
			text := string(cell)
			if cell == nil {
				text = absent
			}
			v.cells = append(v.cells, text)
			v.quotes = v.quotes || m.a.Format.Quotes == splio.QuoteReject && (strings.ContainsAny(text, `;"`) || strings.Trim(text, " ") != text)
		}
		if old := now[key]; !row.OK || v.quotes {
			if old == nil && row.OK { // no state, but to be told from a record that the mapping rejects
				now[key] = &verdict{quotes: true}
			}
			continue
		} else if old != nil && !old.quotes {
			clash[key] = clash[key] || !slices.Equal(old.cells, v.cells)
			if m.a.Duplicates == diff.FirstWins {
				continue
			}
		}
		now[key] = v
	}
	for key, v := range now {
		if clash[key] && m.a.Duplicates == diff.RejectDuplicates || v == nil {
			now[key] = nil
			continue
		}
		old := m.rows[key]
		v.isNew = old == nil || old.unconfirmed && m.mode != decide
		v.held = v.isNew && m.mode == known && !slices.Contains(exist, key)
		v.unconfirmed = m.mode == decide && (old == nil || old.unconfirmed)
	}
	return now, unusable
}

// files looks at what is on its way: the unchanged cells in it, and which edits it
// overwrites.
func (m *model) files(report *splio.Report, now map[string]*verdict) {
	var unchanged int64
	seen := make(map[string]string)
	for _, f := range report.Files {
		data, err := m.d.ReadFile(f.Name)
		if err != nil {
			m.t.Error(err)
			return
		}
		m.note("%s:\n%s", f.Name, data)
		if most := m.a.Format.MaxBytes; most > 0 && f.Bytes > most && f.Rows > 1 {
			m.t.Errorf("%s has %d bytes and %d rows", f.Name, f.Bytes, f.Rows)
		}
		rows := parseFile(m.a.Format, string(data))
		for _, row := range rows[1:] {
			key := row[0]
			if seen[key] != "" {
				m.t.Errorf("%s is in %s and %s", key, seen[key], f.Name)
			}
			seen[key] = f.Name
			v := now[key]
			if v == nil || v.quotes || v.held {
				m.t.Errorf("%s is in %s, and is not to be sent", key, f.Name)
				return
			}
			if full := v.isNew || m.a.Rows == splio.FullRows || m.a.Refresh || m.rows[key].unconfirmed; full && !m.full(rows[0], v) {
				m.t.Errorf("%s of %s has columns %q, and must be full", f.Name, key, rows[0])
			}
			for i, name := range rows[0][1:] {
				at := slices.Index(m.columns(), name)
				if !v.isNew && (at < 0 || m.rows[key].cells[at] == v.cells[at]) {
					unchanged++
				}
				delete(m.edits[key], name)
				if at >= 0 && v.cells[at] == absent && (name != "subscriptions" || m.a.Subscribe == nil || !v.isNew) {
					m.t.Errorf("%s has %q of %s, which is absent", f.Name, row[i+1], key)
				}
			}
		}
	}
	if unchanged != report.UnchangedCells {
		m.t.Errorf("the files hold %d unchanged cells, the report says %d", unchanged, report.UnchangedCells)
	}
	if exact := m.a.Rows == splio.ExactlyChanged && !m.a.Refresh; exact && unchanged > 0 {
		for key, v := range now {
			if v != nil && !v.isNew && !v.held && (m.rows[key].unconfirmed || m.onlyAbsent(key, v)) {
				exact = false // a full row is asked for
			}
		}
		if exact {
			m.t.Errorf("%d unchanged cells", unchanged)
		}
	}
}

// full reports whether a header has the columns of all cells that are there.
func (m *model) full(header []string, v *verdict) bool {
	for i, name := range m.columns() {
		if v.cells[i] != absent && !slices.Contains(header, name) {
			return false
		}
	}
	return true
}

// onlyAbsent reports whether all cells that changed are absent now, but there is
// one.
func (m *model) onlyAbsent(key string, v *verdict) (changed bool) {
	for i, cell := range v.cells {
		if m.rows[key] != nil && m.rows[key].cells[i] != cell {
			if cell != absent {
				return false
			}
			changed = true
		}
	}
	return changed
}

// settle brings the snapshot to where it must be.
func (m *model) settle(now map[string]*verdict, unusable bool) {
	for key, v := range now {
		switch {
		case v == nil || v.quotes:
		case v.held:
			delete(m.rows, key)
		default:
			m.rows[key] = &v.sent
			m.existed[key] = true
		}
	}
	if unusable || m.a.Partial {
		return
	}
	for key := range m.rows {
		if _, there := now[key]; !there {
			delete(m.rows, key)
		}
	}
}

// compare requires that all is in Splio, and tolerates a difference for its own
// reason alone.
func (m *model) compare(src mapping.Source, now map[string]*verdict, unchanged int64) {
	all, err := m.s.Differences(m.t.Context(), src, m.a.Mapping, m.a.Destination.Options())
	if err != nil {
		m.t.Error(err)
		return
	}
	for _, d := range all {
		v, there := now[d.Key]
		ok := there && (v == nil || v.quotes)         // rejected, and so as it was
		held := m.mode == known && v != nil && v.held // one that is not known has no row
		switch edited, touched := m.edits[d.Key][d.Column]; d.Kind {
		case spliotest.Extra:
			ok = m.existed[d.Key]
		case spliotest.Kept:
			ok = ok || !m.erases
		case spliotest.Replaced:
			ok = ok || m.replaces(d.Want)
		case spliotest.Missing:
			ok = ok || held
		case spliotest.Ignored:
			ok = ok || held || m.mode == decide
		case spliotest.Differs:
			ok = ok || touched && edited == d.Got
		}
		if !ok {
			m.t.Error(d)
		}
	}
	for key, edits := range m.edits {
		c, _ := m.s.Contact(key)
		for name, value := range edits {
			if c.Fields[field(name)] != value && m.a.Rows != splio.FullRows && unchanged == 0 {
				m.t.Errorf("%s of %s was edited in Splio, and is overwritten", name, key)
			}
		}
	}
	for key, v := range now {
		if c, ok := m.s.Contact(key); ok && v != nil && !v.quotes && v.isNew {
			m.subscribed(c, v)
		}
	}
}

// replaces reports whether a file of this format can not hold a value as it is.
func (m *model) replaces(value string) bool {
	switch m.a.Format.Quotes {
	case splio.QuoteNeeded, splio.QuoteAll:
		return !m.a.Format.Backslash && (strings.Contains(value, `\"`) || strings.HasSuffix(value, `\`))
	case splio.QuoteNever:
		return strings.ContainsAny(value, `;"`)
	}
	return false
}

// subscribed requires that a contact that is new is on the lists that such join.
func (m *model) subscribed(c spliotest.Contact, v *verdict) {
	said := ""
	if i := slices.Index(m.columns(), "subscriptions"); i >= 0 {
		said = v.cells[i]
	}
	for _, id := range m.a.Subscribe {
		leaves := slices.Contains(strings.Split(said, ","), "-"+strconv.Itoa(id))
		if slices.Contains(c.Lists, id) == leaves && (!leaves || v.isNew) {
			m.t.Errorf("%s is on lists %v, the row says %q, and new contacts join %v", c.Key, c.Lists, said, m.a.Subscribe)
		}
	}
}
