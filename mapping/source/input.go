package source

import (
	"cmp"
	"errors"
	"io"
)

const (
	maxRecord = 16 << 20  // the most bytes of a record: an open quote must not read a whole file into memory
	portion   = 256 << 10 // the bytes read at a time, a chunk
	slack     = 64        // bytes behind the text that may be looked at, and mean nothing
)

var errLong = errors.New("a record is longer than 16 MiB: is a quote left open?")

// window is the part of a text that is in memory: buf[pos:end] has been read and not been taken yet.
//
// A chunk is read whole to where it begins at a page, and what is left of the one before is moved to just before it. So
// a file is read by the page into memory by the page, and only the cut record at the end of a chunk is ever copied.
type window struct {
	r        io.Reader
	chunk    int // the bytes of one; 0 is the constant
	buf      []byte
	front    int // where chunks begin in buf
	pos, end int
	err      error // of r, sticky
}

// more reads on, once. What is in the window may move, by moved bytes towards the front; its length only grows.
func (w *window) more() (moved int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.end == max(0, len(w.buf)-slack) {
		moved = w.move()
	}
	n, err := w.r.Read(w.buf[w.end : len(w.buf)-slack])
	w.end += n
	if w.err = err; n > 0 {
		return moved, nil
	}
	return moved, err
}

// move makes room for a chunk.
func (w *window) move() (moved int) { return w.moveTo(w.buf, w.front) }

// moveTo makes room for a chunk in a buffer, or in a new one when it is nil or too short. The old one is not used any more.
func (w *window) moveTo(buf []byte, front int) (moved int) {
	tail := w.buf[w.pos:w.end]
	if buf == nil || len(tail) > front {
		size := cmp.Or(w.chunk, portion)
		front = max(front, size/4, 1)
		for front < len(tail) {
			front *= 2
		}
		size = max(size, front/4) // so that a long record is not moved for each chunk of it
		buf = make([]byte, front+size+slack)
	}
	at := front - len(tail)
	copy(buf[at:], tail)
	moved = w.pos - at
	w.buf, w.front, w.pos, w.end = buf, front, at, front
	return moved
}

// steady is a reader that keeps its error, never reads nothing without one and never claims more than it was asked for.
type steady struct {
	r   io.Reader
	err error
}

func (s *steady) Read(p []byte) (n int, err error) {
	for range 100 {
		if s.err != nil || len(p) == 0 {
			return 0, s.err
		}
		if n, s.err = s.r.Read(p); n < 0 || n > len(p) {
			n, s.err = 0, errors.New("the reader claims to have read more than it was asked to")
		}
		if n > 0 {
			return n, nil
		}
	}
	s.err = io.ErrNoProgress
	return 0, s.err
}
