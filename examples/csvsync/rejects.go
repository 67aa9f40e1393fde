package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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

// checkRejects refuses a place where the file can not be, or where it would take that of another one.
func checkRejects(o *options) error {
	if o.rejects == "" {
		return nil
	}
	var errs []error
	if dir, err := os.Stat(filepath.Dir(o.rejects)); err != nil || !dir.IsDir() {
		errs = append(errs, fmt.Errorf("-rejects: %s is not a directory", filepath.Dir(o.rejects)))
	}
	info, err := os.Stat(o.rejects)
	if err == nil && !info.Mode().IsRegular() {
		errs = append(errs, fmt.Errorf("-rejects: %s is not a file", o.rejects))
	}
	if drop, err := os.Stat(o.to); err == nil && sameFile(o.to, drop, filepath.Dir(o.rejects)) {
		errs = append(errs, fmt.Errorf("-rejects: %s is the drop directory, whose files are taken: choose another one", filepath.Dir(o.rejects)))
	}
	for _, other := range []struct{ flag, name string }{
		{"-segment", o.segment}, {"-mapping", o.mapping}, {"-report", o.report},
		{"-known", o.known}, {"-password-file", o.passwordFile}, {"-identity", o.identity}, {"-known-hosts", o.knownHosts},
	} {
		if other.name != "" && sameFile(o.rejects, info, other.name) {
			errs = append(errs, fmt.Errorf("-rejects and %s name the same file, which would be lost", other.flag))
		}
	}
	return errors.Join(errs...)
}

// sameFile says whether two names mean one file, which may not exist. info is that of a, or nil.
func sameFile(a string, info fs.FileInfo, b string) bool {
	if other, err := os.Stat(b); err == nil && info != nil {
		return os.SameFile(info, other)
	}
	a, aerr := filepath.Abs(a)
	b, berr := filepath.Abs(b)
	return aerr == nil && berr == nil && a == b
}
