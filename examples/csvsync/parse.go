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
	var errs []error
	if o.leftUnsubscribe != "" {
		for id := range strings.SplitSeq(o.leftUnsubscribe, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(id))
			if err != nil {
				errs = append(errs, fmt.Errorf("-left-unsubscribe %q: ids of lists are numbers, like 3,7", id))
			}
			left.Unsubscribe = append(left.Unsubscribe, n)
		}
	}
	if o.leftClear != "" {
		for name := range strings.SplitSeq(o.leftClear, ",") {
			left.Clear = append(left.Clear, strings.TrimSpace(name))
		}
	}
	return left, errors.Join(errs...)
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
