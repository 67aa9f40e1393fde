package spliotest_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// TestLeft is what becomes of a contact that leaves the segment, and comes back,
// under both readings of an empty cell.
func TestLeft(t *testing.T) {
	for _, c := range []struct {
		name   string
		left   splio.Left
		erases bool
		gone   string // the contact once it has left
		back   string // once it is back
	}{
		{"unsubscribed", splio.Left{Unsubscribe: []int{4}}, false, "map[firstname:Bob lastname:Ray] [7]", "map[firstname:Bob lastname:Ray] [7]"},
		{"cleared, and empty cells erase", splio.Left{Clear: []string{"lastname"}, Unsubscribe: []int{4}}, true, "map[firstname:Bob] [7]", "map[firstname:Bob lastname:Ray] [7]"},
		{"cleared, and empty cells keep", splio.Left{Clear: []string{"lastname"}, Unsubscribe: []int{4}}, false, "map[firstname:Bob lastname:Ray] [7]", "map[firstname:Bob lastname:Ray] [7]"},
		{"deleted", splio.Left{Delete: "gone"}, false, "none", "map[firstname:Bob lastname:Ray] []"},
	} {
		t.Run(c.name, func(t *testing.T) {
			drop := new(sftpx.Mem)
			universe, err := spliotest.New(spliotest.Options{
				Universe: "acme", Drop: spliotest.Memory(drop), Deletes: []string{"gone"},
				Contacts: map[string]spliotest.Subsequence{"crm": {EmptyErases: c.erases}},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"ann@example.com", "bob@example.com"} {
				if err := universe.Put(spliotest.Contact{Key: key, Lists: []int{4, 7}}); err != nil {
					t.Fatal(err)
				}
			}
			activation := splio.Activation{
				Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
				Mapping: mapping.Mapping{
					Key:    mapping.Field{From: "email", To: "email"},
					Fields: []mapping.Field{{From: "first", To: "firstname"}, {From: "last", To: "lastname"}},
				},
				State: filepath.Join(t.TempDir(), "state"), Insert: true, Left: c.left,
			}
			const head, ann, bob = "email|first|last", "ann@example.com|Ann|Lee", "bob@example.com|Bob|Ray"
			bobIs := func() string {
				for _, contact := range universe.Contacts() {
					if contact.Key == "bob@example.com" {
						return fmt.Sprint(contact.Fields, " ", contact.Lists)
					}
				}
				return "none"
			}
			for day, s := range []struct {
				rows []string
				want string
			}{{[]string{head, ann, bob}, ""}, {[]string{head, ann}, c.gone}, {[]string{head, ann, bob}, c.back}} {
				activation.Now = time.Date(2025, time.March, 14+day, 12, 0, 0, 0, time.UTC)
				if _, err := activation.Run(t.Context(), segment(s.rows...), drop); err != nil {
					t.Fatal(err)
				}
				results, err := universe.Import()
				if err != nil {
					t.Fatal(err)
				}
				if slices.ContainsFunc(results, func(r spliotest.Result) bool { return r.FileError != "" || len(r.Skipped) > 0 }) {
					t.Errorf("day %d: %+v", day, results)
				}
				if got := bobIs(); s.want != "" && got != s.want {
					t.Errorf("day %d: bob is %s, want %s", day, got, s.want)
				}
			}
		})
	}
}
