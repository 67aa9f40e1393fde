package splio

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// lastRule is the year up to which the rules of a zone are looked at: they go on
// like that.
const lastRule = 2100

// rulesOf digests the rules of the zones of a mapping. These come from the system
// where it has any, and change when it is updated: then the same text is another time.
func rulesOf(m mapping.Mapping) (sums []string, err error) {
	names := []string{cmp.Or(m.Zone, mapping.DefaultZone)}
	for _, f := range append(m.Fields[:len(m.Fields):len(m.Fields)], m.Key) {
		if f.Zone != "" && !slices.Contains(names, f.Zone) {
			names = append(names, f.Zone)
		}
	}
	for _, name := range names {
		loc, err := mapping.Mapping{Zone: name}.Location()
		if err != nil {
			return nil, fmt.Errorf("splio: %w", err)
		}
		sums = append(sums, rules(loc))
	}
	return sums, nil
}

func rules(loc *time.Location) string {
	sum := sha256.New()
	for t := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); t.Year() < lastRule; {
		at := t.In(loc)
		name, offset := at.Zone()
		fmt.Fprintln(sum, t.Unix(), name, offset)
		_, end := at.ZoneBounds()
		if end.IsZero() || !end.After(t) {
			break
		}
		t = end.UTC()
	}
	return hex.EncodeToString(sum.Sum(nil))
}
