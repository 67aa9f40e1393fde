package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16LE and utf16BE write text in another encoding.
func utf16LE(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return string(b)
}

func utf16BE(text string) string {
	b := []byte(utf16LE(text))
	for pair := range slices.Chunk(b, 2) {
		slices.Reverse(pair)
	}
	return string(b)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever the file is called and written in, the same is sent.
func TestSegments(t *testing.T) {
	const want = "email;firstname;points\nada@example.com;Élodie €;1\nbob@example.com;\"B\"\"o\"\"b\";\n"
	const csv = "email,first_name,points\nada@example.com,Élodie €,1\nbob@example.com,\"B\"\"o\"\"b\",\n"
	const lazy = "email,first_name,points\nada@example.com,Élodie €,1\nbob@example.com,B\"o\"b,\n"
	const ndjson = `{"email":"Ada@example.com","first_name":"\u00c9lodie €","points":1}` + "\n\n" + `{"points":null,"email":"bob@example.com","first_name":"B\"o\"b","more":{}}` + "\n"
	latin := strings.NewReplacer("É", "\xc9", "€", "\x80").Replace(csv)
	for _, tt := range []struct {
		name, file, segment string
		flags               []string
	}{
		{"UTF-8, given", "s.csv", csv, []string{"-encoding", "UTF-8"}},
		{"Windows-1252", "s.csv", latin, []string{"-encoding", "windows-1252"}},
		{"Latin-1", "s.csv", latin, []string{"-encoding", "ISO-8859-1"}},
		{"Windows-1252, detected", "s.csv", latin, []string{"-encoding", "detect"}},
		{"UTF-8, detected", "s.csv", csv, []string{"-encoding", "detect"}},
		{"UTF-16 with a mark", "s.csv", utf16BE("\ufeff" + csv), nil},
		{"UTF-16 without a mark", "s.csv", utf16LE(csv), nil},
		{"UTF-16, given", "s.csv", utf16LE(csv), []string{"-encoding", "utf-16"}},
		{"UTF-16LE, given", "s.csv", utf16LE(csv), []string{"-encoding", "utf-16le"}},
		{"UTF-16BE, given", "s.csv", utf16BE(csv), []string{"-encoding", "utf-16be"}},
		{"zipped", "s.csv.gz", zipped(t, csv), nil},
		{"zipped, whatever the name", "s.csv", zipped(t, csv), nil},
		{"zipped in two parts, in another encoding", "s", zipped(t, latin[:30]) + zipped(t, latin[30:]), []string{"-encoding", "windows-1252"}},
		{"quotes out of place", "s.csv", lazy, []string{"-lazy-quotes"}},
		{"JSON", "s.ndjson", ndjson, nil},
		{"JSON by another name", "s.JSONL", ndjson, nil},
		{"JSON, zipped", "s.ndjson.gz", zipped(t, ndjson), nil},
		{"JSON by another name, zipped", "s.jsonl.gz", zipped(t, ndjson), nil},
		{"JSON, zipped, whatever the name", "s.jsonl", zipped(t, ndjson), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.segment = filepath.Join(filepath.Dir(b.segment), tt.file)
			b.setSegment(tt.segment)
			b.sync(append(tt.flags, day1)...).want(t, statusDone, "read 2: 0 rejected")
			if got := b.read("acme_contacts_crm_20260301.csv"); got != want {
				t.Errorf("sent %q, want %q", got, want)
			}
		})
	}
}

// What does not fit the flags, or only in part.
func TestSegmentsThatDoNotFit(t *testing.T) {
	const csv = "email,first_name,points\nada@example.com,Élodie,1\n"
	for _, tt := range []struct {
		name, file, segment string
		flags               []string
		status              int
		messages            []string
		want                string // sent; "" is nothing
	}{
		{
			name: "another mark than the encoding that is given",
			file: "s.csv", segment: "\ufeff" + csv, flags: []string{"-encoding", "utf-16le"},
			status: statusFailed, messages: []string{"byte order mark of utf-8"},
		}, {
			name: "Windows-1252 taken for UTF-8: the value is reported",
			file: "s.csv", segment: strings.ReplaceAll(csv, "É", "\xc9"),
			status: statusDone, messages: []string{`blanked 1: field "first_name": not valid UTF-8`},
			want: "email;firstname;points\nada@example.com;;1\n",
		}, {
			name: "quotes out of place, without the flag",
			file: "s.csv", segment: csv + "bob@example.com,B\"o\"b,2\n",
			status: statusDone, messages: []string{"rejected 1: record: a quote where none can be (line 3)"},
			want: "email;firstname;points\nada@example.com;Élodie;1\n",
		}, {
			name: "lazy quotes that are never closed",
			file: "s.csv", segment: csv + "bob@example.com,\"Bob,2\n", flags: []string{"-lazy-quotes"},
			status: statusFailed, messages: []string{"inside quotes"},
		}, {
			name: "zipped text cut short",
			file: "s.csv.gz", segment: zipped(t, csv)[:30],
			status: statusFailed, messages: []string{"nothing was forgotten"},
		}, {
			name: "JSON in a file that is called CSV",
			file: "s.csv", segment: `{"email":"ada@example.com"}` + "\n",
			status: statusFailed, messages: []string{"the header has a misplaced quote"},
		}, {
			name: "CSV in a file that is called JSON",
			file: "s.jsonl", segment: csv,
			status: statusFailed, messages: []string{"no JSON object"},
		}, {
			name: "a member that no object has",
			file: "s.jsonl", segment: `{"email":"ada@example.com","first_name":"Ada"}` + "\n",
			status: statusConfig, messages: []string{`"points"`},
		}, {
			name: "lines that are no objects",
			file: "s.jsonl", segment: `{"email":"ada@example.com","first_name":"Ada","points":1}` + "\n[]\n" + `{"email":"bob@example.com","email":"b@example.com"}` + "\n" + `{"email":"eve@exa`,
			status: statusDone, messages: []string{"rejected 2: record: not a JSON object (lines 2, 4)", "rejected 1: record: a field twice (line 3)"},
			want: "email;firstname;points\nada@example.com;Ada;1\n",
		}, {
			name: "standard input is not read",
			file: "-", segment: "", flags: []string{"-segment=-"},
			status: statusFailed, messages: []string{"open -"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.segment = filepath.Join(filepath.Dir(b.segment), tt.file)
			b.setSegment(tt.segment)
			b.sync(append(tt.flags, day1)...).want(t, tt.status, tt.messages...)
			var got strings.Builder
			for _, name := range names(t, b.drop) {
				got.WriteString(b.read(name))
			}
			if got.String() != tt.want {
				t.Errorf("sent %q, want %q", got.String(), tt.want)
			}
		})
	}
}

func TestColumns(t *testing.T) {
	const unverified = "make sure that the universe has these custom attributes"
	b := newBench(t)
	b.setMapping("{" + usualKey + `,"fields":[{"from":"first_name","to":"c5","custom":true}],"custom":["points"]}`)
	b.sync(day1, "-dry-run").want(t, statusDone, unverified+", or Splio skips the file: c5, points")

	// Declared: nothing is left to make sure of, and the type says how values are written.
	b.setSegment("email,first_name,points\nada@example.com,Ada,+01\nbob@example.com,,many\n")
	o := b.sync(day1, "-columns", "points:integer, c5,other:date")
	o.want(t, statusDone, `blanked 1: field "points": not an integer`)
	if r := b.counts(); strings.Contains(o.stdout, unverified) || len(r.Unverified) > 0 {
		t.Errorf("declared columns are unverified: %v", o)
	}
	if got, want := b.read("acme_contacts_crm_20260301.csv"), "email;c5;points\nada@example.com;Ada;1\nbob@example.com;;\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}

	// One that is not declared would make Splio skip the file.
	b.sync(day2, "-columns", "point:integer,c5:text").want(t, statusConfig, `"points"`, "no such custom attribute", "nothing was done")
	if got := names(t, b.drop); !slices.Equal(got, []string{"acme_contacts_crm_20260301.csv"}) {
		t.Errorf("files %q", got)
	}
}

// A pipe is read once, as it comes.
func TestPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	b := newBench(t)
	text, err := os.ReadFile(b.segment)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "no address,x,1\n"...)
	b.segment = filepath.Join(t.TempDir(), "pipe")
	if err := exec.Command("mkfifo", b.segment).Run(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- os.WriteFile(b.segment, text, 0) }()
	rejects := filepath.Join(t.TempDir(), "rejects.csv")
	b.sync(day1, "-rejects", rejects, "-brake", "rejected=off").want(t, statusDone, "read 4: 1 rejected", "3 updated")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(rejects); err != nil || !strings.HasPrefix(string(got), "\ufeffemail;first_name;points;") {
		t.Errorf("rejects: %q, %v", got, err)
	}
}
