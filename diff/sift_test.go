package diff_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// sifted writes what Sift says of keys: "-" gone, "/" held back, "+" stays.
func sifted(t testing.TB, r *diff.Run, list iter.Seq2[[]byte, error]) string {
	t.Helper()
	var out []string
	err := r.Sift(t.Context(), list, func(key []byte, stays, gone bool) error {
		sign := "/"
		switch {
		case stays && gone:
			sign = "?"
		case stays:
			sign = "+"
		case gone:
			sign = "-"
		}
		out = append(out, sign+string(key))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// beginPut begins a run with two columns and puts records.
func beginPut(t testing.TB, s *diff.Store, o diff.RunOptions, records ...in) *diff.Run {
	t.Helper()
	r := begin(t, s, "a b", o)
	put(t, r, records...)
	return r
}

func TestSift(t *testing.T) {
	ann, ben, cat := rec("ann", "1 x"), rec("ben", "2 x"), rec("cat", "3 x")
	create := diff.RunOptions{Create: true}
	for _, c := range []struct {
		name, reason string
		before       diff.RunOptions
		opts         diff.RunOptions
		in           []in
		want         string
		holders      string
	}{
		{"gone", "nobody put it", create, create, []in{cat, ann}, "+ann -ben +cat", "[1 2]"},
		{"all gone", "", create, create, nil, "-ann -ben -cat", "[]"},
		{"partial", "nobody is known to have left", create, diff.RunOptions{Create: true, Partial: true}, []in{ann}, "+ann +ben +cat", "[1]"},
		{"unusable", "it may be anybody's", create, create, []in{ann, rec(nul, "1 x")}, "+ann +ben +cat", "[1]"},
		{"rejected", "it keeps its state", create, create, []in{bad("ann"), bad("ann"), bad("dan")}, "+ann -ben -cat", "[1]"},
		{"rejected, then valid", "the valid one is taken", create, create, []in{bad("ann"), ann}, "+ann -ben -cat", "[2]"},
		{"conflict", "it keeps its state; a new one has none", create, create, []in{ann, rec("ann", "2 x"), rec("dan", "1 x"), rec("dan", "2 x")}, "+ann -ben -cat", "[1]"},
		{"held back", "it is not in the snapshot any more, and has not left", diff.RunOptions{}, diff.RunOptions{Known: keys("ann")}, []in{ann, ben}, "+ann /ben -cat", "[1]"},
	} {
		for _, memory := range []int64{0, 1} { // 1: a round for each key that was dropped
			dir := t.TempDir()
			s := open(t, dir, diff.Options{FS: quick{osFS(t, dir)}})
			deliver(t, s, c.before, ann, ben, cat)
			o := c.opts.Tiny(memory, 2)
			o.Keys = true
			r := beginPut(t, s, o, c.in...)
			compare(t, r)
			if got := sifted(t, r, keys("ann", "ben", "cat")); got != c.want {
				t.Errorf("%s, memory %d: %s, want %s (%s)", c.name, memory, got, c.want, c.reason)
			}
			var holders []int64
			for seq, err := range r.Holders() {
				if err != nil {
					t.Fatal(err)
				}
				holders = append(holders, seq)
			}
			if got := fmt.Sprint(holders); got != c.holders {
				t.Errorf("%s: holders %s, want %s (%s)", c.name, got, c.holders, c.reason)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if got := names(t, dir); !slices.Equal(got, []string{"snapshot.current", "snapshot.key", "snapshot.lock"}) {
				t.Errorf("%s: it left %q", c.name, got)
			}
		}
	}
}

func TestSiftErrors(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	deliver(t, s, diff.RunOptions{}, rec("ann", "1 x"))
	nothing := func([]byte, bool, bool) error { return nil }
	r := beginPut(t, s, diff.RunOptions{Keys: true})
	if err := r.Sift(t.Context(), keys("ann"), nothing); err == nil {
		t.Error("before Compare")
	}
	compare(t, r)
	boom := errors.New("boom")
	if err := r.Sift(t.Context(), keys("ann"), func([]byte, bool, bool) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("of visit: %v", err)
	}
	broken := func(yield func([]byte, error) bool) { yield(nil, boom) }
	if err := r.Sift(t.Context(), broken, nothing); !errors.Is(err, boom) {
		t.Errorf("of the keys: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	if err := r.Sift(ctx, keys("ann"), nothing); !errors.Is(err, boom) {
		t.Errorf("an ended context: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Sift(t.Context(), keys("ann"), nothing); err == nil {
		t.Error("after Close")
	}
	r = beginPut(t, s, diff.RunOptions{})
	compare(t, r)
	if err := r.Sift(t.Context(), keys("ann"), nothing); err == nil {
		t.Error("without Keys")
	}
	for _, err := range r.Holders() {
		if err == nil {
			t.Error("Holders without Keys")
		}
	}
}

func TestMarkUnconfirmed(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	create := diff.RunOptions{Create: true}
	ann, ben := rec("ann", "1 x"), rec("ben", "2 x")
	deliver(t, s, create, ann, ben)
	if n, err := s.MarkUnconfirmed(t.Context(), keys("ann", "zoe")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r := beginPut(t, s, create, ann, ben)
	compare(t, r)
	if got := changes(t, r, []string{"a", "b"}); got != "1:new[a b]?" {
		t.Errorf("with Create %s", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = beginPut(t, s, diff.RunOptions{}, ann, ben)
	compare(t, r)
	if got := changes(t, r, []string{"a", "b"}); got != "1:due[]?" {
		t.Errorf("without Create %s", got)
	}
}
