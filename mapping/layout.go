package mapping

import (
	"bytes"
	"time"
)

// clock reads and writes the dates of a column.
type clock struct {
	zone *Mapper // with the column's zone

	// Text is read by runs of layouts. A time that has no zone in its layout is taken as it stands, by way of UTC: package
	// time would move one that the clocks of the zone have skipped.
	runs []layoutRun

	layout string // written in; empty is the type's own
}

type layoutRun struct {
	zone    *Mapper
	layouts []string // nil is the ISO forms
}

func newClock(loc *time.Location, layouts []string, layout string) clock {
	c := clock{zone: &Mapper{loc: loc}, layout: layout}
	if len(layouts) == 0 {
		c.runs = append(c.runs, layoutRun{zone: c.zone})
	}
	asItStands := &Mapper{loc: time.UTC}
	if layout != "" {
		layouts = append(layouts[:len(layouts):len(layouts)], layout)
	}
	for _, l := range layouts {
		zone := asItStands
		if hasZone(l) {
			zone = c.zone
		}
		if last := len(c.runs) - 1; last >= 0 && c.runs[last].zone == zone && c.runs[last].layouts != nil {
			c.runs[last].layouts = append(c.runs[last].layouts, l)
		} else {
			c.runs = append(c.runs, layoutRun{zone: zone, layouts: []string{l}})
		}
	}
	return c
}

// append appends v, or its text, as typ, Date or DateTime.
func (c *clock) append(buf []byte, v *Value, text []byte, typ Type) (out []byte, reason string) {
	start := len(buf)
	for i := range c.runs {
		r := &c.runs[i]
		zone := r.zone
		if !v.isText() {
			zone = c.zone
		}
		if buf, reason = zone.appendCivil(buf, v, text, r.layouts, typ); reason == "" || !v.isText() {
			break
		}
	}
	if reason != "" || c.layout == "" {
		return buf, reason
	}
	// The default forms hold all there is to a date.
	b := buf[start:]
	var hour, minute, second int
	if len(b) > len(time.DateOnly) {
		hour, minute, second = pairAt(b, 11), pairAt(b, 14), pairAt(b, 17)
	}
	t := time.Date(pairAt(b, 0)*100+pairAt(b, 2), time.Month(pairAt(b, 5)), pairAt(b, 8), hour, minute, second, 0, time.UTC)
	return t.AppendFormat(buf[:start], c.layout), ""
}

func pairAt(b []byte, i int) int { return int(b[i]-'0')*10 + int(b[i+1]-'0') }

// hasZone says that times in the layout tell their zone.
func hasZone(layout string) bool {
	here := time.Date(2019, time.November, 28, 13, 14, 15, 0, time.FixedZone("AAA", 3600))
	there := time.Date(2019, time.November, 28, 13, 14, 15, 0, time.FixedZone("BBB", 7200))
	return here.Format(layout) != there.Format(layout)
}

// namesZone says that the zone of a time in the layout is an abbreviation.
func namesZone(layout string) bool {
	day := time.Date(2019, time.November, 28, 13, 14, 15, 0, time.UTC)
	return day.In(time.FixedZone("AAA", 3600)).Format(layout) != day.In(time.FixedZone("BBB", 3600)).Format(layout)
}

// keepsDates says that every one of the dates survives being written and read in the layout.
func keepsDates(layout string, years ...int) bool {
	for _, year := range years {
		day := time.Date(year, time.November, 28, 0, 0, 0, 0, time.UTC)
		back, err := time.Parse(layout, day.Format(layout))
		if err != nil || back.Year() != day.Year() || back.YearDay() != day.YearDay() {
			return false
		}
	}
	return true
}

// layoutProblem says why dates cannot be written in the layout. Where text is read in the ISO forms, it must not take what
// is written for something else.
func (c *clock) layoutProblem() string {
	switch {
	case !keepsDates(c.layout, 1905, 2019, 2103):
		return "loses dates: write the year 2006, month 01 and day 02 in the form that the destination takes"
	case hasZone(c.layout):
		return "has a zone in it: dates are written in the zone of the field"
	case lineProblem(c.layout) != "":
		return lineProblem(c.layout)
	case c.runs[0].layouts != nil:
		return ""
	}
	for _, hour := range []int{0, 23} {
		at := time.Date(2003, time.July, 1, hour, 30, 0, 0, time.UTC) // reads as the seventh of January the other way round
		v := TextValue(at.AppendFormat(nil, c.layout))
		read, reason := c.zone.appendCivil(nil, &v, v.bytes(), nil, Date)
		if reason == "" && !bytes.Equal(read, at.AppendFormat(nil, time.DateOnly)) {
			return "makes text that reads as another date"
		}
	}
	return ""
}
