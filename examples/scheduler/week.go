package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
)

// day is what happens before a round.
type day struct {
	what     string
	contacts int  // how many there are in the segment
	changed  int  // how many of them have other points than on the first day
	down     bool // the destination can not be reached
}

var week = []day{
	{what: "the first run", contacts: 300},
	{what: "the network is down", contacts: 300, changed: 20, down: true},
	{what: "the network is back", contacts: 300, changed: 20},
	{what: "the extract lost half of the segment", contacts: 150, changed: 20},
	{what: "the extract is mended", contacts: 303, changed: 20},
}

// segment is generated; all people are invented.
func (d day) segment() mapping.Source {
	return source.Maps([]string{"email", "first_name", "points"}, func(yield func(map[string]any, error) bool) {
		for i := range d.contacts {
			points := i % 50
			if i < d.changed {
				points += 1000
			}
			if !yield(map[string]any{"email": fmt.Sprintf("user%d@example.com", i), "first_name": "Ann", "points": points}, nil) {
				return
			}
		}
	})
}

// line is the way to a drop directory.
type line struct {
	sftpx.Dir
	down bool
}

func (l line) Size(ctx context.Context, name string) (int64, error) {
	if l.down {
		return 0, errors.New("connect to sftp.example.com:22: no route to host")
	}
	return l.Dir.Size(ctx, name)
}

func (l line) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if l.down {
		return errors.New("connect to sftp.example.com:22: no route to host")
	}
	return l.Dir.Put(ctx, name, temp, body)
}
