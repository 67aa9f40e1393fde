package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// binary is where the program is, as its users build it.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryDir, "csvsync.exe") // the suffix that one system needs does no harm on others
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

var binaryDir string

func TestMain(m *testing.M) {
	var err error
	if binaryDir, err = os.MkdirTemp("", "csvsync"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(binaryDir)
	os.Exit(status)
}

func build(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// gate stops the server at the n-th request that match accepts, until it is opened.
type gate struct {
	match   func(op, path string) bool
	reached chan struct{}

	mu     sync.Mutex
	n      int
	opened chan struct{}
	answer error
}

func newGate(n int, match func(op, path string) bool) *gate {
	return &gate{match: match, n: n, reached: make(chan struct{}), opened: make(chan struct{})}
}

func (g *gate) hook(op, path string) error {
	if !g.match(op, path) {
		return nil
	}
	g.mu.Lock()
	g.n--
	mine := g.n == 0
	g.mu.Unlock()
	if !mine {
		return nil
	}
	close(g.reached)
	<-g.opened
	return g.answer
}

// open lets the request pass, or fail.
func (g *gate) open(answer error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.opened:
	default:
		g.answer = answer
		close(g.opened)
	}
}

// process is a run of the program, stopped at a gate.
type process struct {
	*exec.Cmd
	stderr strings.Builder // to be read after the end
	ended  chan struct{}
}

// halted starts the program, and returns when the server is at the gate.
func halted(t *testing.T, b *bench, g *gate, flags ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(build(t), b.args(flags...)...), ended: make(chan struct{})}
	p.Stderr = &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		g.open(nil) // the server waits for its requests
		p.Process.Kill()
		<-p.ended
	})
	select {
	case <-g.reached:
	case <-p.ended:
		t.Fatalf("the program ended before the moment to stop it: %s", p.stderr.String())
	}
	return p
}

// bigSegment is a segment of two files: a contact without points is told nothing about them, which takes a file of its own.
func (b *bench) bigSegment() []string {
	b.setMapping(`{"key":{"from":"email","to":"email"},"fields":[{"from":"first_name","to":"firstname"},
		{"from":"points","to":"points","custom":true,"empty":"absent"}]}`)
	lines := []string{"email,first_name,points\n"}
	for i := range 6000 {
		points := fmt.Sprint(i)
		if i%2 == 1 {
			points = ""
		}
		lines = append(lines, fmt.Sprintf("contact.%d@example.com,First name number %d,%s\n", i, i, points))
	}
	return lines
}

// wantBig compares what was delivered with the lines of a segment.
func (b *bench) wantBig(lines []string) {
	b.t.Helper()
	got := replay(b.t, b.drop)
	if len(got) != len(lines)-1 {
		b.t.Errorf("%d contacts at the destination, want %d", len(got), len(lines)-1)
	}
	for _, line := range lines[1:] {
		f := strings.Split(strings.TrimSpace(line), ",")
		if c := got[f[0]]; c["firstname"] != f[1] || c["points"] != f[2] {
			b.t.Fatalf("contact %s is %v at the destination, want %v", f[0], c, f)
		}
	}
}

// Killed at any moment of an upload, the next run makes up for it, with a segment that has changed since: the drop directory
// then holds every file whole, and nothing else.
func TestKilled(t *testing.T) {
	in := func(op, suffix string) func(string, string) bool {
		return func(o, path string) bool { return o == op && strings.HasSuffix(path, suffix) }
	}
	for _, tt := range []struct {
		name  string
		n     int
		match func(op, path string) bool
		made  string // the file that the request under way makes all the same; none when it is lost
	}{
		{"at the first look", 1, in("stat", ".csv"), ""},
		{"at the second look, before anything is sent", 1, in("lstat", ".csv"), ""},
		{"before the first byte", 1, in("open", ".part"), ""},
		{"before the first byte, file made", 1, in("open", ".part"), "*.part"},
		{"in the first packet", 1, in("write", ".part"), ""},
		{"in the middle of the upload", 3, in("write", ".part"), ""},
		{"at the end of the upload", 1, in("close", ".part"), ""},
		{"at the rename, which is lost", 1, in("rename", ".csv"), ""},
		{"at the rename, which is done", 1, in("rename", ".csv"), "acme_contacts_crm_20260301.csv"},
		{"after the rename", 2, in("stat", ".csv"), ""},
		{"in the middle of the second file", 7, in("write", ".part"), ""},
		{"at the rename of the second file, which is done", 2, in("rename", ".csv"), "acme_contacts_crm_20260301_2.csv"},
		{"after the rename of the second file", 4, in("stat", ".csv"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			lines := b.bigSegment()
			b.setSegment(lines...)
			g := newGate(tt.n, tt.match)
			b.overSFTP(sftpxtest.Options{Hook: g.hook})
			p := halted(t, b, g, day1, "-insert")

			b.sync(day1, "-insert").want(t, statusFailed, "in use by another process")
			if err := p.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-p.ended
			if tt.made == "" {
				g.open(errors.New("the server has lost the request"))
			} else { // the server does what it was asked to, for nobody
				g.open(nil)
				appears(t, filepath.Join(b.drop, tt.made))
			}

			lines[1] = "contact.0@example.com,Changed,0\n"
			lines = append(lines, "late@example.com,Late,\n")
			b.setSegment(lines...)
			want := []string{"acme_contacts_crm_20260302.csv", "acme_contacts_crm_20260302_2.csv"}
			if tt.name == "at the first look" { // the plan was not on its way: it is made anew
				b.sync(day2, "-insert").want(t, statusDone, "6001 inserted")
			} else {
				b.sync(day2, "-insert").want(t, statusDone, "the delivery of an earlier run", "1 inserted, 1 updated")
				want = append([]string{"acme_contacts_crm_20260301.csv", "acme_contacts_crm_20260301_2.csv"}, want...)
			}
			if got := names(t, b.drop); !slices.Equal(got, want) {
				t.Errorf("the drop directory has %q, want %q", got, want)
			}
			b.wantBig(lines)
			b.sync(day3, "-insert").want(t, statusDone, "6001 unchanged", "nothing to send")
		})
	}
}

// appears waits for a file, as long as the test may take.
func appears(t *testing.T, pattern string) {
	t.Helper()
	for {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Killed at no moment in particular, while the server is slow: wherever that is, nothing is lost.
func TestKilledAnywhere(t *testing.T) {
	b := newBench(t)
	lines := b.bigSegment()
	b.setSegment(lines...)
	b.overSFTP(sftpxtest.Options{BytesPerSecond: 600_000})
	for wait := 10 * time.Millisecond; wait < 400*time.Millisecond; wait += 60 * time.Millisecond {
		cmd := exec.Command(build(t), b.args(day1, "-insert")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		cmd.Process.Kill()
		cmd.Wait()
	}
	b.sync(day1, "-insert").want(t, statusDone)
	b.wantBig(lines)
	if got, want := names(t, b.drop), []string{"acme_contacts_crm_20260301.csv", "acme_contacts_crm_20260301_2.csv"}; !slices.Equal(got, want) {
		t.Errorf("the drop directory has %q, want %q", got, want)
	}
}

var (
	kills    = flag.Int("kills", 25, "how often TestKilledOften kills csvsync")
	killSeed = flag.Uint64("killseed", 0, "the seed of TestKilledOften, 0 for a random one")
)

// runOrKill runs a program, kills it after a time unless that is 0, and reports whether that came first.
func runOrKill(t *testing.T, limit time.Duration, program string, args ...string) (killed bool, err error) {
	t.Helper()
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if limit > 0 {
		stop := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
		defer stop.Stop()
	}
	err = cmd.Wait()
	return cmd.ProcessState.ExitCode() < 0, err // by the signal
}

// Killed again and again at random moments of a short run, over a segment that changes every day: whenever a run comes to
// its end, the destination has what the segment says.
func TestKilledOften(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	r := rand.New(rand.NewPCG(seed, 0))
	b := newBench(t)
	program := build(t)
	lines := []string{"email,first_name,points\n"}
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("contact.%d@example.com,Ann,%d\n", i, i))
	}
	start := time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC)
	longest := time.Duration(0) // of a run that came to its end
	killed, ended := 0, 0
	for day := 0; killed < *kills; day++ {
		for range r.IntN(4) {
			i := 1 + r.IntN(len(lines)-1)
			lines[i] = fmt.Sprintf("contact.%d@example.com,Bea,%d\n", i-1, r.IntN(1000))
		}
		b.setSegment(lines...)
		args := b.args("-insert", "-now="+start.AddDate(0, 0, day).Format(time.RFC3339))
		begin := time.Now()
		limit := time.Duration(0) // the first run tells how long one takes
		if day > 0 {
			limit = time.Duration(r.Int64N(int64(longest * 2)))
		}
		gone, err := runOrKill(t, limit, program, args...)
		if gone {
			killed++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d, day %d: %v", seed, day, err)
		}
		ended++
		longest = min(time.Since(begin), time.Second)
		b.wantBig(lines)
	}
	b.sync("-insert", "-now="+start.AddDate(10, 0, 0).Format(time.RFC3339)).want(t, statusDone)
	b.wantBig(lines)
	t.Logf("seed %d: killed %d times, ended %d times, nothing lost", seed, killed, ended)
}
