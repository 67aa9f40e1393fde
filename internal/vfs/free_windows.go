package vfs

import (
	"math"

	"golang.org/x/sys/windows"
)

func (o osFS) Free() (int64, error) {
	name, err := windows.UTF16PtrFromString(o.root.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, math.MaxInt64)), nil
}
