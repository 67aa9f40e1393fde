// Package source reads segments: CSV text ([CSV], [CSVFile]), JSON objects, one a line ([NDJSON], [NDJSONFile]), structs
// ([Structs]), maps ([Maps]), lists of values ([Seq]), and SQL ([Query], or [Rows] of a query that was already run). [Each] makes
// an iterator in memory fit these functions. The package also has a writer: [Rejects] puts rejected records into a file, to be
// repaired and read again.
//
// The readers return a [mapping.Source]. A fault of one record is in its Err, as one of the sentinels of this package, and
// reading continues; an error that stops the reading is yielded last. If it is unclear how far a fault reaches, reading stops: a
// record lost in silence would look like one that has left the segment.
//
// Errors name files, lines and the numbers of columns, but never a value, nor the name of a field in a file: if the header is
// missing, the first record would pass for one.
//
// A source is not safe for concurrent use.
package source

import (
	"context"
	"errors"
	"fmt"
)

// What rejects a record alone. The messages are the reasons of the rejections.
var (
	ErrFieldCount = errors.New("not as many values as there are fields")
	ErrQuote      = errors.New("a quote where none can be")
	ErrType       = errors.New("a value of a type that cannot be mapped")
	ErrValue      = errors.New("a value that its own method failed to give")
	ErrJSON       = errors.New("not a JSON object")
	ErrTwice      = errors.New("a field twice")
	ErrLong       = errors.New("longer than 16 MiB")
)

var errSpent = errors.New("source: it can be read once only, and has been: make a new one")

// checkEvery is how many records are read between two looks at the context.
const checkEvery = 256

// stopped returns the error of a context that has ended.
func stopped(ctx context.Context, seq int64) error {
	if seq%checkEvery != 0 {
		return nil
	}
	return ended(ctx, seq)
}

// ended does the same after any number of records.
func ended(ctx context.Context, seq int64) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("source: stopped after %d records: %w", seq, context.Cause(ctx))
}
