package sqldiff

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// statement is built with its parameters: a zero byte stands for each. No value
// ever becomes part of its text.
type statement struct {
	e    *engine
	b    strings.Builder
	args []any
}

// param is a string or int64 that the statement takes as a parameter.
type param struct{ v any }

func (s *Store) sql(parts ...any) *statement {
	q := &statement{e: s.e}
	return q.add(parts...)
}

// add appends text and parameters.
func (q *statement) add(parts ...any) *statement {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			q.b.WriteString(p)
		case param:
			typ := q.e.text
			if _, ok := p.v.(int64); ok {
				typ = q.e.integer
			}
			q.args = append(q.args, p.v)
			q.b.WriteString("CAST(\x00 AS " + typ + ")")
		}
	}
	return q
}

// append appends a statement that was built apart.
func (q *statement) append(more *statement) *statement {
	q.b.WriteString(more.b.String())
	q.args = append(q.args, more.args...)
	return q
}

// keyDigest appends the digest that the engine makes of a key, which is text or
// a parameter.
func (q *statement) keyDigest(s *Store, key any) *statement {
	return q.add(q.e.hash[0], param{s.dig.salt}, " || 'k' || ", key, q.e.hash[1])
}

// text returns the statement with the placeholders of the dialect.
func (q *statement) text() string {
	parts := strings.Split(q.b.String(), "\x00")
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			if q.e.dollar {
				fmt.Fprintf(&b, "$%d", i)
			} else {
				b.WriteByte('?')
			}
		}
		b.WriteString(p)
	}
	return b.String()
}

// exec runs a statement.
func (s *Store) exec(ctx context.Context, st step, q *statement) error {
	_, err := s.db.ExecContext(ctx, q.text(), q.args...)
	return s.fail(ctx, st, err)
}

// query reads one row; its error matches sql.ErrNoRows when there is none.
func (s *Store) query(ctx context.Context, st step, q *statement, dest ...any) error {
	return s.fail(ctx, st, s.db.QueryRowContext(ctx, q.text(), q.args...).Scan(dest...))
}

// each reads all rows.
func (s *Store) each(ctx context.Context, st step, q *statement, do func(*sql.Rows) error) error {
	rows, err := s.db.QueryContext(ctx, q.text(), q.args...)
	if err != nil {
		return s.fail(ctx, st, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return s.fail(ctx, st, err)
		}
	}
	if err := rows.Err(); err != nil {
		return s.fail(ctx, st, err)
	}
	return s.fail(ctx, st, rows.Close())
}

// bare is the name of a table of a run, without the schema.
func (s *Store) bare(id, kind string) string { return s.prefix + "_" + id + "_" + kind }

// table is the quoted name of a table of a run.
func (s *Store) table(id, kind string) string { return s.qualify(s.bare(id, kind)) }

func (s *Store) stateTable() string { return s.qualify("spliosync_state") }
func (s *Store) runsTable() string  { return s.qualify("spliosync_runs") }

func (s *Store) qualify(name string) string {
	name = s.e.ident(name)
	if s.opts.Schema == "" {
		return name
	}
	return s.schema() + "." + name
}

func (s *Store) schema() string {
	if s.opts.Schema == "" {
		return "the schema of this connection"
	}
	var parts []string
	for p := range strings.SplitSeq(s.opts.Schema, ".") {
		parts = append(parts, s.e.ident(p))
	}
	return strings.Join(parts, ".")
}

// The steps, with the privilege that each needs.

func (s *Store) stepState(name string) step {
	return step{name: name, grant: s.e.grantTable, object: s.stateTable() + ", " + s.runsTable()}
}

func (s *Store) stepCreate(name string) step {
	return step{name: name, grant: s.e.grantSchema, object: s.schema()}
}

// stepTable is about a table that a run made: it belongs to the role that ran.
func (s *Store) stepTable(name, id string) step {
	return step{name: name, grant: s.e.grantTable, object: s.table(id, "snap")}
}

// stepSegment is about the tables that the segment reads.
func (s *Store) stepSegment(name string) step {
	return step{name: name, grant: s.e.grantRead, object: "the tables of the segment", values: true}
}
