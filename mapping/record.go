package mapping

import (
	"context"
	"iter"
)

// Record is one record of a segment. A source reuses it: it is valid until the next one is asked for.
type Record struct {
	// Seq counts the records of the segment from 1, in segment order, the rejected ones included.
	Seq int64

	// Line is the line of the source that the record begins on, from 1, or 0 where there are no lines.
	Line int64

	// Values are in the order of the source's fields.
	Values []Value

	// Err, when set, rejects this record alone. Its message becomes the rejection's reason, so it must be a constant text
	// that says nothing of the record's values.
	Err error
}

// Source is a segment: records that all have the same fields.
//
// Fields returns the names of the fields, for an empty segment too. It may be called any number of times, before Records
// or between two calls of it, and returns the same names each time.
//
// Records yields the records in segment order. An error is yielded last, with a nil Record, and ends the stream; what is
// wrong with one record alone is in Record.Err instead. When ctx ends, the error wraps context.Cause. A source that can be
// read only once says so, and yields an error when Records is ranged over again.
//
// A Source need not be safe for concurrent use.
type Source interface {
	Fields(ctx context.Context) ([]string, error)
	Records(ctx context.Context) iter.Seq2[*Record, error]
}
