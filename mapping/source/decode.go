package source

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The encodings of text.
const (
	encodingDetect = "detect"
	encodingUTF8   = "utf-8"
	encodingUTF16  = "utf-16"
	encodingLE     = "utf-16le"
	encodingBE     = "utf-16be"
	encoding1252   = "windows-1252"
	encodingLatin1 = "iso-8859-1"
)

var encodings = []string{"", encodingDetect, encodingUTF8, encodingUTF16, encodingLE, encodingBE, encoding1252, encodingLatin1}

// gzipMagic is what gzip begins with.
const gzipMagic = "\x1f\x8b"

// detectBytes is how much text is looked at to tell UTF-8 from Windows-1252.
const detectBytes = 1 << 20

// normalEncoding returns the name of an encoding as it is above.
func normalEncoding(name string) (string, error) {
	if normal := strings.ToLower(name); slices.Contains(encodings, normal) {
		return normal, nil
	}
	return "", fmt.Errorf("encoding is %q: it can be empty or one of %s", name, strings.Join(encodings[1:], ", "))
}

// newText returns the text of r in UTF-8, without a byte order mark, unzipped where it is gzip.
func newText(r io.Reader, encoding string) (io.Reader, error) {
	encoding, err := normalEncoding(encoding)
	if err != nil {
		return nil, err
	}
	size := 4096
	if encoding == encodingDetect {
		size = detectBytes
	}
	b := bufio.NewReaderSize(&steady{r: r}, 4096)
	if magic, _ := b.Peek(len(gzipMagic)); string(magic) == gzipMagic {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", noEOF(err))
		}
		z.Multistream(false)
		b = bufio.NewReaderSize(&steady{r: &gunzip{z, b}}, size)
	} else if size > b.Size() {
		b = bufio.NewReaderSize(b, size)
	}
	found, err := sniff(b, encoding)
	switch {
	case err != nil:
		return nil, err
	case found == encodingUTF8:
		return &steady{r: b}, nil
	case found == encoding1252:
		return &steady{r: &decoder{r: b, decode: decode1252}}, nil
	case found == encodingLE:
		return &steady{r: &decoder{r: b, decode: decoder16(binary.LittleEndian)}}, nil
	}
	return &steady{r: &decoder{r: b, decode: decoder16(binary.BigEndian)}}, nil
}

// gunzip unzips one member after another, and says of errors where they come from.
type gunzip struct {
	z *gzip.Reader // of one member
	r *bufio.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	for {
		n, err := g.z.Read(p)
		if n > 0 && err == io.EOF {
			return n, nil // it comes again
		}
		if err == io.EOF {
			if err = g.next(); err == nil {
				continue
			}
		}
		if err != nil && err != io.EOF {
			err = fmt.Errorf("gzip: %w", err)
		}
		return n, err
	}
}

// next goes to the next member. At the end of the text the error is io.EOF.
func (g *gunzip) next() error {
	magic, err := g.r.Peek(len(gzipMagic))
	switch {
	case string(magic) == gzipMagic:
		err = noEOF(g.z.Reset(g.r))
		g.z.Multistream(false)
		return err
	case len(magic) == 0 || err != nil && err != io.EOF:
		return err
	}
	return errTrailing
}

var errTrailing = errors.New("there is something behind its end that is not gzip, such as padding: remove it, if the file is complete")

// noEOF is err, the end of the text being one that comes too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sniff finds out the encoding of a text and takes its byte order mark. It looks at no more bytes than it has to.
func sniff(b *bufio.Reader, declared string) (string, error) {
	head, _ := b.Peek(2)
	found := ""
	switch string(head) {
	case "\xff\xfe":
		found = encodingLE
	case "\xfe\xff":
		found = encodingBE
	case "\xef\xbb":
		if head, _ = b.Peek(3); string(head) == "\ufeff" {
			found = encodingUTF8
		}
	}
	if found != "" {
		family := declared == encodingUTF16 && found != encodingUTF8
		if declared != "" && declared != encodingDetect && declared != found && !family {
			return "", fmt.Errorf("the text begins with the byte order mark of %s, and its encoding is said to be %s", found, declared)
		}
		mark := string(head)
		for more := true; more; more = begins(b, mark) { // a program that adds a mark may have added it to a text with one
			_, _ = b.Discard(len(mark))
		}
		return found, nil
	}
	switch declared {
	case encodingUTF8, encodingLE, encodingBE, encoding1252:
		return declared, nil
	case encodingLatin1:
		return encoding1252, nil
	}
	if len(head) > 1 && (head[0] == 0) != (head[1] == 0) {
		if head[0] == 0 {
			return encodingBE, nil
		}
		return encodingLE, nil
	}
	switch declared {
	case encodingUTF16:
		return encodingLE, nil
	case encodingDetect:
		start, _ := b.Peek(detectBytes)
		if len(start) == detectBytes {
			start = wholeCharacters(start)
		}
		if !utf8.Valid(start) {
			return encoding1252, nil
		}
	}
	return encodingUTF8, nil
}

// begins says whether a text begins with mark. It waits for no more of it than that takes.
func begins(b *bufio.Reader, mark string) bool {
	for i := range len(mark) {
		if head, _ := b.Peek(i + 1); len(head) <= i || head[i] != mark[i] {
			return false
		}
	}
	return true
}

// wholeCharacters leaves out a character that is cut at the end of b.
func wholeCharacters(b []byte) []byte {
	for i := 1; i < utf8.UTFMax; i++ {
		if last := b[len(b)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// decoder makes UTF-8 of the text of r.
type decoder struct {
	r      io.Reader
	decode func(dst, src []byte) (out []byte, left int)
	in     []byte // what decode has left, at the start
	out    []byte // decoded
	taken  int    // of out
	err    error
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.in == nil {
		d.in = make([]byte, 0, portion/4)
	}
	for d.taken == len(d.out) {
		if d.err != nil {
			return 0, d.err
		}
		n, err := d.r.Read(d.in[len(d.in):cap(d.in)])
		d.in = d.in[:len(d.in)+n]
		left := 0
		d.out, left = d.decode(d.out[:0], d.in)
		if d.err = err; err == io.EOF && left > 0 {
			// Half a character, or the first half of a pair.
			d.err = fmt.Errorf("the text ends within a character: %w", io.ErrUnexpectedEOF)
		}
		d.taken = 0
		d.in = d.in[:copy(d.in, d.in[len(d.in)-left:])]
	}
	n := copy(p, d.out[d.taken:])
	d.taken += n
	return n, nil
}

// windows1252 is what 0x80 to 0x9f stand for; 0 is nothing.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

func decode1252(dst, src []byte) (out []byte, left int) {
	for _, b := range src {
		r := rune(b)
		if b >= 0x80 && b < 0xa0 {
			r = windows1252[b-0x80]
		}
		if b >= utf8.RuneSelf && r == 0 {
			dst = append(dst, b) // not UTF-8 any more than it was text before, which the mapping will say
		} else {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst, 0
}

func decoder16(order binary.ByteOrder) func(dst, src []byte) (out []byte, left int) {
	return func(dst, src []byte) (out []byte, left int) {
		for len(src) >= 2 {
			r := rune(order.Uint16(src))
			if r >= 0xd800 && r < 0xdc00 {
				if len(src) < 4 {
					break
				}
				if pair := utf16.DecodeRune(r, rune(order.Uint16(src[2:]))); pair != utf8.RuneError {
					dst = utf8.AppendRune(dst, pair)
					src = src[4:]
					continue
				}
			}
			dst = appendRune(dst, r)
			src = src[2:]
		}
		return dst, len(src)
	}
}

// appendRune is utf8.AppendRune, save that half a pair stays what it is, which is not UTF-8, instead of becoming U+FFFD,
// which is: the mapping will say so.
func appendRune(dst []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(dst, r)
}
