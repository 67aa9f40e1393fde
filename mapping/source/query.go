package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// Queryer is what a query is given to: a *sql.DB, *sql.Conn or *sql.Tx.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Query is the result of a query, with args for its placeholders. The query is run each time that Records is ranged
// over, with the context of that call. So a source can be made before there is a connection, be checked without reading
// anything, and be used for one run after the other. Each statement sees the data of one moment; if several have to see
// the same moment, give a *sql.Tx that is read-only and REPEATABLE READ.
//
// Fields asks for the columns and for no row, by
//
//	SELECT * FROM (QUERY) q WHERE 1 = 0
//
// so QUERY is a SELECT that can stand there: without a semicolon at its end, and with a name of its own for each column.
// Where the engine takes no such query, use [Rows]. Columns that have changed since the last call of Fields stop the
// reading.
//
// The values are those of [Rows]. The rows are closed whenever the reading ends; where that is before the last record, the
// query is cancelled as well, which costs the connection with some drivers, and the transaction of a *sql.Tx.
func Query(db Queryer, query string, args ...any) mapping.Source {
	return &sqlQuery{db: db, query: query, args: slices.Clone(args)}
}

type sqlQuery struct {
	db     Queryer
	query  string
	args   []any
	fields []string // as Fields last gave them
}

var errNoDatabase = errors.New("source: there is no database to give the query to")

func (s *sqlQuery) Fields(ctx context.Context) (_ []string, err error) {
	if s.db == nil {
		return nil, errNoDatabase
	}
	// The line break ends a comment at the end of the query.
	rows, err := s.db.QueryContext(ctx, "SELECT * FROM ("+s.query+"\n) q WHERE 1 = 0", s.args...)
	if err != nil {
		return nil, because(ctx, fmt.Errorf("source: query the columns: %w", err))
	}
	names, err := rows.Columns()
	if err = errors.Join(err, rows.Close()); err != nil {
		return nil, because(ctx, fmt.Errorf("source: query the columns: %w", err))
	}
	s.fields = names
	return slices.Clone(names), nil
}

func (s *sqlQuery) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		if s.db == nil {
			yield(nil, errNoDatabase)
			return
		}
		running, cancel := context.WithCancel(ctx)
		defer cancel()
		rows, err := s.db.QueryContext(running, s.query, s.args...)
		if err != nil {
			yield(nil, because(ctx, fmt.Errorf("source: query: %w", err)))
			return
		}
		src := &sqlRows{rows: rows, want: s.fields}
		src.Records(ctx)(func(rec *mapping.Record, err error) bool {
			more := false
			// Closing rows that are not at their end may read them all: end the query before.
			defer func() {
				if !more {
					cancel()
				}
			}()
			more = yield(rec, err)
			return more
		})
	}
}

// because adds why ctx has ended, where it has, to an error that may not say so.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}
