package sqldiff

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/spliosync/spliosync/diff"
)

// Candidate is a record of the segment that has to be rendered.
type Candidate struct {
	Seq  int64 // its number, for Feed.Put: from 1 on, in the order of Candidates
	run  *Run
	rows *sql.Rows
	dest []any
}

// Scan reads the values of Segment.Columns, like sql.Rows.Scan. What the driver
// gives as bytes is good until the next candidate, unless Scan copies it.
func (c *Candidate) Scan(dest ...any) error {
	if len(dest) != len(c.run.types) {
		return fmt.Errorf("sqldiff: %d destinations for %d columns", len(dest), len(c.run.types))
	}
	for i := range c.dest[:fixed] {
		c.dest[i] = discard{}
	}
	copy(c.dest[fixed:], dest)
	if err := c.rows.Scan(c.dest...); err != nil {
		return &EngineError{Step: fmt.Sprintf("scan the values of candidate %d", c.Seq), Err: err}
	}
	return nil
}

type discard struct{}

func (discard) Scan(any) error { return nil }

// candidate is what is known of a record until it is put.
type candidate struct {
	state
	key   string
	kd    string // its digest
	none  bool   // the key is null
	src   string
	old   bool
	known bool
}

// fixed is the number of columns before those of the segment.
const fixed = 9

// Fields returns the names of the columns that a Candidate has.
func (r *Run) Fields() []string { return append([]string(nil), r.segment.Columns...) }

// ColumnTypes returns the types of the columns that a Candidate has, for those
// who read values by their type.
func (r *Run) ColumnTypes() []*sql.ColumnType { return append([]*sql.ColumnType(nil), r.types...) }

// Candidates yields the records that have to be rendered, in the order of
// Segment.OrderBy, or of a digest: those that are new, whose source differs from
// the last snapshot, that were rejected, held back or marked as due, and all of a
// key that has several unless they are as they were. Each must be put before
// Compare. The Candidate is reused between steps; puts may come later, and from
// other goroutines. It may be ranged over once. The first error is yielded last.
func (r *Run) Candidates(ctx context.Context) iter.Seq2[*Candidate, error] {
	return func(yield func(*Candidate, error) bool) {
		if r.begun || r.closed {
			yield(nil, errors.New("sqldiff: Candidates was called before, or the run is closed"))
			return
		}
		r.begun, r.ctx = true, ctx
		if err := r.stream(ctx, yield); err != nil {
			yield(nil, err)
		}
	}
}

func (r *Run) stream(ctx context.Context, yield func(*Candidate, error) bool) (err error) {
	s := r.store
	if err := s.usable(ctx); err != nil {
		return err
	}
	known, join := "0", ""
	if r.opts.Known != nil {
		known = "CASE WHEN kn.kd IS NULL THEN 0 ELSE 1 END"
		join = " LEFT JOIN (SELECT DISTINCT kd FROM " + s.table(r.id, "known") + ") kn ON kn.kd = w.kd"
	}
	q := s.sql("SELECT ")
	r.sourceDigest(q) // after the join: of candidates alone
	q.add(" AS spl_src, t.spl_k, CASE WHEN w.rendered IS NULL THEN 0 ELSE 1 END, w.rendered, w.layout, w.unconfirmed, w.due, w.chk, ", known)
	for _, c := range r.segment.Columns {
		q.add(", t.", s.e.ident(c))
	}
	q.add(" FROM ")
	r.keyed(q)
	q.add(" t JOIN ", s.table(r.id, "work"), " w ON w.class = 1 AND w.kd = ")
	r.keyDigest(q)
	q.add(join, " ORDER BY ")
	if r.segment.OrderBy != "" {
		q.add("t.", s.e.ident(r.segment.OrderBy), ", ")
	}
	q.add("w.kd, spl_src")

	st := s.stepSegment("read the candidates")
	rows, err := s.db.QueryContext(ctx, q.text(), q.args...)
	if err != nil {
		return s.fail(ctx, st, err)
	}
	defer rows.Close()
	c := &Candidate{run: r, rows: rows, dest: make([]any, fixed+len(r.types))}
	for rows.Next() {
		for i := range c.dest {
			c.dest[i] = discard{}
		}
		in := &candidate{}
		var key, rendered sql.NullString
		var old, unconfirmed, due, known int64
		copy(c.dest, []any{&in.src, &key, &old, &rendered, &in.layout, &unconfirmed, &due, &in.sum, &known})
		if err := rows.Scan(c.dest...); err != nil {
			return s.fail(ctx, st, err)
		}
		in.key, in.none, in.rendered, in.old = key.String, !key.Valid, rendered.String, old != 0
		in.unconfirmed, in.due, in.known = unconfirmed != 0, due != 0, known != 0
		in.kd = s.dig.keyOf([]byte(in.key))
		if in.old && in.sum != s.dig.sumOf(in.kd, &in.state) {
			return s.damaged(s.bare(r.last.id, "snap"), "a record was altered")
		}
		if !in.old {
			in.state = state{}
		}
		c.Seq++
		r.mu.Lock()
		r.given[c.Seq] = in
		r.mu.Unlock()
		if !yield(c, nil) {
			return nil
		}
		if c.Seq&1023 == 0 {
			if err := s.usable(ctx); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return s.fail(ctx, st, err)
	}
	r.streamed = true
	return s.fail(ctx, st, rows.Close())
}

// Verdicts of a record, as the engine keeps them.
const (
	isUnchanged = iota
	isNew
	isChanged
	isDue
	isHeldBack
	isConflict
	isSurplus
	isRejected = 8
)

type feedCounts struct{ puts, rejected, unusable int64 }

// Feed takes rendered records. Use each from one goroutine.
type Feed struct {
	hasher
	run  *Run
	buf  []byte // rows for the engine, separated by commas
	now  []uint32
	was  []uint32
	mine feedCounts
}

// Feed returns a new feed. It may be called from several goroutines.
func (r *Run) Feed() *Feed {
	f := &Feed{run: r, hasher: hasher{dig: r.store.dig, columns: r.columns}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feeds = append(r.feeds, f)
	return f
}

// Put takes the record of a candidate with its cells in the order of the
// columns. Nil cells mean that it was rejected: it is not compared, and its key
// keeps its earlier state. A nil key means that, moreover, nobody knows which key
// it has. When the engine made another key of it, the error matches
// [diff.ErrKeyForm], and the record was taken as rejected: report that and go on.
// After another error of its arguments it has taken nothing; after one of the engine
// the run is of no further use. Put keeps nothing of what it is given, and writes
// under the context of Candidates.
func (f *Feed) Put(seq int64, key []byte, cells [][]byte) error {
	r := f.run
	if cells != nil && len(cells) != len(r.columns) {
		return fmt.Errorf("sqldiff: record %d has %d cells for %d columns", seq, len(cells), len(r.columns))
	}
	r.mu.Lock()
	c, failed := r.given[seq], r.failed
	delete(r.given, seq)
	r.mu.Unlock()
	if failed != nil {
		return failed
	}
	if c == nil {
		return fmt.Errorf("sqldiff: record %d is no candidate, or was put before", seq)
	}
	f.mine.puts++
	if key == nil {
		f.mine.rejected++
		f.mine.unusable++
		return nil
	}
	kd := c.kd
	if c.none || c.key != string(key) {
		if err := f.row(seq, r.store.dig.keyOf(key), nil, nil, isRejected, diff.Columns{}); err != nil {
			return err
		}
		f.mine.rejected++
		return fmt.Errorf("sqldiff: record %d: %w", seq, diff.ErrKeyForm)
	}
	if cells == nil {
		f.mine.rejected++
		return f.row(seq, kd, nil, nil, isRejected, diff.Columns{})
	}
	f.now = f.now[:0]
	for i, cell := range cells {
		f.now = append(f.now, f.column(kd, i, cell))
	}
	verdict, unconfirmed := isNew, false
	var set diff.Columns
	switch {
	case !c.old || c.unconfirmed && (r.opts.Create || r.opts.Known != nil):
		switch {
		case r.opts.Known != nil && !c.known:
			verdict = isHeldBack
		case r.opts.Known == nil && !r.opts.Create:
			unconfirmed = true
		}
		if c.old && verdict == isNew {
			add(&set, 0) // stands for: unconfirmed in the last snapshot
		}
	default:
		unconfirmed = c.unconfirmed
		var err error
		if set, err = f.changed(kd, cells, c, f.now); err != nil {
			return r.store.damaged(r.store.bare(r.last.id, "snap"), "a record was altered")
		}
		switch {
		case r.opts.Refresh || c.due:
			verdict = isDue
		case set != (diff.Columns{}):
			verdict = isChanged
		default:
			verdict = isUnchanged
		}
	}
	row := f.rowOf(kd, r.plan.all, cells)
	next := &state{rendered: encode(row, f.now), layout: r.next.last(), unconfirmed: unconfirmed}
	next.sum = r.store.dig.sumOf(kd, next)
	return f.row(seq, kd, c, &put{row: row, state: next}, verdict, set)
}

// put is a valid record.
type put struct {
	row   uint64
	state *state
}

// row writes a row for the engine, in columns of fixed width:
//
//	 1 32 kd    65 16 cells       82 1 unconfirmed   94 19 seq
//	33 32 src   81  1 valid       83 1 verdict      113  . set, then rendered
//	                              84 10 chk
func (f *Feed) row(seq int64, kd string, c *candidate, p *put, verdict int, set diff.Columns) error {
	if len(f.buf) > 0 {
		f.buf = append(f.buf, ',')
	}
	b := append(f.buf, kd...)
	if p == nil {
		b = appendZeros(b, digestLen+16+3+10)
		b[len(b)-11] = '0' + isRejected
	} else {
		b = append(b, c.src...)
		b = appendPadded(b, p.row, 16, 16)
		b = append(b, '1', byte('0'+bit(p.state.unconfirmed)), byte('0'+verdict))
		b = appendPadded(b, uint64(p.state.sum), 10, 10)
	}
	b = appendPadded(b, uint64(seq), 10, 19)
	b = appendSet(b, set, len(f.columns))
	if p != nil {
		b = append(b, p.state.rendered...)
	}
	if f.buf = b; len(b) < f.run.store.e.batch {
		return nil
	}
	return f.flush(f.run.ctx)
}

func appendZeros(b []byte, n int) []byte {
	for range n {
		b = append(b, '0')
	}
	return b
}

func appendPadded(b []byte, v uint64, base, width int) []byte {
	var tmp [20]byte
	digits := strconv.AppendUint(tmp[:0], v, base)
	return append(appendZeros(b, width-len(digits)), digits...)
}

// setLen is the length of a set of columns as text, which has at least a byte.
func setLen(columns int) int { return 2 * max(1, (columns+7)/8) }

func appendSet(b []byte, set diff.Columns, columns int) []byte {
	for i := range setLen(columns) / 2 {
		b = hex.AppendEncode(b, []byte{byte(set[i/8] >> (8 * (i % 8)))})
	}
	return b
}

func parseSet(text string) (set diff.Columns, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) > 8*len(set) {
		return set, errors.New("sqldiff: a set of columns can not be read")
	}
	for i, x := range b {
		set[i/8] |= uint64(x) << (8 * (i % 8))
	}
	return set, nil
}

// flush writes the rows back to the engine.
func (f *Feed) flush(ctx context.Context) error {
	if len(f.buf) == 0 {
		return nil
	}
	s, n := f.run.store, setLen(len(f.columns))
	number := func(from, length int) string {
		return fmt.Sprintf("CAST(substr(v, %d, %d) AS %s)", from, length, s.e.integer)
	}
	err := s.usable(ctx)
	if err == nil {
		q := s.sql("INSERT INTO ", s.table(f.run.id, "put"), " (seq, kd, src, cells, valid, unconfirmed, verdict, chk, cset, rendered) SELECT ",
			number(94, 19), ", substr(v, 1, 32), substr(v, 33, 32), substr(v, 65, 16), ", number(81, 1), ", ", number(82, 1), ", ", number(83, 1), ", ", number(84, 10),
			", substr(v, 113, ", strconv.Itoa(n), "), substr(v, ", strconv.Itoa(113+n), ") FROM ", s.e.split[0], param{string(f.buf)}, s.e.split[1])
		err = s.exec(ctx, s.stepTable("write rendered digests back", f.run.id), q)
	}
	f.buf = f.buf[:0]
	if err != nil {
		f.run.mu.Lock()
		f.run.failed = err
		f.run.mu.Unlock()
	}
	return err
}
