//go:build !linux

package vfs

import "os"

func begin(*os.File, int64, int64) {}
