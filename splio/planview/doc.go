// Package planview shows what a run would do before it does it: as text for a
// terminal, as JSON, and as an HTML page on which somebody who does not write code
// can decide whether to approve the plan.
//
//	report, err := activation.Preview(ctx, segment)
//	...
//	view := planview.New(report, planview.Options{Title: "Newsletter contacts"})
//	err = view.HTML(file)
//
// A view is made from a [splio.Report], which [splio.Activation.Preview] returns and
// a [splio.Plan] holds, and from what the caller adds: the state of the plan, the
// history of runs, a few sample rows. It holds counts and names of attributes, but
// no value of any contact unless samples were given.
//
// The page is a single file that loads nothing from elsewhere, no scripts, fonts or
// pictures, and its content security policy forbids the browser to do so. It follows
// the light or dark setting of the reader, and can be printed.
//
// # Hostile text
//
// Names and values come from data. [View.Text] and [View.HTML] show control
// characters, characters that change the direction of text, and other invisible
// characters by their code, as in <U+202E>. Values that a spreadsheet would take for a
// formula get an apostrophe in front. [View.JSON] is for programs, and holds text as
// it is, escaped as JSON requires.
//
// # JSON
//
// The keys stay as they are; new keys may be added. Sentences are for people, and
// their wording may change from one version to the next: branch on "verdict" and on
// the numbers.
//
//	version    1
//	title      as given
//	verdict    ready, stopped, released, sending, sent, nothing
//	headline   a sentence: what would happen
//	next       a sentence: what happens next
//	time       when the plan was made, when given
//	stops      brakes that were hit: brake, column, numbers, cause
//	ways       the ways on: title, text, code
//	checks     sentences: what to look at before the plan is sent
//	notes      sentences: what is good to know
//	report     the splio.Report: plan, reason, read, rejected, duplicate, held_back,
//	           unchanged, inserted, updated, left, uncertain, left_rows, deleted,
//	           left_skipped, candidates, first, rejections, columns, dropped,
//	           unverified, unchanged_cells, doubts, brakes, files, waiting,
//	           waiting_unknown, history_skipped, resumed
//	history    runs, oldest first, each a splio.RunRecord: plan, outcome, failure,
//	           time, finished, duration_ns, mapping, read, rejected, duplicate,
//	           held_back, unchanged, inserted, updated, changed, left, uncertain,
//	           left_rows, deleted, files, rows, bytes, first, partial, released,
//	           brakes
//	samples    rows, when given: file, columns, rows
package planview
