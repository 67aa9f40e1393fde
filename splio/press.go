package splio

import (
	"encoding/hex"
	"fmt"
)

// pressBlocks is how many blocks of text wait at most.
const pressBlocks = 16

// press writes the files of the outbox on a goroutine of its own, and makes their
// sums, so that nobody who makes rows waits for a disk that is slower for a while.
type press struct {
	work   chan block // nil once it was stopped
	free   chan []byte
	ended  chan struct{}
	failed chan struct{} // closed at the first error
	err    error
}

// block is some text of a file.
type block struct {
	file *outFile
	text []byte
	last bool // the file is to be made durable and closed
}

func startPress() *press {
	p := &press{
		work: make(chan block, pressBlocks), free: make(chan []byte, pressBlocks),
		ended: make(chan struct{}), failed: make(chan struct{}),
	}
	go p.run(p.work)
	return p
}

func (p *press) run(work <-chan block) {
	defer close(p.ended)
	for b := range work {
		if p.err == nil {
			if p.err = b.write(); p.err != nil {
				close(p.failed)
			}
		}
		if b.last {
			continue
		}
		select {
		case p.free <- b.text[:0]:
		default:
		}
	}
}

// send gives a block to the press, which owns its text from then on. The error may
// be that of an earlier block.
func (p *press) send(b block) error {
	select {
	case <-p.failed:
		return p.err
	case p.work <- b:
		return nil
	}
}

// memory returns some for a block.
func (p *press) memory() []byte {
	select {
	case text := <-p.free:
		return text
	default:
		return make([]byte, 0, blockBytes+blockBytes/4)
	}
}

// stop waits until everything is written, and returns the first error. It may be
// called again, and for no press.
func (p *press) stop() error {
	if p == nil {
		return nil
	}
	if p.work != nil {
		close(p.work)
		p.work = nil
	}
	<-p.ended
	return p.err
}

// write writes a block.
func (b block) write() error {
	f := b.file
	f.sum.Write(b.text)
	var err error
	if f.file != nil {
		_, err = f.file.Write(b.text)
	}
	if b.last && err == nil {
		f.SHA256 = hex.EncodeToString(f.sum.Sum(nil))
		err = f.seal()
	}
	if err != nil {
		return fmt.Errorf("splio: write a file in the outbox: %w", err)
	}
	return nil
}

// seal makes the content of a file durable and closes it.
func (f *outFile) seal() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Sync()
	if cerr := f.file.Close(); err == nil {
		err = cerr
	}
	f.file = nil
	return err
}
