package diff_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

func lookup(t testing.TB, s *diff.Store, id, key string) *diff.Remembered {
	t.Helper()
	r, err := s.Lookup(t.Context(), id, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// remembers writes what a snapshot remembers of a key.
func remembers(t testing.TB, s *diff.Store, id, key string) string {
	t.Helper()
	r := lookup(t, s, id, key)
	if r == nil {
		return "nothing"
	}
	return fmt.Sprint(r.Unconfirmed, r.Due, r.Reports)
}

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Key: goldKey})
	if got := remembers(t, s, "", "ann"); got != "nothing" {
		t.Errorf("without a snapshot it remembers %s", got)
	}
	first := deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"), rec("ben", "3 4"))
	deliver(t, s, diff.RunOptions{Create: true, Partial: true}, rec("cid", "5 6"), rec("dan", "7 8"))
	for range 2 {
		if _, _, err := s.MarkReported(t.Context(), keys("cid"), 7); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.MarkUnconfirmed(t.Context(), keys("dan")); err != nil {
		t.Fatal(err)
	}
	r := begin(t, s, "a b", diff.RunOptions{Create: true})
	put(t, r, rec("ann", "1 2"), rec("cid", "5 7"), rec("eve", "9 9"))
	compare(t, r)
	staged := stage(t, r)
	current, err := s.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, reason, id, key, want string }{
		{"unconfirmed", "nobody knew whether a row creates", "", "ann", "true false 0"},
		{"reported", "twice, and due for it", "", "cid", "false true 2"},
		{"deleted", "due, and unconfirmed again", "", "dan", "true true 0"},
		{"another", "it was never put", "", "eve", "nothing"},
		{"staged", "the candidate settles it", staged, "ann", "false false 0"},
		{"changed", "reports are about a row that stays as it is", staged, "cid", "false false 0"},
		{"gone", "nobody put it", staged, "ben", "nothing"},
		{"new", "the candidate alone has it", staged, "eve", "false false 0"},
		{"current by its id", "what was published has its id still", current, "cid", "false true 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := remembers(t, s, tt.id, tt.key); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.reason, got, tt.want)
			}
		})
	}
	before := tree(t, dir)
	readOnly := open(t, dir, diff.Options{Key: goldKey, ReadOnly: true})
	if got := remembers(t, readOnly, staged, "eve"); got != "false false 0" {
		t.Errorf("read only it remembers %s", got)
	}
	if fmt.Sprint(tree(t, dir)) != fmt.Sprint(before) {
		t.Error("a lookup has changed the directory")
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrClosed)
	if _, err := s.Lookup(ctx, "", []byte("ann")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after the end of the context: %v", err)
	}
	if _, err := s.Lookup(t.Context(), first, []byte("ann")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a snapshot that was replaced: %v", err)
	}
	if _, err := s.Lookup(t.Context(), "../ledger", []byte("ann")); err == nil {
		t.Error("a name that is no id was taken")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(t.Context(), "", []byte("ann")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A snapshot is read to its end, wherever in it the key is.
func TestLookupDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Key: goldKey})
	deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"), rec("ben", "3 4"))
	path := filepath.Join(dir, "snapshot.current")
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, data[:len(data)-1], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(t.Context(), "", []byte("ann")); !errors.Is(err, diff.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	// A candidate under the name of another.
	other := strings.Repeat("ab", 16)
	if err := os.WriteFile(filepath.Join(dir, "snapshot.staged-"+other), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(t.Context(), other, []byte("ann")); !errors.Is(err, diff.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// What Changed says of two snapshots is what the run between them has found.
func TestRememberedChanged(t *testing.T) {
	for _, tt := range []struct {
		name, reason, columns string
		then, now             in // then has the columns a b
		want                  string
	}{
		{"same", "the row is the same", "a b", rec("ann", "1 2"), rec("ann", "1 2"), ""},
		{"value", "one cell is another", "a b", rec("ann", "1 2"), rec("ann", "1 3"), "b"},
		{"absent", "is unlike empty", "a b", rec("ann", "1 _"), rec("ann", "1 ~"), "b"},
		{"order", "that of the columns does not matter", "b a", rec("ann", "1 2"), rec("ann", "2 1"), ""},
		{"order and value", "they are compared by name", "b a", rec("ann", "1 2"), rec("ann", "3 1"), "b"},
		{"new column", "it has a value", "a b c", rec("ann", "1 2"), rec("ann", "1 2 3"), "c"},
		{"new and empty", "there is nothing in it", "a b c", rec("ann", "1 2"), rec("ann", "1 2 _"), ""},
		{"column gone", "it is forgotten", "a", rec("ann", "1 2"), rec("ann", "1"), ""},
		{"carried", "a rejected record keeps its cells under other columns", "a c", rec("ann", "1 2"), bad("ann"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir(), diff.Options{Key: goldKey})
			deliver(t, s, diff.RunOptions{Create: true}, tt.then)
			r := begin(t, s, tt.columns, diff.RunOptions{Create: true})
			put(t, r, tt.now)
			compare(t, r)
			run := ""
			for c, err := range r.Changes(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for i := range c.Columns.All() {
					names = append(names, strings.Fields(tt.columns)[i])
				}
				run = strings.Join(names, " ")
			}
			staged := stage(t, r)
			got := strings.Join(lookup(t, s, staged, "ann").Changed(lookup(t, s, "", "ann")), " ")
			if got != tt.want || got != run {
				t.Errorf("%s: got %q, want %q, and the run has %q", tt.reason, got, tt.want, run)
			}
		})
	}
}

// When the digests of all columns are the same and that of the row is not,
// nobody knows which column it is.
func TestRememberedCollision(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{Key: goldKey})
	s.CutDigests(63, 0)
	deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"))
	r := begin(t, s, "a b", diff.RunOptions{Create: true})
	put(t, r, rec("ann", "1 3"))
	compare(t, r)
	if got := lookup(t, s, stage(t, r), "ann").Changed(lookup(t, s, "", "ann")); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

// Digests are for nobody's eyes.
func TestRememberedPrints(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{Key: goldKey})
	deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"))
	if got := fmt.Sprintf("%v", *lookup(t, s, "", "ann")); !strings.HasPrefix(got, "{true false 0 0x") {
		t.Errorf("it shows %s", got)
	}
}
