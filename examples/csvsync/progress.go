package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spliosync/spliosync/splio"
)

// progress shows how far a run is: as a bar in one line of a terminal, otherwise a line for each tenth of a stage with so
// much to do that somebody may wonder. It shows numbers only.
type progress struct {
	w        io.Writer
	terminal bool
	colour   bool

	shown string // in the line of the terminal

	stage splio.Stage
	step  int64 // of the stage, told last in a line of its own
}

// newProgress shows progress on standard error.
func newProgress(stderr io.Writer) *progress {
	p := &progress{w: stderr, terminal: isTerminal(stderr) && os.Getenv("TERM") != "dumb"}
	p.colour = p.terminal && os.Getenv("NO_COLOR") == "" && runtime.GOOS != "windows"
	return p
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// From when on a stage gets lines, and how many records are one where nobody knows how many there are.
const (
	manyBytes   = 64 << 20
	manyRows    = 1_000_000
	stepRecords = 1_000_000
)

// show is an OnProgress function.
func (p *progress) show(now splio.Progress) {
	done, known := now.Fraction()
	if p.terminal {
		p.draw(p.bar(now, done, known))
		return
	}
	step, told := now.Records/stepRecords, fmt.Sprintf("%d million records", now.Records/stepRecords)
	if known {
		step, told = int64(done*10), fmt.Sprintf("%d%%", int(done*100))
	}
	if now.Stage != p.stage {
		p.stage, p.step = now.Stage, step
	}
	if step <= p.step || known && max(now.BytesTotal, now.SentTotal) < manyBytes && now.RowsTotal < manyRows {
		return
	}
	p.step = step
	fmt.Fprintf(p.w, "csvsync: %s: %s\n", now.Stage, told)
}

const barWidth = 30

// bar is the line of a terminal. It changes with each percent at most, so that it takes no time to speak of.
func (p *progress) bar(now splio.Progress, done float64, known bool) string {
	text := fmt.Sprintf("%-10s ", now.Stage)
	if known {
		full := int(done * barWidth)
		filled := strings.Repeat("#", full)
		if p.colour {
			filled = "\x1b[36m" + filled + "\x1b[0m"
		}
		text += fmt.Sprintf("[%s%s] %3d%%", filled, strings.Repeat(".", barWidth-full), int(done*100))
	}
	switch {
	case now.Stage == splio.StageDelivering:
		text += fmt.Sprintf("  file %d of %d", min(now.Files+1, now.FilesTotal), now.FilesTotal)
	case now.Records >= 100_000:
		text += fmt.Sprintf("  %.1f million records", float64(now.Records/100_000)/10)
	}
	return text
}

// draw replaces the line.
func (p *progress) draw(line string) {
	if line == p.shown {
		return
	}
	fmt.Fprint(p.w, "\r"+line+strings.Repeat(" ", max(0, width(p.shown)-width(line))))
	p.shown = line
}

// clear removes the line, so that something else can be written.
func (p *progress) clear() {
	if p != nil && p.shown != "" {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", width(p.shown))+"\r")
		p.shown = ""
	}
}

// width is how many columns a line takes.
func width(line string) int {
	line = strings.ReplaceAll(line, "\x1b[36m", "")
	return len(strings.ReplaceAll(line, "\x1b[0m", ""))
}
