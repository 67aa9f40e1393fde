package splio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	columns []string                        // of the mapping, the key first; then that of lists for new contacts, if there is one
	mapped  int                             // how many of them are mapped
	lists   int                             // the number of the column of lists behind the key, -1: none
	into    map[route]map[need]diff.Columns // by sub-sequence, whose set is empty; nil: as needed
	open    map[route]*outFile
	order   []*outFile // all files, in the order of their first rows
	report  *Report
	cells   [][]byte // scratch
	joined  []byte   // scratch for the cell of lists
}

type outFile struct {
	manifestFile
	w    *Writer
	file vfs.File // nil once closed, and in a preview
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
	out := j.newOutbox(columns, &m.Report)
	defer out.abort()
	if j.Rows != FullRows {
		if err := out.survey(ctx, run, seg); err != nil {
			return err
		}
	}
	j.watch.writing(ctx, s)
	left, err := out.newLeavers(kept, s)
	if left != nil {
		defer left.stop()
	}
	if err != nil {
		return err
	}
	err = seg.each(ctx, withRecords(ctx, run), func(c *diff.Change, r spooled) error {
		if c.Kind == diff.Conflict {
			x := j.keyRejection(c.Seq, r.line, ReasonConflict)
			found.add(x)
			return j.conflict(x, r.cells[len(columns):])
		}
		changed.add(c)
		if err := left.add(c, r.cells[0]); err != nil {
			return err
		}
		j.watch.row()
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
	o.into = make(map[route]map[need]diff.Columns)
	most := o.maxFiles()
	for to, needs := range counts {
		// Each sub-sequence has names of its own; the rows for new contacts are all alike but for absent cells.
		into, unchanged := merge(needs, most)
		if o.Rows == ExactlyChanged && unchanged > 0 {
			return fmt.Errorf("splio: %d different sets of changed attributes, at most %d files: raise Activation.MaxFiles, or choose Rows %q, which merges sets", len(needs), most, ChangedOnly)
		}
		o.into[to] = into
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
	to, n := o.needs(c, cells)
	set := n.has
	if o.into != nil {
		set = o.into[to][n]
	}
	to.set = set
	isNew := c.Kind == diff.New && o.Insert
	o.cells = append(o.cells[:0], cells[0])
	for i := range set.All() {
		var cell []byte
		if i < len(cells)-1 {
			cell = cells[i+1]
		}
		if i == o.lists && isNew {
			cell = o.subscribe(cell)
		}
		o.cells = append(o.cells, cell)
		if c.Kind != diff.New && !c.Columns.Has(i) {
			o.report.UnchangedCells++
		}
	}
	f := o.open[to]
	if f == nil {
		if len(o.open) >= max(o.maxFiles(), maxFiles) && o.into == nil {
			return fmt.Errorf("splio: absent cells leave rows with more than %d different sets of columns: let fewer fields be absent, with the policy %q", len(o.open), mapping.Blank)
		}
		var err error
		if f, err = o.create(to); err != nil {
			return err
		}
	}
	err := f.w.Write(o.cells)
	if errors.Is(err, ErrFull) {
		if err := o.close(f); err != nil {
			return err
		}
		if f, err = o.create(to); err != nil {
			return err
		}
		err = f.w.Write(o.cells)
	}
	return err
}

// subscribe adds the lists that new contacts join to a cell, which may be nil.
// What the cell says of a list itself stands.
func (o *outbox) subscribe(cell []byte) []byte {
	o.joined = appendLists(o.joined[:0], cell, o.Subscribe)
	return o.joined
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
	f := &outFile{}
	f.File = as
	f.Local = fmt.Sprintf("%04d.csv", len(o.order)+1)
	out := io.Discard // a preview wants to know the size and sum alone
	if !o.dry {
		file, err := o.fs.OpenFile(outboxDir+"/"+f.Local, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return nil, fmt.Errorf("splio: create a file in the outbox: %w", err)
		}
		f.file, out = file, file
	}
	o.order = append(o.order, f)
	var err error
	f.w, err = NewWriter(out, columns, format)
	return f, err
}

// close ends a file and makes its content durable.
func (o *outbox) close(f *outFile) error {
	file, err := f.w.Close()
	file.Scope, file.Subsequence = f.Scope, f.Subsequence
	f.File = file
	if f.file == nil {
		return err
	}
	if err == nil {
		err = f.file.Sync()
	}
	if cerr := f.file.Close(); err == nil {
		err = cerr
	}
	f.file = nil
	if err != nil {
		return fmt.Errorf("splio: write a file in the outbox: %w", err)
	}
	return nil
}

func (o *outbox) finish() ([]manifestFile, error) {
	files := make([]manifestFile, 0, len(o.order))
	for _, f := range o.order {
		if err := o.close(f); err != nil {
			return nil, err
		}
		files = append(files, f.manifestFile)
	}
	return files, nil
}

// abort closes what is open; the files are cleared with the outbox.
func (o *outbox) abort() {
	for _, f := range o.order {
		if f.file != nil {
			_ = f.file.Close()
			f.file = nil
		}
	}
}
