package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

const help = `csvsync keeps the contacts of a Splio universe in step with a file of CSV or JSON:
each run sends what changed since the last run that was delivered, and nothing else.

  csvsync -segment segment.csv -mapping mapping.json -universe acme -subsequence crm \
          -state /var/lib/csvsync -to sftp://acme@sftp.splio.com/imports -password-file /etc/csvsync/password

What it rejects is repaired by hand and fed back, without waiting for the next segment:

  csvsync ... -segment segment.csv -rejects rejects.csv
  mv rejects.csv repaired.csv     (correct the values; the last three columns say what is wrong)
  csvsync ... -segment repaired.csv -partial -rejects rejects.csv

A run over a segment that is empty, or has shrunk or changed beyond reason, is braked:
it makes a plan, sends nothing, and ends with status 3. When the segment is right all the
same, send the plan:

  csvsync ... -release "new brand bought" -apply

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
  3  the plan was braked, and nothing of it was sent: the messages say why, and
     give the commands to go on with
`

// options are the flags as given.
type options struct {
	segment, comma, encoding                string
	mapping, columns                        string
	universe, subsequence, state, to        string
	knownHosts, passwordFile, identity      string
	now, report, rejects                    string
	known, knownColumn, duplicates          string
	memory                                  int
	lazyQuotes                              bool
	insert, partial, refresh, dryRun, quiet bool
	history                                 bool
	brake, waiting                          string
	retain                                  int
	work                                    planWork
	explain                                 *string // the key of a contact; nil without -explain
}

// parseFlags reads the flags. After -help, which it answers, the error is flag.ErrHelp.
func parseFlags(args []string, stdout io.Writer) (*options, error) {
	var o options
	f := flag.NewFlagSet("csvsync", flag.ContinueOnError)
	f.StringVar(&o.segment, "segment", "", "`file` with all the contacts: CSV, its first line naming the fields, or by its name (.ndjson,\n.jsonl) a JSON object a line, a field being known when one of the first 1000 has it;\neither may be zipped by gzip")
	f.StringVar(&o.mapping, "mapping", "", "JSON `file` that says which field feeds which attribute")
	f.StringVar(&o.comma, "comma", "", "the `character` that separates the fields of the segment, or tab; detected by default")
	f.StringVar(&o.encoding, "encoding", "", "the `name` of the segment's encoding: utf-8, utf-16, utf-16le, utf-16be, windows-1252,\niso-8859-1, or detect (default UTF-8, or UTF-16 where the text begins like it)")
	f.BoolVar(&o.lazyQuotes, "lazy-quotes", false, "take a quote inside a field of the segment for what it is, instead of rejecting the line")
	f.StringVar(&o.columns, "columns", "", "the custom columns that the universe has, with their types: a `list` like points:integer,c5:text;\nthe type is text by default. A mapping with any other is refused. Without it, any passes,\nand the summary names them")
	f.StringVar(&o.universe, "universe", "", "`name` of the universe at Splio")
	f.StringVar(&o.subsequence, "subsequence", "", "`name` of the import configuration at Splio that the files are for")
	f.StringVar(&o.state, "state", "", "`directory` that remembers what was delivered; made at the first run")
	f.StringVar(&o.to, "to", "", "`destination`: a directory, or sftp://user@host:port/dir, where /dir is absolute and\n/~/dir is below the directory that a login starts in")
	f.StringVar(&o.knownHosts, "known-hosts", "", "`file` with the host key of the SFTP server (default ~/.ssh/known_hosts)")
	f.StringVar(&o.passwordFile, "password-file", "", "`file` with the password of the SFTP login; a line break at its end is cut")
	f.StringVar(&o.identity, "identity", "", "`file` with the private key of the SFTP login, not encrypted")
	f.BoolVar(&o.insert, "insert", false, "let rows create contacts: the sub-sequence must create and update. Without it, rows only\nupdate contacts that exist: the sub-sequence must only update")
	f.StringVar(&o.known, "known", "", "CSV `file` with the contacts that exist in Splio, such as an export: without -insert, new\ncontacts that are not in it are held back until they are")
	f.StringVar(&o.knownColumn, "known-column", "", "`name` of the column of -known that holds the keys (default that of the key attribute)")
	f.StringVar(&o.duplicates, "duplicates", "reject", "what becomes of rows with one key that differ: reject all, or take the first or last: `policy`")
	f.IntVar(&o.memory, "memory", 0, "memory for the comparison, in `MiB`, at least 16 (default 64); what needs more goes to temporary files in the state")
	f.BoolVar(&o.partial, "partial", false, "the segment is only a part: contacts that are not in it have not left")
	f.BoolVar(&o.refresh, "refresh", false, "send every valid contact, changed or not")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be sent; leave the state and the destination alone")
	f.StringVar(&o.brake, "brake", "", "limits beyond which a plan is not sent before somebody has looked at it: a `list` like\nchanged=70%,left=off,empty=off. Its names, and what holds without it: shrunk=20%, left=20%,\ninserted=30%, changed=50%, rejected=20%, column-changed=50%, column-invalid=50%,\nsize=50%, rows=10x, and minimum=100, the number of records below which a share says nothing")
	f.StringVar(&o.waiting, "waiting", "report", "what to do when files of earlier runs are still in the drop directory: report them, wait for\nup to an hour until they were taken, or refuse to send more: `policy`")
	f.IntVar(&o.retain, "retain", 0, "the `number` of delivered plans whose files are kept in the state, in clear (default none)")
	f.BoolVar(&o.work.make, "plan", false, "make a plan to be looked at, and send nothing; the next run replaces it")
	f.BoolVar(&o.work.apply, "apply", false, "send the plan that was made, as it is, and read no segment")
	f.StringVar(&o.work.release, "release", "", "approve the plan that was made, braked or not, for a `reason` that is kept with it: the next run\nsends it first, or with -apply this one")
	f.BoolVar(&o.work.discard, "discard", false, "give the plan up that was made, whatever its state")
	f.Func("explain", "say what a run would do about the contact with this `key`, and why, and what the state remembers of it;\nnothing is sent, remembered or written. Without -segment the state alone is asked. It needs no -to", o.setExplain)
	f.BoolVar(&o.history, "history", false, "print the runs that -state remembers, the newest last, and do nothing else")
	f.StringVar(&o.now, "now", "", "`time` of the run, such as 2026-03-01T04:00:00Z, for the date in file names (default the present)")
	f.StringVar(&o.report, "report", "", "`file` to write the report to, as JSON; left as it is when a run fails before there is a plan")
	f.StringVar(&o.rejects, "rejects", "", "CSV `file` to write the rejected records to, for repair, with -dry-run too. Once there is a\nplan it holds what was rejected for it: the file of an earlier run is replaced, or removed\nwhen nothing was; when a run fails before that, it is left as it is")
	f.BoolVar(&o.quiet, "quiet", false, "print errors only: neither the summary nor, on standard error, how far the run is")

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
			if g.Name == "segment" && o.work.any() || o.explain != nil && (g.Name == "segment" || g.Name == "to") || g.Name != "state" && o.history {
				return
			}
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
	rejects    *rejectsFile // nil without -rejects
	dryRun     bool
	quiet      bool
	work       planWork
	explain    *string  // the key of the contact that is asked about
	args       []string // of the command line
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
		work:   o.work,
	}
	j.explain = o.explain
	var errs [12]error
	j.segment, errs[0] = openSegment(o)
	j.activation.Mapping, errs[1] = readMapping(o.mapping)
	j.activation.Destination.Custom, errs[2] = parseColumns(o.columns)
	if o.now != "" {
		if j.activation.Now, errs[3] = time.Parse(time.RFC3339, o.now); errs[3] != nil {
			errs[3] = fmt.Errorf("-now %q is not a time like 2026-03-01T04:00:00Z", o.now)
		}
	}
	if o.report != "" {
		if dir, err := os.Stat(filepath.Dir(o.report)); err != nil || !dir.IsDir() {
			errs[4] = fmt.Errorf("-report: %s is not a directory", filepath.Dir(o.report))
		}
	}
	errs[5] = checkRejects(o)
	if o.explain == nil {
		j.transport, errs[6] = openTransport(o)
	}
	j.activation.Duplicates, errs[7] = parseDuplicates(o.duplicates)
	j.activation.Memory, errs[8] = parseMemory(o.memory)
	j.activation.Brakes, errs[9] = parseBrakes(o.brake)
	errs[10] = errors.Join(o.work.check(o), o.checkExplain())
	switch o.waiting {
	case "report", "":
	case "wait", "refuse":
		j.activation.Waiting = splio.Waiting(o.waiting)
	default:
		errs[11] = fmt.Errorf("-waiting %q is none of report, wait and refuse", o.waiting)
	}
	j.activation.Retain = o.retain
	if o.known != "" {
		j.activation.Known = knownKeys(o.known, o.knownColumn, j.activation.Mapping.Key.To)
	}
	if o.rejects != "" && !o.work.any() {
		j.rejects = &rejectsFile{name: o.rejects}
		if errs[0] == nil {
			j.rejects.segment, errs[0] = namesBeside(j.segment, o)
		}
		j.activation.OnRejected = j.rejects.add
	}
	if o.segment == "" { // what there is to do takes none
		j.segment = nil
	}
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
	var errs []error
	for _, f := range append([]mapping.Field{m.Key}, m.Fields...) {
		for _, t := range f.Transforms {
			if t.Name == "func" {
				errs = append(errs, fmt.Errorf("%s: attribute %q asks for the Go function %q, and csvsync has none: write a program of your own for it", name, f.To, t.Func))
			}
		}
	}
	return m, errors.Join(errs...)
}
