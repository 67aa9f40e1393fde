package splio

import (
	"context"
	"io"
)

// Transport delivers files into one drop directory, which belongs to the
// transport: names are bare, without any separator. Package sftpx has
// implementations, and sftpx/sftpxtest a suite that checks one of your own. The
// program examples/transport is one to start from: its bucket.go has the check of
// names, and the reader that ends with ctx and tells of a body that is cut short, to
// be copied. An error with a method Retryable() bool has a say in [Retryable].
//
// The methods must be safe to call one after the other from different
// goroutines; an [Activation] does not call them concurrently. Both end
// promptly when ctx ends, with context.Cause(ctx) in the error.
type Transport interface {
	// Put delivers body as the file name, whole or not at all: it writes body
	// to the file temp in the same directory, checks the size, and renames it.
	// A reader of the directory must never see a part of the file under name.
	//
	// A file temp that exists is the leftover of an earlier attempt at the same
	// file and must be replaced. A file name that exists must not be touched:
	// the error then matches fs.ErrExist, and temp is gone. A file that is
	// taken by its reader right after the rename was delivered. A drop directory
	// that is missing makes the error match fs.ErrNotExist, which nothing else
	// may: it says that nothing was delivered.
	//
	// On any other error Put should remove temp if it still can. It may be
	// called again with the same arguments. It reads body from its start with
	// ReadAt, as often as it likes, and not after it has returned.
	Put(ctx context.Context, name, temp string, body *io.SectionReader) error

	// Size returns the size of a file in bytes. The error matches
	// fs.ErrNotExist when there is no such file, and errors.ErrUnsupported
	// when the destination does not let us look.
	Size(ctx context.Context, name string) (int64, error)
}
