package diff

import (
	"context"
	"encoding/binary"
	"errors"
)

// In a run by text, the records of a key either all have the text that the last
// snapshot has of it, and nothing more is asked about them, or all are put again.

// findTexts finds the records that are to be put again, and decides about all
// others: what the next snapshot keeps of the last one is written as its first
// section. From then on only the rest is joined.
func (j *join) findTexts(ctx context.Context) error {
	if err := j.begin(); err != nil {
		return err
	}
	asked := newRelation(j.shape.size, j.memory()/16, j.spillTo)
	rest := newRelation(j.last.size, j.memory()/16, j.spillTo)
	err := j.runTexts(ctx, asked, rest)
	// In their place, so that they are closed with the others.
	err = errors.Join(err, j.today.close(), j.coarse.close())
	j.today, j.coarse = asked, rest
	if err != nil {
		return err
	}
	asked.seal(j.bits)
	rest.seal(j.bits)
	return nil
}

func (j *join) runTexts(ctx context.Context, asked, rest *relation) error {
	j.asked, j.rest = asked, rest
	if err := j.run(ctx); err != nil {
		return err
	}
	for _, w := range j.crew {
		if err := errors.Join(w.asked.flush(), w.rest.flush()); err != nil {
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
	return errors.Join(asked.end(), rest.end())
}

// gatherTexts puts the entries of today together by key, and after that those of
// the records that are put again.
func (w *worker) gatherTexts(ctx context.Context, p uint32) error {
	if err := w.today.each(ctx, p, &w.read, w.takeText); err != nil || w.finding {
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

// foundTexts decides about a partition, as far as that can be done without what is
// put again.
func (w *worker) foundTexts(ctx context.Context, p uint32) (more bool, err error) {
	w.asked.rel, w.rest.rel = w.join.asked, w.join.rest
	several := false
	for i := range w.groups {
		g := &w.groups[i]
		var o record
		if i < w.olds {
			o = record(w.before[i*w.last.size:][:w.last.size])
			w.used[o.note()] = true
		}
		switch put := g.flags&isPut != 0; {
		case !put && w.opts.Partial:
			w.sum.Kept++
			w.carry(o)
			continue
		case put && o != nil && w.unaltered(o, g):
			w.sum.Unchanged++
			w.sum.Duplicate += int64(g.valid - 1)
			w.notes[o.note()] += int64(g.valid)
			if w.opts.Keys {
				w.holds = append(w.holds, g.seq)
			}
			w.carry(o)
			continue
		case put && g.valid == 1:
			var e [entryFixed]byte
			copy(e[:], g.key[:])
			binary.LittleEndian.PutUint64(e[16:], uint64(g.seq))
			binary.LittleEndian.PutUint64(e[24:], g.text)
			err = w.ask(e[:])
		case put:
			g.flags |= isOpen
			several = true
		}
		if o != nil && err == nil {
			var b []byte
			b, err = w.rest.next()
			copy(b, o)
		}
		if err != nil {
			return false, err
		}
	}
	if several {
		eerr := w.today.each(ctx, p, &w.read, func(b []byte) {
			if err == nil && w.group(b).flags&isOpen != 0 {
				err = w.ask(b)
			}
		})
		if err = errors.Join(eerr, err); err != nil {
			return false, err
		}
	}
	if !w.await(p) {
		return false, nil
	}
	if w.next != nil {
		if err := w.next.write(p, w.after); err != nil {
			return false, err
		}
	}
	w.Run.wanted.add(w.wanted)
	w.holders.add(w.holds)
	w.join.sum.add(&w.sum, nil)
	w.pass()
	return true, nil
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
