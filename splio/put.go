package splio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// batchBytes is about how many bytes of rows are handed on at a time.
const batchBytes = 256 << 10

// put renders the segment into the spool and the comparison. Rendering goes on
// while other processors digest the rows that are done; numbers, not time, say
// which row is which, so that the outcome does not depend on their number.
func (j *job) put(ctx context.Context, mapper *mapping.Mapper, src mapping.Source, run *diff.Run, sp *spool, found *tally) (err error) {
	p := startPutters(run, len(mapper.Columns()), max(1, runtime.GOMAXPROCS(0)-1))
	defer func() { err = errors.Join(err, p.wait()) }()

	keep := j.OnRejected != nil && j.Duplicates == diff.RejectDuplicates // values, in case another record has the key
	var row mapping.Row
	var enc rowEncoder
	var n int64
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
		mapper.Render(&row, rec)
		if !survives(row.Key) { // as another key it would name somebody else
			row.Rejections = append(row.Rejections, j.keyRejection(row.Seq, row.Line, ReasonKey))
			row.Key, row.OK = nil, false
		}
		for _, r := range row.Rejections {
			found.add(r)
		}
		cells, values := row.Cells, rec.Values
		if !row.OK {
			if j.OnRejected != nil {
				if err := j.OnRejected(rec, row.Rejections); err != nil {
					return fmt.Errorf("splio: Activation.OnRejected: %w", err)
				}
			}
			cells = cells[:0]
			if row.Key != nil {
				cells = append(cells, row.Key)
			}
		}
		if !row.OK || !keep {
			values = nil
		}
		if batch = enc.append(batch, n, row.Line, cells, values); len(batch) >= batchBytes {
			if err := sp.write(batch); err != nil {
				return err
			}
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
func startPutters(run *diff.Run, columns, workers int) *putters {
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

func putRows(feed *diff.Feed, batch []byte, columns int) error {
	var all [][]byte
	for len(batch) > 0 {
		size, n := binary.Uvarint(batch)
		if n <= 0 || size > uint64(len(batch)-n) {
			return errSpool
		}
		seq, _, cells, err := parseRow(batch[n:][:size], all[:0])
		if err != nil {
			return err
		}
		batch, all = batch[n:][size:], cells
		switch {
		case len(cells) >= columns: // values may follow
			err = feed.Put(seq, cells[0], cells[1:columns])
		case len(cells) == 1:
			err = feed.Put(seq, cells[0], nil)
		default:
			err = feed.Put(seq, nil, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
