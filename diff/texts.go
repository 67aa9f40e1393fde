package diff

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"

	"github.com/spliosync/spliosync/internal/offheap"
)

// texts is a compact table of text digests of the last snapshot. The first bits of a
// digest are the number of its bucket, and of the bits after them only some are kept, in
// the bucket. So another text is seldom mistaken for one in the table. When it is, that
// shows in sums: the whole digests of the texts of today that were found are added up,
// in many sums, and so are the digests of the records of the last snapshot that count
// as found. Where two sums differ, all records that are part of them are put after all;
// to put the records of a text after all is called to open it.
//
// There are two ways to fill a table: in any order, with count for each digest, counted,
// and add for each digest; or in ascending order, with next for each digest and fill.
type texts struct {
	shift  uint // a digest shifted right by it is the number of its bucket
	width  int  // how many of the bits after these are kept
	block  *offheap.Block
	heads  []byte       // in block: 4 bytes for each bucket, where it begins in kept; then where the last one ends
	kept   []byte       // in block: the bits that are kept, of one digest after the other
	last   uint64       // the bits, from the first to the last that is kept, of the digest that next took last
	hidden bool         // that digest is hidden
	found  []uint64     // a bit for each digest: a record of today has it
	twice  lazyBits     // a bit for each digest: two records of today have it
	open   lazyBits     // a bit for each digest: the records that have it are put after all
	opens  atomic.Int64 // how many bits of open are set
}

const (
	bucketTexts = 8 // most digests in a bucket, on average; four times as many when memory is short
	sumBits     = 12
	mostWidth   = 40
	leastWidth  = 24
	widthStep   = 4
	textBatch   = 64 // texts that are looked for together, so that their memory accesses overlap
	textMemory  = 200 << 20
)

// textSums are sums of digests: the first bits of a digest choose the sum that it is added to.
type textSums [1 << sumBits]uint64

func (s *textSums) add(digest uint64)    { s[digest>>(64-sumBits)] += digest }
func (s *textSums) remove(digest uint64) { s[digest>>(64-sumBits)] -= digest }

func (s *textSums) merge(o *textSums) {
	for i, v := range o {
		s[i] += v
	}
}

// textsSize is how many bytes a table of n digests takes.
func textsSize(n int64, width int) int64 {
	return n*int64(width)/8 + 4<<bucketBits(n, width) + n/4 + 64
}

func bucketBits(n int64, width int) uint {
	each := uint64(bucketTexts)
	if width < mostWidth { // memory is short
		each *= 4
	}
	return uint(bits.Len64(uint64(n) / each))
}

// textsFor returns how many bits are to be kept of each of n digests, and how much of
// the memory of the run is left for everything else. The width is 0 when there is not
// enough memory for them.
func (r *Run) textsFor(n int64) (width int, left int64) {
	memory := r.memory()
	most, least := memory-memory/8, memory/8
	if r.opts.Memory == 0 && r.opts.tiny == 0 {
		most, least = textMemory, memory/2
	}
	for width = mostWidth; width >= leastWidth; width -= widthStep {
		if size := textsSize(n, width); size <= most && n < 1<<32 && n*int64(width) <= math.MaxInt {
			return width, max(memory-size, least)
		}
	}
	return 0, memory
}

// newTexts makes a table with room for n digests, to be filled as texts describes.
func newTexts(n int64, width int) *texts {
	b := bucketBits(n, width)
	heads := 4<<b + 8
	block := offheap.New(heads + int(n)*width/8 + 8)
	return &texts{
		shift: 64 - b,
		width: width,
		block: block,
		heads: block.Bytes()[:heads],
		kept:  block.Bytes()[heads:],
		found: make([]uint64, (n+63)/64),
		twice: lazyBits{n: n},
		open:  lazyBits{n: n},
	}
}

func (t *texts) bucket(digest uint64) uint64 { return digest >> t.shift }

// rest returns the bits that are kept of a digest.
func (t *texts) rest(digest uint64) uint64 { return digest << (64 - t.shift) >> (64 - t.width) }

func (t *texts) head(bucket uint64) uint32 { return binary.LittleEndian.Uint32(t.heads[4*bucket:]) }

func (t *texts) setHead(bucket uint64, at uint32) {
	binary.LittleEndian.PutUint32(t.heads[4*bucket:], at)
}

// count counts a digest, two entries of heads after its bucket: see counted.
func (t *texts) count(digest uint64) {
	b := t.bucket(digest) + 2
	t.setHead(b, t.head(b)+1)
}

// counted ends the counting. The sums of the counts say, in the entry after that of a
// bucket, where the bucket begins. Each add to the bucket then moves this entry on, so
// that in the end it says where the next bucket begins.
func (t *texts) counted() {
	for b := 4 * 2; b < len(t.heads); b += 4 {
		binary.LittleEndian.PutUint32(t.heads[b:], binary.LittleEndian.Uint32(t.heads[b:])+binary.LittleEndian.Uint32(t.heads[b-4:]))
	}
	runtime.KeepAlive(t)
}

// add puts a digest that was counted into its bucket.
func (t *texts) add(digest uint64) {
	b := t.bucket(digest) + 1
	at := t.head(b)
	t.flip(at, t.rest(digest))
	t.setHead(b, at+1)
	runtime.KeepAlive(t)
}

// flip inverts bits of what is kept of the digest at a place.
func (t *texts) flip(at uint32, bits uint64) {
	bit := int(at) * t.width
	to := t.kept[bit>>3:]
	binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(to)^bits<<(bit&7))
}

// hide keeps a text from being found, because the same bits are kept of another digest:
// it inverts the bits. With three such digests, which next to never happens, one may
// still be found; when that is a mistake, the sums show it.
func (t *texts) hide(at uint32) {
	t.flip(at, 1<<t.width-1)
	runtime.KeepAlive(t)
}

// next takes the digest number n, in ascending order of the digests, in place of count
// and add. Digests of which the same bits are kept are hidden.
func (t *texts) next(digest uint64, n uint32) {
	t.setHead(t.bucket(digest)+1, n+1)
	t.flip(n, t.rest(digest))
	last := t.last
	t.last = digest >> max(0, int(t.shift)-t.width)
	runtime.KeepAlive(t)
	alike := n > 0 && last == t.last
	if alike {
		if !t.hidden {
			t.hide(n - 1)
		}
		t.hide(n)
	}
	t.hidden = alike
}

// fill ends the filling by next: it gives buckets without digests their entry of heads.
func (t *texts) fill() {
	for b := 4; b < len(t.heads); b += 4 {
		binary.LittleEndian.PutUint32(t.heads[b:], max(binary.LittleEndian.Uint32(t.heads[b:]), binary.LittleEndian.Uint32(t.heads[b-4:])))
	}
	runtime.KeepAlive(t)
}

// one returns the place of a digest, -1 when it is not found.
func (t *texts) one(digest uint64) int64 {
	b := t.bucket(digest)
	return t.in(t.head(b), t.head(b+1), t.rest(digest))
}

// in returns the first place, of those from from to before to, where the bits rest are kept, or
// -1.
func (t *texts) in(from, to uint32, rest uint64) int64 {
	found, width, kept, bit := int64(-1), t.width, t.kept, int(from)*t.width
	mask := uint64(1)<<width - 1
	for at := from; at < to; at++ {
		if (binary.LittleEndian.Uint64(kept[bit>>3:])>>(bit&7)^rest)&mask == 0 {
			found = int64(at)
			break
		}
		bit += width
	}
	runtime.KeepAlive(t)
	return found
}

// places says where the digests of a batch were found, and in which table.
type places struct {
	from, to [textBatch]uint32
	at       [textBatch]int64 // -1: nowhere
	in       [textBatch]*texts
	touched  byte // of no meaning, so that the reads for it are not optimised away
}

// find looks for the digests of a batch.
func (t *texts) find(digests []uint64, p *places) {
	for i, d := range digests {
		b := t.bucket(d)
		p.from[i], p.to[i] = t.head(b), t.head(b+1)
	}
	for i := range digests { // so that the buckets are fetched from memory all at once
		p.touched ^= t.kept[int(p.from[i])*t.width>>3]
	}
	for i, d := range digests {
		p.at[i] = t.in(p.from[i], p.to[i], t.rest(d))
	}
}

func has(set []uint64, at int64) bool { return set[at>>6]>>(at&63)&1 == 1 }

// reopen has the records with the text at a place put after all.
func (t *texts) reopen(at int64) {
	if !t.open.set(at) {
		t.opens.Add(1)
	}
}

// reopenPart does so with all texts whose digests are added to one of the sums.
func (t *texts) reopenPart(part int) {
	first := uint64(part) << (64 - sumBits)
	last := first + (1<<(64-sumBits) - 1)
	for at := t.head(t.bucket(first)); at < t.head(t.bucket(last)+1); at++ {
		t.reopen(int64(at))
	}
}

// tables are the text digests of the last snapshot. Far has those of the file of
// records; near has those of the file of changes, or of a snapshot that is one file.
// Far does not keep to which records its digests belong: markSeen finds that out in one
// more reading of the texts of the file.
type tables struct {
	far, near *texts
	seen      []uint64 // bits of the records in the file of records that were found, and are not open
	doubled   lazyBits // bits of those among them that were found twice
	foundSums          // of the file of records
}

// foundSums are sums of text digests that were found. They are made on two sides: by the
// feeds, of the records of today, and by markSeen and Compare, of the records of the last
// snapshot. When no text was mistaken for another, both sides are equal.
type foundSums struct {
	first   textSums // of each text that was found, once
	second  textSums // of those that were found twice, once
	settled textSums // of those that are not open, as often as they were found
}

// add counts a record of the last snapshot whose text is at a place in t and was found.
// It returns whether the record is settled (not open), and if so, whether it was found
// twice.
func (s *foundSums) add(digest uint64, t *texts, at int64) (settled, twice bool) {
	s.first.add(digest)
	twice = t.twice.has(at)
	if twice {
		s.second.add(digest)
	}
	if t.open.has(at) {
		return false, false
	}
	s.settled.add(digest)
	if twice {
		s.settled.add(digest)
	}
	return true, twice
}

func (s *foundSums) merge(o *foundSums) {
	s.first.merge(&o.first)
	s.second.merge(&o.second)
	s.settled.merge(&o.settled)
}

// find looks for the digests of a batch in both tables.
func (t *tables) find(digests []uint64, p *places) {
	t.far.find(digests, p)
	for i, at := range p.at[:len(digests)] {
		if p.in[i] = t.far; at < 0 {
			p.at[i], p.in[i] = t.near.one(digests[i]), t.near
		}
	}
	for i, at := range p.at[:len(digests)] { // so that what comes next does not wait either
		if at >= 0 {
			p.touched ^= byte(atomic.LoadUint64(&p.in[i].found[at>>6]))
		}
	}
}

// place looks for one digest in both tables.
func (t *tables) place(digest uint64) (in *texts, at int64) {
	if at = t.far.one(digest); at >= 0 {
		return t.far, at
	}
	return t.near, t.near.one(digest)
}

func (t *tables) opens() int64 { return t.far.opens.Load() + t.near.opens.Load() }

// know fills the tables with the text digests of the last snapshot, keeping width bits of each.
func (r *Run) know(ctx context.Context, width int) error {
	t, far := &tables{}, int64(0)
	if body := r.last.body; body != nil {
		r.replaced.n, t.seen, t.doubled.n = body.held, make([]uint64, body.held/64+1), body.held
		far = body.ending.texts
	}
	t.far, t.near = newTexts(far, width), newTexts(r.last.held, width)
	r.tables = t
	if err := r.eachNear(ctx, t.near.count); err != nil {
		return err
	}
	t.near.counted()
	n := uint32(0)
	err := r.eachFar(ctx, func(texts []byte) {
		for ; len(texts) >= textBytes; texts = texts[textBytes:] {
			if digest, at := textAt(texts); r.far(at) {
				t.far.next(digest, n)
				n++
			}
		}
	})
	if err != nil {
		return err
	}
	t.far.fill()
	return r.eachNear(ctx, t.addNear)
}

// freeTexts frees the tables at once. The garbage collector, which does not count their
// memory, might do so much later.
func (r *Run) freeTexts() {
	r.knowing.Lock()
	defer r.knowing.Unlock()
	if t := r.tables; t != nil {
		t.far.block.Free()
		t.near.block.Free()
		r.tables = nil
	}
}

// addNear adds a digest to near, and hides it and every digest of which the same bits are kept.
func (t *tables) addNear(digest uint64) {
	far, near := t.far.one(digest), t.near.one(digest)
	t.near.add(digest)
	if far >= 0 {
		t.far.hide(uint32(far))
	}
	if near >= 0 {
		t.near.hide(uint32(near))
	}
	if far >= 0 || near >= 0 {
		t.near.hide(t.near.head(t.near.bucket(digest)+1) - 1)
	}
}

// eachNear visits the texts for near by which a record can be known. It also notes which
// records of the file of records are replaced or removed.
func (r *Run) eachNear(ctx context.Context, visit func(digest uint64)) error {
	l := r.last
	defer l.rewind()
	for p := range uint32(1) << l.partitionBits {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("diff: %w", err)
		}
		var err error
		if l.changes, err = l.blocks(l.changes[:0], p, l.partitionBits); err != nil {
			return err
		}
		for b := l.changes; len(b) > 0; b = b[l.stride:] {
			rec, place := record(b[:l.size]), int64(l.place(b))-1
			switch {
			case place >= 0 && place >= l.body.held:
				return l.fail(damaged("it changes a record that is not there"))
			case place >= 0:
				r.replaced.set(place)
			}
			if rec.flags()&flagRemoved == 0 && r.knowable(rec) {
				visit(rec.text())
			}
		}
	}
	return nil
}

// eachFar visits the texts of the file of records, if there is one, a block at a time.
func (r *Run) eachFar(ctx context.Context, visit func(texts []byte)) error {
	if r.last.body == nil {
		return nil
	}
	return r.last.body.eachText(ctx, visit)
}

// far reports whether a record can be known by a text of the file of records. At is what
// the file says of the record: its place and two flags.
func (r *Run) far(at uint32) bool {
	place := at % maxPlaces
	return !r.replaced.has(int64(place)) && (at < maxPlaces || (at&textNoted == 0 || !r.opts.Noted) && (at&textUnconfirmed == 0 || !r.confirms()))
}

// markSeen reads the texts of the file of records again, to mark the records whose texts
// were found, and to sum up these texts.
func (r *Run) markSeen(ctx context.Context) error {
	t := r.tables
	clear(t.seen)
	t.doubled.clear()
	t.foundSums = foundSums{}
	n := int64(0)
	return r.eachFar(ctx, func(texts []byte) {
		for ; len(texts) >= textBytes; texts = texts[textBytes:] {
			digest, at := textAt(texts)
			if !r.far(at) {
				continue
			}
			if has(t.far.found, n) {
				settled, twice := t.add(digest, t.far, n)
				place := at % maxPlaces
				if settled {
					t.seen[place>>6] |= 1 << (place & 63)
				}
				if twice {
					t.doubled.set(int64(place))
				}
			}
			n++
		}
	})
}

// confirms reports whether this run settles which unconfirmed records exist at the
// destination.
func (r *Run) confirms() bool { return r.opts.Create || r.opts.Known != nil }

// crewSize is how many goroutines may work at once.
func (r *Run) crewSize() int {
	if r.opts.workers > 0 {
		return r.opts.workers
	}
	return runtime.GOMAXPROCS(0)
}

// knowable reports whether a record of today can be taken as unchanged when it has the
// text of o, a record of the last snapshot.
func (r *Run) knowable(o record) bool {
	f := o.flags()
	return o.text() != 0 && (o.note() == 0 || !r.opts.Noted) && f&(flagDue|flagNoRow) == 0 &&
		(f&flagUnconfirmed == 0 || !r.confirms())
}
