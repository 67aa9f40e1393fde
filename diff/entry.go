package diff

import "encoding/binary"

// entry is a view of a record of today, as it waits for the join:
//
//	 0 16  key digest
//	16  8  record number; the first bit of the whole is set when rejected
//	24  8  digest of the cells in the order of the run
//	 .  9  text digest and number of the note, in a run with a Rendering
//	 .  8  digest of the cells in the columns of the last snapshot, when they differ
//	 .  .  column digests
//
// In a lean run there are no column digests; a record that is put again has a second
// entry, which has them.
type entry []byte

const (
	digestBytes   = 16 // bytes of a key digest
	entryFixed    = 32
	entryRejected = 1 << 63
)

// shape says where the parts of an entry are.
type shape struct {
	text    int // 0: there is none
	base    int // of the digest to compare with the last snapshot: that of the cells, unless the columns differ
	columns int
	size    int
}

// shapeOf is the shape of an entry of so many columns.
func shapeOf(text, base bool, columns int) shape {
	s := shape{base: entryFixed - 8, columns: entryFixed}
	if text {
		s.text = s.columns
		s.columns += 8 + 1
	}
	if base {
		s.base = s.columns
		s.columns += 8
	}
	s.size = s.columns + 4*columns
	return s
}

func (e entry) key() keyDigest { return keyDigest(e[:digestBytes]) }
func (e entry) number() uint64 { return binary.LittleEndian.Uint64(e[16:]) }
func (e entry) seq() int64     { return int64(e.number() &^ entryRejected) }
func (e entry) rejected() bool { return e.number()&entryRejected != 0 }
func (e entry) row() uint64    { return binary.LittleEndian.Uint64(e[24:]) }

// at returns a digest by its place, 0 without one.
func (e entry) at(place int) uint64 {
	if place == 0 {
		return 0
	}
	return binary.LittleEndian.Uint64(e[place:])
}

// note returns the number of the note.
func (e entry) note(s shape) byte {
	if s.text == 0 {
		return 0
	}
	return e[s.text+8]
}

// digests are those of the columns.
type digests []byte

func (d digests) at(i int) uint32 { return binary.LittleEndian.Uint32(d[4*i:]) }
