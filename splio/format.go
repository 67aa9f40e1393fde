package splio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// MaxLines is the largest number of lines of a contacts file. The number is
// documented; that it includes the header is the strict reading of an unknown
// (FORMAT.md, section 2).
const MaxLines = 200_000

// Format says how a file is written. The zero value is the default, which is the
// careful choice where Splio's rule is unknown (FORMAT.md, sections 2 and 9).
type Format struct {
	// MaxLines is the largest number of lines, the header included, from 2 to
	// [MaxLines], which is the default.
	MaxLines int

	// MaxBytes is the largest size of a file, which has one row all the same. 0 is
	// no limit.
	MaxBytes int64

	// Quotes says which cells are quoted. By default those that have to be.
	Quotes Quotes

	// Backslash escapes quotes, and backslashes, in quoted cells by a backslash,
	// and quotes cells that hold a backslash. By default quotes are doubled, and
	// backslashes before a quote become slashes.
	Backslash bool

	// CRLF ends lines by CR LF, in place of LF.
	CRLF bool

	// OpenEnd leaves the line end behind the last row out.
	OpenEnd bool
}

// Quotes says which cells are quoted. What Splio reads is observed for quotes
// around values, and unknown for anything within them (FORMAT.md, section 2).
type Quotes string

const (
	// QuoteNeeded quotes cells that hold ";" or a quote, or have a space at
	// either end. It is the default.
	QuoteNeeded Quotes = ""
	// QuoteAll quotes every cell that is not empty.
	QuoteAll Quotes = "all"
	// QuoteNever quotes nothing: ";" becomes ",", and a quote an apostrophe.
	QuoteNever Quotes = "never"
	// QuoteReject refuses cells that would need quotes. An [Activation] rejects
	// their records.
	QuoteReject Quotes = "reject"
)

func (f Format) validate() (Format, error) {
	if f.MaxLines == 0 {
		f.MaxLines = MaxLines
	}
	var errs []error
	if f.MaxLines < 2 || f.MaxLines > MaxLines {
		errs = append(errs, fmt.Errorf("splio: Format.MaxLines is %d, 2 to %d are possible", f.MaxLines, MaxLines))
	}
	if f.MaxBytes < 0 {
		errs = append(errs, fmt.Errorf("splio: Format.MaxBytes is %d, at least 0 is possible", f.MaxBytes))
	}
	switch f.Quotes {
	case QuoteNeeded, QuoteAll, QuoteNever, QuoteReject:
	default:
		errs = append(errs, fmt.Errorf("splio: Format.Quotes is %q: it can be empty or one of %s, %s, %s", f.Quotes, QuoteAll, QuoteNever, QuoteReject))
	}
	if f.Backslash && (f.Quotes == QuoteNever || f.Quotes == QuoteReject) {
		errs = append(errs, fmt.Errorf("splio: Format.Backslash makes no sense with Quotes %q, which quotes nothing", f.Quotes))
	}
	return f, errors.Join(errs...)
}

// lineEnd is what ends a line.
func (f *Format) lineEnd() string {
	if f.CRLF {
		return "\r\n"
	}
	return "\n"
}

// needsQuotes reports whether a cell, which is not empty, would mean something
// else without quotes.
func (f *Format) needsQuotes(cell []byte) bool {
	return bytes.IndexByte(cell, ';') >= 0 || bytes.IndexByte(cell, '"') >= 0 ||
		cell[0] == ' ' || cell[len(cell)-1] == ' ' || f.Backslash && bytes.IndexByte(cell, '\\') >= 0
}

// appendCell appends a cell, quoted when it must be, and returns how often a
// part of it was replaced. A cell that is refused is not ok.
func (f *Format) appendCell(buf, cell []byte) (out []byte, replaced int64, ok bool) {
	if len(cell) == 0 {
		return buf, 0, true
	}
	needs := f.needsQuotes(cell)
	switch {
	case !needs && f.Quotes != QuoteAll:
		return append(buf, cell...), 0, true
	case f.Quotes == QuoteReject:
		return buf, 0, false
	case f.Quotes == QuoteNever:
		buf, replaced = appendBare(buf, cell)
		return buf, replaced, true
	}
	buf = append(buf, '"')
	if f.Backslash {
		for _, c := range cell {
			if c == '"' || c == '\\' {
				buf = append(buf, '\\')
			}
			buf = append(buf, c)
		}
		return append(buf, '"'), 0, true
	}
	for len(cell) > 0 {
		switch n := len(cell) - len(bytes.TrimLeft(cell, `\`)); {
		case n > 0:
			if n == len(cell) || cell[n] == '"' { // a quote follows, perhaps the closing one
				buf = append(buf, strings.Repeat("/", n)...)
				replaced++
			} else {
				buf = append(buf, cell[:n]...)
			}
			cell = cell[n:]
		case cell[0] == '"':
			buf = append(buf, '"', '"')
			cell = cell[1:]
		default:
			buf = append(buf, cell[0])
			cell = cell[1:]
		}
	}
	return append(buf, '"'), replaced, true
}

// badRow says why a row can not be written, and for which of its cells.
type badRow struct {
	column int
	reason string // "" when it can
}

// appendRow appends a row without the end of its line, and returns how often a
// part of it was replaced.
func (f *Format) appendRow(buf []byte, cells [][]byte) (out []byte, replaced int64, bad badRow) {
	start := len(buf)
	for i, cell := range cells {
		if i > 0 {
			buf = append(buf, ';')
		}
		if len(cell) > 0 && f.Quotes != QuoteAll && isPlain(cell) {
			buf = append(buf, cell...)
			continue
		}
		reason := "an absent cell"
		if cell != nil {
			reason = badCell(cell)
		}
		if reason != "" {
			return buf, 0, badRow{i, reason}
		}
		var n int64
		var ok bool
		if buf, n, ok = f.appendCell(buf, cell); !ok {
			return buf, 0, badRow{i, "a separator or quote, or a space at an end"}
		}
		replaced += n
	}
	if len(buf) == start { // a line that readers would take for blank
		if f.Quotes == QuoteNever || f.Quotes == QuoteReject {
			return buf, 0, badRow{0, "the only cell of its row, and empty"}
		}
		buf = append(buf, `""`...)
	}
	return buf, replaced, badRow{}
}

// Bytes are looked at eight at a time, as a word of them. A mark is the highest
// bit of a byte.
const (
	ones  = 0x0101010101010101
	marks = 0x80 * ones
)

// isPlain says that a cell, which is not empty, may be written, and is the same in
// every format that does not quote them all.
func isPlain(cell []byte) bool {
	n := len(cell)
	if cell[0] == ' ' || cell[n-1] == ' ' {
		return false
	}
	var odd, all uint64
	for at := 0; at < n-8; at += 8 {
		w := binary.LittleEndian.Uint64(cell[at:])
		odd, all = odd|oddities(w), all|w
	}
	var w uint64 // the last bytes, some of them once more
	switch {
	case n >= 8:
		w = binary.LittleEndian.Uint64(cell[n-8:])
	case n >= 4:
		w = uint64(binary.LittleEndian.Uint32(cell)) | uint64(binary.LittleEndian.Uint32(cell[n-4:]))<<32
	default:
		w = uint64(cell[0])*0x010101<<40 | uint64(cell[n/2])<<32 | uint64(cell[n-1])*ones>>32
	}
	odd, all = odd|oddities(w), all|w
	return odd == 0 && (all&marks == 0 || badText(cell) == "")
}

// oddities marks something in w if it has a byte of ASCII that is a control character, or may
// have to be quoted or escaped.
func oddities(w uint64) uint64 {
	controls := (w - ' '*ones) | (w&^marks + ones)
	others := ((w ^ ';'*ones) - ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones) // where they are zero before
	return (controls | others) &^ w & marks
}

// appendBare appends a cell without what would need quotes, spaces aside, which
// stay: whether a reader trims them, it does so to all of them.
func appendBare(buf, cell []byte) (out []byte, replaced int64) {
	for _, c := range cell {
		switch c {
		case ';':
			c = ','
			replaced++
		case '"':
			c = '\''
			replaced++
		}
		buf = append(buf, c)
	}
	return buf, replaced
}

// firstCell returns the first cell of a line that was written in this format.
func (f *Format) firstCell(line []byte) []byte {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 || line[0] != '"' {
		cell, _, _ := bytes.Cut(line, []byte(";"))
		return cell
	}
	var cell []byte
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case f.Backslash && c == '\\', !f.Backslash && c == '"' && i+1 < len(line) && line[i+1] == '"':
			i++
		case c == '"':
			return cell
		}
		if i < len(line) {
			cell = append(cell, line[i])
		}
	}
	return cell
}

// survives reports whether a key comes out of a file as it went in.
func (f *Format) survives(key []byte) bool {
	if len(key) == 0 || isPlain(key) || !f.needsQuotes(key) && bytes.IndexByte(key, '\\') < 0 {
		return true
	}
	_, replaced, ok := f.appendCell(nil, key)
	return ok && replaced == 0
}

// refuses reports whether a row has a cell that can not be written.
func (f *Format) refuses(cells [][]byte) bool {
	if f.Quotes != QuoteReject {
		return false
	}
	for _, c := range cells {
		if len(c) > 0 && f.needsQuotes(c) {
			return true
		}
	}
	return false
}
