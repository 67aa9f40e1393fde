package spliotest

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// lines returns the lines of a file, the header first, or why the whole file is
// skipped.
func (r Rules) lines(data []byte, scope string) (lines []string, problem string) {
	switch {
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return nil, "it begins with a byte order mark"
	case !utf8.Valid(data):
		return nil, "it is not UTF-8"
	case len(data) == 0:
		return nil, "it has no header"
	}
	end := "\n"
	if r.LineEnds == OnlyCRLF {
		end = "\r\n"
	}
	lines = strings.Split(string(data), end)
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	if r.LineEnds == AnyLineEnd {
		for i, l := range lines {
			lines[i] = strings.TrimSuffix(l, "\r")
		}
	}
	limit := r.MaxLines
	if scope == deletesScope {
		limit = r.MaxDeletes
	}
	counted := len(lines)
	if r.HeaderNotCounted {
		counted--
	}
	if counted > limit {
		return nil, fmt.Sprintf("it has more than %d lines", limit)
	}
	return lines, ""
}

// split takes a line apart into cells, or says why it cannot be.
func (q Quotes) split(line string) (cells []string, problem string) {
	if q == QuotesNone {
		return strings.Split(line, ";"), ""
	}
	for {
		var cell string
		if strings.HasPrefix(line, `"`) {
			cell, line, problem = q.quoted(line[1:])
			if problem != "" {
				return nil, problem
			}
			if line != "" && line[0] != ';' {
				return nil, "text after a closing quote"
			}
		} else {
			end := strings.IndexByte(line, ';')
			if end < 0 {
				end = len(line)
			}
			cell, line = line[:end], line[end:]
			if strings.Contains(cell, `"`) {
				return nil, "a quote in a value that has no quotes around it"
			}
		}
		cells = append(cells, cell)
		if line == "" {
			return cells, ""
		}
		line = line[1:]
	}
}

// quoted reads a value after its opening quote, and what follows the closing one.
func (q Quotes) quoted(line string) (cell, rest, problem string) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		c := line[i]
		next := byte(0)
		if i+1 < len(line) {
			next = line[i+1]
		}
		switch {
		case c == '\\' && q != QuotesDoubled && next == '"',
			c == '\\' && q == QuotesBackslash && next == '\\',
			c == '"' && q != QuotesBackslash && next == '"':
			b.WriteByte(next)
			i++
		case c == '"':
			return b.String(), line[i+1:], ""
		default:
			b.WriteByte(c)
		}
	}
	return "", "", "a quote that is not closed"
}
