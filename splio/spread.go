package splio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"strconv"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
)

const (
	maxFiles    = 64 // the default of [Activation.MaxFiles]
	listsColumn = "subscriptions"
)

// Rows says which cells are sent of a contact that has changed.
type Rows string

const (
	// FullRows sends every attribute that is mapped, because what an empty cell
	// does on update depends on Splio's configuration (FORMAT.md, section 6).
	FullRows Rows = ""
	// ChangedOnly sends the key and the attributes that changed, so that a value
	// edited in Splio and unchanged at the source is not overwritten. Contacts
	// with the same changed attributes share a file. Where that makes more than
	// [Activation.MaxFiles] files, sets of attributes are merged, at the price
	// of unchanged cells in some rows, which the report counts.
	ChangedOnly Rows = "changed"
	// ExactlyChanged is ChangedOnly without merging: a plan that would need more
	// files fails.
	ExactlyChanged Rows = "exact"
)

// route is what all rows of a file share.
type route struct {
	creating bool         // they go to the sub-sequence for new contacts
	set      diff.Columns // of the columns behind the key; the last may be that of lists
}

// outbox spreads rows over files: those of one route share a file until it is full.
type outbox struct {
	*job
	columns  []string                        // of the mapping, the key first; then that of lists for new contacts, if there is one
	mapped   int                             // how many of them are mapped
	lists    int                             // the number of the column of lists behind the key, -1: none
	sets     map[route]map[need]diff.Columns // by sub-sequence, whose set is empty; nil: as needed
	open     map[route]*outFile
	order    []*outFile // all files, in the order of their first rows
	numbered int        // how many numbers others have
	report   *Report
	picker   picker
	press    *press // nil: there is no file yet
}

// picker has memory for the cells of a row as it is written.
type picker struct {
	cells  [][]byte
	joined []byte // the cell of lists
}

type outFile struct {
	manifestFile
	w      *Writer
	closed bool
	sum    hash.Hash // the press has this, and file, until it is stopped
	file   vfs.File  // nil once closed, and in a preview
}

func (j *job) newOutbox(columns []string, report *Report) *outbox {
	o := &outbox{job: j, columns: slices.Clone(columns), mapped: len(columns), lists: -1, open: make(map[route]*outFile), report: report}
	if len(j.Subscribe) > 0 {
		if o.lists = slices.Index(columns[1:], listsColumn); o.lists < 0 {
			o.lists = len(columns) - 1
			o.columns = append(o.columns, listsColumn)
		}
	}
	return o
}

// write writes the rows of all changes into files of the outbox, and those about
// contacts that left into files of their own. kept names the keys that are kept.
func (j *job) write(ctx context.Context, m *manifest, columns []string, run Comparison, seg rows, found *tally, changed *changes, s *diff.Summary, kept string) error {
	conflict := func(c *diff.Change, r spooled) error {
		x := j.keyRejection(c.Seq, r.line, ReasonConflict)
		found.add(x)
		return j.conflict(x, r.cells[len(columns):])
	}
	out := j.newOutbox(columns, &m.Report)
	defer out.abort()
	if j.Rows != FullRows {
		if err := out.survey(ctx, run, seg); err != nil {
			return err
		}
	}
	j.watch.writing(ctx, s)
	if e, ok := seg.(*early); ok {
		files, err := e.settle(ctx, run, s, conflict)
		if m.Files = files; files != nil || err != nil {
			return err
		}
	}
	left, err := out.newLeavers(kept, s)
	if left != nil {
		defer left.stop()
	}
	if err != nil {
		return err
	}
	err = seg.each(ctx, withRecords(ctx, run), func(c *diff.Change, r spooled) error {
		if c.Kind == diff.Conflict {
			return conflict(c, r)
		}
		changed.add(c)
		if err := left.add(c, r.cells[0]); err != nil {
			return err
		}
		j.watch.wrote(1)
		return out.add(c, r.cells[:len(columns)])
	})
	if err == nil && left != nil {
		m.Keys, err = left.finish(ctx, run, seg)
	}
	if err != nil {
		return err
	}
	m.Files, err = out.finish()
	return err
}

// survey looks at all rows to find out which sets of columns there will be, and
// merges them.
func (o *outbox) survey(ctx context.Context, run Comparison, seg rows) error {
	counts := make(map[route]map[need]int64)
	err := seg.each(ctx, withRecords(ctx, run), func(c *diff.Change, r spooled) error {
		if c.Kind == diff.Conflict {
			return nil
		}
		to, n := o.needs(c, r.cells[:o.mapped])
		if counts[to] == nil {
			counts[to] = make(map[need]int64)
		}
		counts[to][n]++
		return nil
	})
	if err != nil {
		return err
	}
	o.sets = make(map[route]map[need]diff.Columns)
	most := o.maxFiles()
	for to, needs := range counts {
		// Each sub-sequence has names of its own; the rows for new contacts are all alike but for absent cells.
		into, unchanged := merge(needs, most)
		if o.Rows == ExactlyChanged && unchanged > 0 {
			return fmt.Errorf("splio: %d different sets of changed attributes, at most %d files: raise Activation.MaxFiles, or choose Rows %q, which merges sets", len(needs), most, ChangedOnly)
		}
		o.sets[to] = into
	}
	return nil
}

func (o *outbox) maxFiles() int {
	if o.MaxFiles > 0 {
		return o.MaxFiles
	}
	return maxFiles
}

// needs says where a row goes and which columns it asks for.
func (o *outbox) needs(c *diff.Change, cells [][]byte) (route, need) {
	var n need
	for i, cell := range cells[1:] { // the key has a column of its own in every file
		if cell != nil {
			n.may[i/64] |= 1 << (i % 64)
		}
	}
	isNew := c.Kind == diff.New && o.Insert
	if isNew && o.lists >= 0 {
		n.may[o.lists/64] |= 1 << (o.lists % 64)
	}
	if n.has = n.may; o.Rows != FullRows && c.Kind == diff.Changed && !c.Unconfirmed {
		for i := range n.has {
			n.has[i] &= c.Columns[i]
		}
		if n.has == (diff.Columns{}) { // all that changed is absent now
			n.has = n.may
		}
	}
	return route{creating: isNew && o.Destination.Creating != ""}, n
}

// add writes a row into the file with the columns that it needs.
func (o *outbox) add(c *diff.Change, cells [][]byte) error {
	to := o.pick(&o.picker, c, cells)
	if c.Kind != diff.New {
		for i := range to.set.All() {
			if !c.Columns.Has(i) {
				o.report.UnchangedCells++
			}
		}
	}
	return o.into(to, func(w *Writer) error { return w.Write(o.picker.cells) })
}

// pick finds the cells of a row in its file, and returns which file that is.
func (o *outbox) pick(p *picker, c *diff.Change, cells [][]byte) route {
	to, n := o.needs(c, cells)
	set := n.has
	if o.sets != nil {
		set = o.sets[to][n]
	}
	to.set = set
	isNew := c.Kind == diff.New && o.Insert
	p.cells = append(p.cells[:0], cells[0])
	for i := range to.set.All() {
		var cell []byte
		if i < len(cells)-1 {
			cell = cells[i+1]
		}
		if i == o.lists && isNew { // what the cell says of a list itself stands
			p.joined = appendLists(p.joined[:0], cell, o.Subscribe)
			cell = p.joined
		}
		p.cells = append(p.cells, cell)
	}
	return to
}

// into writes a row into a file of a route, or into another one when it is full.
func (o *outbox) into(to route, write func(*Writer) error) error {
	f := o.open[to]
	if f == nil {
		if o.crowded(to) {
			return fmt.Errorf("splio: absent cells leave rows with more than %d different sets of columns: let fewer fields be absent, with the policy %q", len(o.open), mapping.Blank)
		}
		var err error
		if f, err = o.create(to); err != nil {
			return err
		}
	}
	err := write(f.w)
	if errors.Is(err, ErrFull) {
		if err := o.close(f); err != nil {
			return err
		}
		if f, err = o.create(to); err != nil {
			return err
		}
		err = write(f.w)
	}
	return err
}

// crowded reports whether a route would be one too many.
func (o *outbox) crowded(to route) bool {
	return o.sets == nil && o.open[to] == nil && len(o.open) >= max(o.maxFiles(), maxFiles)
}

// appendLists appends a cell of signed list ids, ascending, with a sign "+" for
// each of the ids that it does not name.
func appendLists(dst, cell []byte, join []int) []byte {
	var signs [maxLists]byte
	for part := range bytes.SplitSeq(cell, []byte(",")) {
		if len(part) < 2 {
			continue // no cell at all
		}
		if id, err := strconv.Atoi(string(part[1:])); err == nil && id >= 0 && id < len(signs) {
			signs[id] = part[0]
		}
	}
	for _, id := range join {
		if signs[id] == 0 {
			signs[id] = '+'
		}
	}
	for id, sign := range signs {
		if sign == 0 {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, sign), int64(id), 10)
	}
	return dst
}

// create begins a file for rows of a route.
func (o *outbox) create(to route) (*outFile, error) {
	columns := []string{o.columns[0]}
	for i := range to.set.All() {
		columns = append(columns, o.columns[i+1])
	}
	file := File{Subsequence: o.Destination.Subsequence}
	if to.creating {
		file.Subsequence = o.Destination.Creating
	}
	f, err := o.newFile(file, columns, o.Format)
	if err == nil {
		o.open[to] = f
	}
	return f, err
}

// newFile begins a file.
func (o *outbox) newFile(as File, columns []string, format Format) (*outFile, error) {
	w, err := newWriter(columns, format)
	if err != nil {
		return nil, err
	}
	f := &outFile{w: w, sum: sha256.New()}
	f.File = as
	f.Local = fmt.Sprintf("%04d.csv", o.numbered+len(o.order)+1)
	if !o.dry { // a preview wants to know the size and sum alone
		file, err := o.fs.OpenFile(outboxDir+"/"+f.Local, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return nil, fmt.Errorf("splio: create a file in the outbox: %w", err)
		}
		f.file = &vfs.Eager{File: file}
	}
	o.order = append(o.order, f)
	if o.press == nil {
		o.press = startPress()
	}
	w.hand = func(text []byte) ([]byte, error) { return o.press.memory(), o.press.send(block{file: f, text: text}) }
	return f, nil
}

// close ends a file. The press makes its content durable.
func (o *outbox) close(f *outFile) error {
	if f.closed {
		return nil
	}
	file, err := f.w.Close()
	if err != nil {
		return err
	}
	file.Scope, file.Subsequence = f.Scope, f.Subsequence
	f.File, f.closed = file, true
	return o.press.send(block{file: f, last: true})
}

func (o *outbox) finish() ([]manifestFile, error) {
	files := make([]manifestFile, 0, len(o.order))
	for _, f := range o.order {
		if err := o.close(f); err != nil {
			return nil, err
		}
	}
	if err := o.press.stop(); err != nil {
		return nil, err
	}
	for _, f := range o.order {
		files = append(files, f.manifestFile)
	}
	return files, nil
}

// abort closes what is open; the files are cleared with the outbox.
func (o *outbox) abort() {
	_ = o.press.stop() // finish has told it, or there is another error
	for _, f := range o.order {
		if f.file != nil {
			_ = f.file.Close()
			f.file = nil
		}
	}
}
