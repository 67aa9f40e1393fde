package diff

import (
	"cmp"
	"context"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
)

// A file of records repeats the text digests of its records, in ascending order, so that
// a run by text need not sort them, and can find in one more reading of them which
// records were found:
//
//	0 8 text digest, its first byte first
//	8 4 place of the record, from 0; times 2^30: 1 unconfirmed, 2 with a note
//
// Records that no run may skip, whatever their text, are left out.
const (
	textBytes       = 8 + 4
	maxPlaces       = 1 << 30
	textUnconfirmed = 1 << 30
	textNoted       = 1 << 31
)

// addTexts adds the texts of the next records of the file to c.texts.
func (c *candidate) addTexts(records []byte) error {
	place := uint32(c.file.held)
	for b := records; len(b) > 0; b = b[c.file.size:] {
		rec := record(b[:c.file.size])
		if at, ok := textEntry(rec, place); ok {
			e, err := c.append.next()
			if err != nil {
				return err
			}
			binary.BigEndian.PutUint64(e, rec.text())
			binary.LittleEndian.PutUint32(e[8:], at)
		}
		place++
	}
	return nil
}

func textEntry(r record, place uint32) (at uint32, ok bool) {
	f := r.flags()
	if r.text() == 0 || f&(flagDue|flagNoRow) != 0 {
		return 0, false
	}
	if f&flagUnconfirmed != 0 {
		place |= textUnconfirmed
	}
	if r.note() != 0 {
		place |= textNoted
	}
	return place, true
}

// writeTexts writes the texts, behind all records.
func (c *candidate) writeTexts() error {
	t := c.texts
	c.texts = nil
	err := c.append.flush()
	if err == nil {
		err = t.end()
	}
	if err == nil {
		t.seal(bitsFor(t.count*textBytes, aimRead))
		err = c.sortTexts(t)
	}
	if cerr := t.close(); err == nil {
		err = cerr
	}
	return err
}

// sortTexts sorts several partitions at once, and writes them in their order.
func (c *candidate) sortTexts(t *relation) error {
	sorters := make([]textSorter, min(runtime.GOMAXPROCS(0), maxSorters, 1<<t.bits))
	block := make([]byte, 0, blockTarget)
	for p := range uint32(1) << t.bits {
		at := int(p) % len(sorters)
		if at == 0 {
			var wg sync.WaitGroup
			for i := range sorters {
				if next := p + uint32(i); next < 1<<t.bits {
					wg.Go(func() { sorters[i].sort(t, next) })
				}
			}
			wg.Wait()
		}
		if err := sorters[at].err; err != nil {
			return err
		}
		for _, e := range sorters[at].all {
			block = binary.BigEndian.AppendUint64(block, e.digest)
			if block = binary.LittleEndian.AppendUint32(block, e.at); len(block)+textBytes > blockTarget {
				if err := c.file.writeTexts(block); err != nil {
					return err
				}
				block = block[:0]
			}
		}
	}
	return c.file.writeTexts(block)
}

// maxSorters bounds the goroutines that sort.
const maxSorters = 8

// textSorter sorts the texts of one partition at a time.
type textSorter struct {
	buf []byte
	all []placedText
	err error
}

type placedText struct {
	digest uint64
	at     uint32
}

func (s *textSorter) sort(t *relation, p uint32) {
	s.all = s.all[:0]
	s.err = t.each(context.Background(), p, &s.buf, func(e []byte) {
		digest, at := textAt(e)
		s.all = append(s.all, placedText{digest, at})
	})
	slices.SortFunc(s.all, func(a, b placedText) int {
		switch {
		case a.digest < b.digest:
			return -1
		case a.digest > b.digest:
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
}

func (f *snapshotFile) writeTexts(block []byte) error {
	if len(block) == 0 {
		return f.err
	}
	f.head = f.textBlock(f.head[:0], block)
	if err := f.raw(f.head); err != nil {
		return err
	}
	return f.raw(block)
}

// eachText visits the texts of a file of records, in ascending order of their digests,
// by the block.
func (r *reader) eachText(ctx context.Context, visit func(texts []byte)) error {
	if err := r.readTexts(ctx, visit); err != nil {
		return r.fail(err)
	}
	return nil
}

func (r *reader) readTexts(ctx context.Context, visit func(texts []byte)) error {
	c := cursor{file: r.file, begin: r.textsAt, limit: r.ending.at}
	c.rewind()
	var last uint64
	n := int64(0)
	for number := r.ending.blocks; c.pos() < c.limit; number++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		b, err := c.take(blockHeader, number)
		if err != nil {
			return err
		}
		head := [blockHeader]byte(b)
		size := binary.LittleEndian.Uint32(head[4:])
		if n += int64(size); binary.LittleEndian.Uint32(head[:]) != textMark || size == 0 || size > blockTarget/textBytes || n > r.ending.texts {
			return damaged("block %d has an impossible header", number)
		}
		texts, err := c.take(int(size)*textBytes, number)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(head[8:]) != blockSum(r.id, number, head[:], texts) {
			return damaged("block %d fails its checksum", number)
		}
		for b := texts; len(b) >= textBytes; b = b[textBytes:] {
			digest, at := textAt(b)
			if digest < last || int64(at%maxPlaces) >= r.held {
				return damaged("block %d holds an impossible text", number)
			}
			last = digest
		}
		visit(texts)
	}
	if n != r.ending.texts {
		return damaged("blocks are missing")
	}
	return nil
}

// textAt returns the first of some texts, and its place.
func textAt(b []byte) (digest uint64, at uint32) {
	return binary.BigEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
}
