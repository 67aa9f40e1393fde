package sqldiff

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/spliosync/spliosync/diff"
)

// Run is one comparison. Range over Candidates, put each of them through any
// number of feeds, then call Compare, Changes and Stage, in this order, from one
// goroutine.
type Run struct {
	store   *Store
	id      string
	opts    diff.RunOptions
	columns []string
	segment Segment
	types   []*sql.ColumnType // of the values of a candidate
	last    *meta             // nil in a first run
	next    meta
	same    bool // the rendering is that of the last snapshot
	plan    *upgrades
	first   tally // of the records that need no rendering

	mu       sync.Mutex
	given    map[int64]*candidate // that were yielded and not put
	feeds    []*Feed
	counts   feedCounts
	streamed bool // all candidates were yielded
	begun    bool
	ctx      context.Context // of Candidates, for what Put writes
	compared bool
	closed   bool
	failed   error
	summary  *diff.Summary
	widest   int
}

// tally counts records that need no rendering, and those that do.
type tally struct {
	rows      int64 // of the table of the work
	entries   int64 // of the last snapshot that are looked at: they changed or left
	same      int64 // keys, found more than once, that are as they were
	sameTotal int64 // their records
}

// Begin starts a run over a segment whose rendered records have these columns,
// which do not include the key: at most diff.MaxColumns different, non-empty
// names. The engine digests every record of the segment and joins the digests with
// the last snapshot. Begin removes what runs that were not staged have left. Of
// the options, Known is read now, as given to Feed.Put, and Memory is of no
// use. A snapshot that was altered matches diff.ErrDamaged.
func (s *Store) Begin(ctx context.Context, columns []string, seg Segment, o diff.RunOptions) (_ *Run, err error) {
	if err := check(columns, seg, o); err != nil {
		return nil, err
	}
	if err := s.held(ctx); err != nil {
		return nil, err
	}
	if err := s.tidy(ctx); err != nil {
		return nil, err
	}
	r := &Run{store: s, opts: o, columns: slices.Clone(columns), segment: seg, given: make(map[int64]*candidate)}
	r.segment.Columns = slices.Clone(seg.Columns)
	if err := r.describe(ctx); err != nil {
		return nil, err
	}
	base, err := s.Current(ctx)
	if err != nil {
		return nil, err
	}
	if base != "" && !o.Anew {
		if r.last, err = s.load(ctx, base); err != nil {
			return nil, err
		}
	}
	r.layout()
	if r.id, err = s.register(ctx, base); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil { // what is left, the next run removes
			_ = s.remove(context.WithoutCancel(ctx), []string{r.id})
		}
	}()
	if err := r.narrow(ctx); err != nil {
		return nil, err
	}
	if err := r.readKnown(ctx); err != nil {
		return nil, err
	}
	return r, s.create(ctx, r.id, "put", "seq BIGINT, kd TEXT, src TEXT, cells TEXT, valid BIGINT, unconfirmed BIGINT, verdict BIGINT, chk BIGINT, cset TEXT, rendered TEXT")
}

func check(columns []string, seg Segment, o diff.RunOptions) error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf("sqldiff: "+format, args...)) }
	if len(columns) > diff.MaxColumns {
		add("%d columns, at most %d are possible", len(columns), diff.MaxColumns)
	}
	for i, c := range columns {
		switch {
		case c == "" || len(c) > 1024:
			add("the name of column %d has %d bytes, 1 to 1024 are possible", i, len(c))
		case slices.Contains(columns[:i], c):
			add("column %q is given twice", c)
		}
	}
	return errors.Join(append(errs, seg.Check(o))...)
}

// describe asks the engine for the columns of the segment.
func (r *Run) describe(ctx context.Context) error {
	s, seg := r.store, &r.segment
	st := s.stepSegment("describe the segment")
	q := s.sql("SELECT * FROM (", seg.Query, "\n) s WHERE 1 = 0")
	rows, err := s.db.QueryContext(ctx, q.text(), q.args...)
	if err != nil {
		return s.fail(ctx, st, err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return s.fail(ctx, st, err)
	}
	if err := rows.Err(); err != nil {
		return s.fail(ctx, st, err)
	}
	var names []string
	for _, t := range types {
		names = append(names, t.Name())
	}
	if len(seg.Columns) == 0 {
		seg.Columns = names
	}
	want := append(slices.Clone(seg.Columns), seg.Key)
	if seg.OrderBy != "" {
		want = append(want, seg.OrderBy)
	}
	var errs []error
	for i, c := range want {
		switch n := count(names, c); {
		case n > 1:
			errs = append(errs, fmt.Errorf("sqldiff: the segment has %d columns %q", n, c))
		case n == 0 && !slices.Contains(want[:i], c):
			errs = append(errs, fmt.Errorf("sqldiff: the segment has no column %q (any more): it has %q", c, names))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	sum := sha256.New()
	sorted := slices.Sorted(slices.Values(r.columns))
	fmt.Fprintf(sum, "%q %q %q %q", seg.Rendering, seg.Key, seg.KeyForm, sorted)
	for _, c := range seg.Columns {
		t := types[slices.Index(names, c)]
		r.types = append(r.types, t)
		fmt.Fprintf(sum, " %q %q", c, t.DatabaseTypeName())
	}
	r.next.Print = hex.EncodeToString(sum.Sum(nil)[:16])
	return rows.Close()
}

func count(names []string, name string) (n int) {
	for _, x := range names {
		if x == name {
			n++
		}
	}
	return n
}

// keyed appends the segment as a table with the normal form of its key, spl_k.
func (r *Run) keyed(q *statement) {
	s, seg := r.store, &r.segment
	form := seg.KeyForm
	if form == "" {
		form = "lower(trim(CAST(" + s.e.ident(seg.Key) + " AS " + s.e.text + ")))"
	}
	q.add("(SELECT s.*, ", form, " AS spl_k FROM (", seg.Query, "\n) s)")
}

// keyDigest appends the digest of the key of a record of the table t, as keyed
// gives it: "" when there is none.
func (r *Run) keyDigest(q *statement) { q.add("coalesce(").keyDigest(r.store, "t.spl_k").add(", '')") }

// sourceDigest appends the digest of all that the mapping reads of the record.
func (r *Run) sourceDigest(q *statement) {
	s := r.store
	q.add(s.e.hash[0], param{s.dig.salt}, " || 's' || ")
	cell := func(expr string) {
		text := "CAST(" + expr + " AS " + s.e.text + ")"
		q.add("coalesce('v' || CAST(length(", text, ") AS ", s.e.text, ") || ':' || ", text, ", 'n')")
	}
	cell("t.spl_k")
	for _, c := range r.segment.Columns {
		q.add(" || ")
		cell("t." + s.e.ident(c))
	}
	q.add(s.e.hash[1])
}

// narrow finds, in one statement, the keys whose records have to be rendered
// (class 1), those that nobody has any more (class 2) and, for their count alone,
// those with several records that are as they were (class 0). All others are
// left out: they are as they were.
func (r *Run) narrow(ctx context.Context) error {
	s := r.store
	work := s.table(r.id, "work")
	if err := s.create(ctx, r.id, "work", "kd TEXT, n BIGINT, src TEXT, rendered TEXT, layout BIGINT, unconfirmed BIGINT, due BIGINT, chk BIGINT, class BIGINT"); err != nil {
		return err
	}
	q := s.sql("INSERT INTO ", work, " (kd, n, src, rendered, layout, unconfirmed, due, chk, class) ")
	grouped := func() {
		q.add("(SELECT h.kd, count(*) AS n, min(h.src) AS lo, max(h.src) AS hi FROM (SELECT ")
		r.keyDigest(q)
		q.add(" AS kd, ")
		r.sourceDigest(q)
		q.add(" AS src FROM ")
		r.keyed(q)
		q.add(" t) h GROUP BY h.kd) g")
	}
	if r.last == nil {
		q.add("SELECT g.kd, g.n, '', CAST(NULL AS ", s.e.text, "), 0, 0, 0, 0, 1 FROM ")
		grouped()
	} else {
		again := "1 = 0"
		switch {
		case !r.same || r.opts.Refresh:
			again = "1 = 1"
		case r.opts.Create || r.opts.Known != nil: // unconfirmed ones count as new
			again = "o.unconfirmed <> 0"
		}
		q.add("SELECT j.kd, j.n, j.src, j.rendered, j.layout, j.unconfirmed, j.due, j.chk, j.class FROM (",
			"SELECT coalesce(g.kd, o.kd) AS kd, coalesce(g.n, 0) AS n, coalesce(o.src, '') AS src, o.rendered AS rendered,",
			" coalesce(o.layout, 0) AS layout, coalesce(o.unconfirmed, 0) AS unconfirmed, coalesce(o.due, 0) AS due, coalesce(o.chk, 0) AS chk,",
			" CASE WHEN g.n IS NULL THEN 2 WHEN o.kd IS NULL OR g.lo <> o.src OR g.hi <> o.src OR o.due <> 0 OR ", again, " THEN 1 ELSE 0 END AS class FROM ")
		grouped()
		q.add(" FULL OUTER JOIN ", s.table(r.last.id, "snap"), " o ON o.kd = g.kd) j WHERE j.class <> 0 OR j.n > 1")
	}
	if err := s.exec(ctx, s.stepSegment("compare the segment"), q); err != nil {
		return err
	}
	if s.e.analyze != "" {
		if err := s.exec(ctx, s.stepState("analyse the work"), s.sql(s.e.analyze, work)); err != nil {
			return err
		}
	}
	add := func(what string) string { return "CAST(coalesce(sum(" + what + "), 0) AS " + s.e.integer + ")" }
	return s.query(ctx, s.stepState("count the work"), s.sql("SELECT count(*), ",
		add("CASE WHEN rendered IS NOT NULL AND class <> 0 THEN 1 ELSE 0 END"), ", ",
		add("CASE WHEN class = 0 THEN 1 ELSE 0 END"), ", ",
		add("CASE WHEN class = 0 THEN n ELSE 0 END"), " FROM ", work), &r.first.rows, &r.first.entries, &r.first.same, &r.first.sameTotal)
}

// readKnown writes the digests of the known keys into a table.
func (r *Run) readKnown(ctx context.Context) error {
	if r.opts.Known == nil {
		return nil
	}
	return r.store.upload(ctx, r.id, "known", r.opts.Known)
}

// upload writes the digests of keys into a new table with the column kd.
func (s *Store) upload(ctx context.Context, id, kind string, keys iter.Seq2[[]byte, error]) error {
	if err := s.create(ctx, id, kind, "kd TEXT"); err != nil {
		return err
	}
	var b strings.Builder
	flush := func() error {
		q := s.sql("INSERT INTO ", s.table(id, kind), " (kd) SELECT v FROM ", s.e.split[0], param{b.String()}, s.e.split[1])
		b.Reset()
		return s.exec(ctx, s.stepTable("write the digests of keys", id), q)
	}
	for key, err := range keys {
		if err != nil {
			return fmt.Errorf("sqldiff: read the keys: %w", err)
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s.dig.keyOf(key))
		if b.Len() >= s.e.batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return flush()
}

// Close drops what the run has in the engine. A staged snapshot stays. When
// the connection is gone, the next run does it.
func (r *Run) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), r.store.opts.Lease)
	defer cancel()
	if r.next.id != "" {
		return nil // Stage has dropped all but the snapshot
	}
	return r.store.remove(ctx, []string{r.id})
}
