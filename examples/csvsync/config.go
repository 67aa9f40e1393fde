package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

const help = `csvsync keeps the contacts of a Splio universe in step with a CSV file: each run
sends what changed since the last run that was delivered, and nothing else.

  csvsync -segment segment.csv -mapping mapping.json -universe acme -subsequence crm \
          -state /var/lib/csvsync -to sftp://acme@sftp.splio.com/imports -password-file /etc/csvsync/password

Flags:

`

const helpStatus = `
Exit status:

  0  delivered, or there was nothing to send; rejected rows do not fail a run
  1  the run failed and nothing was forgotten: a segment that is missing or can
     not be read, the drop directory, the network, what the server said of its
     host key or the login, a damaged state, another run at work, a signal
  2  csvsync was called wrongly, and nothing was read or sent: flags, the
     mapping, a mapping and a segment (or a state) that do not fit together
`

// options are the flags as given.
type options struct {
	segment, mapping, comma                 string
	universe, subsequence, state, to        string
	knownHosts, passwordFile, identity      string
	now, report                             string
	insert, partial, refresh, dryRun, quiet bool
}

// parseFlags reads the flags. After -help, which it answers, the error is flag.ErrHelp.
func parseFlags(args []string, stdout io.Writer) (*options, error) {
	var o options
	f := flag.NewFlagSet("csvsync", flag.ContinueOnError)
	f.StringVar(&o.segment, "segment", "", "CSV `file` with all the contacts, in UTF-8, its first line naming the fields")
	f.StringVar(&o.mapping, "mapping", "", "JSON `file` that says which field feeds which attribute")
	f.StringVar(&o.comma, "comma", "", "the `character` that separates the fields of the segment, or tab; detected by default")
	f.StringVar(&o.universe, "universe", "", "`name` of the universe at Splio")
	f.StringVar(&o.subsequence, "subsequence", "", "`name` of the import configuration at Splio that the files are for")
	f.StringVar(&o.state, "state", "", "`directory` that remembers what was delivered; made at the first run")
	f.StringVar(&o.to, "to", "", "`destination`: a directory, or sftp://user@host:port/dir, where /dir is absolute and\n/~/dir is below the directory that a login starts in")
	f.StringVar(&o.knownHosts, "known-hosts", "", "`file` with the host key of the SFTP server (default ~/.ssh/known_hosts)")
	f.StringVar(&o.passwordFile, "password-file", "", "`file` with the password of the SFTP login; a line break at its end is cut")
	f.StringVar(&o.identity, "identity", "", "`file` with the private key of the SFTP login, not encrypted")
	f.BoolVar(&o.insert, "insert", false, "let rows create contacts: the sub-sequence must create and update. Without it, rows only\nupdate contacts that exist: the sub-sequence must only update")
	f.BoolVar(&o.partial, "partial", false, "the segment is only a part: contacts that are not in it have not left")
	f.BoolVar(&o.refresh, "refresh", false, "send every valid contact, changed or not")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be sent; leave the state and the destination alone")
	f.StringVar(&o.now, "now", "", "`time` of the run, such as 2026-03-01T04:00:00Z, for the date in file names (default the present)")
	f.StringVar(&o.report, "report", "", "`file` to write the report to, as JSON; left as it is when a run fails before there is a plan")
	f.BoolVar(&o.quiet, "quiet", false, "print errors only")

	f.SetOutput(io.Discard) // an error is reported like all others
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			f.SetOutput(stdout)
			f.PrintDefaults()
			fmt.Fprint(stdout, helpStatus)
		}
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: everything is given by flags", f.Arg(0))
	}
	var missing []string
	f.VisitAll(func(g *flag.Flag) {
		switch g.Name {
		case "segment", "mapping", "universe", "subsequence", "state", "to":
			if g.Value.String() == "" {
				missing = append(missing, "-"+g.Name)
			}
		}
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing: %s", strings.Join(missing, ", "))
	}
	return &o, nil
}

// job is what the flags ask for.
type job struct {
	activation splio.Activation
	segment    mapping.Source
	transport  splio.Transport
	report     string
	dryRun     bool
	quiet      bool
}

// configure reads everything but the segment and the state. The error holds every problem at once.
func configure(o *options) (*job, error) {
	j := &job{
		activation: splio.Activation{
			Destination: splio.Destination{Universe: o.universe, Subsequence: o.subsequence},
			State:       o.state,
			Insert:      o.insert,
			Partial:     o.partial,
			Refresh:     o.refresh,
		},
		report: o.report,
		dryRun: o.dryRun,
		quiet:  o.quiet,
	}
	var errs [5]error
	var comma rune
	j.activation.Mapping, errs[0] = readMapping(o.mapping)
	comma, errs[1] = parseComma(o.comma)
	if o.now != "" {
		if j.activation.Now, errs[2] = time.Parse(time.RFC3339, o.now); errs[2] != nil {
			errs[2] = fmt.Errorf("-now %q is not a time like 2026-03-01T04:00:00Z", o.now)
		}
	}
	if o.report != "" {
		if dir, err := os.Stat(filepath.Dir(o.report)); err != nil || !dir.IsDir() {
			errs[3] = fmt.Errorf("-report: %s is not a directory", filepath.Dir(o.report))
		}
	}
	j.transport, errs[4] = openTransport(o)
	j.segment = source.CSVFile(o.segment, source.CSVOptions{Comma: comma})
	return j, errors.Join(errs[:]...)
}

func readMapping(name string) (mapping.Mapping, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return mapping.Mapping{}, fmt.Errorf("-mapping: %w", err)
	}
	m, err := mapping.Parse(data)
	if err != nil {
		return mapping.Mapping{}, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
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
	// The reader itself is asked whether it can use the character.
	_, err := source.CSV(strings.NewReader("field\n"), source.CSVOptions{Comma: comma}).Fields(context.Background())
	if size != len(s) || err != nil {
		return 0, fmt.Errorf("-comma %q is not one character that can separate fields", s)
	}
	return comma, nil
}
