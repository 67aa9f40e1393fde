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
					if err != nil || p.State != splio.PlanApplying || p.ID != report.Plan {
						t.Fatalf("pending: %+v, %v", p, err)
					}
					if err := p.Release(t.Context(), "again"); err != nil || p.State != splio.PlanApplying {
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
	d := new(drop)
	d.each = func(n int) *fault {
		if strings.HasPrefix(d.calls[n], "put ") {
			return &fault{err: fmt.Errorf("there: %w", fs.ErrExist)}
		}
		return nil
	}
	_, err := a.Run(t.Context(), day1, d)
	if err == nil || !strings.Contains(err.Error(), "drop directory") {
		t.Errorf("got %v", err)
	}
	if n := d.puts(); n < 100 || n > 1000 {
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
	d := new(drop)
	d.each = func(n int) *fault {
		if n == 1 || n == 2 {
			return &fault{err: errLine}
		}
		return nil
	}
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
	const name = "acme_contacts_crm_20250314.csv"
	if want := []string{"size " + name, "put " + name, "size " + name, "size " + name, "put " + name}; !slices.Equal(d.calls, want) {
		t.Errorf("calls %q", d.calls)
	}
}

// A destination that can not be reached, or has no drop directory, has been
// sent nothing: the plan stays ready, and the next run makes another. A mapping
// or mode that was corrected in between is not overtaken by the old plan.
func TestOutOfReach(t *testing.T) {
	noDirectory := fmt.Errorf("no drop directory: %w", fs.ErrNotExist)
	for name, each := range map[string]func(d *drop, n int) *fault{
		"dead line": func(*drop, int) *fault { return &fault{err: errLine} },
		"no directory": func(d *drop, n int) *fault {
			if strings.HasPrefix(d.calls[n], "put ") {
				return &fault{err: noDirectory}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newActivation(t)
			d := new(drop)
			d.each = func(n int) *fault { return each(d, n) }
			r, err := a.Run(t.Context(), day1, d)
			if err == nil || r == nil || r.Files[0].Delivered {
				t.Fatalf("got %+v, %v", r, err)
			}
			p, err := a.Pending(t.Context())
			if err != nil || p.State != splio.PlanReady {
				t.Fatalf("pending: %+v, %v", p, err)
			}
			if err := p.Release(t.Context(), "looked at"); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Apply(t.Context(), d); err == nil {
				t.Fatal("applied")
			}
			if p, err := a.Pending(t.Context()); err != nil || p.State != splio.PlanReleased {
				t.Fatalf("a released plan that could not be sent: %+v, %v", p, err)
			}
			if err := p.Discard(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.each = nil
			a.Insert, a.Destination.Subsequence, a.Now = false, "update", march(15)
			r = mustRun(t, a, day1, d)
			if r.Resumed != nil || r.Inserted != 0 || !slices.Equal(d.Names(), []string{"acme_contacts_update_20250315.csv"}) {
				t.Errorf("got %s, resumed %v, arrived %q", counts(t, r), r.Resumed, d.Names())
			}
		})
	}
}

// A file of somebody else with our name and our size is not ours, even when
// our first Put fails.
func TestForeignSameSize(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	p := mustPlan(t, a, day1)
	d.put(t, p.Report.Files[0].Name, strings.Repeat("x", int(p.Report.Files[0].Bytes)))
	d.faults = map[int]fault{0: {err: errLine}}
	if _, err := p.Apply(t.Context(), d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	d.faults = nil
	r := mustRun(t, a, day1, d)
	if r.Resumed == nil || len(d.arrived) != 1 || d.arrived[0].name != "acme_contacts_crm_20250314_2.csv" {
		t.Errorf("got %s, arrived %+v", counts(t, r), d.arrived)
	}
}
