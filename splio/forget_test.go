package splio_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/internal/vfs"
	"github.com/spliosync/spliosync/internal/vfs/vfstest"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// kept makes an activation that has delivered two plans and keeps them; bob is in
// the first of them alone.
func kept(t *testing.T, a *splio.Activation, d *drop) {
	t.Helper()
	a.Retain = 2
	mustRun(t, *a, day1, d)
	a.Now = march(15)
	mustRun(t, *a, day2, d)
	a.Now = march(16)
}

// mentioned are the files below dir with a text in them.
func mentioned(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.Contains(string(read(t, path)), text) {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestForget(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	kept(t, &a, d)
	mustPlan(t, a, segment(head, "ann@example.net,Ann,Fox", "bob@example.net,B,B"))
	// What a process that was killed leaves.
	write(t, filepath.Join(a.State, "outbox", "manifest.tmp-X"), []byte("bob@example.net"))
	if len(mentioned(t, a.State, "bob@")) < 3 {
		t.Fatalf("bob is only in %q", mentioned(t, a.State, "bob@"))
	}
	n, err := a.Forget(t.Context(), day1, each(" BOB@example.net", "zoe@example.net", "bob@example.net"))
	if n != 1 || err != nil {
		t.Fatalf("forgotten %d, %v", n, err)
	}
	if got := mentioned(t, a.State, "bob@"); len(got) > 0 {
		t.Errorf("bob is still in %q", got)
	}
	if got, err := os.ReadDir(filepath.Join(a.State, "sent")); err != nil || len(got) != 1 {
		t.Errorf("kept %v, %v: want the plan that bob is not in", got, err)
	}
	if got := mentioned(t, filepath.Join(a.State, "sent"), "ann@"); len(got) != 1 {
		t.Errorf("ann is in %q", got)
	}
	if _, err := a.Pending(t.Context()); !errors.Is(err, splio.ErrNoPlan) {
		t.Errorf("the plan that waited: %v", err)
	}
	if n, err := a.Forget(t.Context(), day1, each("bob@example.net")); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
	p := mustPlan(t, a, day2)
	if got := counts(t, &p.Report); got != "read=2 unchanged=1 inserted=1" { // who comes back is new
		t.Error(got)
	}
	p = mustPlan(t, a, segment(head, "ann@example.net,Ann,Fox"))
	if got := counts(t, &p.Report); got != "read=1 unchanged=1" { // and nobody left
		t.Error(got)
	}
}

// Keys stand in files in more ways than one.
func TestForgetQuoted(t *testing.T) {
	for name, tt := range map[string]struct {
		key    string
		format splio.Format
	}{
		"separator":           {"b;1", splio.Format{}},
		"quotes":              {`b"1"`, splio.Format{}},
		"backslash":           {`b\1`, splio.Format{}},
		"quotes escaped":      {`b"1;"`, splio.Format{Backslash: true}},
		"backslash escaped":   {`b\1;`, splio.Format{Backslash: true}},
		"the last line":       {"zz", splio.Format{}},
		"of another's length": {"anna", splio.Format{}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newActivation(t)
			a.Mapping.Key = mapping.Field{From: "id", To: "customer_key"}
			a.Format, a.Retain = tt.format, 1
			src := segment("id,first,last", "ann,Ann,Lee", tt.key+",The,Other")
			mustRun(t, a, src, new(drop))
			if n, err := a.Forget(t.Context(), src, each("an", "Other")); n != 0 || err != nil || len(mentioned(t, a.State, "Other")) != 1 {
				t.Errorf("nobody of that key: %d, %v", n, err)
			}
			if n, err := a.Forget(t.Context(), src, each(tt.key)); n != 1 || err != nil {
				t.Errorf("forgotten %d, %v", n, err)
			}
			if got := mentioned(t, a.State, "Other"); len(got) > 0 {
				t.Errorf("still in %q", got)
			}
		})
	}
}

func TestForgetRefused(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	if n, err := a.Forget(t.Context(), day1, each("ann@example.net")); n != 0 || err != nil {
		t.Errorf("from nothing: %d, %v", n, err)
	}
	kept(t, &a, d)
	other := filepath.Join(a.State, "sent", "notes")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(other, "mine"), []byte("zed@example.net;x\n"))
	torn := func(yield func(string, error) bool) { _ = yield("ann@example.net", nil) && yield("", errLine) }
	before := tree(t, a.State)
	if _, err := a.Forget(t.Context(), day1, torn); !errors.Is(err, errLine) {
		t.Errorf("an error of the keys: %v", err)
	}
	if _, err := a.Forget(t.Context(), day1, each("no address")); err == nil {
		t.Error("keys of no form pass")
	}
	if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
		t.Errorf("the refusals changed the state: %s", diff)
	}
	if _, err := a.Forget(t.Context(), day1, each("zed@example.net")); err != nil || len(read(t, filepath.Join(other, "mine"))) == 0 {
		t.Errorf("what is not of a run: %v", err)
	}
	p := mustPlan(t, a, day3)
	if err := p.Release(t.Context(), "checked"); err != nil {
		t.Fatal(err)
	}
	before = tree(t, a.State)
	if _, err := a.Forget(t.Context(), day1, each("ann@example.net")); !errors.Is(err, splio.ErrPending) {
		t.Errorf("while a plan is released: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
		t.Errorf("the refusal changed the state: %s", diff)
	}
}

func TestForgetFaults(t *testing.T) {
	a := newActivation(t)
	disk := newMemFS()
	a = on(a, disk)
	kept(t, &a, new(drop))
	mustPlan(t, a, day3)
	disk.files["outbox/manifest.tmp-X"] = &memNode{[]byte("bob@example.net")}
	forget := func(fsys vfs.FS) error {
		_, err := on(a, fsys).Forget(t.Context(), day1, each("bob@example.net"))
		return err
	}
	stopped(t, disk, 40, forget, func(t *testing.T, what string, disk *memFS, f *vfstest.FS) {
		b := on(a, disk.clone())
		b.Now = a.Now.Add(time.Hour)
		u, d := newUniverse(true), new(drop)
		u.contacts["ann@example.net"] = map[string]string{"firstname": "Ann", "lastname": "Fox"}
		u.contacts["bob@example.net"] = map[string]string{"firstname": "Bob", "lastname": "Ray"}
		mustRun(t, b, day3, d)
		u.imports(t, d)
		if diff := cmp.Diff(after3, u.contacts); diff != "" {
			t.Errorf("%s: Splio does not hold what the segment says: %s", what, diff)
		}
		if err := forget(f); err != nil {
			t.Errorf("%s: repeated: %v", what, err)
		}
		if err := f.Durable(); err != nil {
			t.Errorf("%s: repeated: %v", what, err)
		}
		for name, n := range disk.files {
			if strings.Contains(string(n.data), "bob@") {
				t.Errorf("%s: repeated: bob is still in %s", what, name)
			}
		}
		got := slices.Sorted(maps.Keys(disk.files))
		if len(got) != 7 || !strings.HasPrefix(got[2], "sent/20250315") || !strings.HasPrefix(got[3], "sent/20250315") {
			t.Errorf("%s: repeated: the state directory holds %q, want the second plan alone", what, got)
		}
		if got := slices.Sorted(maps.Keys(disk.dirs)); len(got) != 4 || got[1] != "outbox" || path.Dir(got[3]) != "sent" {
			t.Errorf("%s: repeated: the directories are %q", what, got)
		}
		if r := mustRun(t, on(a, disk), day2, new(drop)); r.Unchanged != 1 || r.Inserted != 1 {
			t.Errorf("%s: repeated: %s", what, counts(t, r))
		}
	})
}
