package splio_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// insertDay is a run and what must come of it.
type insertDay struct {
	mode    mode
	before  string // "make KEY" or "remove KEY": done in Splio before the run
	segment string // records, separated by a space
	// sent is the rows, each behind the sub-sequence and columns of its file.
	sent string
	// holds is the contacts that Splio has then, with first and last name.
	holds string
	held  int64 // records held back
	set   func(*splio.Activation)
}

// TestInsertModes is the table of what happens to contacts that Splio may or may
// not have: who enters the segment, leaves it and comes back, or changes the key.
// Rows hold changed cells alone, so that they show who counts as new.
func TestInsertModes(t *testing.T) {
	const (
		ann, anna = "ann,Ann,Lee", "ann,Anna,Lee"
		full      = "[firstname;lastname] "
	)
	refresh := func(a *splio.Activation) { a.Refresh = true }
	partial := func(a *splio.Activation) { a.Partial = true }
	tests := []struct {
		name, reason string
		days         []insertDay
	}{
		// Who enters.
		{"enters, upsert, unknown to Splio", "a row that creates", []insertDay{
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
		}},
		{"enters, upsert, exists in Splio", "the same row updates: nobody asks first", []insertDay{
			{mode: upsert, before: "make ann", segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
		}},
		{"enters, pair, unknown to Splio", "new here: to the sub-sequence that creates", []insertDay{
			{mode: pair, segment: ann, sent: "new" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: pair, segment: anna, sent: "upd[firstname] ann;Anna", holds: "ann=Anna Lee"},
		}},
		{"enters, pair, exists in Splio", "new here all the same, so the one that creates must update as well", []insertDay{
			{mode: pair, before: "make ann", segment: ann, sent: "new" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
		}},
		{"enters, Splio decides, exists in Splio", "a row that updates; whether it did nobody knows, so the next one is full again", []insertDay{
			{mode: decide, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: decide, segment: ann, holds: "ann=Ann Lee"},
			{mode: decide, segment: anna, sent: "upd" + full + "ann;Anna;Lee", holds: "ann=Anna Lee"},
		}},
		{"enters, Splio decides, unknown to Splio", "the row is passed over; it is sent again only when it changes", []insertDay{
			{mode: decide, segment: ann, sent: "upd" + full + "ann;Ann;Lee"},
			{mode: decide, segment: ann},
			{mode: decide, segment: anna, sent: "upd" + full + "ann;Anna;Lee"},
		}},
		{"enters, Splio decides, made in Splio later", "what did not change since is missing there until a change or a refresh", []insertDay{
			{mode: decide, segment: ann, sent: "upd" + full + "ann;Ann;Lee"},
			{mode: decide, before: "make ann", segment: ann, holds: "ann=Made "},
			{mode: decide, segment: anna, sent: "upd" + full + "ann;Anna;Lee", holds: "ann=Anna Lee"},
		}},
		{"enters, Splio decides, made in Splio later, refresh", "a refresh makes up for it", []insertDay{
			{mode: decide, segment: ann, sent: "upd" + full + "ann;Ann;Lee"},
			{mode: decide, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee", set: refresh},
		}},
		{"enters, keys known, is one of them", "a row that updates, and is known to", []insertDay{
			{mode: known, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: known, segment: anna, sent: "upd[firstname] ann;Anna", holds: "ann=Anna Lee"},
		}},
		{"enters, keys known, is none of them", "held back, and sent as soon as the key is known, though nothing changed", []insertDay{
			{mode: known, before: "make bob", segment: ann, holds: "bob=Made ", held: 1},
			{mode: known, segment: ann, holds: "bob=Made ", held: 1},
			{mode: known, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee bob=Made "},
		}},
		// Insert mode changes.
		{"insert turned on, passed over before", "it may not exist, so it counts as new", []insertDay{
			{mode: decide, segment: ann, sent: "upd" + full + "ann;Ann;Lee"},
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: upsert, segment: anna, sent: "crm[firstname] ann;Anna", holds: "ann=Anna Lee"},
		}},
		{"insert turned on with a pair, updated before", "nobody knows that it was updated, so it counts as new", []insertDay{
			{mode: decide, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: pair, segment: ann, sent: "new" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
		}},
		{"insert turned on, held back before", "nothing was remembered of it: new", []insertDay{
			{mode: known, before: "make bob", segment: ann, holds: "bob=Made ", held: 1},
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee bob=Made "},
		}},
		{"insert turned on, known before", "it exists: nothing is sent", []insertDay{
			{mode: known, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: upsert, segment: ann, holds: "ann=Ann Lee"},
		}},
		{"insert turned off", "who was created before is updated, with what changed alone", []insertDay{
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: decide, segment: anna, sent: "upd[firstname] ann;Anna", holds: "ann=Anna Lee"},
		}},
		{"keys known after Splio decided", "settled by the keys: sent again when known, forgotten when not", []insertDay{
			{mode: decide, before: "make ann", segment: ann + " bob,Bob,Ray", sent: "upd" + full + "ann;Ann;Lee bob;Bob;Ray", holds: "ann=Ann Lee"},
			{mode: known, segment: ann + " bob,Bob,Ray", sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee", held: 1},
			{mode: known, segment: ann + " bob,Bob,Ray", holds: "ann=Ann Lee", held: 1},
		}},
		// Who leaves, and comes back.
		{"comes back, upsert", "leaving sends nothing and takes nothing away; coming back is new, unchanged or not", []insertDay{
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: upsert, holds: "ann=Ann Lee"},
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
		}},
		{"comes back, pair", "new here, though Splio has it: the one that creates must update as well", []insertDay{
			{mode: pair, segment: ann, sent: "new" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: pair, holds: "ann=Ann Lee"},
			{mode: pair, segment: anna, sent: "new" + full + "ann;Anna;Lee", holds: "ann=Anna Lee"},
		}},
		{"comes back, Splio decides", "a full row, which counts if Splio has the contact", []insertDay{
			{mode: decide, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: decide, holds: "ann=Ann Lee"},
			{mode: decide, segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
		}},
		{"comes back, keys known", "a full row when Splio still has it, held back when not", []insertDay{
			{mode: known, before: "make ann", segment: ann + " bob,Bob,Ray", sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee", held: 1},
			{mode: known, segment: "bob,Bob,Ray", holds: "ann=Ann Lee", held: 1},
			{mode: known, segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: known, holds: "ann=Ann Lee"},
			{mode: known, before: "swap ann bob", segment: ann, holds: "bob=Made ", held: 1},
		}},
		{"missing from a part of the segment", "it has not left: unchanged when it is seen again", []insertDay{
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: upsert, segment: "bob,Bob,Ray", sent: "crm" + full + "bob;Bob;Ray", holds: "ann=Ann Lee bob=Bob Ray", set: partial},
			{mode: upsert, segment: ann, holds: "ann=Ann Lee bob=Bob Ray"},
		}},
		{"missing beside a record without a key", "that record may be it: unchanged when it is seen again", []insertDay{
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: upsert, segment: "-,Ann,Lee", holds: "ann=Ann Lee"},
			{mode: upsert, segment: ann, holds: "ann=Ann Lee"},
		}},
		// Who changes the key.
		{"changes key, upsert", "another contact: the old one stays as it was", []insertDay{
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: upsert, segment: "lee,Anna,Lee", sent: "crm" + full + "lee;Anna;Lee", holds: "ann=Ann Lee lee=Anna Lee"},
		}},
		{"changes key, pair", "another contact, through the one that creates", []insertDay{
			{mode: pair, segment: ann, sent: "new" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: pair, segment: "lee,Anna,Lee", sent: "new" + full + "lee;Anna;Lee", holds: "ann=Ann Lee lee=Anna Lee"},
		}},
		{"changes key, Splio decides", "a full row under the new key, passed over unless Splio has it", []insertDay{
			{mode: decide, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: decide, segment: "lee,Anna,Lee", sent: "upd" + full + "lee;Anna;Lee", holds: "ann=Ann Lee"},
			{mode: decide, before: "make poe", segment: "poe,Anna,Lee", sent: "upd" + full + "poe;Anna;Lee", holds: "ann=Ann Lee poe=Anna Lee"},
		}},
		{"changes key, keys known", "held back until Splio has the new key", []insertDay{
			{mode: known, before: "make ann", segment: ann, sent: "upd" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: known, segment: "lee,Ann,Lee", holds: "ann=Ann Lee", held: 1},
			{mode: known, before: "make lee", segment: "lee,Ann,Lee", sent: "upd" + full + "lee;Ann;Lee", holds: "ann=Ann Lee lee=Ann Lee"},
		}},
		{"takes the key of another", "both are there before and after: changes like any others", []insertDay{
			{mode: pair, segment: ann + " bob,Bob,Ray", sent: "new" + full + "ann;Ann;Lee bob;Bob;Ray", holds: "ann=Ann Lee bob=Bob Ray"},
			{mode: pair, segment: "bob,Ann,Lee ann,Bob,Ray", sent: "upd" + full + "bob;Ann;Lee ann;Bob;Ray", holds: "ann=Bob Ray bob=Ann Lee"},
		}},
		{"spells the key otherwise", "upper case does not make another key of an e-mail", []insertDay{
			{mode: upsert, segment: ann, sent: "crm" + full + "ann;Ann;Lee", holds: "ann=Ann Lee"},
			{mode: upsert, segment: "ANN,Ann,Lee", holds: "ann=Ann Lee"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			drop := new(sftpx.Mem)
			s, err := spliotest.New(spliotest.Options{
				Universe: "acme", Drop: spliotest.Memory(drop),
				Contacts: map[string]spliotest.Subsequence{"crm": {}, "new": {}, "upd": {NoCreate: true}},
			})
			if err != nil {
				t.Fatal(err)
			}
			a := newActivation(t)
			a.Rows = splio.ChangedOnly
			for i, day := range tt.days {
				a.Now = march(1 + i)
				at(t, s, day.before)
				sent, held := day.run(t, a, s, drop)
				if sent != day.sent || held != day.held {
					t.Errorf("%s: day %d: sent %q and held %d back, want %q and %d", tt.reason, i, sent, held, day.sent, day.held)
				}
				var holds []string
				for _, c := range s.Contacts() {
					holds = append(holds, fmt.Sprintf("%s=%s %s", short(c.Key), c.Fields["firstname"], c.Fields["lastname"]))
				}
				if got := strings.Join(holds, " "); got != day.holds {
					t.Errorf("%s: day %d: Splio holds %q, want %q", tt.reason, i, got, day.holds)
				}
			}
		})
	}
}

func short(text string) string { return strings.ReplaceAll(text, "@x.io", "") }

// at does something in Splio.
func at(t *testing.T, s *spliotest.Splio, what string) {
	t.Helper()
	words := strings.Fields(what)
	if len(words) == 0 {
		return
	}
	if words[0] == "swap" { // the first is removed, the second made
		s.Remove(words[1] + "@x.io")
	}
	made := spliotest.Contact{Key: words[len(words)-1] + "@x.io", Fields: map[string]string{"firstname": "Made"}}
	if err := s.Put(made); err != nil {
		t.Fatal(err)
	}
}

// run makes the run, and lets Splio read what came of it.
func (day insertDay) run(t *testing.T, a splio.Activation, s *spliotest.Splio, drop *sftpx.Mem) (sent string, held int64) {
	t.Helper()
	a.Insert = day.mode.inserts()
	a.Destination.Subsequence = "upd"
	switch day.mode {
	case upsert:
		a.Destination.Subsequence = "crm"
	case pair:
		a.Destination.Creating = "new"
	case known:
		a.Known = func(yield func(string, error) bool) {
			for _, c := range s.Contacts() {
				if !yield(c.Key, nil) {
					return
				}
			}
		}
	}
	if day.set != nil {
		day.set(&a)
	}
	lines := []string{head}
	records := day.segment
	if records == "" { // a segment has some record, if only of somebody else, who says two things
		records = "zed,Zed,Fox zed,Zed,Cox"
	}
	for record := range strings.FieldsSeq(records) {
		key, rest, _ := strings.Cut(record, ",")
		if key != "-" {
			key += "@x.io"
		}
		lines = append(lines, key+","+rest)
	}
	report := mustRun(t, a, segment(lines...), drop)
	var told []string
	for _, f := range report.Files {
		data, err := drop.ReadFile(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(strings.TrimSuffix(short(string(data)), "\n"), "\n")
		told = append(told, fmt.Sprintf("%s[%s] %s", f.Subsequence, strings.Join(f.Columns[1:], ";"), strings.Join(rows[1:], " ")))
	}
	results, err := s.Import()
	if err != nil || slices.ContainsFunc(results, func(r spliotest.Result) bool { return r.FileError != "" || len(r.Skipped) > 0 }) {
		t.Fatalf("Splio read %+v: %v", results, err)
	}
	return strings.Join(told, " "), report.HeldBack
}
