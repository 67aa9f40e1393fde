package sqldiff

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spliosync/spliosync/diff"
)

// MarkDue marks the records with these keys, as given to Feed.Put, so that the
// next run finds them Due, and returns how many of the keys the current snapshot
// has. It makes another snapshot of it, so that runs that began before are stale.
// While a candidate is staged, which would lose the marks, the error matches
// diff.ErrStaged. After an error all marks were made or none, and the call may be
// repeated.
func (s *Store) MarkDue(ctx context.Context, keys iter.Seq2[[]byte, error]) (marked int64, err error) {
	return s.alter(ctx, keys, s.mark)
}

// Forget removes the records with these keys, as given to Feed.Put, from the
// current snapshot, and returns how many of the keys it had: the next run that
// finds one of them finds it New. Otherwise it is as MarkDue.
func (s *Store) Forget(ctx context.Context, keys iter.Seq2[[]byte, error]) (forgotten int64, err error) {
	return s.alter(ctx, keys, nil)
}

// alter makes another snapshot of the current one, in which the records with
// these keys are what write makes of them; without write they are left out.
func (s *Store) alter(ctx context.Context, keys iter.Seq2[[]byte, error], write func(ctx context.Context, base, id, into, known string) (int64, error)) (altered int64, err error) {
	if err := s.held(ctx); err != nil {
		return 0, err
	}
	base, err := s.Current(ctx)
	if err != nil {
		return 0, err
	}
	staged, err := s.ids(ctx, s.sql(" AND stage = 'staged' AND id <> ", param{base}, " AND base = ", param{base}))
	if err != nil {
		return 0, err
	}
	if len(staged) > 0 {
		return 0, fmt.Errorf("sqldiff: candidate %s: %w", staged[0], diff.ErrStaged)
	}
	if base == "" {
		for _, err := range keys {
			if err != nil {
				return 0, fmt.Errorf("sqldiff: read the keys: %w", err)
			}
		}
		return 0, nil
	}
	m, err := s.load(ctx, base)
	if err != nil {
		return 0, err
	}
	id, err := s.register(ctx, base)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove(context.WithoutCancel(ctx), []string{id}))
		}
	}()
	if err := s.upload(ctx, id, "known", keys); err != nil {
		return 0, err
	}
	if err := s.create(ctx, id, "snap", snapColumns); err != nil {
		return 0, err
	}
	old, known, snap := s.table(base, "snap"), "(SELECT DISTINCT kd FROM "+s.table(id, "known")+")", s.table(id, "snap")
	into := "INSERT INTO " + snap + " (kd, src, rendered, layout, unconfirmed, due, chk) "
	err = s.exec(ctx, s.stepTable("carry the snapshot over", base), s.sql(into, "SELECT o.kd, o.src, o.rendered, o.layout, o.unconfirmed, o.due, o.chk FROM ",
		old, " o LEFT JOIN ", known, " k ON k.kd = o.kd WHERE k.kd IS NULL"))
	if err != nil {
		return 0, err
	}
	if write != nil {
		if altered, err = write(ctx, base, id, into, known); err != nil {
			return 0, err
		}
	}
	n, chk, err := s.sum(ctx, id)
	if err != nil {
		return 0, err
	}
	if write == nil {
		altered = m.entries - n
	} else if n != m.entries {
		return 0, s.damaged(s.bare(base, "snap"), "a key stands twice")
	}
	text, err := json.Marshal(m)
	if err != nil {
		return 0, fmt.Errorf("sqldiff: %w", err)
	}
	err = s.exec(ctx, s.stepState("stage the altered snapshot"), s.sql("UPDATE ", s.runsTable(), " SET stage = 'staged', meta = ", param{string(text)},
		", entries = ", param{n}, ", chk = ", param{chk}, " WHERE id = ", param{id}))
	if err != nil {
		return 0, err
	}
	if err := s.swap(ctx, base, id); err != nil {
		return 0, err
	}
	ctx = context.WithoutCancel(ctx)
	_ = s.drop(ctx, id, kinds[1:])
	_ = s.tidy(ctx)
	return altered, nil
}

// mark copies the states of known keys, marked as due: their check sum is
// another then.
func (s *Store) mark(ctx context.Context, base, id, into, known string) (n int64, err error) {
	var b strings.Builder
	flush := func() error {
		number := func(from, length int) string {
			return fmt.Sprintf("CAST(substr(v, %d, %d) AS %s)", from, length, s.e.integer)
		}
		q := s.sql(into, "SELECT substr(v, 1, 32), trim(substr(v, 33, 32)), substr(v, 95), ", number(75, 19), ", ", number(94, 1), ", 1, ", number(65, 10), " FROM ",
			s.e.split[0], param{b.String()}, s.e.split[1])
		b.Reset()
		return s.exec(ctx, s.stepTable("write marked states", id), q)
	}
	q := s.sql("SELECT o.kd, o.src, o.rendered, o.layout, o.unconfirmed, o.due, o.chk FROM ", s.table(base, "snap"), " o JOIN ", known, " k ON k.kd = o.kd")
	altered := false
	err = s.each(ctx, s.stepTable("read the states of keys", base), q, func(rows *sql.Rows) error {
		var kd, src string
		var st state
		var unconfirmed, due int64
		if err := rows.Scan(&kd, &src, &st.rendered, &st.layout, &unconfirmed, &due, &st.sum); err != nil {
			return err
		}
		st.unconfirmed, st.due = unconfirmed != 0, due != 0
		altered = altered || st.sum != s.dig.sumOf(kd, &st) || len(kd) != digestLen
		st.due = true
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		row := fmt.Appendf(nil, "%s%*s", kd, digestLen, src) // src may be empty
		row = appendPadded(row, uint64(s.dig.sumOf(kd, &st)), 10, 10)
		row = append(appendPadded(row, uint64(st.layout), 10, 19), byte('0'+unconfirmed))
		b.Write(append(row, st.rendered...))
		if n++; b.Len() < s.e.batch {
			return nil
		}
		return flush()
	})
	if err == nil && altered {
		return 0, s.damaged(s.bare(base, "snap"), "a record was altered")
	}
	if err == nil && b.Len() > 0 {
		err = flush()
	}
	return n, err
}
