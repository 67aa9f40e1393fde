package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spliosync/spliosync/splio"
)

// upkeep is what to do about what the state remembers, in place of a run.
type upkeep struct {
	adopt, replace bool
	forget         []string // keys
	forgetFile     string
	resend         string // a file
	most           int    // how often a contact is sent again
	column         string // of the keys, in these files
}

func (u *upkeep) forgets() bool { return len(u.forget) > 0 || u.forgetFile != "" }

// any says that there is something to do.
func (u *upkeep) any() bool { return u.adopt || u.forgets() || u.resend != "" }

// addForget takes a value of -forget.
func (u *upkeep) addForget(key string) error {
	if key == "" {
		return errors.New("the key is empty")
	}
	u.forget = append(u.forget, key)
	return nil
}

func (u *upkeep) check(o *options) error {
	var errs []error
	if n := count(u.adopt, u.forgets(), u.resend != ""); n > 1 || n > 0 && (o.work.make || o.work.any() || o.dryRun || o.explain != nil) {
		errs = append(errs, errors.New("-adopt, -forget (or -forget-file) and -resend take the place of a run: give one of them, "+
			"and none of -plan, -apply, -release, -discard, -dry-run and -explain"))
	}
	if u.replace && !u.adopt {
		errs = append(errs, errors.New("-replace is for -adopt"))
	}
	if u.column != "" && u.forgetFile == "" && u.resend == "" {
		errs = append(errs, errors.New("-keys-column is for -resend and -forget-file"))
	}
	errs = append(errs, isFile("-forget-file", u.forgetFile), isFile("-resend", u.resend))
	return errors.Join(errs...)
}

// doUpkeep does it. Only an adoption has a report.
func (j *job) doUpkeep(ctx context.Context, stdout io.Writer, bar *progress) (*splio.Report, error) {
	u := &j.upkeep
	say := func(format string, args ...any) {
		if bar.clear(); !j.quiet {
			fmt.Fprintf(stdout, format, args...)
		}
	}
	var given int64
	counted := func(keys iter.Seq2[string, error]) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for key, err := range keys {
				if given++; !yield(key, err) {
					return
				}
			}
		}
	}
	switch {
	case u.adopt:
		return j.activation.Adopt(ctx, j.segment, u.replace)
	case u.forgets():
		n, err := j.activation.Forget(ctx, j.segment, counted(j.forgotten()))
		if err != nil {
			return nil, err
		}
		say("%d of %d contacts forgotten\n", n, given)
		if n < given {
			say("the state does not know the others: is a key written as in the segment?\n")
		}
		say("Splio was told nothing, and a run whose segment has one of them sends it as new\n")
	default:
		n, spent, err := j.activation.Resend(ctx, j.segment, counted(j.keysIn("-resend", u.resend)), u.most)
		if err != nil {
			return nil, err
		}
		say("%d of %d contacts are sent again by the next run that has them in its segment\n", n, given)
		if spent > 0 {
			say("%d are not: they were sent again as often as -resend-most allows (%d) as they are, so their values are to be mended first\n", spent, u.most)
		}
	}
	return nil, nil
}

// forgotten are the keys of -forget and -forget-file.
func (j *job) forgotten() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, key := range j.upkeep.forget {
			if !yield(key, nil) {
				return
			}
		}
		if j.upkeep.forgetFile == "" {
			return
		}
		for key, err := range j.keysIn("-forget-file", j.upkeep.forgetFile) {
			if !yield(key, err) {
				return
			}
		}
	}
}

// printAdopted writes the summary of an adoption.
func printAdopted(w io.Writer, r *splio.Report, found firstLines) {
	fmt.Fprintf(w, "read %d: %d rejected, %d duplicate, %d held back, %d taken for delivered; nothing was sent\n",
		r.Read, r.Rejected, r.Duplicate, r.HeldBack, r.Unchanged)
	printFound(w, r, found)
}
