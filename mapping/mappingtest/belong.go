package mappingtest

import (
	"encoding/json"
	"slices"
)

// byName finds the golden row that has the name of each row.
func byName(golden, rows []goldenRow) []*goldenRow {
	named := make(map[string]*goldenRow)
	for i := range golden {
		named[golden[i].Record] = &golden[i]
	}
	belongs := make([]*goldenRow, len(rows))
	for i := range rows {
		belongs[i] = named[rows[i].Record]
	}
	return belongs
}

// byKey finds the golden row that has the key of each row. The others follow one another behind these, and where there are
// more of them on one side, those that are the same belong together first.
func (k *Kit) byKey(golden, rows []goldenRow) []*goldenRow {
	for i := range golden {
		golden[i].key = golden[i].Cells[k.mapping.Key.To]
	}
	before, now := unique(golden), unique(rows)
	paired := func(key string) bool {
		_, was := before[key]
		_, is := now[key]
		return was && is
	}

	// What is left on both sides, by the last key before it that is on both.
	type rest struct{ golden, now []int }
	between := make(map[string]*rest)
	each := func(all []goldenRow, left func(r *rest, i int)) {
		anchor := ""
		for i := range all {
			if key := all[i].key; paired(key) {
				anchor = key
				continue
			}
			if between[anchor] == nil {
				between[anchor] = &rest{}
			}
			left(between[anchor], i)
		}
	}
	each(golden, func(r *rest, i int) { r.golden = append(r.golden, i) })
	each(rows, func(r *rest, i int) { r.now = append(r.now, i) })

	belongs := make([]*goldenRow, len(rows))
	for i := range rows {
		if key := rows[i].key; paired(key) {
			belongs[i] = &golden[before[key]]
		}
	}
	for _, r := range between {
		if len(r.golden) != len(r.now) { // none more or less is most likely the same records, in the same order
			r.golden, r.now = alike(golden, rows, r.golden, r.now, belongs)
		}
		for n := range min(len(r.golden), len(r.now)) {
			belongs[r.now[n]] = &golden[r.golden[n]]
		}
	}
	return belongs
}

// unique is where the keys are that one row alone has.
func unique(rows []goldenRow) map[string]int {
	at, twice := make(map[string]int), make(map[string]bool)
	for i := range rows {
		key := rows[i].key
		_, seen := at[key]
		twice[key] = seen || twice[key]
		at[key] = i
	}
	for key := range at {
		if key == "" || twice[key] {
			delete(at, key)
		}
	}
	return at
}

// alike sets belongs for the rows that are the same on both sides, each once, and returns the others.
func alike(golden, rows []goldenRow, before, now []int, belongs []*goldenRow) (left, added []int) {
	same := make(map[string][]int)
	for _, i := range before {
		text := golden[i].text()
		same[text] = append(same[text], i)
	}
	taken := make(map[int]bool)
	for _, i := range now {
		text := rows[i].text()
		if found := same[text]; len(found) > 0 {
			belongs[i] = &golden[found[0]]
			taken[found[0]] = true
			same[text] = found[1:]
		} else {
			added = append(added, i)
		}
	}
	return slices.DeleteFunc(slices.Clone(before), func(i int) bool { return taken[i] }), added
}

// text is all of an outcome.
func (o *outcome) text() string {
	text, _ := json.Marshal(o) // strings and a bool have one
	return string(text)
}
