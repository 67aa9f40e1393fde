package sftpx

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames a file to a name that is not taken. What it fails with where
// the file system can not do that says nothing.
func renameNew(root *os.Root, temp, name string) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Renameat2(int(dir.Fd()), temp, int(dir.Fd()), name, unix.RENAME_NOREPLACE)
}
