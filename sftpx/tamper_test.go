package sftpx_test

import (
	"encoding/binary"
	"io"
	"sync"
)

// The packets of SFTP that a client sends, and the answers.
const (
	fxpInit     = 1
	fxpVersion  = 2
	fxpOpen     = 3
	fxpClose    = 4
	fxpWrite    = 6
	fxpLstat    = 7
	fxpRemove   = 13
	fxpStat     = 17
	fxpRename   = 18
	fxpStatus   = 101
	fxpHandle   = 102
	fxpAttrs    = 105
	fxpExtended = 200
)

// fault is what happens to one request of a kind.
type fault struct {
	kind byte
	nth  int // which of that kind, from 1

	// request is given the whole request, and returns what to forward, or nil, and what to answer at once, or nil. It may be nil.
	request func(packet []byte) (forward, answer []byte)
	// answer is given the server's answer, and returns what to send instead, and whether to hang up after that. It may be nil.
	answer func(packet []byte) (send []byte, hangUp bool)
}

// spoil lets a fault happen to the sessions of a server.
type spoil struct {
	fault
	mu    sync.Mutex
	count int
}

// hits tells whether this is the request.
func (s *spoil) hits(packet []byte) bool {
	if packet[4] != s.kind {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return s.count == s.nth
}

func (s *spoil) happened() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count >= s.nth
}

func (s *spoil) wrap(line io.ReadWriteCloser) io.ReadWriteCloser {
	return &tamper{ReadWriteCloser: line, spoil: s}
}

// tamper sits between a server and its line.
type tamper struct {
	io.ReadWriteCloser
	spoil *spoil

	mu  sync.Mutex
	id  uint32 // of the request that was hit
	hit bool

	in  []byte // what Read has left
	out []byte // what Write has not sent
}

func (t *tamper) Read(p []byte) (int, error) {
	for len(t.in) == 0 {
		packet, err := readPacket(t.ReadWriteCloser)
		if err != nil {
			return 0, err
		}
		t.in = packet
		if !t.spoil.hits(packet) {
			continue
		}
		t.mu.Lock()
		t.id, t.hit = idOf(packet), true
		t.mu.Unlock()
		if t.spoil.request == nil {
			continue
		}
		var answer []byte
		if t.in, answer = t.spoil.request(packet); answer != nil {
			if _, err := t.ReadWriteCloser.Write(answer); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, t.in)
	t.in = t.in[n:]
	return n, nil
}

func (t *tamper) Write(p []byte) (int, error) {
	t.out = append(t.out, p...)
	for len(t.out) >= 4 {
		size := int(binary.BigEndian.Uint32(t.out)) + 4
		if len(t.out) < size {
			break
		}
		packet := t.out[:size:size]
		t.out = t.out[size:]
		t.mu.Lock()
		// The version, which answers the first request, is not numbered.
		ours := t.hit && t.spoil.answer != nil && packet[4] == fxpVersion
		if t.spoil.kind != fxpInit {
			ours = t.hit && t.spoil.answer != nil && packet[4] != fxpVersion && idOf(packet) == t.id
		}
		t.mu.Unlock()
		hangUp := false
		if ours {
			packet, hangUp = t.spoil.answer(packet)
		}
		if _, err := t.ReadWriteCloser.Write(packet); err != nil {
			return 0, err
		}
		if hangUp {
			t.ReadWriteCloser.Close()
			return 0, io.ErrClosedPipe
		}
	}
	return len(p), nil
}

func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	packet := append(head[:], make([]byte, binary.BigEndian.Uint32(head[:]))...)
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}

// packet makes one of a type and a body of numbers (4 bytes each) and strings.
func packet(kind byte, parts ...any) []byte {
	b := []byte{0, 0, 0, 0, kind}
	for _, p := range parts {
		switch p := p.(type) {
		case uint32:
			b = binary.BigEndian.AppendUint32(b, p)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, p)
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func idOf(packet []byte) uint32 { return binary.BigEndian.Uint32(packet[5:]) }

func status(id, code uint32) []byte { return packet(fxpStatus, id, code, "by order", "") }
