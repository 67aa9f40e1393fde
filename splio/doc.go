// Package splio keeps the contacts of a Splio universe in step with a segment:
// it knows what a contacts file may hold, writes files that Splio accepts, and
// delivers them without losing or half-sending anything.
//
// Most programs need an [Activation] and a transport of package sftpx:
//
//	activation := splio.Activation{
//		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
//		Mapping:     m,
//		State:       "/var/lib/acme/splio",
//		Insert:      true,
//	}
//	report, err := activation.Run(ctx, segment, client)
//
// # What is sent
//
// A run sends the records that are new or changed since the last run that was
// delivered, each as a full row: the key and every mapped attribute.
//
//	the record           in the last snapshot   what is sent
//	valid                no                     Insert: a row, counted as inserted
//	                                            otherwise a row, counted as updated: a sub-sequence
//	                                            that only updates ignores contacts it does not know
//	                                            with Known keys: a row when known, else held back
//	valid, changed       yes                    a row, counted as updated
//	valid, unchanged     yes                    nothing
//	rejected             either                 nothing; its key keeps its state and is no leaver
//	absent               yes                    nothing; counted as left. [Activation.Left] can ask for more
//
// A record sent while Insert was off may be one that Splio ignored, since it did
// not know the contact. It is remembered as unconfirmed, and counts as new once
// Insert is on. While Insert stays off, a contact that Splio creates later gets
// its unchanged attributes only through a Refresh.
//
// [Activation.Explain] says of one contact which of these lines it is on, and why.
//
// # Plan, then apply
//
// [Activation.Plan] touches no network. It leaves an outbox in the state
// directory: the files, a staged snapshot, and a manifest. [Plan.Apply] sends
// exactly those bytes and publishes the snapshot last. [Activation.Run] does
// both. A plan is
//
//	ready      made, and approved by nobody: the next Plan or Run replaces it
//	braked     made, and beyond reason: it is not sent unless it is released, and
//	           the next Plan or Run replaces it
//	released   approved by [Plan.Release]: the next Run sends it first
//	applying   on its way: the next Run ends its delivery first
//
// A plan is braked when its segment is empty, or has shrunk or changed beyond the
// limits of [Activation.Brakes], which are on by default: a Run then ends with a
// [*BrakeError], before anything is sent. Mend the segment and run again; or, if
// it is right as it is, release the plan, for a reason that is kept with it:
//
//	if braked, ok := errors.AsType[*splio.BrakeError](err); ok {
//		// look at braked.Readings, and at the files in the outbox
//		plan, err := activation.Release(ctx, braked.Plan, "the shop in Lyon was bought")
//		report, err := plan.Apply(ctx, client)
//	}
//
// [Plan.Discard] gives a plan up in any state. The records of files that may have
// been sent are sent again in the next run, since nobody knows what Splio has.
//
// A crash, a full disk or a lost connection at any point leaves a state from which
// the next Run converges. A file that Splio has taken already may be sent again;
// its rows repeat the same values. [Retryable] tells errors that may pass by
// themselves from those that need somebody.
//
// # State
//
// The directory [Activation.State] belongs to one universe and one key
// attribute. Beside the files of package diff it holds, readable by the owner
// alone:
//
//	outbox/manifest    the plan that waits or is on its way, with its journal
//	outbox/NNNN.csv    its files, personal data in clear until they are delivered
//	outbox/spool       rendered rows while a plan is made over a segment that is
//	                   not a CSV file, which is read again; without a name where
//	                   the system allows it
//	ledger             the file names that were used, those that may still be in
//	                   the drop directory, and the last snapshot's id
//	history            counts and outcomes of the last 400 runs, see
//	                   [Activation.History]
//	keys-SHA256        the keys of all contacts in the snapshot, personal data in
//	                   clear: there when [Activation.Left] asks for it. The ledger
//	                   says which one goes with the snapshot, so that a damaged or
//	                   older one is refused. In outbox/keys while a plan waits
//	sent/TIME-PLAN/    the files and manifest of a delivered plan, personal data in
//	                   clear: there when [Activation.Retain] asks for it
//
// Only one run at a time may use it, across processes.
//
// With a [Differ], the snapshots are elsewhere, and State holds the rest: package
// splio/warehouse compares a segment in its SQL engine.
//
// # Progress and logs
//
// [Activation.OnProgress] is told how far a call is, for a progress bar.
// [Activation.Logger] gets the events below. Their messages, keys and levels stay
// as they are, so that a handler can count them; keys may be added. Each has
// universe and subsequence, and, once there is one, plan, the id of the plan:
//
//	message               level  keys
//	plan made             INFO   read, rejected, duplicate, held_back, unchanged, inserted, updated, left,
//	                             uncertain, left_rows, deleted: the counts of the Report; first, whether
//	                             nothing was delivered before; files, rows, bytes; state; duration.
//	                             WARN when the state is braked
//	preview made          INFO   the same, of a Preview, without a plan
//	brake hit             WARN   brake, attribute, count, total, limit: one for each, see BrakeReading
//	values rejected       INFO   field, attribute, reason, action, count: one for each RejectionCount
//	attributes unverified WARN   attributes: custom columns that nobody has declared, if there are files
//	left skipped          WARN   reason: why Left does nothing, or not all. INFO on a first run
//	doubt                 WARN   doubt: a sentence on what the plan relies upon
//	plan replaced         INFO   state: that of the plan that made room for another
//	plan released         INFO   state: that before
//	plan discarded        INFO   sent: the number of its files that may have arrived
//	earlier plan resumed  INFO   state: a Run ends the delivery of an earlier plan first
//	earlier files waiting WARN   waiting: the number of files that nobody has taken; unknown: nobody can tell
//	delivery begun        INFO   files, rows, bytes; resumed: it was begun before
//	file name taken       WARN   file, next: another file had that name
//	file delivered        INFO   file, rows, bytes, duration; found: an earlier attempt had got through
//	plan published        INFO   files, rows, bytes, duration: all has arrived, and the next run compares
//	                             with it. Once more when a crash comes right after it
//	state adopted         INFO   the counts of the Report
//	contacts forgotten    INFO   count
//	contacts due          INFO   count, spent: what Resend has returned
//	stage ended           DEBUG  stage, see Stage; records, duration
//	call ended            INFO   operation: plan, preview, run, apply, release, discard, adopt, forget or resend;
//	                             outcome: ok; duration. ERROR after an error, with the stage it came in,
//	                             and the outcome configuration, pending, waiting, no plan, locked, state,
//	                             stopped, timeout, missing, exists, permission or other; WARN with braked
//
// The error itself is not logged, since paths, and the words of a transport, may
// hold more than a log should: that is for the caller to decide. The same goes for
// the reason of a release, which is in the report.
//
// # The format
//
// FORMAT.md beside this file says what Splio accepts, how sure that is, and what
// this package does about each unknown. Comments refer to its sections.
package splio
