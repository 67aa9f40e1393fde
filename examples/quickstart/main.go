// Quickstart keeps the contacts of a Splio universe in step with a segment for two days, against an SFTP server that it
// starts in its own process. It needs no flag, no account and no network:
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
	"github.com/spliosync/spliosync/splio"
)

//go:embed mapping.json segment-day1.csv segment-day2.csv
var files embed.FS

// The segment of each day. All people in it are invented.
const (
	monday  = "segment-day1.csv"
	tuesday = "segment-day2.csv"
)

func main() {
	// Ctrl-C ends the context, and with it a run, at any point; the next run goes on from there.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := quickstart(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// quickstart tells the story in a directory that is gone afterwards. A program of yours keeps the state directory: it is
// the memory of what Splio was sent.
func quickstart(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return story(ctx, out, dir)
}

// story runs everything. Below dir, "server" is what the SFTP server serves, and "state" and "trial" are what our side
// remembers.
func story(ctx context.Context, out io.Writer, dir string) (err error) {
	// The other side: a real SSH and SFTP server on a free port of this machine, in the place of Splio's.
	inbox := filepath.Join(dir, "server", "imports")
	if err := os.MkdirAll(inbox, 0o700); err != nil {
		return err
	}
	server, err := sftpxtest.Start(sftpxtest.Options{Dir: filepath.Join(dir, "server")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	// Our side. The server's host key is pinned, so that nobody can pose as the server.
	// New does not connect yet, the first file does.
	client, err := sftpx.New(sftpx.Config{
		Addr:     server.Addr(),
		User:     sftpxtest.DefaultUser,
		Password: sftpxtest.DefaultPassword,
		HostKey:  server.HostKey(),
		Dir:      "imports",
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()

	// Which field of the segment feeds which attribute of a contact. It could be written in Go just as well.
	text, err := files.ReadFile("mapping.json")
	if err != nil {
		return err
	}
	m, err := mapping.Parse(text)
	if err != nil {
		return err
	}

	activation := splio.Activation{
		Destination: splio.Destination{
			Universe:    "acme",
			Subsequence: "crm", // creates and updates contacts, by its configuration at Splio
			// The custom fields that exist in the universe. Splio skips a whole file for one unknown column, so a mapping
			// with any other is refused before anything is sent.
			Custom: []mapping.Attribute{
				{Name: "birthday", Type: mapping.Date}, {Name: "spent", Type: mapping.Decimal},
				{Name: "vip", Type: mapping.Boolean}, {Name: "tier"}, {Name: "interests"},
			},
		},
		Mapping: m,
		State:   filepath.Join(dir, "state"),
		Insert:  true, // new records may become new contacts
		// A record without an e-mail could be anybody, even somebody who seems to have left, so that by default one such
		// record is enough for nobody to count as left. This segment always has one or two.
		MaxUnusable: 2,
	}

	p := newPage(out)
	defer func() { err = errors.Join(err, p.Flush()) }()
	run := func(a splio.Activation, segment string, now time.Time) (*outcome, error) {
		// Leave Now out in your program: the present is the default. Here it makes every print-out the same.
		a.Now = now
		return activate(ctx, a, segment, client, inbox)
	}

	p.title()
	first, err := run(activation, monday, at(2, 7))
	if err != nil {
		return err
	}
	p.firstDay(first)

	// The same activation with another segment. What was sent yesterday is remembered in the state directory.
	second, err := run(activation, tuesday, at(3, 7))
	if err != nil {
		return err
	}
	p.secondDay(second)

	again, err := run(activation, tuesday, at(3, 8))
	if err != nil {
		return err
	}
	p.secondDayAgain(again)

	// Insert mode off. The sub-sequence changes with it: this one only updates, and that is what keeps Splio from creating
	// contacts. Another universe has another memory, so that the first day can begin once more.
	trial := activation
	trial.Destination.Universe, trial.State = "acmetrial", filepath.Join(dir, "trial")
	trial.Destination.Subsequence, trial.Insert = "crmupdate", false
	off, err := run(trial, monday, at(3, 7))
	if err != nil {
		return err
	}

	// Insert mode on, and with it the sub-sequence that creates.
	trial.Destination.Subsequence, trial.Insert = "crm", true
	on, err := run(trial, monday, at(3, 8))
	if err != nil {
		return err
	}
	later, err := run(trial, tuesday, at(3, 18))
	if err != nil {
		return err
	}
	p.insertMode(off, on, later)

	p.end()
	return nil
}

// at is a day and hour of March 2026, in UTC.
func at(day, hour int) time.Time { return time.Date(2026, time.March, day, hour, 0, 0, 0, time.UTC) }

// outcome is what came of an activation.
type outcome struct {
	now       time.Time
	report    *splio.Report
	findings  []mapping.Rejection // what was found wrong with records and values
	delivered []string            // the content of each file, as it is on the server
}

// activate brings Splio up to date with a segment: the one call that matters is Run.
func activate(ctx context.Context, a splio.Activation, segment string, t splio.Transport, inbox string) (*outcome, error) {
	o := &outcome{now: a.Now}
	a.OnRejection = func(r mapping.Rejection) { o.findings = append(o.findings, r) }

	// A segment on disk is read with source.CSVFile, a query with source.Query.
	file, err := files.Open(segment)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if o.report, err = a.Run(ctx, source.CSV(file, source.CSVOptions{}), t); err != nil {
		return nil, fmt.Errorf("activation with %s: %w", segment, err)
	}

	for _, f := range o.report.Files {
		content, err := os.ReadFile(filepath.Join(inbox, f.Name))
		if err != nil {
			return nil, fmt.Errorf("look at what arrived: %w", err)
		}
		o.delivered = append(o.delivered, string(content))
	}
	return o, nil
}
