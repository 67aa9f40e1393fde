package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// rejectsFile collects the records that a run rejects, beside the place where they are to be, until it is known that they
// are those of a plan.
type rejectsFile struct {
	segment namer
	name    string

	temp  *os.File        // nil until the first record
	out   *source.Rejects // into temp
	count int64
}

// add writes a rejected record. Its errors say nothing of what is in it.
func (r *rejectsFile) add(rec *mapping.Record, rejections []mapping.Rejection) (err error) {
	if r.temp == nil {
		fields, err := r.segment.Fields(context.Background())
		if err != nil {
			return r.wrap(err)
		}
		// Personal data: for the eyes of the owner only.
		r.temp, err = os.OpenFile(r.name+"."+rand.Text()+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return r.wrap(err)
		}
		if r.out, err = source.NewRejects(r.temp, fields); err != nil {
			return r.wrap(err)
		}
	}
	r.count++
	return r.wrap(r.out.Write(rec, rejections))
}

// finish makes the file that of the plan: what was collected takes the place of an earlier file, and without any the
// earlier one is removed. When there is no plan, the earlier file stays.
func (r *rejectsFile) finish(planned bool) (err error) {
	if r.temp == nil {
		if planned {
			if err = os.Remove(r.name); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
		return r.wrap(err)
	}
	temp := r.temp.Name()
	if planned {
		err = r.out.Close()
		if err == nil {
			err = r.temp.Sync()
		}
	}
	if cerr := r.temp.Close(); err == nil {
		err = cerr
	}
	if err == nil && planned {
		err = os.Rename(temp, r.name)
	}
	if err != nil || !planned {
		err = errors.Join(err, os.Remove(temp))
	}
	return r.wrap(err)
}

func (r *rejectsFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write the rejects: %w", err)
}
