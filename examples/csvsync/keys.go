package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// knownColumn is what to do about the column of -known.
const knownColumn = "-known-column, or begin the file with a line of names"

// maxShown is how many columns of a file an error names.
const maxShown = 30

// keyColumn finds the column with the keys among those of a file: the one that was asked for, or by default the one called
// like the key attribute, or the only one. option is the flag that names it.
func keyColumn(file string, fields []string, want, option string, m mapping.Mapping) (int, error) {
	if want != "" {
		if at := slices.Index(fields, want); at >= 0 {
			return at, nil
		}
	} else {
		want = m.Key.To
		if at := slices.Index(fields, want); at >= 0 {
			return at, nil
		}
		if len(fields) == 1 && !strings.Contains(fields[0], "@") {
			return 0, nil
		}
	}
	return 0, fmt.Errorf("%s: there is no column %q: name the one that holds the keys with %s (%s)", file, want, option, shown(fields, m))
}

// shown names the columns of a file, unless its first line may be a contact: then nothing of it is to be seen.
func shown(fields []string, m mapping.Mapping) string {
	known := map[string]bool{"id": true}
	for _, a := range splio.Attributes() {
		known[letters(a.Name)] = true
	}
	for _, f := range append([]mapping.Field{m.Key}, m.Fields...) {
		known[letters(f.From)], known[letters(f.To)] = true, true
	}
	isName := func(field string) bool { return known[letters(field)] }
	isValue := func(field string) bool { return strings.Contains(field, "@") }
	if !slices.ContainsFunc(fields, isName) || slices.ContainsFunc(fields, isValue) {
		return "its first line does not look like one of names, so it is not shown"
	}
	quoted := make([]string, 0, len(fields))
	for _, f := range fields[:min(len(fields), maxShown)] {
		quoted = append(quoted, strconv.Quote(f))
	}
	text := "it has " + strings.Join(quoted, ", ")
	if n := len(fields) - maxShown; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// letters is a name without what tells spellings of it apart.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// checkKnown looks at the first line of the file of -known, if it can be read twice.
func checkKnown(o *options, m mapping.Mapping) error {
	if o.known == "" {
		return nil
	}
	if info, err := os.Stat(o.known); err != nil || isPipe(info) {
		return nil // a file that is not there yet fails the run, as a segment does
	}
	fields, err := source.CSVFile(o.known, source.CSVOptions{}).Fields(context.Background())
	if err != nil {
		return nil // nor is it a matter of the flags
	}
	_, err = keyColumn(o.known, fields, o.knownColumn, knownColumn, m)
	return err
}

// knownKeys reads the keys that exist in Splio from a CSV export.
func knownKeys(name, column string, m mapping.Mapping) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		src := source.CSVFile(name, source.CSVOptions{})
		fields, err := src.Fields(context.Background())
		at := 0
		if err == nil {
			at, err = keyColumn(name, fields, column, knownColumn, m)
		}
		if err != nil {
			yield("", err)
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

// checkKeys looks at the first lines of the files of -resend and -forget-file.
func checkKeys(u *upkeep, m mapping.Mapping) error {
	if n, err := strconv.Atoi(u.column); err == nil {
		if n < 1 {
			return errors.New("-keys-column: columns count from 1")
		}
		return nil
	}
	var errs []error
	for _, f := range []struct{ option, name string }{{"-forget-file", u.forgetFile}, {"-resend", u.resend}} {
		if f.name != "" {
			_, err := columnIn(f.option, f.name, u.column, m)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// columnIn names the column of a file that has the keys. What can not be looked at beforehand is left to who reads it.
func columnIn(option, name, want string, m mapping.Mapping) (string, error) {
	info, err := os.Stat(name)
	if err != nil || isPipe(info) {
		return cmp.Or(want, m.Key.To), nil
	}
	fields, err := source.CSVFile(name, source.CSVOptions{}).Fields(context.Background())
	if err != nil {
		return cmp.Or(want, m.Key.To), nil // a report need not be UTF-8 all through
	}
	at, err := keyColumn(name, fields, want, "-keys-column, or its number where there is no line of names", m)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	return fields[at], nil
}

// keysIn reads the keys of -resend or -forget-file. Such a file may hold more than a CSV file should.
func (j *job) keysIn(option, name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		f, err := os.Open(name)
		if err != nil {
			yield("", fmt.Errorf("%s: %w", option, err))
			return
		}
		defer f.Close()
		var how splio.KeysOptions
		if n, err := strconv.Atoi(j.upkeep.column); err == nil {
			how.Number = n
		} else {
			if how.Column, err = columnIn(option, name, j.upkeep.column, j.activation.Mapping); err != nil {
				yield("", err)
				return
			}
		}
		for key, err := range splio.ReadKeys(f, how) {
			if err != nil {
				err = fmt.Errorf("%s: %s: %w", option, name, err)
			}
			if !yield(key, err) {
				return
			}
		}
	}
}
