package diff_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"os"
	"path/filepath"

	"github.com/spliosync/spliosync/diff"
)

// sendAll delivers a run over the keys.
func sendAll(ctx context.Context, store *diff.Store, keys ...string) (*diff.Summary, error) {
	run, err := store.Begin(ctx, nil, diff.RunOptions{Create: true})
	if err != nil {
		return nil, err
	}
	defer run.Close()
	feed := run.Feed()
	for i, key := range keys {
		if err := feed.Put(int64(i+1), []byte(key), [][]byte{}); err != nil {
			return nil, err
		}
	}
	summary, err := run.Compare(ctx)
	if err != nil {
		return nil, err
	}
	id, err := run.Stage(ctx)
	if err != nil {
		return nil, err
	}
	return summary, store.Publish(ctx, id)
}

// A person is erased, and a state that is not ours is left alone.
func ExampleStore_Forget() {
	dir, err := os.MkdirTemp("", "diff-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	store, err := diff.Open(dir, diff.Options{Scope: "acme/email"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := sendAll(ctx, store, "ann@example.net", "bob@example.net"); err != nil {
		log.Fatal(err)
	}
	keys := iter.Seq2[[]byte, error](func(yield func([]byte, error) bool) { yield([]byte("bob@example.net"), nil) })
	forgotten, err := store.Forget(ctx, keys)
	if err != nil {
		log.Fatal(err)
	}
	summary, err := sendAll(ctx, store, "ann@example.net", "bob@example.net")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(forgotten, "forgotten, then", summary.New, "new and", summary.Unchanged, "unchanged")
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}

	other, err := diff.Open(dir, diff.Options{Scope: "globex/email"})
	if err != nil {
		log.Fatal(err)
	}
	defer other.Close()
	_, err = sendAll(ctx, other, "cid@example.net")
	state, ok := errors.AsType[*diff.StateError](err)
	fmt.Println(ok && filepath.Base(state.Path) == "snapshot.current", errors.Is(err, diff.ErrForeign))
	// Output:
	// 1 forgotten, then 1 new and 1 unchanged
	// true true
}

// What a state remembers of one key, which the destination has reported as bad and
// may not have any more.
func ExampleStore_Lookup() {
	dir, err := os.MkdirTemp("", "diff-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	store, err := diff.Open(dir, diff.Options{Scope: "acme/email"})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if _, err := sendAll(ctx, store, "ann@example.net", "bob@example.net"); err != nil {
		log.Fatal(err)
	}
	bob := iter.Seq2[[]byte, error](func(yield func([]byte, error) bool) { yield([]byte("bob@example.net"), nil) })
	for range 2 { // at most once
		marked, spent, err := store.MarkReported(ctx, bob, 1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(marked, "marked,", spent, "spent")
	}
	if _, err := store.MarkUnconfirmed(ctx, bob); err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"ann@example.net", "bob@example.net", "cid@example.net"} {
		found, err := store.Lookup(ctx, "", []byte(key))
		if err != nil {
			log.Fatal(err)
		}
		if found == nil {
			fmt.Println("not remembered")
			continue
		}
		fmt.Println("due:", found.Due, "unconfirmed:", found.Unconfirmed, "reports:", found.Reports)
	}
	// Output:
	// 1 marked, 0 spent
	// 0 marked, 1 spent
	// due: false unconfirmed: false reports: 0
	// due: true unconfirmed: true reports: 1
	// not remembered
}
