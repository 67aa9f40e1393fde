package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// TestChart draws the bars of the guide to performance from its table. When the
// table has changed, it prints what to put in their place.
func TestChart(t *testing.T) {
	const guide = "docs/performance.md"
	text := read(t, guide)
	var times, memory strings.Builder
	bar := func(to *strings.Builder, size, who, cell string, unit float64) {
		n, err := strconv.ParseFloat(strings.NewReplacer(",", "", " MiB", "").Replace(cell), 64)
		if err != nil {
			t.Fatalf("%s: %v", guide, err)
		}
		blocks := max(1, int(math.Round(n/unit)))
		fmt.Fprintf(to, "%10s  %-8s %s %s\n", size, who, strings.Repeat("█", blocks), cell)
	}
	_, table, ok := strings.Cut(text, "| contacts | time, DuckDB = 1 | peak memory csvsync | peak memory DuckDB |\n| --- | --- | --- | --- |\n")
	if !ok {
		t.Fatalf("%s has no table that this test knows", guide)
	}
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "| \n"), " | ")
		if len(cells) != 4 {
			break
		}
		bar(&times, cells[0], "csvsync", cells[1], 0.025)
		bar(&times, "", "DuckDB", "1", 0.025)
		bar(&memory, cells[0], "csvsync", cells[2], 75)
		bar(&memory, "", "DuckDB", cells[3], 75)
	}
	want := "```text\ntime, DuckDB = 1 (█ is 0.025)\n" + times.String() + "\npeak memory (█ is 75 MiB, and no bar is shorter)\n" + memory.String() + "```\n"
	if !strings.Contains(text, want) {
		t.Errorf("the bars in %s are not those of its table, which are\n%s", guide, want)
	}
}
