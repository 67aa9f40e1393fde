package splio_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// mode is how contacts get into Splio.
type mode int

const (
	upsert mode = iota // insert mode on, one sub-sequence
	pair               // insert mode on, one that creates and one that only updates
	decide             // insert mode off, Splio passes over whom it does not have
	known              // insert mode off, the keys that it has are given
)

func (m mode) inserts() bool { return m == upsert || m == pair }

// variant is one way for everything to be: an activation, a Splio that reads its
// files as the activation believes that it does, and the people of a segment.
type variant struct {
	t  *testing.T
	r  *rand.Rand
	a  splio.Activation
	s  *spliotest.Splio
	d  *sftpx.Mem
	fs *memFS

	rules   spliotest.Rules
	subs    map[string]spliotest.Subsequence
	kinds   []string // of the values of each field of the mapping
	home    mode
	newOnly bool // nobody comes back, and nobody is in Splio before
	plain   bool // a file a day and sub-sequence: no suffix will do
	erases  bool // every sub-sequence erases by an empty cell

	keys   []string // that people can have
	people []*person
	log    []string
}

type person struct {
	key    string
	here   bool
	values []any // of the fields of the mapping
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// newVariant makes the variant of a seed.
func newVariant(t *testing.T, seed uint64) *variant {
	r := rand.New(rand.NewPCG(seed, 2))
	v := &variant{t: t, r: r, d: new(sftpx.Mem), fs: newMemFS()}
	v.home = mode(r.IntN(4))
	v.newOnly = v.home == pair && chance(r, 0.3)
	v.plain = !v.newOnly && chance(r, 0.1)
	v.a = splio.Activation{
		Destination: splio.Destination{Universe: pick(r, "acme", "acme_shop_fr"), NewOnly: v.newOnly},
		State:       "unused", Duplicates: diff.DuplicatePolicy(r.IntN(3)),
	}
	splio.SetFS(&v.a, func(string) (vfs.FS, error) { return v.fs, nil })
	v.format()
	v.mapping()
	v.universe()
	v.crowd()
	return v
}

// format chooses how files are written and, of the readings of Splio, one that
// takes them.
func (v *variant) format() {
	r, f := v.r, &v.a.Format
	f.Quotes = pick(r, splio.QuoteNeeded, splio.QuoteNeeded, splio.QuoteAll, splio.QuoteNever, splio.QuoteReject)
	quoting := f.Quotes == splio.QuoteNeeded || f.Quotes == splio.QuoteAll
	f.Backslash = quoting && chance(r, 0.3)
	f.CRLF, f.OpenEnd = chance(r, 0.3), chance(r, 0.3)
	switch {
	case f.Backslash:
		v.rules.Quotes = spliotest.QuotesBackslash
	case quoting: // no run of backslashes is before a quote, so that both read the same
		v.rules.Quotes = pick(r, spliotest.QuotesDoubled, spliotest.QuotesEither)
	default:
		v.rules.Quotes = spliotest.Quotes(r.IntN(4))
	}
	v.rules.LineEnds = pick(r, spliotest.AnyLineEnd, spliotest.OnlyLF)
	if f.CRLF {
		v.rules.LineEnds = pick(r, spliotest.AnyLineEnd, spliotest.OnlyCRLF)
	}
	if !v.plain {
		f.MaxLines = 3 + r.IntN(4)
		v.rules.MaxLines = f.MaxLines
		v.a.Destination.Suffix = pick(r, "", "_{part}", "_{token}", "_{time}_{part}x")
		if chance(r, 0.1) {
			f.MaxBytes = 40 + r.Int64N(100)
		}
	}
	v.rules.NoSuffix = v.plain
	v.rules.HeaderNotCounted, v.rules.OncePerName = chance(r, 0.5), chance(r, 0.5)
	v.rules.Duplicates = spliotest.Duplicates(r.IntN(3))
	v.rules.Headers = spliotest.Headers(r.IntN(3))
	v.rules.BadCellAlone, v.rules.CountBytes, v.rules.NullIsEmpty = chance(r, 0.5), chance(r, 0.5), chance(r, 0.5)
	v.rules.AnyCase, v.rules.AnyPhone, v.rules.NeedAddress = chance(r, 0.5), chance(r, 0.5), chance(r, 0.5)
	switch r.IntN(3) {
	case 0:
		v.rules.Order = slices.Reverse[[]string]
	case 1:
		v.rules.Order = func(names []string) {
			r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		}
	}
}

// customFields are those of the universe, which has more fields than anybody maps.
var customFields = []spliotest.Field{
	{Name: "tier", ID: "c0"}, {Name: "note", ID: "c1"}, {Name: "points", ID: "c2", Type: spliotest.Int},
	{Name: "spent", ID: "c7", Type: spliotest.Double}, {Name: "born", ID: "c12", Type: spliotest.Date},
	{Name: "ref", ID: "c30"}, {Name: "never", ID: "c31"},
}

// mapping chooses the attributes, at most four of which may be absent.
func (v *variant) mapping() {
	r := v.r
	all := []struct {
		name, kind string
		typ        mapping.Type
	}{
		{"firstname", "text", ""}, {"lastname", "text", ""}, {"language", "language", ""}, {"cellphone", "phone", ""},
		{"dateOfCreation", "date", ""}, {"subscriptions", "lists", ""}, {"0", "text", ""}, {"1", "text", ""},
		{"2", "int", mapping.Integer}, {"3", "double", mapping.Decimal}, {"4", "date", mapping.Date},
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	m := mapping.Mapping{Key: mapping.Field{From: "key", To: "email"}}
	v.keys = []string{"ann@example.com", "bob@example.com", "cid@example.com", "dan@example.com", "eve@example.com", "o'neil+x@example.com", "zoë@example.com", "fay@example.com"}
	if chance(r, 0.3) {
		m.Key.To = "customer_key"
		v.keys = []string{"K1", "K 2", "00017", `K\4`, "K5", "K,6", "É7", "K8"}
		if v.a.Format.Quotes == splio.QuoteNeeded || v.a.Format.Quotes == splio.QuoteAll {
			v.keys = append(v.keys, "K;9", `K"10`)
		}
		// Who has no address can not be created under one of the rules.
		m.Fields = append(m.Fields, mapping.Field{From: "field0", To: "email", Empty: mapping.Reject, Invalid: mapping.Reject})
		v.kinds = append(v.kinds, "email")
	}
	absent := 0
	for i, c := range all[:1+r.IntN(7)] {
		f := mapping.Field{From: fmt.Sprintf("field%d", len(m.Fields)), To: c.name, Type: c.typ}
		if c.name[0] < 'a' {
			field := customFields[c.name[0]-'0']
			f.Custom, f.To = true, field.ID
			if v.rules.Headers == spliotest.NameHeader || v.rules.Headers == spliotest.AnyHeader && chance(r, 0.5) {
				f.To = field.Name
			}
		}
		if c.name == "dateOfCreation" && chance(r, 0.5) {
			f.Layout = "20060102"
			v.rules.DateLayouts = []string{"20060102", "2006-01-02"}
		}
		switch policy := r.IntN(6); {
		case policy < 2 && absent < 4 && !v.plain:
			f.Empty = mapping.Absent
			f.Invalid = pick(r, mapping.Blank, mapping.Absent)
			absent++
		case policy == 2 && i == 0:
			f.Empty = mapping.Reject
		case policy == 3 && c.kind != "text":
			f.Invalid = mapping.Reject
		}
		m.Fields = append(m.Fields, f)
		v.kinds = append(v.kinds, c.kind)
	}
	v.a.Mapping = m
}

// universe makes the Splio, with some contacts in it, and its import
// configuration.
func (v *variant) universe() {
	r := v.r
	erases := func() bool { return chance(r, 0.5) }
	v.subs = map[string]spliotest.Subsequence{
		"crm": {EmptyErases: erases(), Prefix: pick(r, "", "33")},
		"new": {EmptyErases: erases(), NoUpdate: v.newOnly},
		"upd": {EmptyErases: erases(), NoCreate: true},
	}
	v.erases = v.subs["crm"].EmptyErases && v.subs["new"].EmptyErases && v.subs["upd"].EmptyErases
	o := spliotest.Options{
		Universe: v.a.Destination.Universe, Drop: spliotest.Memory(v.d), Contacts: v.subs, Key: v.a.Mapping.Key.To,
		Custom: customFields, Rules: v.rules, Leave: chance(r, 0.3),
	}
	if o.Key == "customer_key" && chance(r, 0.5) {
		o.KeyField = "ref"
	}
	var err error
	if v.s, err = spliotest.New(o); err != nil {
		v.t.Fatal(err)
	}
	if chance(r, 0.5) { // else nothing is known of it
		says := func(no bool) splio.Permission {
			if no {
				return splio.Forbidden
			}
			return splio.Allowed
		}
		v.a.Destination.Imports.Contacts = make(map[string]splio.ImportConfig)
		for name, sub := range v.subs {
			v.a.Destination.Imports.Contacts[name] = splio.ImportConfig{Create: says(sub.NoCreate), Update: says(sub.NoUpdate)}
		}
	}
	if v.newOnly {
		return
	}
	for _, k := range v.keys {
		if chance(r, 0.4) {
			v.made(k)
		}
	}
}

// made puts a contact into Splio, as somebody does who works in it.
func (v *variant) made(key string) {
	c := spliotest.Contact{Key: key, Fields: map[string]string{"firstname": "Made", "note": "by hand"}, Lists: []int{9}}
	if err := v.s.Put(c); err != nil {
		v.t.Fatal(err)
	}
}

// crowd makes people with the first keys.
func (v *variant) crowd() {
	for _, k := range v.keys[:3+v.r.IntN(len(v.keys)-3)] {
		p := &person{key: k, here: len(v.people) == 0 || chance(v.r, 0.7), values: make([]any, len(v.kinds))}
		for i := range p.values {
			p.values[i] = v.value(i)
		}
		v.people = append(v.people, p)
	}
}

// value returns a value for a field, at times one that is null, empty or wrong.
func (v *variant) value(field int) any {
	if chance(v.r, 0.2) {
		return pick[any](v.r, nil, "", " ")
	}
	switch v.kinds[field] {
	case "language":
		return pick[any](v.r, "fr", "DE", "pt_BR", "cs", "xx")
	case "phone":
		return pick[any](v.r, "+33639980101", "0044639980102", "06 39 98 01 03")
	case "date":
		return pick[any](v.r, "2024-02-29", "2024-03-01 10:30:00", "yesterday")
	case "lists":
		return pick[any](v.r, "+1", "-1", "+0,-4", "+63", "5")
	case "int":
		return pick[any](v.r, 7, "007", "-12", "1.5")
	case "double":
		return pick[any](v.r, 1.5, "2", "-0.005", "many")
	case "email":
		return pick[any](v.r, "a@example.com", "B@example.com", "c@example.com", "nobody")
	}
	return pick[any](v.r, "x", "y", "Ann", `5" nails`, "a;b", " edge ", `back\slash`, `ends;\`, `\"q\\"`, `\`, "NULL", "Éléonore", "two\r\nlines", `"`, ";")
}

// move makes a day's events.
func (v *variant) move() {
	r := v.r
	for i, p := range v.people {
		was := p.here
		switch x := r.Float64(); {
		case x < 0.1 && p.here && slices.ContainsFunc(v.people, func(q *person) bool { return q.here && q != p }):
			p.here = false // a segment of nobody is none
		case x < 0.5 && !p.here && p.key != "":
			p.here = true
		case x < 0.17 && p.here:
			v.rekey(p)
		case x < 0.2 && i > 0 && p.here && v.people[i-1].here && !v.newOnly:
			p.key, v.people[i-1].key = v.people[i-1].key, p.key // each is the other now
		}
		if v.newOnly && was && !p.here {
			p.key = "" // never to be used again
		}
		for f := range p.values {
			if chance(r, 0.2) {
				p.values[f] = v.value(f)
			}
		}
	}
}

// rekey gives a person a key that nobody has: one that was in use before or, where
// nobody comes back, a new one.
func (v *variant) rekey(p *person) {
	if v.newOnly {
		p.key = fmt.Sprintf("%d%s", len(v.log), p.key)
		return
	}
	free := slices.DeleteFunc(slices.Clone(v.keys), func(k string) bool {
		return slices.ContainsFunc(v.people, func(q *person) bool { return q.key == k })
	})
	if len(free) > 0 {
		p.key = pick(v.r, free...)
	}
}

// segment is the records of a day: those of the people who are here, some of
// them twice, with other values or without a usable key.
func (v *variant) segment() mapping.Source {
	fields := []string{"key"}
	for i := range v.kinds {
		fields = append(fields, fmt.Sprintf("field%d", i))
	}
	var records []map[string]any
	for _, p := range v.people {
		if !p.here {
			continue
		}
		rec := map[string]any{"key": p.key}
		for i, value := range p.values {
			rec[fields[i+1]] = value
		}
		records = append(records, rec)
		for chance(v.r, 0.08) {
			twin := map[string]any{"key": p.key}
			for i := range v.kinds {
				twin[fields[i+1]] = pick(v.r, rec[fields[i+1]], rec[fields[i+1]], v.value(i))
			}
			records = append(records, twin)
		}
		if v.a.Mapping.Key.To == "email" && chance(v.r, 0.3) {
			rec["key"] = " " + strings.ToUpper(p.key)
		}
		if chance(v.r, 0.03) {
			rec["key"] = pick[any](v.r, nil, "", strings.Repeat("k", 101))
		}
	}
	v.r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	v.note("segment %q", records)
	return source.Maps(fields, iter.Seq2[map[string]any, error](func(yield func(map[string]any, error) bool) {
		for _, rec := range records {
			if !yield(rec, nil) {
				return
			}
		}
	}))
}

func (v *variant) note(format string, args ...any) {
	v.log = append(v.log, fmt.Sprintf(format, args...))
}

// parseFile takes a file apart that was written in this format.
func parseFile(f splio.Format, content string) (rows [][]string) {
	end := "\n"
	if f.CRLF {
		end = "\r\n"
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(content, end), end) {
		if f.Quotes == splio.QuoteNever || f.Quotes == splio.QuoteReject {
			rows = append(rows, strings.Split(line, ";"))
			continue
		}
		var row []string
		var cell strings.Builder
		quoted := false
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case c == ';' && !quoted:
				row = append(row, cell.String())
				cell.Reset()
				continue
			case quoted && (f.Backslash && c == '\\' || !f.Backslash && c == '"' && strings.HasPrefix(line[i+1:], `"`)):
				i++
			case c == '"':
				quoted = !quoted
				continue
			}
			cell.WriteByte(line[i])
		}
		rows = append(rows, append(row, cell.String()))
	}
	return rows
}
