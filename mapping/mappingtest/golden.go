package mappingtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spliosync/spliosync/mapping"
)

// UpdateEnv is the environment variable that, when it is 1, makes [Kit.Golden] and [Kit.Sample] write their files:
//
//	MAPPINGTEST_UPDATE=1 go test ./...
const UpdateEnv = "MAPPINGTEST_UPDATE"

// Golden renders named records, given as to [Kit.Row], and compares them with the golden file. It fails the test for each
// record that renders to something else, for each that the file lacks, and for each in the file that is not among the
// records. A file that is missing, empty or not as described in the package comment fails the test too, and so does an
// empty table.
func (k *Kit) Golden(path string, records map[string]map[string]any) {
	k.t.Helper()
	var rows []goldenRow
	for _, name := range slices.Sorted(maps.Keys(records)) {
		rows = append(rows, goldenOf(name, k.Row(records[name])))
	}
	k.check(path, rows, byName, len(rows))
}

// Sample renders a segment and compares it with a golden file that was written earlier. A record of the segment is
// compared with the record of the file that has the same key, if the key is unique on both sides. The other records, such
// as those without a usable key, are matched by their position between these, so that an added or removed record does not
// make others differ. Sample fails the test when any record renders to something else, and says which attributes have
// changed in how many records, with the first differences. The mapping is bound to the segment's own fields. A segment
// that has no records or cannot be read fails the test, and so does a file that is missing, empty or not as described in
// the package comment.
//
// All rows are held in memory: a sample has some thousand records, not millions.
func (k *Kit) Sample(path string, segment mapping.Source) {
	k.t.Helper()
	fields, err := segment.Fields(k.t.Context())
	if err != nil {
		k.t.Fatalf("mappingtest: the fields of the sample: %v", err)
	}
	mapper := k.bind(fields)
	columns := mapper.Columns()
	var rows []goldenRow
	var row mapping.Row
	for rec, err := range segment.Records(k.t.Context()) {
		if err != nil {
			k.t.Fatalf("mappingtest: the sample ends after %d records: %v", len(rows), err)
		}
		mapper.Render(&row, rec)
		rows = append(rows, goldenOf(strconv.Itoa(len(rows)+1), rowOf(columns, &row)))
		rows[len(rows)-1].key = string(row.Key)
	}
	k.check(path, rows, k.byKey, shownDifferences)
}

// shownDifferences is how many records of a sample are shown.
const shownDifferences = 5

// check compares rows with the file, by what finds the line of the file that each row belongs to, or writes it.
func (k *Kit) check(path string, rows []goldenRow, belong func(golden, rows []goldenRow) []*goldenRow, shown int) {
	k.t.Helper()
	if len(rows) == 0 {
		k.t.Fatalf("mappingtest: there is no record to compare with %s", path)
	}
	if os.Getenv(UpdateEnv) == "1" {
		if err := writeGolden(path, rows); err != nil {
			k.t.Fatalf("mappingtest: %v", err)
		}
		k.t.Logf("mappingtest: wrote %d records to %s", len(rows), path)
		return
	}
	golden, err := readGolden(path)
	if err != nil {
		k.t.Fatalf("mappingtest: %v", err)
	}
	c := comparison{key: k.mapping.Key.To, order: k.mapper.Columns()}
	c.compare(golden, rows, belong(golden, rows))
	if len(c.different) > 0 {
		k.t.Errorf("mappingtest: %s: %s", path, c.text(shown))
	}
}

// wholeRecord stands for the attribute in what is reported about a record as a whole.
const wholeRecord = "(record)"

// goldenRow is a line of a golden file.
type goldenRow struct {
	Record string `json:"record"`
	outcome

	key string // of a sample; a golden file tells that of records that are not rejected only
}

// outcome is what is compared.
type outcome struct {
	Cells    map[string]string `json:"cells,omitempty"`
	Rejected bool              `json:"rejected,omitempty"`
	Reports  map[string]string `json:"reports,omitempty"` // "reason: action" by attribute
}

func goldenOf(name string, r Row) goldenRow {
	row := goldenRow{Record: name, outcome: outcome{Rejected: !r.OK}}
	if r.OK {
		row.Cells = r.Cells
	}
	for _, rejection := range r.Rejections {
		attribute := rejection.Attribute
		if attribute == "" {
			attribute = wholeRecord
		}
		if row.Reports == nil {
			row.Reports = make(map[string]string)
		}
		said := rejection.Reason + ": " + string(rejection.Action)
		if before, ok := row.Reports[attribute]; ok {
			said = before + "; " + said
		}
		row.Reports[attribute] = said
	}
	return row
}

func writeGolden(path string, rows []goldenRow) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // the file is for people
	for _, row := range rows {
		if err := enc.Encode(row); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

func readGolden(path string) (rows []goldenRow, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: run the test with %s=1 to write it", err, UpdateEnv)
	} else if err != nil {
		return nil, err
	}
	line := 0
	seen := make(map[string]int)
	for l := range bytes.Lines(text) {
		line++
		if l = bytes.TrimSpace(l); len(l) == 0 {
			continue
		}
		row, err := parseGolden(l)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		if first, ok := seen[row.Record]; ok {
			return nil, fmt.Errorf("%s:%d: record %q stands on line %d already", path, line, row.Record, first)
		}
		seen[row.Record] = line
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s holds no record: run the test with %s=1 to write it", path, UpdateEnv)
	}
	return rows, nil
}
