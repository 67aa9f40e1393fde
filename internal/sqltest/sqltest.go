// Package sqltest runs package sqldiff on real engines, next to the local
// differ. It is a module of its own for the drivers.
package sqltest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"sync"

	_ "github.com/duckdb/duckdb-go/v2" // the drivers
	_ "github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/spliosync/spliosync/diff/sqldiff"
)

// Engine is a kind of engine, and how to connect with a database of it.
type Engine struct {
	Dialect sqldiff.Dialect
	Driver  string
	URL     string
}

var registered = sync.OnceValue(func() error {
	return sqlite.RegisterDeterministicScalarFunction("sha256", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		switch v := args[0].(type) {
		case nil:
			return nil, nil
		case string:
			sum := sha256.Sum256([]byte(v))
			return hex.EncodeToString(sum[:]), nil
		default:
			return nil, fmt.Errorf("sha256 of a %T", v)
		}
	})
})

// Open connects.
func (e Engine) Open() (*sql.DB, error) {
	c, err := e.Connector()
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// Connector is what a database is opened with. Of a file of DuckDB, there can be
// one in a process.
func (e Engine) Connector() (driver.Connector, error) {
	if err := registered(); err != nil {
		return nil, err
	}
	db, err := sql.Open(e.Driver, e.URL) // finds the driver, and connects only when it is used
	if err != nil {
		return nil, err
	}
	if d, ok := db.Driver().(driver.DriverContext); ok {
		return d.OpenConnector(e.URL)
	}
	return plain{db.Driver(), e.URL}, nil
}

// plain connects with a driver that has no connectors.
type plain struct {
	d   driver.Driver
	url string
}

func (p plain) Connect(context.Context) (driver.Conn, error) { return p.d.Open(p.url) }
func (p plain) Driver() driver.Driver                        { return p.d }

// SQLiteFile is a database in a file.
func SQLiteFile(path string) Engine {
	return Engine{sqldiff.SQLite, "sqlite", "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)"}
}

// DuckDBFile is a database in a file.
func DuckDBFile(path string) Engine { return Engine{sqldiff.DuckDB, "duckdb", path} }
