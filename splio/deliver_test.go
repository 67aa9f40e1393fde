package splio_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/splio"
)

// TestResume fails every call of a transport in every way, and runs again.
func TestResume(t *testing.T) {
	for call := range 3 {
		for _, late := range []bool{false, true} {
			for _, between := range []string{"nothing", "taken", "no size"} {
				t.Run(fmt.Sprintf("call %d/late %v/%s", call, late, between), func(t *testing.T) {
					a := newActivation(t)
					a.Format.MaxLines = 2
					u, d := newUniverse(true), new(drop)
					mustRun(t, a, day1, d)
					u.imports(t, d)
					d.take(t)
					a.Now = march(15)

					d.calls, d.faults = nil, map[int]fault{call: {late, errLine}}
					report, err := a.Run(t.Context(), day3, d)
					if !errors.Is(err, errLine) {
						t.Fatalf("got %v", err)
					}
					delivered := 0
					for _, f := range report.Files {
						if f.Delivered {
							delivered++
						}
					}
					if delivered != call {
						t.Errorf("%d files reported as delivered, want %d", delivered, call)
					}
					p, err := a.Pending(t.Context())
					if err != nil || p.State != splio.Applying || p.ID != report.Plan {
						t.Fatalf("pending: %+v, %v", p, err)
					}
					if err := p.Release(t.Context(), "again"); err != nil || p.State != splio.Applying {
						t.Errorf("release of a plan on its way: %v, %s", err, p.State)
					}
					if _, err := a.Plan(t.Context(), day3); !errors.Is(err, splio.ErrPending) {
						t.Errorf("another plan: %v", err)
					}

					u.imports(t, d)
					switch between {
					case "taken":
						d.take(t)
					case "no size":
						d.noSize = true
					}
					a.Now = march(16)
					d.calls, d.faults = nil, nil
					before := len(d.arrived)
					r := mustRun(t, a, day3, d)
					if r.Resumed == nil || r.Resumed.Plan != report.Plan || r.Unchanged != 3 {
						t.Errorf("got %s, resumed %+v", counts(t, r), r.Resumed)
					}
					for _, f := range r.Resumed.Files {
						if !f.Delivered {
							t.Errorf("file %s is not delivered", f.Name)
						}
					}
					u.imports(t, d)
					if diff := cmp.Diff(after3, u.contacts); diff != "" {
						t.Error(diff)
					}
					want := 3 - call // files that had not arrived, as far as is known
					if late && between == "nothing" {
						want--
					}
					if got := len(d.arrived) - before; got != want {
						t.Errorf("%d files sent again, want %d", got, want)
					}
					settled(t, a.State)
				})
			}
		}
	}
}

// put puts a file of somebody else into a drop directory.
func (d *drop) put(t *testing.T, name, content string) {
	t.Helper()
	if err := d.Mem.Put(t.Context(), name, name+".x", sectionOf(content)); err != nil {
		t.Fatal(err)
	}
}

func TestNamesTaken(t *testing.T) {
	a := newActivation(t)
	a.Format.MaxLines = 2
	d := new(drop)
	// As long as the first file of ours, but nobody has journalled it.
	theirs := strings.Repeat("x", len("email;firstname;lastname\nann@example.net;Ann;Lee\n"))
	for _, n := range []string{"", "_3", "_4"} {
		d.put(t, "acme_contacts_crm_20250314"+n+".csv", theirs)
	}
	p := mustPlan(t, a, day1)
	if got := names(&p.Report); !slices.Equal(got, []string{"acme_contacts_crm_20250314.csv", "acme_contacts_crm_20250314_2.csv"}) ||
		p.Report.Files[0].SuffixUnconfirmed || !p.Report.Files[1].SuffixUnconfirmed {
		t.Errorf("the plan names %q", got)
	}
	r, err := p.Apply(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	// The second name is that of the second file, so the first goes behind those that are taken.
	if got := names(r); !slices.Equal(got, []string{"acme_contacts_crm_20250314_5.csv", "acme_contacts_crm_20250314_2.csv"}) || !r.Files[0].SuffixUnconfirmed {
		t.Errorf("delivered %q", got)
	}
	for _, n := range []string{"", "_3", "_4"} {
		if got, err := d.ReadFile("acme_contacts_crm_20250314" + n + ".csv"); err != nil || string(got) != theirs {
			t.Errorf("a file of somebody else was changed: %q, %v", got, err)
		}
	}
	// Names that we used or tried are not used again, even when the directory is empty.
	d.take(t)
	r = mustRun(t, a, day3, d)
	if got := names(r); len(got) != 3 || got[0] != "acme_contacts_crm_20250314_6.csv" || got[2] != "acme_contacts_crm_20250314_8.csv" {
		t.Errorf("then delivered %q", got)
	}
	for _, temp := range d.temps {
		if !strings.HasSuffix(temp, ".part") || !strings.HasPrefix(temp, "acme_contacts_crm_20250314") {
			t.Errorf("temporary name %q", temp)
		}
	}
}

// TestNameTakenOnResume: the name was journalled, but the file of that name has
// another size, so somebody else's came first.
func TestNameTakenOnResume(t *testing.T) {
	a := newActivation(t)
	d := &drop{faults: map[int]fault{0: {err: errLine}}}
	if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	d.put(t, "acme_contacts_crm_20250314.csv", "theirs")
	r := mustRun(t, a, day1, d)
	if got := names(r.Resumed); !slices.Equal(got, []string{"acme_contacts_crm_20250314_2.csv"}) || !r.Resumed.Files[0].SuffixUnconfirmed {
		t.Errorf("delivered %q", got)
	}
	if got, _ := d.ReadFile("acme_contacts_crm_20250314.csv"); string(got) != "theirs" {
		t.Errorf("a file of somebody else was changed: %q", got)
	}
	u := newUniverse(true)
	u.imports(t, d)
	if len(u.contacts) != 2 {
		t.Errorf("%d contacts arrived", len(u.contacts))
	}
	settled(t, a.State)
}

// TestNameGivenUp: nobody knows that the first file has arrived under its first
// name, so it goes under a second. The next plan must not take the file under
// the first name for its own, which has the same size.
func TestNameGivenUp(t *testing.T) {
	a := newActivation(t)
	u, d := newUniverse(true), &drop{noSize: true, faults: map[int]fault{0: {late: true, err: errLine}}}
	if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	if r := mustRun(t, a, day1, d); r.Resumed.Files[0].Name != "acme_contacts_crm_20250314_2.csv" {
		t.Errorf("delivered %q", names(r.Resumed))
	}
	d.noSize, d.calls, d.faults = false, nil, map[int]fault{0: {err: errLine}}
	next := segment(head, "ann@example.net,Eva,Fox", "bob@example.net,Rob,Roy")
	if _, err := a.Run(t.Context(), next, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	mustRun(t, a, next, d)
	u.imports(t, d)
	if got := u.contacts["ann@example.net"]["firstname"]; got != "Eva" {
		t.Errorf("Splio holds %q", got)
	}
}

func TestNoNameLeft(t *testing.T) {
	a := newActivation(t)
	d := &drop{each: func(int) *fault { return &fault{err: fmt.Errorf("there: %w", fs.ErrExist)} }}
	_, err := a.Run(t.Context(), day1, d)
	if err == nil || !strings.Contains(err.Error(), "drop directory") {
		t.Errorf("got %v", err)
	}
	if n := len(d.calls); n < 100 || n > 1000 {
		t.Errorf("%d names were tried", n)
	}
	d.each = nil
	d.calls = nil
	if r := mustRun(t, a, day1, d); r.Resumed == nil || len(d.arrived) != 1 {
		t.Errorf("then %s, arrived %d", counts(t, r), len(d.arrived))
	}
}

func TestCannotLook(t *testing.T) {
	a := newActivation(t)
	d := &drop{faults: map[int]fault{0: {err: errLine}, 1: {err: errLine}}}
	for _, call := range []string{"put", "size"} {
		r, err := a.Run(t.Context(), day1, d)
		if !errors.Is(err, errLine) || r == nil {
			t.Fatalf("%s: %v", call, err)
		}
		if call == "size" && (r.Resumed == nil || r.Read != 0) {
			t.Errorf("the report of a run that got no further: %+v", r)
		}
	}
	mustRun(t, a, day1, d)
	if want := []string{"put acme_contacts_crm_20250314.csv", "size acme_contacts_crm_20250314.csv", "size acme_contacts_crm_20250314.csv", "put acme_contacts_crm_20250314.csv"}; !slices.Equal(d.calls, want) {
		t.Errorf("calls %q", d.calls)
	}
}
