package diff

import (
	"context"
	"encoding/binary"
	"errors"
)

// In a run by text, the records of a key either all have the text that the last
// snapshot has of it, and nothing more is asked about them, or all are put again.

// textJoin is what is found when the records of today are joined by their text.
type textJoin struct {
	same [][]uint64 // by partition, a bit for each record of the last snapshot that stays as it is
	open *relation  // the entries of the records that are to be put again
}

// close gives up what it holds. It may be called on nil.
func (t *textJoin) close() error {
	if t == nil {
		return nil
	}
	t.same = nil
	return t.open.close()
}

// findTexts finds the records that are to be put again. Of the others, nothing but
// their counts is left to be done, so that all that was put can go.
func (j *join) findTexts(ctx context.Context) error {
	j.texts = &textJoin{same: make([][]uint64, 1<<j.bits), open: newRelation(j.shape.size, j.memory()/8, j.spillTo)}
	if err := j.run(ctx); err != nil {
		return err
	}
	for _, w := range j.crew {
		if err := w.asked.flush(); err != nil {
			return err
		}
		for i, n := range &w.notes {
			if i > 0 && n > 0 {
				j.sum.note(j.notes.all[i-1], n)
			}
			j.noted[i] = j.noted[i] || w.used[i]
		}
	}
	j.notes.keep(j.noted)
	if err := j.texts.open.end(); err != nil {
		return err
	}
	j.texts.open.seal(j.bits)
	return j.today.close()
}

// gatherTexts puts the entries of today together by key, and after that those of
// the records that are put again.
func (w *worker) gatherTexts(ctx context.Context, p uint32) error {
	if w.finding {
		return w.today.each(ctx, p, &w.read, w.takeText)
	}
	if err := w.texts.open.each(ctx, p, &w.read, w.takeText); err != nil {
		return err
	}
	for i := range w.groups {
		if g := &w.groups[i]; g.flags&isPut != 0 { // which only what is put again can tell
			g.flags = g.flags&isMany | isOpen
			g.valid = 0
		}
	}
	return nil
}

// takeText finds the record that is taken of each key.
func (w *worker) takeText(b []byte) {
	if 2*len(w.groups) >= len(w.table) {
		w.reserve(len(w.groups) + 1)
	}
	e, g := entry(b), w.group(b)
	seq, text := e.seq(), e.row()
	g.flags |= isPut
	if g.valid++; g.valid == 1 {
		g.seq, g.text = seq, text
		return
	}
	g.flags |= isMany
	if text != g.text {
		g.text = 0
	}
	if later := seq > g.seq; later == (w.opts.Duplicates == LastWins) {
		g.seq = seq
	}
}

// foundTexts decides which records of a partition are to be put again, and counts
// the others.
func (w *worker) foundTexts(ctx context.Context, p uint32) (more bool, err error) {
	w.asked.rel = w.texts.open
	same := make([]uint64, (w.olds+63)/64)
	w.texts.same[p] = same
	several := false
	for i := range w.groups {
		g := &w.groups[i]
		switch {
		case g.flags&isPut == 0:
		case i < w.olds && w.unaltered(record(w.before[i*w.last.size:]), g):
			same[i/64] |= 1 << (i % 64)
			w.sum.Unchanged++
			w.sum.Duplicate += int64(g.valid - 1)
			w.notes[record(w.before[i*w.last.size:]).note()] += int64(g.valid)
			if w.opts.Keys {
				w.holds = append(w.holds, g.seq)
			}
		case g.valid == 1:
			var e [entryFixed]byte
			copy(e[:], g.key[:])
			binary.LittleEndian.PutUint64(e[16:], uint64(g.seq))
			binary.LittleEndian.PutUint64(e[24:], g.text)
			err = w.ask(e[:])
		default:
			g.flags |= isOpen
			several = true
		}
		if err != nil {
			return false, err
		}
	}
	for rest := w.before; len(rest) > 0; rest = rest[w.last.size:] {
		w.used[record(rest).note()] = true
	}
	if several {
		eerr := w.today.each(ctx, p, &w.read, func(b []byte) {
			if err == nil && w.group(b).flags&isOpen != 0 {
				err = w.ask(b)
			}
		})
		if eerr != nil || err != nil {
			return false, errors.Join(eerr, err)
		}
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	w.Run.wanted.add(w.wanted)
	w.holders.add(w.holds)
	w.sum.Previous = 0 // which is counted when all of it is known
	w.join.sum.add(&w.sum, nil)
	return w.err == nil, nil
}

// ask has the record of an entry put again.
func (w *worker) ask(e []byte) error {
	w.wanted = append(w.wanted, entry(e).seq())
	b, err := w.asked.next()
	copy(b, e)
	return err
}

// unaltered reports whether nothing is to be done about the records of a group.
func (w *worker) unaltered(o record, g *group) bool {
	f := o.flags()
	return g.text != 0 && o.text() == g.text && (o.note() == 0 || !w.opts.Noted) && f&(flagDue|flagNoRow) == 0 &&
		(f&flagUnconfirmed == 0 || !w.opts.Create && w.known == nil)
}

// skip carries the records that stay as they are, and leaves the others.
func (w *worker) skip(same []uint64) {
	size, left := w.last.size, 0
	for i := 0; i*size < len(w.before); i++ {
		rec := w.before[i*size:][:size]
		if same[i/64]>>(i%64)&1 == 0 {
			copy(w.before[left:], rec)
			left += size
		} else if w.next != nil {
			w.after = append(w.after, rec...)
		}
	}
	w.before = w.before[:left]
}

// takeOpen takes the entry of a record that was put again.
func (w *worker) takeOpen(e entry) {
	n := w.table[w.lookup(e)]
	if n == 0 || w.groups[n-1].flags&isOpen == 0 {
		w.other = e.seq()
		return
	}
	g, text := &w.groups[n-1], e.at(w.complete.text)
	if g.flags&isMany == 0 && (e.seq() != g.seq || text != 0 && g.text != 0 && text != g.text) {
		w.other = e.seq()
		return
	}
	w.take(e)
}
