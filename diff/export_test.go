package diff

import "github.com/spliosync/spliosync/internal/offheap"

// Tiny gives a run a budget that no caller can, and a number of workers in place
// of GOMAXPROCS; 0 is none.
func (o RunOptions) Tiny(memory int64, workers int) RunOptions {
	o.tiny, o.workers = memory, workers
	return o
}

// CutTexts keeps so many bits of a text digest, so that other texts are often taken
// for one; 0 is as many as there is room for.
func (o RunOptions) CutTexts(bits int) RunOptions {
	o.width = bits
	return o
}

// TextsFor tells for a number of texts, under a RunOptions.Memory, how many bits are kept of
// each, 0 for none, and how much memory is left.
func TextsFor(memory, n int64) (width int, left int64) {
	return (&Run{opts: RunOptions{Memory: memory}}).textsFor(n)
}

// TextBlocks are where a run by text has the texts of the last snapshot.
func (r *Run) TextBlocks() []*offheap.Block {
	return []*offheap.Block{r.tables.far.block, r.tables.near.block}
}

// CutDigests keeps so many bits of row and of column digests, in a store with
// Options.Key, so that different cells often share one.
func (s *Store) CutDigests(row, column int) {
	s.dig.rowBits, s.dig.columnBits = 1<<row-1, 1<<column-1
}

// SipHash is that of column digests, in its two pieces after the key digest.
func SipHash(k0, k1 uint64, key [16]byte, name, cell []byte) uint64 {
	k, p := keyDigest(key), newPrefix(name)
	b := append(append([]byte("before"), cell...), "and after"...)
	return sipKey{k0, k1}.start(&k).sum(&p, b, 6, 6+len(cell))
}

// Verdicts are those of a run, by themselves.
type Verdicts struct{ v *verdicts }

func NewVerdicts(columns int) Verdicts { return Verdicts{newVerdicts(columns)} }

// Add adds the changes of a partition.
func (v Verdicts) Add(changes ...Change) {
	var found []finding
	var sets []Columns
	for _, c := range changes {
		f := finding{c.Seq, codeNew}
		switch c.Kind {
		case Conflict:
			f.code = codeConflict
		case Changed, Due:
			f.code = codeSets + uint32(len(sets))<<2
			sets = append(sets, c.Columns)
			if c.Kind == Due {
				f.code |= 2
			}
			if c.Unconfirmed {
				f.code |= 1
			}
		}
		found = append(found, f)
	}
	v.v.add(found, sets)
}

// All returns the changes in the order of the record numbers.
func (v Verdicts) All() (all []Change) {
	v.v.each(func(seq int64, code uint16) bool {
		c := Change{Seq: seq}
		v.v.change(&c, code)
		all = append(all, c)
		return true
	})
	return all
}
