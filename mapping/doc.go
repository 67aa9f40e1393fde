// Package mapping says how the fields of a segment become the attributes of a contact: which field feeds which attribute,
// and how each value is rendered, checked and, where need be, rejected.
//
// A [Mapping] is plain data, written in Go or read from JSON with [Parse]. [Mapping.Bind] checks it once against a
// segment's fields and against what the destination takes, and makes a [Mapper], which renders records one by one:
//
//	m, err := mapping.Mapping{
//		Key:    mapping.Field{From: "email", To: "email", Type: mapping.Email},
//		Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
//		Custom: []string{"loyalty_tier"},
//	}.Bind(fields, mapping.Options{})
//	...
//	var row mapping.Row
//	for rec, err := range src.Records(ctx) {
//		if err != nil {
//			return err
//		}
//		m.Render(&row, rec)
//		...
//	}
//
// Rendering never fails. A record is rejected as a whole when its key is unusable or when a field whose policy is [Reject]
// has no cell; any other problem costs one cell. Each is a [Rejection] of the row, with the record, the field and one of a
// fixed set of reasons, and every problem of a record is reported at once.
//
// The values of a contact are personal data. No error, rejection, value or row of this package shows one when it is
// formatted, logged or, rows apart, encoded; Rejection.Value gives the offending one on purpose.
//
// The forms that each type reads and writes are at the constants of [Type]. Values are rendered, never guessed at: there is
// no decimal comma, no day/month order and no default country. Package source has readers of segments; the package does
// not quote, escape or write files, and does not compare with what was sent before.
package mapping
