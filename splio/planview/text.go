package planview

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spliosync/spliosync/splio"
)

// TextOptions say how a view is written for a terminal.
type TextOptions struct {
	// Width is the number of columns to fill: 80 when 0, and never fewer than 40.
	// Columns of tables that do not fit are left out.
	Width int

	// Colour marks what matters by colour too. Whether NO_COLOR is set, or whether
	// there is a terminal at all, is for the caller to ask.
	Colour bool
}

const (
	maxRows = 15 // of a table, in text
	sgrBad  = "\x1b[1;31m"
	sgrWarn = "\x1b[33m"
	sgrHead = "\x1b[1m"
	sgrEnd  = "\x1b[0m"
)

// Text writes the view for a terminal, as UTF-8. Long lists are cut, and say so.
func (v *View) Text(w io.Writer, o TextOptions) error {
	t := &text{width: max(o.Width, 40), colour: o.Colour}
	if o.Width == 0 {
		t.width = 80
	}
	t.head(v)
	t.stops(v)
	r := &v.Report
	t.tallies(r)
	t.columns(r)
	t.brakes(r)
	t.files(r)
	t.rejects(r)
	t.sentences("Before it is sent", v.Checks)
	t.sentences("Good to know", v.Notes)
	t.history(v.History)
	t.samples(v.Samples)
	if _, err := w.Write(t.Bytes()); err != nil {
		return fmt.Errorf("planview: write text: %w", err)
	}
	return nil
}

// text is what is written so far.
type text struct {
	bytes.Buffer
	width  int
	colour bool
}

func (t *text) paint(sgr, s string) string {
	if !t.colour || sgr == "" {
		return s
	}
	return sgr + s + sgrEnd
}

func (t *text) section(title string) {
	t.WriteByte('\n')
	t.wrap(sgrHead, "", title)
}

// wrap writes words behind a prefix, and lines after the first below them.
func (t *text) wrap(sgr, prefix, s string) {
	indent := strings.Repeat(" ", cells(prefix))
	room := t.width - len(indent)
	line, used := prefix, 0
	flush := func() {
		head, rest := line[:len(prefix)], line[len(prefix):]
		fmt.Fprintf(t, "%s%s\n", head, t.paint(sgr, rest))
		line, used = indent, 0
		prefix = indent
	}
	for word := range strings.FieldsSeq(s) {
		for cells(word) > room { // a name, say
			if used > 0 {
				flush()
			}
			cut := fit(word, room)
			line += word[:cut]
			flush()
			word = word[cut:]
		}
		n := cells(word)
		if used > 0 && used+1+n > room {
			flush()
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += n
	}
	if used > 0 {
		flush()
	}
}

func (t *text) head(v *View) {
	t.wrap(sgrHead, "", prose(v.Title)+": "+string(v.Verdict))
	t.WriteByte('\n')
	sgr := ""
	if v.Verdict == Stopped {
		sgr = sgrBad
	}
	t.wrap(sgr, "", prose(v.Headline))
	t.wrap("", "", prose(v.Next))
	if made := made(v); made != "" {
		t.wrap("", "", show(made))
	}
}

// made says which plan it is, and of when.
func made(v *View) string {
	var parts []string
	if v.Report.Plan != "" {
		parts = append(parts, "Plan "+v.Report.Plan)
	}
	if !v.Time.IsZero() {
		parts = append(parts, v.Time.Format("2 January 2006, 15:04 MST"))
	}
	return strings.Join(parts, " · ")
}

func (t *text) stops(v *View) {
	if len(v.Stops) > 0 {
		if v.Verdict == Stopped {
			t.section("What stops it")
		} else {
			t.section("Brakes that were hit")
		}
		for _, s := range v.Stops {
			t.wrap(sgrBad, "! ", prose(s.Numbers))
			if s.Cause != "" {
				t.wrap("", "  ", "Usual cause: "+prose(s.Cause))
			}
		}
	}
	if len(v.Ways) == 0 {
		return
	}
	t.section(waysTitle(v))
	for i, way := range v.Ways {
		t.wrap("", fmt.Sprintf("%d. ", i+1), prose(way.Title)+". "+prose(way.Text))
		if way.Code != "" {
			fmt.Fprintf(t, "   %s\n", prose(way.Code)) // in one piece, to be copied
		}
	}
}

func waysTitle(v *View) string {
	if v.Verdict == Stopped {
		return "Two ways on"
	}
	return "What you can do"
}

// table writes rows whose first cell is text and the others numbers; the last may
// be text that is left out when there is no room for it.
func (t *text) table(rows [][]string, note bool) {
	more := 0
	if len(rows) > maxRows+1 { // never "1 more"
		more, rows = len(rows)-maxRows, rows[:maxRows]
	}
	if len(rows) == 0 {
		return
	}
	last := len(rows[0])
	if note {
		last--
	}
	widths := make([]int, last)
	for _, row := range rows {
		for i, cell := range row[:last] {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	taken := func() (n int) {
		for _, w := range widths[1:last] {
			n += w + 2
		}
		return n
	}
	for last > 2 && 2+min(widths[0], 16)+taken() > t.width {
		last--
	}
	widths[0] = min(widths[0], max(t.width-2-taken(), 8))
	for _, row := range rows {
		line := "  " + pad(row[0], widths[0], false)
		for i, cell := range row[1:last] {
			line += "  " + pad(cell, widths[i+1], true)
		}
		if tail := row[len(row)-1]; note && tail != "" && cells(line)+2+cells(tail) <= t.width {
			line += "  " + tail
		}
		fmt.Fprintln(t, strings.TrimRight(line, " "))
	}
	if more > 0 {
		fmt.Fprintf(t, "  and %s more\n", number(int64(more)))
	}
}

func (t *text) tallies(r *splio.Report) {
	t.section("Where every record went")
	var rows [][]string
	for _, c := range tallies(r) {
		rows = append(rows, []string{c.name, number(c.n), c.explain})
	}
	t.table(append(rows, []string{"Records read", number(r.Read), ""}), true)
}

func (t *text) columns(r *splio.Report) {
	changed, still := byChanges(r.Columns)
	if len(changed) == 0 {
		return
	}
	t.section("Changes per attribute")
	var rows [][]string
	for _, c := range changed {
		bar := strings.Repeat("█", max(1, int(20*float64(c.Changed)/float64(changed[0].Changed)+0.5)))
		if c.Added {
			bar += " new"
		}
		rows = append(rows, []string{show(c.Name), number(c.Changed), bar})
	}
	t.table(rows, true)
	if still > 0 {
		t.wrap("", "  ", count(int64(still), "other attribute")+" did not change.")
	}
}

// byChanges returns the attributes that changed, the most changed first, and how
// many others there are.
func byChanges(columns []splio.ColumnCount) (changed []splio.ColumnCount, still int) {
	for _, c := range columns {
		if c.Changed > 0 {
			changed = append(changed, c)
		}
	}
	slices.SortStableFunc(changed, func(a, b splio.ColumnCount) int {
		switch {
		case a.Changed > b.Changed:
			return -1
		case a.Changed < b.Changed:
			return 1
		}
		return 0
	})
	return changed, len(columns) - len(changed)
}

func (t *text) brakes(r *splio.Report) {
	if len(r.Brakes) == 0 {
		return
	}
	t.section("How near each brake was")
	for _, b := range r.Brakes {
		used, word := nearness(b)
		sgr := map[string]string{"hit": sgrBad, "near": sgrWarn}[word]
		filled := min(12, int(12*used*0.75+0.5))
		gauge := strings.Repeat("█", min(filled, 9)) + strings.Repeat("·", 9-min(filled, 9)) +
			"|" + strings.Repeat("█", max(filled-9, 0)) + strings.Repeat("·", 3-max(filled-9, 0))
		if b.Brake == splio.BrakeEmpty {
			gauge = strings.Repeat(" ", 13)
		}
		line := fmt.Sprintf("  %s %s ", t.paint(sgr, gauge), t.paint(sgr, pad(word, 4, false)))
		t.wrapAfter(line, 21, show(wordsOf(b).name)+": "+brakeNumbers(b))
	}
}

// brakeNumbers are the numbers of a brake, in few words.
func brakeNumbers(b splio.BrakeReading) string {
	if b.Brake == splio.BrakeEmpty {
		return count(b.Count, "record")
	}
	if b.Brake == splio.BrakeSize || b.Brake == splio.BrakeRows {
		return number(b.Count) + ", usually " + number(b.Total) + ", " + shareOf(b)
	}
	return number(b.Count) + " of " + number(b.Total) + ", " + shareOf(b)
}

// wrapAfter is wrap behind a prefix of so many columns, which may hold colours.
func (t *text) wrapAfter(prefix string, columns int, s string) {
	var rest text
	rest.width = t.width
	rest.wrap("", strings.Repeat(" ", columns), s)
	t.WriteString(prefix)
	t.Write(rest.Bytes()[min(columns, rest.Len()):])
}

func (t *text) files(r *splio.Report) {
	if len(r.Files) == 0 {
		return
	}
	t.section("Files")
	for i, f := range r.Files {
		if i == maxRows {
			t.wrap("", "- ", "and "+number(int64(len(r.Files)-i))+" more")
			break
		}
		line := show(f.Name) + ": " + count(f.Rows, "row") + ", " + size(f.Bytes)
		if f.SuffixUnconfirmed {
			line += ", suffix unconfirmed"
		}
		if f.Delivered {
			line += ", arrived"
		}
		t.wrap("", "- ", line)
	}
}

func (t *text) rejects(r *splio.Report) {
	if len(r.Rejections) == 0 {
		return
	}
	t.section("What is wrong with values")
	for i, c := range r.Rejections {
		if i == maxRows {
			t.wrap("", "- ", "and "+number(int64(len(r.Rejections)-i))+" more")
			break
		}
		t.wrap("", "- ", fmt.Sprintf("%s × %s: %s (%s)", number(c.Count), show(fieldOf(c)), show(c.Reason), show(actionWords(c.Action))))
	}
}

// fieldOf says what a rejection is about.
func fieldOf(c splio.RejectionCount) string {
	switch {
	case c.Field == "" && c.Attribute == "":
		return "the record as a whole"
	case c.Field == "":
		return c.Attribute
	case c.Attribute == "" || c.Attribute == c.Field:
		return c.Field
	}
	return c.Field + " → " + c.Attribute
}

func (t *text) sentences(title string, list []string) {
	if len(list) == 0 {
		return
	}
	t.section(title)
	for _, s := range list {
		t.wrap("", "- ", prose(s))
	}
}

func (t *text) history(runs []splio.RunRecord) {
	if len(runs) == 0 {
		return
	}
	t.section("Earlier runs")
	rows := [][]string{{"UTC", "read", "added", "updated", "not sent", ""}}
	for _, h := range slices.Backward(runs) {
		rows = append(rows, []string{stamp(h.Time), number(h.Read), number(h.Inserted), number(h.Updated), number(h.Rejected), show(outcomeWords(h))})
	}
	t.table(rows, true)
}

// stamp writes the time of an earlier run, in the zone that all of them share.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }

func (t *text) samples(samples []Sample) {
	for _, s := range samples {
		title := "Sample rows"
		if s.File != "" {
			title += " of " + show(s.File)
		}
		t.section(title)
		for i, row := range s.Rows {
			if i > 0 {
				t.WriteByte('\n')
			}
			for j, value := range row {
				name := ""
				if j < len(s.Columns) {
					name = show(s.Columns[j])
				}
				t.wrap("", "  ", name+": "+showCell(value))
			}
		}
	}
}

// pad fills or cuts s to so many columns.
func pad(s string, width int, right bool) string {
	n := cells(s)
	if n > width {
		s = s[:fit(s, width-1)] + "…"
		n = cells(s)
	}
	fill := strings.Repeat(" ", max(width-n, 0))
	if right {
		return fill + s
	}
	return s + fill
}

// fit returns how many bytes of s fit into so many columns, at least one character.
func fit(s string, columns int) int {
	used := 0
	for i, r := range s {
		if used += cellsOf(r); used > columns && i > 0 {
			return i
		}
	}
	return len(s)
}

// cells is the number of columns that s takes on a terminal.
func cells(s string) (n int) {
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2 // East Asian, and pictures
	}
	return 1
}
