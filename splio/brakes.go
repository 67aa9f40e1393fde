package splio

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
)

// Brakes are the limits beyond which a plan is not sent before somebody has
// looked at it. The zero value is all brakes with their defaults.
//
// A limit is a share from 0 to 1, and the brake is hit above it. 0 stands for the
// default, 1 switches the brake off, and a very small limit lets nothing pass.
//
// On the first run there is nothing to compare with: only Empty, Rejected and
// ColumnInvalid apply. ColumnInvalid does because the first run writes to every
// contact, and because an attribute that has always been full of invalid values
// should be noticed at once. With [Activation.Partial], AllowEmpty, Shrunk, Left,
// Deleted, Size and Rows do not apply.
//
// Size and Rows compare with the history of State, see [Activation.History]: with
// the mean of the last 28, 21, 14 or 7 delivered runs, whichever there are,
// without the first one and those of a part of the segment. These are whole weeks
// of daily runs, so that a mean has every day of the week as often as the others.
// With fewer than 7 they do not apply. A run that was released is the new usual:
// earlier runs do not count any more, and neither brake applies until there are 7
// runs from it on.
type Brakes struct {
	// AllowEmpty lets a segment without any record pass, whatever was sent before;
	// Shrunk and Left still apply to it.
	AllowEmpty bool

	// Shrunk limits by how much smaller the segment may be, duplicates aside, than
	// the number of contacts sent before. The default is 0.2.
	Shrunk float64

	// Left limits the share of the contacts sent before that are not in the
	// segment any more. The default is 0.2.
	Left float64

	// Deleted limits the same share for contacts that the plan deletes, see
	// [Left.Delete]. The default is 0.05.
	Deleted float64

	// Inserted limits the share of rows for contacts that are new, whether or not
	// Insert is on, in the records of the segment or in the contacts sent before,
	// whichever are more. Contacts that become new because Insert was switched on
	// are among them. The default is 0.3.
	Inserted float64

	// Changed limits the share of contacts with a changed attribute in those sent
	// before that have not left. Neither a value in an attribute that was not sent
	// before is a change, nor that a contact is sent again, as by Refresh. The
	// default is 0.5.
	Changed float64

	// Rejected limits the share of rejected records in those of the segment. The
	// default is 0.2.
	Rejected float64

	// ColumnChanged limits the same share as Changed for each attribute by itself.
	// The default is 0.5.
	ColumnChanged float64

	// ColumnInvalid limits, for each attribute, the share of the records of the
	// segment whose value was left out, sent empty or a reason to reject the record,
	// because it was invalid. The default is 0.5.
	ColumnInvalid float64

	// Size limits by how much more or fewer records than usual the segment may
	// have, as a share of the usual number. The default is 0.5. It catches what
	// builds up over days, each of which passes Shrunk and Inserted, and records
	// that are read more than once. A limit that allows more than twice the usual
	// number is not possible: 1 switches it off.
	Size float64

	// Rows limits how many times as many contacts as usual are new or have
	// changed, as Inserted and Changed count them. It is no share but a factor
	// above 1, and 1 switches it off. The default is 10: a weekly peak, such as
	// points that are counted anew on Sundays, is always less than 7 times the
	// mean of a whole week. Up to 1000 contacts, and up to 5% of the records of
	// the segment, it does not apply.
	Rows float64

	// Minimum is the least number of records or contacts of which a share is
	// judged: 100 when 0. An empty segment is judged at any number.
	Minimum int64
}

// Brake names one of the [Brakes].
type Brake string

// The brakes.
const (
	BrakeEmpty         Brake = "empty"
	BrakeShrunk        Brake = "shrunk"
	BrakeLeft          Brake = "left"
	BrakeDeleted       Brake = "deleted"
	BrakeInserted      Brake = "inserted"
	BrakeChanged       Brake = "changed"
	BrakeRejected      Brake = "rejected"
	BrakeColumnChanged Brake = "column-changed"
	BrakeColumnInvalid Brake = "column-invalid"
	BrakeSize          Brake = "size"
	BrakeRows          Brake = "rows"
)

// limits returns the limits with the defaults filled in.
func (b Brakes) limits() map[Brake]float64 {
	limits := map[Brake]float64{
		BrakeShrunk: b.Shrunk, BrakeLeft: b.Left, BrakeDeleted: b.Deleted, BrakeInserted: b.Inserted, BrakeChanged: b.Changed, BrakeRejected: b.Rejected,
		BrakeColumnChanged: b.ColumnChanged, BrakeColumnInvalid: b.ColumnInvalid, BrakeSize: b.Size, BrakeRows: b.Rows,
	}
	for brake, limit := range map[Brake]float64{
		BrakeShrunk: 0.2, BrakeLeft: 0.2, BrakeDeleted: 0.05, BrakeInserted: 0.3, BrakeChanged: 0.5, BrakeRejected: 0.2,
		BrakeColumnChanged: 0.5, BrakeColumnInvalid: 0.5, BrakeSize: 0.5, BrakeRows: 10,
	} {
		if limits[brake] == 0 {
			limits[brake] = limit
		}
	}
	return limits
}

func (b Brakes) validate() error {
	var errs []error
	for _, l := range []struct {
		name  string
		limit float64
	}{
		{"Shrunk", b.Shrunk}, {"Left", b.Left}, {"Deleted", b.Deleted}, {"Inserted", b.Inserted}, {"Changed", b.Changed}, {"Rejected", b.Rejected},
		{"ColumnChanged", b.ColumnChanged}, {"ColumnInvalid", b.ColumnInvalid}, {"Size", b.Size},
	} {
		if !(l.limit >= 0 && l.limit <= 1) { // not a number either
			errs = append(errs, fmt.Errorf("splio: Brakes.%s is %v: it is a share from 0 to 1, where 1 switches the brake off", l.name, l.limit))
		}
	}
	if b.Rows != 0 && !(b.Rows >= 1 && b.Rows <= math.MaxFloat64) {
		errs = append(errs, fmt.Errorf("splio: Brakes.Rows is %v: it is a factor above 1, and 1 switches the brake off", b.Rows))
	}
	if b.Minimum < 0 {
		errs = append(errs, errors.New("splio: Brakes.Minimum is negative"))
	}
	return errors.Join(errs...)
}

// BrakeReading says how near to a brake a plan came.
type BrakeReading struct {
	Brake Brake `json:"brake"`
	// Column is the attribute that [BrakeColumnChanged] and [BrakeColumnInvalid]
	// are about.
	Column string `json:"column,omitempty"`
	// Share is Count in Total, and Limit the share above which the brake is hit.
	// For [BrakeEmpty], Count is the records of the segment, Total the contacts
	// sent before, and there is neither share nor limit. For [BrakeSize] and
	// [BrakeRows], Total is the usual Count, Share the difference of both in Total for
	// the one, and how many times Total is in Count for the other.
	Count int64   `json:"count"`
	Total int64   `json:"total"`
	Share float64 `json:"share"`
	Limit float64 `json:"limit"`
	Hit   bool    `json:"hit"`
}

// String describes the reading in a line: the brake, its numbers, and, when it
// was hit, what usually is the cause.
func (r BrakeReading) String() string {
	var what, cause string
	switch r.Brake {
	case BrakeEmpty:
		if !r.Hit {
			return fmt.Sprintf("empty: the segment has %d records", r.Count)
		}
		return fmt.Sprintf("empty: the segment has no records, and %d contacts were sent before; usually the extract failed", r.Total)
	case BrakeShrunk:
		what, cause = "fewer records than the %d contacts sent before", "the extract ended early, or a filter came to it"
	case BrakeLeft:
		what, cause = "of the %d contacts sent before are not in the segment any more", "the extract is of something else, or a filter came to it, or keys are written in another way"
	case BrakeDeleted:
		what, cause = "of the %d contacts sent before are to be deleted", "the extract is of something else, or a filter came to it, or keys are written in another way"
	case BrakeInserted:
		what, cause = "of %d contacts are new", "the extract is of something else, or keys are written in another way, or Insert was switched on"
	case BrakeChanged:
		what, cause = "of the %d contacts sent before have changed", "the extract is of another day, or one of its fields is written in another way"
	case BrakeRejected:
		what, cause = "of the %d records of the segment were rejected", "the form of the file has changed, or that of the field with the key"
	case BrakeColumnChanged:
		what, cause = "of the %d contacts sent before have another value", "the field is written in another way, or holds something else"
	case BrakeColumnInvalid:
		what, cause = "of the %d records of the segment have an invalid value", "the field is written in another way, or the mapping gives it the wrong type"
	case BrakeSize:
		what, cause = "records, and usually %d", "the extract is of something else, a filter came to it or went away, or it has records more than once"
	case BrakeRows:
		what, cause = "contacts are new or have changed, and usually %d", "one of the fields is written in another way for some of them, or the extract is of another day"
	default:
		what = "of %d"
	}
	var b strings.Builder
	b.WriteString(string(r.Brake))
	if r.Column != "" {
		fmt.Fprintf(&b, " %q", r.Column)
	}
	fmt.Fprintf(&b, ": %d "+what, r.Count, r.Total)
	unit := percent
	if r.Brake == BrakeRows {
		unit = times
	}
	fmt.Fprintf(&b, " (%s, limit %s)", unit(r.Share), unit(r.Limit))
	if r.Hit && cause != "" {
		b.WriteString("; usually " + cause)
	}
	return b.String()
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 4, 64) + "%" }

func times(factor float64) string { return strconv.FormatFloat(factor, 'g', 4, 64) + " times" }

// BrakeError says which brakes a plan has hit, so that it is not sent. It holds
// numbers and names of attributes, and no value.
type BrakeError struct {
	Plan     string         // its id
	Readings []BrakeReading // of the brakes that were hit
}

// Error lists the brakes that were hit, one a line, and both ways on.
func (e *BrakeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "splio: plan %s is braked, and nothing of it was sent:\n", e.Plan)
	for _, r := range e.Readings {
		b.WriteString(r.String() + "\n")
	}
	b.WriteString("mend the segment and run again; or, when it is right as it is, release this plan")
	return b.String()
}

// LogValue is the error in one line, for log/slog: the plan, and the brakes with "; "
// between them. It holds neither a value nor a path. An error that wraps this one has
// no such form: find this one by errors.AsType.
func (e *BrakeError) LogValue() slog.Value {
	brakes := make([]string, len(e.Readings))
	for i, r := range e.Readings {
		brakes[i] = r.String()
	}
	return slog.GroupValue(slog.String("plan", e.Plan), slog.String("brakes", strings.Join(brakes, "; ")))
}

// brakeError is the error of a plan that has hit brakes.
func (m *manifest) brakeError() error {
	e := &BrakeError{Plan: m.Plan}
	for _, r := range m.Report.Brakes {
		if r.Hit {
			e.Readings = append(e.Readings, r)
		}
	}
	return e
}

// changes counts the contacts that have changed, for the brakes.
type changes struct {
	added diff.Columns // attributes that were not sent before
	count int64
}

func newChanges(s *diff.Summary) *changes {
	c := new(changes)
	for i, column := range s.Columns {
		if column.Added {
			c.added[i/64] |= 1 << (i % 64)
		}
	}
	return c
}

// add counts a change, unless it is in attributes alone that were not sent before.
func (c *changes) add(d *diff.Change) {
	if d.Kind != diff.Changed && d.Kind != diff.Due {
		return
	}
	for i := range d.Columns {
		if d.Columns[i]&^c.added[i] != 0 {
			c.count++
			return
		}
	}
}

// brake reads all brakes that apply to a plan, and brakes it when one is hit.
func (j *job) brake(m *manifest, s *diff.Summary, changed *changes) error {
	h, err := j.past(&m.Report)
	if err != nil {
		return err
	}
	if h == nil {
		h = new(history)
	}
	m.Report.Brakes = j.readings(&m.Report, s, changed.count, h.Runs)
	if slices.ContainsFunc(m.Report.Brakes, func(r BrakeReading) bool { return r.Hit }) {
		m.State = PlanBraked
	}
	return nil
}

func (j *job) readings(report *Report, s *diff.Summary, changed int64, runs []RunRecord) []BrakeReading {
	readings := make([]BrakeReading, 0, 10)
	if !j.Partial && !j.Brakes.AllowEmpty {
		empty := BrakeReading{Brake: BrakeEmpty, Count: s.Read, Total: s.Previous, Hit: s.Read == 0}
		if readings = append(readings, empty); empty.Hit { // the others would say the same
			return readings
		}
	}
	limits := j.Brakes.limits()
	few := j.Brakes.Minimum
	if few == 0 {
		few = 100
	}
	read := func(brake Brake, column string, count, total int64) (r BrakeReading, applies bool) {
		if total < few || total == 0 {
			return r, false
		}
		r = BrakeReading{Brake: brake, Column: column, Count: count, Total: total, Share: float64(count) / float64(total), Limit: limits[brake]}
		r.Hit = r.Share > r.Limit
		return r, true
	}
	add := func(brake Brake, count, total int64) {
		if r, applies := read(brake, "", count, total); applies {
			readings = append(readings, r)
		}
	}
	// Of the columns, those that hit a brake are told, or else the nearest.
	addColumns := func(brake Brake, columns []string, counts map[string]int64, total int64) {
		var nearest *BrakeReading
		hit := false
		for _, column := range columns {
			r, applies := read(brake, column, counts[column], total)
			switch {
			case !applies:
			case r.Hit:
				readings, hit = append(readings, r), true
			case r.Count > 0 && (nearest == nil || r.Count > nearest.Count):
				nearest = &r
			}
		}
		if nearest != nil && !hit {
			readings = append(readings, *nearest)
		}
	}
	there := s.Previous - s.Gone // those that nobody knows to have left
	if !s.First {
		if !j.Partial {
			add(BrakeShrunk, max(s.Previous-(s.Read-s.Duplicate), 0), s.Previous)
			add(BrakeLeft, s.Gone, s.Previous)
			if j.Left.Delete != "" {
				add(BrakeDeleted, report.Deleted, s.Previous)
			}
		}
		add(BrakeInserted, s.New, max(s.Read, s.Previous))
		add(BrakeChanged, changed, there)
	}
	add(BrakeRejected, report.Rejected, s.Read)
	if !s.First {
		var columns []string
		counts := make(map[string]int64)
		for _, c := range s.Columns {
			if !c.Added {
				columns = append(columns, c.Name)
				counts[c.Name] = c.Changed
			}
		}
		addColumns(BrakeColumnChanged, columns, counts, there)
	}
	var columns []string
	counts := make(map[string]int64)
	for _, c := range report.Rejections {
		invalid := c.Action == mapping.Rejected || c.Action == mapping.Blanked || c.Action == mapping.Omitted
		if c.Attribute == "" || !invalid || c.Reason == ReasonConflict { // each of conflicting records may be valid
			continue
		}
		if counts[c.Attribute] == 0 {
			columns = append(columns, c.Attribute)
		}
		counts[c.Attribute] += c.Count
	}
	addColumns(BrakeColumnInvalid, columns, counts, s.Read)
	return append(readings, j.deviations(runs, report, s, changed, few, limits)...)
}
