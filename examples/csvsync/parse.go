package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/splio"
)

// parseDuplicates reads a policy by its name.
func parseDuplicates(s string) (diff.DuplicatePolicy, error) {
	switch s {
	case "reject", "":
		return diff.RejectDuplicates, nil
	case "first":
		return diff.FirstWins, nil
	case "last":
		return diff.LastWins, nil
	}
	return 0, fmt.Errorf("-duplicates %q is none of reject, first and last", s)
}

// parseMemory turns MiB into bytes; none is the default.
func parseMemory(mib int) (int64, error) {
	if mib == 0 {
		return 0, nil
	}
	if mib < 16 || mib > 1<<20 {
		return 0, errors.New("-memory is a number of MiB from 16 on")
	}
	return int64(mib) << 20, nil
}

// parseRows reads which cells are sent.
func parseRows(s string) (splio.Rows, error) {
	switch s {
	case "full", "":
		return splio.FullRows, nil
	case "changed":
		return splio.ChangedOnly, nil
	case "exact":
		return splio.ExactlyChanged, nil
	}
	return "", fmt.Errorf("-rows %q is none of full, changed and exact", s)
}

// parseLeft reads what is done about contacts that left the segment.
func parseLeft(o *options) (splio.Left, error) {
	left := splio.Left{Delete: o.leftDelete}
	var err error
	left.Unsubscribe, err = parseIDs("-left-unsubscribe", o.leftUnsubscribe)
	if o.leftClear != "" {
		for name := range strings.SplitSeq(o.leftClear, ",") {
			left.Clear = append(left.Clear, strings.TrimSpace(name))
		}
	}
	return left, err
}

// parseIDs reads the ids of lists.
func parseIDs(option, s string) (ids []int, err error) {
	if s == "" {
		return nil, nil
	}
	var errs []error
	for id := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(id))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: ids of lists are numbers, like 3,7", option, id))
		}
		ids = append(ids, n)
	}
	return ids, errors.Join(errs...)
}

// parseFormat reads a list like "quotes=all,backslash,max-lines=100000".
func parseFormat(s string) (f splio.Format, _ error) {
	if s == "" {
		return f, nil
	}
	var errs []error
	for part := range strings.SplitSeq(s, ",") {
		name, value, valued := strings.Cut(strings.TrimSpace(part), "=")
		var err error
		switch {
		case name == "quotes" && value != "":
			f.Quotes = splio.Quotes(value)
		case name == "max-lines" && value != "":
			f.MaxLines, err = strconv.Atoi(value)
		case name == "max-bytes" && value != "":
			f.MaxBytes, err = strconv.ParseInt(value, 10, 64)
		case name == "backslash" && !valued:
			f.Backslash = true
		case name == "crlf" && !valued:
			f.CRLF = true
		case name == "open-end" && !valued:
			f.OpenEnd = true
		default:
			errs = append(errs, fmt.Errorf("-format %q is none of quotes=all, quotes=never, quotes=reject, backslash, crlf, open-end, max-lines=N and max-bytes=N", part))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("-format %q: give a number", part))
		}
	}
	return f, errors.Join(errs...)
}

// parseWaiting reads what is done about files of earlier runs.
func parseWaiting(o *options, a *splio.Activation) error {
	var errs []error
	switch o.waiting {
	case "report", "":
	case "wait", "refuse":
		a.Waiting = splio.Waiting(o.waiting)
	default:
		errs = append(errs, fmt.Errorf("-waiting %q is none of report, wait and refuse", o.waiting))
	}
	switch {
	case o.waitFor < 0:
		errs = append(errs, errors.New("-wait-for is less than nothing: give a duration like 90m"))
	case o.waitFor > 0 && o.waiting != "wait":
		errs = append(errs, errors.New("-wait-for is for -waiting wait"))
	}
	a.WaitFor = o.waitFor
	return errors.Join(errs...)
}

// readImports reads Splio's import configuration.
func readImports(o *options) (splio.ImportConfigs, error) {
	if o.imports == "" {
		return splio.ImportConfigs{}, nil
	}
	f, err := os.Open(o.imports)
	if err != nil {
		return splio.ImportConfigs{}, fmt.Errorf("-imports: %w", err)
	}
	defer f.Close()
	imports, err := splio.ReadImportConfigs(f, o.universe)
	if err != nil {
		return splio.ImportConfigs{}, fmt.Errorf("-imports %s: %w", o.imports, err)
	}
	return imports, nil
}

// isFile complains about a file that a flag names and that is not there.
func isFile(option, name string) error {
	if name == "" {
		return nil
	}
	if info, err := os.Stat(name); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	} else if info.IsDir() {
		return fmt.Errorf("%s: %s is a directory", option, name)
	}
	return nil
}
