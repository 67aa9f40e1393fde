package phone

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/nyaruka/phonenumbers"
)

// rules is the version of what this package and the library do with a number, the plans apart. It goes up when a number
// is rendered otherwise for any other reason than its plan.
const rules = 2

// version names the renderings of a region.
func version(region string, plans []*phonenumbers.PhoneMetadata) string {
	h := sha256.New()
	for _, p := range plans {
		// What the library reads to take a number apart, and what is asked of it then. Patterns of the kinds of numbers
		// (mobile, fixed and so on) and forms for display are not among them, but for what follows.
		general := p.GetGeneralDesc()
		fmt.Fprintf(h, "%q %d %t %q %q %q %q %q %d %d\n",
			p.GetId(), p.GetCountryCode(), p.GetMainCountryForCode(), p.GetLeadingDigits(),
			p.GetInternationalPrefix(), p.GetNationalPrefixForParsing(), p.GetNationalPrefixTransformRule(),
			general.GetNationalNumberPattern(), general.GetPossibleLength(), general.GetPossibleLengthLocalOnly())
	}
	if region == france {
		for _, p := range plans {
			// Here it matters which numbers a territory has.
			if code := p.GetCountryCode(); code == miquelon || slices.Contains(territories[:], code) {
				for _, kind := range []*phonenumbers.PhoneNumberDesc{
					p.GetFixedLine(), p.GetMobile(), p.GetTollFree(), p.GetPremiumRate(), p.GetSharedCost(), p.GetPersonalNumber(), p.GetVoip(), p.GetPager(), p.GetUan(), p.GetVoicemail(),
				} {
					fmt.Fprintf(h, "%q %d\n", kind.GetNationalNumberPattern(), kind.GetPossibleLength())
				}
			}
		}
	}
	return fmt.Sprintf("%s-%d-%x", region, rules, h.Sum(nil)[:4])
}
