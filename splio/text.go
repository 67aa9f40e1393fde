package splio

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
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
// that is text and can be read again, only the key of each record is rendered at
// first, and then the few records whose text the snapshot does not know.

// textComparison is a Comparison that knows records by their text.
type textComparison interface {
	Comparison
	takesTexts() bool // with records that are rendered
	ByText() bool     // in place of records that are rendered
	textFeed() textFeed
}

// textFeed is [diff.Feed.PutText].
type textFeed func(seq int64, text, key []byte, cells [][]byte, note string) error

// textRendering names all that the key and the cells of a record come of, besides
// its text; "" when that can not be told.
func (j *job) textRendering(mapper *mapping.Mapper, src mapping.Source, rendering string) string {
	chunked, ok := src.(chunk.Source)
	if !ok || mapper.KeyField() < 0 || anyFunction(j.Mapping) || !chunked.Repeatable() {
		return ""
	}
	layout, build := chunked.Layout(), build()
	if layout == "" || build == "" {
		return ""
	}
	return fmt.Sprintf("%s\n%s\n%q\n%s", rendering, layout, mapper.Columns(), build)
}

// build names what comes with a build and has a part in rendering: this module, and
// the tables of characters and languages.
func build() string {
	const own = "github.com/spliosync/spliosync"
	parts, known, unknown := []string{runtime.Version()}, false, false
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
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
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	file, err := os.Stat(path)
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

// putter returns a function that puts the row into the comparison, with its text
// where that is all there is to know about the record.
func (r *renderer) putter(run Comparison) func(seq int64, c chunk.Chunk) error {
	texts, ok := run.(textComparison)
	if !ok || !texts.takesTexts() {
		feed := run.Feed()
		return func(seq int64, _ chunk.Chunk) error { return feed(seq, r.row.Key, r.cells()) }
	}
	feed, notes := texts.textFeed(), make(noter)
	return func(seq int64, c chunk.Chunk) error {
		return feed(seq, c.Text(), r.row.Key, r.cells(), notes.of(r.row.Rejections))
	}
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

// putTexts puts the records of the segment by their text.
func (s *rereader) putTexts(ctx context.Context, run textComparison) (err error) {
	field := s.mapper.KeyField()
	s.records, err = s.job.eachChunk(ctx, s.mapper, s.src, false, func(*crew) func(*task) error {
		feed := run.textFeed()
		var row mapping.Row
		return func(t *task) error {
			for seq, end := t.chunk.First(), t.chunk.First()+t.chunk.Len(); seq < end; seq++ {
				value, text, err := t.chunk.Field(seq, field)
				if err != nil {
					return fmt.Errorf("splio: read the segment: %w", err)
				}
				var key []byte
				if text != nil {
					if key = s.mapper.RenderKey(&row, value); !s.job.Format.survives(key) {
						key = nil
					}
				}
				if err := feed(seq, text, key, nil, ""); err != nil {
					return err
				}
			}
			return nil
		}
	})
	return err
}

// putAgain renders the records with these numbers. It returns where their rows
// are from now on: in a spool, as long as they are few.
func (s *rereader) putAgain(ctx context.Context, numbers iter.Seq[int64], run textComparison, found *tally) (_ rows, err error) {
	seg := &someRows{all: s}
	if s.fewOf(numbers) {
		if seg.spool, err = s.job.newSpool(); err != nil {
			return s, err
		}
	}
	w := &chunkRenderer{job: s.job, mapper: s.mapper, run: run, sp: seg.spool, found: found}
	err = s.visit(ctx, withNumbers(numbers), w.start)
	w.end()
	if seg.spool == nil {
		return s, err
	}
	return seg, err
}

// fewOf reports whether rows with these numbers are worth to be spooled.
func (s *rereader) fewOf(numbers iter.Seq[int64]) bool {
	n := int64(0)
	for range numbers {
		n++
	}
	size := s.src.Size()
	if n > s.records/4 || size < 0 {
		return false
	}
	free, err := s.job.fs.Free()
	return err != nil || free/4 > size/s.records*n
}

// someRows are the rows of records that were put again, in a spool; the others are
// where the segment is read once more.
type someRows struct {
	*spool
	all *rereader
}

func (s *someRows) keys(ctx context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error {
	return s.all.each(ctx, changes, visit)
}
