package splio_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// simLine is the drop directory at the other end of a bad line.
type simLine struct {
	files   map[string][]byte
	order   []string        // of arrival
	foreign map[string]bool // that are there
	taken   map[string]bool // names that somebody else has used, or seemed to: what was under way to them may stay
	noSize  bool
	take    func(at string) // Splio takes what is there
	content map[string][sha256.Size]byte
	ticked  map[string]bool   // names of files that are not to be sent again
	plan    map[string]string // those that files are of
	rows    map[string]int    // by key, that have arrived
	alone   bool              // files of two plans must not wait at the same time
	sum     []byte            // of all that has arrived, with its names
	arrived int
	wrong   error // what must not happen
}

func newSimLine() *simLine {
	return &simLine{files: map[string][]byte{}, foreign: map[string]bool{}, taken: map[string]bool{}, content: map[string][sha256.Size]byte{}, ticked: map[string]bool{},
		plan: map[string]string{}, rows: map[string]int{}}
}

// Names, ReadFile and Remove are what Splio sees.
func (l *simLine) Names() []string { return slices.Sorted(maps.Keys(l.files)) }

func (l *simLine) ReadFile(name string) ([]byte, error) { return bytes.Clone(l.files[name]), nil }

func (l *simLine) Remove(name string) error {
	delete(l.files, name)
	return nil
}

// arrive gives a whole file its name.
func (l *simLine) arrive(name string, data []byte) {
	sum := sha256.Sum256(data)
	if old, ok := l.content[name]; ok && old != sum {
		l.wrong = fmt.Errorf("the name %s was used for two contents", name)
	}
	l.content[name] = sum
	l.files[name] = data
	l.order = append(l.order, name)
	l.sum = fmt.Appendf(l.sum, "%s %x\n", name, sum)
	l.arrived++
	rows := strings.Split(string(data), "\n")
	for _, row := range rows[1 : len(rows)-1] {
		key, _, _ := strings.Cut(row, ";")
		l.rows[key]++
	}
}

// caller is the line as a process sees it.
type caller struct{ *process }

func (c caller) next(what string) (f simFault) {
	if c.watch.comes() {
		c.line.take("the hour has come")
	}
	n := c.calls
	c.calls++
	for _, f := range c.step.Faults {
		if f.Call && f.At == n {
			c.hits = append(c.hits, what+": "+f.Kind)
			return f
		}
	}
	return simFault{}
}

func (c caller) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	if c.dead.Load() {
		return errKilled
	}
	c.puts++
	l := c.line
	l.wrong = errors.Join(l.wrong, c.watch.put(l, name, temp))
	if c.sent != "" { // the call for that one has ended well, and so it was ticked off
		l.ticked[c.sent] = true
	}
	if c.sent = ""; l.ticked[name] {
		l.wrong = fmt.Errorf("%s is sent again", name)
	}
	f := c.next("put " + name)
	kill := strings.HasPrefix(f.Kind, "kill") || strings.HasPrefix(f.Kind, "cut")
	gone := func() error {
		if kill {
			c.dead.Store(true)
			return errKilled
		}
		return errLine
	}
	switch f.Kind {
	case "fail", "kill", "cut":
		return gone()
	case "cancel":
		c.cancel(errCancelled)
	case "take":
		l.take("put")
	case "visit":
		if c.visit != nil {
			c.visit("put")
		}
	case "no dir":
		return fmt.Errorf("no drop directory: %w", fs.ErrNotExist)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if _, taken := l.files[name]; taken {
		delete(l.files, temp)
		delete(l.plan, name) // and nobody looks for it any more
		return fmt.Errorf("put: %w", fs.ErrExist)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read what is to be sent: %w", err)
	}
	half := f.Kind == "torn" || strings.HasSuffix(f.Kind, " torn")
	if half {
		l.files[temp] = data[:len(data)/2]
		l.take("a file under way")
		return gone()
	}
	delete(l.files, temp)
	l.arrive(name, data)
	switch f.Kind {
	case "late", "kill late", "cut late":
		return gone()
	case "taken late":
		l.take("put")
		return gone()
	case "taken":
		l.take("put")
	}
	c.sent = name
	return nil
}

func (c caller) Size(ctx context.Context, name string) (int64, error) {
	if c.dead.Load() {
		return 0, errKilled
	}
	f := c.next("size " + name)
	if err := c.watch.look(); err != nil { // it might wait for ever
		c.line.wrong = errors.Join(c.line.wrong, err)
		return 0, errLine
	}
	switch f.Kind {
	case "kill", "cut", "kill torn", "cut torn", "kill late", "cut late":
		c.dead.Store(true)
		return 0, errKilled
	case "fail", "torn", "late":
		return 0, errLine
	case "cancel":
		c.cancel(errCancelled)
	case "take", "taken", "taken late":
		c.line.take("size")
	case "visit":
		if c.visit != nil {
			c.visit("size")
		}
	case "unsupported":
		return 0, fmt.Errorf("size: %w", errors.ErrUnsupported)
	}
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	data, ok := c.line.files[name]
	switch {
	case c.line.noSize:
		return 0, fmt.Errorf("size: %w", errors.ErrUnsupported)
	case !ok:
		return 0, fmt.Errorf("size: %w", fs.ErrNotExist)
	case f.Kind == "wrong size":
		c.line.taken[name] = true
		delete(c.line.plan, name)
		return int64(len(data)) + 1, nil
	}
	return int64(len(data)), nil
}
