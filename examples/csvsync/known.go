package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping/source"
)

// knownKeys reads the keys that exist in Splio from a CSV export: the values of a column, which is by default the one
// called like the key attribute, or the only one.
func knownKeys(name, column, key string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		src := source.CSVFile(name, source.CSVOptions{})
		fields, err := src.Fields(context.Background())
		if err != nil {
			yield("", err)
			return
		}
		want := column
		if want == "" {
			want = key
		}
		at := slices.Index(fields, want)
		if at < 0 && column == "" && len(fields) == 1 {
			at = 0
		}
		if at < 0 {
			yield("", fmt.Errorf("%s: there is no column %q: name the one that holds the keys with -known-column", name, want))
			return
		}
		for rec, err := range src.Records(context.Background()) {
			switch {
			case err != nil:
				yield("", err)
				return
			case rec.Err != nil:
				yield("", fmt.Errorf("%s: line %d: %w", name, rec.Line, rec.Err))
				return
			case !yield(string(rec.Values[at].AppendPlain(nil)), nil):
				return
			}
		}
	}
}

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
