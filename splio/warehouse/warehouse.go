package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/internal/sqlrow"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// Options say where the segment is and what the engine is like. Query, KeyForm and
// the names become part of statements: they are code, not data.
type Options struct {
	Dialect sqldiff.Dialect
	// Schema is where snapshots are kept, its parts separated by dots. It exists
	// already, and no other program writes there. By default it is that of the
	// connection.
	Schema string

	// Query selects the segment, without a semicolon at its end. A column in it
	// that the mapping does not read costs a rendering whenever it changes: leave
	// such ones out, here or in Columns.
	Query string
	// Key is the column with the matching key, by the name that the engine gives
	// it.
	Key string
	// KeyForm is the expression of the engine for the form that the mapping gives
	// the key, over the columns of Query. By default it is lower(trim(Key)), as the
	// mapping does with an e-mail address. A record for which it gives another key
	// than the mapping is rejected, with [splio.ReasonKeyForm].
	KeyForm string
	// Columns are the fields of a record: all of Query when empty.
	Columns []string
	// OrderBy is the column that says which of several records with one key is
	// the first, as diff.FirstWins and diff.LastWins need it. It also makes the
	// order of the rows in the files.
	OrderBy string

	// Lease is how long the snapshots stay locked after a process was killed: 2
	// minutes when 0, at least 10 seconds. Give the same to all processes.
	Lease time.Duration
}

// Segment is a segment in a SQL engine. Give it to an activation twice: as its
// segment and as its Differ. It is immutable, and may be used from any goroutine.
//
// As a segment without that Differ, for tests and to compare in the program, it
// gives out all its records.
type Segment struct {
	db *sql.DB
	o  Options
}

var (
	_ mapping.Source = (*Segment)(nil)
	_ splio.Differ   = (*Segment)(nil)
)

// New returns the segment in a database that the caller opens, with at least two
// connections, and closes. What is wrong with the options, activations report,
// with [splio.ErrConfig].
func New(db *sql.DB, o Options) *Segment {
	o.Columns = slices.Clone(o.Columns)
	return &Segment{db, o}
}

// Fields returns the names of the columns.
func (s *Segment) Fields(ctx context.Context) ([]string, error) {
	return s.segment("").Fields(ctx, s.db, s.o.Dialect)
}

// Records yields all records of the segment, in the order of Options.OrderBy, as
// source.Rows does.
func (s *Segment) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		rows, err := s.segment("").Rows(ctx, s.db, s.o.Dialect)
		if err != nil {
			yield(nil, err)
			return
		}
		source.Rows(rows).Records(ctx)(yield)
	}
}

func (s *Segment) segment(rendering string) sqldiff.Segment {
	return sqldiff.Segment{
		Query: s.o.Query, Key: s.o.Key, KeyForm: s.o.KeyForm, Columns: s.o.Columns, OrderBy: s.o.OrderBy, Rendering: rendering,
	}
}

// Check implements [splio.Differ]. Only the segment itself can be compared: the
// records of another one are not in the engine.
func (s *Segment) Check(a splio.Activation, src mapping.Source) error {
	errs := []error{s.segment("unknown").Check(diff.RunOptions{Duplicates: a.Duplicates})}
	if own, ok := src.(*Segment); !ok || own != s {
		errs = append(errs, errors.New("warehouse: the segment is not the Activation.Differ: give the same value for both, and have records that are to be sent again in the engine"))
	}
	if a.DigestKey == nil {
		errs = append(errs, errors.New("warehouse: Activation.DigestKey is missing: give at least 16 bytes from your secrets"))
	}
	return errors.Join(errs...)
}

// Open implements [splio.Differ].
func (s *Segment) Open(ctx context.Context, scope string, secret diff.Key) (splio.Snapshots, error) {
	store, err := sqldiff.Open(ctx, s.db, sqldiff.Options{
		Dialect: s.o.Dialect, Schema: s.o.Schema, Scope: scope, Key: secret, Lease: s.o.Lease,
	})
	if err != nil {
		return nil, err
	}
	return &snapshots{store, s}, nil
}

// snapshots are those of one scope.
type snapshots struct {
	*sqldiff.Store
	of *Segment
}

func (s *snapshots) Begin(ctx context.Context, seg splio.DifferSegment, o diff.RunOptions) (splio.Comparison, error) {
	run, err := s.Store.Begin(ctx, seg.Columns, s.of.segment(seg.Rendering), o)
	if err != nil {
		return nil, err
	}
	return comparison{run}, nil
}

// publishing bounds how long an engine that does not answer keeps a run from its
// end: it can be called again.
const publishing = 5 * time.Minute

func (s *snapshots) Publish(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, publishing)
	defer cancel()
	return s.Store.Publish(ctx, id)
}

func (s *snapshots) MarkReported(context.Context, iter.Seq2[[]byte, error], int) (marked, spent int64, err error) {
	return 0, 0, fmt.Errorf("warehouse: the engine does not count how often a record was reported: resend without a limit: %w", errors.ErrUnsupported)
}

// comparison is a run.
type comparison struct{ *sqldiff.Run }

func (c comparison) Candidates() mapping.Source { return candidates{c.Run} }

func (c comparison) Feed() func(int64, []byte, [][]byte) error { return c.Run.Feed().Put }

// candidates are the records of a run that have to be rendered.
type candidates struct{ run *sqldiff.Run }

func (c candidates) Fields(context.Context) ([]string, error) { return c.run.Fields(), nil }

func (c candidates) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		rec := &mapping.Record{}
		reader := sqlrow.New(c.run.ColumnTypes())
		for candidate, err := range c.run.Candidates(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			ok, err := reader.Scan(rec, candidate.Scan)
			if err != nil {
				yield(nil, err)
				return
			}
			if rec.Seq = candidate.Seq; !ok {
				rec.Err = source.ErrType
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}
