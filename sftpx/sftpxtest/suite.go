package sftpxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Transport is what the suite tests; package sftpx states the contract.
type Transport interface {
	Put(ctx context.Context, name, temp string, body *io.SectionReader) error
	Size(ctx context.Context, name string) (int64, error)
}

// Fixture is a transport into an empty drop directory of its own, and the eyes and hands of the others who use that directory. All fields but
// Missing and Blind are required.
type Fixture struct {
	Transport Transport

	// Names returns the names in the directory, temporary files included, in any order.
	Names func() ([]string, error)

	// Read returns the content of a file.
	Read func(name string) ([]byte, error)

	// Plant makes a file, as an earlier attempt or another writer would have.
	Plant func(name string, content []byte) error

	// Missing is a transport into a directory that does not exist. Nil says that there is no such thing.
	Missing Transport

	// Blind says that the destination does not let the transport look at files. Then Size must say so, and a name that is taken must be refused
	// in any way.
	Blind bool
}

// DirFixture is the fixture for a transport whose drop directory can be seen as the local directory dir.
func DirFixture(t Transport, dir string) Fixture {
	at := func(name string) string { return dir + string(os.PathSeparator) + name }
	return Fixture{
		Transport: t,
		Names: func() ([]string, error) {
			entries, err := os.ReadDir(dir)
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			return names, err
		},
		Read:  func(name string) ([]byte, error) { return os.ReadFile(at(name)) },
		Plant: func(name string, content []byte) error { return os.WriteFile(at(name), content, 0o644) },
	}
}

// TestTransport runs the suite, each case on a new fixture. It takes for granted that nobody else writes into the directory.
func TestTransport(t *testing.T, newFixture func(t *testing.T) Fixture) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(&trial{t, newFixture(t)})
		})
	}
}

const (
	final = "contacts.csv"
	temp  = ".contacts.csv.part"
)

// trial is one case under way.
type trial struct {
	*testing.T
	Fixture
}

func (t *trial) put(name, temp string, content []byte) error {
	return t.Transport.Put(t.Context(), name, temp, section(bytes.NewReader(content), len(content)))
}

// holds fails the case unless the directory holds these files, given as name and content, and no other.
func (t *trial) holds(when string, files ...string) {
	t.Helper()
	names, err := t.Names()
	if err != nil {
		t.Fatalf("%s: Names: %v", when, err)
	}
	slices.Sort(names)
	var want []string
	for i := 0; i < len(files); i += 2 {
		want = append(want, files[i])
	}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Fatalf("%s: the directory holds %q, want %q", when, names, want)
	}
	for i := 0; i < len(files); i += 2 {
		got, err := t.Read(files[i])
		if err != nil {
			t.Fatalf("%s: Read(%q): %v", when, files[i], err)
		}
		if string(got) != files[i+1] {
			t.Fatalf("%s: %q has %d bytes that are not the %d expected", when, files[i], len(got), len(files[i+1]))
		}
	}
}

// absent fails the case if the final name is to be seen.
func (t *trial) absent(when string) {
	t.Helper()
	names, err := t.Names()
	if err != nil {
		t.Errorf("%s: Names: %v", when, err)
	}
	if slices.Contains(names, final) {
		t.Errorf("%s: %q is there already", when, final)
	}
}

func (t *trial) must(what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (t *trial) fails(what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error is %v, want one that matches %q", what, err, want)
	}
}

// taken fails the case unless err is that of a name that is taken.
func (t *trial) taken(what string, err error) {
	t.Helper()
	if t.Blind && err != nil {
		return
	}
	t.fails(what, err, fs.ErrExist)
}

func section(r io.ReaderAt, size int) *io.SectionReader {
	return io.NewSectionReader(r, 0, int64(size))
}

// readerAt is a body that calls before each read.
type readerAt struct {
	content []byte
	before  func(end int64) error // given where the read would end
}

// ReadAt implements io.ReaderAt.
func (r readerAt) ReadAt(p []byte, offset int64) (int, error) {
	if err := r.before(offset + int64(len(p))); err != nil {
		return 0, err
	}
	return bytes.NewReader(r.content).ReadAt(p, offset)
}

// halfway returns a body that calls f once, before it gives out anything of its second half.
func halfway(content []byte, f func() error) *io.SectionReader {
	var once sync.Once
	var err error
	return section(readerAt{content, func(end int64) error {
		if end > int64(len(content)/2) {
			once.Do(func() { err = f() })
		}
		return err
	}}, len(content))
}

// random is content that no shifted or repeated block can pass for.
func random(size int) []byte {
	b := make([]byte, size)
	src := rand.NewChaCha8([32]byte{1})
	src.Read(b)
	return b
}

var cases = []struct {
	name string
	run  func(t *trial)
}{
	{"a file arrives", func(t *trial) {
		t.must("Put", t.put(final, temp, []byte("email\na@example.org\n")))
		t.holds("after Put", final, "email\na@example.org\n")
		size, err := t.Transport.Size(t.Context(), final)
		if t.Blind {
			t.fails("Size", err, errors.ErrUnsupported)
			return
		}
		t.must("Size", err)
		if size != 20 {
			t.Errorf("Size is %d, want 20", size)
		}
	}},
	{"an empty file arrives", func(t *trial) {
		t.must("Put", t.put(final, temp, nil))
		t.holds("after Put", final, "")
	}},
	{"a large file arrives byte for byte", func(t *trial) {
		content := random(5<<20 + 4321)
		t.must("Put", t.put(final, temp, content))
		t.holds("after Put", final, string(content))
	}},
	{"the position of the body does not matter", func(t *trial) {
		body := section(strings.NewReader("0123456789"), 10)
		io.CopyN(io.Discard, body, 5)
		t.must("Put", t.Transport.Put(t.Context(), final, temp, body))
		t.holds("after Put", final, "0123456789")
	}},
	{"a reader sees the whole file or nothing", func(t *trial) {
		content := random(1 << 20)
		body := halfway(content, func() error { t.absent("half way"); return nil })
		t.must("Put", t.Transport.Put(t.Context(), final, temp, body))
		t.holds("after Put", final, string(content))
	}},
	{"a leftover is replaced", func(t *trial) {
		t.must("Plant", t.Plant(temp, []byte("x")))
		t.must("Put", t.put(final, temp, []byte("new content")))
		t.holds("after Put", final, "new content")
	}},
	{"a longer leftover leaves no tail", func(t *trial) {
		t.must("Plant", t.Plant(temp, random(200_000)))
		t.must("Put", t.put(final, temp, []byte("short")))
		t.holds("after Put", final, "short")
	}},
	{"a name that exists is refused and untouched", func(t *trial) {
		t.must("Plant", t.Plant(final, []byte("theirs")))
		t.must("Plant", t.Plant(temp, []byte("leftover")))
		t.taken("Put", t.put(final, temp, []byte("ours")))
		t.holds("after Put", final, "theirs")
	}},
	{"a name that comes into being during the upload is refused and untouched", func(t *trial) {
		body := halfway(random(1<<20), func() error { return t.Plant(final, []byte("theirs")) })
		t.taken("Put", t.Transport.Put(t.Context(), final, temp, body))
		t.holds("after Put", final, "theirs")
	}},
	{"the same file twice", func(t *trial) {
		t.must("first Put", t.put(final, temp, []byte("same")))
		t.taken("second Put", t.put(final, temp, []byte("same")))
		t.holds("after both", final, "same")
	}},
	{"size of a file that does not exist", func(t *trial) {
		_, err := t.Transport.Size(t.Context(), "nothing.csv")
		if t.Blind {
			t.fails("Size", err, errors.ErrUnsupported)
			return
		}
		t.fails("Size", err, fs.ErrNotExist)
	}},
	{"a missing directory", func(t *trial) {
		if t.Missing == nil {
			return
		}
		err := t.Missing.Put(t.Context(), final, temp, section(strings.NewReader("x"), 1))
		t.fails("Put", err, fs.ErrNotExist)
		_, err = t.Missing.Size(t.Context(), final)
		t.fails("Size", err, fs.ErrNotExist)
	}},
	{"names that are not bare", func(t *trial) {
		for _, bad := range []string{"", ".", "..", "a/b", "/a", "../a", `a\b`, "a\x00b", "a\nb", "a\x7fb", "\xff.csv"} {
			t.fails(fmt.Sprintf("Put as %q", bad), t.put(bad, temp, []byte("x")), fs.ErrInvalid)
			t.fails(fmt.Sprintf("Put through %q", bad), t.put(final, bad, []byte("x")), fs.ErrInvalid)
			_, err := t.Transport.Size(t.Context(), bad)
			t.fails(fmt.Sprintf("Size of %q", bad), err, fs.ErrInvalid)
		}
		t.fails("Put with one name", t.put(final, final, []byte("x")), fs.ErrInvalid)
		t.fails("Put without a body", t.Transport.Put(t.Context(), final, temp, nil), fs.ErrInvalid)
		t.holds("after all")
	}},
	{"names with spaces and accents", func(t *trial) {
		t.must("Put", t.put("contacts é 1.csv", "contacts é 1.csv.part", []byte("x")))
		t.holds("after Put", "contacts é 1.csv", "x")
	}},
	{"a body that ends early", func(t *trial) {
		content := random(100_000)
		err := t.Transport.Put(t.Context(), final, temp, section(bytes.NewReader(content), len(content)+1))
		t.fails("Put", err, io.ErrUnexpectedEOF)
		t.holds("after Put")
	}},
	{"a body that can not be read", func(t *trial) {
		broken := errors.New("the disk is broken")
		err := t.Transport.Put(t.Context(), final, temp, halfway(random(1<<20), func() error { return broken }))
		t.fails("Put", err, broken)
		t.holds("after Put")
	}},
	{"an error, then the same again", func(t *trial) {
		broken := errors.New("the disk is broken")
		content := random(300_000)
		err := t.Transport.Put(t.Context(), final, temp, halfway(content, func() error { return broken }))
		t.fails("first Put", err, broken)
		t.must("second Put", t.put(final, temp, content))
		t.holds("after both", final, string(content))
	}},
	{"a context that has ended", func(t *trial) {
		why := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		err := t.Transport.Put(ctx, final, temp, section(strings.NewReader("x"), 1))
		t.fails("Put", err, why)
		_, err = t.Transport.Size(ctx, final)
		t.fails("Size", err, why)
		t.holds("after both")
	}},
	{"a context that ends during the upload, then the same again", func(t *trial) {
		why := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		content := random(4 << 20)
		err := t.Transport.Put(ctx, final, temp, halfway(content, func() error { cancel(why); return nil }))
		t.fails("first Put", err, why)
		t.absent("after the first Put")
		t.must("second Put", t.put(final, temp, content))
		t.holds("after both", final, string(content))
	}},
	{"a context that ends after the call", func(t *trial) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		t.must("first Put", t.Transport.Put(ctx, final, temp, section(strings.NewReader("x"), 1)))
		cancel()
		t.must("second Put", t.put("other.csv", "other.part", []byte("y")))
		t.holds("after both", final, "x", "other.csv", "y")
	}},
	{"several files at once", func(t *trial) {
		var all sync.WaitGroup
		var want []string
		errs := make([]error, 8)
		for i := range errs {
			name, content := fmt.Sprintf("part%d.csv", i), random(100_000*i)
			want = append(want, name, string(content))
			all.Go(func() { errs[i] = t.put(name, name+".part", content) })
		}
		all.Wait()
		t.must("Put", errors.Join(errs...))
		t.holds("after all", want...)
	}},
}
