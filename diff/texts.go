package diff

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// texts are the digests of the texts that the last snapshot has, in as few bytes as
// will do: a digest is found by its first bits, and of the others only some are kept.
// Another text is seldom taken for one of them, and if it is, that is found out: the
// digests of what was found are added up, and so are those of the records that are
// taken as found, in many small sums; where two of these differ, everything that
// they are made of is put after all.
type texts struct {
	shift uint     // what is left of a digest is the number of its bucket
	width int      // bytes that are kept of the others
	heads []uint32 // where each bucket begins, counted in digests; after the last one, where it ends
	kept  []byte
	found []uint64 // a bit for each: a record has it
	open  []uint64 // a bit for each: the records that have it are put
	opens atomic.Int64
}

const (
	bucketTexts = 16 // at most so many are in a bucket, on average
	sumBits     = 12
	mostWidth   = 5
	leastWidth  = 3
	textBatch   = 64 // texts that are looked for together, so that memory answers them all at once
	textMemory  = 192 << 20
)

// textSums are sums of digests, by their first bits.
type textSums [1 << sumBits]uint64

func (s *textSums) add(digest uint64)    { s[digest>>(64-sumBits)] += digest }
func (s *textSums) remove(digest uint64) { s[digest>>(64-sumBits)] -= digest }

func (s *textSums) merge(o *textSums) {
	for i, v := range o {
		s[i] += v
	}
}

// textsSize is how many bytes it takes to know n texts.
func textsSize(n int64, width int) int64 { return n*int64(width) + 4<<bucketBits(n) + n/4 + 64 }

func bucketBits(n int64) uint { return uint(bits.Len64(uint64(n) / bucketTexts)) }

// textsFor returns how many bytes are to be kept of each of n digests, and how much of
// the memory of a run is left beside them; none are kept when there is not enough of it.
func (r *Run) textsFor(n int64) (width int, left int64) {
	memory := r.memory()
	most := memory - memory/8
	if r.opts.Memory == 0 && r.opts.tiny == 0 {
		most = textMemory
	}
	for width = mostWidth; width >= leastWidth; width-- {
		if size := textsSize(n, width); size <= most && n < 1<<32 {
			return width, max(memory-size, memory/8)
		}
	}
	return 0, memory
}

// newTexts makes room for n digests, which are counted first, and then added.
func newTexts(n int64, width int) *texts {
	b := bucketBits(n)
	return &texts{
		shift: 64 - b,
		width: width,
		heads: make([]uint32, 1<<b+2),
		kept:  make([]byte, int(n)*width+8-width),
		found: make([]uint64, (n+63)/64),
		open:  make([]uint64, (n+63)/64),
	}
}

func (t *texts) bucket(digest uint64) uint64 { return digest >> t.shift }

// rest is what is kept of a digest.
func (t *texts) rest(digest uint64) uint64 { return digest << (64 - t.shift) >> (64 - 8*t.width) }

// count counts a digest. Several goroutines may.
func (t *texts) count(digest uint64) { atomic.AddUint32(&t.heads[t.bucket(digest)+2], 1) }

// counted ends the counting.
func (t *texts) counted() {
	for i := 2; i < len(t.heads); i++ {
		t.heads[i] += t.heads[i-1]
	}
}

// add takes a digest that was counted. Several goroutines may.
func (t *texts) add(digest uint64) {
	at := int(atomic.AddUint32(&t.heads[t.bucket(digest)+1], 1)-1) * t.width
	rest := t.rest(digest)
	for i := range t.width {
		t.kept[at+i] = byte(rest >> (8 * i))
	}
}

// places are where digests were found.
type places struct {
	from, to [textBatch]uint32
	at       [textBatch]int64 // -1: nowhere
	touched  byte
}

// find looks for digests, as many as a batch has at most.
func (t *texts) find(digests []uint64, p *places) {
	for i, d := range digests {
		b := t.bucket(d)
		p.from[i], p.to[i] = t.heads[b], t.heads[b+1]
	}
	for i := range digests { // so that none waits for the others
		p.touched ^= t.kept[int(p.from[i])*t.width]
	}
	mask := uint64(1)<<(8*t.width) - 1
	for i, d := range digests {
		rest := t.rest(d)
		p.at[i] = -1
		for at := p.from[i]; at < p.to[i]; at++ {
			if binary.LittleEndian.Uint64(t.kept[int(at)*t.width:])&mask == rest {
				p.at[i] = int64(at)
				break
			}
		}
	}
}

func has(set []uint64, at int64) bool { return set[at>>6]>>(at&63)&1 == 1 }

// reopen has the records with a text put.
func (t *texts) reopen(at int64) {
	bit := uint64(1) << (at & 63)
	if atomic.OrUint64(&t.open[at>>6], bit)&bit == 0 {
		t.opens.Add(1)
	}
}

// reopenPart has the records with a text of one of the sums put.
func (t *texts) reopenPart(part int) {
	first := uint64(part) << (64 - sumBits)
	last := first | 1<<(64-sumBits) - 1
	for at := t.heads[t.bucket(first)]; at < t.heads[t.bucket(last)+1]; at++ {
		t.reopen(int64(at))
	}
}

// know reads the texts of the last snapshot.
func (r *Run) know(ctx context.Context, width int) error {
	t := newTexts(r.last.ending.totals.records, width)
	if err := r.eachText(ctx, t.count); err != nil {
		return err
	}
	t.counted()
	if err := r.eachText(ctx, t.add); err != nil {
		return err
	}
	r.texts = t
	return nil
}

// eachText visits the digests of the texts that a record can be known by, from several
// goroutines.
func (r *Run) eachText(ctx context.Context, visit func(uint64)) error {
	var mu sync.Mutex
	var failed error
	next := uint32(0)
	defer r.last.rewind()
	read := func(b []byte) (records []byte, more bool) {
		mu.Lock()
		defer mu.Unlock()
		if failed == nil && next < 1<<r.last.partitionBits {
			if err := context.Cause(ctx); err != nil {
				failed = fmt.Errorf("diff: %w", err)
				return nil, false
			}
			records, _, failed = r.last.partition(b[:0], next, r.last.partitionBits)
			next++
			return records, failed == nil
		}
		return nil, false
	}
	var wg sync.WaitGroup
	for range r.crewSize() {
		wg.Go(func() {
			b, more := read(nil)
			for more {
				for rest := b; len(rest) > 0; rest = rest[r.last.size:] {
					if rec := record(rest); r.knowable(rec) {
						visit(rec.text())
					}
				}
				b, more = read(b)
			}
		})
	}
	wg.Wait()
	return failed
}

// crewSize is how many goroutines may work at once.
func (r *Run) crewSize() int {
	if r.opts.workers > 0 {
		return r.opts.workers
	}
	return runtime.GOMAXPROCS(0)
}

// knowable reports whether nothing is to be done about a record that has the text that
// a record of the last snapshot has.
func (r *Run) knowable(o record) bool {
	f := o.flags()
	return o.text() != 0 && (o.note() == 0 || !r.opts.Noted) && f&(flagDue|flagNoRow) == 0 &&
		(f&flagUnconfirmed == 0 || !r.opts.Create && r.opts.Known == nil)
}
