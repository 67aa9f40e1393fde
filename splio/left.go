package splio

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/spliosync/spliosync/diff"
)

// Left says what is done about contacts that were sent before and are not in the
// segment any more: either lists are left and attributes cleared, or the contacts
// are deleted. The zero value does nothing about them and keeps no keys.
//
// To name who has left, the keys of all contacts in the snapshot are kept, in
// clear, in a file of their own in [Activation.State], which its owner alone can
// read. They are personal data. Once Left is the zero value, the next run that is
// delivered removes the file. A run that finds a snapshot without keys collects
// them from its segment and does nothing about contacts that left just then;
// [Report.LeftSkipped] says so.
//
// Nothing is done, and nobody is forgotten, while it is uncertain who has left: in
// an [Activation.Partial] segment, and while more records than
// [Activation.MaxUnusable] lack a usable key, absent contacts keep their state.
//
// When a contact comes back, nothing is undone: it is sent as a new one, with only
// the lists and attributes of its row. If keys are written in another way from
// some run on, as after a change of the mapping, every contact leaves under its
// old key and is new under its new one: take Left out of that run.
type Left struct {
	// Unsubscribe are the ids of lists that they leave, 0 to 63 (that "-" and the id
	// does so is inferred; FORMAT.md, section 4.3).
	Unsubscribe []int

	// Clear are attributes of the mapping, not the key, that are sent empty. That
	// clears them where the sub-sequence lets empty cells erase, and does nothing
	// elsewhere (unknown by default; FORMAT.md, section 6): the report has a doubt
	// about it. Lists are not cleared but left, by Unsubscribe.
	Clear []string

	// Delete is a sub-sequence of the scope deletecontacts, through which they are
	// deleted (FORMAT.md, section 7.1). It excludes the two others. [Brakes.Deleted]
	// limits how many at once.
	Delete string
}

// What the snapshots and comparisons of package diff can do besides, which Left
// needs: a [Differ] goes without.
type (
	keyKeeper interface {
		MarkUnconfirmed(ctx context.Context, keys iter.Seq2[[]byte, error]) (marked int64, err error)
	}
	keySifter interface {
		Sift(ctx context.Context, keys iter.Seq2[[]byte, error], visit func(key []byte, stays, gone bool) error) error
		Holders() iter.Seq2[int64, error]
	}
)

// on reports whether anything is to be done.
func (l Left) on() bool { return l.Delete != "" || len(l.Unsubscribe)+len(l.Clear) > 0 }

const (
	contactsScope  = "contacts"
	deletesScope   = "deletecontacts"
	maxDeleteLines = 100_000 // of a deletecontacts file (documented; FORMAT.md, section 2)
)

func (a Activation) validateLeft() error {
	var errs []error
	l := a.Left
	if l.on() && a.Differ != nil {
		errs = append(errs, errors.New("splio: Activation.Left needs keys, which a Differ does not keep: choose one"))
	}
	if !areLists(l.Unsubscribe) {
		errs = append(errs, fmt.Errorf("splio: Left.Unsubscribe: ids of lists are 0 to %d", maxLists-1))
	}
	mapped := a.Mapping.CustomNames()
	for _, f := range a.Mapping.Fields {
		mapped = append(mapped, f.To)
	}
	for i, name := range l.Clear {
		switch {
		case name == a.Mapping.Key.To:
			errs = append(errs, fmt.Errorf("splio: Left.Clear: %q is the key", name))
		case name == listsColumn:
			errs = append(errs, fmt.Errorf("splio: Left.Clear: lists are left by Left.Unsubscribe, not by clearing %q", name))
		case !slices.Contains(mapped, name):
			errs = append(errs, fmt.Errorf("splio: Left.Clear: the mapping has no attribute %q", name))
		case slices.Contains(l.Clear[:i], name):
			errs = append(errs, fmt.Errorf("splio: Left.Clear: %q is there twice", name))
		}
	}
	if l.Delete == "" {
		return errors.Join(errs...)
	}
	if len(l.Unsubscribe)+len(l.Clear) > 0 {
		errs = append(errs, errors.New("splio: Left.Delete leaves nothing to unsubscribe or clear: choose one"))
	}
	if !subsequenceName.MatchString(l.Delete) {
		errs = append(errs, fmt.Errorf("splio: Left.Delete %q: give the name of the sub-sequence, in at most 64 letters and digits", l.Delete))
	} else if _, _, err := a.Destination.Imports.find(deletesScope, l.Delete); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// leavers does what is to be done about those who left, and keeps keys.
type leavers struct {
	*outbox
	kept    string // the sum of the keys that are kept; "" when there are none
	collect bool   // keys are taken from the segment, since none are kept
	keys    *keyWriter
	row     [][]byte // but for the key
	file    *outFile // nil: none yet
}

// newLeavers begins the file of keys. It is nil when nothing is to be done, and
// when keys can not be kept because some are not in the segment.
func (o *outbox) newLeavers(kept string, s *diff.Summary) (*leavers, error) {
	if !o.Left.on() {
		return nil, nil
	}
	l := &leavers{outbox: o, kept: kept, collect: kept == "" && !s.First}
	o.report.LeftSkipped = l.skipped(s)
	if l.collect && s.Kept > 0 {
		return nil, nil
	}
	if len(o.Left.Unsubscribe) > 0 {
		var cell []byte
		for _, id := range slices.Compact(slices.Sorted(slices.Values(o.Left.Unsubscribe))) {
			if len(cell) > 0 {
				cell = append(cell, ',')
			}
			cell = strconv.AppendInt(append(cell, '-'), int64(id), 10)
		}
		l.row = append(l.row, cell)
	}
	for range o.Left.Clear {
		l.row = append(l.row, []byte{})
	}
	var err error
	l.keys, err = o.newKeys()
	return l, err
}

// skipped says why nothing is done.
func (l *leavers) skipped(s *diff.Summary) string {
	switch {
	case s.First:
		return "nothing was delivered before, so that nobody can have left"
	case l.collect && s.Kept > 0:
		return "the keys of contacts sent before are not kept, and can not be collected while some of them may be missing from the segment: run once with the whole of it, and with no more records that have no usable key than Activation.MaxUnusable"
	case l.collect:
		return "the keys of contacts sent before were not kept: they are from this run on"
	case l.Partial:
		return "the segment is partial, so that nobody is known to have left"
	case s.Kept > 0:
		return "records without a usable key, of which there are more than Activation.MaxUnusable, may be those of contacts that seem to have left"
	}
	return ""
}

// stop closes what is open.
func (l *leavers) stop() {
	if l.keys != nil {
		l.keys.abort()
	}
}

// add takes the key of a change.
func (l *leavers) add(c *diff.Change, key []byte) error {
	if l == nil || l.collect || c.Kind != diff.New || c.Unconfirmed { // that one is kept already
		return nil
	}
	return l.keys.add(key)
}

// finish writes the rows about those who left and ends the file of keys, whose
// sum it returns.
func (l *leavers) finish(ctx context.Context, run Comparison, seg rows) (sum string, err error) {
	if l.collect {
		err = seg.keys(ctx, withKeys(run), func(_ *diff.Change, r spooled) error { return l.keys.add(r.cells[0]) })
	} else if l.kept != "" {
		err = run.(keySifter).Sift(ctx, l.keptKeys(l.kept), func(key []byte, stays, gone bool) error {
			switch {
			case gone:
				return l.leave(key)
			case stays:
				return l.keys.add(key)
			}
			return nil
		})
		if named := l.report.LeftRows + l.report.Deleted; err == nil && named < l.report.Left {
			l.report.LeftSkipped = fmt.Sprintf("%d of those who left can not be named, because their keys are not kept or a file can not hold them", l.report.Left-named)
		}
	}
	if err != nil {
		return "", err
	}
	return l.keys.close()
}

// leave writes the row of a contact that has left.
func (l *leavers) leave(key []byte) error {
	if !l.Format.survives(key) { // as another key it would name somebody else
		return nil
	}
	var err error
	if l.file == nil {
		if l.file, err = l.begin(); err != nil {
			return err
		}
	}
	cells := append(append(l.picker.cells[:0], key), l.row...)
	l.picker.cells = cells
	err = l.file.w.Write(cells)
	if errors.Is(err, ErrFull) {
		if err = l.close(l.file); err != nil {
			return err
		}
		if l.file, err = l.begin(); err != nil {
			return err
		}
		err = l.file.w.Write(cells)
	}
	if err != nil {
		return err
	}
	if l.Left.Delete != "" {
		l.report.Deleted++
	} else {
		l.report.LeftRows++
	}
	return nil
}

// begin begins a file about those who left.
func (l *leavers) begin() (*outFile, error) {
	columns := []string{l.columns[0]}
	if l.Left.Delete != "" {
		format := l.Format
		if format.MaxLines == 0 || format.MaxLines > maxDeleteLines {
			format.MaxLines = maxDeleteLines
		}
		return l.newFile(File{Scope: deletesScope, Subsequence: l.Left.Delete}, columns, format)
	}
	if len(l.Left.Unsubscribe) > 0 {
		columns = append(columns, listsColumn)
	}
	return l.newFile(File{Subsequence: l.Destination.Subsequence}, append(columns, l.Left.Clear...), l.Format)
}

// doubtsOfLeft are those about what is done to contacts that left.
func (j *job) doubtsOfLeft(r *Report) []string {
	var out []string
	if r.LeftRows > 0 && len(j.Left.Clear) > 0 {
		out = append(out, fmt.Sprintf("sub-sequence %q: whether empty cells erase is not stated, and clearing the attributes of contacts that left relies on it", j.Destination.Subsequence))
	}
	if r.LeftRows > 0 && j.Insert {
		out = append(out, fmt.Sprintf("sub-sequence %q: a contact that left the segment and was deleted in Splio as well is created again, where the sub-sequence creates contacts", j.Destination.Subsequence))
	}
	if r.Deleted > 0 {
		out = append(out, fmt.Sprintf("sub-sequence %q of %s: that its files have the column of the key alone is inferred", j.Left.Delete, deletesScope))
	}
	return out
}

// keyOnly is no kind of package diff: of the record the key alone is wanted.
const keyOnly diff.Kind = 255

// withKeys are changes that name the records which hold the keys to be kept.
func withKeys(run Comparison) iter.Seq2[*diff.Change, error] {
	return func(yield func(*diff.Change, error) bool) {
		c := diff.Change{Kind: keyOnly}
		for seq, err := range run.(keySifter).Holders() {
			c.Seq = seq
			if !yield(&c, err) || err != nil {
				return
			}
		}
	}
}
