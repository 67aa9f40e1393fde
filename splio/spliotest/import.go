package spliotest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Result is what became of a file.
type Result struct {
	File               string // its name
	Scope, Subsequence string // as in the name; empty when that is not understood

	// FileError says why the file was skipped as a whole: then nothing of it was
	// imported, and there are no rows. It is empty otherwise.
	FileError string

	// Rows are the lines below the header. Each was applied, ignored or skipped:
	// Rows = Created + Updated + Deleted + Ignored + len(Skipped).
	Rows, Created, Updated, Deleted int

	// Ignored are valid rows that change nothing: about a contact that does not
	// exist, where the sub-sequence does not create; about one that exists, where it
	// does not update; and deletions of contacts that do not exist.
	Ignored int

	// Skipped are the rows that were skipped and, where Rules.BadCellAlone is set,
	// Cells are the cells that were, both in the order of the file.
	Skipped, Cells []Skip
}

// Skip is a row or a cell that was skipped.
type Skip struct {
	Line   int    // of the file, where the header is line 1
	Key    string // of the row, if it could be read
	Column string // as the header names it; empty when it concerns the row as a whole
	Reason string // in words that quote no value
}

// String says what was wrong and where, without the key.
func (k Skip) String() string {
	if k.Column == "" {
		return fmt.Sprintf("line %d: %s", k.Line, k.Reason)
	}
	return fmt.Sprintf("line %d, column %s: %s", k.Line, k.Column, k.Reason)
}

// file is one that was read.
type file struct {
	sum   [sha256.Size]byte
	there bool // it may still be there, and is not to be read again
}

// Import reads all files that wait, and returns what became of each, in the order
// in which they were read. An error of the drop directory, the archive or the
// reports ends it: the results are of the files read until then, those are not
// read again, and the others wait.
//
// A file whose name is not understood, or not that of a known sub-sequence, is left
// where it is, and has a result once. Any other is archived, reported and taken away as [Options]
// say, whether it was skipped or not.
func (s *Splio) Import() ([]Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.results)
	err := s.imports()
	return slices.Clone(s.results[first:]), err
}

// Results returns what became of all files that were ever read, in the order in
// which they were.
func (s *Splio) Results() []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.results)
}

// Watch imports at once and then again and again, with the given time in between,
// until ctx ends, and then returns nil, or until an import fails. What was imported
// is in [Splio.Results].
func (s *Splio) Watch(ctx context.Context, every time.Duration) error {
	if every <= 0 {
		return errors.New("spliotest: watch: the time between two imports must be positive")
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		if _, err := s.Import(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// waiting are the names of the files that may have to be read, in order.
func (s *Splio) waiting() ([]string, error) {
	names, err := s.o.Drop.Names()
	if err != nil {
		return nil, fmt.Errorf("spliotest: look into the drop directory: %w", err)
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasSuffix(name, ".csv") })
	slices.Sort(names)
	if s.o.Rules.Order != nil {
		s.o.Rules.Order(names)
	}
	return names, nil
}

func (s *Splio) imports() error {
	names, err := s.waiting()
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := s.o.Drop.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fmt.Errorf("spliotest: read %q: %w", name, err)
		}
		id, ours := s.parseName(name)
		f, before := s.read[name]
		if sum := sha256.Sum256(data); !f.there || f.sum != sum {
			if ours {
				if err := s.archive(name, data); err != nil {
					return err
				}
			}
			f = file{sum: sum, there: true}
			s.read[name] = f
			r := s.importFile(id, data, before)
			s.results = append(s.results, r)
			if err := s.report(r); err != nil {
				return err
			}
		}
		if ours && !s.o.Leave {
			if err := s.o.Drop.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("spliotest: take %q away: %w", name, err)
			}
			s.read[name] = file{}
		}
	}
	return nil
}

// fileID is what the name of a file says.
type fileID struct {
	name, scope, subsequence string
	problem                  string // why the name is not understood
}

// parseName takes a name apart from the universe on, which may hold "_" itself
// (documented by an example; splio/FORMAT.md, section 1). A file is ours when its
// name is understood.
func (s *Splio) parseName(name string) (id fileID, ours bool) {
	id = fileID{name: name}
	rest, ok := strings.CutPrefix(strings.TrimSuffix(name, ".csv"), s.o.Universe+"_")
	if !ok {
		id.problem = "the name does not begin with the name of the universe"
		return id, false
	}
	parts := strings.SplitN(rest, "_", 4)
	if len(parts) < 3 {
		id.problem = "the name is not that of a universe, a scope, a sub-sequence and a date"
		return id, false
	}
	if parts[0] != contactsScope && parts[0] != deletesScope {
		id.problem = "the scope in the name is unknown"
		return id, false
	}
	id.scope = parts[0]
	if _, ok := s.o.Contacts[parts[1]]; id.scope == contactsScope && !ok || id.scope == deletesScope && !slices.Contains(s.o.Deletes, parts[1]) {
		id.problem = "the sub-sequence in the name is unknown"
		return id, false
	}
	id.subsequence = parts[1]
	if _, err := time.Parse("20060102", parts[2]); err != nil {
		id.problem = "the date in the name is none"
	} else if len(parts) == 4 && (s.o.Rules.NoSuffix || parts[3] == "") {
		id.problem = "the name goes on after the date"
	}
	return id, id.problem == ""
}

// The scopes that are known.
const (
	contactsScope = "contacts"
	deletesScope  = "deletecontacts"
)

// importFile applies a file; before says that one of its name was read before.
func (s *Splio) importFile(id fileID, data []byte, before bool) Result {
	r := Result{File: id.name, Scope: id.scope, Subsequence: id.subsequence, FileError: id.problem}
	if r.FileError == "" && before && s.o.Rules.OncePerName {
		r.FileError = "a file of this name was read before"
	}
	if r.FileError != "" {
		return r
	}
	lines, problem := s.o.Rules.lines(data, id.scope)
	if problem != "" {
		r.FileError = problem
		return r
	}
	t := table{s: s, r: &r, sub: s.o.Contacts[id.subsequence]}
	if r.FileError = t.header(lines[0], id.scope); r.FileError != "" {
		return r
	}
	t.rows(lines[1:])
	if id.scope == deletesScope {
		t.remove()
	} else {
		t.apply()
	}
	// They were found by three passes over the rows.
	slices.SortStableFunc(r.Skipped, func(a, b Skip) int { return a.Line - b.Line })
	return r
}
