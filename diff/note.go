package diff

import (
	"encoding/binary"
	"slices"
	"sync"
)

// notes are those of a snapshot. Records name them by their place, from 1; 0 is
// none. Places of notes that nobody needs any more are empty.
type notes []string

func (n notes) marshal(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(n)))
	for _, s := range n {
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	return b
}

// parseNotes takes apart what marshal has made. It is not ok when b is anything else.
func parseNotes(b []byte) (n notes, ok bool) {
	if len(b) < 2 || binary.LittleEndian.Uint16(b) > maxNotes {
		return nil, false
	}
	count := binary.LittleEndian.Uint16(b)
	b = b[2:]
	for range count {
		if len(b) < 2 {
			return nil, false
		}
		size := int(binary.LittleEndian.Uint16(b))
		if size > maxNote || size > len(b)-2 {
			return nil, false
		}
		n = append(n, string(b[2:2+size]))
		b = b[2+size:]
	}
	return n, len(b) == 0
}

// noteTable numbers the notes of a run, which begin with those of the last
// snapshot, since records keep theirs.
type noteTable struct {
	mu  sync.Mutex
	all notes
}

// number returns the number of a note. It is not ok when there are too many, or
// the note is too long.
func (t *noteTable) number(note string) (n byte, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.all, note)
	if at < 0 {
		at = slices.Index(t.all, "")
	}
	switch {
	case len(note) > maxNote || at < 0 && len(t.all) == maxNotes:
		return 0, false
	case at < 0:
		at = len(t.all)
		t.all = append(t.all, note)
	}
	t.all[at] = note
	return byte(at + 1), true
}

// keep drops the notes that are not used.
func (t *noteTable) keep(used [maxNotes + 1]bool) {
	for i := range t.all {
		if !used[i+1] {
			t.all[i] = ""
		}
	}
}
