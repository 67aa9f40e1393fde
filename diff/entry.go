package diff

import "encoding/binary"

// entry is a view of a record of today, as it waits for the join:
//
//	 0 16  key digest
//	16  8  record number; the first bit of the whole is set when rejected
//	24  8  digest of the cells in the order of the run
//	32  8  the same in the columns of the last snapshot, when they differ
//	 .  .  column digests
//
// In a lean run the row digest is the last of it, and a record that is put
// again has another entry, with column digests.
type entry []byte

const (
	digestBytes   = 16 // bytes of a key digest
	entryFixed    = 32 // bytes before the second row digest, or the columns
	entryRejected = 1 << 63
)

// entrySize is the size of an entry of so many columns, whose row in the
// columns of the last snapshot is at rowAt.
func entrySize(columns, rowAt int) int { return rowAt + 8 + 4*columns }

// leanSize is that of an entry without column digests.
const leanSize = entryFixed

func (e entry) key() keyDigest { return keyDigest(e[:digestBytes]) }
func (e entry) number() uint64 { return binary.LittleEndian.Uint64(e[16:]) }
func (e entry) seq() int64     { return int64(e.number() &^ entryRejected) }
func (e entry) rejected() bool { return e.number()&entryRejected != 0 }
func (e entry) row() uint64    { return binary.LittleEndian.Uint64(e[24:]) }

// base returns the row digest that is at rowAt.
func (e entry) base(rowAt int) uint64 { return binary.LittleEndian.Uint64(e[rowAt:]) }

// digests returns the column digests.
func (e entry) digests(rowAt int) digests { return digests(e[rowAt+8:]) }

// digests are those of the columns.
type digests []byte

func (d digests) at(i int) uint32 { return binary.LittleEndian.Uint32(d[4*i:]) }
