package diff

import (
	"bytes"
	"context"
	"encoding/binary"
)

// settle gives each key of the partition its verdict, and writes its state for the next
// snapshot to w.after.
func (w *worker) settle() {
	for i := range w.groups {
		g := &w.groups[i]
		var o record
		if i < w.olds {
			o = record(w.before[i*w.last.size:][:w.last.size])
		}
		standing := i < w.standing
		w.stays = false
		if w.place = g.place; o != nil {
			w.place = w.places[i]
		}
		written := len(w.after)
		switch {
		case g.flags&isPut == 0:
			if !w.kept {
				w.sum.Gone++
				w.drop(g.key, true)
				break
			}
			w.sum.Kept++
			w.carry(o, standing)
		case g.valid == 0: // rejected
			w.keepOld(g, o, standing)
		case g.flags&isClash != 0:
			w.sum.Conflicting += int64(g.valid)
			w.keepOld(g, o, standing)
		default:
			w.sum.Duplicate += int64(g.valid - 1)
			w.compare(g, w.entry(g), o, standing)
		}
		if w.place > 0 && !w.stays && len(w.after) == written {
			w.remove(g.key, w.place)
		}
	}
}

// remove writes that the record of a key in the file of records is removed. Only a file
// of changes says so.
func (w *worker) remove(k keyDigest, place uint32) {
	if w.next == nil || w.form != changed {
		return
	}
	w.after, _ = appendRecord(w.after, k, 0, flagRemoved, len(w.columns))
	w.after = binary.LittleEndian.AppendUint32(w.after, place)
}

// keepOld carries the old record of a key whose records of today were all rejected.
func (w *worker) keepOld(g *group, o record, standing bool) {
	if o != nil && w.opts.Keys { // without Keys there may be no entry
		w.hold(w.entry(g).seq())
	}
	w.carry(o, standing)
}

// conflicts visits the entries of the partition once more, for the records of keys that
// the policy rejects: the groups have only one of each.
func (w *worker) conflicts(ctx context.Context, p uint32) error {
	clash := func(b []byte) {
		if e := entry(b); !e.rejected() && w.group(b).flags&isClash != 0 {
			w.found = append(w.found, finding{e.seq(), codeConflict})
		}
	}
	if err := w.today.each(ctx, p, &w.read, clash); err != nil || w.tables == nil || w.again == nil {
		return err
	}
	return w.again.each(ctx, p, &w.read, clash)
}

// compare decides about e, the record of today that was taken for a key. The last
// snapshot has o, which is nil when it has none; standing says that o is in the file of
// records.
func (w *worker) compare(g *group, e entry, o record, standing bool) {
	// Under Create or with known keys, whether an unconfirmed record exists at
	// the destination is settled now.
	isNew := o == nil || o.flags()&flagUnconfirmed != 0 && (w.opts.Create || w.known != nil)
	if isNew && w.known != nil && g.flags&isKnown == 0 {
		w.sum.HeldBack++
		if o != nil {
			w.drop(g.key, false)
		}
		return
	}
	digests, ok := w.digests(g, e, o)
	switch {
	case ok, isNew && w.store.opts.ReadOnly: // a read-only store writes no snapshot, and needs no digests of what is new
	case w.finding:
		w.wanted = append(w.wanted, e.seq())
	default:
		w.other = e.seq()
	}
	if w.finding || w.other != 0 {
		return
	}
	if isNew {
		var flags byte
		if w.known == nil && !w.opts.Create {
			flags = flagUnconfirmed
		}
		w.sum.New++
		code := uint32(codeNew)
		if o != nil {
			code = codeNewAgain
		}
		w.hold(e.seq())
		w.found = append(w.found, finding{e.seq(), code})
		w.keep(e, flags, digests, nil)
		return
	}
	flags := o.flags() & flagUnconfirmed
	set := w.changed(e, digests, o)
	if set == (Columns{}) {
		flags |= o.flags() & reports
	}
	code := uint32(codeSets)
	switch {
	case w.opts.Refresh || o.flags()&flagDue != 0:
		w.sum.Due++
		code |= 2
	case set != Columns{}:
		w.sum.Changed++
	default:
		w.sum.Unchanged++
		code = 0
	}
	if code != 0 {
		if flags&flagUnconfirmed != 0 {
			code |= 1
		}
		w.found = append(w.found, finding{e.seq(), code + w.set(set)<<2})
		for c := range set.All() {
			w.counts[c]++
		}
	}
	w.hold(e.seq())
	if !standing {
		o = nil
	}
	w.keep(e, flags, digests, o)
}

// digests returns the column digests of the record that was taken for a key. Where the
// row is the same, they are those of the old record. It is not ok when they are missing:
// then the record has to be put again.
func (w *worker) digests(g *group, e entry, o record) (_ digests, ok bool) {
	switch {
	case o != nil && w.same && o.flags()&flagNoRow == 0 && e.row() == o.row():
		return o.digests(), true
	case !w.lean:
		return digests(e[w.shape.columns:]), true
	case g.more == 0:
		return nil, false
	}
	size := 4 * len(w.columns)
	return digests(w.more[(int(g.more)-1)*size:][:size]), true
}

// set returns the number of a set in w.sets, and adds it when it is not there.
func (w *worker) set(s Columns) uint32 {
	n, ok := w.setOf[s]
	if !ok {
		n = uint32(len(w.sets))
		w.sets = append(w.sets, s)
		if w.setOf == nil {
			w.setOf = make(map[Columns]uint32)
		}
		w.setOf[s] = n
	}
	return n
}

// changed returns the columns in which an entry differs from its old record. The row
// digest decides whether anything differs, unless the old one is unknown, or the run lacks
// a column of the last snapshot; the column digests say which.
func (w *worker) changed(e entry, digests digests, o record) (set Columns) {
	byRow := w.exact && o.flags()&flagNoRow == 0
	if !byRow || e.at(w.shape.base) != o.row() {
		for at, c := range w.baseOf {
			if c >= 0 && digests.at(c) != o.digests().at(at) {
				set.add(c)
			}
		}
		if byRow && set == (Columns{}) { // the column digests collide
			for _, c := range w.baseOf {
				set.add(c)
			}
		}
	}
	for _, c := range w.addedAt {
		k := e.key()
		if d := digests.at(c); d != w.hasher.column(&k, c, []byte{}) && d != w.hasher.column(&k, c, nil) {
			set.add(c)
		}
	}
	return set
}

// keep writes the state of an entry into the next snapshot. When standing, a record in
// the file of records, already has this state, it stays and nothing is written to a file
// of changes. Standing is nil for any other record.
func (w *worker) keep(e entry, flags byte, d digests, standing record) {
	if w.next == nil {
		return
	}
	w.totals.add(flags)
	note := e.note(w.shape)
	w.used[note] = true
	from := len(w.after)
	w.after = append(w.after, e[:digestBytes]...)
	w.after = binary.LittleEndian.AppendUint64(w.after, e.row())
	w.after = append(w.after, flags)
	w.after = binary.LittleEndian.AppendUint64(w.after, e.at(w.shape.text))
	w.after = append(w.after, note)
	w.after = append(w.after, d...)
	if w.form != changed {
		return
	}
	if w.stays = standing != nil && bytes.Equal(w.after[from:], standing); w.stays {
		w.after = w.after[:from]
		return
	}
	w.after = binary.LittleEndian.AppendUint32(w.after, w.place)
}

// carry writes an old record into the next snapshot without comparing it; nil is none.
// When the columns differ from those of the last snapshot, its row digest is unknown from
// now on, and each new column, which was never sent for it, counts as empty.
func (w *worker) carry(o record, standing bool) {
	if o == nil || w.next == nil {
		return
	}
	w.totals.add(o.flags())
	if w.same {
		w.used[o.note()] = true
		if w.stays = w.form == changed && standing; w.stays {
			return
		}
		if w.after = append(w.after, o...); w.form == changed {
			w.after = binary.LittleEndian.AppendUint32(w.after, w.place)
		}
		return
	}
	var rec record
	w.after, rec = appendRecord(w.after, o.key(), o.row(), o.flags()|flagNoRow, len(w.columns))
	for at, c := range w.baseOf {
		if c >= 0 {
			rec.setColumn(c, o.digests().at(at))
		}
	}
	for _, c := range w.addedAt {
		k := o.key()
		rec.setColumn(c, w.hasher.column(&k, c, []byte{}))
	}
}
