package phone

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"github.com/spliosync/spliosync/mapping"
)

// Func returns the function that reads phone numbers, those of the region in their national form too. The region is an
// ISO 3166-1 code of two capital letters, such as "FR" or "GB"; any other is an error.
//
// The Name is "phone". The Version holds the region, so that the functions of several regions may be used together.
// Apply is safe for concurrent use. Its error says that a number is invalid, and nothing about it.
func Func(region string) (mapping.Func, error) {
	if !phonenumbers.GetSupportedRegions()[region] {
		return mapping.Func{}, fmt.Errorf("phone: unknown region %q: give an ISO 3166-1 code of two capital letters, such as %q or %q", region, "FR", "GB")
	}
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		return mapping.Func{}, fmt.Errorf("phone: the numbering plans: %w", err)
	}
	plans := collection.GetMetadata()
	r := reader{region: region, shapes: make(map[int32][]*regexp.Regexp)}
	if region == france {
		r.elsewhere = overseas
	}
	for _, plan := range plans {
		shape, err := regexp.Compile("^(?:" + plan.GetGeneralDesc().GetNationalNumberPattern() + ")$")
		if err != nil {
			return mapping.Func{}, fmt.Errorf("phone: the numbering plan of %s: %w", plan.GetId(), err)
		}
		// Regions share country codes.
		r.shapes[plan.GetCountryCode()] = append(r.shapes[plan.GetCountryCode()], shape)
	}
	return mapping.Func{Name: "phone", Version: version(region, plans), Apply: r.apply}, nil
}

// errInvalid is the only error about a number: the caller knows which it is, and others must not.
var errInvalid = errors.New("phone: not a phone number")

// maxDigits is more than any number has, with all prefixes.
const maxDigits = 32

type reader struct {
	region    string
	shapes    map[int32][]*regexp.Regexp                  // of national numbers, by country code
	elsewhere func(number *phonenumbers.PhoneNumber) bool // for national forms that may lead to other country codes; nil without
}

// apply appends the normal form of a number to dst.
func (r *reader) apply(dst, text []byte) ([]byte, error) {
	var room [4*maxDigits + 1]byte
	dialled, ok := digits(room[:0], text)
	if !ok {
		return dst, errInvalid
	}
	region := r.region
	if dialled[0] == '+' {
		region = phonenumbers.UNKNOWN_REGION // it does not matter, and must not
	}
	var number phonenumbers.PhoneNumber
	if err := phonenumbers.ParseToNumber(string(dialled), region, &number); err != nil {
		return dst, errInvalid // the library's errors are about digits that are fine by its own standards
	}
	if r.elsewhere != nil && dialled[0] != '+' && !r.elsewhere(&number) {
		return dst, errInvalid
	}
	national := phonenumbers.GetNationalSignificantNumber(&number)
	if phonenumbers.IsPossibleNumberWithReason(&number) != phonenumbers.IS_POSSIBLE || !r.fits(number.GetCountryCode(), national) {
		return dst, errInvalid
	}
	start := len(dst)
	dst = strconv.AppendInt(append(dst, "00"...), int64(number.GetCountryCode()), 10)
	dst = append(dst, national...)
	if n := len(dst) - start; n < 2+7 || n > 2+15 {
		return dst[:start], errInvalid
	}
	return dst, nil
}

// fits says that a national number has the general shape of those of its country.
func (r *reader) fits(country int32, national string) bool {
	for _, shape := range r.shapes[country] {
		if shape.MatchString(national) {
			return true
		}
	}
	return false
}

// digits appends the digits of text to buf, after a "+" if the number is international. It is not ok when text has
// anything in it that a number has not, no digit, or too many.
func digits(buf, text []byte) (out []byte, ok bool) {
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '+' || r == 0xff0b: // the latter is as wide as CJK characters
			if len(buf) > 0 {
				return buf, false
			}
			buf = append(buf, '+')
		case unicode.Is(unicode.Nd, r):
			if n++; n > maxDigits {
				return buf, false
			}
			buf = append(buf, text[:size]...)
			if string(buf) == "00" {
				buf = append(buf[:0], '+')
			}
		case !setsApart(r):
			return buf, false
		}
		text = text[size:]
	}
	return buf, n > 0
}

// setsApart says that r only sets the digits of a number apart.
func setsApart(r rune) bool {
	switch r {
	case '.', '/', '(', ')', '\t', 0x2212: // the last is the minus sign
		return true
	}
	return unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf)
}
