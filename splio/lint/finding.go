package lint

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // Splio would skip it, or it would do harm
	Warning Severity = "warning" // it may be right, or nobody knows what Splio makes of it
)

// Finding is a fault and its place. A fault of a whole file is at line 1, column 1.
type Finding struct {
	File     string   `json:"file"`   // as it was given
	Line     int64    `json:"line"`   // from 1
	Column   int      `json:"column"` // the byte of the line, from 1
	Field    int      `json:"field,omitempty"`
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"` // what to do; never what is in a cell
}

// String is file:line:column: severity: rule: message.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s: %s", f.File, f.Line, f.Column, f.Severity, f.Rule, f.Message)
}

// Options say what is known of the universe. The zero value knows nothing.
type Options struct {
	// Key is the column with the key. By default it is customer_key where the
	// file has that, and email elsewhere.
	Key string

	// Custom are the custom columns that the universe has, by the names that
	// headers use, with their types and limits (255 characters by default). When it
	// is nil, any name passes that a custom column could have, and the cells of such
	// a column are checked as text only.
	Custom []mapping.Attribute

	// Max is the most findings of one rule in one file, 100 by default. When there
	// are more, one further finding says how many.
	Max int

	// Strict also finds what is only untidy: a missing line end after the last row.
	Strict bool
}

// defaultMax is the default of Options.Max.
const defaultMax = 100

func (o Options) validate() (Options, error) {
	if o.Max < 0 {
		return o, fmt.Errorf("lint: Options.Max is %d: it must not be negative", o.Max)
	}
	if o.Max == 0 {
		o.Max = defaultMax
	}
	return o, nil
}

// warnings are the rules whose findings are no errors.
const warnings = " file-universe file-subsequence file-suffix line-limit-header backslash-quote crlf final-newline no-rows blank-line " +
	"column-spelling similar-key shared-key phone date-form zero-date edge-space null formula "

func severity(rule string) Severity {
	if strings.Contains(warnings, " "+rule+" ") {
		return Warning
	}
	return Error
}

// list is where the findings of a file go.
type list struct {
	file    string
	max     int
	out     []Finding // not yielded yet
	counts  map[string]int
	stopped bool // nobody wants more
}

// add adds a finding, unless its rule has had enough.
func (l *list) add(rule string, line int64, column, field int, format string, args ...any) {
	if l.counts == nil {
		l.counts = make(map[string]int)
	}
	if l.counts[rule]++; l.counts[rule] > l.max {
		return
	}
	l.out = append(l.out, Finding{
		File: l.file, Line: line, Column: column, Field: field,
		Rule: rule, Severity: severity(rule), Message: fmt.Sprintf(format, args...),
	})
}

// plainColumn is a column's name as it can be shown: one that can not be a value
// that got into the header.
func plainColumn(name string) string {
	if len(name) <= maxColumnName && customName.MatchString(name) {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("of %d characters", utf8.RuneCountInString(name))
}
