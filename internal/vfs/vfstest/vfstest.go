// Package vfstest makes a file system fail on purpose, and tells what a power
// cut would lose. It imports no testing package, so that any test can use it.
//
// A fault loop fails the operations of a piece of code one by one, until the
// code gets through without meeting the fault:
//
//	for i := 0; ; i++ {
//		fsys := vfstest.New(inner)
//		fsys.Inject(vfstest.Fault{At: i, Err: errDisk})
//		err := work(fsys)
//		if !fsys.Hit() {
//			break // operation i does not exist: every one has had its turn
//		}
//		... // err must match errDisk, or the code says why it may pass it over
//	}
//
// With Stop set, all operations from i on fail, as if the process had been
// killed there; afterwards the directory is opened again without a wrapper.
// After a success, [FS.Durable] must be nil.
package vfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/spliosync/spliosync/internal/vfs"
)

// Fault says which operation fails, and how. Every call of a method of
// [vfs.FS], [vfs.File] and [vfs.Lock] is one operation, reads, Size and Close
// among them. An injected error comes wrapped in an [*fs.PathError].
type Fault struct {
	At  int   // number of the operation, counted from 0 since New
	Err error // what it fails with; required

	// Stop makes every later operation fail as well, as when the process is
	// killed, without Torn and Late. Close still gives back files and locks, as
	// a system does.
	Stop bool
	// Torn lets the first half of the bytes of a Write reach the file before it
	// fails, as on a full disk. Other operations fail as without it.
	Torn bool
	// Late carries the operation out and reports the error all the same, as
	// when the answer of a server is lost. A Read gives no bytes.
	Late bool
}

// FS wraps a [vfs.FS]. It is safe for concurrent use.
type FS struct {
	inner vfs.FS

	mu      sync.Mutex
	log     []string
	fault   *Fault
	hit     bool
	open    map[string]int    // files and locks that are open, by name
	nodes   map[string]*node  // files seen, by name
	entries map[string]string // entries not durable: name -> how it came
	unsafe  []string          // renames of files that were not synced
}

// node is a file, which keeps its identity through renames.
type node struct{ dirty bool }

// New wraps a file system. What it holds already counts as durable.
func New(inner vfs.FS) *FS {
	return &FS{inner: inner, open: map[string]int{}, nodes: map[string]*node{}, entries: map[string]string{}}
}

// Inject sets the fault, in place of an earlier one; [FS.Hit] starts anew.
func (f *FS) Inject(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.hit = &fault, false
}

// Hit reports whether the fault was met.
func (f *FS) Hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// Ops returns the number of operations since New, failed ones among them.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.log)
}

// Log returns the operations since New, each like "rename a b". Number i is
// the one that a Fault with At: i meets when the same code runs again.
func (f *FS) Log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

// Open returns the names of files and locks that are open now, sorted.
func (f *FS) Open() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.open))
}

// Durable tells what a power cut at this moment could lose, one line each: nil
// means nothing. It knows files with content that was not synced, entries that
// were created or renamed without a later SyncDir of their directory, and, for
// good, each rename of a file whose content was not synced. Removals that are
// not durable are passed over, and so are lock files.
func (f *FS) Durable() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, u := range f.unsafe {
		errs = append(errs, errors.New(u))
	}
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		if f.nodes[name].dirty {
			errs = append(errs, fmt.Errorf("%s was written and not synced", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.entries)) {
		errs = append(errs, fmt.Errorf("%s was %s and %s not synced since", name, f.entries[name], path.Dir(name)))
	}
	return errors.Join(errs...)
}

// next counts an operation and returns its fault, if it has one.
func (f *FS) next(op string, names ...string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := len(f.log)
	f.log = append(f.log, strings.Join(append([]string{op}, names...), " "))
	switch {
	case f.fault == nil, i < f.fault.At, i > f.fault.At && !f.fault.Stop:
		return nil
	case i > f.fault.At:
		return &Fault{Err: f.fault.Err}
	}
	f.hit = true
	return f.fault
}

// do carries out an operation unless it is to fail.
func (f *FS) do(action func() error, op string, names ...string) error {
	fault := f.next(op, names...)
	if fault == nil {
		return action()
	}
	if fault.Late {
		_ = action() // the injected error is what the caller gets
	}
	return fault.error(op, names[0])
}

// release is do for what gives a resource back, which happens in any case.
func (f *FS) release(action func() error, op, name string) error {
	fault := f.next(op, name)
	err := action()
	if fault == nil {
		return err
	}
	return fault.error(op, name)
}

func (fault *Fault) error(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fault.Err}
}

// note changes the books under the lock.
func (f *FS) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *FS) node(name string) *node {
	n := f.nodes[name]
	if n == nil {
		n = new(node)
		f.nodes[name] = n
	}
	return n
}

func (f *FS) opened(name string) { f.note(func() { f.open[name]++ }) }

func (f *FS) closed(name string) {
	f.note(func() {
		if f.open[name]--; f.open[name] == 0 {
			delete(f.open, name)
		}
	})
}

// OpenFile is an operation "open".
func (f *FS) OpenFile(name string, flag int) (vfs.File, error) {
	fresh := false
	if flag&os.O_CREATE != 0 {
		fresh = !f.exists(name)
	}
	var file vfs.File
	err := f.do(func() (err error) {
		if file, err = f.inner.OpenFile(name, flag); err == nil {
			f.note(func() {
				if fresh {
					f.entries[name] = "created"
				} else if flag&os.O_TRUNC != 0 {
					f.node(name).dirty = true
				}
			})
		}
		return err
	}, "open", name)
	if err != nil {
		if file != nil {
			_ = file.Close() // the caller never hears of it
		}
		return nil, err
	}
	f.opened(name)
	w := &wrapped{fs: f, file: file, name: name}
	f.note(func() { w.node = f.node(name) })
	return w, nil
}

// exists is not an operation.
func (f *FS) exists(name string) bool {
	file, err := f.inner.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return false
	}
	_ = file.Close() // it was only looked for
	return true
}

// Rename is an operation "rename".
func (f *FS) Rename(oldname, newname string) error {
	return f.do(func() error {
		if err := f.inner.Rename(oldname, newname); err != nil {
			return err
		}
		if oldname == newname {
			return nil
		}
		f.note(func() {
			delete(f.nodes, newname)
			for name, n := range f.nodes {
				rest, ok := below(name, oldname)
				if !ok {
					continue
				}
				if n.dirty {
					f.unsafe = append(f.unsafe, fmt.Sprintf("%s was renamed to %s with content that was not synced", name, newname+rest))
				}
				delete(f.nodes, name)
				f.nodes[newname+rest] = n
			}
			for name, how := range f.entries {
				if rest, ok := below(name, oldname); ok {
					delete(f.entries, name)
					f.entries[newname+rest] = how
				}
			}
			f.entries[newname] = "renamed"
		})
		return nil
	}, "rename", oldname, newname)
}

// below reports whether name is dir or in it, and what follows dir.
func below(name, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(name, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// Remove is an operation "remove".
func (f *FS) Remove(name string) error {
	return f.do(func() error {
		if err := f.inner.Remove(name); err != nil {
			return err
		}
		f.note(func() {
			delete(f.nodes, name)
			delete(f.entries, name)
		})
		return nil
	}, "remove", name)
}

// Mkdir is an operation "mkdir".
func (f *FS) Mkdir(name string) error {
	return f.do(func() error {
		_, missing := f.inner.ReadDir(name)
		if err := f.inner.Mkdir(name); err != nil {
			return err
		}
		if missing != nil {
			f.note(func() { f.entries[name] = "created" })
		}
		return nil
	}, "mkdir", name)
}

// ReadDir is an operation "readdir".
func (f *FS) ReadDir(name string) (names []string, err error) {
	err = f.do(func() (err error) { names, err = f.inner.ReadDir(name); return err }, "readdir", name)
	if err != nil {
		return nil, err
	}
	return names, nil
}

// SyncDir is an operation "syncdir".
func (f *FS) SyncDir(name string) error {
	return f.do(func() error {
		if err := f.inner.SyncDir(name); err != nil {
			return err
		}
		f.note(func() {
			maps.DeleteFunc(f.entries, func(entry, _ string) bool { return path.Dir(entry) == path.Clean(name) })
		})
		return nil
	}, "syncdir", name)
}

// Free is an operation "free".
func (f *FS) Free() (free int64, err error) {
	err = f.do(func() (err error) { free, err = f.inner.Free(); return err }, "free", ".")
	return free, err
}

// Lock is an operation "lock".
func (f *FS) Lock(name string) (vfs.Lock, error) {
	var l vfs.Lock
	err := f.do(func() (err error) { l, err = f.inner.Lock(name); return err }, "lock", name)
	if err != nil {
		if l != nil {
			_ = l.Close() // the caller never hears of it
		}
		return nil, err
	}
	f.opened(name)
	return &wrappedLock{f, l, name}, nil
}

// Close is an operation "closefs". It closes the wrapped file system.
func (f *FS) Close() error { return f.release(f.inner.Close, "closefs", ".") }

type wrapped struct {
	fs   *FS
	file vfs.File
	name string
	node *node
	shut bool
}

func (w *wrapped) Read(p []byte) (n int, err error) {
	fault := w.fs.next("read", w.name)
	if fault != nil {
		return 0, fault.error("read", w.name)
	}
	return w.file.Read(p)
}

func (w *wrapped) ReadAt(p []byte, off int64) (n int, err error) {
	fault := w.fs.next("readat", w.name)
	if fault != nil {
		return 0, fault.error("readat", w.name)
	}
	return w.file.ReadAt(p, off)
}

func (w *wrapped) Write(p []byte) (n int, err error) {
	fault := w.fs.next("write", w.name)
	switch {
	case fault == nil, fault.Late:
	case fault.Torn:
		p = p[:len(p)/2]
	default:
		return 0, fault.error("write", w.name)
	}
	w.fs.note(func() { w.node.dirty = true })
	n, err = w.file.Write(p)
	if fault != nil {
		err = fault.error("write", w.name)
	}
	return n, err
}

func (w *wrapped) Sync() error {
	return w.fs.do(func() error {
		if err := w.file.Sync(); err != nil {
			return err
		}
		w.fs.note(func() { w.node.dirty = false })
		return nil
	}, "sync", w.name)
}

func (w *wrapped) Size() (n int64, err error) {
	err = w.fs.do(func() (err error) { n, err = w.file.Size(); return err }, "size", w.name)
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (w *wrapped) Close() error {
	return w.fs.release(func() error {
		if !w.shut {
			w.shut = true
			w.fs.closed(w.name)
		}
		return w.file.Close()
	}, "close", w.name)
}

type wrappedLock struct {
	fs   *FS
	lock vfs.Lock
	name string
}

func (l *wrappedLock) Note(text string) error {
	return l.fs.do(func() error { return l.lock.Note(text) }, "note", l.name)
}

func (l *wrappedLock) Close() error {
	return l.fs.release(func() error {
		err := l.lock.Close()
		if err == nil {
			l.fs.closed(l.name)
		}
		return err
	}, "unlock", l.name)
}
