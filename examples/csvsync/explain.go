package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// setExplain takes the value of -explain, which may be empty text.
func (o *options) setExplain(key string) error {
	o.explain = &key
	return nil
}

func (o *options) checkExplain() error {
	if o.explain != nil && (o.work.make || o.work.any() || o.dryRun) {
		return errors.New("-explain changes nothing and excludes -plan, -apply, -release, -discard and -dry-run")
	}
	return nil
}

// explainContact says what a run would do about one contact. It contacts nobody and writes no file.
func (j *job) explainContact(ctx context.Context, stdout io.Writer) error {
	e, err := j.activation.Explain(ctx, *j.explain, j.segment)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, inFlags.Replace(e.String()))
	return err
}
