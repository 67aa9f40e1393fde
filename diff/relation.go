package diff

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// indexBits is the number of first bits of the key digest by which what is
// spilled is sorted, so that a join can use up to 2^indexBits partitions.
const indexBits = 12

// Sizes of a relation.
const (
	minLot     = 32        // full chunks that are spilled together
	maxChunk   = 256 << 10 // bytes of a chunk
	firstChunk = 4 << 10   // bytes that a chunk begins with
)

// relation is a set of entries of one size, each of which begins with a key
// digest. Appenders fill it from any number of goroutines; then it is sealed,
// and its partitions can be read, by several goroutines at once. What does not
// fit into its memory goes to a temporary file: two lots are held at
// most, besides a chunk for each appender. Full chunks are spilled by the
// lot, sorted by partition, so that a lot is one long sequential write and holds
// each partition in one piece.
type relation struct {
	size  int // of an entry
	slots int // entries in a full chunk
	lot   int // chunks that are spilled together
	open  func() (*spill, error)

	mu    sync.Mutex
	idle  *sync.Cond // a lot was spilled
	busy  bool       // a lot is being spilled
	full  [][]byte
	free  [][]byte
	err   error // the first error, which every later call returns
	count int64 // entries in full chunks and in lots
	file  *spill
	lots  []lot

	bits    uint8      // after seal; before, lots are sorted by indexBits
	heads   [][]uint32 // of each chunk in full, or in the lot that is being spilled
	scratch []byte     // another chunk
}

// lot is a part of the temporary file: from offset at on, the entries of
// partition p of 2^indexBits are those numbered heads[p] to heads[p+1].
type lot struct {
	at    int64
	heads []uint32
}

// newRelation makes a relation that holds about memory bytes of entries. Open
// makes its temporary file when there is need for it.
func newRelation(size int, memory int64, open func() (*spill, error)) *relation {
	r := &relation{size: size, open: open}
	r.slots = int(max(1, min(memory/(2*minLot), maxChunk)/int64(size)))
	r.lot = int(max(minLot, memory/int64(2*r.slots*size)))
	r.idle = sync.NewCond(&r.mu)
	return r
}

// appender adds entries to a relation. Use each from one goroutine.
type appender struct {
	rel   *relation
	chunk []byte
}

// next returns the bytes of the next entry, to be filled. They count as added.
func (a *appender) next() ([]byte, error) {
	size := a.rel.size
	n := len(a.chunk)
	if n+size > cap(a.chunk) {
		if err := a.grow(); err != nil {
			return nil, err
		}
		n = len(a.chunk)
	}
	a.chunk = a.chunk[:n+size]
	return a.chunk[n:], nil
}

// grow makes room: a first chunk is small, for those who put little.
func (a *appender) grow() error {
	r := a.rel
	most := r.slots * r.size
	if n := max(firstChunk/r.size*r.size, 2*cap(a.chunk), r.size); n < most && cap(a.chunk) < most {
		a.chunk = append(make([]byte, 0, n), a.chunk...)
		return nil
	}
	if len(a.chunk) < most {
		a.chunk = append(make([]byte, 0, most), a.chunk...)
		return nil
	}
	full := a.chunk
	a.chunk = nil
	if err := r.add(full); err != nil {
		return err
	}
	a.chunk = r.empty()
	return nil
}

// flush hands over the last entries.
func (a *appender) flush() error {
	last := a.chunk
	a.chunk = nil
	if len(last) == 0 {
		return nil
	}
	return a.rel.add(last)
}

// add takes a chunk. When there are enough for a lot, it spills them, or waits
// until another goroutine has done so with the lot before.
func (r *relation) add(chunk []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.err == nil && len(r.full) >= r.lot {
		if r.busy {
			r.idle.Wait()
		} else {
			r.spill()
		}
	}
	if r.err != nil {
		return r.err
	}
	r.full = append(r.full, chunk)
	r.count += int64(len(chunk) / r.size)
	return nil
}

// empty returns a chunk to be filled.
func (r *relation) empty() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		b := r.free[n-1]
		r.free = r.free[:n-1]
		if cap(b) >= r.slots*r.size {
			return b[:0]
		}
	}
	return make([]byte, 0, r.slots*r.size)
}

// spill writes the full chunks as a lot. It unlocks the relation meanwhile.
func (r *relation) spill() {
	chunks := r.full
	r.full, r.busy = nil, true
	r.mu.Unlock()
	l, err := r.write(chunks)
	r.mu.Lock()
	r.busy, r.err = false, err
	r.lots = append(r.lots, l)
	r.free = append(r.free, chunks...)
	r.idle.Broadcast()
}

// write writes chunks as a lot.
func (r *relation) write(chunks [][]byte) (lot, error) {
	if r.file == nil {
		f, err := r.open()
		if err != nil {
			return lot{}, err
		}
		r.file = f
	}
	chunks = r.joined(chunks)
	l := lot{at: r.file.size, heads: make([]uint32, 1<<indexBits+1)}
	r.heads = r.sort(chunks, indexBits, r.heads)
	n := 0
	for p := range uint32(1 << indexBits) {
		for i, c := range chunks {
			part := r.part(c, r.heads[i], p)
			if len(part) == 0 {
				continue
			}
			n += len(part) / r.size
			if err := r.file.write(part); err != nil {
				return lot{}, err
			}
		}
		l.heads[p+1] = uint32(n)
	}
	return l, r.file.flush()
}

// joined puts chunks together when they are so small that many of them would
// have to be looked at for each partition.
func (r *relation) joined(chunks [][]byte) (all [][]byte) {
	if r.slots*r.size > maxChunk/8 {
		return chunks
	}
	for _, c := range chunks {
		if n := len(all); n > 0 && len(all[n-1])+len(c) <= maxChunk {
			all[n-1] = append(all[n-1], c...)
		} else {
			all = append(all, slices.Clone(c))
		}
	}
	return all
}

// sort orders the entries of each chunk by partition, of 2^bits, and returns
// where the partitions begin in it, counted in entries; in the end, where the
// last one ends. A chunk stays in the caches of a processor meanwhile.
func (r *relation) sort(chunks [][]byte, bits uint8, heads [][]uint32) [][]uint32 {
	for len(heads) < len(chunks) {
		heads = append(heads, make([]uint32, 1<<bits+2))
	}
	for i, c := range chunks {
		h := heads[i][:1<<bits+2]
		clear(h)
		for e := c; len(e) > 0; e = e[r.size:] {
			h[partitionOf(e, bits)+2]++
		}
		for p := 2; p < len(h); p++ {
			h[p] += h[p-1]
		}
		sorted := r.scratch
		if cap(sorted) < len(c) {
			sorted = make([]byte, len(c))
		}
		sorted = sorted[:len(c)]
		for e := c; len(e) > 0; e = e[r.size:] {
			at := &h[partitionOf(e, bits)+1]
			copy(sorted[int(*at)*r.size:], e[:r.size])
			*at++
		}
		chunks[i], r.scratch = sorted, c
	}
	return heads
}

// part returns the entries of a partition in a sorted chunk.
func (r *relation) part(chunk []byte, heads []uint32, p uint32) []byte {
	return chunk[int(heads[p])*r.size : int(heads[p+1])*r.size]
}

// end ends the adding. When anything was spilled the rest is as well, so that
// its memory is free. It returns the first error of the relation.
func (r *relation) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && len(r.lots) > 0 && len(r.full) > 0 {
		r.spill()
	}
	r.free, r.heads = nil, nil
	return r.err
}

// seal chooses the number of partitions that can be read from now on: 2^bits,
// of which there are at most 2^indexBits.
func (r *relation) seal(bits uint8) {
	r.bits = bits
	r.full = r.joined(r.full)
	r.heads = r.sort(r.full, bits, nil)
	r.scratch = nil
}

// spilled reports whether there is a temporary file.
func (r *relation) spilled() bool { return len(r.lots) > 0 }

// each visits the entries of a partition, in no order. They are valid until
// visit returns. Buf is scratch space of readSize bytes, made when needed.
func (r *relation) each(ctx context.Context, p uint32, buf *[]byte, visit func(entry []byte)) error {
	for i, c := range r.full {
		for part := r.part(c, r.heads[i], p); len(part) > 0; part = part[r.size:] {
			visit(part[:r.size])
		}
	}
	if !r.spilled() {
		return nil
	}
	if *buf == nil {
		*buf = make([]byte, readSize)
	}
	down := indexBits - r.bits
	for _, l := range r.lots {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("diff: %w", err)
		}
		from, to := int64(l.heads[p<<down]), int64(l.heads[(p+1)<<down])
		for from < to {
			n := min(to-from, (readSize-pageSize)/int64(r.size))
			entries, err := r.file.read(*buf, l.at+from*int64(r.size), int(n)*r.size)
			if err != nil {
				return err
			}
			for ; len(entries) > 0; entries = entries[r.size:] {
				visit(entries[:r.size])
			}
			from += n
		}
	}
	return nil
}

// close gives up the memory and the temporary file. It may be repeated, and
// called on nil.
func (r *relation) close() error {
	if r == nil {
		return nil
	}
	r.full, r.free, r.heads, r.scratch, r.lots = nil, nil, nil, nil, nil
	f := r.file
	r.file = nil
	return f.close()
}
