package spliotest

import (
	"os"
	"path/filepath"
)

// Drop is a drop directory as its reader sees it. [Dir] makes one of a directory,
// [Memory] one of an *sftpx.Mem; anything else can be made to fit.
type Drop interface {
	// Names returns the names of the files, in any order.
	Names() ([]string, error)

	// ReadFile returns the content of a file. For a file that has gone meanwhile,
	// the error must match fs.ErrNotExist.
	ReadFile(name string) ([]byte, error)

	// Remove takes a file away. For a file that has gone meanwhile, the error must
	// match fs.ErrNotExist.
	Remove(name string) error
}

// Dir is the directory at path: what sftpx.Dir delivers into, or an SFTP server
// with that directory, such as the one of sftpx/sftpxtest with its Server.Dir.
// Files that are not regular are not seen.
func Dir(path string) Drop { return directory(path) }

type directory string

func (d directory) Names() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d directory) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), name))
}

func (d directory) Remove(name string) error {
	return os.Remove(filepath.Join(string(d), name))
}

// Memory is a drop directory in memory: give it an *sftpx.Mem.
func Memory(files interface {
	Names() []string
	ReadFile(name string) ([]byte, error)
	Remove(name string) error
}) Drop {
	if files == nil {
		return nil // for New to refuse
	}
	return memory{files}
}

type memory struct {
	files interface {
		Names() []string
		ReadFile(name string) ([]byte, error)
		Remove(name string) error
	}
}

func (m memory) Names() ([]string, error)             { return m.files.Names(), nil }
func (m memory) ReadFile(name string) ([]byte, error) { return m.files.ReadFile(name) }
func (m memory) Remove(name string) error             { return m.files.Remove(name) }
