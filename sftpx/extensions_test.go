package sftpx_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// with gives a server an extension, and an answer to its first use.
func with(extension, version string, answer func(id uint32) []byte) (*spoil, func(io.ReadWriteCloser) io.ReadWriteCloser) {
	hello := &spoil{fault: fault{kind: fxpInit, nth: 1, answer: func([]byte) ([]byte, bool) { return packet(fxpVersion, uint32(3), extension, version), false }}}
	use := &spoil{fault: fault{kind: fxpExtended, nth: 1, request: func(p []byte) ([]byte, []byte) { return nil, answer(idOf(p)) }}}
	return use, func(line io.ReadWriteCloser) io.ReadWriteCloser { return hello.wrap(use.wrap(line)) }
}

// A file is synced where the server can, and a server that will not is done without.
func TestSync(t *testing.T) {
	for code, says := range map[uint32]string{0: "", 3: "", 8: "", 4: "sync"} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			use, wrap := with("fsync@openssh.com", "1", func(id uint32) []byte { return status(id, code) })
			inLab(t, dir, newNetwork(), sftpxtest.Options{Wrap: wrap}, func(c *sftpx.Config) { c.Attempts = 1 }, func(l *lab) {
				err := l.put()
				if !use.happened() || (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) || l.published() != (err == nil) {
					t.Errorf("answer %d: asked %v, %v", code, use.happened(), err)
				}
				if caps, err := l.client.Check(t.Context()); err != nil || !caps.Fsync || caps.StatVFS {
					t.Errorf("Check: %+v, %v", caps, err)
				}
			})
		})
	}
}

// A failure says nothing, and may pass; a full disk does not.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct {
		name          string
		blocks, avail uint64
		full          bool
	}{
		{"full", 100, 0, true},
		{"too small for the file", 100, 2, true},
		{"large enough", 100, 3, false},
		{"not told", 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				_, wrap := with("statvfs@openssh.com", "2", func(id uint32) []byte {
					const block = uint64(128)
					return packet(201, id, block, block, c.blocks, c.avail, c.avail, uint64(9), uint64(9), uint64(9), uint64(1), uint64(0), uint64(255))
				})
				notices := 0
				o := sftpxtest.Options{Wrap: wrap, Hook: refuse("write", 3, errors.New("failure"))}
				inLab(t, dir, newNetwork(), o, func(cfg *sftpx.Config) { cfg.Notify = func(sftpx.Notice) { notices++ } }, func(l *lab) {
					err := l.put()
					if c.full != (err != nil) || c.full && !strings.Contains(err.Error(), "bytes left, and the file has 300") || c.full != (notices == 0) {
						t.Errorf("after %d notices: %v", notices, err)
					}
				})
			})
		})
	}
}
