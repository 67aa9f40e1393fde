package lint

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// The scopes (documented; each has import rules of its own).
const (
	contacts       = "contacts"
	deleteContacts = "deletecontacts"
)

var scopes = strings.Fields("contacts deletecontacts products stores orders ordersitems abandonedcarts events cardcode creditpoints masterreward earnreward burnreward")

var (
	universeName    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	subsequenceName = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	eightDigits     = regexp.MustCompile(`^[0-9]{8}$`)
)

// fileName is what a name says.
type fileName struct {
	universe, scope, subsequence, date string
	found                              bool // the four parts are there
}

// parseName takes a name apart, from the scope, because the universe may hold "_".
func parseName(name string, found *list) fileName {
	stem := name
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		stem = name[:dot]
	}
	if !strings.HasSuffix(name, ".csv") {
		found.add("file-extension", 1, 1, 0, "the name must end in .csv, in lower case")
	}
	parts := strings.Split(stem, "_")
	at := -1
	for i := 1; i < len(parts); i++ {
		if slices.ContainsFunc(scopes, func(s string) bool { return strings.EqualFold(s, parts[i]) }) &&
			(at < 0 || i+2 < len(parts) && eightDigits.MatchString(parts[i+2])) {
			at = i
		}
	}
	switch {
	case len(parts) < 4:
		found.add("file-name", 1, 1, 0, "the name must be <universe>_<scope>_<sub-sequence>_<YYYYMMDD>.csv")
		return fileName{}
	case at < 0:
		found.add("file-scope", 1, 1, 0, "the name has no scope in it: it must be <universe>_contacts_<sub-sequence>_<YYYYMMDD>.csv")
		return fileName{}
	case at+2 >= len(parts), strings.Join(parts[:at], "") == "", parts[at+1] == "":
		found.add("file-name", 1, 1, 0, "the name lacks a part: it must be <universe>_<scope>_<sub-sequence>_<YYYYMMDD>.csv")
		return fileName{}
	}
	n := fileName{
		universe:    strings.Join(parts[:at], "_"),
		scope:       strings.ToLower(parts[at]),
		subsequence: parts[at+1],
		date:        parts[at+2],
		found:       true,
	}
	if parts[at] != n.scope {
		found.add("file-scope", 1, 1, 0, "write the scope in lower case: %s", n.scope)
	}
	if !universeName.MatchString(n.universe) {
		found.add("file-universe", 1, 1, 0, "use letters without accents, digits, _ and - in the name of the universe")
	}
	if !subsequenceName.MatchString(n.subsequence) {
		found.add("file-subsequence", 1, 1, 0, "use letters without accents and digits in the sub-sequence, as spelt in the import configuration")
	}
	if _, err := time.Parse("20060102", n.date); err != nil {
		found.add("file-date", 1, 1, 0, "the part behind the sub-sequence must be a day that exists, as YYYYMMDD")
	} else if at+3 < len(parts) {
		found.add("file-suffix", 1, 1, 0, "ask Splio whether names may have more behind the date")
	}
	return n
}

// isCandidate says that a name in a directory is of a file to check.
func isCandidate(name string) bool {
	low := strings.ToLower(name)
	return !strings.HasPrefix(low, ".") && !strings.HasSuffix(low, ".part") &&
		(strings.HasSuffix(low, ".csv") || strings.Contains(low, "_"+contacts+"_") || strings.Contains(low, "_"+deleteContacts+"_"))
}
