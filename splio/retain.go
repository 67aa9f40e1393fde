package splio

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

const (
	sentDir   = "sent"
	sentStamp = "20060102T150405Z-" // before the id of a plan, so that names sort by age
)

// retain moves a delivered plan to those that are kept, and removes those that
// are too many. The manifest moves last: as long as it is in the outbox, all of
// this is done again. A file that is not there has moved already.
func (j *job) retain(m *manifest) error {
	kept := ""
	if j.Retain > 0 && len(m.Files) > 0 {
		kept = m.Day.UTC().Format(sentStamp) + m.Plan
		if err := j.keep(m, sentDir+"/"+kept); err != nil {
			return fmt.Errorf("splio: keep the files of plan %s: %w", m.Plan, err)
		}
	}
	if err := j.prune(kept); err != nil {
		return fmt.Errorf("splio: remove plans that were kept: %w", err)
	}
	return nil
}

func (j *job) keep(m *manifest, dir string) error {
	for _, d := range []string{sentDir, dir} {
		if err := j.fs.Mkdir(d); err != nil {
			return err
		}
	}
	move := func(name string) error {
		err := j.fs.Rename(outboxDir+"/"+name, dir+"/"+name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, f := range m.Files {
		if err := move(f.Local); err != nil {
			return err
		}
	}
	for _, d := range []string{".", sentDir, dir} {
		if err := j.fs.SyncDir(d); err != nil {
			return err
		}
	}
	if err := move(manifestName); err != nil {
		return err
	}
	return errors.Join(j.fs.SyncDir(dir), j.fs.SyncDir(outboxDir))
}

// prune removes kept plans until there are as many as are wanted, the oldest
// first, but not the named one.
func (j *job) prune(kept string) error {
	names, err := j.fs.ReadDir(sentDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	all := len(names)
	names = slices.DeleteFunc(names, func(name string) bool { return !isSent(name) }) // not ours
	names = slices.DeleteFunc(names, func(name string) bool { return name == kept })
	stay := j.Retain
	if kept != "" {
		stay--
	}
	tooMany := max(0, len(names)-stay)
	for _, name := range names[:tooMany] {
		if err := j.removeSent(sentDir + "/" + name); err != nil {
			return err
		}
	}
	if tooMany == all {
		err = j.fs.Remove(sentDir)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return err
}

func (j *job) removeSent(dir string) error {
	names, err := j.fs.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := j.fs.Remove(dir + "/" + name); err != nil {
			return err
		}
	}
	return j.fs.Remove(dir)
}

// isSent reports whether a name is that of a kept plan.
func isSent(name string) bool {
	if len(name) <= len(sentStamp) {
		return false
	}
	_, err := time.Parse(sentStamp, name[:len(sentStamp)])
	return err == nil
}
