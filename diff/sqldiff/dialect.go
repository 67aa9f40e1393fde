package sqldiff

import (
	"fmt"
	"strings"
)

// Dialect is the kind of engine that compares.
type Dialect uint8

// The dialects. The first three are run by the tests of this module against the
// engine; of the others, the statements are only read by a parser of the
// dialect. See the package comment for what each takes.
const (
	PostgreSQL Dialect = iota + 1 // also what speaks its language, such as Citus
	DuckDB
	SQLite
	BigQuery
	Snowflake
	Databricks
)

// String returns the name of the engine.
func (d Dialect) String() string {
	if e := d.engine(); e != nil {
		return e.name
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

// engine says what differs between the dialects.
type engine struct {
	name    string
	quote   string // around a name; doubled, or escaped, inside
	text    string // the types of columns
	integer string
	dollar  bool // parameters are $1, $2, otherwise ?
	// scratch and keep create a table, options follow its columns.
	scratch, keep, options string
	primary                string // of the one row of a scope
	now                    string // seconds since 1970, by the clock of the engine
	// hash is what stands before and after a text to give the first 32 hexadecimal
	// digits of the SHA-256 of its UTF-8.
	hash [2]string
	// split is a table with the column v, of the parts of a text between commas.
	split   [2]string
	analyze string // to be followed by a table; empty when of no use
	probe   string // a statement that has to give "ok"
	remedy  string // when it does not
	// batch is how many bytes are written back in one statement.
	batch int
	// Privileges: for the schema and for a table. %s is the object.
	grantSchema, grantTable, grantRead string
	denied                             []string // parts of messages, in lower case
	missing                            []string
}

var (
	deniedTexts  = []string{"permission denied", "access denied", "insufficient privileges", "permission_denied", "readonly database", "read-only mode"}
	missingTexts = []string{"no such table", "no such column", "does not exist", "not found", "table_or_view_not_found"}
)

// engine returns nil for an unknown dialect.
func (d Dialect) engine() *engine {
	e := &engine{
		quote: `"`, text: "TEXT", integer: "BIGINT", batch: 256 << 10,
		scratch: "CREATE TABLE", keep: "CREATE TABLE", primary: " PRIMARY KEY",
		grantSchema: "GRANT USAGE, CREATE ON SCHEMA %s", grantTable: "GRANT SELECT, INSERT, UPDATE, DELETE ON %s",
		grantRead: "GRANT SELECT ON %s", denied: deniedTexts, missing: missingTexts,
	}
	switch d {
	case PostgreSQL:
		e.name, e.dollar = "PostgreSQL", true
		e.scratch = "CREATE UNLOGGED TABLE"
		e.now = "CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)"
		e.hash = [2]string{"substr(encode(sha256(convert_to(", ", 'UTF8')), 'hex'), 1, 32)"}
		e.split = [2]string{"unnest(string_to_array(", ", ',')) AS u(v)"}
		e.analyze = "ANALYZE "
	case DuckDB:
		e.name, e.text = "DuckDB", "VARCHAR"
		e.now = "CAST(floor(epoch(now())) AS BIGINT)"
		e.hash = [2]string{"substr(sha256(", "), 1, 32)"}
		e.split = [2]string{"(SELECT unnest(string_split(", ", ',')) AS v) AS u"}
		e.grantSchema, e.grantTable, e.grantRead = "open the database for writing (%s)", "open the database for writing (%s)", "make %s readable"
	case SQLite:
		e.name, e.integer = "SQLite", "INTEGER"
		e.now = "CAST(strftime('%s', 'now') AS INTEGER)"
		e.hash = [2]string{"substr(sha256(", "), 1, 32)"}
		e.split = [2]string{`(SELECT value AS v FROM json_each('["' || replace(`, `, ',', '","') || '"]')) AS u`}
		e.probe = "SELECT CASE WHEN journal_mode IN ('wal', 'memory') THEN 'ok' ELSE journal_mode END FROM pragma_journal_mode"
		e.remedy = "a run reads and writes at once: set PRAGMA journal_mode=WAL"
		e.grantSchema, e.grantTable, e.grantRead = "open the database for writing (%s)", "open the database for writing (%s)", "make %s readable"
	case BigQuery:
		e.name, e.quote, e.text, e.integer, e.batch = "BigQuery", "`", "STRING", "INT64", 1<<20
		e.primary, e.options = "", " CLUSTER BY kd"
		e.now = "UNIX_SECONDS(CURRENT_TIMESTAMP())"
		e.hash = [2]string{"SUBSTR(TO_HEX(SHA256(", ")), 1, 32)"}
		e.split = [2]string{"UNNEST(SPLIT(", ", ',')) AS v"}
		e.grantSchema = "GRANT `roles/bigquery.dataEditor` ON SCHEMA %s"
		e.grantTable = "GRANT `roles/bigquery.dataEditor` ON TABLE %s"
		e.grantRead = "GRANT `roles/bigquery.dataViewer` ON TABLE %s"
	case Snowflake:
		e.name, e.text, e.integer, e.batch = "Snowflake", "VARCHAR", "NUMBER(19, 0)", 1<<20
		e.scratch, e.primary = "CREATE TRANSIENT TABLE", ""
		e.now = "DATE_PART(EPOCH_SECOND, CURRENT_TIMESTAMP())"
		e.hash = [2]string{"SUBSTR(SHA2(", ", 256), 1, 32)"}
		e.split = [2]string{"(SELECT value AS v FROM TABLE(SPLIT_TO_TABLE(", ", ','))) AS u"}
		e.grantSchema = "GRANT USAGE, CREATE TABLE ON SCHEMA %s"
		e.grantTable = "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s"
		e.grantRead = "GRANT SELECT ON TABLE %s"
	case Databricks:
		e.name, e.quote, e.text, e.batch = "Databricks", "`", "STRING", 1<<20
		e.primary = ""
		e.now = "unix_timestamp()"
		e.hash = [2]string{"substr(sha2(", ", 256), 1, 32)"}
		e.split = [2]string{"(SELECT explode(split(", ", ',')) AS v) AS u"}
		e.grantSchema = "GRANT USE SCHEMA, CREATE TABLE ON SCHEMA %s"
		e.grantTable = "GRANT SELECT, MODIFY ON TABLE %s"
		e.grantRead = "GRANT SELECT ON TABLE %s"
	default:
		return nil
	}
	return e
}

// ident quotes a name, of which dots are a part.
func (e *engine) ident(name string) string {
	inner := strings.ReplaceAll(name, e.quote, e.quote+e.quote)
	if e.name == "BigQuery" {
		inner = strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name)
	}
	return e.quote + inner + e.quote
}
