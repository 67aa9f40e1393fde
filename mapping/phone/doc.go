// Package phone reads phone numbers in the national form of a region too, where type [mapping.Phone] alone takes
// international ones only. It is a function for the transform "func" of a mapping:
//
//	french, err := phone.Func("FR")
//	...
//	m := mapping.Mapping{
//		...
//		Fields: []mapping.Field{{From: "mobile", To: "cellphone", Transforms: []mapping.Transform{
//			{Name: "func", Func: "phone", Version: french.Version},
//		}}},
//	}
//	mapper, err := m.Bind(fields, mapping.Options{Funcs: []mapping.Func{french}, ...})
//
// In France, "06 39 98 01 17", "+33 (0)6 39 98 01 17" and "0033-639-980-117" all become "0033639980117".
//
// # What is read
//
// A number that begins with "+" or "00" is international, whatever the region. Any other is what one dials in the region:
// a national number with or without its national prefix, or another region's after the international prefix of the region
// ("011" in the United States); the region's own country code without any prefix is understood where the number makes no
// sense without it. Spaces, dots, dashes, slashes, parentheses and invisible characters, as copied along from web pages,
// are dropped. Digits may be those of any script.
//
// Everything else is invalid: letters, and so vanity numbers and extensions (what is left without one would be the number
// of someone else), "*" and "#", two numbers in one value, short numbers such as 112, and local numbers without their area
// code.
//
// The number must have a length that is possible in its country and the general shape of that country's numbers. That its
// block has been assigned is not asked: blocks are opened all the time, and the numbers that regulators set aside for
// fiction, which are for tests, lie in blocks that never will be. That somebody answers can be known by calling only.
//
// A rendered number is "00", country code and national number, with the leading zero of countries that keep it (Italy),
// and 7 to 15 digits after the "00", as [mapping.Phone] has it. It is read again as itself, in every region.
//
// # Numbers of France overseas
//
// In France, one dials numbers of the overseas territories like any other, though they have country codes of their own. For
// the region FR, a national number that the plan of Guadeloupe, French Guiana, Martinique, Réunion and Mayotte or
// Saint-Pierre-et-Miquelon says is valid there gets their code: "0690 00 12 34" becomes "00590690001234". One that begins
// like theirs alone (0262, 0263, 0269, 0508, 0590, 0594, 0596, 0639 save for 06 39 98, 0690 to 0694, 0696, 0697, 0709, 0976)
// and is not valid in any of them is invalid: as a number of the mainland, it would not exist. Other regions have no such
// rule, and a number that is written with "+" or "00" keeps the country code it has.
//
// # Versions
//
// The numbering plans of the world come with github.com/nyaruka/phonenumbers, a port of Google's libphonenumber. Some
// change every other week, but seldom in what decides how a number is rendered. The Version of a [mapping.Func] is made of
// the region, the version of the rules above and a fingerprint of just those parts of the plans, such as "FR-2-cf0ae974",
// and so changes when renderings may. A mapping in which it is written out is then refused by Bind until someone changes
// it there, who knows by then that numbers may be sent anew. One that asks the Func for it, as above, goes along.
//
// The package is a module of its own, so that only who uses it has the plans and what reads them in their programs: about
// 7 MB.
package phone
