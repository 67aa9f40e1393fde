package planview_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

var day = time.Date(2026, 3, 2, 6, 15, 0, 0, time.UTC)

func brake(b splio.Brake, column string, n, total int64, limit float64) splio.BrakeReading {
	share := float64(n) / float64(total)
	return splio.BrakeReading{Brake: b, Column: column, Count: n, Total: total, Share: share, Limit: limit, Hit: share > limit}
}

// usual is the plan of a usual day.
func usual() *splio.Report {
	return &splio.Report{
		Plan: "K4QZ7M2D5TBXW3RJ6YNAHCFEUP",
		Read: 52_310, Inserted: 310, Updated: 1_204, Unchanged: 50_770, Rejected: 12, Duplicate: 14, Left: 95,
		Rejections: []splio.RejectionCount{
			{Field: "phone", Attribute: "cellphone", Reason: mapping.ReasonPhone, Action: mapping.Blanked, Count: 127},
			{Field: "email", Attribute: "email", Reason: mapping.ReasonEmail, Action: mapping.Rejected, Count: 10},
			{Reason: mapping.ReasonFields, Action: mapping.Rejected, Count: 2},
		},
		Columns: []splio.ColumnCount{
			{Name: "firstname", Changed: 61}, {Name: "lastname", Changed: 73}, {Name: "cellphone", Changed: 240},
			{Name: "language"}, {Name: "dateOfCreation"}, {Name: "loyalty_tier", Changed: 402}, {Name: "points", Changed: 1_011},
			{Name: "last_visit", Changed: 850, Added: true},
		},
		Unverified: []string{"last_visit"},
		Brakes: []splio.BrakeReading{
			{Brake: splio.BrakeEmpty, Count: 52_310, Total: 52_095},
			brake(splio.BrakeShrunk, "", 0, 52_095, 0.2), brake(splio.BrakeLeft, "", 95, 52_095, 0.2), brake(splio.BrakeInserted, "", 310, 52_310, 0.3),
			brake(splio.BrakeChanged, "", 1_204, 52_000, 0.5), brake(splio.BrakeRejected, "", 12, 52_310, 0.2),
			brake(splio.BrakeColumnChanged, "points", 1_011, 52_000, 0.5), brake(splio.BrakeColumnInvalid, "cellphone", 127, 52_310, 0.5),
		},
		Files: []splio.File{
			{Name: "acme_contacts_crm_20260302.csv", Subsequence: "crm", Rows: 1_514, Bytes: 148_211, SHA256: "0f", Columns: []string{"email"}},
		},
	}
}

// halved is the plan of a day on which half of the segment is missing, and a
// field is written in another way.
func halved() *splio.Report {
	r := usual()
	r.Read, r.Inserted, r.Updated, r.Unchanged, r.Rejected, r.Duplicate, r.Left = 27_100, 12, 25_902, 1_170, 9, 7, 25_013
	r.Columns[6].Changed = 25_870
	r.Doubts = []string{"whether rows of sub-sequence \"crm\" may create contacts is not said"}
	r.UnchangedCells = 154_220
	r.LeftSkipped = "the keys of contacts sent before were not kept: they are from this run on"
	r.Dropped = []string{"fax", "pager"}
	r.Files[0].Rows, r.Files[0].Bytes = 25_914, 2_540_116
	r.Files = append(r.Files, splio.File{Name: "acme_contacts_crm_20260302_2.csv", Subsequence: "crm", Rows: 1, Bytes: 97, SHA256: "1f", Columns: []string{"email"}, Replaced: 1, SuffixUnconfirmed: true})
	r.Brakes = []splio.BrakeReading{
		{Brake: splio.BrakeEmpty, Count: 27_100, Total: 52_095},
		brake(splio.BrakeShrunk, "", 25_002, 52_095, 0.2), brake(splio.BrakeLeft, "", 25_013, 52_095, 0.5), brake(splio.BrakeInserted, "", 12, 52_095, 0.3),
		brake(splio.BrakeChanged, "", 25_902, 27_082, 1), brake(splio.BrakeRejected, "", 9, 27_100, 0.2),
		brake(splio.BrakeColumnChanged, "points", 25_870, 27_082, 0.5),
	}
	return r
}

// runs are two weeks of earlier runs.
func runs() []splio.RunRecord {
	var out []splio.RunRecord
	for i := range int64(14) {
		r := splio.RunRecord{
			Time: day.AddDate(0, 0, int(i)-14), Read: 51_000 + 90*i, Inserted: 250 + 37*(i*7%5), Updated: 900 + 151*(i*5%7),
			Rejected: 8 + i%4, Left: 40 + i, Outcome: splio.OutcomeDelivered,
		}
		if i == 9 {
			r.Inserted, r.Updated, r.Outcome, r.Brakes = 4_020, 180, splio.OutcomeBraked, []splio.Brake{splio.BrakeInserted}
		}
		if i == 11 {
			r.Outcome, r.Failure = splio.OutcomeFailed, "delivery"
		}
		out = append(out, r)
	}
	return out
}

func sample() planview.Sample {
	return planview.Sample{
		File:    "acme_contacts_crm_20260302.csv",
		Columns: []string{"email", "firstname", "cellphone", "loyalty_tier", "points", "last_visit"},
		Rows: [][]string{
			{"lea.martin@example.com", "Léa", "0033639980117", "gold", "1250", "2026-02-27 18:05:09"},
			{"tom.becker@example.org", "Tom", "", "silver; on trial", "-80", ""},
			{"zoe.brandt@example.net", "Zoë", "0049301234567", "", "0", "2026-03-01 09:00:00"},
		},
	}
}

// large is a plan with more of everything than a page shows at once.
func large() *splio.Report {
	r := usual()
	for i := range 60 {
		r.Columns = append(r.Columns, splio.ColumnCount{Name: fmt.Sprintf("attribute_with_a_long_name_%02d", i), Changed: int64(900 - i)})
		r.Rejections = append(r.Rejections, splio.RejectionCount{Field: fmt.Sprintf("field_%02d", i), Attribute: "attribute", Reason: mapping.ReasonDate, Action: mapping.Omitted, Count: 3})
		f := r.Files[0]
		f.Name = fmt.Sprintf("acme_contacts_crm_20260302_%d.csv", i+2)
		r.Files = append(r.Files, f)
	}
	return r
}

// views are those that tests look at.
func views() map[string]*planview.View {
	approved := halved()
	approved.Reason = "the shop in Lyon was closed"
	sent := usual()
	sent.Files[0].Delivered = true
	preview := usual()
	preview.Plan = ""
	preview.First, preview.Inserted, preview.Updated, preview.Unchanged = true, 52_284, 0, 0
	preview.Left, preview.Columns, preview.Brakes = 0, nil, preview.Brakes[5:6]
	o := planview.Options{Title: "Newsletter contacts of Acme", Time: day, History: runs()}
	with := func(change func(*planview.Options)) planview.Options {
		p := o
		change(&p)
		return p
	}
	return map[string]*planview.View{
		"usual": planview.New(usual(), o),
		"stopped": planview.New(halved(), with(func(o *planview.Options) {
			o.State, o.Release = splio.PlanBraked, "csvsync -state /var/lib/acme/splio -release REASON"
		})),
		"released": planview.New(approved, with(func(o *planview.Options) { o.State = splio.PlanReleased })),
		"sent":     planview.New(sent, o),
		"first":    planview.New(preview, planview.Options{}),
		"samples":  planview.New(usual(), with(func(o *planview.Options) { o.Samples = []planview.Sample{sample()} })),
		"large":    planview.New(large(), o),
		"nothing":  planview.New(&splio.Report{Read: 7, Unchanged: 7}, planview.Options{}),
		"nil":      planview.New(nil, planview.Options{}),
		"hostile":  hostileView(),
	}
}

func text(t *testing.T, v *planview.View, o planview.TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := v.Text(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func html(t *testing.T, v *planview.View) string {
	t.Helper()
	var b bytes.Buffer
	if err := v.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
