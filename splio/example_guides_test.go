package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// The code of the guides in docs: a test of the repository compares them line by
// line. The Examples below run it.

// guideSettled is what the answers of Splio become.
func guideSettled(m mapping.Mapping, config *os.File) (splio.Activation, error) {
	imports, err := splio.ReadImportConfigs(config, "acme")
	if err != nil {
		return splio.Activation{}, err
	}
	activation := splio.Activation{
		Destination: splio.Destination{
			Universe:    "acme",
			Subsequence: "crm",
			Imports:     imports,
			Custom: []mapping.Attribute{
				{Name: "loyalty_tier"},
				{Name: "c5", Type: mapping.Integer},
			},
			Suffix: "_{part}",
		},
		Mapping: m,
		State:   "/var/lib/acme/splio",
		Insert:  true,
	}
	return activation, nil
}

// guideAdopt takes what another tool has sent for delivered.
func guideAdopt(ctx context.Context, activation splio.Activation, lastSent mapping.Source, exported string) error {
	export, err := os.Open(exported)
	if err != nil {
		return err
	}
	defer export.Close()
	activation.Known = splio.ReadKeys(export, splio.KeysOptions{Column: "email"}) // of any CSV file
	report, err := activation.Adopt(ctx, lastSent, false)
	if err != nil {
		return err
	}
	fmt.Println(report.Unchanged, "adopted,", report.HeldBack, "not in the export,", report.Rejected, "rejected")
	return nil
}

// guidePreview shows what the first run would do.
func guidePreview(ctx context.Context, activation splio.Activation, segment mapping.Source, page *os.File) error {
	report, err := activation.Preview(ctx, segment)
	if err != nil {
		return err
	}
	fmt.Println(report.Unchanged, "unchanged,", report.Inserted, "inserted,", report.Updated, "updated")
	return planview.New(report, planview.Options{Title: "The first run"}).HTML(page)
}

// guideErrors tells errors apart.
func guideErrors(ctx context.Context, activation splio.Activation, segment mapping.Source, client splio.Transport) string {
	report, err := activation.Run(ctx, segment, client)
	braked, isBraked := errors.AsType[*splio.BrakeError](err)
	switch {
	case err == nil:
		return fmt.Sprint("delivered ", len(report.Files), " files")
	case isBraked:
		return fmt.Sprint("somebody must look at plan ", braked.Plan)
	case splio.Retryable(err):
		return "the next run goes on from here: " + err.Error()
	case errors.Is(err, splio.ErrConfig):
		return "the configuration must change: " + err.Error()
	}
	return "do not try again before somebody has looked: " + err.Error()
}

// guideExplain says why a contact was or was not sent.
func guideExplain(ctx context.Context, activation splio.Activation, segment mapping.Source) error {
	why, err := activation.Explain(ctx, "user8@example.com", segment)
	if err != nil {
		return err
	}
	fmt.Println(why) // sentences; why.Verdict is for programs
	return nil
}

// guideForget erases persons from the state.
func guideForget(ctx context.Context, activation splio.Activation, segment mapping.Source, emails iter.Seq2[string, error]) error {
	forgotten, err := activation.Forget(ctx, segment, emails)
	if err != nil {
		return err // ErrPending: end or discard the plan that waits, then call again
	}
	fmt.Println(forgotten, "forgotten")
	return nil
}

// metrics is a handler that counts, and passes everything on.
type metrics struct {
	slog.Handler
	add func(name string, n int64) // of your metrics
}

func (m metrics) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case r.Message == "plan made" && a.Value.Kind() == slog.KindInt64:
			m.add("spliosync_"+a.Key, a.Value.Int64()) // read, rejected, inserted, updated, ...
		case r.Message == "call ended" && a.Key == "outcome":
			m.add("spliosync_calls_"+a.Value.String(), 1)
		case r.Message == "call ended" && a.Key == "duration":
			m.add("spliosync_milliseconds", a.Value.Duration().Milliseconds())
		}
		return true
	})
	return m.Handler.Handle(ctx, r)
}

func (m metrics) WithAttrs(attrs []slog.Attr) slog.Handler {
	return metrics{m.Handler.WithAttrs(attrs), m.add}
}

func (m metrics) WithGroup(name string) slog.Handler {
	return metrics{m.Handler.WithGroup(name), m.add}
}

// guideLog logs and counts.
func guideLog(activation splio.Activation, add func(string, int64)) splio.Activation {
	activation.Logger = slog.New(metrics{slog.NewJSONHandler(os.Stderr, nil), add})
	return activation
}

// guideRekey moves to a new digest key, without sending anybody again.
func guideRekey(ctx context.Context, activation splio.Activation, lastDelivered mapping.Source, newKey diff.Key) (splio.Activation, error) {
	activation.State += "-rekeyed" // a directory of its own: the old state stays as it is
	activation.DigestKey = newKey
	report, err := activation.Adopt(ctx, lastDelivered, false)
	if err != nil {
		return splio.Activation{}, err
	}
	fmt.Println(report.Unchanged, "adopted under the new key")
	return activation, nil
}

// From another tool to this one: nothing that Splio has is sent again.
func Example_moving() {
	activation, clean := example()
	defer clean()
	ctx, drop := context.Background(), new(sftpx.Mem)
	lastSent := crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 120},
		map[string]any{"email": "lost@example.net", "first_name": "Lo", "points": 1},
	)
	exported := filepath.Join(filepath.Dir(activation.State), "export.csv")
	if err := os.WriteFile(exported, []byte("id;email\n1;ANN@example.net\n2;bob@example.net\n3;no address\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	if err := guideAdopt(ctx, activation, lastSent, exported); err != nil {
		log.Fatal(err)
	}

	today := crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 130},
		map[string]any{"email": "lost@example.net", "first_name": "Lo", "points": 1},
	)
	page, err := os.Create(filepath.Join(filepath.Dir(activation.State), "plan.html"))
	if err != nil {
		log.Fatal(err)
	}
	defer page.Close()
	if err := guidePreview(ctx, activation, today, page); err != nil {
		log.Fatal(err)
	}
	fmt.Println(guideErrors(ctx, activation, today, drop))
	show(drop)
	// Output:
	// 2 adopted, 1 not in the export, 0 rejected
	// 1 unchanged, 1 inserted, 1 updated
	// delivered 1 files
	// acme_contacts_crm_20250314.csv
	// email;firstname;points
	// bob@example.net;Bob;130
	// lost@example.net;Lo;1
}

// A state is moved to a new digest key, and persons are erased from it.
func Example_operating() {
	activation, clean := example()
	defer clean()
	ctx, drop := context.Background(), new(sftpx.Mem)
	segment := crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 120},
	)
	fmt.Println(guideErrors(ctx, activation, segment, drop))

	activation, err := guideRekey(ctx, activation, segment, diff.Key("not so secret, as it is an example"))
	if err != nil {
		log.Fatal(err)
	}
	activation.Now = activation.Now.AddDate(0, 0, 1)
	fmt.Println(guideErrors(ctx, activation, segment, drop))

	if err := guideForget(ctx, activation, segment, source.Each(slices.Values([]string{"Bob@example.net"}))); err != nil {
		log.Fatal(err)
	}
	report, err := activation.Preview(ctx, segment)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Unchanged, "unchanged,", report.Inserted, "to be inserted: take them out of the segment too")

	activation.DigestKey = nil // back to the key beside the snapshot, which is not there
	fmt.Println(strings.HasPrefix(guideErrors(ctx, activation, segment, drop), "do not try again before somebody has looked: diff: "+activation.State))
	activation.Destination.Universe = ""
	fmt.Println(guideErrors(ctx, activation, segment, drop))
	// Output:
	// delivered 1 files
	// 2 adopted under the new key
	// delivered 0 files
	// 1 forgotten
	// 1 unchanged, 1 to be inserted: take them out of the segment too
	// true
	// the configuration must change: splio: wrong configuration:
	// splio: Destination.Universe "": give the name of the universe, in at most 100 letters, digits, _ and -
}

// Metrics by a handler of the log.
func Example_metrics() {
	activation, clean := example()
	defer clean()
	totals := make(map[string]int64)
	add := func(name string, n int64) { totals[name] += n }
	if guideLog(activation, add).Logger == nil {
		log.Fatal("nothing is logged")
	}
	activation.Logger = slog.New(metrics{slog.NewTextHandler(io.Discard, nil), add})
	_, err := activation.Run(context.Background(), crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 120},
		map[string]any{"email": "not an address", "first_name": "Cid", "points": 1},
	), new(sftpx.Mem))
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		if n := totals[name]; n > 0 && name != "spliosync_milliseconds" {
			fmt.Println(name, n)
		}
	}
	// Output:
	// spliosync_bytes 69
	// spliosync_calls_ok 1
	// spliosync_files 1
	// spliosync_inserted 2
	// spliosync_read 3
	// spliosync_rejected 1
	// spliosync_rows 2
}

// What Splio has answered, as configuration.
func Example_settled() {
	name := filepath.Join(os.TempDir(), "spliosync-example-"+fmt.Sprint(os.Getpid())+".json")
	defer os.Remove(name)
	const answer = `{"acme": {"contacts": {"crm": {"create contacts": "1", "update contacts": "1"}}}}`
	if err := os.WriteFile(name, []byte(answer), 0o600); err != nil {
		log.Fatal(err)
	}
	config, err := os.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	defer config.Close()
	m := mapping.Mapping{
		Key:    mapping.Field{From: "email", To: "email"},
		Custom: []string{"loyalty_tier"},
		Fields: []mapping.Field{{From: "points", To: "c5", Custom: true}},
	}
	activation, err := guideSettled(m, config)
	if err != nil {
		log.Fatal(err)
	}
	segment := source.Maps([]string{"email", "loyalty_tier", "points"}, nil)
	fmt.Println("checked:", activation.Check(context.Background(), segment) == nil)
	// Output:
	// checked: true
}
