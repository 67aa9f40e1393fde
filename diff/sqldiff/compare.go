package sqldiff

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/spliosync/spliosync/diff"
)

// maxSets is the number of sets of changed columns that are told apart.
const maxSets = 4096

// Compare settles duplicates and counts. It is the barrier of a run: nothing
// can be put after it, and every candidate must have been. On an error the run is
// of no further use; the current snapshot is as it was.
func (r *Run) Compare(ctx context.Context) (*diff.Summary, error) {
	s := r.store
	switch {
	case r.compared || r.closed:
		return nil, errors.New("sqldiff: Compare was called before, or the run is closed")
	case !r.streamed:
		return nil, errors.New("sqldiff: Compare before all Candidates were read")
	case len(r.given) > 0:
		return nil, fmt.Errorf("sqldiff: %d candidates were not put", len(r.given))
	case r.failed != nil:
		return nil, r.failed
	}
	r.compared = true
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	for _, f := range r.feeds {
		if err := f.flush(ctx); err != nil {
			return nil, err
		}
		r.counts.puts += f.mine.puts
		r.counts.rejected += f.mine.rejected
		r.counts.unusable += f.mine.unusable
	}
	r.feeds = nil
	if err := r.duplicates(ctx); err != nil {
		return nil, err
	}
	sum := &diff.Summary{
		Read:     r.counts.puts,
		Rejected: r.counts.rejected, Unusable: r.counts.unusable,
		First:   r.last == nil,
		Columns: make([]diff.ColumnSummary, len(r.columns)),
	}
	for i, c := range r.columns {
		sum.Columns[i] = diff.ColumnSummary{Name: c, Added: slices.Contains(r.plan.added, i)}
	}
	if r.last != nil {
		sum.Previous = r.last.entries
		for at, c := range r.last.Columns {
			if r.plan.baseOf[at] < 0 {
				sum.Dropped = append(sum.Dropped, c)
			}
		}
		// What needs no rendering is as it was.
		sum.Unchanged = sum.Previous - r.first.entries
		sum.Duplicate = r.first.sameTotal - r.first.same
		sum.Read += sum.Unchanged + sum.Duplicate
	}
	if err := r.tally(ctx, sum); err != nil {
		return nil, err
	}
	absent, err := r.absent(ctx)
	if err != nil {
		return nil, err
	}
	if r.kept() {
		sum.Kept = absent
	} else {
		sum.Gone = absent
	}
	if err := r.intact(ctx); err != nil {
		return nil, err
	}
	r.summary = sum
	return sum, nil
}

// intact makes sure that the tables of the run still have all that was written:
// where they are not logged, the engine empties them when it recovers from a crash.
func (r *Run) intact(ctx context.Context) error {
	s := r.store
	var work, put int64
	err := s.query(ctx, s.stepTable("count the work", r.id), s.sql("SELECT (SELECT count(*) FROM ", s.table(r.id, "work"), "), (SELECT count(*) FROM ", s.table(r.id, "put"), ")"), &work, &put)
	if err == nil && (work != r.first.rows || put != r.counts.puts-r.counts.unusable) {
		err = errors.New("sqldiff: the engine has lost the work of the run, as after a crash of its own: do the run again")
	}
	return err
}

// kept says whether keys that nobody put keep their state.
func (r *Run) kept() bool { return r.opts.Partial || r.counts.unusable > r.opts.MaxUnusable }

// duplicates finds the keys with several valid records, and of each the one that
// is taken.
func (r *Run) duplicates(ctx context.Context) error {
	s := r.store
	win, clash := "min(seq)", "0"
	switch r.opts.Duplicates {
	case diff.LastWins:
		win = "max(seq)"
	case diff.RejectDuplicates:
		clash = "CASE WHEN min(cells) <> max(cells) THEN 1 ELSE 0 END"
	}
	if err := s.create(ctx, r.id, "dup", "kd TEXT, win BIGINT, clash BIGINT"); err != nil {
		return err
	}
	if s.e.analyze != "" {
		if err := s.exec(ctx, s.stepState("analyse what was put"), s.sql(s.e.analyze, s.table(r.id, "put"))); err != nil {
			return err
		}
	}
	return s.exec(ctx, s.stepTable("find duplicates", r.id), s.sql("INSERT INTO ", s.table(r.id, "dup"), " (kd, win, clash) SELECT kd, ", win, ", ", clash,
		" FROM ", s.table(r.id, "put"), " WHERE valid = 1 GROUP BY kd HAVING count(*) > 1"))
}

// settled is what was put, with the verdict that counts.
func (r *Run) settled() string {
	s := r.store
	return "(SELECT p.seq, p.kd, p.src, p.unconfirmed, p.chk, p.cset, p.rendered, CASE WHEN p.valid = 0 OR d.kd IS NULL THEN p.verdict WHEN d.clash = 1 THEN " +
		strconv.Itoa(isConflict) + " WHEN p.seq = d.win THEN p.verdict ELSE " + strconv.Itoa(isSurplus) + " END AS verdict FROM " +
		s.table(r.id, "put") + " p LEFT JOIN " + s.table(r.id, "dup") + " d ON d.kd = p.kd)"
}

// tally counts the verdicts.
func (r *Run) tally(ctx context.Context, sum *diff.Summary) error {
	s := r.store
	all := allColumns(len(r.columns))
	var sizes [diff.MaxColumns + 1]int // sets that are told apart, by their size
	var seen, folded bool
	var last string
	q := s.sql("SELECT x.cset, x.verdict, count(*) FROM ", r.settled(), " x GROUP BY x.cset, x.verdict ORDER BY x.cset")
	err := s.each(ctx, s.stepTable("count the verdicts", r.id), q, func(rows *sql.Rows) error {
		var text string
		var verdict int
		var n int64
		if err := rows.Scan(&text, &verdict, &n); err != nil {
			return err
		}
		switch verdict {
		case isUnchanged:
			sum.Unchanged += n
		case isNew:
			sum.New += n
		case isHeldBack:
			sum.HeldBack += n
		case isConflict:
			sum.Conflicting += n
		case isSurplus:
			sum.Duplicate += n
		case isChanged, isDue:
			if verdict == isDue {
				sum.Due += n
			} else {
				sum.Changed += n
			}
			set, err := parseSet(text)
			if err != nil {
				return err
			}
			for c := range set.All() {
				sum.Columns[c].Changed += n
			}
			if set != all && (!seen || text != last) {
				sizes[set.Len()]++
			}
			seen, last = true, text
		}
		return nil
	})
	// Sets of a size, and all above it, up to which there are too many are widened.
	r.widest = len(sizes)
	for total, size := 0, 0; size < len(sizes) && !folded; size++ {
		if total += sizes[size]; total > maxSets {
			r.widest, folded = size, true
		}
	}
	return err
}

func allColumns(n int) (set diff.Columns) {
	for i := range n {
		add(&set, i)
	}
	return set
}

// absent counts the keys of the last snapshot that nobody put.
func (r *Run) absent(ctx context.Context) (n int64, err error) {
	s := r.store
	if r.last == nil {
		return 0, nil
	}
	err = s.query(ctx, s.stepTable("count who left", r.id), s.sql("SELECT count(*) FROM ", s.table(r.id, "work"), " w LEFT JOIN (SELECT DISTINCT kd FROM ",
		s.table(r.id, "put"), ") p ON p.kd = w.kd WHERE w.rendered IS NOT NULL AND w.class <> 0 AND p.kd IS NULL"), &n)
	return n, err
}

// Changes yields what calls for something: New, Changed, Due and Conflict in
// the order of the record numbers, then Gone, once for each key. The Change is
// reused between steps. The first error is yielded last. It may be ranged over
// again, after Compare and before Stage.
func (r *Run) Changes(ctx context.Context) iter.Seq2[*diff.Change, error] {
	return func(yield func(*diff.Change, error) bool) {
		if r.summary == nil || r.closed || r.next.id != "" {
			yield(nil, errors.New("sqldiff: Changes before Compare, or after Stage or Close"))
			return
		}
		if err := r.changes(ctx, yield); err != nil {
			yield(nil, err)
		}
	}
}

func (r *Run) changes(ctx context.Context, yield func(*diff.Change, error) bool) error {
	s := r.store
	if err := s.usable(ctx); err != nil {
		return err
	}
	st := s.stepTable("read the changes", r.id)
	q := s.sql("SELECT x.seq, x.verdict, x.unconfirmed, x.cset FROM ", r.settled(), " x WHERE x.verdict IN (1, 2, 3, 5) ORDER BY x.seq")
	rows, err := s.db.QueryContext(ctx, q.text(), q.args...)
	if err != nil {
		return s.fail(ctx, st, err)
	}
	defer rows.Close()
	all := allColumns(len(r.columns))
	var c diff.Change
	for rows.Next() {
		var verdict, unconfirmed int64
		var text string
		c = diff.Change{}
		if err := rows.Scan(&c.Seq, &verdict, &unconfirmed, &text); err != nil {
			return s.fail(ctx, st, err)
		}
		switch verdict {
		case isNew:
			again, err := parseSet(text)
			if err != nil {
				return err
			}
			c.Kind, c.Columns, c.Unconfirmed = diff.New, all, again != diff.Columns{}
		case isConflict:
			c.Kind = diff.Conflict
		default:
			if c.Kind = diff.Changed; verdict == isDue {
				c.Kind = diff.Due
			}
			if c.Columns, err = parseSet(text); err != nil {
				return err
			}
			if c.Columns.Len() >= r.widest {
				c.Columns = all
			}
			c.Unconfirmed = unconfirmed != 0
		}
		if !yield(&c, nil) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return s.fail(ctx, st, err)
	}
	if err := rows.Close(); err != nil {
		return s.fail(ctx, st, err)
	}
	for n := range r.summary.Gone {
		if n&1023 == 1023 {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("sqldiff: %w", err)
			}
		}
		c = diff.Change{Kind: diff.Gone}
		if !yield(&c, nil) {
			return nil
		}
	}
	return nil
}

// Stage writes the snapshot that this run leads to, and returns its id for
// Store.Publish. After an error nothing is staged, and the run must be done
// again.
func (r *Run) Stage(ctx context.Context) (id string, err error) {
	s := r.store
	switch {
	case r.summary == nil:
		return "", errors.New("sqldiff: Stage before Compare")
	case r.closed || r.next.id != "":
		return "", errors.New("sqldiff: the run was closed or staged already")
	}
	if err := s.usable(ctx); err != nil {
		return "", err
	}
	if err := s.create(ctx, r.id, "snap", snapColumns); err != nil {
		return "", err
	}
	if err := r.write(ctx); err != nil {
		return "", err
	}
	n, chk, err := s.sum(ctx, r.id)
	if err != nil {
		return "", err
	}
	if err := r.intact(ctx); err != nil {
		return "", err
	}
	if err := r.trim(ctx); err != nil {
		return "", err
	}
	text, err := json.Marshal(&r.next)
	if err != nil {
		return "", fmt.Errorf("sqldiff: %w", err)
	}
	err = s.exec(ctx, s.stepState("stage the snapshot"), s.sql("UPDATE ", s.runsTable(), " SET stage = 'staged', meta = ", param{string(text)},
		", entries = ", param{n}, ", chk = ", param{chk}, " WHERE id = ", param{r.id}))
	if err != nil {
		return "", err
	}
	r.next.id = r.id
	// What fails here goes with the snapshot, in the end.
	_ = s.drop(context.WithoutCancel(ctx), r.id, kinds[1:])
	return r.id, nil
}

// write fills the table of the next snapshot.
func (r *Run) write(ctx context.Context) error {
	s := r.store
	snap, work := s.table(r.id, "snap"), s.table(r.id, "work")
	into := "INSERT INTO " + snap + " (kd, src, rendered, layout, unconfirmed, due, chk) "
	if r.last != nil {
		// As it was, since it was not looked at.
		err := s.exec(ctx, s.stepTable("carry the snapshot over", r.last.id), s.sql(into, "SELECT o.kd, o.src, o.rendered, o.layout, o.unconfirmed, o.due, o.chk FROM ",
			s.table(r.last.id, "snap"), " o LEFT JOIN (SELECT kd FROM ", work, " WHERE class <> 0) w ON w.kd = o.kd WHERE w.kd IS NULL"))
		if err != nil {
			return err
		}
		// As it was, since it was rejected, or is absent and kept. What another
		// rendering has made of its source is not known.
		src, absent := "w.src", "1 = 0"
		if !r.same {
			src = "''"
		}
		if r.kept() {
			absent = "1 = 1"
		}
		err = s.exec(ctx, s.stepTable("carry earlier states over", r.id), s.sql(into, "SELECT w.kd, ", src, ", w.rendered, w.layout, w.unconfirmed, w.due, w.chk FROM ", work,
			" w LEFT JOIN (SELECT x.kd, max(CASE WHEN x.verdict <= ", strconv.Itoa(isHeldBack), " THEN 1 ELSE 0 END) AS taken FROM ", r.settled(),
			" x GROUP BY x.kd) q ON q.kd = w.kd WHERE w.rendered IS NOT NULL AND w.class <> 0 AND (q.taken = 0 OR q.kd IS NULL AND ", absent, ")"))
		if err != nil {
			return err
		}
	}
	return s.exec(ctx, s.stepTable("write new states", r.id), s.sql(into, "SELECT x.kd, x.src, x.rendered, ", param{r.next.last()}, ", x.unconfirmed, 0, x.chk FROM ",
		r.settled(), " x WHERE x.verdict <= ", strconv.Itoa(isDue)))
}

// trim forgets layouts that no record has any more.
func (r *Run) trim(ctx context.Context) error {
	var oldest sql.NullInt64
	err := r.store.query(ctx, r.store.stepTable("look for old layouts", r.id), r.store.sql("SELECT min(layout) FROM ", r.store.table(r.id, "snap")), &oldest)
	if err != nil {
		return err
	}
	if !oldest.Valid {
		oldest.Int64 = r.next.last()
	}
	if n := oldest.Int64 - r.next.First; n > 0 && n < int64(len(r.next.Layouts)) {
		r.next.First, r.next.Layouts = oldest.Int64, r.next.Layouts[n:]
	}
	return nil
}
