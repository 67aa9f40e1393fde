package splio_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// segment is that of a step: records, or mostly a file with them, which is read more than once, and
// of which what is written as it was is not rendered.
func (s *simulation) segment(step *simStep) mapping.Source {
	records := simSource(step.Records)
	if !step.File {
		return records
	}
	if text := records.text(step.Quoted); !bytes.Equal(text, s.text) {
		_ = os.Remove(s.file) // some systems wait for the disk when a file is overwritten
		if err := os.WriteFile(s.file, text, 0o600); err != nil {
			s.line.wrong = errors.Join(s.line.wrong, err)
		}
		s.text = text
	}
	return source.CSVFile(s.file, source.CSVOptions{})
}

// text is the records as CSV, with quotes around all values or those that need them.
func (s simSource) text(quoted bool) []byte {
	var b strings.Builder
	b.WriteString("email;must;f0;f1;f2\n")
	for _, r := range s {
		cells := []string{"nobody", simValues[r.Must]}
		if r.Key >= 0 {
			cells[0] = key(r.Key)
		}
		for _, v := range r.Values {
			cells = append(cells, simValues[v])
		}
		for i, c := range cells {
			if quoted || strings.ContainsAny(c, `";`) {
				cells[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
		}
		fmt.Fprintln(&b, strings.Join(cells, ";"))
	}
	return []byte(b.String())
}
