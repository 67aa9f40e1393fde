package offheap

import "golang.org/x/sys/unix"

// large asks for large pages, with which looking here and there costs less. It is a wish.
func large(bytes []byte) { _ = unix.Madvise(bytes, unix.MADV_HUGEPAGE) }
