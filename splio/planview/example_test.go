package planview_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// Show what a run would do, before it does it.
func Example() {
	state, err := os.MkdirTemp("", "planview-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(state)
	activation := splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
		Mapping:     mapping.Mapping{Key: mapping.Field{From: "email", To: "email"}, Fields: []mapping.Field{{From: "name", To: "firstname"}}},
		State:       state,
		Insert:      true,
	}
	segment := source.CSV(strings.NewReader("email,name\nann@example.com,Ann\nbob@,Bob\n"), source.CSVOptions{})
	report, err := activation.Preview(context.Background(), segment)
	if err != nil {
		fmt.Println(err)
		return
	}
	view := planview.New(report, planview.Options{Title: "Newsletter contacts"})
	fmt.Println(view.Verdict)
	fmt.Println(view.Headline)
	for _, s := range view.Notes {
		fmt.Println("-", s)
	}
	// Output:
	// ready
	// 1 contact will be added, 1 cannot be sent.
	// - This is the first run: nothing was sent before, so every record that can be sent is sent.
}
