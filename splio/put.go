package splio

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

// batchBytes is about how many bytes of rows are handed on at a time.
const batchBytes = 256 << 10

// rows are those of the segment, rendered, once it was put into the comparison.
type rows interface {
	// each visits the rows that changes name, which ascend. What it passes on is
	// valid during the call of visit.
	each(ctx context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error
	// keys is each for changes that call for nothing but the key of any record that
	// has one.
	keys(ctx context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error
	close() error
}

// put renders the segment into the comparison. What gives the rows again is the
// segment itself where it can be read once more, and a spool anywhere else.
func (j *job) put(ctx context.Context, mapper *mapping.Mapper, src mapping.Source, run Comparison, found *tally) (_ rows, err error) {
	if some := run.Candidates(); some != nil {
		return j.putCandidates(ctx, some, run, found)
	}
	chunked, ok := src.(chunk.Source)
	if ok && chunked.Repeatable() {
		seg := &rereader{job: j, mapper: mapper, src: chunked}
		if texts, ok := run.(textComparison); ok && texts.ByText() {
			return seg.putTexts(ctx, run, found)
		}
		if e := j.newEarly(ctx, seg); e != nil {
			return e, e.put(ctx, run, found)
		}
		return seg, j.putChunks(ctx, mapper, chunked, run, nil, found)
	}
	sp, err := j.newSpool()
	if err != nil {
		return nil, err
	}
	if ok {
		err = j.putChunks(ctx, mapper, chunked, run, sp, found)
	} else {
		err = j.putRecords(ctx, mapper, src, run, sp, found)
	}
	return sp, err
}

// keepsValues reports whether the values of a record are wanted after it was
// rendered, in case another record has its key.
func (j *job) keepsValues() bool {
	return j.OnRejectedRecord != nil && j.Duplicates == diff.RejectDuplicates
}

// renderer renders records on one goroutine.
type renderer struct {
	*job
	rowEncoder
	picker picker
	mapper *mapping.Mapper
	found  *tally
	turn   func() error // waits until it is this goroutine's to call the caller's functions; nil: it is
	row    mapping.Row
}

// render renders a record and passes on what is wrong with it.
func (r *renderer) render(rec *mapping.Record) error {
	row := &r.row
	r.mapper.Render(row, rec)
	switch {
	case !r.Format.survives(row.Key): // as another key it would name somebody else
		row.Rejections = append(row.Rejections, r.keyRejection(row.Seq, row.Line, ReasonKey))
		row.Key, row.OK = nil, false
	case row.OK && r.Format.refuses(row.Cells):
		row.Rejections = append(row.Rejections, mapping.Rejection{Seq: row.Seq, Line: row.Line, Reason: ReasonQuotes, Action: mapping.Rejected})
		row.OK = false
	}
	if len(row.Rejections) == 0 {
		return nil
	}
	passOn := r.OnRejectedRecord != nil && !row.OK
	if r.turn != nil && (passOn || r.found.each != nil) {
		if err := r.turn(); err != nil {
			return err
		}
	}
	for _, x := range row.Rejections {
		r.found.add(x)
	}
	if passOn {
		if err := r.OnRejectedRecord(rec, row.Rejections); err != nil {
			return fmt.Errorf("splio: Activation.OnRejectedRecord: %w", err)
		}
	}
	return nil
}

// append appends the row of rec as it is spooled.
func (r *renderer) append(dst []byte, seq int64, rec *mapping.Record) []byte {
	switch {
	case r.early != nil:
		return r.early.append(dst, &r.picker, &r.row)
	case !r.row.OK && r.row.Key != nil:
		return r.rowEncoder.append(dst, seq, r.row.Line, r.row.Cells[:1], nil)
	case !r.row.OK:
		return r.rowEncoder.append(dst, seq, r.row.Line, nil, nil)
	case r.keepsValues():
		return r.rowEncoder.append(dst, seq, r.row.Line, r.row.Cells, rec.Values)
	}
	return r.rowEncoder.append(dst, seq, r.row.Line, r.row.Cells, nil)
}

// putRecords is put for a segment that comes record by record. Rendering goes
// on while other processors digest the rows that are done; numbers, not time, say
// which row is which, so that the outcome does not depend on their number.
func (j *job) putRecords(ctx context.Context, mapper *mapping.Mapper, src mapping.Source, run Comparison, sp *spool, found *tally) (err error) {
	p := startPutters(run, len(mapper.Columns()), max(1, min(runtime.GOMAXPROCS(0), maxCrew)-1))
	defer func() { err = errors.Join(err, p.wait()) }()

	r := &renderer{job: j, mapper: mapper, found: found}
	room := j.newSpace(-1, len(mapper.Columns()))
	var n, before int64
	batch := <-p.free
	for rec, err := range src.Records(ctx) {
		if err != nil {
			return fmt.Errorf("splio: read the segment: %w", err)
		}
		if n++; n&1023 == 0 {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("splio: read the segment: %w", err)
			}
		}
		if err := r.render(rec); err != nil {
			return err
		}
		if batch = r.append(batch, n, rec); len(batch) >= batchBytes {
			if err := sp.write(batch); err != nil {
				return err
			}
			if err := room.took(int64(len(batch)), n-before, true); err != nil {
				return err
			}
			before = n
			if batch, err = p.hand(batch); err != nil {
				return err
			}
		}
	}
	if err := sp.write(batch); err != nil {
		return err
	}
	_, err = p.hand(batch)
	return err
}

// putters digest batches of rows.
type putters struct {
	work, free chan []byte
	failed     chan struct{} // closed at the first error
	once       sync.Once
	err        error
	wg         sync.WaitGroup
}

// startPutters starts workers that put rows with these many cells, rejected ones
// aside, into the comparison.
func startPutters(run Comparison, columns, workers int) *putters {
	p := &putters{work: make(chan []byte), free: make(chan []byte, workers+1), failed: make(chan struct{})}
	for range workers + 1 {
		p.free <- make([]byte, 0, batchBytes+batchBytes/4)
	}
	for range workers {
		feed := run.Feed()
		p.wg.Go(func() {
			for batch := range p.work {
				if err := putRows(feed, batch, columns); err != nil {
					p.once.Do(func() {
						p.err = err
						close(p.failed)
					})
				}
				p.free <- batch[:0]
			}
		})
	}
	return p
}

// hand gives a batch to a worker and returns an empty one. After an error of any
// worker it returns that.
func (p *putters) hand(batch []byte) ([]byte, error) {
	select {
	case <-p.failed:
		return nil, p.err
	case p.work <- batch:
	}
	return <-p.free, nil
}

// wait ends the workers and returns the first error.
func (p *putters) wait() error {
	close(p.work)
	p.wg.Wait()
	return p.err
}

func putRows(feed func(int64, []byte, [][]byte) error, batch []byte, columns int) error {
	var all [][]byte
	for len(batch) > 0 {
		r, rest, err := nextRow(batch, all)
		if err != nil {
			return err
		}
		batch, all = rest, r.cells[:0]
		switch cells := r.cells; {
		case len(cells) >= columns: // values may follow
			err = feed(r.seq, cells[0], cells[1:columns])
		case len(cells) == 1:
			err = feed(r.seq, cells[0], nil)
		default:
			err = feed(r.seq, nil, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
