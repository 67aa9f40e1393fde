package diff_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

func TestNothingInClear(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Scope: "acme"})
	secret := "Wolfeschlegelsteinhausen"
	deliver(t, s, diff.RunOptions{}, in{key: secret, cells: []string{secret, secret}}, in{key: "x", cells: []string{secret, "1"}})
	for name, data := range tree(t, dir) {
		for i := range len(secret) - 5 {
			if strings.Contains(data, secret[i:i+6]) {
				t.Fatalf("%s holds a value", name)
			}
		}
	}
	l, ok := parse([]byte(tree(t, dir)["snapshot.current"]))
	var records []byte
	for _, b := range l.blocks {
		records = append(records, b.records...)
	}
	if !ok || len(records) != 2*l.size() {
		t.Fatalf("want two records: %d bytes", len(records))
	}
	seen := map[string]bool{}
	for r := range slices.Chunk(records, l.size()) {
		for i := range 2 {
			d := string(r[34+4*i:][:4])
			if seen[d] {
				t.Error("equal values can be told by their digests")
			}
			seen[d] = true
		}
	}
}

func TestKeys(t *testing.T) {
	good := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct {
		name, reason string
		file         string // "-": none
		ok           bool
	}{
		{"missing", "the snapshot is worthless without it, so no new one may be made", "-", false},
		{"another", "", strings.Repeat("f", 64), false},
		{"empty", "a full disk", "", false},
		{"short", "truncated", good[:62], false},
		{"odd", "truncated", good[:63], false},
		{"long", "", good + "00", false},
		{"very long", "not ours", strings.Repeat(good, 100), false},
		{"not hexadecimal", "", strings.Repeat("x", 64), false},
		{"space around", "edited by hand", " " + good + "\r\n\n", true},
		{"upper case", "edited by hand", strings.ToUpper(good), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "snapshot.key")
			if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, diff.Options{})
			deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"))
			r := begin(t, s, "a b", diff.RunOptions{})
			compare(t, r)
			id := stage(t, r)
			s.Close()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if c.file != "-" {
				if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, readOnly := range []bool{true, false} {
				s = open(t, dir, diff.Options{ReadOnly: readOnly})
				before := tree(t, dir)
				errs := []error{readAll(t.Context(), s, nil)}
				if !readOnly {
					errs = append(errs, s.Publish(t.Context(), id))
				}
				if c.ok {
					if err := errors.Join(errs...); err != nil {
						t.Fatal(err)
					}
					continue
				}
				for _, err := range errs {
					if _, ok := errors.AsType[*diff.StateError](err); !ok || !errors.Is(err, diff.ErrKey) {
						t.Errorf("got %v (%s)", err, c.reason)
					}
					if len(c.file) > 9 && strings.Contains(err.Error(), c.file[1:9]) {
						t.Errorf("the error tells the key: %v", err)
					}
				}
				if after := tree(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
					t.Error("files were altered")
				}
			}
		})
	}
}

func TestCallersKey(t *testing.T) {
	dir := t.TempDir()
	for _, key := range [][]byte{{}, make([]byte, 15)} {
		if _, err := diff.Open(dir, diff.Options{Key: key}); err == nil || !strings.Contains(err.Error(), "at least 16") {
			t.Errorf("%d bytes: %v", len(key), err)
		}
	}
	key := bytes.Clone(goldKey)
	s := open(t, dir, diff.Options{Key: key})
	clear(key) // as a careful caller does
	deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"))
	s.Close()
	if got := names(t, dir); !slices.Equal(got, []string{"snapshot.current", "snapshot.lock"}) {
		t.Errorf("a key that the caller keeps was written: %q", got)
	}
	s = open(t, dir, diff.Options{Key: goldKey})
	r := begin(t, s, "a b", diff.RunOptions{})
	put(t, r, rec("ann", "1 2"))
	if sum := compare(t, r); sum.Unchanged != 1 {
		t.Errorf("with the same key: %s", counts(sum))
	}
	s.Close()
	for _, key := range [][]byte{nil, goldKey[1:]} {
		s := open(t, dir, diff.Options{Key: key})
		if err := readAll(t.Context(), s, nil); !errors.Is(err, diff.ErrKey) {
			t.Errorf("with another key: %v", err)
		}
		s.Close()
	}
}

func TestKeyHides(t *testing.T) {
	key := diff.Key("correct horse battery staple")
	o := diff.Options{Key: key}
	data, err := json.Marshal(o.Key)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key)
	for _, text := range []string{
		fmt.Sprint(key), fmt.Sprintf("%+v %#v %s %x %q %d", o, o, key, key, key, key), key.String(), string(data), log.String(),
	} {
		if strings.Contains(text, "horse") || strings.Contains(text, "686f727365") || strings.Contains(text, "104 111") {
			t.Errorf("the key shows: %s", text)
		}
	}
}

func TestCurrent(t *testing.T) {
	dir := t.TempDir()
	s, err := diff.Open(dir, diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if id, err := s.Current(); id != "" || err != nil {
		t.Errorf("an empty store has the snapshot %q, %v", id, err)
	}
	r, err := s.Begin(t.Context(), nil, diff.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Compare(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := r.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now, err := s.Current(); now != "" || err != nil {
		t.Errorf("a staged snapshot is current: %q, %v", now, err)
	}
	if err := s.Publish(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Current(); now != id || err != nil {
		t.Errorf("got %q, %v, want %q", now, err, id)
	}
	if err := os.WriteFile(filepath.Join(dir, "snapshot.current"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Current(); !errors.Is(err, diff.ErrDamaged) {
		t.Errorf("a file of zeros: %v", err)
	}
}
