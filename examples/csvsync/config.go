package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// job is what the flags ask for.
type job struct {
	activation splio.Activation
	segment    mapping.Source
	transport  splio.Transport
	report     string
	view       view
	rejects    *rejectsFile // nil without -rejects
	dryRun     bool
	check      bool
	quiet      bool
	work       planWork
	upkeep     upkeep
	explain    *string  // the key of the contact that is asked about
	args       []string // of the command line
}

// configure reads everything but the segment and the state. The error holds every problem at once.
func configure(o *options, args []string) (*job, error) {
	j := &job{
		activation: splio.Activation{
			Destination: splio.Destination{Universe: o.universe, Subsequence: o.subsequence, Creating: o.creating, Suffix: o.suffix},
			State:       o.state,
			Insert:      o.insert,
			Partial:     o.partial,
			MaxUnusable: o.maxUnusable,
			Refresh:     o.refresh,
		},
		report:  o.report,
		view:    view{o.view, o.samples},
		dryRun:  o.dryRun,
		check:   o.check,
		quiet:   o.quiet,
		work:    o.work,
		args:    args,
		explain: o.explain,
		upkeep:  o.upkeep,
	}
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	var err error
	j.segment, err = openSegment(o)
	segmentErr := err
	j.activation.Mapping, err = readMapping(o.mapping)
	check(err)
	if err == nil {
		check(checkKnown(o, j.activation.Mapping))
		check(checkKeys(&o.upkeep, j.activation.Mapping))
	}
	j.activation.Destination.Custom, err = parseColumns(o.columns)
	check(err)
	j.activation.Destination.Imports, err = readImports(o)
	check(err)
	j.activation.Now, err = parseNow(o.now)
	check(err)
	check(checkPlace("-report", o.report, o))
	check(checkPlace("-rejects", o.rejects, o))
	check(checkView(o))
	if o.explain == nil && !o.upkeep.any() {
		j.transport, err = openTransport(o)
		check(err)
	}
	j.activation.Duplicates, err = parseDuplicates(o.duplicates)
	check(err)
	j.activation.Memory, err = parseMemory(o.memory)
	check(err)
	j.activation.Brakes, err = parseBrakes(o.brake)
	check(err)
	j.activation.Rows, err = parseRows(o.rows)
	check(err)
	j.activation.Subscribe, err = parseIDs("-subscribe", o.subscribe)
	check(err)
	j.activation.Format, err = parseFormat(o.format)
	check(err)
	j.activation.Left, err = parseLeft(o)
	check(err)
	check(parseWaiting(o, &j.activation))
	check(o.work.check(o))
	check(o.checkExplain())
	check(o.checkCheck())
	check(o.upkeep.check(o))
	j.activation.Retain = o.retain
	if o.known != "" {
		j.activation.Known = knownKeys(o.known, o.knownColumn, j.activation.Mapping)
	}
	if o.rejects != "" && !o.check && !o.work.any() && (o.upkeep.adopt || !o.upkeep.any()) {
		j.rejects = &rejectsFile{name: o.rejects}
		if segmentErr == nil {
			j.rejects.segment, segmentErr = namesBeside(j.segment, o)
		}
		j.activation.OnRejectedRecord = j.rejects.add
	}
	if o.segment == "" { // what there is to do takes none
		j.segment = nil
	}
	return j, errors.Join(append([]error{segmentErr}, errs...)...)
}

func parseNow(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	now, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("-now %q is not a time like 2026-03-01T04:00:00Z", s)
	}
	return now, nil
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
