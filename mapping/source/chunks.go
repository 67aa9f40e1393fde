package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

// chunkText is about how much text a chunk has: enough for its records to take far longer than handing it over.
const chunkText = 1 << 20

var (
	_ chunk.Source = (*csvStream)(nil)
	_ chunk.Source = (*csvFile)(nil)
)

// csvStream is CSV text in a reader, which can be read by the chunk as well.
type csvStream struct{ stream }

func (s *csvStream) Chunks(ctx context.Context) (chunk.Reader, error) { return s.chunks(ctx) }

// Repeatable is false: a reader is read once.
func (s *csvStream) Repeatable() bool { return false }

// Size is not known.
func (s *csvStream) Size() int64 { return -1 }

func (s *csvStream) Layout() string { return s.text.(*csvText).layout(s.fields) }

// csvFile is CSV text in a file, which can be read by the chunk as well.
type csvFile struct{ file }

func (s *csvFile) Chunks(ctx context.Context) (chunk.Reader, error) {
	r, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if s.info != nil && (!os.SameFile(s.info, r.before) || !unchanged(s.info, r.before)) {
		r.close()
		return nil, fmt.Errorf("source: %s: it has changed since it was read before", s.path)
	}
	s.info = r.before
	chunks, err := r.chunks(ctx)
	if err != nil {
		r.close()
		return nil, err
	}
	chunks.file = r
	return chunks, nil
}

// Repeatable is true of what can be opened again and begins at its start then, such as no pipe.
func (s *csvFile) Repeatable() bool {
	info, err := os.Stat(s.path)
	return err == nil && info.Mode().IsRegular()
}

// Size is the size of the file, in whatever encoding; how much text there is in gzip is not known.
func (s *csvFile) Size() int64 {
	info, err := os.Stat(s.path)
	if err != nil || !info.Mode().IsRegular() {
		return -1
	}
	f, err := os.Open(s.path)
	if err != nil {
		return -1
	}
	defer func() { _ = f.Close() }() // nothing was written
	var magic [len(gzipMagic)]byte
	if _, err := io.ReadFull(f, magic[:]); err == nil && string(magic[:]) == gzipMagic {
		return -1
	}
	return info.Size()
}

// Layout reads the header once more: a separator may have to be found there. Where that fails, so will the reading.
func (s *csvFile) Layout() string {
	r, err := s.read(context.Background())
	if err != nil {
		return ""
	}
	defer r.close()
	s.info = r.before // chunks are of this file
	return r.text.(*csvText).layout(s.fields)
}

// layout is that of a source, once its header is known.
func (s *csvText) layout(fields []string) string {
	return fmt.Sprintf("csv %q %v %q", s.split.comma, s.split.lazy, fields)
}

// chunks begins to read by the chunk.
func (s *stream) chunks(ctx context.Context) (*csvReader, error) {
	if s.spent {
		return nil, errSpent
	}
	s.spent = true
	if s.open(ctx); s.err != nil {
		return nil, s.err
	}
	text := s.text.(*csvText)
	if err := text.start(); err != nil {
		return nil, err
	}
	text.split.chunk = cmp.Or(text.split.chunk, chunkText)
	return &csvReader{in: s.in, text: text}, nil
}

// csvReader cuts text at the ends of records. It reads into the memory of the chunks itself: what is left behind the last
// whole record goes into that of the next one. So it has to find the records, and whoever has the chunk splits them.
type csvReader struct {
	in   *input
	text *csvText
	file *fileReading // nil for a reader
	seq  int64        // records handed out
	err  error        // of all calls from now on
}

func (r *csvReader) New() chunk.Chunk { return &csvChunk{} }

func (r *csvReader) Next(ctx context.Context, into chunk.Chunk) error {
	c, ok := into.(*csvChunk)
	if !ok {
		return errors.New("source: the chunk was not made by this reader")
	}
	*c = csvChunk{text: c.text, marks: c.marks[:0]} // empty, whatever happens
	if r.err == nil {
		r.err = ended(ctx, r.seq)
	}
	if r.err != nil {
		return r.failed()
	}
	r.in.ctx = ctx
	s := &r.text.split
	s.fill()
	from, line := s.pos, s.line
	s.search()
	plain := s.quote
	n, err := s.whole()
	if n == 0 && err == errCut { // the first one is longer than the window
		var size int
		if size, err = s.skip(); err == nil {
			n, from, line, plain = 1, s.pos-size, s.first-1, 0
		}
	}
	switch {
	case err == errFault:
		r.err = r.text.failure(r.text.quoteError("the record"))
	case err == io.EOF:
		r.err = err
	case err != nil && err != errCut:
		r.err = r.text.failure(err)
	}
	if n == 0 {
		return r.failed()
	}

	c.next, c.end = r.seq+1, r.seq+1+n
	c.first, c.size = c.next, int64(s.pos-from)
	r.seq += n
	own := c.text.split // the memory of the chunk
	c.text.name, c.text.names = r.text.name, r.text.names
	c.text.split = splitter{
		window: window{buf: s.buf, front: s.front, pos: from, end: s.pos, err: io.EOF},
		comma:  s.comma, lazy: s.lazy, quote: plain, line: line,
		fields: own.fields, spans: own.spans, kept: own.kept,
	}
	if own.front > s.chunk { // grown for a long record: it need not be kept
		own.buf, own.front = nil, 0
	}
	s.quote -= s.moveTo(own.buf, own.front)
	return nil
}

// failed returns the error of all calls. The end of a file is one that it had when the reading began.
func (r *csvReader) failed() error {
	if r.err == io.EOF && r.file != nil {
		if err := r.file.settled(); err != nil {
			r.err = err
		}
	}
	return r.err
}

func (r *csvReader) Close() error {
	f, before := r.file, r.err
	r.err, r.file = errClosed, nil
	if f == nil {
		return nil
	}
	var err error
	if before == nil || before == io.EOF {
		err = f.settled()
	}
	if cerr := f.f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("source: %w", cerr)
	}
	return err
}

// csvChunk is the text of some records.
type csvChunk struct {
	text             csvText // with nothing to be read but what is in its window
	rec              mapping.Record
	first, next, end int64 // numbers; next is the one that is split next
	size             int64

	passed int64 // the first of the records that Texts has passed last
	marks  []mark
	ahead  mark // behind them
}

// mark is where a splitter stands.
type mark struct{ pos, quote, line int }

func (s *splitter) mark() mark { return mark{s.pos, s.quote, s.line} }

func (s *splitter) back(m mark) { s.pos, s.quote, s.line = m.pos, m.quote, m.line }

func (c *csvChunk) First() int64 { return c.first }

func (c *csvChunk) Len() int64 { return c.end - c.first }

func (c *csvChunk) Size() int64 { return c.size }

// pass goes to a record.
func (c *csvChunk) pass(seq int64) error {
	if at := seq - c.passed; at >= 0 && at < int64(len(c.marks)) {
		c.text.split.back(c.marks[at])
		c.next = seq
	}
	if seq < c.next || seq >= c.end {
		return fmt.Errorf("source: record %d is not in the chunk, or has been passed", seq)
	}
	for c.next < seq {
		if c.next += c.text.split.pass(seq - c.next); c.next == seq {
			break
		}
		if _, err := c.text.split.skip(); err != nil {
			return c.text.failure(err)
		}
		c.next++
	}
	return nil
}

func (c *csvChunk) Text() []byte {
	if c.rec.Err != nil {
		return nil
	}
	return c.text.split.text
}

func (c *csvChunk) Texts(dst [][]byte, most int) ([][]byte, error) {
	s := &c.text.split
	if len(c.marks) > 0 {
		s.back(c.ahead)
		c.next = c.passed + int64(len(c.marks))
	}
	c.passed, c.marks = c.next, c.marks[:0]
	for ; len(dst) < most && c.next < c.end; c.next++ {
		c.marks = append(c.marks, s.mark())
		text, err := s.passText()
		if err != nil {
			return dst, c.text.failure(err)
		}
		dst = append(dst, text)
	}
	c.ahead = s.mark()
	return dst, nil
}

func (c *csvChunk) Record(seq int64) (*mapping.Record, error) {
	if err := c.pass(seq); err != nil {
		return nil, err
	}
	if err := c.text.split.next(); err != nil {
		return nil, c.text.failure(err)
	}
	c.rec.Seq = c.next - 1
	c.next++
	if err := c.text.take(&c.rec); err != nil {
		return nil, err
	}
	return &c.rec, nil
}

var (
	errCut    = errors.New("source: the rest of the record has not been read yet")
	errFault  = errors.New("source: the record stops the reading")
	errClosed = errors.New("source: the reading was closed")
)

// fill reads until the buffer is full. An error comes again.
func (s *splitter) fill() {
	for s.buf == nil || s.end < len(s.buf)-slack {
		moved, err := s.more()
		if s.quote -= moved; err != nil {
			return
		}
	}
}

// whole goes over the whole records in the window, and returns how many there are and why there are no more: errCut when
// there may be once more is read, otherwise an error of skip.
func (s *splitter) whole() (n int64, err error) {
	if s.err == nil {
		s.err = errCut // in place of reading on
		defer func() { s.err = nil }()
	}
	for {
		n += s.pass(math.MaxInt64)
		if _, err = s.skip(); err != nil {
			return n, err
		}
		n++
	}
}

// pass goes over records as long as they are whole and nothing about them is unusual, up to a number, and returns how many.
// The next one is for skip.
func (s *splitter) pass(most int64) (n int64) {
	for n < most {
		s.search()
		text := s.buf[s.pos:s.quote]
		for n < most {
			i := bytes.IndexByte(text, '\n')
			if i < 0 || i >= maxRecord {
				break
			}
			if i > 1 || i == 1 && text[0] != '\r' {
				n++
			}
			text = text[i+1:]
			s.line++
		}
		s.pos = s.quote - len(text)
		if n == most || s.quote == s.end {
			break
		}
		size, lines := s.quoted()
		if size == 0 {
			break
		}
		s.pos += size
		s.line += lines
		n++
	}
	return n
}

// quoted returns the size of a record with a quote in its first line, and how many lines it has, or 0 when it has not been
// read as a whole or may have a fault. It looks at quotes and what is beside them only: of the separators, the others
// cannot move the end of a record.
func (s *splitter) quoted() (size, lines int) {
	text := s.buf[s.pos:min(s.end, s.pos+maxRecord)]
	field, p := 0, s.quote-s.pos // where a field begins, and the next quote
	if p >= len(text) {
		return 0, 0
	}
	end := -1 // of the line
	for {
		if p != field && !bytes.HasSuffix(text[field:p], s.comma) {
			return 0, 0
		}
		for p++; ; p++ { // to behind the quote that closes the field
			i := bytes.IndexByte(text[p:], '"')
			if p += i + 1; i < 0 || p == len(text) {
				return 0, 0
			}
			if text[p] != '"' {
				break
			}
		}
		for end < p {
			i := bytes.IndexByte(text[end+1:], '\n')
			if i < 0 {
				return 0, 0
			}
			end += i + 1
			lines++
		}
		switch rest := text[p:end]; {
		case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
			return end + 1, lines
		case rest[0] != s.comma[0] || len(s.comma) > 1 && !bytes.HasPrefix(rest, s.comma):
			return 0, 0
		}
		p += len(s.comma)
		if field = p; text[p] != '"' {
			i := bytes.IndexByte(text[p:end], '"')
			if i < 0 {
				return end + 1, lines
			}
			p += i
		}
	}
}

// passText goes over a record and returns it as it stands, without its line break; nil for one with a fault.
func (s *splitter) passText() (text []byte, err error) {
	for s.quote > s.pos {
		i := bytes.IndexByte(s.buf[s.pos:s.quote], '\n')
		if i < 0 || i >= maxRecord {
			break
		}
		text = trimLine(s.buf[s.pos : s.pos+i+1])
		s.pos += i + 1
		s.line++
		if len(text) > 0 {
			return text, nil
		}
	}
	size, err := s.skip()
	if err != nil || s.fault != faultNone {
		return nil, err
	}
	return trimLine(s.buf[s.pos-size : s.pos]), nil
}

// skip goes over a record, leaving it as it is, and returns its size. An error is as of next, or errFault for a record that
// stops the reading; then the record has not been taken.
func (s *splitter) skip() (size int, err error) {
	end, next, err := s.begin()
	if err != nil {
		return 0, err
	}
	if s.quote < s.pos+next {
		if next, err = s.parse(end, next); err != nil {
			s.line = s.first - 1
			return 0, err
		}
		if s.stops() {
			return 0, errFault
		}
	}
	s.pos += next
	return next, nil
}
