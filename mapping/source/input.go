package source

import (
	"errors"
	"io"
)

// maxRecord is the most bytes of a record: an open quote must not read a whole file into memory.
const maxRecord = 16 << 20

var (
	errLong = errors.New("a record is longer than 16 MiB: is a quote left open?")
	errEnd  = errors.New("end of input")
)

// input stands between the caller's reader and the csv package. It bounds what is read for one record, and it tells an end
// inside quotes from a quote misplaced in the last line, which are one to the csv package: the text ends in a line break,
// added where it is missing, and then in an error that is not io.EOF.
type input struct {
	r    io.Reader
	left int   // bytes that the record may still take
	last byte  // read
	err  error // of r, sticky
}

func newInput(r io.Reader) *input { return &input{r: r, left: maxRecord, last: '\n'} }

func (in *input) reset() { in.left = maxRecord }

func (in *input) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if in.left <= 0 {
		return 0, errLong
	}
	if in.err == nil {
		n, in.err = in.r.Read(p[:min(len(p), in.left)])
		if in.left -= n; n > 0 {
			in.last = p[n-1]
			return n, nil
		}
	}
	switch {
	case in.err == nil:
		return 0, nil
	case in.err != io.EOF:
		return 0, in.err
	case in.last != '\n':
		p[0], in.last = '\n', '\n'
		return 1, nil
	}
	return 0, errEnd
}
