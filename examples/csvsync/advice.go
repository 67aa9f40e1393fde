package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// inFlags puts flags in the place of what the library calls its settings.
var inFlags = strings.NewReplacer(flagWords...)

// flagWords are texts of the library, and what they are for somebody who has flags.
var flagWords = []string{
	"Run ends its delivery first, Apply does that alone, Discard gives it up",
	"a run ends its delivery first, -apply does that alone, -discard gives it up",
	"can not be applied: discard it,", "can not be applied: give it up with -discard,",
	" or pin it as HostKey", "",
	"resend the contact, or refresh, to have it sent once more", "to have it sent once more, give -resend a file with its key",
	"Insert mode is off", "-insert is not given",
	"in insert mode it would", "with -insert it would",
	"In insert mode it counts", "With -insert it counts",
	"Activation.Known makes no sense with Insert", "-known makes no sense with -insert",
	"ask for that, or choose another Activation.State", "ask for that with -replace, or choose another -state",
	"raise Activation.MaxFiles, or choose Rows \"changed\"", "choose -rows changed",
	"without Activation.Left", "without -left-unsubscribe, -left-clear and -left-delete",
	"Activation.State", "-state",
	"Activation.Retain", "-retain",
	"Activation.Waiting", "-waiting",
	"Activation.Now", "-now",
	"Activation.MaxUnusable", "-max-unusable",
	"the rejections of a preview name the lines", "-dry-run names the lines",
	"Report.LeftSkipped of a preview says why not", "-dry-run says why not",
	"or let the first or the last one win", "or give -duplicates first or last",
	"Left.Unsubscribe", "-left-unsubscribe",
	"Left.Clear", "-left-clear",
	"Left.Delete", "-left-delete",
	"Destination.Creating is Subsequence", "-creating is the same as -subsequence",
	"Destination.Creating", "-creating",
	"Activation.Subscribe", "-subscribe",
	"and Insert is off", "and -insert is not given",
	"Format.Backslash makes no sense with Quotes", "-format backslash makes no sense with quotes",
	"Format.Quotes", "-format quotes",
	"Format.MaxLines", "-format max-lines",
	"Format.MaxBytes", "-format max-bytes",
	"Destination.Universe", "-universe",
	"Destination.Subsequence", "-subsequence",
	"Destination.Suffix", "-suffix",
	"once with Refresh", "once with -refresh",
	"Config.Direct", "-direct",
	"Config.Staging", "-staging",
	"KnownHosts: ", "-known-hosts: ",
	"and Comma is", "and -comma is",
	"use KeysOptions.Number", "give its number as -keys-column, in a file without the line of names",
}

// complain writes an error, one problem a line.
func complain(w io.Writer, err error) {
	for line := range strings.Lines(inFlags.Replace(err.Error())) {
		fmt.Fprintln(w, "csvsync:", strings.TrimSpace(line))
	}
}

// say writes a line of advice.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "csvsync: "+format+"\n", args...)
}

// failed reports how a run ended, and what to do, and returns the exit status.
func (j *job) failed(ctx context.Context, stderr io.Writer, err error) int {
	complain(stderr, err)
	// A state directory of another universe or key is wrong configuration too.
	if errors.Is(err, splio.ErrConfig) || errors.Is(err, diff.ErrForeign) || j.upkeep.adopt && errors.Is(err, fs.ErrExist) {
		if errors.Is(err, diff.ErrForeign) {
			say(stderr, "a state belongs to one universe and key: give another -state, or the -universe and the mapping's key that it was made for")
		}
		say(stderr, "nothing was done; -help explains the flags")
		return statusConfig
	}
	if _, braked := errors.AsType[*splio.BrakeError](err); braked {
		for _, line := range j.goOn() {
			say(stderr, "%s", line)
		}
		return statusBraked
	}
	if errors.Is(err, splio.ErrNoPlan) && j.work.any() {
		say(stderr, "no plan waits in %s: it was sent, given up or replaced, or none was made there; -plan makes one, -history tells what became of earlier ones", j.activation.State)
	}
	if k, ok := errors.AsType[*sftpx.HostKeyError](err); ok && !k.Revoked && len(k.Known) == 0 {
		if host, port, err := net.SplitHostPort(k.Host); err == nil {
			say(stderr, "to add the key: \"ssh-keyscan -p %s %s > new\", compare what \"ssh-keygen -lf new\" shows with what the provider states, and append new to the file of -known-hosts", port, host)
		}
	}
	if j.resumable(err) {
		next := "the next run goes on from here"
		if _, ok := errors.AsType[*sftpx.HostKeyError](err); ok || errors.Is(err, sftpx.ErrLogin) {
			next = "mend this before the next run, which goes on from here" // many refused logins may lock an account
		}
		say(stderr, "nothing was forgotten: %s", next)
	}
	switch {
	case ctx.Err() == nil:
	case j.looks():
		say(stderr, "stopped: nothing was changed")
	case j.upkeep.forgets(): // the command has a key in it
		say(stderr, "stopped: run the same command again")
	default:
		say(stderr, "stopped; to go on now, run the same command again:")
		say(stderr, "  %s", j.same())
	}
	return statusFailed
}

// looks says that nothing is changed, whatever happens.
func (j *job) looks() bool { return j.dryRun || j.check || j.explain != nil }

// resumable says that running again is all there is to do.
func (j *job) resumable(err error) bool {
	_, state := errors.AsType[*diff.StateError](err)
	return !j.looks() && !j.upkeep.any() && !state && !errors.Is(err, diff.ErrLocked) && !errors.Is(err, errBeside) && !errors.Is(err, splio.ErrNoPlan)
}
