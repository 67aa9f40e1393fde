package splio_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// What makes more than one file on a day, and which of the names need a suffix, is
// what docs/settle-with-splio.md lists.
func TestSeveralFiles(t *testing.T) {
	const (
		fields = "email,first,last"
		ann    = "ann@example.net,Ann,Lee"
		bob    = "bob@example.net,Bob,Ray"
		cid    = "cid@example.net,Cid,Poe"
	)
	before, changed := []string{fields, ann, bob}, []string{fields, "ann@example.net,Anna,Lee", "bob@example.net,Bob,Roy", cid}
	for _, tt := range []struct {
		name, reason string
		set          func(a *splio.Activation)
		records      []string // of the second day
		want         string   // names of that day, without the universe and the end
	}{
		{"full rows", "all rows have the same columns", func(*splio.Activation) {}, changed, "contacts_crm_20250315"},
		{"lines", "a file is full", func(a *splio.Activation) { a.Format.MaxLines = 3 }, changed, "contacts_crm_20250315 contacts_crm_20250315_2"},
		{"bytes", "a file is full", func(a *splio.Activation) { a.Format.MaxBytes = 50 }, changed, "contacts_crm_20250315 contacts_crm_20250315_2 contacts_crm_20250315_3"},
		{"absent cells", "a file can not have their columns", func(a *splio.Activation) { a.Mapping.Fields[1].Empty = mapping.Absent },
			[]string{fields, "ann@example.net,Anna,Lee", "bob@example.net,Robert,-"}, "contacts_crm_20250315 contacts_crm_20250315_2"},
		{"changed attributes", "one set for each of two contacts, and full rows for the third", func(a *splio.Activation) { a.Rows = splio.ChangedOnly },
			changed, "contacts_crm_20250315 contacts_crm_20250315_2 contacts_crm_20250315_3"},
		{"changed attributes, merged", "so many sets at most", func(a *splio.Activation) { a.Rows, a.MaxFiles = splio.ChangedOnly, 1 }, changed, "contacts_crm_20250315"},
		{"lists to join", "rows of new contacts alone have their column", func(a *splio.Activation) { a.Subscribe = []int{4} }, changed, "contacts_crm_20250315 contacts_crm_20250315_2"},
		{"a pair", "names of its own", func(a *splio.Activation) { a.Destination.Creating = "new" }, changed, "contacts_crm_20250315 contacts_new_20250315"},
		{"left, alone", "the first name is free", func(a *splio.Activation) { a.Left.Unsubscribe = []int{4} }, []string{fields, ann}, "contacts_crm_20250315"},
		{"left", "a file of their own", func(a *splio.Activation) { a.Left.Clear = []string{"firstname"} }, []string{fields, ann, cid}, "contacts_crm_20250315 contacts_crm_20250315_2"},
		{"deleted", "a scope of its own", func(a *splio.Activation) { a.Left.Delete = "gone" }, []string{fields, ann, cid}, "contacts_crm_20250315 deletecontacts_gone_20250315"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, d := newActivation(t), new(drop)
			a.Now = march(14)
			tt.set(&a)
			mustRun(t, a, segment(before...), d)
			a.Now = march(15)
			var got []string
			for _, f := range mustRun(t, a, segment(tt.records...), d).Files {
				name := strings.TrimSuffix(strings.TrimPrefix(f.Name, "acme_"), ".csv")
				got = append(got, name)
				if f.SuffixUnconfirmed != (strings.Count(name, "_") > 2) {
					t.Errorf("%s: suffix unconfirmed: %t", name, f.SuffixUnconfirmed)
				}
			}
			if difference := cmp.Diff(strings.Fields(tt.want), got); difference != "" {
				t.Error(tt.reason, difference)
			}
		})
	}
}
