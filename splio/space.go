package splio

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Disk space is looked at once for each so many bytes of text.
const watchEvery = 64 << 20

// minFree is how many bytes have to be free where nobody knows how much is to
// come: what else lives on the disk needs room as well.
const minFree = 32 << 20

// space ends a plan before it fills the disk.
type space struct {
	job     *job
	total   int64 // bytes of the segment, or less when nobody knows
	each    int64 // bytes kept of each record while it waits
	last    int64 // bytes kept of each record in the end
	read    int64
	records int64
	next    int64 // when read reaches it, the disk is looked at
}

// newSpace watches a plan over a segment with so many columns besides the key.
func (j *job) newSpace(total int64, columns int) *space {
	s := &space{job: j, total: total, each: 32, last: 46 + 4*int64(columns)}
	if j.dry { // then no snapshot is written
		s.last = 0
	}
	return s
}

// took counts what was read, and how much of it is spooled.
func (s *space) took(bytes, records int64, spooled bool) error {
	s.read += bytes
	s.records += records
	s.job.watch.took(bytes, records)
	if s.read < s.next || s.records == 0 {
		return nil
	}
	s.next = s.read + watchEvery
	free, err := s.job.fs.Free()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("splio: ask how much of the disk is free: %w", err)
	}
	if s.total < s.read {
		if free < minFree {
			return fmt.Errorf("splio: %d MiB of the disk with %s are free, at least %d are to stay so after %d records: make room, nothing was changed",
				free>>20, s.job.State, minFree>>20, s.records)
		}
		return nil
	}
	perByte := float64(s.records) / float64(s.read)
	left := float64(s.total - s.read)
	need := float64(s.total) * perByte * float64(s.last)
	if waiting := left * perByte * float64(s.each); waiting > float64(s.job.Memory) {
		need += waiting
	}
	if spooled && s.job.early == nil { // which writes what is to be sent, and of that nobody knows the size
		need += left
	}
	if float64(free) < need {
		return fmt.Errorf("splio: %d MiB of the disk with %s are free, and about %d are needed for %d records: make room, nothing was changed",
			free>>20, s.job.State, int64(need)>>20, int64(float64(s.total)*perByte))
	}
	return nil
}

// full says where there is no room, before anything is sent: something else has
// filled the disk meanwhile.
func (j *job) full(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	dir := j.State
	if j.dry {
		dir = os.TempDir()
	}
	return fmt.Errorf("splio: the disk with %s is full: make room; nothing was sent, and the state remembers what it did: %w", dir, err)
}
