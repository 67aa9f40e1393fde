package spliotest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What values look like (splio/FORMAT.md, sections 4 and 5).
var (
	integer  = regexp.MustCompile(`^[+-]?[0-9]+$`)
	double   = regexp.MustCompile(`^([+-]?[0-9]+)(?:\.([0-9]{1,2}))?$`)
	phone    = regexp.MustCompile(`^00[1-9][0-9]+$`)
	email    = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	language = []string{"ar", "br", "ca", "cz", "de", "en", "es", "fr", "gr", "it", "ja", "kr", "nl", "pl", "ru", "tr", "zh"}
)

// value is what a contact has after a cell that is not empty was imported, or why
// the cell cannot be. Changes of lists are looked at by [Splio.changes] instead.
func (s *Splio) value(c *column, cell, prefix string) (value, problem string) {
	if strings.ContainsFunc(cell, unicode.IsControl) || strings.ContainsAny(cell, "\u2028\u2029") {
		return "", "a line break or another control character"
	}
	value = cell
	switch c.kind {
	case textKind:
	case intKind:
		if !integer.MatchString(cell) {
			problem = "not a whole number"
		}
	case doubleKind:
		parts := double.FindStringSubmatch(cell)
		if parts == nil {
			return "", "not a number with a dot and at most two places"
		}
		value = parts[1] + "." + (parts[2] + "00")[:2]
	case dateKind:
		if !s.isDate(cell) {
			problem = "not a date"
		}
	case emailKind:
		switch {
		case !email.MatchString(cell):
			problem = "not an e-mail address"
		case !s.o.Rules.AnyCase && strings.ToLower(cell) != cell:
			problem = "an e-mail address with upper-case letters"
		}
	case phoneKind:
		if prefix != "" && (s.o.Rules.PrefixAll || lacksCountry(cell)) {
			value = prefixed(cell, prefix)
		}
		if !s.o.Rules.AnyPhone && !phone.MatchString(value) {
			problem = "not 00, a country code and a number"
		}
	case languageKind:
		if !slices.Contains(language, cell) {
			problem = "not one of the languages"
		}
	}
	if problem == "" {
		problem = s.tooLong(c, value)
	}
	if problem != "" {
		return "", problem
	}
	return value, ""
}

func (s *Splio) tooLong(c *column, value string) string {
	switch {
	case c.max == 0:
	case s.o.Rules.CountBytes && len(value) > c.max:
		return fmt.Sprintf("longer than %d bytes", c.max)
	case !s.o.Rules.CountBytes && utf8.RuneCountInString(value) > c.max:
		return fmt.Sprintf("longer than %d characters", c.max)
	}
	return ""
}

// isDate takes a date that is written again as it was read: package time reads
// more than a layout shows.
func (s *Splio) isDate(cell string) bool {
	return slices.ContainsFunc(s.o.Rules.DateLayouts, func(layout string) bool {
		t, err := time.Parse(layout, cell)
		return err == nil && t.Format(layout) == cell
	})
}

func lacksCountry(number string) bool {
	return !strings.HasPrefix(number, "00") && !strings.HasPrefix(number, "+")
}

func prefixed(number, prefix string) string {
	return "00" + prefix + strings.TrimPrefix(number, "0")
}

// changes reads the changes of lists in a cell that is not empty: signed ids,
// separated by commas (observed; splio/FORMAT.md, section 4.3).
func (s *Splio) changes(cell string) (join, leave lists, problem string) {
	for part := range strings.SplitSeq(cell, ",") {
		if part == "" || part[0] != '+' && part[0] != '-' || !digits.MatchString(part[1:]) {
			return 0, 0, "not signed list ids with commas between them"
		}
		id, err := strconv.Atoi(part[1:])
		if err != nil || id > 63 || s.lists&(1<<id) == 0 {
			return 0, 0, "a list that the universe does not have"
		}
		switch {
		case (join|leave)&(1<<id) != 0:
			return 0, 0, "a list that is there twice"
		case part[0] == '+':
			join |= 1 << id
		default:
			leave |= 1 << id
		}
	}
	return join, leave, ""
}

// isEmpty says whether a cell counts as empty.
func (r Rules) isEmpty(cell string) bool {
	return cell == "" || r.NullIsEmpty && strings.EqualFold(cell, "NULL")
}
