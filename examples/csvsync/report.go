package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// maxLines is how many lines are named for each kind of rejection.
const maxLines = 5

// firstLines are the lines of the segment where each kind of rejection was met first. The kinds have no count.
type firstLines map[splio.RejectionCount][]int64

func (l firstLines) add(r mapping.Rejection) {
	kind := splio.RejectionCount{Field: r.Field, Attribute: r.Attribute, Reason: r.Reason, Action: r.Action}
	if at := l[kind]; len(at) < maxLines {
		l[kind] = append(at, r.Line)
	}
}

// of names the lines of a kind, as in " (lines 3, 8, ...)".
func (l firstLines) of(kind splio.RejectionCount) string {
	count := kind.Count
	kind.Count = 0
	at := l[kind]
	if len(at) == 0 {
		return ""
	}
	numbers := make([]string, 0, maxLines+1)
	for _, line := range at {
		numbers = append(numbers, fmt.Sprint(line))
	}
	if count > int64(len(at)) {
		numbers = append(numbers, "...")
	}
	word := "line"
	if count > 1 {
		word = "lines"
	}
	return fmt.Sprintf(" (%s %s)", word, strings.Join(numbers, ", "))
}

// printReport writes the summary for people, of a segment that is partial or not; not sending says that none of the files was to be sent yet. It holds no value of any contact.
func printReport(w io.Writer, r *splio.Report, found firstLines, partial, dryRun, sending bool) {
	if r.Resumed != nil {
		fmt.Fprintln(w, "first, the delivery of an earlier run:")
		printFiles(w, r.Resumed, true)
	}
	if r.Plan == "" && !dryRun {
		return // the run got no further than that
	}
	if dryRun {
		fmt.Fprintln(w, "dry run: nothing is sent or remembered")
	}
	fmt.Fprintf(w, "read %d: %d rejected, %d duplicate, %d held back, %d unchanged, %d inserted, %d updated\n",
		r.Read, r.Rejected, r.Duplicate, r.HeldBack, r.Unchanged, r.Inserted, r.Updated)
	printLeft(w, r, partial)
	for _, c := range r.Columns {
		if c.Added && !r.First {
			fmt.Fprintf(w, "attribute %s is new: %d contacts sent before have a value in it\n", c.Name, c.Changed)
		}
	}
	if len(r.Dropped) > 0 {
		fmt.Fprintf(w, "attributes that are not mapped any more: %s\n", strings.Join(r.Dropped, ", "))
	}
	printFound(w, r, found)
	for _, b := range r.Brakes {
		if b.Hit && dryRun { // in a run, the error says it
			fmt.Fprintf(w, "a brake: %s\n", b)
		}
	}
	for _, doubt := range r.Doubts {
		fmt.Fprintf(w, "to be settled with Splio: %s\n", doubt)
	}
	if len(r.Waiting) > 0 {
		fmt.Fprintf(w, "files of earlier runs that nobody has taken yet: %s\n", strings.Join(r.Waiting, ", "))
	}
	if r.HistorySkipped != "" {
		fmt.Fprintln(w, r.HistorySkipped)
	}
	if len(r.Files) == 0 {
		fmt.Fprintln(w, "nothing to send")
	}
	printFiles(w, r, sending)
}

// printFound writes what was found wrong with values, and what nobody has verified.
func printFound(w io.Writer, r *splio.Report, found firstLines) {
	for _, c := range r.Rejections {
		fmt.Fprintf(w, "%s%s\n", c, found.of(c))
	}
	if len(r.Unverified) > 0 {
		fmt.Fprintf(w, "make sure that the universe has these custom attributes, or Splio skips the file: %s\n", strings.Join(r.Unverified, ", "))
	}
}

// printLeft writes what is done about those who left the segment.
func printLeft(w io.Writer, r *splio.Report, partial bool) {
	if r.Left > 0 {
		what := "nothing is sent about them"
		switch {
		case r.Deleted > 0:
			what = fmt.Sprintf("%d to be deleted", r.Deleted)
		case r.LeftRows > 0:
			what = fmt.Sprintf("%d rows are sent about them", r.LeftRows)
		}
		fmt.Fprintf(w, "left the segment: %d (%s)\n", r.Left, what)
	}
	if r.LeftSkipped != "" {
		fmt.Fprintln(w, inFlags.Replace(r.LeftSkipped))
	}
	if r.Uncertain > 0 {
		why := " (a record without a usable key may be theirs; -max-unusable says how many are no matter)"
		if partial {
			why = ""
		}
		fmt.Fprintf(w, "not in the segment, but maybe not gone: %d%s\n", r.Uncertain, why)
	}
}

func printFiles(w io.Writer, r *splio.Report, sending bool) {
	for _, f := range r.Files {
		state := "delivered"
		switch {
		case !sending:
			state = "planned"
		case !f.Delivered:
			state = "NOT DELIVERED"
		}
		if f.SuffixUnconfirmed {
			state += "; ask Splio whether a name with this suffix is taken"
		}
		fmt.Fprintf(w, "%s: %d rows, %d bytes, %s\n", f.Name, f.Rows, f.Bytes, state)
	}
}

// writeReport writes the report as JSON.
func writeReport(name string, r *splio.Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = replaceFile(name, 0o644, func(w io.Writer) error {
			_, err := w.Write(append(data, '\n'))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
