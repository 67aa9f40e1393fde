package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

func TestStory(t *testing.T) {
	var out strings.Builder
	if err := story(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	const want = `monday
  acme_contacts_crm_20260302.csv
    email;firstname;points
    ann@example.com;Ann;7
    bob@example.com;Bob;120
tuesday, and the destination is full
  nothing is remembered as sent: deliver: no space left
tuesday again
  acme_contacts_crm_20260303.csv
    email;firstname;points
    bob@example.com;Bob;125
    eve@example.com;Eve;0
tuesday once more
  nothing to send
`
	if out.String() != want {
		t.Errorf("it prints\n%s", out.String())
	}
}

// lost delivers a file, and then the connection is gone: nobody knows that it arrived.
type lost struct{ splio.Transport }

func (l lost) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	return errors.Join(l.Transport.Put(ctx, name, temp, body), errors.New("connection lost"))
}

// TestConverges lets a Splio import what arrives, whatever happened on the way.
func TestConverges(t *testing.T) {
	dir, drop := t.TempDir(), new(sftpx.Mem)
	universe, err := spliotest.New(spliotest.Options{
		Universe: "acme",
		Drop:     spliotest.Memory(drop),
		Contacts: map[string]spliotest.Subsequence{"crm": {}},
		Custom:   []spliotest.Field{{Name: "points", Type: spliotest.Int}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "segment.csv")
	segment := source.CSVFile(path, source.CSVOptions{})
	for i, step := range []struct {
		segment string
		to      splio.Transport
		fails   bool
	}{
		{monday, full{drop}, true},
		{monday, lost{drop}, true},
		{monday, drop, false},
		{tuesday, lost{drop}, true},
		{tuesday, drop, false},
	} {
		if err := os.WriteFile(path, []byte(step.segment), 0o600); err != nil {
			t.Fatal(err)
		}
		name := "acme_contacts_crm_2026030" + string(rune('1'+i)) + ".csv"
		if _, err := send(t.Context(), filepath.Join(dir, "state"), segment, step.to, name); (err != nil) != step.fails {
			t.Fatalf("step %d: %v", i, err)
		}
		if _, err := universe.Import(); err != nil {
			t.Fatal(err)
		}
		if !step.fails {
			universe.RequireConverged(t, segment, contacts, splio.Destination{}.Options())
		}
	}
}
