package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const schema = "warehouse_example"

// days are what happens before each activation.
var days = []struct {
	name    string
	queries []string
}{
	{"first run", nil},
	{"1% new, 2% changed, 0.5% gone", []string{
		"UPDATE " + schema + ".contacts SET points = points + 5 WHERE id % 50 = 1",
		"DELETE FROM " + schema + ".contacts WHERE id % 200 = 3",
		"INSERT INTO " + schema + ".contacts SELECT 'late' || i || '@example.net', 'Lea', DATE '2025-03-14', 0, -i FROM generate_series(1, (SELECT count(*) / 100 FROM " + schema + ".contacts)) i",
	}},
	{"nothing happened", nil},
}

// load makes the segment: invented people, some of them without a usable
// address, and some addresses in upper case.
func load(ctx context.Context, db *sql.DB, n int) error {
	for _, query := range []string{
		"CREATE SCHEMA " + schema,
		"CREATE TABLE " + schema + ".contacts (email TEXT, first_name TEXT, signup DATE, points INT, id BIGINT)",
		fmt.Sprintf(`INSERT INTO %s.contacts SELECT
			CASE WHEN i %% 5000 = 7 THEN 'not an address' WHEN i %% 10 = 0 THEN 'USER' || i || '@Example.net' ELSE 'user' || i || '@example.net' END,
			(ARRAY['Ann', 'Bob', 'Cid', 'Dan', 'Eve'])[1 + i %% 5], DATE '2020-01-01' + i %% 1800, i %% 500, i
			FROM generate_series(1, %d) i`, schema, n),
		"ANALYZE " + schema + ".contacts",
	} {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// wire counts the bytes between the program and the engine.
type wire struct{ in, out atomic.Int64 }

func (w *wire) reset() (fromEngine, toEngine int64) { return w.in.Swap(0), w.out.Swap(0) }

type countingConn struct {
	net.Conn
	w *wire
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.w.in.Add(int64(n))
	return n, err
}

func (c countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.w.out.Add(int64(n))
	return n, err
}

// connect opens the database so that its bytes are counted.
func connect(url string) (*sql.DB, *wire, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, err
	}
	w := &wire{}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return countingConn{c, w}, nil
	}
	return stdlib.OpenDB(*config), w, nil
}
