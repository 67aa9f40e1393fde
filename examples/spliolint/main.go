// Command spliolint checks contacts files against what Splio accepts, before they are sent. Run it with -help, or read
// README.md.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio/lint"
)

// The exit statuses.
const (
	statusClean  = 0
	statusFound  = 1
	statusFailed = 2
)

const help = `spliolint checks contacts files against what Splio accepts, before they are sent.

  spliolint [flags] FILE|DIR...

It prints a line for each finding, and never what is in a cell:

  file:line:column: error|warning: rule: what to do

The column is a byte of the line. Of a directory it checks the files whose name
ends in .csv or has _contacts_ or _deletecontacts_ in it, and whether two of one
universe and day share a key.

Flags:

`

const helpStatus = `
Exit status:

  0  nothing was found
  1  something was found, be it warnings alone
  2  spliolint was called wrongly, or a file could not be read: what is printed
     is not all there is to find
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with everything it touches passed in, for tests.
func run(args []string, stdout, stderr io.Writer) int {
	var o lint.Options
	var columns string
	var asJSON bool
	f := flag.NewFlagSet("spliolint", flag.ContinueOnError)
	f.StringVar(&columns, "custom", "", "the custom columns that the universe has, with their types and limits: a `list` like\npoints:integer,c5:text:100; the type is text by default. Any other is then an error")
	f.StringVar(&o.Key, "key", "", "`column` with the key (default customer_key where the file has it, and email elsewhere)")
	f.IntVar(&o.Max, "max", 0, "the most findings of one rule in one file (default 100)")
	f.BoolVar(&o.Strict, "strict", false, "also find what is a matter of tidiness, such as a missing line end at the end")
	f.BoolVar(&asJSON, "json", false, "print a JSON object a line")
	f.SetOutput(io.Discard) // an error is reported like all others
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		f.SetOutput(stdout)
		f.PrintDefaults()
		fmt.Fprint(stdout, helpStatus)
		return statusClean
	case err == nil && f.NArg() == 0:
		err = errors.New("name a file or a directory; -help explains the rest")
	case err == nil && o.Max < 0:
		err = errors.New("-max must not be negative")
	}
	if err == nil {
		o.Custom, err = parseColumns(columns)
	}
	if err != nil {
		complain(stderr, err)
		return statusFailed
	}

	out := bufio.NewWriter(stdout)
	status := statusClean
	for _, path := range f.Args() {
		found, err := check(out, path, o, asJSON)
		if err != nil {
			complain(stderr, err)
			status = statusFailed
		} else if found && status == statusClean {
			status = statusFound
		}
	}
	if err := out.Flush(); err != nil {
		complain(stderr, err)
		return statusFailed
	}
	return status
}

// check checks a file, or the files of a directory.
func check(out io.Writer, path string, o lint.Options, asJSON bool) (found bool, err error) {
	findings := lint.File(path, o)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		findings = lint.Dir(path, o)
	}
	for f, err := range findings {
		if err != nil {
			return found, err
		}
		found = true
		if !asJSON {
			fmt.Fprintln(out, f)
			continue
		}
		if err := json.NewEncoder(out).Encode(f); err != nil {
			return found, err
		}
	}
	return found, nil
}

// complain writes an error, one problem a line.
func complain(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(w, "spliolint:", strings.TrimSpace(line))
	}
}

// types are what a custom column may be declared as.
var types = map[mapping.Type]bool{
	"": true, mapping.Text: true, mapping.Integer: true, mapping.Decimal: true, mapping.Boolean: true, mapping.Date: true,
	mapping.DateTime: true, mapping.Language: true, mapping.Phone: true, mapping.Email: true, mapping.Lists: true,
}

// parseColumns reads -custom. The error holds every problem at once.
func parseColumns(s string) ([]mapping.Attribute, error) {
	if s == "" {
		return nil, nil
	}
	var columns []mapping.Attribute
	var errs []error
	seen := make(map[string]bool)
	for part := range strings.SplitSeq(s, ",") {
		words := strings.Split(strings.TrimSpace(part), ":")
		column := mapping.Attribute{Name: words[0]}
		problem := ""
		switch {
		case column.Name == "":
			problem = "the name is missing"
		case seen[column.Name]:
			problem = "it is there already"
		case len(words) > 3:
			problem = "write name:type:limit"
		}
		seen[column.Name] = true
		if len(words) > 1 {
			if column.Type = mapping.Type(words[1]); !types[column.Type] || column.Type == "" {
				problem = "there is no such type: text, integer, decimal, boolean, date, datetime, language, phone, email or lists"
			}
		}
		if len(words) > 2 {
			var err error
			if column.Max, err = strconv.Atoi(words[2]); err != nil || column.Max < 1 {
				problem = "the limit is not a number of characters"
			}
		}
		if problem != "" {
			errs = append(errs, fmt.Errorf("-custom %q: %s", part, problem))
		}
		columns = append(columns, column)
	}
	return columns, errors.Join(errs...)
}
