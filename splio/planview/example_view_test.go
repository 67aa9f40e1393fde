package planview_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// A plan in a terminal, with the run before it.
func ExampleView_Text() {
	report := &splio.Report{Plan: "K3Q2", Read: 1200, Updated: 12, Unchanged: 1188, Columns: []splio.ColumnCount{{Name: "points", Changed: 12}},
		Files: []splio.File{{Name: "acme_contacts_crm_20260302.csv", Rows: 12, Bytes: 312, Columns: []string{"email", "points"}}}}
	view := planview.New(report, planview.Options{
		Title: "Newsletter contacts",
		History: []splio.RunRecord{
			{Time: time.Date(2026, time.March, 1, 6, 0, 0, 0, time.UTC), Read: 1198, Updated: 9, Outcome: splio.OutcomeDelivered},
		},
	})
	if err := view.Text(os.Stdout, planview.TextOptions{Width: 60}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Newsletter contacts: ready
	//
	// 12 contacts will be updated.
	// Nothing was sent yet.
	// Plan K3Q2
	//
	// What you can do
	// 1. Approve this plan. The next run sends exactly these
	//    files, before it makes another plan.
	//    plan.Release(ctx, "why it is right")
	// 2. Leave it. A plan that nobody has approved is not kept:
	//    the next run makes a new one of the data of that time,
	//    and sends it unless a brake stops it.
	//
	// Where every record went
	//   Added               0
	//   Updated            12
	//   Unchanged       1,188
	//   Cannot be sent      0  for the reasons listed below
	//   Duplicates          0
	//   Held back           0
	//   Records read    1,200
	//
	// Changes per attribute
	//   points  12  ████████████████████
	//
	// Files
	// - acme_contacts_crm_20260302.csv: 12 rows, 312 bytes
	//
	// Earlier runs
	//   UTC                read  added  updated  not sent
	//   2026-03-01 06:00  1,198      0        9         0
}

// A few rows to look at: they are personal data.
func ExampleReadSample() {
	outbox := strings.NewReader("email;points\nann@example.com;7\nbob@example.com;120\neve@example.com;0\n")
	sample, err := planview.ReadSample(outbox, splio.Format{}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sample.Columns, len(sample.Rows), sample.Rows[1])
	// Output:
	// [email points] 2 [bob@example.com 120]
}

// For programs.
func ExampleView_JSON() {
	var out strings.Builder
	if err := planview.New(nil, planview.Options{}).JSON(&out); err != nil {
		fmt.Println(err)
		return
	}
	var v struct{ Verdict, Headline string }
	if err := json.Unmarshal([]byte(out.String()), &v); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Verdict+":", v.Headline)
	// Output:
	// nothing: Nothing to send: no contact is new or has changed.
}
