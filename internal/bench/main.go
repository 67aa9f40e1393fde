// Command bench measures csvsync against what people use to find the changes
// between two files, on the same generated segment, as whole processes that run
// in turn, and writes a Markdown table: the median of the runs, the ratio to
// csvsync's second day, and the peak memory.
//
//	cd internal/bench && go run . -n 1000000 -runs 5
//
// The peers only find the changes; csvsync also maps, validates, writes and
// delivers the file, and keeps a durable snapshot. DuckDB comes through its Go
// driver; csvdiff takes part when it is installed. It is a module of its own, so
// that nobody else pays for it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) == 5 && os.Args[1] == "duckdb" { // the peer in a process of its own
		exit(duckdb(os.Args[2], os.Args[3], os.Args[4]))
		return
	}
	n := flag.Uint64("n", 1_000_000, "contacts of the first day")
	seed := flag.Uint64("seed", 1, "the same seed makes the same segment")
	runs := flag.Int("runs", 5, "runs of each contestant")
	dir := flag.String("dir", "", "directory for the files; by default a temporary one, removed at the end")
	flag.Parse()
	exit(bench(*n, *seed, *runs, *dir))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(n, seed uint64, runs int, dir string) (err error) {
	if n < 1000 || runs < 1 {
		return errors.New("-n is at least 1000, -runs at least 1")
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	a := arena{dir: dir, first: filepath.Join(dir, "first.csv"), second: filepath.Join(dir, "second.csv"), csvsync: filepath.Join(dir, "csvsync")}
	if a.self, err = os.Executable(); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", a.csvsync, "./examples/csvsync")
	build.Dir = filepath.Join("..", "..") // its module is another one
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build csvsync: %w\n%s", err, out)
	}
	added, changed, err := newSegment(n, seed).write(a.first, a.second)
	if err != nil {
		return err
	}
	if err := os.WriteFile(a.path("mapping.json"), []byte(mappingJSON), 0o600); err != nil {
		return err
	}
	// What csvsync remembers of the first day.
	if err := a.clean(); err != nil {
		return err
	}
	if out, err := a.sync(a.first).CombinedOutput(); err != nil {
		return fmt.Errorf("first day: %w\n%s", err, out)
	}
	if err := os.Rename(a.path("state"), a.path("state.first")); err != nil {
		return err
	}
	results, err := race(a.contestants(), runs, int64(added+changed))
	if err != nil {
		return err
	}
	fmt.Printf("%d contacts, %d new and %d changed on the second day; %d runs in turn; %s, %d processors, %s\n\n",
		n, added, changed, runs, processor(), runtime.NumCPU(), runtime.Version())
	fmt.Println("| | median s | min s | ratio | peak MiB |\n|---|---|---|---|---|")
	base := results[0].median()
	for _, r := range results {
		fmt.Printf("| %s | %.2f | %.2f | %.1f | %d |\n", r.name, r.median().Seconds(), slices.Min(r.wall).Seconds(),
			r.median().Seconds()/base.Seconds(), r.peak>>20)
	}
	return nil
}

// result is what was measured of a contestant.
type result struct {
	name string
	wall []time.Duration
	peak int64 // bytes, the largest of all runs
}

func (r result) median() time.Duration {
	sorted := slices.Sorted(slices.Values(r.wall))
	return sorted[len(sorted)/2]
}

// race runs the contestants in turn, so that a machine that slows down slows
// them all down, and makes sure that they find what there is.
func race(list []contestant, runs int, rows int64) ([]result, error) {
	results := make([]result, len(list))
	var first *answer
	for range runs {
		for i, c := range list {
			if err := c.reset(); err != nil {
				return nil, err
			}
			settle()
			if err := warm(c.reads); err != nil {
				return nil, err
			}
			cmd := c.command()
			begin := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", c.name, err, out[:min(len(out), 2000)])
			}
			r := &results[i]
			r.name = c.name
			r.wall = append(r.wall, time.Since(begin))
			r.peak = max(r.peak, peak(cmd.ProcessState))
			if c.found == nil {
				continue
			}
			got, err := c.found()
			if err != nil || got.rows != rows {
				return nil, fmt.Errorf("%s found %d contacts, there are %d (%v)", c.name, got.rows, rows, err)
			}
			if first == nil {
				first = &got
			}
			if got != *first {
				return nil, fmt.Errorf("%s found other contacts than %s", c.name, list[0].name)
			}
		}
	}
	return results, nil
}

// warm reads files and what is in directories.
func warm(names []string) error {
	for _, name := range names {
		err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(struct{ io.Writer }{io.Discard}, f)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// processor names the machine where it tells.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}
