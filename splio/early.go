package splio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
)

// maxGaps bounds the numbers of rejected records that an early remembers.
const maxGaps = 1 << 20

// early writes the files of a first run while the segment is read, as if every
// record were sent. Where some are not, because they share a key, the lines of
// the others are copied into new files. So the segment is not read and rendered
// once more to be written.
type early struct {
	*rereader
	out   *outbox
	every route   // of a row without absent cells
	seq   int64   // of the last record
	rows  int64   // lines that were written
	gaps  []int64 // numbers of records without one
	wrong bool    // the files are of no use
}

// newEarly returns nil where the files are likely to be others in the end.
func (j *job) newEarly(ctx context.Context, seg *rereader) *early {
	if j.Differ != nil || j.dry || j.quiet || j.Known != nil || j.Rows != FullRows || j.Left.on() {
		return nil
	}
	if now, err := j.store.Current(ctx); err != nil || now != "" {
		return nil
	}
	e := &early{rereader: seg, out: j.newOutbox(seg.mapper.Columns(), new(Report))}
	e.every.creating = j.Insert && j.Destination.Creating != ""
	for i := range e.out.columns[1:] {
		e.every.set[i/64] |= 1 << (i % 64)
	}
	return e
}

// Before each line, as a worker makes it, stand its size and how often a part of it
// was replaced, and its kind.
const (
	lineHead = 4 + 4 + 1

	lineEvery = 0 // with all columns
	lineSome  = 1 // with those that are named behind the head
	lineNone  = 2 // there is none: the record is rejected
	lineWrong = 3 // there is none: the row can not be written
)

// append appends the line of a record to dst. Workers call it.
func (e *early) append(dst []byte, p *picker, row *mapping.Row) []byte {
	start := len(dst)
	var head [lineHead]byte
	if !row.OK {
		head[lineHead-1] = lineNone
		return append(dst, head[:]...)
	}
	dst = append(dst, head[:]...)
	kind, cells, to := byte(lineEvery), row.Cells, e.every
	if e.out.lists >= 0 || slices.ContainsFunc(cells, isAbsent) {
		to = e.out.pick(p, &diff.Change{Kind: diff.New}, cells)
		cells = p.cells
	}
	if to != e.every {
		kind = lineSome
		for _, w := range to.set {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	at := len(dst)
	dst, replaced, bad := e.out.Format.appendRow(dst, cells)
	if bad.reason != "" {
		dst, kind = dst[:at], lineWrong
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-at))
	binary.LittleEndian.PutUint32(dst[start+4:], uint32(replaced))
	dst[start+lineHead-1] = kind
	return dst
}

func isAbsent(cell []byte) bool { return cell == nil }

// write writes lines, those of all records in their order.
func (e *early) write(lines []byte) error {
	for len(lines) > 0 && !e.wrong {
		size, replaced, kind := binary.LittleEndian.Uint32(lines), binary.LittleEndian.Uint32(lines[4:]), lines[lineHead-1]
		lines = lines[lineHead:]
		e.seq++
		to := e.every
		switch kind {
		case lineNone:
			if e.gaps = append(e.gaps, e.seq); len(e.gaps) > maxGaps {
				e.wrong = true
			}
			continue
		case lineSome:
			for i := range to.set {
				to.set[i], lines = binary.LittleEndian.Uint64(lines), lines[8:]
			}
		}
		if kind == lineWrong || e.out.crowded(to) { // an error, if the row is to be sent
			e.wrong = true
			break
		}
		line := lines[:size]
		lines = lines[size:]
		if err := e.out.into(to, func(w *Writer) error { return w.writeLine(line, int64(replaced)) }); err != nil {
			return err
		}
		e.rows++
	}
	return nil
}

// put is for the segment what putChunks is, and writes the files.
func (e *early) put(ctx context.Context, run Comparison, found *tally) error {
	e.job.early = e
	defer func() { e.job.early = nil }()
	return e.job.putChunks(ctx, e.mapper, e.src, run, &spool{early: e}, found)
}

func (e *early) close() error {
	e.out.abort()
	return e.rereader.close()
}

// settle returns the files of what is sent after all, nil when they have to be
// written anew. It passes the conflicts on.
func (e *early) settle(ctx context.Context, run Comparison, s *diff.Summary, conflict func(*diff.Change, spooled) error) ([]manifestFile, error) {
	files, err := e.out.finish()
	if err != nil {
		return nil, err
	}
	if s.New == e.rows && !e.wrong {
		e.job.watch.wrote(e.rows)
		return files, nil
	}
	replaced := slices.ContainsFunc(files, func(f manifestFile) bool { return f.Replaced > 0 }) // by which lines is not known
	if e.wrong || replaced || len(e.out.open) != 1 {
		return nil, e.remove(files)
	}
	if s.Conflicting > 0 {
		if err := e.each(ctx, only(run.Changes(ctx), diff.Conflict), conflict); err != nil {
			return nil, err
		}
	}
	return e.copy(ctx, run, files)
}

// copy writes the lines of what is sent into new files.
func (e *early) copy(ctx context.Context, run Comparison, files []manifestFile) ([]manifestFile, error) {
	out := e.job.newOutbox(e.out.columns[:e.out.mapped], e.out.report)
	out.numbered = len(files)
	defer out.abort()
	lines := &earlyLines{early: e, files: files}
	defer lines.stop()
	var to route
	for to = range e.out.open { // the only one
	}
	for c, err := range only(run.Changes(ctx), diff.New) {
		if err != nil {
			return nil, err
		}
		line, err := lines.of(ctx, c.Seq)
		if err != nil {
			return nil, fmt.Errorf("splio: read a file of the outbox: %w", err)
		}
		if err := out.into(to, func(w *Writer) error { return w.writeLine(line, 0) }); err != nil {
			return nil, err
		}
		e.job.watch.wrote(1)
	}
	lines.stop()
	if err := e.remove(lines.files); err != nil {
		return nil, err
	}
	return out.finish()
}

// remove removes files from the outbox.
func (e *early) remove(files []manifestFile) error {
	for _, f := range files {
		if err := e.job.fs.Remove(outboxDir + "/" + f.Local); err != nil {
			return fmt.Errorf("splio: remove a file of the outbox: %w", err)
		}
	}
	return nil
}

// earlyLines reads the lines of an early.
type earlyLines struct {
	*early
	files []manifestFile // that have not been read to their end
	at    int64          // number of the last record
	gap   int            // how many of the gaps are before it
	file  vfs.File       // nil: none is open
	in    *bufio.Reader
}

// of returns the line of a record, whose number is greater than that of the last
// call. It is valid until the next one.
func (l *earlyLines) of(ctx context.Context, seq int64) (line []byte, err error) {
	for l.at < seq {
		l.at++
		if l.gap < len(l.gaps) && l.gaps[l.gap] == l.at {
			l.gap++
			continue
		}
		for line = nil; len(line) == 0; {
			if l.file == nil {
				if err := l.open(ctx); err != nil {
					return nil, err
				}
			}
			if line, err = l.next(); err == io.EOF && len(line) == 0 {
				l.stop()
				if err := l.remove(l.files[:1]); err != nil {
					return nil, err
				}
				l.files = l.files[1:]
			} else if err != nil && err != io.EOF {
				return nil, err
			}
		}
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// open opens the next file and goes over its header.
func (l *earlyLines) open(ctx context.Context) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if len(l.files) == 0 {
		return io.ErrUnexpectedEOF
	}
	if l.file, err = l.job.fs.OpenFile(outboxDir+"/"+l.files[0].Local, os.O_RDONLY); err != nil {
		return err
	}
	if l.in == nil {
		l.in = bufio.NewReaderSize(nil, blockBytes)
	}
	l.in.Reset(l.file)
	_, err = l.next()
	return err
}

// next returns the next line, with its end if it has one.
func (l *earlyLines) next() (line []byte, err error) {
	line, err = l.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line = bytes.Clone(line)
		var rest []byte
		rest, err = l.in.ReadBytes('\n')
		line = append(line, rest...)
	}
	return line, err
}

func (l *earlyLines) stop() {
	if l.file != nil {
		_ = l.file.Close() // nothing was written
		l.file = nil
	}
}

// only are the changes of a kind.
func only(changes iter.Seq2[*diff.Change, error], kind diff.Kind) iter.Seq2[*diff.Change, error] {
	return func(yield func(*diff.Change, error) bool) {
		for c, err := range changes {
			if (err != nil || c.Kind == kind) && !yield(c, err) {
				return
			}
		}
	}
}
