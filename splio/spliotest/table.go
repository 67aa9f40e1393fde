package spliotest

import (
	"fmt"
	"strings"
)

// table is a file under way: its header, and the rows that are right.
type table struct {
	s       *Splio
	r       *Result
	sub     Subsequence
	names   []string
	columns []*column // by position
	key     int       // position of the key
	right   []row
}

type row struct {
	line        int
	key         string
	cells       []cell
	join, leave lists
}

// cell is one that is not the key's. One without a value is empty.
type cell struct {
	column *column
	value  string
}

// header reads the header, and says why the whole file is skipped, if it is
// (documented, by Splio in these cases; splio/FORMAT.md, section 3).
func (t *table) header(line, scope string) (problem string) {
	names, problem := t.s.o.Rules.Quotes.split(line)
	if problem != "" {
		return "the header has " + problem
	}
	t.names, t.key = names, -1
	seen := make(map[*column]bool)
	for i, name := range names {
		c := t.s.columns[name]
		switch {
		case c == nil, scope == deletesScope && name != t.s.o.Key:
			return fmt.Sprintf("the header has an unknown column %q", name)
		case seen[c]:
			return fmt.Sprintf("the header has the column %q twice", name)
		}
		seen[c] = true
		t.columns = append(t.columns, c)
		if name == t.s.o.Key {
			t.key = i
		}
	}
	if t.key < 0 {
		return fmt.Sprintf("the header lacks the mandatory column %q", t.s.o.Key)
	}
	return ""
}

// rows reads the rows and keeps those that are right, and not superfluous.
func (t *table) rows(lines []string) {
	t.r.Rows = len(lines)
	var all []row
	times := make(map[string]int)
	for i, line := range lines {
		if r, ok := t.row(i+2, line); ok {
			all = append(all, r)
			times[r.key]++
		}
	}
	duplicates := t.s.o.Rules.Duplicates
	taken := make(map[string]bool)
	for _, r := range all {
		if duplicates == NoRow && times[r.key] > 1 || duplicates == FirstRow && taken[r.key] {
			t.skip(r.line, r.key, "", "the key is in the file more than once")
			continue
		}
		taken[r.key] = true
		t.right = append(t.right, r)
	}
}

// skip skips a row.
func (t *table) skip(line int, key, column, reason string) {
	k := Skip{line, key, column, reason}
	t.r.Skipped = append(t.r.Skipped, k)
	if key != "" {
		t.s.refused[key] = fmt.Sprintf("%s of %s", k, t.r.File)
	}
}

func (t *table) row(line int, text string) (_ row, ok bool) {
	texts, problem := t.s.o.Rules.Quotes.split(text)
	if problem != "" {
		t.skip(line, "", "", problem)
		return row{}, false
	}
	if len(texts) != len(t.columns) {
		t.skip(line, "", "", fmt.Sprintf("%d columns, where the header has %d", len(texts), len(t.columns)))
		return row{}, false
	}
	out := row{line: line}
	if out.key, problem = t.keyOf(texts[t.key]); problem != "" {
		t.skip(line, "", t.names[t.key], problem)
		return row{}, false
	}
	for i, c := range t.columns {
		if i == t.key {
			continue
		}
		cell, problem := t.cell(&out, c, texts[i])
		switch {
		case problem == "":
			out.cells = append(out.cells, cell)
		case t.s.o.Rules.BadCellAlone:
			t.r.Cells = append(t.r.Cells, Skip{line, out.key, t.names[i], problem})
		default:
			t.skip(line, out.key, t.names[i], problem)
			return row{}, false
		}
	}
	return out, true
}

// keyOf reads the key of a row.
func (t *table) keyOf(text string) (key, problem string) {
	if t.s.o.Rules.isEmpty(text) || strings.TrimSpace(text) == "" {
		return "", "the mandatory value is missing"
	}
	if strings.TrimSpace(text) != text {
		return "", "white space at an end of the key"
	}
	return t.s.value(t.columns[t.key], text, t.sub.Prefix)
}

// cell reads a cell of a row with a key.
func (t *table) cell(r *row, c *column, text string) (out cell, problem string) {
	out.column = c
	switch {
	case t.s.o.Rules.isEmpty(text):
	case c.kind == listsKind:
		r.join, r.leave, problem = t.s.changes(text)
	default:
		out.value, problem = t.s.value(c, text, t.sub.Prefix)
	}
	if problem == "" && c == t.s.alias && out.value != r.key {
		problem = "not the value of customer_key, which stands for this field"
	}
	return out, problem
}

// apply brings the rows into the contacts.
func (t *table) apply() {
	s := t.s
	if init := listsOf(t.sub.InitLists); init != 0 {
		for _, c := range s.contacts {
			c.lists &^= init
		}
	}
	for _, r := range t.right {
		c, exists := s.contacts[r.key]
		switch {
		case !exists && t.sub.NoCreate, exists && t.sub.NoUpdate:
			t.r.Ignored++
			s.ignored[r.key] = true
			delete(s.refused, r.key)
			continue
		case !exists && s.o.Rules.NeedAddress && !s.hasAddress(r):
			t.skip(r.line, r.key, "", "a new contact with neither an e-mail nor a phone number")
			continue
		case !exists:
			c = &contact{fields: make(map[string]string), kept: make(map[string]bool)}
			if s.alias != nil {
				c.fields[s.alias.name] = r.key
			}
			s.contacts[r.key] = c
			t.r.Created++
		default:
			t.r.Updated++
		}
		c.take(r, t.sub.EmptyErases)
		delete(s.ignored, r.key)
		delete(s.refused, r.key)
	}
}

// take brings a row into the contact.
func (c *contact) take(r row, erases bool) {
	for _, cell := range r.cells {
		name := cell.column.name
		switch {
		case cell.column.kind == listsKind:
			c.lists = c.lists&^r.leave | r.join
			continue
		case cell.value != "":
			c.fields[name] = cell.value
		case erases:
			delete(c.fields, name)
		default:
			c.kept[name] = true
			continue
		}
		delete(c.kept, name)
	}
}

func (s *Splio) hasAddress(r row) bool {
	if s.o.Key != "customer_key" {
		return true
	}
	for _, cell := range r.cells {
		if cell.value != "" && (cell.column.kind == emailKind || cell.column.kind == phoneKind) {
			return true
		}
	}
	return false
}

// remove takes the contacts of the rows out of the table.
func (t *table) remove() {
	for _, r := range t.right {
		if _, exists := t.s.contacts[r.key]; !exists {
			t.r.Ignored++
			continue
		}
		delete(t.s.contacts, r.key)
		t.r.Deleted++
	}
}
