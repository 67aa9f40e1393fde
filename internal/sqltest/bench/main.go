// Bench measures a run of package sqldiff on an engine next to what one would
// write by hand: a table of digests, and a join that gives out the rows that
// differ. Both take a segment of which 1% is new, 2% changed and 0.5% gone.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/internal/sqltest"
	"github.com/spliosync/spliosync/internal/sqltest/throwaway"
)

func main() {
	engine := flag.String("engine", "postgresql", "postgresql or duckdb")
	n := flag.Int("n", 1_000_000, "contacts in the segment")
	runs := flag.Int("runs", 3, "days, of which each way takes all in turn")
	flag.Parse()
	if err := run(context.Background(), *engine, *n, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, engine string, n, runs int) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e := sqltest.DuckDBFile(filepath.Join(dir, "db"))
	if engine == "postgresql" {
		server, err := throwaway.Start(ctx, "fsync=off", "shared_buffers=1GB", "work_mem=256MB", "max_wal_size=8GB")
		if err != nil {
			return err
		}
		defer server.Close()
		e = sqltest.Engine{Dialect: sqldiff.PostgreSQL, Driver: "pgx", URL: server.URL()}
	}
	db, err := e.Open()
	if err != nil {
		return err
	}
	defer db.Close()
	b := &bench{db: db, d: e.Dialect, n: n}
	if err := b.load(ctx); err != nil {
		return err
	}
	store, err := sqldiff.Open(ctx, db, sqldiff.Options{Dialect: e.Dialect, Scope: "bench", Key: []byte("0123456789abcdef")})
	if err != nil {
		return err
	}
	defer store.Close()

	if err := b.exec(ctx, b.digests("hand")); err != nil {
		return err
	}
	first, err := b.measure(func() (int64, int64, error) { return b.compare(ctx, store) })
	if err != nil {
		return err
	}
	fmt.Printf("| %s, %d contacts | rows out | value bytes out | time to by hand | peak Go heap |\n|---|---|---|---|---|\n", e.Dialect, n)
	fmt.Printf("| first run | %d | %d | | %d KiB |\n", first.rows, first.bytes, first.heap>>10)
	var ratios []float64
	var last, hand result
	for day := range runs {
		if err := b.age(ctx, day); err != nil {
			return err
		}
		if hand, err = b.measure(func() (int64, int64, error) { return b.hand(ctx) }); err != nil {
			return err
		}
		if last, err = b.measure(func() (int64, int64, error) { return b.compare(ctx, store) }); err != nil {
			return err
		}
		ratios = append(ratios, last.took.Seconds()/hand.took.Seconds())
		if last.rows != hand.rows {
			return fmt.Errorf("%d rows, by hand %d", last.rows, hand.rows)
		}
	}
	slices.Sort(ratios)
	fmt.Printf("| a day | %d | %d | %.2f (%.2f to %.2f) | %d KiB |\n", last.rows, last.bytes, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], last.heap>>10)
	fmt.Printf("| by hand | %d | %d | 1 | %d KiB |\n", hand.rows, hand.bytes, hand.heap>>10)
	return nil
}

type bench struct {
	db *sql.DB
	d  sqldiff.Dialect
	n  int
}

var columns = []string{"email", "first_name", "last_name", "city", "signup", "points", "tier", "consent"}

func (b *bench) exec(ctx context.Context, queries ...string) error {
	for _, q := range queries {
		if _, err := b.db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// people is a query for contacts from and to these numbers.
func people(from, to int) string {
	return fmt.Sprintf(`SELECT 'user' || i || '@example.net' AS email, 'First' || i %% 997 AS first_name, 'Last' || i %% 9973 AS last_name,
		'City' || i %% 499 AS city, DATE '2020-01-01' + CAST(i %% 1800 AS INTEGER) AS signup, CAST(i %% 500 AS INTEGER) AS points,
		'tier' || i %% 4 AS tier, i %% 7 = 0 AS consent, i AS id FROM generate_series(%d, %d) AS g(i)`, from, to)
}

func (b *bench) load(ctx context.Context) error {
	return b.exec(ctx, "CREATE TABLE segment AS "+people(1, b.n), "ANALYZE segment")
}

// age lets a day pass.
func (b *bench) age(ctx context.Context, day int) error {
	from := b.n + 1 + day*b.n/100
	return b.exec(ctx,
		fmt.Sprintf("UPDATE segment SET points = points + 1 WHERE id %% 50 = %d", day),
		fmt.Sprintf("DELETE FROM segment WHERE id %% 200 = %d", 60+day),
		"INSERT INTO segment "+people(from, from+b.n/100-1),
		"ANALYZE segment")
}

const handDigest = "md5(concat_ws('|', email, first_name, last_name, city, signup, points, tier, consent))"

func (b *bench) digests(table string) string {
	return "CREATE TABLE " + table + " AS SELECT lower(trim(email)) AS k, " + handDigest + " AS h FROM segment"
}

// hand is the join that one would write by hand.
func (b *bench) hand(ctx context.Context) (n, bytes int64, err error) {
	rows, err := b.db.QueryContext(ctx, "SELECT s.email, s.first_name, s.last_name, s.city, s.signup, s.points, s.tier, s.consent FROM (SELECT segment.*, lower(trim(email)) AS k, "+
		handDigest+" AS h FROM segment) s FULL JOIN hand p ON p.k = s.k WHERE s.k IS NULL OR p.k IS NULL OR p.h <> s.h")
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	cells, dest := row()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return 0, 0, err
		}
		if cells[0].Valid {
			n++
		}
		bytes += size(cells)
	}
	if err := rows.Err(); err != nil {
		return 0, 0, err
	}
	return n, bytes, b.exec(ctx, b.digests("hand_next"), "DROP TABLE hand", "ALTER TABLE hand_next RENAME TO hand")
}

// compare is a run.
func (b *bench) compare(ctx context.Context, store *sqldiff.Store) (n, bytes int64, err error) {
	run, err := store.Begin(ctx, columns[1:], sqldiff.Segment{Query: "SELECT * FROM segment", Key: "email", Columns: columns, Rendering: "1"}, diff.RunOptions{Create: true})
	if err != nil {
		return 0, 0, err
	}
	defer run.Close()
	feed := run.Feed()
	cells, dest := row()
	rendered := make([][]byte, len(columns))
	for c, err := range run.Candidates(ctx) {
		if err != nil {
			return 0, 0, err
		}
		if err := c.Scan(dest...); err != nil {
			return 0, 0, err
		}
		for i, v := range cells {
			rendered[i] = append(rendered[i][:0], v.String...)
		}
		if err := feed.Put(c.Seq, rendered[0], rendered[1:]); err != nil {
			return 0, 0, err
		}
		bytes += size(cells)
	}
	if _, err := run.Compare(ctx); err != nil {
		return 0, 0, err
	}
	for c, err := range run.Changes(ctx) {
		if err != nil {
			return 0, 0, err
		}
		if c.Kind != diff.Gone {
			n++
		}
	}
	id, err := run.Stage(ctx)
	if err != nil {
		return 0, 0, err
	}
	return n, bytes, store.Publish(ctx, id)
}

func row() (cells []sql.NullString, dest []any) {
	cells = make([]sql.NullString, len(columns))
	for i := range cells {
		dest = append(dest, &cells[i])
	}
	return cells, dest
}

func size(cells []sql.NullString) (n int64) {
	for _, c := range cells {
		n += int64(len(c.String))
	}
	return n
}

type result struct {
	took        time.Duration
	rows, bytes int64
	heap        uint64
}

// measure takes the time and the largest heap of the Go program, which is not
// what an engine in the same process takes.
func (b *bench) measure(do func() (int64, int64, error)) (r result, err error) {
	var stop atomic.Bool
	done := make(chan uint64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
		var peak uint64
		for !stop.Load() {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64()+sample[1].Value.Uint64())
			time.Sleep(5 * time.Millisecond)
		}
		done <- peak
	}()
	from := time.Now()
	r.rows, r.bytes, err = do()
	r.took = time.Since(from)
	stop.Store(true)
	r.heap = <-done
	return r, err
}
