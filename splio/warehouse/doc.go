// Package warehouse runs an activation over a segment that stays in the SQL
// engine of its owner, such as a data warehouse: the engine compares it with the
// last delivered snapshot, and only what may have changed comes out. It works on
// database/sql alone: the caller brings the driver.
//
//	segment := warehouse.New(db, warehouse.Options{
//		Dialect: sqldiff.PostgreSQL, Schema: "sync", Query: "SELECT email, first_name, points FROM crm.contacts", Key: "email",
//	})
//	activation := splio.Activation{
//		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
//		Mapping:     m,
//		State:       "/var/lib/acme/splio",
//		Insert:      true,
//		Differ:      segment,
//		DigestKey:   secret,
//	}
//	report, err := activation.Run(ctx, segment, client)
//
// Everything else is as with any segment: mapping, files, plan, delivery, report.
// What the engine is asked for, what it keeps, and what each dialect takes is in
// package diff/sqldiff.
//
// # What comes out
//
// Candidates: records that are new or whose source columns are not what they were,
// those that were rejected or held back, and, once after each change of the
// mapping, of the destination's declared fields, or of how this module renders,
// all of them. They are rendered into a file in State, like those of any segment
// that can not be read again, and those that have changed are sent.
// [splio.Report.Candidates] counts them; the other counts are of the whole segment,
// but for those of values, which are of candidates.
//
// # Two systems
//
// The snapshots are tables in the engine; the outbox, with the journal of the plan,
// and the ledger are in [splio.Activation.State]. The order of things makes a crash
// on either side, and a connection that breaks at any point, harmless:
//
//  1. The snapshot is staged in the engine. One of which no plan knows, since the
//     program died before the next step, the next run removes.
//  2. The manifest of the plan, which names it, is written in State.
//  3. Files are delivered. That the snapshot is still there, whole, and
//     computed from the current one is verified before.
//  4. The snapshot is published, by one statement that compares and swaps, and may
//     be repeated.
//  5. The ledger notes its id, and the outbox is cleared.
//
// A killed program loses its lease on the snapshots after [Options.Lease]; until
// then a run fails with an error that matches diff.ErrLocked.
//
// State is to be kept from run to run. When it is lost while a plan is on its way,
// nobody knows which rows were sent: run once with Refresh.
//
// # Values
//
// Values are what the driver gives, as with source.Rows, which says more. A record
// with one of a type that can not be mapped is rejected: so it is with decimals of
// DuckDB, which are to be cast to text in the query.
//
// # Limits
//
// A segment that is not in the engine, such as a repaired file of rejects, can not
// be compared there. [splio.Activation.Resend] takes no limit of reports. A
// Preview takes the lease, and for its duration makes tables like any run.
package warehouse
