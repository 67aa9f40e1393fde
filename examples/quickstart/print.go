package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// shown is how many lines of the first file are printed, the header included.
const shown = 9

// lesson is a value on its way.
type lesson struct{ segment, file, why string }

// lessons are about values in the lines of the first file that are printed.
var lessons = []lesson{
	{`"tea; art"`, `"tea; art"`, `a value with ";" stays in quotes: it is one cell`},
	{`"12"" vinyl"`, `"12"" vinyl"`, `so does one with a quote, which is doubled`},
	{"hiking\nsailing", "hiking sailing", "a contact is one line: a line break becomes a space"},
	{"J.Weiss@Example.ORG", "j.weiss@example.org", "Splio wants e-mails in lower case"},
	{"+33 (0)6 39 98 00 03", "0033639980003", "Splio's form: 00, country code, number, digits only"},
	{"06 39 98 00 07", "", "no country in it: left empty and reported, not guessed"},
	{"cs_CZ", "cz", "one of the 17 codes that Splio lists"},
	{"pt_PT", "", "not one of them: left empty and reported"},
	{"31/01/1992", "1992-01-31", "one of the three layouts that the mapping names"},
	{"149.9", "149.90", "an amount has two decimals and a dot"},
	{"yes", "1", "yes, true and 1 are all 1: Splio has no boolean type"},
	{"+4,+0", "+0,+4", "lists to join (+) and to leave (-), in order"},
	{"Null", "Null", "a real surname: sent as it is, and reported"},
}

// page lays the story out. An error of the writer is kept until Flush.
type page struct{ *bufio.Writer }

func newPage(w io.Writer) page { return page{bufio.NewWriter(w)} }

func (p page) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// say prints lines, each indented.
func (p page) say(lines ...string) {
	for _, line := range lines {
		p.printf("  %s\n", line)
	}
}

func (p page) heading(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.printf("\n%s\n%s\n", text, strings.Repeat("-", utf8.RuneCountInString(text)))
}

func (p page) title() {
	p.printf("TWO DAYS OF A SEGMENT, ON THEIR WAY TO SPLIO\n")
	p.say("A CRM exports its contacts every day. mapping.json says which field feeds which attribute;",
		"the e-mail is the key. The files below are what an SFTP server in this process received.")
}

func (p page) firstDay(o *outcome) {
	p.heading("Day 1, %s: everything is new", o.now.Format("Monday 2 January 2006"))
	p.balance(o)
	p.files(o, shown)
	p.printf("\n  %-21s %-20s %s\n", "IN THE SEGMENT", "IN THE FILE", "WHY")
	for _, l := range lessons {
		p.printf("  %-21s %-20s %s\n", strings.ReplaceAll(l.segment, "\n", "[break]"), cmp.Or(l.file, "(empty)"), l.why)
	}
	p.findings(o)
	p.printf("\n")
	p.say("- Line 17 is Léa again, her e-mail in capitals and all else the same: the duplicate, sent once.",
		"- Lines 23 and 24 give one e-mail to two people. Who is right is not for a program to say.",
		`- "reads NULL" is Zoë's surname. It is unknown whether Splio takes the word for "no value".`)
}

func (p page) secondDay(o *outcome) {
	p.heading("Day 2, %s: only what changed", o.now.Format("Monday 2 January 2006"))
	p.balance(o)
	p.files(o, math.MaxInt)
	p.printf("\n")
	p.say("- A row is full: the present value of every attribute, though only one or two changed.",
		"- Paul's interests are empty now. Whether that erases what Splio has seems to depend on how the",
		"  sub-sequence is configured: ask.",
		"- René's phone and birth date are spelt differently today and mean the same: unchanged.",
		"- Zofia's line was broken yesterday and has been repaired: she is new, like the last two.",
		"- Victor is gone from the segment. He is counted, and nothing is sent about him.")
	p.findings(o)
}

func (p page) secondDayAgain(o *outcome) {
	p.heading("Day 2 once more: nothing to say")
	p.balance(o)
	p.files(o, 0)
}

func (p page) insertMode(off, on, later *outcome) {
	p.heading("Insert mode off, then on: the first day again, in another universe")
	p.say("OFF: rows go to a sub-sequence that only updates.")
	p.balance(off)
	p.files(off, 0)
	p.say("Not one of them counts as inserted. Splio updates the contacts it has and ignores the rest; which",
		"those are it does not tell, so each record is remembered as unconfirmed.")
	p.printf("\n")
	p.say("ON, with the same segment, in the sub-sequence that also creates: the unconfirmed count as new.")
	p.balance(on)
	p.files(on, 0)
	p.printf("\n")
	p.say("The next segment comes on the same day, and with it a second file.")
	p.balance(later)
	p.files(later, 0)
}

func (p page) end() {
	p.printf("\n")
	p.say("That is all: the server stops, and its files and the state are removed.",
		"Read main.go next: it is what you would write. splio/FORMAT.md says where each rule about Splio",
		"comes from, and how sure it is.")
}

// balance says what became of the records. The numbers add up.
func (p page) balance(o *outcome) {
	r := o.report
	var parts []string
	for _, part := range []struct {
		n    int64
		name string
	}{
		{r.Inserted, "inserted"}, {r.Updated, "updated"}, {r.Unchanged, "unchanged"},
		{r.Duplicate, "duplicate"}, {r.Rejected, "rejected"}, {r.HeldBack, "held back"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.name))
		}
	}
	p.printf("  %d records = %s\n", r.Read, strings.Join(parts, " + "))

	var changed []string
	for _, c := range r.Columns {
		if c.Changed > 0 {
			changed = append(changed, fmt.Sprintf("%s %d", c.Name, c.Changed))
		}
	}
	if len(changed) > 0 {
		p.printf("  columns changed: %s\n", strings.Join(changed, ", "))
	}
	if r.Left > 0 {
		p.printf("  left the segment: %d, about whom nothing is sent\n", r.Left)
	}
}

// files prints each file as it arrived, down to a number of lines.
func (p page) files(o *outcome, lines int) {
	if len(o.report.Files) == 0 {
		p.say("no file, because there is nothing to send")
	}
	for i, f := range o.report.Files {
		p.file(f, o.delivered[i], lines)
	}
}

func (p page) file(f splio.File, content string, lines int) {
	p.printf("  arrived: %s, %d rows, %d bytes\n", f.Name, f.Rows, f.Bytes)
	if f.SuffixUnconfirmed {
		p.say("Suffix unconfirmed: Splio documents one name per sub-sequence and day. Ask whether it takes _2.")
	}
	if lines == 0 {
		return
	}
	p.printf("\n")
	all := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	for _, line := range all[:min(lines, len(all))] {
		p.printf("    %s\n", line)
	}
	if more := len(all) - lines; more > 0 {
		p.printf("    ... %d more\n", more)
	}
}

// findings lists what was wrong and where. It could show the values too, by Rejection.Value, but those are somebody's
// personal data: line and field are enough to find them in the segment.
func (p page) findings(o *outcome) {
	sorted := slices.SortedStableFunc(slices.Values(o.findings), func(a, b mapping.Rejection) int {
		return cmp.Compare(a.Line, b.Line)
	})
	p.printf("\n  NOT SENT, and tried again in the next run\n")
	for _, r := range sorted {
		if r.Action == mapping.Rejected {
			p.printf("  line %d  %-11s %s\n", r.Line, cmp.Or(r.Field, "(record)"), r.Reason)
		}
	}
	p.printf("\n  SENT, but have a look\n")
	for _, r := range sorted {
		if r.Action != mapping.Rejected {
			p.printf("  line %-2d  %-11s %-34s %s\n", r.Line, cmp.Or(r.Field, "(record)"), r.Reason, r.Action)
		}
	}
}
