//go:build !windows

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peak is the largest resident memory of a process that has ended, in bytes.
func peak(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10
}

// settle writes to disk what contestants have left in memory, so that none of them waits
// for another.
func settle() { syscall.Sync() }
