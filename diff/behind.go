package diff

import (
	"io"
	"sync/atomic"
)

// behindBuffers is how many buffers may wait to be written.
const behindBuffers = 4

// behind writes on a goroutine of its own, so that whoever has something to write
// goes on meanwhile. It begins with the first full buffer, and ends with flush or
// stop. Use it from one goroutine at a time.
type behind struct {
	w          io.Writer
	buf        []byte
	full, free chan []byte // nil: there is no goroutine
	ended      chan struct{}
	err        atomic.Pointer[error] // the first error; nothing is written after it
}

func newBehind(w io.Writer) *behind { return &behind{w: w, buf: make([]byte, 0, writeSize)} }

// write takes bytes. An error may be that of earlier ones.
func (b *behind) write(p []byte) error {
	for len(p) > 0 {
		n := copy(b.buf[len(b.buf):cap(b.buf)], p)
		b.buf = b.buf[:len(b.buf)+n]
		p = p[n:]
		if len(b.buf) < cap(b.buf) {
			continue
		}
		if b.full == nil {
			b.start()
		}
		b.full <- b.buf
		b.buf = <-b.free
	}
	return b.failed()
}

func (b *behind) start() {
	b.full, b.free, b.ended = make(chan []byte, behindBuffers), make(chan []byte, behindBuffers), make(chan struct{})
	for range behindBuffers - 1 {
		b.free <- make([]byte, 0, writeSize)
	}
	go func() {
		defer close(b.ended)
		for p := range b.full {
			b.out(p)
			b.free <- p[:0]
		}
	}()
}

func (b *behind) out(p []byte) {
	if b.err.Load() != nil || len(p) == 0 {
		return
	}
	if _, err := b.w.Write(p); err != nil {
		b.err.Store(&err)
	}
}

func (b *behind) failed() error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return nil
}

// flush writes all that was taken. Nothing can be written after it.
func (b *behind) flush() error {
	b.end()
	b.out(b.buf)
	b.buf = nil
	return b.failed()
}

// stop gives up what was taken and not written yet. It may be repeated, and called
// after flush.
func (b *behind) stop() {
	b.end()
	b.buf = nil
}

// end ends the goroutine, and gives up its memory.
func (b *behind) end() {
	if b.full != nil {
		close(b.full)
		<-b.ended
		b.full, b.free = nil, nil
	}
}
