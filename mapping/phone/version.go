package phone

import (
	"crypto/sha256"
	"fmt"

	"github.com/nyaruka/phonenumbers"
)

// rules is the version of what this package and the library do with a number, the plans apart. It goes up when a number
// is rendered otherwise for any other reason than its plan.
const rules = 1

// version names the renderings of a region.
func version(region string, plans []*phonenumbers.PhoneMetadata) string {
	h := sha256.New()
	for _, p := range plans {
		// What the library reads to take a number apart, and what is asked of it then. Patterns of the kinds of numbers
		// (mobile, fixed and so on) and forms for display are not among them.
		general := p.GetGeneralDesc()
		fmt.Fprintf(h, "%q %d %t %q %q %q %q %q %d %d\n",
			p.GetId(), p.GetCountryCode(), p.GetMainCountryForCode(), p.GetLeadingDigits(),
			p.GetInternationalPrefix(), p.GetNationalPrefixForParsing(), p.GetNationalPrefixTransformRule(),
			general.GetNationalNumberPattern(), general.GetPossibleLength(), general.GetPossibleLengthLocalOnly())
	}
	return fmt.Sprintf("%s-%d-%x", region, rules, h.Sum(nil)[:4])
}
