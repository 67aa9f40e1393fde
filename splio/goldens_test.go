package splio_test

import (
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// typed is records with typed values, as a database gives them.
func typed(fields []string, records ...[]any) mapping.Source {
	return source.Maps(fields, iter.Seq2[map[string]any, error](func(yield func(map[string]any, error) bool) {
		for _, values := range records {
			rec := make(map[string]any)
			for i, v := range values {
				rec[fields[i]] = v
			}
			if !yield(rec, nil) {
				return
			}
		}
	}))
}

// TestGoldens makes three files, byte for byte: one whose key is the e-mail, one
// whose key is a custom field, and one for an update-only sub-sequence with a value
// that needs quotes. None of the contacts exists.
func TestGoldens(t *testing.T) {
	custom := func(names ...string) (fields []mapping.Field) {
		for _, name := range names {
			fields = append(fields, mapping.Field{From: name, To: name, Custom: true})
		}
		return fields
	}
	tests := []struct {
		file, subsequence string
		insert            bool
		key               mapping.Field
		fields            []mapping.Field
		declared          []mapping.Attribute
		imports           splio.ImportConfig
		segment           mapping.Source
		universe          func(*spliotest.Options)
		there             []spliotest.Contact // before
	}{
		{
			file: "acmeshop_contacts_crm_20250314.csv", subsequence: "crm", insert: true,
			key: mapping.Field{From: "mail", To: "email"},
			fields: slices.Concat([]mapping.Field{
				{From: "last", To: "lastname"}, {From: "first", To: "firstname"}, {From: "locale", To: "language"},
				{From: "mobile", To: "cellphone"}, {From: "lists", To: "subscriptions"},
			}, custom("c0", "c3", "c7")),
			declared: []mapping.Attribute{{Name: "c0"}, {Name: "c3", Type: mapping.Date}, {Name: "c7", Type: mapping.Decimal}},
			imports:  splio.ImportConfig{Create: splio.Allowed, Update: splio.Allowed},
			segment: typed([]string{"mail", "last", "first", "locale", "mobile", "lists", "c0", "c3", "c7"},
				[]any{"Lea.Martin@Example.com", "Martin", "Le\u0301a", "fr_FR", "+33 6 39 98 01 01", "+4,+0", "CUST-000123", time.Date(1990, 5, 21, 0, 0, 0, 0, time.UTC), 149.9},
				[]any{" tom.becker@example.org", "Becker", "Tom", "DE", nil, []any{"-4", "+0"}, "CUST-000124", nil, 0}),
			universe: func(o *spliotest.Options) {
				o.Lists = []int{0, 4}
				o.Custom = []spliotest.Field{{ID: "c0"}, {ID: "c3", Type: spliotest.Date}, {ID: "c7", Type: spliotest.Double}}
			},
		},
		{
			file: "acmeshop_contacts_erp_20250314.csv", subsequence: "erp", insert: true,
			key: mapping.Field{From: "number", To: "customer_key"},
			fields: slices.Concat([]mapping.Field{
				{From: "mail", To: "email"}, {From: "last", To: "lastname"}, {From: "first", To: "firstname"}, {From: "since", To: "dateOfCreation"},
			}, custom("c2", "c5")),
			declared: []mapping.Attribute{{Name: "c2", Type: mapping.Boolean}, {Name: "c5", Type: mapping.DateTime}},
			imports:  splio.ImportConfig{Create: splio.Allowed, Update: splio.Allowed},
			segment: typed([]string{"number", "mail", "last", "first", "since", "c2", "c5"},
				[]any{"CUST-000123", "lea.martin@example.com", "Martin", "Léa", "2019-02-11T09:30:00Z", true, time.Date(2025, 3, 1, 8, 30, 0, 0, time.UTC)},
				[]any{"CUST-000125", "ann.smith@example.net", "Smith", "Ann", time.Date(2024, 12, 24, 17, 5, 9, 0, time.UTC), "no", ""}),
			universe: func(o *spliotest.Options) {
				o.Key, o.KeyField = "customer_key", "c0"
				o.Custom = []spliotest.Field{{ID: "c0"}, {ID: "c2", Type: spliotest.Int}, {ID: "c5", Type: spliotest.Date}}
			},
		},
		{
			file: "acmeshop_contacts_scores_20250314.csv", subsequence: "scores",
			key:      mapping.Field{From: "mail", To: "email"},
			fields:   custom("c10", "c11"),
			declared: []mapping.Attribute{{Name: "c10"}, {Name: "c11", Type: mapping.Integer}},
			imports:  splio.ImportConfig{Create: splio.Forbidden, Update: splio.Allowed},
			segment: typed([]string{"mail", "c10", "c11"},
				[]any{"lea.martin@example.com", "Gold; since 2019", 12},
				[]any{"tom.becker@example.org", "Silver", "7"}),
			universe: func(o *spliotest.Options) {
				o.Contacts["scores"] = spliotest.Subsequence{NoCreate: true}
				o.Custom = []spliotest.Field{{ID: "c10"}, {ID: "c11", Type: spliotest.Int}}
			},
			there: []spliotest.Contact{{Key: "lea.martin@example.com"}, {Key: "tom.becker@example.org"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.subsequence, func(t *testing.T) {
			a := newActivation(t)
			a.Destination = splio.Destination{
				Universe: "acmeshop", Subsequence: tt.subsequence, Custom: tt.declared,
				Imports: splio.ImportConfigs{Contacts: map[string]splio.ImportConfig{tt.subsequence: tt.imports}},
			}
			a.Mapping = mapping.Mapping{Key: tt.key, Fields: tt.fields}
			a.Insert = tt.insert
			d := new(drop)
			r := mustRun(t, a, tt.segment, d)
			want, err := os.ReadFile(filepath.Join("testdata", "format14", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if len(d.arrived) != 1 || d.arrived[0].name != tt.file {
				t.Fatalf("delivered %q, want one file %s", d.Names(), tt.file)
			}
			if diff := cmp.Diff(string(want), d.arrived[0].content); diff != "" {
				t.Error(diff)
			}
			if len(r.Rejections)+len(r.Unverified)+len(r.Doubts) > 0 || r.Files[0].SuffixUnconfirmed {
				t.Errorf("something is said to be wrong with it: %+v", r)
			}

			// And Splio takes all of it.
			o := spliotest.Options{
				Universe: "acmeshop", Drop: spliotest.Memory(&d.Mem), Contacts: map[string]spliotest.Subsequence{tt.subsequence: {}},
				Rules: spliotest.Rules{NoSuffix: true, NeedAddress: true},
			}
			tt.universe(&o)
			s, err := spliotest.New(o)
			if err == nil {
				err = s.Put(tt.there...)
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Import()
			if err != nil {
				t.Fatal(err)
			}
			result := []spliotest.Result{{File: tt.file, Scope: "contacts", Subsequence: tt.subsequence, Rows: 2, Created: 2 - len(tt.there), Updated: len(tt.there)}}
			if diff := cmp.Diff(result, got); diff != "" {
				t.Error(diff)
			}
			s.RequireConverged(t, tt.segment, a.Mapping, a.Destination.Options())
		})
	}
}
