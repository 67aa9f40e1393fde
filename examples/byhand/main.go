// Byhand puts the packages together without splio.Activation: mapping, source,
// diff, splio's Writer and a transport, in the order that makes it safe. It sends
// two days, of which the second one fails at first:
//
//	go run ./examples/byhand
//
// Use an Activation all the same, unless you have to do something that it can
// not. README.md beside this file says what it does beyond this.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// The segment of each day. All people are invented.
const (
	monday = `email,first_name,points
ann@example.com,Ann,7
bob@example.com,Bob,120
cid@,Cid,3
`
	tuesday = `email,first_name,points
ann@example.com,Ann,7
BOB@example.com,Bob,125
eve@example.com,Eve,0
`
)

var destination = splio.Destination{Universe: "acme", Subsequence: "crm"}

var contacts = mapping.Mapping{
	Key:    mapping.Field{From: "email", To: "email"},
	Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
	Custom: []string{"points"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := story(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "byhand:", err)
		os.Exit(1)
	}
}

// story sends monday, and tuesday twice, since the first time the disk at the
// destination is full.
func story(ctx context.Context, out io.Writer) (err error) {
	state, err := os.MkdirTemp("", "byhand-") // a program of yours keeps it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	drop := new(sftpx.Mem) // in a program, an sftpx.Client
	for _, day := range []struct {
		what, segment string
		day, n        int // of March, and the number of its file: an activation remembers which names were used
		to            splio.Transport
	}{
		{"monday", monday, 2, 1, drop},
		{"tuesday, and the destination is full", tuesday, 3, 1, full{drop}},
		{"tuesday again", tuesday, 3, 1, drop},
		{"tuesday once more", tuesday, 3, 2, drop},
	} {
		name, err := destination.FileName(splio.File{}, time.Date(2026, time.March, day.day, 0, 0, 0, 0, time.UTC), day.n)
		if err != nil {
			return err
		}
		path := filepath.Join(state, "segment.csv")
		if err := os.WriteFile(path, []byte(day.segment), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", day.what)
		rows, err := send(ctx, filepath.Join(state, "digests"), source.CSVFile(path, source.CSVOptions{}), day.to, name)
		switch {
		case err != nil:
			fmt.Fprintf(out, "  nothing is remembered as sent: %v\n", err)
		case rows == 0:
			fmt.Fprintln(out, "  nothing to send")
		default:
			content, err := drop.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "  %s\n    %s\n", name, strings.ReplaceAll(strings.TrimSpace(string(content)), "\n", "\n    "))
		}
	}
	return nil
}

// full is a destination without room.
type full struct{ splio.Transport }

func (full) Put(context.Context, string, string, *io.SectionReader) error {
	return errors.New("no space left")
}
