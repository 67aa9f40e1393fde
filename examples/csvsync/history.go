package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spliosync/spliosync/splio"
)

// printHistory prints the runs that the state remembers, one a line, the newest last.
func printHistory(ctx context.Context, w io.Writer, state string) error {
	runs, err := splio.Activation{State: state}.History(ctx)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "no runs are remembered")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "time (UTC)\tread\trejected\tunchanged\tinserted\tupdated\tleft\tfiles\trows\tbytes\tseconds\t  outcome")
	for _, r := range runs {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t  %s\n", r.Time.UTC().Format(time.DateTime),
			r.Read, r.Rejected, r.Unchanged, r.Inserted, r.Updated, r.Left, r.Files, r.Rows, r.Bytes, r.Duration.Seconds(), became(r))
	}
	return t.Flush()
}

// became says in a few words what became of a run.
func became(r splio.RunRecord) string {
	words := []string{string(r.Outcome)}
	if r.Failure != "" {
		words = append(words, r.Failure)
	}
	if r.Released {
		words = append(words, "released")
	}
	for _, b := range r.Brakes {
		words = append(words, string(b))
	}
	return strings.Join(words, " ")
}
