//go:build linux || darwin

package offheap

import "golang.org/x/sys/unix"

func reserve(n int) []byte {
	if n == 0 {
		return nil
	}
	bytes, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil { // a limit, perhaps; the heap may do
		return nil
	}
	large(bytes)
	return bytes
}

func release(bytes []byte) { _ = unix.Munmap(bytes) } // nothing to be done about it
