package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// namer tells the names of the fields.
type namer interface {
	Fields(ctx context.Context) ([]string, error)
}

// fieldNames are known already.
type fieldNames []string

func (n fieldNames) Fields(context.Context) ([]string, error) { return n, nil }

// namesBeside returns what tells the names of a segment's fields while it is being read.
func namesBeside(segment mapping.Source, o *options) (namer, error) {
	if info, err := os.Stat(o.segment); err == nil && isPipe(info) {
		names, err := segment.Fields(context.Background())
		return fieldNames(names), err
	}
	return openSegment(o)
}

// isPipe says that a file can be read once only.
func isPipe(info fs.FileInfo) bool { return !info.Mode().IsRegular() && !info.IsDir() }

// openSegment makes the source that -segment names. It opens nothing but a pipe.
func openSegment(o *options) (mapping.Source, error) {
	if isNDJSON(o.segment) {
		if o.comma != "" || o.encoding != "" || o.lazyQuotes {
			return nil, errors.New("-comma, -encoding and -lazy-quotes are for CSV: by its name, -segment is JSON")
		}
		return source.NDJSONFile(o.segment, source.NDJSONOptions{}), nil
	}
	comma, err := parseComma(o.comma)
	how := source.CSVOptions{Comma: comma, Encoding: o.encoding, LazyQuotes: o.lazyQuotes}
	if err := errors.Join(err, checkEncoding(o.encoding)); err != nil {
		return nil, err
	}
	if info, err := os.Stat(o.segment); err == nil && isPipe(info) {
		f, err := os.Open(o.segment)
		if err != nil {
			return nil, fmt.Errorf("-segment: %w", err)
		}
		return source.CSV(f, how), nil
	}
	return source.CSVFile(o.segment, how), nil
}

// isNDJSON tells from its name whether a file holds JSON objects.
func isNDJSON(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".jsonl")
}

// parseComma returns the separator, or zero to detect it.
func parseComma(s string) (rune, error) {
	if s == "" {
		return 0, nil
	}
	if s == "tab" || s == `\t` {
		s = "\t"
	}
	comma, size := utf8.DecodeRuneInString(s)
	if size != len(s) || tryCSV(source.CSVOptions{Comma: comma}) != nil {
		return 0, fmt.Errorf("-comma %q is not one character that can separate fields", s)
	}
	return comma, nil
}

func checkEncoding(name string) error {
	if err := tryCSV(source.CSVOptions{Encoding: name}); err != nil {
		return fmt.Errorf("-encoding: %s", strings.TrimPrefix(err.Error(), "source: "))
	}
	return nil
}

// tryCSV asks the reader itself whether it can work like this. The text has a meaning in every encoding.
func tryCSV(o source.CSVOptions) error {
	_, err := source.CSV(strings.NewReader("ab"), o).Fields(context.Background())
	return err
}

// parseColumns reads a list like "points:integer,c5" of the custom columns that exist; nil when none is declared.
func parseColumns(s string) ([]mapping.Attribute, error) {
	if s == "" {
		return nil, nil
	}
	var columns []mapping.Attribute
	var errs []error
	for part := range strings.SplitSeq(s, ",") {
		name, kind, typed := strings.Cut(strings.TrimSpace(part), ":")
		column := mapping.Attribute{Name: name, Type: mapping.Type(kind)}
		// The mapping itself is asked whether there can be such a column.
		probe := mapping.Mapping{Key: mapping.Field{From: "key", To: "key"}}
		err := probe.Check([]string{"key"}, mapping.Options{Custom: []mapping.Attribute{column}})
		if wrong, ok := errors.AsType[*mapping.BindError](err); ok {
			errs = append(errs, fmt.Errorf("-columns %q: %s", part, wrong.Reason))
		} else if typed && kind == "" {
			errs = append(errs, fmt.Errorf("-columns %q: the type is missing", part))
		} else if slices.ContainsFunc(columns, func(c mapping.Attribute) bool { return c.Name == name }) {
			errs = append(errs, fmt.Errorf("-columns %q: there is a column %q already", part, name))
		}
		columns = append(columns, column)
	}
	return columns, errors.Join(errs...)
}
