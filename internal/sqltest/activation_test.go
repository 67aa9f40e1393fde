package sqltest_test

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/diff/sqldiff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/warehouse"
)

// activation is the one of a step, over the table of the segment. One column in
// two leaves empty cells out.
func (s step) activation(n int) splio.Activation {
	m := mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "customer_key", Transforms: []mapping.Transform{{Name: "lower"}}},
		Fields: []mapping.Field{{From: "bad", To: "lastname", Invalid: mapping.Reject, Transforms: []mapping.Transform{{Name: "match", Pattern: "^0$"}}}},
	}
	for i, c := range s.columns {
		f := mapping.Field{From: c, To: c, Custom: true, Transforms: []mapping.Transform{{Name: "trim"}}}
		if s.renderer != "" {
			f.Transforms = append(f.Transforms, mapping.Transform{Name: "replace", Pattern: "(.)$", With: "${1}" + s.renderer})
		}
		if i%2 == 1 {
			f.Empty = mapping.Absent
		}
		m.Fields = append(m.Fields, f)
	}
	a := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping:     m,
		Insert:      s.opts.Create, Duplicates: s.opts.Duplicates, MaxUnusable: s.opts.MaxUnusable, Partial: s.opts.Partial, Refresh: s.opts.Refresh,
		Rows:      []splio.Rows{splio.FullRows, splio.ChangedOnly}[n%2],
		DigestKey: []byte("0123456789abcdef"),
		Brakes:    splio.Brakes{AllowEmpty: true},
		Now:       time.Date(2025, time.March, 14+n, 12, 0, 0, 0, time.UTC),
	}
	if !a.Insert {
		a.Destination.Subsequence = "update"
	}
	if s.known != nil {
		a.Known = texts(s.known)
	}
	return a
}

func texts(list []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, k := range list {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// sent is what an activation did: counts, and rows by sub-sequence and columns.
type sent struct {
	report string
	rows   []string
}

// activate does an activation in one of two states: with a Differ, the engine
// compares, otherwise the program does.
func (s step) activate(t testing.TB, n int, state string, segment *warehouse.Segment, far bool) (out sent) {
	t.Helper()
	a := s.activation(n)
	if a.State = state; far {
		a.Differ = segment
	}
	if s.due != nil {
		_, _, err := a.Resend(t.Context(), segment, texts(s.due), 0)
		must(t, err)
	}
	drop := t.TempDir()
	var r *splio.Report
	if s.drop {
		p, err := a.Plan(t.Context(), segment)
		must(t, err)
		must(t, p.Discard(t.Context()))
		r = &p.Report
	} else {
		var err error
		r, err = a.Run(t.Context(), segment, dir(drop))
		must(t, err)
	}
	if got := r.Rejected + r.Duplicate + r.HeldBack + r.Unchanged + r.Inserted + r.Updated; got != r.Read {
		t.Errorf("read %d, counted %d", r.Read, got)
	}
	if (r.Candidates > 0) && !far || r.Candidates > r.Read {
		t.Errorf("%d candidates of %d", r.Candidates, r.Read)
	}
	for _, f := range r.Files {
		head := f.Subsequence + " " + strings.Join(f.Columns, ";") + ": "
		data, err := os.ReadFile(filepath.Join(drop, f.Name))
		if s.drop {
			out.rows = append(out.rows, fmt.Sprint(head, f.Rows))
			continue
		}
		must(t, err)
		for _, line := range slices.Collect(strings.Lines(string(data)))[1:] {
			out.rows = append(out.rows, head+line)
		}
	}
	slices.Sort(out.rows)
	// What differs: the plan's name and its files' order, and what is wrong with
	// values of records that need not be rendered.
	c := *r
	c.Plan, c.Files, c.Candidates, c.Rejections = "", nil, 0, nil
	out.report = fmt.Sprintf("%+v", c)
	return out
}

// segment is the table as the activations see it.
func (d *sqlDiffer) segment() *warehouse.Segment {
	return warehouse.New(d.db, warehouse.Options{
		Dialect: d.d, Query: "SELECT * FROM segment -- all of it", Key: "email", OrderBy: "pos",
		Columns: append([]string{"email", "bad"}, sourceColumns...),
	})
}

// TestActivation compares whole activations: whether the program compares or the
// engine, the counts and the files are the same.
func TestActivation(t *testing.T) {
	seed := cmp.Or(*seedFlag, rand.Uint64())
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		must(t, d.store.Close())
		run := func(name string, steps []step) {
			t.Run(name, func(t *testing.T) {
				for _, table := range []string{"spliosync_state", "spliosync_runs"} {
					d.exec(t, "DELETE FROM "+table)
				}
				near, far := t.TempDir(), t.TempDir()
				for i, s := range steps {
					d.load(t, s)
					want, got := s.activate(t, i, near, d.segment(), false), s.activate(t, i, far, d.segment(), true)
					if want.report != got.report || !slices.Equal(want.rows, got.rows) {
						t.Fatalf("seed %d, run %d\nengine  %s\n        %q\nprogram %s\n        %q", seed, i, got.report, got.rows, want.report, want.rows)
					}
				}
			})
		}
		for _, c := range scripts {
			run(c.name, c.steps)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		for n := range max(3, *casesFlag/3) {
			var steps []step
			for i := range 4 {
				columns := cols("a b c")
				if i > 1 {
					columns = randomColumns(rng)
				}
				s := randomStep(rng, []int{3, 8, 40}[rng.IntN(3)], columns)
				if len(s.known) == 0 {
					s.known = nil // an empty list of keys is allowed, one of no keys is not
				}
				steps = append(steps, s)
			}
			run(fmt.Sprint("random ", n), steps)
		}
	})
}

// TestActivationKeyForm has keys that the engine and the mapping bring into
// different forms.
func TestActivationKeyForm(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		must(t, d.store.Close())
		s := step{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("b ob", "1"), rec("cid", "1")}}
		d.load(t, s)
		segment := warehouse.New(d.db, warehouse.Options{
			Dialect: d.d, Query: "SELECT * FROM segment", Key: "email", KeyForm: "replace(lower(trim(email)), ' ', '')", Columns: cols("email bad a"), OrderBy: "pos",
		})
		a := s.activation(0)
		a.State, a.Differ = t.TempDir(), segment
		var rejected []string
		a.OnRejectedRecord = func(r *mapping.Record, why []mapping.Rejection) error {
			rejected = append(rejected, fmt.Sprintf("%s: %s", r.Values[0].AppendPlain(nil), why[0].Reason))
			return nil
		}
		for range 2 { // it is told in each run
			rejected = nil
			r, err := a.Run(t.Context(), segment, dir(t.TempDir()))
			must(t, err)
			if r.Rejected != 1 || r.Inserted+r.Unchanged != 2 || len(rejected) != 1 || rejected[0] != "B OB : "+splio.ReasonKeyForm {
				t.Errorf("%+v, rejected %q", r, rejected)
			}
		}
	})
}

// TestActivationValues compares what is made of values of each type.
func TestActivationValues(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		must(t, d.store.Close())
		d.exec(t, "CREATE TABLE typed (k TEXT, day DATE, moment TIMESTAMP, price DECIMAL(12, 3), n BIGINT, flag BOOLEAN, x DOUBLE PRECISION, note TEXT)")
		d.exec(t, "INSERT INTO typed VALUES ('ann', '2024-07-01', '2024-07-01 23:30:00', 12.500, -7, TRUE, 0.25, 'é; \"x\"'), ('bob', NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
		query := "SELECT * FROM typed"
		if d.d == sqldiff.DuckDB { // its driver gives decimals as a type of its own
			query = "SELECT * REPLACE (CAST(price AS VARCHAR) AS price) FROM typed"
		}
		segment := warehouse.New(d.db, warehouse.Options{Dialect: d.d, Query: query, Key: "k"})
		fields, err := segment.Fields(t.Context())
		must(t, err)
		m := mapping.Mapping{Key: mapping.Field{From: "k", To: "customer_key"}, Custom: fields[1:]}
		content := map[bool]string{}
		for _, far := range []bool{false, true} {
			a := step{opts: create}.activation(0)
			if a.Mapping, a.State = m, t.TempDir(); far {
				a.Differ = segment
			}
			drop := t.TempDir()
			r, err := a.Run(t.Context(), segment, dir(drop))
			must(t, err)
			data, err := os.ReadFile(filepath.Join(drop, r.Files[0].Name))
			must(t, err)
			lines := slices.Sorted(strings.Lines(string(data)))
			content[far] = strings.Join(lines, "")
		}
		if content[true] != content[false] || !strings.Contains(content[true], "12.5") {
			t.Errorf("engine\n%sprogram\n%s", content[true], content[false])
		}
	})
}

// TestActivationGuards says what is refused before anything is opened.
func TestActivationGuards(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		must(t, d.store.Close())
		s := step{columns: cols("a"), opts: diff.RunOptions{Create: true, Duplicates: diff.LastWins}}
		for what, o := range map[string]warehouse.Options{
			"OrderBy": {Dialect: d.d, Query: "SELECT * FROM segment", Key: "email"},
			"Query":   {Dialect: d.d, Key: "email", Columns: cols("email bad a")},
			"not the": {Dialect: d.d, Query: "SELECT * FROM segment", Key: "email", OrderBy: "pos"},
			"Digest":  {Dialect: d.d, Query: "SELECT * FROM segment", Key: "email", OrderBy: "pos"},
		} {
			a, segment := s.activation(0), warehouse.New(d.db, o)
			a.State, a.Differ = t.TempDir()+"/state", segment
			switch what {
			case "not the":
				a.Differ = warehouse.New(d.db, o)
			case "Digest":
				a.DigestKey = nil
			}
			_, err := a.Plan(t.Context(), segment)
			if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), splio.ErrConfig.Error()) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestActivationAdopt adopts what another tool has sent, and forgets one contact.
func TestActivationAdopt(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		must(t, d.store.Close())
		s := step{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1"), rec("cid", "1")}}
		a, segment := s.activation(0), d.segment()
		a.State, a.Differ = t.TempDir(), segment
		for i := range 2 { // the second replaces the first
			d.load(t, s)
			r, err := a.Adopt(t.Context(), segment, i > 0)
			must(t, err)
			if r.Unchanged != 3 || r.First != (i == 0) {
				t.Errorf("adopted %+v", r)
			}
		}
		if n, err := a.Forget(t.Context(), segment, texts([]string{"CID"})); n != 1 || err != nil {
			t.Errorf("forgot %d, %v", n, err)
		}
		s.records[1] = rec("bob", "2")
		d.load(t, s)
		r, err := a.Run(t.Context(), segment, dir(t.TempDir()))
		must(t, err)
		if r.Unchanged != 1 || r.Updated != 1 || r.Inserted != 1 {
			t.Errorf("%+v", r)
		}
		if n := d.tables(t); n != 1 {
			t.Errorf("%d tables", n)
		}
	})
}

// TestForget forgets keys in the engine.
func TestForget(t *testing.T) {
	forEach(t, func(t *testing.T, d *sqlDiffer) {
		s := step{columns: cols("a"), opts: create, records: []record{rec("ann", "1"), rec("bob", "1"), rec("cid", "1")}}
		d.run(t, s)
		n, err := d.store.Forget(t.Context(), keys([]string{"ann", "nobody", "ann", "cid"}))
		if n != 2 || err != nil {
			t.Errorf("forgot %d, %v", n, err)
		}
		got := d.run(t, s)
		want := []string{`"ann"["1"] New[a] unconfirmed=false`, `"cid"["1"] New[a] unconfirmed=false`, "gone=0"}
		if low := strings.ToLower; !slices.EqualFunc(got.changes, want, func(a, b string) bool { return low(a) == low(b) }) {
			t.Errorf("%q", got.changes)
		}
		if n := d.tables(t); n != 1 {
			t.Errorf("%d tables", n)
		}
	})
}
