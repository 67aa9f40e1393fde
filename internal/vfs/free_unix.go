//go:build linux || darwin

package vfs

import (
	"errors"

	"golang.org/x/sys/unix"
)

func (o osFS) Free() (int64, error) {
	d, err := o.root.Open(".")
	if err != nil {
		return 0, err
	}
	defer func() { _ = d.Close() }() // nothing was written
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &s); err != nil {
		return 0, err
	}
	if s.Blocks == 0 { // a file system that keeps no count
		return 0, errors.ErrUnsupported
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
