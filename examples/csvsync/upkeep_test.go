package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// beside writes a file beside the segment.
func (b *bench) beside(name, content string) string {
	b.t.Helper()
	path := filepath.Join(filepath.Dir(b.segment), name)
	writeFile(b.t, path, content)
	return path
}

// stateOf is what the state remembers: who has locked it last is none of it.
func stateOf(t *testing.T, b *bench) map[string]string {
	t.Helper()
	files := tree(t, b.state)
	delete(files, b.state)
	delete(files, filepath.Join(b.state, "snapshot.lock"))
	return files
}

// What another tool has sent is not sent again.
func TestAdopt(t *testing.T) {
	b := newBench(t)
	to := b.to
	b.to = nil // it takes no destination
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Bob,2\n", "nobody,No,3\n")
	known := b.beside("known.csv", "email\nada@example.com\n")
	rejects := filepath.Join(filepath.Dir(b.segment), "rejects.csv")
	b.sync(day1, "-adopt", "-insert", "-known", known, "-rejects", rejects).want(t, statusDone,
		"read 3: 1 rejected, 0 duplicate, 1 held back, 1 taken for delivered; nothing was sent", `field "email": not an e-mail address (line 4)`, "custom attributes")
	if data, err := os.ReadFile(rejects); err != nil || !strings.Contains(string(data), "nobody") {
		t.Errorf("rejects: %q, %v", data, err)
	}
	if len(names(t, b.drop)) > 0 {
		t.Fatal("something was sent")
	}
	before := stateOf(t, b)
	b.sync(day1, "-adopt", "-insert").want(t, statusConfig, "ask for that with -replace, or choose another -state", "nothing was done")
	if !reflect.DeepEqual(before, stateOf(t, b)) {
		t.Error("a refusal changed the state")
	}
	b.sync(day1, "-adopt", "-insert", "-replace").want(t, statusDone, "2 taken for delivered")
	b.to = to
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Bob,9\n")
	b.sync(day1, "-insert").want(t, statusDone, "1 unchanged, 0 inserted, 1 updated")
}

func TestForget(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert").want(t, statusDone)
	gone := b.beside("gone.csv", "name;email\nBob;BOB@example.com\n\nZoe;zoe@example.com\n")
	o := b.sync("-forget", "ada@example.com", "-forget-file", gone, "-to", "")
	o.want(t, statusDone, "2 of 3 contacts forgotten\n", "the state does not know the others", "Splio was told nothing")
	if strings.Contains(o.String(), "@") {
		t.Errorf("a key is shown: %v", o)
	}
	b.sync(day2, "-insert").want(t, statusDone, "1 unchanged, 2 inserted")
	list := b.beside("list.txt", "eve@example.com\n")
	b.sync("-forget-file", list).want(t, statusConfig, "does not look like one of names", "or its number where there is no line of names")
	b.sync("-forget-file", list, "-keys-column", "1").want(t, statusDone, "1 of 1 contacts forgotten")
	b.sync("-forget", "no key").want(t, statusFailed, "none of the 1 known keys has the form of a key")
}

// Contacts that Splio has reported are sent again, not for ever.
func TestResend(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert").want(t, statusDone)
	report := b.beside("report.csv", "row,e-mail,why\n2,Bob@example.com,blacklisted\n3,zoe@example.com,unknown\n")
	b.sync("-resend", report).want(t, statusConfig, `there is no column "email"`, `it has "row", "e-mail", "why"`, "-keys-column")
	resend := []string{"-resend", report, "-keys-column", "e-mail", "-resend-most", "1"}
	b.sync(resend...).want(t, statusDone, "1 of 2 contacts are sent again by the next run")
	b.sync(day2, "-insert").want(t, statusDone, "2 unchanged, 0 inserted, 1 updated")
	b.sync(resend...).want(t, statusDone, "0 of 2 contacts", "1 are not: they were sent again as often as -resend-most allows (1)")
	b.sync(day3, "-insert").want(t, statusDone, "nothing to send")
	b.sync(append(resend, "-resend-most", "0")...).want(t, statusDone, "1 of 2 contacts")
	b.sync(append(resend, "-resend-most", "-1")...).want(t, statusFailed)
}

// While a plan is on its way, the state is left as it is, and the way out is told.
func TestUpkeepPending(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert", "-plan").want(t, statusDone)
	b.sync("-release", "fine").want(t, statusDone)
	for _, flags := range []string{"-forget ada@example.com", "-adopt", "-resend " + b.beside("k.csv", "email\nada@example.com\n")} {
		o := b.sync(strings.Fields(flags)...)
		o.want(t, statusFailed, "is released", "a run ends its delivery first, -apply does that alone, -discard gives it up")
		if strings.Contains(o.stderr, "nothing was forgotten") {
			t.Errorf("this is no run: %v", o)
		}
	}
	b.sync("-dry-run").want(t, statusFailed, "no preview is possible before that plan has an end: a run ends its delivery first")
	b.sync("-explain", "ada@example.com").want(t, statusDone)
}

func TestUpkeepFlags(t *testing.T) {
	b := newBench(t)
	for _, tt := range []struct{ reason, flags, message string }{
		{"one thing at a time", "-adopt -forget x@y.fr", "take the place of a run"},
		{"one thing at a time", "-resend . -forget x@y.fr", "take the place of a run"},
		{"it can not be tried", "-adopt -dry-run", "take the place of a run"},
		{"nor be planned", "-forget x@y.fr -plan", "take the place of a run"},
		{"nor be sent", "-adopt -apply", "take the place of a run"},
		{"nor be explained", "-adopt -explain x@y.fr", "take the place of a run"},
		{"nothing is replaced by a run", "-replace", "-replace is for -adopt"},
		{"no file has them", "-keys-column x", "-keys-column is for -resend and -forget-file"},
		{"columns have numbers", "-resend README.md -keys-column 0", "-keys-column: columns count from 1"},
		{"nobody is meant", "-forget=", "the key is empty"},
		{"all files at once", "-resend nowhere.csv", "-resend: stat nowhere.csv"},
		{"all files at once", "-forget-file .", "-forget-file: . is a directory"},
	} {
		b.sync(strings.Fields(tt.flags)...).want(t, statusConfig, tt.message, "nothing was done")
	}
	b.sync("-adopt", "-forget-file", "nowhere", "-rows", "half", "-left-unsubscribe", "x").want(t, statusConfig, "take the place of a run", "-forget-file: ", `-rows "half"`, `-left-unsubscribe "x"`)
	args := b.args("-forget", "ada@example.com")[2:]
	syncCtx(t.Context(), args).want(t, statusConfig, "missing: -segment\n")
}

// A file of keys without a line of names shows none of them.
func TestKeyColumn(t *testing.T) {
	b := newBench(t)
	for _, tt := range []struct{ name, file, shows string }{
		{"names", "Id;E-Mail;city\n1;a@b.fr;Lyon\n", `it has "Id", "E-Mail", "city"`},
		{"a row", "4711;ann@example.com;Lyon\n", "does not look like one of names"},
		{"a row with a name in it", "email;ann@example.com\n", ""},
		{"a row of other keys", "C4711;Ann;Lyon\n", "does not look like one of names"},
		{"one column of e-mails", "ann@example.com\nbob@example.com\n", "does not look like one of names"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := b.sync("-known", b.beside("known.csv", tt.file))
			if tt.shows == "" {
				o.want(t, statusDone)
				return
			}
			o.want(t, statusConfig, `there is no column "email"`, tt.shows)
			for _, value := range []string{"ann", "Ann", "4711"} {
				if strings.Contains(o.stderr, value) {
					t.Errorf("a value is shown: %v", o)
				}
			}
		})
	}
}
