package splio_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

// The files of a first run over a CSV file are written while it is read. They are
// those of a segment that is put aside first, whatever comes out in between.
func TestFirstRun(t *testing.T) {
	people := func(lines ...string) string { return "email,first,last\n" + strings.Join(lines, "\n") + "\n" }
	ann, bob, cyd := "ann@example.net,Ann,Lee", "bob@example.net,Bob,Ray", "cyd@example.net,Cyd,Fox"
	absent := func(a *splio.Activation) { a.Mapping.Fields[1].Empty = mapping.Absent }
	last := func(a *splio.Activation) { a.Duplicates = diff.LastWins }
	wide, fields := "email", []mapping.Field(nil)
	var custom []mapping.Attribute
	for i := range 100 {
		name := fmt.Sprint("c", 100+i)
		wide += "," + name
		fields = append(fields, mapping.Field{From: name, To: name, Custom: true})
		custom = append(custom, mapping.Attribute{Name: name})
	}
	long := strings.Repeat(","+strings.Repeat("\U0001F642", 200), 100)

	for _, tt := range []struct {
		name, reason string
		change       func(*splio.Activation)
		text         string
		written      string // the files of the outbox, as they are opened to make the plan
	}{
		{"new", "every record is sent", nil, people(ann, bob, cyd), "1"},
		{"none", "there is nothing to write", nil, people("nobody,Ann,Lee"), ""},
		{"rejected", "a record without a line is no reason to begin anew", nil, people(ann, "nobody,Ann,Lee", bob), "1"},
		{"twice", "of two that are the same one goes", nil, people(ann, "nobody,Ann,Lee", bob, ann, "nobody,Ann,Lee", cyd), "1 1 2"},
		{"conflict", "both go, and are passed on", nil, people(bob, ann, "ann@example.net,Ann,Day", cyd), "1 1 2"},
		{"all conflict", "no line is left", nil, people(ann, "ann@example.net,Ann,Day"), "1"},
		{"last wins", "the first line goes", last, people(ann, bob, "ann@example.net,Ann,Day"), "1 1 2"},
		{"first wins", "the last line goes", func(a *splio.Activation) { a.Duplicates = diff.FirstWins }, people(ann, bob, "ann@example.net,Ann,Day"), "1 1 2"},
		{"absent", "rows of two kinds go to two files", absent, people(ann, "bob@example.net,Bob,", cyd), "1 2"},
		{"absent, twice", "whose lines came in which order is not known", absent, people(ann, "bob@example.net,Bob,", cyd, ann), "1 2 1 2"},
		{"only absent, twice", "another kind of row, and one only", absent, people("bob@example.net,Bob,", "ann@example.net,Ann,", "bob@example.net,Bob,"), "1 1 2"},
		{"replaced, twice", "it is not known which lines have lost what", nil, people(ann, `"bob@example.net","B\""ob",Ray`, ann), "1 1"},
		{"replaced", "a backslash becomes a slash", nil, people(ann, `"bob@example.net","B\""ob",Ray`), "1"},
		{"quotes, twice", "lines are copied as they are", nil, people(ann, `bob@example.net,"B;o""b",Ray`, ann), "1 1 2"},
		{"refused", "records with a separator are rejected", func(a *splio.Activation) { a.Format.Quotes = splio.QuoteReject }, people(ann, "bob@example.net,B;ob,Ray", ann), "1 1 2"},
		{"CR LF", "so are their ends", func(a *splio.Activation) { a.Format = splio.Format{CRLF: true, OpenEnd: true} }, people(ann, bob, ann), "1 1 2"},
		{"lines", "what goes makes room in a full file", func(a *splio.Activation) { a.Format.MaxLines = 3 }, people(ann, ann, bob, cyd, cyd), "1 2 3 1 4 2 5"},
		{"bytes", "the same for bytes", func(a *splio.Activation) { a.Format.MaxBytes = 80 }, people(ann, ann, bob, cyd), "1 2 1 3 2 4"},
		{"line breaks", "a field in quotes goes over two lines, and its cell does not", nil, people(ann, "bob@example.net,\"B\nob\",Ray", "cyd@example.net,\"C\r\n\"\"yd\",Fox", ann), "1 1 2"},
		{"conflicts in parts", "all of a file goes, and both ends of others", func(a *splio.Activation) { a.Format.MaxLines = 3 },
			people("ann@example.net,Ann,Day", bob, ann, "ann@example.net,Ann,Fay", "nobody,Ann,Lee", cyd, ann), "1 2 3 1 4 2 3"},
		{"parts with an open end", "the last line of each ends with its file", func(a *splio.Activation) { a.Format = splio.Format{MaxBytes: 80, CRLF: true, OpenEnd: true} },
			people(ann, bob, ann, cyd), "1 2 1 3 2 4"},
		{"lists", "new contacts join lists", func(a *splio.Activation) { a.Subscribe = []int{3, 5} }, people(ann, bob, ann), "1 1 2"},
		{"creating", "new contacts have a sub-sequence of their own", func(a *splio.Activation) { a.Destination.Creating = "new" }, people(ann, bob), "1"},
		{"wide", "a line of more than a block", func(a *splio.Activation) {
			a.Mapping.Fields, a.Destination.Custom = fields, custom
		}, wide + "\na@example.net" + long + "\na@example.net" + long + "\nb@example.net" + long + "\n", "1 1 2"},
		{"Left", "keys are kept as well", func(a *splio.Activation) { a.Left.Unsubscribe = []int{1} }, people(ann, bob), "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "segment.csv")
			if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var outcomes [2]outcome
			for i, src := range []mapping.Source{unchunked{source.CSVFile(name, source.CSVOptions{})}, source.CSVFile(name, source.CSVOptions{})} {
				got := &outcomes[i]
				a := newActivation(t)
				a.Mapping.Fields = slices.Clone(a.Mapping.Fields)
				if tt.change != nil {
					tt.change(&a)
				}
				got.watch(&a)
				var written []string
				splio.SetFS(&a, func(dir string) (vfs.FS, error) {
					inner, err := openQuick(dir)
					return hookFS{inner, func(name string) error {
						if file, ok := strings.CutSuffix(filepath.Base(name), ".csv"); ok {
							written = append(written, strings.TrimLeft(file, "0"))
						}
						return nil
					}}, err
				})
				p := mustPlan(t, a, src)
				if s := strings.Join(written, " "); i == 1 && s != tt.written {
					t.Errorf("%s: the files %s were opened, want %s", tt.reason, s, tt.written)
				}
				d := new(drop)
				r, err := p.Apply(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				r.Plan = ""
				got.reports, got.files = append(got.reports, r), d.arrived
				if len(a.Left.Unsubscribe) == 0 { // then keys stay
					settled(t, a.State)
				}
			}
			if d := cmp.Diff(outcomes[0], outcomes[1], cmp.AllowUnexported(outcome{}, arrival{})); d != "" {
				t.Errorf("%s: %.2000s", tt.reason, d)
			}
		})
	}
}
