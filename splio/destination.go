package splio

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
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

	// Creating is the sub-sequence for new contacts, when it is not the same as
	// for all others: this one then creates, and Subsequence updates. It should
	// update as well, since a contact that is new here may exist in Splio. It is
	// used only with Insert on.
	Creating string

	// NewOnly declares that contacts that are new here can not exist in Splio, so
	// that a sub-sequence which creates and does not update loses nothing.
	NewOnly bool

	// Suffix is what follows the date in names beyond the first of a sub-sequence
	// and day, agreed with Splio. It holds {part}, a number from 2 on, or {token},
	// eight digits and letters that depend on the content, and may hold {time},
	// the time of the run as 150405; the rest are letters, digits, _ and -. Without
	// it, further files are called _2, _3 and so on, and are marked as
	// unconfirmed, because it is unknown which suffix Splio takes (FORMAT.md,
	// section 1).
	Suffix string

	// Imports is what Splio's import configuration says, as [ReadImportConfigs]
	// reads it. A plan that contradicts it is refused, with [ErrConfig] and the
	// option's name. Whatever it does not say, which by default is everything, you
	// have to check yourself (FORMAT.md, section 7).
	Imports ImportConfigs

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
	suffixForm      = regexp.MustCompile(`^([A-Za-z0-9_-]|\{(part|token|time)\}){0,32}$`)
)

func (d Destination) validate() error {
	var errs []error
	if !universeName.MatchString(d.Universe) {
		errs = append(errs, fmt.Errorf("splio: Destination.Universe %q: give the name of the universe, in at most 100 letters, digits, _ and -", d.Universe))
	}
	wrong := func(field, name string) {
		errs = append(errs, fmt.Errorf("splio: Destination.%s %q: give the name of the sub-sequence, in at most 64 letters and digits", field, name))
	}
	if !subsequenceName.MatchString(d.Subsequence) {
		wrong("Subsequence", d.Subsequence)
	}
	if d.Creating != "" && !subsequenceName.MatchString(d.Creating) {
		wrong("Creating", d.Creating)
	}
	if d.Creating != "" && d.Creating == d.Subsequence {
		errs = append(errs, errors.New("splio: Destination.Creating is Subsequence: leave it empty when one sub-sequence does both"))
	}
	if err := d.Imports.validate(); err != nil {
		errs = append(errs, err)
	}
	for _, name := range []string{d.Subsequence, d.Creating} {
		if _, _, err := d.Imports.find(contactsScope, name); name != "" && err != nil {
			errs = append(errs, err)
		}
	}
	if !suffixForm.MatchString(d.Suffix) || d.Suffix != "" && !strings.Contains(d.Suffix, "{part}") && !strings.Contains(d.Suffix, "{token}") {
		errs = append(errs, fmt.Errorf("splio: Destination.Suffix %q: give one with {part} or {token}, and perhaps {time}, besides letters, digits, _ and -", d.Suffix))
	}
	return errors.Join(errs...)
}

// FileName returns the n-th name, from 1, that an activation would give a contacts
// file of that day, for programs that write files without an activation. Of the
// file it takes Scope, Subsequence ([Destination.Subsequence] when empty) and, for
// a suffix with {token}, SHA256, as [Writer.Close] returns it. Nothing remembers
// then which names were used. The error matches [ErrConfig].
func (d Destination) FileName(f File, day time.Time, n int) (string, error) {
	err := d.validate()
	switch f.Scope {
	case "", contactsScope, deletesScope:
	default:
		err = errors.Join(err, fmt.Errorf("splio: File.Scope %q: it is empty or %q", f.Scope, deletesScope))
	}
	if f.Subsequence != "" && !subsequenceName.MatchString(f.Subsequence) {
		err = errors.Join(err, fmt.Errorf("splio: File.Subsequence %q: give the name of the sub-sequence, in at most 64 letters and digits", f.Subsequence))
	}
	if y := day.Year(); n < 1 || y < 1 || y > 9998 {
		err = errors.Join(err, fmt.Errorf("splio: the number of a file is at least 1, and its year 1 to 9998, not %d and %d", n, y))
	}
	if err != nil {
		return "", wrong(err)
	}
	return d.fileName(f.Scope, cmp.Or(f.Subsequence, d.Subsequence), day, n, f.SHA256), nil
}

// fileName returns the n-th name, from 1, for files of a scope, sub-sequence and
// day.
// The first is the documented form (FORMAT.md, section 1). The sum is that of the
// file's content.
func (d Destination) fileName(scope, subsequence string, day time.Time, n int, sum string) string {
	name := d.Universe + "_" + cmp.Or(scope, contactsScope) + "_" + subsequence + "_" + day.Format("20060102")
	switch {
	case n == 1:
	case d.Suffix == "":
		name += fmt.Sprintf("_%d", n)
	default:
		token := sha256.Sum256(fmt.Appendf(nil, "%s %d", sum, n))
		name += strings.NewReplacer("{part}", strconv.Itoa(n), "{time}", day.Format("150405"), "{token}", hex.EncodeToString(token[:4])).Replace(d.Suffix)
	}
	return name + ".csv"
}

// confirmed reports whether the n-th name is of a form that Splio takes, as far
// as anybody has said.
func (d Destination) confirmed(n int) bool { return n == 1 || d.Suffix != "" }
