// Command csvsync keeps the contacts of a Splio universe in step with a file of CSV or JSON. Each run sends what
// changed since the last run that was delivered, over SFTP or into a directory. Run it with -help, or read README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spliosync/spliosync/splio"
)

// The exit statuses.
const (
	statusDone   = 0
	statusFailed = 1
	statusConfig = 2
	statusBraked = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with everything it touches passed in, for tests.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parseFlags(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return statusDone
	}
	if err == nil && opts.history {
		if err := printHistory(ctx, stdout, opts.state); err != nil {
			complain(stderr, err)
			return statusFailed
		}
		return statusDone
	}
	var j *job
	if err == nil {
		j, err = configure(opts, args)
	}
	if err != nil {
		complain(stderr, err)
		say(stderr, "nothing was done; -help explains the flags")
		return statusConfig
	}
	if err = j.execute(ctx, stdout, stderr); err != nil {
		return j.failed(ctx, stderr, err)
	}
	return statusDone
}

// execute does the run, or its preview, and reports.
func (j *job) execute(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if j.explain != nil {
		return j.explainContact(ctx, stdout)
	}
	var report *splio.Report
	var bar *progress
	if !j.quiet {
		bar = newProgress(stderr)
		j.activation.OnProgress = bar.show
	}
	found := make(firstLines)
	if !j.quiet { // records that are looked at for this alone cost time
		j.activation.OnRejection = found.add
	}
	switch {
	case j.check:
		err = j.checkAll(ctx, stdout)
	case j.upkeep.any():
		report, err = j.doUpkeep(ctx, stdout, bar)
	case j.work.any():
		report, err = j.onPlan(ctx, stdout, bar)
	case j.work.make:
		var p *splio.Plan
		if p, err = j.activation.Plan(ctx, j.segment); p != nil {
			report = &p.Report
		}
	case j.dryRun:
		report, err = j.activation.Preview(ctx, j.segment)
	default:
		report, err = j.activation.Run(ctx, j.segment, j.transport)
	}
	bar.clear()
	j.warn(stderr)
	if c, ok := j.transport.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	err = j.writeBeside(ctx, report, err)
	if report != nil && !j.quiet {
		_, braked := errors.AsType[*splio.BrakeError](err)
		if j.upkeep.adopt {
			printAdopted(stdout, report, found)
		}
		printReport(stdout, report, found, j.activation.Partial, j.dryRun, !j.dryRun && !j.work.make && !braked)
		if j.work.make && err == nil {
			fmt.Fprintf(stdout, "the plan waits, and the next run replaces it; to send it:\n  %s\n", j.command("-apply"))
		}
		if j.rejects != nil && j.rejects.count > 0 && j.planned(report) {
			fmt.Fprintf(stdout, "%s: %d rejected, to be repaired\n", j.rejects.name, j.rejects.count)
		}
	}
	return err
}

// planned says whether the report is that of a new plan, delivered or not.
func (j *job) planned(r *splio.Report) bool {
	return r != nil && (j.dryRun || j.upkeep.adopt || r.Plan != "")
}

// writeBeside writes the files that a run, which ended with err, leaves beside what it sends.
func (j *job) writeBeside(ctx context.Context, report *splio.Report, err error) error {
	var errs [3]error
	if j.rejects != nil {
		errs[0] = j.rejects.finish(j.planned(report))
		if _, serr := os.Stat(j.rejects.name); !j.planned(report) && serr == nil {
			errs[0] = errors.Join(errs[0], fmt.Errorf("-rejects: %s was left as it is, from an earlier run", j.rejects.name))
		}
	}
	if j.report != "" && report != nil {
		errs[1] = writeReport(j.report, report)
	}
	if j.view.name != "" && j.planned(report) && !j.upkeep.adopt {
		errs[2] = j.writeView(ctx, report)
	}
	beside := errors.Join(errs[:]...)
	if err == nil && beside != nil {
		return fmt.Errorf("%w: %w", errBeside, beside)
	}
	return errors.Join(err, beside)
}

// errBeside: nothing is wrong but a file for people.
var errBeside = errors.New("the run succeeded, but not all was written")
