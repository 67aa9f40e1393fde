package splio

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
)

// A file of kept keys is the line of keysMagic; each key with its length as an
// unsigned varint before it; a zero byte; the number of keys in 8 bytes, little
// endian; and the SHA-256 of all that, which also is in its name and in the ledger.
// So a snapshot and its keys change together, when the ledger does: a file that the
// ledger does not name means nothing and is removed.
const (
	keysPrefix = "keys-"
	keysLocal  = "keys" // in the outbox
	keysKind   = "spliosync keys "
	keysMagic  = keysKind + "1\n"
	maxKept    = 64 << 10 // bytes of a key; far more than any of ours
)

func keysName(sum string) string { return keysPrefix + sum }

// isKeys reports whether a name is that of a file of kept keys.
func isKeys(name string) bool {
	sum, ok := strings.CutPrefix(name, keysPrefix)
	return ok && isHex(sum, sha256.Size)
}

// keyWriter writes the keys that are to be kept into the outbox.
type keyWriter struct {
	file  vfs.File // nil once closed, and in a preview
	w     *bufio.Writer
	sum   hash.Hash
	count int64
	buf   []byte
}

func (j *job) newKeys() (*keyWriter, error) {
	k := &keyWriter{sum: sha256.New()}
	out := io.Discard
	if !j.dry {
		file, err := j.fs.OpenFile(outboxDir+"/"+keysLocal, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return nil, fmt.Errorf("splio: create the file of kept keys: %w", err)
		}
		k.file, out = file, file
	}
	k.w = bufio.NewWriterSize(out, 256<<10)
	return k, k.write([]byte(keysMagic))
}

func (k *keyWriter) write(b []byte) error {
	k.sum.Write(b)
	if _, err := k.w.Write(b); err != nil {
		return fmt.Errorf("splio: write the file of kept keys: %w", err)
	}
	return nil
}

func (k *keyWriter) add(key []byte) error {
	k.count++
	k.buf = append(binary.AppendUvarint(k.buf[:0], uint64(len(key))), key...)
	return k.write(k.buf)
}

// close ends the file, makes its content durable and returns its sum.
func (k *keyWriter) close() (sum string, err error) {
	if err := k.write(binary.LittleEndian.AppendUint64([]byte{0}, uint64(k.count))); err != nil {
		return "", err
	}
	all := k.sum.Sum(nil)
	_, err = k.w.Write(all)
	if err == nil {
		err = k.w.Flush()
	}
	if k.file != nil {
		if err == nil {
			err = k.file.Sync()
		}
		if cerr := k.file.Close(); err == nil {
			err = cerr
		}
		k.file = nil
	}
	if err != nil {
		return "", fmt.Errorf("splio: write the file of kept keys: %w", err)
	}
	return hex.EncodeToString(all), nil
}

// abort closes what is open; the file is cleared with the outbox.
func (k *keyWriter) abort() {
	if k.file != nil {
		_ = k.file.Close()
		k.file = nil
	}
}

// keptKeys yields the keys that are kept. Each range reads the file and checks it
// to its end; one that is not as it was written is a diff.StateError.
func (j *job) keptKeys(sum string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		fsys := j.fs
		if j.dry {
			state, err := j.openState()
			if err != nil {
				yield(nil, fmt.Errorf("splio: open the state directory: %w", err))
				return
			}
			defer state.Close()
			fsys = state
		}
		path := filepath.Join(j.State, keysName(sum))
		err := readKeys(fsys, keysName(sum), path, sum, func(key []byte) bool { return yield(key, nil) })
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

var errEnough = errors.New("no more keys are wanted")

// readKeys visits the keys of a file until visit returns false, which is
// errEnough. Without visit it checks the file.
func readKeys(fsys vfs.FS, name, path, want string, visit func(key []byte) bool) (err error) {
	refuse := func(err error) error { return fmt.Errorf("splio: %w", &diff.StateError{Path: path, Err: err}) }
	damaged := func() error {
		return refuse(fmt.Errorf("%w: it is missing or not the file of keys that was written: put that back, or run once without Activation.Left, which forgets the keys", diff.ErrDamaged))
	}
	file, err := fsys.OpenFile(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged()
	}
	if err != nil {
		return fmt.Errorf("splio: open %s: %w", path, err)
	}
	defer func() {
		if cerr := file.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("splio: read %s: %w", path, cerr)
		}
	}()
	sum := sha256.New()
	in := bufio.NewReaderSize(file, 256<<10)
	buf := make([]byte, len(keysMagic))
	fail := func(err error) error {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return damaged()
		}
		return fmt.Errorf("splio: read %s: %w", path, err)
	}
	// take reads so many bytes into the sum.
	take := func(n int) error {
		if n > cap(buf) {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if _, err := io.ReadFull(in, buf); err != nil {
			return fail(err)
		}
		sum.Write(buf)
		return nil
	}
	if err := take(len(keysMagic)); err != nil {
		return err
	}
	if !bytes.Equal(buf, []byte(keysMagic)) {
		if version := bytes.TrimPrefix(buf, []byte(keysKind)); len(version) == 2 && version[0] > '1' && version[0] <= '9' {
			return refuse(fmt.Errorf("%w: this one reads format 1", diff.ErrVersion))
		}
		return damaged()
	}
	var head [binary.MaxVarintLen64]byte
	count := uint64(0)
	for {
		length := head[:0]
		for len(length) == 0 || length[len(length)-1] >= 0x80 && len(length) < len(head) {
			b, berr := in.ReadByte()
			if berr != nil {
				return fail(berr)
			}
			length = append(length, b)
		}
		sum.Write(length)
		n, _ := binary.Uvarint(length) // 0 as well where it has no end
		if n == 0 && length[0] == 0 {
			break
		}
		if n == 0 || n > maxKept {
			return damaged()
		}
		if err := take(int(n)); err != nil {
			return err
		}
		count++
		if visit != nil && !visit(buf) {
			return errEnough
		}
	}
	if err := take(8); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(buf) != count {
		return damaged()
	}
	got := sum.Sum(nil)
	if err := take(len(got)); err != nil {
		return err
	}
	if _, err := in.ReadByte(); err == nil || !bytes.Equal(buf, got) || hex.EncodeToString(got) != want {
		return damaged()
	} else if err != io.EOF {
		return fail(err)
	}
	return nil
}

// checkKeys refuses a plan whose file of keys is not what was planned, before
// anything is sent.
func (j *job) checkKeys(m *manifest) error {
	if m.Keys == "" {
		return nil
	}
	local := outboxDir + "/" + keysLocal
	f, err := j.fs.OpenFile(local, os.O_RDONLY)
	if err == nil {
		err = f.Close()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // it was put in its place, by an attempt that published
		local = keysName(m.Keys)
	case err != nil:
		return fmt.Errorf("splio: open the file of kept keys: %w", err)
	}
	return readKeys(j.fs, local, filepath.Join(j.State, filepath.FromSlash(local)), m.Keys, nil)
}

// placeKeys moves the file of keys out of the outbox. One that is not there has
// moved already.
func (j *job) placeKeys(sum string) error {
	if sum == "" {
		return nil
	}
	err := j.fs.Rename(outboxDir+"/"+keysLocal, keysName(sum))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = errors.Join(j.fs.SyncDir("."), j.fs.SyncDir(outboxDir))
	}
	if err != nil {
		return fmt.Errorf("splio: put the file of kept keys in its place: %w", err)
	}
	return nil
}

// dropKeys removes all files of keys but the one that is kept, durably.
func (j *job) dropKeys(kept string) error {
	names, err := j.fs.ReadDir(".")
	dropped := false
	for i := 0; i < len(names) && err == nil; i++ {
		if name := names[i]; isKeys(name) && name != keysName(kept) {
			err, dropped = j.fs.Remove(name), true
		}
	}
	if err == nil && dropped {
		err = j.fs.SyncDir(".")
	}
	if err != nil {
		return fmt.Errorf("splio: remove a file of keys: %w", err)
	}
	return nil
}

// keep makes a file of keys in the outbox, or none, the one that is kept.
func (j *job) keepKeys(sum string) error {
	if err := j.placeKeys(sum); err != nil {
		return err
	}
	l, err := j.loadLedger()
	if err != nil {
		return err
	}
	l.Keys = sum
	if err := j.saveLedger(l); err != nil {
		return err
	}
	return j.dropKeys(sum)
}

// forgetKeys removes keys from those that are kept.
func (j *job) forgetKeys(gone map[string]struct{}) error {
	l, err := j.loadLedger()
	if err != nil || l.Keys == "" {
		return err
	}
	if err := j.emptyOutbox(); err != nil {
		return err
	}
	k, err := j.newKeys()
	if err != nil {
		return err
	}
	defer k.abort()
	for key, err := range j.keptKeys(l.Keys) {
		if err != nil {
			return err
		}
		if _, ok := gone[string(key)]; ok {
			continue
		}
		if err := k.add(key); err != nil {
			return err
		}
	}
	sum, err := k.close()
	if err != nil {
		return err
	}
	if err := j.keepKeys(sum); err != nil {
		return err
	}
	return j.clearOutbox()
}
