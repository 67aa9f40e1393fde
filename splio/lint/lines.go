package lint

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Bounds of what is held in memory.
const (
	maxLine  = 1 << 20  // bytes of a line
	maxAhead = 32       // lines that are looked at for the end of a quoted value
	maxSpan  = 64 << 10 // bytes of those lines
)

var errLongLine = errors.New("the line is too long")

// line is a line of a file, without its end.
type line struct {
	number    int64
	text      []byte
	crlf, end bool // how it ends; no end is that of the last line only
}

// lines reads lines, with a look ahead.
type lines struct {
	in     *bufio.Reader
	number int64
	ahead  []line
	err    error // what comes behind ahead
}

// next returns io.EOF at the end, and errLongLine where it can not go on.
func (l *lines) next() (line, error) {
	if n, ok := l.peek(0); ok {
		l.ahead = l.ahead[1:]
		return n, nil
	}
	return line{}, l.err
}

// peek returns the line that is n lines behind the next one.
func (l *lines) peek(n int) (line, bool) {
	for len(l.ahead) <= n && l.err == nil {
		var read line
		if read, l.err = l.read(); l.err == nil {
			l.ahead = append(l.ahead, read)
		}
	}
	if n < len(l.ahead) {
		return l.ahead[n], true
	}
	return line{}, false
}

func (l *lines) read() (line, error) {
	var text []byte
	for {
		part, err := l.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > maxLine:
			l.number++
			return line{}, errLongLine
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(text) == 0):
			return line{}, err
		}
		l.number++
		out := line{number: l.number}
		out.text, out.end = bytes.CutSuffix(text, []byte{'\n'})
		if out.end {
			out.text, out.crlf = bytes.CutSuffix(out.text, []byte{'\r'})
		}
		return out, nil
	}
}

// cell is a value of a row.
type cell struct {
	at     int // of its first byte in the text of the row
	text   []byte
	quoted bool
}

// fault is something wrong with quotes.
type fault struct {
	at    int
	rule  string
	field int
}

// split takes a row apart. Open is that it ends within quotes.
func split(text []byte, cells []cell, faults []fault) (_ []cell, _ []fault, open bool) {
	cells, faults = cells[:0], faults[:0]
	for i := 0; ; i++ { // behind a separator
		c := cell{at: i}
		field := len(cells) + 1
		if i < len(text) && text[i] == '"' {
			c.quoted, open = true, true
			slash := false
			for i++; i < len(text); i++ {
				b := text[i]
				if b == '"' {
					switch doubled := i+1 < len(text) && text[i+1] == '"'; {
					case slash:
						faults = append(faults, fault{i - 1, "backslash-quote", field})
					case !doubled && i+1 < len(text) && text[i+1] != ';':
						faults = append(faults, fault{i, "quote", field})
					}
					switch {
					case i+1 == len(text) || text[i+1] == ';':
						open = false
					case text[i+1] == '"':
						i++
					}
				}
				if !open {
					i++
					break
				}
				slash = b == '\\'
				c.text = append(c.text, b)
			}
		} else {
			end := bytes.IndexByte(text[i:], ';')
			if end < 0 {
				end = len(text) - i
			}
			c.text = text[i : i+end]
			if q := bytes.IndexByte(c.text, '"'); q >= 0 {
				faults = append(faults, fault{i + q, "quote", field})
			}
			i += end
		}
		cells = append(cells, c)
		if i >= len(text) {
			return cells, faults, open
		}
	}
}
