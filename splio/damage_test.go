package splio_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// applying is an activation with a plan of two files on its way, of which the
// second has arrived only as far as nobody knows.
func applying(t *testing.T) splio.Activation {
	t.Helper()
	a := newActivation(t)
	a.Format.MaxLines = 2
	d := new(drop)
	mustRun(t, a, day1, d)
	d.calls, d.faults = nil, map[int]fault{1: {err: errLine}}
	if _, err := a.Run(t.Context(), day3, d); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	return a
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// refuses checks that calls are refused for a file of the state, named and left
// as it is.
func refuses(t *testing.T, a splio.Activation, path string, want error, calls map[string]func() error) {
	t.Helper()
	before := tree(t, a.State)
	for name, call := range calls {
		err := call()
		if se, ok := errors.AsType[*diff.StateError](err); !ok || !errors.Is(err, want) || se.Path != path {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
			t.Fatalf("%s changed the state: %s", name, diff)
		}
	}
}

func entryPoints(t *testing.T, a splio.Activation) map[string]func() error {
	return map[string]func() error{
		"run":     func() error { _, err := a.Run(t.Context(), day3, untouched{t}); return err },
		"plan":    func() error { _, err := a.Plan(t.Context(), day3); return err },
		"preview": func() error { _, err := a.Preview(t.Context(), day3); return err },
	}
}

func TestManifestDamaged(t *testing.T) {
	a := applying(t)
	path := filepath.Join(a.State, "outbox", "manifest")
	good := read(t, path)
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pending := map[string]func() error{"pending": func() error { _, err := a.Pending(t.Context()); return err }}
	check := func(what string, bad []byte) {
		t.Helper()
		write(t, path, bad)
		err := pending["pending"]()
		if se, ok := errors.AsType[*diff.StateError](err); !ok || se.Path != path || !errors.Is(err, diff.ErrDamaged) && !errors.Is(err, diff.ErrVersion) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range good {
		// 0x20 turns small letters into capital ones, 0x29 spaces into tabs.
		flips := []byte{0x20, 0x29, 0x01, 0xff}
		if i > 100 { // behind the first line every byte is alike
			flips = flips[i%4 : i%4+1]
		}
		for _, flip := range flips {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			check(fmt.Sprintf("byte %d xor %#x", i, flip), bad)
		}
		if i < 100 || i%7 == 0 {
			check(fmt.Sprintf("cut at %d", i), good[:i])
		}
	}
	check("a byte more", append(bytes.Clone(good), '\n'))

	_, body, _ := bytes.Cut(good, []byte("\n"))
	reseal := func(version int, body []byte) []byte {
		return append(fmt.Appendf(nil, "spliosync plan %d %x\n", version, sha256.Sum256(body)), body...)
	}
	calls := entryPoints(t, a)
	calls["pending"] = pending["pending"]
	calls["apply"] = func() error { _, err := p.Apply(t.Context(), untouched{t}); return err }
	calls["discard"] = func() error { return p.Discard(t.Context()) }
	calls["release"] = func() error { return p.Release(t.Context(), "") }
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"damaged", good[:len(good)/2], diff.ErrDamaged},
		{"empty", nil, diff.ErrDamaged},
		{"a newer version", reseal(2, []byte("{}\n")), diff.ErrVersion},
		{"a state of a newer version", reseal(1, bytes.Replace(body, []byte(`"applying"`), []byte(`"resting"`), 1)), diff.ErrVersion},
		{"no JSON", reseal(1, []byte("{\n")), diff.ErrDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write(t, path, tt.data)
			refuses(t, a, path, tt.want, calls)
		})
	}
	write(t, path, good)
	mustRun(t, a, day3, new(drop))
	settled(t, a.State)
}

func TestLedgerDamaged(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	p := mustPlan(t, a, day3)
	path := filepath.Join(a.State, "ledger")
	good := read(t, path)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x20
		for _, bad := range [][]byte{bad, good[:i]} {
			write(t, path, bad)
			_, err := a.Preview(t.Context(), day3)
			if se, ok := errors.AsType[*diff.StateError](err); !ok || se.Path != path || !errors.Is(err, diff.ErrDamaged) && !errors.Is(err, diff.ErrVersion) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	calls := entryPoints(t, a)
	for want, bad := range map[error][]byte{
		diff.ErrDamaged: []byte("spliosync plan 1 0\n"),
		diff.ErrVersion: bytes.Replace(good, []byte("ledger 1"), []byte("ledger 2"), 1),
	} {
		write(t, path, bad)
		refuses(t, a, path, want, calls) // the ready plan stays as well
	}
	write(t, path, good)
	if _, err := p.Apply(t.Context(), new(drop)); err != nil {
		t.Error(err)
	}
	settled(t, a.State)
}

func TestSnapshotLost(t *testing.T) {
	a := newActivation(t)
	mustRun(t, a, day1, new(drop))
	if err := os.Remove(filepath.Join(a.State, "snapshot.current")); err != nil {
		t.Fatal(err)
	}
	refuses(t, a, filepath.Join(a.State, "snapshot.current"), diff.ErrDamaged, entryPoints(t, a))

	a = applying(t)
	if err := os.Remove(filepath.Join(a.State, "snapshot.current")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, a.State)
	if _, err := a.Run(t.Context(), day3, untouched{t}); !errors.Is(err, diff.ErrStale) {
		t.Errorf("a plan on its way without its base: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
		t.Errorf("the state changed: %s", diff)
	}
}

func TestOutboxDamaged(t *testing.T) {
	tests := []struct {
		name, reason string
		damage       func(path string, data []byte) error
	}{
		{"altered", "the same size, and nobody planned it", func(path string, data []byte) error {
			data[len(data)-2] ^= 1
			return os.WriteFile(path, data, 0o600)
		}},
		{"truncated", "rows would be lost", func(path string, data []byte) error { return os.Truncate(path, int64(len(data)/2)) }},
		{"longer", "rows would be added", func(path string, data []byte) error {
			return os.WriteFile(path, append(data, "x@example.net;X;X\n"...), 0o600)
		}},
		{"empty", "a disk that was full", func(path string, _ []byte) error { return os.Truncate(path, 0) }},
		{"missing", "somebody has tidied up", func(path string, _ []byte) error { return os.Remove(path) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newActivation(t)
			d := new(drop)
			p := mustPlan(t, a, day1)
			if err := p.Release(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(a.State, "outbox", "0001.csv")
			if err := tt.damage(path, read(t, path)); err != nil {
				t.Fatal(err)
			}
			refuses(t, a, path, diff.ErrDamaged, map[string]func() error{
				"apply": func() error { _, err := p.Apply(t.Context(), untouched{t}); return err },
				"run":   func() error { _, err := a.Run(t.Context(), day1, untouched{t}); return err },
			})
			// Nothing of it was sent, so it can be given up.
			if err := p.Discard(t.Context()); err != nil {
				t.Fatalf("%s: %v", tt.reason, err)
			}
			mustRun(t, a, day1, d)
			settled(t, a.State)
		})
		t.Run(tt.name+" on its way", func(t *testing.T) {
			a := applying(t)
			p, err := a.Pending(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(a.State, "outbox", "0002.csv")
			if err := tt.damage(path, read(t, path)); err != nil {
				t.Fatal(err)
			}
			refuses(t, a, path, diff.ErrDamaged, map[string]func() error{
				"apply": func() error { _, err := p.Apply(t.Context(), untouched{t}); return err },
				"run":   func() error { _, err := a.Run(t.Context(), day1, untouched{t}); return err },
			})
			if err := p.Discard(t.Context()); !errors.Is(err, diff.ErrDamaged) {
				t.Errorf("%s: nobody can tell what was sent, but Discard says %v", tt.reason, err)
			}
		})
	}
}

func TestForeignState(t *testing.T) {
	tests := []struct {
		name, reason string
		change       func(*splio.Activation)
		want         error
	}{
		{"another universe", "its contacts are others", func(a *splio.Activation) { a.Destination.Universe = "other" }, diff.ErrForeign},
		{"another key", "digests are of keys", func(a *splio.Activation) {
			a.Mapping.Key = mapping.Field{From: "email", To: "customer_key"}
		}, diff.ErrForeign},
		{"another digest key", "nothing could be compared", func(a *splio.Activation) { a.DigestKey = make([]byte, 32) }, diff.ErrKey},
	}
	for _, tt := range tests {
		for _, state := range []string{"delivered", "ready", "applying"} {
			t.Run(tt.name+"/"+state, func(t *testing.T) {
				a := newActivation(t)
				mustRun(t, a, segment("email,first,last", "ann@example.net,Ann,Lee"), new(drop))
				switch src := segment("email,first,last", "ann@example.net,Anna,Lee"); state {
				case "ready":
					mustPlan(t, a, src)
				case "applying":
					if _, err := a.Run(t.Context(), src, &drop{faults: map[int]fault{0: {err: errLine}}}); !errors.Is(err, errLine) {
						t.Fatal(err)
					}
				}
				before := tree(t, a.State)
				b := a
				tt.change(&b)
				src := segment("email,first,last", "ann@example.net,Ann,Lee")
				calls := map[string]func() error{
					"run":     func() error { _, err := b.Run(t.Context(), src, untouched{t}); return err },
					"plan":    func() error { _, err := b.Plan(t.Context(), src); return err },
					"preview": func() error { _, err := b.Preview(t.Context(), src); return err },
				}
				if p, err := b.Pending(t.Context()); err == nil {
					calls["apply"] = func() error { _, err := p.Apply(t.Context(), untouched{t}); return err }
					calls["discard"] = func() error { return p.Discard(t.Context()) }
				}
				for name, call := range calls {
					if tt.want == diff.ErrKey && (state != "delivered" || name == "discard") {
						continue // a ready plan may go before the key is looked at
					}
					err := call()
					if state == "applying" && (name == "plan" || name == "preview") {
						if !errors.Is(err, splio.ErrPending) {
							t.Errorf("%s: %s: %v", tt.reason, name, err)
						}
					} else if se, ok := errors.AsType[*diff.StateError](err); !ok || !errors.Is(err, tt.want) || !strings.HasPrefix(se.Path, a.State) {
						t.Errorf("%s: %s: %v", tt.reason, name, err)
					}
					if diff := cmp.Diff(before, tree(t, a.State)); diff != "" {
						t.Fatalf("%s: %s changed the state: %s", tt.reason, name, diff)
					}
				}
			})
		}
	}
}

// A snapshot from a backup does not know what was sent since.
func TestSnapshotOlder(t *testing.T) {
	a := newActivation(t)
	d := new(drop)
	path := filepath.Join(a.State, "snapshot.current")
	mustRun(t, a, day1, d)
	older := read(t, path)
	mustRun(t, a, day3, d)
	write(t, path, older)
	refuses(t, a, path, diff.ErrDamaged, entryPoints(t, a))

	// The way out that the message names.
	if err := os.Remove(filepath.Join(a.State, "ledger")); err != nil {
		t.Fatal(err)
	}
	a.Refresh = true
	u := newUniverse(true)
	mustRun(t, a, day3, d)
	u.imports(t, d)
	if diff := cmp.Diff(after3, u.contacts); diff != "" {
		t.Error(diff)
	}
}
