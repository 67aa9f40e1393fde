package splio_test

import (
	"context"
	"fmt"
	"log"
	"slices"

	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
)

// Why was this contact not sent?
func ExampleActivation_Explain() {
	activation, clean := example()
	defer clean()
	ctx := context.Background()
	ann := map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7}
	if _, err := activation.Run(ctx, crm(ann), new(sftpx.Mem)); err != nil {
		log.Fatal(err)
	}

	today := crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 8},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 1},
		map[string]any{"email": "bob@example.net", "first_name": "Rob", "points": 1},
	)
	for _, email := range []string{"Ann@example.net", "bob@example.net", "cid@example.net"} {
		e, err := activation.Explain(ctx, email, today)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Verdict, e.Sent, e.Columns, len(e.Records))
		fmt.Println(e)
	}
	// Output:
	// changed true [points] 1
	// The contact was sent before and has changed in points: the next plan sends a row about it to sub-sequence "crm", unless a brake stops the plan as a whole.
	// conflict false [] 2
	// The contact is rejected: 2 records of it say different things, and no policy for duplicates says which one counts. Nothing is sent about it: leave one of them at the source, or let the first or the last one win.
	// Record 2 is one of those that say different things.
	// Record 3 is one of those that say different things.
	// unknown false [] 0
	// The contact is not in the segment, and the state remembers nothing of it: it was never delivered from here, or has left since, or was forgotten. Look at how the segment is made, and whether its key is written in another way there.
}

// An e-mail that nobody can find in Splio.
func Example_whyNotSent() {
	activation, clean := example()
	defer clean()
	activation.Insert, activation.Known = false, source.Each(slices.Values([]string{"ann@example.net"}))
	segment := crm(map[string]any{"email": "user8@example.com", "first_name": "Eight", "points": 8})
	if err := guideExplain(context.Background(), activation, segment); err != nil {
		log.Fatal(err)
	}
	// Output:
	// The contact is held back: it is new, and not among the known keys, which say what Splio has. Nothing is sent about it; the next run looks at it again. Bring the known keys up to date if Splio has it; in insert mode it would be created.
}
