package planview

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"sync"

	"github.com/spliosync/spliosync/splio"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// pageTemplate is parsed once, when the first page is written.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"show": show, "prose": prose, "cell": showCell,
		"number": number, "outcome": outcomeWords, "count": count, "size": size, "stamp": stamp, "fixed": fixed, "int64": func(n int) int64 { return int64(n) },
	}).Parse(pageHTML))
})

// HTML writes the view as one page that stands alone. It is also well-formed XML.
func (v *View) HTML(w io.Writer) error {
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, newPage(v)); err != nil {
		return fmt.Errorf("planview: write HTML: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("planview: write HTML: %w", err)
	}
	return nil
}

// page is a view, laid out.
type page struct {
	*View
	CSS     template.CSS
	Policy  string
	Badge   string
	Made    string
	Heading string // above the ways on
	Tiles   []tile
	Tallies []tallyRow
	Columns []group[columnRow]
	Still   int64 // attributes that did not change
	Brakes  []brakeRow
	Files   []group[splio.File]
	Rejects []group[rejectRow]
	Runs    history
}

// group is some rows of a table, and whether they are kept out of sight at first.
type group[T any] struct {
	Rows []T
	More bool
}

const maxSeen = 12 // rows of a table that may be long

// grouped keeps what is beyond the first rows out of sight.
func grouped[T any](rows []T) []group[T] {
	switch {
	case len(rows) == 0:
		return nil
	case len(rows) <= maxSeen+1: // never "1 more"
		return []group[T]{{Rows: rows}}
	}
	return []group[T]{{Rows: rows[:maxSeen]}, {Rows: rows[maxSeen:], More: true}}
}

type tile struct {
	Name  string
	N     int64
	Class string
}

type tallyRow struct {
	Name, Explain string
	N             int64
	Bar           float64 // 0 to 100
}

type columnRow struct {
	Name  string
	N     int64
	Added bool
	Bar   float64
}

type brakeRow struct {
	Name, Numbers, Word string
	Gauge               bool
	Fill                float64 // 0 to 100, the limit at 75
}

type rejectRow struct {
	What, Reason, Action string
	N                    int64
}

// history are the runs as a chart of a height of 100.
type history struct {
	Bars        []historyBar
	Width       int // of the chart
	Most        int64
	First, Last string
	Label       string
	Marked      int // runs that are
}

// historyBar is a run: three pieces, one upon the other.
type historyBar struct {
	X                    int
	UpdatedY, UpdatedH   float64
	InsertedY, InsertedH float64
	RejectedY, RejectedH float64
	Marked               bool // it was not delivered
}

var badges = map[Verdict]string{
	Ready: "Ready to send", Stopped: "Stopped", Released: "Approved", Sending: "On its way", Sent: "Sent", Nothing: "Nothing to send",
}

func newPage(v *View) *page {
	r := &v.Report
	sum := sha256.Sum256([]byte(pageCSS))
	p := &page{
		View: v,
		CSS:  template.CSS(pageCSS),
		// Nothing may be loaded; of styles, this very one holds.
		Policy:  "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Badge:   badges[v.Verdict],
		Made:    made(v),
		Heading: waysTitle(v),
		Tiles: []tile{
			{"Updated", r.Updated, "updated"}, {"Added", r.Inserted, "inserted"},
			{"Cannot be sent", r.Rejected, "rejected"}, {"Unchanged", r.Unchanged, "plain"},
		},
	}
	for _, t := range tallies(r) {
		p.Tallies = append(p.Tallies, tallyRow{Name: t.name, Explain: t.explain, N: t.n, Bar: part(t.n, r.Read, 100)})
	}
	changed, still := byChanges(r.Columns)
	rows := make([]columnRow, 0, len(changed))
	for _, c := range changed {
		rows = append(rows, columnRow{Name: c.Name, N: c.Changed, Added: c.Added, Bar: part(c.Changed, changed[0].Changed, 100)})
	}
	p.Columns, p.Still = grouped(rows), int64(still)
	for _, b := range r.Brakes {
		used, word := nearness(b)
		gauge := b.Brake != splio.BrakeEmpty && word != "off"
		p.Brakes = append(p.Brakes, brakeRow{Name: wordsOf(b).name, Numbers: brakeNumbers(b), Word: word, Gauge: gauge, Fill: 75 * used})
	}
	p.Files = grouped(r.Files)
	rejects := make([]rejectRow, 0, len(r.Rejections))
	for _, c := range r.Rejections {
		rejects = append(rejects, rejectRow{What: fieldOf(c), Reason: c.Reason, Action: actionWords(c.Action), N: c.Count})
	}
	p.Rejects = grouped(rejects)
	p.Runs = newHistory(v.History)
	return p
}

const (
	barStep  = 10 // from one bar of the history to the next
	barWidth = 8
)

func newHistory(runs []splio.RunRecord) history {
	// This plan is no part of it: what it would do is not what happened.
	h := history{Width: max(len(runs), 10) * barStep}
	for _, r := range runs {
		h.Most = max(h.Most, r.Inserted+r.Updated+r.Rejected)
	}
	for i, r := range runs {
		b := historyBar{X: i*barStep + (barStep-barWidth)/2, Marked: !arrived(r)}
		if b.Marked {
			h.Marked++
		}
		y := 100.0
		for _, piece := range []struct {
			n    int64
			y, h *float64
		}{{r.Updated, &b.UpdatedY, &b.UpdatedH}, {r.Inserted, &b.InsertedY, &b.InsertedH}, {r.Rejected, &b.RejectedY, &b.RejectedH}} {
			*piece.h = part(piece.n, h.Most, 100)
			y = max(y-*piece.h, 0)
			*piece.y = y
		}
		h.Bars = append(h.Bars, b)
	}
	if len(runs) > 0 {
		h.First, h.Last = stamp(runs[0].Time), stamp(runs[len(runs)-1].Time)
		marked := ""
		if h.Marked > 0 {
			marked = fmt.Sprintf(", %d of them not delivered", h.Marked)
		}
		h.Label = fmt.Sprintf("%s%s, at most %s records in one: the numbers are in the table below", count(int64(len(runs)), "run"), marked, number(h.Most))
	}
	return h
}

// part is the share of n in total, on a scale, and visible when n is not 0.
func part(n, total int64, scale float64) float64 {
	if n <= 0 || total <= 0 {
		return 0
	}
	return min(max(scale*float64(n)/float64(total), scale/200), scale)
}

// fixed writes a length in a drawing.
func fixed(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
