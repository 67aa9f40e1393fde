// Package spliotest is a Splio to test against: it reads the files that arrive in
// a drop directory, applies the rules of splio/FORMAT.md to them, and keeps a
// table of contacts that a test can look at.
//
//	drop := t.TempDir()
//	universe, err := spliotest.New(spliotest.Options{
//		Universe: "acme",
//		Drop:     spliotest.Dir(drop),
//		Contacts: map[string]spliotest.Subsequence{"crm": {}, "update": {NoCreate: true}},
//		Custom:   []spliotest.Field{{Name: "loyalty_tier"}, {Name: "points", ID: "c5", Type: spliotest.Int}},
//	})
//	...
//	_, err = activation.Run(ctx, segment, sftpx.Dir(drop))
//	...
//	results, err := universe.Import()
//	...
//	universe.RequireConverged(t, segment, m, activation.Destination.Options())
//
// It shares no code with package splio, so that the two can disagree. It is not a
// copy of Splio either: where nothing is written down about Splio, its behaviour is a
// guess here too, and [Rules] offers the other possible readings. A sync that
// converges under each of them does not depend on a guess.
//
// # What is read
//
// A file whose name ends in ".csv" is read when [Splio.Import] is called, or by
// [Splio.Watch] at intervals. Other files, such as those that are still being sent
// under a temporary name, are left alone.
//
// A file is skipped as a whole when its name is not that of a known scope and
// sub-sequence of the universe, when it is not UTF-8, begins with a byte order
// mark or has too many lines, and when its header has an unknown column, one
// column twice, or not the key. A row is skipped and reported when it has another
// number of columns than the header, when its quotes are wrong, when its key is
// missing, too long or not well-formed, and when another value is too long or not
// well-formed. All of this is in the [Result], with reasons that quote no value.
//
// A valid row is ignored, and counted as ignored, where the sub-sequence may not
// create, or not update, the contact.
//
// # Values in the open
//
// The failures of [Splio.RequireConverged], the table and the report files show
// keys and values, since nobody can mend a test without seeing them. Test with
// made-up contacts only, not with those of persons.
package spliotest
