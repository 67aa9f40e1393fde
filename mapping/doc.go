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
// Rendering never fails. A record is rejected as a whole when its key is unusable, or when a value gives no cell and
// its policy is [Reject]; any other problem costs one cell. Each problem is a [Rejection] of the row, with the record,
// the field and one of a fixed set of reasons, and all problems of a record are reported at once.
//
// # From a value to a cell
//
// These are all the things that happen to a value, in this order:
//
//  1. The value of Field.From is taken, null where there is no From.
//  2. Default stands in for null and for empty text; for every type but [Text], text of nothing but white space and
//     invisible marks is empty.
//  3. A list or an object becomes text as Flatten says, or the text of [Lists]; without a choice it is invalid. Where
//     Flatten is set, text that is JSON of a list or an object counts as one.
//  4. The Transforms are applied, in the order of the mapping. What they do with numbers, booleans and dates, with null and
//     with text that is not UTF-8 is laid down at [Transform]. A value that one of them refuses is invalid; Fail, if set,
//     says what happens then, otherwise Invalid does.
//  5. A value that is now null or empty has no cell: Empty says what happens. For every type but Text, white space and
//     invisible marks at the ends are dropped first.
//  6. The value is read as the field's [Type], and rendered. One that is not of a form listed there is invalid: Invalid
//     says what happens. Text is made one line, without control characters, and normalised (Unicode form NFC).
//  7. A cell with more characters than the attribute allows: Text does what Long says, and is cut by default; anything else
//     is invalid.
//  8. Text that reads NULL, wherever it comes from, is kept and reported, cut text both as cut and as NULL. For a key, it is
//     invalid.
//
// The policies are [Blank] (the default), [Absent] and [Reject], and [Cut] for Long; for the key, everything is Reject. An
// empty value is reported only when it rejects the record; an invalid or cut one always, with the attribute it concerns, so
// that blanks can be counted by column.
//
// Without transforms, a cell that is read again with the same Field renders to itself: an export of the destination
// makes a segment that changes nothing. Only the mapping itself can break this rule, by Layouts that do not read the
// form that is written, or read it as another date.
//
// # What shows and what does not
//
// The values of a contact are personal data. No error, rejection, value or row of this package shows one when it is
// formatted, logged or encoded as JSON; [Rejection.Value] gives the offending one on purpose. A printer that goes by
// reflection gets nothing out of a Rejection, but it can out of a [Value] or a [Row] inside another type: see there.
//
// # Limits
//
// The forms that each type reads and writes are at the constants of [Type]. Values are rendered, never guessed at: there is
// no decimal comma, no day/month order and no default country. Package source has readers of segments; the package does
// not quote, escape or write files, and does not compare with what was sent before.
package mapping
