package sqldiff

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/dchest/siphash"

	"github.com/spliosync/spliosync/diff"
)

const minKeyBytes = 16

type sipKey struct{ k0, k1 uint64 }

// digester makes the digests of one store. It is immutable.
type digester struct {
	salt             string // of the digests that the engine makes
	check            string // tells a wrong key
	row, column, sum sipKey
}

func newDigester(secret diff.Key) (*digester, error) {
	if len(secret) < minKeyBytes {
		return nil, fmt.Errorf("sqldiff: Options.Key has %d bytes, at least %d of secret are needed", len(secret), minKeyBytes)
	}
	d := new(digester)
	for _, p := range []struct {
		purpose string
		text    *string
		key     *sipKey
	}{{"engine", &d.salt, nil}, {"check", &d.check, nil}, {"row", nil, &d.row}, {"column", nil, &d.column}, {"state", nil, &d.sum}} {
		b, err := hkdf.Key(sha256.New, secret, nil, "spliosync/sqldiff 1 "+p.purpose, 16)
		if err != nil {
			return nil, fmt.Errorf("sqldiff: derive digest key: %w", err)
		}
		if p.text != nil {
			*p.text = hex.EncodeToString(b)
		} else {
			p.key.k0, p.key.k1 = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		}
	}
	return d, nil
}

// keyOf returns the digest of a key as the engine makes it.
func (d *digester) keyOf(key []byte) string {
	h := sha256.New()
	h.Write([]byte(d.salt + "k"))
	h.Write(key)
	return hex.EncodeToString(h.Sum(nil)[:digestLen/2])
}

// digestLen is the length of a digest that the engine makes, in digits.
const digestLen = 32

// cell makes absent unlike empty, and "ab","c" unlike "a","bc".
func appendCell(buf, cell []byte) []byte {
	if cell == nil {
		return append(buf, 0)
	}
	return append(binary.AppendUvarint(append(buf, 1), uint64(len(cell))), cell...)
}

func appendName(buf []byte, name string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(name))), name...)
}

// hasher makes the digests of rendered cells. Use each from one goroutine.
type hasher struct {
	dig     *digester
	columns []string
	buf     []byte
}

// rowOf returns the digest of the cells of these columns, in this order.
func (h *hasher) rowOf(kd string, order []int, cells [][]byte) uint64 {
	b := append(h.buf[:0], kd...)
	for _, i := range order {
		b = appendCell(appendName(b, h.columns[i]), cells[i])
	}
	h.buf = b
	return siphash.Hash(h.dig.row.k0, h.dig.row.k1, b)
}

// column returns the digest of one cell.
func (h *hasher) column(kd string, i int, cell []byte) uint32 {
	b := appendCell(appendName(append(h.buf[:0], kd...), h.columns[i]), cell)
	h.buf = b
	return uint32(siphash.Hash(h.dig.column.k0, h.dig.column.k1, b))
}

// state is what the snapshot knows of a record, besides the digest of its
// source.
type state struct {
	rendered         string // row and column digests, as encode writes them
	layout           int64  // of the columns
	unconfirmed, due bool
	sum              int64
}

// check returns the check sum of a state. That of the source is not part of it:
// the engine may forget it.
func (d *digester) sumOf(kd string, s *state) int64 {
	b := append([]byte(kd), s.rendered...)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.layout)<<2|uint64(bit(s.unconfirmed))<<1|uint64(bit(s.due)))
	return int64(siphash.Hash(d.sum.k0, d.sum.k1, b) & 0x7fffffff)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// encode writes the digests of a row.
func encode(row uint64, columns []uint32) string {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+4*len(columns)), row)
	for _, c := range columns {
		b = binary.LittleEndian.AppendUint32(b, c)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

var errRendered = errors.New("digests of another length")

// decode reads the digests of a row with so many columns.
func decode(text string, columns int, dst []uint32) (row uint64, _ []uint32, err error) {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b) != 8+4*columns {
		return 0, nil, errRendered
	}
	row = binary.LittleEndian.Uint64(b)
	for b = b[8:]; len(b) > 0; b = b[4:] {
		dst = append(dst, binary.LittleEndian.Uint32(b))
	}
	return row, dst, nil
}
