package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spliosync/spliosync/splio"
)

// metrics are counted from the reports of runs. Its zero value is that of a
// service that has just been started, except for since.
type metrics struct {
	mu      sync.Mutex
	since   time.Time // of the last success, or of the start
	runs    map[string]int64
	records map[string]int64
	files   int64
	last    *splio.Report // of the last plan
	braked  bool
}

// start begins to count.
func (m *metrics) start(now time.Time) {
	m.since, m.runs, m.records = now, make(map[string]int64), make(map[string]int64)
}

// age is the time since the last success.
func (m *metrics) age() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.since)
}

// count counts a run.
func (m *metrics) count(outcome string, report *splio.Report, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs[outcome]++
	m.braked = outcome == "braked"
	if report == nil {
		return
	}
	// A plan counts once, when its last file has arrived: in this run, or in a
	// later one as the one that was resumed.
	if resumed := report.Resumed; resumed != nil && !slices.ContainsFunc(resumed.Files, func(f splio.File) bool { return !f.Delivered }) {
		m.add(resumed)
	}
	if report.Plan != "" {
		m.last = report
	}
	if err == nil {
		m.since = time.Now()
		m.add(report)
	}
}

func (m *metrics) add(r *splio.Report) {
	m.records["inserted"] += r.Inserted
	m.records["updated"] += r.Updated
	m.records["unchanged"] += r.Unchanged
	m.records["duplicate"] += r.Duplicate
	m.records["rejected"] += r.Rejected
	m.records["held_back"] += r.HeldBack
	m.files += int64(len(r.Files))
}

// serve writes the text format of Prometheus.
func (m *metrics) serve(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	family := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP spliosync_%s %s\n# TYPE spliosync_%s %s\n", name, help, name, kind)
	}
	m.mu.Lock()
	family("runs_total", "counter", "Runs by outcome.")
	for _, outcome := range slices.Sorted(maps.Keys(m.runs)) {
		fmt.Fprintf(&b, "spliosync_runs_total{outcome=%q} %d\n", outcome, m.runs[outcome])
	}
	family("records_total", "counter", "Records of delivered plans by what became of them.")
	for _, what := range slices.Sorted(maps.Keys(m.records)) {
		fmt.Fprintf(&b, "spliosync_records_total{what=%q} %d\n", what, m.records[what])
	}
	family("files_total", "counter", "Files of delivered plans.")
	fmt.Fprintf(&b, "spliosync_files_total %d\n", m.files)
	family("last_success_timestamp_seconds", "gauge", "Time of the last delivered run, or of the start.")
	fmt.Fprintf(&b, "spliosync_last_success_timestamp_seconds %d\n", m.since.Unix())
	family("braked", "gauge", "1 when the last run was braked.")
	fmt.Fprintf(&b, "spliosync_braked %d\n", map[bool]int{true: 1}[m.braked])
	if m.last != nil {
		family("waiting_files", "gauge", "Files of earlier plans that nobody has taken yet.")
		fmt.Fprintf(&b, "spliosync_waiting_files %d\n", len(m.last.Waiting))
		family("brake_ratio", "gauge", "How near the last plan came to each brake, which is hit above 1.")
		for _, r := range m.last.Brakes {
			if r.Limit > 0 {
				// The names of attributes have no character that a label would not take.
				fmt.Fprintf(&b, "spliosync_brake_ratio{brake=%q,column=%q} %.3f\n", r.Brake, r.Column, r.Share/r.Limit)
			}
		}
	}
	m.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write([]byte(b.String()))
}
