package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// What the fields of an NDJSON segment are made of, where they are not given.
const (
	sampleRecords = 1000
	sampleBytes   = 1 << 20
)

// NDJSONOptions say what to read of JSON objects. The zero value finds it out.
type NDJSONOptions struct {
	// Fields are the members to read. Nil is every member of the first 1000 records, or of those in the first MiB where
	// that is less, in the order in which they first occur: that much text is waited for, and members that occur later
	// only are not there. Name the fields of a segment whose objects leave members out.
	Fields []string
}

// NDJSON reads JSON objects, one a line, from r, once. It does not close r. Text that begins like gzip is unzipped, any
// number of members; the text is UTF-8, or UTF-16 as [CSVOptions].Encoding tells when it is empty.
//
//	{"email": "lea@example.com", "points": 12, "score": 149.90, "tags": ["a", "b"], "phone": null}
//
// A member that an object lacks is null, one that is not among the fields is not looked at. Strings become text, numbers
// integers or exact decimals, without a float in between, true and false booleans, lists and objects JSON values, which
// keep their text. Half a surrogate pair and invalid UTF-8 in a string come out as they are, for the mapping to report.
//
// A line that is not a JSON object, the last one cut short among them, is rejected alone with [ErrJSON], one with a field
// in it twice with [ErrTwice], one above 16 MiB with [ErrLong]; blank lines are skipped over. Gzip that is damaged, cut short
// or followed by something else, a failing reader, and fields that are named twice or, there being no record, not known
// stop the reading.
//
// Values share a buffer of a few hundred KiB, which grows to hold a longer record.
func NDJSON(r io.Reader, o NDJSONOptions) mapping.Source {
	in := &input{r: r}
	return &stream{in: in, text: &jsonText{r: in, given: slices.Clone(o.Fields)}}
}

// NDJSONFile reads JSON objects in a file, in the way of [NDJSON]. The file is opened each time that Records is ranged
// over, so it can be read again; Fields opens it, finds the fields and closes it. Fields that have changed since the last
// call of Fields stop the reading, and so does a file that was written to meanwhile.
func NDJSONFile(path string, o NDJSONOptions) mapping.Source {
	given := slices.Clone(o.Fields)
	return &file{path: path, open: func(r io.Reader, name string) text { return &jsonText{r: r, given: given, name: name} }}
}

// jsonText is one reading of NDJSON text.
type jsonText struct {
	window
	r      io.Reader
	given  []string
	name   string // of the file, ready to put before a message
	line   int64
	parser jsonParser
	fields []string
	index  map[string]int
	seen   []int64 // the last record with the field
}

func (s *jsonText) header() ([]string, error) {
	decoded, err := newText(s.r, "")
	if err != nil {
		return nil, fmt.Errorf("source: %s%w", s.name, err)
	}
	s.window.r = decoded
	if s.fields = s.given; s.fields == nil {
		if err := s.sample(); err != nil {
			return nil, fmt.Errorf("source: %s%w", s.name, err)
		}
	}
	s.index = make(map[string]int, len(s.fields))
	for i, field := range s.fields {
		if first, twice := s.index[field]; twice {
			return nil, fmt.Errorf("source: %sfields %d and %d have the same name", s.name, first+1, i+1)
		}
		s.index[field] = i
	}
	s.seen = make([]int64, len(s.fields))
	return s.fields, nil
}

// sample finds the fields, without taking what it reads.
func (s *jsonText) sample() error {
	var copied []byte // which the parser may write to
	known := make(map[string]bool)
	s.fields = []string{}
	for at, records := 0, 0; records < sampleRecords; {
		i := bytes.IndexByte(s.buf[s.pos+at:s.end], '\n')
		if i < 0 {
			if s.end-s.pos >= sampleBytes {
				break
			}
			if _, err := s.more(); err == nil {
				continue
			} else if err != io.EOF {
				return err
			}
			i = s.end - s.pos - at
		}
		if at+i >= sampleBytes || i == 0 && s.pos+at == s.end {
			break
		}
		copied = append(copied[:0], s.buf[s.pos+at:s.pos+at+i]...)
		at = min(at+i+1, s.end-s.pos)
		if len(bytes.TrimSpace(copied)) == 0 {
			continue
		}
		records++
		had := len(s.fields)
		ok := s.parser.object(copied, func(key []byte, _ mapping.Value) bool {
			if !known[string(key)] {
				known[string(key)] = true
				s.fields = append(s.fields, string(key))
			}
			return true
		})
		if !ok { // none of a line that will be rejected
			for _, field := range s.fields[had:] {
				delete(known, field)
			}
			s.fields = s.fields[:had]
		}
	}
	if len(s.fields) == 0 {
		return fmt.Errorf("it has no JSON object with a member in the first %d records: name the fields", sampleRecords)
	}
	return nil
}

func (s *jsonText) records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		rec := &mapping.Record{}
		values := make([]mapping.Value, len(s.fields))
		expected, twice := 0, false // the field after the last one read
		member := func(key []byte, v mapping.Value) bool {
			i := expected
			if i >= len(s.fields) || s.fields[i] != string(key) {
				var ok bool
				if i, ok = s.index[string(key)]; !ok {
					return true
				}
			}
			twice = twice || s.seen[i] == rec.Seq
			s.seen[i] = rec.Seq
			values[i] = v
			expected = i + 1
			return true
		}
		for {
			if rec.Seq%checkEvery == 0 {
				if err := stopped(ctx, rec.Seq); err != nil {
					yield(nil, err)
					return
				}
			}
			line, long, err := s.nextLine()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("source: %sline %d: %w", s.name, s.line, err))
				return
			}
			if !long && len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			rec.Seq++
			rec.Line, rec.Err = s.line, nil
			clear(values)
			expected, twice = 0, false
			rec.Values = values
			switch {
			case long:
				rec.Values, rec.Err = rec.Values[:0], ErrLong
			case !s.parser.object(line, member):
				rec.Values, rec.Err = rec.Values[:0], ErrJSON
			case twice:
				rec.Values, rec.Err = rec.Values[:0], ErrTwice
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// nextLine takes a line. Of one that is too long there is nothing but its end.
func (s *jsonText) nextLine() (line []byte, long bool, err error) {
	s.line++
	for searched := 0; ; {
		if i := bytes.IndexByte(s.buf[s.pos+searched:s.end], '\n'); i >= 0 {
			line = s.buf[s.pos : s.pos+searched+i]
			s.pos += searched + i + 1
			return line, long || len(line) > maxRecord, nil
		}
		if searched = s.end - s.pos; searched > maxRecord {
			long, searched, s.pos = true, 0, s.end
		}
		if _, err := s.more(); err != nil {
			if err != io.EOF || s.end == s.pos && !long {
				return nil, false, err
			}
			line, s.pos = s.buf[s.pos:s.end], s.end
			return line, long || len(line) > maxRecord, nil
		}
	}
}
