package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// begin asks for a part of a file to be written to disk, and does not wait. It is
// a wish: Sync tells what became of it.
func begin(f *os.File, at, n int64) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Control(func(fd uintptr) { _ = unix.SyncFileRange(int(fd), at, n, unix.SYNC_FILE_RANGE_WRITE) })
}
