package diff

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"

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
	check, text      [16]byte // of text the keys are derived
	rowBits          uint64   // what is kept of a row digest: everything, but in tests
	columnBits       uint32   // what is kept of a column digest
}

func newDigester(secret []byte) (*digester, error) {
	d := &digester{rowBits: math.MaxUint64, columnBits: math.MaxUint32}
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
	for purpose, dst := range map[string]*[16]byte{"check": &d.check, "text": &d.text} {
		b, err := derive(secret, purpose)
		if err != nil {
			return nil, err
		}
		copy(dst[:], b)
	}
	return d, nil
}

// textKey returns the key of text digests under a rendering, and a check value of that.
func (d *digester) textKey(rendering string) (k sipKey, check [8]byte, err error) {
	b, err := derive(d.text[:], "text "+rendering)
	if err == nil {
		k.k0, k.k1, check = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), [8]byte(b[16:])
	}
	return k, check, err
}

// derive returns 24 bytes, of which most need the first 16.
func derive(secret []byte, purpose string) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, secret, nil, "spliosync/diff 1 "+purpose, 24)
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

// appendCell makes absent unlike empty, and "ab","c" unlike "a","bc".
func appendCell(buf, cell []byte) []byte {
	if cell == nil {
		return append(buf, 0)
	}
	if len(cell) < 0x80 {
		return append(append(buf, 1, byte(len(cell))), cell...)
	}
	return append(binary.AppendUvarint(append(buf, 1), uint64(len(cell))), cell...)
}

// hasher makes the digests of rows and columns. Use each from one goroutine.
type hasher struct {
	dig   *digester
	cells []byte   // the key digest, the cells of a row as appendCell writes them, and 8 bytes more
	ends  []int    // where each cell ends
	names []prefix // what the message of each column begins with
	buf   []byte   // scratch
}

func newHasher(d *digester, columns []string) hasher {
	h := hasher{dig: d}
	for _, name := range columns {
		h.names = append(h.names, newPrefix(append(binary.AppendUvarint(nil, uint64(len(name))), name...)))
	}
	return h
}

// row takes the cells of a record and returns their digest in the order of the
// columns.
func (h *hasher) row(k *keyDigest, cells [][]byte) uint64 {
	b, ends := append(h.cells[:0], k[:]...), h.ends[:0]
	for _, c := range cells {
		b = appendCell(b, c)
		ends = append(ends, len(b))
	}
	h.ends, h.cells = ends, append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	return siphash.Hash(h.dig.row.k0, h.dig.row.k1, b) & h.dig.rowBits
}

// reordered returns the digest of the cells of the row in another order.
func (h *hasher) reordered(k *keyDigest, order []int) uint64 {
	b := append(h.buf[:0], k[:]...)
	for _, i := range order {
		from := len(k)
		if i > 0 {
			from = h.ends[i-1]
		}
		b = append(b, h.cells[from:h.ends[i]]...)
	}
	h.buf = b
	return siphash.Hash(h.dig.row.k0, h.dig.row.k1, b) & h.dig.rowBits
}

// columns writes the column digests of the row.
func (h *hasher) columns(k *keyDigest, dst []byte) {
	s := h.dig.column.start(k)
	from := len(k)
	for i, to := range h.ends {
		binary.LittleEndian.PutUint32(dst[4*i:], uint32(s.sum(&h.names[i], h.cells, from, to))&h.dig.columnBits)
		from = to
	}
}

// column returns the digest of one cell of a column.
func (h *hasher) column(k *keyDigest, i int, cell []byte) uint32 {
	b := appendCell(h.buf[:0], cell)
	n := len(b)
	h.buf = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	return uint32(h.dig.column.start(k).sum(&h.names[i], h.buf, 0, n)) & h.dig.columnBits
}
