package sqldiff

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/spliosync/spliosync/diff"
)

// Options configure a [Store].
type Options struct {
	Dialect Dialect
	// Schema is where the tables of the store are, its parts separated by dots. It
	// exists already. By default it is that of the connection.
	Schema string
	// Scope names what the state belongs to, such as a universe and its key
	// attribute, in at most 1,024 bytes. Each scope has a state of its own. It is
	// written in clear.
	Scope string
	// Key is the digest key, at least 16 bytes of secret. From it are derived the
	// salt of the digests that the engine makes, which the engine sees, and the
	// keys of those that Go makes, which it does not. Open keeps nothing of it.
	Key diff.Key
	// Lease is how long the state stays locked after the last sign of life of
	// the process that holds it: 2 minutes when 0, at least 10 seconds. It is
	// renewed three times as often. Give the same to all processes of a scope.
	Lease time.Duration
}

const (
	defaultLease = 2 * time.Minute
	minLease     = 10 * time.Second
	version      = 1
)

// Store is the state of one scope in the engine. It holds the lease of it until
// Close. Use it from one goroutine at a time.
type Store struct {
	db     *sql.DB
	e      *engine
	opts   Options
	dig    *digester
	prefix string // of the tables of this scope
	holder string // of the lease
	role   string // of the connection, for messages
	end    context.CancelCauseFunc
	alive  context.Context // ends when the lease is lost, or by Close
	beat   sync.WaitGroup
	row    sync.Mutex // one statement at a time alters the row of the scope
}

// Open creates what is missing of the store in the schema, and takes the lease
// of the scope. While another process or Store has it, the error matches
// diff.ErrLocked and names the holder; that of a process that was killed ends by
// itself after Options.Lease. Another key than the first matches diff.ErrKey, a
// newer format diff.ErrVersion. The caller opens db and closes it, after the
// store; it must allow at least two connections.
func Open(ctx context.Context, db *sql.DB, o Options) (*Store, error) {
	e := o.Dialect.engine()
	var errs []error
	if db == nil {
		errs = append(errs, errNoDatabase)
	} else if db.Stats().MaxOpenConnections == 1 {
		errs = append(errs, errors.New("sqldiff: the database allows one connection, at least two are needed: one reads while another writes"))
	}
	if e == nil {
		errs = append(errs, fmt.Errorf("sqldiff: Options.Dialect: unknown dialect %d", o.Dialect))
	}
	if len(o.Scope) > 1024 {
		errs = append(errs, fmt.Errorf("sqldiff: Options.Scope has %d bytes, at most 1,024 are possible", len(o.Scope)))
	}
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.Lease < minLease {
		errs = append(errs, fmt.Errorf("sqldiff: Options.Lease is %v, at least %v are needed", o.Lease, minLease))
	}
	dig, err := newDigester(o.Key)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	o.Key = nil
	tag := sha256.Sum256([]byte(o.Scope))
	s := &Store{db: db, e: e, opts: o, dig: dig, prefix: "spliosync_" + hex.EncodeToString(tag[:4]), holder: newHolder(), role: "your_role"}
	s.alive, s.end = context.WithCancelCause(context.Background())
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	s.beat.Go(s.renew)
	return s, nil
}

// Close ends the lease. What runs that were not staged have left in the engine
// is removed by the next.
func (s *Store) Close() error {
	if s.alive.Err() != nil {
		s.beat.Wait()
		return nil
	}
	s.end(errors.New("sqldiff: the store is closed"))
	s.beat.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), minLease)
	defer cancel()
	return s.exec(ctx, s.stepState("end the lease"), s.sql("UPDATE ", s.stateTable(), " SET leased = 0, holder = '' WHERE scope = ",
		param{s.opts.Scope}, " AND holder = ", param{s.holder}))
}

// Current returns the id of the current snapshot, "" when there is none.
func (s *Store) Current(ctx context.Context) (id string, err error) {
	err = s.query(ctx, s.stepState("read the state"), s.sql("SELECT live FROM ", s.stateTable(), " WHERE scope = ", param{s.opts.Scope}), &id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", s.damaged("spliosync_state", "the row of this scope is missing")
	}
	return id, err
}

// Publish makes a staged snapshot the current one, by one statement that
// compares and swaps, if the snapshot it was computed from still is the current
// one; otherwise the error matches diff.ErrStale and nothing changes. It may be
// called again after any error, by any process that has the lease, and with
// the id of the current snapshot does nothing. When the connection breaks before
// the engine has answered, Publish asks what has become of it. Older snapshots
// and stale candidates are removed, by the next run at the latest.
func (s *Store) Publish(ctx context.Context, id string) error {
	base, live, err := s.candidate(ctx, id)
	if err != nil || live == id {
		return err
	}
	if base != live {
		return fmt.Errorf("sqldiff: candidate %s: %w", id, diff.ErrStale)
	}
	err = s.swap(ctx, base, id)
	if err == nil {
		s.tidy(context.WithoutCancel(ctx)) // what fails here, the next run does again
	}
	return err
}

// swap makes id the current snapshot, if base is.
func (s *Store) swap(ctx context.Context, base, id string) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.row.Lock()
	err := s.exec(ctx, s.stepState("publish the snapshot"), s.sql("UPDATE ", s.stateTable(), " SET live = ", param{id},
		" WHERE scope = ", param{s.opts.Scope}, " AND live = ", param{base}, " AND holder = ", param{s.holder}))
	s.row.Unlock()
	// Whether it was done, the row says: not every driver counts, and an error
	// may have come after the fact.
	again, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Lease)
	defer cancel()
	var live, holder string
	rerr := s.query(again, s.stepState("ask what has become of the snapshot"), s.sql("SELECT live, holder FROM ", s.stateTable(), " WHERE scope = ", param{s.opts.Scope}), &live, &holder)
	switch {
	case rerr != nil:
		return errors.Join(err, rerr)
	case live == id:
		return nil
	case err != nil:
		return err
	case holder != s.holder:
		return fmt.Errorf("sqldiff: candidate %s: %w", id, ErrLease)
	}
	return fmt.Errorf("sqldiff: candidate %s: %w", id, diff.ErrStale)
}

// Verify reports whether Publish of a candidate would succeed, and counts its
// records for that. Errors are those of Publish, diff.ErrDamaged when it is not
// what was staged, and fs.ErrNotExist when there is none.
func (s *Store) Verify(ctx context.Context, id string) error {
	base, live, err := s.candidate(ctx, id)
	if err != nil {
		return err
	}
	if live != id && base != live {
		return fmt.Errorf("sqldiff: candidate %s: %w", id, diff.ErrStale)
	}
	_, err = s.load(ctx, id)
	return err
}

// candidate returns what a staged snapshot was computed from, and the current
// one.
func (s *Store) candidate(ctx context.Context, id string) (base, live string, err error) {
	if err := s.usable(ctx); err != nil {
		return "", "", err
	}
	if live, err = s.Current(ctx); err != nil || live == id && id != "" {
		return "", live, err
	}
	err = s.query(ctx, s.stepState("read the candidate"), s.sql("SELECT base FROM ", s.runsTable(), " WHERE stage = 'staged' AND id = ", param{id},
		" AND scope = ", param{s.opts.Scope}), &base)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("sqldiff: candidate %s: %w", id, fs.ErrNotExist)
	}
	return base, live, err
}

// Staged lists the staged snapshots that are not current. Those of which the
// caller knows nothing, since it crashed before it noted them, are to be discarded.
func (s *Store) Staged(ctx context.Context) (ids []string, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	live, err := s.Current(ctx)
	if err != nil {
		return nil, err
	}
	return s.ids(ctx, s.sql(" AND stage = 'staged' AND id <> ", param{live}))
}

// Discard removes a staged snapshot. One that does not exist is no error, and
// the current one is refused.
func (s *Store) Discard(ctx context.Context, id string) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	live, err := s.Current(ctx)
	if err != nil {
		return err
	}
	if live == id {
		return fmt.Errorf("sqldiff: %s is the current snapshot", id)
	}
	ids, err := s.ids(ctx, s.sql(" AND id = ", param{id}))
	if err != nil {
		return err
	}
	return s.remove(ctx, ids)
}

// prepare creates the tables that all runs share and makes sure that the engine
// and the key are right.
func (s *Store) prepare(ctx context.Context) error {
	if s.e.name == "PostgreSQL" {
		if err := s.query(ctx, step{name: "ask for the role"}, s.sql("SELECT quote_ident(current_user)"), &s.role); err != nil {
			return err
		}
	}
	if s.e.probe != "" {
		var ok string
		if err := s.query(ctx, step{name: "look at the engine"}, s.sql(s.e.probe), &ok); err != nil {
			return err
		}
		if ok != "ok" {
			return fmt.Errorf("sqldiff: %s: %s", s.e.name, s.e.remedy)
		}
	}
	text, number := " "+s.e.text, " "+s.e.integer
	create := s.stepCreate("create the tables of the state")
	for _, t := range []string{
		s.stateTable() + " (scope" + text + s.e.primary + ", live" + text + ", holder" + text + ", leased" + number + ", keycheck" + text + ", version" + number + ")",
		s.runsTable() + " (id" + text + s.e.primary + ", scope" + text + ", base" + text + ", stage" + text + ", meta" + text + ", entries" + number + ", chk" + number + ")",
	} {
		q := s.sql("CREATE TABLE IF NOT EXISTS ", t)
		// Two at once may get in each other's way; then the table is there.
		if err := s.exec(ctx, create, q); err != nil {
			if _, ok := errors.AsType[*PrivilegeError](err); ok || ctx.Err() != nil {
				return err
			}
			if err := s.exec(ctx, create, q); err != nil {
				return err
			}
		}
	}
	probe := "é Σ"
	var hash string
	err := s.query(ctx, step{name: "compute a digest"}, s.sql("SELECT ").keyDigest(s, param{probe}), &hash)
	if err != nil && s.e.name == "SQLite" && ctx.Err() == nil {
		return fmt.Errorf("sqldiff: SQLite needs a function sha256(text) that returns hexadecimal digits: register SHA256 with the driver: %w", err)
	}
	if err != nil {
		return err
	}
	if hash != s.dig.keyOf([]byte(probe)) {
		return fmt.Errorf("sqldiff: %s computes another digest than Go: is the database in UTF-8?", s.e.name)
	}
	st := s.stepState("read the state")
	insert := s.sql("INSERT INTO ", s.stateTable(), " (scope, live, holder, leased, keycheck, version) SELECT ", param{s.opts.Scope},
		", '', '', 0, ", param{s.dig.check}, ", ", param{int64(version)},
		" FROM (SELECT 1 AS one) x WHERE NOT EXISTS (SELECT 1 FROM ", s.stateTable(), " WHERE scope = ", param{s.opts.Scope}, ")")
	ierr := s.exec(ctx, st, insert) // of two at once, one may fail
	var check string
	var format int64
	err = s.query(ctx, st, s.sql("SELECT keycheck, version FROM ", s.stateTable(), " WHERE scope = ", param{s.opts.Scope}), &check, &format)
	switch {
	case errors.Is(err, sql.ErrNoRows) && ierr != nil:
		return ierr
	case s.isMissing(err):
		return s.damaged("spliosync_state", "a column is missing")
	case err != nil:
		return err
	case format > version:
		return fmt.Errorf("sqldiff: %w", &diff.StateError{Path: "spliosync_state", Err: diff.ErrVersion})
	case check != s.dig.check:
		return fmt.Errorf("sqldiff: %w", &diff.StateError{Path: "spliosync_state", Err: diff.ErrKey})
	}
	return nil
}

// meta is what a snapshot says of itself.
type meta struct {
	Columns []string   // of the run, in the layout Last
	First   int64      // number of the first of Layouts
	Layouts [][]string // columns of the records, from the oldest that any has
	Print   string     // of the rendering
	id      string
	entries int64
	chk     int64
}

func (m *meta) last() int64 { return m.First + int64(len(m.Layouts)) - 1 }

// load reads what a snapshot says of itself and makes sure that its table is
// what was staged.
func (s *Store) load(ctx context.Context, id string) (*meta, error) {
	m := &meta{id: id}
	var text string
	err := s.query(ctx, s.stepState("read the snapshot"), s.sql("SELECT meta, entries, chk FROM ", s.runsTable(), " WHERE id = ", param{id}), &text, &m.entries, &m.chk)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, s.damaged("spliosync_runs", "the row of snapshot %s is missing", id)
	}
	if err != nil {
		return nil, err
	}
	table := s.bare(id, "snap")
	if err := json.Unmarshal([]byte(text), m); err != nil || len(m.Layouts) == 0 {
		return nil, s.damaged("spliosync_runs", "the row of snapshot %s can not be read", id)
	}
	n, chk, err := s.sum(ctx, id)
	if s.isMissing(err) {
		return nil, s.damaged(table, "it is missing, or a column of it")
	}
	if err != nil {
		return nil, err
	}
	if n != m.entries || chk != m.chk {
		return nil, s.damaged(table, "it has %d records, %d were written, or their check sum is another", n, m.entries)
	}
	return m, nil
}

// sum counts the records of a snapshot and adds up their check sums. It fails
// when a column is missing, without reading the others.
func (s *Store) sum(ctx context.Context, id string) (n, chk int64, err error) {
	st, table := s.stepTable("count the snapshot", id), s.table(id, "snap")
	rows, err := s.db.QueryContext(ctx, s.sql("SELECT kd, src, rendered, layout, unconfirmed, due FROM ", table, " WHERE 1 = 0").text())
	if err == nil {
		err = errors.Join(rows.Err(), rows.Close())
	}
	if err != nil {
		return 0, 0, s.fail(ctx, st, err)
	}
	err = s.query(ctx, st, s.sql("SELECT count(*), CAST(coalesce(sum(chk), 0) AS ", s.e.integer, ") FROM ", table), &n, &chk)
	return n, chk, err
}

// tidy removes all tables but those of the current snapshot and of candidates
// that were computed from it.
func (s *Store) tidy(ctx context.Context) error {
	live, err := s.Current(ctx)
	if err != nil {
		return err
	}
	ids, err := s.ids(ctx, s.sql(" AND id <> ", param{live}, " AND (stage <> 'staged' OR base <> ", param{live}, ")"))
	if err != nil {
		return err
	}
	return s.remove(ctx, ids)
}

// ids lists runs of this scope.
func (s *Store) ids(ctx context.Context, where *statement) (ids []string, err error) {
	q := s.sql("SELECT id FROM ", s.runsTable(), " WHERE scope = ", param{s.opts.Scope})
	err = s.each(ctx, s.stepState("list the runs"), q.append(where), func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// kinds of tables of a run: the snapshot, the work of the comparison, what was
// put, duplicates, known keys.
var kinds = []string{"snap", "work", "put", "dup", "known"}

// remove drops the tables of runs, and then forgets them.
func (s *Store) remove(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if err := s.drop(ctx, id, kinds); err != nil {
			return err
		}
		if err := s.exec(ctx, s.stepState("forget a run"), s.sql("DELETE FROM ", s.runsTable(), " WHERE id = ", param{id})); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) drop(ctx context.Context, id string, kinds []string) error {
	for _, kind := range kinds {
		if err := s.exec(ctx, s.stepTable("remove the tables of a run", id), s.sql("DROP TABLE IF EXISTS ", s.table(id, kind))); err != nil {
			return err
		}
	}
	return nil
}

// register notes a run before any of its tables exists, so that they can be found.
func (s *Store) register(ctx context.Context, base string) (id string, err error) {
	id = strings.ToLower(rand.Text()[:16])
	return id, s.exec(ctx, s.stepState("begin a run"), s.sql("INSERT INTO ", s.runsTable(), " (id, scope, base, stage, meta, entries, chk) VALUES (", param{id}, ", ",
		param{s.opts.Scope}, ", ", param{base}, ", 'open', '', 0, 0)"))
}

// create creates a table of a run.
func (s *Store) create(ctx context.Context, id, kind, columns string) error {
	how := s.e.scratch
	options := ""
	if kind == "snap" {
		how, options = s.e.keep, s.e.options
	}
	columns = strings.NewReplacer("TEXT", s.e.text, "BIGINT", s.e.integer).Replace(columns)
	return s.exec(ctx, s.stepCreate("create a table of a run"), s.sql(how, " ", s.table(id, kind), " (", columns, ")", options))
}

const snapColumns = "kd TEXT, src TEXT, rendered TEXT, layout BIGINT, unconfirmed BIGINT, due BIGINT, chk BIGINT"
