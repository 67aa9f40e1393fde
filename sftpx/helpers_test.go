package sftpx_test

import (
	"bytes"
	"io"
)

// body is content as Put takes it.
func body(content []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))
}
