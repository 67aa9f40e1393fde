package splio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spliosync/spliosync/internal/vfs"
)

var (
	errDisk   = errors.New("the disk fails")
	errKilled = errors.New("the process was killed")
)

// simDisk is a disk that knows what a power cut would take away: the content of
// files since their last sync, and names since the last sync of their directory.
type simDisk struct {
	names map[string]*inode // as processes see them
	safe  map[string]*inode // durable
	log   []nameChange      // from safe to names
	locks map[string]*process

	delivered map[string]bool // plans that have left the outbox by their end; false: discarded
}

// inode is a file or directory. Files only grow.
type inode struct {
	dir    bool
	data   []byte
	synced int  // bytes that are durable
	lost   bool // some bytes were, in a power cut
}

// nameChange gives a node a name, takes one from it, or both.
type nameChange struct {
	from, to string // "" is none
	node     *inode
	synced   bool
}

func newSimDisk() *simDisk {
	root := &inode{dir: true}
	return &simDisk{names: map[string]*inode{".": root}, safe: map[string]*inode{".": root}, locks: map[string]*process{}, delivered: map[string]bool{}}
}

func (c nameChange) apply(names map[string]*inode) {
	if c.from != "" && names[c.from] == c.node {
		delete(names, c.from)
		if c.node.dir {
			maps.DeleteFunc(names, func(name string, _ *inode) bool { return strings.HasPrefix(name, c.from+"/") })
		}
	}
	if c.to != "" && names[path.Dir(c.to)] != nil {
		names[c.to] = c.node
	}
}

func (d *simDisk) change(from, to string, node *inode) {
	c := nameChange{from, to, node, false}
	c.apply(d.names)
	d.log = append(d.log, c)
}

func (d *simDisk) syncDir(dir string) {
	for i := range d.log {
		c := &d.log[i]
		c.synced = c.synced || c.from != "" && path.Dir(c.from) == dir || c.to != "" && path.Dir(c.to) == dir
	}
	for len(d.log) > 0 && d.log[0].synced {
		d.log[0].apply(d.safe)
		d.log = d.log[1:]
	}
}

// cutPower loses what is not durable, or some of it. A file system may write
// names down in their order or not, and give a file its length before its bytes.
func (d *simDisk) cutPower(r *rand.Rand) {
	first, each := 0, 0.0
	switch r.IntN(4) {
	case 0: // all is lost
	case 1:
		first = r.IntN(len(d.log) + 1)
	case 2:
		each = 0.5
	default:
		each = 1
	}
	for i, c := range d.log {
		if i < first || c.synced || r.Float64() < each {
			c.apply(d.safe)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.safe)) {
		n := d.safe[name]
		if len(n.data) == n.synced {
			continue
		}
		n.lost = true
		lost := n.data[n.synced:]
		switch r.IntN(4) {
		case 0:
			n.data = n.data[:n.synced]
		case 1:
			n.data = n.data[:n.synced+r.IntN(len(lost))]
		case 2:
			clear(lost)
		}
		n.synced = len(n.data)
	}
	d.names, d.log = maps.Clone(d.safe), nil
}

// process is one that uses the disk and the line, and may be made to fail or be
// killed by them.
type process struct {
	disk   *simDisk
	line   *simLine
	step   *simStep
	io     sync.Mutex // one operation on the disk at a time
	mu     sync.Mutex
	ops    int // on the disk
	calls  int // of the line
	puts   int
	sent   string // by the last Put, if it ended well
	dead   atomic.Bool
	hits   []string // faults that were met
	hit    int      // of them, those that a success may not pass over
	cancel context.CancelCauseFunc
	visit  func(at string) // another process looks in; nil: none
	open   int             // files and locks
	looks  bool            // and changes nothing
	watch  watch
}

// on counts an operation on the disk, and returns its fault if it has one.
func (p *process) on(op, name string) (f simFault, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead.Load() {
		return simFault{}, &fs.PathError{Op: op, Path: name, Err: errKilled}
	}
	n := p.ops
	p.ops++
	for _, f := range p.step.Faults {
		if f.Call || f.At != n {
			continue
		}
		what := fmt.Sprintf("%s %s: %s", op, plainName(name), f.Kind)
		p.hits = append(p.hits, what)
		switch f.Kind {
		case "visit":
			if p.visit != nil {
				p.visit(what)
			}
			continue
		case "cancel":
			p.cancel(errCancelled)
			continue
		case "kill", "cut", "kill late", "kill torn", "cut late", "cut torn":
			p.dead.Store(true)
			return f, &fs.PathError{Op: op, Path: name, Err: errKilled}
		}
		if op == "sync" || op == "rename" || op == "syncdir" || op == "write" {
			p.hit++
		}
		return f, &fs.PathError{Op: op, Path: name, Err: errDisk}
	}
	return simFault{}, nil
}

// do carries out an operation unless it is to fail.
func (p *process) do(op, name string, action func() error) error {
	f, err := p.on(op, name)
	if err == nil {
		return action()
	}
	if strings.HasSuffix(f.Kind, "late") {
		_ = action() // nobody hears of it
	}
	return err
}

// plainName is a name without what is random in it.
func plainName(name string) string {
	name, _, _ = strings.Cut(name, ".tmp-")
	for _, prefix := range []string{"snapshot.staged-", "snapshot.tmp-", "sent/"} {
		if strings.HasPrefix(name, prefix) {
			return prefix + path.Ext(name)
		}
	}
	return name
}

// simFS is the disk as a process sees it, or one that is its own.
type simFS struct {
	*process
	disk *simDisk
}

// do carries out an operation unless it is to fail. Who only looks does nothing else.
func (p simFS) do(op, name string, action func() error) error {
	if p.looks && p.disk == p.process.disk && !slices.Contains([]string{"open", "read", "readat", "readdir", "size", "close", "closefs"}, op) {
		p.line.wrong = errors.Join(p.line.wrong, fmt.Errorf("who only looks: %s %s", op, plainName(name)))
	}
	return p.process.do(op, name, action)
}

func (p simFS) OpenFile(name string, flag int) (_ vfs.File, err error) {
	p.io.Lock()
	defer p.io.Unlock()
	var node *inode
	op := "open"
	if flag != os.O_RDONLY {
		op = "open to write"
	}
	err = p.do(op, name, func() error {
		node = p.disk.names[name]
		switch {
		case node != nil && node.dir, p.disk.names[path.Dir(name)] == nil, node == nil && flag&os.O_CREATE == 0:
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		case node != nil && flag&os.O_EXCL != 0:
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
		case flag&os.O_TRUNC != 0:
			return errors.New("files only grow here")
		case node == nil:
			node = new(inode)
			p.disk.change("", name, node)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.open++
	return &simFile{simFS: p, node: node, name: name}, nil
}

func (p simFS) Rename(from, to string) error {
	p.io.Lock()
	defer p.io.Unlock()
	if from == "outbox/manifest" && !p.dead.Load() {
		p.line.wrong = errors.Join(p.line.wrong, p.disk.ended())
	}
	if p.sent != "" && strings.HasPrefix(from, "snapshot.staged-") { // published: all was ticked off before
		p.line.ticked[p.sent] = true
	}
	return p.do("rename", from, func() error {
		node := p.disk.names[from]
		if node == nil || p.disk.names[path.Dir(to)] == nil {
			return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
		}
		p.disk.change(from, to, node)
		return nil
	})
}

func (p simFS) Remove(name string) error {
	p.io.Lock()
	defer p.io.Unlock()
	if name == "outbox/manifest" && !p.dead.Load() {
		p.line.wrong = errors.Join(p.line.wrong, p.disk.ended())
	}
	return p.do("remove", name, func() error {
		node := p.disk.names[name]
		if node == nil {
			return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
		}
		if node.dir && len(p.disk.list(name)) > 0 {
			return &fs.PathError{Op: "remove", Path: name, Err: errors.New("directory not empty")}
		}
		p.disk.change(name, "", node)
		return nil
	})
}

func (p simFS) Mkdir(name string) error {
	p.io.Lock()
	defer p.io.Unlock()
	return p.do("mkdir", name, func() error {
		if p.disk.names[name] == nil {
			p.disk.change("", name, &inode{dir: true})
		}
		return nil
	})
}

// list returns the names in a directory.
func (d *simDisk) list(dir string) (names []string) {
	for name := range d.names {
		if name != "." && path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names
}

func (p simFS) ReadDir(name string) (names []string, err error) {
	p.io.Lock()
	defer p.io.Unlock()
	err = p.do("readdir", name, func() error {
		if node := p.disk.names[name]; node == nil || !node.dir {
			return &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
		}
		names = p.disk.list(name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

func (p simFS) SyncDir(name string) error {
	p.io.Lock()
	defer p.io.Unlock()
	return p.do("syncdir", name, func() error {
		if p.disk.names[name] == nil {
			return &fs.PathError{Op: "syncdir", Path: name, Err: fs.ErrNotExist}
		}
		p.disk.syncDir(name)
		return nil
	})
}

func (simFS) Free() (int64, error) { return 0, errors.ErrUnsupported }

func (p simFS) Lock(name string) (vfs.Lock, error) {
	p.io.Lock()
	defer p.io.Unlock()
	err := p.do("lock", name, func() error {
		if p.disk.locks[name] != nil {
			return vfs.ErrLocked
		}
		if p.disk.names[name] == nil {
			p.disk.change("", name, new(inode))
		}
		p.disk.locks[name] = p.process
		return nil
	})
	if err != nil && !errors.Is(err, vfs.ErrLocked) && p.disk.locks[name] == p.process {
		delete(p.disk.locks, name) // the caller never hears of it
	}
	if err != nil {
		return nil, err
	}
	p.open++
	return &simLock{p, name}, nil
}

func (p simFS) Close() error { return p.do("closefs", ".", func() error { return nil }) }

type simLock struct {
	simFS
	name string
}

func (l *simLock) Note(string) error { return l.do("note", l.name, func() error { return nil }) }

func (l *simLock) Close() error {
	l.io.Lock()
	defer l.io.Unlock()
	l.open--
	delete(l.disk.locks, l.name)
	return l.do("unlock", l.name, func() error { return nil })
}

type simFile struct {
	simFS
	node *inode
	name string
	at   int
	shut bool
}

func (f *simFile) Read(b []byte) (n int, err error) {
	f.io.Lock()
	defer f.io.Unlock()
	err = f.do("read", f.name, func() error {
		if n = copy(b, f.node.data[f.at:]); n == 0 {
			return io.EOF
		}
		f.at += n
		return nil
	})
	return n, err
}

func (f *simFile) ReadAt(b []byte, off int64) (n int, err error) {
	f.io.Lock()
	defer f.io.Unlock()
	err = f.do("readat", f.name, func() error {
		n = copy(b, f.node.data[min(int(off), len(f.node.data)):])
		if n < len(b) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

func (f *simFile) Write(b []byte) (int, error) {
	f.io.Lock()
	defer f.io.Unlock()
	fault, err := f.on("write", f.name)
	n := len(b)
	switch {
	case err == nil, strings.HasSuffix(fault.Kind, "late"):
	case strings.HasSuffix(fault.Kind, "torn"):
		n /= 2
	default:
		n = 0
	}
	f.node.data = append(f.node.data, b[:n]...)
	return n, err
}

func (f *simFile) Sync() error {
	f.io.Lock()
	defer f.io.Unlock()
	return f.do("sync", f.name, func() error { f.node.synced = len(f.node.data); return nil })
}

func (f *simFile) Size() (n int64, err error) {
	f.io.Lock()
	defer f.io.Unlock()
	err = f.do("size", f.name, func() error { n = int64(len(f.node.data)); return nil })
	return n, err
}

func (f *simFile) Close() error {
	f.io.Lock()
	defer f.io.Unlock()
	if !f.shut {
		f.shut = true
		f.open--
	}
	return f.do("close", f.name, func() error { return nil })
}
