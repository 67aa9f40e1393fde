package lint

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spliosync/spliosync/splio"
)

// maxDeleteLines is the limit of scopes deletecontacts and events (documented).
const maxDeleteLines = 100_000

// checker checks one file.
type checker struct {
	Options
	in    *lines
	found *list
	yield func(Finding, error) bool
	scope string
	head  header

	cells  []cell
	faults []fault
	keys   map[digest]keySeen
	crlf   bool // told already

	shared *sharedKeys // nil where the file is checked alone
	fileNo int32
}

type digest [16]byte

type keySeen struct {
	line  int64
	exact uint64 // digest without case folded
}

// File checks a file and its name. The file is read while the findings are ranged
// over. An error of reading, or of the options, is yielded last.
func File(path string, o Options) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		o, err := o.validate()
		if err != nil {
			yield(Finding{}, err)
			return
		}
		_ = checkFile(path, o, nil, 0, yield)
	}
}

// Reader is File for content from r. It also checks the name, unless that is empty.
func Reader(name string, r io.Reader, o Options) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		o, err := o.validate()
		if err != nil {
			yield(Finding{}, err)
			return
		}
		_ = check(name, r, o, nil, 0, yield)
	}
}

// checkFile reports whether more findings are wanted.
func checkFile(path string, o Options, shared *sharedKeys, no int32, yield func(Finding, error) bool) bool {
	f, err := os.Open(path)
	if err != nil {
		yield(Finding{}, fmt.Errorf("lint: %w", err))
		return false
	}
	defer f.Close()
	return check(path, f, o, shared, no, yield)
}

func check(name string, r io.Reader, o Options, shared *sharedKeys, no int32, yield func(Finding, error) bool) bool {
	c := &checker{
		Options: o,
		in:      &lines{in: bufio.NewReaderSize(r, 64<<10)},
		found:   &list{file: name, max: o.Max},
		yield:   yield,
		scope:   contacts,
		keys:    make(map[digest]keySeen),
		shared:  shared,
		fileNo:  no,
	}
	if name != "" {
		if n := parseName(filepath.Base(name), c.found); n.found {
			c.scope = n.scope
		}
	}
	if c.scope != contacts {
		c.shared = nil
	}
	err := c.run()
	c.surplus()
	if !c.flush() {
		return false
	}
	if err != nil {
		yield(Finding{}, fmt.Errorf("lint: %s: %w", name, err))
		return false
	}
	return true
}

// surplus tells of findings that were too many to be told.
func (c *checker) surplus() {
	for _, rule := range slices.Sorted(func(yield func(string) bool) {
		for r := range c.found.counts {
			if !yield(r) {
				return
			}
		}
	}) {
		if more := c.found.counts[rule] - c.found.max; more > 0 {
			c.found.out = append(c.found.out, Finding{
				File: c.found.file, Line: max(1, c.in.number), Column: 1, Rule: rule, Severity: severity(rule),
				Message: fmt.Sprintf("there are %d more of this rule", more),
			})
		}
	}
}

// flush yields what was found, and reports whether more is wanted.
func (c *checker) flush() bool {
	slices.SortStableFunc(c.found.out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for _, f := range c.found.out {
		if c.found.stopped {
			break
		}
		c.found.stopped = !c.yield(f, nil)
	}
	c.found.out = c.found.out[:0]
	return !c.found.stopped
}

// run checks the content. Its error is that of reading.
func (c *checker) run() error {
	head, err := c.in.in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, magic := range []string{"\x1f\x8b", "PK\x03\x04", "\x28\xb5\x2f\xfd", "BZh"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			c.found.add("compressed", 1, 1, 0, "send the file uncompressed")
			return nil
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		c.found.add("encoding", 1, 1, 0, "the file is UTF-16: write it as UTF-8; it was not checked")
		return nil
	case bytes.HasPrefix(head, []byte("\ufeff")):
		c.found.add("bom", 1, 1, 0, "leave out the byte order mark: it becomes part of the first column's name")
		_, _ = c.in.in.Discard(3) // it was peeked at
	}
	limit := int64(splio.MaxLines)
	if c.scope == deleteContacts || c.scope == "events" {
		limit = maxDeleteLines
	}
	rows := int64(0)
	for {
		l, err := c.in.next()
		switch {
		case errors.Is(err, io.EOF):
			c.end(rows)
			return nil
		case errors.Is(err, errLongLine):
			c.found.add("long-line", c.in.number, 1, 0, "the line has more than %d bytes: the rest of the file was not checked", maxLine)
			return nil
		case err != nil:
			return err
		}
		if _, more := c.in.peek(0); l.number == limit+1 {
			if more {
				c.found.add("line-limit", l.number, 1, 0, "a file has at most %d lines: make more files; the rest of this one was not checked", limit)
				return nil
			}
			c.found.add("line-limit-header", l.number, 1, 0, "the file has %d lines with its header: whether that one counts is unknown, so leave a row out", l.number)
		}
		joined := c.row(l, rows == 0)
		if rows == 0 {
			var ok bool
			if c.head, ok = c.header(joined, c.cells); !ok {
				return nil
			}
		}
		rows++
		if !c.flush() {
			return nil
		}
	}
}

// end is for what is known at the end only.
func (c *checker) end(rows int64) {
	switch rows {
	case 0:
		c.found.add("empty-file", 1, 1, 0, "the file is empty: the first line must hold the names of the columns")
	case 1:
		c.found.add("no-rows", 1, 1, 0, "there are no rows: send nothing when there is nothing to say")
	}
}

// bytes checks a line as such.
func (c *checker) bytes(l line) {
	if l.crlf && !c.crlf {
		c.crlf = true
		c.found.add("crlf", l.number, len(l.text)+1, 0, "end lines by LF: it is unknown whether Splio takes CR LF")
	}
	if !l.end && c.Strict {
		c.found.add("final-newline", l.number, len(l.text)+1, 0, "end the last line by LF")
	}
	wrong, control := false, false
	for i := 0; i < len(l.text) && !(wrong && control); {
		r, n := utf8.DecodeRune(l.text[i:])
		switch {
		case r == utf8.RuneError && n == 1 && !wrong:
			wrong = true
			c.found.add("encoding", l.number, i+1, 0, "write the file as UTF-8: this byte is not")
		case (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029') && !control:
			control = true
			c.found.add("control", l.number, i+1, 0, "leave out control characters, tabs and line breaks of other kinds")
		}
		i += n
	}
}

// row takes a row apart, into c.cells, and checks it. It returns the line, with
// those that a value spans.
func (c *checker) row(l line, first bool) line {
	c.bytes(l)
	var open bool
	c.cells, c.faults, open = split(l.text, c.cells, c.faults)
	if open {
		l, open = c.span(l)
	}
	told := slices.ContainsFunc(c.faults, func(f fault) bool { return f.rule == "quote" && f.field == len(c.cells) })
	if open && !told {
		last := c.cells[len(c.cells)-1]
		c.found.add("quote", l.number, last.at+1, len(c.cells), "close the quote")
	}
	for _, f := range c.faults {
		at := cellAt{c.found, l, f.at, f.field}
		if f.rule == "quote" {
			at.add(f.rule, "put quotes around the whole value, and double those within")
		} else {
			at.add(f.rule, "leave out the backslash: many readers take it and the quote for a quote within the value")
		}
	}
	if first {
		return l
	}
	switch want := len(c.head.columns); {
	case len(l.text) == 0 && want > 1:
		c.found.add("blank-line", l.number, 1, 0, "leave out blank lines")
		return l
	case len(c.cells) != want:
		c.found.add("field-count", l.number, 1, 0, "the row has %d values for %d columns", len(c.cells), want)
		return l
	}
	for i, cell := range c.cells {
		key := i == c.head.key
		at := cellAt{c.found, l, cell.at, i + 1}
		switch {
		case len(bytes.TrimSpace(cell.text)) > 0:
			c.cell(c.head.columns[i], key, at, cell.text, cell.quoted)
			if key {
				c.key(c.head.columns[i], at, cell.text)
			}
		case key:
			at.add("key-empty", "the row has no key: leave it out")
		case len(cell.text) > 0 && !cell.quoted && (cell.text[0] == ' ' || cell.text[len(cell.text)-1] == ' '):
			at.add("edge-space", "leave the cell empty: it holds only spaces")
		}
	}
	return l
}

// span looks for the lines on which a quoted value goes on. Open is that there
// are none with which the row would be sound.
func (c *checker) span(l line) (_ line, open bool) {
	joined := slices.Clone(l.text)
	var cells []cell
	var faults []fault
	for n := range maxAhead {
		next, ok := c.in.peek(n)
		if !ok || len(joined)+len(next.text) > maxSpan {
			break
		}
		joined = append(append(joined, '\n'), next.text...)
		cells, faults, open = split(joined, cells, faults)
		wrong := slices.ContainsFunc(faults, func(f fault) bool { return f.rule == "quote" })
		if open || wrong || len(c.head.columns) > 0 && len(cells) != len(c.head.columns) {
			continue
		}
		at := c.cells[len(c.cells)-1].at
		c.found.add("multi-line", l.number, at+1, len(c.cells), "write the value on one line")
		for range n + 1 {
			next, _ := c.in.next() // it was peeked at
			c.bytes(next)
		}
		c.cells, c.faults = cells, faults
		l.text = joined
		return l, false
	}
	return l, true
}

// cellAt is where a cell begins.
type cellAt struct {
	found *list
	line  line
	at    int
	field int
}

func (a cellAt) add(rule, format string, args ...any) {
	before := a.line.text[:min(a.at, len(a.line.text))]
	number := a.line.number + int64(bytes.Count(before, []byte{'\n'}))
	a.found.add(rule, number, a.at-bytes.LastIndexByte(before, '\n'), a.field, format, args...)
}

// key compares a key with those that went before.
func (c *checker) key(col column, at cellAt, text []byte) {
	trimmed := bytes.TrimSpace(text)
	folded := sha256.Sum256([]byte(strings.ToLower(string(trimmed))))
	id, exact := digest(folded[:16]), uint64(0)
	if !strings.EqualFold(col.name, "email") { // case may matter
		sum := sha256.Sum256(trimmed)
		exact = binary.LittleEndian.Uint64(sum[:])
	}
	if seen, ok := c.keys[id]; !ok {
		c.keys[id] = keySeen{at.line.number, exact}
	} else if seen.exact == exact {
		at.add("duplicate-key", "line %d has the same key: it is unknown which row counts, so leave one out", seen.line)
	} else {
		at.add("similar-key", "the key of line %d differs in case only: Splio might take them for one", seen.line)
	}
	if c.shared != nil {
		c.shared.add(id, c.fileNo, at)
	}
}
