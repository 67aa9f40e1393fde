package lint

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
)

// The forms of values.
var (
	phoneForm   = regexp.MustCompile(`^00[1-9][0-9]{6,14}$`)
	dateForm    = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?$`)
	zeroDate    = regexp.MustCompile(`^(0000[-/.]?00[-/.]?00|00[-/.]00[-/.]0000)([ T][0:.]*)?$`)
	integerForm = regexp.MustCompile(`^[+-]?[0-9]+$`)
	decimalForm = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
	signedForm  = regexp.MustCompile(`^[+-][0-9 .,()/-]*$`) // numbers, and phone numbers
	listForm    = regexp.MustCompile(`^[+-]?[0-9]+$`)
)

// cell checks a value that is not empty.
func (c *checker) cell(col column, key bool, at cellAt, text []byte, quoted bool) {
	trimmed := bytes.TrimSpace(text)
	if key && len(trimmed) < len(text) {
		at.add("key-space", "cut the spaces at the ends of the key")
	} else if !quoted && (text[0] == ' ' || text[len(text)-1] == ' ') {
		at.add("edge-space", "cut the spaces at the ends, or put the value in quotes: some readers cut them")
	}
	if col.max > 0 && len(text) > col.max && utf8.RuneCount(text) > col.max {
		at.add("too-long", "at most %d characters are possible", col.max)
	}
	if bytes.EqualFold(trimmed, []byte("NULL")) {
		at.add("null", "it reads NULL, which Splio might take for no value: leave the cell empty, unless it is a name")
		return
	}
	switch col.typ {
	case mapping.Email:
		c.email(at, trimmed)
	case mapping.Language:
		if len(col.values) > 0 && !slices.Contains(col.values, string(trimmed)) {
			at.add("language", "write one of: %s", strings.Join(col.values, " "))
		}
	case mapping.Phone:
		if !phoneForm.Match(trimmed) {
			at.add("phone", "write 00, the country code and the number without its leading 0, digits only, such as 0033639980117")
		}
	case mapping.Date, mapping.DateTime:
		date(at, string(trimmed))
	case mapping.Integer:
		if !integerForm.Match(trimmed) {
			at.add("number", "write a whole number in digits")
		}
	case mapping.Decimal:
		if !decimalForm.Match(trimmed) {
			at.add("number", "write a number in digits, with a dot before the decimals, without an exponent or separators of thousands")
		}
	case mapping.Lists:
		lists(at, string(text))
	case mapping.Text:
		if col.custom && zeroDate.Match(trimmed) {
			at.add("zero-date", "leave the cell empty where there is no date")
		}
		if strings.IndexByte("=@+-", text[0]) >= 0 && len(text) > 1 && !signedForm.Match(text) {
			at.add("formula", "a spreadsheet would run this text: check where it comes from")
		}
	}
}

// email is no check of what can be delivered, but of what can not be an address.
func (c *checker) email(at cellAt, text []byte) {
	if low := strings.Map(unicode.ToLower, string(text)); low != string(text) {
		at.add("email-case", "write the e-mail in lower case")
	}
	local, domain, ok := strings.Cut(string(text), "@")
	labels := strings.Split(domain, ".")
	bad := !ok || len(labels) < 2 || len(local) > 64 ||
		slices.Contains(strings.Split(local, "."), "") ||
		strings.ContainsFunc(local, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"(),:;<>[\]`, r)
		}) ||
		strings.Trim(labels[len(labels)-1], "0123456789") == ""
	for _, label := range labels {
		bad = bad || label == "" || label[0] == '-' || label[len(label)-1] == '-' || utf8.RuneCountInString(label) > 63 ||
			strings.ContainsFunc(label, func(r rune) bool {
				return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
			})
	}
	if bad {
		at.add("email", "this is not an e-mail address: correct it or leave the row out")
	}
}

func date(at cellAt, text string) {
	switch {
	case zeroDate.MatchString(text):
		at.add("zero-date", "leave the cell empty where there is no date")
	case !dateForm.MatchString(text):
		at.add("date-form", "write YYYY-MM-DD HH:MM:SS, or YYYY-MM-DD for a day")
	default:
		if _, err := time.Parse("2006-01-02 15:04:05"[:len(text)], text); err != nil {
			at.add("date", "there is no such day or time")
		}
	}
}

func lists(at cellAt, text string) {
	seen := [64]bool{}
	faults := make(map[string]bool)
	for item := range strings.SplitSeq(text, ",") {
		bare := strings.TrimSpace(item)
		if bare != item || !listForm.MatchString(bare) {
			faults["lists-form"] = true
		}
		if !listForm.MatchString(bare) {
			continue
		}
		digits := strings.TrimLeft(bare, "+-")
		if digits == bare {
			faults["lists-sign"] = true
		}
		id, err := strconv.ParseUint(digits, 10, 8)
		switch {
		case err != nil || id >= uint64(len(seen)):
			faults["lists-range"] = true
		case seen[id]:
			faults["lists-twice"] = true
		default:
			seen[id] = true
		}
	}
	for _, f := range []struct{ rule, message string }{
		{"lists-form", "write signed ids with a comma between and no spaces, such as +0,-4"},
		{"lists-sign", "write + or - before each id: a bare number might be taken for a mask of lists"},
		{"lists-range", "the ids of lists are 0 to 63"},
		{"lists-twice", "name each list once"},
	} {
		if faults[f.rule] {
			at.add(f.rule, "%s", f.message)
		}
	}
}
