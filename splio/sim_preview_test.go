package splio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// promise is what a preview says of the plan that a step makes next; nil when nobody
// asks, or there can be none before an earlier plan has an end.
func (s *simulation) promise(step *simStep) (*splio.Report, error) {
	if !step.Preview || !slices.Contains([]string{"run", "plan", "settle"}, step.Do) {
		return nil, nil
	}
	r, err := s.glance(step, s.segment(step))
	if err != nil {
		return nil, fmt.Errorf("a preview before it: %w", err)
	}
	if r != nil {
		s.stats.previews++
	}
	return r, nil
}

// glance is a preview that meets no fault.
func (s *simulation) glance(step *simStep, src mapping.Source) (*splio.Report, error) {
	p := s.process(new(simStep))
	r, err := s.preview(context.Background(), step, src, p)
	if errors.Is(err, splio.ErrPending) {
		return nil, nil
	}
	if p.open > 0 {
		err = errors.Join(err, fmt.Errorf("%d files are open", p.open))
	}
	return r, err
}

// preview looks, and does nothing else: whatever it tries to change is noted by the disk.
func (s *simulation) preview(ctx context.Context, step *simStep, src mapping.Source, p *process) (*splio.Report, error) {
	p.looks = true
	waits := s.disk.waits()
	r, err := s.activation(step, p).Preview(ctx, src)
	if errors.Is(err, splio.ErrPending) && !waits || err == nil && waits {
		return nil, fmt.Errorf("a plan is on its way: %v; the preview: %v", waits, err) // in words alone, so that nothing excuses it
	}
	if (r == nil) == (err == nil) {
		return nil, fmt.Errorf("the report is %v, the error %v", r, err)
	}
	if err != nil {
		return nil, err
	}
	if r.Plan != "" {
		return nil, fmt.Errorf("it has the id of a plan: %s", r.Plan)
	}
	s.line.sum = fmt.Appendf(s.line.sum, "preview %d %d %d %v\n", r.Inserted, r.Updated, r.Left, r.Files)
	return r, balanced(r)
}

// waits reports whether there is a plan that has to have an end before another is made.
func (d *simDisk) waits() bool {
	n := d.names["outbox/manifest"]
	if n == nil {
		return false
	}
	var m struct{ State splio.PlanState }
	_, body, _ := bytes.Cut(n.data, []byte("\n"))
	if err := json.Unmarshal(body, &m); err != nil {
		return false
	}
	return m.State != splio.PlanReady && m.State != splio.PlanBraked
}

// keptWord compares what a preview has promised with what came then. A file may have got
// another name when somebody else had taken its own, or seemed to.
func (s *simulation) keptWord(promised, got *splio.Report, p *process) error {
	plain := func(r splio.Report) splio.Report {
		r.Plan, r.Waiting, r.WaitingUnknown = "", nil, false
		r.Files = slices.Clone(r.Files)
		for i := range r.Files {
			r.Files[i].Delivered = false
			if i < len(promised.Files) && (s.line.taken[promised.Files[i].Name] || len(p.hits) > 0) {
				r.Files[i].Name, r.Files[i].SuffixUnconfirmed = "", false
			}
		}
		return r
	}
	if d := cmp.Diff(plain(*promised), plain(*got)); d != "" {
		return fmt.Errorf("a preview has promised something else:\n%s", d)
	}
	return nil
}
