package diff

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"

	"github.com/dchest/siphash"
)

const (
	keyBytes    = 32 // digest key made at first use
	minKeyBytes = 16 // shortest key a caller may bring
)

const redacted = "[redacted]"

// Key is a secret that does not show itself: fmt, log/slog and encoders of text
// write "[redacted]" in its place.
type Key []byte

// String returns "[redacted]".
func (Key) String() string { return redacted }

// GoString returns "[redacted]".
func (Key) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[redacted]".
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// keyDigest stands for a record's key.
type keyDigest [16]byte

type sipKey struct{ k0, k1 uint64 }

// digester makes the digests of one store. It is immutable.
type digester struct {
	key, row, column sipKey
	check            [16]byte
}

func newDigester(secret []byte) (*digester, error) {
	d := new(digester)
	for _, p := range []struct {
		purpose string
		key     *sipKey
	}{{"key", &d.key}, {"row", &d.row}, {"column", &d.column}} {
		b, err := derive(secret, p.purpose)
		if err != nil {
			return nil, err
		}
		p.key.k0, p.key.k1 = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	}
	check, err := derive(secret, "check")
	if err != nil {
		return nil, err
	}
	copy(d.check[:], check)
	return d, nil
}

func derive(secret []byte, purpose string) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, secret, nil, "spliosync/diff 1 "+purpose, 16)
	if err != nil {
		return nil, fmt.Errorf("diff: derive digest key: %w", err)
	}
	return b, nil
}

func (d *digester) keyOf(key []byte) (k keyDigest) {
	lo, hi := siphash.Hash128(d.key.k0, d.key.k1, key)
	binary.LittleEndian.PutUint64(k[:], lo)
	binary.LittleEndian.PutUint64(k[8:], hi)
	return k
}

// rowOf digests the cells in the given order; buf is scratch space.
func (d *digester) rowOf(buf []byte, k keyDigest, cells [][]byte, order []int) (uint64, []byte) {
	buf = append(buf[:0], k[:]...)
	for _, i := range order {
		buf = appendCell(buf, cells[i])
	}
	return siphash.Hash(d.row.k0, d.row.k1, buf), buf
}

// columnOf digests one cell of the named column.
func (d *digester) columnOf(buf []byte, k keyDigest, name string, cell []byte) (uint32, []byte) {
	buf = append(buf[:0], k[:]...)
	buf = binary.AppendUvarint(buf, uint64(len(name)))
	buf = append(buf, name...)
	buf = appendCell(buf, cell)
	return uint32(siphash.Hash(d.column.k0, d.column.k1, buf)), buf
}

// appendCell makes absent unlike empty, and "ab","c" unlike "a","bc".
func appendCell(buf, cell []byte) []byte {
	if cell == nil {
		return append(buf, 0)
	}
	buf = append(buf, 1)
	buf = binary.AppendUvarint(buf, uint64(len(cell)))
	return append(buf, cell...)
}
