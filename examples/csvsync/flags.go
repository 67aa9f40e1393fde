package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are the flags as given.
type options struct {
	segment, comma, encoding                string
	mapping, columns                        string
	universe, subsequence, state, to        string
	suffix, imports, rows                   string
	creating, subscribe, format             string
	knownHosts, passwordFile, identity      string
	staging                                 string
	now, report, rejects, view              string
	known, knownColumn, duplicates          string
	leftUnsubscribe, leftClear, leftDelete  string
	memory, retain, samples                 int
	maxUnusable                             int64
	lazyQuotes, direct                      bool
	insert, partial, refresh, dryRun, quiet bool
	history, check                          bool
	brake, waiting                          string
	waitFor                                 time.Duration
	work                                    planWork
	upkeep                                  upkeep
	explain                                 *string // the key of a contact; nil without -explain
}

// flagGroup is the flags of one subject, as -help shows them together.
type flagGroup struct {
	title string
	flags *flag.FlagSet
}

// groups makes the flags, whose values go to the options.
func (o *options) groups() []flagGroup {
	var all []flagGroup
	group := func(title string, define func(f *flag.FlagSet)) {
		f := flag.NewFlagSet("", flag.ContinueOnError)
		define(f)
		all = append(all, flagGroup{title, f})
	}
	group("What is needed", o.neededFlags)
	group("The segment", o.segmentFlags)
	group("What is sent", o.sentFlags)
	group("Contacts that left the segment (by default nothing is done; these keep the keys of all contacts in the state, in clear)", o.leftFlags)
	group("The destination", o.destinationFlags)
	group("Plans and brakes", o.planFlags)
	group("In place of a run", o.upkeepFlags)
	group("What a run leaves", o.outputFlags)
	return all
}

func (o *options) neededFlags(f *flag.FlagSet) {
	f.StringVar(&o.segment, "segment", "", "`file` with all the contacts: CSV, its first line naming the fields, or by its name (.ndjson,\n.jsonl) a JSON object a line, a field being known when one of the first 1000 has it;\neither may be zipped by gzip")
	f.StringVar(&o.mapping, "mapping", "", "JSON `file` that says which field feeds which attribute")
	f.StringVar(&o.universe, "universe", "", "`name` of the universe at Splio")
	f.StringVar(&o.subsequence, "subsequence", "", "`name` of the import configuration at Splio that the files are for")
	f.StringVar(&o.state, "state", "", "`directory` that remembers what was delivered; made at the first run")
	f.StringVar(&o.to, "to", "", "`destination`: a directory that exists, or sftp://user@host:port/dir, where /dir is absolute and\n/~/dir is below the directory that a login starts in")
}

func (o *options) segmentFlags(f *flag.FlagSet) {
	f.StringVar(&o.comma, "comma", "", "the `character` that separates the fields of the segment, or tab; detected by default")
	f.StringVar(&o.encoding, "encoding", "", "the `name` of the segment's encoding: utf-8, utf-16, utf-16le, utf-16be, windows-1252,\niso-8859-1, or detect (default UTF-8, or UTF-16 where the text begins like it)")
	f.BoolVar(&o.lazyQuotes, "lazy-quotes", false, "take a quote inside a field of the segment for what it is, instead of rejecting the line")
	f.BoolVar(&o.partial, "partial", false, "the segment is only a part: contacts that are not in it have not left")
	f.StringVar(&o.duplicates, "duplicates", "reject", "what becomes of rows with one key that differ: reject all, or take the first or last: `policy`")
	f.IntVar(&o.memory, "memory", 0, "memory for the comparison, in `MiB`, at least 16; what needs more goes to temporary files in the state (default 64, and 6 bytes for each contact up to 100)")
}

func (o *options) sentFlags(f *flag.FlagSet) {
	f.BoolVar(&o.insert, "insert", false, "let rows create contacts: the sub-sequence must create and update. Without it, rows only\nupdate contacts that exist: the sub-sequence must only update")
	f.BoolVar(&o.refresh, "refresh", false, "send every valid contact, changed or not")
	f.StringVar(&o.rows, "rows", "full", "the `cells` to send of a contact that has changed: full, all that are mapped; changed, those that changed,\nwhich takes a file for each set of them; exact, the same, and a run that takes too many files fails")
	f.StringVar(&o.creating, "creating", "", "with -insert: `name` of the sub-sequence for new contacts, when -subsequence only updates")
	f.StringVar(&o.subscribe, "subscribe", "", "with -insert: lists that new contacts join, unless their row says something else of a list: `ids` like 3,7")
	f.StringVar(&o.format, "format", "", "how files are written, as settled with Splio: a `list` of quotes=all, never or reject (default those\nthat are needed), backslash (before quotes, which are doubled otherwise), crlf, open-end (no line end\nbehind the last row), max-lines=N (the header counts; default 200000) and max-bytes=N")
	f.StringVar(&o.columns, "columns", "", "the custom columns that the universe has, with their types: a `list` like points:integer,c5:text;\nthe type is text by default. A mapping with any other is refused. Without it, any passes,\nand the summary names them")
	f.StringVar(&o.imports, "imports", "", "JSON `file` that Splio calls <universe>_imports_config.json: a plan that contradicts it is refused")
	f.StringVar(&o.suffix, "suffix", "", "the `text` after the date in the names of further files of a day, as agreed with Splio, such as _{part}\nor -{token}, or with {time} in it. Without it they are called _2, _3 and so on, and marked as unconfirmed")
	f.StringVar(&o.known, "known", "", "CSV `file` with the contacts that exist in Splio, such as an export: without -insert, new\ncontacts that are not in it are held back until they are")
	f.StringVar(&o.knownColumn, "known-column", "", "`name` of the column of -known that holds the keys (default that of the key attribute)")
	f.StringVar(&o.now, "now", "", "`time` of the run, such as 2026-03-01T04:00:00Z, for the date in file names (default the present)")
}

func (o *options) leftFlags(f *flag.FlagSet) {
	f.StringVar(&o.leftUnsubscribe, "left-unsubscribe", "", "they leave these lists: `ids` like 3,7")
	f.StringVar(&o.leftClear, "left-clear", "", "these attributes are sent empty: `names` like points,c5")
	f.Int64Var(&o.maxUnusable, "max-unusable", 0, "the `number` of records without a usable key up to which contacts that are not in the segment have left: with\nmore, such a record may be theirs, and nothing is done about them, nor are they forgotten (default 0)")
	f.StringVar(&o.leftDelete, "left-delete", "", "they are deleted at Splio, through this `sub-sequence` of the scope deletecontacts; excludes the others")
}

func (o *options) destinationFlags(f *flag.FlagSet) {
	f.StringVar(&o.passwordFile, "password-file", "", "`file` with the password of the SFTP login; a line break at its end is cut")
	f.StringVar(&o.identity, "identity", "", "`file` with the private key of the SFTP login, not encrypted")
	f.StringVar(&o.knownHosts, "known-hosts", "", "`file` with the host key of the SFTP server (default ~/.ssh/known_hosts)")
	f.BoolVar(&o.direct, "direct", false, "write under the final name at once, for an SFTP server that can not rename: its reader may see a part of a file")
	f.StringVar(&o.staging, "staging", "", "`directory` on the SFTP server, /dir or /~/dir as in -to, for files that are not complete, where a reader would\ntake those too; it must exist, on the same file system as the drop directory (default that one)")
	f.StringVar(&o.waiting, "waiting", "report", "what to do when files of earlier runs are still in the drop directory: report them, wait for\nup to an hour until they were taken, or refuse to send more: `policy`")
	f.DurationVar(&o.waitFor, "wait-for", 0, "with -waiting wait: how long at most, as a `duration` like 90m (default 1h)")
}

func (o *options) planFlags(f *flag.FlagSet) {
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be sent; leave the state and the destination alone, to which it does not even connect;\nonly a directory that is not there is warned of")
	f.BoolVar(&o.work.make, "plan", false, "make a plan to be looked at, and send nothing; the next run replaces it")
	f.BoolVar(&o.work.apply, "apply", false, "send the plan that was made, as it is, and read no segment")
	f.StringVar(&o.work.release, "release", "", "approve the plan that was made, braked or not, for a `reason` that is kept with it: the next run\nsends it first, or with -apply this one")
	f.BoolVar(&o.work.discard, "discard", false, "give the plan up that was made, whatever its state")
	f.StringVar(&o.brake, "brake", "", "limits beyond which a plan is not sent before somebody has looked at it: a `list` like\nchanged=70%,left=off,empty=off. Its names, and what holds without it: shrunk=20%, left=20%,\ninserted=30%, changed=50%, rejected=20%, column-changed=50%, column-invalid=50%,\ndeleted=5%, size=50%, rows=10x, and minimum=100, the number of records below which a share says nothing")
	f.StringVar(&o.view, "view", "", "`file` to write the plan to for people to look at: a page (.html), text (.txt) or .json. It is written\nby -plan, -dry-run and runs, braked or not, and holds no value of any contact")
	f.IntVar(&o.samples, "samples", 0, "the `number` of rows of each file to show in -view, which holds personal data then. They can be had while\nthe plan waits: with -plan, and when a run was braked")
}

func (o *options) upkeepFlags(f *flag.FlagSet) {
	f.Func("explain", "say what a run would do about the contact with this `key`, and why, and what the state remembers of it;\nnothing is sent, remembered or written. Without -segment the state alone is asked. It needs no -to", o.setExplain)
	f.BoolVar(&o.check, "check", false, "look whether a run could begin: whether the mapping fits the segment, and whether host key, login and drop\ndirectory are right. Nothing is sent, remembered or written")
	f.BoolVar(&o.history, "history", false, "print the runs that -state remembers, the newest last, and do nothing else")
	f.BoolVar(&o.upkeep.adopt, "adopt", false, "take the segment for delivered, as what another tool has sent last, and send nothing. With -known only\ncontacts in it. A state that remembers contacts is refused")
	f.BoolVar(&o.upkeep.replace, "replace", false, "let -adopt replace what the state remembers")
	f.Func("forget", "erase the contact with this `key` from the state; may be given more than once. Others on the machine see\na command line: -forget-file does not show the key", o.upkeep.addForget)
	f.StringVar(&o.upkeep.forgetFile, "forget-file", "", "erase the contacts whose keys are in this CSV `file`")
	f.StringVar(&o.upkeep.resend, "resend", "", "CSV `file` with keys, such as Splio's report of rejected rows: the next run that has these contacts in its\nsegment sends them again")
	f.IntVar(&o.upkeep.most, "resend-most", 3, "how often -resend has a contact sent again while its row stays the same: a `number`, 0 for no limit")
	f.StringVar(&o.upkeep.column, "keys-column", "", "where -resend and -forget-file have the keys: the `name` of a column in the first line, or its number,\nfrom 1, when there is no line of names (default that of the key attribute)")
}

func (o *options) outputFlags(f *flag.FlagSet) {
	f.StringVar(&o.report, "report", "", "`file` to write the report to, as JSON; left as it is when a run fails before there is a plan")
	f.StringVar(&o.rejects, "rejects", "", "CSV `file` to write the rejected records to, for repair, with -dry-run too. Once there is a\nplan it holds what was rejected for it: the file of an earlier run is replaced, or removed\nwhen nothing was; when a run fails before that, it is left as it is")
	f.IntVar(&o.retain, "retain", 0, "the `number` of delivered plans whose files are kept in the state, in clear (default none)")
	f.BoolVar(&o.quiet, "quiet", false, "print errors only: neither the summary nor, on standard error, how far the run is")
}

// flagSet is all flags in one set.
func flagSet(groups []flagGroup) *flag.FlagSet {
	all := flag.NewFlagSet("csvsync", flag.ContinueOnError)
	all.SetOutput(io.Discard) // an error is reported like all others
	for _, g := range groups {
		g.flags.VisitAll(func(f *flag.Flag) { all.Var(f.Value, f.Name, f.Usage) })
	}
	return all
}

// isSwitch says of a flag that it takes no value.
func isSwitch(name string) bool {
	f := flagSet(new(options).groups()).Lookup(name)
	if f == nil {
		return false
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// parseFlags reads the flags. After -help, which it answers, the error is flag.ErrHelp.
func parseFlags(args []string, stdout io.Writer) (*options, error) {
	var o options
	groups := o.groups()
	f := flagSet(groups)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printHelp(stdout, groups)
		}
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: everything is given by flags", f.Arg(0))
	}
	var missing []string
	for _, name := range []string{"mapping", "segment", "state", "subsequence", "to", "universe"} {
		if f.Lookup(name).Value.String() == "" && o.needs(name) {
			missing = append(missing, "-"+name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing: %s", strings.Join(missing, ", "))
	}
	return &o, nil
}

// needs says whether what is asked for takes a flag.
func (o *options) needs(name string) bool {
	switch {
	case o.history:
		return name == "state"
	case o.explain != nil:
		return name != "segment" && name != "to"
	case name == "segment":
		return !o.work.any()
	case name == "to":
		return !o.upkeep.any()
	}
	return true
}

func printHelp(w io.Writer, groups []flagGroup) {
	fmt.Fprint(w, help)
	for _, g := range groups {
		fmt.Fprintf(w, "%s:\n\n", g.title)
		g.flags.SetOutput(w)
		g.flags.PrintDefaults()
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, helpStatus)
}
