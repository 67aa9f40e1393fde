package splio

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// Destination names where contacts go.
type Destination struct {
	// Universe is the account at Splio, and the first part of every file name.
	// It may hold "_" (documented by an example; FORMAT.md, section 1).
	Universe string

	// Subsequence is the import configuration at Splio that files are for, as
	// spelt there; letters and digits. It decides whether rows may create
	// contacts, update them or both: with Insert on it must do both, with Insert
	// off only update (FORMAT.md, section 7).
	Subsequence string

	// Custom declares the custom fields that exist in the universe: by the names
	// that file headers use, which are the field's own name or c and its number,
	// such as "c5" (ask Splio which; FORMAT.md, section 5), with their types and
	// limits, 255 characters by default. A mapping with any other is refused,
	// because one unknown name makes Splio skip the whole file (documented;
	// FORMAT.md, section 3). Nil declares nothing: then custom attributes pass,
	// and the plan lists them as unverified.
	Custom []mapping.Attribute
}

var (
	universeName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	subsequenceName = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
)

func (d Destination) validate() error {
	var errs []error
	if !universeName.MatchString(d.Universe) {
		errs = append(errs, fmt.Errorf("splio: Destination.Universe %q: give the name of the universe, in at most 100 letters, digits, _ and -", d.Universe))
	}
	if !subsequenceName.MatchString(d.Subsequence) {
		errs = append(errs, fmt.Errorf("splio: Destination.Subsequence %q: give the name of the sub-sequence, in at most 64 letters and digits", d.Subsequence))
	}
	return errors.Join(errs...)
}

// fileName returns the n-th name, from 1, for files of a day. The first is the
// documented form; whether Splio takes the suffix of the others is unknown
// (FORMAT.md, section 1).
func (d Destination) fileName(day time.Time, n int) string {
	name := d.Universe + "_contacts_" + d.Subsequence + "_" + day.Format("20060102")
	if n > 1 {
		name += fmt.Sprintf("_%d", n)
	}
	return name + ".csv"
}
