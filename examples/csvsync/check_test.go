package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

const fits = "the mapping fits the segment, and gives: email, firstname, points\n"

// -check finds what would stop a run before its first file, all at once, and writes nothing anywhere.
func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		sftp         bool
		spoil        func(b *bench, server *sftpxtest.Server)
		flags        []string
		status       int
		says         []string
		not          string
	}{
		{"a directory", "all is well", false, nil, nil, statusDone, []string{fits, "the drop directory is there\n", "nothing was sent"}, ""},
		{"a server", "all is well", true, nil, nil, statusDone, []string{fits, "the known host key and takes the login; the drop directory is there\n", "nothing was sent"}, ""},
		{"what a run writes", "the flags of a run may stay", true, func(b *bench, _ *sftpxtest.Server) { b.beside("rejects.csv", "of an earlier run") }, []string{"-insert", "-rejects", "rejects.csv", "-view", "view.html"}, statusDone, []string{fits}, ""},
		{"quiet", "the status says all", true, nil, []string{"-quiet"}, statusDone, nil, "the"},
		{"no directory", "it would fail the first file", false, func(b *bench, _ *sftpxtest.Server) { b.to[1] += "x" }, nil, statusFailed, []string{fits, "-to: "}, "is there"},
		{"a file", "it would fail the first file", false, func(b *bench, _ *sftpxtest.Server) { b.to[1] = b.mapping }, nil, statusFailed, []string{fits, "mapping.json is not a directory"}, "is there"},
		{"no directory at the server", "it would fail the first file", true, func(b *bench, _ *sftpxtest.Server) { b.to[1] += "nowhere" }, nil, statusFailed, []string{fits, `drop directory "/nowhere"`}, "is there"},
		{"no directory for staging", "it would fail the first file", true, nil, []string{"-staging", "/nowhere"}, statusFailed, []string{`staging directory "/nowhere"`}, "is there"},
		{"a wrong password", "it would fail the first file", true, func(b *bench, _ *sftpxtest.Server) { b.to[5] = b.mapping }, nil, statusFailed, []string{fits, "login refused"}, "is there"},
		{"an unknown host", "with what to do", true, func(b *bench, _ *sftpxtest.Server) {
			b.to[3] = filepath.Join(b.drop, "empty")
			writeFile(b.t, b.to[3], "")
		}, nil, statusFailed,
			[]string{fits, "is unknown", "to add the key"}, "is there"},
		{"a wrong mapping", "the destination is looked at all the same", true, func(b *bench, _ *sftpxtest.Server) { b.setSegment("mail,first_name,points\n") }, nil, statusConfig,
			[]string{`none of its 3 fields is named "email"`, "takes the login", "nothing was done"}, fits},
		{"no segment", "the destination is looked at all the same", true, func(b *bench, _ *sftpxtest.Server) { os.Remove(b.segment) }, nil, statusFailed,
			[]string{"segment.csv", "takes the login"}, fits},
		{"both wrong", "both are told", true, func(b *bench, _ *sftpxtest.Server) { b.to[1] += "nowhere"; b.setSegment("mail,first_name,points\n") }, nil, statusConfig,
			[]string{"is named", "/nowhere"}, "is there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			var server *sftpxtest.Server
			if tt.sftp {
				server = b.overSFTP(sftpxtest.Options{Hook: func(op, _ string) error {
					if op != "stat" {
						t.Errorf("%s: the server was asked to %s", tt.reason, op)
					}
					return nil
				}})
			}
			if tt.spoil != nil {
				tt.spoil(b, server)
			}
			t.Chdir(filepath.Dir(b.segment))
			before := tree(t, filepath.Dir(b.segment))
			o := b.sync(append(tt.flags, "-check")...)
			o.want(t, tt.status, tt.says...)
			if tt.not != "" && strings.Contains(o.stdout, tt.not) || strings.Contains(o.stderr, "nothing was forgotten") {
				t.Errorf("%s: %v", tt.reason, o)
			}
			if !reflect.DeepEqual(before, tree(t, filepath.Dir(b.segment))) {
				t.Errorf("%s: something was written", tt.reason)
			}
		})
	}
}

// What sends nothing yet warns of a drop directory that is missing, and does not fail because of it.
func TestNoDirectoryYet(t *testing.T) {
	const warning = "csvsync: warning: -to: "
	for _, tt := range []struct {
		name, reason string
		to           func(b *bench) string
		flags        []string
		status       int
		warned       bool
	}{
		{"dry run", "a run would fail", func(b *bench) string { return b.drop + "x" }, []string{"-dry-run"}, statusDone, true},
		{"plan", "the plan could not be applied", func(b *bench) string { return b.drop + "x" }, []string{"-plan"}, statusDone, true},
		{"quiet", "it is nowhere else", func(b *bench) string { return b.drop + "x" }, []string{"-dry-run", "-quiet"}, statusDone, true},
		{"a file", "a run would fail", func(b *bench) string { return b.mapping }, []string{"-dry-run"}, statusDone, true},
		{"a preview that fails", "both are told", func(b *bench) string { os.Remove(b.segment); return b.drop + "x" }, []string{"-dry-run"}, statusFailed, true},
		{"it is there", "all is well", func(b *bench) string { return b.drop }, []string{"-dry-run"}, statusDone, false},
		{"a run", "its error says it", func(b *bench) string { return b.drop + "x" }, nil, statusFailed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.to[1] = tt.to(b)
			o := b.sync(tt.flags...)
			if o.status != tt.status {
				t.Errorf("exit status %d, want %d: %v", o.status, tt.status, o)
			}
			if got := strings.Count(o.stderr, warning); got > 1 || (got == 1) != tt.warned {
				t.Errorf("%s: %d warnings: %v", tt.reason, got, o)
			}
			if tt.status == statusDone && tt.warned && strings.Count(o.stderr, "\n") != 1 {
				t.Errorf("more than the warning: %v", o)
			}
		})
	}
}

// A server that does not let one look is not known to have the directory.
func TestCheckBlind(t *testing.T) {
	b := newBench(t)
	b.overSFTP(sftpxtest.Options{Hook: func(op, _ string) error {
		if op == "stat" {
			return fs.ErrPermission
		}
		return nil
	}})
	b.sync("-check").want(t, statusDone, "it does not tell whether the drop directory is there")
}

func TestCheckFlags(t *testing.T) {
	b := newBench(t)
	for _, flag := range []string{"-plan", "-apply", "-discard", "-dry-run", "-release=x", "-explain=x", "-adopt", "-forget=x", "-resend=" + b.mapping} {
		b.sync(flag, "-check").want(t, statusConfig, "-check only looks and excludes")
	}
	b.sync("-check", "-to", "").want(t, statusConfig, "missing: -to\n")
}
