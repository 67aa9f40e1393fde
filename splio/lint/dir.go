package lint

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxShared is how many keys the files of one day and universe may have for all
// to be compared.
const maxShared = 2_000_000

// sharedKeys are the keys of the contacts files of a day and universe.
type sharedKeys struct {
	names []string // of the files
	seen  map[digest]int32
	full  bool // told already
}

func (s *sharedKeys) add(key digest, no int32, at cellAt) {
	switch other, ok := s.seen[key]; {
	case ok && other != no:
		at.add("shared-key", "%s has the same key: the order in which Splio reads files is unknown, so let it take one before the other is sent", s.names[other])
	case ok:
	case len(s.seen) < maxShared:
		s.seen[key] = no
	case !s.full:
		s.full = true
		at.add("shared-key", "the files of this day have more than %d keys: from here on they were not compared across files", maxShared)
	}
}

// Dir checks each file of a directory like [File], and also that no two contacts
// files of one universe and day share a key: the files of one run never do, and it is
// unknown which of several waiting files Splio reads first. It checks files whose name
// ends in .csv, in upper or lower case, or contains _contacts_ or _deletecontacts_. It
// leaves out directories, hidden files, and files whose name ends in .part. When there
// is no file to check, the error says so.
//
// Memory grows by about 40 bytes for each key of a day, up to 2,000,000 keys.
func Dir(dir string, o Options) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		o, err := o.validate()
		if err != nil {
			yield(Finding{}, err)
			return
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			yield(Finding{}, fmt.Errorf("lint: %w", err))
			return
		}
		type group struct{ universe, date string }
		files := make(map[group][]string)
		var groups []group
		for _, e := range entries {
			if !isCandidate(e.Name()) {
				continue
			}
			info, err := os.Stat(filepath.Join(dir, e.Name()))
			if err != nil {
				yield(Finding{}, fmt.Errorf("lint: %w", err))
				return
			}
			if !info.Mode().IsRegular() {
				continue
			}
			n := parseName(e.Name(), &list{})
			g := group{n.universe, n.date}
			if files[g] == nil {
				groups = append(groups, g)
			}
			files[g] = append(files[g], e.Name())
		}
		if len(groups) == 0 {
			yield(Finding{}, fmt.Errorf("lint: %s: there is no contacts file in it", dir))
			return
		}
		slices.SortFunc(groups, func(a, b group) int { return strings.Compare(files[a][0], files[b][0]) })
		for _, g := range groups {
			var shared *sharedKeys
			if g.universe != "" && len(files[g]) > 1 {
				shared = &sharedKeys{names: files[g], seen: make(map[digest]int32)}
			}
			for i, name := range files[g] {
				if !checkFile(filepath.Join(dir, name), o, shared, int32(i), yield) {
					return
				}
			}
		}
	}
}
