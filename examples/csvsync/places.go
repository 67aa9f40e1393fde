package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// checkPlace refuses a place where a file can not be written, or where it would take that of another one.
func checkPlace(option, name string, o *options) error {
	if name == "" {
		return nil
	}
	var errs []error
	if dir, err := os.Stat(filepath.Dir(name)); err != nil || !dir.IsDir() {
		errs = append(errs, fmt.Errorf("%s: %s is not a directory", option, filepath.Dir(name)))
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		errs = append(errs, fmt.Errorf("%s: %s is not a file", option, name))
	}
	if drop, err := os.Stat(o.to); err == nil && sameFile(o.to, drop, filepath.Dir(name)) {
		errs = append(errs, fmt.Errorf("%s: %s is the drop directory, whose files are taken: choose another one", option, filepath.Dir(name)))
	}
	for _, other := range []struct{ option, name string }{
		{"-segment", o.segment}, {"-mapping", o.mapping}, {"-report", o.report}, {"-view", o.view}, {"-imports", o.imports},
		{"-known", o.known}, {"-resend", o.upkeep.resend}, {"-forget-file", o.upkeep.forgetFile},
		{"-password-file", o.passwordFile}, {"-identity", o.identity}, {"-known-hosts", o.knownHosts},
	} {
		if other.option != option && other.name != "" && sameFile(name, info, other.name) {
			errs = append(errs, fmt.Errorf("%s and %s name the same file, which would be lost", option, other.option))
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

// replaceFile replaces the file name by what write writes, whole or not at all.
func replaceFile(name string, mode fs.FileMode, write func(io.Writer) error) error {
	temp := name + "." + rand.Text() + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(temp))
	}
	return err
}
