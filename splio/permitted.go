package splio

import (
	"errors"
	"slices"
)

// permitted refuses a plan that contradicts the import configuration of a
// sub-sequence, and notes what that does not say.
func (j *job) permitted(m *manifest) error {
	r := &m.Report
	full := !j.Partial && r.Rejected+r.HeldBack+r.Unchanged+r.LeftRows == 0
	var errs []error
	for _, sub := range []string{j.Destination.Subsequence, j.Destination.Creating} {
		config, known, _ := j.Destination.Imports.find(contactsScope, sub) // it exists: that was validated
		facts := j.facts(m, sub)
		if !known || facts.files == 0 {
			continue
		}
		facts.full = full && facts.files == len(m.Files)
		errs = append(errs, config.contradictions(sub, facts))
		r.Doubts = append(r.Doubts, config.doubts(sub, facts)...)
	}
	if config, known, _ := j.Destination.Imports.find(deletesScope, j.Left.Delete); known && r.Deleted > 0 {
		errs = append(errs, config.contradictions(j.Left.Delete, planFacts{files: 1}))
		r.Doubts = append(r.Doubts, config.doubts(j.Left.Delete, planFacts{})...)
	}
	r.Doubts = append(r.Doubts, j.doubtsOfLeft(r)...)
	return wrong(errors.Join(errs...))
}

// facts are what the plan wants of a sub-sequence.
func (j *job) facts(m *manifest, sub string) (p planFacts) {
	for _, f := range m.Files {
		if f.Scope != "" || f.Subsequence != sub {
			continue
		}
		p.files++
		p.phones = p.phones || slices.Contains(f.Columns, "cellphone")
		p.lists = p.lists || slices.Contains(f.Columns, listsColumn)
	}
	inserts := m.Report.Inserted > 0 && (sub == j.Destination.Creating || j.Destination.Creating == "")
	p.creates = inserts
	// Who is new here may exist in Splio all the same.
	p.updates = inserts && !j.Destination.NewOnly || sub == j.Destination.Subsequence && m.Report.Updated+m.Report.LeftRows > 0
	p.spares = !j.Insert && j.Known == nil
	return p
}
