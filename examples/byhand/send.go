package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// send sends what is new or changed in a segment, which is read twice and must
// stay the same meanwhile, and returns the number of rows.
//
// The order is what makes it safe: the digests of today are made durable, then
// the file is delivered, and only then are they what the next run compares with.
// Whatever ends it before that, the next call finds the same rows once more,
// but for those that are back at what they were.
func send(ctx context.Context, state string, segment mapping.Source, t splio.Transport, name string) (rows int64, err error) {
	fields, err := segment.Fields(ctx)
	if err != nil {
		return 0, err
	}
	mapper, err := contacts.Bind(fields, destination.Options())
	if err != nil {
		return 0, err
	}
	store, err := diff.Open(state, diff.Options{Scope: "acme/email"}) // keeps other runs out
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	run, err := store.Begin(ctx, mapper.Columns()[1:], diff.RunOptions{Create: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()

	// 1. Compare every record of today with what was sent.
	feed, row := run.Feed(), mapping.Row{}
	for rec, err := range segment.Records(ctx) {
		if err != nil {
			return 0, err
		}
		var cells [][]byte // none: the record is rejected
		if mapper.Render(&row, rec); row.OK {
			cells = row.Cells[1:]
		}
		if err := feed.Put(rec.Seq, row.Key, cells); err != nil {
			return 0, err
		}
	}
	if _, err := run.Compare(ctx); err != nil {
		return 0, err
	}
	due := make(map[int64]bool)
	for c, err := range run.Changes(ctx) {
		if err != nil {
			return 0, err
		}
		if c.Kind == diff.New || c.Kind == diff.Changed || c.Kind == diff.Due { // not Conflict, not Gone
			due[c.Seq] = true
		}
	}

	// 2. Write their rows.
	file, err := os.CreateTemp("", "byhand-*.csv")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	w, err := splio.NewWriter(file, mapper.Columns(), splio.Format{})
	if err != nil {
		return 0, err
	}
	for rec, err := range segment.Records(ctx) {
		if err != nil {
			return 0, err
		}
		if !due[rec.Seq] {
			continue
		}
		mapper.Render(&row, rec)
		if err := w.Write(row.Cells); err != nil { // splio.ErrFull: it takes a second file
			return 0, err
		}
	}
	written, err := w.Close()
	if err != nil {
		return 0, err
	}

	// 3. Make the digests of today durable, 4. deliver, 5. publish.
	id, err := run.Stage(ctx)
	if err != nil {
		return 0, err
	}
	if written.Rows > 0 {
		if err := t.Put(ctx, name, name+".part", io.NewSectionReader(file, 0, written.Bytes)); err != nil {
			return 0, errors.Join(fmt.Errorf("deliver: %w", err), store.Discard(id))
		}
	}
	return written.Rows, store.Publish(ctx, id)
}
