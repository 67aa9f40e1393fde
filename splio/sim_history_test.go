package splio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spliosync/spliosync/splio"
)

// ended looks at a manifest that is about to leave the outbox for good: if its plan
// was delivered or given up, the history must say so first, and durably.
func (d *simDisk) ended() error {
	var m struct {
		Plan  string
		State splio.PlanState
		Files []struct{ Sending, Delivered bool }
	}
	n := d.names["outbox/manifest"]
	if n == nil {
		return nil
	}
	_, body, _ := bytes.Cut(n.data, []byte("\n"))
	if err := json.Unmarshal(body, &m); err != nil {
		return err
	}
	if m.State != splio.PlanApplying && m.State != "discarding" {
		return nil
	}
	n = d.safe["history"]
	for _, c := range d.log {
		if c.synced && c.to == "history" {
			n = c.node
		}
	}
	if n == nil {
		return fmt.Errorf("plan %s is ended, and there is no history", m.Plan)
	}
	var h struct{ Runs []splio.RunRecord }
	_, body, _ = bytes.Cut(n.data[:n.synced], []byte("\n"))
	if err := json.Unmarshal(body, &h); err != nil {
		return fmt.Errorf("plan %s is ended, and the history is not durable: %w", m.Plan, err)
	}
	found := 0
	for _, r := range h.Runs {
		if r.Plan != m.Plan {
			continue
		}
		found++
		if gone := m.State == "discarding"; (r.Outcome == splio.OutcomeDiscarded) != gone || r.Outcome == splio.OutcomeFailed || r.Outcome == splio.OutcomeBraked {
			return fmt.Errorf("plan %s, which is %s, is %s in the history", m.Plan, m.State, r.Outcome)
		}
		d.delivered[m.Plan] = m.State == splio.PlanApplying
	}
	if found != 1 {
		return fmt.Errorf("plan %s is ended, and %d times in the history", m.Plan, found)
	}
	return nil
}

// remembered looks for all plans that were ever delivered, each of them once.
func (s *simulation) remembered(a splio.Activation, last *splio.Report) error {
	runs, err := a.History(context.Background())
	if err != nil {
		return err
	}
	found := make(map[string]splio.Outcome)
	for _, r := range runs {
		if r.Plan == "" { // it failed before
			if r.Outcome != splio.OutcomeFailed || r.Failure == "" || r.Read+r.Rows != 0 {
				return fmt.Errorf("a run without a plan is %+v", r)
			}
			continue
		}
		if found[r.Plan] != "" {
			return fmt.Errorf("plan %s is twice in the history", r.Plan)
		}
		found[r.Plan] = r.Outcome
	}
	s.disk.delivered[last.Plan] = true
	if last.Resumed != nil {
		s.disk.delivered[last.Resumed.Plan] = true
	}
	for plan, delivered := range s.disk.delivered {
		if o := found[plan]; o == "" || delivered && o != splio.OutcomeDelivered && o != splio.OutcomeNothing {
			return fmt.Errorf("plan %s was delivered: %v; the history says %q", plan, delivered, o)
		}
	}
	if r := runs[len(runs)-1]; r.Plan != last.Plan || r.Inserted+r.Updated != r.Rows || r.Files != len(last.Files) || r.Read != last.Read {
		return fmt.Errorf("the last run in the history is %+v", r)
	}
	return nil
}
