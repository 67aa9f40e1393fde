package vfs

// eagerBytes is after how many bytes a disk is set to work.
const eagerBytes = 8 << 20

// Eager is a file that is written at length and then synced. It has the system
// begin to write what it has been given, so that Sync finds little left to do.
type Eager struct {
	File
	from, size int64 // what has not been begun, and what was written
}

// Write writes to the file.
func (e *Eager) Write(b []byte) (int, error) {
	n, err := e.File.Write(b)
	if e.size += int64(n); e.size-e.from >= eagerBytes {
		if f, ok := e.File.(osFile); ok {
			begin(f.File, e.from, e.size-e.from)
		}
		e.from = e.size
	}
	return n, err
}
