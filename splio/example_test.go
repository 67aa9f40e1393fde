package splio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// crm is a segment: in a program, source.CSVFile or source.Query.
func crm(records ...map[string]any) mapping.Source {
	return source.Maps([]string{"email", "first_name", "points"}, func(yield func(map[string]any, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
}

// example is an activation in a directory of its own.
func example() (a splio.Activation, clean func()) {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	return splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm", Custom: []mapping.Attribute{{Name: "points", Type: mapping.Integer}}},
		Mapping: mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email"},
			Fields: []mapping.Field{{From: "first_name", To: "firstname"}},
			Custom: []string{"points"},
		},
		State:  filepath.Join(dir, "state"),
		Insert: true,
		Now:    time.Date(2025, time.March, 14, 6, 0, 0, 0, time.UTC), // leave it out: it is the present then
	}, func() { _ = os.RemoveAll(dir) }
}

// show prints the files of a drop directory.
func show(drop *sftpx.Mem) {
	for _, name := range drop.Names() {
		data, err := drop.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n%s", name, data)
	}
}

// Two days: the first sends everybody, the second what changed.
func ExampleActivation_Run() {
	activation, clean := example()
	defer clean()
	drop := new(sftpx.Mem) // in a program, an sftpx.Client

	report, err := activation.Run(context.Background(), crm(
		map[string]any{"email": "Ann@Example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 120},
		map[string]any{"email": "not an address", "first_name": "Cid", "points": 1},
	), drop)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("inserted", report.Inserted, "rejected", report.Rejected, report.Rejections[0].Reason)

	activation.Now = activation.Now.AddDate(0, 0, 1)
	report, err = activation.Run(context.Background(), crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 125},
	), drop)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("unchanged", report.Unchanged, "updated", report.Updated)
	show(drop)
	// Output:
	// inserted 2 rejected 1 not an e-mail address
	// unchanged 1 updated 1
	// acme_contacts_crm_20250314.csv
	// email;firstname;points
	// ann@example.net;Ann;7
	// bob@example.net;Bob;120
	// acme_contacts_crm_20250315.csv
	// email;firstname;points
	// bob@example.net;Bob;125
}

// A plan waits until somebody has looked at it.
func ExampleActivation_Plan() {
	activation, clean := example()
	defer clean()

	plan, err := activation.Plan(context.Background(), crm(map[string]any{"email": "ann@example.net", "first_name": "Ann"}))
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range plan.Report.Files {
		fmt.Println(plan.State, f.Name, f.Rows, f.Columns)
	}

	// Later, perhaps in another process:
	plan, err = activation.Pending(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	drop := new(sftpx.Mem)
	report, err := plan.Apply(context.Background(), drop)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("delivered", report.Files[0].Delivered, drop.Names())
	_, err = plan.Apply(context.Background(), drop)
	fmt.Println("again:", errors.Is(err, splio.ErrNoPlan))
	// Output:
	// ready acme_contacts_crm_20250314.csv 1 [email firstname points]
	// delivered true [acme_contacts_crm_20250314.csv]
	// again: true
}

// A released plan is sent by the next run, before it makes its own.
func ExamplePlan_Release() {
	activation, clean := example()
	defer clean()
	segment := crm(map[string]any{"email": "ann@example.net", "first_name": "Ann"})

	plan, err := activation.Plan(context.Background(), segment)
	if err != nil {
		log.Fatal(err)
	}
	if err := plan.Release(context.Background(), "checked with marketing"); err != nil {
		log.Fatal(err)
	}
	report, err := activation.Run(context.Background(), segment, new(sftpx.Mem))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sent first:", report.Resumed.Inserted, "and then:", report.Inserted)
	// Output:
	// sent first: 1 and then: 0
}

// Whoever has looked at a braked plan approves that one, and no other.
func ExampleActivation_Release() {
	activation, clean := example()
	defer clean()
	ctx := context.Background()

	_, err := activation.Plan(ctx, crm()) // a segment without records
	braked, ok := errors.AsType[*splio.BrakeError](err)
	if !ok {
		log.Fatal(err)
	}
	plan, err := activation.Release(ctx, braked.Plan, "there really are none yet")
	if err != nil {
		log.Fatal(err)
	}
	report, err := plan.Apply(ctx, new(sftpx.Mem))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(report.Files), "files sent, since", report.Reason)
	// Output:
	// 0 files sent, since there really are none yet
}

// A few rows of a plan that waits, to be shown with it. They are personal data.
func ExamplePlan_Open() {
	activation, clean := example()
	defer clean()
	ctx := context.Background()

	plan, err := activation.Plan(ctx, crm(map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7}))
	if err != nil {
		log.Fatal(err)
	}
	options := planview.Options{State: plan.State, Time: plan.Time}
	for _, file := range plan.Report.Files {
		f, err := plan.Open(ctx, file.Name)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close()
		sample, err := planview.ReadSample(f, activation.Format, 5)
		if err != nil {
			log.Fatal(err)
		}
		sample.File = file.Name
		options.Samples = append(options.Samples, sample)
	}
	view := planview.New(&plan.Report, options)
	fmt.Println(view.Time.Format(time.DateOnly), view.Samples[0].File, view.Samples[0].Rows)
	// Output:
	// 2025-03-14 acme_contacts_crm_20250314.csv [[ann@example.net Ann 7]]
}

// The name of a file that is written without an activation.
func ExampleDestination_FileName() {
	destination := splio.Destination{Universe: "acme", Subsequence: "crm", Suffix: "_{part}"}
	day := time.Date(2026, time.March, 2, 6, 0, 0, 0, time.UTC)
	for n := 1; n <= 2; n++ {
		name, err := destination.FileName(splio.File{}, day, n)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name)
	}
	// Output:
	// acme_contacts_crm_20260302.csv
	// acme_contacts_crm_20260302_2.csv
}

// A preview leaves no trace.
func ExampleActivation_Preview() {
	activation, clean := example()
	defer clean()

	report, err := activation.Preview(context.Background(), crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann"},
		map[string]any{"email": "bob@example.net", "first_name": "Bob"},
	))
	if err != nil {
		log.Fatal(err)
	}
	_, err = os.Stat(activation.State)
	fmt.Println("would insert", report.Inserted, "in", report.Files[0].Name)
	fmt.Println("state exists:", err == nil)
	// Output:
	// would insert 2 in acme_contacts_crm_20250314.csv
	// state exists: false
}

func ExampleNewWriter() {
	w, err := splio.NewWriter(os.Stdout, []string{"email", "c0"}, splio.Format{})
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range [][][]byte{
		{[]byte("ann@example.net"), []byte("Tea; coffee")},
		{[]byte("bob@example.net"), []byte(`5" nails`)},
		{[]byte("cid@example.net"), {}},
	} {
		if err := w.Write(row); err != nil {
			log.Fatal(err)
		}
	}
	file, err := w.Close()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Rows, "rows,", file.Bytes, "bytes")
	// Output:
	// email;c0
	// ann@example.net;"Tea; coffee"
	// bob@example.net;"5"" nails"
	// cid@example.net;
	// 3 rows, 84 bytes
}

func ExampleAttributes() {
	for _, a := range splio.Attributes() {
		fmt.Println(a.Name, a.Type, a.Max, a.Key)
	}
	// Output:
	// email email 100 true
	// customer_key text 100 true
	// lastname text 255 false
	// firstname text 255 false
	// language language 0 false
	// cellphone phone 30 true
	// dateOfCreation datetime 0 false
	// subscriptions lists 0 false
}

// Without an Activation: the packages can be put together by hand, here with
// everything in memory and one file. This is not crash-safe: when the program
// ends between Put and Publish, nobody remembers that the file was sent.
func Example_byHand() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	drop := new(sftpx.Mem)
	segment := crm(map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7})
	if err := sendByHand(context.Background(), dir, segment, drop, "acme_contacts_crm_20250314.csv"); err != nil {
		log.Fatal(err)
	}
	show(drop)
	// Output:
	// acme_contacts_crm_20250314.csv
	// email;firstname
	// ann@example.net;Ann
}

func sendByHand(ctx context.Context, dir string, segment mapping.Source, t splio.Transport, name string) (err error) {
	fields, err := segment.Fields(ctx)
	if err != nil {
		return err
	}
	m := mapping.Mapping{Key: mapping.Field{From: "email", To: "email"}, Fields: []mapping.Field{{From: "first_name", To: "firstname"}}}
	mapper, err := m.Bind(fields, mapping.Options{Attributes: splio.Attributes()})
	if err != nil {
		return err
	}
	store, err := diff.Open(dir, diff.Options{Scope: "acme/email"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	run, err := store.Begin(ctx, mapper.Columns()[1:], diff.RunOptions{Create: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()

	var row mapping.Row
	feed, rows := run.Feed(), make(map[int64][][]byte)
	for rec, err := range segment.Records(ctx) {
		if err != nil {
			return err
		}
		mapper.Render(&row, rec)
		var cells [][]byte // none: the record is rejected
		if row.OK {
			for _, c := range row.Cells { // they are good until the next record
				rows[rec.Seq] = append(rows[rec.Seq], bytes.Clone(c))
			}
			cells = row.Cells[1:]
		}
		if err := feed.Put(rec.Seq, row.Key, cells); err != nil {
			return err
		}
	}
	if _, err := run.Compare(ctx); err != nil {
		return err
	}
	var content bytes.Buffer
	w, err := splio.NewWriter(&content, mapper.Columns(), splio.Format{})
	if err != nil {
		return err
	}
	for c, err := range run.Changes(ctx) {
		if err != nil {
			return err
		}
		if c.Kind == diff.Conflict || c.Kind == diff.Gone {
			continue
		}
		if err := w.Write(rows[c.Seq]); err != nil {
			return err
		}
	}
	file, err := w.Close()
	if err != nil {
		return err
	}
	id, err := run.Stage(ctx)
	if err != nil {
		return err
	}
	if file.Rows > 0 {
		body := io.NewSectionReader(bytes.NewReader(content.Bytes()), 0, file.Bytes)
		if err := t.Put(ctx, name, name+"."+id[:8]+".part", body); err != nil {
			return errors.Join(err, store.Discard(id))
		}
	}
	return store.Publish(ctx, id)
}

// The state remembers what became of each run, in numbers.
func ExampleActivation_History() {
	activation, clean := example()
	defer clean()
	ctx := context.Background()
	drop := new(sftpx.Mem)
	for night, points := range []int{1, 1, 2} {
		activation.Now = time.Date(2025, time.March, 14+night, 6, 0, 0, 0, time.UTC)
		if _, err := activation.Run(ctx, crm(map[string]any{"email": "ann@example.com", "first_name": "Ann", "points": points}), drop); err != nil {
			log.Fatal(err)
		}
	}
	runs, err := activation.History(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range runs {
		fmt.Println(r.Time.Format(time.DateOnly), r.Outcome, r.Read, "read", r.Inserted, "inserted", r.Updated, "updated")
	}
	// Output:
	// 2025-03-14 delivered 1 read 1 inserted 0 updated
	// 2025-03-15 nothing 1 read 0 inserted 0 updated
	// 2025-03-16 delivered 1 read 0 inserted 1 updated
}
