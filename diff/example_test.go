package diff_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/spliosync/spliosync/diff"
)

// A whole run, twice: what the second finds is what changed since the first
// was published.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "state")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := diff.Open(dir, diff.Options{Scope: "acme/email"})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	activate := func(segment [][]string) error {
		run, err := store.Begin(ctx, []string{"firstname", "points"}, diff.RunOptions{Create: true})
		if err != nil {
			return err
		}
		defer run.Close()
		feed := run.Feed()
		for i, r := range segment {
			cells := [][]byte{[]byte(r[1]), []byte(r[2])}
			if err := feed.Put(int64(i+1), []byte(r[0]), cells); err != nil {
				return err
			}
		}
		summary, err := run.Compare(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%d new, %d changed, %d unchanged, %d gone\n", summary.New, summary.Changed, summary.Unchanged, summary.Gone)
		for change, err := range run.Changes(ctx) {
			if err != nil {
				return err
			}
			fmt.Println(" ", change.Kind, change.Seq)
		}
		id, err := run.Stage(ctx)
		if err != nil {
			return err
		}
		// Deliver the changes here. Only then:
		return store.Publish(ctx, id)
	}

	for _, segment := range [][][]string{
		{{"ann@example.net", "Ann", "7"}, {"ben@example.net", "Ben", "1"}, {"cat@example.net", "Cat", "5"}},
		{{"ann@example.net", "Ann", "8"}, {"cat@example.net", "Cat", "5"}, {"dan@example.net", "Dan", "3"}},
	} {
		if err := activate(segment); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 3 new, 0 changed, 0 unchanged, 0 gone
	//   new 1
	//   new 2
	//   new 3
	// 1 new, 1 changed, 1 unchanged, 1 gone
	//   changed 1
	//   new 3
	//   gone 0
}

// exampleStore is a store in which ann has been published.
func exampleStore(ctx context.Context, columns []string, cells [][]byte) (*diff.Store, func()) {
	dir, err := os.MkdirTemp("", "state")
	if err != nil {
		log.Fatal(err)
	}
	store, err := diff.Open(dir, diff.Options{})
	if err != nil {
		log.Fatal(err)
	}
	run := exampleRun(ctx, store, columns, cells)
	id, err := run.Stage(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Publish(ctx, id); err != nil {
		log.Fatal(err)
	}
	return store, func() {
		store.Close()
		os.RemoveAll(dir)
	}
}

// exampleRun compares ann with the store.
func exampleRun(ctx context.Context, store *diff.Store, columns []string, cells [][]byte) *diff.Run {
	run, err := store.Begin(ctx, columns, diff.RunOptions{Create: true})
	if err != nil {
		log.Fatal(err)
	}
	if err := run.Feed().Put(1, []byte("ann@example.net"), cells); err != nil {
		log.Fatal(err)
	}
	if _, err := run.Compare(ctx); err != nil {
		log.Fatal(err)
	}
	return run
}

// Which columns a record changed in. An absent cell is unlike an empty one.
func ExampleColumns() {
	ctx := context.Background()
	columns := []string{"firstname", "lastname", "points"}
	store, done := exampleStore(ctx, columns, [][]byte{[]byte("Ann"), []byte(""), []byte("7")})
	defer done()

	run := exampleRun(ctx, store, columns, [][]byte{[]byte("Ann"), nil, []byte("8")})
	defer run.Close()
	for change, err := range run.Changes(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.Columns.Len(), "columns")
		for i := range change.Columns.All() {
			fmt.Println(columns[i])
		}
		fmt.Println(change.Columns.Has(0))
	}
	// Output:
	// 2 columns
	// lastname
	// points
	// false
}

// A contact that the destination reported as not taken is sent again, although
// nothing changed.
func ExampleStore_MarkDue() {
	ctx := context.Background()
	columns, cells := []string{"firstname"}, [][]byte{[]byte("Ann")}
	store, done := exampleStore(ctx, columns, cells)
	defer done()

	reported := func(yield func([]byte, error) bool) {
		_ = yield([]byte("ann@example.net"), nil) && yield([]byte("unknown@example.net"), nil)
	}
	marked, err := store.MarkDue(ctx, reported)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(marked, "marked")

	run := exampleRun(ctx, store, columns, cells)
	defer run.Close()
	for change, err := range run.Changes(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.Kind, change.Seq)
	}
	// Output:
	// 1 marked
	// due 1
}
