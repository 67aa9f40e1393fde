// Package mappingtest helps to unit-test a mapping like any other code: it renders records with the real code of package
// mapping and compares what comes out.
//
//	func TestContacts(t *testing.T) {
//		k := mappingtest.New(t, contacts, mapping.Options{Attributes: attributes})
//		k.Row(map[string]any{"email": "Ann@Example.NET", "first_name": "Ann"}).
//			Want(map[string]string{"email": "ann@example.net", "firstname": "Ann"})
//		k.Rejects(map[string]any{"email": ""}, "email", mapping.ReasonNoValue)
//	}
//
// Give it the options that the mapping is bound with in production: limits, types and functions are part of what is tested.
//
// [Kit.Golden] compares a table of named records with a golden file, and [Kit.Sample] a whole segment, such as last
// month's, so that a change of the mapping shows which attributes it changes in how many records.
//
// # Golden files
//
// A golden file has one line for each record, with a JSON object in UTF-8, to be read and reviewed by people:
//
//	{"record":"all fields","cells":{"email":"ann@example.net","firstname":"Ann","tier":""}}
//	{"record":"bad phone","cells":{"cellphone":"","email":"ann@example.net"},"reports":{"cellphone":"not an international phone number: blanked"}}
//	{"record":"no e-mail","rejected":true,"reports":{"email":"no value: rejected"}}
//
// An empty cell is "", an absent cell has no member, and a rejected record has no cells. The members have exactly these
// names, and each name is there at most once. With the environment variable [UpdateEnv] set to 1, the files are written
// instead of compared; look at what has changed in them before you commit them.
//
// # Values in the open
//
// Unlike package mapping itself, failures and golden files show values, since nobody can mend a test without seeing them.
// Test with made-up records only, not with those of persons.
package mappingtest
