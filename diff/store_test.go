package diff_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/diff"
)

// The test binary can be the other process that holds the lock.
func TestMain(m *testing.M) {
	dir := os.Getenv("DIFF_TEST_HOLD")
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := diff.Open(dir, diff.Options{}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or its parent ends
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on demand")
	s := open(t, dir, diff.Options{})
	_, err := diff.Open(dir, diff.Options{})
	if !errors.Is(err, diff.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d since 2", os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Errorf("in the same process: %v", err)
	}
	if _, err := diff.Open(dir, diff.Options{ReadOnly: true}); err != nil {
		t.Errorf("reading needs no lock: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.CommandContext(t.Context(), exe)
	other.Env = append(os.Environ(), "DIFF_TEST_HOLD="+dir)
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	_, err = diff.Open(dir, diff.Options{})
	if !errors.Is(err, diff.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d since 2", other.Process.Pid)) {
		t.Errorf("in another process: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed
	s, err = diff.Open(dir, diff.Options{})
	if err != nil {
		t.Fatalf("the lock outlived its process: %v", err)
	}
	s.Close()
}

func TestPermissionsAndNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir, diff.Options{})
	deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"))
	r := begin(t, s, "a b", diff.RunOptions{})
	compare(t, r)
	id := stage(t, r)
	r = begin(t, s, "a b", diff.RunOptions{})
	compare(t, r)
	got := names(t, dir)
	if len(got) != 5 || !strings.HasPrefix(got[4], "snapshot.tmp-") {
		t.Fatalf("got %q", got)
	}
	if want := []string{"snapshot.current", "snapshot.key", "snapshot.lock", "snapshot.staged-" + id}; !slices.Equal(got[:4], want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if runtime.GOOS != "windows" {
		for _, name := range append(got, ".") {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: others may read it: %v, %v", name, info.Mode(), err)
			}
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 4 {
		t.Errorf("after Close of the run: %q", got)
	}
}

func TestOthersFilesStay(t *testing.T) {
	dir := t.TempDir()
	id := strings.Repeat("ab", 16)
	ours := []string{"snapshot.tmp-" + id, "snapshot.key.tmp-ABCDEF"}
	others := []string{"snapshot.tmp-notes", "snapshot.tmp-" + strings.ToUpper(id), "snapshot.staged-notes", "snapshot.staged-" + id + ".bak", "notes", "snapshot.tmp", "xsnapshot.tmp-" + id}
	for _, n := range append(ours, others...) {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, diff.Options{})
	deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"))
	if _, err := s.MarkDue(t.Context(), keys("ann")); err != nil {
		t.Error(err)
	}
	got := names(t, dir)
	for _, n := range others {
		if !slices.Contains(got, n) {
			t.Errorf("%s is gone", n)
		}
	}
	for _, n := range ours {
		if slices.Contains(got, n) {
			t.Errorf("%s was left by a crash and stays", n)
		}
	}
}

// newRun stages a run with these records.
func newRun(t *testing.T, s *diff.Store, records ...in) string {
	t.Helper()
	r := begin(t, s, "a b", diff.RunOptions{Create: true})
	put(t, r, records...)
	compare(t, r)
	id := stage(t, r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// holds tells what the current snapshot holds, by what a run says.
func holds(t *testing.T, s *diff.Store, records ...in) bool {
	t.Helper()
	r := begin(t, s, "a b", diff.RunOptions{Create: true})
	defer r.Close()
	put(t, r, records...)
	sum := compare(t, r)
	return sum.Unchanged == int64(len(records)) && sum.Previous == sum.Unchanged
}

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{})
	ann, ben := rec("ann", "1 2"), rec("ben", "3 4")
	one, two := newRun(t, s, ann), newRun(t, s, ben)
	if !holds(t, s) {
		t.Error("a staged snapshot counts before it is published")
	}
	if err := errors.Join(s.Verify(t.Context(), one), s.Verify(t.Context(), two)); err != nil {
		t.Errorf("both are from the same base: %v", err)
	}
	s.Close()

	s = open(t, dir, diff.Options{}) // another process publishes
	publish(t, s, one)
	if !holds(t, s, ann) {
		t.Error("the published snapshot is not current")
	}
	if err := s.Publish(t.Context(), two); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a stale candidate was not removed: %v", err)
	}
	publish(t, s, one)
	if err := s.Verify(t.Context(), one); err != nil {
		t.Errorf("the current snapshot: %v", err)
	}

	// Publishing the current snapshot again does nothing, least of all to a
	// candidate that was computed from it.
	three := newRun(t, s, ann, ben)
	publish(t, s, one)
	publish(t, s, three)
	if !holds(t, s, ann, ben) {
		t.Error("the third is not current")
	}
	if err := s.Publish(t.Context(), one); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an older one: %v", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"snapshot.current", "snapshot.key", "snapshot.lock"}) {
		t.Errorf("left behind: %q", got)
	}
}

func TestPublishStale(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{})
	ann, ben := rec("ann", "1 2"), rec("ben", "3 4")
	early := begin(t, s, "a b", diff.RunOptions{Create: true}) // begins from nothing
	late := begin(t, s, "a b", diff.RunOptions{Create: true})
	put(t, early, ann)
	put(t, late, ben)
	compare(t, early)
	compare(t, late)
	one := stage(t, early)
	publish(t, s, one)
	two := stage(t, late)
	before := tree(t, dir)
	for _, err := range []error{s.Verify(t.Context(), two), s.Publish(t.Context(), two)} {
		if !errors.Is(err, diff.ErrStale) || !strings.Contains(err.Error(), two) {
			t.Errorf("got %v", err)
		}
	}
	if after := tree(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("a refused Publish altered files")
	}
	if _, err := s.MarkDue(t.Context(), keys("ann")); !errors.Is(err, diff.ErrStaged) || !strings.Contains(err.Error(), two) {
		t.Errorf("MarkDue while staged: %v", err)
	}
	if err := errors.Join(s.Discard(two), s.Discard(two)); err != nil {
		t.Errorf("Discard, and again: %v", err)
	}
	if !holds(t, s, ann) {
		t.Error("the current snapshot is another")
	}
	if n, err := s.MarkDue(t.Context(), keys("ann", "zoe", "ann")); n != 1 || err != nil {
		t.Errorf("MarkDue: %d, %v", n, err)
	}

	// Marks make a run stale that began before.
	r := begin(t, s, "a b", diff.RunOptions{Create: true})
	put(t, r, ann)
	compare(t, r)
	if _, err := s.MarkDue(t.Context(), keys("ann")); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), stage(t, r)); !errors.Is(err, diff.ErrStale) {
		t.Errorf("a run from before the marks: %v", err)
	}
}

// A record that is reported again and again is sent again so many times and no
// more, until it changes.
func TestMarkReported(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	ann, bob := rec("ann", "1 2"), rec("bob", "3 4")
	deliver(t, s, diff.RunOptions{Create: true}, ann, bob)
	report := func(wantMarked, wantSpent int64) {
		t.Helper()
		marked, spent, err := s.MarkReported(t.Context(), keys("ann", "zoe"), 2)
		if marked != wantMarked || spent != wantSpent || err != nil {
			t.Errorf("MarkReported: %d, %d, %v, want %d and %d", marked, spent, err, wantMarked, wantSpent)
		}
	}
	due := func(want int64, records ...in) {
		t.Helper()
		r := begin(t, s, "a b", diff.RunOptions{Create: true})
		put(t, r, records...)
		if sum := compare(t, r); sum.Due != want {
			t.Errorf("%d due, want %d", sum.Due, want)
		}
		publish(t, s, stage(t, r))
	}
	report(1, 0)
	due(1, ann, bob)
	due(0, ann, bob)
	report(1, 0)
	due(1, ann, bob)
	report(0, 1) // twice is enough
	due(0, ann, bob)
	ann = rec("ann", "1 9")
	due(0, ann, bob) // changed, as any other
	report(1, 0)     // and it counts anew
	due(1, ann, bob)
	for _, most := range []int{0, diff.MaxReports + 1} {
		if _, _, err := s.MarkReported(t.Context(), keys("ann"), most); err == nil {
			t.Errorf("%d times pass", most)
		}
	}
}

func TestPublishRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{})
	id := deliver(t, s, diff.RunOptions{}, rec("ann", "1 2"))
	other := newRun(t, s)
	for _, bad := range []string{"", "x", id[1:], strings.ToUpper(other), "../" + id, strings.Repeat("0", 32)} {
		for what, err := range map[string]error{"Publish": s.Publish(t.Context(), bad), "Verify": s.Verify(t.Context(), bad), "Discard": s.Discard(bad)} {
			if err == nil || !strings.HasPrefix(err.Error(), "diff: ") {
				t.Errorf("%s(%q): %v", what, bad, err)
			}
		}
	}
	missing := strings.Repeat("1", 32)
	if err := s.Publish(t.Context(), missing); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "diff: ") {
		t.Errorf("missing: %v", err)
	}
	// Under another name it is another snapshot.
	if err := os.Rename(filepath.Join(dir, "snapshot.staged-"+other), filepath.Join(dir, "snapshot.staged-"+missing)); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), missing); !errors.Is(err, diff.ErrDamaged) {
		t.Errorf("misnamed: %v", err)
	}
	publish(t, s, id) // does not stumble over it
	if !slices.Contains(names(t, dir), "snapshot.staged-"+missing) {
		t.Error("a candidate that can not be understood was removed")
	}
}

// Every byte of a candidate counts: it takes the place of a good snapshot.
func TestPublishDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}})
	deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"))
	id := newRun(t, s, rec("ben", "1 2"))
	s.Close()
	s = open(t, dir, diff.Options{Key: goldKey, FS: quick{osFS(t, dir)}}) // who did not write it
	path := filepath.Join(dir, "snapshot.staged-"+id)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(name string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*diff.StateError](s.Publish(t.Context(), id)); !ok {
			t.Fatalf("%s: was published", name)
		}
	}
	for i := range whole {
		b := slices.Clone(whole)
		b[i] ^= 1
		try(fmt.Sprintf("byte %d", i), b)
		try(fmt.Sprintf("%d bytes", i), whole[:i])
	}
	if !holds(t, s, rec("ann", "1 2")) {
		t.Error("the current snapshot is another")
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	publish(t, s, id)
	if !holds(t, s, rec("ben", "1 2")) {
		t.Error("the current snapshot is another")
	}
}

func TestReadOnly(t *testing.T) {
	parent := t.TempDir()
	missing := filepath.Join(parent, "missing")
	full := filepath.Join(parent, "full")
	empty := filepath.Join(parent, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	w := open(t, full, diff.Options{})
	deliver(t, w, diff.RunOptions{Create: true}, rec("ann", "1 2"))
	id := newRun(t, w)
	if err := os.WriteFile(filepath.Join(full, "snapshot.tmp-"+id), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{missing: "read=1 new=1", empty: "read=1 new=1", full: "read=1 changed=1 previous=1 a=1"} {
		var before map[string]string
		if dir != missing {
			before = tree(t, dir)
		}
		s := open(t, dir, diff.Options{ReadOnly: true})
		r := begin(t, s, "a b", diff.RunOptions{})
		put(t, r, rec("ann", "x 2"))
		if got := counts(compare(t, r)); got != want {
			t.Errorf("%s: %s", dir, got)
		}
		if changes(t, r, []string{"a", "b"}) == "" {
			t.Errorf("%s: no changes", dir)
		}
		_, stageErr := r.Stage(t.Context())
		_, markErr := s.MarkDue(t.Context(), keys("ann"))
		_, forgetErr := s.Forget(t.Context(), keys("ann"))
		for what, err := range map[string]error{"Stage": stageErr, "MarkDue": markErr, "Forget": forgetErr, "Publish": s.Publish(t.Context(), id),
			"Verify": s.Verify(t.Context(), id), "Discard": s.Discard(id)} {
			if !errors.Is(err, diff.ErrReadOnly) {
				t.Errorf("%s: %s: %v", dir, what, err)
			}
		}
		if err := errors.Join(r.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if _, err := s.Begin(t.Context(), nil, diff.RunOptions{}); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: Begin after Close: %v", dir, err)
		}
		if dir == missing {
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the missing directory was made: %v", err)
			}
		} else if after := tree(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s: files were altered", dir)
		}
	}
}

// Whatever is called too late or too early is an error, never a panic.
func TestOutOfOrder(t *testing.T) {
	s := open(t, t.TempDir(), diff.Options{})
	deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"))
	firstChange := func(r *diff.Run) error {
		for _, err := range r.Changes(t.Context()) {
			return err
		}
		return nil
	}
	r := begin(t, s, "a b", diff.RunOptions{})
	if err := firstChange(r); err == nil {
		t.Error("Changes before Compare")
	}
	if _, err := r.Stage(t.Context()); err == nil {
		t.Error("Stage before Compare")
	}
	put(t, r, rec("ann", "1 2"), rec("ben", "1 2"))
	compare(t, r)
	if _, err := r.Compare(t.Context()); err == nil {
		t.Error("Compare twice")
	}
	id := stage(t, r)
	if _, err := r.Stage(t.Context()); err == nil {
		t.Error("Stage twice")
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Errorf("Close twice: %v", err)
	}
	if err := firstChange(r); err == nil {
		t.Error("Changes after Close")
	}
	if _, err := r.Stage(t.Context()); err == nil {
		t.Error("Stage after Close")
	}
	if _, err := r.Compare(t.Context()); err == nil {
		t.Error("Compare after Close")
	}
	if err := r.Feed().Put(1, nil, nil); err == nil {
		t.Error("Put after Close")
	}
	r = begin(t, s, "a b", diff.RunOptions{})
	r.Close()
	if _, err := r.Compare(t.Context()); err == nil {
		t.Error("Compare after an early Close")
	}

	begun := begin(t, s, "a b", diff.RunOptions{})
	put(t, begun, rec("ann", "1 2"))
	compared := begin(t, s, "a b", diff.RunOptions{})
	put(t, compared, rec("ann", "1 2"))
	compare(t, compared)
	s.Close()
	ctx := t.Context()
	for what, do := range map[string]func() error{
		"Begin":   func() error { _, err := s.Begin(ctx, nil, diff.RunOptions{}); return err },
		"Compare": func() error { _, err := begun.Compare(ctx); return err },
		"Stage":   func() error { _, err := compared.Stage(ctx); return err },
		"Publish": func() error { return s.Publish(ctx, id) },
		"Verify":  func() error { return s.Verify(ctx, id) },
		"Discard": func() error { return s.Discard(id) },
		"MarkDue": func() error { _, err := s.MarkDue(ctx, keys("ann")); return err },
	} {
		if err := do(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close of the store: %v", what, err)
		}
	}
	if err := errors.Join(begun.Close(), compared.Close()); err != nil {
		t.Errorf("runs closed after their store: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := diff.Open(dir, diff.Options{Scope: strings.Repeat("x", 1025)}); err == nil {
		t.Error("a scope of 1,025 bytes")
	}
	s, err := diff.Open(dir, diff.Options{Scope: strings.Repeat("x", 1024)})
	if err != nil {
		t.Fatalf("a scope of 1,024 bytes: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	deliver(t, s, diff.RunOptions{Create: true}, rec("ann", "1 2"))
	if !holds(t, s, rec("ann", "1 2")) {
		t.Error("a scope of 1,024 bytes can not be read back")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		if _, err := diff.Open(file, diff.Options{ReadOnly: readOnly}); err == nil || !strings.HasPrefix(err.Error(), "diff: ") {
			t.Errorf("a file in the place of the directory: %v", err)
		}
	}
}

func TestMarkDueWithoutSnapshot(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, diff.Options{})
	if n, err := s.MarkDue(context.Background(), keys("ann")); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"snapshot.lock"}) {
		t.Errorf("it made %q", got)
	}
}
