package splio_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// contactsWith is a segment of n contacts with the same points.
func contactsWith(n, points int) mapping.Source {
	var records []map[string]any
	for i := range n {
		records = append(records, map[string]any{"email": fmt.Sprintf("user%d@example.net", i), "first_name": "Ann", "points": points})
	}
	return crm(records...)
}

// Everything that is wrong is told at once, before anything is touched.
func ExampleActivation_Check() {
	activation, clean := example()
	defer clean()
	activation.Destination.Subsequence = "c r m"
	activation.Mapping.Custom = []string{"pionts"}

	err := activation.Check(context.Background(), contactsWith(1, 7))
	fmt.Println(errors.Is(err, splio.ErrConfig))
	fmt.Println(err)
	// Output:
	// true
	// splio: wrong configuration:
	// splio: Destination.Subsequence "c r m": give the name of the sub-sequence, in at most 64 letters and digits
	// mapping: custom[0] (to "pionts"): the destination declares no such custom attribute (did you mean "points"?)
	// mapping: segment: none of its 3 fields is named "pionts"
}

// A plan that is beyond reason is not sent before somebody has looked at it.
func ExampleBrakeError() {
	activation, clean := example()
	defer clean()
	ctx, drop := context.Background(), new(sftpx.Mem)
	if _, err := activation.Run(ctx, contactsWith(200, 7), drop); err != nil {
		log.Fatal(err)
	}

	_, err := activation.Run(ctx, contactsWith(100, 7), drop) // half of them are missing
	braked, ok := errors.AsType[*splio.BrakeError](err)
	if !ok {
		log.Fatal(err)
	}
	for _, r := range braked.Readings {
		fmt.Printf("%s: %d of %d\n", r.Brake, r.Count, r.Total)
	}

	// It is right as it is:
	plan, err := activation.Pending(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := plan.Release(ctx, "the shop in Lyon was sold"); err != nil {
		log.Fatal(err)
	}
	report, err := plan.Apply(ctx, drop)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Left, "left:", report.Reason)
	// Output:
	// shrunk: 100 of 200
	// left: 100 of 200
	// 100 left: the shop in Lyon was sold
}

// Records that are rejected go into a file, to be repaired and fed back. The file is complete only once Close has
// returned nil, whatever has become of the run.
func ExampleActivation_rejects() {
	activation, clean := example()
	defer clean()
	ctx := context.Background()
	const text = "email;first_name;points\nann@example.net;Ann;7\nbob@;Bob;120\n"
	segment := source.CSV(strings.NewReader(text), source.CSVOptions{}) // in a program, source.CSVFile
	fields, err := segment.Fields(ctx)
	if err != nil {
		log.Fatal(err)
	}
	var file strings.Builder // personal data: in a program, an os.File of mode 0600
	rejects, err := source.NewRejects(&file, fields)
	if err != nil {
		log.Fatal(err)
	}
	activation.OnRejectedRecord = rejects.Write
	report, err := activation.Run(ctx, segment, new(sftpx.Mem))
	if err := errors.Join(err, rejects.Close()); err != nil { // without Close, the last records are missing, or all
		log.Fatal(err)
	}
	fmt.Print(report.Rejected, " rejected:\n", strings.TrimPrefix(file.String(), "\ufeff"))
	// Output:
	// 1 rejected:
	// email;first_name;points;reject_line;reject_field;reject_reason
	// bob@;Bob;120;3;email;not an e-mail address
}

// What Splio has reported as bad is sent again by the next run.
func ExampleActivation_Resend() {
	activation, clean := example()
	defer clean()
	ctx, drop := context.Background(), new(sftpx.Mem)
	segment := contactsWith(3, 7)
	if _, err := activation.Run(ctx, segment, drop); err != nil {
		log.Fatal(err)
	}

	report := strings.NewReader("line;email;reason\n3;user1@example.net;unavailable\n")
	keys := splio.ReadKeys(report, splio.KeysOptions{Column: "email"})
	marked, spent, err := activation.Resend(ctx, segment, keys, 2) // each at most twice, as long as it does not change
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(marked, "marked,", spent, "spent")

	activation.Now = activation.Now.AddDate(0, 0, 1)
	again, err := activation.Run(ctx, segment, drop)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Updated, "updated,", again.Unchanged, "unchanged")
	// Output:
	// 1 marked, 0 spent
	// 1 updated, 2 unchanged
}

// Who left the segment leaves a list.
func ExampleLeft() {
	activation, clean := example()
	defer clean()
	activation.Left = splio.Left{Unsubscribe: []int{4}}
	ctx, drop := context.Background(), new(sftpx.Mem)
	for _, n := range []int{3, 2} {
		report, err := activation.Run(ctx, contactsWith(n, 7), drop)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(report.Inserted, "inserted,", report.Left, "left,", report.LeftRows, "rows about them")
		activation.Now = activation.Now.AddDate(0, 0, 1)
	}
	show(drop)
	// Output:
	// 3 inserted, 0 left, 0 rows about them
	// 0 inserted, 1 left, 1 rows about them
	// acme_contacts_crm_20250314.csv
	// email;firstname;points
	// user0@example.net;Ann;7
	// user1@example.net;Ann;7
	// user2@example.net;Ann;7
	// acme_contacts_crm_20250315.csv
	// email;subscriptions
	// user2@example.net;-4
}

// The keys that Splio has, such as those of an export, let records that are new
// wait until Splio has them too.
func ExampleActivation_known() {
	activation, clean := example()
	defer clean()
	activation.Insert = false
	activation.Known = source.Each(slices.Values([]string{"USER1@example.net"})) // in any spelling that the mapping takes
	report, err := activation.Run(context.Background(), contactsWith(3, 7), new(sftpx.Mem))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Updated, "updated,", report.HeldBack, "held back")
	// Output:
	// 1 updated, 2 held back
}
