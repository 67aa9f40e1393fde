package splio_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/spliosync/spliosync/splio"
)

// marks are what is known of contacts that were reported as bad. What nobody can know,
// as after a fault, is left out until a day ends well.
type marks struct {
	rows   map[string]string // of the last settled step, as long as they stay
	must   map[string]int    // their values of one attribute
	counts map[string]int    // how often they were marked since they changed
	due    map[string]int    // marked, and how many rows had arrived then
	fresh  map[string]bool   // may have been marked since the last settled step
}

func newMarks() marks {
	return marks{rows: map[string]string{}, must: map[string]int{}, counts: map[string]int{}, due: map[string]int{}, fresh: map[string]bool{}}
}

// begin notes what a step may change.
func (m *marks) begin(s *simulation, step *simStep) {
	switch step.Do {
	case "run", "plan", "settle":
		rows := s.rows(step)
		for k := range m.due {
			if rows[k] == "" { // it may leave the state
				delete(m.due, k)
			}
		}
		maps.DeleteFunc(m.rows, func(k, row string) bool { return rows[k] != row })
		maps.DeleteFunc(m.counts, func(k string, _ int) bool { return m.rows[k] == "" })
	case "forget":
		k := key(step.Key)
		delete(m.rows, k)
		delete(m.must, k)
		delete(m.counts, k)
		delete(m.due, k)
	case "adopt":
		clear(m.rows)
		clear(m.must)
		clear(m.counts)
		clear(m.due)
	}
}

// rows are what a step says of each contact, and how.
func (s *simulation) rows(step *simStep) map[string]string {
	rows := make(map[string]string)
	for _, rec := range s.winners(step) {
		rows[key(rec.Key)] = fmt.Sprint(step.Insert, step.Known, step.Columns, rec.Must, rec.Values)
	}
	return rows
}

// settle looks at what a settled step has made of marks: those that were due are sent,
// and are counted as long as their rows stay.
func (m *marks) settle(s *simulation, step *simStep) error {
	for k, before := range m.due {
		if s.line.rows[k] == before && !step.Known {
			return fmt.Errorf("%s was marked, and not sent", k)
		}
	}
	clear(m.due)
	must := make(map[string]int)
	for _, rec := range s.winners(step) {
		k := key(rec.Key)
		must[k] = rec.Must
		if was, ok := m.must[k]; ok && was != rec.Must && !m.fresh[k] {
			m.counts[k] = 0
		}
	}
	now, err := s.remembers(step, slices.Sorted(maps.Keys(m.counts)))
	if err != nil {
		return err
	}
	for k, n := range m.counts {
		if r := now[k]; r.Reports != n || r.Due {
			return fmt.Errorf("%s was marked %d times; the state has %+v", k, n, r)
		}
		if n == 0 {
			delete(m.counts, k)
		}
	}
	m.rows, m.must = s.rows(step), must
	clear(m.fresh)
	return nil
}

// remembers is what the state remembers of contacts, without those that it does not know.
func (s *simulation) remembers(step *simStep, keys []string) (map[string]splio.ExplainedState, error) {
	p := s.process(new(simStep))
	p.looks = true
	a := s.activation(step, p)
	known := make(map[string]splio.ExplainedState)
	for _, k := range keys {
		x, err := a.Explain(context.Background(), k, simSource(nil))
		if err != nil {
			return nil, fmt.Errorf("explain: %w", err)
		}
		if x.Snapshot != nil {
			known[k] = *x.Snapshot
		}
	}
	return known, nil
}

// resend marks the contacts of a step.
func (s *simulation) resend(ctx context.Context, step *simStep, a splio.Activation, p *process) error {
	keys := make([]string, 0, step.Keys)
	for i := range max(1, step.Keys) {
		keys = append(keys, key((step.Key+i)%8))
	}
	_, err := s.mark(ctx, step, a, keys, step.Most)
	if p.dead.Load() { // a power cut may bring back what was
		for _, k := range keys {
			delete(s.marks.counts, k)
		}
	}
	return err
}

// mark marks contacts, and looks at what has become of that.
func (s *simulation) mark(ctx context.Context, step *simStep, a splio.Activation, keys []string, most int) (marked int64, err error) {
	m := &s.marks
	before, err := s.remembers(step, keys)
	if err != nil {
		return 0, err
	}
	want, wantSpent := maps.Clone(before), int64(0)
	wantMarked := int64(0)
	for k, r := range before {
		if n, ok := m.counts[k]; ok && n != r.Reports {
			return 0, fmt.Errorf("%s was marked %d times; the state has %+v", k, n, r)
		}
		switch {
		case most == 0:
		case r.Reports >= most:
			wantSpent++
			continue
		default:
			r.Reports++
		}
		wantMarked++
		r.Due = true
		want[k] = r
	}
	for _, k := range keys {
		m.fresh[k] = true
	}
	marked, spent, err := a.Resend(ctx, s.segment(step), values(keys), most)
	after, aerr := s.remembers(step, keys)
	if aerr != nil {
		return 0, errors.Join(err, aerr)
	}
	if err != nil {
		for _, k := range keys { // it may not be durable
			delete(m.counts, k)
		}
		if marked+spent != 0 || !maps.Equal(after, want) && !s.discarded(before, after) {
			s.line.wrong = errors.Join(s.line.wrong, fmt.Errorf("marked %d, spent %d: %w: the state had %+v, and has %+v", marked, spent, err, before, after))
		}
		return 0, err
	}
	s.stats.marked += int(marked)
	s.stats.spent += int(spent)
	s.line.sum = fmt.Appendf(s.line.sum, "marked %d, spent %d\n", marked, spent)
	if marked != wantMarked || spent != wantSpent {
		return 0, fmt.Errorf("%d were marked, %d spent; the state had %+v", marked, spent, before)
	}
	for k, r := range want {
		if after[k].Reports != r.Reports || r.Due && !after[k].Due {
			return 0, fmt.Errorf("the state has %+v after %+v", after, before)
		}
		m.counts[k] = r.Reports
		if r.Due && (most == 0 || before[k].Reports < most) {
			m.due[k] = s.line.rows[k]
		}
	}
	return marked, nil
}

// discarded reports whether nothing was marked: a plan that was discarded before that has
// made contacts due.
func (s *simulation) discarded(before, after map[string]splio.ExplainedState) bool {
	return maps.EqualFunc(before, after, func(b, a splio.ExplainedState) bool { return b.Reports == a.Reports && (a.Due || !b.Due) })
}

func values(keys []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, k := range keys {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// wearOut reports all contacts of a settled step as bad until that changes nothing any
// more: each is sent so many times, and no other.
func (s *simulation) wearOut(step *simStep) error {
	var keys []string
	for _, rec := range s.winners(step) {
		keys = append(keys, key(rec.Key))
	}
	if len(keys) == 0 {
		return nil
	}
	most := max(1, step.Most)
	for n := range most + 1 {
		before, err := s.remembers(step, keys)
		if err != nil {
			return err
		}
		rows := maps.Clone(s.line.rows)
		p := s.process(step)
		marked, err := s.mark(context.Background(), step, s.activation(step, p), keys, most)
		if err != nil {
			return err
		}
		r, err := s.run(step, p)
		if err := errors.Join(err, s.imports()); err != nil {
			return err
		}
		for _, k := range keys {
			b, known := before[k]
			sent := s.line.rows[k] - rows[k]
			if again := known && b.Reports < most; sent != 0 && !again || sent != 1 && again {
				return fmt.Errorf("%s was reported, at most %d times, and then sent %d times; the state had %+v", k, most, sent, b)
			}
		}
		if r.Inserted+r.Updated != marked || n == most && marked > 0 {
			return fmt.Errorf("round %d of %d: %d are marked, and then %d inserted, %d updated", n, most, marked, r.Inserted, r.Updated)
		}
		if err := s.marks.settle(s, step); err != nil {
			return err
		}
	}
	return nil
}
