package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spliosync/spliosync/splio"
)

// planWork is what to do about a plan, instead of a whole run.
type planWork struct {
	make, apply, discard bool
	release              string
}

// any says that something is to be done about the plan that is there.
func (w planWork) any() bool { return w.apply || w.discard || w.release != "" }

func (w planWork) check(o *options) error {
	if count(w.make, w.apply || w.release != "", w.discard, o.dryRun) > 1 {
		return errors.New("-plan, -discard, -dry-run, and -release or -apply exclude each other")
	}
	return nil
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// onPlan deals with the plan in the outbox, and returns its report.
func (j *job) onPlan(ctx context.Context, stdout io.Writer, bar *progress) (*splio.Report, error) {
	p, err := j.activation.Pending(ctx)
	if err != nil {
		return nil, err
	}
	say := func(format string, args ...any) {
		if bar.clear(); !j.quiet {
			fmt.Fprintf(stdout, format, args...)
		}
	}
	if j.work.discard {
		if err := p.Discard(ctx); err != nil {
			return nil, err
		}
		say("plan %s, which was %s, is discarded\n", p.ID, p.State)
		return nil, nil
	}
	if j.work.release != "" {
		if err := p.Release(ctx, j.work.release); err != nil {
			return nil, err
		}
		say("plan %s is %s\n", p.ID, p.State)
	}
	if !j.work.apply {
		return nil, nil
	}
	return p.Apply(ctx, j.transport)
}

// goOn says what to do about a plan that is braked, with the commands.
func (j *job) goOn() []string {
	return []string{
		"when the segment is mended, make another plan, which replaces this one:",
		"  " + j.command(),
		"when it is right as it is, send this plan, and say why:",
		"  " + j.command("-release", "REASON", "-apply"),
	}
}

// command is the command line of this run without what concerns the plan, and with flags instead.
func (j *job) command(flags ...string) string {
	words := []string{"csvsync"}
	for i := 0; i < len(j.args); i++ {
		name, _, valued := strings.Cut(strings.TrimLeft(j.args[i], "-"), "=")
		switch name {
		case "plan", "apply", "discard", "dry-run":
			continue
		case "release":
			if !valued {
				i++
			}
			continue
		}
		words = append(words, quote(j.args[i]))
		if !valued && !isSwitch(name) && i+1 < len(j.args) { // its value may look like a flag
			i++
			words = append(words, quote(j.args[i]))
		}
	}
	return strings.Join(append(words, flags...), " ")
}

// same is the command line of this run.
func (j *job) same() string {
	words := []string{"csvsync"}
	for _, word := range j.args {
		words = append(words, quote(word))
	}
	return strings.Join(words, " ")
}

// quote quotes a word for a shell where it needs it.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
