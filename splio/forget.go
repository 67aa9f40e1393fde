package splio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// Forget erases contacts from State by their keys, so that no trace of them is
// left there: not in the snapshot, nor among the keys that Left keeps, nor in a
// plan that waits, nor in the plans that [Activation.Retain] keeps. A kept plan
// with a row of one of the contacts is removed as a whole. It returns how many of
// the contacts the snapshot had. Keys are brought into the form that the mapping
// gives them, and held in memory; src is asked for the names of its fields alone.
//
// Splio is told nothing. Take the contacts out of the segment as well: otherwise
// the next run finds them new and sends them.
//
// A plan that nobody has approved is discarded. While one is released or on its
// way, the error matches [ErrPending]. After an error some traces may be gone and
// others not: repeat the call, whose count then lacks those that are gone already.
// Files that are removed are not overwritten, and backups are beyond reach. What
// stays of earlier plans are counts and the names of files, which name nobody.
func (a Activation) Forget(ctx context.Context, src mapping.Source, keys iter.Seq2[string, error]) (forgotten int64, err error) {
	a, ended := a.watched(ctx, "forget")
	defer func() { ended(err) }()
	mapper, err := a.check(ctx, src)
	if err != nil {
		return 0, err
	}
	gone := make(map[string]struct{})
	for key, err := range knownKeys(mapper, keys) {
		if err != nil {
			return 0, fmt.Errorf("splio: forget: %w", err)
		}
		gone[string(key)] = struct{}{}
	}
	err = a.alter(ctx, func(j *job) error {
		if err := j.forgetFiles(ctx, gone); err != nil {
			return err
		}
		if err := j.forgetKeys(gone); err != nil {
			return err
		}
		forgotten, err = j.store.Forget(ctx, func(yield func([]byte, error) bool) {
			for key := range gone {
				if !yield([]byte(key), nil) {
					return
				}
			}
		})
		if err == nil {
			j.event(ctx, slog.LevelInfo, "contacts forgotten", nil, slog.Int64("count", forgotten))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return forgotten, nil
}

// forgetFiles removes what is left of plans that were cut off, and the plans that
// were kept and name one of these contacts.
func (j *job) forgetFiles(ctx context.Context, gone map[string]struct{}) error {
	fail := func(err error) error { return fmt.Errorf("splio: forget: %w", err) }
	if err := j.clearOutbox(); err != nil {
		return err
	}
	if err := j.fs.SyncDir(outboxDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	plans, err := j.fs.ReadDir(sentDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fail(err)
	}
	for _, plan := range plans {
		if !isSent(plan) { // not ours
			continue
		}
		dir := sentDir + "/" + plan
		names, err := j.fs.ReadDir(dir)
		if err != nil {
			return fail(err)
		}
		// One without a manifest was left by a removal that was cut off.
		found := !slices.Contains(names, manifestName)
		for i := 0; i < len(names) && !found && err == nil; i++ {
			found, err = j.mentions(ctx, dir+"/"+names[i], gone)
		}
		if err == nil && found {
			err = j.removePlan(dir, names)
		}
		if err != nil {
			return fail(err)
		}
	}
	// Also when nothing was found: an earlier call may have failed just here.
	if err := j.fs.SyncDir(sentDir); err != nil {
		return fail(err)
	}
	return nil
}

// mentions reports whether a file has a line of one of these contacts. In which
// format it was written is not asked: the key of either reading counts.
func (j *job) mentions(ctx context.Context, name string, gone map[string]struct{}) (_ bool, err error) {
	f, err := j.fs.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewReaderSize(f, 256<<10)
	formats := []Format{{}, {Backslash: true}}
	for n := 0; ; n++ {
		if n&1023 == 0 {
			if err := context.Cause(ctx); err != nil {
				return false, err
			}
		}
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return false, err
		}
		for _, f := range formats {
			if _, ok := gone[string(f.firstCell(line))]; ok {
				return true, nil
			}
		}
		if err == io.EOF {
			return false, nil
		}
	}
}

// removePlan removes a plan that was kept, the manifest first.
func (j *job) removePlan(dir string, names []string) error {
	for _, name := range slices.Concat([]string{manifestName}, names) {
		if err := j.fs.Remove(dir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return j.fs.Remove(dir)
}
