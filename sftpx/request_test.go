package sftpx_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// requests are those of a Put of the small file, in order.
var requests = []struct {
	name string
	kind byte
	nth  int
	// what the answer decides: whether the call needs it
	needed bool
}{
	{"init", fxpInit, 1, true},
	{"first look at the name", fxpLstat, 1, false},
	{"open", fxpOpen, 1, true},
	{"first write", fxpWrite, 1, true},
	{"third write", fxpWrite, 3, true},
	{"last write", fxpWrite, 5, true},
	{"close", fxpClose, 1, true},
	{"size of the temporary file", fxpStat, 1, false},
	{"second look at the name", fxpLstat, 2, false},
	{"rename", fxpRename, 1, true},
	{"size of the file", fxpStat, 2, false},
}

// outcome is what may come of a request that went wrong.
type outcome struct {
	passes bool  // trying again makes it good: an error is only allowed with one attempt
	is     error // what the error matches, or nil for any
}

// requestFault is one thing that can go wrong with a request.
type requestFault struct {
	name    string
	request func([]byte) ([]byte, []byte)
	answer  func([]byte) ([]byte, bool)
	outcome outcome
}

func requestFaults() []requestFault {
	passes := outcome{passes: true}
	silent := outcome{true, os.ErrDeadlineExceeded}
	list := []requestFault{
		{name: "not done, not answered", request: func([]byte) ([]byte, []byte) { return nil, nil }, outcome: silent},
		{name: "done, not answered", answer: func([]byte) ([]byte, bool) { return nil, false }, outcome: silent},
		{name: "done, hung up", answer: func([]byte) ([]byte, bool) { return nil, true }, outcome: passes},
		{name: "done, answered, hung up", answer: func(p []byte) ([]byte, bool) { return p, true }, outcome: passes},
		{name: "an answer to another request", answer: func(p []byte) ([]byte, bool) { p = slices.Clone(p); p[8] ^= 0x40; return p, false }, outcome: passes},
		{name: "an answer of no kind", answer: func(p []byte) ([]byte, bool) { p = slices.Clone(p); p[4] = 77; return p, false }, outcome: passes},
		{name: "a huge length", answer: func(p []byte) ([]byte, bool) { return append([]byte{0xff, 0xff, 0xff, 0xff}, p[4:]...), false }, outcome: passes},
		{name: "the largest length that is read, and then nothing", answer: func(p []byte) ([]byte, bool) { return append([]byte{0, 4, 0, 0}, p[4:]...), false }, outcome: silent},
		{name: "a length of nothing", answer: func(p []byte) ([]byte, bool) { return []byte{0, 0, 0, 0}, false }, outcome: passes},
		{name: "an answer without a body", answer: func(p []byte) ([]byte, bool) { return []byte{0, 0, 0, 5, p[4], p[5], p[6], p[7], p[8]}, false }, outcome: passes},
		{name: "an end of ones", answer: func(p []byte) ([]byte, bool) {
			p = slices.Clone(p)
			for i := len(p) - 4; i < len(p); i++ {
				p[i] = 0xff
			}
			return p, false
		}, outcome: passes},
		{name: "two answers", answer: func(p []byte) ([]byte, bool) { return append(slices.Clone(p), p...), false }, outcome: passes},
		{name: "a status without text", answer: func(p []byte) ([]byte, bool) { return packet(fxpStatus, idOf(p), uint32(4)), false }, outcome: passes},
		{name: "names, without end", answer: func(p []byte) ([]byte, bool) { return packet(104, idOf(p), uint32(1<<31), "x", "x"), false }, outcome: passes},
	}
	// The classes of places in an answer: in the length, before and in and after the kind, the number, the code, the text, the end.
	for _, at := range []int{1, 3, 4, 5, 7, 9, 11, 13, 15, -1} {
		part := func(p []byte) []byte {
			if at < 0 {
				return p[:len(p)-1]
			}
			return p[:min(at, len(p)-1)]
		}
		list = append(list,
			requestFault{name: fmt.Sprintf("%d bytes of the answer, hung up", at), answer: func(p []byte) ([]byte, bool) { return part(p), true }, outcome: passes},
			requestFault{name: fmt.Sprintf("%d bytes of the answer", at), answer: func(p []byte) ([]byte, bool) { return part(p), false }, outcome: silent})
	}
	for code, o := range map[uint32]outcome{
		3: {false, fs.ErrPermission}, 4: passes, 5: {}, 6: passes, 7: passes, 8: {false, errors.ErrUnsupported}, 9: {}, 11: {false, fs.ErrExist}, 14: {}, 15: {}, 99: passes,
	} {
		list = append(list, requestFault{
			name:    fmt.Sprintf("answer %d", code),
			request: func(p []byte) ([]byte, []byte) { return nil, status(idOf(p), code) },
			outcome: o,
		})
	}
	return list
}

// Every request goes wrong in every way, and the call neither hangs nor leaves half a file nor reports what is not so.
func TestRequestFaults(t *testing.T) {
	root := t.TempDir()
	for _, r := range requests {
		for _, attempts := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, %d attempts", r.name, attempts), func(t *testing.T) {
				t.Parallel()
				for i, f := range requestFaults() {
					if r.kind == fxpInit && strings.HasPrefix(f.name, "answer ") {
						continue // it is not a request with a status
					}
					dir := filepath.Join(root, fmt.Sprintf("%s-%d-%d", r.name, attempts, i))
					if err := os.Mkdir(dir, 0o700); err != nil {
						t.Fatal(err)
					}
					synctest.Test(t, func(t *testing.T) {
						defer func() {
							if t.Failed() {
								t.Logf("the fault was: %s", f.name)
							}
						}()
						s := &spoil{fault: fault{kind: r.kind, nth: r.nth, request: f.request, answer: f.answer}}
						inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: s.wrap}, func(c *sftpx.Config) { c.Attempts = attempts }, func(l *lab) {
							err := l.put()
							if !s.happened() {
								t.Error("the request did not come")
							}
							if err == nil && !l.published() {
								t.Error("no error and no file")
							}
							l.published() // whole, if at all
							if problem := f.outcome.check(r.kind, r.needed, attempts, err); problem != "" {
								t.Errorf("error is %v: %s", err, problem)
							}
							l.converges()
						})
					})
				}
			})
		}
	}
}

// check returns what is wrong about err.
func (o outcome) check(kind byte, needed bool, attempts int, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "that is for a missing directory"
	case err == nil:
		if needed && !o.passes {
			return "the refusal was passed over"
		}
	case kind == fxpInit:
		// A session that begins in confusion is not of a kind to try again.
	case kind == fxpRename && status4(err):
		// The file is not sent again to see it refused again.
	case kind == fxpWrite && o.is == os.ErrDeadlineExceeded:
		// The answers to the other writes follow, and may make a wrong one of a part.
	case o.passes && attempts > 1:
		return "what passes made the call fail"
	case !o.passes && !needed:
		return "it could do without"
	case o.is != nil && !errors.Is(err, o.is):
		return fmt.Sprintf("want %v", o.is)
	}
	return ""
}

func status4(err error) bool {
	status, ok := errors.AsType[*sftp.StatusError](err)
	return ok && status.Code == 4
}

// A server that says what is not so is found out where that can be, and believed where it can not and does no harm.
func TestLies(t *testing.T) {
	done := func(p []byte) ([]byte, []byte) { return nil, status(idOf(p), 0) }
	size := func(n uint64) func([]byte) ([]byte, bool) {
		return func(p []byte) ([]byte, bool) { return packet(fxpAttrs, idOf(p), uint32(1), n), false }
	}
	absent := func(p []byte) ([]byte, []byte) { return nil, status(idOf(p), 2) }
	for _, c := range []struct {
		name, reason string
		fault        fault
		says         string // of the error with one attempt; empty: none
		final        bool   // more attempts do not help
		exists       bool
	}{
		{name: "a write that was not done", fault: fault{kind: fxpWrite, nth: 5, request: done}, says: "has 256 bytes, want 300"},
		{name: "every look at the temporary file is wrong", fault: fault{kind: fxpStat, nth: 1, answer: size(3)}, says: "has 3 bytes, want 300"},
		{name: "a size that no file has", fault: fault{kind: fxpStat, nth: 1, answer: size(1 << 63)}, says: "want 300"},
		{name: "the published file is longer", fault: fault{kind: fxpStat, nth: 2, answer: size(301)}, says: "after it was published", final: true},
		{name: "a rename that was not done", reason: "neither picked up nor delivered", fault: fault{kind: fxpRename, nth: 1, request: done}, says: "not done it", final: true},
		{name: "a rename that was done, and is said to have failed", reason: "temporary name gone, final name there: that is ours",
			fault: fault{kind: fxpRename, nth: 1, answer: func(p []byte) ([]byte, bool) { return status(idOf(p), 4), false }}},
		{name: "a name that is not taken", fault: fault{kind: fxpLstat, nth: 1, answer: size(3)}, says: "exists", final: true, exists: true},
		{name: "a close that was not done", reason: "no harm", fault: fault{kind: fxpClose, nth: 1, request: done}},
		{name: "the temporary file is not shown", reason: "some servers hide it", fault: fault{kind: fxpStat, nth: 1, request: absent}},
		{name: "a handle of its own", reason: "writes go nowhere", fault: fault{kind: fxpOpen, nth: 1, request: func(p []byte) ([]byte, []byte) { return nil, packet(fxpHandle, idOf(p), "x") }}, says: "write"},
	} {
		for _, attempts := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, %d attempts", c.name, attempts), func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					s := &spoil{fault: c.fault}
					inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: s.wrap}, func(cfg *sftpx.Config) { cfg.Attempts = attempts }, func(l *lab) {
						err := l.put()
						if wantErr := c.says != "" && (attempts == 1 || c.final); wantErr != (err != nil) || wantErr && !strings.Contains(err.Error(), c.says) {
							t.Errorf("error is %v, want %q; %s", err, c.says, c.reason)
						}
						if errors.Is(err, fs.ErrExist) != c.exists || errors.Is(err, fs.ErrNotExist) {
							t.Errorf("error is %v", err)
						}
						if err == nil && !l.published() {
							t.Error("no error and no file")
						}
						l.converges()
					})
				})
			})
		}
	}
}

// A rename is not answered, and what became of it is for the next connection to find out.
func TestUnansweredRename(t *testing.T) {
	swallow := func([]byte) ([]byte, []byte) { return nil, nil }
	for _, c := range []struct {
		name     string
		fault    fault
		after    func(dir string) error // once the rename has been sent
		says     string
		pickedUp bool
		holds    []string
	}{
		{name: "not done", fault: fault{request: swallow}, holds: []string{finalName}},
		{name: "done", fault: fault{answer: func([]byte) ([]byte, bool) { return nil, true }}, holds: []string{finalName}},
		{name: "done and picked up", fault: fault{request: swallow}, after: func(dir string) error { return os.Remove(filepath.Join(dir, tempName)) }, pickedUp: true},
		{name: "not done, and somebody else took the name", fault: fault{request: swallow},
			after: func(dir string) error { return os.WriteFile(filepath.Join(dir, finalName), []byte("theirs"), 0o600) }, says: "exists", holds: []string{finalName}},
		{name: "done, and cut short by somebody", fault: fault{request: swallow},
			after: func(dir string) error {
				return errors.Join(os.Remove(filepath.Join(dir, tempName)), os.WriteFile(filepath.Join(dir, finalName), []byte("x"), 0o600))
			}, says: "has 1 bytes", holds: []string{finalName}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := &spoil{fault: fault{kind: fxpRename, nth: 1, answer: c.fault.answer}}
				if c.fault.request != nil {
					s.request = func(p []byte) ([]byte, []byte) {
						if c.after != nil {
							if err := c.after(dir); err != nil {
								t.Error(err)
							}
						}
						return c.fault.request(p)
					}
				}
				var notices []sftpx.Notice
				o := sftpxtest.Options{Wrap: s.wrap}
				opens := 0
				o.Hook = func(op, _ string) error {
					if op == "open" {
						opens++
					}
					return nil
				}
				inLab(t, dir, newNetwork(), o, func(cfg *sftpx.Config) { cfg.Notify = func(n sftpx.Notice) { notices = append(notices, n) } }, func(l *lab) {
					err := l.put()
					if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
						t.Errorf("error is %v, want %q", err, c.says)
					}
					if opens != 1 {
						t.Errorf("the temporary file was opened %d times: the old connection may yet publish it", opens)
					}
					pickedUp := slices.ContainsFunc(notices, func(n sftpx.Notice) bool { return n.PickedUp && n.Name == finalName })
					if len(notices) == 0 || notices[0].Err == nil || pickedUp != c.pickedUp {
						t.Errorf("notices: %v", notices)
					}
					entries, err := os.ReadDir(dir)
					var names []string
					for _, e := range entries {
						names = append(names, e.Name())
					}
					if err != nil || !slices.Equal(names, c.holds) {
						t.Errorf("the directory holds %q, %v", names, err)
					}
				})
			})
		})
	}
}

// The connection breaks when all is done: the file is delivered, and the next call has a new connection.
func TestLostAfterwards(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := &spoil{fault: fault{kind: fxpStat, nth: 2, answer: func([]byte) ([]byte, bool) { return []byte{0, 0, 0, 0}, false }}}
			inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: s.wrap}, func(c *sftpx.Config) { c.Attempts = 1 }, func(l *lab) {
				if err := l.put(); err != nil || !l.published() {
					t.Error(err)
				}
				if err := check(t, l.client); err != nil {
					t.Errorf("the next call: %v", err)
				}
			})
		})
	}
}

// A server that shows no files at all leaves open what became of a rename, and nothing is guessed.
func TestUnansweredRenameInTheDark(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &spoil{fault: fault{kind: fxpRename, nth: 1, request: func([]byte) ([]byte, []byte) { return nil, nil }}}
		o := sftpxtest.Options{Wrap: s.wrap, Hook: func(op, _ string) error {
			if op == "stat" || op == "lstat" {
				return fs.ErrNotExist
			}
			return nil
		}}
		inLab(t, dir, newNetwork(), o, nil, func(l *lab) {
			err := l.put()
			if err == nil || !strings.Contains(err.Error(), "unknown") || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error is %v, want one that says that the outcome is unknown", err)
			}
		})
	})
}

// An answer that comes a byte at a time, each just before the limit, is no answer.
func TestDrippingAnswer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		wrap := func(line io.ReadWriteCloser) io.ReadWriteCloser {
			return new(spoil).wrap(&dripping{ReadWriteCloser: line})
		} // which writes whole packets
		inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: wrap}, func(c *sftpx.Config) { c.Attempts = 1 }, func(l *lab) {
			if err := l.put(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("error is %v, want os.ErrDeadlineExceeded", err)
			} else if !strings.Contains(err.Error(), "no answer from the server") {
				t.Errorf("error is %v: the session did not begin", err)
			}
			time.Sleep(time.Minute) // the server finds out
		})
	})
}

// dripping answers the first request with a packet that takes days.
type dripping struct {
	io.ReadWriteCloser
	answers int
}

func (d *dripping) Write(p []byte) (int, error) {
	if d.answers++; d.answers == 1 {
		return d.ReadWriteCloser.Write(p)
	}
	head := binary.BigEndian.AppendUint32(nil, 200_000)
	for i := range 200_000 {
		if _, err := d.ReadWriteCloser.Write([]byte{append(head, p...)[i%8]}); err != nil {
			return 0, err
		}
		time.Sleep(25 * time.Second)
	}
	return len(p), nil
}
