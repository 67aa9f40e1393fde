package splio

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

// Stage is a part of the work of an [Activation].
type Stage string

// The stages, in their order. A Run that first ends the delivery of an earlier
// plan goes through the last ones for that plan, and then through all. Those that
// are not needed are left out: of a plan without files nothing is delivered.
const (
	// StageReading reads and renders the segment.
	StageReading Stage = "reading"
	// StageComparing compares it with the last snapshot. Parts of a CSV file are
	// read again for that.
	StageComparing Stage = "comparing"
	// StageWriting writes files into the outbox, and then the snapshot.
	StageWriting Stage = "writing"
	// StageWaiting looks for files of earlier plans in the drop directory, and waits
	// until they were taken where [Activation.Waiting] says so.
	StageWaiting Stage = "waiting"
	// StageDelivering hands the files to the [Transport].
	StageDelivering Stage = "delivering"
	// StagePublishing makes the snapshot current and clears the outbox.
	StagePublishing Stage = "publishing"
)

// Progress is how far an [Activation] is. Within a stage no number goes down, and
// at its end each has reached its total. A number that belongs to another stage is
// 0, and so is a total that nobody knows.
type Progress struct {
	Stage Stage
	Plan  string // the id of the plan, from StageWaiting on

	// Records counts those of the segment that were read, or that the [Differ] gave
	// out. From StageWriting on it is [Report.Read]; before, the last few may be
	// missing.
	Records int64

	// Bytes counts the text of the segment that the stage has read: in
	// StageReading all of it, out of BytesTotal when the size is known; in
	// StageComparing what is read again. They are 0 unless the segment is CSV.
	Bytes, BytesTotal int64

	// Rows counts the rows written to files in StageWriting. Those about contacts
	// that left the segment are not among them.
	Rows, RowsTotal int64

	// Files counts those of the plan that have arrived, earlier attempts included,
	// and Sent the bytes of all files that the transport has taken, in
	// StageDelivering and StagePublishing.
	Files, FilesTotal int
	Sent, SentTotal   int64
}

// Fraction is how much of the stage is done, from 0 to 1, where that is known: by
// Bytes in StageReading, Rows in StageWriting, and Sent in StageDelivering.
func (p Progress) Fraction() (done float64, known bool) {
	n, total := p.Sent, p.SentTotal
	switch p.Stage {
	case StageReading:
		n, total = p.Bytes, p.BytesTotal
	case StageWriting:
		n, total = p.Rows, p.RowsTotal
	case StageDelivering:
	default:
		return 0, false
	}
	if total <= 0 {
		return 0, false
	}
	return float64(n) / float64(total), true
}

// How much is done within a stage between two calls of [Activation.OnProgress],
// beside the chunks and batches of the segment. There is no timer, so that the
// same work is told in the same steps.
const (
	stepRows = 8192
	stepSent = 1 << 20
)

// watch follows one call of an activation, for OnProgress, Logger and the history. A
// nil one does nothing.
type watch struct {
	each  func(Progress)
	log   *events
	began time.Time // the stage, for the log alone

	mu   sync.Mutex // is held while each is called
	now  Progress
	told Progress
	text bool  // the segment is read as text
	next int64 // when now.Sent reaches it, it is told

	rows int64 // written, by whose turn it is; now.Rows follows in steps
}

// tell calls the function, unless it knows.
func (w *watch) tell() {
	if w.now != w.told && w.each != nil {
		w.each(w.now)
	}
	w.told = w.now
}

// end ends the stage.
func (w *watch) end(ctx context.Context) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.Stage == "" {
		return
	}
	switch w.now.Stage {
	case StageReading: // the size of a file says only about how much text it has
		w.now.Bytes = max(w.now.Bytes, w.now.BytesTotal)
	case StageWriting:
		w.now.Rows = w.rows
	}
	w.tell()
	w.log.stage(ctx, w.now, time.Since(w.began))
	w.now.Stage = ""
}

// enter ends the stage before and begins another.
func (w *watch) enter(ctx context.Context, p Progress) {
	w.end(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began, w.now, w.next, w.rows = time.Now(), p, p.Sent+stepSent, 0
	w.tell()
}

// stage is the one that is under way.
func (w *watch) stage() Stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now.Stage
}

// reading begins to read a segment.
func (w *watch) reading(ctx context.Context, src mapping.Source, some bool) {
	if w == nil {
		return
	}
	p := Progress{Stage: StageReading}
	chunked, ok := src.(chunk.Source)
	w.text = ok && !some
	if w.text {
		p.BytesTotal = max(0, chunked.Size())
	}
	w.enter(ctx, p)
}

// took is told of each chunk or batch that was read.
func (w *watch) took(bytes, records int64) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.Records += records
	if w.text {
		w.now.Bytes += bytes
		if total := w.now.BytesTotal; total > 0 {
			w.now.Bytes = min(w.now.Bytes, total)
		}
	}
	w.tell()
}

// comparing begins to compare.
func (w *watch) comparing(ctx context.Context) {
	if w != nil {
		w.enter(ctx, Progress{Stage: StageComparing, Records: w.now.Records})
	}
}

// again is told of each chunk that is read another time.
func (w *watch) again(bytes int64) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.Stage == StageComparing { // later on, rows are what counts
		w.now.Bytes += bytes
		w.tell()
	}
}

// writing begins to write the rows of what was found.
func (w *watch) writing(ctx context.Context, s *diff.Summary) {
	if w != nil {
		w.enter(ctx, Progress{Stage: StageWriting, Records: s.Read, RowsTotal: s.New + s.Changed + s.Due})
	}
}

// wrote is told of each row, or of so many.
func (w *watch) wrote(rows int64) {
	if w == nil {
		return
	}
	before := w.rows
	if w.rows += rows; w.rows/stepRows == before/stepRows {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.Rows = w.rows
	w.tell()
}

// at is where the delivery of a plan stands.
func (m *manifest) at(stage Stage) Progress {
	p := Progress{Stage: stage, Plan: m.Plan, Records: m.Report.Read}
	if stage == StageWaiting {
		return p
	}
	for _, f := range m.Files {
		p.FilesTotal++
		p.SentTotal += f.Bytes
		if f.Delivered {
			p.Files++
			p.Sent += f.Bytes
		}
	}
	return p
}

// waiting begins to look for files of earlier plans.
func (w *watch) waiting(ctx context.Context, m *manifest) {
	if w != nil {
		w.enter(ctx, m.at(StageWaiting))
	}
}

// delivering begins to deliver a plan, and publishing to publish it.
func (w *watch) delivering(ctx context.Context, m *manifest) {
	if w != nil && len(m.Files) > 0 {
		w.enter(ctx, m.at(StageDelivering))
	}
}

func (w *watch) publishing(ctx context.Context, m *manifest) {
	if w != nil {
		w.enter(ctx, m.at(StagePublishing))
	}
}

// arrived is told of each file that has arrived.
func (w *watch) arrived(m *manifest) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = m.at(StageDelivering)
	w.next = w.now.Sent + stepSent
	w.tell()
}

// body is what the transport reads of a file. The size is the file's, and nothing
// but ReadAt is used, as the contract of Transport says.
func (w *watch) body(body io.ReaderAt, m *manifest) io.ReaderAt {
	if w == nil || w.each == nil {
		return body
	}
	return &counted{body, w, m.at(StageDelivering).Sent}
}

// counted tells how far a file was read. A transport may read it from several
// goroutines, and again after a failure: what counts is how far it has come.
type counted struct {
	io.ReaderAt
	watch  *watch
	before int64 // bytes of other files
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	now := &c.watch.now
	if at := c.before + off + int64(n); n > 0 && at > now.Sent && now.Stage == StageDelivering {
		now.Sent = min(at, now.SentTotal)
		if now.Sent >= c.watch.next {
			c.watch.next = now.Sent + stepSent
			c.watch.tell()
		}
	}
	return n, err
}
