package diff

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// indexBits is how many of the first bits of the key digest spilled entries are sorted
// by. A join can therefore use up to 2^indexBits partitions.
const indexBits = 12

// Sizes of a relation.
const (
	minLot     = 32        // the fewest full chunks that are spilled together
	maxChunk   = 256 << 10 // the most bytes of a chunk
	firstChunk = 4 << 10   // bytes of the first chunk of an appender, to begin with
)

// relation is a collection of entries of one size, each of which begins with a key
// digest (or, for a relation of texts, a text digest). It is used in three steps:
// appenders in any number of goroutines add entries; then it is ended and sealed; then
// several goroutines can read its partitions.
//
// Each appender fills a chunk of its own, and hands it over when it is full. When the
// full chunks make up a lot, they are sorted by partition and spilled to a temporary
// file together: a lot is one long sequential write, and has each partition in one
// piece. At most two lots are in memory, one that is being spilled and one that is being
// collected.
type relation struct {
	size  int // of an entry
	slots int // entries in a full chunk
	lot   int // chunks that are spilled together
	open  func() (*spill, error)

	mu    sync.Mutex
	idle  *sync.Cond // signalled when a lot was spilled
	busy  bool       // a lot is being spilled
	full  [][]byte   // chunks that are not spilled
	free  [][]byte   // chunks that were spilled, to be filled again
	err   error      // the first error, which every later call returns
	count int64      // entries in full chunks and in lots
	file  *spill
	lots  []lot

	bits    uint8      // after seal, there are 2^bits partitions
	heads   [][]uint32 // as sort returns them: of full or, before seal, of the lot being spilled
	scratch []byte     // a chunk that sort sorts into
}

// lot is a part of the temporary file: from offset at on, the entries of
// partition p of 2^indexBits are those numbered heads[p] to heads[p+1].
type lot struct {
	at    int64
	heads []uint32
}

// newRelation makes a relation that holds about memory bytes of entries. Open makes its
// temporary file, and is called when that is first needed.
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

// next adds an entry, and returns its bytes, which the caller has to fill.
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

// grow makes room for an entry. The first chunk starts small, for appenders with few entries,
// and grows until it is full; then the next one has its full size.
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

// flush hands over the last chunk.
func (a *appender) flush() error {
	last := a.chunk
	a.chunk = nil
	if len(last) == 0 {
		return nil
	}
	return a.rel.add(last)
}

// add takes over a chunk. When the chunks before it make up a lot, it first spills them,
// or waits while another goroutine spills a lot.
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

// spill writes the full chunks as a lot. It is called with the relation locked, and unlocks
// it while it writes.
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

// write sorts chunks and writes them as a lot.
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

// joined joins chunks to larger ones when chunks are small, since every partition has to
// be looked up in each chunk.
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

// sort sorts the entries of each chunk by partition, of 2^bits. For each chunk it returns
// where its partitions begin, counted in entries, and after them where the last one ends.
// A chunk is small enough to stay in the caches of a processor while it is sorted.
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

// end is called when all appenders were flushed. When anything was spilled, it spills the
// rest too, to free the memory. It returns the first error of the relation.
func (r *relation) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && len(r.lots) > 0 && len(r.full) > 0 {
		r.spill()
	}
	r.free, r.heads = nil, nil
	return r.err
}

// seal fixes the number of partitions, 2^bits, and makes them readable. Bits is at most
// indexBits.
func (r *relation) seal(bits uint8) {
	r.bits = bits
	r.full = r.joined(r.full)
	r.heads = r.sort(r.full, bits, nil)
	r.scratch = nil
}

// spilled reports whether there is a temporary file.
func (r *relation) spilled() bool { return len(r.lots) > 0 }

// each visits the entries of a partition, in no particular order. An entry is valid until
// visit returns. Buf is scratch space of readSize bytes; each makes it when it is needed.
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

// close frees the memory and closes the temporary file. It may be repeated, and called
// on nil.
func (r *relation) close() error {
	if r == nil {
		return nil
	}
	r.full, r.free, r.heads, r.scratch, r.lots = nil, nil, nil, nil, nil
	f := r.file
	r.file = nil
	return f.close()
}
