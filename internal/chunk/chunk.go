// Package chunk is how a source hands out its text in chunks, which are split
// and rendered on several processors at once. It is what package source and
// package splio share, and no user needs.
package chunk

import (
	"context"

	"github.com/spliosync/spliosync/mapping"
)

// Source is a segment that can be read by the chunk.
type Source interface {
	mapping.Source

	// Chunks begins a reading, in place of Records. Fields is called before; a
	// call of it is where one use of the segment ends and another begins.
	Chunks(ctx context.Context) (Reader, error)

	// Repeatable reports whether Chunks can be called again, without Fields in
	// between, and then gives the same records, or an error when they are not
	// there any more.
	Repeatable() bool

	// Size is about how many bytes of text there are, -1 when nobody knows.
	Size() int64

	// Layout says what it depends on, besides the text of a record, what its fields
	// are. Fields is called before.
	Layout() string
}

// Reader hands out the chunks of a segment in their order. Use it from one
// goroutine at a time.
type Reader interface {
	// New returns a chunk to be filled.
	New() Chunk

	// Next fills c, which New has made, with the next records, at least one;
	// after an error it is empty. At
	// the end of the segment the error is io.EOF, and it is certain then that the
	// text did not change meanwhile. An error of reading comes only after all
	// records before it.
	Next(ctx context.Context, c Chunk) error

	// Close ends the reading, and reports when the text has changed meanwhile.
	// Chunks stay as they are.
	Close() error
}

// Chunk is some records in a row. Use it from one goroutine at a time; others
// may use other chunks, and the reader.
type Chunk interface {
	// First is the number of the first record, as in [mapping.Record.Seq].
	First() int64

	// Len is the number of records.
	Len() int64

	// Size is how many bytes of text they take.
	Size() int64

	// Record returns a record by its number, valid until the next call. The
	// numbers ascend from call to call after Next; some may be left out, which
	// costs next to nothing. An error is the end of the segment, as one that
	// [mapping.Source.Records] yields.
	Record(seq int64) (*mapping.Record, error)

	// Text is the text of the record that Record has returned last, valid as long
	// as that; nil when the record has an error.
	Text() []byte

	// Texts appends the texts of the next records to dst, until it holds most of them
	// or there are no more: nil for a record with an error. Record may then be called
	// for each of them, until the next call. What it appends is valid until Record is
	// called for that record, or one before.
	Texts(dst [][]byte, most int) ([][]byte, error)
}
