// Package sqldiff finds what changed in a segment that stays in the SQL engine
// of its owner. It does what package diff does, where one machine ends or the data
// must not leave: the engine compares the segment with the last delivered
// snapshot, a table of digests beside it, and only what may have changed comes
// out. It works on database/sql alone: the caller brings the driver. Package
// splio/warehouse makes a splio.Activation of it; what follows is for those who go
// without.
//
//	store, err := sqldiff.Open(ctx, db, sqldiff.Options{Dialect: sqldiff.PostgreSQL, Schema: "sync", Scope: "acme/email", Key: key})
//	run, err := store.Begin(ctx, []string{"firstname", "points"}, sqldiff.Segment{
//		Query: "SELECT * FROM crm.contacts", Key: "email", Rendering: "mapping 7",
//	}, diff.RunOptions{})
//	feed := run.Feed()
//	for c, err := range run.Candidates(ctx) { // few
//		err = c.Scan(&email, &name, &points)
//		err = feed.Put(c.Seq, key, cells) // rendered
//	}
//	summary, err := run.Compare(ctx)
//	for change, err := range run.Changes(ctx) { ... }
//	id, err := run.Stage(ctx)       // written, not yet current
//	...                             // deliver
//	err = store.Publish(ctx, id)    // now it is what the next run compares with
//
// # What is compared
//
// The cells as they would be sent, as in package diff, and with the same outcome:
// a suite of tests runs both on the same records. The engine narrows down by a
// digest of the source columns. What is new, or has another digest, or has to be
// looked at for another reason, is a candidate: Go renders it, compares the cells
// with the digests of those that were sent, and writes the new digests back.
//
// The normal form of the key is computed by the engine, lower(trim()) by default,
// and verified by Feed.Put: where the mapping makes another key of it, the record
// is rejected (diff.ErrKeyForm). So it is with a key that only one of the two puts in
// lower case, as SQLite does not with letters beyond ASCII.
//
// These records come out again in every run, changed or not: rejected and
// held-back ones, and those that share their key with a record that is not
// identical. When the mapping changes (Segment.Rendering, the columns, their
// types), all records come out once. What is wrong with a cell of a record that is
// no candidate is not reported again.
//
// A change that does not show when the engine casts a column to text goes
// unseen, and one that shows only there, such as that of a date style, costs
// a rendering.
//
// # Cost
//
// A run digests every record of the segment and joins the digests with the
// snapshot (one hash join), reads the records of the candidates (a second scan of
// the segment, joined with few), and copies the snapshot, changed. What leaves the
// engine are the values of the candidates and some 150 bytes for each; what goes
// back, some 200 bytes for each. The program holds only candidates between
// Candidates and Put. See SCALE.md.
//
// The second scan is the price for never storing a value: between the two, records
// may change. The digest that is remembered is that of the values that were
// rendered; a record that has just become another is found by the next run, and
// one that has just gone counts as gone.
//
// # Tables
//
// In the schema of the caller's choice, where no other program may write:
//
//	spliosync_state          for each scope: the current snapshot, the lease
//	spliosync_runs           for each run: what its snapshot was computed from
//	spliosync_SCOPE_ID_snap  a snapshot; it is never altered once it is staged
//	spliosync_SCOPE_ID_work, _put, _dup, _known
//	                         of a run under way; removed when it is staged or
//	                         closed, and after a crash by the next run
//
// SCOPE is a digest of the scope. A snapshot has a row for each key:
//
//	kd           digest of the key, made by the engine and by Go alike
//	src          digest of the source columns, made by the engine; it depends on
//	             the key, so that equal values in two records look unrelated
//	rendered     digests of the cells, made by Go: SipHash-2-4 under keys that
//	             the engine never sees, of 64 bits for the row and 32 for a column
//	layout       which columns these are
//	unconfirmed, due, chk (a check sum of the row under a key)
//
// The digests of the engine are the first 128 bits of SHA-256 of a salt and the
// text. No engine here has a keyed hash built in, so that the salt is a parameter
// of the statements: who can read them while they run, or in a log that has
// parameters, can test guesses of an address. The salt is derived from Options.Key
// and tells nothing of it, nor of the keys of Go's digests.
//
// Every start of a run counts the rows of the snapshot and adds up their check
// sums, and what is read of it is verified, so that a table that was altered by
// hand matches diff.ErrDamaged. An alteration of a row that is no candidate, and
// that keeps its check sum, is found once the record is one.
//
// # Two steps
//
// Run.Stage writes a snapshot that is not current; Store.Publish makes it so, by
// one UPDATE of one row that compares the current snapshot and the holder of the
// lease, and swaps. No statement of this package needs a transaction with
// another. The id is the plan's: Publish may be repeated, and after a broken
// connection asks what has become of it. A run that was not staged leaves no trace
// but its tables, until the next run. When the engine crashes and forgets what a
// run had in tables that are not logged, Compare and Stage fail.
//
// # Failures
//
// A missing privilege is a *PrivilegeError with the statement that grants it.
// Another refusal of the engine is an *EngineError, whose text never has words of
// the engine that may quote a value. A cancelled context ends the statement on the
// side of the engine as far as the driver does so, as pgx does; the error has
// context.Cause. One store at a time has a scope, by a lease that a killed
// process loses by itself.
//
// # Dialects
//
// The tests run PostgreSQL 15, DuckDB 1.5 and SQLite 3 by the drivers pgx,
// duckdb-go and modernc.org/sqlite. Of BigQuery, Snowflake and Databricks nothing
// was ever run: their statements are kept in testdata, and a parser of the dialect
// reads them, which knows the grammar but neither names nor types nor functions.
//
//	            digest of a text                          quotes  atomic unit
//	PostgreSQL  encode(sha256(convert_to(x,'UTF8')),'hex')  "     statement
//	DuckDB      sha256(x)                                   "     statement
//	SQLite      sha256(x), registered by the program        "     statement
//	BigQuery    TO_HEX(SHA256(x))                           `     statement
//	Snowflake   SHA2(x, 256)                                "     statement
//	Databricks  sha2(x, 256)                                `     statement on a Delta table
//
// In all of them, nothing is updated in place but the two tables of the store:
// snapshots are written as a whole and swapped by the row in spliosync_state. Rows
// are compared by digests that are never null, so that no null-safe operator is
// needed; a null column has a digest unlike that of an empty text. Digests are
// written back as one text parameter that the engine splits: string_to_array,
// string_split, json_each, SPLIT, SPLIT_TO_TABLE, explode.
//
// PostgreSQL: 11 or later. The tables of a run are unlogged. On Citus nothing
// was run: the tables would be local to the coordinator.
// SQLite: the program registers a function sha256(text) that returns hexadecimal
// digits, and opens the file in WAL mode, since a run reads and writes at once.
// Snowflake: names are quoted, so that Segment has them as they are stored: EMAIL.
package sqldiff
