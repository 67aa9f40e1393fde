package splio

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sealed files are checked when they are read, also for what nobody but a
// stranger would write: what they hold becomes names of files, here and in the drop
// directory. The errors say which field, and never what it holds.

const (
	maxFileName  = 1024 // bytes; far more than any of ours
	maxFileBytes = 1 << 50
)

// UnmarshalJSON reads a manifest and refuses one that no plan could have.
func (m *manifest) UnmarshalJSON(data []byte) error {
	type plain manifest // without this method
	if err := json.Unmarshal(data, (*plain)(m)); err != nil {
		return err
	}
	return m.validate()
}

func (m *manifest) validate() error {
	bad := func(field string) error { return fmt.Errorf("%s: impossible", field) }
	r := &m.Report
	y := m.Day.Year()
	switch {
	case len(m.Plan) < 8 || !bare(m.Plan) || strings.ContainsAny(m.Plan, "._-"): // its begin is part of temporary names
		return bad("plan")
	case m.Scope == "":
		return bad("scope")
	case !isID(m.Snapshot):
		return bad("snapshot")
	case m.Keys != "" && !isHex(m.Keys, 32):
		return bad("keys")
	case y < 1 || y > 9999:
		return bad("day")
	case m.Run.Mapping != "" && !isHex(m.Run.Mapping, 8):
		return bad("run")
	case len(m.Names) > maxNames:
		return bad("names")
	case min(r.Read, r.Rejected, r.Duplicate, r.HeldBack, r.Unchanged, r.Inserted, r.Updated, r.Left, r.Uncertain, r.UnchangedCells, r.LeftRows, r.Deleted, m.Run.Changed, int64(m.Run.Making)) < 0:
		return bad("report")
	}
	if !allBare(m.Names) || !allBare(r.Waiting) {
		return bad("names")
	}
	locals, names := make(map[string]bool), make(map[string]bool)
	for i := range m.Files {
		f := &m.Files[i]
		if err := m.validateFile(f); err != nil {
			return fmt.Errorf("files[%d]: %w", i, err)
		}
		if locals[f.Local] || names[f.Name] {
			return fmt.Errorf("files[%d]: the name of another file", i)
		}
		locals[f.Local], names[f.Name] = true, true
	}
	return nil
}

func (m *manifest) validateFile(f *manifestFile) error {
	another := func(n int) string { return m.Dest.fileName(f.Scope, f.Subsequence, m.Day, n, f.SHA256) }
	number, ok := strings.CutSuffix(f.Local, ".csv")
	switch {
	case !ok || number == "" || strings.Trim(number, "0123456789") != "" || !bare(f.Local):
		return errors.New("local: not the name of a file in the outbox")
	case !bare(f.Name):
		return errors.New("name: not the bare name of a file")
	case f.Temp != "" && (!bare(f.Temp) || f.Temp == f.Name):
		return errors.New("temp: not the bare name of another file")
	case f.Scope != "" && f.Scope != deletesScope:
		return errors.New("scope: an unknown one")
	case f.Rows < 0 || f.Bytes < 0 || f.Bytes > maxFileBytes:
		return errors.New("an impossible size")
	case !isHex(f.SHA256, 32):
		return errors.New("no SHA-256")
	case !bare(another(1)) || !bare(another(2)) || another(2) == another(3): // it would have no other name when this one is taken
		return errors.New("a destination that gives no names")
	}
	return nil
}

// UnmarshalJSON reads a ledger and refuses one that no run could have left.
func (l *ledger) UnmarshalJSON(data []byte) error {
	type plain ledger // without this method
	if err := json.Unmarshal(data, (*plain)(l)); err != nil {
		return err
	}
	if l.Snapshot != "" && !isID(l.Snapshot) {
		return errors.New("snapshot: impossible")
	}
	if l.Keys != "" && !isHex(l.Keys, 32) {
		return errors.New("keys: impossible")
	}
	if !allBare(l.Names) || !allBare(l.Sent) {
		return errors.New("names: impossible")
	}
	return nil
}

// bare reports whether s is the name of a file and nothing more, for any system.
func bare(s string) bool {
	if s == "" || len(s) > maxFileName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}

func allBare(names []string) bool {
	return !slices.ContainsFunc(names, func(s string) bool { return !bare(s) })
}

// isID reports whether s may be the id of a snapshot, whatever keeps it.
func isID(s string) bool { return len(s) <= 64 && bare(s) && !strings.ContainsAny(s, "._-") }

// isHex reports whether s is so many bytes in small hexadecimal letters.
func isHex(s string, bytes int) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 2*bytes && s == strings.ToLower(s)
}
