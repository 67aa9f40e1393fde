package diff

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spliosync/spliosync/internal/vfs"
)

const (
	currentName  = "snapshot.current"
	stagedPrefix = "snapshot.staged-"
	tempPrefix   = "snapshot.tmp-"
	keyName      = "snapshot.key"
	keyTemp      = keyName + ".tmp-" // as vfs.WriteFile makes it
	lockName     = "snapshot.lock"
)

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Scope names what the state belongs to, such as a universe and its key
	// attribute, in at most 1,024 bytes. A snapshot of another scope is refused.
	// It is written in clear.
	Scope string
	// Key is the digest key, at least 16 bytes of secret. By default 32 random
	// bytes are made at the first run and kept in the directory. Open keeps
	// nothing of it.
	Key Key
	// ReadOnly opens the store without a lock and without writing anything: a
	// directory that does not exist counts as one without a snapshot. Stage,
	// Verify, Publish, Discard and MarkDue then fail with [ErrReadOnly].
	ReadOnly bool
	// FS is the directory to use in place of that of the operating system. It is
	// for the tests of this module, which alone can supply one. The store does
	// not close it.
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

// open opens a snapshot and checks that it belongs to this store.
func (s *Store) open(name string) (*reader, error) {
	if s.fs == nil {
		return nil, fs.ErrNotExist
	}
	r, err := openSnapshot(s.fs, name, s.path(name))
	if err != nil {
		return nil, err
	}
	if r.scope != s.opts.Scope {
		err = &StateError{s.path(name), fmt.Errorf("%w: it belongs to %q, not to %q", ErrForeign, r.scope, s.opts.Scope)}
	} else if err = s.needKey(false); err == nil && s.dig.check != r.check {
		err = &StateError{s.path(name), fmt.Errorf("%w: the snapshot was made with another one", ErrKey)}
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
			return nil, &StateError{s.path(keyName), fmt.Errorf("%w: the file is missing, and without it the snapshot can not be read", ErrKey)}
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
		return nil, &StateError{s.path(keyName), fmt.Errorf("%w: it does not hold %d bytes in hexadecimal", ErrKey, keyBytes)}
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
func isStaged(name string) bool {
	id, ok := strings.CutPrefix(name, stagedPrefix)
	if ok {
		_, ok = parseID(id)
	}
	return ok
}

// isLeftover reports whether a file is one that was never finished.
func isLeftover(name string) bool {
	id, ok := strings.CutPrefix(name, tempPrefix)
	if ok {
		_, ok = parseID(id)
	}
	return ok || strings.HasPrefix(name, keyTemp)
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

// remove removes files by name; those that are gone already do not count.
func (s *Store) remove(names ...string) error {
	for _, n := range names {
		if err := s.fs.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("diff: remove %s: %w", s.path(n), err)
		}
	}
	return nil
}

// Current returns the id of the current snapshot, "" when there is none.
func (s *Store) Current() (id string, err error) {
	if err := s.usable(); err != nil {
		return "", err
	}
	cur, err := s.current()
	if cur == nil || err != nil {
		return "", err
	}
	return cur.id.String(), cur.close()
}

// Verify reports whether Publish of a candidate would succeed, and reads it to
// its end for that: nil when it is whole and can be published, or is the
// current snapshot already, a [*StateError] when it is not, an error that matches
// [ErrStale] when the snapshot it was computed from is no longer current, one
// that matches fs.ErrNotExist when there is no such candidate.
func (s *Store) Verify(ctx context.Context, id string) error {
	_, err := s.verify(ctx, id)
	return err
}

func (s *Store) verify(ctx context.Context, id string) (published bool, err error) {
	if err := s.writable(); err != nil {
		return false, err
	}
	if err := context.Cause(ctx); err != nil {
		return false, fmt.Errorf("diff: %w", err)
	}
	want, ok := parseID(id)
	if !ok {
		return false, fmt.Errorf("diff: %q is not the id of a snapshot", id)
	}
	var now snapshotID
	cur, err := s.current()
	if err != nil {
		return false, err
	}
	if cur != nil {
		now = cur.id
		if err := cur.close(); err != nil {
			return false, err
		}
	}
	if now == want {
		return true, nil
	}
	r, err := s.open(stagedPrefix + id)
	if err != nil {
		return false, err
	}
	switch {
	case r.id != want:
		err = r.fail(damaged("it holds another snapshot"))
	case r.base != now:
		err = fmt.Errorf("diff: staged snapshot %s: %w", id, ErrStale)
	default:
		err = r.drain() // a damaged one must not take the place of a good one
	}
	return false, errors.Join(err, r.close())
}

// Publish makes a staged snapshot the current one, atomically and durably, if
// the snapshot it was computed from still is the current one; otherwise the
// error matches [ErrStale] and nothing changes. It may be called again after
// any error, and with the id of the current snapshot does nothing. After an
// error the old snapshot is current or the new one, whole. Candidates that were
// computed from another snapshot are removed: they are stale for good.
func (s *Store) Publish(ctx context.Context, id string) error {
	published, err := s.verify(ctx, id)
	if err != nil {
		return err
	}
	if !published {
		if err := s.fs.Rename(stagedPrefix+id, currentName); err != nil {
			return fmt.Errorf("diff: publish %s: %w", id, err)
		}
	}
	// Also when it was published before: that call may have failed just here.
	if err := s.fs.SyncDir("."); err != nil {
		return fmt.Errorf("diff: publish %s: %w", id, err)
	}
	staged, err := s.list(isStaged)
	if err != nil {
		return err
	}
	for _, name := range staged {
		stale, err := s.stale(name, id)
		if err == nil && stale {
			err = s.remove(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stale reports whether a candidate was computed from another snapshot than the
// current one. One that can not be told is not, and is left as it is.
func (s *Store) stale(name, current string) (bool, error) {
	r, err := s.open(name)
	if _, ok := errors.AsType[*StateError](err); ok {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return r.base.String() != current, r.close()
}

// Discard removes a staged snapshot. One that does not exist is no error.
func (s *Store) Discard(id string) error {
	if err := s.writable(); err != nil {
		return err
	}
	if _, ok := parseID(id); !ok {
		return fmt.Errorf("diff: %q is not the id of a snapshot", id)
	}
	return s.remove(stagedPrefix + id)
}

// MarkDue marks the records with these keys, so that the next run that puts
// them finds them [Due]. It returns how many of the keys the current snapshot
// has; others are passed over. The keys must be as given to [Feed.Put]; an
// error of the sequence ends the call. While a candidate is staged, which would
// lose the marks, the error matches [ErrStaged] and names it. After an error all
// marks were made or none, and the call may be repeated. Runs that began before
// it are stale. The digests of the keys are held in memory, some 40 bytes for
// each; of the snapshot only a block at a time.
func (s *Store) MarkDue(ctx context.Context, keys iter.Seq2[[]byte, error]) (marked int64, err error) {
	err = s.mark(ctx, keys, func(rec record) {
		rec[24] |= flagDue
		marked++
	})
	if err != nil {
		return 0, err
	}
	return marked, nil
}

// MaxReports is the largest number of reports that a snapshot counts.
const MaxReports = 7

// MarkReported is MarkDue for records that the destination has reported as bad:
// each is marked at most so many times, 1 to [MaxReports], as long as its row does
// not change. Those that were are left as they are, and counted as spent.
func (s *Store) MarkReported(ctx context.Context, keys iter.Seq2[[]byte, error], most int) (marked, spent int64, err error) {
	if most < 1 || most > MaxReports {
		return 0, 0, fmt.Errorf("diff: MarkReported: %d times, 1 to %d are possible", most, MaxReports)
	}
	err = s.mark(ctx, keys, func(rec record) {
		n := int(rec.flags()&reports) / report
		if n >= most {
			spent++
			return
		}
		rec[24] = rec[24]&^reports | byte(n+1)*report | flagDue
		marked++
	})
	if err != nil {
		return 0, 0, err
	}
	return marked, spent, nil
}

// mark replaces the current snapshot by one in which the records with these keys
// are marked.
func (s *Store) mark(ctx context.Context, keys iter.Seq2[[]byte, error], one func(record)) error {
	if err := s.writable(); err != nil {
		return err
	}
	staged, err := s.list(isStaged)
	if err != nil {
		return err
	}
	if len(staged) > 0 {
		return fmt.Errorf("diff: %s: %w", s.path(staged[0]), ErrStaged)
	}
	cur, err := s.current()
	if cur == nil || err != nil {
		return err
	}
	defer cur.close()
	due := make(map[keyDigest]struct{})
	err = eachKey(ctx, s.dig, keys, func(k keyDigest) error { due[k] = struct{}{}; return nil })
	if err != nil {
		return err
	}
	c, err := newCandidate(s, cur.id, cur.columns, cur.partitionBits)
	if err != nil {
		return err
	}
	defer c.abort()
	for {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("diff: %w", err)
		}
		p, records, err := cur.next()
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
		for rec := range slices.Chunk(records, cur.size) {
			if _, ok := due[record(rec).key()]; ok {
				one(rec)
			}
		}
		if err := c.write(p, records); err != nil {
			return err
		}
	}
	if err := cur.close(); err != nil { // an open file can not be replaced everywhere
		return err
	}
	return c.finish(currentName)
}

// eachKey visits the digests of a sequence of keys.
func eachKey(ctx context.Context, d *digester, keys iter.Seq2[[]byte, error], visit func(keyDigest) error) error {
	n := 0
	for k, err := range keys {
		if err != nil {
			return fmt.Errorf("diff: read keys: %w", err)
		}
		if n++; n&1023 == 1 {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("diff: %w", err)
			}
		}
		if err := visit(d.keyOf(k)); err != nil {
			return err
		}
	}
	return nil
}
