package spliotest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LogName is the name of the log in the directory of the reports. It has a line
// for each file that was read, in the order in which they were:
//
//	acme_contacts_crm_20250314.csv: 3 rows: 1 created, 1 updated, 0 deleted, 0 ignored, 1 skipped
//	acme_contacts_crm_20250315.csv: skipped: the header has an unknown column "tier"
const LogName = "imports.log"

// ReportName is the name of the report of a file in the directory of the reports:
// its own without ".csv", and "_report.csv". There is one when the file was not
// skipped as a whole, and a later file of the same name replaces it. It is a CSV file with
// semicolons, and has a line for each row or cell that was skipped, below the
// header
//
//	line;key;reason
//
// The key is empty when it could not be read.
func ReportName(file string) string { return strings.TrimSuffix(file, ".csv") + "_report.csv" }

// archive copies a file into the archive.
func (s *Splio) archive(name string, data []byte) error {
	if s.o.Archive == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(s.o.Archive, name), data, 0o644); err != nil {
		return fmt.Errorf("spliotest: archive: %w", err)
	}
	return nil
}

// report writes the report of a file, and a line of the log.
func (s *Splio) report(r Result) error {
	if s.o.Reports == "" {
		return nil
	}
	var err error
	if r.FileError == "" {
		err = r.write(filepath.Join(s.o.Reports, ReportName(r.File)))
	}
	if err == nil {
		err = appendLine(filepath.Join(s.o.Reports, LogName), r.String())
	}
	if err != nil {
		return fmt.Errorf("spliotest: report: %w", err)
	}
	return nil
}

// String is the line of the log.
func (r Result) String() string {
	if r.FileError != "" {
		return fmt.Sprintf("%s: skipped: %s", r.File, r.FileError)
	}
	return fmt.Sprintf("%s: %d rows: %d created, %d updated, %d deleted, %d ignored, %d skipped",
		r.File, r.Rows, r.Created, r.Updated, r.Deleted, r.Ignored, len(r.Skipped))
}

func (r Result) write(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	w.Comma = ';'
	lines := [][]string{{"line", "key", "reason"}}
	for _, skips := range [][]Skip{r.Skipped, r.Cells} {
		for _, k := range skips {
			reason := k.Reason
			if k.Column != "" {
				reason = "column " + k.Column + ": " + reason
			}
			lines = append(lines, []string{strconv.Itoa(k.Line), k.Key, reason})
		}
	}
	return w.WriteAll(lines)
}

func appendLine(path, line string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = fmt.Fprintln(f, line)
	return err
}
