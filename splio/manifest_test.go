package splio_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/splio"
)

// resealed is a sealed file with its JSON changed and the seal that goes with it.
func resealed(t testing.TB, kind string, data []byte, change func(map[string]any)) []byte {
	t.Helper()
	_, body, _ := bytes.Cut(data, []byte("\n"))
	m := make(map[string]any)
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	change(m)
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return sealBody(kind, body)
}

func sealBody(kind string, body []byte) []byte {
	return append(fmt.Appendf(nil, "spliosync %s 1 %x\n", kind, sha256.Sum256(body)), body...)
}

// A manifest that no plan could have is refused, though its seal is right: what it
// says becomes names of files.
func TestManifestImpossible(t *testing.T) {
	a := applying(t)
	path := filepath.Join(a.State, "outbox", "manifest")
	good := read(t, path)
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := func(n int, field string, v any) func(map[string]any) {
		return func(m map[string]any) { m["files"].([]any)[n].(map[string]any)[field] = v }
	}
	top := func(field string, v any) func(map[string]any) { return func(m map[string]any) { m[field] = v } }
	for name, change := range map[string]func(map[string]any){
		"no plan":                       top("plan", ""),
		"a short plan":                  top("plan", "ABC"),
		"fewer than none have changed":  top("run", map[string]any{"changed": -1}),
		"made in less than no time":     top("run", map[string]any{"making_ns": -1}),
		"a mapping that is no digest":   top("run", map[string]any{"mapping": "ann@example.net"}),
		"a plan that is a path":         top("plan", "../../../etc/passwd"),
		"no scope":                      top("scope", ""),
		"no snapshot":                   top("snapshot", ""),
		"a snapshot that is a path":     top("snapshot", "../../"+strings.Repeat("a", 26)),
		"a day long ago":                top("day", "0000-01-01T00:00:00Z"),
		"no day at all":                 top("day", "tomorrow"),
		"a path among the names":        top("names", []string{"a.csv", "../a.csv"}),
		"too many names":                top("names", strings.Split(strings.Repeat("a.csv,", 101)+"b.csv", ",")),
		"files that are no list":        top("files", "all"),
		"a negative count":              func(m map[string]any) { m["report"].(map[string]any)["inserted"] = -1 },
		"a path that waits":             func(m map[string]any) { m["report"].(map[string]any)["waiting"] = []string{"/etc/passwd"} },
		"no local":                      file(0, "local", ""),
		"local leaves the outbox":       file(0, "local", "../snapshot.key"),
		"local is the manifest":         file(0, "local", "manifest"),
		"local is absolute":             file(0, "local", "/0001.csv"),
		"local is the outbox":           file(0, "local", "."),
		"local of another file":         file(0, "local", "0002.csv"),
		"local with a backslash":        file(0, "local", `0\1.csv`),
		"no name":                       file(0, "name", ""),
		"name leaves the directory":     file(0, "name", "../acme.csv"),
		"name in a directory":           file(0, "name", "other/acme.csv"),
		"name in a Windows directory":   file(0, "name", `other\acme.csv`),
		"name of a Windows drive":       file(0, "name", "c:acme.csv"),
		"name is hidden":                file(0, "name", ".acme.csv"),
		"name with a null":              file(0, "name", "acme\x00.csv"),
		"name with a line break":        file(0, "name", "acme\n.csv"),
		"name without end":              file(0, "name", strings.Repeat("a", 1<<20)),
		"name of another file":          file(0, "name", p.Report.Files[1].Name),
		"temporary name is a path":      file(1, "temp", "../acme.csv.part"),
		"temporary name is the name":    file(1, "temp", p.Report.Files[1].Name),
		"negative size":                 file(0, "bytes", -1),
		"a size past all":               file(0, "bytes", json.Number("9223372036854775807")),
		"a size that is no number":      file(0, "bytes", "many"),
		"a size that does not fit":      file(0, "bytes", json.Number("1e99")),
		"negative rows":                 file(0, "rows", -1),
		"no sum":                        file(0, "sha256", ""),
		"a sum of something else":       file(0, "sha256", strings.Repeat("x", 64)),
		"a sub-sequence that is a path": file(0, "subsequence", "../x"),
		"a universe that is a path":     func(m map[string]any) { m["dest"].(map[string]any)["Universe"] = "../acme" },
		"a suffix that is a path":       func(m map[string]any) { m["dest"].(map[string]any)["Suffix"] = "/{part}" },
		"a suffix that never changes":   func(m map[string]any) { m["dest"].(map[string]any)["Suffix"] = "_again" },
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, resealed(t, "plan", good, change))
			if bytes.Equal(read(t, path), resealed(t, "plan", good, func(map[string]any) {})) {
				t.Fatal("nothing was changed")
			}
			calls := entryPoints(t, a)
			calls["pending"] = func() error { _, err := a.Pending(t.Context()); return err }
			calls["discard"] = func() error { return p.Discard(t.Context()) }
			calls["apply"] = func() error { _, err := p.Apply(t.Context(), untouched{t}); return err }
			calls["forget"] = func() error { _, err := a.Forget(t.Context(), day1, each("ann@example.net")); return err }
			refuses(t, a, path, diff.ErrDamaged, calls)
		})
	}
	write(t, path, resealed(t, "plan", good, func(map[string]any) {})) // as JSON, any writer will do
	mustRun(t, a, day3, new(drop))
	settled(t, a.State)
}

func TestLedgerImpossible(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	path := filepath.Join(a.State, "ledger")
	good := read(t, path)
	for field, v := range map[string]any{
		"names": []string{"../x"}, "sent": []string{"a/b"}, "snapshot": "../snapshot.key",
	} {
		write(t, path, resealed(t, "ledger", good, func(m map[string]any) { m[field] = v }))
		refuses(t, a, path, diff.ErrDamaged, entryPoints(t, a))
	}
	write(t, path, good)
	mustRun(t, a, day3, new(drop))
}

// Whatever is in the outbox, it is a plan or refused, and refused without harm.
func FuzzManifest(f *testing.F) {
	disk := newMemFS()
	a := on(splio.Activation{
		Destination: splio.Destination{Universe: "acme", Subsequence: "crm", Suffix: "_{token}"},
		Mapping:     people(), State: f.TempDir(), Insert: true, Now: march(14),
	}, disk)
	a.Format.MaxLines = 2
	_, err := a.Run(f.Context(), day3, &drop{faults: map[int]fault{1: {err: errLine}}})
	if !errors.Is(err, errLine) {
		f.Fatal(err)
	}
	good := disk.files["outbox/manifest"].data
	_, body, _ := bytes.Cut(good, []byte("\n"))
	for _, s := range []string{`"bytes": `, `"local": "`, `"name": "`, `"plan": "`, `"Suffix": "`, `"state": "`} {
		f.Add(bytes.Replace(body, []byte(s), []byte(s+"/"), 1), true)
		f.Add(bytes.Replace(body, []byte(s), []byte(s+"9"), 1), true)
	}
	f.Add(body, true)
	f.Add(good, false)
	f.Add(good[:100], false)
	f.Add([]byte("{}"), true)
	f.Add([]byte(`{"state":"applying","files":[{}]}`), true)
	f.Add([]byte("null"), true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal {
			data = sealBody("plan", data)
		}
		c := disk.clone()
		c.files["outbox/manifest"].data = data
		b := on(a, c)
		p, err := b.Pending(t.Context())
		if errors.Is(err, splio.ErrNoPlan) {
			return
		}
		if err != nil {
			if se, ok := errors.AsType[*diff.StateError](err); !ok || se.Path != filepath.Join(a.State, "outbox", "manifest") {
				t.Fatalf("not one of ours: %v", err)
			}
			if !bytes.Equal(c.files["outbox/manifest"].data, data) {
				t.Fatal("it was touched")
			}
			return
		}
		// A plan of which everything is as it was planned is delivered; of any other,
		// names stay bare all the same.
		d := new(drop)
		_, err = p.Apply(t.Context(), d)
		if err == nil && len(c.files["snapshot.current"].data) == 0 {
			t.Fatal("delivered, and no snapshot")
		}
		for _, name := range append(d.Names(), d.temps...) {
			if name == "" || strings.ContainsAny(name, `/\:`+"\x00") || strings.HasPrefix(name, ".") {
				t.Fatalf("a file is called %q", name)
			}
		}
		if len(c.files["snapshot.key"].data) == 0 || len(d.calls) > 1000 {
			t.Fatalf("%d calls, or the key is gone", len(d.calls))
		}
	})
}

// Links out of the state are not followed, and nothing behind them is touched.
func TestLinksOut(t *testing.T) {
	for _, name := range []string{"snapshot.current", "snapshot.key", "snapshot.lock", "ledger", "history", "outbox", "outbox/manifest", "outbox/0002.csv", "sent"} {
		t.Run(name, func(t *testing.T) {
			a := applying(t)
			a.Retain = 1
			path, outside := filepath.Join(a.State, filepath.FromSlash(name)), filepath.Join(t.TempDir(), "outside")
			if name == "sent" {
				if err := os.MkdirAll(filepath.Join(outside, "20250301T120000Z-X"), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(outside, "20250301T120000Z-X", "0001.csv"), []byte("ann@example.net;x\n"))
			} else if err := os.Rename(path, outside); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, path); err != nil {
				if runtime.GOOS == "windows" {
					return // not everybody may make links there
				}
				t.Fatal(err)
			}
			before := tree(t, outside)
			d := new(drop)
			for what, call := range map[string]func() error{
				"run":    func() error { _, err := a.Run(t.Context(), day3, d); return err },
				"forget": func() error { _, err := a.Forget(t.Context(), day3, each("ann@example.net")); return err },
				"adopt":  func() error { _, err := a.Adopt(t.Context(), day3, true); return err },
			} {
				if err := call(); err == nil && (name != "sent" || what != "adopt") { // which has no business there
					t.Errorf("%s follows the link", what)
				}
			}
			if diff := cmp.Diff(before, tree(t, outside)); diff != "" {
				t.Errorf("what the link leads to was touched: %s", diff)
			}
			if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
				t.Errorf("the link was touched: %v, %v", info, err)
			}
		})
	}
}
