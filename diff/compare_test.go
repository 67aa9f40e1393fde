package diff_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// step is one run of a case, which is published.
type step struct {
	columns string // "a b" when empty
	opts    diff.RunOptions
	due     string // keys marked before the run
	in      []in
	want    string // changes
	counts  string // "-": not looked at
}

func TestVerdicts(t *testing.T) {
	create := diff.RunOptions{Create: true}
	known := func(names ...string) diff.RunOptions { return diff.RunOptions{Known: keys(names...)} }
	ann, ben, cat := rec("ann", "1 2"), rec("ben", "3 4"), rec("cat", "5 6")
	annben := step{opts: create, in: []in{ann, ben}, want: "1:new[a b] 2:new[a b]", counts: "read=2 new=2"}
	maybe := step{in: []in{ann}, want: "1:new[a b]", counts: "read=1 new=1"}

	cases := []struct {
		name, reason string
		steps        []step
	}{
		{"new, insert on", "a new record exists at the destination after its row was sent", []step{
			annben,
			{opts: create, in: []in{ann, rec("ben", "3 x")}, want: "2:changed[b]", counts: "read=2 unchanged=1 changed=1 previous=2 b=1"},
		}},
		{"new, the destination decides", "insert off: the contact may well exist, so a row is sent, and the state is unconfirmed", []step{
			maybe,
			{in: []in{rec("ann", "1 x")}, want: "1:changed[b]?", counts: "read=1 changed=1 previous=1 b=1"},
			{in: []in{rec("ann", "1 y")}, want: "1:changed[b]?", counts: "read=1 changed=1 previous=1 b=1"},
			{in: []in{rec("ann", "1 y")}, want: "", counts: "read=1 unchanged=1 previous=1"},
		}},
		{"known keys", "known: a row, confirmed; otherwise held back without a trace, so that it is looked at again", []step{
			{opts: known("ann"), in: []in{ann, ben}, want: "1:new[a b]", counts: "read=2 heldback=1 new=1"},
			{opts: known("ann"), in: []in{ann, ben}, want: "", counts: "read=2 heldback=1 unchanged=1 previous=1"},
			{opts: known("ann", "ben"), in: []in{rec("ann", "x 2"), ben}, want: "1:changed[a] 2:new[a b]", counts: "read=2 new=1 changed=1 previous=1 a=1"},
			{opts: known(), in: []in{rec("ann", "x 2"), rec("ben", "3 x")}, want: "2:changed[b]", counts: "read=2 unchanged=1 changed=1 previous=2 b=1"},
		}},
		{"no known keys at all", "an empty set is unlike none: nothing new may be sent", []step{
			{opts: known(), in: []in{ann}, want: "", counts: "read=1 heldback=1"},
			{opts: known("ann"), in: []in{ann}, want: "1:new[a b]", counts: "read=1 new=1"},
		}},
		{"unconfirmed, known keys later", "the keys settle the question", []step{
			maybe,
			{opts: known(), in: []in{ann}, want: "", counts: "read=1 heldback=1 previous=1"},
			{opts: known("ann"), in: []in{ann}, want: "1:new[a b]", counts: "read=1 new=1"},
			{in: []in{rec("ann", "x 2")}, want: "1:changed[a]", counts: "read=1 changed=1 previous=1 a=1"},
		}},
		{"unconfirmed, insert on later", "it counts as new, once", []step{
			maybe,
			{opts: create, in: []in{ann}, want: "1:new[a b]?", counts: "read=1 new=1 previous=1"},
			{opts: create, in: []in{ann}, want: "", counts: "read=1 unchanged=1 previous=1"},
			{in: []in{rec("ann", "1 x")}, want: "1:changed[b]", counts: "read=1 changed=1 previous=1 b=1"},
		}},
		{"unconfirmed, marked due, insert on", "new says it all; the mark is gone afterwards", []step{
			maybe,
			{due: "ann", opts: create, in: []in{ann}, want: "1:new[a b]?", counts: "read=1 new=1 previous=1"},
			{opts: create, in: []in{ann}, want: "", counts: "read=1 unchanged=1 previous=1"},
		}},
		{"changed, exact columns", "an empty cell, an absent one and a value differ from each other, each to its own side", []step{
			{columns: "a b c d", opts: create, in: []in{rec("ann", "1 _ ~ 4")}, want: "1:new[a b c d]", counts: "-"},
			{columns: "a b c d", opts: create, in: []in{rec("ann", "1 ~ _ 5")}, want: "1:changed[b c d]", counts: "read=1 changed=1 previous=1 b=1 c=1 d=1"},
			{columns: "a b c d", opts: create, in: []in{rec("ann", "1 x ~ 5")}, want: "1:changed[b c]", counts: "-"},
			{columns: "a b c d", opts: create, in: []in{rec("ann", "1 x ~ 5")}, want: "", counts: "-"},
		}},
		{"cells that run together", "their borders count", []step{
			{opts: create, in: []in{rec("ann", "12 3")}, want: "1:new[a b]", counts: "-"},
			{opts: create, in: []in{rec("ann", "1 23")}, want: "1:changed[a b]", counts: "-"},
			{opts: create, in: []in{rec("ann", "23 1")}, want: "1:changed[a b]", counts: "-"},
		}},
		{"the empty key", "it is a key like any other", []step{
			{opts: create, in: []in{rec("", "1 2")}, want: "1:new[a b]", counts: "read=1 new=1"},
			{opts: create, in: []in{rec("", "1 3")}, want: "1:changed[b]", counts: "-"},
		}},
		{"no columns", "only keys are compared", []step{
			{columns: " ", opts: create, in: []in{rec("ann", ""), rec("ann", ""), rec("ben", "")}, want: "1:new[] 3:new[]", counts: "read=3 duplicate=1 new=2"},
			{columns: " ", opts: create, in: []in{rec("ann", "")}, want: "gone", counts: "read=1 unchanged=1 previous=2 gone=1"},
		}},
		{"rejected keeps its state", "it is neither gone nor forgotten, and compared again later", []step{
			annben,
			{opts: create, in: []in{bad("ann"), ben}, want: "", counts: "read=2 rejected=1 unchanged=1 previous=2"},
			{opts: create, in: []in{bad("ann"), bad("ann"), ben}, want: "", counts: "read=3 rejected=2 unchanged=1 previous=2"},
			{opts: create, in: []in{rec("ann", "1 x"), ben}, want: "1:changed[b]", counts: "-"},
		}},
		{"rejected and new", "it leaves nothing", []step{
			{opts: create, in: []in{bad("ann")}, want: "", counts: "read=1 rejected=1"},
			{opts: create, in: []in{ann}, want: "1:new[a b]", counts: "read=1 new=1"},
		}},
		{"rejected and valid with one key", "the rejected one takes no part in duplicates", []step{
			annben,
			{opts: create, in: []in{bad("ann"), rec("ann", "1 x"), bad("ann"), ben}, want: "2:changed[b]", counts: "read=4 rejected=2 unchanged=1 changed=1 previous=2 b=1"},
		}},
		{"rejected among conflicting", "it stays rejected, the others conflict", []step{
			annben,
			{opts: create, in: []in{rec("ann", "x x"), bad("ann"), rec("ann", "y y"), ben}, want: "1:conflict 3:conflict",
				counts: "read=4 rejected=1 conflicting=2 unchanged=1 previous=2"},
			annbenAgain(ann, ben, create),
		}},
		{"unusable key", "it may be that of any absent record, so absent keys keep their state", []step{
			annben,
			{opts: create, in: []in{ann, bad(nul)}, want: "", counts: "read=2 rejected=1 unusable=1 unchanged=1 previous=2 kept=1"},
			annbenAgain(ann, ben, create),
		}},
		{"unusable key with cells", "cells do not make it usable", []step{
			annben,
			{opts: create, in: []in{ann, rec(nul, "1 2")}, want: "", counts: "read=2 rejected=1 unusable=1 unchanged=1 previous=2 kept=1"},
		}},
		{"unusable keys within the tolerance", "MaxUnusable lifts it, up to and including the number", []step{
			annben,
			{opts: diff.RunOptions{Create: true, MaxUnusable: 1}, in: []in{ann, bad(nul), bad(nul)}, want: "",
				counts: "read=3 rejected=2 unusable=2 unchanged=1 previous=2 kept=1"},
			{opts: diff.RunOptions{Create: true, MaxUnusable: 2}, in: []in{ann, bad(nul), bad(nul)}, want: "gone",
				counts: "read=3 rejected=2 unusable=2 unchanged=1 previous=2 gone=1"},
			{opts: create, in: []in{ann, ben}, want: "2:new[a b]", counts: "-"},
		}},
		{"gone", "dropped: back again, it is new", []step{
			annben,
			{opts: create, in: []in{ben}, want: "gone", counts: "read=1 unchanged=1 previous=2 gone=1"},
			{opts: create, in: []in{ann, ben}, want: "1:new[a b]", counts: "read=2 unchanged=1 new=1 previous=1"},
		}},
		{"all gone", "an empty segment drops everything; stopping it is the caller's business", []step{
			annben,
			{opts: create, want: "gone gone", counts: "previous=2 gone=2"},
			{opts: create, want: "", counts: ""},
		}},
		{"identical duplicates", "once; the surplus is counted", []step{
			{opts: create, in: []in{ann, ann, ann}, want: "1:new[a b]", counts: "read=3 duplicate=2 new=1"},
			{opts: create, in: []in{ann, ann}, want: "", counts: "read=2 duplicate=1 unchanged=1 previous=1"},
		}},
		{"conflicting duplicates, rejected", "all of them, A B A too, and an earlier state stays", []step{
			annben,
			{opts: create, in: []in{rec("ann", "x x"), rec("ann", "y y"), rec("ann", "x x"), cat, rec("cat", "x x")},
				want: "1:conflict 2:conflict 3:conflict 4:conflict 5:conflict gone", counts: "read=5 conflicting=5 previous=2 gone=1"},
			{opts: create, in: []in{ann, cat}, want: "2:new[a b]", counts: "read=2 unchanged=1 new=1 previous=1"},
		}},
		{"conflicting duplicates, first wins", "A B A: the smallest number", []step{
			annben,
			{opts: diff.RunOptions{Create: true, Duplicates: diff.FirstWins}, in: []in{rec("ann", "x 2"), rec("ann", "1 y"), rec("ann", "x 2"), ben},
				want: "1:changed[a]", counts: "read=4 duplicate=2 unchanged=1 changed=1 previous=2 a=1"},
			{opts: create, in: []in{rec("ann", "x 2"), ben}, want: "", counts: "-"},
		}},
		{"conflicting duplicates, last wins", "A B C: the largest number", []step{
			annben,
			{opts: diff.RunOptions{Create: true, Duplicates: diff.LastWins}, in: []in{rec("ann", "x 2"), rec("ann", "1 y"), rec("ann", "1 z"), ben},
				want: "3:changed[b]", counts: "read=4 duplicate=2 unchanged=1 changed=1 previous=2 b=1"},
			{opts: create, in: []in{rec("ann", "1 z"), ben}, want: "", counts: "-"},
		}},
		{"conflict resolved to the earlier state", "the winner is compared like any other", []step{
			annben,
			{opts: diff.RunOptions{Create: true, Duplicates: diff.LastWins}, in: []in{rec("ann", "x 2"), ann, ben}, want: "",
				counts: "read=3 duplicate=1 unchanged=2 previous=2"},
		}},
		{"due", "sent whatever changed, once", []step{
			annben,
			{due: "ann zoe", opts: create, in: []in{ann, rec("ben", "3 x")}, want: "1:due[] 2:changed[b]", counts: "read=2 changed=1 due=1 previous=2 b=1"},
			{opts: create, in: []in{ann, rec("ben", "3 x")}, want: "", counts: "-"},
		}},
		{"due and changed", "the columns that changed are told", []step{
			annben,
			{due: "ann ben", opts: create, in: []in{rec("ann", "x 2"), ben}, want: "1:due[a] 2:due[]", counts: "read=2 due=2 previous=2 a=1"},
		}},
		{"due, then rejected", "it stays due until it can be sent", []step{
			annben,
			{due: "ann", opts: create, in: []in{bad("ann"), ben}, want: "", counts: "read=2 rejected=1 unchanged=1 previous=2"},
			{opts: create, in: []in{rec("ann", "x x"), rec("ann", "y y"), ben}, want: "1:conflict 2:conflict", counts: "-"},
			{opts: diff.RunOptions{Create: true, Partial: true}, in: []in{ben}, want: "", counts: "-"},
			{opts: create, in: []in{ann, ben}, want: "1:due[]", counts: "read=2 unchanged=1 due=1 previous=2"},
			annbenAgain(ann, ben, create),
		}},
		{"due and unconfirmed", "a row is sent, and nobody knows more than before", []step{
			maybe,
			{due: "ann", in: []in{ann}, want: "1:due[]?", counts: "read=1 due=1 previous=1"},
			{in: []in{rec("ann", "x 2")}, want: "1:changed[a]?", counts: "-"},
		}},
		{"refresh", "every valid record that is not new is due, and nothing else changes", []step{
			annben,
			{opts: diff.RunOptions{Create: true, Refresh: true}, in: []in{rec("ann", "x 2"), ben, cat, bad("dan"), cat}, want: "1:due[a] 2:due[] 3:new[a b]",
				counts: "read=5 rejected=1 duplicate=1 new=1 due=2 previous=2 a=1"},
			{opts: create, in: []in{rec("ann", "x 2"), ben, cat}, want: "", counts: "-"},
		}},
		{"refresh and known keys", "held back stays held back", []step{
			{opts: diff.RunOptions{Known: keys("ann"), Refresh: true}, in: []in{ann, ben}, want: "1:new[a b]", counts: "read=2 heldback=1 new=1"},
		}},
		{"partial", "absent keys keep their state and are not gone", []step{
			annben,
			{opts: diff.RunOptions{Create: true, Partial: true}, in: []in{rec("ben", "3 x"), cat}, want: "1:changed[b] 2:new[a b]",
				counts: "read=2 new=1 changed=1 previous=2 kept=1 b=1"},
			{opts: create, in: []in{ann, rec("ben", "3 x"), cat}, want: "", counts: "read=3 unchanged=3 previous=3"},
		}},
		{"a column is added", "it counts only where it has a value", []step{
			annben,
			{columns: "a b c", opts: create, in: []in{rec("ann", "1 2 _"), rec("ben", "3 4 ~"), cat3()}, want: "3:new[a b c]",
				counts: "read=3 unchanged=2 new=1 previous=2 +c"},
			{columns: "a b c d", opts: create, in: []in{rec("ann", "1 2 _ 9"), rec("ben", "x 4 ~ 9"), cat3("_")}, want: "1:changed[d] 2:changed[a d]",
				counts: "read=3 unchanged=1 changed=2 previous=3 a=1 d=2 +d"},
			{columns: "a b c d", opts: create, in: []in{rec("ann", "1 2 _ 9"), rec("ben", "x 4 ~ 9"), cat3("_")}, want: "", counts: "-"},
		}},
		{"a column is dropped", "it is forgotten, what it held does not matter", []step{
			annben,
			{columns: "b", opts: create, in: []in{rec("ann", "2"), rec("ben", "x")}, want: "2:changed[b]",
				counts: "read=2 unchanged=1 changed=1 previous=2 b=1 -a"},
			{columns: "a b", opts: create, in: []in{rec("ann", "1 2"), rec("ben", "_ x")}, want: "1:changed[a]",
				counts: "read=2 unchanged=1 changed=1 previous=2 a=1 +a"},
		}},
		{"a column is renamed", "one dropped and one added", []step{
			annben,
			{columns: "a c", opts: create, in: []in{rec("ann", "1 2"), rec("ben", "3 _")}, want: "1:changed[c]",
				counts: "read=2 unchanged=1 changed=1 previous=2 c=1 +c -b"},
		}},
		{"columns change their order", "no change", []step{
			annben,
			{columns: "b a", opts: create, in: []in{rec("ann", "2 1"), rec("ben", "4 3")}, want: "", counts: "read=2 unchanged=2 previous=2"},
			{columns: "a b", opts: create, in: []in{rec("ann", "1 2"), rec("ben", "4 3")}, want: "2:changed[a b]", counts: "-"},
		}},
		{"columns change their order, rejected meanwhile", "a state carried over is still comparable", []step{
			annben,
			{columns: "b a", opts: create, in: []in{bad("ann"), rec("ben", "4 3")}, want: "", counts: "-"},
			{columns: "b a", opts: create, in: []in{rec("ann", "2 1"), rec("ben", "4 3")}, want: "", counts: "-"},
		}},
		{"a column is added while a record is rejected", "in its state the column is empty: a value counts, an empty cell does not", []step{
			{opts: create, in: []in{ann, ben, cat}, want: "1:new[a b] 2:new[a b] 3:new[a b]", counts: "-"},
			{columns: "a b c", opts: create, in: []in{bad("ann"), bad("ben"), bad("cat")}, want: "", counts: "read=3 rejected=3 previous=3 +c"},
			{columns: "a b c", opts: create, in: []in{rec("ann", "1 2 9"), rec("ben", "3 4 _"), rec("cat", "5 6 ~")}, want: "1:changed[c] 3:changed[c]",
				counts: "read=3 unchanged=1 changed=2 previous=3 c=2"},
		}},
		{"a column is swapped while a record is rejected", "what is left of its state still tells", []step{
			annben,
			{columns: "c b", opts: create, in: []in{bad("ann"), bad("ben")}, want: "", counts: "-"},
			{columns: "c b", opts: create, in: []in{rec("ann", "_ 2"), rec("ben", "_ x")}, want: "2:changed[b]", counts: "-"},
		}},
		{"all columns change while marked due and unconfirmed", "flags survive a change of columns", []step{
			maybe,
			{due: "ann", columns: "c", in: []in{bad("ann")}, want: "", counts: "-"},
			{columns: "c", in: []in{rec("ann", "_")}, want: "1:due[]?", counts: "-"},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, diff.Options{Scope: "test", FS: quick{osFS(t, dir)}})
			for i, st := range c.steps {
				if marks := strings.Fields(st.due); len(marks) > 0 {
					if _, err := s.MarkDue(t.Context(), keys(marks...)); err != nil {
						t.Fatal(err)
					}
				}
				if st.columns == "" {
					st.columns = "a b"
				}
				r := begin(t, s, st.columns, st.opts)
				put(t, r, st.in...)
				sum := compare(t, r)
				balance(t, sum)
				if got := changes(t, r, strings.Fields(st.columns)); got != st.want {
					t.Errorf("run %d: changes\n got %s\nwant %s\n(%s)", i+1, got, st.want, c.reason)
				}
				if got := counts(sum); st.counts != "-" && got != st.counts {
					t.Errorf("run %d: counts\n got %s\nwant %s\n(%s)", i+1, got, st.counts, c.reason)
				}
				if sum.First != (i == 0) {
					t.Errorf("run %d: First is %v", i+1, sum.First)
				}
				publish(t, s, stage(t, r))
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func annbenAgain(ann, ben in, o diff.RunOptions) step {
	return step{opts: o, in: []in{ann, ben}, want: "", counts: "read=2 unchanged=2 previous=2"}
}

func cat3(more ...string) in { return rec("cat", "5 6 7 "+strings.Join(more, " ")) }

// A change must not depend on a verdict of another feed, nor its order.
func TestOrderAcrossFeeds(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	r := begin(t, s, "a", diff.RunOptions{Duplicates: diff.LastWins})
	early, late := r.Feed(), r.Feed()
	for _, p := range []struct {
		f    *diff.Feed
		seq  int64
		key  string
		cell string
	}{{late, 40, "x", "40"}, {early, 7, "y", "7"}, {late, 1 << 40, "z", "1"}, {early, 3, "x", "3"}, {early, 2, "z", "2"}} {
		if err := p.f.Put(p.seq, []byte(p.key), [][]byte{[]byte(p.cell)}); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, r)
	if got, want := changes(t, r, []string{"a"}), "7:new[a] 40:new[a] 1099511627776:new[a]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if again := changes(t, r, []string{"a"}); again == "" {
		t.Error("Changes can not be ranged over twice")
	}
	for range r.Changes(t.Context()) {
		break
	}
}

func TestPutKeepsNothing(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"), rec("ben", "1 2"))
	r := begin(t, s, "a b", diff.RunOptions{})
	f := r.Feed()
	key, cells := []byte("ann"), [][]byte{[]byte("1"), []byte("2")}
	if err := f.Put(1, key, cells); err != nil {
		t.Fatal(err)
	}
	copy(key, "ben")
	if err := f.Put(2, key, cells); err != nil {
		t.Fatal(err)
	}
	cells[0][0], cells[1] = 'x', nil
	if sum := compare(t, r); sum.Unchanged != 2 {
		t.Errorf("got %s", counts(sum))
	}
}

func TestPutRefuses(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	r := begin(t, s, "a b", diff.RunOptions{})
	f := r.Feed()
	cell := []byte("customer@example.net")
	for _, c := range []struct {
		name  string
		seq   int64
		cells [][]byte
	}{
		{"number zero", 0, [][]byte{cell, cell}},
		{"negative number", -1, nil},
		{"too few cells", 1, [][]byte{cell}},
		{"no cells, but not rejected", 1, [][]byte{}},
		{"too many cells", 1, [][]byte{cell, cell, cell}},
	} {
		err := f.Put(c.seq, cell, c.cells)
		if err == nil || !strings.HasPrefix(err.Error(), "diff: ") || strings.Contains(err.Error(), "customer") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if sum := compare(t, r); sum.Read != 0 {
		t.Errorf("after errors: %s", counts(sum))
	}
	if err := f.Put(1, cell, nil); err == nil {
		t.Error("Put after Compare")
	}
	if err := r.Feed().Put(1, cell, nil); err == nil {
		t.Error("Put into a feed made after Compare")
	}
}

func TestBeginRefuses(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	long := strings.Repeat("x", 1025)
	if _, err := s.Begin(t.Context(), []string{long[1:]}, diff.RunOptions{}); err != nil {
		t.Errorf("a name of 1,024 bytes: %v", err)
	}
	many := make([]string, diff.MaxColumns)
	for i := range many {
		many[i] = strings.Repeat("c", i+1)
	}
	if _, err := s.Begin(t.Context(), many, diff.RunOptions{}); err != nil {
		t.Errorf("256 columns: %v", err)
	}
	_, err := s.Begin(t.Context(), append(many, "", long, "c"), diff.RunOptions{Create: true, Known: keys(), Duplicates: 9, MaxUnusable: -1})
	for _, want := range []string{"259 columns", "column 256 has 0 bytes", "column 257 has 1025 bytes", `"c" is given twice`, "Known", "policy 9", "MaxUnusable is -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestManyColumns(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	columns := make([]string, diff.MaxColumns)
	cells := make([][]byte, len(columns))
	for i := range columns {
		columns[i], cells[i] = strings.Repeat("c", i+1), []byte("v")
	}
	run := func() (*diff.Run, *diff.Summary) {
		r, err := s.Begin(t.Context(), columns, diff.RunOptions{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		if err := r.Feed().Put(1, []byte("k"), cells); err != nil {
			t.Fatal(err)
		}
		return r, compare(t, r)
	}
	r, _ := run()
	publish(t, s, stage(t, r))
	for _, i := range []int{0, 63, 64, 191, 255} {
		cells[i] = nil
	}
	r, _ = run()
	for c, err := range r.Changes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for i := range c.Columns.All() {
			got = append(got, i)
			if !c.Columns.Has(i) {
				t.Errorf("All yields %d, Has denies it", i)
			}
			if i == 64 {
				for range c.Columns.All() {
					break
				}
			}
		}
		if len(got) != 5 || c.Columns.Len() != 5 || got[0] != 0 || got[4] != 255 {
			t.Errorf("got %v", got)
		}
		if c.Columns.Has(-1) || c.Columns.Has(256) || c.Columns.Has(1) {
			t.Error("Has claims too much")
		}
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[diff.Kind]string{diff.New: "new", diff.Changed: "changed", diff.Due: "due", diff.Conflict: "conflict", diff.Gone: "gone", 0: "", 99: ""} {
		if got := k.String(); got != want {
			t.Errorf("Kind(%d) is %q, want %q", k, got, want)
		}
	}
}

var errCaller = errors.New("the caller's own")

func TestContextAndIteratorErrors(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	id := deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCaller)
	failing := func(yield func([]byte, error) bool) { yield(nil, errCaller) }
	compareWith := func(ctx context.Context, known iter.Seq2[[]byte, error]) func() error {
		return func() error {
			r := begin(t, s, "a b", diff.RunOptions{Known: known})
			put(t, r, rec("ann", "1 2"))
			_, err := r.Compare(ctx)
			return errors.Join(err, r.Close())
		}
	}
	changesOf := func(in ...in) func() error {
		return func() error {
			r := begin(t, s, "a b", diff.RunOptions{Create: true})
			put(t, r, in...)
			compare(t, r)
			for c, err := range r.Changes(ctx) {
				return errors.Join(err, map[bool]error{true: errors.New("a change with an error")}[c != nil])
			}
			return nil
		}
	}
	for name, do := range map[string]func() error{
		"Begin":                 func() error { _, err := s.Begin(ctx, nil, diff.RunOptions{}); return err },
		"Compare":               compareWith(ctx, nil),
		"Compare, known keys":   compareWith(t.Context(), failing),
		"Compare, both":         compareWith(ctx, keys("ann")),
		"Changes":               changesOf(rec("ben", "1 2")),
		"Changes, only gone":    changesOf(),
		"Changes, none":         changesOf(rec("ann", "1 2")),
		"MarkDue":               func() error { _, err := s.MarkDue(ctx, keys("ann")); return err },
		"MarkDue, its sequence": func() error { _, err := s.MarkDue(t.Context(), failing); return err },
		"Publish":               func() error { return s.Publish(ctx, id) },
		"Verify":                func() error { return s.Verify(ctx, id) },
		"Stage": func() error {
			r := begin(t, s, "a b", diff.RunOptions{})
			compare(t, r)
			_, err := r.Stage(ctx)
			if err == nil {
				return nil
			}
			again, serr := r.Stage(t.Context()) // nothing was lost
			return errors.Join(err, serr, s.Discard(again), r.Close())
		},
	} {
		err := do()
		if !errors.Is(err, errCaller) || !strings.HasPrefix(err.Error(), "diff: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	sameContent(t, s, "after all these errors")
}

// sameContent checks that the snapshot still is that of ann alone.
func sameContent(t *testing.T, s *diff.Store, when string) {
	t.Helper()
	r := begin(t, s, "a b", diff.RunOptions{Create: true})
	put(t, r, rec("ann", "1 2"))
	if got := counts(compare(t, r)); got != "read=1 unchanged=1 previous=1" {
		t.Errorf("%s: %s", when, got)
	}
	r.Close()
}
