package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

func (o *options) checkCheck() error {
	if o.check && (o.work.make || o.work.any() || o.dryRun || o.explain != nil || o.upkeep.any()) {
		return errors.New("-check only looks and excludes -plan, -apply, -release, -discard, -dry-run, -explain, -adopt, -forget (or -forget-file) and -resend")
	}
	return nil
}

// checkAll looks whether a run could begin: at the settings, the mapping and the names of the segment's fields, and at the destination,
// whatever the first says. It writes nothing, and of the segment it reads no record but those that tell the names.
func (j *job) checkAll(ctx context.Context, stdout io.Writer) error {
	var found []string
	err := j.activation.Check(ctx, j.segment)
	if err == nil {
		m := j.activation.Mapping
		attributes := []string{m.Key.To}
		for _, f := range m.Fields {
			attributes = append(attributes, f.To)
		}
		found = append(found, "the mapping fits the segment, and gives: "+strings.Join(append(attributes, m.Custom...), ", "))
	}
	there, terr := lookAt(ctx, j.transport)
	if terr == nil {
		found = append(found, there, "nothing was sent: whether files can be written and renamed there shows with the first one")
	}
	if !j.quiet {
		for _, line := range found {
			fmt.Fprintln(stdout, line)
		}
	}
	return errors.Join(err, terr)
}

// lookAt says in a line what is known of a destination before anything is sent to it.
func lookAt(ctx context.Context, t splio.Transport) (string, error) {
	if client, ok := t.(*sftpx.Client); ok {
		can, err := client.Check(ctx)
		if err != nil {
			return "", err
		}
		dir := "the drop directory is there"
		if !can.Look {
			dir = "it does not tell whether the drop directory is there"
		}
		return fmt.Sprintf("the server (%q) has the known host key and takes the login; %s", can.Server, dir), nil
	}
	dir, _ := t.(sftpx.Dir) // openTransport makes no other
	if err := lookAtDir(dir); err != nil {
		return "", err
	}
	return "the drop directory is there", nil
}

func lookAtDir(dir sftpx.Dir) error {
	info, err := os.Stat(string(dir))
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	if err != nil {
		return fmt.Errorf("-to: %w", err)
	}
	return nil
}

// warn says, where nothing is sent yet, that there is no directory to send to. A server is not asked.
func (j *job) warn(stderr io.Writer) {
	dir, local := j.transport.(sftpx.Dir)
	if !local || !j.dryRun && !j.work.make {
		return
	}
	if err := lookAtDir(dir); err != nil {
		say(stderr, "warning: %v: nothing can be sent before this directory is there", err)
	}
}
