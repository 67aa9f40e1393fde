package diff

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
)

// The layout is drawn in the package comment.
const (
	magic         = "spsnap\r\n"
	endMagic      = "spsnend\n"
	formatVersion = 1
	digestSipHash = 1

	headerFixed = 88
	blockHeader = 12
	endFixed    = 4 + 4 + 8 + 3*8 + 8 + 8 + 8 // of the end record, before the notes
	endTail     = 8 + 4 + len(endMagic)
	endMost     = endFixed + 2 + maxNotes*(2+maxNote) + endTail
	endMark     = 0xFFFFFFFF
	textMark    = 0xFFFFFFFE // in place of the partition, in a block of texts

	maxScope         = 1024
	maxName          = 1024
	maxNote          = 1024
	maxNotes         = 255
	maxPartitionBits = 16
	blockTarget      = 64 << 10 // bytes of records in a full block
)

// Flags of a record.
const (
	flagUnconfirmed = 1 << iota // nobody knows whether the destination has it
	flagDue                     // to be sent in the next run
	flagNoRow                   // the row digest is unknown: columns decide
	report                      // one of up to MaxReports, counted while the row stays as it is
	reports         = MaxReports * report
	flagRemoved     = report << 3 // in a file of changes: the record in the place that it names was removed

	recordFlags = flagUnconfirmed | flagDue | flagNoRow | reports
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// snapshotID names a snapshot; the zero ID is "no snapshot".
type snapshotID [16]byte

func (id snapshotID) String() string { return hex.EncodeToString(id[:]) }

func parseID(s string) (id snapshotID, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || s != hex.EncodeToString(b) {
		return id, false
	}
	copy(id[:], b)
	return id, id != snapshotID{}
}

// header is the first part of a snapshot.
type header struct {
	partitionBits uint8
	id, base      snapshotID
	body          snapshotID // in a file of changes, the id of its file of records; otherwise zero
	check         [16]byte
	rendering     [8]byte // check value of the rendering that texts are known by; zero: there is none
	scope         string
	columns       []string
}

// recordSize is the size of a record with that many columns.
func recordSize(columns int) int { return recordFixed + 4*columns }

// stride is the size of a record in the file. In a file of changes, that includes a place.
func (h *header) stride() int {
	if h.body == (snapshotID{}) {
		return recordSize(len(h.columns))
	}
	return recordSize(len(h.columns)) + placeBytes
}

// placeBytes is the size of a place: the number, from 1 on, of a record in the file of records.
const placeBytes = 4

// Where the flags and the column digests of a record begin.
const (
	flagsAt     = 24
	recordFixed = 34
)

// blockRecords is the largest number of records of a size in a block.
func blockRecords(size int) int { return max(1, blockTarget/size) }

// record is a view of one record of a snapshot.
type record []byte

func (r record) key() keyDigest   { return keyDigest(r[:16]) }
func (r record) row() uint64      { return binary.LittleEndian.Uint64(r[16:]) }
func (r record) flags() byte      { return r[flagsAt] }
func (r record) text() uint64     { return binary.LittleEndian.Uint64(r[25:]) }
func (r record) note() byte       { return r[33] }
func (r record) digests() digests { return digests(r[recordFixed:]) }

func (r record) setColumn(i int, v uint32) { binary.LittleEndian.PutUint32(r[recordFixed+4*i:], v) }

func appendRecord(b []byte, k keyDigest, row uint64, flags byte, columns int) ([]byte, record) {
	n := len(b)
	b = append(b, k[:]...)
	b = binary.LittleEndian.AppendUint64(b, row)
	b = append(b, flags)
	b = append(b, make([]byte, recordSize(columns)-25)...)
	return b, record(b[n:])
}

func (h *header) marshal() []byte {
	b := append(make([]byte, 0, 256), magic...)
	b = binary.LittleEndian.AppendUint16(b, formatVersion)
	b = append(b, digestSipHash, h.partitionBits)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.columns)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.scope)))
	b = append(b, h.id[:]...)
	b = append(b, h.base[:]...)
	b = append(b, h.body[:]...)
	b = append(b, h.check[:]...)
	b = append(b, h.rendering[:]...)
	b = append(b, h.scope...)
	for _, c := range h.columns {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(c)))
		b = append(b, c...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// blockSum is the checksum of a block or, with n blocks before it, of the end
// record. Id and number bind the block to its file and place.
func blockSum(id snapshotID, n uint32, head, body []byte) uint32 {
	var seed [20]byte
	copy(seed[:], id[:])
	binary.LittleEndian.PutUint32(seed[16:], n)
	s := crc32.Update(0, castagnoli, seed[:])
	s = crc32.Update(s, castagnoli, head[:8])
	return crc32.Update(s, castagnoli, body)
}

// totals are the counts of the end record.
type totals struct{ records, unconfirmed, due int64 }

func (t *totals) add(flags byte) {
	t.records++
	if flags&flagUnconfirmed != 0 {
		t.unconfirmed++
	}
	if flags&flagDue != 0 {
		t.due++
	}
}

// ending is what the end record says.
type ending struct {
	at      int64 // its offset, where the blocks end
	blocks  uint32
	held    int64  // records in the blocks
	texts   int64  // texts in blocks of their own
	textsAt int64  // where these begin
	runs    int64  // how many snapshots, up to this one, were computed since the file of records was written
	totals  totals // of the snapshot
	notes   notes
}

// encoder lays out the blocks and the end record of a file.
type encoder struct {
	ending
	id   snapshotID
	size int    // of a record
	max  int    // records in a block
	more uint32 // blocks of texts
}

// block appends the header of the next block, which holds records of one
// partition.
func (e *encoder) block(b []byte, partition uint32, records []byte) []byte {
	n := len(b)
	b = binary.LittleEndian.AppendUint32(b, partition)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(records)/e.size))
	b = binary.LittleEndian.AppendUint32(b, blockSum(e.id, e.blocks, b[n:], records))
	e.blocks++
	e.held += int64(len(records) / e.size)
	e.at += int64(blockHeader + len(records))
	e.textsAt = e.at
	return b
}

// textBlock appends the header of the next block of texts, behind all others.
func (e *encoder) textBlock(b []byte, texts []byte) []byte {
	n := len(b)
	b = binary.LittleEndian.AppendUint32(b, textMark)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(texts)/textBytes))
	b = binary.LittleEndian.AppendUint32(b, blockSum(e.id, e.blocks+e.more, b[n:], texts))
	e.more++
	e.texts += int64(len(texts) / textBytes)
	e.at += int64(blockHeader + len(texts))
	return b
}

func (e *encoder) end() []byte {
	if e.texts == 0 {
		e.textsAt = e.at
	}
	b := binary.LittleEndian.AppendUint32(nil, endMark)
	b = binary.LittleEndian.AppendUint32(b, e.blocks)
	for _, v := range []int64{e.held, e.totals.records, e.totals.unconfirmed, e.totals.due, e.texts, e.textsAt, e.runs} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	b = e.notes.marshal(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.at))
	b = binary.LittleEndian.AppendUint32(b, endSum(e.id, b))
	return append(b, endMagic...)
}

// endSum is the checksum of an end record up to it.
func endSum(id snapshotID, b []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, id[:]), castagnoli, b)
}

// parseEnding reads the end record from the last bytes of a file, which are
// endMost or all behind its header. Blocks begin at body.
func parseEnding(id snapshotID, b []byte, body, size int64) (e ending, err error) {
	n := len(b) - len(endMagic) - 4 // where the checksum is
	if n < endFixed+2+8 || string(b[n+4:]) != endMagic {
		return e, damaged("truncated, or with bytes after its end: there is no end record")
	}
	e.at = int64(binary.LittleEndian.Uint64(b[n-8:]))
	from := int64(len(b)) - (size - e.at)
	if e.at < body || from < 0 || from > int64(n-8-endFixed-2) {
		return e, damaged("impossible end record")
	}
	if b = b[from : n+4]; binary.LittleEndian.Uint32(b[len(b)-4:]) != endSum(id, b[:len(b)-4]) {
		return e, damaged("the end record fails its checksum")
	}
	e.blocks = binary.LittleEndian.Uint32(b[4:])
	for i, v := range []*int64{&e.held, &e.totals.records, &e.totals.unconfirmed, &e.totals.due, &e.texts, &e.textsAt, &e.runs} {
		*v = int64(binary.LittleEndian.Uint64(b[8+8*i:]))
	}
	var ok bool
	e.notes, ok = parseNotes(b[endFixed : len(b)-12])
	if !ok || binary.LittleEndian.Uint32(b) != endMark || e.held < 0 || e.totals.records < 0 || e.texts < 0 || e.textsAt < body || e.textsAt > e.at || e.runs < 0 {
		return e, damaged("impossible end record")
	}
	return e, nil
}

// parseHeader reads a header; more(n) returns the first n bytes of the file, in
// steps that grow.
func parseHeader(more func(n int) ([]byte, error)) (*header, error) {
	b, err := more(headerFixed)
	if err != nil {
		return nil, err
	}
	if bytes.Count(b, []byte{0}) == len(b) { // what a crash makes of a file that was not synced
		return nil, damaged("the header is zero")
	}
	if !bytes.Equal(b[:8], []byte(magic)) {
		return nil, fmt.Errorf("%w: it does not start like a snapshot", ErrForeign)
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != formatVersion {
		return nil, fmt.Errorf("%w: format %d, this package reads %d", ErrVersion, v, formatVersion)
	}
	columns, scope := int(binary.LittleEndian.Uint16(b[12:])), int(binary.LittleEndian.Uint16(b[14:]))
	if b[10] != digestSipHash || b[11] > maxPartitionBits || columns > MaxColumns || scope > maxScope {
		return nil, damaged("impossible header")
	}
	h := &header{partitionBits: b[11], id: snapshotID(b[16:32]), base: snapshotID(b[32:48]), body: snapshotID(b[48:64]), check: [16]byte(b[64:80]), rendering: [8]byte(b[80:88])}
	size := headerFixed + scope
	if b, err = more(size); err != nil {
		return nil, err
	}
	h.scope = string(b[headerFixed:size])
	for range columns {
		if b, err = more(size + 2); err != nil {
			return nil, err
		}
		n := int(binary.LittleEndian.Uint16(b[size:]))
		if n > maxName {
			return nil, damaged("impossible header")
		}
		if b, err = more(size + 2 + n); err != nil {
			return nil, err
		}
		h.columns = append(h.columns, string(b[size+2:size+2+n]))
		size += 2 + n
	}
	if b, err = more(size + 4); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(b[size:]) != crc32.Checksum(b[:size], castagnoli) {
		return nil, damaged("the header fails its checksum")
	}
	if (h.id == snapshotID{}) {
		return nil, damaged("impossible header")
	}
	return h, nil
}
