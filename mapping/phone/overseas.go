package phone

import "github.com/nyaruka/phonenumbers"

const (
	france   = "FR"
	mainland = 33
	miquelon = 508 // Saint-Pierre-et-Miquelon, whose numbers are this code in France and six digits
)

// territories are the country codes of what is dialled from France as if it were in it: Guadeloupe (with Saint-Barthélemy and
// Saint-Martin), Martinique, Réunion with Mayotte, and French Guiana, last because its plan has all of 0976, which the others
// have parts of.
var territories = [...]int32{590, 596, 262, 594}

// overseas gives a number that one dials in France the country code of the territory that its plan says it belongs to. It is
// not ok when the number begins as those of the territories alone do, and belongs to none.
func overseas(number *phonenumbers.PhoneNumber) (ok bool) {
	national := number.GetNationalNumber()
	if number.GetCountryCode() != mainland || national < 1e8 || national >= 1e9 {
		return true
	}
	switch national / 1e6 {
	case miquelon:
		return moved(number, miquelon, national%1e6)
	case 639:
		// 06 39 98 is the mainland's, kept for fiction.
		return toTerritory(number) || national/1e4 == 63998
	case 939, 947:
		toTerritory(number)
		return true // or they are the mainland's
	case 262, 263, 269, 590, 594, 596, 690, 691, 692, 693, 694, 696, 697, 709, 976:
		return toTerritory(number)
	}
	return true
}

func toTerritory(number *phonenumbers.PhoneNumber) (ok bool) {
	for _, code := range territories {
		if moved(number, code, number.GetNationalNumber()) {
			return true
		}
	}
	return false
}

// moved makes number that of another country, if it is valid there.
func moved(number *phonenumbers.PhoneNumber, code int32, national uint64) (ok bool) {
	there := phonenumbers.PhoneNumber{CountryCode: &code, NationalNumber: &national}
	if ok = phonenumbers.IsValidNumber(&there); ok {
		number.CountryCode, number.NationalNumber = &code, &national
	}
	return ok
}
