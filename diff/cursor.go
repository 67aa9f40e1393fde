package diff

import (
	"io"

	"github.com/spliosync/spliosync/internal/vfs"
)

// cursor reads a part of a file from front to back.
type cursor struct {
	file         vfs.File
	begin, limit int64  // the part
	window       []byte // the bytes of the last read, and before them room for the rest of the read before
	from         int    // where in window the next byte is
	to           int    // where in window the bytes of the last read end
	at           int64  // where in the file they end; the next read begins there, at a multiple of a page
}

// Sizes of the window: of all of it, and of the room at its begin, which is
// enough for a block.
const (
	windowSize = 256 << 10
	aheadSize  = (blockTarget + blockHeader + pageSize) &^ (pageSize - 1)
)

// rewind goes back to the begin.
func (c *cursor) rewind() { c.at, c.from, c.to = c.begin&^(pageSize-1), aheadSize, aheadSize }

// pos is where the next byte is in the file.
func (c *cursor) pos() int64 { return max(c.begin, c.at-int64(c.to-c.from)) }

// take returns the next n bytes, which are of a block with a number. They are valid
// until the next call.
func (c *cursor) take(n int, number uint32) ([]byte, error) {
	if c.pos()+int64(n) > c.limit {
		return nil, damaged("block %d goes on behind its end", number)
	}
	if c.window == nil {
		c.window = make([]byte, windowSize)
	}
	skip := 0
	if c.at < c.begin { // the first page has something else before
		skip = int(c.begin - c.at)
	}
	for c.to-c.from < skip+n {
		c.from = aheadSize - copy(c.window[aheadSize-(c.to-c.from):], c.window[c.from:c.to])
		got, err := c.file.ReadAt(c.window[aheadSize:], c.at)
		c.to = aheadSize + got
		c.at += int64(got)
		if err != nil && (err != io.EOF || c.to-c.from < skip+n) {
			return nil, short(err, "block %d", number)
		}
	}
	c.from += skip + n
	return c.window[c.from-n : c.from], nil
}
