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
// A number that begins with "+" or "00" is international, whatever the region. Any other number is read as dialled in the
// region: as a national number with or without its national prefix, or as a number of another region after the
// international prefix of the region ("011" in the United States). The region's own country code without any prefix is
// understood where the number makes no sense otherwise. Spaces, dots, dashes, slashes, parentheses and invisible
// characters, such as those copied from web pages, are dropped. Digits may be those of any script.
//
// Everything else is invalid: letters, and therefore vanity numbers and extensions (without its extension, the number
// would be someone else's), "*" and "#", two numbers in one value, short numbers such as 112, and local numbers without
// their area code.
//
// The number must have a length that is possible in its country, and the general shape of that country's numbers. Whether
// its block has been assigned is not checked: blocks are opened all the time, and the numbers that regulators set aside
// for fiction, which are used in tests, are in blocks that never will be. Whether somebody answers can be known only by
// calling.
//
// A rendered number is "00", country code and national number, with the leading zero of countries that keep it (Italy),
// and 7 to 15 digits after the "00", as for [mapping.Phone]. Read again, in any region, it gives the same number.
//
// # Numbers of France overseas
//
// In France, numbers of the overseas territories are dialled like any other, although they have country codes of their
// own. For the region FR, a national number that is valid by the plan of Guadeloupe, French Guiana, Martinique, Réunion
// and Mayotte, or Saint-Pierre-et-Miquelon, therefore gets the country code of that territory: "0690 00 12 34" becomes
// "00590690001234". A number that begins as only their numbers do (0262, 0263, 0269, 0508, 0590, 0594, 0596, 0639 except
// 06 39 98, 0690 to 0694, 0696, 0697, 0709, 0976) and is not valid in any of the territories is invalid: it would not
// exist as a number of the mainland. Other regions have no such rule, and a number that is written with "+" or "00" keeps
// its country code.
//
// # Versions
//
// The numbering plans of the world come with github.com/nyaruka/phonenumbers, a port of Google's libphonenumber. Some of
// them change every other week, but seldom in the parts that decide how a number is rendered. The Version of the
// [mapping.Func] consists of the region, the version of the rules above and a fingerprint of those parts of the plans,
// such as "FR-2-cf0ae974", so that it changes when renderings may change. Bind then refuses a mapping in which the old
// Version is written out, until someone changes it there, and so learns that numbers may be sent again. A mapping that
// takes the Version from the Func, as above, follows the change without notice.
//
// The package is a module of its own, so that only programs that use it contain the plans and the code that reads them:
// about 7 MB.
package phone
