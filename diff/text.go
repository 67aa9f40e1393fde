package diff

import "context"

// In a run by text, the records of a key either all have the text that the last
// snapshot has of it, and nothing more is asked about them, or all are put again.

// texts puts the entries of today together by key. While records are looked for
// it notes those that are to be put again; after that, it leaves their groups to
// what was put again.
func (w *worker) texts(ctx context.Context, p uint32) error {
	if err := w.today.each(ctx, p, &w.read, w.takeText); err != nil {
		return err
	}
	several := false
	for i := range w.groups {
		g := &w.groups[i]
		switch {
		case g.flags&isPut == 0:
		case w.unaltered(i, g):
			g.flags |= isSame
		case !w.finding:
			g.flags = g.flags&isMany | isOpen
			g.valid = 0
		case g.valid == 1:
			w.wanted = append(w.wanted, g.seq)
		default:
			g.flags |= isOpen
			several = true
		}
	}
	if !several {
		return nil
	}
	return w.today.each(ctx, p, &w.read, func(b []byte) {
		if w.group(b).flags&isOpen != 0 {
			w.wanted = append(w.wanted, entry(b).seq())
		}
	})
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

// unaltered reports whether nothing is to be done about the records of a group,
// which is number i.
func (w *worker) unaltered(i int, g *group) bool {
	if i >= int(w.sum.Previous) || g.text == 0 {
		return false
	}
	o := record(w.before[i*w.last.size:][:w.last.size])
	f := o.flags()
	return o.text() == g.text && (o.note() == 0 || !w.opts.Noted) && f&(flagDue|flagNoRow) == 0 &&
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
