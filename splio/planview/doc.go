// Package planview shows people what a run would do before it does it: as text
// for a terminal, as JSON, and as one HTML page that somebody who does not write
// code can read and approve.
//
//	report, err := activation.Preview(ctx, segment)
//	...
//	view := planview.New(report, planview.Options{Title: "Newsletter contacts"})
//	err = view.HTML(file)
//
// A view is made of a [splio.Report], which [splio.Activation.Preview] returns and
// a [splio.Plan] holds, and of what the caller adds: the state of the plan, the
// history of runs, a few sample rows. It holds counts and names of attributes, and
// no value of any contact unless samples were given.
//
// The page is one file without scripts, fonts or pictures from elsewhere; a
// content security policy in it forbids the browser to load any. It follows the
// light or dark setting of the reader, and can be printed.
//
// # Hostile text
//
// Names and values come from data. [View.Text] and [View.HTML] show control
// characters, those that change the direction of text, and other invisible ones
// by their code, as in <U+202E>. Values that a spreadsheet would take for a
// formula get an apostrophe in front. [View.JSON] is for programs and holds text
// as it is, in the escapes of JSON.
//
// # JSON
//
// The keys stay as they are; new ones may come. Sentences are for people and may
// be worded in another way from one version to the next: branch on "verdict" and
// on the numbers.
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
