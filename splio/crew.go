package splio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/chunk"
	"github.com/spliosync/spliosync/mapping"
)

// maxCrew bounds the goroutines that work on a segment: each holds a chunk or two.
const maxCrew = 16

// task is a chunk to be worked on.
type task struct {
	chunk  chunk.Chunk
	number int           // of the chunk
	wanted []diff.Change // of its records, when not all are
}

// crew works on the chunks of a segment on several goroutines. What has to
// happen in the order of the records waits for its turn, errors included, so
// that the outcome does not depend on the number of goroutines.
type crew struct {
	work, free chan *task
	handed     int // tasks
	wg         sync.WaitGroup

	mu    sync.Mutex
	moved *sync.Cond
	turn  int   // the number of the first task that has not passed
	err   error // the first error
}

// startCrew starts workers. Each of them has a function of its own, which does
// a task and may call await for its turn.
func startCrew(reader chunk.Reader, worker func(*crew) func(*task) error) *crew {
	n := min(runtime.GOMAXPROCS(0), maxCrew)
	c := &crew{work: make(chan *task), free: make(chan *task, n+1)}
	c.moved = sync.NewCond(&c.mu)
	for range n + 1 {
		c.free <- &task{chunk: reader.New()}
	}
	for range n {
		do := worker(c)
		c.wg.Go(func() {
			for t := range c.work {
				err := do(t)
				if werr := c.await(t); werr == nil {
					c.pass(err)
				}
				c.free <- t
			}
		})
	}
	return c
}

// await waits until all tasks before t have passed. When one of them has failed
// it returns its error.
func (c *crew) await(t *task) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.turn != t.number && c.err == nil {
		c.moved.Wait()
	}
	return c.err
}

// pass ends the task whose turn it is.
func (c *crew) pass(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	c.err = err
	c.moved.Broadcast()
}

func (c *crew) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// hand gives a task to a worker.
func (c *crew) hand(t *task) {
	t.number = c.handed
	c.handed++
	c.work <- t
}

// wait ends the workers and returns the first error.
func (c *crew) wait() error {
	close(c.work)
	c.wg.Wait()
	return c.err
}

// putChunks is put for a segment that comes in chunks: each worker splits,
// renders and digests. Without a spool, rows are not kept.
func (j *job) putChunks(ctx context.Context, mapper *mapping.Mapper, src chunk.Source, run Comparison, sp *spool, found *tally) error {
	w := &chunkRenderer{job: j, mapper: mapper, run: run, sp: sp, found: found}
	if _, err := j.eachChunk(ctx, mapper, src, sp != nil, w.start); err != nil {
		return err
	}
	w.end()
	return nil
}

// eachChunk has workers do all chunks of a segment, and returns how many records
// there are.
func (j *job) eachChunk(ctx context.Context, mapper *mapping.Mapper, src chunk.Source, spooled bool, worker func(*crew) func(*task) error) (records int64, err error) {
	reader, err := src.Chunks(ctx)
	if err != nil {
		return 0, fmt.Errorf("splio: read the segment: %w", err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	c := startCrew(reader, worker)
	room := j.newSpace(src.Size(), len(mapper.Columns()))
	for err == nil && !c.failed() {
		t := <-c.free
		if err = reader.Next(ctx, t.chunk); err != nil {
			break
		}
		size, n := t.chunk.Size(), t.chunk.Len()
		records += n
		c.hand(t)
		if err := room.took(size, n, spooled); err != nil {
			return 0, errors.Join(err, c.wait())
		}
	}
	if werr := c.wait(); werr != nil {
		return 0, werr
	}
	if err != io.EOF {
		return 0, fmt.Errorf("splio: read the segment: %w", err)
	}
	return records, nil
}

// chunkRenderer renders records of chunks and puts them into the comparison. With
// a spool it keeps their rows.
type chunkRenderer struct {
	job     *job
	mapper  *mapping.Mapper
	run     Comparison
	sp      *spool
	most    int64 // bytes that are spooled, if it is positive; -1 once there were too many, and there are no rows then
	found   *tally
	tallies []*tally // one for each worker
}

// start returns the function of a worker, which renders the records of a chunk, or
// those that are not known by their text.
func (w *chunkRenderer) start(c *crew) func(*task) error {
	r := &renderer{job: w.job, mapper: w.mapper, found: &tally{counts: make(map[RejectionCount]int64), each: w.found.each}}
	w.tallies = append(w.tallies, r.found)
	p := newPutter(w.run)
	var batch []byte
	one := func(t *task, seq int64) error {
		rec, err := t.chunk.Record(seq)
		if err != nil {
			return fmt.Errorf("splio: read the segment: %w", err)
		}
		if err := r.render(rec); err != nil {
			return err
		}
		if err := p.put(seq, t.chunk, r); err != nil {
			return err
		}
		if w.sp != nil {
			batch = r.append(batch, seq, rec)
		}
		return nil
	}
	return func(t *task) error {
		batch = batch[:0]
		r.turn = func() error { return c.await(t) }
		if p.batch != nil {
			if err := p.unknown(t.chunk, func(seq int64) error { return one(t, seq) }); err != nil {
				return err
			}
		} else {
			for seq, end := t.chunk.First(), t.chunk.First()+t.chunk.Len(); seq < end; seq++ {
				if err := one(t, seq); err != nil {
					return err
				}
			}
		}
		if w.sp == nil {
			return nil
		}
		if err := c.await(t); err != nil || w.most < 0 {
			return err
		}
		if w.most > 0 && w.sp.size+int64(len(batch)) > w.most {
			w.most = -1
			return nil
		}
		return w.sp.write(batch)
	}
}

// end counts what was found wrong.
func (w *chunkRenderer) end() {
	for _, t := range w.tallies {
		w.found.merge(t)
	}
}

// rereader is a segment that can be read again.
type rereader struct {
	job    *job
	mapper *mapping.Mapper
	src    chunk.Source
}

func (s *rereader) keys(ctx context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error {
	return s.each(ctx, changes, visit)
}

func (s *rereader) each(ctx context.Context, changes iter.Seq2[*diff.Change, error], visit func(*diff.Change, spooled) error) error {
	keep := s.job.keepsValues()
	return s.visit(ctx, changes, func(c *crew) func(*task) error {
		var row mapping.Row
		var enc rowEncoder
		var batch []byte
		var cells [][]byte
		return func(t *task) error {
			batch = batch[:0]
			for i := range t.wanted {
				w := &t.wanted[i]
				rec, err := t.chunk.Record(w.Seq)
				if err != nil {
					return fmt.Errorf("splio: read the segment again: %w", err)
				}
				s.mapper.Render(&row, rec)
				if w.Kind == keyOnly && row.Key != nil {
					batch = enc.append(batch, w.Seq, row.Line, row.Cells[:1], nil)
					continue
				}
				if !row.OK {
					return fmt.Errorf("splio: read the segment again: record %d: %w", w.Seq, errChanged)
				}
				var values []mapping.Value
				if keep && w.Kind == diff.Conflict {
					values = rec.Values
				}
				batch = enc.append(batch, w.Seq, row.Line, row.Cells, values)
			}
			if err := c.await(t); err != nil {
				return err
			}
			rest := batch
			for i := range t.wanted {
				var r spooled
				var err error
				if r, rest, err = nextRow(rest, cells); err != nil {
					return err
				}
				cells = r.cells[:0]
				if err := visit(&t.wanted[i], r); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// visit reads the segment again and has workers do the chunks with records that
// changes name.
func (s *rereader) visit(ctx context.Context, changes iter.Seq2[*diff.Change, error], worker func(*crew) func(*task) error) error {
	reader, err := s.src.Chunks(ctx)
	if err != nil {
		return fmt.Errorf("splio: read the segment again: %w", err)
	}
	c := startCrew(reader, worker)
	err = s.dispatch(ctx, reader, c, changes)
	if werr := c.wait(); werr != nil {
		err = werr
	}
	if cerr := reader.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("splio: read the segment again: %w", cerr)
	}
	return err
}

// dispatch hands out the chunks that hold wanted records.
func (s *rereader) dispatch(ctx context.Context, reader chunk.Reader, c *crew, changes iter.Seq2[*diff.Change, error]) error {
	var t *task
	for change, err := range changes {
		if err != nil {
			return err
		}
		for t == nil || change.Seq >= t.chunk.First()+t.chunk.Len() {
			if c.failed() {
				return nil
			}
			if t != nil && len(t.wanted) > 0 {
				c.hand(t)
				t = nil
			}
			if t == nil {
				t = <-c.free
				t.wanted = t.wanted[:0]
			}
			err := reader.Next(ctx, t.chunk)
			if err == io.EOF {
				err = errChanged
			}
			if err != nil {
				return fmt.Errorf("splio: read the segment again: %w", err)
			}
			s.job.watch.again(t.chunk.Size())
		}
		t.wanted = append(t.wanted, *change)
	}
	if t != nil && len(t.wanted) > 0 {
		c.hand(t)
	}
	return nil
}

func (s *rereader) close() error { return nil }

var errChanged = errors.New("it has changed since it was read first: wait until it is complete")
