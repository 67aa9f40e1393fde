package splio

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

// A record whose text is what it was when it was rendered last has the cells that
// it had, as long as nothing else has changed that they come of. So of a segment
// that is text and can be read again, only the few records are rendered whose text
// the snapshot does not know.

// textComparison is a Comparison that knows records by their text.
type textComparison interface {
	Comparison
	takesTexts() bool // with records that are rendered
	ByText() bool     // in place of records that are rendered
	textFeed() textFeed
}

// textFeed is a [diff.Feed].
type textFeed interface {
	Known(first int64, texts [][]byte, known []bool) error
	PutText(seq int64, text, key []byte, cells [][]byte, note string) error
}

// textRendering names all that the key and the cells of a record come of, besides
// its text; "" when that can not be told.
func (j *job) textRendering(mapper *mapping.Mapper, src mapping.Source, rendering string) string {
	chunked, ok := src.(chunk.Source)
	if !ok || anyFunction(j.Mapping) || !chunked.Repeatable() {
		return ""
	}
	layout, build := chunked.Layout(), build()
	if layout == "" || build == "" {
		return ""
	}
	return fmt.Sprintf("%s\n%s\n%q\n%s", rendering, layout, mapper.Columns(), build)
}

// build names what comes with a build and has a part in rendering: this module, and
// the tables of characters and languages. It is "" when that can not be told.
func build() string {
	info, _ := debug.ReadBuildInfo()
	return buildOf(runtime.Version(), info, func() (fs.FileInfo, error) {
		path, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return os.Stat(path)
	})
}

// buildOf is build for a version of Go, what the program was built of, nil when that
// is not known, and its file.
func buildOf(version string, info *debug.BuildInfo, program func() (fs.FileInfo, error)) string {
	const own = "github.com/spliosync/spliosync"
	parts, known, unknown := []string{version}, false, false
	if info != nil {
		for _, m := range append(slices.Clone(info.Deps), &info.Main) {
			if m.Path != own && m.Path != "golang.org/x/text" {
				continue
			}
			known = known || m.Path == own
			if m.Replace != nil {
				m = m.Replace
			}
			unknown = unknown || !strings.HasPrefix(m.Version, "v") || strings.HasSuffix(m.Version, "+dirty")
			parts = append(parts, m.Path, m.Version, m.Sum)
		}
	}
	if known && !unknown {
		return strings.Join(parts, " ")
	}
	// What somebody is at work on may have any name: it is another one with each build.
	file, err := program()
	if err != nil {
		return ""
	}
	return fmt.Sprint(strings.Join(parts, " "), file.Size(), file.ModTime().UnixNano())
}

// anyFunction reports whether a function has a part in the mapping that does not
// say which version of it is meant.
func anyFunction(m mapping.Mapping) bool {
	return slices.ContainsFunc(slices.Concat([]mapping.Field{m.Key}, m.Fields), func(f mapping.Field) bool {
		return slices.ContainsFunc(f.Transforms, func(t mapping.Transform) bool { return t.Func != "" && t.Version == "" })
	})
}

// putter puts what a worker has rendered into the comparison.
type putter struct {
	feed  func(seq int64, key []byte, cells [][]byte) error
	texts textFeed // nil: texts are not taken
	notes noter
	batch [][]byte // texts, when records are known by them; nil otherwise
	known []bool
}

// textBatch is how many texts are looked at together.
const textBatch = 256

func newPutter(run Comparison) *putter {
	texts, ok := run.(textComparison)
	if !ok || !texts.takesTexts() {
		return &putter{feed: run.Feed()}
	}
	p := &putter{texts: texts.textFeed(), notes: make(noter)}
	if texts.ByText() {
		p.batch, p.known = make([][]byte, 0, textBatch), make([]bool, textBatch)
	}
	return p
}

// put puts a row, with its text where that is all there is to know about the record.
func (p *putter) put(seq int64, c chunk.Chunk, r *renderer) error {
	if p.texts == nil {
		return p.feed(seq, r.row.Key, r.cells())
	}
	return p.texts.PutText(seq, c.Text(), r.row.Key, r.cells(), p.notes.of(r.row.Rejections))
}

// unknown visits the records of a chunk of which more has to be known than their text.
func (p *putter) unknown(c chunk.Chunk, visit func(seq int64) error) (err error) {
	for seq, end := c.First(), c.First()+c.Len(); seq < end; seq += int64(len(p.batch)) {
		if p.batch, err = c.Texts(p.batch[:0], textBatch); err != nil {
			return fmt.Errorf("splio: read the segment: %w", err)
		}
		if err := p.texts.Known(seq, p.batch, p.known); err != nil {
			return err
		}
		for i := range p.batch {
			if p.known[i] {
				continue
			}
			if err := visit(seq + int64(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// noter makes notes about what was found wrong with records.
type noter map[string]string

// of returns the note about rejections, "" when there are none.
func (n noter) of(rejections []mapping.Rejection) string {
	if len(rejections) == 0 {
		return ""
	}
	var buf [256]byte
	key := buf[:0]
	for _, r := range rejections {
		for _, s := range [...]string{r.Field, r.Attribute, r.Reason, string(r.Action)} {
			key = append(binary.AppendUvarint(key, uint64(len(s))), s...)
		}
	}
	note, ok := n[string(key)]
	if !ok {
		counts := make([]RejectionCount, 0, len(rejections))
		for _, r := range rejections {
			counts = append(counts, RejectionCount{Field: r.Field, Attribute: r.Attribute, Reason: r.Reason, Action: r.Action, Count: 1})
		}
		text, _ := json.Marshal(counts) // strings and a number: it can not fail
		note = string(text)
		n[string(key)] = note
	}
	return note
}

// addNotes counts what is noted about records that were not rendered again.
func (t *tally) addNotes(notes map[string]int64) error {
	for note, n := range notes {
		var counts []RejectionCount
		if err := json.Unmarshal([]byte(note), &counts); err != nil {
			return fmt.Errorf("splio: read a note of the snapshot: %w", err)
		}
		for _, c := range counts {
			c.Count = 0
			t.counts[c] += n
		}
	}
	return nil
}

// cells are those of the row besides the key, nil for one that was rejected.
func (r *renderer) cells() [][]byte {
	if !r.row.OK {
		return nil
	}
	return r.row.Cells[1:]
}

// putTexts puts the records of the segment that are not known by their text. It
// returns where their rows are: in a spool, as long as they are few.
func (s *rereader) putTexts(ctx context.Context, run Comparison, found *tally) (rows, error) {
	sp, err := s.job.newSpool()
	if err != nil {
		return s, err
	}
	seg := &someRows{spool: sp, all: s}
	w := &chunkRenderer{job: s.job, mapper: s.mapper, run: run, sp: sp, most: s.few(), found: found}
	_, err = s.job.eachChunk(ctx, s.mapper, s.src, false, w.start)
	w.end()
	if err != nil || w.most >= 0 {
		return seg, err
	}
	return s, sp.close()
}

// putAgain puts those records of the segment that were known by their text at first,
// and have to be put all the same. The rows of all are where it is read again.
func (s *rereader) putAgain(ctx context.Context, seg rows, run Comparison, found *tally) (rows, error) {
	if some, ok := seg.(*someRows); ok {
		if err := some.spool.close(); err != nil {
			return s, err
		}
	}
	w := &chunkRenderer{job: s.job, mapper: s.mapper, run: run, found: found}
	reader, err := s.src.Chunks(ctx)
	if err != nil {
		return s, fmt.Errorf("splio: read the segment again: %w", err)
	}
	c := startCrew(reader, w.start)
	for err == nil && !c.failed() {
		t := <-c.free
		if err = reader.Next(ctx, t.chunk); err == nil {
			s.job.watch.again(t.chunk.Size())
			c.hand(t)
		}
	}
	if werr := c.wait(); werr != nil {
		err = werr
	} else if err == io.EOF {
		err = nil
	} else {
		err = fmt.Errorf("splio: read the segment again: %w", err)
	}
	w.end()
	return s, errors.Join(err, reader.Close())
}

// few is how many bytes of rows are worth to be spooled.
func (s *rereader) few() int64 {
	most := int64(64 << 20)
	if size := s.src.Size(); size >= 0 {
		most = size / 4
	}
	if free, err := s.job.fs.Free(); err == nil {
		most = min(most, free/4)
	}
	return max(1, most)
}

// someRows are the rows of records that were put, in a spool; the others are where
// the segment is read once more.
type someRows struct {
	*spool
	all *rereader
}

func (s *someRows) keys(ctx context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error {
	return s.all.each(ctx, changes, visit)
}
