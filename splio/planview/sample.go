package planview

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spliosync/spliosync/splio"
)

// Sample is a few rows of a file, to look at. They are personal data.
type Sample struct {
	File    string     `json:"file,omitempty"` // its name
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

const maxSampleLine = 1 << 20 // bytes

// ReadSample reads the header and the first n rows of a contacts file that was written
// with the format. [splio.Plan.Open] opens the files of a plan that waits. ReadSample
// reads little more of the file than it needs. The caller sets File. An error names the
// line, and never what is in it; the sample is then empty.
func ReadSample(r io.Reader, format splio.Format, n int) (Sample, error) {
	var s Sample
	in := bufio.NewReader(r)
	for line := 1; line == 1 || line-1 <= n; line++ {
		text, err := readLine(in)
		if errors.Is(err, io.EOF) {
			if line > 1 {
				break
			}
			err = errors.New("there is no header")
		}
		cells, ok := splitCells(text, format.Backslash)
		switch {
		case err != nil:
		case !ok:
			err = errors.New("quotes that do not match: was the file written with another Format?")
		case line > 1 && len(cells) != len(s.Columns):
			err = fmt.Errorf("%d cells, and %d columns in the header", len(cells), len(s.Columns))
		}
		if err != nil {
			return Sample{}, fmt.Errorf("planview: read a sample: line %d: %w", line, err)
		}
		if line == 1 {
			s.Columns = cells
		} else {
			s.Rows = append(s.Rows, cells)
		}
	}
	return s, nil
}

// readLine reads a line without its end; io.EOF is that there is none.
func readLine(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		part, err := in.ReadSlice('\n')
		b.Write(part)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && b.Len() <= maxSampleLine:
		case errors.Is(err, bufio.ErrBufferFull):
			return "", fmt.Errorf("longer than %d bytes", maxSampleLine)
		case err == nil, errors.Is(err, io.EOF) && b.Len() > 0:
			return strings.TrimSuffix(strings.TrimSuffix(b.String(), "\n"), "\r"), nil
		default:
			return "", err
		}
	}
}

// splitCells splits a line at semicolons that are not in quotes.
func splitCells(line string, backslash bool) (cells []string, ok bool) {
	for {
		if !strings.HasPrefix(line, `"`) {
			cell, rest, more := strings.Cut(line, ";")
			cells = append(cells, cell)
			if !more {
				return cells, true
			}
			line = rest
			continue
		}
		var b strings.Builder
		i := 1
		for closed := false; !closed; i++ {
			switch {
			case i >= len(line):
				return nil, false
			case backslash && line[i] == '\\' && i+1 < len(line),
				!backslash && line[i] == '"' && i+1 < len(line) && line[i+1] == '"':
				i++
				b.WriteByte(line[i])
			case line[i] == '"':
				closed = true
			default:
				b.WriteByte(line[i])
			}
		}
		cells = append(cells, b.String())
		if i == len(line) {
			return cells, true
		}
		if line[i] != ';' {
			return nil, false
		}
		line = line[i+1:]
	}
}
