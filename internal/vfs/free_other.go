//go:build !linux && !darwin && !windows

package vfs

import "errors"

func (o osFS) Free() (int64, error) { return 0, errors.ErrUnsupported }
