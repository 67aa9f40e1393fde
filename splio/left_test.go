package splio_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
)

const (
	annRow = "ann@example.net,Ann,Lee"
	bobRow = "bob@example.net,Bob,Ray"
	cidRow = "cid@example.net,Cid,Poe"
)

// csvOf is a CSV file with these lines, which is read in chunks, and again.
func csvOf(t *testing.T, lines ...string) mapping.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "segment.csv")
	write(t, path, []byte(strings.Join(lines, "\n")+"\n"))
	return source.CSVFile(path, source.CSVOptions{})
}

// whoLeft writes the rows of files about those who left, and checks that no key of
// theirs is in another file of the plan.
func whoLeft(t testing.TB, r *splio.Report, d *drop) string {
	t.Helper()
	var left, others []string
	for _, f := range r.Files {
		data, err := d.ReadFile(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := readStrict(string(data))
		if err != nil {
			t.Fatal(err)
		}
		about := f.Scope != "" || slices.Contains(rows[0], "subscriptions") || !slices.Contains(rows[0], "firstname")
		for _, row := range rows[1:] {
			if about {
				left = append(left, strings.Join(row, ";"))
			} else {
				others = append(others, row[0])
			}
		}
	}
	for _, row := range left {
		if key, _, _ := strings.Cut(row, ";"); slices.Contains(others, key) {
			t.Errorf("%s is in two files", key)
		}
	}
	return strings.Join(left, " ")
}

// keysFile is the path of the file of kept keys, "" when there is none.
func keysFile(t testing.TB, a splio.Activation) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(a.State, "keys-*"))
	if err != nil || len(found) > 1 {
		t.Fatalf("files of keys: %q, %v", found, err)
	}
	return strings.Join(found, "")
}

func TestLeft(t *testing.T) {
	partial := func(a *splio.Activation) { a.Partial = true }
	off := func(a *splio.Activation) { a.Left = splio.Left{} }
	type step struct {
		change func(*splio.Activation)
		rows   []string
		want   string // who left, as sent
		why    string // part of LeftSkipped
	}
	first := step{nil, []string{annRow, bobRow, cidRow}, "", "nothing was delivered before"}
	for _, c := range []struct {
		name, reason string
		steps        []step
	}{
		{"leaves", "once", []step{first, {nil, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""}, {nil, []string{annRow, cidRow}, "", ""}}},
		{"several", "in the order in which they came", []step{first, {nil, []string{annRow}, "bob@example.net;-4,-7 cid@example.net;-4,-7", ""}}},
		{"comes back and leaves again", "it is named again", []step{first, {nil, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""},
			{nil, []string{annRow, bobRow, cidRow}, "", ""}, {nil, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""}}},
		{"rejected", "it has not left, and is not forgotten", []step{first, {nil, []string{annRow, "bob@example.net,,Ray", cidRow}, "", ""},
			{nil, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""}}},
		{"a conflict", "it has not left, and is not forgotten", []step{first, {nil, []string{annRow, bobRow, "bob@example.net,Rob,Ray", cidRow}, "", ""},
			{nil, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""}}},
		{"partial", "nobody is known to have left, nor forgotten", []step{first, {partial, []string{annRow}, "", "the segment is partial"},
			{nil, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""}}},
		{"new in a partial segment", "its key is kept as well", []step{first, {partial, []string{"dan@example.net,Dan,Fox"}, "", "the segment is partial"},
			{nil, []string{annRow, bobRow, cidRow}, "dan@example.net;-4,-7", ""}}},
		{"uncertain", "the key may be its own", []step{first, {nil, []string{annRow, cidRow, "no address,X,Y"}, "", "without a usable key"},
			{nil, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""}}},
		{"tolerated", "the caller says so", []step{first, {func(a *splio.Activation) { a.MaxUnusable = 1 }, []string{annRow, cidRow, "no address,X,Y"}, "bob@example.net;-4,-7", ""}}},
		{"switched on late", "keys are collected first", []step{{off, []string{annRow, bobRow, cidRow}, "", ""}, {nil, []string{annRow, bobRow}, "", "were not kept"},
			{nil, []string{annRow}, "bob@example.net;-4,-7", ""}}},
		{"collected from a rejected record", "it keeps its state", []step{{off, []string{annRow, bobRow}, "", ""}, {nil, []string{annRow, "bob@example.net,,Ray"}, "", "were not kept"},
			{nil, []string{annRow}, "bob@example.net;-4,-7", ""}}},
		{"can not be collected", "some keys are elsewhere", []step{{off, []string{annRow, bobRow}, "", ""}, {partial, []string{annRow}, "", "can not be collected"},
			{nil, []string{annRow, bobRow}, "", "were not kept"}, {nil, []string{annRow}, "bob@example.net;-4,-7", ""}}},
		{"switched off and on", "keys are forgotten in between", []step{first, {off, []string{annRow, bobRow, cidRow}, "", ""},
			{nil, []string{annRow, bobRow}, "", "were not kept"}, {nil, []string{annRow}, "bob@example.net;-4,-7", ""}}},
		{"new and gone in a refresh", "all the same", []step{first, {func(a *splio.Activation) { a.Refresh = true }, []string{annRow, cidRow}, "bob@example.net;-4,-7", ""}}},
		{"held back", "it was never in Splio, and its key is not kept", []step{
			{func(a *splio.Activation) { a.Insert = false }, []string{annRow, bobRow}, "", "nothing was"},
			{func(a *splio.Activation) { a.Insert, a.Known = false, each("ann@example.net") }, []string{annRow, bobRow}, "", ""},
			{func(a *splio.Activation) { a.Insert, a.Known = false, each("ann@example.net") }, []string{annRow}, "", ""}}},
	} {
		for _, from := range []string{"records", "chunks"} {
			t.Run(c.name+"/"+from, func(t *testing.T) {
				a := newActivation(t)
				a.Mapping.Fields[0].Empty = mapping.Reject
				left := splio.Left{Unsubscribe: []int{7, 4, 7}}
				for i, s := range c.steps {
					b := a
					b.Left, b.Now = left, march(14+i)
					if s.change != nil {
						s.change(&b)
					}
					src := segment(append([]string{head}, s.rows...)...)
					if from == "chunks" {
						src = csvOf(t, append([]string{head}, s.rows...)...)
					}
					preview, err := b.Preview(t.Context(), src)
					if err != nil {
						t.Fatal(err)
					}
					d := new(drop)
					r := mustRun(t, b, src, d)
					if got := whoLeft(t, r, d); got != s.want {
						t.Errorf("step %d: left %q, want %q (%s)", i, got, s.want, c.reason)
					}
					if preview.LeftRows != r.LeftRows || preview.LeftSkipped != r.LeftSkipped {
						t.Errorf("step %d: the preview has %d rows, %q", i, preview.LeftRows, preview.LeftSkipped)
					}
					if s.why == "" && r.LeftSkipped != "" || !strings.Contains(r.LeftSkipped, s.why) {
						t.Errorf("step %d: it says %q, want %q", i, r.LeftSkipped, s.why)
					}
					if f := keysFile(t, b); (f != "") != (len(b.Left.Unsubscribe) > 0 && !strings.Contains(s.why, "can not be collected")) {
						t.Errorf("step %d: keys in %q", i, f)
					} else if f != "" && c.name == "held back" && i > 0 && strings.Contains(string(read(t, f)), "bob@") {
						t.Errorf("step %d: the key of a contact that was held back is kept", i)
					}
				}
			})
		}
	}
}

func TestLeftFiles(t *testing.T) {
	for _, c := range []struct {
		name string
		left splio.Left
		want string // file name, header, row
	}{
		{"lists", splio.Left{Unsubscribe: []int{0}}, "acme_contacts_crm_20250315.csv email;subscriptions|bob@example.net;-0|"},
		{"cleared", splio.Left{Clear: []string{"lastname", "firstname"}}, "acme_contacts_crm_20250315.csv email;lastname;firstname|bob@example.net;;|"},
		{"both", splio.Left{Clear: []string{"lastname"}, Unsubscribe: []int{1}}, "acme_contacts_crm_20250315.csv email;subscriptions;lastname|bob@example.net;-1;|"},
		{"deleted", splio.Left{Delete: "gone"}, "acme_deletecontacts_gone_20250315.csv email|bob@example.net|"},
	} {
		a := newActivation(t)
		a.Left = c.left
		d := new(drop)
		mustRun(t, a, segment(head, annRow, bobRow), d)
		a.Now = march(15)
		r := mustRun(t, a, segment(head, annRow), d)
		if len(r.Files) != 1 {
			t.Fatalf("%s: %d files", c.name, len(r.Files))
		}
		data, err := d.ReadFile(r.Files[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Files[0].Name + " " + strings.ReplaceAll(string(data), "\n", "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if want := 2 - min(1, len(c.left.Delete)) - min(1, 1-min(1, len(c.left.Clear)+len(c.left.Delete))); len(r.Doubts) != want {
			t.Errorf("%s: %d doubts, want %d: %q", c.name, len(r.Doubts), want, r.Doubts)
		}
	}
}

func TestLeftConfig(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*splio.Activation)
		want   string
	}{
		{"list", func(a *splio.Activation) { a.Left.Unsubscribe = []int{64} }, "ids of lists are 0 to 63"},
		{"key", func(a *splio.Activation) { a.Left.Clear = []string{"email"} }, "is the key"},
		{"lists cleared", func(a *splio.Activation) { a.Left.Clear = []string{"subscriptions"} }, "Left.Unsubscribe"},
		{"unknown", func(a *splio.Activation) { a.Left.Clear = []string{"points"} }, "no attribute \"points\""},
		{"twice", func(a *splio.Activation) { a.Left.Clear = []string{"lastname", "lastname"} }, "twice"},
		{"both", func(a *splio.Activation) { a.Left = splio.Left{Unsubscribe: []int{1}, Delete: "gone"} }, "choose one"},
		{"name", func(a *splio.Activation) { a.Left.Delete = "a_b" }, "letters and digits"},
		{"missing", func(a *splio.Activation) {
			a.Left.Delete = "gone"
			a.Destination.Imports.DeleteContacts = map[string]splio.ImportConfig{"Gone": {}}
		}, "case matters"},
		{"brake", func(a *splio.Activation) { a.Brakes.Deleted = 2 }, "Brakes.Deleted"},
	} {
		a := newActivation(t)
		c.change(&a)
		if err := a.Check(t.Context(), day1); !errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestLeftImportConfig(t *testing.T) {
	for _, c := range []struct {
		name    string
		left    splio.Left
		imports splio.ImportConfigs
		want    string
	}{
		{"no updates", splio.Left{Unsubscribe: []int{1}}, splio.ImportConfigs{Contacts: map[string]splio.ImportConfig{"crm": {Create: splio.Allowed, Update: splio.Forbidden}}}, `"update contacts"`},
		{"lists are emptied", splio.Left{Unsubscribe: []int{1}}, splio.ImportConfigs{Contacts: map[string]splio.ImportConfig{"crm": {InitLists: []int{1}}}}, `"init lists"`},
		{"lists are emptied by a deletion", splio.Left{Delete: "gone"}, splio.ImportConfigs{DeleteContacts: map[string]splio.ImportConfig{"gone": {InitLists: []int{1}}}}, `"init lists"`},
		{"nothing against it", splio.Left{Delete: "gone"}, splio.ImportConfigs{DeleteContacts: map[string]splio.ImportConfig{"gone": {}}}, ""},
	} {
		a := newActivation(t)
		a.Left = c.left
		mustRun(t, a, segment(head, annRow, bobRow), new(drop))
		a.Destination.Imports = c.imports
		_, err := a.Plan(t.Context(), segment(head, annRow))
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, splio.ErrConfig) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// throng is so many people, without some.
func throng(n int, without ...int) mapping.Source {
	lines := []string{head}
	for i := range n {
		if !slices.Contains(without, i) {
			lines = append(lines, fmt.Sprintf("p%d@example.net,P,%d", i, i))
		}
	}
	return segment(lines...)
}

func TestBrakeDeleted(t *testing.T) {
	a := newActivation(t)
	a.Left.Delete = "gone"
	d := new(drop)
	mustRun(t, a, throng(200), d)
	gone := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	p := mustBrake(t, a, throng(200, gone...))
	var hit []string
	for _, r := range p.Report.Brakes {
		if r.Hit {
			hit = append(hit, r.String())
		}
	}
	if len(hit) != 1 || !strings.HasPrefix(hit[0], "deleted: 11 of the 200 contacts sent before are to be deleted (5.5%, limit 5%)") {
		t.Errorf("brakes %q", hit)
	}
	a.Now = march(15)
	if r := mustRun(t, a, throng(200, gone[1:]...), d); r.Deleted != 10 {
		t.Errorf("at the limit: %d deleted", r.Deleted)
	}
}

// A deletecontacts file has 100,000 lines at most, with its header.
func TestDeleteLines(t *testing.T) {
	a := newActivation(t)
	a.Mapping.Fields = nil
	a.Left.Delete, a.Brakes = "gone", splio.Brakes{AllowEmpty: true, Shrunk: 1, Left: 1, Deleted: 1}
	d := new(drop)
	many := func(yield func(map[string]any, error) bool) {
		for i := range 100_001 {
			if !yield(map[string]any{"email": fmt.Sprintf("p%d@example.net", i)}, nil) {
				return
			}
		}
	}
	mustRun(t, a, source.Maps([]string{"email"}, many), d)
	a.Now = march(15)
	r := mustRun(t, a, segment("email"), d)
	if len(r.Files) != 2 || r.Files[0].Rows != 99_999 || r.Files[1].Rows != 2 || r.Deleted != 100_001 {
		t.Errorf("files %+v", r.Files)
	}
}

func TestKeysDamaged(t *testing.T) {
	for name, damage := range map[string]func(data []byte) []byte{
		"missing":   nil,
		"empty":     func([]byte) []byte { return nil },
		"cut":       func(data []byte) []byte { return data[:len(data)-1] },
		"longer":    func(data []byte) []byte { return append(data, 0) },
		"altered":   func(data []byte) []byte { data[25] ^= 1; return data },
		"end":       func(data []byte) []byte { data[len(data)-1] ^= 1; return data },
		"foreign":   func([]byte) []byte { return []byte("something else altogether, and long enough") },
		"long key":  func(data []byte) []byte { return append(data[:17:17], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1) },
		"newer":     func(data []byte) []byte { data[15] = '2'; return data },
		"no varint": func(data []byte) []byte { return append(data[:17:17], slices.Repeat([]byte{0xff}, 20)...) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newActivation(t)
			a.Left.Unsubscribe = []int{4}
			mustRun(t, a, segment(head, annRow, bobRow), new(drop))
			path := keysFile(t, a)
			data := read(t, path)
			if damage == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path, damage(slices.Clone(data)))
			}
			before := tree(t, a.State)
			a.Now = march(15)
			_, err := a.Run(t.Context(), segment(head, annRow), untouched{t})
			bad, ok := errors.AsType[*diff.StateError](err)
			want := diff.ErrDamaged
			if name == "newer" {
				want = diff.ErrVersion
			}
			if !ok || bad.Path != path || !errors.Is(err, want) {
				t.Errorf("got %v", err)
			}
			if strings.Contains(fmt.Sprint(err), "example.net") {
				t.Errorf("it tells a key: %v", err)
			}
			if got := tree(t, a.State); !slices.Equal(got, before) {
				t.Errorf("the state was touched: %q, before %q", got, before)
			}
			// The way out.
			b := a
			b.Left = splio.Left{}
			mustRun(t, b, segment(head, annRow, bobRow), new(drop))
			mustRun(t, a, segment(head, annRow, bobRow), new(drop))
			d := new(drop)
			if got := whoLeft(t, mustRun(t, a, segment(head, annRow), d), d); got != "bob@example.net;-4" {
				t.Errorf("afterwards %q", got)
			}
		})
	}
}

// A plan whose keys are not those that were planned is not sent.
func TestPlannedKeysDamaged(t *testing.T) {
	a := newActivation(t)
	a.Left.Unsubscribe = []int{4}
	p := mustPlan(t, a, day1)
	write(t, filepath.Join(a.State, "outbox", "keys"), []byte("spliosync keys 1\nand no more"))
	_, err := p.Apply(t.Context(), untouched{t})
	if !errors.Is(err, diff.ErrDamaged) {
		t.Fatal(err)
	}
	if err := p.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRun(t, a, day1, new(drop))
	if keysFile(t, a) == "" {
		t.Error("no keys are kept")
	}
}

// A state that was restored as a whole names those who left since once more.
func TestKeysRestored(t *testing.T) {
	a := newActivation(t)
	a.Left.Unsubscribe = []int{4}
	mustRun(t, a, segment(head, annRow, bobRow), new(drop))
	saved := filepath.Join(t.TempDir(), "saved")
	if err := os.CopyFS(saved, os.DirFS(a.State)); err != nil {
		t.Fatal(err)
	}
	a.Now = march(15)
	for range 2 {
		d := new(drop)
		if got := whoLeft(t, mustRun(t, a, segment(head, annRow), d), d); got != "bob@example.net;-4" {
			t.Errorf("left %q", got)
		}
		if err := os.RemoveAll(a.State); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(a.State, os.DirFS(saved)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForgetKept(t *testing.T) {
	a := newActivation(t)
	a.Left.Unsubscribe = []int{4}
	mustRun(t, a, segment(head, annRow, bobRow, cidRow), new(drop))
	if n, err := a.Forget(t.Context(), day1, each("bob@example.net")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got := mentioned(t, a.State, "bob@"); len(got) > 0 {
		t.Errorf("bob is still in %q", got)
	}
	a.Now = march(15)
	d := new(drop)
	if got := whoLeft(t, mustRun(t, a, segment(head, annRow), d), d); got != "cid@example.net;-4" {
		t.Errorf("left %q", got)
	}
}

func TestAdoptKeys(t *testing.T) {
	a := newActivation(t)
	a.Left.Unsubscribe = []int{4}
	mustRun(t, a, segment(head, annRow, cidRow), new(drop))
	mustAdopt(t, a, segment(head, annRow, bobRow), true)
	if got := mentioned(t, a.State, "cid@"); len(got) > 0 {
		t.Errorf("cid is still in %q", got)
	}
	a.Now = march(15)
	d := new(drop)
	if got := whoLeft(t, mustRun(t, a, segment(head, annRow), d), d); got != "bob@example.net;-4" {
		t.Errorf("left %q", got)
	}
	a.Left = splio.Left{}
	mustAdopt(t, a, day1, true)
	if _, err := os.Stat(filepath.Join(a.State, "outbox", "keys")); !errors.Is(err, fs.ErrNotExist) || keysFile(t, a) != "" {
		t.Errorf("keys are kept though nobody asks for them: %v", err)
	}
}

// Exactly those who left are named, whatever happens in between.
func TestLeftNamesExactly(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 12 {
		a := newActivation(t)
		a.Mapping.Fields[0].Empty = mapping.Reject
		a.Left.Delete, a.Insert = "gone", rng.IntN(2) == 0
		sent := map[string]bool{} // who is in the snapshot
		for run := range 8 {
			a.Now = march(10 + run)
			lines, here, valid := []string{head}, map[string]bool{}, map[string]bool{}
			a.Partial = run > 0 && rng.IntN(4) == 0
			uncertain := a.Partial
			for i := range 1 + rng.IntN(12) {
				key := fmt.Sprintf("p%d@example.net", rng.IntN(12))
				if here[key] {
					continue
				}
				switch rng.IntN(12) {
				case 0:
					lines, uncertain = append(lines, fmt.Sprintf("no address %d,X,Y", i)), true
					continue
				case 1:
					lines = append(lines, key+",,Y")
				default:
					lines, valid[key] = append(lines, fmt.Sprintf("%s,P,%d", key, rng.IntN(3))), true
				}
				here[key] = true
			}
			var want []string
			for key := range sent {
				if !here[key] && !uncertain {
					want = append(want, key)
					delete(sent, key)
				}
			}
			for key := range valid {
				sent[key] = true
			}
			src := segment(lines...)
			if rng.IntN(2) == 0 {
				src = csvOf(t, lines...)
			}
			if rng.IntN(4) == 0 { // a plan that nobody approves changes nothing
				mustPlan(t, a, src)
			}
			d := new(drop)
			r := mustRun(t, a, src, d)
			got := strings.Fields(whoLeft(t, r, d))
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, run %d: left %q, want %q (%s)", seed, run, got, want, r.LeftSkipped)
			}
		}
	}
}

// Who counts as new once more has a key that is kept already.
func TestKeysOnce(t *testing.T) {
	a := newActivation(t)
	a.Left.Unsubscribe, a.Insert = []int{4}, false
	mustRun(t, a, segment(head, annRow, bobRow), new(drop))
	a.Insert, a.Now = true, march(15)
	if r := mustRun(t, a, segment(head, annRow, bobRow), new(drop)); r.Inserted != 2 {
		t.Fatal(counts(t, r))
	}
	if n := strings.Count(string(read(t, keysFile(t, a))), "bob@"); n != 1 {
		t.Errorf("a key is kept %d times", n)
	}
}

// Whether a contact was deleted by a plan that was discarded, nobody knows: who
// comes back goes where contacts are created.
func TestDiscardDeletion(t *testing.T) {
	a := newActivation(t)
	a.Left.Delete = "gone"
	mustRun(t, a, segment(head, annRow, bobRow), new(drop))
	a.Now = march(15)
	p := mustPlan(t, a, segment(head, annRow))
	d := &drop{faults: map[int]fault{0: {late: true, err: errLine}}}
	if _, err := p.Apply(t.Context(), d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	if err := p.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := mustPlan(t, a, segment(head, annRow)).Report; r.Deleted != 1 {
		t.Errorf("still gone: %s", counts(t, &r))
	}
	if r := mustPlan(t, a, segment(head, annRow, bobRow)).Report; r.Inserted != 1 || r.Updated != 0 {
		t.Errorf("back: %s", counts(t, &r))
	}
}
