package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/internal/sqltest"
	"github.com/spliosync/spliosync/internal/sqltest/throwaway"
)

// deliver does a run and publishes it.
func (d *sqlDiffer) deliver(t testing.TB, records ...record) (id string) {
	t.Helper()
	r, id := d.stage(t, records...)
	must(t, d.store.Publish(t.Context(), id))
	must(t, r.Close())
	return id
}

// stage does a run up to its staged snapshot.
func (d *sqlDiffer) stage(t testing.TB, records ...record) (*sqldiff.Run, string) {
	t.Helper()
	s := step{columns: cols("a"), opts: create, records: records}
	d.load(t, s)
	r, err := d.store.Begin(t.Context(), s.columns, s.segment(), s.opts)
	must(t, err)
	putAll(t, r, s, map[int64]string{})
	_, err = r.Compare(t.Context())
	must(t, err)
	id, err := r.Stage(t.Context())
	must(t, err)
	return r, id
}

// begin begins a run over what is loaded.
func (d *sqlDiffer) begin(ctx context.Context, seg func(*sqldiff.Segment)) (*sqldiff.Run, error) {
	s := step{columns: cols("a"), opts: create}.segment()
	if seg != nil {
		seg(&s)
	}
	return d.store.Begin(ctx, cols("a"), s, create)
}

// forEach runs a test on every engine.
func forEach(t *testing.T, do func(t *testing.T, d *sqlDiffer)) {
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) { do(t, newSQL(t, open(t))) })
	}
}

// TestNarrow makes sure that only records that may have changed leave the engine.
func TestNarrow(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		d.deliver(t, rec("ann", "1"), rec("bob", "1"), rec("cid", "1"), rec("dan", "1"), rec("dan", "1"), bad("eve"))
		d.load(t, step{columns: cols("a"), records: []record{rec("ann", "1"), rec("bob", "2"), rec("dan", "1"), rec("dan", "1"), bad("eve"), rec("fay", "1")}})
		for _, o := range []diff.RunOptions{create, {}, {Duplicates: diff.LastWins, Partial: true}} {
			s := step{columns: cols("a"), opts: o}
			r, err := d.store.Begin(t.Context(), s.columns, s.segment(), o)
			must(t, err)
			says := map[int64]string{}
			putAll(t, r, s, says)
			if len(says) != 3 { // bob, who changed, eve, who was rejected, and fay, who is new
				t.Errorf("%+v: candidates %v", o, says)
			}
			must(t, r.Close())
		}
	})
}

// TestNoTrace makes sure that a run that is not staged leaves nothing, and that no
// key, value or digest key is in any table.
func TestNoTrace(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		id := d.deliver(t, rec("annabel", "confidential"))
		d.load(t, step{columns: cols("a"), records: []record{rec("bernard", "confidential")}})
		r, err := d.begin(t.Context(), nil)
		must(t, err)
		putAll(t, r, step{columns: cols("a")}, map[int64]string{})
		_, err = r.Compare(t.Context())
		must(t, err)
		for _, table := range d.names(t) {
			d.dump(t, table, func(cell string) {
				for _, secret := range []string{"annabel", "bernard", "confidential", "0123456789abcdef"} {
					if strings.Contains(strings.ToLower(cell), secret) {
						t.Errorf("table %s has %q", table, secret)
					}
				}
			})
		}
		if d.tables(t) < 3 {
			t.Error("a run has no tables?")
		}
		n := d.tables(t)
		again, err := d.begin(t.Context(), nil) // as after a crash: the first was not closed
		must(t, err)
		if now := d.tables(t); now >= n {
			t.Errorf("%d tables, and before %d", now, n)
		}
		must(t, again.Close())
		if n := d.tables(t); n != 1 {
			t.Errorf("%d tables are left", n)
		}
		if now, err := d.store.Current(t.Context()); err != nil || now != id {
			t.Errorf("current is %q, %v", now, err)
		}
	})
}

func (d *sqlDiffer) names(t testing.TB) (names []string) {
	t.Helper()
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'spliosync%'"
	if d.d == sqldiff.SQLite {
		query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'spliosync%'"
	}
	rows, err := d.db.Query(query)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var n string
		must(t, rows.Scan(&n))
		names = append(names, n)
	}
	must(t, rows.Err())
	return names
}

func (d *sqlDiffer) dump(t testing.TB, table string, cell func(string)) {
	t.Helper()
	rows, err := d.db.Query(`SELECT * FROM "` + table + `"`)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range cells {
			dest[i] = &cells[i]
		}
		must(t, rows.Scan(dest...))
		for _, c := range cells {
			cell(c.String)
		}
	}
	must(t, rows.Err())
}

func TestPublish(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		ctx := t.Context()
		_, a := d.stage(t, rec("ann", "1"))
		_, b := d.stage(t, rec("ann", "2"))
		must(t, d.store.Verify(ctx, a))
		if _, err := d.store.MarkDue(ctx, keys([]string{"ann"})); !errors.Is(err, diff.ErrStaged) {
			t.Errorf("MarkDue while staged: %v", err)
		}
		must(t, d.store.Publish(ctx, a))
		must(t, d.store.Publish(ctx, a)) // once more
		must(t, d.store.Verify(ctx, a))
		if err := d.store.Publish(ctx, b); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, diff.ErrStale) {
			t.Errorf("stale: %v", err)
		}
		if err := d.store.Verify(ctx, "nothing"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no such candidate: %v", err)
		}
		if err := d.store.Discard(ctx, a); err == nil {
			t.Error("the current snapshot was discarded")
		}
		must(t, d.store.Discard(ctx, b))
		_, c := d.stage(t, rec("ann", "3"))
		d.exec(t, "UPDATE spliosync_state SET holder = 'another pid 1 x'")
		if err := d.store.Publish(ctx, c); !errors.Is(err, sqldiff.ErrLease) {
			t.Errorf("without the lease: %v", err)
		}
		if _, err := d.begin(ctx, nil); !errors.Is(err, sqldiff.ErrLease) {
			t.Errorf("without the lease: %v", err)
		}
		if now, err := d.store.Current(ctx); err != nil || now != a {
			t.Errorf("current is %q, %v", now, err)
		}
	})
}

// TestUnknownOutcome loses the answer to the statement that publishes.
func TestUnknownOutcome(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		_, id := d.stage(t, rec("ann", "1"))
		must(t, d.store.Close())
		for at := range 20 {
			f := &faults{at: -1}
			db := openFaulty(t, d.base, f)
			s := openStore(t, db, d.d, sqldiff.Options{})
			f.n, f.at, f.after = 0, at, true
			err := s.Publish(t.Context(), id)
			fired := f.fired
			f.at = -1
			now, cerr := s.Current(t.Context())
			must(t, cerr)
			if (now == id) != (err == nil) && !(now == id && errors.Is(err, errFault)) {
				t.Errorf("operation %d: current %q, %v", at, now, err)
			}
			if now == id && err != nil && at < 2 {
				t.Errorf("operation %d: published, and %v", at, err)
			}
			if err != nil { // the same call, made once more, succeeds
				must(t, s.Publish(t.Context(), id))
			}
			must(t, s.Close())
			if !fired || now == id {
				return
			}
		}
	})
}

func TestLease(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		o := sqldiff.Options{Dialect: d.d, Scope: "acme/email", Key: []byte("0123456789abcdef")}
		_, err := sqldiff.Open(t.Context(), d.db, o)
		if !errors.Is(err, diff.ErrLocked) || !strings.Contains(err.Error(), " pid ") {
			t.Errorf("a second store: %v", err)
		}
		other := o
		other.Scope = "acme/phone"
		s, err := sqldiff.Open(t.Context(), d.db, other)
		must(t, err)
		must(t, s.Close())
		must(t, d.store.Close())
		wrong := o
		wrong.Key = []byte("another key of 16 bytes")
		if _, err := sqldiff.Open(t.Context(), d.db, wrong); !errors.Is(err, diff.ErrKey) {
			t.Errorf("another key: %v", err)
		}
		s, err = sqldiff.Open(t.Context(), d.db, o)
		must(t, err)
		must(t, s.Close())
		d.exec(t, "UPDATE spliosync_state SET version = 2")
		if _, err := sqldiff.Open(t.Context(), d.db, o); !errors.Is(err, diff.ErrVersion) {
			t.Errorf("newer: %v", err)
		}
	})
}

// TestAltered alters the snapshot by hand.
func TestAltered(t *testing.T) {
	cases := map[string]string{
		"a row is gone":       "DELETE FROM %s WHERE kd = (SELECT min(kd) FROM %[1]s)",
		"a row stands twice":  "INSERT INTO %s SELECT * FROM %[1]s",
		"a digest is another": "UPDATE %s SET rendered = 'AAAAAAAAAAAAAAAA', src = 'x'",
		"all are confirmed":   "UPDATE %s SET unconfirmed = 1 - unconfirmed, src = 'x'",
		"a column is gone":    "ALTER TABLE %s DROP COLUMN layout",
		"the table is gone":   "DROP TABLE %s",
	}
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		for name, query := range cases {
			d.exec(t, "UPDATE spliosync_state SET live = ''") // start anew
			id := d.deliver(t, rec("ann", "1"), rec("bob", "1"))
			var table string
			for _, n := range d.names(t) {
				if strings.HasSuffix(n, id+"_snap") {
					table = `"` + n + `"`
				}
			}
			d.exec(t, fmt.Sprintf(query, table))
			r, err := d.begin(t.Context(), nil)
			if err == nil {
				for _, err = range r.Candidates(t.Context()) {
					if err != nil {
						break
					}
				}
				must(t, r.Close())
			}
			if !errors.Is(err, diff.ErrDamaged) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestSegment looks at segments that are not what they were.
func TestSegment(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		d.deliver(t, rec("ann", "1"))
		_, err := d.begin(t.Context(), func(s *sqldiff.Segment) { s.Query = "SELECT pos, bad, email FROM segment" })
		if err == nil || !strings.Contains(err.Error(), `no column "a"`) {
			t.Errorf("a column was dropped: %v", err)
		}
		// A value that the engine complains about stays out of the message.
		d.load(t, step{columns: cols("a"), records: []record{rec("ann", "confidential")}})
		r, err := d.begin(t.Context(), func(s *sqldiff.Segment) {
			s.Query = "SELECT pos, bad, email, a, CASE WHEN a = 'x' THEN 1 ELSE CAST(a AS INTEGER) END AS b FROM segment"
			s.Columns = []string{"email", "bad", "a", "b"}
		})
		must(t, err)
		defer r.Close()
		for _, err = range r.Candidates(t.Context()) {
			if err != nil {
				break
			}
		}
		if d.d == sqldiff.SQLite { // which takes it for 0
			must(t, err)
			return
		}
		if _, ok := errors.AsType[*sqldiff.EngineError](err); !ok || strings.Contains(err.Error(), "confidential") {
			t.Errorf("a value that can not be cast: %v", err)
		}
	})
}

// TestKeyForm lets engine and mapping disagree about a key.
func TestKeyForm(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		d.deliver(t, rec("ann", "1"))
		d.load(t, step{columns: cols("a"), records: []record{rec("ann", "2"), rec("bob", "1")}})
		r, err := d.begin(t.Context(), func(s *sqldiff.Segment) {
			s.KeyForm = "CASE WHEN email LIKE 'ANN%' THEN trim(email) ELSE lower(trim(email)) END" // keys are in upper case
		})
		must(t, err)
		defer r.Close()
		f := r.Feed()
		for c, err := range r.Candidates(t.Context()) {
			must(t, err)
			var email, bad, a string
			must(t, c.Scan(&email, &bad, &a))
			key := strings.ToLower(strings.TrimSpace(email))
			err := f.Put(c.Seq, []byte(key), [][]byte{[]byte(a)})
			if (key == "ann") != errors.Is(err, diff.ErrKeyForm) {
				t.Errorf("%s: %v", key, err)
			}
		}
		sum, err := r.Compare(t.Context())
		must(t, err)
		if sum.Rejected != 1 || sum.New != 1 || sum.Gone != 0 {
			t.Errorf("%+v", *sum)
		}
		id, err := r.Stage(t.Context())
		must(t, err)
		must(t, d.store.Publish(t.Context(), id))
		must(t, r.Close())
		d.load(t, step{columns: cols("a"), records: []record{rec("ann", "1"), rec("bob", "1")}})
		s := step{columns: cols("a"), opts: create} // the key form is another, so that both are candidates
		if r, err = d.store.Begin(t.Context(), s.columns, s.segment(), s.opts); err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		putAll(t, r, s, map[int64]string{})
		if sum, err = r.Compare(t.Context()); err != nil || sum.Unchanged != 2 {
			t.Errorf("ann has not kept her state: %+v, %v", sum, err)
		}
	})
}

// TestFeeds puts from several goroutines at once, while candidates are read.
func TestFeeds(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		s := step{columns: cols("a"), opts: create}
		for i := range 5000 {
			s.records = append(s.records, rec(fmt.Sprint("k", i), fmt.Sprint("v", i)))
		}
		d.load(t, s)
		r, err := d.begin(t.Context(), nil)
		must(t, err)
		defer r.Close()
		type rendered struct {
			seq   int64
			key   []byte
			cells [][]byte
		}
		work := make(chan rendered)
		var wg sync.WaitGroup
		for range 4 {
			f := r.Feed()
			wg.Go(func() {
				for w := range work {
					if err := f.Put(w.seq, w.key, w.cells); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for c, err := range r.Candidates(t.Context()) {
			must(t, err)
			var email, bad, a string
			must(t, c.Scan(&email, &bad, &a))
			work <- rendered{c.Seq, []byte(strings.ToLower(strings.TrimSpace(email))), [][]byte{[]byte(a)}}
		}
		close(work)
		wg.Wait()
		sum, err := r.Compare(t.Context())
		must(t, err)
		n := int64(0)
		for c, err := range r.Changes(t.Context()) {
			must(t, err)
			if n++; c.Seq != n || c.Kind != diff.New {
				t.Fatalf("change %d is %+v", n, c)
			}
		}
		if sum.New != 5000 || n != 5000 {
			t.Errorf("%d changes, %+v", n, *sum)
		}
	})
}

// TestMisuse breaks the order of a run.
func TestMisuse(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		d.load(t, step{columns: cols("a"), records: []record{rec("ann", "1"), rec("bob", "1")}})
		r, err := d.begin(t.Context(), nil)
		must(t, err)
		defer r.Close()
		if _, err := r.Compare(t.Context()); err == nil {
			t.Error("Compare before Candidates")
		}
		var last int64
		for c, err := range r.Candidates(t.Context()) {
			must(t, err)
			last = c.Seq
		}
		for _, err := range r.Candidates(t.Context()) {
			if err == nil {
				t.Error("Candidates twice")
			}
		}
		f := r.Feed()
		if err := f.Put(last+1, []byte("x"), [][]byte{nil}); err == nil {
			t.Error("a record that is no candidate")
		}
		if err := f.Put(1, []byte("ann"), nil); err != nil {
			t.Error(err)
		}
		if err := f.Put(1, []byte("ann"), nil); err == nil {
			t.Error("a record put twice")
		}
		if _, err := r.Compare(t.Context()); err == nil || !strings.Contains(err.Error(), "1 candidates were not put") {
			t.Errorf("a candidate was not put: %v", err)
		}
	})
}

// TestCancel ends a statement on the side of the server.
func TestCancel(t *testing.T) {
	d := newSQL(t, postgres(t))
	d.load(t, step{columns: cols("a"), records: []record{rec("ann", "1")}})
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	active := func() (n int) {
		must(t, d.db.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()").Scan(&n))
		return n
	}
	done := make(chan error)
	go func() {
		_, err := d.begin(ctx, func(s *sqldiff.Segment) { s.Query = "SELECT segment.* FROM segment, pg_sleep(600)" })
		done <- err
	}()
	for active() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel(enough)
	if err := <-done; !errors.Is(err, enough) {
		t.Error(err)
	}
	for active() > 0 { // or the test runs into its limit
		time.Sleep(time.Millisecond)
	}
	d.deliver(t, rec("ann", "1"))
	if n := d.tables(t); n != 1 {
		t.Errorf("%d tables are left", n)
	}
}

// TestTimeout has the server end a statement.
func TestTimeout(t *testing.T) {
	e := postgres(t)
	e.URL += "&statement_timeout=300"
	d := newSQL(t, e)
	d.load(t, step{columns: cols("a"), records: []record{rec("ann", "1")}})
	_, err := d.begin(t.Context(), func(s *sqldiff.Segment) { s.Query = "SELECT segment.* FROM segment, pg_sleep(600)" })
	if ee, ok := errors.AsType[*sqldiff.EngineError](err); !ok || ee.Code != "57014" {
		t.Error(err)
	}
	d.deliver(t, rec("ann", "1"))
}

// TestPrivileges lacks one privilege after the other. Each error names the
// statement that mends it, which the test then runs.
func TestPrivileges(t *testing.T) {
	admin := newSQL(t, postgres(t))
	admin.load(t, step{columns: cols("a"), records: []record{rec("ann", "1")}})
	var schema string
	must(t, admin.db.QueryRow("SELECT current_schema()").Scan(&schema))
	role := schema + "_role"
	admin.exec(t, "CREATE ROLE "+role+" LOGIN")
	u, err := url.Parse(server.URL())
	must(t, err)
	q := u.Query()
	q.Set("user", role)
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	db, err := sqltest.Engine{Dialect: sqldiff.PostgreSQL, Driver: "pgx", URL: u.String()}.Open()
	must(t, err)
	defer db.Close()

	var grants []string
	for range 10 {
		err := func() error {
			s, err := sqldiff.Open(t.Context(), db, sqldiff.Options{Dialect: sqldiff.PostgreSQL, Schema: schema, Scope: "limited", Key: []byte("0123456789abcdef")})
			if err != nil {
				return err
			}
			defer s.Close()
			r, err := s.Begin(t.Context(), cols("a"), step{columns: cols("a")}.segment(), create)
			if err != nil {
				return err
			}
			return r.Close()
		}()
		if err == nil {
			break
		}
		p, ok := errors.AsType[*sqldiff.PrivilegeError](err)
		if !ok {
			t.Fatal(err)
		}
		grants = append(grants, p.Grant)
		admin.exec(t, strings.ReplaceAll(p.Grant, "the tables of the segment", "segment"))
	}
	if len(grants) != 3 {
		t.Errorf("grants: %q", grants)
	}
}

// TestServerCrash kills the server in the middle of a run and around its end.
func TestServerCrash(t *testing.T) {
	s, err := throwaway.Start(t.Context())
	must(t, err)
	defer s.Close()
	d := newSQL(t, sqltest.Engine{Dialect: sqldiff.PostgreSQL, Driver: "pgx", URL: s.URL()})
	d.deliver(t, rec("ann", "1"), rec("bob", "1"))
	crash := func() {
		must(t, s.Kill())
		must(t, s.Restart(t.Context()))
	}
	// In the middle: the run is lost, the next one finds the same.
	d.load(t, step{columns: cols("a"), records: []record{rec("ann", "2"), rec("bob", "1")}})
	r, err := d.begin(t.Context(), nil)
	must(t, err)
	crash()
	pings(t, d)
	for _, err := range r.Candidates(t.Context()) { // the unlogged tables are empty now
		must(t, err)
	}
	if _, err := r.Compare(t.Context()); err == nil || !strings.Contains(err.Error(), "do the run again") {
		t.Errorf("in the middle of a run: %v", err)
	}
	must(t, r.Close())
	_, id := d.stage(t, rec("ann", "2"), rec("bob", "1"))
	crash() // staged, and not published
	pings(t, d)
	must(t, d.store.Verify(t.Context(), id))
	must(t, d.store.Publish(t.Context(), id))
	crash() // published
	pings(t, d)
	if now, err := d.store.Current(t.Context()); err != nil || now != id {
		t.Errorf("current is %q, %v", now, err)
	}
	d.load(t, step{columns: cols("a"), records: []record{rec("ann", "2"), rec("bob", "1")}})
	r, err = d.begin(t.Context(), nil)
	must(t, err)
	defer r.Close()
	says := map[int64]string{}
	putAll(t, r, step{columns: cols("a")}, says)
	if len(says) != 0 {
		t.Errorf("candidates: %v", says)
	}
}

// pings lets the pool drop connections that the crash has cut.
func pings(t testing.TB, d *sqlDiffer) {
	t.Helper()
	for range 10 {
		if d.db.PingContext(t.Context()) == nil {
			return
		}
	}
	t.Fatal("no connection")
}
