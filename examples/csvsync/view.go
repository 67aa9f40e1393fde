package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// maxSamples is how many rows of a file are shown at most: somebody is to look at them.
const maxSamples = 1000

// view writes the plan for people to look at.
type view struct {
	name    string // of the file
	samples int    // rows of each file of the plan
}

// checkView refuses a view that can not be written.
func checkView(o *options) error {
	var errs []error
	switch {
	case o.samples < 0 || o.samples > maxSamples:
		errs = append(errs, fmt.Errorf("-samples is a number from 0 to %d", maxSamples))
	case o.samples > 0 && o.view == "":
		errs = append(errs, errors.New("-samples is for -view"))
	case o.samples > 0 && o.dryRun:
		errs = append(errs, errors.New("-samples: a dry run keeps no files to show rows of: use -plan"))
	}
	if o.view == "" {
		return errors.Join(errs...)
	}
	if viewWriter(o.view) == nil {
		errs = append(errs, fmt.Errorf("-view %s: end the name in .html, .txt or .json", o.view))
	}
	return errors.Join(append(errs, checkPlace("-view", o.view, o))...)
}

// viewWriter tells from its name how a file is written; nil when it does not say.
func viewWriter(name string) func(*planview.View, io.Writer) error {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".html", ".htm":
		return (*planview.View).HTML
	case ".json":
		return (*planview.View).JSON
	case ".txt":
		return func(v *planview.View, w io.Writer) error { return v.Text(w, planview.TextOptions{}) }
	}
	return nil
}

// writeView writes the view of what a run, or a preview, found.
func (j *job) writeView(ctx context.Context, report *splio.Report) error {
	ctx = context.WithoutCancel(ctx)
	fail := func(err error) error { return fmt.Errorf("write the view: %w", err) }
	o := planview.Options{
		Title:   fmt.Sprintf("Contacts of %s, %s", j.activation.Destination.Universe, j.activation.Destination.Subsequence),
		Time:    j.activation.Now,
		Release: j.command("-release", "REASON", "-apply"),
	}
	if o.Time.IsZero() {
		o.Time = time.Now()
	}
	var err error
	// A history that can not be used is in the notes of the view already.
	if o.History, err = j.activation.History(ctx); err == nil {
		o.History = slices.DeleteFunc(o.History, func(r splio.RunRecord) bool { return report.Plan != "" && r.Plan == report.Plan })
	}
	p, err := j.activation.Pending(ctx)
	waits := err == nil && report.Plan != "" && p.ID == report.Plan
	if waits {
		o.State = p.State
	}
	mode := fs.FileMode(0o644)
	if waits && j.view.samples > 0 {
		mode = 0o600 // personal data
		if o.Samples, err = j.samplesOf(report); err != nil {
			return fail(err)
		}
	}
	shown := *report
	shown.LeftSkipped = inFlags.Replace(shown.LeftSkipped)
	v := planview.New(&shown, o)
	write := viewWriter(j.view.name)
	if err := replaceFile(j.view.name, mode, func(w io.Writer) error { return write(v, w) }); err != nil {
		return fail(err)
	}
	return nil
}

// samplesOf reads the first rows of the files of a plan that waits.
func (j *job) samplesOf(report *splio.Report) ([]planview.Sample, error) {
	var samples []planview.Sample
	for i, file := range report.Files {
		s, err := sampleOf(filepath.Join(j.activation.State, "outbox", fmt.Sprintf("%04d.csv", i+1)), j.activation.Format, j.view.samples)
		if err != nil {
			return nil, err
		}
		s.File = file.Name
		samples = append(samples, s)
	}
	return samples, nil
}

func sampleOf(name string, format splio.Format, n int) (planview.Sample, error) {
	f, err := os.Open(name)
	if err != nil {
		return planview.Sample{}, err
	}
	defer f.Close()
	return planview.ReadSample(f, format, n)
}
