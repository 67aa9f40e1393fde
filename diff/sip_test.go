package diff_test

import (
	crand "crypto/rand"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dchest/siphash"

	"github.com/spliosync/spliosync/diff"
)

// The column digests are those of the library, at every border of a word.
func TestSipHash(t *testing.T) {
	random := make([]byte, 700)
	crand.Read(random)
	check := func(name, cell []byte) {
		k0, k1 := rand.Uint64(), rand.Uint64()
		key := [16]byte(random[rand.IntN(600):])
		got := diff.SipHash(k0, k1, key, name, cell)
		if want := siphash.Hash(k0, k1, slices.Concat(key[:], name, cell)); got != want {
			t.Fatalf("%d and %d bytes: %x, want %x", len(name), len(cell), got, want)
		}
	}
	for name := range 26 {
		for cell := range 50 {
			check(random[:name], random[100:100+cell])
		}
	}
	for range 2000 {
		check(random[:rand.IntN(600)], random[:rand.IntN(600)])
	}
}
