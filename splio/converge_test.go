package splio_test

import (
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

var seed = flag.Uint64("seed", 0, "seed of the first history of TestConverges; 0: any")

// TestConverges plays random histories: segments with rejects and duplicates,
// insert mode on and off, keys known or not, mappings that change, transports
// that fail, plans that are braked, released or given up. After each day that ends well, Splio must
// hold what the segments said.
func TestConverges(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	n := uint64(60)
	if *exhaustive {
		n = 5000
	}
	for s := first; s != first+n && !t.Failed(); s++ {
		h := newHistory(t, s)
		for day := range 7 {
			h.day(day)
			if t.Failed() {
				t.Fatalf("run again with -seed %d:\n%s", s, strings.Join(h.log, "\n"))
			}
		}
	}
}

// history is a random one, and what must come of it.
type history struct {
	t   *testing.T
	r   *rand.Rand
	a   splio.Activation
	fs  *memFS
	u   *universe
	d   *drop
	log []string

	columns int             // made so far
	pending *edition        // what the plan on its way says
	said    map[string]row  // what Splio was last told, for the columns that are still mapped
	synced  map[string]bool // Splio had the contact when it was told
	tainted map[string]bool // told since by a plan that was given up, or not: to be settled when the record is valid again
}

type row map[string]string // by column; without those that are absent

// edition is a segment as it is understood, and what was known when it was
// planned.
type edition struct {
	rows                   map[string]row // of valid records
	exists                 map[string]bool
	create, refresh, known bool
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), fs: newMemFS(), u: newUniverse(true), d: new(drop),
		a:    splio.Activation{Destination: splio.Destination{Universe: "acme"}, State: t.TempDir()},
		said: map[string]row{}, synced: map[string]bool{}, tainted: map[string]bool{},
	}
	splio.SetFS(&h.a, func(string) (vfs.FS, error) { return h.fs, nil })
	h.a.Mapping = mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{{From: "must", To: "lastname", Empty: mapping.Reject}},
	}
	h.a.Duplicates = diff.DuplicatePolicy(h.r.IntN(3))
	h.a.MaxUnusable = int64(h.r.IntN(3))
	h.a.Format.MaxLines = 2 + h.r.IntN(4)
	h.a.Retain = h.r.IntN(3)
	h.column()
	h.mode()
	for i := range 4 {
		h.u.contacts[key(i)] = map[string]string{}
	}
	return h
}

func key(i int) string { return fmt.Sprintf("u%d@example.net", i) }

func (h *history) chance(p float64) bool { return h.r.Float64() < p }

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// column adds a column, of a name that was never used.
func (h *history) column() {
	name := fmt.Sprintf("c%d", h.columns)
	h.columns++
	f := mapping.Field{From: name, To: name, Custom: true}
	if h.chance(0.4) {
		f.Empty = mapping.Absent
	}
	h.a.Mapping.Fields = append(slices.Clone(h.a.Mapping.Fields), f)
}

// mode chooses between insert mode on, and off with or without known keys.
func (h *history) mode() {
	h.a.Insert, h.a.Known = false, nil
	h.a.Destination.Subsequence = "update"
	switch h.r.IntN(4) {
	case 0:
	case 1:
		h.a.Known = func(yield func(string, error) bool) {
			for k := range h.u.contacts {
				if !yield(strings.ToUpper(k), nil) {
					return
				}
			}
		}
	default:
		h.a.Insert = true
		h.a.Destination.Subsequence = "crm"
	}
}

// day changes the surroundings, and runs until all is well.
func (h *history) day(n int) {
	h.a.Now = march(14 + n)
	if h.chance(0.3) {
		h.mode()
	}
	if h.chance(0.2) {
		h.column()
	}
	if fields := h.a.Mapping.Fields; len(fields) > 1 && h.chance(0.15) {
		gone := 1 + h.r.IntN(len(fields)-1)
		for _, said := range h.said {
			delete(said, fields[gone].To)
		}
		h.a.Mapping.Fields = slices.Delete(slices.Clone(fields), gone, gone+1)
	}
	if h.chance(0.2) {
		h.a.Mapping.Fields = slices.Clone(h.a.Mapping.Fields)
		h.r.Shuffle(len(h.a.Mapping.Fields), func(i, j int) {
			f := h.a.Mapping.Fields
			if i > 0 && j > 0 {
				f[i], f[j] = f[j], f[i]
			}
		})
	}
	if k := key(h.r.IntN(10)); h.u.contacts[k] == nil && h.chance(0.4) {
		h.note("Splio makes %s by itself", k)
		h.u.contacts[k] = map[string]string{}
		h.synced[k] = false
	}
	h.a.Partial, h.a.Refresh = h.chance(0.2), h.chance(0.05)
	h.a.Brakes = splio.Brakes{AllowEmpty: h.chance(0.8)}
	if h.chance(0.2) {
		h.a.Brakes.Minimum = 1
	}
	h.d.each = func(int) *fault {
		if h.chance(0.15) {
			return &fault{late: h.chance(0.5), err: errLine}
		}
		return nil
	}
	h.note("day %d: insert %v, known %v, partial %v, refresh %v, duplicates %d, columns %v", n, h.a.Insert, h.a.Known != nil, h.a.Partial, h.a.Refresh, h.a.Duplicates, h.a.Mapping.Fields)
	for tries := 0; ; tries++ {
		if tries == 200 {
			h.t.Error("no run ends well")
			return
		}
		ok := h.run()
		h.u.imports(h.t, h.d)
		if h.chance(0.5) {
			h.d.take(h.t)
		}
		h.d.noSize = h.chance(0.2)
		if ok {
			break
		}
	}
	h.check()
}

// run makes one attempt with a new segment.
func (h *history) run() (ok bool) {
	src, now := h.segment()
	if h.pending == nil && h.chance(0.3) {
		p, err := h.a.Plan(h.t.Context(), src)
		if _, braked := errors.AsType[*splio.BrakeError](err); braked {
			return h.braked(p, now)
		}
		if err != nil {
			h.t.Errorf("plan: %v", err)
			return false
		}
		if h.chance(0.1) {
			return false // nobody approves it
		}
		_, err = p.Apply(h.t.Context(), h.d)
		h.note("plan, apply: %v", err)
		if err == nil {
			h.commit(now)
			return true
		}
		h.pending = h.onItsWay(now)
		if h.chance(0.4) {
			if err := p.Discard(h.t.Context()); err != nil {
				h.t.Errorf("discard: %v", err)
			}
			h.note("discard")
			for k := range now.rows {
				h.tainted[k] = true
			}
			h.pending = nil
		}
		return false
	}
	report, err := h.a.Run(h.t.Context(), src, h.d)
	h.note("run: %v", err)
	_, braked := errors.AsType[*splio.BrakeError](err)
	if err != nil && !errors.Is(err, errLine) && !braked {
		h.t.Errorf("run: %v", err)
	}
	if h.pending != nil && report != nil && (err == nil || report.Plan != "") {
		h.note("the earlier plan was resumed")
		h.commit(h.pending)
		h.pending = nil
	}
	if err == nil {
		counts(h.t, report)
		h.commit(now)
		return true
	}
	if braked {
		p, err := h.a.Pending(h.t.Context())
		if err != nil || p.ID != report.Plan {
			h.t.Errorf("pending: %v", err)
			return false
		}
		return h.braked(p, now)
	}
	if report != nil && report.Plan != "" {
		h.pending = h.onItsWay(now)
	}
	return false
}

// braked leaves a plan that was braked to be replaced, or releases it.
func (h *history) braked(p *splio.Plan, now *edition) (ok bool) {
	if p.State != splio.PlanBraked {
		h.t.Errorf("a braked plan is %s", p.State)
	}
	before := len(h.d.calls)
	_, err := p.Apply(h.t.Context(), h.d)
	if _, braked := errors.AsType[*splio.BrakeError](err); !braked || len(h.d.calls) != before {
		h.t.Errorf("applied: %v", err)
	}
	if h.chance(0.5) {
		h.note("braked")
		h.a.Brakes.AllowEmpty, h.a.Brakes.Minimum = true, 0
		return false
	}
	if err := p.Release(h.t.Context(), "looked at"); err != nil {
		h.t.Errorf("release: %v", err)
	}
	h.note("braked, and released")
	h.pending = now
	return false
}

// onItsWay is what a plan that failed says, or nothing when not a byte of it
// was sent: then it is replaced.
func (h *history) onItsWay(now *edition) *edition {
	p, err := h.a.Pending(h.t.Context())
	if err != nil {
		h.t.Errorf("pending: %v", err)
	} else if p.State == splio.PlanApplying {
		return now
	}
	return nil
}

// segment makes one, and says how it is to be understood.
func (h *history) segment() (mapping.Source, *edition) {
	fields := []string{"email"}
	for _, f := range h.a.Mapping.Fields {
		fields = append(fields, f.From)
	}
	values := []any{nil, "", "x", "y", `5" \" nails`, " z; "}
	var records []map[string]any
	for i := range 8 {
		if h.chance(0.25) {
			continue
		}
		for n := 0; n == 0 || n < 3 && h.chance(0.15); n++ {
			if n > 0 && h.chance(0.5) {
				records = append(records, records[len(records)-1])
				continue
			}
			rec := map[string]any{"email": key(i), "must": "m"}
			for _, f := range h.a.Mapping.Fields[1:] {
				rec[f.From] = values[h.r.IntN(len(values))]
			}
			if h.chance(0.1) {
				rec["must"] = nil
			}
			if h.chance(0.03) {
				rec["email"] = "nobody"
			}
			records = append(records, rec)
		}
	}
	h.r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })

	e := &edition{rows: map[string]row{}, exists: map[string]bool{}, create: h.a.Insert, refresh: h.a.Refresh, known: h.a.Known != nil}
	for k := range h.u.contacts {
		e.exists[k] = true
	}
	clash := make(map[string]bool)
	for _, rec := range records {
		if rec["must"] == nil || rec["email"] == "nobody" {
			continue
		}
		k := rec["email"].(string)
		cells := make(row)
		for _, f := range h.a.Mapping.Fields {
			v, _ := rec[f.From].(string)
			if v != "" || f.Empty != mapping.Absent {
				cells[f.To] = v
			}
		}
		if old, ok := e.rows[k]; ok {
			clash[k] = clash[k] || h.a.Duplicates == diff.RejectDuplicates && !maps.Equal(old, cells)
			if h.a.Duplicates == diff.FirstWins {
				continue
			}
		}
		e.rows[k] = cells
	}
	for k := range clash {
		if clash[k] {
			delete(e.rows, k)
		}
	}
	h.note("segment %v", records)
	seq := iter.Seq2[map[string]any, error](func(yield func(map[string]any, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
	return source.Maps(fields, seq), e
}

// commit takes note of an edition that was delivered.
func (h *history) commit(e *edition) {
	for k, cells := range e.rows {
		old, told := h.said[k]
		changed := !told
		for c, v := range cells {
			was, ok := old[c]
			changed = changed || ok && was != v
		}
		switch {
		case h.synced[k] && !h.tainted[k]:
			maps.Copy(old, cells)
		case h.synced[k], e.create, (e.refresh || changed || e.known) && e.exists[k]:
			// It had to be sent, but for a synced one that was not. What cells
			// that are absent hold is not known.
			h.said[k], h.synced[k] = maps.Clone(cells), true
		default:
			// Nothing is promised of a contact that Splio did not have before.
			if old == nil {
				old = make(row)
			}
			maps.Copy(old, cells)
			h.said[k] = old
		}
		delete(h.tainted, k)
	}
}

// check compares what Splio holds with what it must.
func (h *history) check() {
	mapped := make(map[string]bool)
	for _, f := range h.a.Mapping.Fields {
		mapped[f.To] = true
	}
	for _, k := range slices.Sorted(maps.Keys(h.said)) {
		contact, exists := h.u.contacts[k]
		if !h.synced[k] || h.tainted[k] {
			continue
		}
		if !exists {
			h.t.Errorf("%s is not there", k)
			continue
		}
		for c, v := range h.said[k] {
			if got := contact[c]; mapped[c] && got != replaced(v) {
				h.t.Errorf("%s, column %s: Splio holds %q, the segment says %q", k, c, got, v)
			}
		}
	}
}
