package diff

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spliosync/spliosync/internal/vfs"
)

const (
	currentName   = "snapshot.current"
	stagedPrefix  = "snapshot.staged-"
	recordsPrefix = "snapshot.records-"
	tempPrefix    = "snapshot.tmp-"
	keyName       = "snapshot.key"
	keyTemp       = keyName + ".tmp-" // as vfs.WriteFile makes it
	lockName      = "snapshot.lock"
)

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Scope names what the state belongs to, such as a universe and its key
	// attribute, in at most 1,024 bytes. A snapshot of another scope is refused.
	// The scope is written into snapshots in clear.
	Scope string
	// Key is the digest key, at least 16 secret bytes. By default the first run
	// makes 32 random bytes and keeps them in the directory. The Store keeps what
	// it derives from Key, but not Key itself.
	Key Key
	// ReadOnly opens the store without a lock and without writing anything: a
	// directory that does not exist counts as one without a snapshot. Stage,
	// Verify, Publish, Discard, the Marks and Forget then fail with [ErrReadOnly].
	ReadOnly bool
	// FS is used in place of a directory of the operating system. Only the tests
	// of this module can supply one. The store does not close it.
	FS vfs.FS
}

// Store is a directory that remembers the last delivered snapshot. It holds
// the lock of the directory until Close. Use it from one goroutine at a time.
type Store struct {
	dir    string
	opts   Options
	fs     vfs.FS // nil: closed, or read only and there is no directory
	lock   vfs.Lock
	dig    *digester
	whole  snapshotID // a staged snapshot that was written here, or read to its end
	closed bool
}

// Open opens the directory of a store and locks it; a directory that does not
// exist is made, readable by its owner alone. While any other Store has it
// open, in this process or another, the error matches [ErrLocked] and names
// the holder.
func Open(dir string, o Options) (_ *Store, err error) {
	if len(o.Scope) > maxScope {
		return nil, fmt.Errorf("diff: Options.Scope has %d bytes, at most %d are possible", len(o.Scope), maxScope)
	}
	if o.Key != nil && len(o.Key) < minKeyBytes {
		return nil, fmt.Errorf("diff: Options.Key has %d bytes, at least %d are needed", len(o.Key), minKeyBytes)
	}
	s := &Store{dir: dir, opts: o, fs: o.FS}
	if o.Key != nil {
		if s.dig, err = newDigester(o.Key); err != nil {
			return nil, err
		}
		s.opts.Key = nil
	}
	if s.fs == nil {
		if !o.ReadOnly {
			if err := vfs.MkdirAll(dir); err != nil {
				return nil, fmt.Errorf("diff: make the state directory: %w", err)
			}
		}
		s.fs, err = vfs.OS(dir)
		if o.ReadOnly && errors.Is(err, fs.ErrNotExist) {
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("diff: open the state directory: %w", err)
		}
	}
	if o.ReadOnly {
		return s, nil
	}
	if err := s.takeLock(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) takeLock() (err error) {
	s.lock, err = s.fs.Lock(lockName)
	if errors.Is(err, vfs.ErrLocked) {
		holder, _ := vfs.ReadFile(s.fs, lockName, 256) // best effort: the lock itself is the fact
		text := strings.TrimSpace(string(holder))
		if text == "" {
			text = "holder unknown"
		}
		return fmt.Errorf("diff: %s: %w (%s)", s.dir, ErrLocked, text)
	}
	if errors.Is(err, syscall.ENOLCK) || errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("diff: lock %s: the file system has no locks, as a network file system may, so that nothing keeps two runs apart: use a directory on a local disk: %w",
			s.path(lockName), err)
	}
	if err != nil {
		return fmt.Errorf("diff: lock %s: %w", s.path(lockName), err)
	}
	if err := s.lock.Note(fmt.Sprintf("pid %d since %s\n", os.Getpid(), time.Now().UTC().Format(time.RFC3339))); err != nil {
		return fmt.Errorf("diff: write %s: %w", s.path(lockName), err)
	}
	return nil
}

// Close releases the lock. Runs that were not staged are lost.
func (s *Store) Close() error {
	s.closed = true
	var errs []error
	if s.lock != nil {
		if err := s.lock.Close(); err != nil {
			errs = append(errs, fmt.Errorf("diff: unlock %s: %w", s.path(lockName), err))
		}
		s.lock = nil
	}
	if s.fs != nil && s.opts.FS == nil {
		if err := s.fs.Close(); err != nil {
			errs = append(errs, fmt.Errorf("diff: close %s: %w", s.dir, err))
		}
	}
	s.fs = nil
	return errors.Join(errs...)
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// open opens a snapshot, with its file of records if it has one, and checks that it belongs
// to this store.
func (s *Store) open(name string) (*reader, error) {
	r, err := s.openAlone(name)
	for err == nil {
		if err = r.openRecords(s.fs, s.path); err == nil {
			return r, nil
		}
		err = errors.Join(err, r.close())
		if !s.opts.ReadOnly { // nobody else writes here
			break
		}
		next, again := s.openAlone(name) // the store that holds the lock may have replaced both files
		if again == nil && next.id == r.id {
			return nil, errors.Join(err, next.close())
		}
		r, err = next, again
	}
	return nil, err
}

// openAlone is open without the file of records.
func (s *Store) openAlone(name string) (*reader, error) {
	if s.fs == nil {
		return nil, fs.ErrNotExist
	}
	r, err := openFile(s.fs, name, s.path(name))
	if err != nil {
		return nil, err
	}
	if r.scope != s.opts.Scope {
		err = &StateError{s.path(name), fmt.Errorf("%w: it belongs to %q, not to %q", ErrForeign, r.scope, s.opts.Scope)}
	} else if err = s.needKey(false); err == nil && s.dig.check != r.check {
		err = &StateError{s.path(name), fmt.Errorf("%w: the snapshot was made with another one: bring that back, or %s", ErrKey, startAnew(s.dir))}
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// current opens the published snapshot, nil when there is none.
func (s *Store) current() (*reader, error) {
	r, err := s.open(currentName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}

// needKey makes the digester. A key is made up only when create is set, for a
// store without a snapshot.
func (s *Store) needKey(create bool) (err error) {
	if s.dig != nil {
		return nil
	}
	secret, err := s.readKey(create)
	if err != nil {
		return err
	}
	s.dig, err = newDigester(secret)
	return err
}

func (s *Store) readKey(create bool) ([]byte, error) {
	var text []byte
	err := fs.ErrNotExist
	if s.fs != nil {
		text, err = vfs.ReadFile(s.fs, keyName, 1024)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil, &StateError{s.path(keyName), fmt.Errorf("%w: the file is missing, and without it the snapshot can not be read: put it back, or %s", ErrKey, startAnew(s.dir))}
		}
		secret := make([]byte, keyBytes)
		rand.Read(secret)
		if s.opts.ReadOnly {
			return secret, nil // nothing to compare with, so any key will do
		}
		if err := vfs.WriteFile(s.fs, ".", keyName, []byte(hex.EncodeToString(secret)+"\n")); err != nil {
			return nil, fmt.Errorf("diff: write %s: %w", s.path(keyName), err)
		}
		return secret, nil
	}
	if err != nil && !errors.Is(err, vfs.ErrTooLarge) {
		return nil, fmt.Errorf("diff: read %s: %w", s.path(keyName), err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != keyBytes {
		return nil, &StateError{s.path(keyName), fmt.Errorf("%w: it does not hold %d bytes in hexadecimal: put the right one back, or %s", ErrKey, keyBytes, startAnew(s.dir))}
	}
	return secret, nil
}

// usable refuses everything after Close.
func (s *Store) usable() error {
	if s.closed {
		return fmt.Errorf("diff: %s: %w", s.dir, fs.ErrClosed)
	}
	return nil
}

// writable refuses what a read-only store can not do.
func (s *Store) writable() error {
	if s.opts.ReadOnly {
		return fmt.Errorf("diff: %s: %w", s.dir, ErrReadOnly)
	}
	return s.usable()
}

// isStaged reports whether a file is a candidate.
func isStaged(name string) bool { return hasID(name, stagedPrefix) }

// isRecords reports whether a file is a file of records.
func isRecords(name string) bool { return hasID(name, recordsPrefix) }

// isLeftover reports whether a file is one that was never finished.
func isLeftover(name string) bool { return hasID(name, tempPrefix) || strings.HasPrefix(name, keyTemp) }

func hasID(name, prefix string) bool {
	id, ok := strings.CutPrefix(name, prefix)
	if ok {
		_, ok = parseID(id)
	}
	return ok
}

// list returns the names of the files that are wanted.
func (s *Store) list(wanted func(name string) bool) (names []string, err error) {
	all, err := s.fs.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("diff: list %s: %w", s.dir, err)
	}
	for _, n := range all {
		if wanted(n) {
			names = append(names, n)
		}
	}
	return names, nil
}

// removeLeftovers removes files that were never finished, and files of records that no
// snapshot needs.
func (s *Store) removeLeftovers() error {
	left, err := s.list(isLeftover)
	if err != nil {
		return err
	}
	if err := s.remove(left...); err != nil {
		return err
	}
	return s.removeUnused()
}

// removeUnused removes the files of records that no snapshot needs.
func (s *Store) removeUnused() error {
	unused, err := s.unused()
	if err != nil {
		return err
	}
	return s.remove(unused...)
}

// remove removes files by name; those that are gone already do not count.
func (s *Store) remove(names ...string) error {
	for _, n := range names {
		if err := s.fs.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("diff: remove %s: %w", s.path(n), err)
		}
	}
	return nil
}
