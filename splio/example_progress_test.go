package splio_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

// How far a run is, in lines of text. Of a segment that is no file nobody knows
// the size.
func ExampleProgress() {
	activation, clean := example()
	defer clean()
	activation.OnProgress = func(p splio.Progress) {
		if done, known := p.Fraction(); known {
			fmt.Printf("%s %.0f%%\n", p.Stage, 100*done)
		} else {
			fmt.Printf("%s, %d records\n", p.Stage, p.Records)
		}
	}
	_, err := activation.Run(context.Background(), crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "bob@example.net", "first_name": "Bob", "points": 120},
	), new(sftpx.Mem))
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// reading, 0 records
	// comparing, 0 records
	// writing 0%
	// writing 100%
	// waiting, 2 records
	// delivering 0%
	// delivering 100%
	// publishing, 2 records
}

// What is logged, without what is another each time.
func ExampleActivation_logger() {
	activation, clean := example()
	defer clean()
	activation.Logger = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, "plan", "duration", "universe", "subsequence":
				return slog.Attr{}
			}
			return a
		},
	}))
	_, err := activation.Run(context.Background(), crm(
		map[string]any{"email": "ann@example.net", "first_name": "Ann", "points": 7},
		map[string]any{"email": "not an address", "first_name": "Cid", "points": 1},
	), new(sftpx.Mem))
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// level=INFO msg="plan made" read=2 rejected=1 duplicate=0 held_back=0 unchanged=0 inserted=1 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=true files=1 rows=1 bytes=45 state=ready
	// level=INFO msg="values rejected" field=email attribute=email reason="not an e-mail address" action=rejected count=1
	// level=INFO msg="delivery begun" files=1 rows=1 bytes=45 resumed=false
	// level=INFO msg="file delivered" file=acme_contacts_crm_20250314.csv rows=1 bytes=45 found=false
	// level=INFO msg="plan published" files=1 rows=1 bytes=45
	// level=INFO msg="call ended" operation=run outcome=ok
}
