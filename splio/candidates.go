package splio

import (
	"context"
	"errors"
	"fmt"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// putCandidates is put for records that a differ gives out. They come in their
// order and are put at once, so that the differ need not remember them.
func (j *job) putCandidates(ctx context.Context, src mapping.Source, run Comparison, found *tally) (_ rows, err error) {
	// The segment may have other fields than when it was checked.
	fields, err := src.Fields(ctx)
	if err != nil {
		return nil, fmt.Errorf("splio: read the segment: %w", err)
	}
	mapper, err := j.bind(fields)
	if err != nil {
		return nil, wrong(err)
	}
	sp, err := j.newSpool()
	if err != nil {
		return nil, err
	}
	return sp, j.spoolCandidates(ctx, mapper, src, run, sp, found)
}

func (j *job) spoolCandidates(ctx context.Context, mapper *mapping.Mapper, src mapping.Source, run Comparison, sp *spool, found *tally) error {
	r := &renderer{job: j, mapper: mapper, found: found}
	feed := run.Feed()
	room := j.newSpace(-1, 0)
	var batch []byte
	var before int64
	for rec, err := range src.Records(ctx) {
		if err != nil {
			return fmt.Errorf("splio: read the segment: %w", err)
		}
		if found.candidates++; found.candidates&1023 == 0 {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("splio: read the segment: %w", err)
			}
		}
		if err := r.render(rec); err != nil {
			return err
		}
		err := feed(rec.Seq, r.row.Key, r.cells())
		if errors.Is(err, diff.ErrKeyForm) {
			err = r.mistaken(rec)
		}
		if err != nil {
			return err
		}
		if batch = r.append(batch, rec.Seq, rec); len(batch) < batchBytes {
			continue
		}
		if err := sp.write(batch); err != nil {
			return err
		}
		if err := room.took(int64(len(batch)), found.candidates-before, true); err != nil {
			return err
		}
		batch, before = batch[:0], found.candidates
	}
	return sp.write(batch)
}

// mistaken rejects a record that the differ knows by another key. One that was
// rejected already has its reasons.
func (r *renderer) mistaken(rec *mapping.Record) error {
	if !r.row.OK {
		return nil
	}
	x := r.keyRejection(r.row.Seq, r.row.Line, ReasonKeyForm)
	r.row.OK = false
	r.row.Rejections = append(r.row.Rejections, x)
	r.found.add(x)
	if r.OnRejectedRecord == nil {
		return nil
	}
	if err := r.OnRejectedRecord(rec, r.row.Rejections); err != nil {
		return fmt.Errorf("splio: Activation.OnRejectedRecord: %w", err)
	}
	return nil
}
